//! The words: one flat map per language, chosen per key.

use crate::json::{self, Value, place, push_int};
use crate::settings::{Item, Localized, Settings};
use crate::time::Period;
use alloc::string::String;

#[cfg(test)]
pub(crate) mod tests;

/// Every key that a locale file must have after [`PLURAL`], and no other. A missing key fails the build, never the
/// visitor (B12, L17). A key that ends in `.one` stands for one of each plural category of the language.
pub const KEYS: &[&str] = &[
    "banner.title",
    "banner.text",
    "banner.withdraw",
    "banner.withdraw.own",
    "banner.policy",
    "banner.imprint",
    "banner.partners",
    "banner.accept",
    "banner.reject",
    "banner.customise",
    "change.title",
    "change.text",
    "change.new",
    "change.changed",
    "change.accept",
    "change.reject",
    "gpc.note",
    "dnt.note",
    "dialog.title",
    "dialog.text",
    "dialog.save",
    "dialog.close",
    "dialog.always",
    "dialog.details",
    "dialog.purposes",
    "dialog.none",
    "dialog.allow",
    "dialog.controller",
    "dialog.contact",
    "dialog.dpo",
    "dialog.rights",
    "dialog.authority",
    "dialog.kept",
    "dialog.recipients",
    "dialog.state",
    "dialog.record",
    "dialog.receipt",
    "dialog.print",
    "dialog.export",
    "dialog.erase",
    "dialog.erase.ask",
    "dialog.erased",
    "dialog.restricted",
    "dialog.failed",
    "dialog.saved",
    "dialog.withdraw",
    "left.title",
    "left.text",
    "left.server",
    "left.foreign",
    "embed.title",
    "embed.text",
    "embed.once",
    "embed.always",
    "declaration.title",
    "declaration.version",
    "declaration.change",
    "receipt.title",
    "receipt.time",
    "receipt.received",
    "receipt.until",
    "receipt.granted",
    "receipt.refused",
    "receipt.notice",
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
    "kind.cacheStorage",
    "kind.indexedDB",
    "kind.localStorage",
    "kind.pixel",
    "kind.serviceWorker",
    "kind.sessionStorage",
    "duration.session",
    "duration.persistent",
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
    "purpose.affiliate",
    "purpose.audio",
    "purpose.booking",
    "purpose.chat",
    "purpose.documents",
    "purpose.errors",
    "purpose.fonts",
    "purpose.forms",
    "purpose.login",
    "purpose.maps",
    "purpose.measurement",
    "purpose.newsletter",
    "purpose.payment",
    "purpose.personalisation",
    "purpose.replay",
    "purpose.security",
    "purpose.social",
    "purpose.statistics",
    "purpose.tags",
    "purpose.testing",
    "purpose.video",
];

/// What the keys begin with whose words the banner of a first visit does without, but for the purposes: the build puts
/// them into files of their own, `locales/more/` and `locales/later/` (`xtask/parts.mjs`, by way of [`wire`](crate::wire)).
const LATER: &str = "category.functional change declaration dialog duration embed item kind left own receipt safeguard";

/// The same with those that are no words of the owner's choosing or are asked of [`PURPOSES`].
pub(crate) fn later() -> String {
    concat(&[LATER, " ", PLURAL, " purpose"])
}

/// The key under which the words of the first layer name the purposes that there are: a service with a purpose that there
/// is not is refused before the banner, and their words are in `locales/more/`.
const PURPOSES: &str = "purposes";

/// Whether the key is one of words that come after the first layer's, going by what it begins with.
pub(crate) fn is_later(key: &str) -> bool {
    place(LATER, cut(key, b'.').0).or(place(LATER, parent(key, b'.'))).is_some()
}

/// The key of a locale's plural rule, see [`plural`].
const PLURAL: &str = "plural";

/// Whether this is the key of a bundled text, also in a plural form that only some languages have.
pub fn is_key(key: &str) -> bool {
    KEYS.iter().any(|known| alike(known, key))
}

/// Whether two keys name one text, perhaps in different plural forms.
fn alike(a: &str, b: &str) -> bool {
    a == b || !unit(a).is_empty() && unit(a) == unit(b)
}

/// The key without the plural category at its end; nothing when it has none.
#[inline(never)]
fn unit(key: &str) -> &str {
    let stem = parent(key, b'.');
    match key.get(stem.len()..) {
        Some(".zero" | ".one" | ".two" | ".few" | ".many" | ".other") => stem,
        _ => "",
    }
}

/// What stands before the last `separator`; nothing when there is none.
#[inline(never)]
fn parent(text: &str, separator: u8) -> &str {
    let mut end = text.len();
    while end > 0 {
        end -= 1;
        if text.as_bytes().get(end) == Some(&separator) {
            break;
        }
    }
    text.get(..end).unwrap_or_default()
}

