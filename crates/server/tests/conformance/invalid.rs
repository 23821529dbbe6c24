//! Notices that are declared faulty, and consents whose time has come (issue 4: the life of a record), on both engines.

use askfirst_core::log::evidence::{self, Outcome};
use askfirst_core::log::{Entry, LogKey};
use askfirst_core::record::life::State;
use askfirst_core::record::{Life, Record};
use askfirst_core::time::DAY;
use askfirst_server::clock;
use askfirst_server::store::backup::keys_of;
use askfirst_server::store::pack::PAGE;
use askfirst_server::store::restore::{Beside, Files};
use askfirst_server::store::{Database, Inserted, NewNotice, NewRecord, Store, key};

use crate::place::Place;
use crate::suite::{english, entries};
use crate::support::{SITE, configured, record, record_id};

fn dutch() -> NewNotice {
    configured().1.into_iter().find(|notice| notice.about.lang == "nl").unwrap()
}

async fn insert(store: &Store, record: &Record) {
    let stored = store.insert(NewRecord::new(record).unwrap()).await.unwrap();
    assert!(matches!(stored, Inserted::Created(_)), "{stored:?}");
}

async fn life(store: &Store, n: u128, now: i64) -> Option<Life> {
    let (seq, _) = store.holders(&record_id(n)).await.unwrap()[0];
    let evidence = store.evidence(seq).await.unwrap().unwrap();
    evidence.life(&evidence.check().record.unwrap(), now)
}

async fn a_faulty_notice_is_named_wherever_its_records_are_shown_and_no_record_changes(place: Place) {
    let store = place.open().await;
    let (faulty, other) = (english(), dutch());
    for notice in [&faulty, &other] {
        store.register(notice.clone()).await.unwrap();
    }
    insert(&store, &record(1, &faulty)).await;
    insert(&store, &record(2, &other)).await;
    let before = place.database.packs(&record_id(1)).await.unwrap().remove(0);
    let now = clock::now();
    let affected = place.database.affected(&faulty.digest, now).await.unwrap();
    assert_eq!((affected.known, affected.invalidated.is_some(), affected.sites[0].records), (true, false, 1));
    assert_eq!(affected.sites[0].not_ended, 1);
    assert!(!place.database.affected(&digest_of_nothing(), now).await.unwrap().known);
    assert!(place.database.notices_of(&faulty.about.version).await.unwrap().contains(&faulty.digest));

    let (digest, reason) = (key::digest(&faulty.digest).unwrap(), Some("a recipient was missing".to_owned()));
    assert_eq!(store.invalidate(digest, reason.clone()).await, Ok(true));
    assert_eq!(store.invalidate(digest, None).await, Ok(false), "the first word stays");
    assert_eq!(store.invalidate(key::digest(&digest_of_nothing()).unwrap(), None).await, Ok(false));
    assert_eq!(store.invalid_notices().await.unwrap(), std::slice::from_ref(&faulty.digest));
    let said: Vec<Entry> = entries(&store, SITE).await.iter().filter_map(|bytes| Entry::parse(bytes)).collect();
    let said: Vec<_> = said.iter().filter_map(Entry::invalidates).collect();
    assert_eq!(said.len(), 1, "the log has its word once");
    assert_eq!(said[0].0, faulty.digest);

    let stands = life(&store, 1, now).await.unwrap();
    assert_eq!((stands.state, stands.reason), (State::Invalidated, reason));
    assert_eq!(life(&store, 2, now).await.unwrap().state, State::InForce);
    // One that waited in a browser is taken in and counts as little (R6).
    insert(&store, &record(3, &faulty)).await;
    assert_eq!(life(&store, 3, now).await.unwrap().state, State::Invalidated);

    let keys = [LogKey::from(place.seed.key("www.example.nl/askfirst/log").unwrap().verifier().clone())];
    for (n, is_named) in [(1, true), (2, false), (3, true)] {
        let pack = place.database.packs(&record_id(n)).await.unwrap().remove(0);
        let text = pack.to_value().canonical();
        let report = evidence::verify(&text, &keys).remove(0);
        assert_eq!(report.outcome(), Outcome::Holds, "{}", report.text());
        assert_eq!(report.text().contains("declared the notice faulty"), is_named, "{}", report.text());
        assert_eq!(report.said.iter().any(|line| line.contains("does not count as consent")), is_named);
        if is_named {
            // About another notice, or moved to another place, it is no evidence.
            let moved = text.replace(&format!("invalidate:{}", faulty.digest), &format!("invalidate:{}", other.digest));
            assert_eq!(evidence::verify(&moved, &keys)[0].outcome(), Outcome::Fails);
        }
    }
    // In an export of all, where the word is looked for once, each pack is the one that its id gives.
    for packed in place.database.all_packs().next(PAGE).await.unwrap() {
        assert_eq!(packed.pack.as_slice(), place.database.packs(&packed.record_id).await.unwrap());
    }
    // What was proved before is proved by the same bytes.
    assert_eq!(evidence::verify(&before.to_value().canonical(), &keys)[0].outcome(), Outcome::Holds);
    store.close().await;
    place.database.audit().await.unwrap();
    // A copy has the word too, and the keys of its log.
    let (file, to) = (place.folder.path().join("copy"), place.beside().await);
    place.database.backup(None, &file).await.unwrap();
    let files = Files { file: &file, keys: &keys_of(&file), operations: None };
    to.database.restore(files, Beside::default(), now).await.unwrap();
    let brought = to.database.affected(&faulty.digest, now).await.unwrap();
    assert_eq!(brought.invalidated.and_then(|said| said.reason).as_deref(), Some("a recipient was missing"));
    to.database.audit().await.unwrap();
}

