//! What the configuration adds to, and takes from, the two layers.

use super::*;
use crate::notice::Notice;

#[test]
fn the_form_is_the_banners_class_and_part_of_the_notice() {
    let (mut settings, texts) = (settings(), texts("en"));
    let before = Notice::new(&settings, &texts).digest;
    settings.layout = Some("box-top-end".into());
    let tree = banner(&settings, &texts, Asked::First, Signals::default()).to_value();
    assert_eq!(attribute(&tree, "class"), Some("banner box-top-end"));
    assert_ne!(Notice::new(&settings, &texts).digest, before, "another form is another notice (R3)");
}

#[test]
fn a_site_that_draws_for_itself_has_a_notice_without_words_of_ours() {
    let (mut settings, texts) = (settings(), texts("en"));
    settings.layout = None;
    let notice = crate::json::parse(&Notice::new(&settings, &texts).text).unwrap();
    assert_eq!(notice.get("shown"), &Value::Map(Vec::new()));
    assert_eq!(notice.get("purposes").items().len(), settings.categories.len(), "what is declared stays");
}

#[test]
fn the_legal_notice_is_linked_where_there_is_one() {
    let (mut settings, texts) = (settings(), texts("en"));
    let linked = |settings: &Settings| {
        let tree = banner(settings, &texts, Asked::First, Signals::default()).to_value();
        elements(&tree)
            .into_iter()
            .any(|node| attribute(node, "href") == Some("/imprint") && words(node) == texts.text("banner.imprint"))
    };
    assert!(!linked(&settings));
    settings.controller.imprint = Some("/imprint".into());
    assert!(linked(&settings));
}

#[test]
fn the_dialog_names_every_recipient_of_what_is_asked() {
    // B9, GDPR Art. 13(1)(e)
    let (mut settings, texts) = (settings(), texts("en"));
    let shown =
        |settings: &Settings| words(&dialog(settings, &texts, &Standing::default(), Signals::default()).to_value());
    let title = texts.text("dialog.recipients");
    assert!(shown(&settings).contains(&format!("{title} metrics Ltd, clips Ltd ")), "{}", shown(&settings));
    settings.categories.truncate(1);
    assert!(!shown(&settings).contains(title), "nobody receives anything");
}
