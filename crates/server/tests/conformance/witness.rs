//! Several servers and their witnesses on one PostgreSQL (PROOF test 13): only the one that gives the places asks, all
//! hand out what was said. The statements that hold for one server stand in `tests/server/witness.rs`.

use askfirst_core::log::evidence::{self, Outcome};
use askfirst_core::log::{Checkpoint, Entry, KeyAction, KeyRole, LogKey};
use askfirst_server::store::{Inserted, NewRecord, Store};

use crate::place::Place;
use crate::suite::entries;
use crate::support::{SITE, configured, record, record_id};
use crate::witnesses::{Stub, watch};

async fn send(store: &Store, records: std::ops::Range<u128>) {
    let notice = configured().1.into_iter().find(|notice| notice.about.lang == "en").unwrap();
    store.register(notice.clone()).await.unwrap();
    for n in records {
        let record = NewRecord::new(&record(n, &notice)).unwrap();
        assert!(matches!(store.insert(record).await.unwrap(), Inserted::Created(_)));
    }
}

async fn leads(store: &Store) {
    for _ in 0..200 {
        if store.signs() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nobody gives the places");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_asks_the_witness_and_every_server_hands_out_its_word() {
    let place = Place::postgres().await;
    let first = place.open().await;
    leads(&first).await;
    let second = place.open().await;
    assert!(!second.signs(), "one server talks to witnesses");
    let key = place.seed.key("www.example.nl/askfirst/log").unwrap().verifier().clone();
    let stub = Stub::start("a.example/w1", vec![key.clone()]).await;
    let keys = [key, stub.key()];
    send(&second, 0..5).await;
    let mut watch = watch(&[&stub]);
    for _ in 0..2 {
        watch.step(&first).await.unwrap();
    }
    send(&first, 5..300).await;
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    watch.step(&first).await.unwrap();
    assert_eq!(stub.answered(), [200, 200], "the second from the size of the first");
    let entries = entries(&second, SITE).await;
    let is_named = |entry: &Entry| matches!(entry, Entry::Key { action: KeyAction::Add, role: KeyRole::Witness, .. });
    assert_eq!(entries.iter().filter_map(|bytes| Entry::parse(bytes)).filter(is_named).count(), 1);
    let size = stub.size("www.example.nl/askfirst/log");
    for store in [&first, &second] {
        let note = store.checkpoint(SITE).await.unwrap().unwrap();
        let opened = Checkpoint::open(&note, &keys).unwrap();
        assert_eq!((opened.checkpoint.size, opened.witnesses.len()), (size, 1));
    }
    // A proof and a pack lead to what was cosigned, also when the log has grown since.
    send(&second, 300..310).await;
    let covered = second.prove(SITE, size - 1).await.unwrap().unwrap();
    assert_eq!(Checkpoint::open(&covered.checkpoint, &keys).unwrap().witnesses.len(), 1);
    let newer = first.prove(SITE, size).await.unwrap().unwrap();
    assert_eq!(Checkpoint::open(&newer.checkpoint, &keys).unwrap().witnesses.len(), 0);
    let pack = place.database.packs(&record_id(3)).await.unwrap()[0].to_value().canonical();
    let report = &evidence::verify(&pack, &keys.map(LogKey::from))[0];
    assert!(report.outcome() == Outcome::Holds && report.text().contains("a.example/w1"), "{}", report.text());
    // When its server has gone, the next one goes on from where the witness is.
    first.close().await;
    leads(&second).await;
    crate::witnesses::watch(&[&stub]).step(&second).await.unwrap();
    assert_eq!(stub.answered(), [200]);
    assert_eq!(stub.size("www.example.nl/askfirst/log"), size + 10);
}

/// PROOF test 13.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rewritten_history_on_postgresql_stops_the_log() {
    let (place, other) = (Place::postgres().await, Place::postgres().await);
    let other = Place { seed: place.seed.clone(), ..other };
    let key = place.seed.key("www.example.nl/askfirst/log").unwrap().verifier().clone();
    let stub = Stub::start("a.example/w1", vec![key]).await;
    for (place, records) in [(&place, 0..5), (&other, 50..70)] {
        let store = place.open().await;
        leads(&store).await;
        send(&store, records).await;
        watch(&[&stub]).step(&store).await.unwrap();
        let frozen = store.frozen().map(str::to_owned);
        assert_eq!(frozen.is_some(), stub.answered().contains(&422), "{frozen:?}");
        assert_eq!(frozen.is_some(), std::ptr::eq(place, &other));
        store.close().await;
    }
}
