//! Light Markdown in the owners' texts: what it makes, and that it makes nothing else (T2).

use super::*;
use crate::settings::is_safe_link;
use crate::view::markup::{blocks, inline};
use proptest::prelude::*;

type Draw = fn(&str, &mut Vec<Value>);

fn line(text: &str, into: &mut Vec<Value>) {
    inline(text, into);
}

/// What a text makes, as HTML.
fn html(draw: Draw, text: &str) -> String {
    let mut nodes = Vec::from([Value::from("x"), map([])]);
    draw(text, &mut nodes);
    let html = Node(Value::List(nodes)).to_html();
    html["<x>".len()..html.len() - "</x>".len()].to_string()
}

const LINK: &str = "rel=\"noopener noreferrer\" target=\"_blank\"";

#[test]
fn bold_emphasis_links_and_line_breaks_are_drawn_within_a_line() {
    for (text, expected) in [
        ("plain", "plain".to_string()),
        ("a **b c** d", "a <strong>b c</strong> d".into()),
        ("*é* and **ü**", "<em>é</em> and <strong>ü</strong>".into()),
        ("one\ntwo", "one<br>two".into()),
        (
            "see [our page](https://a.example/b) now",
            format!("see <a href=\"https://a.example/b\" {LINK}>our page</a> now"),
        ),
        ("[us](mailto:a@b.example)", format!("<a href=\"mailto:a@b.example\" {LINK}>us</a>")),
        ("[here](/privacy)", format!("<a href=\"/privacy\" {LINK}>here</a>")),
    ] {
        assert_eq!(html(line, text), expected, "{text}");
    }
}

#[test]
fn what_means_nothing_stays_the_text_that_it_is() {
    for text in [
        "2 * 3 * 4",
        "a*b",
        "**",
        "* *",
        "** a **",
        "[a]",
        "[a] (b)",
        "[](https://a.example)",
        "_pk_id*",
        "a_b_c",
        "# No heading",
        "> no quote",
        "[a](javascript:alert(1))",
        "[a](data:text/html,x)",
        "[a](//b.example)",
        "[a](b.example)",
        "[a](https:// b)",
        "- no list here",
        "![image](x",
        "`code`",
        "C:\\dir",
        "\\",
    ] {
        assert_eq!(html(line, text), text.replace('>', "&gt;"), "{text}");
    }
    assert_eq!(html(line, "<b onclick=x>&amp;</b>"), "&lt;b onclick=x&gt;&amp;amp;&lt;/b&gt;");
}

#[test]
fn a_backslash_takes_the_meaning_away() {
    for (text, expected) in [
        (r"\*a\*", "*a*"),
        (r"\[a](https://a.example)", "[a](https://a.example)"),
        (r"**a\*b**", "<strong>a*b</strong>"),
        (r"\\*a*", r"\<em>a</em>"),
    ] {
        assert_eq!(html(line, text), expected, "{text}");
    }
}

#[test]
fn long_texts_have_paragraphs_and_lists() {
    for (text, expected) in [
        ("one", "<p>one</p>"),
        ("one\ntwo\n\nthree", "<p>one</p><p>two</p><p>three</p>"),
        ("For:\n- **a**\n- b\nand more", "<p>For:</p><ul><li><strong>a</strong></li><li>b</li></ul><p>and more</p>"),
        ("- a\n\n\n- b\n", "<ul><li>a</li></ul><ul><li>b</li></ul>"),
    ] {
        assert_eq!(html(blocks, text), expected, "{text}");
    }
}

/// A configuration with marked texts in every place that takes them.
fn marked() -> Settings {
    let mut settings = settings();
    settings.categories[3].text =
        Some(Localized::All("Talk to **us**:\n- by *chat*\n- [by mail](mailto:a@b.example)".into()));
    settings.categories[1].services[0].purpose = Localized::All("Counts *visits*.".into());
    settings.categories[1].services[0].items[0].purpose = Some(Localized::All("See [why](https://w.example/).".into()));
    settings.texts =
        map([("en", map([("banner.text", "**{controller}** asks:".into()), ("dialog.text", "One.\n\nTwo.".into())]))]);
    settings.controller.name = "A*B Ltd".into();
    settings
}

