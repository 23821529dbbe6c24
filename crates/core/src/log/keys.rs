//! The keys of a log in the course of time (PROOF test 16). A key signs from the entry that takes it in to the entry that
//! takes it out; in between there may be two, and then each head carries the signature of both. What a key signs after it
//! was taken out counts for nothing, so that a key which gets lost later can't speak for the log any more.

use super::note::{Algorithm, VerifierKey};
use super::{Entry, KeyAction, KeyRole, decimal, read_decimal};
use crate::texts::concat;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What stands between a retired key and the size up to which it counts.
const UNTIL: &str = " until ";

/// A public key and the heads for which it counts, by the number of their entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    /// The key.
    pub key: VerifierKey,
    /// The number of the entry that takes it in; heads with more entries than that have its signature.
    pub since: u64,
    /// The number of the entry that takes it out; heads with more entries than that have no signature of it.
    pub until: Option<u64>,
}

impl From<VerifierKey> for LogKey {
    fn from(key: VerifierKey) -> Self {
        Self { key, since: 0, until: None }
    }
}

impl LogKey {
    /// Whether a head with so many entries is one that this key signs.
    pub fn signs(&self, size: u64) -> bool {
        self.since < size && !self.is_retired_at(size)
    }

    /// Whether a head with so many entries came after this key.
    pub fn is_retired_at(&self, size: u64) -> bool {
        self.until.is_some_and(|until| size > until)
    }

    /// As an operator publishes it: the vkey, and behind one that signs no more ` until ` and the last size that it signed.
    pub fn to_text(&self) -> String {
        match self.until {
            Some(until) => concat(&[&self.key.to_text(), UNTIL, &decimal(until)]),
            None => self.key.to_text(),
        }
    }

    /// Reads what [`Self::to_text`] writes. `None` when it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (key, until) = match text.split_once(UNTIL) {
            Some((key, until)) => (key, Some(read_decimal(until)?)),
            None => (text, None),
        };
        Some(Self { key: VerifierKey::parse(key)?, since: 0, until })
    }

    /// Follows the keys of a log through its entries: takes in what the entry with this number says of them.
    ///
    /// # Errors
    /// The entry contradicts those before it, in a few words.
    pub fn follow(keys: &mut Vec<Self>, index: u64, entry: &Entry) -> Result<(), String> {
        let Entry::Key { action, role: KeyRole::Log, key, .. } = entry else { return Ok(()) };
        let known = keys.iter_mut().find(|known| known.key == *key);
        match (action, known) {
            (KeyAction::Add, None) if key.algorithm == Algorithm::Ed25519 => {
                keys.push(Self { key: key.clone(), since: index, until: None });
                Ok(())
            }
            (KeyAction::Remove, Some(known)) if known.until.is_none() => {
                known.until = Some(index);
                Ok(())
            }
            (KeyAction::Add, _) => Err("takes a key in that can't be, or was in already".to_string()),
            (KeyAction::Remove, _) => Err("takes a key out that was not in".to_string()),
        }
    }
}
