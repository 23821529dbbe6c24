//! Light Markdown in the owners' texts, as nodes of the tree and never as HTML (T2).
//!
//! | written | shown |
//! |---|---|
//! | `**words**`, `*words*` | bold, emphasis |
//! | `[words](https://…)` | a link, also to `http:`, `mailto:` or a path of the site; always in the same style, in a tab of its own |
//! | a line break | a line break |
//! | lines that start with `- ` | a list, in the long texts of the dialog, where every other line is a paragraph |
//! | `\*` | the character itself |
//!
//! Anything else is the text that it is, HTML too. There is nothing inside of bold, emphasis and the words of a link but
//! text, so what a text can make is this table.

use crate::json::Value;
use crate::settings::is_safe_link;
use crate::texts::{cut, from};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What is marked at a place: from where to where the words stand, and where the text goes on.
struct Mark {
    tag: &'static str,
    start: usize,
    end: usize,
    next: usize,
}

/// Draws a text within a line. Answers the address of a link that can't be one, and stays text.
#[inline(never)]
pub(crate) fn inline<'t>(text: &'t str, into: &mut Vec<Value>) -> Option<&'t str> {
    if text.bytes().any(|byte| matches!(byte, b'\n' | b'*' | b'[' | b'\\')) {
        return marked(text, into);
    }
    // Nearly every text. What follows is not in the first part of the browser's bundle.
    if !text.is_empty() {
        into.push(text.into());
    }
    None
}

#[inline(never)]
fn marked<'t>(text: &'t str, into: &mut Vec<Value>) -> Option<&'t str> {
    let mut bad = None;
    // What has not been copied yet starts here.
    let (mut start, mut at) = (0, 0);
    while at <= text.len() {
        let byte = text.as_bytes().get(at).copied();
        let mut mark = byte.and_then(|byte| mark(text, at, byte));
        let mut attributes = Vec::new();
        if let Some(Mark { tag: "a", end, next, .. }) = mark {
            let url = text.get(end + 2..next - 1).unwrap_or_default();
            if is_safe_link(url) {
                for (name, value) in [("href", url), ("rel", "noopener noreferrer"), ("target", "_blank")] {
                    attributes.push((name.to_string(), value.into()));
                }
            } else {
                bad = Some(url);
                mark = None;
            }
        }
        if mark.is_none() && byte.is_some() {
            at = text.len().min(at + if byte == Some(b'\\') { 2 } else { 1 });
            continue;
        }
        plain(text, start, at, into);
        let Some(mark) = mark else { break };
        let mut element = Vec::from([Value::from(mark.tag), Value::Map(attributes)]);
        plain(text, mark.start, mark.end, &mut element);
        into.push(Value::List(element));
        at = mark.next;
        start = at;
    }
    bad
}

/// Draws a text of its own: paragraphs and lists.
#[inline(never)]
pub(super) fn blocks(mut text: &str, into: &mut Vec<Value>) {
    let mut list = Vec::new();
    while !text.is_empty() || !list.is_empty() {
        // Behind the last line comes an empty one, which ends the list.
        let (line, after) = cut(text, b'\n');
        text = after;
        if line.starts_with("- ") {
            list.push(block("li", from(line, 2)));
            continue;
        }
        if !list.is_empty() {
            let mut element = Vec::from([Value::from("ul"), Value::Map(Vec::new())]);
            element.append(&mut list);
            into.push(Value::List(element));
        }
        if !line.is_empty() {
            into.push(block("p", line));
        }
    }
}

/// An element with a text within a line.
#[inline(never)]
pub(super) fn block(tag: &str, text: &str) -> Value {
    let mut element = Vec::from([Value::from(tag), Value::Map(Vec::new())]);
    inline(text, &mut element);
    Value::List(element)
}

/// What `byte`, which stands at `at`, marks.
fn mark(text: &str, at: usize, byte: u8) -> Option<Mark> {
    let bytes = text.as_bytes();
    let (tag, start) = match byte {
        b'\n' => return Some(Mark { tag: "br", start: at, end: at, next: at + 1 }),
        b'[' => ("a", at + 1),
        b'*' if bytes.get(at + 1) == Some(&b'*') => ("strong", at + 2),
        b'*' => ("em", at + 1),
        _ => return None,
    };
    let link = byte == b'[';
    let mut end = find(bytes, start, if link { b']' } else { b'*' })?;
    while tag == "strong" && bytes.get(end + 1) != Some(&b'*') {
        end = find(bytes, end + 1, b'*')?;
    }
    let mut next = end + start - at;
    if link {
        next = find(bytes, next + 1, b')')? + 1;
    }
    // Stars with a space beside them count or multiply.
    let tight = |at: usize| bytes.get(at).is_some_and(|b| *b > b' ');
    let twin = !link || bytes.get(end + 1) == Some(&b'(');
    (twin && start < end && tight(start) && tight(end - 1)).then_some(Mark { tag, start, end, next })
}

/// Where `wanted` stands first, from `at` on, with no backslash before it.
fn find(bytes: &[u8], mut at: usize, wanted: u8) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 2,
            byte if byte == wanted => return Some(at),
            _ => at += 1,
        }
    }
}

/// Adds a part of a text, without the backslashes before punctuation.
fn plain(text: &str, mut start: usize, end: usize, into: &mut Vec<Value>) {
    let mut out = String::new();
    let mut at = start;
    while at < end {
        at += 1;
        let escaped = text.as_bytes().get(at).is_some_and(u8::is_ascii_punctuation);
        if escaped && text.as_bytes().get(at - 1) == Some(&b'\\') && at < end {
            out.push_str(text.get(start..at - 1).unwrap_or_default());
            start = at;
            at += 1;
        }
    }
    out.push_str(text.get(start..end).unwrap_or_default());
    if !out.is_empty() {
        into.push(out.into());
    }
}
