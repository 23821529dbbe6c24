//! The consent record: who was asked what, when, and what they answered (GDPR Art. 7(1), R1–R3).
//!
//! It names the notice by digest and carries nothing that is not needed: no address, no user agent, no path (R2). The
//! browser builds it, the server reads it with [`Submission::parse`], both through this module.
//!
//! ```json
//! { "schema": "urn:askfirst:consent-record:1", "record_id": "UUIDv4", "prev": "UUIDv4 | null",
//!   "subject": "base64url, 128 bit", "holder": "sha256-… of the holder's secret",
//!   "site": "https://www.example.nl", "jurisdiction": "NL | null",
//!   "notice": { "digest": "sha256-…", "version": "…", "lang": "nl", "ui": "sha256-…" },
//!   "event": { "state": "given", "type": "expressed", "method": "accept_all", "layer": "first",
//!              "at": "2026-11-22T10:15:30Z", "valid_until": "2027-05-22T10:15:30Z" },
//!   "decisions": [ { "purpose": "analytical", "v": 3735928559, "granted": true } ],
//!   "vendors": { "youtube": true }, "signals": { "gpc": false }, "client": "askfirst/0.1.0",
//!   "ui": { "input": "pointer", "trusted_event": true, "dwell_ms": 4200, "first_layer_equal_choice": true },
//!   "undelivered": 1, "left": { "items": [ { "kind": "cookie", "name": "_id*", "why": "server" } ] } }
//! ```
//!
//! `vendors` is there only when the visitor decided about a service otherwise than about its purpose, `ui` when a control
//! was pressed, [`Interaction`], `undelivered` when earlier records of the browser were given up, `left` when a
//! withdrawal could not delete all that is declared, [`Left`].

/// An enum whose variants have names in JSON.
macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// Every variant.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Their names, in the same order.
            pub(crate) const NAMES: &str = concat!($($text, " "),+);

            /// Its name in JSON.
            pub fn name(self) -> &'static str {
                crate::json::name_at(Self::NAMES, self as usize)
            }

            /// The variant with this name.
            pub fn named(name: &str) -> Option<Self> {
                crate::json::place(Self::NAMES, name).map(|place| Self::ALL[place])
            }
        }
    };
}

mod interaction;
mod left;
pub mod life;
mod read;

pub use interaction::{Input, Interaction, MAX_DWELL};
pub use left::{Left, LeftItem, MAX_LEFT};
pub use life::{Invalidation, Life};
pub use read::{is_id, is_origin};

use crate::choice::{Choice, Held, Proof, signals};
use crate::json::{self, Value, Writer};
use crate::texts::cut;
use crate::time::{self, DAY, Millis, Period};
use crate::wire;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A record's longest canonical text, in bytes. Without exceptions for single services, and without anything that a
/// withdrawal has left, it is at most 4 KiB (R7).
pub const MAX_BYTES: usize = 12 * 1024;

/// Most purposes in one record; like [`MAX_VENDORS`], what keeps the longest lawful record below [`MAX_BYTES`].
pub const MAX_DECISIONS: usize = 32;

/// Most services with an answer of their own in one record.
pub const MAX_VENDORS: usize = 128;

/// The longest validity that a record may claim: 24 months (P7, L14) as `settings` counts them, and the day by which a
/// clock may have been set back since an answer that is kept.
const MAX_VALIDITY: Millis = (Period::months(24).days_at_most() as Millis + 1) * DAY;

/// One decision of one visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Version 4 UUID, made once at the click; the key of idempotency.
    pub record_id: String,
    /// The record that this one follows (R5).
    pub prev: Option<String>,
    /// Random per site and browser, base64url of 128 bits; new after a full withdrawal.
    pub subject: String,
    /// Digest of the secret that only the browser has; it opens the record (S4).
    pub holder: String,
    /// Origin only.
    pub site: String,
    /// The owner's law profile, ISO 3166.
    pub jurisdiction: Option<String>,
    /// What was shown.
    pub notice: NoticeRef,
    /// What happened.
    pub event: Event,
    /// Each asked purpose, refused ones too.
    pub decisions: Vec<Decision>,
    /// The services that the visitor decided otherwise about than about their purpose: id and whether it was allowed.
    pub vendors: Vec<(String, bool)>,
    /// Signals of the browser.
    pub signals: Signals,
    /// Name and version of the software, `askfirst/0.1.0`.
    pub client: String,
    /// How the control was pressed; nothing after a call of the JavaScript API, nor from older clients.
    pub ui: Option<Interaction>,
    /// How many earlier records of this browser were given up, refused by the server for good or dropped for lack of
    /// room, and not reported since; mostly none.
    pub undelivered: u32,
    /// What this withdrawal could not delete; nothing where all was deleted, or nobody knows: the page was left before.
    pub left: Option<Left>,
}

