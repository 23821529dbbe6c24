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
    }

    impl Checkpoint {
        /// Signs it as its log. `None` when the key has another name than the log.
        pub fn sign(&self, key: &SigningKey) -> Option<String> {
            let public = key.verifier();
            let own = public.name == self.origin && public.algorithm == Algorithm::Ed25519;
            if own { key.sign(&self.text()) } else { None }
        }

        /// Reads a signed checkpoint and checks the signatures of these keys, the log's and those of witnesses.
        ///
        /// # Errors
        /// It is no checkpoint, a known key's signature is false, or no key with the log's name has signed.
        pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Opened, OpenError> {
            let note = Note::parse(note).ok_or(OpenError::Note(NoteError::Malformed))?;
            let checkpoint = Self::parse(note.text).ok_or(OpenError::NoCheckpoint)?;
            let verified = note.verified(keys).map_err(OpenError::Note)?;
            let is_log = |by: &Verified| by.key.algorithm == Algorithm::Ed25519 && by.key.name == checkpoint.origin;
            let log = verified.iter().find(|by| is_log(by)).cloned().ok_or(OpenError::NoLogKey)?;
            let witnesses = verified.into_iter().filter(|by| by.time.is_some()).collect();
            Ok(Opened { checkpoint, log, witnesses })
        }
    }
}
