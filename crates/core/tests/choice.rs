//! The stored value: what is read back, what a damaged one grants, which of several counts (P1, P5, G9).
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::choice::{Choice, Held, Proof, Standing, Stored};
use askfirst_core::digest::{base64url, digest, uuid};
use askfirst_core::gate::Gate;
use askfirst_core::json::{self, Value};
use askfirst_core::outbox::{Entry, Outbox};
use askfirst_core::record::{Layer, Method, State};
use askfirst_core::time::{DAY, Millis};
use proptest::prelude::*;
use support::{NOW, env, settings};

const MORNING: Millis = NOW / DAY * DAY;

/// A choice about analytical and marketing.
fn choice(at: Millis, grants: [bool; 2]) -> Choice {
    let settings = settings();
    let held = |id: &str, granted| Held {
        purpose: id.into(),
        v: settings.category(id).unwrap().substance(&settings.controller),
        granted,
        until: NOW + 180 * DAY,
        waiting: false,
    };
    let proof = Proof {
        record_id: uuid(&[1; 16]),
        prev: None,
        subject: base64url(&[2; 16]),
        holder: digest(b"secret"),
        secret: Some("secret".into()),
        state: State::Given,
        method: Method::Save,
        layer: Layer::Preferences,
        ui: digest(b"ui"),
        client: "askfirst/0.1.0".into(),
        jurisdiction: Some("NL".into()),
        received: None,
        interaction: None,
        undelivered: 0,
        left: None,
    };
    Choice {
        at,
        decisions: vec![held("analytical", grants[0]), held("marketing", grants[1])],
        gpc: false,
        dnt: false,
        lang: "nl".into(),
        notice: digest(b"notice"),
        version: "2026-11-22".into(),
        proof: (grants != [false, false]).then_some(proof),
        services: vec![],
    }
}

fn stored(at: Millis, grants: [bool; 2]) -> Stored {
    let choice = choice(at, grants);
    let gate = Gate::new(&settings(), Some(&choice), &env(NOW).key, NOW);
    let entry = Entry { id: Some(uuid(&[1; 16])), body: "{\"a\":1}".into(), attempts: 3, next: NOW + 5, eager: false };
    Stored {
        choice: Some(choice),
        gate: Some(gate),
        outbox: Outbox { entries: vec![entry], dropped: 1, dead: 2, ..Outbox::default() },
    }
}

/// What is open, by the rules, for a stored value.
fn open(stored: &Stored) -> Vec<String> {
    let settings = settings();
    let standing =
        |id| Choice::standing(stored.choice.as_ref(), settings.category(id).unwrap(), &settings.controller, NOW);
    ["analytical", "marketing", "chat"]
        .into_iter()
        .filter(|id| standing(id) == Standing::Open)
        .map(String::from)
        .collect()
}

/// How analytical and marketing stand.
fn standings(stored: &Stored) -> [Standing; 2] {
    let settings = settings();
    ["analytical", "marketing"]
        .map(|id| Choice::standing(stored.choice.as_ref(), settings.category(id).unwrap(), &settings.controller, NOW))
}

fn reconciled(primary: Option<&Stored>, mirrors: &[&Stored]) -> Stored {
    let mirrors: Vec<String> = mirrors.iter().map(|stored| stored.encode_mirror()).collect();
    Stored::reconcile(primary.map(Stored::encode).as_deref(), &mirrors, NOW)
}

#[test]
fn what_is_stored_is_read_back() {
    for grants in [[true, false], [false, false], [true, true]] {
        let stored = stored(NOW, grants);
        assert_eq!(Stored::decode(&stored.encode()), Some(stored));
    }
    assert_eq!(Stored::decode(&Stored::default().encode()), Some(Stored::default()));
}

#[test]
fn the_cookie_has_neither_secret_nor_outbox_nor_calls_and_fits() {
    // S4, P4
    let mut stored = stored(NOW, [true, true]);
    let text = stored.encode_mirror();
    assert!(!text.contains("\"secret\":\"") && !text.contains("outbox") && text.len() < 2500, "{}", text.len());
    let read = Stored::decode(&text).unwrap();
    stored.choice.as_mut().unwrap().proof.as_mut().unwrap().secret = None;
    stored.outbox = Outbox::default();
    stored.gate.as_mut().unwrap().signals.clear();
    assert_eq!(read, stored);
}

