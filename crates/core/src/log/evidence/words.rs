//! What a record says and what its notice showed, for a person who knows nothing of the format.

use super::plain;
use crate::json::Value;
use crate::log::Envelope;
use crate::record::{Record, State, Why};
use crate::time::{self, DAY};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// One part of the interface: its name and every word of it, line by line, in the order shown; buttons in brackets, and
/// how a switch stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `banner`, `dialog`, …
    pub name: String,
    /// Its lines.
    pub lines: Vec<String>,
}

/// What the visitor answered. The notice gives the purposes their titles.
pub fn said(record: &Record, notice: Option<&Value>) -> Vec<String> {
    sentences(record, notice).iter().map(|line| plain(line)).collect()
}

fn sentences(record: &Record, notice: Option<&Value>) -> Vec<String> {
    let event = &record.event;
    let acted = match event.method.name() {
        "accept_all" => "pressed the button that accepts",
        "reject_all" => "pressed the button that rejects",
        "save" => "saved the switches as they stood",
        "withdraw" => "withdrew",
        "api" => "answered through the page's own controls",
        "migrated" => "had answered in another product, from which that was taken over; it was answered,",
        "signal" => "objected through a signal of the browser",
        other => other,
    };
    let place = match event.layer.name() {
        "first" => "in the banner",
        "preferences" => "in the preferences dialog",
        "page" => "on a page",
        "embed" => "in the place of embedded content on a page",
        other => other,
    };
    let mut lines = Vec::new();
    // An extension that answers for the visitor, an assistant (issue: neighbours).
    let who = match &record.ui {
        Some(ui) if !ui.is_trusted() => "A program in the visitor's browser",
        _ => "The visitor",
    };
    lines.push(format!(
        "{who} {acted} {place} of {}: consent {}. By the browser's clock that was {}; valid until {}.",
        record.site,
        event.state.name(),
        time::instant(event.at),
        time::instant(event.valid_until),
    ));
    for decision in &record.decisions {
        let shown = notice.and_then(|notice| purpose(notice, &decision.purpose));
        let title = shown.and_then(|shown| shown.get("title").text()).unwrap_or(&decision.purpose);
        let answer = if decision.granted { "agreed" } else { "refused" };
        // An answer that was kept while another purpose was asked about: these words were not what it was given to.
        let described = shown.and_then(|shown| shown.get("v").int());
        let earlier = described.is_some_and(|v| decision.granted && v != i64::from(decision.v));
        let earlier = if earlier { "; kept from an earlier answer, when it was described otherwise" } else { "" };
        lines.push(format!("{answer:<8} {title} ({}){earlier}", decision.purpose));
    }
    for (id, allowed) in &record.vendors {
        let answer = if *allowed { "agreed" } else { "refused" };
        lines.push(format!("{answer:<8} service {id}"));
    }
    if record.signals.gpc {
        lines.push("The browser sent Global Privacy Control.".to_string());
    }
    if record.signals.dnt {
        lines.push("The browser sent Do Not Track.".to_string());
    }
    if let Some(prev) = &record.prev {
        lines.push(format!("It follows record {prev}."));
    }
    if let Some(left) = &record.left {
        for item in &left.items {
            let why = match item.why {
                Why::Foreign => "another site keeps it",
                Why::Later => "it was in use, and is tried again at each visit",
                Why::Server => "only a server can delete it",
            };
            lines.push(format!("Still on the device afterwards: {} “{}”; {why}.", item.kind.name(), item.name));
        }
        if left.more > 0 {
            lines.push(format!("Still on the device afterwards: {} more things, not named.", left.more));
        }
    }
    match record.undelivered {
        0 => {}
        1 => lines.push("1 earlier record of this browser never arrived and was given up.".to_string()),
        lost => lines.push(format!("{lost} earlier records of this browser never arrived and were given up.")),
    }
    lines
}

