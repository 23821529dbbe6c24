//! Records: made at a decision, stored before the first send, sent again until the server has answered (R7).

use super::turn::Turn;
use super::{Effect, Env};
use crate::choice::{Choice, Proof};
use crate::digest;
use crate::json::{self, Value, Writer};
use crate::outbox::Answer;
use crate::record::{self, Count, Input, Layer, Left, Method, State as Became};
use crate::settings::Refusals;
use alloc::string::String;

/// What the owner is told when a submission can't be taken.
const REFUSED: &str = "the server refuses a record for good; `answer` says why";

impl Turn<'_> {
    /// Makes the record (or the count) of a decision and puts it into the outbox. `false` when one is due and can't be
    /// made for want of random bytes.
    ///
    /// On entry the choice carries the proof of the one before it.
    pub fn enqueue(&mut self, choice: &mut Choice, became: Became, layer: Layer, method: Method) -> bool {
        let earlier = choice.proof.take();
        // On a control of the page, or by a call, nothing was measured.
        let pressed = self.state.pressed.take().filter(|_| layer != Layer::Page);
        let Some(records) = &self.settings.records else { return true };
        // A full withdrawal ends the pseudonym; what comes after it starts another (R2).
        let earlier = earlier.filter(|proof| proof.state != Became::Withdrawn);
        let pseudonymous = choice.grants() || records.refusals == Refusals::Pseudonymous;
        if !pseudonymous && (became == Became::Refused || earlier.is_none()) {
            if records.refusals == Refusals::Aggregate {
                let count = Count {
                    site: self.env.site.clone(),
                    notice: choice.notice.clone(),
                    lang: choice.lang.clone(),
                    day: choice.at,
                    method: if is_agent(pressed.as_deref()) { Method::Agent } else { method },
                    layer,
                };
                self.state.stored.outbox.push(None, count.canonical());
            }
            return true;
        }
        let Some(random) = &self.env.random else { return false };
        let mut proof = earlier.unwrap_or_default();
        let mut id = [0; 16];
        id.copy_from_slice(&random[..16]);
        let before = core::mem::replace(&mut proof.record_id, digest::uuid(&id));
        if before.is_empty() {
            let secret = digest::base64url(&random[32..]);
            proof.subject = digest::base64url(&random[16..32]);
            proof.holder = digest::digest(secret.as_bytes());
            proof.secret = Some(secret);
        } else {
            proof.prev = Some(before);
        }
        (proof.state, proof.method, proof.layer) = (became, method, layer);
        proof.ui.clone_from(&self.env.ui);
        proof.client.clone_from(&self.env.client);
        proof.jurisdiction.clone_from(&self.settings.jurisdiction);
        (proof.received, proof.left) = (None, None);
        proof.undelivered = self.state.stored.outbox.unreported;
        proof.interaction = pressed;
        choice.proof = Some(proof);
        self.post(choice);
        if !pseudonymous {
            // After a withdrawal nothing on the device identifies the visitor any more, but for the record on its way.
            choice.proof = None;
            self.state.stored.outbox.letter = None;
        }
        true
    }

    /// What a withdrawal has left is known: it goes into the record, if that has not left meanwhile.
    pub fn note_left(&mut self, found: &Value) {
        if self.state.clearing.is_empty() {
            return;
        }
        let Some(id) = self.state.clearing.remove(0) else { return };
        let Some(entry) = self.state.stored.outbox.held(&id, self.env.now) else { return };
        let left = Left::declared(found, self.settings);
        if !left.items.is_empty()
            && let Ok(mut record) = json::parse(&entry.body)
        {
            let left = left.text();
            record.set("left", json::parse(&left).unwrap_or_default());
            entry.body = record.canonical();
            if let Some(choice) = &mut self.state.stored.choice
                && let Some(proof) = &mut choice.proof
            {
                proof.left = Some(left);
            }
        }
        self.push(Effect::Persist);
    }

    /// Puts the record of a choice into the outbox.
    fn post(&mut self, choice: &Choice) -> bool {
        let (Some(proof), Some(record)) = (&choice.proof, record_of(choice, self.env)) else { return false };
        self.state.stored.outbox.push(Some(proof.record_id.clone()), record);
        true
    }

    /// Makes the record again when only the cookie has survived and the server has not confirmed it. Whether it did.
    pub fn rebuild_outbox(&mut self) -> bool {
        self.state.proof().is_some_and(|proof| proof.received.is_none()) && self.make_again()
    }

    #[inline(never)]
    fn make_again(&mut self) -> bool {
        let Some(proof) = self.state.proof() else { return false };
        let outbox = &self.state.stored.outbox;
        let waiting = outbox.entries.iter().any(|entry| entry.id.as_deref() == Some(&proof.record_id));
        if waiting || self.settings.records.is_none() {
            return false;
        }
        let choice = self.state.stored.choice.take();
        let made = choice.as_ref().is_some_and(|choice| self.post(choice));
        self.state.stored.choice = choice;
        made
    }

    /// What named the record has nothing to name any more; the next one begins a chain, and a pseudonym, of its own (P1).
    pub fn forget_record(&mut self) {
        if let Some(choice) = &mut self.state.stored.choice {
            choice.proof = None;
        }
        self.state.stored.outbox.letter = None;
        self.push(Effect::Persist);
    }

    /// A network is there again, or the page is being left: what waits for nothing else is sent once more.
    pub fn hurry(&mut self) {
        // What this page itself holds may go without its last words; nobody else can say so.
        for id in self.state.clearing.iter().flatten() {
            self.state.stored.outbox.held(id, self.env.now);
        }
        if self.state.stored.outbox.hurry() || !self.state.clearing.is_empty() {
            self.push(Effect::Persist);
        }
        self.deliver();
    }

    /// The page is there again after it was left: what was on the wire then has been cut off without an answer.
    pub fn restored(&mut self) {
        self.state.sending.clear();
        if self.state.stored.outbox.settle() {
            self.push(Effect::Persist);
        }
        self.hurry();
    }

    pub fn deliver(&mut self) {
        if self.settings.records.is_some() && !self.state.stored.outbox.entries.is_empty() {
            self.send_due();
        }
    }

    #[inline(never)]
    fn send_due(&mut self) {
        let now = self.env.now;
        let before = self.state.sending.len();
        let mut noted = false;
        for entry in &mut self.state.stored.outbox.entries {
            if entry.is_due(now) && !self.state.sending.contains(&entry.body) {
                noted |= entry.send();
                self.state.sending.push(entry.body.clone());
            }
        }
        if noted {
            self.push(Effect::Persist);
        }
        for body in self.state.sending.get(before..).unwrap_or_default() {
            self.effects.push(Effect::Deliver(body.clone()));
        }
        if let Some(next) = self.state.stored.outbox.next(now) {
            self.push(Effect::WakeAt(next));
        }
    }

    #[inline(never)]
    pub fn answered(&mut self, body: &str, status: u16, retry_after: Option<u32>, receipt: Option<Value>) {
        if let Some(sent) = self.state.sending.iter().position(|sent| sent == body) {
            self.state.sending.remove(sent);
        }
        let mut id = None;
        for entry in &self.state.stored.outbox.entries {
            if entry.body == body {
                id.clone_from(&entry.id);
                break;
            }
        }
        let none = Value::Null;
        let said = receipt.as_ref().unwrap_or(&none);
        let is_receipt = match &id {
            Some(id) => said.get("record_id").text() == Some(id),
            None => said.get("counted") == &Value::Bool(true),
        };
        let answer = Answer::new(status, retry_after, is_receipt);
        // Without random bytes the retries of many browsers are not spread; they come nevertheless.
        let random =
            self.env.random.map_or(0, |random| u32::from_be_bytes([random[0], random[1], random[2], random[3]]));
        let outbox = &mut self.state.stored.outbox;
        outbox.answered(body, answer, status == 0, self.env.now, random);
        // An erased record has no receipt to give, nor has one that is stored under another text.
        let recorded = answer == Answer::Done && status != 409 && said.at("erased").is_none();
        let mut confirmed = None;
        match self.state.stored.choice.as_mut().and_then(|choice| choice.proof.as_mut()) {
            Some(proof) if id.as_ref() == Some(&proof.record_id) => {
                confirmed = Some(recorded);
                let received = match answer {
                    Answer::Done if recorded => said.get("received_at").text().unwrap_or(Proof::EARLIER),
                    Answer::Done => Proof::EARLIER,
                    Answer::Dead => Proof::REFUSED,
                    Answer::Later(_) => "",
                };
                if !received.is_empty() {
                    proof.received = Some(String::from(received));
                }
                if answer == Answer::Done {
                    outbox.unreported = outbox.unreported.saturating_sub(proof.undelivered);
                    self.state.receipt = receipt.as_ref().map(|receipt| (proof.record_id.clone(), receipt.canonical()));
                }
            }
            Some(_) => {}
            // What names nobody is kept no longer than it is on its way (P1).
            None if id.is_some() => outbox.letter = None,
            None => {}
        }
        match confirmed {
            Some(confirmed) => self.acked(confirmed),
            None => self.push(Effect::Persist),
        }
        match answer {
            Answer::Done => {
                if let Some(detail) = receipt.filter(|_| id.is_some() && status != 409) {
                    self.push(Effect::Emit("recorded", detail.canonical()));
                }
            }
            Answer::Dead => {
                let mut detail = Writer::default();
                detail.open('{');
                detail.key("answer");
                detail.value(said);
                detail.text("code", "record_refused");
                detail.text("message", REFUSED);
                detail.int("status", i64::from(status));
                detail.close('}');
                self.emit("error", detail);
            }
            Answer::Later(_) => {}
        }
        self.deliver();
    }
}

/// Whether a program in the page has pressed the control, by the text of an `Interaction`.
fn is_agent(pressed: Option<&str>) -> bool {
    matches!(pressed.map(json::parse), Some(Ok(pressed)) if pressed.get("input").text() == Some(Input::Agent.name()))
}

/// The record of a choice that has a proof, as it is sent. The same choice always gives the same bytes.
pub(super) fn record_of(choice: &Choice, env: &Env) -> Option<String> {
    match &choice.proof {
        Some(proof) if !choice.decisions.is_empty() => Some(record::text(choice, proof, &env.site)),
        _ => None,
    }
}
