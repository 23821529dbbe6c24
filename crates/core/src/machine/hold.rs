//! What was granted and waits for its record: `records.require_ack` (PROOF §2). It is decided, stored and recorded like
//! any other grant, and shut. A refusal never waits.

use super::Effect;
use super::turn::Turn;
use crate::choice::Choice;
use crate::json::Writer;
use crate::settings::RequireAck;

/// What an owner who requires a receipt is told, once a page.
const UNCONFIRMED: &str = "the server has not confirmed the record; what was granted stays shut until it does";
/// What an owner who requires storage is told.
const UNKEPT: &str = "the browser keeps nothing, so what was granted stays shut";

impl Turn<'_> {
    /// What a grant waits for.
    pub fn required(&self) -> RequireAck {
        self.settings.records.as_ref().map_or(RequireAck::None, |records| records.require_ack)
    }

    /// A page starts. What has been kept meanwhile as the owner requires opens; so does what waited for more than is
    /// required now.
    pub fn confirm_stored(&mut self) {
        let proof = self.state.proof();
        let kept = match self.required() {
            RequireAck::None => true,
            RequireAck::Persisted => proof.is_some() && !self.state.unkept,
            RequireAck::Acked => proof.is_some_and(|proof| proof.is_acked()),
        };
        if kept && let Some(choice) = &mut self.state.stored.choice {
            choice.confirm();
        }
    }

    /// A decision has been stored, as far as the machine can tell.
    pub fn ask_whether_kept(&mut self) {
        if self.required() == RequireAck::Persisted && self.waits() {
            self.push(Effect::AskKept);
        }
    }

    /// See [`super::Event::Kept`].
    #[inline(never)]
    pub fn kept(&mut self, kept: bool) {
        self.state.unkept = !kept;
        if !kept {
            self.tell_waiting("not_kept", UNKEPT);
        } else if self.required() == RequireAck::Persisted && self.state.proof().is_some() {
            self.open_confirmed();
        }
    }

    /// The server has confirmed the record of the choice, or has not.
    pub fn acked(&mut self, confirmed: bool) {
        if self.required() != RequireAck::Acked {
            self.push(Effect::Persist);
        } else if confirmed {
            self.open_confirmed();
        } else {
            self.push(Effect::Persist);
            self.tell_waiting("record_waits", UNCONFIRMED);
        }
    }

    /// Stores, tells and opens what has waited.
    fn open_confirmed(&mut self) {
        if !self.state.stored.choice.as_mut().is_some_and(Choice::confirm) {
            return self.push(Effect::Persist);
        }
        self.act_on_stored();
        self.state.stored.gate = Some(self.gate());
        self.push(Effect::Persist);
        self.signal();
        let gate = self.gate();
        self.push(Effect::Release(gate));
        self.emit_state("change");
    }

    fn waits(&self) -> bool {
        self.state.stored.choice.as_ref().is_some_and(|choice| choice.decisions.iter().any(|held| held.waiting))
    }

    /// Says once a page why what was granted is shut.
    fn tell_waiting(&mut self, code: &str, message: &str) {
        if !self.waits() || core::mem::replace(&mut self.state.told_waiting, true) {
            return;
        }
        let mut detail = Writer::default();
        detail.open('{');
        detail.text("code", code);
        detail.text("message", message);
        detail.close('}');
        self.emit("error", detail);
    }
}
