//! What is open (G3, G4, G9) and what is wrong with a tag.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::choice::{Choice, Held};
use askfirst_core::gate::{self, ALIASES, Fault, Gate, Tag};
use askfirst_core::json;
use askfirst_core::settings::Settings;
use askfirst_core::time::DAY;
use support::{NOW, settings, with_vendor};

const UNTIL: i64 = NOW + 180 * DAY;

/// A choice; `None` leaves a category undecided.
fn choice(settings: &Settings, answers: &[(&str, Option<bool>)]) -> Choice {
    let held = |(id, granted): &(&str, Option<bool>)| {
        let v = settings.category(id).unwrap().substance(&settings.controller);
        granted.map(|granted| Held { purpose: (*id).into(), v, granted, until: UNTIL, waiting: false })
    };
    Choice {
        at: NOW,
        decisions: answers.iter().filter_map(held).collect(),
        gpc: false,
        dnt: false,
        lang: "nl".into(),
        notice: String::new(),
        version: String::new(),
        proof: None,
        services: vec![],
    }
}

fn gate_at(settings: &Settings, choice: &Choice, now: i64) -> Gate {
    Gate::new(settings, Some(choice), "key", now)
}

/// The loader's whole rule.
fn is_open(gate: &Gate, category: &str, service: Option<&str>) -> bool {
    category.split_whitespace().all(|token| gate.open.iter().any(|open| open == token))
        && service.is_none_or(|service| gate.services.iter().any(|open| open == service))
}

#[test]
fn a_tag_runs_only_if_all_its_purposes_are_granted() {
    // G3: the whole truth table.
    let settings = settings();
    for a in [None, Some(false), Some(true)] {
        for m in [None, Some(false), Some(true)] {
            let gate = gate_at(&settings, &choice(&settings, &[("analytical", a), ("marketing", m)]), NOW);
            for (tokens, expected) in [
                ("functional", true),
                ("analytical", a == Some(true)),
                ("marketing", m == Some(true)),
                ("analytical marketing", a == Some(true) && m == Some(true)),
                ("functional analytical", a == Some(true)),
                ("!analytical", a == Some(false)),
                ("!marketing", m == Some(false)),
                ("analytical !marketing", a == Some(true) && m == Some(false)),
                ("analytical !analytical", false),
                ("!functional", false),
                ("chat", false),
                ("!chat", false),
                ("unknown", false),
                ("analytical unknown", false),
            ] {
                assert_eq!(is_open(&gate, tokens, None), expected, "{tokens} with {a:?} {m:?}");
            }
        }
    }
}

#[test]
fn every_alias_opens_and_shuts_with_its_category() {
    let settings = settings();
    for granted in [true, false] {
        let gate =
            gate_at(&settings, &choice(&settings, &[("analytical", Some(granted)), ("marketing", Some(granted))]), NOW);
        for (id, aliases) in ALIASES {
            for alias in *aliases {
                assert_eq!(gate::canonical(alias), *id);
                assert_eq!(is_open(&gate, alias, None), is_open(&gate, id, None));
                assert_eq!(is_open(&gate, &format!("!{alias}"), None), is_open(&gate, &format!("!{id}"), None));
            }
        }
    }
    assert_eq!(gate::canonical("chat"), "chat");
}

#[test]
fn without_a_choice_only_the_strictly_necessary_is_open() {
    // Nothing that waits for a refusal either: silence is no answer.
    let gate = Gate::new(&settings(), None, "key", NOW);
    assert_eq!(gate.open, ["functional", "necessary", "essential"]);
    assert_eq!((gate.services, gate.signals, gate.until), (vec!["login".to_string()], Vec::<String>::new(), 0));
}

#[test]
fn a_service_is_open_with_its_category_alone() {
    let settings = settings();
    let gate = gate_at(&settings, &choice(&settings, &[("analytical", Some(true)), ("marketing", Some(false))]), NOW);
    assert!(is_open(&gate, "analytical", Some("metrics")));
    for (category, service) in
        [("marketing", "clips"), ("analytical", "clips"), ("analytical", "undeclared"), ("functional", "")]
    {
        assert!(!is_open(&gate, category, Some(service)), "{service}");
    }
}

#[test]
fn a_vendor_that_was_added_later_is_shut_until_it_was_asked_for() {
    // B15
    let before = settings();
    let choice = choice(&before, &[("analytical", Some(true)), ("marketing", Some(true))]);
    let gate = gate_at(&with_vendor(), &choice, NOW);
    assert!(is_open(&gate, "analytical", Some("metrics")));
    assert!(!is_open(&gate, "marketing", None) && !is_open(&gate, "!marketing", None));
    assert!(!gate.services.iter().any(|service| service == "adverts" || service == "clips"));
}

