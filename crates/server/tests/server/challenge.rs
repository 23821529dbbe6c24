//! The challenge of a record (issue 4, PROOF §5): given for a digest, judged with the record, and never a reason to refuse.

use askfirst_core::json::{Value, map};
use askfirst_core::log::{CHALLENGE_TERM, Challenge};
use askfirst_core::time::Millis;
use askfirst_server::clock;
use askfirst_server::http::Options;
use askfirst_server::http::challenge::Challenges;
use askfirst_server::store::log::{Seed, Seeds};
use askfirst_server::store::{self, NewRecord};
use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::support::*;

fn seed() -> Seed {
    Seed::from_bytes([7; 32])
}

/// A server whose clock differs from the real one by so much; the tests' records are made by the real one.
async fn challenging(now: fn() -> Millis, seed: Seed) -> Server {
    challenging_with(now, Seeds { current: seed, next: None }).await
}

async fn challenging_with(now: fn() -> Millis, seeds: Seeds) -> Server {
    let seed = seeds.current.clone();
    let options = Options { challenges: Challenges::new(&seeds, [SITE.to_owned()]), ..no_limit() };
    let store = store::Options { seed: Some(seed), now, ..Default::default() };
    server_with(options, store, |_| Default::default()).await
}

fn ask_for(body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/askfirst/v1/challenge").header("origin", SITE).header("content-type", "text/plain");
    request.body(body.into()).unwrap()
}

fn digest(n: u128, server: &Server) -> String {
    NewRecord::new(&record(n, &server.notice)).unwrap().digest()
}

/// The server's word for the record with this number.
async fn word(server: &Server, n: u128) -> String {
    let body = map([("digest", digest(n, server).into()), ("site", SITE.into())]).canonical();
    let answer = server.ask(ask_for(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.at(&["challenge"]).text().unwrap().to_owned()
}

/// Sends the record with it, and answers what was noted.
async fn noted(server: &Server, n: u128, word: Option<&str>) -> Value {
    let mut request = post(body(n, &server.notice));
    if let Some(word) = word {
        request.headers_mut().insert("askfirst-challenge", word.parse().unwrap());
    }
    let answer = server.ask(request).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.at(&["log", "noted", "challenge"])
}

fn state(noted: &Value) -> &str {
    noted.get("state").text().unwrap_or("")
}

#[tokio::test]
async fn a_record_that_comes_with_the_servers_word_for_it_is_fresh_and_nothing_was_stored_for_the_word() {
    let server = challenging(clock::now, seed()).await;
    let word = word(&server, 1).await;
    assert_eq!(server.rows(), 0);
    let noted = noted(&server, 1, Some(&word)).await;
    assert_eq!(state(&noted), "fresh");
    assert!(noted.get("at").text().is_some());
}

#[tokio::test]
async fn a_record_that_comes_too_late_for_its_challenge_is_stored_and_called_late() {
    // The word was given before a restart, two hours ago, by the same key.
    let before = challenging(|| clock::now() - CHALLENGE_TERM - 7_200_000, seed()).await;
    let word = word(&before, 1).await;
    let server = challenging(clock::now, seed()).await;
    assert_eq!(state(&noted(&server, 1, Some(&word)).await), "late");
    assert_eq!(server.rows(), 1);
}

/// PROOF test 16: a challenge that was given just before the log's key is replaced counts after it, by whichever server.
#[tokio::test]
async fn a_challenge_outlives_the_key_that_is_taken_out() {
    let (old, new) = (seed(), Seed::from_bytes([8; 32]));
    let both = Seeds { current: old.clone(), next: Some(new.clone()) };
    let before = challenging(clock::now, old).await;
    let overlap = challenging_with(clock::now, both).await;
    let after = challenging(clock::now, new).await;
    for (n, given, judged, expected) in [
        (1, &before, &overlap, "fresh"),
        (2, &overlap, &before, "fresh"),
        (3, &overlap, &overlap, "fresh"),
        (4, &overlap, &after, "fresh"),
        // Without an overlap, as after `recover` with another key.
        (5, &before, &after, "invalid"),
    ] {
        let word = word(given, n).await;
        assert_eq!(state(&noted(judged, n, Some(&word)).await), expected, "{n}");
    }
}

#[tokio::test]
async fn what_is_not_the_servers_word_for_this_record_is_noted_as_that_and_refuses_nothing() {
    let server = challenging(clock::now, seed()).await;
    let other_key = challenging(clock::now, Seed::from_bytes([8; 32])).await;
    let right = word(&server, 1).await;
    let (at, authenticator) = right.split_once('.').unwrap();
    let forged = Challenge::text(clock::now(), &[[0; 32]]);
    let dated_back = format!("{}.{authenticator}", at.parse::<i64>().unwrap() - 1000);
    let elsewhere = word(&other_key, 5).await;
    let twice = Challenge::text(clock::now(), &[[0; 32], [1; 32]]);
    // The right word for this very record, with more behind it than there are keys, and with nothing behind a point.
    let longer = format!("{}.{}", word(&server, 8).await, ["A".repeat(43), "A".repeat(43)].join("."));
    let pointed = format!("{}.", word(&server, 9).await);
    let sent = [&*forged, &dated_back, &right, &elsewhere, &twice, &longer, &pointed, "", "1.", "\u{e4}", "-1.AAAA"];
    for (n, word) in sent.iter().enumerate() {
        // Also the right word, for another record.
        let n = n as u128 + 3;
        assert_eq!(noted(&server, n, Some(word)).await, map([("state", "invalid".into())]), "{word}");
    }
    assert_eq!(noted(&server, 2, None).await, map([("state", "missing".into())]));
    assert_eq!(server.rows(), sent.len() as i64 + 1);
    // The control.
    assert_eq!(state(&noted(&server, 1, Some(&right)).await), "fresh");
}

#[tokio::test]
async fn nobody_gets_a_challenge_but_the_pages_of_a_site_that_asks_for_it() {
    let server = challenging(clock::now, seed()).await;
    let right = map([("digest", digest(1, &server).into()), ("site", SITE.into())]).canonical();
    let mut stranger = ask_for(right.clone());
    stranger.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    assert_eq!(server.ask(stranger).await.status, StatusCode::FORBIDDEN);
    for (body, status) in [
        ("{".to_owned(), StatusCode::BAD_REQUEST),
        (right.replace("sha256-", "sha256-?"), StatusCode::UNPROCESSABLE_ENTITY),
        (right.replacen('{', "{\"visitor\":\"42\",", 1), StatusCode::UNPROCESSABLE_ENTITY),
        (right.replace("www.", "ww."), StatusCode::FORBIDDEN),
    ] {
        assert_eq!(server.ask(ask_for(body.clone())).await.status, status, "{body}");
    }

    // Off, which is what nobody asks for: no route to tell, and what is sent is not looked at.
    let off = server_with(no_limit(), Default::default(), |_| Default::default()).await;
    assert_eq!(off.ask(ask_for(right)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(noted(&off, 1, Some("1.AAAA")).await, Value::Null);
}
