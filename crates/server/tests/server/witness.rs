//! Witnesses (PROOF test 13; C2SP tlog-witness, tlog-cosignature), against one that verifies what it is sent.

use std::sync::Arc;
use std::time::Duration;

use askfirst_core::log::evidence;
use askfirst_core::log::{Checkpoint, Entry, KeyAction, KeyRole, LogKey, TextProof, VerifierKey, decode_bundle};
use askfirst_server::http::{Options, Shared};
use askfirst_server::store::log::Seed;
use askfirst_server::store::{self, Store};
use askfirst_server::witness::{Figures, Witness};
use axum::http::StatusCode;

use crate::support::*;
use crate::witnesses::{Mood, Stub, watch};

const LOG: &str = "www.example.nl/askfirst/log";

async fn watched(figures: Vec<Arc<Figures>>, seed: &Seed) -> Server {
    let options = Options { witnesses: figures, ..no_limit() };
    let store = store::Options { seed: Some(seed.clone()), ..store::Options::default() };
    server_with(options, store, |_| Default::default()).await
}

fn log_key(seed: &Seed) -> VerifierKey {
    seed.key(LOG).unwrap().verifier().clone()
}

async fn send(server: &Server, records: std::ops::Range<u128>) {
    for n in records {
        let answer = server.ask(post(body(n, &server.notice))).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    }
}

fn store(server: &Server) -> &Store {
    let app: &Shared = &server.app;
    &app.store
}

/// The witnesses of the checkpoint that is handed out, and its size.
async fn cosigned(server: &Server, keys: &[VerifierKey]) -> (u64, Vec<String>) {
    let answer = server.ask(get("/askfirst/v1/log/checkpoint")).await;
    let opened = Checkpoint::open(&answer.text, keys).unwrap();
    (opened.checkpoint.size, opened.witnesses.into_iter().map(|by| by.key.name).collect())
}

async fn key_entries(server: &Server) -> Vec<(KeyAction, KeyRole)> {
    let size = store(server).head(SITE).await.unwrap().unwrap().size;
    let resource = askfirst_core::log::Resource::parse(&format!("tile/entries/000.p/{size}")).unwrap();
    let bytes = store(server).log_resource(SITE, resource).await.unwrap().unwrap();
    let entries = decode_bundle(&bytes).unwrap().into_iter().filter_map(Entry::parse);
    entries
        .filter_map(|entry| match entry {
            Entry::Key { action, role, .. } => Some((action, role)),
            _ => None,
        })
        .collect()
}

/// PROOF test 13: a valid log is cosigned, and the cosignature goes with checkpoint, proof and pack.
#[tokio::test]
async fn what_a_log_says_is_cosigned_and_goes_out_with_checkpoint_proof_and_pack() {
    let seed = Seed::random().unwrap();
    let stubs = [
        Stub::start("a.example/w1", vec![log_key(&seed)]).await,
        Stub::start("b.example/w2", vec![log_key(&seed)]).await,
    ];
    let mut watch = watch(&[&stubs[0], &stubs[1]]);
    let server = watched(watch.figures(), &seed).await;
    let keys = [log_key(&seed), stubs[0].key(), stubs[1].key()];
    send(&server, 0..3).await;
    assert_eq!(cosigned(&server, &keys).await.1, [""; 0]);
    watch.step(store(&server)).await.unwrap();
    let (size, names) = cosigned(&server, &keys).await;
    assert_eq!(names, ["a.example/w1", "b.example/w2"]);
    assert_eq!(size, stubs[0].size(LOG));
    // What comes after is in the next one, whose proof goes on from the size that each has cosigned.
    send(&server, 3..300).await;
    assert_eq!(cosigned(&server, &keys).await.0, size, "the cosigned one is handed out while witnesses answer");
    tokio::time::sleep(Duration::from_millis(2)).await;
    watch.step(store(&server)).await.unwrap();
    let (next, names) = cosigned(&server, &keys).await;
    assert_eq!((next, names.len()), (size + 297, 2));
    assert!(stubs.iter().all(|stub| stub.answered() == [200, 200]), "a witness that is known is told no size twice");

    send(&server, 300..301).await;
    let proof = server.ask(get(&format!("/askfirst/v1/log/proof?index={}", next - 1))).await;
    let proof = TextProof::parse(&proof.text).unwrap();
    assert_eq!(Checkpoint::open(&proof.checkpoint, &keys).unwrap().witnesses.len(), 2);
    let newest = server.ask(get(&format!("/askfirst/v1/log/proof?index={next}"))).await;
    let newest = Checkpoint::open(&TextProof::parse(&newest.text).unwrap().checkpoint, &keys).unwrap();
    assert_eq!(
        (newest.checkpoint.size, newest.witnesses.len()),
        (next + 1, 0),
        "what no witness has seen is proved all the same"
    );
    let pack = store::packs(&server.database(), &record_id(7)).unwrap()[0].to_value().canonical();
    let report = &evidence::verify(&pack, &keys.clone().map(LogKey::from))[0];
    assert_eq!(report.outcome(), evidence::Outcome::Holds, "{}", report.text());
    assert!(report.text().contains("a.example/w1") && report.text().contains("b.example/w2"), "{}", report.text());
    let metrics = server.ask(get("/metrics")).await.text;
    assert!(metrics.contains("askfirst_witness_cosigned_total{witness=\"a.example/w1\"} 2\n"), "{metrics}");
}

