//! Reading a pack: strict. Each member must be there and none else, so that a changed letter in a name can't make a part
//! of the evidence look as if it had never been there.

use super::{LoggedEntry, LoggedNotice, Opening, PACK_SCHEMA, Pack};
use crate::json::Value;
use crate::log::{Commitment, Entry, Envelope, Salt, from_base64url};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Pack {
    /// Reads the JSON of a pack.
    ///
    /// # Errors
    /// The first thing that is not as it must be, in one sentence.
    pub fn read(value: &Value) -> Result<Self, String> {
        let members = [
            "schema",
            "record",
            "envelope",
            "context",
            "salts",
            "commitments",
            "proof",
            "notice",
            "erasure",
            "keys",
            "invalidation",
        ];
        // Files from before there was such a thing don't have the last one.
        let all = members.len() - usize::from(value.at("invalidation").is_none());
        only("The file", value, members.get(..all).unwrap_or(&members))?;
        if value.get("schema").text() != Some(PACK_SCHEMA) {
            return Err(format!("The file says that it is something else than “{PACK_SCHEMA}”."));
        }
        let (salts, commitments) = (value.get("salts"), value.get("commitments"));
        only("“salts”", salts, &["core", "context"])?;
        only("“commitments”", commitments, &["core", "context"])?;
        let core = match (value.get("record"), value.get("envelope"), bytes(salts, "core", "salt")?) {
            (Value::Null, Value::Null, None) => None,
            (record, envelope, Some(salt)) => {
                Some(Opening { body: (record.canonical(), read_envelope(envelope)?), salt })
            }
            _ => return Err("Record, envelope and core salt must be there together, or none of them.".to_string()),
        };
        let context = match (value.get("context"), bytes(salts, "context", "salt")?) {
            (Value::Null, None) => None,
            (body, Some(salt)) => Some(Opening { body: body.clone(), salt }),
            _ => return Err("The context and its salt must be there together, or none of them.".to_string()),
        };
        let missing = || "A commitment is missing.".to_string();
        Ok(Self {
            core,
            context,
            commitment: Commitment {
                core: bytes(commitments, "core", "commitment")?.ok_or_else(missing)?,
                context: bytes(commitments, "context", "commitment")?.ok_or_else(missing)?,
            },
            proof: text(value, "proof")?,
            notice: read_notice(value.get("notice"))?,
            erasure: read_entry(value, "erasure", 3)?,
            invalidation: read_entry(value, "invalidation", 6)?,
            keys: read_keys(value.get("keys"))?,
        })
    }
}

pub(super) fn read_envelope(value: &Value) -> Result<Envelope, String> {
    let envelope = Envelope::read(value).filter(|envelope| envelope.to_value().canonical() == value.canonical());
    envelope.ok_or_else(|| "The envelope has no readable time of receipt or state of the clock.".to_string())
}

fn read_notice(value: &Value) -> Result<Option<LoggedNotice>, String> {
    if *value == Value::Null {
        return Ok(None);
    }
    only("“notice”", value, &["manifest", "proof"])?;
    Ok(Some(LoggedNotice { text: value.get("manifest").canonical(), proof: text(value, "proof")? }))
}

/// An entry of this kind about the record.
fn read_entry(file: &Value, name: &str, kind: u8) -> Result<Option<LoggedEntry>, String> {
    let value = file.get(name);
    if *value == Value::Null {
        return Ok(None);
    }
    only(&format!("“{name}”"), value, &["entry", "proof"])?;
    let bytes = [&[kind], value.get("entry").canonical().as_bytes()].concat();
    match Entry::parse(&bytes) {
        Some(entry) => Ok(Some(LoggedEntry { entry, proof: text(value, "proof")? })),
        None => Err(format!("What stands under “{name}” is not an entry of the log about it.")),
    }
}

fn read_keys(value: &Value) -> Result<Vec<String>, String> {
    let keys: Option<Vec<_>> = value.items().iter().map(|key| key.text().map(ToString::to_string)).collect();
    keys.filter(|keys| !keys.is_empty()).ok_or_else(|| "The file names no key.".to_string())
}

/// Refuses a member that is missing or that nobody knows.
fn only(what: &str, value: &Value, members: &[&str]) -> Result<(), String> {
    if let Some((name, _)) = value.entries().iter().find(|(name, _)| !members.contains(&name.as_str())) {
        return Err(format!("{what} has a member “{name}”, which it should not have."));
    }
    match members.iter().find(|name| value.at(name).is_none()) {
        Some(name) => Err(format!("{what} has no member “{name}”.")),
        None => Ok(()),
    }
}

fn text(value: &Value, key: &str) -> Result<String, String> {
    value.get(key).text().map(ToString::to_string).ok_or_else(|| format!("“{key}” is not text."))
}

/// 32 bytes in base64url; nothing for `null`.
pub(super) fn bytes(value: &Value, key: &str, what: &str) -> Result<Option<Salt>, String> {
    match value.get(key) {
        Value::Null => Ok(None),
        Value::Text(text) => match from_base64url(text).and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(format!("The {what} under “{key}” is not 32 bytes in base64url.")),
        },
        _ => Err(format!("The {what} under “{key}” is not text.")),
    }
}