/// The words of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    lang: String,
    /// An object of strings.
    words: Value,
}

impl Texts {
    /// Reads `locales/<lang>.json`: an object of strings. `None` when it is not one.
    pub fn parse(lang: &str, text: &str) -> Option<Self> {
        let Ok(words @ Value::Map(_)) = json::parse(text) else { return None };
        for (_, word) in words.entries() {
            word.text()?;
        }
        Some(Self { lang: String::from(lang), words })
    }

    /// The language tag.
    pub fn lang(&self) -> &str {
        &self.lang
    }

    /// The words as JSON.
    pub fn canonical(&self) -> String {
        self.words.canonical()
    }

    /// The same words and those of `locales/more/<lang>.json`, which the first layer does without. `None` when that is
    /// not an object of texts.
    #[inline(never)]
    pub fn with_more(self, more: &str) -> Option<Self> {
        let more = Self::parse(&self.lang, more)?;
        Some(self.with_later(&more))
    }

    /// The same words and those of `locales/later/<lang>.json`, which lazy parts show.
    pub fn with_later(mut self, later: &Self) -> Self {
        for (key, text) in later.words.entries() {
            self.words.set(key, text.clone());
        }
        self
    }

    /// The same words with the owner's own in their place.
    pub fn with_overrides(mut self, settings: &Settings) -> Self {
        for (lang, own) in settings.texts.entries() {
            if *lang == self.lang || lang == primary(&self.lang) {
                for (key, text) in own.entries() {
                    self.words.set(key, Value::from(text.text().unwrap_or_default()));
                }
            }
        }
        self
    }

    /// The text under `key`; the key itself when there is none, so that the fault is seen.
    pub fn text<'a>(&'a self, key: &'a str) -> &'a str {
        match self.find(key) {
            Some(text) => text,
            None => missing(key),
        }
    }

    /// The text under `key`, if there is one.
    pub fn find(&self, key: &str) -> Option<&str> {
        self.words.at(key)?.text()
    }

    /// The same as [`is_key`], from the file itself.
    pub fn has(&self, key: &str) -> bool {
        let purpose = key.strip_prefix("purpose.").unwrap_or_default();
        let mut found = place(self.find(PURPOSES).unwrap_or_default(), purpose).is_some();
        for (known, _) in self.words.entries() {
            found |= alike(known, key);
        }
        found && key != PLURAL && key != PURPOSES
    }

    /// Every key, in the file's order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.words.entries().iter().map(|(key, _)| key.as_str())
    }

    /// The text under `key` with `{name}` replaced by `value`.
    pub fn filled(&self, key: &str, name: &str, value: &str) -> String {
        fill(self.text(key), name, value)
    }

    /// The text under `key` with `{name}` replaced by a number.
    pub fn counted(&self, key: &str, name: &str, n: i64) -> String {
        let mut count = String::new();
        push_int(&mut count, n, 1);
        self.filled(key, name, &count)
    }

    /// An owner's text in this language: the exact tag, its primary language, English, else the first one given.
    pub fn localized<'a>(&'a self, text: &'a Localized) -> &'a str {
        match text {
            Localized::All(text) => text,
            Localized::Key(key) => self.text(key),
            Localized::Each(each) => {
                let mut found = each.entries().first().map(|(_, text)| text);
                for lang in &["en", primary(&self.lang), self.lang.as_str()] {
                    found = each.at(lang).or(found);
                }
                found.and_then(Value::text).unwrap_or_default()
            }
        }
    }

    /// A storage duration in words: `13 months`, `1 day`, or the browser session.
    pub fn duration(&self, duration: Option<Period>) -> String {
        let Some(period) = duration else { return String::from(self.text("duration.session")) };
        if period == Item::PERSISTENT {
            return String::from(self.text("duration.persistent"));
        }
        let years = if period.months % 12 == 0 { period.months / 12 } else { 0 };
        let mut out = String::new();
        self.count(years, "years", &mut out);
        self.count(period.months - years * 12, "months", &mut out);
        self.count(period.days, "days", &mut out);
        self.count(period.seconds / 3600, "hours", &mut out);
        self.count(period.seconds % 3600 / 60, "minutes", &mut out);
        out
    }

    /// So many of a unit of time, after what there is of larger ones.
    #[inline(never)]
    fn count(&self, n: u32, unit: &str, out: &mut String) {
        if n > 0 {
            if !out.is_empty() {
                out.push_str(", ");
            }
            let number = plural(self.find(PLURAL).unwrap_or_default(), n);
            out.push_str(&self.counted(&concat(&["duration.", unit, ".", number]), "n", i64::from(n)));
        }
    }
}

