//! How long records are kept (S1), and what the log says about those that are gone.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use askfirst_core::log::{Entry, leaf_hash, verify_inclusion};
use askfirst_core::record::{Record, State};
use askfirst_core::time::{DAY, Millis, Period};
use askfirst_server::clock;
use askfirst_server::operations::Operations;
use askfirst_server::operations::access::{self, Access};
use askfirst_server::store::retention::KEEP;
use askfirst_server::store::{self, Erased, Inserted, NewNotice, NewRecord, Receipt, Store};

use crate::process::{Process, english};
use crate::support::*;

/// 2026-01-01.
const START: Millis = 20_454 * DAY;

fn open(path: &std::path::Path, now: fn() -> Millis) -> Store {
    Store::open(path, &store::Options { now, ..store::Options::default() }).unwrap()
}

fn at(time: Millis, n: u128, notice: &NewNotice) -> Record {
    let mut record = record(n, notice);
    record.event.at = time;
    record.event.valid_until = Period::months(6).after(time);
    record
}

async fn insert(store: &Store, record: &Record) -> Receipt {
    match store.insert(NewRecord::new(record).unwrap()).await.unwrap() {
        Inserted::Created(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

async fn is_there(store: &Store, n: u128) -> bool {
    !store.holders(&record_id(n)).await.unwrap().is_empty()
}

/// PROOF test 20: three years by the calendar after the end, not a day earlier; a consent that lasts is never touched.
#[tokio::test]
async fn a_record_is_kept_for_three_years_after_its_consent_ended_and_no_longer() {
    static NOW: AtomicI64 = AtomicI64::new(START);
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.sqlite"), || NOW.load(SeqCst));
    let notice = configured().1.remove(0);
    store.register(notice.clone()).await.unwrap();
    // One that ends by itself, one that is withdrawn after two months, and the withdrawal.
    insert(&store, &at(START, 1, &notice)).await;
    let given = at(START, 2, &notice);
    insert(&store, &given).await;
    let withdrawn = Period::months(2).after(START);
    NOW.store(withdrawn, SeqCst);
    let mut withdrawal = at(withdrawn, 3, &notice);
    withdrawal.prev = Some(given.record_id.clone());
    withdrawal.subject.clone_from(&given.subject);
    withdrawal.event.state = State::Withdrawn;
    withdrawal.decisions.iter_mut().for_each(|decision| decision.granted = false);
    insert(&store, &withdrawal).await;

    let years = |end: Millis| KEEP.after(end);
    let ends = [(2, withdrawn), (1, Period::months(6).after(START)), (3, Period::months(6).after(withdrawn))];
    for (n, end) in ends {
        NOW.store(years(end) - DAY, SeqCst);
        store.purge(KEEP, "P3Y").await.unwrap();
        assert!(is_there(&store, n).await, "{n} a day before");
        NOW.store(years(end) + DAY, SeqCst);
        assert_eq!(store.due(KEEP).await.unwrap().records, 1, "{n}");
        assert!(is_there(&store, n).await, "asking erases nothing");
        assert_eq!(store.purge(KEEP, "P3Y").await.unwrap().records, 1, "{n}");
        assert!(!is_there(&store, n).await, "{n} a day after");
        assert_eq!(store.purge(KEEP, "P3Y").await.unwrap().records, 0, "twice is once");
    }
    // A consent given today lasts.
    insert(&store, &at(NOW.load(SeqCst), 4, &notice)).await;
    store.purge(KEEP, "P3Y").await.unwrap();
    assert!(is_there(&store, 4).await);
}

#[tokio::test]
async fn a_wrong_clock_in_the_browser_does_not_decide_how_long_a_record_is_kept() {
    static NOW: AtomicI64 = AtomicI64::new(START);
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.sqlite"), || NOW.load(SeqCst));
    let notice = configured().1.remove(0);
    store.register(notice.clone()).await.unwrap();
    let decade = Period::months(120);
    insert(&store, &at(START - 3_652 * DAY, 1, &notice)).await;
    insert(&store, &at(decade.after(START), 2, &notice)).await;
    store.purge(KEEP, "P3Y").await.unwrap();
    assert!(is_there(&store, 1).await && is_there(&store, 2).await);
    NOW.store(KEEP.after(Period::months(6).after(START)) + 2 * DAY, SeqCst);
    assert_eq!(store.purge(KEEP, "P3Y").await.unwrap().records, 2);
}

#[tokio::test]
async fn a_record_that_is_held_outlasts_its_time_and_an_erasure_until_it_is_released() {
    static NOW: AtomicI64 = AtomicI64::new(START);
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.sqlite"), || NOW.load(SeqCst));
    let notice = configured().1.remove(0);
    store.register(notice.clone()).await.unwrap();
    let receipt = insert(&store, &at(START, 1, &notice)).await;
    assert_eq!(store.hold(&record_id(1), true).await.unwrap(), 1);
    assert_eq!(store.hold(&record_id(2), true).await.unwrap(), 0);
    NOW.store(KEEP.after(START) + 400 * DAY, SeqCst);
    let due = store.purge(KEEP, "P3Y").await.unwrap();
    assert_eq!((due.records, due.held), (0, 1));
    assert_eq!(store.erase(receipt.seq, "holder").await.unwrap(), Erased::Held);
    assert!(is_there(&store, 1).await);
    store.hold(&record_id(1), false).await.unwrap();
    assert_eq!(store.purge(KEEP, "P3Y").await.unwrap().records, 1);
    assert!(!is_there(&store, 1).await);
}

/// PROOF test 20: what is gone at the beginning is said once, at the end of a tile; what is above is proved as before.
#[tokio::test]
async fn a_prune_mark_stands_at_a_tile_and_what_is_above_it_is_proved_as_before() {
    static NOW: AtomicI64 = AtomicI64::new(START);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    let store = open(&path, || NOW.load(SeqCst));
    let notice = configured().1.remove(0);
    store.register(notice.clone()).await.unwrap();
    for n in 0..600 {
        insert(&store, &at(START, n, &notice)).await;
    }
    let young = Period::months(30).after(START);
    NOW.store(young, SeqCst);
    for n in 600..700 {
        insert(&store, &at(young, n, &notice)).await;
    }
    let before = store.head(SITE).await.unwrap().unwrap();
    NOW.store(KEEP.after(Period::months(6).after(START)) + DAY, SeqCst);
    assert_eq!(store.purge(KEEP, "P3Y").await.unwrap().records, 600);

    let head = store.head(SITE).await.unwrap().unwrap();
    assert_eq!(head.min_index, 512, "the last whole tile");
    let shell = rusqlite::Connection::open(&path).unwrap();
    let bytes = |index: u64| -> Option<Vec<u8>> {
        let sql = "SELECT bytes FROM log_entry WHERE idx = ?1";
        shell.query_row(sql, [index as i64], |row| row.get(0)).ok()
    };
    assert!(bytes(511).is_none() && bytes(512).is_some());
    let kinds: Vec<Entry> = (before.size..head.size).filter_map(|n| Entry::parse(&bytes(n)?)).collect();
    let marks =
        kinds.iter().filter(|kind| matches!(kind, Entry::Prune { min_index: 512, policy, .. } if policy == "P3Y"));
    assert_eq!(marks.count(), 1);
    let erasures: Vec<u64> = kinds
        .iter()
        .filter_map(|kind| if let Entry::Erasure { index, .. } = kind { Some(*index) } else { None })
        .collect();
    let first_young = head_of(&store, 600).await;
    assert_eq!(erasures, (512..first_young).collect::<Vec<_>>(), "only what the mark does not cover is named");
    assert!(kinds.iter().any(|kind| matches!(kind, Entry::Admin { action, count: 600, .. } if action == "purge")));
    for index in 512..head.size {
        let proof = store.prove(SITE, index).await.unwrap().unwrap();
        let leaf = leaf_hash(&bytes(index).unwrap());
        assert!(verify_inclusion(&leaf, index, head.size, &head.root, &proof.hashes), "{index}");
    }
    drop(store);
    let looked = store::audit(&path).unwrap();
    assert_eq!((looked.records, looked.erased), (700, 600));
    let again = open(&path, || NOW.load(SeqCst));
    assert_eq!(again.frozen(), None);
}

/// The place in the log of the `n`th visitor's record.
async fn head_of(store: &Store, n: u128) -> u64 {
    let (seq, _) = store.holders(&record_id(n)).await.unwrap()[0];
    store.evidence(seq).await.unwrap().unwrap().receipt.entry.unwrap().index
}

/// S1, S2: nobody has to ask for it. The first look is five minutes after a start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn the_server_erases_by_itself_what_has_had_its_term() {
    const YEAR: Millis = 365 * DAY;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("askfirst.sqlite");
    let notice = english();
    for (n, now) in [(1, (|| clock::now() - 4 * YEAR) as fn() -> Millis), (2, clock::now)] {
        let store = open(&database, now);
        store.register(notice.clone()).await.unwrap();
        insert(&store, &at(now(), n, &notice)).await;
        store.close().await;
    }
    let operations = Operations::open(&Operations::beside(&database)).unwrap();
    let looked = |days: i64, who: &str| Access {
        at: clock::now() - days * DAY,
        who: who.to_owned(),
        action: "read".to_owned(),
        record_id: Some(record_id(2)),
        reason: "a complaint".to_owned(),
    };
    for access in [looked(91, "Eva"), looked(89, "Omar")] {
        operations.run(|connection| access::add(connection, &access)).unwrap();
    }
    let server = Process::start(folder.path(), &[]);
    let status = |n| {
        let (id, secret) = (record_id(n), secret(n));
        let asked =
            format!("GET /askfirst/v1/records/{id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n\r\n");
        server.send(&asked).unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    let began = Instant::now();
    assert_eq!((status(1).as_str(), status(2).as_str()), ("200", "200"));
    while status(1) == "200" {
        assert!(began.elapsed() < Duration::from_secs(400), "it is there still");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(status(2), "200");
    let seen = operations.run(|connection| access::list(connection, 0)).unwrap();
    assert_eq!(seen.iter().map(|access| access.who.as_str()).collect::<Vec<_>>(), ["Omar"]);
}
