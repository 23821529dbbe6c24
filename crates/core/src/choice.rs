//! The visitor's choice and the one value in which it is stored.
//!
//! Choice, gate and outbox are one value under one key, so a crash can't leave them disagreeing. It is written to
//! localStorage and, without the outbox and the secret, to a first-party cookie (P5).
//!
//! ```json
//! { "format": 1,
//!   "gate": { "key": "…", "until": 1811240130000, "open": ["functional"], "services": [], "signals": [] },
//!   "choice": { "at": 1795342530000, "gpc": false, "lang": "nl", "notice": "sha256-…", "version": "…",
//!     "decisions": [ { "purpose": "analytical", "v": 7, "granted": true, "until": 1811240130000 } ],
//!     "proof": { "record_id": "…", "prev": null, "subject": "…", "holder": "sha256-…", "secret": "…",
//!                "state": "given", "method": "accept_all", "layer": "first", "ui": "sha256-…",
//!                "client": "askfirst/0.1.0", "jurisdiction": null, "received": null } },
//!   "outbox": { "entries": [], "dropped": 0, "dead": 0 } }
//! ```

use crate::gate::Gate;
use crate::json::{self, Value, map};
use crate::outbox::Outbox;
use crate::record::{Layer, Method, State};
use crate::settings::{Category, Controller};
use crate::time::{DAY, Millis};
use crate::wire;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What the visitor decided, and until when it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// When: whole seconds after a grant, the day alone after a refusal (P1).
    pub at: Millis,
    /// One per asked purpose.
    pub decisions: Vec<Held>,
    /// Whether Global Privacy Control was on at the time (G11).
    pub gpc: bool,
    /// Language of the notice.
    pub lang: String,
    /// Digest of the notice.
    pub notice: String,
    /// The owner's version of the notice.
    pub version: String,
    /// The link to the record. A refusal has none: it carries no identifier (P1).
    pub proof: Option<Proof>,
}

/// One decision with its own end: a purpose that is asked again later also ends later (B14, B15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Category id.
    pub purpose: String,
    /// The purpose's substance when it was decided.
    pub v: u32,
    /// Agreed or refused.
    pub granted: bool,
    /// When it ends by itself.
    pub until: Millis,
}

/// The link between a choice and its record, with all that is needed to make the record again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The record's id.
    pub record_id: String,
    /// The record before it.
    pub prev: Option<String>,
    /// The pseudonym in the record.
    pub subject: String,
    /// Digest of the secret.
    pub holder: String,
    /// The holder's secret (S4). Never sent, never in the cookie.
    pub secret: Option<String>,
    /// What became of the consent.
    pub state: State,
    /// How the visitor acted.
    pub method: Method,
    /// Where the visitor acted.
    pub layer: Layer,
    /// Digest of the code that drew the notice.
    pub ui: String,
    /// Name and version of that code. Kept, like the law profile, so that an update between the first send and the
    /// last leaves the record as it was.
    pub client: String,
    /// The owner's law profile at the time.
    pub jurisdiction: Option<String>,
    /// When the server received the record; `None` until its receipt has come.
    pub received: Option<String>,
}

/// The stored value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The visitor's choice, once there is one.
    pub choice: Option<Choice>,
    /// What the loader may open.
    pub gate: Option<Gate>,
    /// Records on their way.
    pub outbox: Outbox,
}

/// How a category stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Strictly necessary, or agreed to.
    Open,
    /// Refused, and not to be asked again yet.
    Refused,
    /// To be asked: never decided, ended, or granted and changed in substance since (B15).
    Undecided,
}

impl Choice {
    /// How `category` stands. A refusal outlives a change of substance: less was refused than is refused now.
    pub fn standing(choice: Option<&Self>, category: &Category, controller: &Controller, now: Millis) -> Standing {
        if category.exempt {
            return Standing::Open;
        }
        // A choice from the future was made by a broken clock or a forger; it counts as none (G9).
        let choice = choice.filter(|choice| choice.at <= now + DAY);
        let held = choice.and_then(|choice| choice.held(&category.id)).filter(|held| now < held.until);
        match held {
            Some(held) if !held.granted => Standing::Refused,
            Some(held) if held.v == category.substance(controller) => Standing::Open,
            _ => Standing::Undecided,
        }
    }

