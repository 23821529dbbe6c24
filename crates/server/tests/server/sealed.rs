//! Bodies at rest (S6; PROOF test 17 where bodies are sealed).

use std::fs;
use std::path::Path;
use std::process::Command;

use askfirst_core::log::{LogKey, evidence};
use askfirst_server::store::sealing::{Master, SqliteFile};
use askfirst_server::store::{self, Options, Store, key};
use axum::http::StatusCode;

use crate::support::*;

/// A server with a master key.
async fn sealed(master: &Master) -> Server {
    let store = Options { master: Some(master.clone()), ..Options::default() };
    server_with(erases(), store, |_| askfirst_server::http::Files::default()).await
}

fn file(path: &Path, master: &Master) -> SqliteFile {
    SqliteFile { path: path.to_owned(), master: Some(master.clone()) }
}

/// Whether any file beside the database has these bytes.
fn on_disk(server: &Server, wanted: &[u8]) -> bool {
    fs::read_dir(server.folder.path()).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(wanted.len()).any(|window| window == wanted)
    })
}

/// Everything that names the `n`th visitor, as text and as bytes.
fn traces(server: &Server, n: u128) -> Vec<Vec<u8>> {
    let record = record(n, &server.notice);
    vec![
        record.subject.clone().into_bytes(),
        key::subject(&record.subject).unwrap().to_vec(),
        record.holder.clone().into_bytes(),
        key::digest(&record.holder).unwrap().to_vec(),
        askfirst_core::digest::sha256(record.canonical().as_bytes()).to_vec(),
        br#""granted":true,"purpose""#.to_vec(),
    ]
}

