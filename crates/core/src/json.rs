//! A strict JSON reader and a canonical writer.
//!
//! Every text that crosses a boundary (configuration, locale, stored value, record) is read by this one reader, in the
//! browser as on the server, so that both refuse the same things: duplicate keys, lone surrogates, fractions, deep
//! nesting. Written text is canonical (RFC 8785) and therefore fit to be hashed. Numbers are whole: nothing in the
//! formats needs a fraction, and float printing alone would cost the browser bundle 10 kB.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

/// Deepest nesting that is read. Deeper text is refused before it can exhaust the stack.
pub const MAX_DEPTH: usize = 32;

/// A JSON value. Objects keep the order in which they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object, in written order, without duplicate keys.
    Map(Vec<(String, Value)>),
}

/// Why a text is not readable, with the place (1-based, in characters).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// The kinds of [`JsonError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// The same key twice in one object.
    DuplicateKey,
    /// A number with a fraction, an exponent, or beyond 2^53 − 1.
    NotWhole,
    /// A control character, a bad escape or a lone surrogate in a string.
    BadString,
    /// Anything else that the grammar does not allow here.
    Unexpected,
    /// The text ends too early.
    UnexpectedEnd,
}

impl JsonErrorKind {
    /// One sentence for a person.
    pub fn message(self) -> &'static str {
        match self {
            Self::TooDeep => "nested too deeply",
            Self::DuplicateKey => "the same key twice in one object",
            Self::NotWhole => "numbers must be whole and at most 2^53 - 1",
            Self::BadString => "a bad escape, control character or lone surrogate in a string",
            Self::Unexpected => "unexpected character (a comma too many, a missing quote?)",
            Self::UnexpectedEnd => "the text ends too early",
        }
    }
}

impl Value {
    /// The value under `key`, when this is an object that has it.
    pub fn at(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The string, when this is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when this is one.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// The truth value, when this is one.
    pub fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The elements, when this is an array; nothing otherwise.
    pub fn items(&self) -> &[Value] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The entries, when this is an object; nothing otherwise.
    pub fn entries(&self) -> &[(String, Value)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The canonical text of RFC 8785: keys sorted by UTF-16 code units, no white space, shortest escapes.
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Int(n) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "{n}");
            }
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Map(entries) => {
                let mut sorted: Vec<&(String, Value)> = entries.iter().collect();
                sorted.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
                out.push('{');
                for (i, (key, value)) in sorted.into_iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_text(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 => {
                out.push_str("\\u00");
                out.push(HEX[(c as usize) >> 4] as char);
                out.push(HEX[(c as usize) & 15] as char);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_string())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

/// An object from key and value pairs, in this order.
pub fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(k, v)| (k.to_string(), v)).collect())
}

/// Reads one JSON text.
///
/// # Errors
/// The first thing that is not strict JSON, with its line and column.
pub fn parse(text: &str) -> Result<Value, JsonError> {
    let mut reader = Reader { text, pos: 0 };
    let value = reader.document();
    value.map_err(|kind| {
        let read = text.get(..reader.pos).unwrap_or(text);
        let line = read.matches('\n').count() as u32 + 1;
        let column = read.chars().rev().take_while(|c| *c != '\n').count() as u32 + 1;
        JsonError { kind, line, column }
    })
}

struct Reader<'a> {
    text: &'a str,
    pos: usize,
}

type Read<T> = Result<T, JsonErrorKind>;