/// The log itself says which witnesses follow it (PROOF §3.3, entry 5), once for each change.
#[tokio::test]
async fn a_witness_that_comes_or_goes_is_an_entry_of_the_log() {
    let seed = Seed::random().unwrap();
    let stub = Stub::start("a.example/w1", vec![log_key(&seed)]).await;
    let server = watched(vec![], &seed).await;
    let own = (KeyAction::Add, KeyRole::Log);
    let (added, removed) = ((KeyAction::Add, KeyRole::Witness), (KeyAction::Remove, KeyRole::Witness));
    for _ in 0..2 {
        watch(&[&stub]).step(store(&server)).await.unwrap();
        assert_eq!(key_entries(&server).await, [own, added]);
    }
    for _ in 0..2 {
        watch(&[]).step(store(&server)).await.unwrap();
        assert_eq!(key_entries(&server).await, [own, added, removed]);
    }
    let keys = [log_key(&seed), stub.key()];
    assert_eq!(cosigned(&server, &keys).await.1, [""; 0], "who is no witness any more is not named");
    watch(&[&stub]).step(store(&server)).await.unwrap();
    assert_eq!(key_entries(&server).await, [own, added, removed, added]);
    assert_eq!(stub.answered().last(), Some(&200), "what it remembers and we have forgotten is asked for");
}