#[tokio::test]
async fn a_sealed_record_reads_as_it_was_sent_and_leaves_nothing_readable_on_the_disk() {
    let master = Master::random().unwrap();
    let (server, plain) = (sealed(&master).await, server().await);
    let (text, other) = (body(1, &server.notice), record(1, &server.notice));
    for server in [&server, &plain] {
        assert_eq!(server.ask(post(text.clone())).await.status, StatusCode::CREATED);
    }
    for trace in traces(&server, 1) {
        assert!(!on_disk(&server, &trace), "{}", String::from_utf8_lossy(&trace));
        assert!(on_disk(&plain, &trace), "the control of the search");
    }

    let seen = server.ask(with_secret("GET", &record_id(1), &secret(1))).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert_eq!(seen.at(&["record"]).canonical(), text);
    assert_eq!(seen.at(&["holds"]).canonical(), r#"{"notice":true,"record":true}"#);
    assert_eq!(server.ask(with_secret("GET", &record_id(1), &secret(2))).await.status, StatusCode::NOT_FOUND);

    // R7: repeated, the same receipt; another body under the id, none.
    let again = server.ask(post(text.clone())).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(unproved(again.json()), unproved(seen.at(&["receipt"])));
    let changed = askfirst_core::record::Record { jurisdiction: Some("BE".to_owned()), ..other };
    assert_eq!(server.ask(post(changed.to_value().canonical())).await.status, StatusCode::CONFLICT);

    // The log says the same of it as of one that is not sealed.
    let vkey = LogKey::parse(server.ask(get("/askfirst/v1/log/key")).await.text.trim_end()).unwrap();
    let report = evidence::verify_receipt(&text, &again.text, std::slice::from_ref(&vkey));
    assert_eq!(report.outcome(), evidence::Outcome::Holds, "{}", report.text());
    let opened = file(&server.database(), &master);
    assert_eq!(store::audit(&opened).unwrap().records, 1);
    let pack = store::packs(&opened, &record_id(1)).unwrap()[0].to_value().canonical();
    assert_eq!(evidence::verify(&pack, &[vkey])[0].outcome(), evidence::Outcome::Holds);
}

#[tokio::test]
async fn without_the_master_key_or_with_another_one_nothing_starts() {
    let (master, other) = (Master::random().unwrap(), Master::random().unwrap());
    let server = sealed(&master).await;
    server.ask(post(body(1, &server.notice))).await;
    let Server { app, router, folder, .. } = server;
    drop((app, router));
    let path = folder.path().join("askfirst.sqlite");
    let open = |master: Option<&Master>| {
        let options = Options { master: master.cloned(), ..Options::default() };
        Store::open(&path, &options).map(drop).unwrap_err()
    };
    assert!(open(None).contains("--master-key"), "{}", open(None));
    let error = open(Some(&other));
    assert!(error.contains(other.id()) && error.contains(master.id()), "{error}");
    assert!(store::read(&path, &record_id(1)).unwrap_err().contains("--master-key"));
    assert!(store::audit(file(&path, &other)).unwrap_err().contains(master.id()));
    assert_eq!(store::read(file(&path, &master), &record_id(1)).unwrap().len(), 1);
}

#[tokio::test]
async fn records_from_before_the_master_key_stay_as_they_are_and_those_after_it_are_sealed() {
    let plain = server().await;
    plain.ask(post(body(1, &plain.notice))).await;
    let (notice, folder) = (plain.notice.clone(), plain.folder);
    drop((plain.app, plain.router));
    let path = folder.path().join("askfirst.sqlite");
    let master = Master::random().unwrap();
    let store = Store::open(&path, &Options { master: Some(master.clone()), ..Options::default() }).unwrap();
    store.insert(store::NewRecord::new(&record(2, &notice)).unwrap()).await.unwrap();
    let kinds: Vec<String> = {
        let shell = rusqlite::Connection::open(&path).unwrap();
        let mut kinds = shell.prepare("SELECT typeof(body) FROM record ORDER BY seq").unwrap();
        kinds.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(kinds, ["text", "blob"]);
    for n in [1, 2] {
        let found = store::read(file(&path, &master), &record_id(n)).unwrap();
        assert_eq!(found[0].check().problem(), None, "{n}");
    }
}

/// S6: rotation changes what wraps the keys, and no record.
#[tokio::test]
async fn another_master_key_takes_over_without_a_record_being_written_anew() {
    let server = sealed(&Master::random().unwrap()).await;
    drop(server);
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| format!("file:{}", folder.path().join(name).display());
    let path = folder.path().join("askfirst.sqlite");
    let askfirst = |arguments: &[&str]| {
        let run = Command::new(env!("CARGO_BIN_EXE_askfirst")).args(arguments).output().unwrap();
        (run.status.code().unwrap(), String::from_utf8(run.stdout).unwrap() + &String::from_utf8(run.stderr).unwrap())
    };
    for name in ["old", "new"] {
        assert_eq!(askfirst(&["keys", "new", folder.path().join(name).to_str().unwrap()]).0, 0);
    }
    let [old, new] = ["old", "new"].map(|name| Master::load(&place(name)).unwrap());
    let (_, notices) = configured();
    let open = |master: &Master| Store::open(&path, &Options { master: Some(master.clone()), ..Options::default() });
    let insert = async |store: &Store, n| {
        store.register(notices[0].clone()).await.unwrap();
        store.insert(store::NewRecord::new(&record(n, &notices[0])).unwrap()).await.unwrap();
    };
    let running = open(&old).unwrap();
    insert(&running, 1).await;
    let rows = || {
        let shell = rusqlite::Connection::open(&path).unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
        let mut rows =
            shell.prepare("SELECT body, secret FROM record JOIN record_secret USING (seq) ORDER BY seq").unwrap();
        rows.query_map([], row).unwrap().collect::<Result<Vec<_>, _>>().unwrap()
    };
    let before = rows();
    let database = path.to_str().unwrap();
    let rotate = ["keys", "rotate", "--database", database, "--master-key", &place("old")];
    let (code, said) = askfirst(&[&rotate[..], &["--new-master-key", &place("new")]].concat());
    assert_eq!((code, said.contains(new.id())), (0, true), "{said}");
    assert_eq!(rows(), before);
    let (_, listed) = askfirst(&["keys", "list", "--database", database]);
    assert_eq!(listed.matches(new.id()).count(), 2, "the key of before, and one for what comes: {listed}");

    // The server that ran meanwhile goes on.
    insert(&running, 2).await;
    drop(running);
    assert!(open(&old).map(drop).unwrap_err().contains(new.id()));
    let store = open(&new).unwrap();
    insert(&store, 3).await;
    for n in 1..=3 {
        let found = store::read(file(&path, &new), &record_id(n)).unwrap();
        assert_eq!(found[0].check().problem(), None, "{n}");
    }
    // What the old master key ever wrapped does not open what came after the rotation.
    let secrets = rows();
    assert_eq!((secrets[0].1[..5].to_vec(), secrets[1].1[..5].to_vec()), (vec![1, 0, 0, 0, 1], vec![1, 0, 0, 0, 1]));
    assert_eq!(secrets[2].1[..5], [1, 0, 0, 0, 2]);
}

/// PROOF tests 8 and 17.
#[tokio::test]
async fn a_changed_seal_is_named_and_an_erased_record_is_gone_with_its_key() {
    let master = Master::random().unwrap();
    let server = sealed(&master).await;
    for n in 1..=3 {
        server.ask(post(body(n, &server.notice))).await;
    }
    let kept: Vec<Vec<u8>> = {
        let shell = server.shell();
        let mut rows = shell.prepare("SELECT body FROM record ORDER BY seq").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(kept[0].len(), kept[1].len(), "the length says little");
    let erased = server.ask(with_secret("DELETE", &record_id(2), &secret(2))).await;
    assert_eq!(erased.at(&["erased"]).bool(), Some(true), "{}", erased.text);
    // The write-ahead log is emptied right after the answer.
    for _ in 0..100 {
        if !on_disk(&server, &kept[1]) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(!on_disk(&server, &kept[1]) && on_disk(&server, &kept[2]));
    let opened = file(&server.database(), &master);
    assert_eq!(store::audit(&opened).unwrap().erased, 1);
    assert_eq!(server.ask(post(body(2, &server.notice))).await.at(&["erased"]).bool(), Some(true), "it stays erased");

    let shell = server.shell();
    shell.execute_batch("DROP TRIGGER record_is_never_changed").unwrap();
    let mut body = kept[2].clone();
    body[40] ^= 1;
    shell.execute("UPDATE record SET body = ?1 WHERE seq = 3", [body]).unwrap();
    let error = store::audit(&opened).unwrap_err();
    assert!(error.contains("record 3"), "{error}");
    let found = store::read(&opened, &record_id(3)).unwrap();
    assert!(found[0].check().problem().unwrap().contains("not the one that was received"));
}

/// S1: the rows of before the master key have pseudonyms, those of after it tags of them, and one record follows another all the same.
#[tokio::test]
async fn a_sealed_record_ends_the_one_before_it_sealed_or_not_and_no_other() {
    let (folder, master) = (tempfile::tempdir().unwrap(), Master::random().unwrap());
    let path = folder.path().join("askfirst.sqlite");
    let notice = configured().1.into_iter().find(|notice| notice.about.lang == "en").unwrap();
    let insert = async |store: &Store, n: u128, visitor: u128, prev: Option<u128>| {
        let mut sent = record(n, &notice);
        sent.subject = record(visitor, &notice).subject;
        sent.prev = prev.map(record_id);
        let stored = store.insert(store::NewRecord::new(&sent).unwrap()).await.unwrap();
        assert!(matches!(stored, store::Inserted::Created(_)), "{stored:?}");
    };
    let ended = |n: i64| {
        let connection = rusqlite::Connection::open(&path).unwrap();
        let sql = "SELECT ends_at, received_at FROM record WHERE seq = ?1";
        let (ends, received): (i64, i64) =
            connection.query_row(sql, [n], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        ends - received < 60_000
    };
    let store = Store::open(&path, &Options::default()).unwrap();
    store.register(notice.clone()).await.unwrap();
    insert(&store, 1, 1, None).await;
    store.close().await;
    let options = Options { master: Some(master), ..Options::default() };
    let store = Store::open(&path, &options).unwrap();
    insert(&store, 2, 9, Some(1)).await;
    assert!(!ended(1), "by another pseudonym");
    insert(&store, 3, 1, Some(1)).await;
    assert!(ended(1) && !ended(3));
    insert(&store, 4, 9, Some(3)).await;
    assert!(!ended(3));
    insert(&store, 5, 1, Some(3)).await;
    assert!(ended(3) && !ended(5));
    store.close().await;
}
