//! The state machine: an event goes in, the new state and ordered effects come out.
//!
//! Every grant in the product happens here, and only as the answer to [`Event::Decide`] (B1). The order of the effects
//! is part of the contract (DESIGN §4): the choice is stored before anything acts on it, and what was granted is closed
//! in the same write that records the withdrawal.

use crate::choice::{Choice, Held, Proof, Standing, Stored};
use crate::digest;
use crate::gate::Gate;
use crate::json::{Value, map};
use crate::outbox::Answer;
use crate::record::{Count, Decision as Answered, Event as What, Layer, Method, NoticeRef, Record, Signals, State as Became};
use crate::settings::{Category, Kind, Refusals, Settings};
use crate::time::{self, DAY, Millis};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The world at the moment of an event. Nothing else is read.
#[derive(Clone, Debug)]
pub struct Env {
    /// The browser's clock.
    pub now: Millis,
    /// Fresh random bytes; each event gets its own.
    pub random: [u8; 64],
    /// Whether Global Privacy Control is on.
    pub gpc: bool,
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
    /// The visitor decided.
    Decide(Decision, Layer, Method),
    /// The declared storage of withdrawn purposes was deleted; these names could not be.
    Cleared(Vec<String>),
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
    /// The stored value may have changed in another tab.
    Refresh,
    /// A retry is due, or the network came back.
    Wake,
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
    /// These purposes as given; the others stay as they are.
    Save(Vec<(String, bool)>),
}

/// What to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write `State::stored`, whole, at once.
    Persist,
    /// Send this argument list to the consent APIs.
    Signal(Value),
    /// Hand this gate to the loader.
    Release(Gate),
    /// Delete this storage and answer with [`Event::Cleared`] when `tell`.
    Clear {
        /// What to delete.
        targets: Vec<Target>,
        /// Whether a withdrawal waits for the outcome.
        tell: bool,
    },
    /// Dispatch `askfirst:<name>` with this detail.
    Emit(&'static str, Value),
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
    /// Reload the page if a tag of these categories has run on it and no form would be lost.
    Reload(Vec<String>),
}

/// Storage to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is.
    pub kind: Kind,
    /// Name; `*` stands for any characters.
    pub name: String,
}

impl Target {
    /// Whether a stored name is meant; `*` in the declared one stands for any characters.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.name.split('*');
        let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else { return rest.is_empty() };
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.len() >= last.len() && rest.ends_with(last)
    }
}

/// The state between two events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What is stored. The caller reads it anew before each event, so that no tab overwrites another's.
    pub stored: Stored,
    /// The choice that this page has acted on.
    seen: Option<Choice>,
    /// The ids that the first layer on this page asks about; empty while it is hidden.
    shown: Vec<String>,
    /// Bodies on the wire.
    sending: Vec<String>,
    /// Categories of the withdrawal under way.
    withdrawing: Vec<String>,
    /// The last record's id and receipt, for this page only.
    receipt: Option<(String, Value)>,
}

/// Handles one event. Effects are to be carried out in their order.
pub fn handle(settings: &Settings, mut state: State, event: Event, env: &Env) -> (State, Vec<Effect>) {
    let mut turn = Turn { settings, state: &mut state, env, effects: Vec::new() };
    match event {
        Event::Boot { opened } => turn.boot(opened),
        Event::Decide(decision, layer, method) => turn.decide(&decision, layer, method),
        Event::Cleared(left) => turn.finish_withdrawal(left),
        Event::Customise => turn.push(Effect::ShowDialog),
        Event::Open if !turn.state.shown.is_empty() => turn.push(Effect::FocusBanner),
        Event::Open => turn.push(Effect::ShowDialog),
        Event::Close => turn.push(Effect::CloseDialog),
        Event::Answered { body, status, retry_after, receipt } => turn.answered(&body, status, retry_after, receipt),
        Event::Refresh => turn.refresh(),
        Event::Wake => turn.deliver(),
    }
    let effects = turn.effects;
    (state, effects)
}

impl State {
    /// Whether a category (or an alias of one) is open.
    pub fn has(&self, settings: &Settings, id: &str, now: Millis) -> bool {
        settings
            .category(crate::gate::canonical(id))
            .is_some_and(|category| self.standing(settings, category, now) == Standing::Open)
    }

