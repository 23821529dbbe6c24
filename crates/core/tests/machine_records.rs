//! What the state machine records, sends and keeps (P1, R5, R7, R10).
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::json::{self, Value};
use askfirst_core::machine::{Effect, Event};
use askfirst_core::record::{Layer, Method, Record, State as Became, Submission};
use askfirst_core::settings::Refusals;
use askfirst_core::time::{DAY, date};
use support::{Browser, NOW, at, order, own, settings, with_refusals};

fn fresh() -> Browser {
    let mut browser = Browser::new(settings(), NOW);
    browser.boot();
    browser
}

fn started(settings: askfirst_core::settings::Settings) -> Browser {
    let mut browser = Browser::new(settings, NOW);
    browser.boot();
    browser
}

fn state(browser: &Browser) -> Value {
    json::parse(&browser.page.text(&browser.settings, &browser.env)).unwrap()
}

fn detail(effects: &[Effect], wanted: &str) -> Vec<Value> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Emit(name, detail) if *name == wanted => Some(json::parse(detail).unwrap()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_record_is_recorded_once_and_only_by_its_receipt() {
    let mut browser = fresh();
    browser.accept_all();
    let body = browser.posted[0].clone();
    for status in [424, 500, 0, 429, 404] {
        let effects = browser.answer(&body, status);
        assert_eq!(order(&effects), ["Persist", "WakeAt"], "{status}");
        assert_eq!(state(&browser).at("recorded"), Some(&Value::Bool(false)));
    }
    assert_eq!(browser.stored().outbox.entries[0].attempts, 5);
    let effects = browser.answer(&body, 201);
    assert_eq!(order(&effects), ["Persist", "Emit recorded"]);
    let proof = browser.stored().choice.unwrap().proof.unwrap();
    assert_eq!(proof.received.as_deref(), Some("2026-11-22T10:15:31Z"));
    assert_eq!(order(&browser.answer(&body, 201)), ["Persist"]);
    assert_eq!(browser.boot().iter().filter(|effect| matches!(effect, Effect::Deliver(_))).count(), 0);
}

#[test]
fn a_record_that_is_refused_for_good_is_reported_and_not_sent_again() {
    let mut browser = fresh();
    browser.accept_all();
    let body = browser.posted.remove(0);
    let effects = browser.answer(&body, 422);
    assert_eq!(detail(&effects, "error")[0].at("status"), Some(&Value::Int(422)));
    assert_eq!((browser.stored().outbox.entries.len(), browser.stored().outbox.dead), (0, 1));
    browser.boot();
    assert!(browser.posted.is_empty());
}

#[test]
fn a_record_that_was_refused_is_kept_for_its_reason_and_told_of_by_the_next_one() {
    // PROOF §2: poison is kept and reported, never lost in silence and never sent again.
    let mut browser = fresh();
    browser.accept_all();
    let poison = browser.posted.remove(0);
    let answer = json::parse(r#"{"error":{"code":"invalid","path":"$.client"}}"#).ok();
    let effects =
        browser.send(Event::Answered { body: poison.clone(), status: 422, retry_after: None, receipt: answer.clone() });
    let told = detail(&effects, "error").remove(0);
    assert_eq!((told.at("code"), told.at("answer")), (Some(&"record_refused".into()), answer.as_ref()));
    assert_eq!(state(&browser).at("undelivered"), Some(&Value::Int(1)));
    assert_eq!(state(&browser).at("recorded"), Some(&Value::Bool(false)));
    assert_eq!(browser.stored().outbox.letter.as_ref(), Some(&poison));
    // Where only the cookie is left, it is not made again for ever.
    let mut alone = browser.clone();
    alone.local = None;
    alone.boot();
    assert!(alone.posted.is_empty());

    browser.env.now += 1000;
    browser.save(&[("chat", false)]);
    assert_eq!(browser.records().pop().unwrap().undelivered, 1);
    // Until the server has that, each record says so; then it has been said.
    browser.env.now += 1000;
    browser.save(&[("chat", true)]);
    assert_eq!(browser.records().pop().unwrap().undelivered, 1);
    browser.deliver_all();
    browser.env.now += 1000;
    browser.save(&[("chat", false)]);
    assert_eq!(browser.records().pop().unwrap().undelivered, 0);
}

#[test]
fn after_a_withdrawal_no_refused_record_stays_behind() {
    // P1
    for refused in [0, 1] {
        let mut browser = fresh();
        browser.accept_all();
        browser.withdraw();
        let bodies = std::mem::take(&mut browser.posted);
        for (at, body) in bodies.iter().enumerate() {
            browser.answer(body, if at == refused { 422 } else { 201 });
        }
        assert_eq!(browser.stored().outbox.letter, None);
        assert!(!browser.local.unwrap().contains("subject"));
    }
}

#[test]
fn a_network_that_is_there_again_ends_the_wait_and_a_page_that_comes_back_sends_again() {
    let mut browser = fresh();
    browser.accept_all();
    let body = browser.posted.remove(0);
    browser.answer(&body, 0);
    browser.send(Event::Wake);
    assert!(browser.posted.is_empty(), "its time has not come");
    browser.send(Event::Online);
    assert_eq!(browser.posted, std::slice::from_ref(&body));
    browser.send(Event::Online);
    assert_eq!(browser.posted.len(), 1, "it is on the wire");
    // The page was left and nobody heard the answer.
    browser.send(Event::Restored);
    assert_eq!(browser.posted, [body.clone(), body.clone()]);
    // A server that has asked for a while gets it, network or not.
    browser.send(Event::Answered { body: body.clone(), status: 429, retry_after: Some(60), receipt: None });
    for event in [Event::Online, Event::Restored] {
        browser.send(event);
    }
    browser.boot();
    assert_eq!(browser.posted.len(), 2);
}

#[test]
fn a_count_is_not_sent_from_a_page_that_is_being_left() {
    let mut browser = fresh();
    browser.reject();
    let body = browser.posted.remove(0);
    browser.answer(&body, 0);
    browser.send(Event::Online);
    assert!(browser.posted.is_empty(), "nobody would hear whether it has arrived");
}

#[test]
fn a_page_in_the_place_of_the_records_server_is_no_receipt() {
    let mut browser = fresh();
    browser.accept_all();
    let body = browser.posted.remove(0);
    for receipt in [None, json::parse(r#"{"hello":"world"}"#).ok()] {
        browser.send(Event::Answered { body: body.clone(), status: 200, retry_after: None, receipt });
        assert_eq!(
            (state(&browser).at("pending"), state(&browser).at("recorded")),
            (Some(&Value::Int(1)), Some(&Value::Bool(false)))
        );
    }
}

#[test]
fn a_record_survives_in_the_cookie_byte_for_byte() {
    // R7: an update of the software or the configuration in the meantime changes nothing of it.
    let mut browser = fresh();
    browser.accept_all();
    let first = browser.posted.remove(0);
    browser.local = None;
    browser.env.now += 5 * DAY;
    (browser.env.client, browser.env.ui, browser.env.lang) = ("askfirst/9.0.0".into(), "sha256-x".into(), "de".into());
    browser.settings.jurisdiction = Some("BE".into());
    browser.boot();
    assert_eq!(browser.posted, [first]);
}

#[test]
fn the_receipt_is_the_record_and_never_another_one_s() {
    // B16
    let mut browser = fresh();
    browser.accept_all();
    let receipt = |browser: &Browser| json::parse(&browser.page.receipt(&browser.settings, &browser.env)).unwrap();
    assert_eq!(receipt(&browser).at("receipt"), Some(&Value::Null));
    browser.deliver_all();
    assert!(receipt(&browser).at("receipt").unwrap().at("received_at").is_some());
    browser.save(&[("chat", false)]);
    let second = receipt(&browser);
    assert_eq!((second.at("receipt"), second.at("receivedAt")), (Some(&Value::Null), Some(&Value::Null)));
    let posted = Submission::parse(browser.posted.last().unwrap());
    assert_eq!(Submission::parse(&second.at("record").unwrap().canonical()), posted);
    let secret = second.at("secret").unwrap().text().unwrap();
    let Ok(Submission::Record(Record { holder, .. })) = posted else { panic!("a record") };
    assert_eq!(holder, askfirst_core::digest::digest(secret.as_bytes()));
}

#[test]
fn records_form_a_chain_until_everything_is_withdrawn() {
    // R5
    for refusals in [Refusals::Aggregate, Refusals::Pseudonymous] {
        let mut browser = started(with_refusals(refusals));
        browser.save(&[("analytical", true), ("marketing", false), ("chat", false)]);
        browser.env.now += 1000;
        browser.save(&[("marketing", true)]);
        browser.env.now += 1000;
        browser.withdraw();
        browser.env.now += 1000;
        browser.accept_all();
        let records = browser.records();
        let states: Vec<Became> = records.iter().map(|record| record.event.state).collect();
        assert_eq!(states, [Became::Given, Became::Changed, Became::Withdrawn, Became::Given]);
        let ids: Vec<&str> = records.iter().map(|record| record.record_id.as_str()).collect();
        let prev: Vec<Option<&str>> = records.iter().map(|record| record.prev.as_deref()).collect();
        assert_eq!(prev, [None, Some(ids[0]), Some(ids[1]), None]);
        assert!(
            records[..3]
                .iter()
                .all(|record| record.subject == records[0].subject && record.holder == records[0].holder)
        );
        assert!(records[3].subject != records[0].subject && records[3].holder != records[0].holder);
        assert_eq!(records[1].decisions.iter().map(|d| d.granted).collect::<Vec<_>>(), [true, true, false]);
    }
}

#[test]
fn the_largest_configuration_still_gives_records_below_four_kilobytes() {
    // R7
    let mut settings = settings();
    let services: Vec<_> = (0..300).map(|i| support::service(&format!("service-{i}"), vec![])).collect();
    settings.categories.truncate(1);
    settings.categories.extend((0..32).map(|i| own(&format!("{}{i:02}", "c".repeat(38)), services.clone())));
    settings.version = "v".repeat(64);
    let mut browser = started(settings);
    browser.accept_all();
    browser.save(&[(&format!("{}00", "c".repeat(38)), false)]);
    assert_eq!(browser.records().len(), 2);
    assert!(browser.posted.iter().all(|body| body.len() <= 4096));
}

#[test]
fn a_refusal_is_sent_as_the_owner_chose() {
    // R10
    let posted = |refusals| {
        let mut browser = started(with_refusals(refusals));
        browser.reject();
        browser.posted
    };
    assert_eq!(posted(Refusals::None), Vec::<String>::new());
    let [count] = &posted(Refusals::Aggregate)[..] else { panic!("one count") };
    let Ok(Submission::Count(count)) = Submission::parse(count) else { panic!("a count: {count}") };
    assert_eq!((date(count.day), count.method, count.layer), ("2026-11-22".into(), Method::RejectAll, Layer::First));
    let [record] = &posted(Refusals::Pseudonymous)[..] else { panic!("one record") };
    let Ok(Submission::Record(record)) = Submission::parse(record) else { panic!("a record: {record}") };
    assert_eq!((record.event.state, record.event.at), (Became::Refused, at("2026-11-22")));
    let mut silent = settings();
    silent.records = None;
    let mut browser = started(silent);
    browser.reject();
    browser.accept_all();
    assert!(browser.posted.is_empty() && browser.page.stored.outbox.entries.is_empty());
    assert_eq!(browser.granted().len(), 3, "the site works without a records server");
}

#[test]
fn a_count_says_that_an_agent_has_refused() {
    let mut browser = fresh();
    browser.page.pressed = Some(r#"{"dwell_ms":0,"input":"agent","trusted_event":false}"#.into());
    browser.reject();
    browser.page.pressed = None;
    let Ok(Submission::Count(count)) = Submission::parse(&browser.posted[0]) else { panic!("a count") };
    assert_eq!((count.method, count.layer), (Method::Agent, Layer::First));
}

#[test]
fn the_same_refusal_again_is_not_counted_again() {
    let mut browser = fresh();
    browser.reject();
    browser.env.now += 40 * DAY;
    browser.withdraw();
    assert_eq!(browser.posted.len(), 1);
    assert_eq!(date(browser.page.stored.choice.unwrap().decisions[0].until), "2027-07-01", "but it holds from then");
}

#[test]
fn refusing_after_a_grant_has_ended_is_a_count_without_a_pseudonym() {
    // R10, P1: what has ended can't be withdrawn.
    let mut browser = fresh();
    browser.accept();
    browser.deliver_all();
    browser.env.now += 300 * DAY;
    browser.boot();
    browser.reject();
    assert!(matches!(Submission::parse(&browser.posted[0]), Ok(Submission::Count(_))));
    assert_eq!(browser.page.stored.choice.unwrap().proof, None);
}

#[test]
fn a_refusal_stores_no_identifier() {
    // P1: two browsers differ in nothing, before the delivery as after it.
    for refusals in [Refusals::Aggregate, Refusals::None] {
        let [mut first, mut second] = [1, 2].map(|seed| Browser::seeded(with_refusals(refusals), NOW, seed));
        for browser in [&mut first, &mut second] {
            browser.boot();
            browser.reject();
        }
        assert_eq!((&first.local, &first.cookies), (&second.local, &second.cookies));
        // Not even the time of day.
        let mut evening = Browser::seeded(with_refusals(refusals), NOW + DAY / 2, 3);
        evening.boot();
        evening.reject();
        assert_eq!(evening.local, first.local);
        first.deliver_all();
        second.deliver_all();
        assert_eq!((&first.local, &first.cookies), (&second.local, &second.cookies));
        assert!(first.page.stored.outbox.entries.is_empty());
    }
}

#[test]
fn without_randomness_the_choice_counts_and_no_record_is_made() {
    // An id or a secret that is the same in every browser would be worse than none.
    let mut browser = Browser::new(settings(), NOW);
    browser.env.random = None;
    browser.boot();
    let effects = browser.accept_all();
    let errors: Vec<&Effect> = effects.iter().filter(|effect| matches!(effect, Effect::Emit("error", _))).collect();
    let [Effect::Emit(_, detail)] = &errors[..] else { panic!("one error: {errors:?}") };
    assert_eq!(detail, r#"{"code":"no_randomness"}"#);
    assert_eq!(browser.granted(), ["analytical", "marketing", "chat"]);
    assert_eq!(browser.stored().choice.unwrap().proof, None);
    assert!(browser.posted.is_empty() && browser.stored().outbox.entries.is_empty());
    // A count has no identifier and needs none.
    let mut refusing = Browser::new(settings(), NOW);
    refusing.env.random = None;
    refusing.boot();
    assert!(!order(&refusing.reject()).contains(&"Emit error".to_string()));
    assert_eq!(refusing.posted.len(), 1);
}

#[test]
fn once_the_server_has_erased_it_nothing_names_the_record_and_the_choice_stands() {
    // S4, P1: the next record begins a chain and a pseudonym of its own.
    let mut browser = Browser::new(settings(), NOW);
    browser.boot();
    browser.accept();
    let first = browser.records().remove(0);
    browser.deliver_all();
    assert_eq!(order(&browser.send(Event::Erased)), ["Persist"]);
    browser.boot();
    assert_eq!(browser.granted().len(), 3);
    let kept = browser.local.clone().unwrap();
    assert!(
        !kept.contains(&first.record_id) && !kept.contains(&first.subject) && !kept.contains("secret\":\""),
        "{kept}"
    );
    assert!(browser.posted.is_empty(), "and it is not made again");
    browser.withdraw();
    browser.accept_all();
    let next = browser.records().pop().unwrap();
    assert!(next.prev.is_none() && next.subject != first.subject && next.holder != first.holder);
}
