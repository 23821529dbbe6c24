//! The words: one flat map per language, chosen per key.

use crate::json::{self, Value};
use crate::settings::{Localized, Settings};
use crate::time::Period;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Every key that a locale file must have, and no other. A missing key fails the build, never the visitor (B12, L17).
pub const KEYS: &[&str] = &[
    "banner.title",
    "banner.text",
    "banner.withdraw",
    "banner.withdraw.own",
    "banner.policy",
    "banner.partners",
    "banner.accept",
    "banner.reject",
    "banner.customise",
    "change.title",
    "change.text",
    "change.accept",
    "change.reject",
    "gpc.note",
    "dialog.title",
    "dialog.text",
    "dialog.save",
    "dialog.close",
    "dialog.always",
    "dialog.details",
    "dialog.purposes",
    "dialog.none",
    "dialog.controller",
    "dialog.contact",
    "dialog.dpo",
    "dialog.rights",
    "dialog.authority",
    "dialog.state",
    "dialog.record",
    "dialog.receipt",
    "dialog.withdraw",
    "item.provider",
    "item.purpose",
    "item.countries",
    "item.safeguard",
    "item.policy",
    "item.name",
    "item.kind",
    "item.duration",
    "item.third",
    "item.yes",
    "item.no",
    "safeguard.adequacy",
    "safeguard.bcr",
    "safeguard.scc",
    "kind.cookie",
    "kind.indexedDB",
    "kind.localStorage",
    "kind.pixel",
    "kind.sessionStorage",
    "duration.session",
    "duration.years.one",
    "duration.years.other",
    "duration.months.one",
    "duration.months.other",
    "duration.days.one",
    "duration.days.other",
    "duration.hours.one",
    "duration.hours.other",
    "duration.minutes.one",
    "duration.minutes.other",
    "reopen",
    "category.functional.title",
    "category.functional.text",
    "category.analytical.title",
    "category.analytical.text",
    "category.marketing.title",
    "category.marketing.text",
    "category.preferences.title",
    "category.preferences.text",
    "own.name",
    "own.purpose",
    "own.record",
    "purpose.advertising",
    "purpose.chat",
    "purpose.maps",
    "purpose.measurement",
    "purpose.replay",
    "purpose.social",
    "purpose.statistics",
    "purpose.testing",
    "purpose.video",
];

/// The words of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    lang: String,
    entries: Vec<(String, String)>,
}

impl Texts {
    /// Reads `locales/<lang>.json`: an object of strings. `None` when it is not one.
    pub fn parse(lang: &str, text: &str) -> Option<Self> {
        let Ok(Value::Map(entries)) = json::parse(text) else { return None };
        let entries = entries
            .into_iter()
            .map(|(key, value)| match value {
                Value::Text(text) => Some((key, text)),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self { lang: lang.to_string(), entries })
    }

    /// The language tag.
    pub fn lang(&self) -> &str {
        &self.lang
    }

    /// The same words with the owner's own in their place.
    pub fn with_overrides(mut self, settings: &Settings) -> Self {
        let primary = primary(&self.lang).to_string();
        for (lang, own) in &settings.texts {
            if *lang != self.lang && *lang != primary {
                continue;
            }
            for (key, text) in own {
                match self.entries.iter_mut().find(|(k, _)| k == key) {
                    Some(entry) => entry.1.clone_from(text),
                    None => self.entries.push((key.clone(), text.clone())),
                }
            }
        }
        self
    }

    /// The text under `key`; the key itself when there is none, so that the fault is seen.
    pub fn text<'a>(&'a self, key: &'a str) -> &'a str {
        self.find(key).unwrap_or(key)
    }

    /// The text under `key`, if there is one.
    pub fn find(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(k, _)| k == key).map(|(_, text)| text.as_str())
    }