/// Which notice was shown, by which code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeRef {
    /// Digest of the notice.
    pub digest: String,
    /// The owner's version of it.
    pub version: String,
    /// Its language tag.
    pub lang: String,
    /// Digest of the WebAssembly and the style sheet that drew it (CNIL 2020-092).
    pub ui: String,
}

/// What happened, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What became of the consent.
    pub state: State,
    /// How the visitor acted.
    pub method: Method,
    /// Where the visitor acted.
    pub layer: Layer,
    /// The browser's clock, whole seconds; for ordering only (R6).
    pub at: Millis,
    /// When it ends by itself.
    pub valid_until: Millis,
}

/// The visitor's answer for one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Category id.
    pub purpose: String,
    /// The purpose's substance at the time (`Category::substance`).
    pub v: u32,
    /// Agreed or refused.
    pub granted: bool,
}

/// Signals of the browser; absent where it sent none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Do Not Track; left out of the text where it was off.
    pub dnt: bool,
    /// Global Privacy Control.
    pub gpc: bool,
}

names! {
    /// What became of the consent (ISO/IEC TS 27560 event state).
    State {
        /// Something was granted after something was refused, or the other way round.
        Changed = "changed",
        /// The first grant.
        Given = "given",
        /// The first answer, and nothing was granted.
        Refused = "refused",
        /// Asked again and answered.
        Renewed = "renewed",
        /// Everything granted was withdrawn.
        Withdrawn = "withdrawn",
    }
}

names! {
    /// Why something is still on the device.
    Why {
        /// Another site keeps it.
        Foreign = "foreign",
        /// It was in use, and is tried again at each start.
        Later = "later",
        /// Only a server can delete it (HttpOnly).
        Server = "server",
    }
}

names! {
    /// How the visitor acted.
    Method {
        /// A program in the page pressed a control for the visitor. In counts alone, which have no [`Interaction`].
        Agent = "agent",
        /// Accept all, or accept the change.
        AcceptAll = "accept_all",
        /// A call of the JavaScript API or an element of the page.
        Api = "api",
        /// In another product, from which the choice was taken over (FIELD 81). Only that product can prove it.
        Migrated = "migrated",
        /// Reject all, or reject the change.
        RejectAll = "reject_all",
        /// The switches, as they stood.
        Save = "save",
        /// A signal of the browser (G11); it can only refuse.
        Signal = "signal",
        /// Withdrawal.
        Withdraw = "withdraw",
    }
}

names! {
    /// Where the visitor acted.
    Layer {
        /// The placeholder of embedded content (G7).
        Embed = "embed",
        /// The banner.
        First = "first",
        /// An element of the page or a script, not the banner.
        Page = "page",
        /// The dialog.
        Preferences = "preferences",
    }
}

/// A refusal as a mere count: no identifier, the day instead of the time (P1, R10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Origin only.
    pub site: String,
    /// Digest of the notice.
    pub notice: String,
    /// Its language tag.
    pub lang: String,
    /// UTC day of the refusal.
    pub day: Millis,
    /// How the visitor acted.
    pub method: Method,
    /// Where the visitor acted.
    pub layer: Layer,
}

/// What a browser posts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "one at a time, read and consumed at once")]
pub enum Submission {
    /// A refusal as a count.
    Count(Count),
    /// A record.
    Record(Record),
}

/// Why a submission is not accepted. It will never be: the browser must not send it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// A stable code: `json`, `too_large`, `unknown_field`, `missing`, `invalid`.
    pub code: &'static str,
    /// The JSON path.
    pub path: String,
    /// One sentence.
    pub message: String,
}

impl Record {
    /// Whether anything is agreed to in it.
    pub fn grants(&self) -> bool {
        self.decisions.iter().any(|decision| decision.granted) || self.vendors.iter().any(|(_, granted)| *granted)
    }

    /// The record as JSON.
    pub fn to_value(&self) -> Value {
        json::parse(&self.canonical()).unwrap_or(Value::Null)
    }

