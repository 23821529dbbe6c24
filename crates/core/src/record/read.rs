//! Reading what a browser has posted: strict, with the path of the first thing that does not hold. The page sends and
//! never reads, so nothing of this is in the browser bundle.

use super::{
    Count, Decision, Event, Input, Interaction, Layer, Left, LeftItem, MAX_BYTES, MAX_DECISIONS, MAX_LEFT,
    MAX_VALIDITY, MAX_VENDORS, Method, NoticeRef, Record, Rejection, Signals, State, Submission, Why,
};
use crate::digest::{is_base64url, is_digest, is_uuid};
use crate::json::{self, Value};
use crate::settings::Kind;
use crate::time::{self, Millis};
use crate::wire;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Submission {
    /// Reads what a browser posted. Unknown fields are refused: what nobody asked for is not stored (R2, S8).
    ///
    /// # Errors
    /// The first thing that does not hold. None of these is cured by sending again.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        if text.len() > MAX_BYTES {
            return Err(reject("too_large", "$", format!("a record has at most {MAX_BYTES} bytes")));
        }
        let value = json::parse(text).map_err(|error| {
            reject("json", "$", format!("{} at line {}, column {}", error.kind.message(), error.line, error.column))
        })?;
        let root = Fields { path: "$", value: &value };
        match root.text("schema")? {
            wire::RECORD_SCHEMA => Ok(Self::Record(read_record(&root)?)),
            wire::COUNT_SCHEMA => Ok(Self::Count(read_count(&root)?)),
            _ => root.invalid("schema", &format!("must be {} or {}", wire::RECORD_SCHEMA, wire::COUNT_SCHEMA)),
        }
    }
}

fn reject(code: &'static str, path: &str, message: String) -> Rejection {
    Rejection { code, path: path.to_string(), message }
}

fn read_record(root: &Fields<'_>) -> Result<Record, Rejection> {
    root.only(&[
        "schema",
        "record_id",
        "prev",
        "subject",
        "holder",
        "site",
        "jurisdiction",
        "notice",
        "event",
        "decisions",
        "vendors",
        "signals",
        "client",
        "ui",
        "undelivered",
        "left",
    ])?;
    let notice = root.object("notice", "$.notice")?;
    notice.only(&["digest", "version", "lang", "ui"])?;
    let event = root.object("event", "$.event")?;
    event.only(&["state", "type", "method", "layer", "at", "valid_until"])?;
    event.named("type", |kind| (kind == "expressed").then_some(()))?;
    let signals = root.object("signals", "$.signals")?;
    signals.only(&["dnt", "gpc"])?;
    let dnt = signals.value.at("dnt").is_some();
    if dnt && !signals.flag("dnt")? {
        return signals.invalid("dnt", "must be true, or left out");
    }
    let record = Record {
        record_id: root.shaped("record_id", is_uuid, "must be a lower-case version 4 UUID")?,
        prev: root.optional("prev", is_uuid, "must be a lower-case version 4 UUID or null")?,
        subject: root.shaped("subject", |text| is_base64url(text, 22), "must be base64url of 128 bits")?,
        holder: root.shaped("holder", is_digest, "must be a sha256 digest")?,
        site: root.shaped("site", is_origin, "must be an origin such as https://www.example.nl")?,
        jurisdiction: root.optional("jurisdiction", is_country, "must be two capital letters or null")?,
        notice: NoticeRef {
            digest: notice.shaped("digest", is_digest, "must be a sha256 digest")?,
            version: notice.shaped("version", |text| is_short(text, 64), "must have 1 to 64 characters")?,
            lang: notice.shaped("lang", is_lang, "must be a language tag")?,
            ui: notice.shaped("ui", is_digest, "must be a sha256 digest")?,
        },
        event: Event {
            state: event.named("state", State::named)?,
            method: event.named("method", |name| Method::named(name).filter(|method| *method != Method::Agent))?,
            layer: event.named("layer", Layer::named)?,
            at: event.named("at", read_instant)?,
            valid_until: event.named("valid_until", read_instant)?,
        },
        decisions: read_decisions(root)?,
        vendors: read_vendors(root)?,
        signals: Signals { dnt, gpc: signals.flag("gpc")? },
        client: root.shaped("client", is_client, "must be a name, a slash and a version")?,
        ui: root.value.at("ui").map(read_interaction).transpose()?,
        undelivered: read_undelivered(root)?,
        left: read_left(root)?,
    };
    consistent(&record, root)?;
    Ok(record)
}

