//! What has become of a consent (issue 4: expired, invalidated): by the calendar, by what followed, by a word about its notice.
#![allow(clippy::unwrap_used)]

#[path = "support/evidence.rs"]
#[allow(dead_code)]
mod evidence;

use askfirst_core::exports::{Source, dpv};
use askfirst_core::json;
use askfirst_core::record::life::State;
use askfirst_core::record::{Invalidation, Life};
use askfirst_core::time::DAY;
use evidence::{RECEIVED, notice, record};

/// By the record of the support: given for 180 days.
const END: i64 = RECEIVED - 1000 + 180 * DAY;

fn state(ends_at: i64, invalidated: Option<&Invalidation>, now: i64) -> (State, i64) {
    let life = Life::of(&record(), invalidated, (ends_at, END), now).unwrap();
    (life.state, life.at)
}

#[test]
fn a_consent_counts_until_its_time_has_come_or_a_later_record_follows() {
    assert_eq!(state(END, None, END - 1), (State::InForce, END));
    assert_eq!(state(END, None, END), (State::Expired, END));
    let followed = RECEIVED + 5 * DAY;
    assert_eq!(state(followed, None, followed), (State::Followed, followed));
    // Long after, it is still the later record that ended it.
    assert_eq!(state(followed, None, END + DAY), (State::Followed, followed));
}

#[test]
fn a_consent_under_a_faulty_notice_never_counted_whatever_else_became_of_it() {
    let said = Invalidation { at: RECEIVED + 9 * DAY, reason: Some("a recipient was missing".into()) };
    for (ends_at, now) in [(END, RECEIVED + 10 * DAY), (END, END + DAY), (RECEIVED + DAY, END)] {
        assert_eq!(state(ends_at, Some(&said), now), (State::Invalidated, said.at));
    }
    let sentence = Life::of(&record(), Some(&said), (END, END), END).unwrap().sentence();
    assert_eq!(
        sentence,
        "It does not count: the notice was declared faulty at 2026-12-01T10:15:31Z (a recipient was missing)."
    );
}

#[test]
fn where_nothing_was_granted_nothing_ends() {
    let mut refused = record();
    refused.decisions.iter_mut().for_each(|decision| decision.granted = false);
    assert_eq!(Life::of(&refused, None, (END, END), END), None);
    // One video that was allowed is a consent too.
    refused.vendors.push(("youtube".into(), true));
    assert!(Life::of(&refused, None, (END, END), END).is_some());
}

#[test]
fn the_data_privacy_vocabulary_has_words_for_it() {
    let notice = json::parse(&notice()).unwrap();
    let record = record();
    let said = Invalidation { at: RECEIVED, reason: None };
    let form = |invalidated, now| {
        let life = Life::of(&record, invalidated, (END, END), now);
        dpv(Source { record: &record, notice: &notice, received_at: RECEIVED, life: life.as_ref() }).canonical()
    };
    let has = |text: &str, state: &str| text.matches(&format!("\"dpv:{state}\"")).count();
    let (given, expired, faulty) = (form(None, RECEIVED), form(None, END), form(Some(&said), RECEIVED));
    // The record as a whole, and the one purpose that was granted; the refused one stays refused.
    assert_eq!((has(&given, "ConsentGiven"), has(&given, "ConsentRefused")), (2, 1));
    assert_eq!(
        (has(&expired, "ConsentExpired"), has(&expired, "ConsentGiven"), has(&expired, "ConsentRefused")),
        (2, 0, 1)
    );
    assert_eq!((has(&faulty, "ConsentInvalidated"), has(&faulty, "ConsentGiven")), (2, 0));
}
