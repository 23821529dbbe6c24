//! The state machine: an event goes in, the new state and ordered effects come out.
//!
//! Every grant in the product happens here, and only as the answer to [`Event::Decide`] (B1). The order of the effects
//! is part of the contract (DESIGN §4): the choice is stored before anything acts on it, and what was granted is closed
//! in the same write that records the withdrawal.

mod deliver;
mod hold;
mod turn;

use crate::choice::{Choice, Proof, Standing, Stored};
use crate::gate::Gate;
use crate::json::{Value, Writer};
use crate::outbox::Outbox;
use crate::record::{Layer, Method};
use crate::settings::{Category, Kind, Settings};
use crate::texts::Texts;
use crate::time::{self, Millis};
use alloc::string::String;
use alloc::vec::Vec;
use deliver::record_of;
use turn::Turn;

/// The world at the moment of an event. Nothing else is read.
#[derive(Clone, Debug)]
pub struct Env {
    /// The browser's clock.
    pub now: Millis,
    /// Fresh random bytes; each event gets its own. Without a source of them no record is made: its id and its secret
    /// would be the same in every browser.
    pub random: Option<[u8; 64]>,
    /// Whether Global Privacy Control is on.
    pub gpc: bool,
    /// Whether Do Not Track is on.
    pub dnt: bool,
    /// Whether the page is one on which the first layer does not come by itself ([`Settings::is_quiet`]). The path itself
    /// stays outside, so that no record can hold it.
    pub quiet: bool,
    /// The page's origin.
    pub site: String,
    /// The page key of the loader.
    pub key: String,
    /// Digest of the code that draws the notice.
    pub ui: String,
    /// Name and version of the software.
    pub client: String,
    /// Language of the notice.
    pub lang: String,
    /// Digest of the notice.
    pub notice: String,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The page started. `opened`: the loader has found the stored gate good and has opened it.
    Boot {
        /// Whether the loader has already sent the signals and released.
        opened: bool,
    },
    /// Another product has this choice of the visitor, made then (FIELD 81). Comes before [`Event::Boot`].
    Import(Millis, Vec<(String, bool)>),
    /// The visitor decided.
    Decide(Decision, Layer, Method),
    /// The declared storage of withdrawn purposes was deleted, but for this: `[{kind, name, why}…]`, where only a
    /// `server` or only the `foreign` site can delete it, or it is tried again `later` (`www/clear.ts`).
    Cleared(Value),
    /// The visitor wants the dialog.
    Customise,
    /// The page wants the interface: the first layer while something is asked, the dialog otherwise.
    Open,
    /// The dialog was closed. Decides nothing.
    Close,
    /// The server answered, or did not (status 0).
    Answered {
        /// What was posted.
        body: String,
        /// HTTP status, 0 for none.
        status: u16,
        /// `Retry-After` in seconds.
        retry_after: Option<u32>,
        /// The answer's JSON.
        receipt: Option<Value>,
    },
    /// The server has erased the record of the choice, at the visitor's wish (S4). The choice itself stands.
    Erased,
    /// The answer to [`Effect::AskKept`]: whether the browser has kept what was to be stored.
    Kept(bool),
    /// The stored value may have changed in another tab.
    Refresh,
    /// A retry is due.
    Wake,
    /// The network came back, or the page is being hidden or left.
    Online,
    /// The page is shown again after it was left.
    Restored,
}

/// What the visitor decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Grant what is asked at the moment.
    Accept,
    /// Grant every purpose.
    AcceptAll,
    /// Refuse what is asked at the moment.
    Reject,
    /// Refuse every purpose.
    RejectAll,
    /// These purposes as given; the others stay as they are. `:service` is about one service; without a word about it, it
    /// goes with its category.
    Save(Vec<(String, bool)>),
}

/// What to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write `State::stored`, whole, at once.
    Persist,
    /// Answer with [`Event::Kept`], whether what was last written is kept by more than this page.
    AskKept,
    /// Make this call of a consent API, `[path, argument…]` (JSON).
    Signal(String),
    /// Hand this gate to the loader.
    Release(Gate),
    /// Delete this storage and answer with [`Event::Cleared`] when `tell`.
    Clear {
        /// What to delete.
        targets: Vec<Target>,
        /// Whether a withdrawal waits for the outcome.
        tell: bool,
    },
    /// Dispatch `askfirst:<name>` with this detail (JSON).
    Emit(&'static str, String),
    /// Show the first layer for what [`State::asked`] says.
    ShowBanner,
    /// Hide the first layer and show the re-open control.
    HideBanner,
    /// Move the focus to the first layer.
    FocusBanner,
    /// Show the dialog.
    ShowDialog,
    /// Close the dialog.
    CloseDialog,
    /// Post this body to the records endpoint and answer with [`Event::Answered`].
    Deliver(String),
    /// Send [`Event::Wake`] at this time.
    WakeAt(Millis),
    /// Reload the page if a tag of these categories or services (`category:service`) has run on it and no form would be
    /// lost.
    Reload(Vec<String>),
}