impl Place {
    /// Another place of the same kind, with the same master key and nothing in it.
    async fn beside(&self) -> Self {
        match &self.database {
            Database::Sqlite(_) => Self::sqlite(),
            Database::Postgres(address) => {
                let other = Self::postgres().await;
                let database = other.database.clone();
                let database =
                    address.master.clone().map_or(Ok(database.clone()), |master| database.with_master(master));
                Self { database: database.unwrap(), ..other }
            }
        }
    }
}

fn digest_of_nothing() -> String {
    askfirst_core::digest::digest(b"nothing")
}

/// S1, P7: a record's number stands on receipts; it is no key to somebody else's consent.
async fn whoever_knows_a_records_number_does_not_end_it(place: Place) {
    let store = place.open().await;
    store.register(english()).await.unwrap();
    let first = record(1, &english());
    insert(&store, &first).await;
    let end = life(&store, 1, clock::now()).await.unwrap().at;
    let mut forged = Record { prev: Some(record_id(1)), ..record(2, &english()) };
    forged.event.state = askfirst_core::record::State::Withdrawn;
    forged.decisions.iter_mut().for_each(|decision| decision.granted = false);
    insert(&store, &forged).await;
    let stands = life(&store, 1, clock::now()).await.unwrap();
    assert_eq!((stands.state, stands.at), (State::InForce, end), "neither its standing nor how long it is kept");
    // Its own browser ends it, and that it was named before changes nothing.
    let own =
        Record { record_id: record_id(3), holder: first.holder.clone(), subject: first.subject.clone(), ..forged };
    insert(&store, &own).await;
    assert_eq!(life(&store, 1, clock::now() + DAY).await.unwrap().state, State::Followed);
    store.close().await;
}

async fn a_consent_expires_by_the_calendar_and_one_that_was_followed_does_not(place: Place) {
    let store = place.open().await;
    store.register(english()).await.unwrap();
    let first = record(1, &english());
    insert(&store, &first).await;
    insert(&store, &Record { prev: Some(record_id(1)), subject: first.subject.clone(), ..record(2, &english()) }).await;
    let now = clock::now();
    assert_eq!(life(&store, 1, now + DAY).await.unwrap().state, State::Followed);
    assert_eq!(life(&store, 2, now).await.unwrap().state, State::InForce);
    let end = life(&store, 2, now).await.unwrap().at;
    assert_eq!(life(&store, 2, end).await.unwrap().state, State::Expired);
    assert_eq!(life(&store, 1, end + DAY).await.unwrap().state, State::Followed);
    store.close().await;
}

on_both! {
    a_faulty_notice_is_named_wherever_its_records_are_shown_and_no_record_changes;
    a_consent_expires_by_the_calendar_and_one_that_was_followed_does_not;
    whoever_knows_a_records_number_does_not_end_it;
}

sealed! {
    a_faulty_notice_is_named_wherever_its_records_are_shown_and_no_record_changes;
    a_consent_expires_by_the_calendar_and_one_that_was_followed_does_not;
    whoever_knows_a_records_number_does_not_end_it;
}