impl Reader<'_> {
    fn document(&mut self) -> Read<Value> {
        if self.text.starts_with('\u{feff}') {
            self.pos = '\u{feff}'.len_utf8();
        }
        let value = self.value(0)?;
        self.space();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(JsonErrorKind::Unexpected),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.pos += 1;
        }
    }

    /// Skips white space and takes `wanted` when it comes next.
    fn take(&mut self, wanted: u8) -> bool {
        self.space();
        let found = self.peek() == Some(wanted);
        if found {
            self.pos += 1;
        }
        found
    }

    fn unexpected<T>(&self) -> Read<T> {
        Err(if self.peek().is_none() { JsonErrorKind::UnexpectedEnd } else { JsonErrorKind::Unexpected })
    }

    fn value(&mut self, depth: usize) -> Read<Value> {
        if depth > MAX_DEPTH {
            return Err(JsonErrorKind::TooDeep);
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => self.unexpected(),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Read<Value> {
        if self.text.get(self.pos..).is_some_and(|rest| rest.starts_with(word)) {
            self.pos += word.len();
            Ok(value)
        } else {
            self.unexpected()
        }
    }

    fn object(&mut self, depth: usize) -> Read<Value> {
        self.pos += 1;
        let mut entries: Vec<(String, Value)> = Vec::new();
        if self.take(b'}') {
            return Ok(Value::Map(entries));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return self.unexpected();
            }
            let start = self.pos;
            let key = self.string()?;
            if entries.iter().any(|(k, _)| *k == key) {
                self.pos = start;
                return Err(JsonErrorKind::DuplicateKey);
            }
            // Quadratic in the keys of one object; a bound keeps hostile text cheap.
            if entries.len() >= 4096 {
                return Err(JsonErrorKind::Unexpected);
            }
            if !self.take(b':') {
                return self.unexpected();
            }
            let value = self.value(depth + 1)?;
            entries.push((key, value));
            if self.take(b',') {
                continue;
            }
            return if self.take(b'}') { Ok(Value::Map(entries)) } else { self.unexpected() };
        }
    }

    fn array(&mut self, depth: usize) -> Read<Value> {
        self.pos += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b',') {
                continue;
            }
            return if self.take(b']') { Ok(Value::List(items)) } else { self.unexpected() };
        }
    }

    fn number(&mut self) -> Read<Value> {
        let negative = self.peek() == Some(b'-');
        if negative {
            self.pos += 1;
        }
        let start = self.pos;
        let mut n: i64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            n = n * 10 + i64::from(digit - b'0');
            if n > (1 << 53) - 1 {
                return Err(JsonErrorKind::NotWhole);
            }
            self.pos += 1;
        }
        let digits = self.pos - start;
        if digits == 0 {
            return self.unexpected();
        }
        if digits > 1 && self.text.as_bytes().get(start) == Some(&b'0') {
            return Err(JsonErrorKind::Unexpected);
        }
        if let Some(b'.' | b'e' | b'E') = self.peek() {
            return Err(JsonErrorKind::NotWhole);
        }
        Ok(Value::Int(if negative { -n } else { n }))
    }

    fn string(&mut self) -> Read<String> {
        self.pos += 1;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.pos..).unwrap_or("");
            let plain = rest.bytes().take_while(|b| *b != b'"' && *b != b'\\' && *b >= 0x20).count();
            out.push_str(rest.get(..plain).unwrap_or(""));
            self.pos += plain;
            match self.peek() {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.pos += 1;
                    out.push(self.escape()?);
                }
                None => return Err(JsonErrorKind::UnexpectedEnd),
                Some(_) => return Err(JsonErrorKind::BadString),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let c = self.peek().ok_or(JsonErrorKind::UnexpectedEnd)?;
        self.pos += 1;
        Ok(match c {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex4()?;
                let code = if (0xD800..0xDC00).contains(&high) {
                    if self.text.get(self.pos..).is_none_or(|rest| !rest.starts_with("\\u")) {
                        return Err(JsonErrorKind::BadString);
                    }
                    self.pos += 2;
                    let low = self.hex4()?;
                    if !(0xDC00..0xE000).contains(&low) {
                        return Err(JsonErrorKind::BadString);
                    }
                    0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
                } else {
                    high
                };
                char::from_u32(code).ok_or(JsonErrorKind::BadString)?
            }
            _ => return Err(JsonErrorKind::BadString),
        })
    }

    fn hex4(&mut self) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().ok_or(JsonErrorKind::UnexpectedEnd)?;
            let digit = (digit as char).to_digit(16).ok_or(JsonErrorKind::BadString)?;
            code = code * 16 + digit;
            self.pos += 1;
        }
        Ok(code)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{SerializeMap, SerializeSeq};
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            // Whole numbers of these formats fit a JavaScript number exactly.
            Self::Int(n) => serializer.serialize_f64(*n as f64),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}
