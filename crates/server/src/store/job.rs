//! What the writer is asked to do.

use askfirst_core::log::VerifierKey;
use askfirst_core::record::Count;
use tokio::sync::oneshot;

use super::incoming::Received;
use super::interface::Interface;
use super::log::witness::Cosigned;
use super::retention::Ended;
use super::upkeep::Prune;
use super::{Counted, Erased, Inserted, NewNotice, Restriction, StoreError};

/// Something to write, with a place for its outcome.
#[expect(clippy::large_enum_variant, reason = "nearly every job is a record, the largest of them")]
pub enum Job {
    Cosigned(Vec<Cosigned>, Slot<()>),
    Count(Count, Slot<Counted>),
    Erase(i64, &'static str, Slot<Erased>),
    Hold(i64, bool, Slot<bool>),
    Insert(Box<Received>, Slot<Inserted>),
    Interface(Box<Interface>, Slot<()>),
    Invalidate([u8; 32], Option<String>, Slot<bool>),
    NameWitnesses(Vec<VerifierKey>, Slot<()>),
    NotePurge(i64, u64, Slot<()>),
    Prune(Prune, Slot<bool>),
    Purge(Vec<Ended>, Slot<()>),
    Register(Box<NewNotice>, Slot<bool>),
    Restrict(i64, Slot<Option<Restriction>>),
}

pub struct Slot<T> {
    pub outcome: Option<T>,
    pub reply: oneshot::Sender<Result<T, StoreError>>,
}

impl Job {
    pub fn answer(self, result: Result<(), StoreError>) {
        match self {
            Self::Cosigned(_, slot) => slot.answer(result),
            Self::Count(_, slot) => slot.answer(result),
            Self::Erase(_, _, slot) => slot.answer(result),
            Self::Hold(_, _, slot) => slot.answer(result),
            Self::Insert(_, slot) => slot.answer(result),
            Self::Interface(_, slot) => slot.answer(result),
            Self::Invalidate(_, _, slot) => slot.answer(result),
            Self::NameWitnesses(_, slot) => slot.answer(result),
            Self::NotePurge(_, _, slot) => slot.answer(result),
            Self::Prune(_, slot) => slot.answer(result),
            Self::Purge(_, slot) => slot.answer(result),
            Self::Register(_, slot) => slot.answer(result),
            Self::Restrict(_, slot) => slot.answer(result),
        }
    }
}

impl<T> Slot<T> {
    fn answer(self, result: Result<(), StoreError>) {
        let answer = result.and(self.outcome.ok_or(StoreError::Unavailable));
        // A client that has gone away needs no answer; its record is stored all the same.
        let _ = self.reply.send(answer);
    }
}
