//! The store by itself: ids are taken once whatever table they stand in, and older databases are brought up to date.

use askfirst_server::store::{self, Inserted, NewRecord, Receipt, Store, key};
use rusqlite::params;

use crate::support::{configured, record, record_id};

/// Generations of four ids, so that a few dozen records pass through all of it.
fn small() -> store::Options {
    store::Options { generation: 4, ..store::Options::default() }
}

async fn insert(store: &Store, n: u128, notice: &store::NewNotice) -> Inserted {
    store.insert(NewRecord::new(&record(n, notice)).unwrap()).await.unwrap()
}

fn created(inserted: Inserted) -> Receipt {
    let Inserted::Created(receipt) = inserted else { panic!("{inserted:?}") };
    unproved(receipt)
}

fn repeated(inserted: Inserted) -> Receipt {
    let Inserted::Repeated(receipt) = inserted else { panic!("{inserted:?}") };
    unproved(receipt)
}

/// The entry is the same each time; the proof grows with the log.
fn unproved(receipt: Receipt) -> Receipt {
    assert!(receipt.inclusion.is_some(), "{receipt:?}");
    Receipt { inclusion: None, ..receipt }
}

#[tokio::test]
async fn an_id_is_taken_once_while_it_moves_through_the_generations_and_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("askfirst.sqlite");
    let notice = configured().1.remove(0);
    let mut receipts = Vec::new();
    {
        let store = Store::open(&path, &small()).unwrap();
        store.register(notice.clone()).await.unwrap();
        for n in 0..50 {
            receipts.push(created(insert(&store, n, &notice).await));
            for (earlier, receipt) in receipts.iter().enumerate() {
                assert_eq!(repeated(insert(&store, earlier as u128, &notice).await), *receipt, "{earlier} after {n}");
                assert_eq!(store.holders(&record_id(earlier as u128)).await.unwrap().len(), 1);
            }
        }
        let shell = rusqlite::Connection::open(&path).unwrap();
        let moved: i64 = shell.query_row("SELECT count(*) FROM record_key", [], |row| row.get(0)).unwrap();
        let keyed: i64 = shell.query_row("SELECT seq FROM keyed", [], |row| row.get(0)).unwrap();
        assert!(
            (1..50).contains(&keyed) && moved >= keyed,
            "some are in the table and some in memory: {moved}, {keyed}"
        );
        // Who reads beside the server finds the newest too.
        assert_eq!(store::read(&path, &record_id(49)).unwrap().len(), 1);
    }
    let shell = rusqlite::Connection::open(&path).unwrap();
    let moved: i64 = shell.query_row("SELECT count(*) FROM record_key", [], |row| row.get(0)).unwrap();
    assert_eq!(moved, 50, "a store that was closed has every id in the table");
    // As a crash leaves it: the table behind the records, and some of it ahead of its mark.
    shell
        .execute_batch(
            "DROP TRIGGER record_key_is_never_removed;
             DELETE FROM record_key WHERE seq > 20 AND seq % 2 = 0;
             UPDATE keyed SET seq = 20;",
        )
        .unwrap();
    drop(shell);
    let store = Store::open(&path, &small()).unwrap();
    for (n, receipt) in receipts.iter().enumerate() {
        assert_eq!(repeated(insert(&store, n as u128, &notice).await), *receipt, "{n}");
    }
    assert_eq!(created(insert(&store, 50, &notice).await).seq, 51);
}

#[tokio::test]
async fn a_database_of_the_first_format_is_brought_up_to_date_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("askfirst.sqlite");
    let notice = configured().1.remove(0);
    let shell = rusqlite::Connection::open(&path).unwrap();
    shell.execute_batch(include_str!("../../src/store/migrations/1.sql")).unwrap();
    shell.pragma_update(None, "application_id", 0x4153_4b46).unwrap();
    shell.pragma_update(None, "user_version", 1).unwrap();
    shell
        .execute(
            "INSERT INTO notice VALUES (?1, ?2, ?3, 5, ?4)",
            params![key::digest(&notice.digest), notice.about.lang, notice.about.version, notice.text],
        )
        .unwrap();
    for n in 0..3 {
        let record = record(n, &notice);
        let body = record.canonical();
        shell
            .execute(
                "INSERT INTO record VALUES (?1, ?2, ?3, 7, 'ok', ?4, NULL, ?5, ?6, ?7, ?8)",
                params![
                    n as i64 + 1,
                    record.site,
                    key::uuid(&record.record_id),
                    askfirst_core::digest::sha256(body.as_bytes()),
                    key::digest(&notice.digest),
                    key::subject(&record.subject),
                    key::digest(&record.holder),
                    body
                ],
            )
            .unwrap();
    }
    drop(shell);
    let store = Store::open(&path, &store::Options::default()).unwrap();
    for n in 0..3 {
        let receipt = repeated(insert(&store, n, &notice).await);
        assert_eq!((receipt.seq, receipt.received_at), (n as i64 + 1, 7));
        let [evidence] = &store::read(&path, &record_id(n)).unwrap()[..] else { panic!("{n} is not found") };
        assert_eq!(evidence.check().problem(), None);
    }
    assert_eq!(created(insert(&store, 3, &notice).await).seq, 4);
}
