use super::*;
use crate::settings::{Controller, Item, Kind, Localized, Records, Refusals, Reopen, Service};
use crate::time::Period;
use crate::wire;
use alloc::format;
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
        title: Some(Localized::Each(Vec::from([("en".into(), "Chat".into()), ("nl".into(), "Chatten".into())]))),
        text: Some(Localized::All("Talk to a member of staff.".into())),
        ..category("chat", Vec::new())
    };
    Settings {
        version: "2026-11-22".into(),
        controller: Controller {
            name: "Example B.V.".into(),
            contact: "privacy@example.com".into(),
            policy: "/privacy".into(),
            address: Some("Dam 1, Amsterdam".into()),
            dpo: Some("https://example.com/dpo".into()),
            authority: Some("Autoriteit Persoonsgegevens".into()),
        },
        site: None,
        jurisdiction: None,
        categories: Vec::from([
            category("functional", Vec::from([own])),
            category("analytical", Vec::from([metrics])),
            category("marketing", Vec::from([clips])),
            chat,
        ]),
        records: Some(Records { endpoint: "/askfirst/v1/records".into(), refusals: Refusals::Aggregate }),
        validity: Period::months(6),
        locale: "en".into(),
        texts: Vec::new(),
        gpc: true,
        reopen: Reopen::default(),
    }
}

/// Every element of a tree, itself included.
fn elements(node: &Node) -> Vec<&Node> {
    let mut all = Vec::from([node]);
    for content in &node.content {
        if let Content::Node(child) = content {
            all.extend(elements(child));
        }
    }
    all
}

fn words(node: &Node) -> String {
    let mut out = String::new();
    for content in &node.content {
        match content {
            Content::Text(text) => out.push_str(text),
            Content::Node(child) => {
                out.push_str(&words(child));
                out.push(' ');
            }
        }
    }
    out
}

fn attribute<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    node.attributes.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
}

fn part<'a>(tree: &'a Node, name: &str) -> &'a Node {
    elements(tree)
        .into_iter()
        .find(|node| attribute(node, "part") == Some(name))
        .unwrap_or_else(|| panic!("no part {name}"))
}

fn switches(tree: &Node) -> Vec<&Node> {
    elements(tree).into_iter().filter(|node| attribute(node, "data-category-id").is_some()).collect()
}

/// Every tree the visitor can meet, in every language.
fn all_trees() -> Vec<Node> {
    let changed = ["marketing".to_string()];
    let standing = Standing {
        granted: Vec::from(["marketing".into()]),
        decided: Some("2026-11-22".into()),
        record_id: Some("0192-abc".into()),
    };
    let (settings, mut trees) = (settings(), Vec::new());
    for (lang, _) in FILES {
        let texts = texts(lang);
        trees.push(banner(&settings, &texts, Asked::First, true));
        trees.push(banner(&settings, &texts, Asked::Changed(&changed), false));
        trees.push(dialog(&settings, &texts, &Standing::default(), true));
        trees.push(dialog(&settings, &texts, &standing, false));
        trees.push(reopen(&settings, &texts));
    }
    trees
}

#[test]
fn the_first_layer_says_who_asks_for_what_and_how_to_withdraw() {
    // B5, B6
    let settings = settings();
    for (lang, _) in FILES {
        let texts = texts(lang);
        let tree = banner(&settings, &texts, Asked::First, false);
        let shown = words(&tree);
        assert!(shown.contains("Example B.V."), "{lang}: {shown}");
        for category in settings.asked() {
            assert!(shown.contains(title(&texts, category)), "{lang}: {}", category.id);
            assert!(shown.contains(sentence(&texts, category)), "{lang}: {}", category.id);
        }
        assert!(shown.contains(&texts.filled("banner.withdraw", "reopen", texts.text("reopen"))), "{lang}");
        assert!(elements(&tree).iter().any(|node| node.tag == "a" && attribute(node, "href") == Some("/privacy")));
        assert!(shown.contains(&texts.filled("banner.partners", "n", "2")), "{lang}: two recipients");
    }
}

#[test]
fn with_an_own_control_the_first_layer_does_not_name_a_button_that_is_not_there() {
    let mut settings = settings();
    settings.reopen.own = Some("a.cookies".into());
    let texts = texts("en");
    let shown = words(&banner(&settings, &texts, Asked::First, false));
    assert!(shown.contains(texts.text("banner.withdraw.own")));
    assert!(!shown.contains(&texts.filled("banner.withdraw", "reopen", texts.text("reopen"))));
}

