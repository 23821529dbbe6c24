//! The visitor's choice and the one value in which it is stored.
//!
//! Choice, gate and outbox are one value under one key, so a crash can't leave them disagreeing. It is written to
//! localStorage and, without the outbox, the secret and the gate's `signals`, to a first-party cookie (P5).
//!
//! What was decided about one service against its category is a decision too, about `category:service`. It stands beside
//! the category's, with an end and a substance of its own, since a service can be allowed while the category is still
//! undecided: whoever plays one video has not said no to the rest (FIELD 12, G7).
//!
//! ```json
//! { "format": 1,
//!   "gate": { "key": "…", "until": 1811240130000, "open": ["functional"], "services": [], "signals": [] },
//!   "choice": { "at": 1795342530000, "gpc": false, "lang": "nl", "notice": "sha256-…", "version": "…",
//!     "decisions": [ { "purpose": "analytical", "v": 7, "granted": true, "until": 1811240130000, "waiting": true } ],
//!     "services": [ "analytical=7", "analytical:metrics=3" ],
//!     "proof": { "record_id": "…", "prev": null, "subject": "…", "holder": "sha256-…", "secret": "…",
//!                "state": "given", "method": "accept_all", "layer": "first", "ui": "sha256-…",
//!                "client": "askfirst/0.1.0", "jurisdiction": null, "received": null } },
//!   "outbox": { "entries": [], "dropped": 0, "dead": 0 } }
//! ```

use crate::gate::Gate;
use crate::json::{self, Fields, Value, Writer};
use crate::outbox::Outbox;
use crate::record::{Layer, Method, State};
use crate::settings::{Category, Controller, Service};
use crate::texts::{Texts, concat, cut};
use crate::time::{DAY, Millis};
use crate::wire;
use alloc::string::String;
use alloc::vec::Vec;

/// What the visitor decided, and until when it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// When: whole seconds after a grant, the day alone after a refusal (P1).
    pub at: Millis,
    /// One per asked purpose, each followed by its exceptions: services that the visitor decided otherwise about.
    pub decisions: Vec<Held>,
    /// Whether Global Privacy Control was on at the time (G11).
    pub gpc: bool,
    /// Whether Do Not Track was.
    pub dnt: bool,
    /// Language of the notice.
    pub lang: String,
    /// Digest of the notice.
    pub notice: String,
    /// The owner's version of the notice.
    pub version: String,
    /// The link to the record. A refusal has none: it carries no identifier (P1).
    pub proof: Option<Proof>,
    /// What was agreed to, so that a later change can be told by name (B15): each granted category and each of its
    /// services with its substance, `category:service=number`. Only in localStorage.
    pub services: Vec<String>,
}

/// One decision with its own end: a purpose that is asked again later also ends later (B14, B15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Category id, or `category:service`.
    pub purpose: String,
    /// The category's substance when it was decided.
    pub v: u32,
    /// Agreed or refused.
    pub granted: bool,
    /// When it ends by itself.
    pub until: Millis,
    /// Granted, but shut until the record of it is kept as the owner requires (`records.require_ack`). Written only where
    /// it is so.
    pub waiting: bool,
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
    /// When the server received the record; `None` until its receipt has come. [`Proof::EARLIER`] and
    /// [`Proof::REFUSED`] where none will come.
    pub received: Option<String>,
    /// How the control was pressed: the text of an `Interaction`, which the server reads; here it is only passed on.
    pub interaction: Option<String>,
    /// How many earlier records of this browser the server never got ([`crate::outbox::Outbox::unreported`]).
    pub undelivered: u32,
    /// What the withdrawal could not delete: the text of a [`crate::record::Left`]. Only in localStorage; where that is
    /// lost, the server has the record already or gets it without.
    pub left: Option<String>,
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
    /// Agreed to and still shut: the record has not been kept as the owner requires.
    Waiting,
}

impl Choice {
    /// How `category` stands. A refusal outlives a change of substance: less was refused than is refused now.
    pub fn standing(choice: Option<&Self>, category: &Category, controller: &Controller, now: Millis) -> Standing {
        if category.exempt {
            return Standing::Open;
        }
        choice.map_or(Standing::Undecided, |choice| choice.stands(category, controller, now))
    }