    /// The ids that are asked at the moment: all at first, later only what is new or has changed (B15).
    pub fn asked(&self, settings: &Settings, now: Millis) -> Vec<String> {
        settings
            .asked()
            .filter(|category| self.standing(settings, category, now) == Standing::Undecided)
            .map(|category| category.id.clone())
            .collect()
    }

    /// Whether anything was decided that still holds, so that a banner would ask about a change.
    pub fn decided(&self, settings: &Settings, now: Millis) -> bool {
        settings.asked().any(|category| self.standing(settings, category, now) != Standing::Undecided)
    }

    /// The ids of the granted categories.
    pub fn granted(&self, settings: &Settings, now: Millis) -> Vec<String> {
        settings
            .asked()
            .filter(|category| self.standing(settings, category, now) == Standing::Open)
            .map(|category| category.id.clone())
            .collect()
    }

    /// The state as the JavaScript API and the events give it.
    pub fn value(&self, settings: &Settings, env: &Env) -> Value {
        let choice = self.stored.choice.as_ref();
        let proof = choice.and_then(|choice| choice.proof.as_ref());
        let asked = self.asked(settings, env.now);
        let granted = self.granted(settings, env.now);
        let refused: Vec<String> = settings
            .asked()
            .map(|category| category.id.clone())
            .filter(|id| !asked.contains(id) && !granted.contains(id))
            .collect();
        map([
            ("decided", self.decided(settings, env.now).into()),
            ("granted", granted.into()),
            ("refused", refused.into()),
            ("asked", asked.into()),
            ("at", choice.map(|choice| time::instant(choice.at)).into()),
            ("version", settings.version.as_str().into()),
            ("lang", env.lang.as_str().into()),
            ("gpc", env.gpc.into()),
            ("recordId", proof.map(|proof| proof.record_id.as_str()).into()),
            ("recorded", proof.is_some_and(|proof| proof.received.is_some()).into()),
            ("pending", (self.stored.outbox.entries.len() as i64).into()),
        ])
    }

    /// What the visitor can keep: the choice, and with a record its id, the secret that opens it, and the server's
    /// receipt (B16, R8).
    pub fn receipt(&self, settings: &Settings, env: &Env) -> Value {
        let proof = self.stored.choice.as_ref().and_then(|choice| choice.proof.as_ref());
        let record = self.stored.choice.as_ref().and_then(|choice| record_of(choice, env));
        let receipt = self.receipt.as_ref().filter(|(id, _)| proof.is_some_and(|proof| proof.record_id == *id));
        map([
            ("state", self.value(settings, env)),
            ("record", record.map(|record| record.to_value()).into()),
            ("secret", proof.and_then(|proof| proof.secret.as_deref()).into()),
            ("receivedAt", proof.and_then(|proof| proof.received.as_deref()).into()),
            ("receipt", receipt.map(|(_, receipt)| receipt.clone()).into()),
        ])
    }

    fn standing(&self, settings: &Settings, category: &Category, now: Millis) -> Standing {
        Choice::standing(self.stored.choice.as_ref(), category, &settings.controller, now)
    }
}

/// One event being handled.
struct Turn<'a> {
    settings: &'a Settings,
    state: &'a mut State,
    env: &'a Env,
    effects: Vec<Effect>,
}

