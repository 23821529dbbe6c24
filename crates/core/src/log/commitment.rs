//! What stands in the tree for a record: two salted commitments. One is to the decision, one to its context, each with
//! a salt of its own, so that the context can go early while the decision stays provable (PROOF §3.3, tests 18 and 19).
//!
//! `SHA-256(domain || salt || padded body)`. The salt has 256 random bits: a body can be guessed (few purposes, a known
//! visitor), the salt can't, so that nothing is left once body and salt are erased (GDPR Art. 17).

use super::Hash;
use crate::digest::sha256;
use crate::json::{Value, Writer};
use crate::time::{self, Millis};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// 32 random bytes, for one commitment only.
pub type Salt = [u8; 32];

/// Bodies are padded to a multiple of this, so that a sealed body's length says little about it.
pub const PAD: usize = 256;

/// The kinds of commitment; none is the beginning of another.
const CORE: &[u8] = b"consent-core-v1";
const CONTEXT: &[u8] = b"consent-ctx-v1";

/// The schema name of a core.
const CORE_SCHEMA: &str = "urn:askfirst:log-core:1";

/// The two hashes that stand for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// To the decision: record and envelope.
    pub core: Hash,
    /// To the context.
    pub context: Hash,
}

impl Commitment {
    /// To a [`core_text`].
    pub fn to_core(salt: &Salt, text: &str) -> Hash {
        commit(CORE, salt, text)
    }

    /// To the canonical text of a context, `{}` when there is none.
    pub fn to_context(salt: &Salt, text: &str) -> Hash {
        commit(CONTEXT, salt, text)
    }
}

fn commit(domain: &[u8], salt: &Salt, text: &str) -> Hash {
    let padded = padded(text);
    let mut bytes = Vec::with_capacity(domain.len() + salt.len() + padded);
    bytes.extend_from_slice(domain);
    bytes.extend_from_slice(salt);
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(domain.len() + salt.len() + padded, 0);
    sha256(&bytes)
}

/// The length of a text when it is padded.
fn padded(text: &str) -> usize {
    text.len().div_ceil(PAD) * PAD
}

/// The text with zero bytes up to the next multiple of [`PAD`]. JSON has no zero byte, so nothing is ambiguous.
pub fn pad(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(padded(text), 0);
    bytes
}

/// The text of padded bytes. `None` when they are not padded as [`pad`] does.
pub fn unpad(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let whole = bytes.len() == end.div_ceil(PAD) * PAD;
    let text = core::str::from_utf8(bytes.get(..end)?).ok()?;
    (whole && !text.contains('\0')).then_some(text)
}

/// How far browser's and server's clock may be apart before [`Envelope::clock`] says so, in milliseconds (R6).
pub const CLOCK_TOLERANCE: Millis = 5 * 60 * 1000;

/// What the server says of the browser's clock beside its own: `ok`, `ahead` or `behind` (R6).
pub fn clock_between(browser: Millis, server: Millis) -> &'static str {
    match browser.saturating_sub(server) {
        gap if gap > CLOCK_TOLERANCE => "ahead",
        gap if gap < -CLOCK_TOLERANCE => "behind",
        _ => "ok",
    }
}

/// What the server adds to a record when it comes in. It is committed to together with the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The server's clock, whole seconds: the evidential time (R6).
    pub received_at: Millis,
    /// The browser's clock beside it: `ok`, `ahead`, `behind`.
    pub clock: String,
    /// Whatever else the server has found out, under names of its own.
    pub more: Vec<(String, Value)>,
}

impl Envelope {
    /// As JSON.
    pub fn to_value(&self) -> Value {
        let mut entries: Vec<_> = self.more.iter().filter(|(name, _)| !is_own(name)).cloned().collect();
        entries.push(("clock".to_string(), self.clock.as_str().into()));
        entries.push(("received_at".to_string(), time::instant(self.received_at).into()));
        Value::Map(entries)
    }

    /// Reads the JSON.
    pub fn read(value: &Value) -> Option<Self> {
        let received_at = time::parse(value.get("received_at").text()?)?;
        let clock = value.get("clock").text()?.to_string();
        let more = value.entries().iter().filter(|(name, _)| !is_own(name)).cloned().collect();
        Some(Self { received_at, clock, more })
    }
}

fn is_own(name: &str) -> bool {
    matches!(name, "clock" | "received_at")
}

/// The canonical text behind the core commitment: a record's canonical text and its envelope.
pub fn core_text(record: &str, envelope: &Envelope) -> String {
    let mut writer = Writer::with_capacity(record.len() + 160);
    writer.open('{');
    writer.key("envelope");
    if envelope.more.is_empty() {
        // The usual one, without a tree of values.
        writer.open('{');
        writer.text("clock", &envelope.clock);
        writer.text("received_at", &time::instant(envelope.received_at));
        writer.close('}');
    } else {
        writer.value(&envelope.to_value());
    }
    writer.key("record");
    writer.raw(record);
    writer.text("schema", CORE_SCHEMA);
    writer.close('}');
    writer.finish()
}