/// What can't be true together: a refusal that grants, a consent without end.
fn consistent(record: &Record, root: &Fields<'_>) -> Result<(), Rejection> {
    if record.decisions.is_empty() && record.vendors.is_empty() {
        return root.invalid("decisions", "must list 1 to 32 purposes, or none beside `vendors`");
    }
    let event = &record.event;
    if event.valid_until <= event.at || event.valid_until - event.at > MAX_VALIDITY {
        return root.invalid("event.valid_until", "must be after `at`, by at most 24 months (P7)");
    }
    let granted = record.decisions.iter().any(|decision| decision.granted) || record.vendors.iter().any(|(_, on)| *on);
    let only_refuses =
        matches!(event.method, Method::Withdraw) || matches!(event.state, State::Refused | State::Withdrawn);
    if granted && only_refuses {
        return root.invalid("decisions", "a refusal or withdrawal grants nothing");
    }
    if !granted && !matches!(event.state, State::Refused | State::Withdrawn) {
        return root.invalid("decisions", "a given, changed or renewed consent grants at least one purpose");
    }
    if record.left.is_some() && !matches!(event.state, State::Changed | State::Withdrawn) {
        return root.invalid("left", "only what ends a consent deletes anything");
    }
    Ok(())
}

const DWELL: &str = "must be a multiple of 100, at most 600000";

/// What the page measured; who measured less sends less.
fn read_interaction(value: &Value) -> Result<Interaction, Rejection> {
    let ui = Fields { path: "$.ui", value };
    ui.only(&["dwell_ms", "first_layer_equal_choice", "input", "trusted_event"])?;
    ui.named("input", Input::named)?;
    let Some(read) = Interaction::read(value) else { return ui.invalid("dwell_ms", DWELL) };
    // Finer times would tell people apart, so they are not stored (R2).
    if ui.get("dwell_ms")?.int() != Some(read.dwell_ms) {
        return ui.invalid("dwell_ms", DWELL);
    }
    if ui.flag("trusted_event")? != read.is_trusted() {
        return ui.invalid("trusted_event", "must be false after a click by an agent, and true otherwise");
    }
    if value.at("first_layer_equal_choice").is_some() {
        ui.flag("first_layer_equal_choice")?;
    }
    Ok(read)
}

fn read_decisions(root: &Fields<'_>) -> Result<Vec<Decision>, Rejection> {
    let items = root.get("decisions")?.items();
    if !matches!(root.get("decisions")?, Value::List(_)) || items.len() > MAX_DECISIONS {
        return root.invalid("decisions", "must list 1 to 32 purposes, or none beside `vendors`");
    }
    let mut decisions: Vec<Decision> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let path = format!("$.decisions[{i}]");
        let fields = Fields { path: &path, value: item };
        fields.only(&["purpose", "v", "granted"])?;
        let decision = Decision {
            purpose: fields.shaped("purpose", is_id, "must be a category id")?,
            v: match fields.get("v")?.int().map(u32::try_from) {
                Some(Ok(v)) => v,
                _ => return fields.invalid("v", "must be a number of 32 bits"),
            },
            granted: fields.flag("granted")?,
        };
        if decisions.iter().any(|earlier| earlier.purpose == decision.purpose) {
            return fields.invalid("purpose", "is decided twice");
        }
        decisions.push(decision);
    }
    Ok(decisions)
}

/// Who has lost none sends no such field.
fn read_undelivered(root: &Fields<'_>) -> Result<u32, Rejection> {
    let Some(value) = root.value.at("undelivered") else { return Ok(0) };
    match value.int().map(u32::try_from) {
        Some(Ok(lost)) if lost > 0 => Ok(lost),
        _ => root.invalid("undelivered", "must be a number from 1, or left out"),
    }
}

/// Who has deleted everything sends no such field.
fn read_left(root: &Fields<'_>) -> Result<Option<Left>, Rejection> {
    let Some(value) = root.value.at("left") else { return Ok(None) };
    let fields = Fields { path: "$.left", value };
    fields.only(&["items", "more"])?;
    let found = fields.get("items")?.items();
    let mut left = Left::default();
    for (i, item) in found.iter().enumerate() {
        let path = format!("$.left.items[{i}]");
        let fields = Fields { path: &path, value: item };
        fields.only(&["kind", "name", "why"])?;
        let kind = |name: &str| Kind::ALL.iter().find(|kind| kind.name() == name).copied();
        left.items.push(LeftItem {
            kind: fields.named("kind", kind)?,
            name: fields.shaped("name", |text| is_short(text, 200), "must have 1 to 200 characters")?,
            why: fields.named("why", Why::named)?,
        });
    }
    if left.items.is_empty() || left.items.len() > MAX_LEFT {
        return fields.invalid("items", "must list 1 to 16 things");
    }
    if let Some(more) = value.at("more") {
        match more.int().map(u32::try_from) {
            Some(Ok(more)) if more > 0 => left.more = more,
            _ => return fields.invalid("more", "must be a number from 1, or left out"),
        }
    }
    Ok(Some(left))
}

