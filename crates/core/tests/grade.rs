//! The grade of a record's evidence: what lowers it, and what must not (GDPR Art. 7(1), PROOF §1.3).
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::json;
use askfirst_core::log::evidence::{Grade, clock};
use askfirst_core::log::{CHALLENGE_TERM, Challenge, Envelope};
use askfirst_core::machine::{Decision, Event};
use askfirst_core::record::{Input, Interaction, Layer, Method, Record, State};
use askfirst_core::settings::Refusals;
use askfirst_core::time::DAY;
use support::{Browser, NOW, with_refusals};

const PRESS: Interaction = Interaction { input: Input::Pointer, dwell_ms: 3000, first_layer_equal_choice: Some(true) };

fn browser() -> Browser {
    let mut browser = Browser::new(with_refusals(Refusals::Pseudonymous), NOW);
    browser.boot();
    browser
}

/// The record of one answer on the first layer.
fn answered(decision: Decision, method: Method, ui: Option<Interaction>) -> Record {
    let mut browser = browser();
    browser.page.pressed = ui.map(Interaction::text);
    browser.send(Event::Decide(decision, Layer::First, method));
    browser.records().pop().unwrap()
}

fn accepted(ui: Option<Interaction>) -> Record {
    answered(Decision::Accept, Method::AcceptAll, ui)
}

fn envelope(clock: &str) -> Envelope {
    Envelope { received_at: NOW, clock: clock.into(), more: Vec::new() }
}

fn graded(record: &Record) -> Grade {
    Grade::of(record, &envelope("ok"), true)
}

#[test]
fn the_press_of_a_person_on_equal_buttons_is_the_best_evidence() {
    for input in [Input::Pointer, Input::Keyboard] {
        let grade = graded(&accepted(Some(Interaction { input, ..PRESS })));
        assert_eq!(grade.letter, 'A');
        assert!(grade.reasons.iter().all(|(holds, _)| *holds) && grade.reasons.len() >= 4, "{grade:?}");
    }
}

#[test]
fn each_weakness_lowers_the_grade_and_is_named() {
    let record = accepted(Some(PRESS));
    for (grade, letter) in [
        (graded(&accepted(None)), 'B'),
        (graded(&accepted(Some(Interaction { dwell_ms: 400, ..PRESS }))), 'B'),
        (Grade::of(&record, &envelope("behind"), true), 'B'),
        (Grade::of(&record, &envelope("ok"), false), 'C'),
        (graded(&accepted(Some(Interaction { input: Input::Agent, ..PRESS }))), 'C'),
        (graded(&accepted(Some(Interaction { first_layer_equal_choice: Some(false), ..PRESS }))), 'C'),
        (graded(&answered(Decision::AcceptAll, Method::Api, None)), 'C'),
    ] {
        assert_eq!(grade.letter, letter, "{grade:?}");
        assert_eq!(grade.reasons.iter().filter(|(holds, _)| !holds).count(), 1, "{grade:?}");
    }
}

#[test]
fn a_service_that_was_allowed_alone_needs_a_person_too() {
    let mut record = answered(Decision::Reject, Method::RejectAll, Some(Interaction { input: Input::Agent, ..PRESS }));
    record.event.state = State::Given;
    record.vendors = vec![("youtube".into(), true)];
    assert_eq!(graded(&record).letter, 'C');
}

#[test]
fn a_refusal_kept_to_the_day_is_not_said_to_come_from_a_wrong_clock() {
    // P1: its time is midnight. The server's comparison marks it as late.
    let mut record = answered(Decision::Reject, Method::RejectAll, Some(PRESS));
    assert_eq!(record.event.at % DAY, 0);
    let received = |received_at| Envelope { received_at, ..envelope("behind") };
    assert_eq!(clock(&record, &received(record.event.at + DAY - 1)), None);
    assert_eq!(Grade::of(&record, &received(record.event.at + DAY - 1), true).letter, 'A');
    assert!(clock(&record, &received(record.event.at + DAY)).is_some(), "another day is another day");
    record.event.state = State::Given;
    assert!(clock(&record, &received(record.event.at + DAY - 1)).is_some(), "a grant has its second");
}

#[test]
fn the_worst_of_several_weaknesses_counts() {
    let record = accepted(Some(Interaction { input: Input::Agent, dwell_ms: 0, ..PRESS }));
    assert_eq!(Grade::of(&record, &envelope("ahead"), true).letter, 'C');
}