/// How the browser's clock stood to the server's, when they disagree (R6). A refusal is kept to the day (P1): that the
/// day is right is all that it can say.
pub fn clock(record: &Record, envelope: &Envelope) -> Option<&'static str> {
    let (at, received_at) = (record.event.at, envelope.received_at);
    if record.event.state == State::Refused && at % DAY == 0 && (at..at + DAY).contains(&received_at) {
        return None;
    }
    match envelope.clock.as_str() {
        "ahead" => Some("the browser's clock was ahead by more than five minutes"),
        "behind" => Some("the browser's clock was behind by more than five minutes, or the record waited there"),
        _ => None,
    }
}

fn purpose<'a>(notice: &'a Value, id: &str) -> Option<&'a Value> {
    notice.get("purposes").items().iter().find(|known| known.get("id").text() == Some(id))
}

/// What the words of a notice are, which is more than what one visitor had before their eyes.
pub const WHOLE: &str = "It has every word that the interface can show: those about a change, or about a signal that this \
    browser did not send, are among them.";

/// Every word of a notice.
pub fn shown(notice: &Value) -> Vec<Part> {
    let parts = notice.get("shown").entries().iter();
    parts
        .map(|(name, tree)| {
            let mut lines = Vec::new();
            words(tree, &mut lines);
            Part { name: plain(name), lines }
        })
        .collect()
}

/// Elements that start a line of their own.
const BLOCKS: &[&str] = &[
    "div", "section", "dialog", "header", "footer", "form", "fieldset", "legend", "details", "summary", "h1", "h2",
    "h3", "h4", "p", "ul", "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td",
];

/// The tree is `[element, attributes, child or text …]` (`core::view`). Each innermost block is a line.
fn words(node: &Value, lines: &mut Vec<String>) {
    let children = node.items().get(2..).unwrap_or_default();
    if children.iter().any(has_block) {
        children.iter().for_each(|child| words(child, lines));
        return;
    }
    let mut line = String::new();
    flow(node, &mut line);
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if !line.is_empty() {
        lines.push(plain(&line));
    }
}

fn is_element(node: &Value) -> bool {
    matches!(node, Value::List(_))
}

fn has_block(node: &Value) -> bool {
    let [tag, _, children @ ..] = node.items() else { return false };
    tag.text().is_some_and(|tag| BLOCKS.contains(&tag)) || children.iter().any(has_block)
}

fn flow(node: &Value, line: &mut String) {
    match node {
        Value::Text(text) => unbutton(text, line),
        Value::List(parts) if parts.first().and_then(Value::text) == Some("input") => {
            let attributes = parts.get(1).unwrap_or(&Value::Null);
            if attributes.get("type").text() == Some("checkbox") {
                line.push_str(if attributes.at("checked").is_some() { " (on) " } else { " (off) " });
            }
        }
        Value::List(parts) => {
            let button = parts.first().and_then(Value::text) == Some("button");
            line.push_str(if button { " [ " } else { "" });
            let children = parts.get(2..).unwrap_or_default();
            for (at, child) in children.iter().enumerate() {
                // Between two elements is the distance that the style sheet gives them.
                let apart = at > 0 && children.get(at - 1).is_some_and(is_element) && is_element(child);
                line.push_str(if apart { " " } else { "" });
                flow(child, line);
            }
            // A button with a sign instead of a word is known by its name.
            let name = parts.get(1).and_then(|attributes| attributes.get("aria-label").text());
            if let (true, true, Some(name)) = (button, children.is_empty(), name) {
                unbutton(name, line);
            }
            line.push_str(if button { " ] " } else { "" });
        }
        _ => {}
    }
}

/// Brackets among the words that would look like those of a button get a backslash: a sentence must not pass for a choice
/// that was offered.
fn unbutton(text: &str, line: &mut String) {
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let apart = |beside: Option<char>| beside.is_none_or(char::is_whitespace);
        if (c == '[' && apart(rest.peek().copied())) || (c == ']' && apart(before)) {
            line.push('\\');
        }
        line.push(c);
        before = Some(c);
    }
}
