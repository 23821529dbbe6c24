use std::sync::Arc;

use askfirst_core::json;
use askfirst_core::record::{Decision, State};
use askfirst_core::time::{self, DAY, Period};
use askfirst_server::http::Options;
use askfirst_server::store;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use tokio::task::JoinSet;

use crate::support::*;

#[tokio::test]
async fn a_record_is_stored_and_its_receipt_says_where_when_and_what() {
    let server = server().await;
    let before = askfirst_server::clock::now() / 1000 * 1000;
    let answer = server.ask(post(body(1, &server.notice))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert_eq!(answer.at(&["record_id"]).text(), Some(record_id(1).as_str()));
    assert_eq!(answer.at(&["seq"]).int(), Some(1));
    assert_eq!(answer.at(&["clock"]).text(), Some("ok"));
    let stored: String =
        server.shell().query_row("SELECT body FROM record WHERE seq = 1", [], |row| row.get(0)).unwrap();
    assert_eq!(answer.at(&["digest"]).text(), Some(askfirst_core::digest::digest(stored.as_bytes()).as_str()));
    let received = time::parse(answer.at(&["received_at"]).text().unwrap()).unwrap();
    assert!((before..before + 60_000).contains(&received));
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// PROOF test 2.
#[tokio::test]
async fn sixty_four_equal_posts_at_once_are_one_row_and_one_receipt() {
    let server = Arc::new(server().await);
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let server = Arc::clone(&server);
        tasks.spawn(async move { server.ask(post(body(1, &fixed(&server)))).await });
    }
    let answers = tasks.join_all().await;
    let with = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((with(StatusCode::CREATED), with(StatusCode::OK)), (1, 63));
    assert!(answers.iter().all(|answer| answer.text == answers[0].text));
    assert_eq!(server.rows(), 1);
}

fn fixed(server: &Server) -> store::NewNotice {
    server.notice.clone()
}

#[tokio::test]
async fn places_are_counted_from_one_without_gaps() {
    let server = Arc::new(server_with(no_limit(), store::Options::default(), |_| Default::default()).await);
    let mut tasks = JoinSet::new();
    for n in 0..500 {
        let server = Arc::clone(&server);
        // Each twice: a repetition must not use up a place.
        tasks.spawn(
            async move { server.ask(post(body(n / 2, &server.notice.clone()))).await.at(&["seq"]).int().unwrap() },
        );
    }
    let mut places = tasks.join_all().await;
    places.sort_unstable();
    places.dedup();
    assert_eq!(places, (1..=250).collect::<Vec<_>>());
}

/// PROOF test 3.
#[tokio::test]
async fn another_body_under_a_stored_id_is_a_conflict_and_changes_nothing() {
    let server = server().await;
    let first = record(1, &server.notice);
    let created = server.ask(post(first.to_value().canonical())).await;
    let mut other = first.clone();
    other.decisions[1].granted = true;
    let answer = server.ask(post(other.to_value().canonical())).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::CONFLICT, "conflict"));
    let again = server.ask(post(first.to_value().canonical())).await;
    assert_eq!((again.status, again.text), (StatusCode::OK, created.text));
    assert!(server.ask(get("/metrics")).await.text.contains("askfirst_records_conflict_total 1\n"));
}

#[tokio::test]
async fn the_order_of_keys_and_white_space_do_not_make_another_record() {
    let server = server().await;
    let text = body(1, &server.notice);
    let created = server.ask(post(text.clone())).await;
    let spaced = text.replacen('{', "{\n  ", 1).replace("\",\"", "\" ,\t\"");
    assert_ne!(spaced, text);
    let again = server.ask(post(spaced)).await;
    assert_eq!((again.status, again.text), (StatusCode::OK, created.text));
}

