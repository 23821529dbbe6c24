//! Lawful configurations and what they mean.

use super::*;
use crate::json::map;

#[test]
fn the_example_of_the_readme_has_no_problem() {
    let (settings, problems) = read(EXAMPLE);
    assert_eq!(lines(&problems), [""; 0]);
    let settings = settings.unwrap();
    let ids: Vec<&str> = settings.services().map(|(_, service)| service.id.as_str()).collect();
    assert_eq!(ids, ["askfirst", "plausible", "youtube"]);
    assert_eq!(settings.validity, Period::months(6));
    assert_eq!((settings.locale.as_str(), settings.gpc, settings.dnt), ("en", true, true));
    assert_eq!(settings.reopen, Reopen { shown: true, own: None, end: false });
    assert_eq!(
        settings.records.unwrap(),
        Records {
            endpoint: "/askfirst/v1/records".into(),
            refusals: Refusals::Aggregate,
            require_ack: RequireAck::None,
            retention: Records::RETENTION
        }
    );
}

#[test]
fn five_lines_without_a_records_server_work_and_say_what_is_missing() {
    let text = r#"{ "version": "1",
      "controller": { "name": "Example", "contact": "https://example.com/contact", "policy": "/privacy" },
      "categories": { "marketing": { "services": ["meta-pixel"] } } }"#;
    let (settings, problems) = read(text);
    assert!(settings.is_some());
    assert_eq!(problems.len(), 1, "{:?}", lines(&problems));
    assert_eq!(
        (problems[0].path.as_str(), problems[0].code, problems[0].severity),
        ("$.records", "L29", Severity::Warning)
    );
}

#[test]
fn every_key_is_read() {
    let (settings, problems) = read(FULL);
    assert_eq!(lines(&problems), [""; 0]);
    let settings = settings.unwrap();
    assert_eq!(settings.site.as_deref(), Some("https://www.example.nl:8443"));
    assert_eq!(settings.jurisdiction.as_deref(), Some("NL"));
    assert_eq!(settings.controller.dpo.as_deref(), Some("dpo@example.com"));
    assert_eq!(settings.controller.imprint.as_deref(), Some("/imprint"));
    assert_eq!(settings.controller.address.as_deref(), Some("Dam 1, Amsterdam"));
    assert_eq!(settings.controller.authority.as_deref(), Some("Autoriteit Persoonsgegevens"));
    assert_eq!(settings.validity, Period::months(12));
    assert_eq!(settings.locale, "nl");
    assert_eq!(settings.reopen, Reopen { shown: false, own: Some("a.cookie-settings".into()), end: false });
    assert_eq!(settings.layout.as_deref(), Some("box-top-end"));
    assert_eq!(settings.quiet, ["/imprint", "/privacy/*"]);
    assert_eq!(settings.records.as_ref().unwrap().refusals, Refusals::Pseudonymous);
    assert_eq!(settings.texts, map([("nl", map([("banner.title", "Mogen wij?".into())]))]));
    let counter = &settings.category("analytical").unwrap().services[0];
    assert_eq!(counter.purpose, Localized::Key("purpose.statistics".into()));
    assert_eq!(counter.countries, ["DE", "US"]);
    assert_eq!(counter.safeguard.as_deref(), Some("SCC"));
    assert_eq!(counter.policy.as_deref(), Some("https://counter.example/privacy"));
    let item = Item {
        name: "_c*".into(),
        kind: Kind::Cookie,
        duration: Some(Period::months(13)),
        third_party: false,
        purpose: Some(Localized::All("Tells visitors apart.".into())),
    };
    assert_eq!(counter.items, [item]);
    let video = settings.category("video").unwrap();
    assert_eq!(video.title, Some(Localized::Each(map([("en", "Video".into()), ("nl", "Video's".into())]))));
    assert_eq!(video.services[0].items[0].duration, Some(Item::PERSISTENT));
    assert!(video.services[0].items[0].third_party);
}

