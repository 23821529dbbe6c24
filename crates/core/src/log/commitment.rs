//! What stands in the tree for a record: two salted commitments. One is to the decision, one to its context, each with
//! a salt of its own, so that the context can go early while the decision stays provable (PROOF §3.3, tests 18 and 19).
//!
//! `SHA-256(domain || salt || padded body)`. The salt has 256 random bits: a body can be guessed (few purposes, a known
//! visitor), the salt can't, so that nothing is left once body and salt are erased (GDPR Art. 17).

use super::Hash;
use crate::digest::sha256_of;
use crate::json::{Value, Writer};
use crate::texts::concat;
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
        commit(CORE, salt, &[text])
    }

    /// To the [`core_text`] of a record and its envelope, which is not made for it.
    pub fn to_record(salt: &Salt, record: &str, envelope: &Envelope) -> Hash {
        commit(CORE, salt, &core(record, &envelope_text(envelope)))
    }

    /// To the canonical text of a context, `{}` when there is none.
    pub fn to_context(salt: &Salt, text: &str) -> Hash {
        commit(CONTEXT, salt, &[text])
    }
}

/// To a text, which comes in pieces.
fn commit<const N: usize>(domain: &[u8], salt: &Salt, text: &[&str; N]) -> Hash {
    let length: usize = text.iter().map(|piece| piece.len()).sum();
    let mut pieces: Vec<&[u8]> = Vec::with_capacity(N + 3);
    pieces.extend([domain, salt]);
    pieces.extend(text.iter().map(|piece| piece.as_bytes()));
    pieces.extend([0; PAD].get(..padded(length) - length));
    sha256_of(&pieces)
}

/// The length of a text of so many bytes when it is padded.
fn padded(length: usize) -> usize {
    length.div_ceil(PAD) * PAD
}

/// The text with zero bytes up to the next multiple of [`PAD`]. JSON has no zero byte, so nothing is ambiguous.
pub fn pad(text: &str) -> Vec<u8> {
    // With room for the tag of who seals it.
    let mut bytes = Vec::with_capacity(padded(text.len()) + 16);
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(padded(text.len()), 0);
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
    concat(&core(record, &envelope_text(envelope)))
}

/// A core in pieces.
fn core<'a>(record: &'a str, envelope: &'a str) -> [&'a str; 5] {
    [r#"{"envelope":"#, envelope, r#","record":"#, record, r#","schema":"urn:askfirst:log-core:1"}"#]
}

/// The canonical text of an envelope.
fn envelope_text(envelope: &Envelope) -> String {
    if !envelope.more.is_empty() {
        return envelope.to_value().canonical();
    }
    // The usual one, without a tree of values.
    let mut writer = Writer::with_capacity(64);
    writer.open('{');
    writer.text("clock", &envelope.clock);
    writer.text("received_at", &time::instant(envelope.received_at));
    writer.close('}');
    writer.finish()
}
