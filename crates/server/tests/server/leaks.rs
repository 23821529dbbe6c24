//! What pages report that happened without consent: counts, and nothing about anybody.

use askfirst_core::time::{DAY, date};
use askfirst_server::clock;
use askfirst_server::http::Options;
use askfirst_server::operations::Operations;
use askfirst_server::operations::leaks::{Sum, sums};
use axum::http::{Request, StatusCode};

use crate::support::*;

fn report(body: &str) -> Request<axum::body::Body> {
    Request::post("/askfirst/v1/leaks")
        .header("origin", SITE)
        .header("content-type", "text/plain")
        .body(body.to_owned().into())
        .unwrap()
}

fn one(kind: &str, name: &str, category: &str, count: &str) -> String {
    let leak = format!(r#"{{"kind":"{kind}","name":"{name}","category":"{category}","count":{count}}}"#);
    format!(r#"{{"v":1,"site":"{SITE}","leaks":[{leak}]}}"#)
}

fn all(server: &Server) -> Vec<Sum> {
    server.app.operations.as_ref().unwrap().run(|connection| sums(connection, clock::now() - 10 * DAY)).unwrap()
}

#[tokio::test]
async fn reports_of_a_day_are_summed_per_site_kind_and_name() {
    let server = server().await;
    for (kind, name, count) in
        [("request", "stats.example", "2"), ("cookie", "_ga", "1"), ("request", "stats.example", "3")]
    {
        assert_eq!(server.ask(report(&one(kind, name, "analytical", count))).await.status, StatusCode::NO_CONTENT);
    }
    let sum = |kind: &str, name: &str, count| Sum {
        site: SITE.to_owned(),
        day: date(clock::now()),
        kind: kind.to_owned(),
        name: name.to_owned(),
        category: "analytical".to_owned(),
        count,
    };
    assert_eq!(all(&server), [sum("request", "stats.example", 5), sum("cookie", "_ga", 1)]);
}

#[tokio::test]
async fn what_is_not_a_count_of_a_name_is_refused_whole() {
    let server = server().await;
    let good = one("cookie", "_ga", "analytical", "1");
    for (text, status, path) in [
        ("".to_owned(), 400, "$"),
        ("[]".to_owned(), 422, "$.leaks"),
        (good.replace("\"v\":1", "\"v\":2"), 422, "$.v"),
        (good.replace("\"v\":1", "\"v\":1,\"visitor\":\"x\""), 422, "$"),
        (good.replace("\"count\"", "\"page\":\"/a\",\"count\""), 422, "$.leaks[0]"),
        (one("pixel", "a", "analytical", "1"), 422, "$.leaks[0].kind"),
        (one("request", "https://stats.example/?visitor=7", "analytical", "1"), 422, "$.leaks[0].name"),
        (one("cookie", "someone@example.nl", "analytical", "1"), 422, "$.leaks[0].name"),
        (one("cookie", &"x".repeat(129), "analytical", "1"), 422, "$.leaks[0].name"),
        (one("cookie", "_ga", "not an id", "1"), 422, "$.leaks[0].category"),
        (one("cookie", "_ga", "analytical", "0"), 422, "$.leaks[0].count"),
        (one("cookie", "_ga", "analytical", "1001"), 422, "$.leaks[0].count"),
        (one("cookie", "_ga", "analytical", "1").replace(SITE, "https://other.example"), 403, "$.site"),
        (format!(r#"{{"v":1,"site":"{SITE}","leaks":[]}}"#), 422, "$.leaks"),
        ("x".repeat(9_000), 413, "$"),
    ] {
        let answer = server.ask(report(&text)).await;
        assert_eq!((answer.status.as_u16(), answer.at(&["path"]).text()), (status, Some(path)), "{text}");
    }
    let mut foreign = report(&good);
    foreign.headers_mut().insert("origin", "https://other.example".parse().unwrap());
    assert_eq!(server.ask(foreign).await.status, StatusCode::FORBIDDEN);
    assert_eq!(all(&server), []);
}

#[tokio::test]
async fn names_at_random_fill_no_disk_and_are_counted_together() {
    let server = server_with(no_limit(), Default::default(), |_| Default::default()).await;
    for report_no in 0..12 {
        let leaks: Vec<String> = (0..50)
            .map(|n| format!(r#"{{"kind":"cookie","name":"c{report_no}_{n}","category":"marketing","count":1}}"#))
            .collect();
        let text = format!(r#"{{"v":1,"site":"{SITE}","leaks":[{}]}}"#, leaks.join(","));
        assert_eq!(server.ask(report(&text)).await.status, StatusCode::NO_CONTENT);
    }
    let sums = all(&server);
    assert_eq!(sums.len(), 501);
    assert_eq!((sums[0].name.as_str(), sums[0].count), ("*", 100));
}

#[tokio::test]
async fn the_operator_sees_them_and_after_ninety_days_nobody_does() {
    let server = server().await;
    server.ask(report(&one("storage", "amp_key", "analytical", "4"))).await;
    let shown = std::process::Command::new(env!("CARGO_BIN_EXE_askfirst"))
        .args(["leaks", "--json", "--database"])
        .arg(server.database())
        .output()
        .unwrap();
    let day = date(clock::now());
    assert_eq!(
        String::from_utf8(shown.stdout).unwrap(),
        format!(
            "{{\"category\":\"analytical\",\"count\":4,\"day\":\"{day}\",\"kind\":\"storage\",\"name\":\"amp_key\",\"site\":\"{SITE}\"}}\n"
        )
    );
    let operations = server.app.operations.as_ref().unwrap();
    operations.purge(clock::now() + 89 * DAY).await.unwrap();
    assert_eq!(all(&server).len(), 1);
    operations.purge(clock::now() + 91 * DAY).await.unwrap();
    assert_eq!(all(&server), []);
}

#[tokio::test]
async fn a_sender_has_the_same_limit_as_for_records() {
    let rate = askfirst_server::http::limits::Rate { per_second: 1.0, burst: 3.0 };
    let options = Options { sender_rate: rate, ..no_limit() };
    let server = server_with(options, Default::default(), |_| Default::default()).await;
    let text = one("cookie", "_ga", "analytical", "1");
    let mut taken = 0;
    while server.ask(report(&text)).await.status == StatusCode::NO_CONTENT {
        taken += 1;
    }
    assert_eq!(taken, 3);
    assert!(Operations::beside(&server.database()).is_file());
}
