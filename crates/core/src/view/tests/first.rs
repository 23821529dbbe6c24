//! The first layer and the words it waits for: `locales/<tag>.json` of the build.

use super::*;
use crate::texts::tests::comes_first;

/// All that a first visit can be shown, with these words.
fn shown(texts: &Texts) -> Vec<Node> {
    let mut plain = settings();
    plain.categories.extend(["preferences", "own"].map(|id| category(id, Vec::new())));
    let mut full = plain.clone();
    full.controller.imprint = Some("/imprint".into());
    full.reopen.own = Some("#settings".into());
    let mut nodes = Vec::new();
    for settings in [plain, full] {
        for (dnt, gpc) in [(false, false), (true, true)] {
            nodes.push(banner(&settings, texts, Asked::First, Signals { dnt, gpc }));
        }
        nodes.push(reopen(&settings, texts));
    }
    nodes
}

#[test]
fn in_every_language_the_first_layer_has_all_its_words_in_the_first_file() {
    // B12
    for lang in wire::LOCALES.split(' ') {
        let file = format!("{}/../../www/locales/{lang}.json", env!("CARGO_MANIFEST_DIR"));
        let all = Texts::parse(lang, &std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(shown(&all.first_layer()), shown(&all), "{lang}");
    }
}

#[test]
fn the_first_file_has_no_word_that_the_first_layer_does_not_show() {
    let all = texts("en");
    let marked = all.keys().map(|key| (key.to_string(), format!("<{key}>").into())).collect();
    let drawn = shown(&Texts::parse("en", &Value::Map(marked).canonical()).unwrap());
    let drawn: String = drawn.iter().map(|node| node.value().canonical()).collect();
    for key in all.keys() {
        assert_eq!(drawn.contains(&format!("<{key}>")), comes_first(key), "{key}");
    }
}
