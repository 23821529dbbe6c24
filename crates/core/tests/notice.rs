//! The notice: whatever the visitor is shown decides its digest (R3, R1).
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::json::{self, map};
use askfirst_core::notice::{Notice, holds};
use askfirst_core::settings::{Item, Kind, Localized, Settings};
use askfirst_core::texts::{KEYS, Texts};
use askfirst_core::time::Period;
use proptest::prelude::*;
use std::collections::BTreeSet;
use support::{item, service, settings, texts};

/// A configuration that shows as much as one can.
fn full() -> Settings {
    let mut settings = settings();
    // With a name of its own the bundled words for it are not needed.
    settings.controller.authority = None;
    settings.categories.push(support::category("preferences", vec![]));
    let purposes = KEYS.iter().filter(|key| key.starts_with("purpose."));
    let services = purposes.enumerate().map(|(i, key)| {
        let safeguard = ["adequacy", "BCR", "SCC"][i % 3];
        support::service(
            &format!("ready-{i}"),
            vec![item(&format!("ready{i}"), Kind::Cookie, Some(Period { months: 0, days: 2, seconds: 0 }))],
        )
        .with(|service| service.purpose = Localized::Key((*key).into()))
        .with(|service| service.safeguard = Some(safeguard.into()))
    });
    settings.categories[1].services.extend(services);
    let durations = ["P2Y", "P1Y", "P1M", "P1D", "PT1H", "PT2H", "PT1M", "PT2M"];
    settings.categories[1].services[0]
        .items
        .extend(durations.iter().map(|text| item(&format!("for {text}"), Kind::Cookie, Period::parse(text))));
    settings.categories[0].services[0].id = "askfirst".into();
    settings.controller.imprint = Some("/imprint".into());
    for kind in [Kind::CacheStorage, Kind::ServiceWorker] {
        settings.categories[1].services[0].items.push(item("kept", kind, None));
    }
    settings.categories[0].services[0].purpose = Localized::Key("own.purpose".into());
    settings
}

