//! What has become of a consent since it was given. The record says what was answered and until when it was to hold; that
//! it has ended is not written into it, nor anywhere else: it follows from the record, from those that came after it, and
//! from the calendar (P7). Only that a notice was faulty is something that somebody has to say, and the log has the word.

use super::Record;
use crate::json::{Value, map};
use crate::time::{self, Millis};
use alloc::string::String;

/// How a consent stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It counts, until its time has come.
    InForce,
    /// A later record has taken its place: it was changed, renewed or withdrawn.
    Followed,
    /// Its time has come (P7: six months by the calendar, or what the notice said).
    Expired,
    /// The notice under which it was given was faulty, so it never was informed consent (GDPR Art. 4(11)).
    Invalidated,
}

impl State {
    /// Its name in exports.
    pub fn name(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::Followed => "followed",
            Self::Expired => "expired",
            Self::Invalidated => "invalidated",
        }
    }
}

/// A word of the owner that a notice was faulty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalidation {
    /// When it was said.
    pub at: Millis,
    /// Why, in the owner's words.
    pub reason: Option<String>,
}

/// How a consent stands, and since when or until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// How it stands.
    pub state: State,
    /// For one that is in force until when, for any other since when.
    pub at: Millis,
    /// Why a notice was faulty, in the owner's words.
    pub reason: Option<String>,
}

impl Life {
    /// How the consent in a record stands at `now`; nothing for a record that grants nothing, of which nothing could end.
    /// `ends_at` is when it ended or will end, `planned` when it was to end had nothing followed.
    pub fn of(
        record: &Record,
        invalidated: Option<&Invalidation>,
        (ends_at, planned): (Millis, Millis),
        now: Millis,
    ) -> Option<Self> {
        if !record.grants() {
            return None;
        }
        let life = |state, at| Self { state, at, reason: None };
        Some(match invalidated {
            // What was not informed was not so before somebody noticed, and an end of its own changes nothing about that.
            Some(said) => Self { reason: said.reason.clone(), ..life(State::Invalidated, said.at) },
            None if ends_at > now => life(State::InForce, ends_at),
            None if ends_at < planned => life(State::Followed, ends_at),
            None => life(State::Expired, ends_at),
        })
    }

    /// As JSON: `{at, reason, state, text}`, the last one a sentence in English.
    pub fn to_value(&self) -> Value {
        map([
            ("at", time::instant(self.at).into()),
            ("reason", self.reason.as_deref().into()),
            ("state", self.state.name().into()),
            ("text", self.sentence().as_str().into()),
        ])
    }

    /// A sentence for a person.
    pub fn sentence(&self) -> String {
        let at = time::instant(self.at);
        let mut text = String::from(match self.state {
            State::InForce => "What was agreed to counts until ",
            State::Followed => "It counts no more: a later record took its place at ",
            State::Expired => "It counts no more: its time had come at ",
            State::Invalidated => "It does not count: the notice was declared faulty at ",
        });
        text.push_str(&at);
        if let Some(reason) = &self.reason {
            text.push_str(" (");
            text.push_str(reason);
            text.push(')');
        }
        text.push('.');
        text
    }
}
