//! Backup and restore (PROOF tests 14, 15 and 17; S2, S6).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use askfirst_server::clock;
use askfirst_server::operations::Operations;
use askfirst_server::store::backup::{backup, keys_of};
use askfirst_server::store::restore::{Beside, Files};
use askfirst_server::store::sealing::{Master, SqliteFile};
use askfirst_server::store::{self, Database, Options, Store};
use tempfile::TempDir;

use crate::support::*;

/// A store in a folder of its own, with a master key.
struct Kept {
    folder: TempDir,
    master: Master,
    notice: store::NewNotice,
    store: Arc<Store>,
}

impl Kept {
    async fn new() -> Self {
        let (folder, master) = (tempfile::tempdir().unwrap(), Master::random().unwrap());
        let options = Options { master: Some(master.clone()), ..Options::default() };
        let store = Arc::new(Store::open(&folder.path().join("askfirst.sqlite"), &options).unwrap());
        let notice = configured().1.into_iter().find(|notice| notice.about.lang == "en").unwrap();
        store.register(notice.clone()).await.unwrap();
        Self { folder, master, notice, store }
    }

    async fn insert(&self, n: u128) {
        let record = store::NewRecord::new(&record(n, &self.notice)).unwrap();
        assert!(matches!(self.store.insert(record).await.unwrap(), store::Inserted::Created(_)));
    }

    async fn erase(&self, n: u128) {
        let [(seq, _)] = self.store.holders(&record_id(n)).await.unwrap()[..] else { panic!("{n} is not there") };
        assert_eq!(self.store.erase(seq, "holder").await.unwrap(), store::Erased::Erased);
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("askfirst.sqlite")
    }

    /// Restores into another folder, on another machine as it were.
    async fn restored(&self, file: &Path, keys: &Path) -> (TempDir, Result<String, String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("askfirst.sqlite");
        fs::copy(self.folder.path().join("askfirst.sqlite.key"), folder.path().join("askfirst.sqlite.key")).unwrap();
        let database = Database::Sqlite(SqliteFile { path, master: Some(self.master.clone()) });
        let said = database.restore(Files { file, keys, operations: None }, Beside::default(), clock::now()).await.map(
            |restored| {
                let looked = restored.looked;
                format!("{} records, {} erased, {} again", looked.records, looked.erased, restored.erased_again)
            },
        );
        (folder, said)
    }

    fn open(&self, folder: &TempDir) -> Result<Store, String> {
        let options = Options { master: Some(self.master.clone()), ..Options::default() };
        Store::open(&folder.path().join("askfirst.sqlite"), &options)
    }
}

/// How many rows each table has.
fn tables(path: &Path, keys: &Path) -> Vec<(String, i64)> {
    let shell = rusqlite::Connection::open(path).unwrap();
    let mut names = shell.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let count = |name: &String| {
        let at = if name == "record_secret" { keys } else { path };
        let shell = rusqlite::Connection::open(at).unwrap();
        shell.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| row.get(0)).unwrap()
    };
    names.iter().map(|name| (name.clone(), count(name))).collect()
}

/// PROOF test 15.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_of_one_moment_and_restores_whole() {
    let kept = Arc::new(Kept::new().await);
    for n in 0..100 {
        kept.insert(n).await;
    }
    let copies = tempfile::tempdir().unwrap();
    let file = copies.path().join("copy");
    let (database, to) = (kept.database(), file.clone());
    let running = Arc::clone(&kept);
    let load = tokio::spawn(async move {
        let mut n = 100;
        while n < 4_000 && !running.folder.path().join("stop").exists() {
            let batch: Vec<_> = (n..n + 32)
                .map(|n| {
                    let kept = Arc::clone(&running);
                    tokio::spawn(async move { kept.insert(n).await })
                })
                .collect();
            for one in batch {
                one.await.unwrap();
            }
            n += 32;
        }
        n
    });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let copied = tokio::task::spawn_blocking(move || backup(&database, None, &to)).await.unwrap().unwrap();
    fs::write(kept.folder.path().join("stop"), "").unwrap();
    let all = load.await.unwrap();
    assert!((100..=all as u64).contains(&copied.records), "{copied:?} of {all}");
    // A key and a notice stand before the records.
    assert_eq!(copied.entries, copied.records + 2, "records and log are of the same moment");
    let (folder, said) = kept.restored(&file, &keys_of(&file)).await;
    assert_eq!(said.unwrap(), format!("{} records, 0 erased, 0 again", copied.records));
    let store = kept.open(&folder).unwrap();
    assert_eq!(store.frozen(), None);
    let seen = store.holders(&record_id(42)).await.unwrap();
    assert_eq!(store.evidence(seen[0].0).await.unwrap().unwrap().check().problem(), None);
    use std::os::unix::fs::PermissionsExt;
    for file in [&file, &keys_of(&file)] {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "S7");
    }
    assert!(backup(&kept.database(), None, &file).unwrap_err().contains("already"), "a backup is never overwritten");
    assert_eq!(fs::read_dir(copies.path()).unwrap().count(), 2);
}

