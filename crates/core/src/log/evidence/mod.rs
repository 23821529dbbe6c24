//! The evidence pack: one JSON file with everything that shows what a visitor was shown and answered, and that nobody
//! has touched it since (GDPR Art. 7(1)). `docs/proof.md` describes the format, `www/verify/evidence.schema.json` is its
//! JSON Schema, and [`verify`] re-derives all of it from the file and the log's public key alone.
//!
//! The same function is behind `askfirst verify`, the page `/askfirst/verify/` and the receipt that a page checks.

mod agree;
mod disbelieved;
mod grade;
mod lines;
mod page;
mod plain;
mod read;
mod receipt;
mod report;
mod verify;
mod words;

pub use agree::disagreement;
pub use grade::Grade;
pub use lines::Lines;
pub use page::{page, screen};
pub use plain::plain;
pub use receipt::Logged;
pub use report::{Mark, Outcome, Report, Step};
pub use verify::{read_keys, verify, verify_receipt};
pub use words::{Part, WHOLE, clock, said, shown};

use super::{Commitment, Entry, Envelope, Salt};
use crate::digest::base64url;
use crate::json::{self, Value, map};
use alloc::string::String;
use alloc::vec::Vec;

/// The schema name of a pack.
pub const PACK_SCHEMA: &str = "urn:askfirst:evidence:1";

/// Everything about one entry of the log that is a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// The record's canonical text and what the server added; nothing after an erasure.
    pub core: Option<Opening<(String, Envelope)>>,
    /// The context's JSON; nothing when it is gone or not handed over.
    pub context: Option<Opening<Value>>,
    /// What stands in the tree for the two.
    pub commitment: Commitment,
    /// The record's `.tlog-proof`.
    pub proof: String,
    /// What was shown, proven against the same checkpoint; nothing after an erasure.
    pub notice: Option<LoggedNotice>,
    /// The entry that says that the body was erased, proven against the same checkpoint.
    pub erasure: Option<LoggedEntry>,
    /// The entry that declares the notice faulty, proven against the same checkpoint; nothing where there is none. A file
    /// without such an entry has no such member.
    pub invalidation: Option<LoggedEntry>,
    /// The log's public keys, as vkeys. They make the file complete; trust comes from elsewhere.
    pub keys: Vec<String>,
}

/// What a commitment is to, and the salt that opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening<T> {
    /// The content.
    pub body: T,
    /// The salt.
    pub salt: Salt,
}

/// A notice with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedNotice {
    /// The canonical text.
    pub text: String,
    /// Its `.tlog-proof`.
    pub proof: String,
}

/// An entry about a record with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEntry {
    /// The entry's bytes.
    pub entry: Entry,
    /// Its `.tlog-proof`.
    pub proof: String,
}

impl Pack {
    /// The pack as JSON. What is not there is `null`.
    pub fn to_value(&self) -> Value {
        let (record, envelope) = match &self.core {
            Some(core) => (json::parse(&core.body.0).unwrap_or(Value::Null), core.body.1.to_value()),
            None => (Value::Null, Value::Null),
        };
        let salt = |salt: Option<&Salt>| Value::from(salt.map(|salt| base64url(salt)));
        let mut value = map([
            ("schema", PACK_SCHEMA.into()),
            ("record", record),
            ("envelope", envelope),
            ("context", self.context.as_ref().map_or(Value::Null, |context| context.body.clone())),
            (
                "salts",
                map([
                    ("core", salt(self.core.as_ref().map(|core| &core.salt))),
                    ("context", salt(self.context.as_ref().map(|context| &context.salt))),
                ]),
            ),
            (
                "commitments",
                map([
                    ("core", base64url(&self.commitment.core).into()),
                    ("context", base64url(&self.commitment.context).into()),
                ]),
            ),
            ("proof", self.proof.as_str().into()),
            ("notice", self.notice.as_ref().map_or(Value::Null, LoggedNotice::to_value)),
            ("erasure", self.erasure.as_ref().map_or(Value::Null, LoggedEntry::to_value)),
            ("keys", self.keys.clone().into()),
        ]);
        if let Some(invalidation) = &self.invalidation {
            value.set("invalidation", invalidation.to_value());
        }
        value
    }
}

impl LoggedNotice {
    fn to_value(&self) -> Value {
        let manifest = json::parse(&self.text).unwrap_or(Value::Null);
        map([("manifest", manifest), ("proof", self.proof.as_str().into())])
    }
}

impl LoggedEntry {
    fn to_value(&self) -> Value {
        let bytes = self.entry.bytes().unwrap_or_default();
        let content = bytes.get(1..).and_then(|content| core::str::from_utf8(content).ok()).unwrap_or("");
        map([("entry", json::parse(content).unwrap_or(Value::Null)), ("proof", self.proof.as_str().into())])
    }
}
