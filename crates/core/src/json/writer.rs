//! The writer: canonical text, straight from the caller's own fields.
//!
//! It is one plain type without generics and builds no tree on the way: each field costs its caller one call, which is
//! what keeps the browser bundle small. The caller names an object's fields in canonical order; a build with debug
//! assertions checks that it did.

use super::{Value, plain};
use alloc::string::String;
use alloc::vec::Vec;

/// Writes one JSON value, canonically (RFC 8785).
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
}

impl Writer {
    /// A writer with room for a text of this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { out: String::with_capacity(bytes) }
    }

    /// The text.
    pub fn finish(self) -> String {
        debug_assert!(
            super::parse(&self.out).map_or(true, |value| value.canonical() == self.out),
            "not in canonical order: {}",
            self.out
        );
        self.out
    }

    /// The value that the text says.
    #[inline(never)]
    pub fn into_value(self) -> Value {
        super::parse(&self.finish()).unwrap_or(Value::Null)
    }

    /// Opens an object (`{`) or an array (`[`).
    #[inline(never)]
    pub fn open(&mut self, bracket: char) {
        self.next();
        self.out.push(bracket);
    }

    /// A field that holds an array; its elements are written next, then its end.
    #[inline(never)]
    pub fn list(&mut self, key: &str) {
        self.key(key);
        self.open('[');
    }

    /// Closes an object (`}`) or an array (`]`).
    #[inline(never)]
    pub fn close(&mut self, bracket: char) {
        self.out.push(bracket);
    }

    /// Begins a field of an object; its value is written next.
    #[inline(never)]
    pub fn key(&mut self, key: &str) {
        self.string(key);
        self.out.push(':');
    }

    /// A string: an element of an array, or the value after [`Writer::key`].
    #[inline(never)]
    pub fn string(&mut self, text: &str) {
        self.next();
        quote(text, &mut self.out);
    }

    /// A text that is canonical JSON already.
    #[inline(never)]
    pub fn raw(&mut self, json: &str) {
        self.next();
        self.out.push_str(json);
    }

    /// A field that holds a string.
    #[inline(never)]
    pub fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.string(text);
    }

    /// A field that holds a string or `null`.
    #[inline(never)]
    pub fn optional(&mut self, key: &str, text: &Option<String>) {
        self.key(key);
        match text {
            Some(text) => self.string(text),
            None => self.raw("null"),
        }
    }

    /// A field that holds a number.
    #[inline(never)]
    pub fn int(&mut self, key: &str, n: i64) {
        self.key(key);
        push_int(&mut self.out, n, 1);
    }

    /// A field that holds a truth value.
    #[inline(never)]
    pub fn flag(&mut self, key: &str, flag: bool) {
        self.key(key);
        self.raw(if flag { "true" } else { "false" });
    }

    /// A field that holds an array of strings.
    #[inline(never)]
    pub fn texts(&mut self, key: &str, texts: &[String]) {
        self.list(key);
        for text in texts {
            self.string(text);
        }
        self.close(']');
    }

    /// A field that holds an array of texts that are canonical JSON already, in their own order: for comparing sets.
    pub fn sorted(&mut self, key: &str, mut texts: Vec<String>) {
        // An insertion sort: there are few, and the library's sorting is larger than all of this file.
        for end in 1..texts.len() {
            let mut at = end;
            while at > 0 && texts[at] < texts[at - 1] {
                texts.swap(at, at - 1);
                at -= 1;
            }
        }
        self.list(key);
        for text in &texts {
            self.raw(text);
        }
        self.close(']');
    }

    /// Any value, whatever the order of its objects.
    #[inline(never)]
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.raw("null"),
            Value::Bool(true) => self.raw("true"),
            Value::Bool(false) => self.raw("false"),
            Value::Int(n) => {
                self.next();
                push_int(&mut self.out, *n, 1);
            }
            Value::Text(text) => self.string(text),
            Value::List(items) => {
                self.open('[');
                for item in items {
                    self.value(item);
                }
                self.close(']');
            }
            Value::Map(entries) => {
                // Nearly always in order already: then each entry is compared once.
                let mut sorted: Vec<&(String, Value)> = Vec::with_capacity(entries.len());
                for entry in entries {
                    let mut at = sorted.len();
                    while at > 0 && sorted.get(at - 1).is_some_and(|before| comes_before(&entry.0, &before.0)) {
                        at -= 1;
                    }
                    sorted.insert(at, entry);
                }
                self.open('{');
                for (key, value) in sorted {
                    self.key(key);
                    self.value(value);
                }
                self.close('}');
            }
        }
    }

    /// The comma between two fields or elements. What ends in an opening bracket or a colon still waits for its value.
    #[inline(never)]
    fn next(&mut self) {
        if !matches!(self.out.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.out.push(',');
        }
    }
}

impl Value {
    /// The canonical text of RFC 8785: keys sorted by UTF-16 code units, no white space, shortest escapes.
    pub fn canonical(&self) -> String {
        let mut writer = Writer::default();
        writer.value(self);
        writer.out
    }
}

/// Writes `n` with at least `width` digits. Own code: what `core::fmt` brings along is larger than this module.
pub fn push_int(out: &mut String, n: i64, width: usize) {
    if n < 0 {
        out.push('-');
    }
    let (mut rest, mut digits, mut count) = (n.unsigned_abs(), [0; 20], 0);
    while rest > 0 || count < width {
        if let Some(digit) = digits.get_mut(count) {
            *digit = b'0' + (rest % 10) as u8;
        }
        rest /= 10;
        count += 1;
    }
    for digit in digits.iter().take(count).rev() {
        out.push(char::from(*digit));
    }
}

/// Writes `text` as a JSON string.
#[inline(never)]
pub(crate) fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut at = 0;
    loop {
        let end = at + plain(text.as_bytes().get(at..).unwrap_or_default());
        out.push_str(text.get(at..end).unwrap_or(""));
        let Some(byte) = text.as_bytes().get(end) else { break };
        at = end + 1;
        let escape = match byte {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            8 => b'b',
            12 => b'f',
            0..32 => b'u',
            itself => *itself,
        };
        out.push('\\');
        out.push(char::from(escape));
        if escape == b'u' {
            out.push_str("00");
            out.push(hex(byte >> 4));
            out.push(hex(byte & 15));
        }
    }
    out.push('"');
}

/// A hexadecimal digit, in small letters.
pub(crate) fn hex(nibble: u8) -> char {
    char::from(if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble })
}

/// Whether `a` comes before `b` by UTF-16 code units. That is the order of the bytes, except that U+E000 to U+FFFF (lead
/// bytes EE and EF) come after everything that takes two units (lead bytes F0 to F4).
fn comes_before(a: &str, b: &str) -> bool {
    let rank = |byte: u8| if matches!(byte, 0xEE | 0xEF) { byte + 0x10 } else { byte };
    for (x, y) in a.bytes().zip(b.bytes()) {
        if x != y {
            return rank(x) < rank(y);
        }
    }
    a.len() < b.len()
}
