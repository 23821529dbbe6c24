//! The language of `*.view`, in which the interface is described, and what draws it.
//!
//! Words, data and layout come from three places and meet here: the locale file, [`super::data`], and the `.view` file.
//! A description is text because text is what compresses: as Rust that builds the tree it takes four times as much of
//! the browser bundle.
//!
//! | line | meaning |
//! |---|---|
//! | `tag@name value@name value\|text` | an element; attributes and text may be left out |
//! | `@name value`, `\|text` | an attribute, a text, of the element that the line stands in |
//! | `tag\|\|text`, `tag\|\|\|text` | the text with the owner's light Markdown ([`markup`]) in a line, or with paragraphs and lists |
//! | `if name`, `if name=word`, `if name:other` | the lines inside, when the datum is there and not false or empty; when it is `word`; when it is a list that has the datum `other`; `if !name`, `if !name=word`: when not |
//! | `each name` | the lines inside, for each entry of a list; they see the entry's own data first |
//!
//! A line stands inside the nearest line above it that is indented less, by one space a level. In values and texts
//! `{name}` is a datum or, where there is none of that name, a word of the locale file; `{key name}` the word `key` with
//! its placeholder `{name}` filled in, `{key n=name}` the same with the length of a list; `{prefix*name}` the word under `prefix` and the datum, else the datum itself.

use super::markup;
use crate::json::Value;
use crate::texts::{Texts, cut, from};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Draws the one element that `source` describes.
pub(super) fn draw(source: &str, texts: &Texts, [data, behind]: [&Value; 2]) -> Value {
    let mut drawn = Vec::new();
    let behind = Scope { data: behind, outer: None };
    Template { source, texts }.block(0, &Scope { data, outer: Some(&behind) }, &mut drawn);
    drawn.pop().unwrap_or(Value::Null)
}

struct Template<'a> {
    source: &'a str,
    texts: &'a Texts,
}

/// The data that a line sees: its entry's, then that of the lists around it.
struct Scope<'a> {
    data: &'a Value,
    outer: Option<&'a Scope<'a>>,
}

impl Template<'_> {
    /// Draws the lines from `at` on that are indented alike into an element (`["tag", {attributes}, content…]`).
    fn block(&self, mut at: usize, scope: &Scope<'_>, into: &mut Vec<Value>) {
        let depth = self.depth(at);
        while at < self.source.len() && self.depth(at) == depth {
            let (line, _) = cut(from(self.source, at + depth), b'\n');
            let inner = at + depth + line.len() + 1;
            at = inner;
            while self.depth(at) > depth {
                at += cut(from(self.source, at), b'\n').0.len() + 1;
            }
            let (head, text) = cut(line, b'|');
            let (tag, attributes) = cut(head, b'@');
            match cut(tag, b' ') {
                ("if", condition) => {
                    if scope.holds(condition) {
                        self.block(inner, scope, into);
                    }
                }
                ("each", name) => {
                    for data in scope.list(name) {
                        self.block(inner, &Scope { data, outer: Some(scope) }, into);
                    }
                }
                ("", _) => self.fill(attributes, text, scope, into),
                (tag, _) => {
                    let mut element = Vec::from([Value::Text(tag.to_string()), Value::Map(Vec::new())]);
                    self.fill(attributes, text, scope, &mut element);
                    if at > inner {
                        self.block(inner, scope, &mut element);
                    }
                    into.push(Value::List(element));
                }
            }
        }
    }

    fn fill(&self, mut attributes: &str, text: &str, scope: &Scope<'_>, element: &mut Vec<Value>) {
        while !attributes.is_empty() {
            let (attribute, rest) = cut(attributes, b'@');
            let (name, value) = cut(attribute, b' ');
            if let Some(Value::Map(known)) = element.get_mut(1) {
                known.push((name.to_string(), self.expand(value, scope).into()));
            }
            attributes = rest;
        }
        match text.as_bytes() {
            [] => {}
            [b'|', b'|', ..] => markup::blocks(&self.expand(from(text, 2), scope), element),
            [b'|', ..] => {
                markup::inline(&self.expand(from(text, 1), scope), element);
            }
            _ => element.push(self.expand(text, scope).into()),
        }
    }

    fn expand(&self, mut text: &str, scope: &Scope<'_>) -> String {
        let mut out = String::new();
        while !text.is_empty() {
            let (plain, rest) = cut(text, b'{');
            out.push_str(plain);
            let (name, rest) = cut(rest, b'}');
            if !name.is_empty() {
                out.push_str(&self.value(name, scope));
            }
            text = rest;
        }
        out
    }

    fn value(&self, name: &str, scope: &Scope<'_>) -> String {
        let (key, placeholder) = cut(name, b' ');
        if !placeholder.is_empty() {
            let (placeholder, list) = cut(placeholder, b'=');
            if !list.is_empty() {
                return self.texts.counted(key, placeholder, scope.list(list).len() as i64);
            }
            return self.texts.filled(key, placeholder, &self.value(placeholder, scope));
        }
        if key.bytes().any(|byte| byte == b'*') {
            return self.word_of(key, scope);
        }
        match scope.find(key) {
            Some(Value::Text(text)) => text.clone(),
            Some(list) => listed(list),
            None => self.texts.text(key).to_string(),
        }
    }

    /// `prefix*name`. Not inlined, like what the dialog alone has in it: the first layer does without.
    #[inline(never)]
    fn word_of(&self, key: &str, scope: &Scope<'_>) -> String {
        let (prefix, datum) = cut(key, b'*');
        let word = self.value(datum, scope);
        let mut key = prefix.to_string();
        key.push_str(&word);
        if let Some(text) = self.texts.find(&key) {
            return text.to_string();
        }
        key.make_ascii_lowercase();
        self.texts.find(&key).map_or(word, ToString::to_string)
    }

    /// How far the line at `at` is indented; 0 behind the last line.
    fn depth(&self, at: usize) -> usize {
        let mut depth = 0;
        while self.source.as_bytes().get(at + depth) == Some(&b' ') {
            depth += 1;
        }
        depth
    }
}

/// The texts of a list, with commas between.
#[inline(never)]
fn listed(list: &Value) -> String {
    let mut out = String::new();
    for entry in list.items() {
        if !out.is_empty() {
            out.push_str(", ");
        }
        out.push_str(entry.text().unwrap_or(""));
    }
    out
}

impl Scope<'_> {
    fn find(&self, name: &str) -> Option<&Value> {
        let mut scope = self;
        loop {
            if let Some(found) = scope.data.at(name) {
                return Some(found);
            }
            scope = scope.outer?;
        }
    }

    fn list(&self, name: &str) -> &[Value] {
        self.find(name).map_or(&[], Value::items)
    }

    fn holds(&self, condition: &str) -> bool {
        let bare = condition.strip_prefix("!").unwrap_or(condition);
        let (list, other) = cut(bare, b':');
        if !other.is_empty() {
            let other = self.find(other).and_then(Value::text);
            let mut holds = false;
            for entry in self.list(list) {
                holds |= entry.text() == other;
            }
            return holds;
        }
        let (name, word) = cut(bare, b'=');
        let holds = match self.find(name) {
            Some(Value::Text(text)) => word.is_empty() || text == word,
            Some(Value::Bool(b)) => *b,
            Some(list) => !list.items().is_empty(),
            None => false,
        };
        holds == (bare.len() == condition.len())
    }
}
