//! The mechanics of reading: where we are, what is wrong, and whether a value has its shape.
//!
//! Written for its size in the browser's bundle: plain loops, no generics beyond `WORDS`, nothing allocated until there
//! is a problem.

use super::keys::{AUDIT, Field, LINTS, LONG, OBJECTS, PEERS, ROOT, SIGNALS, Shape, WHY, When};
use super::suggest::{nearest, plain};
use super::{Localized, Problem, Severity, rules};
use crate::json::{Value, place, push_int, quote};
use crate::texts::{self, Texts};
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
            Step::Key(key) if rules::is_name(key) => {
                out.push('.');
                out.push_str(key);
            }
            Step::Key(key) => {
                out.push('[');
                quote(key, out);
                out.push(']');
            }
            Step::Index(index) => {
                out.push('[');
                push_int(out, index as i64, 1);
                out.push(']');
            }
        }
    }
}

/// Collects problems while reading. With `WORDS` everything is explained; without, only the places and codes of errors
/// are kept: the verdict is the same, and the sentences, guesses and warnings stay out of the browser's bundle.
#[derive(Default)]
pub(super) struct Reader<'t, const WORDS: bool> {
    /// The words of the page, which has no list of all keys ([`texts::KEYS`]).
    pub(super) words: Option<&'t Texts>,
    pub(super) problems: Vec<Problem>,
    /// The default language, for texts in several (L17).
    pub(super) locale: String,
    /// The controller's name: the provider of ready-made services that the site hosts itself.
    pub(super) controller: String,
}

/// Apart from [`Reader`], so that there is one of it.
#[inline(never)]
fn problem(problems: &mut Vec<Problem>, at: &At<'_>, code: &'static str) {
    let mut path = String::new();
    at.write(&mut path);
    problems.push(Problem { path, code, severity: Severity::Error, message: String::new(), suggestion: None });
}