/// PROOF test 22.
#[tokio::test]
async fn only_pages_of_known_sites_may_send_and_only_for_themselves() {
    let server = server().await;
    let strangers = [
        None,
        Some("null"),
        Some("https://notexample.nl"),
        Some("https://www.example.nl.evil.tld"),
        Some("https://www.example.nl:8443"),
        Some("http://www.example.nl"),
        Some("https://WWW.example.nl"),
        Some("https://www.example.nl/"),
        Some("https://www.example.nl, https://www.example.nl"),
    ];
    for origin in strangers {
        let mut request = post(body(1, &server.notice));
        request.headers_mut().remove("origin");
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let answer = server.ask(request).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "origin"), "{origin:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin:?}");
        assert_eq!(answer.header("vary"), "Origin");
    }
    let mut twice = post(body(1, &server.notice));
    twice.headers_mut().append("origin", SITE.parse().unwrap());
    assert_eq!(server.ask(twice).await.status, StatusCode::FORBIDDEN);

    let mut foreign = record(1, &server.notice);
    foreign.site = "https://other.example".to_owned();
    let answer = server.ask(post(foreign.to_value().canonical())).await;
    assert_eq!((answer.status, answer.at(&["path"]).text()), (StatusCode::FORBIDDEN, Some("$.site")));
    assert_eq!(server.rows(), 0);
    let answer = server.ask(post(body(1, &server.notice))).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (StatusCode::CREATED, SITE));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

