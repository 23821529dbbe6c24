//! What a receipt says about the log: enough for the page to check that its record is in it, without the owner's help.

use super::read;
use crate::digest::base64url;
use crate::json::{Value, map};
use crate::log::{Commitment, Entry, Envelope, Hash, Salt};
use alloc::string::{String, ToString};

/// The member `log` of a receipt. The record itself is what the page has; time of receipt and clock stand in the receipt.
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
    /// As JSON: `context`, `proof`, `salt`, and `noted` when the server noted more than time and clock.
    pub fn to_value(&self) -> Value {
        let mut value = map([
            ("context", base64url(&self.context).into()),
            ("proof", self.proof.as_str().into()),
            ("salt", base64url(&self.salt).into()),
        ]);
        if !self.envelope.more.is_empty() {
            value.set("noted", Value::Map(self.envelope.more.clone()));
        }
        value
    }

    /// Reads the part about the log of a whole receipt; `None` when it has none.
    ///
    /// # Errors
    /// The first thing that is not as it must be, in one sentence.
    pub fn read(receipt: &Value) -> Result<Option<Self>, String> {
        let Some(log) = receipt.at("log").filter(|log| **log != Value::Null) else { return Ok(None) };
        let mut envelope =
            map([("clock", receipt.get("clock").clone()), ("received_at", receipt.get("received_at").clone())]);
        for (name, value) in log.get("noted").entries() {
            // Time and clock are those of the receipt, whatever stands here.
            if envelope.at(name).is_none() {
                envelope.set(name, value.clone());
            }
        }
        let missing = || "The receipt's part about the log lacks something.".to_string();
        Ok(Some(Self {
            envelope: read::read_envelope(&envelope)?,
            salt: read::bytes(log, "salt", "salt")?.ok_or_else(missing)?,
            context: read::bytes(log, "context", "commitment")?.ok_or_else(missing)?,
            proof: log.get("proof").text().ok_or_else(missing)?.to_string(),
        }))
    }

    /// What the log has for a record with this canonical text.
    pub fn entry(&self, record: &str) -> Entry {
        let core = Commitment::to_record(&self.salt, record, &self.envelope);
        Entry::Record(Commitment { core, context: self.context })
    }
}