    #[inline(never)]
    fn stands(&self, category: &Category, controller: &Controller, now: Millis) -> Standing {
        match self.held(&category.id) {
            Some(held) if held.until <= now || self.is_from_the_future(now) => Standing::Undecided,
            Some(held) if !held.granted => Standing::Refused,
            Some(held) if held.v != category.substance(controller) => Standing::Undecided,
            Some(held) if !held.waiting => Standing::Open,
            // Without a record there is nothing to wait for, so it is asked again.
            Some(_) if self.proof.is_some() => Standing::Waiting,
            _ => Standing::Undecided,
        }
    }

    /// Ends the waiting. Whether anything waited.
    pub(crate) fn confirm(&mut self) -> bool {
        let mut waited = false;
        for held in &mut self.decisions {
            waited |= core::mem::take(&mut held.waiting);
        }
        waited
    }

    /// The key of the decision about a service of a category; also the loader's token for it.
    pub fn key(category: &Category, service: &Service) -> String {
        concat(&[&category.id, ":", &service.id])
    }

    /// Whether a service is open whose category stands so. An exception that refuses lasts as long as what it is an
    /// exception to; one that allows ends by itself, and with the substance that was shown (B15).
    pub fn allows(
        choice: Option<&Self>,
        standing: Standing,
        category: &Category,
        service: &Service,
        controller: &Controller,
        now: Millis,
    ) -> bool {
        let open = standing == Standing::Open;
        choice.map_or(open, |choice| choice.excepts(open, category, service, controller, now))
    }

    #[inline(never)]
    fn excepts(
        &self,
        open: bool,
        category: &Category,
        service: &Service,
        controller: &Controller,
        now: Millis,
    ) -> bool {
        match self.held(&Self::key(category, service)) {
            Some(held) if open => held.granted && !held.waiting,
            Some(held) => {
                held.granted
                    && !held.waiting
                    && now < held.until
                    && held.v == category.substance(controller)
                    && !self.is_from_the_future(now)
            }
            None => open,
        }
    }

    /// Tells what is new and what has changed in a category that is to be asked again, `{names, new, of: [category]}`;
    /// nothing when its decision has merely ended (B15).
    pub(crate) fn write_change(&self, writer: &mut Writer, category: &Category, texts: &Texts, now: Millis) {
        let held = self.held(&category.id);
        let known = self.knew(&category.id);
        if held.is_some_and(|held| held.until <= now || !held.granted) || known == Some("") {
            return;
        }
        // A purpose that was never decided about is new as a whole. Where only the cookie is left, there are no names.
        let is_new = held.is_none() && known.is_none();
        let mut told = false;
        for new in [true, false] {
            let mut names = Vec::new();
            for service in &category.services {
                let tell = match self.knew(&Self::key(category, service)) {
                    None => new && (is_new || known.is_some()),
                    Some(before) => !new && before != number(service.fingerprint()),
                };
                if tell {
                    names.push(service.name.clone());
                }
            }
            if names.is_empty() && !told && new == is_new {
                // No service has come or changed: one has gone, or another controller asks.
                names.push(String::from(category.shown_title(texts)));
            }
            if !names.is_empty() {
                told = true;
                writer.open('{');
                writer.texts("names", &names);
                writer.flag("new", new);
                writer.texts("of", core::slice::from_ref(&category.id));
                writer.close('}');
            }
        }
    }

    /// The number under `key` in [`Choice::services`].
    fn knew(&self, key: &str) -> Option<&str> {
        for entry in &self.services {
            let (known, number) = cut(entry, b'=');
            if known == key {
                return Some(number);
            }
        }
        None
    }

