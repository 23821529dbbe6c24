//! Services, what they store, trackers, and words.

use super::rules::{E, Rule, SERVICE, W, check};
use super::*;

#[test]
fn services_and_items_are_complete() {
    check(&[
        Rule {
            set: "services/films/name",
            good: r#""Film""#,
            faults: &[("", "$.services.films.name", "missing", E, None)],
        },
        Rule {
            set: "services/films/provider",
            good: r#""Film SA""#,
            faults: &[("", "$.services.films.provider", "L08", E, None)],
        },
        Rule {
            set: "services/films/purpose",
            good: r#""purpose.video""#,
            faults: &[
                ("", "$.services.films.purpose", "missing", E, None),
                (r#""purpose.vidoe""#, "$.services.films.purpose", "reference", E, Some("purpose.video")),
            ],
        },
        // L21: outside the EEA with a safeguard only.
        Rule {
            set: "services/films/countries",
            good: r#"["FR","NO"]"#,
            faults: &[
                (
                    r#"["FR","US"]"#,
                    "$.services.films.countries",
                    "L21",
                    W,
                    Some(r#""safeguard": "adequacy", "SCC" or "BCR""#),
                ),
                (r#"["France"]"#, "$.services.films.countries[0]", "value", E, None),
                (r#""FR""#, "$.services.films.countries", "type", E, None),
            ],
        },
        // L37: nothing to show, and nothing to delete.
        Rule {
            set: "services/films/items",
            good: r#"[{"name":"x","kind":"pixel","duration":"session","thirdParty":true}]"#,
            faults: &[
                ("", "$.categories.video.services[0]", "L37", W, None),
                ("[]", "$.categories.video.services[0]", "L37", W, None),
                (
                    r#"[{"name":"x","kind":"pixel","thirdParty":true}]"#,
                    "$.services.films.items[0].duration",
                    "L08",
                    E,
                    None,
                ),
                (
                    r#"[{"name":"x","kind":"pixel","duration":"session"}]"#,
                    "$.services.films.items[0].thirdParty",
                    "L08",
                    E,
                    None,
                ),
                (
                    r#"[{"name":"x","kind":"pixel","duration":"session","thirdParty":"yes"}]"#,
                    "$.services.films.items[0].thirdParty",
                    "type",
                    E,
                    None,
                ),
                (
                    r#"[{"name":"x","kind":"localstorage","duration":"session","thirdParty":true}]"#,
                    "$.services.films.items[0].kind",
                    "value",
                    E,
                    Some("localStorage"),
                ),
                (
                    r#"[{"name":"x","kind":"pixel","duration":395,"thirdParty":true}]"#,
                    "$.services.films.items[0].duration",
                    "type",
                    E,
                    Some("P395D"),
                ),
                (
                    r#"[{"name":"x","kind":"pixel","duration":"P0D","thirdParty":true}]"#,
                    "$.services.films.items[0].duration",
                    "value",
                    E,
                    None,
                ),
                (
                    r#"[{"name":"x","kind":"pixel","duration":"Session","thirdParty":true}]"#,
                    "$.services.films.items[0].duration",
                    "value",
                    E,
                    Some("session"),
                ),
                (
                    r#"[{"name":"x","type":"pixel","kind":"pixel","duration":"session","thirdParty":true}]"#,
                    "$.services.films.items[0].type",
                    "L40",
                    E,
                    Some("kind"),
                ),
            ],
        },
    ]);
}

#[test]
fn l06_known_trackers_are_never_functional() {
    let cases = [
        ("youtube", None),
        ("plausible", None),
        ("gtm", Some(("Tags", "Google LLC"))),
        ("tags", Some(("Google Tag Manager", "Google LLC"))),
        ("heat", Some(("Heat maps", "Hotjar Ltd"))),
        ("px", Some(("Facebook-pixel", "Meta"))),
        ("clarity", Some(("Sessions", "Microsoft"))),
        ("crm", Some(("Chat", "HubSpot, Inc."))),
        ("rec", Some(("LogRocket", "LogRocket, Inc."))),
    ];
    for (id, own) in cases {
        let mut text =
            with(EXAMPLE, "categories", &[r#"{"marketing":{},"functional":{"services":[""#, id, r#""]}}"#].concat());
        if let Some((name, provider)) = own {
            let service = with(
                &with(SERVICE, "name", &Value::from(name).canonical()),
                "provider",
                &Value::from(provider).canonical(),
            );
            text = with(&text, &["services/", id].concat(), &service);
        }
        let (settings, problems) = read(&text);
        assert!(settings.is_none(), "{id}");
        let [problem] = &problems[..] else { panic!("{id}: {:?}", lines(&problems)) };
        assert_eq!((problem.path.as_str(), problem.code), ("$.categories.functional.services[0]", "L06"), "{id}");
        // Where it belongs, it is welcome.
        let moved = with(&text, "categories", &[r#"{"analytical":{"services":[""#, id, r#""]}}"#].concat());
        assert!(read(&moved).0.is_some(), "{id}");
    }
    // Ordinary words are no trackers.
    let service = with(SERVICE, "provider", r#""Clarity Segment Insurance B.V.""#);
    let text = with(&with(EXAMPLE, "categories/functional/services", r#"["chat"]"#), "services/chat", &service);
    assert!(read(&text).0.is_some());
}

#[test]
fn l11_words_neither_imply_consent_nor_steer() {
    let sentences = [
        ("By continuing to browse you accept cookies.", E),
        ("You agree by using this site.", E),
        ("Door verder te surfen accepteert u cookies.", E),
        ("Durch die weitere Nutzung stimmen Sie zu.", E),
        ("EN CONTINUANT, vous acceptez les cookies.", E),
        ("Cookies give you the best experience.", W),
        ("Voor een optimale ervaring op deze site.", W),
        ("Pour une meilleure EXPÉRIENCE sur ce site.", W),
        ("Für die BESTMÖGLICHE Nutzung unserer Seite.", W),
    ];
    let places = [
        ("texts/nl/banner.text", r#"$.texts.nl["banner.text"]"#),
        ("categories/video/text", "$.categories.video.text"),
        ("categories/analytical/title/nl", "$.categories.analytical.title.nl"),
        ("services/films/purpose", "$.services.films.purpose"),
    ];
    let base = with(FULL, "categories/analytical/title", r#"{"nl":"Statistiek"}"#);
    for (sentence, severity) in sentences {
        for (set, path) in places {
            let (settings, problems) = read(&with(&base, set, &Value::from(sentence).canonical()));
            let [problem] = &problems[..] else { panic!("{sentence}: {:?}", lines(&problems)) };
            assert_eq!((problem.path.as_str(), problem.code, problem.severity), (path, "L11", severity), "{sentence}");
            assert_eq!(settings.is_some(), severity == W);
        }
    }
}