impl Turn<'_> {
    fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn emit_state(&mut self, name: &'static str) {
        let detail = self.state.value(self.settings, self.env);
        self.push(Effect::Emit(name, detail));
    }

    fn boot(&mut self, opened: bool) {
        self.state.seen.clone_from(&self.state.stored.choice);
        let objected = self.objected();
        let gate = self.gate();
        let rebuilt = self.rebuild_outbox();
        if self.state.stored.choice.is_none() {
            if opened || self.state.stored.gate.is_some() {
                // A gate without a readable choice: the loader must not find it again (G9).
                self.state.stored.gate = None;
                self.push(Effect::Persist);
            }
        } else if !objected {
            let same = self.state.stored.gate.as_ref() == Some(&gate);
            if !same || rebuilt {
                self.state.stored.gate = Some(gate.clone());
                self.push(Effect::Persist);
            }
            if !(opened && same) {
                self.signal(&gate);
            }
        }
        if objected {
            // An objection that the browser sends for the visitor refuses, and can only refuse (G11).
            self.emit_state("ready");
            let refuse = Vec::from([("marketing".to_string(), false)]);
            self.decide(&Decision::Save(refuse), Layer::Page, Method::Signal);
            return;
        }
        self.push(Effect::Release(gate));
        self.clear_refused();
        self.emit_state("ready");
        self.show_what_is_asked();
        self.deliver();
    }

    /// Whether Global Privacy Control was switched on after marketing was granted without it.
    fn objected(&self) -> bool {
        let granted_without = self.state.stored.choice.as_ref().is_some_and(|choice| !choice.gpc);
        self.settings.gpc && self.env.gpc && granted_without && self.state.has(self.settings, "marketing", self.env.now)
    }

    fn show_what_is_asked(&mut self) {
        let asked = self.state.asked(self.settings, self.env.now);
        let as_before = self.state.shown == asked;
        self.state.shown.clone_from(&asked);
        if asked.is_empty() {
            self.push(Effect::HideBanner);
        } else {
            self.push(Effect::ShowBanner);
            if !as_before {
                self.emit_state("shown");
            }
        }
    }

    fn gate(&self) -> Gate {
        Gate::new(self.settings, self.state.stored.choice.as_ref(), &self.env.key, self.env.now)
    }

    fn signal(&mut self, gate: &Gate) {
        self.effects.extend(gate.signals.iter().cloned().map(Effect::Signal));
    }

    fn decide(&mut self, decision: &Decision, layer: Layer, method: Method) {
        let now = self.env.now;
        let before = self.state.stored.choice.clone();
        self.report_unknown(decision);
        let Some(decisions) = self.decisions(decision, before.as_ref()) else {
            // Nothing was asked any more, or nothing known was answered: no record of nothing.
            return self.show_what_is_asked();
        };
        let had = self.state.granted(self.settings, now);
        let lost: Vec<String> =
            had.iter().filter(|id| !decisions.iter().any(|held| held.purpose == **id && held.granted)).cloned().collect();
        let became = became(before.as_ref(), &decisions, now);
        let asked_anew = !self.state.asked(self.settings, now).is_empty();
        let unchanged = !asked_anew && before.as_ref().is_some_and(|choice| same_answers(&choice.decisions, &decisions));

        let grants = decisions.iter().any(|held| held.granted);
        let exact = grants || became == Became::Withdrawn;
        let mut choice = Choice {
            // A withdrawal must be newer than the grant of the same day; a mere refusal keeps the day only (P1).
            at: if exact { now.div_euclid(1000) * 1000 } else { now.div_euclid(DAY) * DAY },
            decisions,
            gpc: self.env.gpc,
            lang: self.env.lang.clone(),
            notice: self.env.notice.clone(),
            version: self.settings.version.clone(),
            proof: None,
        };
        // The same refusal once more is not another record, unless there is one that would now say something else.
        let repeated = unchanged && !grants && before.as_ref().is_some_and(|before| {
            choice.proof.clone_from(&before.proof);
            choice.proof.is_none() || choice == *before
        });
        if !repeated {
            self.enqueue(&mut choice, before.as_ref(), became, layer, method);
        }
        self.state.stored.choice = Some(choice.clone());
        self.state.seen = Some(choice);
        let gate = self.gate();
        self.state.stored.gate = Some(gate.clone());

        self.push(Effect::Persist);
        self.signal(&gate);
        self.push(Effect::Release(gate));
        if lost.is_empty() {
            // What ended or changed before it was refused may have left something behind (G5).
            self.clear_refused();
            self.emit_state("change");
            self.settle();
        } else {
            // The rest waits for the outcome of the deletion, which belongs into the event (G5).
            let targets = self.targets(&lost);
            self.state.withdrawing.extend(lost);
            self.push(Effect::Clear { targets, tell: true });
        }
    }

    /// `askfirst.save({ analyticl: true })` must not be taken in silence.
    fn report_unknown(&mut self, decision: &Decision) {
        let Decision::Save(answers) = decision else { return };
        for (id, _) in answers {
            if self.settings.category(crate::gate::canonical(id)).is_none() {
                let detail = map([("code", "unknown_category".into()), ("category", id.as_str().into())]);
                self.push(Effect::Emit("error", detail));
            }
        }
    }

    fn settle(&mut self) {
        self.push(Effect::CloseDialog);
        self.show_what_is_asked();
        self.deliver();
    }

    fn finish_withdrawal(&mut self, left: Vec<String>) {
        let mut lost = core::mem::take(&mut self.state.withdrawing);
        let open = self.state.granted(self.settings, self.env.now);
        lost.retain(|id| !open.contains(id));
        if lost.is_empty() {
            // Already told, or granted again in the meantime.
            return;
        }
        self.emit_state("change");
        let detail = map([
            ("withdrawn", lost.clone().into()),
            ("left", left.into()),
            ("state", self.state.value(self.settings, self.env)),
        ]);
        self.push(Effect::Emit("withdraw", detail));
        self.settle();
        self.push(Effect::Reload(lost));
    }

    /// Every asked purpose with its new answer, or `None` when none was answered. An answer that was not given again
    /// keeps its own end.
    fn decisions(&self, decision: &Decision, before: Option<&Choice>) -> Option<Vec<Held>> {
        let now = self.env.now;
        let objected = self.objected();
        let mut answered = false;
        let mut decisions = Vec::new();
        for category in self.settings.asked() {
            let standing = self.state.standing(self.settings, category, now);
            let answer = match decision {
                Decision::AcceptAll => Some(true),
                Decision::RejectAll => Some(false),
                Decision::Accept => (standing == Standing::Undecided).then_some(true),
                // What this page's first layer asks is refused even if another tab has granted it in the meantime.
                Decision::Reject => {
                    (standing == Standing::Undecided || self.state.shown.contains(&category.id)).then_some(false)
                }
                // Named twice, as itself and by an alias, it is granted only if both say so.
                Decision::Save(answers) => answers
                    .iter()
                    .filter(|(id, _)| crate::gate::canonical(id) == category.id)
                    .map(|(_, granted)| *granted)
                    .reduce(|all, granted| all && granted),
            };
            // Whoever says nothing about marketing under a new objection leaves the objection standing (G11).
            let answer = answer.or((objected && category.id == "marketing").then_some(false));
            answered |= answer.is_some();
            let held = before.and_then(|choice| choice.held(&category.id));
            match (answer, held) {
                (Some(granted), _) => {
                    let start = if granted { now } else { now.div_euclid(DAY) * DAY };
                    decisions.push(Held {
                        purpose: category.id.clone(),
                        v: category.substance(&self.settings.controller),
                        granted,
                        until: self.settings.validity.after(start).div_euclid(1000) * 1000,
                    });
                }
                (None, Some(held)) if standing != Standing::Undecided => decisions.push(held.clone()),
                // Not asked, not answered: it stays undecided.
                (None, _) => {}
            }
        }
        answered.then_some(decisions)
    }

    /// Makes the record (or the count) of a decision and puts it into the outbox.
    fn enqueue(&mut self, choice: &mut Choice, before: Option<&Choice>, became: Became, layer: Layer, method: Method) {
        let Some(records) = &self.settings.records else { return };
        // A full withdrawal ends the pseudonym; what comes after it starts another (R2).
        let earlier = before.and_then(|choice| choice.proof.as_ref()).filter(|proof| proof.state != Became::Withdrawn);
        let grants = choice.grants();
        choice.proof = None;
        let counted = became == Became::Refused || earlier.is_none();
        if !grants && counted && records.refusals != Refusals::Pseudonymous {
            if records.refusals == Refusals::Aggregate {
                let count = Count {
                    site: self.env.site.clone(),
                    notice: choice.notice.clone(),
                    lang: choice.lang.clone(),
                    day: choice.at,
                    method,
                    layer,
                };
                self.state.stored.outbox.push(None, count.to_value().canonical());
            }
            return;
        }
        let secret = digest::base64url(&self.env.random[32..64]);
        let (subject, holder, secret) = match earlier {
            Some(earlier) => (earlier.subject.clone(), earlier.holder.clone(), earlier.secret.clone()),
            None => (digest::base64url(&self.env.random[16..32]), digest::digest(secret.as_bytes()), Some(secret)),
        };
        let mut id = [0; 16];
        id.copy_from_slice(&self.env.random[..16]);
        choice.proof = Some(Proof {
            record_id: digest::uuid(&id),
            prev: earlier.map(|earlier| earlier.record_id.clone()),
            subject,
            holder,
            secret,
            state: became,
            method,
            layer,
            ui: self.env.ui.clone(),
            client: self.env.client.clone(),
            jurisdiction: self.settings.jurisdiction.clone(),
            received: None,
        });
        if let Some(record) = record_of(choice, self.env) {
            self.state.stored.outbox.push(Some(record.record_id.clone()), record.to_value().canonical());
        }
        if !grants && records.refusals != Refusals::Pseudonymous {
            // After a withdrawal nothing on the device identifies the visitor any more, but for the record on its way.
            choice.proof = None;
        }
    }

    /// Makes the record again when only the cookie has survived and the server has not confirmed it. Whether it did.
    fn rebuild_outbox(&mut self) -> bool {
        let Some(choice) = &self.state.stored.choice else { return false };
        let Some(proof) = choice.proof.as_ref().filter(|proof| proof.received.is_none()) else { return false };
        let outbox = &self.state.stored.outbox;
        let waiting = outbox.entries.iter().any(|entry| entry.id.as_ref() == Some(&proof.record_id));
        if waiting || outbox.dead > 0 || self.settings.records.is_none() {
            return false;
        }
        let Some(record) = record_of(choice, self.env) else { return false };
        self.state.stored.outbox.push(Some(record.record_id.clone()), record.to_value().canonical());
        true
    }

    /// What is declared for `categories` and not for a category that is still open.
    fn targets(&self, categories: &[String]) -> Vec<Target> {
        let mut targets: Vec<Target> = Vec::new();
        for (category, service) in self.settings.services() {
            if !categories.contains(&category.id) {
                continue;
            }
            for item in &service.items {
                let target = Target { kind: item.kind, name: item.name.clone() };
                let kept = item.kind == Kind::Pixel || targets.contains(&target) || self.is_declared_open(&target, categories);
                if !kept {
                    targets.push(target);
                }
            }
        }
        targets
    }

    fn is_declared_open(&self, target: &Target, closed: &[String]) -> bool {
        self.settings.services().any(|(category, service)| {
            !closed.contains(&category.id)
                && self.state.standing(self.settings, category, self.env.now) == Standing::Open
                && service.items.iter().any(|item| item.kind == target.kind && item.name == target.name)
        })
    }

    /// Some libraries write once more while the page unloads: what is refused is cleared at every start (DESIGN §8).
    fn clear_refused(&mut self) {
        let refused: Vec<String> = self
            .settings
            .asked()
            .filter(|category| self.state.standing(self.settings, category, self.env.now) == Standing::Refused)
            .map(|category| category.id.clone())
            .collect();
        let targets = self.targets(&refused);
        if !targets.is_empty() {
            self.push(Effect::Clear { targets, tell: false });
        }
    }

    fn deliver(&mut self) {
        if self.settings.records.is_none() {
            return;
        }
        let due: Vec<String> = self.state.stored.outbox.due(self.env.now).map(|entry| entry.body.clone()).collect();
        for body in due {
            if !self.state.sending.contains(&body) {
                self.state.sending.push(body.clone());
                self.push(Effect::Deliver(body));
            }
        }
        if let Some(next) = self.state.stored.outbox.next(self.env.now) {
            self.push(Effect::WakeAt(next));
        }
    }

    fn answered(&mut self, body: &str, status: u16, retry_after: Option<u32>, receipt: Option<Value>) {
        self.state.sending.retain(|sent| sent != body);
        let answer = Answer::new(status, retry_after);
        let id = self.state.stored.outbox.entries.iter().find(|entry| entry.body == body).and_then(|entry| entry.id.clone());
        let random = u32::from_be_bytes([self.env.random[0], self.env.random[1], self.env.random[2], self.env.random[3]]);
        self.state.stored.outbox.answered(body, answer, self.env.now, random);
        let mut recorded = None;
        if answer == Answer::Done {
            let received = receipt.as_ref().and_then(|receipt| receipt.at("received_at")).and_then(Value::text);
            if let Some(proof) = self.state.stored.choice.as_mut().and_then(|choice| choice.proof.as_mut())
                && Some(&proof.record_id) == id.as_ref()
            {
                let proof_id = proof.record_id.clone();
                proof.received = Some(received.unwrap_or("earlier").to_string());
                self.state.seen.clone_from(&self.state.stored.choice);
                self.state.receipt = receipt.clone().map(|receipt| (proof_id, receipt));
            }
            if id.is_some() && status != 409 {
                recorded = receipt;
            }
        }
        self.push(Effect::Persist);
        match answer {
            Answer::Done => {
                if let Some(detail) = recorded {
                    self.push(Effect::Emit("recorded", detail));
                }
            }
            Answer::Dead => {
                let detail = map([("code", "record_refused".into()), ("status", i64::from(status).into())]);
                self.push(Effect::Emit("error", detail));
            }
            Answer::Later(_) => {}
        }
        self.deliver();
    }

    fn refresh(&mut self) {
        let stands = |choice: &Option<Choice>| choice.as_ref().map(|choice| (choice.at, choice.gpc, choice.decisions.clone()));
        if stands(&self.state.seen) == stands(&self.state.stored.choice) {
            // A receipt that another tab has got changes nothing here.
            return;
        }
        let lost: Vec<String> = {
            let now_granted = self.state.granted(self.settings, self.env.now);
            let seen = core::mem::replace(&mut self.state.seen, self.state.stored.choice.clone());
            let granted = seen.into_iter().flat_map(|choice| choice.decisions).filter(|held| held.granted);
            granted.map(|held| held.purpose).filter(|id| !now_granted.contains(id)).collect()
        };
        let gate = self.gate();
        self.signal(&gate);
        self.push(Effect::Release(gate));
        self.emit_state("change");
        self.push(Effect::CloseDialog);
        self.show_what_is_asked();
        if !lost.is_empty() {
            self.push(Effect::Reload(lost));
        }
    }
}