/// PROOF test 22.
#[tokio::test]
async fn a_preflight_is_answered_for_known_sites_without_wildcard_or_credentials() {
    let server = server().await;
    let preflight = |origin: &str| {
        Request::options(format!("/askfirst/v1/records/{}", record_id(1)))
            .header("origin", origin)
            .header("access-control-request-method", "DELETE")
            .header("access-control-request-headers", "authorization")
            .body(Body::empty())
            .unwrap()
    };
    let answer = server.ask(preflight(SITE)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-origin"), SITE);
    assert!(answer.header("access-control-allow-methods").contains("DELETE"));
    assert!(answer.header("access-control-allow-headers").contains("authorization"));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    let answer = server.ask(preflight("https://evil.example")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

/// PROOF test 23.
#[tokio::test]
async fn text_and_json_are_taken_and_nothing_else() {
    let server = server().await;
    for (n, kind) in ["text/plain", "text/plain;charset=UTF-8", "application/json", "Application/JSON; charset=utf-8"]
        .into_iter()
        .enumerate()
    {
        let mut request = post(body(n as u128, &server.notice));
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        assert_eq!(server.ask(request).await.status, StatusCode::CREATED, "{kind}");
    }
    for kind in ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/html", ""] {
        let mut request = post(body(9, &server.notice));
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        let answer = server.ask(request).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type"),
            "{kind}"
        );
    }
    let mut packed = post(body(9, &server.notice));
    packed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(server.ask(packed).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

/// PROOF test 23; `abuse.rs` has the same against a process, and what is longer than it reads.
#[tokio::test]
async fn what_is_too_long_too_deep_or_malformed_is_refused_for_good() {
    let server = server().await;
    let good = body(1, &server.notice);
    let deep = "[".repeat(1000) + &"]".repeat(1000);
    let doubled = good.replacen('{', r#"{"client":"x","#, 1);
    let unknown = good.replacen('{', r#"{"email":"a@example.nl","#, 1);
    let surrogate = good.replace("askfirst/0.1.0", r"\ud800");
    let control = good.replace("askfirst/0.1.0", "a\u{0}b");
    let long = good.replace("askfirst/0.1.0", &"x".repeat(12 * 1024));
    let cases: [(&str, String, u16, &str); 10] = [
        ("empty", String::new(), 400, "json"),
        ("deep", deep, 400, "json"),
        ("doubled key", doubled, 400, "json"),
        ("NaN", good.replace("\"v\":1", "\"v\":NaN"), 400, "json"),
        ("lone surrogate", surrogate, 400, "json"),
        ("NUL", control, 400, "json"),
        ("unknown field", unknown, 422, "unknown_field"),
        ("missing field", good.replace("\"prev\":null,", ""), 422, "missing"),
        ("over 12 KiB", long, 413, "too_large"),
        ("over 16 KiB", "x".repeat(20_000), 413, "too_large"),
    ];
    for (what, text, status, code) in cases {
        let answer = server.ask(post(text)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{what}: {}", answer.text);
        assert!(answer.at(&["message"]).text().is_some() && answer.at(&["path"]).text().is_some(), "{what}");
    }
    let mut bytes = good.clone().into_bytes();
    bytes[20] = 0xff;
    assert_eq!(server.ask(post(bytes)).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.rows(), 0);
    assert_eq!(server.ask(post(good)).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_refusal_of_the_server_repeats_nothing_that_was_sent() {
    let server = server().await;
    let canary = "CANARY<script>";
    let good = body(1, &server.notice);
    let texts = [
        good.replacen('{', &format!(r#"{{"{canary}":1,"#), 1),
        good.replace("\"save\"", &format!("\"{canary}\"")),
        good.replace("https://www.example.nl", canary),
        format!("{canary}{good}"),
    ];
    for text in texts {
        let answer = server.ask(post(text)).await;
        assert!(answer.status.is_client_error());
        assert!(!answer.text.contains("CANARY"), "{}", answer.text);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn a_record_of_an_unknown_notice_is_left_to_come_again() {
    let server = server().await;
    let mut early = record(1, &server.notice);
    early.notice.digest = askfirst_core::digest::digest(b"a notice of tomorrow");
    let answer = server.ask(post(early.to_value().canonical())).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (424, "notice_unknown"));
    // Without a wait the browser would ask at its shortest interval.
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(server.rows(), 0);
}

#[tokio::test]
async fn a_record_that_contradicts_its_notice_is_refused() {
    let server = server().await;
    let mut wrong = record(1, &server.notice);
    wrong.notice.lang = "nl".to_owned();
    let answer = server.ask(post(wrong.to_value().canonical())).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "notice_mismatch"));
    let mut wrong = record(1, &server.notice);
    wrong.notice.version = "1999".to_owned();
    assert_eq!(server.ask(post(wrong.to_value().canonical())).await.code(), "notice_mismatch");
}

/// R3: what is answered about something that was not in the notice shows nothing, and in the owner's export it would be the one
/// that does not hold.
#[tokio::test]
async fn a_record_decides_about_nothing_that_its_notice_does_not_offer() {
    let server = server().await;
    let good = record(1, &server.notice);
    let mut purpose = good.clone();
    purpose.decisions.push(Decision { purpose: "elsewhere".to_owned(), v: 1, granted: true });
    let mut service = good.clone();
    service.vendors = vec![("elsewhere".to_owned(), true)];
    for wrong in [purpose, service] {
        let answer = server.ask(post(wrong.canonical())).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "notice_mismatch"), "{}", answer.text);
    }
    assert_eq!(server.rows(), 0);
    let notice = json::parse(&server.notice.text).unwrap();
    let offered = notice.get("purposes").items().iter().flat_map(|purpose| purpose.get("services").items());
    let mut whole = good;
    whole.vendors = offered.take(1).map(|service| (service.get("id").text().unwrap().to_owned(), true)).collect();
    assert_eq!(whole.vendors.len(), 1);
    assert_eq!(server.ask(post(whole.canonical())).await.status, StatusCode::CREATED);
}

/// What came in before that was refused is no damage: a stranger must not be able to raise that alarm.
#[tokio::test]
async fn a_record_that_never_agreed_with_its_notice_is_shown_as_such_and_is_not_damaged() {
    let server = server().await;
    let mut wrong = record(1, &server.notice);
    wrong.decisions.push(Decision { purpose: "elsewhere".to_owned(), v: 1, granted: true });
    server.app.store.insert(store::NewRecord::new(&wrong).unwrap()).await.unwrap();
    let answer = server.ask(with_secret("GET", &record_id(1), &secret(1))).await;
    assert_eq!(answer.at(&["holds", "notice"]).bool(), Some(false));
    assert_eq!(
        answer.at(&["problem"]).text(),
        Some("The record decides about “elsewhere”, which its notice does not name.")
    );
    assert!(server.ask(get("/metrics")).await.text.contains("askfirst_records_damaged_total 0\n"));
}

#[tokio::test]
async fn a_refusal_is_counted_and_nothing_else_is_stored() {
    let server = server().await;
    // The browser's day is ten years off; the server's own counts.
    let count = count(&server.notice, askfirst_server::clock::now() / DAY * DAY - 3650 * DAY);
    for _ in 0..3 {
        let answer = server.ask(post(count.to_value().canonical())).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::ACCEPTED, r#"{"counted":true}"#));
    }
    let row: (String, String, i64) = server
        .shell()
        .query_row("SELECT day, method, n FROM refusal_count", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    assert_eq!(row, (time::date(askfirst_server::clock::now()), "reject_all".to_owned(), 3));
    assert_eq!(server.rows(), 0);
    // No stranger can fill the table with languages or notices of his own.
    let mut other = count.clone();
    other.lang = "xx".to_owned();
    assert_eq!(server.ask(post(other.to_value().canonical())).await.code(), "notice_mismatch");
    let mut other = count;
    other.notice = askfirst_core::digest::digest(b"unknown");
    assert_eq!(server.ask(post(other.to_value().canonical())).await.status.as_u16(), 424);
}

/// PROOF test 27.
#[tokio::test]
async fn a_wrong_clock_in_the_browser_is_marked_and_never_a_reason_to_refuse() {
    let server = server().await;
    let decade = Period::months(120);
    let now = askfirst_server::clock::now() / 1000 * 1000;
    let times = [("ahead", decade.after(now)), ("behind", now - (decade.after(now) - now)), ("ok", now - 240_000)];
    for (n, (clock, at)) in times.into_iter().enumerate() {
        let mut record = record(n as u128, &server.notice);
        record.event.at = at;
        record.event.valid_until = Period::months(6).after(at);
        let answer = server.ask(post(record.to_value().canonical())).await;
        assert_eq!((answer.status, answer.at(&["clock"]).text()), (StatusCode::CREATED, Some(clock)));
        let received = time::parse(answer.at(&["received_at"]).text().unwrap()).unwrap();
        assert!(received >= now && received < now + 60_000, "R6: the server's clock is the evidence");
    }
}

/// PROOF test 27.
#[tokio::test]
async fn the_time_of_receipt_never_goes_back() {
    use std::sync::atomic::{AtomicI64, Ordering};
    static NOW: AtomicI64 = AtomicI64::new(1_800_000_000_000);
    let options = store::Options { now: || NOW.load(Ordering::SeqCst), ..store::Options::default() };
    let server = server_with(Options::default(), options, |_| Default::default()).await;
    let mut times = Vec::new();
    for (n, now) in [1_800_000_000_000, 1_799_996_400_000, 1_800_000_005_000].into_iter().enumerate() {
        NOW.store(now, Ordering::SeqCst);
        let answer = server.ask(post(body(n as u128, &server.notice))).await;
        times.push(answer.at(&["received_at"]).text().unwrap().to_owned());
    }
    assert_eq!(times, ["2027-01-15T08:00:00Z", "2027-01-15T08:00:00Z", "2027-01-15T08:00:05Z"]);
    assert!(server.ask(get("/metrics")).await.text.contains("askfirst_clock_went_back_total 1\n"));
}

#[tokio::test]
async fn a_withdrawal_and_what_came_before_are_two_records_of_one_subject() {
    let server = server().await;
    let given = record(1, &server.notice);
    let mut withdrawn = record(2, &server.notice);
    withdrawn.prev = Some(given.record_id.clone());
    withdrawn.subject.clone_from(&given.subject);
    withdrawn.event.state = State::Withdrawn;
    withdrawn.decisions = vec![Decision { purpose: "analytical".to_owned(), v: 1, granted: false }];
    for record in [&given, &withdrawn] {
        assert_eq!(server.ask(post(record.to_value().canonical())).await.status, StatusCode::CREATED);
    }
    let rows: i64 = server
        .shell()
        .query_row("SELECT count(*) FROM record WHERE subject = ?1", [store::key::subject(&given.subject)], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(rows, 2);
}

#[tokio::test]
async fn hostile_text_is_stored_as_it_is() {
    let server = server().await;
    let hostile = "'; DROP TABLE record; -- ?1 %s {{x}} <b>";
    let text = server.notice.text.replace("2026-11-22", hostile);
    let digest = askfirst_core::digest::digest(text.as_bytes());
    let put = Request::put(format!("/askfirst/v1/notices/{digest}"))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {ADMIN}"))
        .body(Body::from(text.clone()))
        .unwrap();
    assert_eq!(server.ask(put).await.status, StatusCode::CREATED);
    let mut record = record(1, &server.notice);
    (record.notice.digest, record.notice.version) = (digest, hostile.to_owned());
    let answer = server.ask(post(record.to_value().canonical())).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let answer = server.ask(with_secret("GET", &record_id(1), &secret(1))).await;
    assert_eq!(answer.at(&["record", "notice", "version"]).text(), Some(hostile));
    assert_eq!(answer.at(&["notice"]).canonical(), text);
    assert_eq!(answer.at(&["holds"]).canonical(), r#"{"notice":true,"record":true}"#);
}