/// No first visit that the engine is taken apart by (`xtask/src/split.rs`) lacks a word, so this is in its second part: a
/// first layer that does, by a purpose as the owner's title of a category, begins anew with both parts and all words.
#[cold]
#[inline(never)]
fn missing(key: &str) -> &str {
    // What a compiler sees through it leaves out.
    core::hint::black_box(key)
}

/// An empty text with room for so many bytes. The page lets it grow instead, which is less code.
#[inline(always)]
pub(crate) fn room(bytes: usize) -> String {
    if cfg!(target_arch = "wasm32") { String::new() } else { String::with_capacity(bytes) }
}

/// The texts one after the other.
#[inline(never)]
pub fn concat(parts: &[&str]) -> String {
    let mut out = room(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.push_str(part);
    }
    out
}

/// `text` with every `{name}` replaced by `value`.
fn fill(text: &str, name: &str, value: &str) -> String {
    let mut out = String::new();
    // What has not been copied yet starts here.
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        let end = at + name.len() + 1;
        if byte == b'{'
            && at >= copied
            && text.get(at + 1..end) == Some(name)
            && text.as_bytes().get(end) == Some(&b'}')
        {
            out.push_str(text.get(copied..at).unwrap_or(""));
            out.push_str(value);
            copied = end + 1;
        }
    }
    out.push_str(text.get(copied..).unwrap_or(""));
    out
}

/// The language to show (B12): the page's own or its nearest, the configuration's, else English; the first one that has
/// a locale file. Tags are in lower case.
pub fn choose<'a>(page: &'a str, fallback: &'a str) -> &'a str {
    let mut tag = page;
    while !tag.is_empty() {
        // Other names of a language we have, and regions that write Chinese in traditional characters.
        let known = match tag {
            "no" | "nn" => "nb",
            "zh-tw" | "zh-hk" | "zh-mo" => "zh-hant",
            tag => tag,
        };
        if place(crate::wire::LOCALES, known).is_some() {
            return known;
        }
        // The tag without its last part (RFC 4647 §3.4).
        tag = parent(tag, b'-');
    }
    if place(crate::wire::LOCALES, fallback).is_some() { fallback } else { "en" }
}

/// Whether the words of this locale file are written from right to left.
pub fn is_rtl(lang: &str) -> bool {
    crate::wire::RTL.contains(&primary(lang))
}

/// The primary language of a tag: `nl` of `nl-BE`.
pub fn primary(tag: &str) -> &str {
    cut(tag, b'-').0
}

/// What stands before and behind the first `separator`, an ASCII character; all and nothing without one. The library's
/// searching would bring its searcher, panics and all, into the bundle.
#[inline(never)]
pub(crate) fn cut(text: &str, separator: u8) -> (&str, &str) {
    for (end, byte) in text.as_bytes().iter().enumerate() {
        if *byte == separator {
            return (text.get(..end).unwrap_or(""), from(text, end + 1));
        }
    }
    (text, "")
}

/// What stands from `at` on.
#[inline(never)]
pub(crate) fn from(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or("")
}

/// The CLDR plural category of a whole number in a language with this rule: clauses separated by `|`, the first one
/// that holds wins. A clause is a category and its conditions, all of which must hold; `10:2-4` means that the
/// remainder by 10 is 2 to 4, `0:1` that the number itself is 1, and `!` in front that it is not so. The last clause
/// has no condition: `one 10:1 !100:11|few 10:2-4 !100:12-14|other`.
///
/// The rules stand in the locale files, so that a page carries one language's and no table of all.
pub fn plural(rule: &str, n: u32) -> &str {
    // Where the clause starts, where its category ends, and whether its conditions hold so far.
    let (mut start, mut end, mut holds) = (0, 0, true);
    // The condition being read.
    let (mut modulus, mut low, mut number, mut negated) = (None, None, 0, false);
    for at in 0..=rule.len() {
        let byte = rule.as_bytes().get(at).copied().unwrap_or(b'|');
        match byte {
            b'0'..=b'9' => number = number * 10 + u32::from(byte - b'0'),
            b':' => modulus = Some(core::mem::take(&mut number)),
            b'-' => low = Some(core::mem::take(&mut number)),
            b'!' => negated = true,
            b' ' | b'|' => {
                match modulus.take() {
                    None => end = at,
                    Some(modulus) => {
                        let value = n.checked_rem(modulus).unwrap_or(n);
                        let within = low.unwrap_or(number) <= value && value <= number;
                        holds &= within != negated;
                    }
                }
                (low, number, negated) = (None, 0, false);
                if byte == b'|' {
                    if holds {
                        return rule.get(start..end).unwrap_or_default();
                    }
                    (start, holds) = (at + 1, true);
                }
            }
            _ => {}
        }
    }
    ""
}