/// Storage to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is.
    pub kind: Kind,
    /// Name; `*` stands for any characters (`www/clear.ts`).
    pub name: String,
    /// Another site keeps it: it can't be deleted from this one.
    pub foreign: bool,
}

/// The state between two events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What is stored. The caller reads it anew before each event, so that no tab overwrites another's.
    pub stored: Stored,
    /// How the control of ours was pressed that the next decision comes from; set by the caller
    /// (`record::Interaction`, its text).
    pub pressed: Option<String>,
    /// What this page has acted on: time, signal and answers of the choice, as text.
    seen: String,
    /// What was open then.
    seen_open: Vec<String>,
    /// The services that have been told on this page that they are open.
    told: Vec<String>,
    /// The ids that the first layer on this page asks about; empty while it is hidden.
    shown: Vec<String>,
    /// Bodies on the wire.
    sending: Vec<String>,
    /// For each deletion under way the record, if any, that waits for what could not be deleted.
    clearing: Vec<Option<String>>,
    /// Whether the page has been told that what was granted waits for its record.
    told_waiting: bool,
    /// Whether the browser has refused to keep what was decided on this page.
    unkept: bool,
    /// Categories and services of the withdrawal under way.
    withdrawing: Vec<String>,
    /// The last record's id and receipt (JSON), for this page only.
    receipt: Option<(String, String)>,
}

/// Handles one event. Effects are to be carried out in their order.
pub fn handle(settings: &Settings, state: &mut State, event: Event, env: &Env) -> Vec<Effect> {
    let mut turn = Turn { settings, state, env, at: env.now, effects: Vec::new() };
    match event {
        Event::Boot { opened } => turn.boot(opened),
        event => follow(&mut turn, event),
    }
    turn.effects
}

/// What comes after the start.
#[inline(never)]
fn follow(turn: &mut Turn<'_>, event: Event) {
    match event {
        Event::Boot { .. } => {}
        Event::Import(at, answers) => turn.import(at, answers),
        Event::Decide(decision, layer, method) => turn.decide(&decision, layer, method),
        Event::Cleared(left) => turn.finish_withdrawal(&left),
        Event::Customise => turn.push(Effect::ShowDialog),
        Event::Open => turn.open(),
        Event::Close => turn.push(Effect::CloseDialog),
        Event::Answered { body, status, retry_after, receipt } => turn.answered(&body, status, retry_after, receipt),
        Event::Erased => turn.forget_record(),
        Event::Kept(kept) => turn.kept(kept),
        Event::Refresh => turn.refresh(),
        Event::Wake => turn.deliver(),
        Event::Online => turn.hurry(),
        Event::Restored => turn.restored(),
    }
}

impl State {
    /// Whether a category (or an alias of one) is open; where there is none of that name, a service.
    pub fn has(&self, settings: &Settings, id: &str, now: Millis) -> bool {
        match settings.category(crate::gate::canonical(id)) {
            Some(category) => self.standing(settings, category, now) == Standing::Open,
            None => self.services(settings, now).iter().any(|open| open == id),
        }
    }

    /// The ids of the services that are open.
    #[inline(never)]
    pub fn services(&self, settings: &Settings, now: Millis) -> Vec<String> {
        Gate::new(settings, self.stored.choice.as_ref(), "", now).services
    }

    /// The ids that are asked at the moment: all at first, later only what is new or has changed (B15).
    pub fn asked(&self, settings: &Settings, now: Millis) -> Vec<String> {
        self.ids(settings, now, Standing::Undecided)
    }

    /// What is new or has changed since the visitor's choice in the purposes that are asked at the moment (B15): a list
    /// of `{names, new, of: [category]}`.
    #[inline(never)]
    pub fn changes(&self, settings: &Settings, texts: &Texts, now: Millis) -> Value {
        let mut writer = Writer::default();
        writer.open('[');
        for category in &settings.categories {
            if let Some(choice) = &self.stored.choice
                && !category.exempt
                && self.standing(settings, category, now) == Standing::Undecided
            {
                choice.write_change(&mut writer, category, texts, now);
            }
        }
        writer.close(']');
        writer.into_value()
    }

    /// Whether anything was decided that still holds, so that a banner would ask about a change.
    pub fn decided(&self, settings: &Settings, now: Millis) -> bool {
        self.stored.choice.is_some() && self.stands(settings, now)
    }

