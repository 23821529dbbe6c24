//! The declaration: everything declared is in it, in each of its forms.

use super::*;

/// The texts of every element of one kind.
fn all(tree: &Element, kind: &str) -> Vec<String> {
    elements(tree).into_iter().filter(|node| tag(node) == kind).map(words).collect()
}

#[test]
fn every_service_and_every_item_has_its_row_with_everything_known_about_it() {
    // P49, B9, B18
    let settings = settings();
    for (lang, _) in FILES {
        let texts = texts(lang);
        let tree = declaration(&settings, &texts, 2).to_value();
        assert!(words(&tree).contains(&texts.filled("declaration.version", "version", "2026-11-22")), "{lang}");
        let (groups, rows) = (all(&tree, "tbody"), all(&tree, "tr"));
        assert_eq!(groups.len(), settings.services().count());
        for ((_, service), group) in settings.services().zip(&groups) {
            let safeguard = texts.text("safeguard.scc");
            let purpose = texts.localized(&service.purpose);
            for fact in [service.provider.as_str(), purpose, "IE, US", safeguard, service.policy.as_deref().unwrap()] {
                assert!(group.contains(fact), "{lang}: {fact} in {group}");
            }
            for item in &service.items {
                let kind = format!("kind.{}", item.kind.name());
                let facts = [
                    item.name.clone(),
                    texts.text(&kind).into(),
                    item.purpose.as_ref().map_or(purpose, |own| texts.localized(own)).into(),
                    texts.duration(item.duration),
                    texts.text(if item.third_party { "item.yes" } else { "item.no" }).into(),
                ];
                assert!(rows.iter().any(|row| facts.iter().all(|fact| row.contains(fact))), "{lang}: {facts:?}");
            }
        }
        assert!(groups[0].contains(texts.text("own.record")), "{lang}: what the server keeps");
    }
}

#[test]
fn its_headings_fit_the_page_and_nothing_else_changes() {
    let (settings, texts) = (settings(), texts("en"));
    let html = |level| declaration(&settings, &texts, level).to_html();
    for level in 1..=5u8 {
        let tree = declaration(&settings, &texts, level).to_value();
        assert_eq!(all(&tree, &format!("h{level}")), [texts.text("declaration.title")]);
        assert_eq!(all(&tree, &format!("h{}", level + 1)).len(), settings.categories.len());
        let bare = |html: String| (1..=6).fold(html, |html, n| html.replace(&format!("h{n}>"), "h>"));
        assert_eq!(bare(html(level)), bare(html(2)));
    }
    assert_eq!((html(0), html(9)), (html(1), html(5)));
}

#[test]
fn it_is_written_in_the_languages_direction() {
    let arabic = Texts::parse("ar", include_str!("../../../../../www/locales/ar.json")).unwrap();
    let directions = [texts("nl"), arabic].map(|texts| {
        let tree = declaration(&settings(), &texts, 2).to_value();
        (attribute(&tree, "lang").map(ToString::to_string), attribute(&tree, "dir").map(ToString::to_string))
    });
    let expected = [("nl", "ltr"), ("ar", "rtl")].map(|(lang, dir)| (Some(lang.to_string()), Some(dir.to_string())));
    assert_eq!(directions, expected);
}

#[test]
fn as_markdown_it_has_the_same_rows_and_no_markup_of_its_own() {
    let (mut settings, texts) = (settings(), texts("en"));
    settings.categories[1].services[0].provider = "A|B <b>*Sons*</b>".into();
    settings.categories[1].services[0].items[0].name = "x|`y".into();
    let node = declaration(&settings, &texts, 2);
    let markdown = node.to_markdown();
    let lines: Vec<&str> = markdown.lines().collect();
    assert_eq!(lines[0], format!("## {}", texts.text("declaration.title")));
    assert!(markdown.contains(r"A\|B \<b\>\*Sons\*\</b\>") && markdown.contains(r"x\|\`y"), "{markdown}");
    assert!(!markdown.contains(texts.text("declaration.change")), "a button would do nothing");
    let mut escaped = markdown.replace(r"\|", "");
    escaped.retain(|c| c != '\\');
    let rows: Vec<&str> = escaped.lines().filter(|line| line.starts_with('|')).collect();
    let tables = all(&node.to_value(), "table").len();
    assert_eq!(rows.len(), all(&node.to_value(), "tr").len() + tables, "one line a row, and one under each head");
    for row in rows {
        assert_eq!(row.matches('|').count(), 6, "{row}");
    }
}

#[test]
fn for_programs_every_item_has_a_purpose() {
    let (settings, texts) = (settings(), texts("en"));
    let declared = declared(&settings, &texts);
    let services = declared.get("purposes").items().iter().flat_map(|category| category.get("services").items());
    let purposes: Vec<&str> = services
        .flat_map(|service| service.get("items").items())
        .filter_map(|item| item.get("purpose").text())
        .collect();
    assert_eq!(purposes.len(), settings.services().map(|(_, service)| service.items.len()).sum::<usize>());
    assert!(purposes.contains(&"Groups one visit.") && purposes.contains(&"What metrics is for."));
}