#[test]
fn a_no_is_as_good_however_it_was_said() {
    let quick = Interaction { input: Input::Agent, dwell_ms: 0, first_layer_equal_choice: Some(false) };
    for ui in [Some(quick), Some(PRESS), None] {
        let record = answered(Decision::Reject, Method::RejectAll, ui);
        assert_eq!(graded(&record).letter, 'A');
        assert_eq!((record.event.method, record.ui), (Method::RejectAll, ui), "an agent's click is said to be one");
    }
    assert_eq!(graded(&answered(Decision::RejectAll, Method::Api, None)).letter, 'A');
}

#[test]
fn the_record_that_is_rebuilt_or_sent_again_says_the_same_of_the_press() {
    let mut browser = browser();
    browser.page.pressed = Some(PRESS.text());
    browser.send(Event::Decide(Decision::Accept, Layer::First, Method::AcceptAll));
    // Only the cookie has survived.
    browser.local = None;
    browser.boot();
    let records = browser.records();
    assert_eq!(records.len(), 1, "byte for byte the same, so the server counts it once");
    assert_eq!(records[0].ui, Some(PRESS));
    // The next answer, by a call, does not inherit it.
    browser.save(&[("marketing", false)]);
    assert_eq!(browser.records().pop().unwrap().ui, None);
}

#[test]
fn a_count_of_refusals_says_nothing_of_the_press() {
    // R10: a refusal is counted without anything that could tell people apart.
    let mut browser = Browser::new(with_refusals(Refusals::Aggregate), NOW);
    browser.boot();
    browser.page.pressed = Some(PRESS.text());
    browser.send(Event::Decide(Decision::Reject, Layer::First, Method::RejectAll));
    let [count] = &browser.posted[..] else { panic!("one count") };
    assert!(json::parse(count).unwrap().at("ui").is_none() && !count.contains("pointer"));
    assert!(!browser.local.unwrap().contains("pointer"), "nor does the browser keep it");
}

/// What a server notes of a record that came then with this challenge.
fn challenged(clock: &str, challenge: Challenge, received_at: i64) -> Envelope {
    Envelope { received_at, more: vec![challenge.noted(received_at)], ..envelope(clock) }
}

#[test]
fn a_challenge_is_a_reason_of_the_grade_and_one_that_is_late_lowers_nothing() {
    let record = accepted(Some(PRESS));
    let late = NOW + CHALLENGE_TERM + 1;
    for (challenge, received_at, letter, word) in [
        (Challenge::Issued(NOW), NOW + CHALLENGE_TERM, 'A', "in time"),
        (Challenge::Issued(NOW), late, 'A', "late"),
        (Challenge::Missing, NOW, 'B', "without the challenge"),
        (Challenge::Invalid, NOW, 'B', "never gave"),
    ] {
        let grade = Grade::of(&record, &challenged("ok", challenge, received_at), true);
        assert_eq!(grade.letter, letter, "{grade:?}");
        let said: Vec<_> = grade.reasons.iter().filter(|(_, why)| why.contains(word)).collect();
        assert_eq!(said.len(), 1, "{grade:?}");
        assert_eq!(said[0].0, letter == 'A');
    }
    let unasked = graded(&record);
    assert!(unasked.reasons.iter().all(|(_, why)| !why.contains("challenge")), "where none is asked for: {unasked:?}");
    let refused = answered(Decision::Reject, Method::RejectAll, Some(PRESS));
    for challenge in [Challenge::Missing, Challenge::Invalid] {
        let grade = Grade::of(&refused, &challenged("ok", challenge, NOW), true);
        assert_eq!(grade.letter, 'A', "a refusal needs none: {grade:?}");
    }
}

#[test]
fn a_record_that_waited_is_believed_its_time_when_the_server_had_heard_of_it_then() {
    let record = accepted(Some(PRESS));
    let later = NOW + 2 * DAY;
    let grade = |challenge| Grade::of(&record, &challenged("behind", challenge, later), true);
    assert_eq!(grade(Challenge::Issued(record.event.at + 1_000)).letter, 'A');
    assert_eq!(grade(Challenge::Issued(later)).letter, 'B', "heard of it only when it came");
    assert_eq!(grade(Challenge::Missing).letter, 'B');
}
