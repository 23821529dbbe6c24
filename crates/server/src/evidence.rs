//! What is stored about one record, and whether it still is what it was.
//!
//! Nothing here trusts a column: the verdict is made anew from the bytes of the record and of its notice, by the same
//! code that read the record when it came in. `GET /records/{id}` and `askfirst export` both call [`Evidence::check`].

use askfirst_core::digest::digest;
use askfirst_core::exports::{Format, Source, dpv, kantara};
use askfirst_core::json::{self, Value, map};
use askfirst_core::log::evidence::disagreement;
use askfirst_core::notice;
use askfirst_core::record::{Invalidation, Life, Record, Submission};
use askfirst_core::time::{self, Millis};

use crate::store::{self, Receipt, Restriction, key};

/// One row and its notice, as they are stored.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub receipt: Receipt,
    pub site: String,
    pub subject: Option<[u8; 16]>,
    pub holder: Option<[u8; 32]>,
    /// Digest of the notice.
    pub notice: Option<String>,
    pub erased_at: Option<Millis>,
    /// When the consent ended or will end.
    pub ends_at: Millis,
    /// That the notice was declared faulty.
    pub invalidated: Option<Invalidation>,
    /// It is shown for a legal claim and to its holder alone.
    pub restriction: Option<Restriction>,
    pub body: Option<Vec<u8>>,
    pub notice_text: Option<Vec<u8>>,
}

/// What the bytes say. An `Err` is the first thing that does not hold, in one sentence.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The record, when its bytes are those that were received.
    pub record: Result<Record, String>,
    /// The notice, when its bytes are those that the record names and the two agree.
    pub notice: Result<Value, String>,
    /// The notice's bytes are not those that were registered.
    altered: bool,
}

impl Evidence {
    /// Makes the verdict from the stored bytes.
    pub fn check(&self) -> Verdict {
        let record = self.check_record();
        let stored = self.check_notice(record.as_ref().ok());
        let altered = stored.is_err();
        let said = |notice: &Value| record.as_ref().ok().and_then(|record| disagreement(record, notice));
        let notice = stored.and_then(|notice| said(&notice).map_or(Ok(notice), Err));
        Verdict { record, notice, altered }
    }

    /// Whether it may be looked at for another end than a legal claim or its holder's (GDPR Art. 18(2)).
    ///
    /// # Errors
    /// Why not, in one sentence.
    pub fn require_unrestricted(&self) -> Result<(), String> {
        match self.restriction {
            Some(Restriction { since, .. }) => Err(format!(
                "The record was restricted on {}; it is shown for a legal claim alone (GDPR Art. 18(2)).",
                time::date(since)
            )),
            None => Ok(()),
        }
    }

    fn check_record(&self) -> Result<Record, String> {
        if let Some(at) = self.erased_at {
            return Err(format!("The record was erased on {}; only its receipt is left.", time::date(at)));
        }
        let bytes = self.body.as_deref().ok_or("The record has no body.")?;
        if digest(bytes) != self.receipt.digest {
            return Err("The stored record is not the one that was received: its digest is another.".to_owned());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "The stored record is not text.")?;
        let record = match Submission::parse(text) {
            Ok(Submission::Record(record)) => record,
            _ => return Err("The stored text is not a consent record.".to_owned()),
        };
        let copies = [
            ("record id", self.receipt.record_id == record.record_id),
            ("site", self.site == record.site),
            ("subject", self.subject == key::subject(&record.subject)),
            ("holder", self.holder == key::digest(&record.holder)),
            ("notice", self.notice.as_ref() == Some(&record.notice.digest)),
        ];
        match copies.into_iter().find(|(_, same)| !same) {
            Some((what, _)) => Err(format!("The {what} under which the record is filed is not the one in it.")),
            None => Ok(record),
        }
    }

    fn check_notice(&self, record: Option<&Record>) -> Result<Value, String> {
        if self.erased_at.is_some() {
            return Err("The record was erased; it names no notice any more.".to_owned());
        }
        // A damaged record can still name its notice through its column; whether that is right, the record can't say.
        let wanted = record.map(|record| &record.notice.digest).or(self.notice.as_ref());
        let wanted = wanted.ok_or("The record names no notice.")?;
        let bytes = self.notice_text.as_deref().ok_or("The notice is not stored.")?;
        let altered = || "The stored notice is not the one that was shown: its digest is another.".to_owned();
        let text = std::str::from_utf8(bytes).map_err(|_| altered())?;
        if !notice::holds(text, wanted) {
            return Err(altered());
        }
        Ok(json::parse(text).map_err(|_| "The stored notice is not JSON.")?)
    }

    /// How the consent in a record that holds stands at `now`; nothing where nothing was granted.
    pub fn life(&self, record: &Record, now: Millis) -> Option<Life> {
        let event = &record.event;
        let planned = store::ends_at(event.at, event.valid_until, self.receipt.received_at);
        Life::of(record, self.invalidated.as_ref(), (self.ends_at, planned), now)
    }

    /// The record's JSON, damaged or not; `null` when it can't be read at all.
    pub fn record_value(&self) -> Value {
        readable(self.body.as_deref())
    }

    /// The notice's JSON, damaged or not; `null` when it can't be read at all.
    pub fn notice_value(&self) -> Value {
        readable(self.notice_text.as_deref())
    }

    /// The record in another form (R8); `None` for what is not made of this alone.
    ///
    /// # Errors
    /// Why there is no such form, in one sentence: the record does not hold, or grants nothing.
    pub fn translated(&self, format: Format, now: Millis) -> Result<Option<Value>, String> {
        if matches!(format, Format::Json | Format::Evidence) {
            return Ok((format == Format::Json).then(|| self.to_value(now)));
        }
        let verdict = self.check();
        let (record, notice) = (verdict.record?, verdict.notice?);
        let life = self.life(&record, now);
        let received_at = self.receipt.received_at;
        let source = Source { record: &record, notice: &notice, received_at, life: life.as_ref() };
        if format == Format::Dpv {
            return Ok(Some(dpv(source)));
        }
        let none = "This record grants nothing, and a Kantara receipt is for what was consented to.";
        kantara(source).map(Some).ok_or_else(|| none.to_owned())
    }

    /// Record, receipt, notice, verdict and what has become of the consent: what the holder and the owner get.
    pub fn to_value(&self, now: Millis) -> Value {
        let verdict = self.check();
        let life = verdict.record.as_ref().ok().and_then(|record| self.life(record, now));
        let restricted = self.restriction.map(|restriction| time::instant(restriction.since));
        map([
            ("record", self.record_value()),
            ("receipt", self.receipt.to_value()),
            ("notice", self.notice_value()),
            ("holds", map([("record", verdict.record.is_ok().into()), ("notice", verdict.notice.is_ok().into())])),
            ("problem", verdict.problem().into()),
            ("restricted", restricted.into()),
            ("life", life.as_ref().map_or(Value::Null, Life::to_value)),
        ])
    }
}

impl Verdict {
    /// Whether stored bytes are not what was received and registered. That record and notice say different things of themselves
    /// is another matter: both may be just what came, from before that was refused.
    pub fn is_damaged(&self) -> bool {
        self.record.is_err() || self.altered
    }

    /// The first thing that does not hold.
    pub fn problem(&self) -> Option<&str> {
        let record = self.record.as_ref().err();
        record.or(self.notice.as_ref().err()).map(String::as_str)
    }
}

fn readable(bytes: Option<&[u8]>) -> Value {
    bytes
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| json::parse(text).ok())
        .unwrap_or(Value::Null)
}
