//! The mechanics of reading: where we are, what is wrong, and whether a value has its shape.

use super::keys::{Field, LINTS, OBJECTS, PEERS, ROOT, Shape, WHY, When};
use super::suggest::{nearest, plain};
use super::{Localized, Problem, Severity, rules};
use crate::json::Value;
use crate::texts;
use crate::time::Period;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A place in the configuration, written as a JSON path (RFC 9535) only when there is something to report.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    up: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root(&'a str),
    Key(&'a str),
    Index(usize),
}

impl<'a> At<'a> {
    pub(super) fn root(name: &'a str) -> Self {
        Self { up: None, step: Step::Root(name) }
    }

    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self { up: Some(self), step: Step::Key(key) }
    }

    pub(super) fn index(&'a self, index: usize) -> Self {
        Self { up: Some(self), step: Step::Index(index) }
    }

    fn write(&self, out: &mut String) {
        if let Some(up) = self.up {
            up.write(out);
        }
        match self.step {
            Step::Root(name) => out.push_str(name),
            Step::Key(key) => {
                let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                if plain && key.bytes().next().is_some_and(|b| !b.is_ascii_digit()) {
                    out.push('.');
                    out.push_str(key);
                } else {
                    out.push('[');
                    out.push_str(&Value::from(key).canonical());
                    out.push(']');
                }
            }
            Step::Index(index) => {
                out.push('[');
                out.push_str(&Value::Int(index as i64).canonical());
                out.push(']');
            }
        }
    }
}

/// Collects problems while reading. With `WORDS` everything is explained; without, only the places and codes of errors
/// are kept: the verdict is the same, and the sentences, guesses and warnings stay out of the browser's bundle.
#[derive(Default)]
pub(super) struct Reader<const WORDS: bool> {
    pub(super) problems: Vec<Problem>,
    /// The default language, for texts in several (L17).
    pub(super) locale: String,
    /// The controller's name: the provider of ready-made services that the site hosts itself.
    pub(super) controller: String,
}

impl<const WORDS: bool> Reader<WORDS> {
    pub(super) fn error(&mut self, at: &At<'_>, code: &'static str, message: &[&str], suggestion: Option<&str>) {
        self.report(at, code, Severity::Error, message, suggestion);
    }

    pub(super) fn warning(&mut self, at: &At<'_>, code: &'static str, message: &[&str], suggestion: Option<&str>) {
        if WORDS {
            self.report(at, code, Severity::Warning, message, suggestion);
        }
    }

    fn report(
        &mut self,
        at: &At<'_>,
        code: &'static str,
        severity: Severity,
        message: &[&str],
        suggestion: Option<&str>,
    ) {
        let mut problem = Problem { path: String::new(), code, severity, message: String::new(), suggestion: None };
        at.write(&mut problem.path);
        if WORDS {
            problem.message = message.concat();
            problem.suggestion = suggestion.map(ToString::to_string);
        }
        self.problems.push(problem);
    }

