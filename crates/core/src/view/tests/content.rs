//! What the configuration adds to, and takes from, the two layers.

use super::*;
use crate::notice::Notice;

#[test]
fn the_form_is_the_banners_class_and_part_of_the_notice() {
    let (mut settings, texts) = (settings(), texts("en"));
    let before = Notice::new(&settings, &texts).digest;
    settings.layout = Some("box-top-end".into());
    let tree = banner(&settings, &texts, Asked::First, false).to_value();
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
