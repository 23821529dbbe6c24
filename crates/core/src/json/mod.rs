//! A strict JSON reader and a canonical writer.
//!
//! Every text that crosses a boundary (configuration, locale, stored value, record) is read by this one reader, in the
//! browser as on the server, so that both refuse the same things: duplicate keys, lone surrogates, fractions, deep
//! nesting. Written text is canonical (RFC 8785) and therefore fit to be hashed. Numbers are whole: nothing in the
//! formats needs a fraction, and float printing alone would cost the browser bundle 10 kB.

mod fields;
mod reader;
mod writer;

pub(crate) use fields::{Fields, name_at, place};
pub use reader::parse;
pub use writer::{Writer, push_int};
pub(crate) use writer::{hex, quote};

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Deepest nesting that is read. Deeper text is refused before it can exhaust the stack.
pub const MAX_DEPTH: usize = 32;

/// A JSON value. Objects keep the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// `null`
    #[default]
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

/// How many bytes come before the first that ends a string or has to be escaped in one: a quote, a backslash, a control
/// character.
#[inline(never)]
fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    // Eight at a time. The page's strings are short, and its code is to be.
    #[cfg(not(target_arch = "wasm32"))]
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        const ONES: u64 = u64::MAX / 255;
        let word = u64::from_le_bytes(*eight);
        // Sets the top bit of each byte below `bound`, and maybe of some after the first of them.
        let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & (ONES << 7);
        let [quote, backslash] = [b'"', b'\\'].map(|byte| below(word ^ (ONES * u64::from(byte)), 1));
        let found = below(word, 0x20) | quote | backslash;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\') {
        at += 1;
    }
    at
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
    #[inline(never)]
    pub fn at(&self, key: &str) -> Option<&Value> {
        for (known, value) in self.entries() {
            if known == key {
                return Some(value);
            }
        }
        None
    }

    /// The value under `key`, `null` when there is none: for formats where the two mean the same.
    pub fn get(&self, key: &str) -> &Value {
        self.at(key).unwrap_or(&Self::Null)
    }

    /// Puts `value` under `key`, in the place of the one that is there. What is no object stays as it is.
    pub fn set(&mut self, key: &str, value: Value) {
        let Self::Map(entries) = self else { return };
        for (known, old) in entries.iter_mut() {
            if known == key {
                *old = value;
                return;
            }
        }
        entries.push((String::from(key), value));
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
}

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
    let mut map = Value::Map(Vec::new());
    for (key, value) in entries {
        map.set(key, value);
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_plain_up_to_its_first_quote_backslash_or_control_character_wherever_that_stands() {
        let ends = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        for byte in 0..=255u8 {
            for length in 0..20 {
                for at in 0..length {
                    for around in [b' ', b'!', b'#', 0x7f, 0x80, 0xff] {
                        let mut bytes = alloc::vec![around; length];
                        bytes[at] = byte;
                        assert_eq!(plain(&bytes), if ends(byte) { at } else { length }, "{byte} at {at} of {length}");
                    }
                }
            }
        }
    }
}
