//! P3: the server sets the choice's cookie, since Safari soon forgets what a script has written.

use askfirst_core::choice::{Choice, Held, Stored};
use askfirst_core::time::{DAY, Millis};
use askfirst_server::clock;
use askfirst_server::http::Options;
use axum::http::{HeaderValue, Request, StatusCode};

use crate::support::*;

async fn with_cookie() -> Server {
    let options = Options { choice_cookie: true, ..no_limit() };
    server_with(options, Default::default(), |_| Default::default()).await
}

fn send(text: &str) -> Request<axum::body::Body> {
    Request::post("/askfirst/v1/choice")
        .header("origin", SITE)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "text/plain")
        .body(text.to_owned().into())
        .unwrap()
}

/// A refusal of everything, as the page writes it into its cookie: without any identifier (P1).
fn refusal(until: Millis) -> Stored {
    let held = Held { purpose: "analytical".to_owned(), v: 1, granted: false, until, waiting: false };
    let choice =
        Choice { at: clock::now() / DAY * DAY, decisions: vec![held], lang: "nl".to_owned(), ..Choice::default() };
    Stored { choice: Some(choice), ..Stored::default() }
}

#[tokio::test]
async fn a_refusal_comes_back_as_a_cookie_that_the_page_can_read_and_nothing_is_stored() {
    let server = with_cookie().await;
    let text = refusal(clock::now() + 180 * DAY).encode_mirror();
    let answer = server.ask(send(&text)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let cookie = answer.header("set-cookie");
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    let seconds: i64 = attributes.strip_prefix("Path=/; SameSite=Lax; Secure; Max-Age=").unwrap().parse().unwrap();
    assert!((180 * 86_400 - 60..=180 * 86_400).contains(&seconds), "{cookie}");
    let value = pair.strip_prefix("askfirst=").unwrap();
    assert!(!value.contains(['"', ',', ' ', ';', '{']), "{value}");
    assert_eq!(decoded(value), text);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(server.rows(), 0);
    let counts: i64 = server.shell().query_row("SELECT count(*) FROM refusal_count", [], |row| row.get(0)).unwrap();
    assert_eq!(counts, 0);
}

#[tokio::test]
async fn a_cookie_lives_no_longer_than_chrome_lets_it_and_ends_with_the_choice() {
    let server = with_cookie().await;
    let age = async |until| {
        let answer = server.ask(send(&refusal(until).encode_mirror())).await;
        answer.header("set-cookie").rsplit('=').next().unwrap().to_owned()
    };
    assert_eq!(age(clock::now() + 700 * DAY).await, (400 * 86_400).to_string());
    assert_eq!(age(clock::now() - DAY).await, "0");
    let empty = server.ask(send(&Stored::default().encode_mirror())).await;
    assert!(empty.header("set-cookie").ends_with("Max-Age=0"));
}

#[tokio::test]
async fn nothing_but_a_choice_becomes_a_cookie() {
    let server = with_cookie().await;
    let whole = include_str!("../../../../tests/vectors/stored.json").trim();
    let choice = refusal(clock::now() + DAY).encode_mirror();
    let padded = format!("{choice} ");
    let more = choice.replacen('{', "{\"visitor\":\"42\",", 1);
    for text in ["", "{}", "x", "null", whole, &padded, &more, "{\"format\":2}"] {
        let answer = server.ask(send(text)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
        assert_eq!(answer.header("set-cookie"), "");
    }
    // What the page mirrors of that choice is taken: the secret stays at home.
    let mirror = Stored::decode(whole).unwrap().encode_mirror();
    assert!(!mirror.contains("\"secret\":\"secret\""));
    assert_eq!(server.ask(send(&mirror)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.ask(send(&"x".repeat(5_000))).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn only_the_sites_own_pages_set_it_and_only_where_the_owner_wants_it() {
    let server = with_cookie().await;
    let text = refusal(clock::now() + DAY).encode_mirror();
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("sec-fetch-site", "none")]
    {
        let mut request = send(&text);
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        let answer = server.ask(request).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (StatusCode::FORBIDDEN, ""), "{name}: {value}");
    }
    // A browser from before 2023 does not say where it comes from.
    let mut request = send(&text);
    request.headers_mut().remove("sec-fetch-site");
    assert_eq!(server.ask(request).await.status, StatusCode::NO_CONTENT);
    let without = crate::support::server().await;
    assert_eq!(without.ask(send(&text)).await.status, StatusCode::NOT_FOUND);
}

fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}