#[test]
fn accepting_and_refusing_are_siblings_that_differ_only_in_name_words_and_effect() {
    // B3, B4
    for tree in all_trees() {
        for (accept, reject) in [("accept", "reject"), ("dialog-accept", "dialog-reject")] {
            let parent = |name| {
                elements(&tree).into_iter().find(|node| {
                    node.content.iter().any(|c| matches!(c, Content::Node(n) if attribute(n, "part") == Some(name)))
                })
            };
            let Some(group) = parent(accept) else { continue };
            assert_eq!(Some(group), parent(reject));
            let places: Vec<usize> = [reject, accept]
                .iter()
                .filter_map(|name| {
                    group
                        .content
                        .iter()
                        .position(|c| matches!(c, Content::Node(n) if attribute(n, "part") == Some(name)))
                })
                .collect();
            assert_eq!(places[0] + 1, places[1], "adjacent");
            let bare = |name| {
                let mut node = part(&tree, name).clone();
                node.attributes.retain(|(name, _)| !matches!(*name, "part" | "data-action"));
                node.content.clear();
                node
            };
            assert_eq!(bare(accept), bare(reject));
            assert_eq!(bare(accept).tag, "button");
        }
    }
}

#[test]
fn a_change_asks_only_for_what_has_changed() {
    // B15
    let (settings, texts) = (settings(), texts("en"));
    let tree = banner(&settings, &texts, Asked::Changed(&["marketing".into()]), false);
    let shown = words(&tree);
    assert!(shown.contains(texts.text("change.title")) && shown.contains(texts.text("category.marketing.text")));
    assert!(!shown.contains(texts.text("category.analytical.text")));
    assert_eq!(words(part(&tree, "accept")), texts.text("change.accept"));
    assert!(shown.contains(&texts.filled("banner.partners", "n", "1")), "recipients of that purpose only");
}

#[test]
fn before_a_choice_every_switch_is_off_except_the_exempt_one() {
    // B2, B8, A3
    let (settings, texts) = (settings(), texts("en"));
    let tree = dialog(&settings, &texts, &Standing::default(), true);
    let found = switches(&tree);
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
        decided: Some("2026-11-22".into()),
        record_id: Some("0192-abc".into()),
    };
    let tree = dialog(&settings, &texts, &standing, false);
    let on: Vec<&str> = switches(&tree)
        .into_iter()
        .filter(|switch| attribute(switch, "checked").is_some())
        .filter_map(|switch| attribute(switch, "data-category-id"))
        .collect();
    assert_eq!(on, ["functional", "marketing"]);
    assert!(words(&tree).contains("2026-11-22") && words(&tree).contains("0192-abc"));
    assert_eq!(attribute(part(&tree, "withdraw"), "data-action"), Some("withdraw"));
    assert_eq!(attribute(part(&tree, "receipt"), "data-action"), Some("receipt"));

    // After a refusal there is neither a record nor anything to withdraw.
    (standing.granted, standing.record_id) = (Vec::new(), None);
    let refused = dialog(&settings, &texts, &standing, false);
    let parts: Vec<&str> = elements(&refused).into_iter().filter_map(|node| attribute(node, "part")).collect();
    assert!(!parts.contains(&"withdraw") && !parts.contains(&"receipt"));
    assert!(words(&refused).contains("2026-11-22"));
}

#[test]
fn every_declared_item_is_shown_with_everything_known_about_it() {
    // B9, B18
    let settings = settings();
    for (lang, _) in FILES {
        let texts = texts(lang);
        let tree = dialog(&settings, &texts, &Standing::default(), false);
        let rows: Vec<String> = elements(&tree).into_iter().filter(|node| node.tag == "li").map(words).collect();
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
        words(&dialog(settings, &texts, &Standing::default(), false)).contains(texts.text("own.record"))
    };
    assert!(told(&settings));
    settings.records = None;
    assert!(!told(&settings));
}

#[test]
fn the_tree_has_only_elements_and_attributes_that_can_do_no_harm() {
    // T2: no style, no event handler, no frame, no image.
    let tags = [
        "a", "button", "code", "dd", "details", "dialog", "div", "dl", "dt", "fieldset", "h2", "h3", "h4", "input",
        "label", "legend", "li", "p", "section", "span", "strong", "summary", "ul",
    ];
    let attributes = [
        "aria-describedby",
        "aria-hidden",
        "aria-label",
        "aria-labelledby",
        "checked",
        "class",
        "data-action",
        "data-category-id",
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
            assert!(tags.contains(&node.tag), "<{}>", node.tag);
            for (name, _) in &node.attributes {
                assert!(attributes.contains(name), "{name} on <{}>", node.tag);
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
    let html = banner(&settings, &texts("en"), Asked::First, false).to_html();
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt; &amp; &quot;Sons&quot;"), "{html}");
    assert!(html.contains("href=\"/p&quot;&gt;&lt;script&gt;\""), "{html}");
    assert!(!html.contains("<img") && !html.contains("<script"));
}

#[test]
fn html_closes_what_it_opens() {
    let html = dialog(&settings(), &texts("en"), &Standing::default(), false).to_html();
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
    for (action, name) in Action::ALL {
        assert_eq!(Action::named(name), Some(action));
        assert_eq!(action.name(), name);
    }
    assert_eq!(Action::named("grant"), None);
}
