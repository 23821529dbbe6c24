//! The form of the first layer, and the pages where it does not come by itself.

use super::*;
use crate::settings::keys::LAYOUTS;
use crate::texts;

fn only(text: &str) -> (bool, Problem) {
    let (settings, mut problems) = read(text);
    assert_eq!(problems.len(), 1, "{:?}", lines(&problems));
    assert_eq!(settings.is_some(), read_terse(text).is_some(), "the page judges alike");
    (settings.is_some(), problems.remove(0))
}

#[test]
fn every_layout_is_taken_and_a_card_is_the_default() {
    let layout = |text: &str| read(text).0.unwrap().layout;
    assert_eq!(layout(EXAMPLE).as_deref(), Some("card"));
    for name in LAYOUTS.split(' ').filter(|name| *name != "none") {
        let text = with(EXAMPLE, "layout", &Value::from(name).canonical());
        assert_eq!(layout(&text).as_deref(), Some(name));
        assert_eq!(read_terse(&text).unwrap().layout.as_deref(), Some(name));
    }
}

#[test]
fn a_misspelt_layout_is_an_error_with_a_guess() {
    for (written, meant) in [("\"bar_top\"", "bar-top"), ("\"box-ends\"", "box-end"), ("\"center\"", "centre")] {
        let (good, problem) = only(&with(EXAMPLE, "layout", written));
        assert_eq!((good, problem.code, problem.path.as_str()), (false, "value", "$.layout"), "{written}");
        assert_eq!(problem.suggestion.as_deref(), Some(meant), "{written}");
    }
    let (good, problem) = only(&with(EXAMPLE, "position", "\"bottom\""));
    assert_eq!((good, problem.code, problem.suggestion.as_deref()), (false, "L40", Some("layout")));
}

#[test]
fn an_interface_of_the_sites_own_is_taken_with_a_warning() {
    // L02: what B3-B6 ask of ours is then the owner's to do.
    let (good, problem) = only(&with(EXAMPLE, "layout", "\"none\""));
    assert_eq!((good, problem.code, problem.severity), (true, "L02", Severity::Warning));
    assert_eq!(read(&with(EXAMPLE, "layout", "\"none\"")).0.unwrap().layout, None);
}

#[test]
fn quiet_pages_are_paths() {
    for (written, meant) in [
        ("imprint", Some("/imprint")),
        ("https://www.example.nl/privacy", Some("/privacy")),
        ("*/legal", Some("/*/legal")),
        ("//evil.example", Some("/evil.example")),
        ("https://www.example.nl", None),
    ] {
        let list = Value::List(Vec::from([written.into()])).canonical();
        let (good, problem) = only(&with(EXAMPLE, "quiet", &list));
        assert_eq!((good, problem.code, problem.path.as_str()), (true, "value", "$.quiet[0]"), "{written}");
        assert_eq!(problem.suggestion.as_deref(), meant, "{written}");
    }
    let (good, problem) = only(&with(EXAMPLE, "quiet", "\"/imprint\""));
    assert_eq!((good, problem.code), (false, "type"));
    let (good, problem) = only(&with(EXAMPLE, "quiet", r#"["/caf%C3%A9"]"#));
    assert_eq!((good, problem.code), (true, "value"), "compared with the path as it reads");
    let (good, problem) = only(&with(EXAMPLE, "quiet", r#"["/imprint", "/*"]"#));
    assert_eq!((good, problem.code, problem.severity), (true, "unused", Severity::Warning), "nobody would be asked");
}

#[test]
fn a_quiet_page_is_named_by_its_path_with_or_without_a_last_slash() {
    let settings = read(&with(EXAMPLE, "quiet", r#"["/imprint", "/privacy/*", "/*/impressum.html"]"#)).0.unwrap();
    for quiet in ["/imprint", "/imprint/", "/privacy/", "/privacy/cookies", "/de/impressum.html"] {
        assert!(settings.is_quiet(quiet), "{quiet}");
    }
    for loud in ["/", "", "/imprint2", "/about/imprint", "/privacy", "/impressum.html"] {
        assert!(!settings.is_quiet(loud), "{loud}");
    }
    let home = read(&with(EXAMPLE, "quiet", r#"["/"]"#)).0.unwrap();
    assert!(home.is_quiet("/") && !home.is_quiet("/shop/"));
}

#[test]
fn every_word_can_be_the_owners_own_in_lazy_parts_too() {
    for key in texts::KEYS {
        let own = write(&Value::Map(Vec::from([(key.to_string(), Value::from("Own words of the owner."))])));
        let text = with(EXAMPLE, "texts/en", &own);
        assert!(read(&text).0.is_some() && read_terse(&text).is_some(), "{key}");
    }
    for unknown in ["banner.titel", "category.marketing.titel", "plural", "purpose.vidoe", "purposes"] {
        let own = write(&Value::Map(Vec::from([(unknown.to_string(), Value::from("Own words."))])));
        let text = with(EXAMPLE, "texts/en", &own);
        assert!(read(&text).0.is_none() && read_terse(&text).is_none(), "{unknown}");
    }
    let unknown = with(EXAMPLE, "texts/en", r#"{"banner.titel":"Own words."}"#);
    assert_eq!(only(&unknown).1.code, "L40");
}

#[test]
fn a_link_in_a_text_leads_to_a_page_or_a_mail_address_and_never_to_code() {
    // L31, T2
    for good in ["https://a.example/b", "http://a.example", "mailto:a@b.example", "/privacy"] {
        let text =
            with(EXAMPLE, "categories/marketing/text", &Value::from(["See [this](", good, ")."].concat()).canonical());
        assert!(read(&text).1.is_empty() && read_terse(&text).is_some(), "{good}");
    }
    for (bad, code, meant) in [
        ("javascript:alert(1", "L31", None),
        ("data:text/html,x", "L31", None),
        ("a.example/b", "value", Some("https://a.example/b")),
        ("//a.example", "value", Some("https://a.example")),
        ("a@b.example", "value", Some("mailto:a@b.example")),
        ("privacy", "value", Some("/privacy")),
        ("ftp://a.example", "value", None),
    ] {
        let link = Value::from(["See [this](", bad, ")."].concat()).canonical();
        for (path, place) in [
            ("categories/marketing/text", "$.categories.marketing.text"),
            ("texts/en/banner.text", r#"$.texts.en["banner.text"]"#),
        ] {
            let (good, problem) = only(&with(EXAMPLE, path, &link));
            assert_eq!((good, problem.path.as_str(), problem.code), (false, place, code), "{bad}");
            assert_eq!(problem.suggestion.as_deref(), meant, "{bad}");
        }
    }
}

#[test]
fn an_owners_text_may_have_several_lines() {
    let text = with(EXAMPLE, "texts/en/dialog.text", r#""One.\n\nTwo.""#);
    assert!(read(&text).1.is_empty() && read_terse(&text).is_some());
    assert_eq!(only(&with(EXAMPLE, "controller/name", r#""One\ntwo""#)).1.path, "$.controller.name");
}