/// PROOF test 13: another history under the same key is not cosigned, and nothing more is signed.
#[tokio::test]
async fn a_rewritten_history_is_answered_with_422_and_stops_the_log() {
    let seed = Seed::random().unwrap();
    let stub = Stub::start("a.example/w1", vec![log_key(&seed)]).await;
    let first = watched(vec![], &seed).await;
    send(&first, 0..5).await;
    watch(&[&stub]).step(store(&first)).await.unwrap();

    let mut watch = watch(&[&stub]);
    let second = watched(watch.figures(), &seed).await;
    send(&second, 100..110).await;
    stub.answered();
    watch.step(store(&second)).await.unwrap();
    assert_eq!(stub.answered(), [409, 422]);
    let frozen = store(&second).frozen().unwrap();
    assert!(frozen.contains("a.example/w1") && frozen.contains("another history"), "{frozen}");
    let head = store(&second).head(SITE).await.unwrap().unwrap();
    let refused = second.ask(post(body(110, &second.notice))).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "frozen"));
    assert_eq!(store(&second).head(SITE).await.unwrap().unwrap(), head, "nothing is signed after that");
    assert_eq!(second.ask(get("/healthz")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let metrics = second.ask(get("/metrics")).await.text;
    assert!(metrics.contains("askfirst_witness_contradicted_total{witness=\"a.example/w1\"} 1\n"), "{metrics}");
    // Of one size and not the same tree is the same.
    let third = watched(vec![], &seed).await;
    send(&third, 200..205).await;
    crate::witnesses::watch(&[&stub]).step(store(&third)).await.unwrap();
    assert_eq!(stub.answered(), [409, 409]);
    assert!(store(&third).frozen().is_some());
}

/// PROOF test 14, with nobody but the witness who knows: a database that has less than was cosigned does not sign on.
#[tokio::test]
async fn a_witness_that_has_seen_more_stops_a_start_from_an_older_backup() {
    let seed = Seed::random().unwrap();
    let stub = Stub::start("a.example/w1", vec![log_key(&seed)]).await;
    let newer = watched(vec![], &seed).await;
    send(&newer, 0..5).await;
    watch(&[&stub]).step(store(&newer)).await.unwrap();
    let older = watched(vec![], &seed).await;
    send(&older, 0..2).await;
    let said = watch(&[&stub]).first(store(&older)).await.unwrap_err();
    assert!(said.contains("older backup") && said.contains("askfirst recover"), "{said}");
    stub.stop();
    assert_eq!(watch(&[&stub]).first(store(&older)).await, Ok(()), "one that is away holds up no start");
}

/// PROOF test 13: without the witness the log goes on, and it is an alarm.
#[tokio::test]
async fn a_witness_that_is_away_is_an_alarm_and_holds_nobody_up() {
    let seed = Seed::random().unwrap();
    let stub = Stub::start("a.example/w1", vec![log_key(&seed)]).await;
    let mut watch = watch(&[&stub]);
    let server = watched(watch.figures(), &seed).await;
    let keys = [log_key(&seed), stub.key()];
    send(&server, 0..2).await;
    stub.is(Mood::Says(500, String::new()));
    watch.step(store(&server)).await.unwrap();
    watch.alarm();
    let silent = async || {
        server.ask(get("/metrics")).await.text.contains("askfirst_witness_silent{witness=\"a.example/w1\"} 1\n")
    };
    assert!(!silent().await, "once is not an alarm");
    send(&server, 2..4).await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    watch.step(store(&server)).await.unwrap();
    watch.alarm();
    assert!(silent().await);
    let (size, names) = cosigned(&server, &keys).await;
    assert_eq!(
        (size, names.len()),
        (store(&server).head(SITE).await.unwrap().unwrap().size, 0),
        "the newest is handed out"
    );
    stub.is(Mood::Honest);
    tokio::time::sleep(Duration::from_millis(5)).await;
    watch.step(store(&server)).await.unwrap();
    assert!(!silent().await);
    assert_eq!(cosigned(&server, &keys).await.1, ["a.example/w1"]);
}

#[tokio::test]
async fn an_answer_that_does_not_hold_is_none() {
    let seed = Seed::random().unwrap();
    let stub = Stub::start("a.example/w1", vec![log_key(&seed)]).await;
    let elsewhere = Stub::start("a.example/w1", vec![log_key(&seed)]).await;
    let server = watched(vec![], &seed).await;
    let keys = [log_key(&seed), stub.key()];
    send(&server, 0..1).await;
    let moods = [
        Mood::Says(200, String::new()),
        Mood::Says(200, "— a.example/w1 AAAA\n".to_owned()),
        Mood::Says(200, "x".repeat(100_000)),
        Mood::Says(409, "many\n".to_owned()),
        Mood::Says(409, "007\n".to_owned()),
        Mood::Says(404, String::new()),
        Mood::Redirects(format!("http://{}/witness/add-checkpoint", elsewhere.address)),
        Mood::SignsAnother,
    ];
    for mood in moods {
        let what = format!("{mood:?}");
        stub.is(mood);
        let mut watch = watch(&[&stub]);
        watch.step(store(&server)).await.unwrap();
        assert_eq!(watch.figures()[0].failed.load(std::sync::atomic::Ordering::Relaxed), 1, "{what}");
        assert_eq!(cosigned(&server, &keys).await.1, [""; 0], "{what}");
        assert_eq!(store(&server).frozen(), None, "{what}");
    }
    assert_eq!(elsewhere.answered(), [0; 0], "no redirect is followed");
}

#[test]
fn a_witness_is_a_url_and_the_key_of_a_witness() {
    let key = askfirst_core::log::SigningKey::witness("w.example/1", &[1; 32]).unwrap().verifier().to_text();
    for text in [
        format!("https://w.example {key}"),
        format!("https://w.example/log/+{key}"),
        format!("http://127.0.0.1:9/ {key}"),
    ] {
        assert!(Witness::parse(&text).is_ok(), "{text}");
    }
    let log = askfirst_core::log::SigningKey::new("w.example/1", &[1; 32]).unwrap().verifier().to_text();
    for text in [
        format!("http://w.example {key}"),
        format!("https://w.example {log}"),
        key.clone(),
        "https://w.example".to_owned(),
    ] {
        assert!(Witness::parse(&text).is_err(), "{text}");
    }
}
