//! Delivery: what an answer means, when to try again, what is given up (R7).
#![allow(clippy::unwrap_used, clippy::panic)]

use askfirst_core::outbox::{Answer, MAX_ENTRIES, Outbox};
use askfirst_core::time::{DAY, Millis};
use proptest::prelude::*;

const NOW: Millis = 1_795_342_530_000;

/// How many entries may be sent now.
fn due(outbox: &Outbox, now: Millis) -> usize {
    outbox.entries.iter().filter(|entry| entry.is_due(now)).count()
}

fn bodies(outbox: &Outbox) -> Vec<&str> {
    outbox.entries.iter().map(|entry| entry.body.as_str()).collect()
}

#[test]
fn every_status_has_its_meaning() {
    for status in 0..=599u16 {
        let expected = match status {
            // Stored, now or before.
            200 | 201 | 202 | 409 => Answer::Done,
            // Never acceptable.
            400 | 413 | 415 | 422 => Answer::Dead,
            // Redirects to a login page, a missing route, an unknown notice (424), a full disk: all of it can be mended.
            _ => Answer::Later(0),
        };
        assert_eq!(Answer::new(status, None, true), expected, "{status}");
    }
}

#[test]
fn retry_after_is_kept_within_a_day() {
    assert_eq!(Answer::new(429, Some(120), false), Answer::Later(120));
    assert_eq!(Answer::new(503, Some(u32::MAX), false), Answer::Later(86_400));
    assert_eq!(Answer::new(201, Some(120), true), Answer::Done);
    assert_eq!(Answer::new(422, Some(120), false), Answer::Dead);
}

#[test]
fn past_the_bound_the_first_and_the_newest_stay() {
    let mut outbox = Outbox::default();
    for i in 0..40 {
        outbox.push(Some(format!("id {i}")), format!("body {i}"));
    }
    let kept = bodies(&outbox);
    assert_eq!(kept.len(), MAX_ENTRIES);
    assert_eq!((kept[0], kept[1], kept[MAX_ENTRIES - 1]), ("body 0", "body 25", "body 39"));
    assert_eq!(outbox.dropped as usize, 40 - MAX_ENTRIES);
}

#[test]
fn bodies_take_thirty_two_kilobytes_at_most_and_what_is_dropped_is_counted() {
    let mut outbox = Outbox::default();
    let body = |i: usize| format!("{i:02}{}", "x".repeat(11_998));
    for i in 0..4 {
        outbox.push((i != 1).then(|| format!("id {i}")), body(i));
    }
    assert_eq!(bodies(&outbox), [body(0), body(3)]);
    // The count among them stands in no record (R10).
    assert_eq!((outbox.dropped, outbox.unreported), (2, 1));
}

#[test]
fn a_good_status_without_a_receipt_is_no_delivery() {
    // A site that answers each unknown path with its start page says 200, too.
    for status in 200..=202 {
        assert_eq!(Answer::new(status, None, false), Answer::Later(0), "{status}");
    }
}

#[test]
fn silence_waits_no_longer_than_for_a_network_and_a_servers_wish_is_kept() {
    let mut outbox = Outbox::default();
    outbox.push(Some("a".into()), "a".into());
    outbox.push(Some("b".into()), "b".into());
    outbox.entries[0].attempts = 20;
    outbox.answered("a", Answer::Later(0), true, NOW, 300_000);
    outbox.answered("b", Answer::Later(0), false, NOW, 300_000);
    assert_eq!(due(&outbox, NOW + 400), 0);
    let waiting: Vec<bool> = outbox.entries.iter().map(|entry| entry.eager).collect();
    assert_eq!(waiting, [true, false]);
}

#[test]
fn the_last_body_that_was_refused_for_good_is_kept() {
    let mut outbox = Outbox::default();
    for body in ["a", "b"] {
        outbox.push(Some(body.into()), body.into());
        outbox.answered(body, Answer::Dead, false, NOW, 0);
    }
    assert_eq!((outbox.letter.as_deref(), outbox.dead, outbox.unreported), (Some("b"), 2, 2));
    assert!(outbox.entries.is_empty());
}

