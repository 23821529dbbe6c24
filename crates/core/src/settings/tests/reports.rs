//! How problems are reported: foreign and unknown keys, guesses, files, syntax, and all at once.

use super::*;

#[test]
fn keys_of_other_consent_managers_that_would_be_unlawful_have_their_own_lint() {
    // (where, key, unlawful values, a harmless value, code)
    let lints: &[(&str, &str, &[&str], &str, &str)] = &[
        ("categories/video", "default", &["true", r#""granted""#], "false", "L01"),
        ("categories/video", "checked", &["true"], "false", "L01"),
        ("categories/video", "enabled", &["true"], "false", "L01"),
        ("services/films", "pre-selected", &["true"], "false", "L01"),
        ("", "optOut", &["true"], "false", "L01"),
        ("", "hideReject", &["true"], "false", "L02"),
        ("", "rejectButton", &["false"], "true", "L02"),
        ("", "equalWeightButtons", &["false"], "true", "L03"),
        ("", "rejectAsLink", &["true"], "false", "L03"),
        ("categories/video", "exempt", &["true"], "false", "L04"),
        ("categories/analytical", "required", &["true"], "false", "L04"),
        ("categories/video", "readOnly", &["true"], "false", "L04"),
        ("services/films", "needConsent", &["false"], "true", "L04"),
        ("categories/video", "basis", &[r#""legitimate_interest""#, r#""contract""#], r#""consent""#, "L05"),
        ("services/films", "legitimateInterest", &["true"], "false", "L05"),
        ("", "settingsLink", &["false"], "true", "L10"),
        ("", "consentOnScroll", &["true"], "false", "L12"),
        ("", "implied", &["true"], "false", "L12"),
        ("", "dismissOnScroll", &["true", "100"], "false", "L12"),
        ("", "highPrivacy", &["false"], "true", "L12"),
        ("", "reprompt", &[r#""every_visit""#], "false", "L13"),
        ("", "wall", &["true"], "false", "L20"),
        ("", "disablePageInteraction", &["true"], "false", "L20"),
        ("services/films", "onAccept", &[r#""alert(1)""#], "false", "L31"),
        ("", "withdrawBy", &[r#""mail""#], "false", "L36"),
    ];
    for (place, key, unlawful, harmless, code) in lints {
        let set = if place.is_empty() { (*key).to_string() } else { [place, "/", key].concat() };
        let problem = |value: &str| {
            let (settings, problems) = read(&with(FULL, &set, value));
            assert!(settings.is_none() && read_terse(&with(FULL, &set, value)).is_none());
            let [problem] = &problems[..] else { panic!("{set}: {:?}", lines(&problems)) };
            problem.clone()
        };
        let parent: String =
            place.split('/').filter(|step| !step.is_empty()).fold("$".to_string(), |path, step| path + "." + step);
        let last = if key.contains('-') { ["[\"", key, "\"]"].concat() } else { [".", key].concat() };
        for value in *unlawful {
            let found = problem(value);
            assert_eq!((found.path, found.code), ([parent.as_str(), &last].concat(), *code), "{set} = {value}");
        }
        // The harmless value is still no key of ours, but is not called unlawful.
        assert_eq!(problem(harmless).code, "L40", "{set} = {harmless}");
    }
    // The functional category is always on, so saying so is superfluous, not unlawful.
    let (_, problems) = read(&with(FULL, "categories/functional/required", "true"));
    assert_eq!(problems[0].code, "L40");
}

#[test]
fn unknown_keys_say_what_was_probably_meant() {
    let guesses = [
        ("privacyPolicy", "controller.policy"),
        ("policy", "controller.policy"),
        ("Version", "version"),
        ("revision", "version"),
        ("verion", "version"),
        ("purposes", "categories"),
        ("translations", "texts"),
        ("endpoint", "records.endpoint"),
        ("language", "locale"),
        ("cookieExpiresAfterDays", "validity"),
        ("control", "controller"),
        ("controller/email", "contact"),
        ("categories/video/description", "text"),
        ("categories/video/label", "title"),
        ("categories/video/vendors", "services"),
        ("services/films/cookies", "items"),
        ("services/films/description", "purpose"),
        ("services/films/vendor", "provider"),
        ("services/films/safegaurd", "safeguard"),
        ("records/refusal", "refusals"),
    ];
    for (set, guess) in guesses {
        let (settings, problems) = read(&with(FULL, set, r#""x""#));
        assert!(settings.is_none());
        let [problem] = &problems[..] else { panic!("{set}: {:?}", lines(&problems)) };
        assert_eq!((problem.code, problem.suggestion.as_deref()), ("L40", Some(guess)), "{set}");
    }
    // Where nothing is near, nothing is guessed.
    let (_, problems) = read(&with(FULL, "zebra", "1"));
    assert_eq!((problems[0].code, problems[0].suggestion.as_deref()), ("L40", None));
}

#[test]
fn a_ready_made_service_that_could_not_be_fetched_is_an_error() {
    let (settings, problems) = parse(EXAMPLE, &[("youtube".to_string(), ready_made("youtube"))]);
    assert!(settings.is_none());
    let [problem] = &problems[..] else { panic!("{:?}", lines(&problems)) };
    assert_eq!((problem.path.as_str(), problem.code), ("$.categories.analytical.services[0]", "reference"));
    assert!(problem.message.contains("services/plausible.json"));
}

#[test]
fn faults_of_a_ready_made_service_name_its_file() {
    let broken = json::parse(&with(&write(&ready_made("youtube")), "items", r#"[{"name":"x"}]"#)).unwrap();
    let (settings, problems) =
        parse(EXAMPLE, &[("youtube".to_string(), broken), ("plausible".to_string(), ready_made("plausible"))]);
    assert!(settings.is_none());
    let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    let item = [
        "services/youtube.json.items[0].kind",
        "services/youtube.json.items[0].duration",
        "services/youtube.json.items[0].thirdParty",
    ];
    assert_eq!(paths, item);
}

#[test]
fn syntax_errors_say_where() {
    for (text, message) in [
        ("", "line 1, column 1: the text ends too early"),
        ("{\n  \"version\": 1,\n}", "line 3, column 1: unexpected character (a comma too many, a missing quote?)"),
        (r#"{"version":"1","version":"2"}"#, "line 1, column 16: the same key twice in one object"),
    ] {
        let (settings, problems) = parse(text, &[]);
        assert!(settings.is_none());
        let [problem] = &problems[..] else { panic!("{:?}", lines(&problems)) };
        assert_eq!((problem.path.as_str(), problem.code, problem.message.as_str()), ("$", "json", message));
    }
    let (settings, problems) = parse("[]", &[]);
    assert!(settings.is_none());
    assert_eq!((problems[0].path.as_str(), problems[0].code), ("$", "type"));
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = r#"{ "version": 3, "controller": { "name": "", "contact": "me", "privacyPolicy": "/p" },
      "categories": {
        "functional": { "services": ["google-analytics"] },
        "marketing": { "default": true, "services": ["yuotube"] },
        "fun": { "text": "By continuing you agree." } },
      "services": { "x": { "name": "X", "items": [{ "name": "x", "kind": "cokie" }] } },
      "records": { "endpoint": "http://example.com" }, "validity": "P1M", "reopen": false, "wall": true }"#;
    let (settings, problems) = read(text);
    assert!(settings.is_none());
    let mut found: Vec<(&str, &str)> = problems.iter().map(|problem| (problem.path.as_str(), problem.code)).collect();
    found.sort_unstable();
    let mut expected = [
        ("$.version", "type"),
        ("$.controller.name", "value"),
        ("$.controller.contact", "L09"),
        ("$.controller.privacyPolicy", "L40"),
        ("$.controller.policy", "L09"),
        ("$.categories.functional.services[0]", "L06"),
        ("$.categories.marketing.default", "L01"),
        ("$.categories.marketing.services[0]", "reference"),
        ("$.categories.fun.title", "L07"),
        ("$.categories.fun.text", "L11"),
        ("$.services.x.provider", "L08"),
        ("$.services.x.purpose", "missing"),
        ("$.services.x.items[0].kind", "value"),
        ("$.services.x.items[0].duration", "L08"),
        ("$.services.x.items[0].thirdParty", "L08"),
        ("$.services.x", "unused"),
        ("$.records.endpoint", "L29"),
        ("$.validity", "L13"),
        ("$.reopen", "L10"),
        ("$.wall", "L20"),
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
}