fn same_answers(a: &[Held], b: &[Held]) -> bool {
    a.len() == b.len()
        && a.iter().all(|held| b.iter().any(|other| other.purpose == held.purpose && other.granted == held.granted))
}

/// What has become of the consent, seen from the choice before.
fn became(before: Option<&Choice>, decisions: &[Held], now: Millis) -> Became {
    let grants = decisions.iter().any(|held| held.granted);
    let Some(before) = before.filter(|choice| choice.grants()) else {
        return if grants { Became::Given } else { Became::Refused };
    };
    let held = before.decisions.iter().any(|held| held.granted && now < held.until);
    match (grants, held) {
        (false, true) => Became::Withdrawn,
        // What has ended by itself can only be refused.
        (false, false) => Became::Refused,
        (true, true) if !same_answers(&before.decisions, decisions) => Became::Changed,
        (true, _) => Became::Renewed,
    }
}

/// The record of a choice that has a proof. The same choice always gives the same bytes.
fn record_of(choice: &Choice, env: &Env) -> Option<Record> {
    let proof = choice.proof.as_ref()?;
    // The newest end: the purposes that were just asked.
    let valid_until = choice.decisions.iter().map(|held| held.until).max()?;
    Some(Record {
        record_id: proof.record_id.clone(),
        prev: proof.prev.clone(),
        subject: proof.subject.clone(),
        holder: proof.holder.clone(),
        site: env.site.clone(),
        jurisdiction: proof.jurisdiction.clone(),
        notice: NoticeRef {
            digest: choice.notice.clone(),
            version: choice.version.clone(),
            lang: choice.lang.clone(),
            ui: proof.ui.clone(),
        },
        event: What { state: proof.state, method: proof.method, layer: proof.layer, at: choice.at, valid_until },
        decisions: choice
            .decisions
            .iter()
            .map(|held| Answered { purpose: held.purpose.clone(), v: held.v, granted: held.granted })
            .collect(),
        signals: Signals { gpc: choice.gpc },
        client: proof.client.clone(),
    })
}