#[test]
fn a_new_entry_is_due_at_once_and_a_failed_one_later() {
    let mut outbox = Outbox::default();
    outbox.push(None, "a".into());
    assert_eq!((due(&outbox, NOW), outbox.next(NOW)), (1, None));
    outbox.answered("a", Answer::Later(30), false, NOW, 0);
    assert_eq!((due(&outbox, NOW), outbox.next(NOW)), (0, Some(NOW + 30_000)));
    assert_eq!(due(&outbox, NOW + 30_000), 1);
}

#[test]
fn a_clock_that_was_set_back_holds_nothing_for_ever() {
    let mut outbox = Outbox::default();
    outbox.push(None, "a".into());
    outbox.answered("a", Answer::Later(0), false, NOW + 365 * DAY, 0);
    assert_eq!((due(&outbox, NOW), outbox.next(NOW)), (1, None));
}

#[test]
fn an_answer_for_what_is_not_there_changes_nothing() {
    let mut outbox = Outbox::default();
    outbox.push(None, "a".into());
    let before = outbox.clone();
    for answer in [Answer::Done, Answer::Dead, Answer::Later(1)] {
        outbox.answered("b", answer, false, NOW, 0);
    }
    assert_eq!(outbox, before);
}

proptest! {
    #[test]
    fn the_wait_is_spread_grows_and_stays_below_ten_minutes(attempts in 0u32..60, random in any::<u32>(), after in 0u32..90_000) {
        let mut outbox = Outbox::default();
        outbox.push(None, "a".into());
        outbox.entries[0].attempts = attempts;
        outbox.answered("a", Answer::new(503, Some(after), false), false, NOW, random);
        let wait = outbox.entries[0].next - NOW;
        let asked = i64::from(after.min(86_400)) * 1000;
        let ceiling = (1000i64 << attempts.min(20)).min(600_000) + 500;
        prop_assert!(wait >= 500.max(asked) && wait <= ceiling.max(asked), "{wait}");
        prop_assert_eq!(outbox.entries[0].attempts, attempts + 1);
        prop_assert_eq!(outbox.next(NOW), Some(NOW + wait), "a waiting entry always has its time");
    }

    #[test]
    fn nothing_is_lost_but_by_an_answer_or_for_lack_of_room(
        steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), 0u16..600), 1..200)
    ) {
        let mut outbox = Outbox::default();
        let (mut pushed, mut done, mut dead) = (vec![], 0, 0);
        for (push, index, status) in steps {
            if push || pushed.is_empty() {
                let body = format!("body {}", pushed.len());
                outbox.push(Some(body.clone()), body.clone());
                pushed.push(body);
            } else {
                let body = pushed[index.index(pushed.len())].clone();
                let there = bodies(&outbox).contains(&body.as_str());
                let answer = Answer::new(status, None, true);
                outbox.answered(&body, answer, false, NOW, 1);
                done += usize::from(there && answer == Answer::Done);
                dead += usize::from(there && answer == Answer::Dead);
                let still = bodies(&outbox).contains(&body.as_str());
                prop_assert_eq!(still, there && matches!(answer, Answer::Later(_)));
            }
            prop_assert!(outbox.entries.len() <= MAX_ENTRIES);
            prop_assert_eq!(outbox.entries.len() + done + dead + outbox.dropped as usize, pushed.len());
            prop_assert_eq!(outbox.dead as usize, dead);
            let places = bodies(&outbox).into_iter().map(|body| pushed.iter().position(|p| p == body).unwrap());
            prop_assert!(places.is_sorted(), "in the order of the decisions");
            prop_assert!(pushed.last().is_none_or(|newest| outbox.dropped == 0 || push == bodies(&outbox).contains(&newest.as_str()) || !push));
        }
    }
}