    /// The canonical text, which is what is sent, stored and hashed.
    pub fn canonical(&self) -> String {
        let held = |decision: &Decision| Held {
            purpose: decision.purpose.clone(),
            v: decision.v,
            granted: decision.granted,
            until: self.event.valid_until,
            waiting: false,
        };
        let vendor = |(id, granted): &(String, bool)| Held {
            purpose: format!(":{id}"),
            v: 0,
            granted: *granted,
            until: self.event.valid_until,
            waiting: false,
        };
        let choice = Choice {
            at: self.event.at,
            decisions: self.decisions.iter().map(held).chain(self.vendors.iter().map(vendor)).collect(),
            dnt: self.signals.dnt,
            gpc: self.signals.gpc,
            lang: self.notice.lang.clone(),
            notice: self.notice.digest.clone(),
            version: self.notice.version.clone(),
            ..Choice::default()
        };
        let proof = Proof {
            record_id: self.record_id.clone(),
            prev: self.prev.clone(),
            subject: self.subject.clone(),
            holder: self.holder.clone(),
            secret: None,
            state: self.event.state,
            method: self.event.method,
            layer: self.event.layer,
            ui: self.notice.ui.clone(),
            client: self.client.clone(),
            jurisdiction: self.jurisdiction.clone(),
            received: None,
            interaction: self.ui.map(Interaction::text),
            undelivered: self.undelivered,
            left: self.left.as_ref().map(Left::text),
        };
        text(&choice, &proof, &self.site)
    }
}

/// The record of a choice, as it is sent: the one place that spells the format. It starts from what the page has,
/// because there each byte of code counts.
pub(crate) fn text(choice: &Choice, proof: &Proof, site: &str) -> String {
    let mut writer = Writer::default();
    writer.open('{');
    writer.text("client", &proof.client);
    writer.list("decisions");
    // The newest end: the purposes that were just asked.
    let mut valid_until = 0;
    let mut vendors = Vec::new();
    for held in &choice.decisions {
        valid_until = valid_until.max(held.until);
        let (_, service) = cut(&held.purpose, b':');
        if !service.is_empty() {
            vendors.push((String::from(service), Value::Bool(held.granted)));
            continue;
        }
        writer.open('{');
        writer.flag("granted", held.granted);
        writer.text("purpose", &held.purpose);
        writer.int("v", i64::from(held.v));
        writer.close('}');
    }
    writer.close(']');
    writer.key("event");
    writer.open('{');
    writer.text("at", &time::instant(choice.at));
    writer.text("layer", proof.layer.name());
    writer.text("method", proof.method.name());
    writer.text("state", proof.state.name());
    writer.text("type", "expressed");
    writer.text("valid_until", &time::instant(valid_until));
    writer.close('}');
    writer.text("holder", &proof.holder);
    writer.optional("jurisdiction", &proof.jurisdiction);
    if let Some(left) = &proof.left {
        writer.key("left");
        writer.raw(left);
    }
    writer.key("notice");
    writer.open('{');
    writer.text("digest", &choice.notice);
    writer.text("lang", &choice.lang);
    writer.text("ui", &proof.ui);
    writer.text("version", &choice.version);
    writer.close('}');
    writer.optional("prev", &proof.prev);
    writer.text("record_id", &proof.record_id);
    writer.text("schema", wire::RECORD_SCHEMA);
    writer.key("signals");
    writer.open('{');
    signals(&mut writer, choice);
    writer.close('}');
    writer.text("site", site);
    writer.text("subject", &proof.subject);
    if let Some(interaction) = &proof.interaction {
        writer.key("ui");
        writer.raw(interaction);
    }
    if proof.undelivered > 0 {
        writer.int("undelivered", i64::from(proof.undelivered));
    }
    if !vendors.is_empty() {
        writer.key("vendors");
        writer.value(&Value::Map(vendors));
    }
    writer.close('}');
    writer.finish()
}

impl Count {
    /// The count as JSON.
    pub fn to_value(&self) -> Value {
        json::parse(&self.canonical()).unwrap_or(Value::Null)
    }

    /// The canonical text, which is what is sent.
    pub fn canonical(&self) -> String {
        let mut writer = Writer::default();
        writer.open('{');
        writer.text("day", &time::date(self.day));
        writer.text("lang", &self.lang);
        writer.text("layer", self.layer.name());
        writer.text("method", self.method.name());
        writer.text("notice", &self.notice);
        writer.text("schema", wire::COUNT_SCHEMA);
        writer.text("site", &self.site);
        writer.close('}');
        writer.finish()
    }
}