/// An erasure empties the write-ahead log, which a long reader holds up; nobody else waits for that.
#[tokio::test]
async fn a_backup_beside_an_erasure_holds_up_no_record() {
    let kept = Kept::new().await;
    kept.insert(1).await;
    let reader = rusqlite::Connection::open(kept.database()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM record").unwrap();
    kept.insert(2).await;
    kept.erase(1).await;
    let began = std::time::Instant::now();
    for n in 3..43 {
        kept.insert(n).await;
    }
    // At 200 ms for each it would be eight seconds.
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_backup_has_every_row_of_every_table() {
    let kept = Kept::new().await;
    for n in 0..300 {
        kept.insert(n).await;
    }
    kept.store.count(count(&kept.notice, clock::now())).await.unwrap();
    kept.erase(7).await;
    let copies = tempfile::tempdir().unwrap();
    let file = copies.path().join("copy");
    backup(&kept.database(), None, &file).unwrap();
    let copied = tables(&file, &keys_of(&file));
    assert_eq!(copied, tables(&kept.database(), &kept.database()));
    let rows = |table: &str| copied.iter().find(|(name, _)| name == table).unwrap().1;
    assert_eq!((rows("record"), rows("record_secret"), rows("refusal_count"), rows("log_tile")), (300, 299, 1, 1));
    let file = rusqlite::Connection::open(&file).unwrap();
    assert_eq!(file.query_row("SELECT count(*) FROM record_secret", [], |row| row.get(0)), Ok(0));
}

/// PROOF test 17 for copies: what was erased is unreadable in an older FILE once the keys of then are gone, and a restore
/// does not bring it back.
#[tokio::test]
async fn erasing_reaches_the_backups_as_soon_as_their_keys_expire() {
    let kept = Kept::new().await;
    for n in 1..=3 {
        kept.insert(n).await;
    }
    let copies = tempfile::tempdir().unwrap();
    let [before, after] = ["before", "after"].map(|name| copies.path().join(name));
    backup(&kept.database(), None, &before).unwrap();
    kept.erase(2).await;
    backup(&kept.database(), None, &after).unwrap();

    let (folder, said) = kept.restored(&before, &keys_of(&before)).await;
    assert_eq!(said.unwrap(), "3 records, 0 erased, 0 again", "the control: with the keys of then everything is there");
    let opened = SqliteFile { path: folder.path().join("askfirst.sqlite"), master: Some(kept.master.clone()) };
    assert_eq!(store::read(&opened, &record_id(2)).unwrap()[0].check().problem(), None);

    fs::remove_file(keys_of(&before)).unwrap();
    let sealed: Vec<u8> = {
        let shell = rusqlite::Connection::open(&before).unwrap();
        shell.query_row("SELECT body FROM record WHERE seq = 2", [], |row| row.get(0)).unwrap()
    };
    // Whoever has FILE, the newest keys and the master key has no secret that opens it.
    let shell = rusqlite::Connection::open(keys_of(&after)).unwrap();
    let mut secrets = shell.prepare("SELECT secret FROM record_secret").unwrap();
    let secrets: Vec<Vec<u8>> = secrets.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(secrets.len(), 2);
    let (folder, said) = kept.restored(&before, &keys_of(&after)).await;
    assert_eq!(said.unwrap(), "3 records, 1 erased, 1 again");
    let restored = fs::read(folder.path().join("askfirst.sqlite")).unwrap();
    assert!(!restored.windows(sealed.len()).any(|window| window == sealed), "not even its sealed bytes are left");
    let opened = SqliteFile { path: folder.path().join("askfirst.sqlite"), master: Some(kept.master.clone()) };
    assert_eq!(store::read(&opened, &record_id(2)).unwrap()[0].body, None);
    assert_eq!(store::read(&opened, &record_id(3)).unwrap()[0].check().problem(), None);
}

/// PROOF test 14, and nothing that is newer is lost.
#[tokio::test]
async fn a_restore_replaces_nothing_newer_and_says_when_the_log_does_not_sign_on() {
    let kept = Kept::new().await;
    kept.insert(1).await;
    let copies = tempfile::tempdir().unwrap();
    let file = copies.path().join("copy");
    backup(&kept.database(), None, &file).unwrap();
    kept.insert(2).await;
    let path = kept.database();
    let here = Database::Sqlite(SqliteFile { path: path.clone(), master: Some(kept.master.clone()) });
    let keys = keys_of(&file);
    let restore =
        || here.restore(Files { file: &file, keys: &keys, operations: None }, Beside::default(), clock::now());
    assert!(restore().await.unwrap_err().contains("another server"), "not under a running server");
    let Kept { folder, master, notice, store } = kept;
    drop(store);
    let before = fs::read(&path).unwrap();
    let error = restore().await.unwrap_err();
    assert!(error.contains("newer") && error.contains("www.example.nl/askfirst/log"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before, "it is as it was");

    fs::rename(&path, folder.path().join("lost")).unwrap();
    let restored = restore().await.unwrap();
    assert_eq!(restored.behind, ["www.example.nl/askfirst/log"]);
    let options = Options { master: Some(master.clone()), ..Options::default() };
    let error = Store::open(&path, &options).map(drop).unwrap_err();
    assert!(error.contains("askfirst recover"), "{error}");
    here.recover(None, None, clock::now()).await.unwrap();
    let store = Store::open(&path, &options).unwrap();
    let next = store::NewRecord::new(&record(3, &notice)).unwrap();
    assert!(matches!(store.insert(next).await.unwrap(), store::Inserted::Created(_)));
}

#[tokio::test]
async fn a_backup_that_was_changed_is_not_restored() {
    let kept = Kept::new().await;
    for n in 1..=3 {
        kept.insert(n).await;
    }
    let copies = tempfile::tempdir().unwrap();
    let file = copies.path().join("copy");
    backup(&kept.database(), None, &file).unwrap();
    let shell = rusqlite::Connection::open(&file).unwrap();
    shell.execute_batch("DROP TRIGGER record_is_never_changed; UPDATE record SET received_at = received_at - 86400000 WHERE seq = 2").unwrap();
    drop(shell);
    let (folder, said) = kept.restored(&file, &keys_of(&file)).await;
    assert!(said.unwrap_err().contains("record 2"));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the key and the lock, and nothing of the backup: {left:?}");
    let (_, said) = kept.restored(&copies.path().join("none"), &keys_of(&file)).await;
    assert!(said.is_err());
}

/// The commands: a folder of backups, a restore from it without any key argument.
#[tokio::test]
async fn the_commands_back_up_into_a_folder_and_restore_from_it() {
    let server = server().await;
    server.ask(post(body(1, &server.notice))).await;
    let copies = tempfile::tempdir().unwrap();
    let old = copies.path().join("askfirst-2020-01-01T00.00.00Z.sqlite");
    fs::write(&old, "").unwrap();
    let askfirst = |arguments: &[&str]| {
        let run = Command::new(env!("CARGO_BIN_EXE_askfirst")).args(arguments).output().unwrap();
        let said = String::from_utf8(run.stdout).unwrap() + &String::from_utf8(run.stderr).unwrap();
        assert!(run.status.success(), "{said}");
        said
    };
    let database = server.database();
    let said = askfirst(&["backup", "--database", database.to_str().unwrap(), copies.path().to_str().unwrap()]);
    assert!(said.contains(": 1 record and ") && said.contains("1 older than P7D removed"), "{said}");
    assert!(!old.exists());
    let file = fs::read_dir(copies.path()).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|end| end == "sqlite")).unwrap();
    let to = copies.path().join("restored");
    let said = askfirst(&["restore", "--database", to.to_str().unwrap(), file.to_str().unwrap()]);
    assert!(said.starts_with("1 record, 0 erased"), "{said}");
    assert!(said.contains("revoked since is valid again"), "the data of the server came along: {said}");
    assert!(Operations::beside(&to).is_file());
    assert_eq!(store::read(&to, &record_id(1)).unwrap()[0].check().problem(), None);
}

/// A name that ends with a slash is a folder's also before there is one: taken for a file's, no backup would ever be removed.
#[test]
fn a_folder_of_backups_is_made_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("records.sqlite");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        Store::open(&database, &Options::default()).unwrap().close().await;
    });
    let to = folder.path().join("backup/daily");
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_askfirst"));
        command.args(["backup", "--keep", "P7D", "--database"]).arg(&database).arg(format!("{}/", to.display()));
        command.output().unwrap()
    };
    let output = run();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o700);
    let names: Vec<_> = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().any(|name| name.to_str().unwrap().ends_with(".sqlite.keys")), "{names:?}");
}
