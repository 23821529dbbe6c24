mod content;
mod declaration;
mod first;
mod markup;

use super::*;
use crate::json::map;
use crate::settings::{Category, Controller, Item, Kind, Localized, Records, Refusals, Reopen, RequireAck, Service};
use crate::time::Period;
use crate::wire;
use alloc::format;
use alloc::string::ToString;
use std::collections::BTreeSet;

const FILES: [(&str, &str); 4] = [
    ("de", include_str!("../../../../www/locales/de.json")),
    ("en", include_str!("../../../../www/locales/en.json")),
    ("fr", include_str!("../../../../www/locales/fr.json")),
    ("nl", include_str!("../../../../www/locales/nl.json")),
];

fn texts(lang: &str) -> Texts {
    let (_, file) = FILES.iter().find(|(tag, _)| *tag == lang).unwrap();
    Texts::parse(lang, file).unwrap()
}

fn category(id: &str, services: Vec<Service>) -> Category {
    Category { id: id.into(), exempt: id == "functional", title: None, text: None, services }
}

fn service(id: &str, items: Vec<Item>) -> Service {
    Service {
        id: id.into(),
        name: format!("The {id} service"),
        provider: format!("{id} Ltd"),
        purpose: Localized::All(format!("What {id} is for.")),
        countries: Vec::from(["IE".into(), "US".into()]),
        safeguard: Some("SCC".into()),
        policy: Some(format!("https://{id}.example/privacy")),
        items,
        signals: Value::Null,
    }
}

fn item(name: &str, kind: Kind, third_party: bool) -> Item {
    Item { name: name.into(), kind, duration: Some(Period::months(13)), third_party, purpose: None }
}

fn settings() -> Settings {
    let metrics = service(
        "metrics",
        Vec::from([
            item("_pk_id*", Kind::Cookie, false),
            Item {
                duration: None,
                purpose: Some(Localized::All("Groups one visit.".into())),
                ..item("_pk_ses", Kind::SessionStorage, false)
            },
        ]),
    );
    let clips = service("clips", Vec::from([item("VISITOR", Kind::Cookie, true), item("db", Kind::IndexedDb, true)]));
    // As `settings::parse` declares it (B18).
    let own = Service {
        purpose: Localized::Key("own.purpose".into()),
        ..service(
            wire::KEY,
            Vec::from([item(wire::KEY, Kind::Cookie, false), item(wire::KEY, Kind::LocalStorage, false)]),
        )
    };
    let chat = Category {
        title: Some(Localized::Each(map([("en", "Chat".into()), ("nl", "Chatten".into())]))),
        text: Some(Localized::All("Talk to a member of staff.".into())),
        ..category("chat", Vec::new())
    };
    Settings {
        version: "2026-11-22".into(),
        controller: Controller {
            name: "Example B.V.".into(),
            contact: "privacy@example.com".into(),
            policy: "/privacy".into(),
            imprint: None,
            address: Some("Dam 1, Amsterdam".into()),
            dpo: Some("https://example.com/dpo".into()),
            authority: Some("Autoriteit Persoonsgegevens".into()),
            again: String::new(),
        },
        site: None,
        jurisdiction: None,
        categories: Vec::from([
            category("functional", Vec::from([own])),
            category("analytical", Vec::from([metrics])),
            category("marketing", Vec::from([clips])),
            chat,
        ]),
        records: Some(Records {
            endpoint: "/askfirst/v1/records".into(),
            refusals: Refusals::Aggregate,
            require_ack: RequireAck::None,
            retention: Records::RETENTION,
        }),
        validity: Period::months(6),
        locale: "en".into(),
        texts: Value::Null,
        gpc: true,
        dnt: true,
        reopen: Reopen::default(),
        layout: Some("card".into()),
        quiet: Vec::new(),
    }
}

/// An element as JSON, `["tag", {attributes}, content…]`.
type Element = Value;

fn tag(element: &Element) -> &str {
    element.items()[0].text().unwrap()
}

fn attributes(element: &Element) -> &[(String, Value)] {
    element.items()[1].entries()
}

fn content(element: &Element) -> &[Value] {
    &element.items()[2..]
}

/// Every element of a tree, itself included.
fn elements(element: &Element) -> Vec<&Element> {
    let mut all = Vec::from([element]);
    for child in content(element) {
        if child.text().is_none() {
            all.extend(elements(child));
        }
    }
    all
}

