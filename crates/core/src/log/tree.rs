//! The growing tree: what is needed to append and to know the root, and how hashes of complete subtrees are asked for.

use super::{Hash, empty_root, node_hash};
use alloc::vec::Vec;

/// Where the hashes of complete subtrees come from.
///
/// The subtree `(height, index)` covers the entries from `index << height` on, `1 << height` of them. Any closure is a
/// reader; [`super::Tiles`] reads from tiles.
pub trait HashReader {
    /// The hash of a complete subtree, when it is known.
    fn node(&self, height: u8, index: u64) -> Option<Hash>;
}

impl<F: Fn(u8, u64) -> Option<Hash>> HashReader for F {
    fn node(&self, height: u8, index: u64) -> Option<Hash> {
        self(height, index)
    }
}

/// The right edge of the tree: all that appending and the root need, one hash per bit of the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Hashes of the complete subtrees from left to right, each smaller than the one before.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a tree of `size` entries, from a reader of its hashes. `None` when the reader lacks one.
    pub fn read(size: u64, reader: &impl HashReader) -> Option<Self> {
        let peaks = complete_subtrees(0, size).map(|(height, index)| reader.node(height, index));
        Some(Self { size, peaks: peaks.collect::<Option<_>>()? })
    }

    /// How many entries the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends an entry by its [`super::leaf_hash`]. `complete` gets each subtree that this completes, smallest first, the
    /// leaf itself included: `(height, index, hash)`. What of it belongs in a tile, [`super::Tile::place`] says.
    pub fn append(&mut self, leaf: Hash, mut complete: impl FnMut(u8, u64, Hash)) {
        let (mut height, mut index, mut hash) = (0, self.size, leaf);
        complete(height, index, hash);
        // Each low bit that is set is a subtree that now gets its right sibling.
        while index & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = node_hash(&left, &hash);
            height += 1;
            index >>= 1;
            complete(height, index, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The Merkle tree hash of all entries (RFC 6962 §2.1).
    pub fn root(&self) -> Hash {
        fold(&self.peaks).unwrap_or_else(empty_root)
    }
}

/// The root over complete subtrees from left to right, each smaller than the one before.
pub(super) fn fold(peaks: &[Hash]) -> Option<Hash> {
    let (last, rest) = peaks.split_last()?;
    Some(rest.iter().rev().fold(*last, |right, left| node_hash(left, &right)))
}

/// The complete subtrees that make up the entries `from..to`, from left to right. `from` must be a multiple of a power
/// of two that is at least as large as the range, as it is wherever RFC 6962 splits a tree.
pub(super) fn complete_subtrees(from: u64, to: u64) -> impl Iterator<Item = (u8, u64)> {
    let mut at = from;
    core::iter::from_fn(move || {
        let height = (to.checked_sub(at)?).checked_ilog2()? as u8;
        let subtree = (height, at >> height);
        at += 1 << height;
        Some(subtree)
    })
}
