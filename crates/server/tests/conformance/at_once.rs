//! Records that are stored and placed by one statement (`store/postgres/at_once.rs`): that it is done, what comes of it when
//! it fails, and when it is not to be done at all.

use std::sync::Arc;
use std::time::Duration;

use askfirst_core::record::Record;
use askfirst_server::store::{Inserted, NewRecord, Receipt, Store};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::place::Place;
use crate::servers::insert_all;
use crate::suite::{english, entries, holds};
use crate::support::{SITE, record, record_id};

/// A server that gives the places, and a shell that sees how each version of the logs was made (table `way`). The sequence
/// `tries` counts the statements that came so far, those too of which nothing is left.
async fn leading() -> (Place, [Arc<Store>; 1], Client) {
    let place = Place::postgres().await;
    let stores = [leader(&place, 0).await];
    let shell = place.shell().await;
    let watch = "
        CREATE TABLE way (n SERIAL, at_once BOOL NOT NULL);
        CREATE SEQUENCE tries;
        CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF current_query() LIKE 'WITH turn%' THEN PERFORM nextval('tries'); END IF;
            INSERT INTO way (at_once) VALUES (current_query() LIKE 'WITH turn%');
            RETURN NEW;
        END $$;
        CREATE TRIGGER watch BEFORE UPDATE ON askfirst.sequencer FOR EACH ROW
            WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION watch();";
    shell.batch_execute(watch).await.unwrap();
    (place, stores, shell)
}

/// It leads, and has the log at hand, when its first records have their places.
async fn leader(place: &Place, n: u128) -> Arc<Store> {
    let store = Arc::new(place.open().await);
    store.register(english()).await.unwrap();
    for n in n..n + 2 {
        insert_all(&[Arc::clone(&store)], n..n + 1).await;
    }
    store
}

