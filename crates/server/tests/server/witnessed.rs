//! `askfirst serve --witness` as its own process, over HTTP (PROOF test 13); `witness.rs` has the parts.

use std::time::{Duration, Instant};

use askfirst_core::log::{Checkpoint, VerifierKey};
use askfirst_server::store::log::Seeds;

use crate::process::{Process, english, post};
use crate::support::body;
use crate::witnesses::{Mood, Stub};

const LOG: &str = "www.example.nl/askfirst/log";
const NAME: &str = "a.example/w1";

fn get(process: &Process, path: &str) -> String {
    let answer = process.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn figure(process: &Process, name: &str) -> u64 {
    let metrics = get(process, "/metrics");
    let start = format!("askfirst_witness_{name}{{witness=\"{NAME}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&start)).expect(&metrics).parse().unwrap()
}

/// The size of the checkpoint that is handed out, when the witness has cosigned it.
fn cosigned(process: &Process, keys: &[VerifierKey]) -> Option<u64> {
    let opened = Checkpoint::open(&get(process, "/askfirst/v1/log/checkpoint"), keys).unwrap();
    (opened.witnesses.len() == 1).then_some(opened.checkpoint.size)
}

async fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The witness follows, then is gone; with `alarm` until that is an alarm, which comes within a minute, and it is back.
async fn watched(alarm: bool) {
    let folder = tempfile::tempdir().unwrap();
    let seeds = Seeds::beside(&folder.path().join("askfirst.sqlite")).unwrap();
    let log = seeds.current.key(LOG).unwrap().verifier().clone();
    let stub = Stub::start(NAME, vec![log.clone()]).await;
    let keys = [log, stub.key()];
    let process = Process::start(folder.path(), &["--witness", &stub.option(), "--witness-interval", "1"]);
    let send = |n| {
        let answer = process.send(&post(&body(n, &english()))).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        // The proof in the receipt says the place of the record's entry.
        let digits: String = answer.split("index ").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap() + 1
    };
    let soon = Duration::from_secs(20);
    let size = send(1);
    until("the checkpoint with the record is cosigned", soon, || cosigned(&process, &keys) >= Some(size)).await;
    assert!(figure(&process, "cosigned_total") >= 1);

    stub.is(Mood::Says(503, "away".to_owned()));
    let failed = figure(&process, "failed_total");
    send(2);
    send(3);
    until("a submission has failed", soon, || figure(&process, "failed_total") > failed).await;
    send(4);
    assert_eq!(figure(&process, "silent"), 0, "once is no alarm");
    assert_eq!(get(&process, "/healthz"), "{\"ok\":true}", "the store is well, and takes records");
    if alarm {
        until("the alarm", Duration::from_secs(60), || figure(&process, "silent") == 1).await;
        assert!(process.log.lock().unwrap().contains(NAME), "and the log of the process says it");
        let size = send(5);
        stub.is(Mood::Honest);
        until("it follows again", Duration::from_secs(40), || figure(&process, "silent") == 0).await;
        until("all is cosigned", soon, || cosigned(&process, &keys) == Some(size)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_hands_out_what_its_witness_has_cosigned_and_takes_records_without_it() {
    watched(false).await;
}

/// PROOF test 13: within a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn a_witness_that_is_gone_is_an_alarm_of_the_process_within_a_minute_and_ends_when_it_is_back() {
    watched(true).await;
}