    /// Notes what has been agreed to. Of a category that is undecided again, what was agreed to before stays; one that
    /// was left undecided is noted without a number, so that it is not taken for a new one.
    pub(crate) fn note_services(&mut self, categories: &[Category]) {
        let mut services = Vec::new();
        for category in categories {
            match self.held(&category.id) {
                Some(held) if held.granted && self.at < held.until => {
                    services.push(concat(&[&category.id, "=", &number(held.v)]));
                    for service in &category.services {
                        services.push(concat(&[&Self::key(category, service), "=", &number(service.fingerprint())]));
                    }
                }
                Some(_) => {}
                None => {
                    let before = services.len();
                    for entry in &self.services {
                        let (key, _) = cut(entry, b'=');
                        if cut(key, b':').0 == category.id {
                            services.push(entry.clone());
                        }
                    }
                    if services.len() == before && !category.exempt {
                        services.push(concat(&[&category.id, "="]));
                    }
                }
            }
        }
        self.services = services;
    }

    /// Clocks differ by hours. What is dated later than that was made by a broken clock or a forger and counts as none
    /// (G9).
    fn is_from_the_future(&self, now: Millis) -> bool {
        self.at > now + DAY
    }

    /// The decision about `purpose`.
    pub fn held(&self, purpose: &str) -> Option<&Held> {
        self.decisions.iter().find(|held| held.purpose == purpose)
    }

    /// Whether anything was granted.
    pub fn grants(&self) -> bool {
        self.decisions.iter().any(|held| held.granted)
    }

    fn write(&self, writer: &mut Writer, with_secret: bool) {
        writer.open('{');
        writer.int("at", self.at);
        self.write_decisions(writer);
        signals(writer, self);
        writer.text("lang", &self.lang);
        writer.text("notice", &self.notice);
        writer.key("proof");
        match &self.proof {
            Some(proof) => proof.write(writer, with_secret),
            None => writer.raw("null"),
        }
        if with_secret && !self.services.is_empty() {
            writer.texts("services", &self.services);
        }
        writer.text("version", &self.version);
        writer.close('}');
    }

    pub(crate) fn write_decisions(&self, writer: &mut Writer) {
        writer.list("decisions");
        for held in &self.decisions {
            writer.open('{');
            writer.flag("granted", held.granted);
            writer.text("purpose", &held.purpose);
            writer.int("until", held.until);
            writer.int("v", i64::from(held.v));
            if held.waiting {
                writer.flag("waiting", true);
            }
            writer.close('}');
        }
        writer.close(']');
    }

    fn read(value: &Value) -> Option<Self> {
        let mut fields = Fields::of(value);
        let proof = fields.get("proof");
        let mut choice = Self { at: fields.int("at"), ..Self::default() };
        fields.good &= Held::read_all(fields.get("decisions"), &mut choice.decisions);
        choice.gpc = fields.flag("gpc");
        choice.dnt = matches!(value.get("dnt"), Value::Bool(true));
        fields.take("lang", &mut choice.lang);
        fields.take("notice", &mut choice.notice);
        fields.take("version", &mut choice.version);
        for service in value.get("services").items() {
            choice.services.push(String::from(service.text().unwrap_or_default()));
        }
        choice.proof = Proof::read(proof);
        (fields.good && (choice.proof.is_some() || matches!(proof, Value::Null))).then_some(choice)
    }

    /// Both agreed: what only one of the two grants is refused (P5).
    fn restrict(&mut self, other: &Self) {
        for held in &mut self.decisions {
            let other = other.held(&held.purpose).filter(|other| other.granted && other.v == held.v);
            held.waiting |= other.is_some_and(|other| other.waiting);
            if held.granted && other.is_none() {
                held.waiting = false;
                held.granted = false;
                // The record says more than is left of it, and a refusal has none (P1).
                self.proof = None;
            }
        }
        // A service that the other one alone excepts from a grant.
        for held in &other.decisions {
            if !held.granted && self.held(&held.purpose).is_none() {
                self.decisions.push(held.clone());
            }
        }
    }
}

/// A fingerprint in decimal.
fn number(fingerprint: u32) -> String {
    let mut out = String::new();
    json::push_int(&mut out, i64::from(fingerprint), 1);
    out
}

/// The signals of the browser at the time, as members of the object that is open. Few send Do Not Track, so what says
/// nothing of it says that it was off.
pub(crate) fn signals(writer: &mut Writer, choice: &Choice) {
    if choice.dnt {
        writer.flag("dnt", true);
    }
    writer.flag("gpc", choice.gpc);
}

