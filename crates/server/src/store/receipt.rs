//! What the server answers for a stored record.

use askfirst_core::json::{self, Value, Writer};
use askfirst_core::log::{CLOCK_TOLERANCE, Challenge, Envelope, base64url, clock_between};
use askfirst_core::time::{self, Millis};

use super::Inclusion;
use super::secret::Secret;

/// What the server answers for a stored record, the same each time (R7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub record_id: String,
    /// Place in the store, from 1, without gaps.
    pub seq: i64,
    /// The server's clock: the evidential time (R6). Never goes back from one record to the next.
    pub received_at: Millis,
    pub clock: Clock,
    /// What came with it, where the site's pages ask for a challenge.
    pub challenge: Option<Challenge>,
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
        json::parse(&self.canonical()).unwrap_or(Value::Null)
    }

    /// What the server has committed to beside the record.
    pub fn envelope(&self) -> Envelope {
        self.clock.envelope(self.received_at, self.challenge)
    }

    /// The canonical text, which is what is answered. Written without a tree of values: each record needs one.
    pub fn canonical(&self) -> String {
        // A proof in a log of a million entries has 1,100 bytes.
        let mut writer = Writer::with_capacity(if self.inclusion.is_some() { 2048 } else { 256 });
        writer.open('{');
        writer.text("clock", self.clock.name());
        writer.text("digest", &self.digest);
        if self.erased {
            writer.flag("erased", true);
        }
        if let (Some(entry), Some(inclusion)) = (&self.entry, &self.inclusion) {
            entry.write(inclusion, &self.envelope(), &mut writer);
        }
        writer.text("received_at", &time::instant(self.received_at));
        writer.text("record_id", &self.record_id);
        writer.int("seq", self.seq);
        writer.close('}');
        writer.finish()
    }
}

impl EntryRef {
    /// The proof in the form of C2SP tlog-proof, with what opens the entry: the salt of the record's commitment, and the
    /// commitment to the context, which is not the holder's to open (`askfirst_core::log::evidence::Logged` reads it).
    fn write(&self, inclusion: &Inclusion, envelope: &Envelope, writer: &mut Writer) {
        writer.key("log");
        writer.open('{');
        if let Some(secret) = &self.secret {
            writer.text("context", &base64url(&secret.context_commitment()));
        }
        if self.secret.is_some() && !envelope.more.is_empty() {
            writer.key("noted");
            writer.value(&Value::Map(envelope.more.clone()));
        }
        writer.text("proof", &inclusion.text());
        if let Some(secret) = &self.secret {
            writer.text("salt", &base64url(&secret.core_salt()));
        }
        writer.close('}');
    }
}

impl Clock {
    /// Compares the browser's clock with the server's.
    pub fn compare(browser: Millis, server: Millis) -> Self {
        Self::named(clock_between(browser, server))
    }

    /// A time of a browser that [`Self::compare`] would say this of.
    pub fn example(self, server: Millis) -> Millis {
        match self {
            Self::Ahead => server.saturating_add(CLOCK_TOLERANCE + 1),
            Self::Behind => server.saturating_sub(CLOCK_TOLERANCE + 1),
            Self::Ok => server,
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
    pub fn envelope(self, received_at: Millis, challenge: Option<Challenge>) -> Envelope {
        let more = challenge.map(|challenge| challenge.noted(received_at)).into_iter().collect();
        Envelope { received_at, clock: self.name().to_owned(), more }
    }

    pub fn named(name: &str) -> Self {
        match name {
            "ahead" => Self::Ahead,
            "behind" => Self::Behind,
            _ => Self::Ok,
        }
    }
}