fn words(element: &Element) -> String {
    let mut out = String::new();
    for child in content(element) {
        match child.text() {
            Some(text) => out.push_str(text),
            None => {
                out.push_str(&words(child));
                out.push(' ');
            }
        }
    }
    out
}

fn attribute<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    attributes(element).iter().find(|(n, _)| n == name).map(|(_, value)| value.text().unwrap())
}

fn part<'a>(tree: &'a Element, name: &str) -> &'a Element {
    elements(tree)
        .into_iter()
        .find(|node| attribute(node, "part") == Some(name))
        .unwrap_or_else(|| panic!("no part {name}"))
}

fn switches(tree: &Element) -> Vec<&Element> {
    elements(tree).into_iter().filter(|node| attribute(node, "data-category-id").is_some()).collect()
}

/// A vendor has come to marketing.
fn changed() -> Value {
    crate::json::parse(r#"[{"names":["Adverts"],"new":true,"of":["marketing"]}]"#).unwrap()
}

/// Every tree the visitor can meet, in every language.
fn all_trees() -> Vec<Element> {
    let changed = ["marketing".to_string()];
    let standing = Standing {
        granted: Vec::from(["marketing".into()]),
        services: Vec::new(),
        decided: Some("2026-11-22".into()),
        record_id: Some("0192-abc".into()),
        changes: self::changed(),
    };
    let (settings, mut trees) = (settings(), Vec::new());
    for (lang, _) in FILES {
        let texts = texts(lang);
        trees.push(banner(&settings, &texts, Asked::First, Signals { dnt: true, gpc: true }).to_value());
        trees
            .push(banner(&settings, &texts, Asked::Changed(&changed, &self::changed()), Signals::default()).to_value());
        trees.push(dialog(&settings, &texts, &Standing::default(), Signals { dnt: true, gpc: true }).to_value());
        trees.push(dialog(&settings, &texts, &standing, Signals::default()).to_value());
        trees.push(reopen(&settings, &texts).to_value());
    }
    trees
}

#[test]
fn the_first_layer_says_who_asks_for_what_and_how_to_withdraw() {
    // B5, B6
    let settings = settings();
    for (lang, _) in FILES {
        let texts = texts(lang);
        let tree = banner(&settings, &texts, Asked::First, Signals::default()).to_value();
        let shown = words(&tree);
        assert!(shown.contains("Example B.V."), "{lang}: {shown}");
        for category in settings.asked() {
            assert!(shown.contains(category.shown_title(&texts)), "{lang}: {}", category.id);
            assert!(shown.contains(category.shown_text(&texts)), "{lang}: {}", category.id);
        }
        assert!(shown.contains(&texts.filled("banner.withdraw", "reopen", texts.text("reopen"))), "{lang}");
        assert!(elements(&tree).iter().any(|node| tag(node) == "a" && attribute(node, "href") == Some("/privacy")));
        assert!(shown.contains(&texts.filled("banner.partners", "n", "2")), "{lang}: two recipients");
    }
}

#[test]
fn with_an_own_control_the_first_layer_does_not_name_a_button_that_is_not_there() {
    let mut settings = settings();
    settings.reopen.own = Some("a.cookies".into());
    let texts = texts("en");
    let shown = words(&banner(&settings, &texts, Asked::First, Signals::default()).to_value());
    assert!(shown.contains(texts.text("banner.withdraw.own")));
    assert!(!shown.contains(&texts.filled("banner.withdraw", "reopen", texts.text("reopen"))));
}

#[test]
fn accepting_and_refusing_are_siblings_that_differ_only_in_name_words_and_effect() {
    // B3, B4
    for tree in all_trees() {
        for (accept, reject) in [("accept", "reject"), ("dialog-accept", "dialog-reject")] {
            let is = |child: &Value, name| child.text().is_none() && attribute(child, "part") == Some(name);
            let group =
                |name| elements(&tree).into_iter().find(|node| content(node).iter().any(|child| is(child, name)));
            let Some(siblings) = group(accept) else { continue };
            assert_eq!(Some(siblings), group(reject));
            let place = |name| content(siblings).iter().position(|child| is(child, name)).unwrap();
            assert_eq!(place(reject) + 1, place(accept), "adjacent");
            let bare = |name| {
                let node = part(&tree, name);
                let mut rest = attributes(node).to_vec();
                rest.retain(|(name, _)| name != "part" && name != "data-action");
                (tag(node), rest)
            };
            assert_eq!(bare(accept), bare(reject));
            assert_eq!(bare(accept).0, "button");
        }
    }
}

#[test]
fn a_change_asks_only_for_what_has_changed() {
    // B15
    let (settings, texts) = (settings(), texts("en"));
    let tree =
        banner(&settings, &texts, Asked::Changed(&["marketing".into()], &changed()), Signals::default()).to_value();
    let shown = words(&tree);
    assert!(shown.contains(texts.text("change.title")) && shown.contains(texts.text("category.marketing.text")));
    assert!(shown.contains("New: Adverts") && !shown.contains("Changed:"), "{shown}");
    assert!(!shown.contains(texts.text("category.analytical.text")));
    assert_eq!(words(part(&tree, "accept")), texts.text("change.accept"));
    assert!(shown.contains(&texts.filled("banner.partners", "n", "1")), "recipients of that purpose only");
}

#[test]
fn the_dialog_marks_a_change_at_its_purpose() {
    // B15
    let changes =
        r#"[{"names":["A","B"],"new":true,"of":["marketing"]},{"names":["C"],"new":false,"of":["marketing"]}]"#;
    let standing = Standing { changes: crate::json::parse(changes).unwrap(), ..Standing::default() };
    let tree = dialog(&settings(), &texts("en"), &standing, Signals::default()).to_value();
    let purposes: Vec<String> =
        elements(&tree).into_iter().filter(|node| attribute(node, "class") == Some("category")).map(words).collect();
    for (purpose, marked) in purposes.iter().zip([false, false, true, false]) {
        assert_eq!(purpose.contains("New: A, B") && purpose.contains("Changed: C"), marked, "{purpose}");
        assert_eq!(purpose.contains("New: "), marked, "{purpose}");
    }
}

#[test]
fn a_purpose_whose_decision_has_merely_ended_is_not_called_changed() {
    // B14: it is asked alone, in the words of the first time.
    let (settings, texts) = (settings(), texts("en"));
    let nothing = Value::List(Vec::new());
    let tree =
        banner(&settings, &texts, Asked::Changed(&["marketing".into()], &nothing), Signals::default()).to_value();
    let shown = words(&tree);
    assert!(!shown.contains(texts.text("change.title")) && shown.contains(texts.text("banner.title")), "{shown}");
    assert!(!shown.contains(texts.text("category.analytical.text")));
    assert_eq!(words(part(&tree, "accept")), texts.text("change.accept"));
}

#[test]
fn before_a_choice_every_switch_is_off_except_the_exempt_one() {
    // B2, B8, A3
    let (settings, texts) = (settings(), texts("en"));
    let tree = dialog(&settings, &texts, &Standing::default(), Signals { dnt: true, gpc: true }).to_value();
    // Those of the services are tested in `tests/services.rs`.
    let mut found = switches(&tree);
    found.retain(|switch| !attribute(switch, "data-category-id").unwrap().starts_with(':'));
    assert_eq!(found.len(), settings.categories.len());
    for (switch, category) in found.into_iter().zip(&settings.categories) {
        assert_eq!(attribute(switch, "data-category-id"), Some(category.id.as_str()));
        assert_eq!(attribute(switch, "part").unwrap(), format!("switch-{}", category.id));
        assert_eq!(attribute(switch, "checked").is_some(), category.exempt, "{}", category.id);
        assert_eq!(attribute(switch, "disabled").is_some(), category.exempt, "{}", category.id);
    }
}

#[test]
fn a_reopened_dialog_shows_the_choice_its_date_and_the_way_back() {
    // B7, B16
    let (settings, texts) = (settings(), texts("en"));
    let mut standing = Standing {
        granted: Vec::from(["marketing".into()]),
        services: Vec::new(),
        decided: Some("2026-11-22".into()),
        record_id: Some("0192-abc".into()),
        changes: Value::Null,
    };
    let tree = dialog(&settings, &texts, &standing, Signals::default()).to_value();
    let on: Vec<&str> = switches(&tree)
        .into_iter()
        .filter(|switch| attribute(switch, "checked").is_some())
        .filter_map(|switch| attribute(switch, "data-category-id"))
        .collect();
    assert_eq!(on, ["functional", "marketing"]);
    assert!(words(&tree).contains("2026-11-22") && words(&tree).contains("0192-abc"));
    assert_eq!(attribute(part(&tree, "withdraw"), "data-action"), Some("withdraw"));
    assert_eq!(attribute(part(&tree, "receipt"), "data-action"), Some("receipt"));
    let records = |tree: &Element| {
        elements(tree).into_iter().find_map(|node| attribute(node, "data-records").map(ToString::to_string))
    };
    assert_eq!(records(&tree).as_deref(), Some("/askfirst/v1/records"));

    // After a refusal there is neither a record nor anything to withdraw.
    (standing.granted, standing.record_id) = (Vec::new(), None);
    let refused = dialog(&settings, &texts, &standing, Signals::default()).to_value();
    let parts: Vec<&str> = elements(&refused).into_iter().filter_map(|node| attribute(node, "part")).collect();
    assert!(!parts.contains(&"withdraw") && !parts.contains(&"receipt") && records(&refused).is_none());
    assert!(words(&refused).contains("2026-11-22"));
}

#[test]
fn every_declared_item_is_shown_with_everything_known_about_it() {
    // B9, B18
    let settings = settings();
    for (lang, _) in FILES {
        let texts = texts(lang);
        let tree = dialog(&settings, &texts, &Standing::default(), Signals::default()).to_value();
        let rows: Vec<String> = elements(&tree).into_iter().filter(|node| tag(node) == "li").map(words).collect();
        let mut declared = 0;
        for (_, service) in settings.services() {
            for item in &service.items {
                declared += 1;
                let kind = format!("kind.{}", item.kind.name());
                let facts = [
                    item.name.clone(),
                    texts.text(&kind).into(),
                    item.purpose.as_ref().map(|own| texts.localized(own).into()).unwrap_or_default(),
                    texts.duration(item.duration),
                    texts.text(if item.third_party { "item.yes" } else { "item.no" }).into(),
                ];
                assert!(
                    rows.iter().any(|row| facts.iter().all(|fact| row.contains(fact))),
                    "{lang}: {facts:?} in {rows:#?}"
                );
            }
            let shown = words(&tree);
            let name = if service.id == wire::KEY { texts.text("own.name") } else { &service.name };
            for fact in [
                name,
                service.provider.as_str(),
                texts.localized(&service.purpose),
                "IE, US",
                texts.text("safeguard.scc"),
            ] {
                assert!(shown.contains(fact), "{lang}: {fact}");
            }
        }
        assert_eq!(rows.len(), declared);
        assert_eq!(rows.iter().filter(|row| row.contains(wire::KEY)).count(), 2);
    }
}

#[test]
fn what_the_server_keeps_is_told_only_where_there_is_a_server() {
    let (mut settings, texts) = (settings(), texts("en"));
    let told = |settings: &Settings| {
        words(&dialog(settings, &texts, &Standing::default(), Signals::default()).to_value())
            .contains(texts.text("own.record"))
    };
    assert!(told(&settings));
    let shown =
        |settings: &Settings| words(&dialog(settings, &texts, &Standing::default(), Signals::default()).to_value());
    let term = texts.text("dialog.kept");
    assert!(shown(&settings).contains(&format!("{term} 3 years")), "{}", shown(&settings));
    if let Some(records) = &mut settings.records {
        records.retention = Period::months(18);
    }
    assert!(shown(&settings).contains(&format!("{term} 18 months")));
    let tables = declaration(&settings, &texts, 2).to_markdown();
    assert!(tables.contains(&format!("{term}: 18 months")), "{tables}");
    settings.records = None;
    assert!(!shown(&settings).contains(term));
    assert!(!told(&settings));
}

#[test]
fn the_tree_has_only_elements_and_attributes_that_can_do_no_harm() {
    // T2: no style, no event handler, no frame, no image.
    let tags = [
        "a", "button", "code", "dd", "details", "dialog", "div", "dl", "dt", "fieldset", "h2", "h3", "h4", "input",
        "label", "legend", "li", "p", "section", "span", "strong", "summary", "ul",
    ];
    let names = [
        "aria-describedby",
        "aria-hidden",
        "aria-label",
        "aria-labelledby",
        "checked",
        "class",
        "data-action",
        "data-category-id",
        "data-countries",
        "data-day",
        "data-records",
        "disabled",
        "for",
        "href",
        "id",
        "part",
        "rel",
        "role",
        "tabindex",
        "target",
        "title",
        "type",
    ];
    for tree in all_trees() {
        for node in elements(&tree) {
            assert!(tags.contains(&tag(node)), "<{}>", tag(node));
            for (name, _) in attributes(node) {
                assert!(names.contains(&name.as_str()), "{name} on <{}>", tag(node));
            }
        }
    }
}

#[test]
fn every_reference_inside_a_tree_finds_its_one_target() {
    for tree in all_trees() {
        let all = elements(&tree);
        let ids: Vec<&str> = all.iter().filter_map(|node| attribute(node, "id")).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
        for name in ["for", "aria-labelledby", "aria-describedby"] {
            for id in all.iter().filter_map(|node| attribute(node, name)).flat_map(|list| list.split(' ')) {
                assert!(ids.contains(&id), "{name}={id}");
            }
        }
    }
}

#[test]
fn text_never_becomes_markup() {
    let mut settings = settings();
    settings.controller.name = "<img src=x onerror=alert(1)> & \"Sons\"".into();
    settings.controller.policy = "/p\"><script>".into();
    let html = banner(&settings, &texts("en"), Asked::First, Signals::default()).to_html();
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt; &amp; &quot;Sons&quot;"), "{html}");
    assert!(html.contains("href=\"/p&quot;&gt;&lt;script&gt;\""), "{html}");
    assert!(!html.contains("<img") && !html.contains("<script"));
}

#[test]
fn html_closes_what_it_opens() {
    let html = dialog(&settings(), &texts("en"), &Standing::default(), Signals::default()).to_html();
    for tag in ["dialog", "fieldset", "details", "button", "label", "li"] {
        assert_eq!(
            html.matches(&format!("<{tag} ")).count() + html.matches(&format!("<{tag}>")).count(),
            html.matches(&format!("</{tag}>")).count(),
            "{tag}"
        );
    }
    assert!(html.contains(" checked disabled>") && !html.contains("</input>"));
}

#[test]
fn every_action_has_one_name() {
    for action in Action::ALL {
        assert_eq!(Action::named(action.name()), Some(action));
    }
    assert_eq!(Action::RejectAll.name(), "reject-all");
    assert_eq!(Action::named("grant"), None);
}

const DESCRIPTIONS: [&str; 3] = [include_str!("banner.view"), include_str!("dialog.view"), include_str!("reopen.view")];

#[test]
fn every_word_that_a_description_names_is_in_the_locale_files() {
    // B12: a name that means nothing would be shown as it is.
    let mut words = BTreeSet::new();
    for name in DESCRIPTIONS.iter().flat_map(|text| text.split('{').skip(1)).filter_map(|rest| rest.split('}').next()) {
        let key = name.split(' ').next().unwrap();
        if key.contains('.') && !key.contains('*') {
            assert!(crate::texts::KEYS.contains(&key), "{key}");
            words.insert(key);
        }
    }
    assert!(words.len() > 30, "{words:?}");
}

#[test]
fn what_has_no_meaning_would_be_seen_in_a_tree() {
    // No brace, key or name of a datum is left where a word should be.
    let names =
        BTreeSet::from(["policy", "title", "text", "label", "name", "provider", "contact", "kept", "space", "n"]);
    for tree in all_trees() {
        for text in elements(&tree).into_iter().flat_map(content).filter_map(Value::text) {
            assert!(!text.contains(['{', '}']) && !names.contains(text) && !text.is_empty(), "{text}");
        }
    }
}

#[test]
fn a_description_shows_what_holds_and_repeats_what_is_a_list() {
    let data = crate::json::parse(
        r#"{"yes":true,"no":false,"word":"w","none":[],"words":["v","w"],"name":"outer","list":[{"name":"a","yes":false},{"name":"b"}]}"#,
    );
    let behind = crate::json::parse(r#"{"name":"hidden","other":"behind"}"#);
    let source = "p@class {name}-{word}@title|{name}{absent.key}\n if yes\n  @lang x\n if no\n  @dir rtl\n each list\n  b|{name}\n  if yes\n   i|{word}\n if !none\n  u\n if word=w\n  |same\n if word=v\n  |other\n if !missing\n  s\n if words:word\n  em|{other}\n if words:name\n  em|{none}\n |{dialog.details n=words}";
    let drawn = template::draw(source, &texts("en"), [&data.unwrap(), &behind.unwrap()]);
    assert_eq!(
        Node(drawn).to_html(),
        "<p class=\"outer-w\" title lang=\"x\">outerabsent.key<b>a</b><b>b</b><i>w</i><u></u>same<s></s><em>behind</em>Services and cookies (2)</p>"
    );
}