impl<const WORDS: bool> Reader<'_, WORDS> {
    #[inline(always)]
    pub(super) fn error(&mut self, at: &At<'_>, code: &'static str, message: &[&str], suggestion: Option<&str>) {
        problem(&mut self.problems, at, code);
        if WORDS {
            self.explain(Severity::Error, message, suggestion);
        }
    }

    #[inline(always)]
    pub(super) fn warning(&mut self, at: &At<'_>, code: &'static str, message: &[&str], suggestion: Option<&str>) {
        if WORDS {
            problem(&mut self.problems, at, code);
            self.explain(Severity::Warning, message, suggestion);
        }
    }

    fn explain(&mut self, severity: Severity, message: &[&str], suggestion: Option<&str>) {
        if let Some(problem) = self.problems.last_mut() {
            problem.severity = severity;
            problem.message = message.concat();
            problem.suggestion = suggestion.map(ToString::to_string);
        }
    }

    /// The candidate that is probably meant.
    #[inline(always)]
    pub(super) fn near<'c>(word: &str, candidates: &mut dyn Iterator<Item = &'c str>) -> Option<&'c str> {
        if WORDS { nearest(word, candidates) } else { None }
    }

    /// Reads an object with fixed keys, those of both tables: unknown ones, missing ones, and the shape of every value.
    /// `exempt` is the functional category, where a choice that is always on is lawful.
    pub(super) fn object(&mut self, at: &At<'_>, value: &Value, tables: [&'static [Field]; 2], exempt: bool) {
        let Value::Map(entries) = value else { return self.mistyped(at, "an object", value, None) };
        'entries: for (key, value) in entries {
            let at = at.key(key);
            for table in &tables {
                for field in *table {
                    if field.key == key {
                        self.shape(&at, value, field.shape);
                        continue 'entries;
                    }
                }
            }
            self.unknown(&at, key, value, tables, exempt);
        }
        for table in &tables {
            for field in *table {
                if let (Some(code), None) = (field.required, value.at(field.key)) {
                    let known = |why: &&(&str, &str, &str)| WORDS && why.0 == code && why.1 == field.key;
                    let why = if WORDS { WHY.iter().find(known).map_or("", |why| why.2) } else { "" };
                    self.error(&at.key(field.key), code, &["missing: ", why], None);
                }
            }
        }
    }

    /// A key that we don't have: unlawful (its own lint), or unknown (L40) with the best guess at what was meant.
    fn unknown(&mut self, at: &At<'_>, key: &str, value: &Value, tables: [&'static [Field]; 2], exempt: bool) {
        if !WORDS {
            return self.error(at, "L40", &[], None);
        }
        let name = plain(key);
        let has = |words: &str| words.split(' ').any(|word| word == name);
        let outer = |table: &[Field]| {
            core::ptr::eq(SIGNALS, table) || OBJECTS.iter().any(|(_, known)| core::ptr::eq(*known, table))
        };
        let inside = !tables.iter().any(|table| outer(table));
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

    /// Whether a bundled text has this key. Every locale file has the same ones, so any of them can tell; what lazy
    /// parts show stands in a file that the page has not fetched yet.
    #[inline(never)]
    pub(super) fn has_word(&self, key: &str) -> bool {
        if WORDS {
            return texts::is_key(key);
        }
        self.words.is_some_and(|words| words.has(key)) || texts::is_later(key)
    }

    #[inline(always)]
    fn mistyped(&mut self, at: &At<'_>, expected: &str, value: &Value, suggestion: Option<&str>) {
        let found = match value {
            _ if !WORDS => "",
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Int(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "an array",
            Value::Map(_) => "an object",
        };
        self.error(at, "type", &["must be ", expected, ", not ", found], suggestion);
    }

    #[inline(always)]
    pub(super) fn wrong(&mut self, at: &At<'_>, expected: &str, suggestion: Option<&str>) {
        self.error(at, "value", &["must be ", expected], suggestion);
    }

    pub(super) fn shape(&mut self, at: &At<'_>, value: &Value, shape: Shape) {
        match (shape, value) {
            (Shape::Any, _) | (Shape::Flag, Value::Bool(_)) | (Shape::Object, Value::Map(_)) => {}
            (Shape::Table(table), _) => self.object(at, value, [table, &[]], false),
            (Shape::Tables(table), Value::Map(entries)) => {
                for (id, value) in entries {
                    let at = at.key(id);
                    if !rules::is_id(id, true) {
                        self.bad_id(&at, id, true);
                    }
                    self.object(&at, value, [table, &[]], false);
                    self.safeguarded(&at, value);
                }
            }
            (Shape::Calls, Value::List(calls)) => self.calls(at, calls),
            (Shape::Rows(_) | Shape::Texts | Shape::Countries | Shape::Hosts, Value::List(items)) => {
                let each = match shape {
                    Shape::Rows(table) => Shape::Table(table),
                    Shape::Texts => Shape::Text(LONG),
                    Shape::Hosts => Shape::Host,
                    _ => Shape::Country,
                };
                for (index, item) in items.iter().enumerate() {
                    self.shape(&at.index(index), item, each);
                }
            }
            (Shape::Words | Shape::Purpose, Value::Map(each)) => self.languages(at, each),
            (Shape::OneOf(AUDIT), Value::Bool(true)) => {}
            (
                Shape::Flag
                | Shape::Object
                | Shape::Tables(_)
                | Shape::Rows(_)
                | Shape::Texts
                | Shape::Countries
                | Shape::Hosts
                | Shape::Calls,
                _,
            ) => self.misshapen(at, value, shape),
            (_, Value::Text(text)) => self.text(at, text, shape),
            _ => self.misshapen(at, value, shape),
        }
    }

    /// A value of another type than its shape.
    #[inline(always)]
    fn misshapen(&mut self, at: &At<'_>, value: &Value, shape: Shape) {
        if !WORDS {
            return self.error(at, "type", &[], None);
        }
        match (shape, value) {
            (Shape::Flag, _) => self.mistyped(at, "true or false", value, None),
            (Shape::Object | Shape::Tables(_), _) => self.mistyped(at, "an object", value, None),
            (Shape::Rows(_), _) => self.mistyped(at, "an array", value, None),
            (Shape::Texts | Shape::Countries | Shape::Hosts, _) => {
                self.mistyped(at, "an array of texts", value, None);
            }
            (Shape::Calls, _) => self.mistyped(at, "an array of calls", value, None),
            (Shape::Words | Shape::Purpose, _) => {
                self.mistyped(at, "a text, or an object with one per language", value, None);
            }
            (Shape::OneOf(names), _) => {
                let positive = names.split(' ').next().filter(|_| *value == Value::Bool(true));
                self.mistyped(at, &one_of(names), value, positive);
            }
            (Shape::Period, _) => self.mistyped(at, PERIOD, value, Some(RETENTION)),
            (Shape::Validity, _) => self.mistyped(at, PERIOD, value, Some("P6M")),
            (Shape::Duration, Value::Int(days)) => {
                let guess = ["P", &Value::Int(*days).canonical(), "D"].concat();
                self.mistyped(at, DURATION, value, Some(guess.as_str()).filter(|_| *days > 0));
            }
            (Shape::Duration, _) => self.mistyped(at, DURATION, value, None),
            _ => self.mistyped(at, "a text", value, None),
        }
    }

    fn text(&mut self, at: &At<'_>, text: &str, shape: Shape) {
        if rules::is_blank(text) {
            return self.wrong(at, "a text that is not empty", None);
        }
        match shape {
            Shape::Text(limit) if text.len() > limit => self.wrong(at, "shorter", None),
            Shape::Text(limit) if text.bytes().any(|b| b < b' ' && (b != b'\n' || limit < LONG)) => {
                self.wrong(at, "free of control characters", None)
            }
            Shape::Purpose if rules::is_bundled_purpose(text) && !self.has_word(text) => {
                let mut bundled = texts::KEYS.iter().copied().filter(|key| rules::is_bundled_purpose(key));
                self.error(at, "reference", &["no bundled text has this key"], Self::near(text, &mut bundled));
            }
            Shape::Words | Shape::Purpose => self.words(at, text),
            Shape::OneOf(names) if place(names, text).is_none() => {
                let mut guess = None;
                let mut expected = String::new();
                if WORDS {
                    let stem = |name: &&str| text.strip_prefix(*name).is_some_and(|rest| rest.starts_with(['-', '_']));
                    guess = Self::near(text, &mut names.split(' ')).or(names.split(' ').find(stem));
                    expected = one_of(names);
                }
                self.wrong(at, &expected, guess);
            }
            Shape::Country => self.country(at, text),
            Shape::Host => self.host(at, text),
            Shape::Duration if text != "session" && text != "persistent" => match Period::parse(text) {
                Some(period) if period != Period::default() => {}
                _ => self.wrong(at, DURATION, Self::near(text, &mut ["session", "persistent"].into_iter())),
            },
            Shape::Period if Period::parse(text).is_none_or(|period| period == Period::default()) => {
                self.wrong(at, PERIOD, Some(RETENTION));
            }
            Shape::Validity => self.validity(at, text),
            Shape::Url | Shape::Endpoint | Shape::Contact => self.address(at, text, shape),
            Shape::Origin => self.origin(at, text),
            // A text where the shape is no text at all is sorted out by `shape`.
            _ => {}
        }
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

fn one_of(names: &str) -> String {
    ["one of \"", &names.replace(' ', "\", \""), "\""].concat()
}

const PERIOD: &str = "an ISO 8601 period such as \"P6M\"";
const RETENTION: &str = "P3Y";
const DURATION: &str = "\"session\", \"persistent\" or an ISO 8601 period such as \"P13M\"";

/// The owner's words, once [`Shape::Words`] or [`Shape::Purpose`] has been checked.
pub(super) fn localized(value: &Value, key: &str) -> Option<Localized> {
    match value.at(key)? {
        Value::Text(text) if rules::is_bundled_purpose(text) => Some(Localized::Key(text.clone())),
        Value::Text(text) => Some(Localized::All(text.clone())),
        each => Some(Localized::Each(each.clone())),
    }
}

/// The entries of the object under `key`; none when it is not there.
pub(super) fn entries<'v>(value: &'v Value, key: &str) -> &'v [(String, Value)] {
    value.at(key).map_or(&[], Value::entries)
}

/// The elements of the array under `key`; none when it is not there.
pub(super) fn items<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.at(key).map_or(&[], Value::items)
}

/// The text under `key`.
pub(super) fn str<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.at(key)?.text()
}

/// The text under `key`, or none.
#[inline(never)]
pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    str(value, key).map(ToString::to_string)
}

/// The text under `key`, or an empty one.
#[inline(never)]
pub(super) fn must(value: &Value, key: &str) -> String {
    str(value, key).unwrap_or_default().to_string()
}
