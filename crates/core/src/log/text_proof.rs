//! `.tlog-proof` (C2SP tlog-proof): an inclusion proof with its signed checkpoint in one text that checks offline.

use super::{Hash, base64, decimal, read_decimal};
use crate::texts::concat;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The longest path in a tree of 2^63 entries.
const MAX_HASHES: usize = 63;

/// The place of an entry in a log, with everything that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextProof {
    /// Opaque data that nothing vouches for; Askfirst writes none.
    pub extra: Option<Vec<u8>>,
    /// The entry's number, from 0.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, as the log wrote it.
    pub checkpoint: String,
}

/// The text of an inclusion proof: [`TextProof::text`] without a [`TextProof`].
pub fn proof_text(index: u64, hashes: &[Hash], checkpoint: &str) -> String {
    text(None, index, hashes, checkpoint)
}

fn text(extra: Option<&[u8]>, index: u64, hashes: &[Hash], checkpoint: &str) -> String {
    // A line of base64 for each hash; the index is the only other one without a fixed length.
    let mut text = String::with_capacity(HEADER.len() + 64 + hashes.len() * 45 + checkpoint.len());
    text.push_str(HEADER);
    text.push('\n');
    if let Some(extra) = extra {
        text.push_str(&concat(&["extra ", &base64::encode(extra), "\n"]));
    }
    text.push_str(&concat(&["index ", &decimal(index), "\n"]));
    for hash in hashes {
        text.push_str(&base64::encode(hash));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(checkpoint);
    text
}

impl TextProof {
    /// The text.
    pub fn text(&self) -> String {
        text(self.extra.as_deref(), self.index, &self.hashes, &self.checkpoint)
    }

    /// Reads the text; the checkpoint is not looked at. `None` when it is not exactly what [`Self::text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return None;
        }
        let extra = match lines.peek()?.strip_prefix("extra ") {
            Some(extra) => {
                lines.next();
                Some(base64::decode(extra)?)
            }
            None => None,
        };
        let index = read_decimal(lines.next()?.strip_prefix("index ")?)?;
        let hash = |line| base64::decode(line)?.try_into().ok();
        let hashes = lines.map(hash).collect::<Option<Vec<Hash>>>()?;
        let short = hashes.len() <= MAX_HASHES;
        short.then(|| Self { extra, index, hashes, checkpoint: checkpoint.to_string() })
    }
}
