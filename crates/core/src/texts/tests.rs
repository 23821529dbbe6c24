//! Every locale file against the keys, plural rules, languages.

use super::*;
use crate::wire::LOCALES;
use alloc::string::ToString;
use alloc::vec::Vec;
use std::path::Path;

/// Every locale file in the project, by tag.
fn files() -> Vec<(String, Texts)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../www/locales");
    let mut files: Vec<(String, Texts)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let lang = path.file_stem().unwrap().to_str().unwrap().to_string();
            let texts = Texts::parse(&lang, &std::fs::read_to_string(&path).unwrap()).unwrap();
            (lang, texts)
        })
        .collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// Whether the build leaves a word to the first layer's file (`xtask/parts.mjs`).
pub(crate) fn comes_first(key: &str) -> bool {
    !later()
        .split(' ')
        .any(|start| key.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

impl Texts {
    /// The words that a first visit starts with, `locales/<lang>.json` of the build.
    pub(crate) fn first_layer(&self) -> Self {
        let mut words: Vec<(String, Value)> =
            self.keys().filter(|key| comes_first(key)).map(|key| (key.to_string(), self.text(key).into())).collect();
        let purposes: Vec<&str> = self.keys().filter_map(|key| key.strip_prefix("purpose.")).collect();
        words.push((PURPOSES.to_string(), purposes.join(" ").as_str().into()));
        Self { lang: self.lang.clone(), words: Value::Map(words) }
    }
}

/// The plural categories of a language, in the order of its rule.
fn categories(texts: &Texts) -> Vec<&str> {
    let mut categories: Vec<&str> =
        texts.text(PLURAL).split('|').filter_map(|clause| clause.split(' ').next()).collect();
    categories.dedup();
    categories
}

/// The `{names}` in a text, sorted.
fn placeholders(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> = text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
    names.sort_unstable();
    names
}

#[test]
fn every_language_has_exactly_the_keys_in_their_order() {
    // B12, L17
    let files = files();
    assert_eq!(files.iter().map(|(lang, _)| lang.as_str()).collect::<Vec<_>>().join(" "), LOCALES);
    for (lang, texts) in &files {
        let mut expected = Vec::from([PLURAL.to_string()]);
        for key in KEYS {
            match (key.strip_suffix(".one"), key.strip_suffix(".other")) {
                (Some(unit), _) => {
                    expected.extend(categories(texts).iter().map(|category| concat(&[unit, ".", category])))
                }
                (_, Some(_)) => {}
                _ => expected.push(key.to_string()),
            }
        }
        assert_eq!(texts.keys().collect::<Vec<_>>(), expected, "{lang}");
    }
}

#[test]
fn every_text_says_something_and_takes_the_same_values_in_every_language() {
    let files = files();
    let (_, english) = files.iter().find(|(lang, _)| lang == "en").unwrap();
    for (lang, texts) in &files {
        for key in texts.keys().filter(|key| *key != PLURAL) {
            let text = texts.text(key);
            let english = english.find(key).unwrap_or("{n}");
            assert!(!text.trim().is_empty() && text.trim() == text, "{lang} {key}");
            assert_ne!(text, key, "{lang}");
            // A word for one or two may say the number without a numeral.
            let spelt = placeholders(text).is_empty() && [".zero", ".one", ".two"].iter().any(|end| key.ends_with(end));
            assert!(spelt || placeholders(text) == placeholders(english), "{lang} {key}");
        }
    }
}

#[test]
fn a_purpose_is_told_in_a_sentence_of_fair_length() {
    // L07
    for (lang, texts) in files() {
        // A character of these says as much as two or three letters.
        let least = if matches!(primary(&lang), "ja" | "ko" | "zh") { 8 } else { 20 };
        for key in KEYS.iter().filter(|key| key.starts_with("purpose.") || key.ends_with(".text")) {
            assert!((least..=400).contains(&texts.text(key).chars().count()), "{lang} {key}");
        }
    }
}

#[test]
fn accepting_and_refusing_take_about_as_many_letters() {
    // B4: neither label may be the one that is read first because it is short.
    for (lang, texts) in files() {
        for (accept, reject) in [("banner.accept", "banner.reject"), ("change.accept", "change.reject")] {
            let (a, r) = (texts.text(accept).chars().count(), texts.text(reject).chars().count());
            assert!(a.abs_diff(r) <= 4, "{lang}: {a} and {r}");
        }
    }
}

#[test]
fn a_placeholder_is_filled_everywhere_and_nothing_else_is() {
    assert_eq!(fill("{n} of {n}, {m} {{n}} {n", "n", "{n}1"), "{n}1 of {n}1, {m} {{n}1} {n");
    assert_eq!(fill("é{x}é", "x", "ü"), "éüé");
}

#[test]
fn the_language_is_the_page_s_or_its_nearest() {
    // B12
    for (page, fallback, shown) in [
        ("nl", "en", "nl"),
        ("nl-be", "en", "nl"),
        ("no", "en", "nb"),
        ("nn-no", "en", "nb"),
        ("zh-tw", "en", "zh-hant"),
        ("zh-hant-hk", "en", "zh-hant"),
        ("zh-cn", "en", "zh"),
        ("xx", "fr", "fr"),
        ("", "xx", "en"),
    ] {
        assert_eq!(choose(page, fallback), shown, "{page}");
    }
}

#[test]
fn a_plural_rule_takes_its_first_clause_that_holds() {
    let of = |rule: &'static str| move |n: u32| plural(rule, n);
    let polish = of("one 0:1|few 10:2-4 !100:12-14|many");
    assert_eq!(
        [0, 1, 2, 5, 11, 12, 21, 22, 101, 112].map(polish),
        ["many", "one", "few", "many", "many", "many", "many", "few", "many", "many"]
    );
    let arabic = of("zero 0:0|one 0:1|two 0:2|few 100:3-10|many 100:11-99|other");
    assert_eq!([0, 1, 2, 3, 11, 100, 103].map(arabic), ["zero", "one", "two", "few", "many", "other", "few"]);
    // Two clauses of one category are an "or".
    let latvian = of("zero 10:0|zero 100:11-19|one 10:1|other");
    assert_eq!([0, 1, 11, 21, 22].map(latvian), ["zero", "one", "zero", "one", "other"]);
    assert_eq!(plural("", 1), "");
}

#[test]
fn a_locale_file_knows_the_keys_that_there_are() {
    for (lang, texts) in files() {
        for key in KEYS.iter().copied().chain(["duration.days.few", "duration.years.zero"]) {
            assert!(is_key(key) && texts.has(key), "{lang} {key}");
        }
        for key in ["", PLURAL, "banner", "banner.titel", "banner.title.one", "duration.days", "duration.days.lot"] {
            assert_eq!((is_key(key), texts.has(key)), (false, false), "{lang} {key}");
        }
    }
}

#[test]
fn durations_are_words() {
    let files = files();
    let of =
        |lang: &str, period: &str| files.iter().find(|(tag, _)| tag == lang).unwrap().1.duration(Period::parse(period));
    assert_eq!(of("en", "P13M"), "13 months");
    assert_eq!(of("en", "P1Y"), "1 year");
    assert_eq!(of("nl", "P2Y1D"), "2 jaar, 1 dag");
    assert_eq!(of("de", "PT90M"), "1 Stunde, 30 Minuten");
    assert_eq!(of("fr", "session"), "Jusqu’à la fermeture du navigateur");
}

#[test]
fn an_owner_s_text_is_taken_in_the_nearest_language() {
    let (_, dutch) = files().into_iter().find(|(lang, _)| lang == "nl").unwrap();
    let each = |list: &[(&str, &str)]| {
        Localized::Each(Value::Map(list.iter().map(|(l, t)| (l.to_string(), Value::from(*t))).collect()))
    };
    assert_eq!(dutch.localized(&each(&[("en", "Chat"), ("nl", "Chatten")])), "Chatten");
    assert_eq!(dutch.localized(&each(&[("de", "Chatten"), ("en", "Chat")])), "Chat");
    assert_eq!(dutch.localized(&each(&[("de", "Chatten")])), "Chatten");
    assert_eq!(dutch.localized(&Localized::Key("purpose.video".into())), dutch.text("purpose.video"));
}
