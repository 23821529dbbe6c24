//! The top level, addresses, validity and categories: per rule a lawful value, then faulty ones with the exact path,
//! code and suggestion.

use super::*;

pub(super) const E: Severity = Severity::Error;
pub(super) const W: Severity = Severity::Warning;

/// `set` in [`FULL`]: the lawful `good` gives no problem; each faulty value gives exactly one, where and as stated.
pub(super) struct Rule {
    pub(super) set: &'static str,
    pub(super) good: &'static str,
    pub(super) faults: &'static [Fault],
}

/// The value, and the expected path, code, severity and suggestion.
pub(super) type Fault = (&'static str, &'static str, &'static str, Severity, Option<&'static str>);

pub(super) const SERVICE: &str = r#"{"name":"X","provider":"Y","purpose":"purpose.chat","items":[{"name":"x","kind":"cookie","duration":"P1D","thirdParty":true}]}"#;

pub(super) fn check(rules: &[Rule]) {
    for rule in rules {
        let (settings, problems) = read(&with(FULL, rule.set, rule.good));
        assert_eq!(lines(&problems), [""; 0], "{} = {}", rule.set, rule.good);
        assert!(settings.is_some());
        for (value, path, code, severity, suggestion) in rule.faults {
            let text = with(FULL, rule.set, value);
            let (settings, problems) = read(&text);
            assert_eq!(
                read_terse(&text).is_some(),
                settings.is_some(),
                "the page must say the same: {} = {value}",
                rule.set
            );
            let [problem] = &problems[..] else { panic!("{} = {value}: {:#?}", rule.set, lines(&problems)) };
            let found = (problem.path.as_str(), problem.code, problem.severity, problem.suggestion.as_deref());
            assert_eq!(found, (*path, *code, *severity, *suggestion), "{} = {value}: {}", rule.set, problem.line());
            assert_eq!(settings.is_some(), *severity == W, "{} = {value}", rule.set);
        }
    }
}

