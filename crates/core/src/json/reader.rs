//! The reader: strict JSON, and nothing that is nearly JSON.

use super::{JsonError, JsonErrorKind, MAX_DEPTH, Value, plain};
use alloc::string::String;
use alloc::vec::Vec;

/// Reads one JSON text.
///
/// # Errors
/// The first thing that is not strict JSON, with its line and column.
pub fn parse(text: &str) -> Result<Value, JsonError> {
    let mut reader = Reader { text, pos: 0, error: None };
    // A byte order mark.
    if text.as_bytes().starts_with(b"\xef\xbb\xbf") {
        reader.pos = 3;
    }
    let value = reader.value(0);
    if reader.peek_token().is_some() {
        reader.fail(JsonErrorKind::Unexpected);
    }
    match reader.error {
        None => Ok(value),
        Some((kind, at)) => Err(place(text, kind, at)),
    }
}

/// An error at a byte of `text`.
#[inline(never)]
fn place(text: &str, kind: JsonErrorKind, at: usize) -> JsonError {
    let (mut line, mut column) = (1, 1);
    for byte in text.bytes().take(at) {
        if byte == b'\n' {
            line += 1;
            column = 1;
        } else if byte & 0xC0 != 0x80 {
            // Not the second or a later byte of a character.
            column += 1;
        }
    }
    JsonError { kind, line, column }
}

/// After the first error the text counts as ended, so that every loop comes to its end without asking.
struct Reader<'a> {
    text: &'a str,
    pos: usize,
    error: Option<(JsonErrorKind, usize)>,
}

impl Reader<'_> {
    #[inline(never)]
    fn fail(&mut self, kind: JsonErrorKind) {
        if self.error.is_none() {
            self.error = Some((kind, self.pos));
            self.text = "";
        }
    }

    #[inline(never)]
    fn unexpected(&mut self) {
        self.fail(if self.peek().is_none() { JsonErrorKind::UnexpectedEnd } else { JsonErrorKind::Unexpected });
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    /// What comes next after white space.
    #[inline(never)]
    fn peek_token(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.pos += 1;
        }
        self.peek()
    }

    /// Skips white space and takes `wanted` when it comes next.
    #[inline(never)]
    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek_token() == Some(wanted);
        if found {
            self.pos += 1;
        }
        found
    }

    /// After an element: whether a comma promises another one; else `end` must follow.
    fn more(&mut self, end: u8) -> bool {
        let more = self.take(b',');
        if !more && !self.take(end) {
            self.unexpected();
        }
        more
    }

    fn value(&mut self, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            self.fail(JsonErrorKind::TooDeep);
        }
        match self.peek_token() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => Value::Text(self.string()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            _ => self.word("null", Value::Null),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Value {
        let end = self.pos + word.len();
        if self.text.as_bytes().get(self.pos..end) == Some(word.as_bytes()) {
            self.pos = end;
        } else {
            self.unexpected();
        }
        value
    }

    fn object(&mut self, depth: usize) -> Value {
        let mut object = Value::Map(Vec::new());
        self.pos += 1;
        if self.take(b'}') {
            return object;
        }
        loop {
            if self.peek_token() != Some(b'"') {
                self.unexpected();
            }
            let start = self.pos;
            let key = self.string();
            if object.at(&key).is_some() {
                self.pos = start;
                self.fail(JsonErrorKind::DuplicateKey);
            }
            if !self.take(b':') {
                self.unexpected();
            }
            let value = self.value(depth);
            if let Value::Map(entries) = &mut object {
                entries.push((key, value));
                // Quadratic in the keys of one object; a bound keeps hostile text cheap.
                if entries.len() > 4096 {
                    self.fail(JsonErrorKind::Unexpected);
                }
            }
            if !self.more(b'}') {
                return object;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Value {
        let mut items = Vec::new();
        self.pos += 1;
        if !self.take(b']') {
            loop {
                items.push(self.value(depth));
                if !self.more(b']') {
                    break;
                }
            }
        }
        Value::List(items)
    }

    fn number(&mut self) -> Value {
        let negative = self.peek() == Some(b'-');
        if negative {
            self.pos += 1;
        }
        let start = self.pos;
        let mut n: i64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            n = n * 10 + i64::from(digit - b'0');
            if n > (1 << 53) - 1 {
                self.fail(JsonErrorKind::NotWhole);
            }
            self.pos += 1;
        }
        let digits = self.pos - start;
        if digits == 0 {
            self.unexpected();
        }
        if digits > 1 && self.text.as_bytes().get(start) == Some(&b'0') {
            self.fail(JsonErrorKind::Unexpected);
        }
        if let Some(b'.' | b'e' | b'E') = self.peek() {
            self.fail(JsonErrorKind::NotWhole);
        }
        Value::Int(if negative { -n } else { n })
    }

    #[inline(never)]
    fn string(&mut self) -> String {
        self.pos += 1;
        let mut out = String::new();
        loop {
            let start = self.pos;
            self.pos += plain(self.text.as_bytes().get(start..).unwrap_or_default());
            out.push_str(self.text.get(start..self.pos).unwrap_or(""));
            match self.peek() {
                Some(b'"') => {
                    self.pos += 1;
                    return out;
                }
                Some(b'\\') => {
                    self.pos += 1;
                    let c = self.escape();
                    out.push(c);
                }
                None => {
                    self.fail(JsonErrorKind::UnexpectedEnd);
                    return out;
                }
                Some(_) => self.fail(JsonErrorKind::BadString),
            }
        }
    }

    /// The character that an escape stands for; any, when it stands for none.
    fn escape(&mut self) -> char {
        let Some(c) = self.peek() else {
            self.fail(JsonErrorKind::UnexpectedEnd);
            return ' ';
        };
        self.pos += 1;
        char::from(match c {
            b'"' | b'\\' | b'/' => c,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode(),
            _ => {
                self.fail(JsonErrorKind::BadString);
                c
            }
        })
    }

    /// `\uXXXX`, or two of them for one character beyond U+FFFF.
    #[inline(never)]
    fn unicode(&mut self) -> char {
        let mut code = self.hex4();
        if code & 0xFC00 == 0xD800 && self.text.as_bytes().get(self.pos..self.pos + 2) == Some(b"\\u") {
            self.pos += 2;
            let low = self.hex4();
            if low & 0xFC00 == 0xDC00 {
                code = 0x10000 + ((code & 0x3FF) << 10) + (low & 0x3FF);
            }
        }
        // What is still a surrogate was alone.
        char::from_u32(code).unwrap_or_else(|| {
            self.fail(JsonErrorKind::BadString);
            ' '
        })
    }

    #[inline(never)]
    fn hex4(&mut self) -> u32 {
        let mut code = 0;
        for _ in 0..4 {
            let digit = match self.peek() {
                Some(digit @ b'0'..=b'9') => digit - b'0',
                Some(digit @ (b'a'..=b'f' | b'A'..=b'F')) => (digit | 0x20) - b'a' + 10,
                end => {
                    self.fail(if end.is_none() { JsonErrorKind::UnexpectedEnd } else { JsonErrorKind::BadString });
                    return 0;
                }
            };
            code = code << 4 | u32::from(digit);
            self.pos += 1;
        }
        code
    }
}
