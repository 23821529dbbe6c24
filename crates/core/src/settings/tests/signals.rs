//! Hosts of a service, and calls of a vendor's consent API: data that is never run as code (L31, T6, G6).

use super::rules::{E, Rule, SERVICE, W, check};
use super::*;
use crate::settings::signals::is_host;

#[test]
fn hosts_are_written_as_in_a_content_security_policy() {
    check(&[Rule {
        set: "services/films/hosts",
        good: r#"["films.example","*.films.example","xn--bcher-kva.example","localhost:4401","127.0.0.1:4401"]"#,
        faults: &[
            (r#""films.example""#, "$.services.films.hosts", "type", E, None),
            (r#"[1]"#, "$.services.films.hosts[0]", "type", E, None),
            (r#"["https://Films.example/embed?x"]"#, "$.services.films.hosts[0]", "value", E, Some("films.example")),
            (r#"["*films.example"]"#, "$.services.films.hosts[0]", "value", E, Some("*.films.example")),
            (r#"["a.example","*.com"]"#, "$.services.films.hosts[1]", "value", E, None),
            (r#"["*"]"#, "$.services.films.hosts[0]", "value", E, None),
        ],
    }]);
}

#[test]
fn a_host_has_two_labels_a_port_of_digits_and_no_more() {
    for host in ["", ".", "a", "a..b", ".a.b", "a.b.", "a b.c", "-a.b", "a-.b", "a_b.c", "*.*.a.b", "a.*.b"] {
        assert!(!is_host(host), "{host:?}");
    }
    for host in ["a.b:", "a.b:123456", "a.b:8o", "a.b:1:2", "*.localhost", "a.b/c", "//a.b", "é.b"] {
        assert!(!is_host(host), "{host:?}");
    }
    assert!(is_host(&["a.", &"b".repeat(251)].concat()));
    assert!(!is_host(&["a.", &"b".repeat(252)].concat()));
}

#[test]
fn a_call_names_a_function_of_the_vendor_and_its_arguments() {
    check(&[Rule {
        set: "services/films/signals/grant",
        good: r#"[["fbq","consent","grant"],["_hsp.push",["setHubSpotConsent",{"analytics":"$analytical","n":[1,null]}]],
          ["$crisp.push",["a","$marketing:granted:denied"]],["films.allow"]]"#,
        faults: &[
            (r#"{}"#, "$.services.films.signals.grant", "type", E, None),
            (r#"["fbq"]"#, "$.services.films.signals.grant[0]", "value", E, None),
            (r#"[[]]"#, "$.services.films.signals.grant[0]", "value", E, None),
            (r#"[["a"],[1]]"#, "$.services.films.signals.grant[1]", "value", E, None),
            (r#"[["a b"]]"#, "$.services.films.signals.grant[0][0]", "value", E, None),
            (r#"[["a.1b"]]"#, "$.services.films.signals.grant[0][0]", "value", E, None),
            (r#"[["a..b"]]"#, "$.services.films.signals.grant[0][0]", "value", E, None),
            (r#"[["fbq()"]]"#, "$.services.films.signals.grant[0][0]", "value", E, None),
            (r#"[["window.fbq"]]"#, "$.services.films.signals.grant[0][0]", "L31", E, Some("fbq")),
            (r#"[["a","$"]]"#, "$.services.films.signals.grant[0][1]", "value", E, None),
            (r#"[["a","$marketing:granted"]]"#, "$.services.films.signals.grant[0][1]", "value", E, None),
            (r#"[["a","$marketing:a:b:c"]]"#, "$.services.films.signals.grant[0][1]", "value", E, None),
            (
                r#"[["a",{"x":"$markting"}]]"#,
                "$.services.films.signals.grant[0][1].x",
                "reference",
                W,
                Some("$marketing"),
            ),
        ],
    }]);
}

#[test]
fn nothing_of_the_page_or_the_browser_can_be_called() {
    let paths = [
        "eval",
        "a.eval",
        "Function",
        "a.constructor",
        "a.__proto__.b",
        "setTimeout",
        "setInterval",
        "document.write",
        "location.assign",
        "window.open",
        "open",
        "fetch",
        "XMLHttpRequest",
        "navigator.sendBeacon",
        "import",
        "importScripts",
        "localStorage.setItem",
        "self.eval",
        "top.location.replace",
        "fbq.call",
        "Reflect.apply",
        "askfirst.accept",
    ];
    for path in paths {
        let call = ["[[", &Value::from(path).canonical(), "]]"].concat();
        let (settings, problems) = read(&with(FULL, "services/films/signals/update", &call));
        let [problem] = &problems[..] else { panic!("{path}: {:?}", lines(&problems)) };
        assert!(settings.is_none(), "{path}");
        assert_eq!((problem.path.as_str(), problem.code), ("$.services.films.signals.update[0][0]", "L31"), "{path}");
    }
}

#[test]
fn no_argument_is_code() {
    let texts = [
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "data:text/html,x",
        "function(){}",
        "function f(){}",
        "() => 1",
        "async x",
        "<script>alert(1)</script>",
    ];
    for text in texts {
        let call = [r#"[["a.b",[{"x":"#, &Value::from(text).canonical(), "}]]]"].concat();
        let (settings, problems) = read(&with(FULL, "services/films/signals/revoke", &call));
        let [problem] = &problems[..] else { panic!("{text}: {:?}", lines(&problems)) };
        assert!(settings.is_none(), "{text}");
        assert_eq!(
            (problem.path.as_str(), problem.code),
            ("$.services.films.signals.revoke[0][1][0].x", "L31"),
            "{text}"
        );
    }
    // Ordinary words pass.
    let call = r#"[["a.push","functional","data layer","asynchronous",">=1"]]"#;
    assert_eq!(lines(&read(&with(FULL, "services/films/signals/revoke", call)).1), [""; 0]);
}

#[test]
fn a_misspelt_moment_gets_a_guess_and_no_lecture() {
    let (_, problems) = read(&with(FULL, "services/films/signals", r#"{"revoked":[]}"#));
    let [problem] = &problems[..] else { panic!("{:?}", lines(&problems)) };
    assert_eq!((problem.path.as_str(), problem.code), ("$.services.films.signals.revoked", "L40"));
    assert_eq!(problem.suggestion.as_deref(), Some("revoke"));
    // `granted` is another product's word for a pre-ticked box, but not here.
    let (_, problems) = read(&with(FULL, "services/films/signals", r#"{"granted":[]}"#));
    assert_eq!(problems[0].suggestion.as_deref(), Some("grant"));
}

#[test]
fn l06_a_trackers_host_is_never_functional_whatever_the_service_is_called() {
    let text = with(EXAMPLE, "categories/functional", r#"{"services":["tags"]}"#);
    for (host, tracker) in [
        ("www.googletagmanager.com", true),
        ("*.hotjar.com", true),
        ("clarity.ms", true),
        ("notclarity.ms", false),
        ("cdn.example.nl", false),
    ] {
        let service = with(SERVICE, "hosts", &["[", &Value::from(host).canonical(), "]"].concat());
        let (settings, problems) = read(&with(&text, "services/tags", &service));
        assert_eq!(settings.is_none(), tracker, "{host}");
        assert_eq!(problems.iter().any(|problem| problem.code == "L06"), tracker, "{host}");
    }
}
