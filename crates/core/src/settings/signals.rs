//! What a service may say about the outside: the hosts that its code talks to, and the vendor's own consent API as
//! data. A call names a function and its arguments; nothing in it is ever run as code (L31, T6).

use super::reader::{At, Reader};
use super::rules::{Link, find, first, is_id, until};
use crate::json::Value;

/// Parts of a path that would reach past a vendor's API into the page, the browser, or code.
const BUILT_IN: &str = "\
    eval|Function|constructor|prototype|__proto__|call|apply|bind|setTimeout|setInterval|import|importScripts|Worker|\
    SharedWorker|window|self|globalThis|top|parent|frames|opener|open|document|location|history|navigator|fetch|\
    XMLHttpRequest|WebSocket|postMessage|localStorage|sessionStorage|indexedDB|caches|cookieStore|Reflect|Object|askfirst";

/// How an argument starts that is meant to run: in capitals or not, after white space or not.
const CODE: &str = "function(|function |async |<script";

/// The categories that every site can have; `$video` of an owner's own category is lawful too.
const CATEGORIES: [&str; 4] = ["functional", "analytical", "marketing", "preferences"];

/// Hosts that measure or advertise whatever the service is called (L06), with everything below them.
const TRACKER_HOSTS: &str = "\
    google-analytics.com|googletagmanager.com|doubleclick.net|connect.facebook.net|hotjar.com|clarity.ms|bat.bing.com|\
    logr-ingest.com|hs-scripts.com|analytics.tiktok.com|snap.licdn.com|ads-twitter.com|criteo.com|adnxs.com";

/// Longest path or host.
const LONGEST: usize = 253;

/// Each part of a text between separators, while `test` says yes.
fn every(text: &str, separator: u8, test: &mut dyn FnMut(&str) -> bool) -> bool {
    let mut rest = Some(text);
    while let Some(text) = rest {
        let part = until(text, &[separator]);
        if !test(part) {
            return false;
        }
        rest = text.get(part.len() + 1..);
    }
    true
}

/// Whether a text is a host as a Content Security Policy writes it: `www.example.com`, `*.example.com`,
/// `localhost:4401`; no scheme, no path, no capitals, and never a wildcard for a whole top-level domain.
pub(super) fn is_host(text: &str) -> bool {
    let host = until(text, b":");
    let port = text.get(host.len() + 1..).unwrap_or("0");
    let bare = host.strip_prefix("*.").unwrap_or(host);
    let mut labels = 0;
    let good = every(bare, b'.', &mut |label| {
        labels += 1;
        let plain = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        plain && matches!(label.len(), 1..=63) && !label.starts_with('-') && !label.ends_with('-')
    });
    let several = labels > 1 || host == "localhost";
    let digits = matches!(port.len(), 1..=5) && port.bytes().all(|b| b.is_ascii_digit());
    good && several && digits && bare.len() <= LONGEST
}

/// Whether a host, or everything below it, belongs to a known tracker (L06).
pub(super) fn is_tracker_host(host: &str) -> bool {
    let host = host.strip_prefix("*.").unwrap_or(host);
    let below = |tracker: &str| host.strip_suffix(tracker).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'));
    first(TRACKER_HOSTS, &mut { below }).is_some()
}

/// Whether a text is a dotted path of JavaScript identifiers.
fn is_path(path: &str) -> bool {
    path.len() <= LONGEST
        && every(path, b'.', &mut |part| {
            !part.bytes().next().is_none_or(|b| b.is_ascii_digit())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$')
        })
}

/// The part of a path that is not a vendor's.
fn built_in(path: &str) -> Option<&'static str> {
    let mut found = None;
    every(path, b'.', &mut |part| {
        found = first(BUILT_IN, &mut |name| name == part);
        found.is_none()
    });
    found
}

/// Whether a text could be meant to run: a script URL, markup with a script, or a function.
fn is_code(text: &str) -> bool {
    let bare = text.trim_start_matches(' ').as_bytes();
    let starts = |start: &str| bare.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()));
    Link::of(text) == Link::Code || find(text, "=>").is_some() || first(CODE, &mut { starts }).is_some()
}

impl<const WORDS: bool> Reader<WORDS> {
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
            if let Some(name) = built_in(path) {
                let why = "\" belongs to the page or the browser; only a vendor's own consent API may be called";
                let rest =
                    path.strip_prefix("window.").filter(|rest| WORDS && is_path(rest) && built_in(rest).is_none());
                self.error(&path_at, "L31", &["\"", name, why], rest);
            } else if !is_path(path) {
                self.wrong(&path_at, "a dotted path of names such as \"uetq.push\"", None);
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
            Value::Text(text) if text.starts_with('$') => self.stand_in(at, text.get(1..).unwrap_or("")),
            _ => {}
        }
    }

    fn stand_in(&mut self, at: &At<'_>, text: &str) {
        let id = until(text, b":");
        let mut words = 0;
        every(text, b':', &mut |_| {
            words += 1;
            true
        });
        if !is_id(id, false) || !matches!(words, 1 | 3) {
            return self.wrong(
                at,
                "\"$marketing\", or \"$marketing:granted:denied\" for words instead of true or false",
                None,
            );
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