#[test]
fn both_layers_and_the_declaration_draw_the_owners_marks() {
    let settings = marked();
    let texts = texts("en").with_overrides(&settings);
    let banner = banner(&settings, &texts, Asked::First, Signals::default()).to_html();
    assert!(banner.contains("<p><strong>A*B Ltd</strong> asks:</p>"), "{banner}");
    assert!(banner.contains("Talk to <strong>us</strong>:<br>- by <em>chat</em><br>- <a href"), "{banner}");
    let dialog = dialog(&settings, &texts, &Standing::default(), Signals::default()).to_html();
    let tables = declaration(&settings, &texts, 2);
    for shown in [&dialog, &tables.to_html()] {
        assert!(
            shown.contains(
                "<p>Talk to <strong>us</strong>:</p><ul><li>by <em>chat</em></li><li><a href=\"mailto:a@b.example\" "
            ),
            "{shown}"
        );
        assert!(
            shown.contains("Counts <em>visits</em>.") && shown.contains("See <a href=\"https://w.example/\" "),
            "{shown}"
        );
    }
    assert!(dialog.contains("<p>One.</p><p>Two.</p>"), "{dialog}");
    let markdown = tables.to_markdown();
    assert!(markdown.contains("Talk to **us**:\n\n- by *chat*\n- [by mail](<mailto:a@b.example>)\n\n"), "{markdown}");
}

#[test]
fn the_notice_holds_the_source_and_the_tree() {
    // R3
    let settings = marked();
    let notice = crate::notice::Notice::new(&settings, &texts("en").with_overrides(&settings)).text;
    let notice = crate::json::parse(&notice).unwrap();
    let chat = &notice.get("purposes").items()[3];
    assert_eq!(chat.get("text").text(), Some("Talk to **us**:\n- by *chat*\n- [by mail](mailto:a@b.example)"));
    assert!(notice.get("shown").canonical().contains(r#"["strong",{},"us"]"#));
}

#[test]
fn no_bundled_word_has_a_mark() {
    // Else a word would be drawn otherwise than its translator saw it.
    for lang in crate::wire::LOCALES.split(' ') {
        let path = format!("{}/../../www/locales/{lang}.json", env!("CARGO_MANIFEST_DIR"));
        let texts = Texts::parse(lang, &std::fs::read_to_string(path).unwrap()).unwrap();
        for key in texts.keys() {
            assert!(!texts.text(key).contains(['*', '[', '\\', '\n']), "{lang} {key}");
        }
    }
}

/// Every element of a tree is one of these, and has no attribute but those of a link; nothing stands in a line but text.
fn check(nodes: &[Value], within: &[&str]) {
    for node in nodes.iter().filter(|node| node.text().is_none()) {
        let (tag, attributes) = (tag(node), attributes(node));
        assert!(within.contains(&tag), "<{tag}>");
        match tag {
            "a" => {
                let names: Vec<&str> = attributes.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names, ["href", "rel", "target"]);
                let href = attribute(node, "href").unwrap();
                assert!(
                    is_safe_link(href)
                        && ["https://", "http://", "mailto:", "/"].iter().any(|start| href.starts_with(start)),
                    "{href}"
                );
                assert_eq!(
                    (attribute(node, "rel"), attribute(node, "target")),
                    (Some("noopener noreferrer"), Some("_blank"))
                );
            }
            _ => assert!(attributes.is_empty()),
        }
        let inner: &[&str] = match tag {
            "p" | "li" => &["a", "br", "em", "strong"],
            "ul" => &["li"],
            _ => &[],
        };
        check(content(node), inner);
    }
}

proptest! {
    #[test]
    fn no_text_makes_anything_but_these_elements(
        text in prop_oneof![any::<String>(), r"[a*\[\]()\\ \n:/.@<>-]{0,40}", r"(\[a\]\((https|http|mailto|javascript|JaVa\tscript|data|/)[:/a.@ ]{0,6}\)|\*|- |\n|b){0,12}"],
    ) {
        let mut nodes = Vec::new();
        inline(&text, &mut nodes);
        check(&nodes, &["a", "br", "em", "strong"]);
        nodes.clear();
        blocks(&text, &mut nodes);
        check(&nodes, &["p", "ul"]);
        prop_assert!(nodes.iter().all(|node| node.text().is_none()), "in the long texts everything stands in a block");
    }

    #[test]
    fn no_letter_is_lost(text in "[a-zé0-9 .,]{0,30}", mark in "[*]{0,2}") {
        let mut nodes = Vec::from([Value::from("x"), map([])]);
        inline(&[mark.as_str(), &text, &mark].concat(), &mut nodes);
        let words = words(&Value::List(nodes));
        prop_assert!(words.contains(text.trim()), "{words}");
    }
}