    /// Every key, in the file's order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(key, _)| key.as_str())
    }

    /// The text under `key` with `{name}` replaced by `value`.
    pub fn filled(&self, key: &str, name: &str, value: &str) -> String {
        let mut placeholder = String::from("{");
        placeholder.push_str(name);
        placeholder.push('}');
        self.text(key).replace(&placeholder, value)
    }

    /// An owner's text in this language: the exact tag, its primary language, English, else the first one given.
    pub fn localized<'a>(&'a self, text: &'a Localized) -> &'a str {
        match text {
            Localized::All(text) => text,
            Localized::Key(key) => self.text(key),
            Localized::Each(each) => {
                let of = |lang: &str| each.iter().find(|(tag, _)| tag == lang).map(|(_, text)| text.as_str());
                of(&self.lang)
                    .or_else(|| of(primary(&self.lang)))
                    .or_else(|| of("en"))
                    .or_else(|| each.first().map(|(_, text)| text.as_str()))
                    .unwrap_or("")
            }
        }
    }

    /// A storage duration in words: `13 months`, `1 day`, or the browser session.
    pub fn duration(&self, duration: Option<Period>) -> String {
        let Some(period) = duration else { return self.text("duration.session").to_string() };
        let mut parts: Vec<String> = Vec::new();
        let mut push = |n: u32, unit: &str| {
            if n > 0 {
                let mut key = String::from("duration.");
                key.push_str(unit);
                key.push_str(if one(primary(&self.lang), n) { ".one" } else { ".other" });
                let mut count = String::new();
                let _ = core::fmt::Write::write_fmt(&mut count, format_args!("{n}"));
                parts.push(self.filled(&key, "n", &count));
            }
        };
        let years = if period.months % 12 == 0 { period.months / 12 } else { 0 };
        push(years, "years");
        push(period.months - years * 12, "months");
        push(period.days, "days");
        push(period.seconds / 3600, "hours");
        push(period.seconds % 3600 / 60, "minutes");
        parts.join(", ")
    }
}

/// The language to show (B12): the page's own, its primary language, the configuration's, else English; the first one
/// that has a locale file.
pub fn choose<'a>(page: &'a str, fallback: &'a str) -> &'a str {
    let known = |tag: &&str| crate::wire::LOCALES.contains(tag);
    [page, primary(page), fallback].into_iter().find(known).unwrap_or("en")
}

/// The primary language of a tag: `nl` of `nl-BE`.
pub fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

/// Whether `n` takes the CLDR category `one` in this language.
fn one(lang: &str, n: u32) -> bool {
    n == 1 || (lang == "fr" && n == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::LOCALES;
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
        assert_eq!(files.iter().map(|(lang, _)| lang.as_str()).collect::<Vec<_>>(), LOCALES);
        for (lang, texts) in &files {
            assert_eq!(texts.keys().collect::<Vec<_>>(), KEYS, "{lang}");
        }
    }

    #[test]
    fn every_text_says_something_and_takes_the_same_values_in_every_language() {
        let files = files();
        let (_, english) = files.iter().find(|(lang, _)| lang == "en").unwrap();
        for (lang, texts) in &files {
            for key in KEYS {
                let text = texts.text(key);
                assert!(!text.trim().is_empty() && text.trim() == text, "{lang} {key}");
                assert_ne!(text, *key, "{lang}");
                assert_eq!(placeholders(text), placeholders(english.text(key)), "{lang} {key}");
            }
        }
    }

    #[test]
    fn a_purpose_is_told_in_a_sentence_of_fair_length() {
        // L07
        for (lang, texts) in files() {
            for key in KEYS.iter().filter(|key| key.starts_with("purpose.") || key.ends_with(".text")) {
                assert!((20..=400).contains(&texts.text(key).chars().count()), "{lang} {key}");
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
    fn durations_are_words() {
        let files = files();
        let of = |lang: &str, period: &str| {
            files.iter().find(|(tag, _)| tag == lang).unwrap().1.duration(Period::parse(period))
        };
        assert_eq!(of("en", "P13M"), "13 months");
        assert_eq!(of("en", "P1Y"), "1 year");
        assert_eq!(of("nl", "P2Y1D"), "2 jaar, 1 dag");
        assert_eq!(of("de", "PT90M"), "1 Stunde, 30 Minuten");
        assert_eq!(of("fr", "session"), "Jusqu’à la fermeture du navigateur");
    }

    #[test]
    fn an_owner_s_text_is_taken_in_the_nearest_language() {
        let (_, dutch) = files().into_iter().find(|(lang, _)| lang == "nl").unwrap();
        let each =
            |list: &[(&str, &str)]| Localized::Each(list.iter().map(|(l, t)| (l.to_string(), t.to_string())).collect());
        assert_eq!(dutch.localized(&each(&[("en", "Chat"), ("nl", "Chatten")])), "Chatten");
        assert_eq!(dutch.localized(&each(&[("de", "Chatten"), ("en", "Chat")])), "Chat");
        assert_eq!(dutch.localized(&each(&[("de", "Chatten")])), "Chatten");
        assert_eq!(dutch.localized(&Localized::Key("purpose.video".into())), dutch.text("purpose.video"));
    }
}
