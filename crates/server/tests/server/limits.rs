use std::sync::Arc;

use askfirst_server::http::Options;
use askfirst_server::http::limits::Rate;
use askfirst_server::store;
use axum::http::StatusCode;
use tokio::task::JoinSet;

use crate::support::*;

/// PROOF test 26; that a million networks take no more memory is tested in `http/limits.rs`.
#[tokio::test]
async fn one_network_that_sends_too_much_is_told_to_wait_and_another_is_not() {
    let options = Options { sender_rate: Rate { per_second: 0.01, burst: 5.0 }, ..Options::default() };
    let server = server_with(options, store::Options::default(), |_| Default::default()).await;
    let mut statuses = Vec::new();
    for n in 0..1_000 {
        // A made-up header of a stranger changes nothing.
        let mut request = from_address(post(body(n, &server.notice)), "198.51.100.7");
        request.headers_mut().insert("x-forwarded-for", format!("203.0.113.{}", n % 250).parse().unwrap());
        let answer = server.ask(request).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.code(), "rate_limited");
            assert!((1..=100).contains(&answer.header("retry-after").parse::<u64>().unwrap()));
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::CREATED).count(), 5);
    let other = server.ask(from_address(post(body(99, &server.notice)), "203.0.113.7")).await;
    assert_eq!(other.status, StatusCode::CREATED);
}

/// Reading costs more than writing, and guessing is reading.
#[tokio::test]
async fn who_asks_for_records_is_held_to_the_same_rate() {
    let options = Options { sender_rate: Rate { per_second: 0.01, burst: 5.0 }, ..Options::default() };
    let server = server_with(options, store::Options::default(), |_| Default::default()).await;
    server.ask(from_address(post(body(1, &server.notice)), "203.0.113.7")).await;
    let ask = async |method: &str, secret: &str| {
        server.ask(from_address(with_secret(method, &record_id(1), secret), "198.51.100.7")).await
    };
    for n in 0..5 {
        assert_eq!(ask("GET", &secret(100 + n)).await.status, StatusCode::NOT_FOUND);
    }
    for method in ["GET", "DELETE"] {
        let refused = ask(method, &secret(1)).await;
        assert_eq!((refused.status, refused.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
        assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    }
    let elsewhere = from_address(with_secret("GET", &record_id(1), &secret(1)), "203.0.113.7");
    assert_eq!(server.ask(elsewhere).await.status, StatusCode::OK);
}

/// PROOF test 26.
#[tokio::test]
async fn behind_a_trusted_proxy_the_visitor_behind_it_counts() {
    let options = Options {
        sender_rate: Rate { per_second: 1.0, burst: 1.0 },
        proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..Options::default()
    };
    let server = server_with(options, store::Options::default(), |_| Default::default()).await;
    for n in 0..5u128 {
        let mut request = from_address(post(body(n, &server.notice)), "10.0.0.1");
        request.headers_mut().insert("x-forwarded-for", format!("203.0.{n}.1").parse().unwrap());
        assert_eq!(server.ask(request).await.status, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn one_site_can_be_limited_too() {
    let options = Options { site_rate: Rate { per_second: 1.0, burst: 2.0 }, ..no_limit() };
    let server = server_with(options, store::Options::default(), |_| Default::default()).await;
    let mut statuses = Vec::new();
    for n in 0..4u128 {
        statuses.push(
            server.ask(from_address(post(body(n, &server.notice)), &format!("203.0.{n}.1"))).await.status.as_u16(),
        );
    }
    assert_eq!(statuses, [201, 201, 429, 429]);
}

/// PROOF test 25; `abuse.rs` has the same against a process, with its memory.
#[tokio::test]
async fn a_full_queue_says_come_again_and_every_retry_is_stored_once() {
    let options = store::Options { queue: 4, ..store::Options::default() };
    let server = Arc::new(server_with(no_limit(), options, |_| Default::default()).await);
    // Somebody else has the database locked, so nothing leaves the queue.
    let shell = server.shell();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let send = |n: u128| {
        let server = Arc::clone(&server);
        async move { server.ask(post(body(n, &server.notice.clone()))).await }
    };
    let mut tasks = JoinSet::new();
    (0..40).for_each(|n| drop(tasks.spawn(send(n))));
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    shell.execute_batch("COMMIT").unwrap();
    let answers = tasks.join_all().await;
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == StatusCode::SERVICE_UNAVAILABLE).collect();
    assert!(busy.len() >= 30, "{}", busy.len());
    assert!(busy.iter().all(|answer| answer.code() == "busy" && answer.header("retry-after") == "1"));
    for n in 0..40 {
        let answer = send(n).await;
        assert!(answer.status.is_success(), "{n}: {} {}", answer.status, answer.text);
    }
    assert_eq!(server.rows(), 40);
}