/// The answers about single services. Who made none sends no such field.
fn read_vendors(root: &Fields<'_>) -> Result<Vec<(String, bool)>, Rejection> {
    let Some(value) = root.value.at("vendors") else { return Ok(Vec::new()) };
    let entries = value.entries();
    if entries.is_empty() || entries.len() > MAX_VENDORS {
        return root.invalid("vendors", "must be an object of 1 to 128 services, or left out");
    }
    let mut vendors = Vec::new();
    for (id, granted) in entries {
        match granted.bool() {
            Some(granted) if crate::settings::is_id(id, true) => vendors.push((id.clone(), granted)),
            _ => return root.invalid("vendors", "must have true or false under the id of each service"),
        }
    }
    Ok(vendors)
}

fn read_count(root: &Fields<'_>) -> Result<Count, Rejection> {
    root.only(&["schema", "site", "notice", "lang", "day", "method", "layer"])?;
    Ok(Count {
        site: root.shaped("site", is_origin, "must be an origin such as https://www.example.nl")?,
        notice: root.shaped("notice", is_digest, "must be a sha256 digest")?,
        lang: root.shaped("lang", is_lang, "must be a language tag")?,
        day: root.named("day", |text| if text.len() == 10 { time::parse(text) } else { None })?,
        method: root.named("method", Method::named)?,
        layer: root.named("layer", Layer::named)?,
    })
}

fn read_instant(text: &str) -> Option<Millis> {
    if text.len() == 20 { time::parse(text) } else { None }
}

fn is_short(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// `askfirst/0.1.0`, and no room for a user agent (R2).
fn is_client(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'))
    };
    text.len() <= 64 && text.split_once('/').is_some_and(|(name, version)| word(name) && word(version))
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())
}

fn is_lang(text: &str) -> bool {
    (2..=35).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Whether `text` can be a category id: a small letter, then small letters, digits and hyphens, at most 40.
pub fn is_id(text: &str) -> bool {
    crate::settings::is_id(text, false)
}

/// Whether `text` is an origin: scheme and host, perhaps a port, and nothing after it.
pub fn is_origin(text: &str) -> bool {
    let Some(host) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return false };
    !host.is_empty()
        && text.len() <= 255
        && host.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']')
        })
}

/// An object of a submission with its path.
struct Fields<'a> {
    path: &'a str,
    value: &'a Value,
}

impl<'a> Fields<'a> {
    fn only(&self, known: &[&str]) -> Result<(), Rejection> {
        if !matches!(self.value, Value::Map(_)) {
            return Err(reject("invalid", self.path, "must be an object".to_string()));
        }
        match self.value.entries().iter().find(|(key, _)| !known.contains(&key.as_str())) {
            None => Ok(()),
            // The key is the sender's text: it is not repeated back (S8).
            Some(_) => {
                Err(reject("unknown_field", self.path, format!("only these fields are known: {}", known.join(", "))))
            }
        }
    }

    fn get(&self, key: &str) -> Result<&'a Value, Rejection> {
        self.value.at(key).ok_or_else(|| reject("missing", &self.at(key), "is required".to_string()))
    }

    fn object<'b>(&'b self, key: &str, path: &'b str) -> Result<Fields<'b>, Rejection> {
        Ok(Fields { path, value: self.get(key)? })
    }

    fn text(&self, key: &str) -> Result<&'a str, Rejection> {
        match self.get(key)?.text() {
            Some(text) => Ok(text),
            None => self.invalid(key, "must be a string"),
        }
    }

    fn flag(&self, key: &str) -> Result<bool, Rejection> {
        match self.get(key)?.bool() {
            Some(flag) => Ok(flag),
            None => self.invalid(key, "must be true or false"),
        }
    }

    fn shaped(&self, key: &str, good: impl Fn(&str) -> bool, rule: &str) -> Result<String, Rejection> {
        let text = self.text(key)?;
        if good(text) { Ok(text.to_string()) } else { self.invalid(key, rule) }
    }

    fn optional(&self, key: &str, good: impl Fn(&str) -> bool, rule: &str) -> Result<Option<String>, Rejection> {
        match self.get(key)? {
            Value::Null => Ok(None),
            _ => self.shaped(key, good, rule).map(Some),
        }
    }

    fn named<T>(&self, key: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, Rejection> {
        match read(self.text(key)?) {
            Some(read) => Ok(read),
            None => self.invalid(key, "is none of the known values"),
        }
    }

    fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    fn invalid<T>(&self, key: &str, rule: &str) -> Result<T, Rejection> {
        Err(reject("invalid", &self.at(key), rule.to_string()))
    }
}
