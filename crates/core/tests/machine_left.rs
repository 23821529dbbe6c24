//! The record of a withdrawal says what could not be deleted (G5), without a way to lose it or to store it twice (R7).
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::json::{self, Value};
use askfirst_core::machine::{Decision, Effect, Event, State};
use askfirst_core::record::{Layer, Left, LeftItem, MAX_LEFT, Method, Record, Submission, Why};
use askfirst_core::settings::Kind;
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::{Browser, NOW, item, order, settings};

const FOUND: &str = r#"[
  { "kind": "cookie", "name": "_pk_id.7.f3a1b2", "why": "server" },
  { "kind": "cookie", "name": "_pk_id.8.99", "why": "server" },
  { "kind": "cookie", "name": "VISITOR", "why": "foreign" },
  { "kind": "cookie", "name": "somebody-elses", "why": "server" },
  { "kind": "cookie", "name": "_pk_ses", "why": "server" },
  { "kind": "indexedDB", "name": "clips", "why": "because" }
]"#;

fn agreed() -> Browser {
    let mut browser = Browser::new(settings(), NOW);
    browser.boot();
    browser.accept_all();
    browser.deliver_all();
    browser.env.now += 1000;
    browser
}

/// Withdraws everything, without the outcome of the deletion.
fn withdraw(browser: &mut Browser) -> Vec<Effect> {
    browser.turn(Event::Decide(Decision::RejectAll, Layer::Preferences, Method::Withdraw))
}

fn cleared(browser: &mut Browser, found: &str) -> Vec<Effect> {
    browser.turn(Event::Cleared(json::parse(found).unwrap()))
}

fn left(record: &Record) -> Vec<(&str, &str)> {
    record.left.iter().flat_map(|left| &left.items).map(|item| (item.name.as_str(), item.why.name())).collect()
}

#[test]
fn it_names_what_is_left_as_it_is_declared_and_nothing_else() {
    let mut browser = agreed();
    let effects = withdraw(&mut browser);
    // It is stored before anything is deleted, and waits for the outcome.
    assert_eq!(order(&effects)[0], "Persist");
    assert_eq!((browser.stored().outbox.entries.len(), browser.posted.len()), (1, 0));
    let effects = cleared(&mut browser, FOUND);
    assert_eq!(order(&effects)[0], "Persist", "stored again before it is sent");
    let record = browser.records().pop().unwrap();
    // What was found has an id in its name; what was declared has a star (R2).
    assert_eq!(left(&record), [("_pk_id*", "server"), ("VISITOR", "foreign")]);
    assert!(!browser.posted[0].contains("f3a1b2"));
    assert_eq!(Submission::parse(&browser.posted[0]), Ok(Submission::Record(record)));
}

#[test]
fn where_everything_was_deleted_the_record_is_as_ever() {
    let mut browser = agreed();
    withdraw(&mut browser);
    cleared(&mut browser, "[]");
    assert_eq!(browser.records().pop().unwrap().left, None);
}

#[test]
fn a_page_that_is_left_while_it_deletes_sends_it_without() {
    let mut browser = agreed();
    withdraw(&mut browser);
    browser.send(Event::Online);
    assert_eq!(browser.records().pop().unwrap().left, None);
    // What is known afterwards comes too late: one id, one body.
    cleared(&mut browser, FOUND);
    assert_eq!(browser.posted.len(), 1);
    // Where even that did not happen, a later page sends it.
    let mut browser = agreed();
    withdraw(&mut browser);
    browser.boot();
    assert_eq!(browser.posted.len(), 0, "the page that deletes may still be there");
    browser.env.now += 3_000;
    browser.send(Event::Wake);
    assert_eq!(browser.records().len(), 1);
}

/// Tabs of other processes see later what one has stored: what one of them would send, the other may be changing.
#[test]
fn a_page_that_is_left_or_starts_does_not_send_what_another_page_holds() {
    for event in [Event::Online, Event::Restored] {
        let mut browser = agreed();
        withdraw(&mut browser);
        let mut other = State::default();
        std::mem::swap(&mut browser.page, &mut other);
        browser.boot();
        browser.send(event);
        assert_eq!(browser.posted.len(), 0);
        std::mem::swap(&mut browser.page, &mut other);
        cleared(&mut browser, FOUND);
        assert_eq!(left(&browser.records().pop().unwrap()), [("_pk_id*", "server"), ("VISITOR", "foreign")]);
        assert_eq!(browser.posted.len(), 1);
    }
}

