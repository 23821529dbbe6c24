//! The contract between the browser and the server: what `askfirst_core` makes of a click goes through the real router
//! into a real SQLite file, and what comes back shows exactly what was shown and answered (R1, R3, R7).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../crates/server/tests/support/mod.rs"]
mod support;

use std::process::Command;

use askfirst_core::digest::digest;
use askfirst_core::json::{self, Value};
use askfirst_core::machine::{self, Decision, Effect, Env, Event};
use askfirst_core::notice::Notice;
use askfirst_core::record::{Layer, Method, Signals};
use askfirst_core::settings::Settings;
use askfirst_core::view::{self, Asked};
use askfirst_server::bundled::Bundled;
use askfirst_server::store::key;
use axum::http::StatusCode;
use support::{SITE, Server, get, no_limit, post, server, server_with, with_secret};

/// A browser: the machine and its state, as the browser crate runs them.
struct Browser {
    settings: Settings,
    state: machine::State,
    env: Env,
    secret: Option<String>,
}

impl Browser {
    /// Opens a page of the site in a language.
    fn open(settings: &Settings, lang: &str) -> Self {
        let bundled = Bundled::read(None).unwrap();
        let texts = bundled.locales.iter().find(|texts| texts.lang() == lang).unwrap().clone();
        let notice = Notice::new(settings, &texts.with_overrides(settings));
        let env = Env {
            now: askfirst_server::clock::now(),
            random: Some(std::array::from_fn(|i| (i as u8).wrapping_mul(37).wrapping_add(lang.as_bytes()[0]))),
            dnt: false,
            gpc: false,
            quiet: false,
            site: SITE.to_owned(),
            key: "key".to_owned(),
            ui: digest(b"the code that draws"),
            client: "askfirst/0.1.0".to_owned(),
            lang: lang.to_owned(),
            notice: notice.digest,
        };
        let mut browser = Self { settings: settings.clone(), state: machine::State::default(), env, secret: None };
        let effects = browser.handle(Event::Boot { opened: false });
        assert!(effects.contains(&Effect::ShowBanner), "a new visitor is asked");
        browser
    }

    fn handle(&mut self, event: Event) -> Vec<Effect> {
        machine::handle(&self.settings, &mut self.state, event, &self.env)
    }

    /// Decides, and answers what is to be posted.
    fn decide(&mut self, decision: Decision, layer: Layer, method: Method) -> String {
        let effects = self.handle(Event::Decide(decision, layer, method));
        let receipt = json::parse(&self.state.receipt(&self.settings, &self.env)).expect("a receipt");
        self.secret = receipt.at("secret").and_then(Value::text).map(str::to_owned);
        let body = effects.into_iter().find_map(|effect| match effect {
            Effect::Deliver(body) => Some(body),
            _ => None,
        });
        body.expect("a decision is delivered")
    }

    fn answered(&mut self, body: &str, answer: &support::Answer) -> Vec<Effect> {
        self.handle(Event::Answered {
            body: body.to_owned(),
            status: answer.status.as_u16(),
            retry_after: None,
            receipt: Some(answer.json()),
        })
    }
}

fn text(value: &Value, path: &[&str]) -> String {
    let found = path.iter().try_fold(value, |value, key| value.at(key));
    found.and_then(Value::text).unwrap_or("").to_owned()
}

fn answers(record: &Value) -> Vec<(String, bool)> {
    let decisions = record.at("decisions").unwrap().items();
    let answer = |decision: &Value| (text(decision, &["purpose"]), decision.at("granted").unwrap().bool().unwrap());
    decisions.iter().map(answer).collect()
}

/// Every text in a tree.
fn words(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Text(text) => found.push(text.clone()),
        Value::List(items) => items.iter().for_each(|item| words(item, found)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| words(value, found)),
        _ => {}
    }
}