    /// The decision about `purpose`.
    pub fn held(&self, purpose: &str) -> Option<&Held> {
        self.decisions.iter().find(|held| held.purpose == purpose)
    }

    /// Whether anything was granted.
    pub fn grants(&self) -> bool {
        self.decisions.iter().any(|held| held.granted)
    }

    fn to_value(&self, with_secret: bool) -> Value {
        let decisions = self.decisions.iter().map(|held| {
            map([
                ("purpose", held.purpose.as_str().into()),
                ("v", i64::from(held.v).into()),
                ("granted", held.granted.into()),
                ("until", held.until.into()),
            ])
        });
        map([
            ("at", self.at.into()),
            ("decisions", Value::List(decisions.collect())),
            ("gpc", self.gpc.into()),
            ("lang", self.lang.as_str().into()),
            ("notice", self.notice.as_str().into()),
            ("version", self.version.as_str().into()),
            ("proof", self.proof.as_ref().map(|proof| proof.to_value(with_secret)).into()),
        ])
    }

    fn from_value(value: &Value) -> Option<Self> {
        Some(Self {
            at: value.at("at")?.int()?,
            decisions: Held::list(value.at("decisions")?)?,
            gpc: value.at("gpc")?.bool()?,
            lang: text(value, "lang")?,
            notice: text(value, "notice")?,
            version: text(value, "version")?,
            proof: match value.at("proof")? {
                Value::Null => None,
                proof => Some(Proof::from_value(proof)?),
            },
        })
    }

    /// Both agreed: what only one of the two grants is refused (P5).
    fn restricted_by(mut self, other: &Self) -> Self {
        for held in &mut self.decisions {
            let agreed = other.held(&held.purpose).is_some_and(|other| other.granted && other.v == held.v);
            if held.granted && !agreed {
                held.granted = false;
                // The record says more than is left of it, and a refusal has none (P1).
                self.proof = None;
            }
        }
        self
    }
}

impl Held {
    /// A list that decides each purpose once.
    fn list(value: &Value) -> Option<Vec<Self>> {
        let Value::List(items) = value else { return None };
        let list: Vec<Self> = items.iter().map(Self::from_value).collect::<Option<_>>()?;
        let twice = list.iter().enumerate().any(|(i, held)| list.iter().take(i).any(|earlier| earlier.purpose == held.purpose));
        (!twice).then_some(list)
    }

    fn from_value(value: &Value) -> Option<Self> {
        Some(Self {
            purpose: text(value, "purpose")?,
            v: u32::try_from(value.at("v")?.int()?).ok()?,
            granted: value.at("granted")?.bool()?,
            until: value.at("until")?.int()?,
        })
    }
}

impl Proof {
    fn to_value(&self, with_secret: bool) -> Value {
        let secret = self.secret.as_deref().filter(|_| with_secret);
        map([
            ("record_id", self.record_id.as_str().into()),
            ("prev", self.prev.as_deref().into()),
            ("subject", self.subject.as_str().into()),
            ("holder", self.holder.as_str().into()),
            ("secret", secret.into()),
            ("state", self.state.name().into()),
            ("method", self.method.name().into()),
            ("layer", self.layer.name().into()),
            ("ui", self.ui.as_str().into()),
            ("client", self.client.as_str().into()),
            ("jurisdiction", self.jurisdiction.as_deref().into()),
            ("received", self.received.as_deref().into()),
        ])
    }