    /// The candidate that is probably meant.
    pub(super) fn near<'c>(word: &str, candidates: &mut dyn Iterator<Item = &'c str>) -> Option<&'c str> {
        if WORDS { nearest(word, candidates) } else { None }
    }

    /// Reads an object with fixed keys: unknown ones, missing ones, and the shape of every value. `exempt` is the
    /// functional category, where a choice that is always on is lawful.
    pub(super) fn object(&mut self, at: &At<'_>, value: &Value, tables: &[&[Field]], exempt: bool) {
        if !matches!(value, Value::Map(_)) {
            return self.mistyped(at, "an object", value, None);
        }
        let fields = || tables.iter().flat_map(|table| table.iter());
        for (key, value) in value.entries() {
            let at = at.key(key);
            match fields().find(|field| field.key == key) {
                Some(field) => self.shape(&at, value, field.shape),
                None => self.unknown(&at, key, value, tables, exempt),
            }
        }
        for field in fields() {
            if let (Some(code), None) = (field.required, value.at(field.key)) {
                let known = |why: &&(&str, &str, &str)| WORDS && why.0 == code && why.1 == field.key;
                let why = WHY.iter().find(known).map_or("", |why| why.2);
                self.error(&at.key(field.key), code, &["missing: ", why], None);
            }
        }
    }

    /// A key that we don't have: unlawful (its own lint), or unknown (L40) with the best guess at what was meant.
    fn unknown(&mut self, at: &At<'_>, key: &str, value: &Value, tables: &[&[Field]], exempt: bool) {
        if !WORDS {
            return self.error(at, "L40", &[], None);
        }
        let name = plain(key);
        let has = |words: &str| words.split(' ').any(|word| word == name);
        let inside = !tables.iter().any(|table| OBJECTS.iter().any(|(_, known)| core::ptr::eq(*known, *table)));
        for lint in LINTS {
            let applies = match lint.when {
                When::On => !matches!(value, Value::Null | Value::Bool(false)),
                When::Off => *value == Value::Bool(false),
                When::NotConsent => value.text() != Some("consent") && *value != Value::Bool(false),
            };
            if applies && has(lint.keys) && (!lint.inner || inside && !exempt) {
                return self.error(at, lint.code, &[lint.why], Some("remove it"));
            }
        }
        let keys = || tables.iter().flat_map(|table| table.iter()).map(|field| field.key);
        let alike = nearest(key, &mut keys());
        let peer = PEERS.iter().filter(|(_, peers)| has(peers)).find_map(|(ours, _)| {
            let own = ours.rsplit('.').next();
            keys().find(|key| Some(*key) == own)
        });
        let moved = |own: &str| {
            OBJECTS.iter().find_map(|(prefix, fields)| {
                fields.iter().find(|field| plain(field.key) == own).map(|field| [prefix, field.key].concat())
            })
        };
        let elsewhere = || {
            let top = |ours: &str| ours.contains('.') || ROOT.iter().any(|field| field.key == ours);
            PEERS.iter().find(|(ours, peers)| has(peers) && top(ours)).map(|(ours, _)| (*ours).to_string())
        };
        let exact = alike.filter(|alike| plain(alike) == name);
        let suggestion = exact
            .or(peer)
            .map(ToString::to_string)
            .or_else(|| moved(&name))
            .or_else(|| alike.map(ToString::to_string))
            .or_else(elsewhere);
        self.error(
            at,
            "L40",
            &["\"", key, "\" is not a key here; a misread setting must not go unnoticed"],
            suggestion.as_deref(),
        );
    }

    fn mistyped(&mut self, at: &At<'_>, expected: &str, value: &Value, suggestion: Option<&str>) {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Int(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "an array",
            Value::Map(_) => "an object",
        };
        self.error(at, "type", &["must be ", expected, ", not ", found], suggestion);
    }

    pub(super) fn wrong(&mut self, at: &At<'_>, expected: &str, suggestion: Option<&str>) {
        self.error(at, "value", &["must be ", expected], suggestion);
    }

    pub(super) fn shape(&mut self, at: &At<'_>, value: &Value, shape: Shape) {
        match (shape, value) {
            (Shape::Any, _)
            | (Shape::Flag, Value::Bool(_))
            | (Shape::Object, Value::Map(_))
            | (Shape::List, Value::List(_)) => {}
            (Shape::Flag, _) => self.mistyped(at, "true or false", value, None),
            (Shape::Object, _) => self.mistyped(at, "an object", value, None),
            (Shape::List, _) => self.mistyped(at, "an array", value, None),
            (Shape::Texts | Shape::Countries, Value::List(items)) => {
                let each = if shape == Shape::Texts { Shape::Text(2000) } else { Shape::Country };
                for (index, item) in items.iter().enumerate() {
                    self.shape(&at.index(index), item, each);
                }
            }
            (Shape::Texts | Shape::Countries, _) => self.mistyped(at, "an array of texts", value, None),
            (Shape::Words | Shape::Purpose, Value::Map(each)) => self.languages(at, each),
            (_, Value::Text(text)) => self.text(at, text, shape),
            (Shape::Words | Shape::Purpose, _) => {
                self.mistyped(at, "a text, or an object with one per language", value, None);
            }
            (Shape::OneOf(names), _) => {
                let positive = names.first().filter(|_| *value == Value::Bool(true)).copied();
                self.mistyped(at, &Self::one_of(names), value, positive);
            }
            (Shape::Validity, _) => self.mistyped(at, PERIOD, value, Some("P6M")),
            (Shape::Duration, Value::Int(days)) => {
                let guess = if WORDS { ["P", &Value::Int(*days).canonical(), "D"].concat() } else { String::new() };
                self.mistyped(at, DURATION, value, Some(guess.as_str()).filter(|_| *days > 0));
            }
            (Shape::Duration, _) => self.mistyped(at, DURATION, value, None),
            _ => self.mistyped(at, "a text", value, None),
        }
    }

    fn text(&mut self, at: &At<'_>, text: &str, shape: Shape) {
        if text.chars().all(char::is_whitespace) {
            return self.wrong(at, "a text that is not empty", None);
        }
        let link = rules::Link::of(text);
        match shape {
            Shape::Text(limit) if text.len() > limit => self.wrong(at, "shorter", None),
            Shape::Purpose if text.starts_with("purpose.") => {
                let mut bundled = texts::KEYS.iter().copied().filter(|key| key.starts_with("purpose."));
                if bundled.clone().all(|key| key != text) {
                    self.error(at, "reference", &["no bundled text has this key"], Self::near(text, &mut bundled));
                }
            }
            Shape::Words | Shape::Purpose => self.words(at, text),
            Shape::OneOf(names) if !names.contains(&text) => {
                let stem =
                    |name: &&&str| WORDS && text.strip_prefix(**name).is_some_and(|rest| rest.starts_with(['-', '_']));
                let guess = Self::near(text, &mut names.iter().copied()).or(names.iter().find(stem).copied());
                self.wrong(at, &Self::one_of(names), guess);
            }
            Shape::Country => self.country(at, text),
            Shape::Duration if text != "session" && text != "persistent" => match Period::parse(text) {
                Some(period) if period != Period::default() => {}
                _ => self.wrong(at, DURATION, Self::near(text, &mut ["session", "persistent"].into_iter())),
            },
            Shape::Validity => self.validity(at, text),
            Shape::Url | Shape::Endpoint | Shape::Contact if link == rules::Link::Code => {
                self.error(
                    at,
                    "L31",
                    &["javascript: and data: URLs are not allowed; the configuration never runs code"],
                    None,
                );
            }
            Shape::Contact if link == rules::Link::Other && !rules::is_mail(text) => {
                self.error(
                    at,
                    "L09",
                    &["must be a mail address or an https URL, so that visitors can reach you"],
                    None,
                );
            }
            Shape::Url if link == rules::Link::Http => {
                self.warning(
                    at,
                    "L31",
                    &["should be https: what it says can be changed on the way"],
                    Self::secured(text).as_deref(),
                );
            }
            Shape::Url if link == rules::Link::Other => {
                let guess = if WORDS { rules::as_link(text) } else { None };
                self.wrong(at, "an https URL or a path that starts with /", guess.as_deref());
            }
            Shape::Endpoint if matches!(link, rules::Link::Http | rules::Link::Other) => {
                let message =
                    ["must be an https URL or a path that starts with /: records are evidence and personal data"];
                self.error(at, "L29", &message, Self::secured(text).as_deref());
            }
            Shape::Origin => self.origin(at, text),
            // A text where the shape is no text at all is sorted out by `shape`.
            _ => {}
        }
    }

    /// The same address with `https`.
    fn secured(text: &str) -> Option<String> {
        let rest = text.strip_prefix("http:").filter(|_| WORDS)?;
        Some(["https:", rest].concat())
    }

    fn one_of(names: &[&str]) -> String {
        if WORDS { ["one of \"", &names.join("\", \""), "\""].concat() } else { String::new() }
    }

    /// One text per language.
    fn languages(&mut self, at: &At<'_>, each: &[(String, Value)]) {
        if each.is_empty() {
            self.wrong(at, "a text that is not empty", None);
        }
        for (language, text) in each {
            let at = at.key(language);
            if !rules::is_language(language) {
                self.wrong(&at, "a language tag such as \"nl\" or \"pt-BR\"", None);
            }
            match text {
                Value::Text(text) => self.text(&at, text, Shape::Words),
                other => self.mistyped(&at, "a text", other, None),
            }
        }
        if !WORDS {
            return;
        }
        let covered = |wanted: &str| each.iter().any(|(language, _)| texts::primary(language) == wanted);
        if !each.is_empty() && !covered(&self.locale) && !covered("en") {
            let locale = self.locale.clone();
            self.warning(at, "L17", &["has no text in \"", &locale, "\", the default language"], None);
        }
    }
}

const PERIOD: &str = "an ISO 8601 period such as \"P6M\"";
const DURATION: &str = "\"session\", \"persistent\" or an ISO 8601 period such as \"P13M\"";

/// The owner's words, once [`Shape::Words`] or [`Shape::Purpose`] has been checked.
pub(super) fn localized(value: &Value) -> Option<Localized> {
    match value {
        Value::Text(text) if text.starts_with("purpose.") => Some(Localized::Key(text.clone())),
        Value::Text(text) => Some(Localized::All(text.clone())),
        Value::Map(each) => {
            let each = each.iter().filter_map(|(lang, text)| Some((lang.clone(), text.text()?.to_string())));
            Some(Localized::Each(each.collect()))
        }
        _ => None,
    }
}

/// The text under `key`, or none.
pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    value.at(key).and_then(Value::text).map(ToString::to_string)
}