#[test]
fn the_stored_value_is_the_golden_one() {
    // The loader reads `gate` from it; a change here is a change of `wire::FORMAT`.
    let file = format!("{}/../../tests/vectors/stored.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(stored(NOW, [true, false]).encode(), text.trim_end());
    assert_eq!(Stored::decode(&text), Some(stored(NOW, [true, false])));
}

proptest! {
    #[test]
    fn any_stored_value_is_read_back(
        at in 0i64..4_000_000_000_000, purposes in prop::collection::hash_set("[a-z-]{1,9}", 0..6), v in any::<u32>(),
        flags in any::<[bool; 4]>(), texts in any::<[String; 4]>(),
    ) {
        let mut value = stored(at, [flags[0], flags[1]]);
        let choice = value.choice.as_mut().unwrap();
        choice.decisions = purposes.into_iter().map(|purpose| Held { purpose, v, granted: flags[2], until: at + 1, waiting: flags[2] && flags[1] }).collect();
        [choice.lang, choice.notice, choice.version, _] = texts.clone();
        (choice.gpc, choice.dnt) = (flags[3], flags[2]);
        choice.services = texts.to_vec();
        value.outbox.entries[0].body.clone_from(&texts[3]);
        value.outbox.entries[0].eager = flags[3];
        value.outbox.letter = flags[2].then(|| texts[3].clone());
        value.outbox.unreported = v;
        value.gate.as_mut().unwrap().open.push(texts[3].clone());
        prop_assert_eq!(Stored::decode(&value.encode()), Some(value));
    }

    #[test]
    fn a_truncated_value_grants_nothing(end in any::<prop::sample::Index>()) {
        let text = stored(NOW, [true, true]).encode();
        let cut = &text[..end.index(text.len())];
        prop_assert_eq!(Stored::decode(cut), None);
        prop_assert!(open(&Stored::reconcile(Some(cut), std::slice::from_ref(&text), NOW)).is_empty());
    }

    #[test]
    fn a_flipped_bit_grants_nothing_that_was_refused(place in any::<prop::sample::Index>(), bit in 0u8..7) {
        // One bit can't make `true` of `false`, a purpose of another, or this policy's substance of another's.
        let original = stored(NOW, [true, false]);
        let mut bytes = original.encode().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        let read = Stored::reconcile(Some(&text), &[], NOW);
        prop_assert!(open(&read).iter().all(|id| open(&original).contains(id)), "{text}");
    }

    #[test]
    fn any_text_is_read_or_left(text in any::<String>(), json in "[\\[\\]{}\",:a-z0-9]{0,80}") {
        for text in [&text, &json] {
            prop_assert!(open(&Stored::reconcile(Some(text), &[], NOW)).is_empty());
            prop_assert!(open(&Stored::reconcile(None, &[text.clone(), text.clone()], NOW)).is_empty());
        }
    }
}

#[test]
fn a_value_of_the_wrong_shape_grants_nothing() {
    // G9: every part replaced by every type, and left out.
    fn mutations(value: &Value) -> Vec<Value> {
        let mut all: Vec<Value> =
            vec![Value::Null, Value::Bool(true), Value::Int(-7), "x".into(), Value::List(vec![]), Value::Map(vec![])];
        match value {
            Value::Map(entries) => {
                for i in 0..entries.len() {
                    let mut without = entries.clone();
                    without.remove(i);
                    all.push(Value::Map(without));
                    for inner in mutations(&entries[i].1) {
                        let mut with = entries.clone();
                        with[i].1 = inner;
                        all.push(Value::Map(with));
                    }
                }
            }
            Value::List(items) => {
                for i in 0..items.len() {
                    for inner in mutations(&items[i]) {
                        let mut with = items.clone();
                        with[i] = inner;
                        all.push(Value::List(with));
                    }
                    all.push(Value::List([&items[..], &items[i..=i]].concat()));
                }
            }
            _ => {}
        }
        all
    }
    let original = stored(NOW, [true, false]);
    let value = json::parse(&original.encode()).unwrap();
    let mutated = mutations(&value);
    assert!(mutated.len() > 300, "{}", mutated.len());
    for value in mutated {
        let text = value.canonical();
        // Only the flag of marketing itself can say otherwise; that is the visitor's own hand.
        let own_hand =
            json::parse(&text).unwrap().at("choice").and_then(|c| c.at("decisions")).is_some_and(|list| {
                list.items().get(1).and_then(|held| held.at("granted")) == Some(&Value::Bool(true))
            });
        let read = Stored::reconcile(Some(&text), &[], NOW);
        assert!(own_hand || open(&read).iter().all(|id| id == "analytical"), "{text}");
    }
}

#[test]
fn another_format_grants_nothing() {
    let text = stored(NOW, [true, true]).encode();
    for format in ["0", "2", "\"1\"", "null", "true"] {
        let foreign = text.replace("\"format\":1", &format!("\"format\":{format}"));
        assert_eq!(Stored::decode(&foreign), None, "{format}");
        // Neither does an older copy beside it: the newer one may say no.
        assert!(open(&Stored::reconcile(Some(&foreign), std::slice::from_ref(&text), NOW)).is_empty());
        assert!(open(&Stored::reconcile(Some(&text), &[foreign], NOW)).is_empty());
    }
}

#[test]
fn a_purpose_that_is_decided_twice_is_corrupt() {
    let mut twice = stored(NOW, [true, false]);
    let choice = twice.choice.as_mut().unwrap();
    choice.decisions[1].purpose = "analytical".into();
    assert_eq!(Stored::decode(&twice.encode()), None);
}

#[test]
fn the_newest_copy_wins() {
    // P5, FIELD complaint 8
    let (old, new) = (stored(NOW - 3 * DAY, [true, true]), stored(NOW - DAY, [true, false]));
    for read in
        [reconciled(Some(&old), &[&new]), reconciled(Some(&new), &[&old]), reconciled(None, &[&old, &new, &old])]
    {
        assert_eq!(standings(&read), [Standing::Open, Standing::Refused]);
        assert_eq!(read.choice.unwrap().at, NOW - DAY);
    }
    // A later grant beats an earlier refusal too: the newest answer counts, not the strictest.
    let (refusal, grant) = (stored(MORNING - 5 * DAY, [false, false]), stored(NOW - 2 * DAY, [true, true]));
    assert_eq!(open(&reconciled(Some(&refusal), &[&grant])), ["analytical", "marketing"]);
}

#[test]
fn a_copy_from_the_future_does_not_beat_a_good_one() {
    // G9: a forged cookie, or one from a day on which the clock was wrong. Clocks differ by hours, not by more.
    let good = stored(NOW, [true, false]);
    let forged = stored(NOW + DAY + 1, [true, true]);
    for read in
        [reconciled(Some(&good), &[&forged]), reconciled(Some(&forged), &[&good]), reconciled(None, &[&forged, &good])]
    {
        assert_eq!(standings(&read), [Standing::Open, Standing::Refused]);
        assert_eq!(read.choice.unwrap().at, NOW);
    }
    let alone = reconciled(Some(&forged), &[]);
    assert_eq!((alone.choice, alone.outbox), (None, forged.outbox), "records on their way are kept");
    assert_eq!(
        standings(&reconciled(Some(&good), &[&stored(NOW + DAY, [true, true])])),
        [Standing::Open, Standing::Open]
    );
}

#[test]
fn of_two_equally_new_copies_only_what_both_grant_counts() {
    let (first, second) = (stored(NOW, [true, true]), stored(NOW, [true, false]));
    for read in [
        reconciled(Some(&first), &[&second]),
        reconciled(Some(&second), &[&first]),
        reconciled(None, &[&second, &first]),
    ] {
        assert_eq!(standings(&read), [Standing::Open, Standing::Refused]);
        assert_eq!(read.gate, None, "the loader must wait for the engine");
    }
    let crossed = reconciled(Some(&first), &[&stored(NOW, [false, true]), &second]);
    assert_eq!(standings(&crossed), [Standing::Refused, Standing::Refused]);
    assert_eq!(crossed.choice.unwrap().proof, None, "a refusal carries no identifier (P1)");
}

#[test]
fn a_grant_for_another_substance_is_not_what_both_grant() {
    let (first, mut second) = (stored(NOW, [true, true]), stored(NOW, [true, true]));
    second.choice.as_mut().unwrap().decisions[1].v ^= 1;
    assert_eq!(open(&reconciled(Some(&first), &[&second])), ["analytical"]);
}

#[test]
fn a_refusal_and_a_grant_of_one_day_refuse() {
    // A refusal keeps its day alone, so nobody knows which of the two came first.
    let (refusal, grant) = (stored(MORNING, [false, false]), stored(NOW, [true, true]));
    for read in [reconciled(Some(&refusal), &[&grant]), reconciled(Some(&grant), &[&refusal])] {
        assert_eq!(standings(&read), [Standing::Refused, Standing::Refused]);
    }
    // Two grants of one day carry their second.
    let later = stored(NOW + 1000, [true, false]);
    assert_eq!(
        standings(&reconciled(Some(&stored(NOW, [true, true])), &[&later])),
        [Standing::Open, Standing::Refused]
    );
}

#[test]
fn a_wiped_copy_does_not_undo_the_other() {
    let value = stored(NOW, [true, false]);
    let wiped = Stored::default();
    for read in [reconciled(None, &[&value]), reconciled(Some(&wiped), &[&value]), reconciled(Some(&value), &[&wiped])]
    {
        assert_eq!(standings(&read), [Standing::Open, Standing::Refused]);
    }
    assert_eq!(reconciled(Some(&value), &[]), value);
    assert_eq!(reconciled(Some(&value), &[&value]), value, "the secret and the outbox of localStorage stay");
    assert_eq!(Stored::reconcile(None, &[], NOW), Stored::default());
}

#[test]
fn beside_an_unreadable_copy_nothing_is_granted_and_refusals_stand() {
    // G9, B14
    let value = stored(NOW, [true, false]);
    for broken in ["", "{", "null", "[]", "{\"format\":2}", "\u{0}"] {
        let read = Stored::reconcile(Some(&value.encode()), &[broken.into()], NOW);
        assert_eq!(standings(&read), [Standing::Undecided, Standing::Refused], "{broken:?}");
        assert_eq!((&read.gate, &read.outbox), (&None, &value.outbox), "records on their way are kept");
        assert_eq!(read.choice.unwrap().proof, None);
        let read = Stored::reconcile(Some(broken), &[value.encode_mirror(), value.encode_mirror()], NOW);
        assert_eq!(standings(&read), [Standing::Undecided, Standing::Refused], "{broken:?}");
        assert_eq!(Stored::reconcile(Some(broken), &[], NOW), Stored::default());
    }
}

#[test]
fn a_choice_holds_until_its_end_and_not_before_its_time() {
    let settings = settings();
    let category = settings.category("analytical").unwrap();
    let choice = choice(NOW, [true, false]);
    let standing = |now| Choice::standing(Some(&choice), category, &settings.controller, now);
    let until = choice.decisions[0].until;
    assert_eq!(
        [standing(NOW), standing(until - 1), standing(until)],
        [Standing::Open, Standing::Open, Standing::Undecided]
    );
    // Clocks differ by hours; a choice from the day after tomorrow is nobody's.
    assert_eq!([standing(NOW - DAY), standing(NOW - DAY - 1)], [Standing::Open, Standing::Undecided]);
    assert_eq!(Choice::standing(None, category, &settings.controller, NOW), Standing::Undecided);
    assert_eq!(
        Choice::standing(None, settings.category("functional").unwrap(), &settings.controller, NOW),
        Standing::Open
    );
}