impl Held {
    /// Reads a list that decides each purpose once; `false` when it is none.
    fn read_all(value: &Value, list: &mut Vec<Self>) -> bool {
        for item in value.items() {
            let mut fields = Fields::of(item);
            let purpose = fields.text("purpose");
            fields.good &= !list.iter().any(|earlier| earlier.purpose == purpose);
            let (v, granted, until) = (fields.count("v"), fields.flag("granted"), fields.int("until"));
            if !fields.good {
                return false;
            }
            let waiting = granted && item.at("waiting").is_some();
            list.push(Self { purpose, v, granted, until, waiting });
        }
        matches!(value, Value::List(_))
    }
}

/// An empty one, to be filled in.
impl Default for Proof {
    fn default() -> Self {
        Self {
            record_id: String::new(),
            prev: None,
            subject: String::new(),
            holder: String::new(),
            secret: None,
            state: State::Given,
            method: Method::Api,
            layer: Layer::Page,
            ui: String::new(),
            client: String::new(),
            jurisdiction: None,
            received: None,
            interaction: None,
            undelivered: 0,
            left: None,
        }
    }
}

impl Proof {
    /// [`Proof::received`] where the server has no receipt to give: the record is stored under another text, or erased.
    pub(crate) const EARLIER: &str = "earlier";
    /// The same where the server refuses the record for good.
    pub(crate) const REFUSED: &str = "refused";

    /// Whether the server has the record, by its own word.
    pub(crate) fn is_recorded(&self) -> bool {
        self.received.as_deref().is_some_and(|received| received != Self::REFUSED)
    }

    /// Whether the server has confirmed it with a receipt.
    pub(crate) fn is_acked(&self) -> bool {
        self.received.as_deref().is_some_and(|received| received != Self::REFUSED && received != Self::EARLIER)
    }

    fn write(&self, writer: &mut Writer, with_secret: bool) {
        writer.open('{');
        writer.text("client", &self.client);
        writer.text("holder", &self.holder);
        if let Some(interaction) = &self.interaction {
            writer.text("interaction", interaction);
        }
        writer.optional("jurisdiction", &self.jurisdiction);
        writer.text("layer", self.layer.name());
        if let Some(left) = self.left.as_ref().filter(|_| with_secret) {
            writer.text("left", left);
        }
        writer.text("method", self.method.name());
        writer.optional("prev", &self.prev);
        writer.optional("received", &self.received);
        writer.text("record_id", &self.record_id);
        writer.optional("secret", if with_secret { &self.secret } else { &None });
        writer.text("state", self.state.name());
        writer.text("subject", &self.subject);
        writer.text("ui", &self.ui);
        if self.undelivered > 0 {
            writer.int("undelivered", i64::from(self.undelivered));
        }
        writer.close('}');
    }

    fn read(value: &Value) -> Option<Self> {
        let mut fields = Fields::of(value);
        let mut proof = Self { undelivered: Fields::of(value).count("undelivered"), ..Self::default() };
        fields.take("record_id", &mut proof.record_id);
        fields.take("subject", &mut proof.subject);
        fields.take("holder", &mut proof.holder);
        fields.take("ui", &mut proof.ui);
        fields.take("client", &mut proof.client);
        fields.take_optional("prev", &mut proof.prev);
        fields.take_optional("secret", &mut proof.secret);
        fields.take_optional("jurisdiction", &mut proof.jurisdiction);
        fields.take_optional("received", &mut proof.received);
        proof.state = State::ALL[fields.named("state", State::NAMES)];
        proof.method = Method::ALL[fields.named("method", Method::NAMES)];
        proof.layer = Layer::ALL[fields.named("layer", Layer::NAMES)];
        fields.take_optional("interaction", &mut proof.interaction);
        fields.take_optional("left", &mut proof.left);
        fields.good.then_some(proof)
    }
}

impl Stored {
    /// The text for localStorage.
    pub fn encode(&self) -> String {
        self.text(true)
    }

    /// The text for the cookie: no outbox, no secret, no calls of consent APIs.
    pub fn encode_mirror(&self) -> String {
        self.text(false)
    }