#[test]
fn what_has_ended_is_shut_and_does_not_shut_the_rest() {
    let settings = settings();
    let mut choice = choice(&settings, &[("analytical", Some(true)), ("marketing", Some(true))]);
    choice.decisions[1].until = NOW + DAY;
    assert_eq!(gate_at(&settings, &choice, NOW).until, NOW + DAY, "the loader asks the engine again then");
    let gate = gate_at(&settings, &choice, NOW + DAY);
    assert!(is_open(&gate, "analytical", None) && !is_open(&gate, "marketing", None));
    assert_eq!(gate.until, UNTIL);
    let gate = gate_at(&settings, &choice, UNTIL);
    assert_eq!((gate.open.len(), gate.until), (3, 0));
}

#[test]
fn a_choice_from_the_future_opens_nothing() {
    // G9
    let settings = settings();
    let choice = choice(&settings, &[("analytical", Some(true)), ("marketing", Some(false))]);
    let gate = gate_at(&settings, &choice, NOW - DAY - 1);
    assert_eq!(gate.open, ["functional", "necessary", "essential"]);
}

#[test]
fn consent_mode_is_told_what_is_granted_and_that_the_rest_is_denied() {
    // REQUIREMENTS §4.1; also when everything was refused.
    let settings = settings();
    for (a, m) in [(true, false), (false, true), (false, false), (true, true)] {
        let gate = gate_at(&settings, &choice(&settings, &[("analytical", Some(a)), ("marketing", Some(m))]), NOW);
        let [signal] = &gate.signals[..] else { panic!("one signal") };
        let signal = json::parse(signal).unwrap();
        let [path, name, what, fields] = signal.items() else { panic!("a path and three arguments") };
        assert_eq!((path.text(), name.text(), what.text()), (Some("gtag"), Some("consent"), Some("update")));
        let word = |granted| Some(if granted { "granted" } else { "denied" });
        for (key, granted) in [
            ("ad_storage", m),
            ("ad_user_data", m),
            ("ad_personalization", m),
            ("analytics_storage", a),
            ("functionality_storage", false),
            ("personalization_storage", false),
        ] {
            assert_eq!(fields.at(key).and_then(|value| value.text()), word(granted), "{key}");
        }
        assert_eq!(fields.at("security_storage").and_then(|value| value.text()), Some("granted"));
        assert_eq!(fields.entries().len(), 7);
    }
}

#[test]
fn every_fault_of_a_tag_is_found() {
    let settings = settings();
    let tag = |inert, category: &str, service: Option<&str>| Tag {
        element: "script".into(),
        inert,
        category: category.into(),
        service: service.map(String::from),
    };
    let faults = |inert, category: &str, service| gate::inspect(&settings, &tag(inert, category, service));
    for good in ["analytical", "analytics", "!marketing", "analytical marketing", " ads,\tchat\n", "necessary"] {
        assert_eq!(faults(true, good, Some("metrics")), [], "{good}");
    }
    assert_eq!(faults(false, "analytical", None), [Fault::NotInert]);
    for empty in ["", " ", ",", "\n"] {
        assert_eq!(faults(true, empty, None), [Fault::NoCategory], "{empty:?}");
    }
    assert_eq!(faults(true, "marketting analytical", None), [Fault::UnknownCategory("marketting".into())]);
    for never in ["!", "!!marketing", "Marketing"] {
        assert_eq!(faults(true, never, None), [Fault::UnknownCategory(never.into())], "the loader never opens it");
    }
    assert_eq!(faults(true, "analytical", Some("metrix")), [Fault::UnknownService("metrix".into())]);
    assert_eq!(
        faults(false, "x", Some("y")).iter().map(Fault::code).collect::<Vec<_>>(),
        ["tag_not_inert", "tag_unknown_category", "tag_unknown_service"]
    );
    assert_eq!(Fault::NoCategory.code(), "tag_without_category");
}

#[test]
fn a_fault_tells_the_owner_what_to_do() {
    assert!(Fault::NotInert.message("script").contains("type=\"text/plain\""));
    assert!(Fault::NotInert.message("iframe").contains("data-src"));
    assert!(Fault::UnknownCategory("adz".into()).message("img").contains("\"adz\""));
    assert!(Fault::UnknownService("pix".into()).message("img").contains("\"pix\""));
}