/// `askfirst export` on the server's database: exit code, standard output, standard error.
fn export(server: &Server, id: &str, extra: &[&str]) -> (i32, String, String) {
    let database = server.database();
    let output = Command::new(env!("CARGO_BIN_EXE_askfirst"))
        .args(["export", "--database", database.to_str().unwrap(), "--record", id])
        .args(extra)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_click_in_the_browser_becomes_a_record_that_shows_words_language_layout_and_decision() {
    let server = server().await;
    for (lang, reject) in [("nl", "weiger"), ("de", "ablehn")] {
        let mut browser = Browser::open(&server.settings, lang);
        let wanted = Decision::Save([("analytical".to_owned(), true)].to_vec());
        let body = browser.decide(wanted, Layer::Preferences, Method::Save);
        let created = server.ask(post(body.clone())).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);

        // R7: the receipt settles the matter in the browser.
        let effects = browser.answered(&body, &created);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Emit("recorded", _))), "{effects:?}");
        assert!(browser.state.stored.outbox.entries.is_empty());

        let id = text(&created.json(), &["record_id"]);
        let secret = browser.secret.clone().expect("a grant leaves a secret in the browser");
        let seen = server.ask(with_secret("GET", &id, &secret)).await.json();
        assert_eq!(seen.at("holds").unwrap().canonical(), r#"{"notice":true,"record":true}"#);
        assert_eq!(seen.at("record").unwrap().canonical(), body, "byte for byte what was sent");
        assert_eq!(seen.at("receipt").unwrap(), &created.json());

        // The decision, its method and its place.
        let record = seen.at("record").unwrap();
        assert_eq!(answers(record)[0], ("analytical".to_owned(), true));
        assert_eq!(text(record, &["event", "method"]), "save");
        assert_eq!(text(record, &["event", "layer"]), "preferences");

        // The words, the language and the layout: exactly what the view draws.
        let notice = seen.at("notice").unwrap();
        assert_eq!(text(notice, &["lang"]), lang);
        let bundled = Bundled::read(None).unwrap();
        let texts = bundled.locales.into_iter().find(|texts| texts.lang() == lang).unwrap();
        let drawn = view::banner(&server.settings, &texts, Asked::First, Signals::default()).to_value();
        assert_eq!(notice.at("shown").unwrap().at("banner").unwrap().canonical(), drawn.canonical());
        let mut shown = Vec::new();
        words(&drawn, &mut shown);
        assert!(shown.iter().any(|text| text.to_lowercase().contains(reject)), "{shown:?}");

        // The owner can show the same without the browser, in sentences.
        let (code, told, _) = export(&server, &id, &["--text"]);
        assert_eq!(code, 0);
        let (title, button) = (texts.text("banner.title"), texts.text("banner.reject"));
        for said in [title, &format!("[ {button} ]"), "agreed   ", "byte for byte", SITE] {
            assert!(told.contains(said), "`{said}` is missing in:\n{told}");
        }
    }
}

#[tokio::test]
async fn posted_twice_it_is_one_row_and_the_same_receipt() {
    let server = server().await;
    let mut browser = Browser::open(&server.settings, "en");
    let body = browser.decide(Decision::AcceptAll, Layer::First, Method::AcceptAll);
    let first = server.ask(post(body.clone())).await;
    let second = server.ask(post(body)).await;
    assert_eq!((first.status, second.status), (StatusCode::CREATED, StatusCode::OK));
    assert_eq!(first.text, second.text);
    assert_eq!(server.rows(), 1);
}

#[tokio::test]
async fn a_refusal_reaches_the_server_as_a_count_without_any_identifier() {
    let server = server().await;
    let mut browser = Browser::open(&server.settings, "fr");
    let body = browser.decide(Decision::RejectAll, Layer::First, Method::RejectAll);
    let answer = server.ask(post(body.clone())).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::ACCEPTED, r#"{"counted":true}"#));
    assert_eq!(server.rows(), 0);
    browser.answered(&body, &answer);
    assert!(browser.state.stored.outbox.entries.is_empty(), "the browser takes 202 as done");
}

