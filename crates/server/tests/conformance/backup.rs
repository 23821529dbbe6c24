//! Backup and restore, the same for both engines, and from one to the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use askfirst_core::log::evidence::{self, Outcome};
use askfirst_core::time::DAY;
use askfirst_server::clock;
use askfirst_server::operations::access::{self, Access};
use askfirst_server::operations::leaks::{self, Leak};
use askfirst_server::operations::queue::{self, Message};
use askfirst_server::operations::requests;
use askfirst_server::operations::tokens::{self, Role};
use askfirst_server::operations::{Connection, KEEP, Operations};
use askfirst_server::store::backup::{keys_of, operations_of};
use askfirst_server::store::log::Seeds;
use askfirst_server::store::restore::{Beside, Files};
use askfirst_server::store::sealing::{Master, SqliteFile};
use askfirst_server::store::{Database, Erased, Inserted, NewNotice, NewRecord, Store};
use tokio::task::JoinSet;

use crate::place::Place;
use crate::suite::{english, entries};
use crate::support::{SITE, count, record, record_id};

macro_rules! on_all {
    ($($(#[doc = $doc:literal])* $name:ident;)+) => {
        mod sqlite {
            $($(#[doc = $doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Place::sqlite(), super::Place::sqlite()).await })+
        }
        mod postgres {
            $($(#[doc = $doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Place::postgres().await, super::Place::postgres().await).await })+
        }
        mod sealed_postgres {
            $($(#[doc = $doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Place::sealed_postgres().await, super::Place::postgres().await).await })+
        }
        /// Moving from SQLite, sealed as with a master key.
        mod sqlite_to_postgres {
            $($(#[doc = $doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::sealed_sqlite(), super::Place::postgres().await).await })+
        }
        /// And back.
        mod postgres_to_sqlite {
            $($(#[doc = $doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Place::sealed_postgres().await, super::Place::sqlite()).await })+
        }
    };
}

on_all! {
    /// PROOF test 15.
    a_backup_under_load_is_of_one_moment_and_restores_whole;
    what_was_restored_goes_on_where_it_was;
    /// PROOF test 17 for copies.
    what_was_erased_held_or_restricted_since_the_backup_is_so_after_a_restore;
    /// PROOF test 14.
    a_restore_says_when_more_was_published_and_replaces_nothing_newer;
    a_backup_that_was_changed_or_goes_with_older_keys_is_not_restored;
    /// S2, S4, S7.
    what_is_not_a_record_comes_back_but_what_has_had_its_term;
}

pub fn sealed_sqlite() -> Place {
    let place = Place::sqlite();
    let database = place.database.clone().with_master(Master::random().unwrap()).unwrap();
    Place { database, ..place }
}

/// The same owner's store at another place: the same keys, and nothing in it.
fn moved(from: &Place, to: Place) -> Place {
    let master = match &from.database {
        Database::Sqlite(file) => file.master.clone(),
        Database::Postgres(address) => address.master.clone(),
    };
    let database = master.map_or(to.database.clone(), |master| to.database.clone().with_master(master).unwrap());
    Place { database, seed: from.seed.clone(), ..to }
}

/// Made once: there is one for each language.
fn notice() -> NewNotice {
    static NOTICE: OnceLock<NewNotice> = OnceLock::new();
    NOTICE.get_or_init(english).clone()
}

async fn opened(place: &Place) -> Store {
    let store = place.open().await;
    store.register(notice()).await.unwrap();
    store
}

async fn insert(store: &Store, n: u128) {
    let inserted = store.insert(NewRecord::new(&record(n, &notice())).unwrap()).await.unwrap();
    assert!(matches!(inserted, Inserted::Created(_)), "{n}: {inserted:?}");
}

async fn insert_all(store: &Arc<Store>, numbers: std::ops::Range<u128>) {
    let mut senders = JoinSet::new();
    for n in numbers {
        let store = Arc::clone(store);
        senders.spawn(async move { insert(&store, n).await });
    }
    senders.join_all().await;
}

/// A backup in the folder of its place.
async fn back_up(place: &Place, name: &str) -> PathBuf {
    let file = place.folder.path().join(name);
    place.database.backup(None, &file).await.unwrap();
    file
}

/// What `restore` says.
async fn restored(place: &Place, file: &Path, keys: &Path) -> Result<String, String> {
    let published = place.folder.path().join("published");
    let operations = operations_of(file);
    let files = Files { file, keys, operations: operations.is_file().then_some(operations.as_path()) };
    let beside = Beside { published: Some(&published), operations: None };
    let restored = place.database.restore(files, beside, clock::now()).await?;
    let (looked, behind) = (restored.looked, restored.behind.len());
    Ok(format!(
        "{} records, {} erased, {} again, {behind} behind",
        looked.records, looked.erased, restored.erased_again
    ))
}

async fn a_backup_under_load_is_of_one_moment_and_restores_whole(place: Place, to: Place) {
    let store = Arc::new(opened(&place).await);
    insert_all(&store, 0..700).await;
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(700)));
    let (running, stopped, counted) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&sent));
    let load = tokio::spawn(async move {
        let mut n = 700;
        while !stopped.load(SeqCst) {
            insert_all(&running, n..n + 32).await;
            n += 32;
            counted.fetch_add(32, SeqCst);
        }
        n
    });
    // Before it and after it as well.
    let goes_on = async || {
        let before = sent.load(SeqCst);
        while sent.load(SeqCst) == before {
            assert!(!load.is_finished());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    goes_on().await;
    let file = place.folder.path().join("copy");
    // As the command does it, on a thread of its own.
    let (database, out) = (place.database.clone(), file.clone());
    let copied = tokio::spawn(async move { database.backup(None, &out).await }).await.unwrap().unwrap();
    goes_on().await;
    stop.store(true, SeqCst);
    let all = load.await.unwrap();
    assert!((700..all as u64).contains(&copied.records), "the load went on: {copied:?} of {all}");
    // A key and a notice stand before the records.
    assert_eq!(copied.entries, copied.records + 2, "records and log are of the same moment");
    use std::os::unix::fs::PermissionsExt;
    for file in [&file, &keys_of(&file)] {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "S7");
    }
    assert!(place.database.backup(None, &file).await.unwrap_err().contains("already"), "a backup is never overwritten");
    let shell = rusqlite::Connection::open(&file).unwrap();
    let secrets = shell.query_row("SELECT count(*) FROM record_secret", [], |row| row.get(0));
    assert_eq!(secrets, Ok(0), "FILE has no secret");
    drop(shell);
    // With its keys beside it a backup is looked into as it is, whichever engine it is of.
    let to = moved(&place, to);
    let master = match &to.database {
        Database::Sqlite(file) => file.master.clone(),
        Database::Postgres(address) => address.master.clone(),
    };
    let lying = Database::Sqlite(SqliteFile { path: file.clone(), master });
    assert_eq!(lying.audit().await.unwrap().records, copied.records);
    assert_eq!(lying.read(&record_id(42)).await.unwrap()[0].check().problem(), None);
    let said = restored(&to, &file, &keys_of(&file)).await.unwrap();
    assert_eq!(said, format!("{} records, 0 erased, 0 again, 0 behind", copied.records));
    let store = to.open().await;
    assert_eq!(store.frozen(), None);
    assert_eq!(entries(&store, SITE).await.len() as u64, copied.entries);
    for n in [0, 1, 42, 699] {
        let places = store.holders(&record_id(n)).await.unwrap();
        assert_eq!(store.evidence(places[0].0).await.unwrap().unwrap().check().problem(), None, "{n}");
    }
}

async fn what_was_restored_goes_on_where_it_was(place: Place, to: Place) {
    let store = Arc::new(opened(&place).await);
    let mut ahead = record(3, &notice());
    ahead.event.at += 3_600_000;
    ahead.event.valid_until += 3_600_000;
    store.insert(NewRecord::new(&ahead).unwrap()).await.unwrap();
    insert_all(&store, 10..300).await;
    let mut next = record(5, &notice());
    next.prev = Some(record_id(10));
    store.insert(NewRecord::new(&next).unwrap()).await.unwrap();
    store.count(count(&notice(), 0)).await.unwrap();
    let mut receipts = Vec::new();
    for seq in 1..=store.newest().await.unwrap() {
        receipts.push(store.evidence(seq).await.unwrap().unwrap());
    }
    let (first, _) = store.holders(&record_id(3)).await.unwrap()[0];
    assert_eq!(store.erase(first, "holder").await, Ok(Erased::Erased));
    let before = entries(&store, SITE).await;
    let file = back_up(&place, "copy").await;
    let to = moved(&place, to);
    restored(&to, &file, &keys_of(&file)).await.unwrap();

    let there = to.open().await;
    assert_eq!(entries(&there, SITE).await, before, "the log is the same, to the byte");
    for receipt in &receipts {
        let seq = receipt.receipt.seq;
        let now = there.evidence(seq).await.unwrap().unwrap();
        let same = (&now.receipt.record_id, now.receipt.received_at, now.receipt.clock);
        assert_eq!(same, (&receipt.receipt.record_id, receipt.receipt.received_at, receipt.receipt.clock), "{seq}");
        let body = (seq != first).then_some(&receipt.body).cloned().flatten();
        assert_eq!((now.body, now.notice_text.is_some()), (body, seq != first), "{seq}");
    }
    let head = there.head(SITE).await.unwrap().unwrap();
    let key = there.log_keys(head.log).await.unwrap().remove(0);
    let pack = to.database.packs(&record_id(20)).await.unwrap()[0].to_value().canonical();
    assert_eq!(evidence::verify(&pack, &[key])[0].outcome(), Outcome::Holds);
    // A retry meets its record, also that of one that is erased; what comes now goes on.
    for again in [&record(20, &notice()), &next, &ahead] {
        let again = there.insert(NewRecord::new(again).unwrap()).await.unwrap();
        assert!(matches!(again, Inserted::Repeated(_)), "{again:?}");
    }
    insert(&there, 1_000).await;
    assert_eq!(there.newest().await.unwrap(), receipts.len() as i64 + 1);
    there.close().await;
    assert_eq!(to.database.audit().await.unwrap().records, receipts.len() as u64 + 1);
    to.tamper("UPDATE [refusal_count] SET n = 0 WHERE n = 1").await;

    // The whole way round: a backup of what was restored is the same again.
    let again = back_up(&to, "again").await;
    let rows = |file: &Path| {
        let shell = rusqlite::Connection::open(file).unwrap();
        let sql = "SELECT group_concat(hex(record_id) || received_at || clock || ends_at || coalesce(hex(body), '-') ||
                       coalesce(hex(digest), '-') || coalesce(hex(holder), '-') || coalesce(hex(subject), '-') || log || idx)
                   FROM (SELECT * FROM record WHERE seq <= 292 ORDER BY seq)";
        shell.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!(rows(&file), rows(&again));
}

async fn what_was_erased_held_or_restricted_since_the_backup_is_so_after_a_restore(place: Place, to: Place) {
    let store = Arc::new(opened(&place).await);
    insert_all(&store, 1..8).await;
    let at = async |n: u128| store.holders(&record_id(n)).await.unwrap()[0].0;
    store.hold(&record_id(6), true).await.unwrap();
    store.hold(&record_id(7), true).await.unwrap();
    let old = back_up(&place, "old").await;
    let erased = at(2).await;
    store.erase(erased, "holder").await.unwrap();
    store.hold(&record_id(3), true).await.unwrap();
    let restricted = at(4).await;
    let since = store.restrict(restricted).await.unwrap().unwrap().since;
    store.hold(&record_id(6), false).await.unwrap();
    let released = at(6).await;
    store.erase(released, "holder").await.unwrap();
    let new = back_up(&place, "new").await;

    let to = moved(&place, to);
    assert_eq!(restored(&to, &old, &keys_of(&new)).await.unwrap(), "7 records, 2 erased, 2 again, 0 behind");
    let there = to.open().await;
    let place_of = async |n: u128| there.holders(&record_id(n)).await.unwrap().first().map(|(seq, _)| *seq);
    assert_eq!((place_of(2).await, place_of(6).await), (None, None));
    for held in [3, 7] {
        let seq = place_of(held).await.unwrap();
        assert_eq!(there.erase(seq, "holder").await, Ok(Erased::Held), "{held}");
    }
    let seq = place_of(4).await.unwrap();
    assert_eq!(there.evidence(seq).await.unwrap().unwrap().restriction.map(|r| r.since), Some(since));
    let seq = place_of(5).await.unwrap();
    assert_eq!(there.erase(seq, "holder").await, Ok(Erased::Erased), "and no other");
}

async fn a_restore_says_when_more_was_published_and_replaces_nothing_newer(place: Place, to: Place) {
    let store = opened(&place).await;
    insert(&store, 1).await;
    let file = back_up(&place, "copy").await;
    insert(&store, 2).await;
    store.close().await;
    let error = restored(&place, &file, &keys_of(&file)).await.unwrap_err();
    assert!(error.contains("newer") || error.contains("DROP SCHEMA"), "{error}");
    assert_eq!(place.database.audit().await.unwrap().records, 2, "it is as it was");

    let to = moved(&place, to);
    fs::copy(place.folder.path().join("published"), to.folder.path().join("published")).unwrap();
    assert_eq!(restored(&to, &file, &keys_of(&file)).await.unwrap(), "1 records, 0 erased, 0 again, 1 behind");
    let error = to.database.open(&to.options()).await.err().unwrap();
    assert!(error.contains("askfirst recover"), "{error}");
    let seeds = Some(Seeds { current: to.seed.clone(), next: None });
    let published = to.folder.path().join("published");
    to.database.recover(seeds, Some(&published), clock::now()).await.unwrap();
    insert(&to.open().await, 3).await;
}

async fn a_backup_that_was_changed_or_goes_with_older_keys_is_not_restored(place: Place, to: Place) {
    let store = Arc::new(opened(&place).await);
    insert_all(&store, 1..4).await;
    let old = back_up(&place, "old").await;
    insert(&store, 4).await;
    let file = back_up(&place, "copy").await;
    let to = moved(&place, to);
    let error = restored(&to, &file, &keys_of(&old)).await.unwrap_err();
    assert!(error.contains("older than the backup"), "{error}");
    let shell = rusqlite::Connection::open(&file).unwrap();
    let change =
        "DROP TRIGGER record_is_never_changed; UPDATE record SET received_at = received_at - 86400000 WHERE seq = 2";
    shell.execute_batch(change).unwrap();
    drop(shell);
    let error = restored(&to, &file, &keys_of(&file)).await.unwrap_err();
    assert!(error.contains("record 2") && error.contains("does not hold"), "{error}");
    // Nothing is left of it: another one is taken.
    assert_eq!(restored(&to, &old, &keys_of(&old)).await.unwrap(), "3 records, 0 erased, 0 again, 0 behind");
}

/// No server serves what a restore has left that broke off, and no second restore goes on with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_breaks_off_leaves_nothing_that_serves() {
    let place = Place::sqlite();
    let store = Arc::new(opened(&place).await);
    insert_all(&store, 0..3_000).await;
    let file = back_up(&place, "copy").await;
    let to = moved(&place, Place::postgres().await);
    let shell = crate::cluster::cluster().shell(to.name.as_ref().unwrap()).await;
    let begun = async {
        let some = async || shell.query_one("SELECT count(*) FROM askfirst.record", &[]).await.map(|row| row.get(0));
        while !some().await.is_ok_and(|records: i64| records > 0) {
            tokio::task::yield_now().await;
        }
    };
    let keys = keys_of(&file);
    tokio::select! {
        biased;
        () = begun => {}
        said = restored(&to, &file, &keys) => panic!("it was to break off: {said:?}"),
    }
    let error = to.database.open(&to.options()).await.err().unwrap();
    assert!(error.contains("restore") && error.contains("DROP SCHEMA askfirst CASCADE"), "{error}");
    assert!(to.database.audit().await.unwrap_err().contains("restore"));
    assert!(restored(&to, &file, &keys_of(&file)).await.unwrap_err().contains("DROP SCHEMA"));
    shell.batch_execute("DROP SCHEMA askfirst CASCADE").await.unwrap();
    assert!(restored(&to, &file, &keys_of(&file)).await.unwrap().starts_with("3000 records"));
    assert_eq!(to.open().await.frozen(), None);
}

fn operations(place: &Place) -> Operations {
    match &place.database {
        Database::Sqlite(file) => Operations::open(&Operations::beside(file)).unwrap(),
        Database::Postgres(address) => Operations::on(address).unwrap(),
    }
}

const HOOK: &str = "https://crm.example.nl/consent";

async fn what_is_not_a_record_comes_back_but_what_has_had_its_term(place: Place, to: Place) {
    let store = Arc::new(opened(&place).await);
    insert_all(&store, 1..4).await;
    let now = clock::now();
    let (id, token) = tokens::make().unwrap();
    let made = token.clone();
    let seen = |at| Access { at, who: "Eva".into(), action: "read".into(), record_id: None, reason: "17".into() };
    let written = move |connection: &Connection<'_>| {
        tokens::add(connection, (&id, &made), "Eva", Role::Auditor, now, None)?;
        access::add(connection, &seen(now - KEEP - DAY))?;
        access::add(connection, &seen(now - DAY))?;
        requests::open(connection, "access", (None, Some("a subject")), now - 3 * DAY)?;
        requests::open(connection, "erasure", (Some("an id"), None), now)?;
        requests::extend(connection, 1, "twelve at once", now)?;
        let leak = Leak { kind: "cookie", name: "_ga".into(), category: "analytical".into(), count: 3 };
        leaks::add(connection, SITE, &[leak], now)?;
        // It has heard of more than the backup of the records will have.
        queue::cursor(connection, HOOK, 2)?;
        assert!(queue::take(connection, HOOK, "a server", (now, now + DAY))?);
        let messages = [Message { id: "msg_1".into(), body: "{}".into() }];
        assert!(queue::add(connection, HOOK, (2, 50), &messages, now)?);
        Ok(())
    };
    operations(&place).with(written).await.unwrap();
    let file = back_up(&place, "copy").await;
    let text = fs::read(operations_of(&file)).unwrap();
    assert!(!text.windows(token.len()).any(|part| part == token.as_bytes()), "of a token there is the hash");
    let to = moved(&place, to);
    restored(&to, &file, &keys_of(&file)).await.unwrap();

    let read = move |connection: &Connection<'_>| {
        assert_eq!(tokens::check(connection, &token, now)?.map(|holder| holder.name), Some("Eva".to_owned()));
        let seen: Vec<_> = access::list(connection, 0)?.iter().map(|access| access.at).collect();
        assert_eq!(seen, [now - DAY], "what is older than 90 days does not come back (S2)");
        let all = requests::list(connection, false)?;
        let all: Vec<_> =
            all.iter().map(|r| (r.number, r.received_at, r.extension.is_some(), r.subject.is_some())).collect();
        assert_eq!(all, [(2, now, false, false), (1, now - 3 * DAY, true, true)], "with their deadlines");
        assert_eq!(requests::open(connection, "access", (None, None), now)?, 3);
        assert_eq!(leaks::sums(connection, now - DAY)?.iter().map(|sum| sum.count).collect::<Vec<_>>(), [3]);
        assert_eq!(
            queue::cursor(connection, HOOK, 99)?,
            3,
            "it hears of what comes after the newest record that there is"
        );
        assert!(queue::take(connection, HOOK, "another server", (now, now + DAY))?, "nobody is at work there");
        let due = queue::due(connection, HOOK, now, 9)?;
        assert_eq!(due.iter().map(|due| due.message.id.as_str()).collect::<Vec<_>>(), ["msg_1"]);
        Ok(())
    };
    operations(&to).with(read).await.unwrap();
}

/// Where only the records were lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operational_data_that_is_there_is_newer_and_stays() {
    let place = Place::sqlite();
    let store = opened(&place).await;
    insert(&store, 1).await;
    operations(&place).run(|connection| requests::open(connection, "access", (None, None), 0)).unwrap();
    let file = back_up(&place, "copy").await;
    let since = |connection: &Connection<'_>| {
        queue::cursor(connection, HOOK, 70)?;
        requests::open(connection, "erasure", (None, None), 0)
    };
    operations(&place).run(since).unwrap();
    store.close().await;
    let Database::Sqlite(path) = &place.database else { panic!() };
    fs::rename(&**path, place.folder.path().join("lost")).unwrap();
    restored(&place, &file, &keys_of(&file)).await.unwrap();
    let read = |connection: &Connection<'_>| {
        let cursor = queue::cursor(connection, HOOK, 99)?;
        Ok((requests::list(connection, true)?.len(), cursor))
    };
    assert_eq!(operations(&place).run(read).unwrap(), (2, 1));
}

/// The commands, as a person at the console has them: from PostgreSQL into a folder, and from there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_back_up_postgres_into_a_folder_and_restore_from_it() {
    let (place, to) = (Place::postgres().await, Place::postgres().await);
    let store = opened(&place).await;
    insert(&store, 1).await;
    operations(&place).with(|connection| requests::open(connection, "access", (None, None), 0)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let askfirst = |arguments: &[&str]| {
        let run = Command::new(env!("CARGO_BIN_EXE_askfirst")).args(arguments).output().unwrap();
        let said = String::from_utf8(run.stdout).unwrap() + &String::from_utf8(run.stderr).unwrap();
        (run.status.success(), said)
    };
    let said = askfirst(&["backup", "--database", &place.url(), folder.path().to_str().unwrap()]);
    assert!(said.0 && said.1.contains(": 1 record and "), "{said:?}");
    let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 3, "{files:?}");
    let file = files[0].to_str().unwrap();
    let said = askfirst(&["audit", "--database", file]);
    assert!(said.0 && said.1.contains("1 record,"), "{said:?}");
    let said = askfirst(&["restore", "--database", &place.url(), file]);
    assert!(!said.0 && said.1.contains("a restore replaces nothing"), "{said:?}");
    let said = askfirst(&["restore", "--database", &to.url(), file]);
    assert!(said.0 && said.1.contains("revoked since is valid again"), "{said:?}");
    let found = operations(&to).with(|connection| requests::list(connection, true)).await.unwrap();
    assert_eq!(found.len(), 1);
}