#[test]
fn the_top_level_is_checked() {
    check(&[
        Rule {
            set: "version",
            good: r#""1""#,
            faults: &[
                ("", "$.version", "missing", E, None),
                ("3", "$.version", "type", E, None),
                (r#""  ""#, "$.version", "value", E, None),
            ],
        },
        Rule {
            set: "site",
            good: r#""http://127.0.0.1:4400""#,
            faults: &[
                (r#""http://www.example.nl""#, "$.site", "value", E, Some("https://www.example.nl")),
                (r#""https://www.example.nl/""#, "$.site", "value", E, Some("https://www.example.nl")),
                (r#""https://Example.nl""#, "$.site", "value", E, Some("https://example.nl")),
                (r#""example.nl""#, "$.site", "value", E, Some("https://example.nl")),
                (r#""https://example.nl:http""#, "$.site", "value", E, None),
                (r#""https://a@example.nl""#, "$.site", "value", E, None),
            ],
        },
        Rule {
            set: "jurisdiction",
            good: r#""DE""#,
            faults: &[
                (r#""nl""#, "$.jurisdiction", "value", E, Some("NL")),
                (r#""UK""#, "$.jurisdiction", "value", E, Some("GB")),
                (r#""Netherlands""#, "$.jurisdiction", "value", E, None),
            ],
        },
        Rule {
            set: "locale",
            good: r#""de""#,
            faults: &[
                // The video texts are in English too, so the default language alone is wrong.
                (r#""en_GB""#, "$.locale", "value", E, Some("en")),
                (r#""tlh""#, "$.locale", "value", E, None),
            ],
        },
        Rule {
            set: "dnt",
            good: r#""honour""#,
            faults: &[(r#""ignore""#, "$.dnt", "L35", W, Some("honour")), ("true", "$.dnt", "type", E, Some("honour"))],
        },
        Rule {
            set: "gpc",
            good: r#""honour""#,
            faults: &[
                (r#""ignore""#, "$.gpc", "L35", W, Some("honour")),
                (r#""honor""#, "$.gpc", "value", E, Some("honour")),
                ("true", "$.gpc", "type", E, Some("honour")),
            ],
        },
        // `true` looks at every page.
        Rule {
            set: "audit",
            good: "true",
            faults: &[("false", "$.audit", "type", E, None), (r#""sample""#, "$.audit", "value", E, Some("sampled"))],
        },
        Rule {
            set: "reopen",
            good: r#""end""#,
            faults: &[
                ("false", "$.reopen", "L10", E, Some("a[data-askfirst=preferences]")),
                (r#""right""#, "$.reopen", "value", E, Some("end")),
                (r#""strat""#, "$.reopen", "value", E, Some("start")),
                ("3", "$.reopen", "value", E, None),
            ],
        },
        Rule {
            set: "texts/nl",
            good: r#"{"banner.reject":"Alles weigeren"}"#,
            faults: &[
                (r#"{"banner.titel":"Hallo"}"#, r#"$.texts.nl["banner.titel"]"#, "L40", E, Some("banner.title")),
                (r#"{"banner.title":3}"#, r#"$.texts.nl["banner.title"]"#, "type", E, None),
                (r#"{"banner.withdraw":""}"#, r#"$.texts.nl["banner.withdraw"]"#, "value", E, None),
                (r#"{"banner.accept":"OK!"}"#, r#"$.texts.nl["banner.accept"]"#, "L11", W, Some("Accept all")),
                (r#""Hallo""#, "$.texts.nl", "type", E, None),
            ],
        },
        // L17: these words could never be shown.
        Rule {
            set: "texts",
            good: r#"{"nl-BE":{"reopen":"Cookies"}}"#,
            faults: &[
                (r#"{"NL":{}}"#, "$.texts.NL", "L17", W, Some("nl")),
                (r#"{"tlh":{}}"#, "$.texts.tlh", "L17", W, None),
            ],
        },
    ]);
}

#[test]
fn l09_the_controller_is_named_and_can_be_reached() {
    check(&[
        Rule { set: "controller/name", good: r#""Other Ltd""#, faults: &[("", "$.controller.name", "L09", E, None)] },
        Rule {
            set: "controller/contact",
            good: r#""https://example.com/contact""#,
            faults: &[
                ("", "$.controller.contact", "L09", E, None),
                (r#""ask at the desk""#, "$.controller.contact", "L09", E, None),
                (r#""javascript:alert(1)""#, "$.controller.contact", "L31", E, None),
            ],
        },
        Rule {
            set: "controller/dpo",
            good: r#""J. Jansen, +31 20 1234567""#,
            faults: &[(r#""J. Jansen""#, "$.controller.dpo", "L09", W, None)],
        },
    ]);
    let (settings, problems) = read(&with(FULL, "controller", ""));
    assert!(settings.is_none());
    assert_eq!((problems[0].path.as_str(), problems[0].code), ("$.controller", "L09"));
}

#[test]
fn l31_addresses_never_run_code_and_are_https() {
    let faults: &[(&str, &str, Severity, Option<&str>)] = &[
        (r#""javascript:alert(1)""#, "L31", E, None),
        (r#""JavaScript:alert(1)""#, "L31", E, None),
        (r#"" java\nscript:alert(1)""#, "L31", E, None),
        (r#""data:text/html,x""#, "L31", E, None),
        (r#""http://example.com/p""#, "L31", W, Some("https://example.com/p")),
        (r#""//example.com/p""#, "value", E, Some("https://example.com/p")),
        (r#""/\\example.com""#, "value", E, None),
        (r#""example.com/p""#, "value", E, Some("https://example.com/p")),
        (r#""privacy""#, "value", E, Some("/privacy")),
        (r#""ftp://example.com""#, "value", E, None),
        (r#""https://""#, "value", E, None),
    ];
    for (set, path) in
        [("controller/policy", "$.controller.policy"), ("services/films/policy", "$.services.films.policy")]
    {
        for good in [r#""/privacy""#, r#""https://example.com/privacy?a=b#c""#, r#""http://localhost/p""#] {
            assert_eq!(lines(&read(&with(FULL, set, good)).1), [""; 0], "{good}");
        }
        for (value, code, severity, suggestion) in faults {
            let (_, problems) = read(&with(FULL, set, value));
            let [problem] = &problems[..] else { panic!("{set} = {value}: {:?}", lines(&problems)) };
            let found = (problem.path.as_str(), problem.code, problem.severity, problem.suggestion.as_deref());
            assert_eq!(found, (path, *code, *severity, *suggestion), "{value}");
        }
    }
}

#[test]
fn l29_records_go_to_a_safe_place() {
    check(&[
        Rule {
            set: "records/endpoint",
            good: r#""http://localhost:8080/askfirst/v1/records""#,
            faults: &[
                ("", "$.records.endpoint", "L29", E, None),
                (r#""http://example.com/r""#, "$.records.endpoint", "L29", E, Some("https://example.com/r")),
                (
                    r#""http://127.0.0.1.example.com/r""#,
                    "$.records.endpoint",
                    "L29",
                    E,
                    Some("https://127.0.0.1.example.com/r"),
                ),
                (r#""records""#, "$.records.endpoint", "L29", E, None),
                (r#""data:x""#, "$.records.endpoint", "L31", E, None),
            ],
        },
        Rule {
            set: "records/refusals",
            good: r#""none""#,
            faults: &[(r#""agregate""#, "$.records.refusals", "value", E, Some("aggregate"))],
        },
        Rule {
            set: "records/require_ack",
            good: r#""acked""#,
            faults: &[
                (r#""aked""#, "$.records.require_ack", "value", E, Some("acked")),
                ("true", "$.records.require_ack", "type", E, Some("none")),
            ],
        },
        Rule {
            set: "records/key",
            good: r#""PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW""#,
            faults: &[
                (
                    r#""PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW""#,
                    "$.records.key",
                    "L29",
                    W,
                    None,
                ),
                (r#""c74f20a3""#, "$.records.key", "L29", W, None),
            ],
        },
        Rule {
            set: "records",
            good: r#"{"cookie":true,"endpoint":"/r"}"#,
            faults: &[(
                r#"{"cookie":true,"endpoint":"https://consent.example.nl/r"}"#,
                "$.records.cookie",
                "P3",
                W,
                None,
            )],
        },
        Rule {
            set: "records",
            good: r#"{"endpoint":"/r"}"#,
            faults: &[("", "$.records", "L29", W, Some(r#""records": { "endpoint": "/askfirst/v1/records" }"#))],
        },
    ]);
}

#[test]
fn records_are_kept_for_a_period() {
    // S1
    const P3Y: Option<&str> = Some("P3Y");
    check(&[Rule {
        set: "records/retention",
        good: r#""P3Y""#,
        faults: &[
            (r#""3 years""#, "$.records.retention", "value", E, P3Y),
            (r#""session""#, "$.records.retention", "value", E, P3Y),
            (r#""P0D""#, "$.records.retention", "value", E, P3Y),
            ("3", "$.records.retention", "type", E, P3Y),
        ],
    }]);
    let kept = |text: &str| read_terse(text).unwrap().records.unwrap().retention;
    assert_eq!(kept(EXAMPLE), Period::months(36));
    assert_eq!(kept(&with(EXAMPLE, "records/retention", r#""P18M""#)), Period::months(18));
}

#[test]
fn l13_and_l14_a_choice_holds_six_to_twenty_four_months() {
    const P6M: Option<&str> = Some("P6M");
    const P12M: Option<&str> = Some("P12M");
    check(&[Rule {
        set: "validity",
        good: r#""P6M""#,
        faults: &[
            (r#""P5M""#, "$.validity", "L13", E, P6M),
            (r#""P5M30D""#, "$.validity", "L13", E, P6M),
            // 183 days are less than the six months from March to August.
            (r#""P183D""#, "$.validity", "L13", E, P6M),
            (r#""P0D""#, "$.validity", "L13", E, P6M),
            (r#""P13M""#, "$.validity", "L14", W, P12M),
            (r#""P2Y1D""#, "$.validity", "L14", E, P6M),
            (r#""182""#, "$.validity", "value", E, P6M),
            ("182", "$.validity", "type", E, P6M),
        ],
    }]);
    for good in ["P184D", "P5M31D", "P1Y", "P365D"] {
        check(&[Rule { set: "validity", good: Value::from(good).canonical().leak(), faults: &[] }]);
    }
}

#[test]
fn categories_are_lawful_and_explained() {
    check(&[
        // L07: an own category needs its own words.
        Rule {
            set: "categories/video/title",
            good: r#""Films""#,
            faults: &[
                ("", "$.categories.video.title", "L07", E, None),
                (r#"{"fr":"Films"}"#, "$.categories.video.title", "L17", W, None),
                (r#"{"en":"Films","EN":"Films"}"#, "$.categories.video.title.EN", "value", E, None),
                ("{}", "$.categories.video.title", "value", E, None),
                ("3", "$.categories.video.title", "type", E, None),
            ],
        },
        Rule {
            set: "categories/video/text",
            good: r#""Plays films from elsewhere.""#,
            faults: &[
                ("", "$.categories.video.text", "L07", E, None),
                (r#""Plays films.""#, "$.categories.video.text", "L07", W, None),
                (r#"{"en":"Plays films from elsewhere.","nl":"Films."}"#, "$.categories.video.text.nl", "L07", W, None),
            ],
        },
        // L18: one service, one purpose.
        Rule {
            set: "categories/video/services",
            good: r#"["films","vimeo"]"#,
            faults: &[
                (r#"["films","counter"]"#, "$.categories.video.services[1]", "L18", E, None),
                (r#"["films","films"]"#, "$.categories.video.services[1]", "L18", E, None),
                (r#"["films","askfirst"]"#, "$.categories.video.services[1]", "L18", E, Some("remove it")),
                (r#"["films","vimeo-player"]"#, "$.categories.video.services[1]", "reference", E, Some("vimeo")),
                (r#"["films",{"name":"X"}]"#, "$.categories.video.services[1]", "type", E, None),
                // Declared, but nothing can run it.
                ("[]", "$.services.films", "unused", W, None),
            ],
        },
        // A ready-made service knows where it belongs.
        Rule {
            set: "categories/marketing",
            good: r#"{"services":["youtube"]}"#,
            faults: &[
                (
                    r#"{"services":["hotjar"]}"#,
                    "$.categories.marketing.services[0]",
                    "placement",
                    W,
                    Some("analytical"),
                ),
                ("true", "$.categories.marketing", "type", E, None),
            ],
        },
    ]);
}

#[test]
fn a_misspelt_service_is_recognised() {
    let (_, problems) = read(&with(FULL, "categories/video/services", r#"["flims"]"#));
    let found: Vec<_> =
        problems.iter().map(|problem| (problem.path.as_str(), problem.code, problem.suggestion.as_deref())).collect();
    assert_eq!(
        found,
        [("$.categories.video.services[0]", "reference", Some("films")), ("$.services.films", "unused", None)]
    );
}

#[test]
fn there_must_be_something_to_ask() {
    for categories in ["{}", r#"{"functional":{}}"#, r#"{"essential":{}}"#] {
        let (settings, problems) = read(&with(EXAMPLE, "categories", categories));
        assert!(settings.is_none(), "{categories}");
        assert!(
            problems.iter().any(|problem| problem.path == "$.categories" && problem.code == "missing"),
            "{categories}"
        );
    }
}

#[test]
fn a_misspelt_standard_category_is_recognised() {
    let (_, problems) = read(&with(EXAMPLE, "categories/analitical", "{}"));
    let paths: Vec<_> =
        problems.iter().map(|problem| (problem.path.as_str(), problem.code, problem.suggestion.as_deref())).collect();
    assert_eq!(
        paths,
        [
            ("$.categories.analitical.title", "L07", Some("analytical")),
            ("$.categories.analitical.text", "L07", Some("analytical")),
        ]
    );
}

#[test]
fn a_category_given_twice_through_an_alias_is_an_error() {
    let (settings, problems) = read(&with(EXAMPLE, "categories/analytics", "{}"));
    assert!(settings.is_none());
    let found: Vec<_> =
        problems.iter().map(|problem| (problem.path.as_str(), problem.code, problem.severity)).collect();
    assert_eq!(found, [("$.categories.analytics", "alias", W), ("$.categories.analytics", "alias", E)]);
}

#[test]
fn ids_are_small_letters_digits_and_hyphens() {
    let words = r#"{"title":"Some title","text":"Some twenty letters or more."}"#;
    for (id, path, suggestion) in [
        ("Social Media", r#"$.categories["Social Media"]"#, Some("social-media")),
        ("7up", r#"$.categories["7up"]"#, None),
        ("été", r#"$.categories["été"]"#, None),
    ] {
        let (settings, problems) = read(&with(EXAMPLE, &["categories/", id].concat(), words));
        assert!(settings.is_none());
        assert_eq!(
            (problems[0].path.as_str(), problems[0].code, problems[0].suggestion.as_deref()),
            (path, "value", suggestion)
        );
    }
    let (_, problems) =
        read(&with(&with(EXAMPLE, "services/a b", SERVICE), "categories/marketing/services", r#"["a b"]"#));
    assert_eq!((problems[0].path.as_str(), problems[0].code), (r#"$.services["a b"]"#, "value"));
}

/// What can't be recorded must not be asked: the server would refuse every record of it (R7).
#[test]
fn what_a_record_cannot_hold_is_refused() {
    let own = r#"{"title":"Some title","text":"Some twenty letters or more."}"#;
    let id = |length: usize| "a".repeat(length);
    assert!(read(&with(EXAMPLE, &["categories/", &id(40)].concat(), own)).0.is_some());
    assert!(read(&with(EXAMPLE, &["categories/", &id(41)].concat(), own)).0.is_none());

    let mut text = EXAMPLE.to_string();
    for n in 0..31 {
        assert!(read(&text).0.is_some(), "{n}");
        text = with(&text, &["categories/c", &n.to_string()].concat(), own);
    }
    let (settings, problems) = read(&text);
    assert!(settings.is_none());
    assert!(problems.iter().any(|problem| problem.path == "$.categories" && problem.code == "value"));

    let (settings, problems) = read(&with(EXAMPLE, "version", r#""1\u0007""#));
    assert!(settings.is_none());
    assert_eq!((problems[0].path.as_str(), problems[0].code), ("$.version", "value"));
}

#[test]
fn l16_more_than_six_categories_are_too_many() {
    let mut text = EXAMPLE.to_string();
    for id in ["a", "b", "c", "d"] {
        text = with(
            &text,
            &["categories/", id].concat(),
            r#"{"title":"Some title","text":"Some twenty letters or more."}"#,
        );
        let (settings, problems) = read(&text);
        assert!(settings.is_some());
        assert_eq!(problems.iter().any(|problem| problem.code == "L16" && problem.severity == W), id == "d", "{id}");
    }
}