    #[inline(never)]
    fn text(&self, whole: bool) -> String {
        let mut writer = Writer::default();
        writer.open('{');
        writer.key("choice");
        match &self.choice {
            Some(choice) => choice.write(&mut writer, whole),
            None => writer.raw("null"),
        }
        writer.int("format", wire::FORMAT);
        writer.key("gate");
        match &self.gate {
            Some(gate) => gate.write(&mut writer, whole),
            None => writer.raw("null"),
        }
        if whole {
            writer.key("outbox");
            self.outbox.write(&mut writer);
        }
        writer.close('}');
        writer.finish()
    }

    /// Reads a stored text. `None` for anything corrupt or of another format: it grants nothing (G9).
    pub fn decode(stored: &str) -> Option<Self> {
        let value = json::parse(stored).ok()?;
        let choice = value.get("choice");
        let read = Self {
            choice: Choice::read(choice),
            gate: Gate::read(value.get("gate")),
            outbox: Outbox::read(value.get("outbox")),
        };
        let good =
            value.get("format").int() == Some(wire::FORMAT) && (read.choice.is_some() || matches!(choice, Value::Null));
        good.then_some(read)
    }

    /// What to go by at `now`, from localStorage and the cookies (there can be several of one name, from other domains
    /// or paths): the newest valid one wins; of two that are equally new but differ, what both grant (P5). A choice from
    /// the future is left out, so that it can't beat a good one.
    ///
    /// Beside a copy that can't be read nothing counts as granted, for that copy may be a newer version's and say no
    /// (G9). Refusals stand: whoever refused is not asked again for a broken cookie (B14).
    pub fn reconcile(primary: Option<&str>, mirrors: &[String], now: Millis) -> Self {
        if primary.is_none() && mirrors.is_empty() {
            return Self::default();
        }
        Self::newest(primary, mirrors, now)
    }

    #[inline(never)]
    fn newest(primary: Option<&str>, mirrors: &[String], now: Millis) -> Self {
        let mut best: Option<Self> = None;
        let mut unreadable = false;
        let mut count = |copy: &str| {
            let Some(mut stored) = Self::decode(copy) else {
                unreadable = true;
                return;
            };
            if stored.choice.as_ref().is_some_and(|choice| choice.is_from_the_future(now)) {
                stored.choice = None;
            }
            match &mut best {
                None => best = Some(stored),
                Some(best) => best.merge(stored),
            }
        };
        if let Some(primary) = primary {
            count(primary);
        }
        for mirror in mirrors {
            count(mirror);
        }
        let mut best = best.unwrap_or_default();
        if unreadable {
            best.keep_refusals();
        }
        best
    }

    /// Only what was refused, and records on their way.
    fn keep_refusals(&mut self) {
        self.gate = None;
        let Some(choice) = &mut self.choice else { return };
        let mut at = 0;
        while let Some(held) = choice.decisions.get(at) {
            if held.granted {
                choice.decisions.remove(at);
            } else {
                at += 1;
            }
        }
        choice.at = choice.at.div_euclid(DAY) * DAY;
        choice.proof = None;
        if choice.decisions.is_empty() {
            self.choice = None;
        }
    }

    /// Takes over what is better in another copy. The outbox stays: only localStorage has one.
    fn merge(&mut self, mut other: Self) {
        let taken = match (&mut self.choice, &other.choice) {
            // Only one has a choice: the other was wiped, or never written.
            (Some(_), None) => false,
            (None, _) => true,
            (Some(own), Some(choice)) => {
                // A refusal keeps only its day, so within a day it can't be told which of the two came later.
                let same_day =
                    own.at.div_euclid(DAY) == choice.at.div_euclid(DAY) && !(own.grants() && choice.grants());
                if own.decisions != choice.decisions && (own.at == choice.at || same_day) {
                    own.restrict(choice);
                    self.gate = None;
                    return;
                }
                choice.at > own.at
            }
        };
        if taken {
            core::mem::swap(&mut self.outbox, &mut other.outbox);
            *self = other;
        }
    }
}
