//! Checkpoints (C2SP tlog-checkpoint): the signed statement which tree a log had at a size.

use super::{Hash, base64, decimal, read_decimal};
use crate::texts::concat;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A tree head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's identity; its key has the same name.
    pub origin: String,
    /// How many entries the tree has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// Lines of others; Askfirst writes none.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The head of a log at a size.
    pub fn new(origin: &str, size: u64, root: Hash) -> Self {
        Self { origin: origin.to_string(), size, root, extensions: Vec::new() }
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        let mut text = concat(&[&self.origin, "\n", &decimal(self.size), "\n", &base64::encode(&self.root), "\n"]);
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads the text of a note. `None` when it is not exactly what [`Self::text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty())?.to_string();
        let size = read_decimal(lines.next()?)?;
        let root = base64::decode(lines.next()?)?.try_into().ok()?;
        let extensions: Vec<String> = lines.map(ToString::to_string).collect();
        let complete = extensions.iter().all(|line| !line.is_empty());
        complete.then_some(Self { origin, size, root, extensions })
    }
}

#[cfg(feature = "ed25519")]
pub use opened::{OpenError, Opened};

#[cfg(feature = "ed25519")]
mod opened {
    use super::Checkpoint;
    use crate::log::LogKey;
    use crate::log::note::{Algorithm, Note, VerifierKey};
    use crate::log::signing::{NoteError, SigningKey, Verified};
    use alloc::string::String;
    use alloc::vec::Vec;

    /// A checkpoint that the log has signed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Opened {
        /// What it says.
        pub checkpoint: Checkpoint,
        /// The log's own signature.
        pub log: Verified,
        /// Signatures of known witnesses.
        pub witnesses: Vec<Verified>,
    }

    /// Why a checkpoint is not believed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum OpenError {
        /// It is a note, but not of a tree.
        NoCheckpoint,
        /// None of the keys is one of this log, so nobody vouches for it.
        NoLogKey,
        /// Its signatures don't hold.
        Note(NoteError),
        /// A key has signed it that was taken out of the log before.
        Retired(LogKey),
        /// A key that signs each head of this size has not signed it.
        Missing(LogKey),
    }

    impl Checkpoint {
        /// Signs it as its log. `None` when the key has another name than the log.
        pub fn sign(&self, key: &SigningKey) -> Option<String> {
            let public = key.verifier();
            let own = public.name == self.origin && public.algorithm == Algorithm::Ed25519;
            if own { key.sign(&self.text()) } else { None }
        }

        /// Signs it by each of the log's keys: one, or two while one takes the place of the other. `None` when there is
        /// none, or one has another name.
        pub fn sign_by(&self, keys: &[SigningKey]) -> Option<String> {
            let (first, more) = keys.split_first()?;
            let mut note = self.sign(first)?;
            for key in more {
                // The text and the empty line below it stand there once.
                note.push_str(self.sign(key)?.get(self.text().len() + 1..)?);
            }
            Some(note)
        }

        /// Reads a signed checkpoint and checks the signatures of these keys, the log's and those of witnesses.
        ///
        /// # Errors
        /// It is no checkpoint, a known key's signature is false, or no key with the log's name has signed.
        pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Opened, OpenError> {
            Self::verified(note, keys).and_then(|(checkpoint, verified)| Self::opened(checkpoint, verified))
        }

        /// The same by the keys that the log has or had. One that was taken out counts up to there alone (PROOF test 16).
        ///
        /// # Errors
        /// As [`Self::open`], and [`OpenError::Retired`].
        pub fn open_by(note: &str, keys: &[LogKey]) -> Result<Opened, OpenError> {
            let plain: Vec<VerifierKey> = keys.iter().map(|key| key.key.clone()).collect();
            let (checkpoint, verified) = Self::verified(note, &plain)?;
            // A key that is named twice is retired when one of the two says so.
            let has_signed = |key: &&LogKey| verified.iter().any(|by| by.key == key.key);
            match keys.iter().filter(has_signed).find(|key| key.is_retired_at(checkpoint.size)) {
                Some(key) => Err(OpenError::Retired(key.clone())),
                None => Self::opened(checkpoint, verified),
            }
        }

        /// The same for whoever has the whole history of the log's keys: each that signs at this size has signed.
        ///
        /// # Errors
        /// As [`Self::open_by`], and [`OpenError::Missing`].
        pub fn open_complete(note: &str, keys: &[LogKey]) -> Result<Opened, OpenError> {
            let opened = Self::open_by(note, keys)?;
            let size = opened.checkpoint.size;
            for key in keys.iter().filter(|key| key.signs(size)) {
                if Self::open(note, core::slice::from_ref(&key.key)).is_err() {
                    return Err(OpenError::Missing(key.clone()));
                }
            }
            Ok(opened)
        }

        fn verified(note: &str, keys: &[VerifierKey]) -> Result<(Self, Vec<Verified>), OpenError> {
            let note = Note::parse(note).ok_or(OpenError::Note(NoteError::Malformed))?;
            let checkpoint = Self::parse(note.text).ok_or(OpenError::NoCheckpoint)?;
            let verified = note.verified(keys).map_err(OpenError::Note)?;
            Ok((checkpoint, verified))
        }

        fn opened(checkpoint: Self, verified: Vec<Verified>) -> Result<Opened, OpenError> {
            let is_log = |by: &Verified| by.key.algorithm == Algorithm::Ed25519 && by.key.name == checkpoint.origin;
            let log = verified.iter().find(|by| is_log(by)).cloned().ok_or(OpenError::NoLogKey)?;
            let witnesses = verified.into_iter().filter(|by| by.time.is_some()).collect();
            Ok(Opened { checkpoint, log, witnesses })
        }
    }
}