#[test]
fn a_deletion_that_takes_too_long_does_not_hold_it_back() {
    let mut browser = agreed();
    let effects = withdraw(&mut browser);
    assert!(order(&effects).contains(&"WakeAt".into()), "{effects:?}");
    browser.env.now += 3_000;
    browser.send(Event::Wake);
    assert_eq!(browser.records().len(), 1);
    cleared(&mut browser, FOUND);
    assert_eq!((browser.posted.len(), browser.records()[0].left.clone()), (1, None));
}

#[test]
fn the_receipt_of_a_partial_withdrawal_has_what_was_sent() {
    let mut browser = agreed();
    browser.turn(Event::Decide(Decision::Save(vec![("analytical".into(), false)]), Layer::Preferences, Method::Save));
    cleared(&mut browser, FOUND);
    let sent = browser.posted.last().unwrap().clone();
    let receipt = json::parse(&browser.page.receipt(&browser.settings, &browser.env)).unwrap();
    assert_eq!(receipt.at("record").unwrap().canonical(), json::parse(&sent).unwrap().canonical());
    assert!(sent.contains("\"left\""));
    // The cookie has no room for it; where it alone is left, the record is either there already or comes without.
    assert!(!browser.cookies[0].contains("\"left\"") && browser.local.as_ref().unwrap().contains("\"left\""));
}

#[test]
fn more_than_sixteen_are_counted() {
    let mut settings = settings();
    settings.categories[1].services[0].items = (0..40).map(|i| item(&format!("c{i}"), Kind::Cookie, None)).collect();
    let found = (0..40)
        .map(|i| json::map([("kind", "cookie".into()), ("name", format!("c{i}").into()), ("why", "server".into())]));
    let left = Left::declared(&Value::List(found.collect()), &settings);
    assert_eq!((left.items.len(), left.more), (MAX_LEFT, 24));
    assert_eq!(left.items[0], LeftItem { kind: Kind::Cookie, name: "c0".into(), why: Why::Server });
}

#[derive(Clone, Debug)]
enum Step {
    Say(bool),
    Cleared(bool),
    Boot,
    Tab,
    Later(i64),
    Hurry(bool),
    Answer(prop::sample::Index, u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(Step::Say),
        4 => any::<bool>().prop_map(Step::Cleared),
        1 => Just(Step::Boot),
        3 => Just(Step::Tab),
        3 => (0i64..4000).prop_map(Step::Later),
        2 => any::<bool>().prop_map(Step::Hurry),
        3 => (any::<prop::sample::Index>(), prop::sample::select(vec![201u16, 0, 503])).prop_map(|(which, status)| Step::Answer(which, status)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_record_is_ever_sent_in_two_forms(steps in prop::collection::vec(step(), 1..60)) {
        let mut browser = agreed();
        let mut other = State::default();
        let mut sent: BTreeMap<String, String> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Say(yes) => {
                    browser.env.now += 1000;
                    let decision = if yes { Decision::AcceptAll } else { Decision::RejectAll };
                    browser.turn(Event::Decide(decision, Layer::Preferences, if yes { Method::AcceptAll } else { Method::Withdraw }));
                }
                Step::Cleared(all) => { cleared(&mut browser, if all { "[]" } else { FOUND }); }
                Step::Boot => { browser.boot(); }
                Step::Tab => {
                    std::mem::swap(&mut browser.page, &mut other);
                    browser.turn(Event::Refresh);
                    browser.turn(Event::Wake);
                }
                Step::Later(ms) => { browser.env.now += ms; browser.turn(Event::Wake); }
                Step::Hurry(online) => { browser.turn(if online { Event::Online } else { Event::Restored }); }
                Step::Answer(which, status) => if !browser.posted.is_empty() {
                    let body = which.get(&browser.posted).clone();
                    browser.answer(&body, status);
                }
            }
            for body in &browser.posted {
                if let Ok(Submission::Record(record)) = Submission::parse(body) {
                    let first = sent.entry(record.record_id).or_insert_with(|| body.clone());
                    prop_assert_eq!(&*first, body, "one id, one body");
                }
            }
        }
    }
}