    #[inline(never)]
    fn stands(&self, settings: &Settings, now: Millis) -> bool {
        let mut categories = settings.asked();
        categories.any(|category| self.standing(settings, category, now) != Standing::Undecided)
    }

    /// The ids of the granted categories that are open.
    pub fn granted(&self, settings: &Settings, now: Millis) -> Vec<String> {
        self.ids(settings, now, Standing::Open)
    }

    /// The categories and services that the visitor has agreed to, those that wait for their record too: how the switches
    /// stand.
    #[inline(never)]
    pub fn agreed(&self, settings: &Settings, now: Millis) -> (Vec<String>, Vec<String>) {
        let mut state = Self::default();
        state.stored.choice.clone_from(&self.stored.choice);
        if let Some(choice) = &mut state.stored.choice {
            choice.confirm();
        }
        (state.granted(settings, now), state.services(settings, now))
    }

    /// The ids of the categories that need consent and stand so.
    #[inline(never)]
    fn ids(&self, settings: &Settings, now: Millis, wanted: Standing) -> Vec<String> {
        let mut ids = Vec::new();
        for category in &settings.categories {
            if !category.exempt && self.standing(settings, category, now) == wanted {
                ids.push(category.id.clone());
            }
        }
        ids
    }

    /// The state as the JavaScript API and the events give it (JSON).
    pub fn text(&self, settings: &Settings, env: &Env) -> String {
        let mut writer = Writer::default();
        self.write(&mut writer, settings, env);
        writer.finish()
    }

    #[inline(never)]
    fn write(&self, writer: &mut Writer, settings: &Settings, env: &Env) {
        let (mut at, mut record_id, mut recorded) = (None, None, false);
        if let Some(choice) = &self.stored.choice {
            at = Some(time::instant(choice.at));
            if let Some(proof) = &choice.proof {
                record_id = Some(proof.record_id.clone());
                recorded = proof.is_recorded();
            }
        }
        writer.open('{');
        writer.texts("asked", &self.asked(settings, env.now));
        writer.optional("at", &at);
        writer.flag("decided", self.decided(settings, env.now));
        writer.flag("dnt", env.dnt);
        writer.flag("gpc", env.gpc);
        writer.texts("granted", &self.granted(settings, env.now));
        writer.text("lang", &env.lang);
        writer.int("pending", self.stored.outbox.entries.len() as i64);
        writer.optional("recordId", &record_id);
        writer.flag("recorded", recorded);
        writer.texts("refused", &self.ids(settings, env.now, Standing::Refused));
        if self.stored.choice.is_some() {
            self.write_rest(writer, settings, env.now);
        } else {
            writer.text("version", &settings.version);
        }
        writer.close('}');
    }

    /// The end of the state, with what there can only be after a choice and mostly is not.
    #[inline(never)]
    fn write_rest(&self, writer: &mut Writer, settings: &Settings, now: Millis) {
        let Outbox { dropped, dead, .. } = &self.stored.outbox;
        if (*dropped, *dead) != (0, 0) {
            writer.int("undelivered", i64::from(dropped.saturating_add(*dead)));
        }
        writer.text("version", &settings.version);
        let waiting = self.ids(settings, now, Standing::Waiting);
        if !waiting.is_empty() {
            writer.texts("waiting", &waiting);
        }
    }

    /// What the visitor can keep: the choice, and with a record its id, the secret that opens it, and the server's
    /// receipt (B16, R8). JSON.
    pub fn receipt(&self, settings: &Settings, env: &Env) -> String {
        let none = Proof::default();
        let proof = self.proof().unwrap_or(&none);
        let (mut receipt, mut record) = ("null", None);
        if let Some((id, text)) = &self.receipt
            && *id == proof.record_id
        {
            receipt = text;
        }
        if let Some(choice) = &self.stored.choice {
            record = record_of(choice, env);
        }
        let mut writer = Writer::default();
        writer.open('{');
        writer.key("receipt");
        writer.raw(receipt);
        writer.optional("receivedAt", if proof.is_recorded() { &proof.received } else { &None });
        writer.key("record");
        writer.raw(record.as_deref().unwrap_or("null"));
        writer.optional("secret", &proof.secret);
        writer.key("state");
        self.write(&mut writer, settings, env);
        writer.close('}');
        writer.finish()
    }

    fn standing(&self, settings: &Settings, category: &Category, now: Millis) -> Standing {
        Choice::standing(self.stored.choice.as_ref(), category, &settings.controller, now)
    }

    fn proof(&self) -> Option<&Proof> {
        self.stored.choice.as_ref()?.proof.as_ref()
    }
}