trait With: Sized {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl<T> With for T {}

fn digest_of(settings: &Settings) -> String {
    Notice::new(settings, &texts("en")).digest
}

/// The English words, with one of them changed.
fn changed(key: &str) -> Texts {
    let file = format!("{}/../../www/locales/en.json", env!("CARGO_MANIFEST_DIR"));
    let json::Value::Map(mut entries) = json::parse(&std::fs::read_to_string(file).unwrap()).unwrap() else {
        unreachable!()
    };
    let entry = entries.iter_mut().find(|(known, _)| known == key).unwrap();
    entry.1 = format!("{}!", entry.1.text().unwrap()).into();
    Texts::parse("en", &json::Value::Map(entries).canonical()).unwrap()
}

#[test]
fn every_word_that_is_shown_before_a_choice_counts() {
    // What the digest does not cover, and where it is shown instead: how the dialog speaks of a choice that has been made,
    // which is no part of a notice, and the lazy parts.
    const NOT_SHOWN: &[(&str, &[&str])] = &[
        ("crates/core/src/view/declaration.view", &["declaration.change", "declaration.title", "declaration.version"]),
        ("crates/core/src/view/dialog.view", &["dialog.receipt", "dialog.record", "dialog.state", "dialog.withdraw"]),
        ("www/embeds.ts", &["embed.always", "embed.once", "embed.text", "embed.title"]),
        (
            "www/kept.ts",
            &[
                "dialog.erase",
                "dialog.erase.ask",
                "dialog.erased",
                "dialog.export",
                "dialog.failed",
                "dialog.print",
                "dialog.restricted",
                "receipt.granted",
                "receipt.notice",
                "receipt.received",
                "receipt.refused",
                "receipt.time",
                "receipt.title",
                "receipt.until",
            ],
        ),
        // `left.foreign`, `left.server`: the word for why something is left.
        ("www/left.ts", &["left.title", "left.text", "left."]),
        ("www/switches.ts", &["dialog.saved"]),
    ];
    let settings = full();
    let mut own_control = settings.clone();
    own_control.reopen.own = Some("#cookies".into());
    let originals = [&settings, &own_control].map(|settings| Notice::new(settings, &texts("en")));
    let shown = |key: &str| {
        let changed = changed(key);
        [&settings, &own_control]
            .iter()
            .zip(&originals)
            .any(|(settings, original)| Notice::new(settings, &changed) != *original)
    };
    let places = NOT_SHOWN.iter().flat_map(|(_, keys)| *keys);
    let placed =
        |key: &str| places.clone().any(|place| *place == key || place.ends_with('.') && key.starts_with(place));
    for key in KEYS {
        assert_ne!(shown(key), placed(key), "{key}");
    }
    for (file, keys) in NOT_SHOWN {
        let text = std::fs::read_to_string(format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        for key in *keys {
            assert!(text.contains(&format!("'{key}")) || text.contains(&format!("{{{key}")), "{file} shows {key}");
        }
    }
}

#[test]
fn every_language_and_every_own_word_gives_another_notice() {
    let settings = settings();
    let digests: BTreeSet<String> =
        ["de", "en", "fr", "nl"].iter().map(|lang| Notice::new(&settings, &texts(lang)).digest).collect();
    assert_eq!(digests.len(), 4);
    // Also when the words are the same.
    let words = std::fs::read_to_string(format!("{}/../../www/locales/en.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let british = Texts::parse("en-GB", &words).unwrap();
    assert_ne!(Notice::new(&settings, &british).digest, digest_of(&settings));
    let own =
        settings.clone().with(|settings| settings.texts = map([("en", map([("banner.accept", "Agree".into())]))]));
    assert_ne!(Notice::new(&own, &texts("en").with_overrides(&own)), Notice::new(&settings, &texts("en")));
    assert_eq!(Notice::new(&own, &texts("nl").with_overrides(&own)), Notice::new(&settings, &texts("nl")));
}

#[test]
fn every_declared_fact_counts() {
    type Change = (&'static str, fn(&mut Settings));
    const CHANGES: &[Change] = &[
        ("version", |s| s.version.push('x')),
        ("jurisdiction", |s| s.jurisdiction = None),
        ("controller name", |s| s.controller.name.push('x')),
        ("controller contact", |s| s.controller.contact.push('x')),
        ("controller policy", |s| s.controller.policy.push('x')),
        ("controller address", |s| s.controller.address = None),
        ("controller dpo", |s| s.controller.dpo = None),
        ("controller authority", |s| s.controller.authority = None),
        ("validity", |s| s.validity = Period::months(7)),
        ("a purpose more", |s| s.categories.push(support::own("maps", vec![]))),
        ("a purpose less", |s| drop(s.categories.pop())),
        ("order of purposes", |s| s.categories.swap(1, 2)),
        ("own title", |s| s.categories[3].title = Some(Localized::All("Talk".into()))),
        ("own text", |s| s.categories[3].text = Some(Localized::All("Talk to us about it.".into()))),
        ("a title of a built-in purpose", |s| s.categories[1].title = Some(Localized::All("Counting".into()))),
        ("a service more", |s| s.categories[1].services.push(service("x", vec![]))),
        ("a service elsewhere", |s| {
            let service = s.categories[1].services.pop();
            s.categories[2].services.extend(service);
        }),
        ("service id", |s| s.categories[1].services[0].id.push('x')),
        ("service name", |s| s.categories[1].services[0].name.push('x')),
        ("service provider", |s| s.categories[1].services[0].provider.push('x')),
        ("service purpose", |s| s.categories[1].services[0].purpose = Localized::All("Something else.".into())),
        ("service countries", |s| drop(s.categories[1].services[0].countries.pop())),
        ("service safeguard", |s| s.categories[1].services[0].safeguard = None),
        ("service policy", |s| s.categories[1].services[0].policy = None),
        ("an item less", |s| drop(s.categories[1].services[0].items.pop())),
        ("order of items", |s| s.categories[1].services[0].items.swap(0, 1)),
        ("item name", |s| s.categories[1].services[0].items[0].name.push('x')),
        ("item kind", |s| s.categories[1].services[0].items[0].kind = Kind::Pixel),
        ("item duration", |s| s.categories[1].services[0].items[0].duration = Some(Item::PERSISTENT)),
        ("item third party", |s| s.categories[1].services[0].items[0].third_party = true),
        ("item purpose", |s| s.categories[1].services[0].items[0].purpose = Some(Localized::All("Counts.".into()))),
        ("a necessary item", |s| s.categories[0].services[0].items[0].name.push('x')),
        ("the owner's own control", |s| s.reopen.own = Some("#cookies".into())),
    ];
    let original = digest_of(&settings());
    let mut seen = BTreeSet::from([original.clone()]);
    for (what, change) in CHANGES {
        let digest = digest_of(&settings().with(change));
        assert!(seen.insert(digest), "{what}");
    }
}

#[test]
fn what_nobody_is_shown_does_not_count() {
    // Else a moved endpoint would look like another consent.
    let original = digest_of(&settings());
    let moved = settings().with(|settings| {
        settings.records = None;
        settings.site = None;
        settings.locale = "nl".into();
    });
    assert_eq!(digest_of(&moved), original);
    assert_eq!(digest_of(&settings()), original);
}

#[test]
fn a_notice_holds_everything_and_is_canonical() {
    let notice = Notice::new(&settings(), &texts("nl"));
    let value = json::parse(&notice.text).unwrap();
    assert_eq!(value.canonical(), notice.text);
    assert!(holds(&notice.text, &notice.digest) && askfirst_core::digest::is_digest(&notice.digest));
    for part in [
        "Example B.V.",
        "privacy@example.com",
        "Dam 1, Amsterdam",
        "clips Ltd",
        "VISITOR",
        texts("nl").text("banner.reject"),
    ] {
        assert!(notice.text.contains(part), "{part}");
    }
    assert_eq!(value.at("recipients").unwrap().items().len(), 2, "who gets data with consent, once each");
    // B2: no control starts on, and none does in what is hashed.
    assert_eq!(value.at("purposes").unwrap().items()[0].at("basis").unwrap().text(), Some("strictly-necessary"));
}

#[test]
fn the_digest_of_a_known_notice_is_the_golden_one() {
    // Made by another implementation of SHA-256 and base64url, so that an auditor's tools will agree.
    let file = format!("{}/../../tests/vectors/notice-digest.json", env!("CARGO_MANIFEST_DIR"));
    let golden = json::parse(&std::fs::read_to_string(file).unwrap()).unwrap();
    let text = golden.at("text").and_then(json::Value::text).unwrap();
    assert!(holds(text, golden.at("digest").and_then(json::Value::text).unwrap()));
    assert_eq!(json::parse(text).unwrap().canonical(), text);
}

proptest! {
    #[test]
    fn one_flipped_byte_is_noticed(place in any::<prop::sample::Index>(), bit in 0u8..8) {
        let notice = Notice::new(&settings(), &texts("en"));
        let mut bytes = notice.text.clone().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        // A text that is no UTF-8 any more can't even be asked about.
        if let Ok(text) = String::from_utf8(bytes) {
            prop_assert!(!holds(&text, &notice.digest));
        }
        prop_assert!(!holds(&notice.text, &notice.digest.replacen("sha256-", "sha256-A", 1)));
    }
}