#[test]
fn the_functional_category_is_always_first_and_lists_our_own_storage() {
    // B18: with the validity of the choice as its duration, and the controller as its provider.
    for categories in
        [r#"{"marketing":{}}"#, r#"{"marketing":{},"functional":{}}"#, r#"{"marketing":{},"necessary":{}}"#]
    {
        let (settings, _) = read(&with(&with(EXAMPLE, "categories", categories), "validity", r#""P9M""#));
        let settings = settings.unwrap();
        let ids: Vec<(&str, bool)> =
            settings.categories.iter().map(|category| (category.id.as_str(), category.exempt)).collect();
        assert_eq!(ids, [("functional", true), ("marketing", false)], "{categories}");
        let own = &settings.categories[0].services[0];
        assert_eq!((own.id.as_str(), own.provider.as_str()), (crate::wire::KEY, "Example B.V."));
        assert_eq!(own.purpose, Localized::Key("own.purpose".into()));
        let items: Vec<_> =
            own.items.iter().map(|item| (item.kind, item.name.as_str(), item.duration, item.third_party)).collect();
        let nine = Some(Period::months(9));
        assert_eq!(
            items,
            [(Kind::Cookie, crate::wire::KEY, nine, false), (Kind::LocalStorage, crate::wire::KEY, nine, false)]
        );
    }
}

#[test]
fn aliases_of_categories_are_read_with_a_warning() {
    for (id, aliases) in CATEGORY_ALIASES {
        for alias in *aliases {
            let mut text = with(EXAMPLE, "categories", r#"{"preferences":{}}"#);
            text = with(&text, &["categories/", alias].concat(), "{}");
            let (settings, problems) = read(&text);
            assert!(settings.unwrap().category(id).is_some(), "{alias}");
            let [problem] = &problems[..] else { panic!("{:?}", lines(&problems)) };
            assert_eq!((problem.code, problem.severity), ("alias", Severity::Warning));
            assert_eq!(problem.path, ["$.categories.", alias].concat());
            assert_eq!(problem.suggestion.as_deref(), Some(*id));
        }
    }
}

#[test]
fn the_reopen_control_can_move_or_be_the_owners_own() {
    let reopen = |value: &str| read(&with(EXAMPLE, "reopen", value)).0.map(|settings| settings.reopen);
    let at = |shown, own: Option<&str>, end| Some(Reopen { shown, own: own.map(ToString::to_string), end });
    assert_eq!(reopen("true"), at(true, None, false));
    assert_eq!(reopen(r#""start""#), at(true, None, false));
    assert_eq!(reopen(r#""end""#), at(true, None, true));
    for selector in ["#cookies", "footer a", "cookie-link", "[data-cookies]"] {
        assert_eq!(reopen(&Value::from(selector).canonical()), at(false, Some(selector), false));
    }
}

#[test]
fn a_service_of_the_configuration_wins_over_a_ready_made_one() {
    let own = r#"{"name":"Own Plausible","provider":"Example B.V.","purpose":"purpose.statistics",
      "items":[{"name":"/api/event","kind":"pixel","duration":"session","thirdParty":false}]}"#;
    let text = with(EXAMPLE, "services/plausible", own);
    assert_eq!(wanted_services(&text), ["youtube"]);
    let (settings, problems) = read(&text);
    assert_eq!(lines(&problems), [""; 0]);
    assert_eq!(settings.unwrap().category("analytical").unwrap().services[0].name, "Own Plausible");
}

#[test]
fn wanted_services_are_named_once_and_only_by_an_id() {
    // An id becomes part of an address: none can name another folder.
    let text = with(EXAMPLE, "categories/extra/services", r#"["vimeo","youtube","../../etc/passwd","nothing"]"#);
    assert_eq!(wanted_services(&text), ["plausible", "youtube", "vimeo", "nothing"]);
    assert_eq!(wanted_services("{"), [""; 0]);
    assert_eq!(wanted_services(r#"{"categories":[{"services":"youtube"}]}"#), [""; 0]);
}

#[test]
fn the_demo_site_is_lawful() {
    let text = fs::read_to_string(www("demo/askfirst.json")).unwrap();
    let (settings, problems) = read(&text);
    assert!(settings.is_some(), "{:#?}", lines(&problems));
}

#[test]
fn kinds_stand_in_the_order_of_their_names() {
    assert_eq!(Kind::ALL.map(Kind::name).join(" "), Kind::NAMES);
    assert_eq!(Kind::IndexedDb.name(), "indexedDB");
}
