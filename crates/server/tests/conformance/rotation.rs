//! Another key in the place of the one that signs the logs (PROOF test 16), on both engines.

use askfirst_core::log::evidence::{self, Outcome, Pack};
use askfirst_core::log::{Checkpoint, LogKey, SigningKey, TextProof};
use askfirst_server::clock;
use askfirst_server::store::log::Seed;
use askfirst_server::store::log::keys::Step;
use askfirst_server::store::{Inserted, NewRecord, Options, Store};

use crate::place::Place;
use crate::suite::{english, entries};
use crate::support::{SITE, record, record_id};
use crate::witnesses::{Stub, watch};

const LOG: &str = "www.example.nl/askfirst/log";

fn public(seed: &Seed) -> LogKey {
    seed.key(LOG).unwrap().verifier().clone().into()
}

fn options(place: &Place, current: &Seed, next: Option<&Seed>) -> Options {
    Options { seed: Some(current.clone()), next_seed: next.cloned(), ..place.options() }
}

async fn open(place: &Place, options: &Options) -> Store {
    let store = place.database.open(options).await.unwrap();
    store.register(english()).await.unwrap();
    // On PostgreSQL its server has to have become the one that gives places before a witness is asked.
    for _ in 0..200 {
        if store.signs() {
            return store;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nobody gives the places");
}

async fn insert(store: &Store, n: u128) -> String {
    let stored = store.insert(NewRecord::new(&record(n, &english())).unwrap()).await.unwrap();
    let Inserted::Created(receipt) = stored else { panic!("{n}: {stored:?}") };
    receipt.canonical()
}

async fn pack(place: &Place, n: u128) -> Pack {
    place.database.packs(&record_id(n)).await.unwrap().remove(0)
}

fn outcome(pack: &Pack, keys: &[LogKey]) -> Outcome {
    evidence::verify(&pack.to_value().canonical(), keys)[0].outcome()
}

fn believed(receipt: &str, n: u128, key: &LogKey) -> bool {
    let text = record(n, &english()).canonical();
    evidence::verify_receipt(&text, receipt, std::slice::from_ref(key)).outcome() == Outcome::Holds
}

/// What it would be, had somebody with the old key signed it.
fn forged(pack: &Pack, key: &SigningKey) -> Pack {
    let resigned = |proof: &str| {
        let mut proof = TextProof::parse(proof).unwrap();
        let text = proof.checkpoint.split_once("\n\n").unwrap().0.to_owned() + "\n";
        proof.checkpoint = key.sign(&text).unwrap();
        proof.text()
    };
    let mut forged = pack.clone();
    forged.proof = resigned(&pack.proof);
    if let Some(notice) = &mut forged.notice {
        notice.proof = resigned(&notice.proof);
    }
    forged
}

async fn all_that_was_signed_before_between_and_after_holds(place: Place) {
    let (old, new) = (place.seed.clone(), Seed::random().unwrap());
    let stub = Stub::start("a.example/w1", vec![public(&old).key, public(&new).key]).await;
    let mut watch = watch(&[&stub]);
    let (before, both) = (options(&place, &old, None), options(&place, &old, Some(&new)));
    let store = open(&place, &before).await;
    watch.step(&store).await.unwrap();
    assert!(believed(&insert(&store, 1).await, 1, &public(&old)));
    let first = pack(&place, 1).await;
    store.close().await;

    // A server that has the next key signs with it only when the log has said so.
    let store = open(&place, &both).await;
    let receipt = insert(&store, 2).await;
    assert!(believed(&receipt, 2, &public(&old)) && !believed(&receipt, 2, &public(&new)));
    store.close().await;
    let early = place.database.rotate_log(&both, Step::Finish, clock::now()).await.unwrap_err();
    assert!(early.contains("not signed by the next key yet"), "{early}");
    let alone = place.database.rotate_log(&before, Step::Begin, clock::now()).await.unwrap_err();
    assert!(alone.contains("no key that could take the place"), "{alone}");

    let begun = place.database.rotate_log(&both, Step::Begin, clock::now()).await.unwrap();
    assert_eq!(begun.len(), 1);
    assert_eq!(begun, place.database.rotate_log(&both, Step::Begin, clock::now()).await.unwrap(), "once is enough");
    let refused = place.database.open(&before).await.err().unwrap();
    assert!(refused.contains("--next-log-key-file"), "who lacks a key signs nothing: {refused}");
    let store = open(&place, &both).await;
    let receipt = insert(&store, 3).await;
    assert!(believed(&receipt, 3, &public(&old)) && believed(&receipt, 3, &public(&new)), "in the overlap by either");
    watch.step(&store).await.unwrap();
    let second = pack(&place, 3).await;
    assert_eq!(second.keys, [public(&old).to_text(), public(&new).to_text()]);
    store.close().await;

    let finished = place.database.rotate_log(&both, Step::Finish, clock::now()).await.unwrap();
    let published = finished[0].1.clone();
    let ended = published[0].until.unwrap();
    assert_eq!((published[0].key.clone(), published[1].until), (public(&old).key, None));
    let refused = place.database.open(&before).await.err().unwrap();
    assert!(refused.contains("does not have"), "{refused}");
    // With both files, and with the new one alone.
    for (n, options) in [(4, &both), (5, &options(&place, &new, None))] {
        let store = open(&place, options).await;
        let receipt = insert(&store, n).await;
        assert!(believed(&receipt, n, &public(&new)) && !believed(&receipt, n, &public(&old)));
        watch.step(&store).await.unwrap();
        assert_eq!(store.frozen(), None);
        store.close().await;
    }
    assert!(stub.answered().iter().all(|status| *status == 200), "the witness follows through all of it");

    let third = pack(&place, 5).await;
    let text = published.iter().map(|key| key.to_text() + "\n").collect::<String>();
    let published = evidence::read_keys(&text).unwrap();
    for pack in [&first, &second, &third] {
        assert_eq!(outcome(pack, &published), Outcome::Holds);
    }
    let witnessed = [published.clone(), vec![stub.key().into()]].concat();
    let report = evidence::verify(&third.to_value().canonical(), &witnessed).remove(0);
    assert!(report.text().contains("The witness a.example/w1 saw the log"), "{}", report.text());
    // Who has stolen the old key can still sign, and nobody believes it who knows that it was taken out.
    let forged = forged(&third, &old.key(LOG).unwrap());
    assert_eq!(outcome(&forged, &[public(&old)]), Outcome::Holds, "who has not heard of it can't know");
    let report = evidence::verify(&forged.to_value().canonical(), &published).remove(0);
    assert!(report.problem().unwrap().contains(&format!("taken out of the log when it had {ended} entries")));

    // The log's own head is held to the same.
    place.database.audit().await.unwrap();
    let store = open(&place, &options(&place, &new, None)).await;
    let head = store.head(SITE).await.unwrap().unwrap();
    assert!(entries(&store, SITE).await.len() as u64 > ended);
    store.close().await;
    let both_signed =
        Checkpoint::new(LOG, head.size, head.root).sign_by(&[new.key(LOG).unwrap(), old.key(LOG).unwrap()]).unwrap();
    place.tamper(&format!("UPDATE [log] SET note = '{both_signed}'")).await;
    let problem = place.database.audit().await.unwrap_err();
    assert!(problem.contains("taken out of it before") && problem.contains(&public(&old).to_text()), "{problem}");
    place.tamper(&format!("UPDATE [log] SET note = '{}'", head.note)).await;
    place.database.audit().await.unwrap();
    place.tamper("UPDATE [log_key] SET until = until + 1 WHERE until IS NOT NULL").await;
    let problem = place.database.audit().await.unwrap_err();
    assert!(problem.contains("not those that its entries name"), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_all_that_was_signed_before_between_and_after_holds() {
    all_that_was_signed_before_between_and_after_holds(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_all_that_was_signed_before_between_and_after_holds() {
    all_that_was_signed_before_between_and_after_holds(Place::postgres().await).await;
}

/// Two servers run on while the key is replaced; one that was not given the new key stops adding.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_on_postgresql_go_on_while_the_key_is_replaced() {
    let place = Place::postgres().await;
    let (old, new) = (place.seed.clone(), Seed::random().unwrap());
    let both = options(&place, &old, Some(&new));
    let without = open(&place, &options(&place, &old, None)).await;
    insert(&without, 0).await;
    let servers = [place.database.open(&both).await.unwrap(), place.database.open(&both).await.unwrap()];
    let published = async |step| place.database.rotate_log(&both, step, clock::now()).await.unwrap().remove(0).1;
    let mut n = 1;
    let mut send = async |keys: &[&Seed]| {
        for server in &servers {
            for _ in 0..3 {
                let receipt = insert_again(server, n).await;
                assert!(keys.iter().all(|key| believed(&receipt, n, &public(key))), "{n}");
                n += 1;
            }
        }
    };
    send(&[&old]).await;
    published(Step::Begin).await;
    // The one that gave the places can't sign on, says so, and another takes over.
    send(&[&old, &new]).await;
    assert!(without.frozen().is_some_and(|why| why.contains("--next-log-key-file")), "{:?}", without.frozen());
    published(Step::Finish).await;
    send(&[&new]).await;
    assert!(servers.iter().all(|server| server.frozen().is_none()));
    // A site that comes now has a log of the new key alone.
    let there = askfirst_core::record::Record { site: "https://other.example".to_owned(), ..record(9, &english()) };
    servers[0].insert(NewRecord::new(&there).unwrap()).await.unwrap();
    let head = servers[0].head(&there.site).await.unwrap().unwrap();
    let keys = servers[0].log_keys(head.log).await.unwrap();
    assert_eq!(keys, [new.key(&head.origin).unwrap().verifier().clone().into()]);
    place.database.audit().await.unwrap();
}

/// As a browser does: comes again when it is asked to.
async fn insert_again(store: &Store, n: u128) -> String {
    for _ in 0..5 {
        match store.insert(NewRecord::new(&record(n, &english())).unwrap()).await {
            Ok(Inserted::Created(receipt) | Inserted::Repeated(receipt)) => return receipt.canonical(),
            Ok(other) => panic!("{n}: {other:?}"),
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
        }
    }
    panic!("{n} is not taken");
}