/// How each version was made.
async fn ways(shell: &Client) -> Vec<bool> {
    shell.query("SELECT at_once FROM way ORDER BY n", &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn tries(shell: &Client) -> i64 {
    let sql = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM tries";
    shell.query_one(sql, &[]).await.unwrap().get(0)
}

/// The process of the database that waits in the middle of such a statement.
async fn waiting(shell: &Client) -> i32 {
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                   AND query LIKE 'WITH turn%'";
    loop {
        if let [row] = &shell.query(sql, &[]).await.unwrap()[..] {
            return row.get(0);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn inserting(stores: &[Arc<Store>; 1], records: std::ops::Range<u128>) -> JoinHandle<Vec<Receipt>> {
    let stores = stores.clone();
    tokio::spawn(async move { insert_all(&stores, records).await })
}

/// Each has a place of its own, without a gap, in the log and in what is stored.
async fn require_whole(place: &Place, store: &Store, mut receipts: Vec<Receipt>, records: u128) {
    let entries = entries(store, SITE).await;
    assert!(receipts.iter().all(|receipt| holds(receipt, &entries)));
    receipts.sort_unstable_by_key(|receipt| receipt.seq);
    receipts.dedup_by_key(|receipt| receipt.seq);
    assert_eq!(receipts.last().unwrap().seq, records as i64);
    assert_eq!(place.database.audit().await.unwrap().records, records as u64);
    assert_eq!(store.frozen(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_which_none_is_known_are_stored_and_placed_by_one_statement() {
    let (place, stores, shell) = leading().await;
    let receipts = insert_all(&stores, 2..83).await;
    let ways = ways(&shell).await;
    assert!(!ways.is_empty() && ways.iter().all(|at_once| *at_once), "{ways:?}");
    require_whole(&place, &stores[0], receipts, 83).await;
}

/// Where both are of one pseudonym.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_that_one_follows_ends_in_the_same_statement() {
    let (place, stores, shell) = leading().await;
    let end = async || -> i64 {
        shell.query_one("SELECT ends_at FROM askfirst.place WHERE seq = 1", &[]).await.unwrap().get(0)
    };
    let (notice, before) = (english(), end().await);
    let insert = async |record: &Record| match stores[0].insert(NewRecord::new(record).unwrap()).await {
        Ok(Inserted::Created(receipt)) => receipt,
        other => panic!("{other:?}"),
    };
    let prev = Some(record_id(0));
    let other = insert(&Record { prev: prev.clone(), ..record(2, &notice) }).await;
    assert_eq!(end().await, before);
    let subject = record(0, &notice).subject;
    let follows = insert(&Record { prev, subject, ..record(3, &notice) }).await;
    assert_eq!(end().await, follows.received_at);
    assert_eq!(ways(&shell).await, [true, true]);
    require_whole(&place, &stores[0], vec![other, follows], 4).await;
}

/// One is broken off in the middle, while more records wait.
async fn broken_off(how: &str) {
    let (place, stores, shell) = leading().await;
    let holding = place.shell().await;
    holding.batch_execute("BEGIN; SELECT 1 FROM askfirst.log FOR UPDATE").await.unwrap();
    let first = inserting(&stores, 2..3);
    let process = waiting(&shell).await;
    let second = inserting(&stores, 3..43);
    tokio::time::sleep(Duration::from_millis(100)).await;
    shell.query(&format!("SELECT {how}($1)"), &[&process]).await.unwrap();
    holding.batch_execute("ROLLBACK").await.unwrap();
    let mut receipts = first.await.unwrap();
    receipts.extend(second.await.unwrap());
    assert!(ways(&shell).await.contains(&false), "they went the long way");
    // It goes on from there.
    let before = tries(&shell).await;
    receipts.extend(insert_all(&stores, 43..44).await);
    receipts.extend(insert_all(&stores, 44..45).await);
    assert!(tries(&shell).await > before && *ways(&shell).await.last().unwrap());
    require_whole(&place, &stores[0], receipts, 45).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_cancelled_changes_nothing_and_its_records_are_not_lost() {
    broken_off("pg_cancel_backend").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_under_it_loses_none() {
    broken_off("pg_terminate_backend").await;
}

/// A server that does not remember them finds them in the database: the statement as a whole is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_records_among_new_ones_are_known_and_the_new_ones_are_stored() {
    let (place, stores, shell) = leading().await;
    let before = insert_all(&stores, 0..40).await;
    let [store] = stores;
    Arc::into_inner(store).unwrap().close().await;
    let stores = [leader(&place, 60).await];
    let (tried, made) = (tries(&shell).await, ways(&shell).await.len());
    let mut receipts = insert_all(&stores, 0..60).await;
    let (tries, since) = (tries(&shell).await - tried, ways(&shell).await.split_off(made));
    assert!(tries > 0 && since.contains(&false), "{tries} {since:?}");
    let known =
        |receipt: &&Receipt| before.iter().any(|one| (&one.record_id, one.seq) == (&receipt.record_id, receipt.seq));
    assert_eq!(receipts.iter().filter(known).count(), 40, "each has the receipt that it had");
    // It has read the trees again, and sends the next at once.
    receipts.extend(insert_all(&stores, 62..63).await);
    assert_eq!(ways(&shell).await.last(), Some(&true));
    require_whole(&place, &stores[0], receipts, 63).await;
}

/// Erasing appends as well, whichever server does it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_server_has_appended_meanwhile_is_read_first() {
    let (place, stores, shell) = leading().await;
    let mut receipts = insert_all(&stores, 2..3).await;
    let other = place.open().await;
    other.erase(1, "holder").await.unwrap();
    receipts.extend(insert_all(&stores, 3..4).await);
    receipts.extend(insert_all(&stores, 4..5).await);
    assert_eq!(ways(&shell).await, [true, false, false, true], "a record, an erasure, and two records");
    require_whole(&place, &stores[0], receipts, 5).await;
}

/// CockroachDB changes no table twice in one statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_no_such_statement_is_asked_once() {
    let (place, stores, shell) = leading().await;
    let refuse = "
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF current_query() LIKE 'WITH turn%' THEN RAISE EXCEPTION 'no' USING ERRCODE = '0A000'; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER x_refuse BEFORE UPDATE ON askfirst.sequencer FOR EACH ROW EXECUTE FUNCTION refuse();";
    shell.batch_execute(refuse).await.unwrap();
    let mut receipts = Vec::new();
    for n in 2..10 {
        receipts.extend(insert_all(&stores, n..n + 1).await);
    }
    assert_eq!((tries(&shell).await, ways(&shell).await), (1, vec![false; 8]));
    require_whole(&place, &stores[0], receipts, 10).await;
}

/// More of them than the server has connections: who waits for one holds nothing that who has one waits for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_among_many_erasures_holds_none_of_them_up() {
    let (place, stores, shell) = leading().await;
    let mut receipts = insert_all(&stores, 2..62).await;
    let holding = place.shell().await;
    holding.batch_execute("BEGIN; SELECT 1 FROM askfirst.sequencer FOR UPDATE").await.unwrap();
    let erasing: Vec<_> = (1..=60)
        .map(|seq| {
            let store = Arc::clone(&stores[0]);
            tokio::spawn(async move { store.erase(seq, "holder").await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let record = inserting(&stores, 62..63);
    tokio::time::sleep(Duration::from_millis(100)).await;
    holding.batch_execute("ROLLBACK").await.unwrap();
    for erased in erasing {
        assert!(erased.await.unwrap().is_ok());
    }
    receipts.extend(record.await.unwrap());
    assert_eq!(ways(&shell).await.iter().filter(|at_once| !**at_once).count(), 60, "each erasure is one");
    require_whole(&place, &stores[0], receipts, 63).await;
}