    fn from_value(value: &Value) -> Option<Self> {
        Some(Self {
            record_id: text(value, "record_id")?,
            prev: text(value, "prev"),
            subject: text(value, "subject")?,
            holder: text(value, "holder")?,
            secret: text(value, "secret"),
            state: State::named(value.at("state")?.text()?)?,
            method: Method::named(value.at("method")?.text()?)?,
            layer: Layer::named(value.at("layer")?.text()?)?,
            ui: text(value, "ui")?,
            client: text(value, "client")?,
            jurisdiction: text(value, "jurisdiction"),
            received: text(value, "received"),
        })
    }
}

impl Stored {
    /// The text for localStorage.
    pub fn encode(&self) -> String {
        self.to_value(true).canonical()
    }

    /// The text for the cookie: no outbox, no secret.
    pub fn encode_mirror(&self) -> String {
        self.to_value(false).canonical()
    }

    fn to_value(&self, whole: bool) -> Value {
        let mut value = Vec::from([
            ("format".to_string(), wire::FORMAT.into()),
            ("gate".to_string(), self.gate.as_ref().map(Gate::to_value).into()),
            ("choice".to_string(), self.choice.as_ref().map(|choice| choice.to_value(whole)).into()),
        ]);
        if whole {
            value.push(("outbox".to_string(), self.outbox.to_value()));
        }
        Value::Map(value)
    }

    /// Reads a stored text. `None` for anything corrupt or of another format: it grants nothing (G9).
    pub fn decode(stored: &str) -> Option<Self> {
        let value = json::parse(stored).ok()?;
        if value.at("format")?.int()? != wire::FORMAT {
            return None;
        }
        let part = |key: &str| value.at(key).filter(|part| **part != Value::Null);
        Some(Self {
            choice: match part("choice") {
                Some(choice) => Some(Choice::from_value(choice)?),
                None => None,
            },
            gate: part("gate").and_then(Gate::from_value),
            outbox: part("outbox").map(Outbox::from_value).unwrap_or_default(),
        })
    }

    /// What to go by, from localStorage and the cookies (there can be several of one name, from other domains or
    /// paths): the newest valid one wins; of two that are equally new but differ, what both grant (P5).
    ///
    /// Beside a copy that can't be read nothing counts as granted, for that copy may be a newer version's and say no
    /// (G9). Refusals stand: whoever refused is not asked again for a broken cookie (B14).
    pub fn reconcile(primary: Option<&str>, mirrors: &[String]) -> Self {
        let mut best: Option<Self> = None;
        let mut unreadable = false;
        for copy in primary.into_iter().chain(mirrors.iter().map(String::as_str)) {
            match Self::decode(copy) {
                None => unreadable = true,
                Some(stored) => {
                    best = Some(match best {
                        None => stored,
                        Some(best) => best.merge(stored),
                    });
                }
            }
        }
        let best = best.unwrap_or_default();
        if unreadable { best.refusals() } else { best }
    }

    /// Only what was refused, and records on their way.
    fn refusals(self) -> Self {
        let choice = self.choice.map(|mut choice| {
            choice.decisions.retain(|held| !held.granted);
            Choice { at: choice.at.div_euclid(DAY) * DAY, proof: None, ..choice }
        });
        Self { choice: choice.filter(|choice| !choice.decisions.is_empty()), gate: None, outbox: self.outbox }
    }

    fn merge(self, mirror: Self) -> Self {
        let (Some(own), Some(other)) = (&self.choice, &mirror.choice) else {
            // Only one has a choice: the other was wiped, or never written.
            let outbox = self.outbox.clone();
            return if self.choice.is_some() { self } else { Self { outbox, ..mirror } };
        };
        // A refusal keeps only its day, so within a day it can't be told which of the two came later.
        let same_day = own.at.div_euclid(DAY) == other.at.div_euclid(DAY) && !(own.grants() && other.grants());
        if own.decisions != other.decisions && (own.at == other.at || same_day) {
            let choice = Some(own.clone().restricted_by(other));
            return Self { choice, gate: None, outbox: self.outbox };
        }
        if other.at > own.at { Self { outbox: self.outbox, ..mirror } } else { self }
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.at(key)?.text().map(ToString::to_string)
}
