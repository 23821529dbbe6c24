//! What the server answers for a stored record.

use askfirst_core::digest::base64url;
use askfirst_core::json::{Value, map};
use askfirst_core::log::Envelope;
use askfirst_core::time::{self, Millis};

use super::Inclusion;
use super::secret::Secret;

/// How far the two clocks may be apart before the record is marked (R6).
const CLOCK_TOLERANCE: Millis = 5 * 60 * 1000;

/// What the server answers for a stored record, the same each time (R7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub record_id: String,
    /// Place in the store, from 1, without gaps.
    pub seq: i64,
    /// The server's clock: the evidential time (R6). Never goes back from one record to the next.
    pub received_at: Millis,
    pub clock: Clock,
    /// Digest of the canonical record.
    pub digest: String,
    /// Whether the record was erased since.
    pub erased: bool,
    /// Its entry in the log.
    pub entry: Option<EntryRef>,
    /// What shows that the entry is there.
    pub inclusion: Option<Inclusion>,
}

/// Where a record's entry is, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRef {
    pub log: i64,
    pub index: u64,
    /// `None` when the record was erased.
    pub secret: Option<Secret>,
}

/// What the browser's clock said compared with the server's. Never a reason to refuse (R6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Later than the server's: the browser's clock is wrong.
    Ahead,
    /// Earlier than the server's: the clock is wrong, or the record waited in the browser.
    Behind,
    Ok,
}

impl Receipt {
    /// The receipt as JSON.
    pub fn to_value(&self) -> Value {
        let Value::Map(mut entries) = map([
            ("record_id", self.record_id.as_str().into()),
            ("seq", self.seq.into()),
            ("received_at", time::instant(self.received_at).into()),
            ("clock", self.clock.name().into()),
            ("digest", self.digest.as_str().into()),
        ]) else {
            return Value::Null;
        };
        if let (Some(entry), Some(inclusion)) = (&self.entry, &self.inclusion) {
            entries.push(("log".to_owned(), entry.to_value(inclusion)));
        }
        if self.erased {
            entries.push(("erased".to_owned(), true.into()));
        }
        Value::Map(entries)
    }
}

impl EntryRef {
    /// The proof in the form of C2SP tlog-proof, with what opens the entry: the salt of the record's commitment, and the
    /// commitment to the context, which is not the holder's to open.
    fn to_value(&self, inclusion: &Inclusion) -> Value {
        let mut entries = vec![("proof".to_owned(), inclusion.text().into())];
        if let Some(secret) = &self.secret {
            entries.push(("salt".to_owned(), base64url(&secret.core_salt()).into()));
            entries.push(("context".to_owned(), base64url(&secret.context_commitment()).into()));
        }
        Value::Map(entries)
    }
}

impl Clock {
    /// Compares the browser's clock with the server's.
    pub fn compare(browser: Millis, server: Millis) -> Self {
        match browser.saturating_sub(server) {
            gap if gap > CLOCK_TOLERANCE => Self::Ahead,
            gap if gap < -CLOCK_TOLERANCE => Self::Behind,
            _ => Self::Ok,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Behind => "behind",
            Self::Ok => "ok",
        }
    }

    /// What the server commits to beside the record.
    pub fn envelope(self, received_at: Millis) -> Envelope {
        Envelope { received_at, clock: self.name().to_owned(), more: Vec::new() }
    }

    pub fn named(name: &str) -> Self {
        match name {
            "ahead" => Self::Ahead,
            "behind" => Self::Behind,
            _ => Self::Ok,
        }
    }
}
