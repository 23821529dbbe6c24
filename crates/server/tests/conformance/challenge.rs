//! What came beside a record where the site's pages ask for a challenge (issue 4, PROOF §5), on both engines: it is
//! committed to, and comes along wherever the record goes.

use askfirst_core::log::evidence::{self, Outcome};
use askfirst_core::log::{CHALLENGE_TERM, Challenge, LogKey};
use askfirst_server::store::{Inserted, NewNotice, NewRecord, Receipt, Store};

use crate::place::Place;
use crate::suite::english;
use crate::support::{SITE, record, record_id};

on_both! {
    what_came_with_a_record_is_committed_to_and_shown_in_its_pack;
    a_record_sent_again_with_another_challenge_is_the_one_that_is_stored;
}

sealed! {
    what_came_with_a_record_is_committed_to_and_shown_in_its_pack;
}

async fn insert(store: &Store, notice: &NewNotice, n: u128, challenge: Option<Challenge>) -> Inserted {
    let mut new = NewRecord::new(&record(n, notice)).unwrap();
    new.challenge = challenge;
    store.insert(new).await.unwrap()
}

async fn created(store: &Store, notice: &NewNotice, n: u128, challenge: Option<Challenge>) -> Receipt {
    let Inserted::Created(receipt) = insert(store, notice, n, challenge).await else { panic!("it is new") };
    receipt
}

async fn what_came_with_a_record_is_committed_to_and_shown_in_its_pack(place: Place) {
    let (store, notice) = (place.open().await, english());
    store.register(notice.clone()).await.unwrap();
    let now = store.now();
    let sent = [
        (None, None),
        (Some(Challenge::Issued(now)), Some("fresh")),
        (Some(Challenge::Issued(now - CHALLENGE_TERM - 60_000)), Some("late")),
        (Some(Challenge::Missing), Some("missing")),
        (Some(Challenge::Invalid), Some("invalid")),
    ];
    let head = store.head(SITE).await.unwrap().unwrap();
    let keys = [LogKey::from(place.seed.key(&head.origin).unwrap().verifier().clone())];
    for (n, (challenge, state)) in sent.iter().enumerate() {
        let n = n as u128;
        let receipt = created(&store, &notice, n, *challenge).await;
        let report = evidence::verify_receipt(&record(n, &notice).canonical(), &receipt.canonical(), &keys);
        assert_eq!(report.outcome(), Outcome::Holds, "{}", report.text());

        let text = place.database.packs(&record_id(n)).await.unwrap()[0].to_value().canonical();
        let report = &evidence::verify(&text, &keys)[0];
        assert_eq!(report.outcome(), Outcome::Holds, "{}", report.text());
        let Some(state) = state else {
            assert!(!text.contains("\"challenge\""), "where none is asked for the format is what it was");
            continue;
        };
        let said = format!("\"state\":\"{state}\"");
        assert!(text.contains(&said), "{text}");
        assert!(report.text().contains("challenge"), "{}", report.text());
        let other = if *state == "fresh" { "late" } else { "fresh" };
        let forged = text.replace(&said, &format!("\"state\":\"{other}\""));
        assert_eq!(evidence::verify(&forged, &keys)[0].outcome(), Outcome::Fails, "{state}");
    }
    store.close().await;
    assert_eq!(place.database.audit().await.unwrap().records, sent.len() as u64);
}

async fn a_record_sent_again_with_another_challenge_is_the_one_that_is_stored(place: Place) {
    let (store, notice) = (place.open().await, english());
    store.register(notice.clone()).await.unwrap();
    let first = created(&store, &notice, 1, Some(Challenge::Issued(store.now()))).await;
    for challenge in [Some(Challenge::Invalid), Some(Challenge::Missing), None] {
        let Inserted::Repeated(again) = insert(&store, &notice, 1, challenge).await else { panic!("it was here") };
        assert_eq!(Receipt { inclusion: None, ..again }, Receipt { inclusion: None, ..first.clone() });
    }
    // After a start, from the database.
    store.close().await;
    let store = place.open().await;
    let Inserted::Repeated(again) = insert(&store, &notice, 1, Some(Challenge::Missing)).await else { panic!("there") };
    assert_eq!((again.challenge, again.seq), (first.challenge, first.seq));
}
