//! A record on its way into the store.

use askfirst_core::digest::sha256;
use askfirst_core::log::{Challenge, Commitment};
use askfirst_core::record::Record;
use askfirst_core::time::Millis;

use super::sealing::{Sealed, Sealing};
use super::secret::Secret;
use super::{Clock, Receipt, key};

/// A record with copies of what it says for finding it again.
#[derive(Clone, Debug)]
pub struct NewRecord {
    pub(super) site: String,
    pub(super) record_id: [u8; 16],
    pub(super) subject: [u8; 16],
    pub(super) holder: [u8; 32],
    pub(super) notice: [u8; 32],
    /// The browser's clock.
    pub(super) at: Millis,
    /// When it ends by itself, by the browser's clock.
    pub(super) ends_at: Millis,
    /// The record that this one follows, which ends with it.
    pub(super) prev: Option<[u8; 16]>,
    /// The canonical record.
    pub(super) body: String,
    /// SHA-256 of `body`.
    pub(super) digest: [u8; 32],
    /// What came with it, where the site's pages ask for a challenge. It is no part of the record: sent again with another one
    /// it is the same, and what is stored stays.
    pub challenge: Option<Challenge>,
}

impl NewRecord {
    /// Makes the canonical text, which is what is stored, and its digest.
    ///
    /// # Errors
    /// The JSON path of an identifier that is not in canonical form.
    pub fn new(record: &Record) -> Result<Self, &'static str> {
        let body = record.canonical();
        Ok(Self {
            site: record.site.clone(),
            record_id: key::uuid(&record.record_id).ok_or("$.record_id")?,
            subject: key::subject(&record.subject).ok_or("$.subject")?,
            holder: key::digest(&record.holder).ok_or("$.holder")?,
            notice: key::digest(&record.notice.digest).ok_or("$.notice.digest")?,
            at: record.event.at,
            ends_at: record.event.valid_until,
            prev: record.prev.as_deref().and_then(key::uuid),
            digest: sha256(body.as_bytes()),
            challenge: None,
            body,
        })
    }

    /// The digest of the canonical record, in text.
    pub fn digest(&self) -> String {
        key::digest_text(&self.digest)
    }

    /// When it ends by itself. A browser's clock that is wrong does not decide how long a record is kept (R6, S1).
    pub fn ends_at(&self, received_at: Millis) -> Millis {
        ends_at(self.at, self.ends_at, received_at)
    }

    /// The receipt it gets at this place and time.
    pub fn receipt(&self, seq: i64, received_at: Millis) -> Receipt {
        Receipt {
            record_id: key::uuid_text(&self.record_id),
            seq,
            received_at,
            clock: Clock::compare(self.at, received_at),
            challenge: self.challenge,
            digest: key::digest_text(&self.digest),
            erased: false,
            entry: None,
            inclusion: None,
        }
    }
}

/// When a consent ends by itself that was given `at` and lasts until `valid_until`, both by the browser's clock.
pub fn ends_at(at: Millis, valid_until: Millis, received_at: Millis) -> Millis {
    match Clock::compare(at, received_at) {
        Clock::Ok => valid_until.max(received_at),
        Clock::Ahead | Clock::Behind => received_at.saturating_add(valid_until.saturating_sub(at)),
    }
}

/// A record with the time of its receipt and the entry that will stand for it. Made where it was received: the one
/// writer has enough to do.
pub struct Received {
    pub record: NewRecord,
    pub at: Millis,
    pub secret: Secret,
    pub commitment: Commitment,
    /// What is stored instead of the body, where bodies are sealed.
    pub sealed: Option<Sealed>,
}

impl Received {
    /// `None` when the system has no random bytes to give.
    pub fn new(record: NewRecord, at: Millis, sealing: Option<&Sealing>) -> Option<Self> {
        let secret = Secret::random()?;
        let commitment = secret.commit(&record.body, &Clock::compare(record.at, at).envelope(at, record.challenge));
        let sealed = match sealing {
            Some(sealing) => Some(sealing.seal(&record, &secret)?),
            None => None,
        };
        Some(Self { record, at, secret, commitment, sealed })
    }

    /// The time of receipt never goes back from one record to the next.
    pub fn not_before(&mut self, last: Millis) {
        if self.at < last {
            self.at = last;
            let envelope = Clock::compare(self.record.at, last).envelope(last, self.record.challenge);
            self.commitment = self.secret.commit(&self.record.body, &envelope);
        }
    }
}
