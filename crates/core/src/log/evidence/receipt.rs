//! What a receipt says about the log: enough for the page to check that its record is in it, without the owner's help.

use super::read;
use crate::json::{Value, map};
use crate::log::{Commitment, Entry, Envelope, Hash, Salt, core_text, to_base64};
use alloc::string::{String, ToString};

/// The member `log` of a receipt. The record itself is what the page has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// What the server added.
    pub envelope: Envelope,
    /// Opens the core commitment.
    pub salt: Salt,
    /// The context's commitment; its body is not for the page.
    pub context: Hash,
    /// The record's `.tlog-proof`.
    pub proof: String,
}

impl Logged {
    /// As JSON.
    pub fn to_value(&self) -> Value {
        map([
            ("context", to_base64(&self.context).into()),
            ("envelope", self.envelope.to_value()),
            ("proof", self.proof.as_str().into()),
            ("salt", to_base64(&self.salt).into()),
        ])
    }

    /// Reads the JSON.
    ///
    /// # Errors
    /// The first thing that is not as it must be, in one sentence.
    pub fn read(value: &Value) -> Result<Self, String> {
        let missing = || "The receipt's part about the log lacks something.".to_string();
        Ok(Self {
            envelope: read::read_envelope(value.get("envelope"))?,
            salt: read::bytes(value, "salt", "salt")?.ok_or_else(missing)?,
            context: read::bytes(value, "context", "commitment")?.ok_or_else(missing)?,
            proof: value.get("proof").text().ok_or_else(missing)?.to_string(),
        })
    }

    /// What the log has for a record with this canonical text.
    pub fn entry(&self, record: &str) -> Entry {
        let core = Commitment::to_core(&self.salt, &core_text(record, &self.envelope));
        Entry::Record(Commitment { core, context: self.context })
    }
}