#[tokio::test]
async fn withdrawing_follows_the_grant_and_leaves_it_as_it_was() {
    let server = server().await;
    let mut browser = Browser::open(&server.settings, "en");
    let given = browser.decide(Decision::AcceptAll, Layer::First, Method::AcceptAll);
    let created = server.ask(post(given.clone())).await;
    browser.answered(&given, &created);
    let (id, secret) = (text(&created.json(), &["record_id"]), browser.secret.clone().unwrap());

    browser.env.now += 60_000;
    browser.env.random = Some([9; 64]);
    browser.handle(Event::Decide(Decision::RejectAll, Layer::Preferences, Method::Withdraw));
    let effects = browser.handle(Event::Cleared(Value::List(Vec::new())));
    let withdrawn = effects.into_iter().find_map(|effect| match effect {
        Effect::Deliver(body) => Some(body),
        _ => None,
    });
    let answer = server.ask(post(withdrawn.unwrap())).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    // R5: two records, the second names the first, the first is what it was.
    let second = server.ask(with_secret("GET", &text(&answer.json(), &["record_id"]), &secret)).await.json();
    assert_eq!(text(&second, &["record", "prev"]), id);
    assert_eq!(text(&second, &["record", "event", "state"]), "withdrawn");
    let first = server.ask(with_secret("GET", &id, &secret)).await.json();
    assert_eq!(first.at("record").unwrap().canonical(), given);
}

#[tokio::test]
async fn one_flipped_byte_in_the_stored_notice_is_reported() {
    let server = server().await;
    let mut browser = Browser::open(&server.settings, "en");
    let body = browser.decide(Decision::AcceptAll, Layer::First, Method::AcceptAll);
    let created = server.ask(post(body)).await;
    let (id, secret) = (text(&created.json(), &["record_id"]), browser.secret.clone().unwrap());
    assert_eq!(export(&server, &id, &[]).0, 0);

    let shell = server.shell();
    shell.execute_batch("DROP TRIGGER notice_is_never_changed").unwrap();
    let wanted = &browser.env.notice;
    let stored: String =
        shell.query_row("SELECT text FROM notice WHERE digest = ?1", [key::digest(wanted)], |row| row.get(0)).unwrap();
    let place = stored.find("Example").unwrap();
    let mut bytes = stored.into_bytes();
    bytes[place] ^= 1;
    let altered = String::from_utf8(bytes).unwrap();
    shell
        .execute("UPDATE notice SET text = ?1 WHERE digest = ?2", rusqlite::params![altered, key::digest(wanted)])
        .unwrap();

    let seen = server.ask(with_secret("GET", &id, &secret)).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert_eq!(seen.at(&["holds"]).canonical(), r#"{"notice":false,"record":true}"#);
    assert!(seen.at(&["problem"]).text().unwrap().contains("notice"));
    let (code, out, err) = export(&server, &id, &[]);
    assert_eq!(code, 1);
    assert!(err.contains("The stored notice is not the one that was shown"), "{err}");
    assert!(out.contains(r#""holds":{"notice":false,"record":true}"#));
    assert!(export(&server, &id, &["--text"]).1.contains("does NOT hold"));
    assert!(server.ask(get("/metrics")).await.text.contains("askfirst_records_damaged_total 1"));
}

#[tokio::test]
async fn one_flipped_byte_anywhere_in_the_stored_record_is_reported() {
    // Asked for more often in a second than a person's network may ask.
    let server = server_with(no_limit(), Default::default(), |_| Default::default()).await;
    let mut browser = Browser::open(&server.settings, "en");
    let body = browser.decide(Decision::AcceptAll, Layer::First, Method::AcceptAll);
    let created = server.ask(post(body.clone())).await;
    let (id, secret) = (text(&created.json(), &["record_id"]), browser.secret.clone().unwrap());
    let shell = server.shell();
    shell.execute_batch("DROP TRIGGER record_is_never_changed").unwrap();
    for place in (0..body.len()).step_by(7) {
        let mut bytes = body.clone().into_bytes();
        bytes[place] ^= 1;
        shell
            .execute(
                "UPDATE record SET body = CAST(?1 AS TEXT) WHERE record_id = ?2",
                rusqlite::params![bytes, key::uuid(&id)],
            )
            .unwrap();
        let seen = server.ask(with_secret("GET", &id, &secret)).await;
        assert_eq!(seen.at(&["holds", "record"]), Value::Bool(false), "byte {place}");
    }
    let (code, _, err) = export(&server, &id, &[]);
    assert_eq!(code, 1);
    assert!(err.contains("The stored record is not the one that was received"), "{err}");
    // The control: the right bytes hold again.
    shell.execute("UPDATE record SET body = ?1 WHERE record_id = ?2", rusqlite::params![body, key::uuid(&id)]).unwrap();
    assert_eq!(export(&server, &id, &[]).0, 0);
}
