//! What a service may say about the outside: the hosts that its code talks to, and the vendor's own consent API as
//! data. A call names a function and its arguments; nothing in it is ever run as code (L31, T6).

use super::reader::{At, Reader};
use super::rules::{Link, find, first, is_id};
use crate::json::Value;
use crate::texts::cut;

/// Parts of a path that would reach past a vendor's API into the page, the browser, or code.
const BUILT_IN: &str = "\
    eval|Function|constructor|prototype|__proto__|call|apply|bind|setTimeout|setInterval|import|importScripts|Worker|\
    SharedWorker|window|self|globalThis|top|parent|frames|opener|open|document|location|history|navigator|fetch|\
    XMLHttpRequest|WebSocket|postMessage|localStorage|sessionStorage|indexedDB|caches|cookieStore|Reflect|Object|askfirst";

/// How an argument starts that is meant to run: in capitals or not, after white space or not.
const CODE: &str = "function(|function |async |<script";

/// The categories that every site can have; `$video` of an owner's own category is lawful too.
const CATEGORIES: [&str; 4] = ["functional", "analytical", "marketing", "preferences"];

/// Longest path or host.
const LONGEST: usize = 253;

/// Whether a text is a host as a Content Security Policy writes it: `www.example.com`, `*.example.com`,
/// `localhost:4401`; no scheme, no path, no capitals, and never a wildcard for a whole top-level domain.
pub(super) fn is_host(text: &str) -> bool {
    let host = cut(text, b':').0;
    let port = text.get(host.len() + 1..).unwrap_or("0");
    let bare = host.strip_prefix("*.").unwrap_or(host);
    let (mut labels, mut last) = (0, b'.');
    for at in 0..=bare.len() {
        // The end ends the last label like a dot.
        let b = bare.as_bytes().get(at).copied().unwrap_or(b'.');
        match b {
            b'a'..=b'z' | b'0'..=b'9' => {}
            b'-' if last != b'.' => {}
            b'.' if last != b'.' && last != b'-' => labels += 1,
            _ => return false,
        }
        last = b;
    }
    let digits = matches!(port.len(), 1..=5) && port.bytes().all(|b| b.is_ascii_digit());
    digits && (labels > 1 || host == "localhost") && bare.len() <= LONGEST
}

/// What is wrong with the path of a function, if anything: `""` when it is no dotted path of JavaScript identifiers, else
/// the part that is not a vendor's.
fn fault(path: &str) -> Option<&'static str> {
    let mut rest = Some(path);
    while let Some(text) = rest {
        let part = cut(text, b'.').0;
        if let Some(name) = first(BUILT_IN, &mut |name| name == part) {
            return Some(name);
        }
        let named = part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$');
        if !named || part.bytes().next().is_none_or(|b| b.is_ascii_digit()) || path.len() > LONGEST {
            return Some("");
        }
        rest = text.get(part.len() + 1..);
    }
    None
}

/// Whether a text could be meant to run: a script URL, markup with a script, or a function.
fn is_code(text: &str) -> bool {
    let mut bare = text.as_bytes();
    while let [0..=b' ', rest @ ..] = bare {
        bare = rest;
    }
    let starts = |start: &str| bare.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()));
    Link::of(text) == Link::Code || find(text, "=>").is_some() || first(CODE, &mut { starts }).is_some()
}

impl<const WORDS: bool> Reader<'_, WORDS> {
    #[inline(never)]
    pub(super) fn host(&mut self, at: &At<'_>, text: &str) {
        if is_host(text) {
            return;
        }
        let mut guess = None;
        if WORDS {
            let lower = text.to_ascii_lowercase();
            let after = lower.split_once("://").map_or(lower.as_str(), |(_, after)| after);
            let bare = after.trim_start_matches('/').split(['/', '?', '#']).next().unwrap_or("");
            let starless = bare.trim_start_matches(['*', '.']);
            guess = Some(if bare.starts_with(['*', '.']) { ["*.", starless].concat() } else { starless.into() });
        }
        let guess = guess.filter(|guess| is_host(guess));
        self.wrong(at, "a host such as \"www.example.com\" or \"*.example.com\"", guess.as_deref());
    }

    /// The calls of one moment: each an array, the function's path first, its arguments after it.
    #[inline(never)]
    pub(super) fn calls(&mut self, at: &At<'_>, calls: &[Value]) {
        for (index, call) in calls.iter().enumerate() {
            let at = at.index(index);
            let [Value::Text(path), arguments @ ..] = call.items() else {
                self.wrong(
                    &at,
                    "an array that starts with a function's path, such as [\"fbq\", \"consent\", \"grant\"]",
                    None,
                );
                continue;
            };
            let path_at = at.index(0);
            match fault(path) {
                Some("") => self.wrong(&path_at, "a dotted path of names such as \"uetq.push\"", None),
                Some(name) => {
                    let why = "\" belongs to the page or the browser; only a vendor's own consent API may be called";
                    let rest = path.strip_prefix("window.").filter(|rest| WORDS && fault(rest).is_none());
                    self.error(&path_at, "L31", &["\"", name, why], rest);
                }
                None => {}
            }
            for (index, argument) in arguments.iter().enumerate() {
                self.argument(&at.index(index + 1), argument);
            }
        }
    }

    /// An argument: any JSON; texts are data, or stand for what is open (`$marketing`, `$marketing:granted:denied`).
    fn argument(&mut self, at: &At<'_>, value: &Value) {
        match value {
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.argument(&at.index(index), item);
                }
            }
            Value::Map(entries) => {
                for (key, value) in entries {
                    self.argument(&at.key(key), value);
                }
            }
            Value::Text(text) if is_code(text) => {
                self.error(at, "L31", &["an argument is data; the configuration never runs code"], None);
            }
            Value::Text(text) if text.starts_with("$") => self.stand_in(at, text.get(1..).unwrap_or("")),
            _ => {}
        }
    }

    fn stand_in(&mut self, at: &At<'_>, text: &str) {
        let id = cut(text, b':').0;
        let words = text.bytes().filter(|b| *b == b':').count();
        if !is_id(id, false) || !matches!(words, 0 | 2) {
            let why = "\"$marketing\", or \"$marketing:granted:denied\" for words instead of true or false";
            return self.wrong(at, why, None);
        }
        if WORDS && !CATEGORIES.contains(&id) {
            // An owner's own category, or a misspelt one: that would be taken for refused, silently.
            if let Some(guess) = Self::near(id, &mut CATEGORIES.into_iter()) {
                let guess = ["$", guess].concat();
                let why = "\" is refused for good unless a category has that id";
                self.warning(at, "reference", &["\"", id, why], Some(&guess));
            }
        }
    }
}
