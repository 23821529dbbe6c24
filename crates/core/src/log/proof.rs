//! Inclusion and consistency proofs (RFC 6962 §2.1.1 and §2.1.2), made from hashes of complete subtrees and checked as
//! RFC 9162 §2.1.3.2 and §2.1.4.2 describe.

use super::tree::{complete_subtrees, fold};
use super::{Hash, HashReader, empty_root, node_hash};
use alloc::vec::Vec;

/// The root of the first `size` entries. `None` when the reader lacks a hash.
pub fn root(reader: &impl HashReader, size: u64) -> Option<Hash> {
    if size == 0 { Some(empty_root()) } else { range(reader, 0, size) }
}

/// Proves that the entry `index` is in the tree of `size` entries: the siblings from the leaf up. `None` when the entry
/// is not in that tree or the reader lacks a hash.
pub fn inclusion_proof(reader: &impl HashReader, index: u64, size: u64) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    let (mut from, mut to, mut path) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = split(from, to);
        if index < middle {
            path.push(range(reader, middle, to)?);
            to = middle;
        } else {
            path.push(range(reader, from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// Proves that the tree of `old` entries is the beginning of the tree of `new` entries. Empty when there is nothing to
/// prove (no entries before, or none since). `None` when `old` is larger or the reader lacks a hash.
pub fn consistency_proof(reader: &impl HashReader, old: u64, new: u64) -> Option<Vec<Hash>> {
    if old > new {
        return None;
    }
    if old == 0 {
        return Some(Vec::new());
    }
    let (mut from, mut to, mut path) = (0, new, Vec::new());
    while old != to {
        let middle = split(from, to);
        if old <= middle {
            path.push(range(reader, middle, to)?);
            to = middle;
        } else {
            path.push(range(reader, from, middle)?);
            from = middle;
        }
    }
    // The whole old tree needs no hash: who checks has its root.
    if from != 0 {
        path.push(range(reader, from, to)?);
    }
    path.reverse();
    Some(path)
}

/// Whether `proof` shows that the entry with this leaf hash is number `index` of the `size` entries under `root`.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, root: &Hash, proof: &[Hash]) -> bool {
    root_of_inclusion(leaf, index, size, proof).as_ref() == Some(root)
}

/// The root that an inclusion proof leads to. `None` when no tree of this size has a proof of this length there.
pub fn root_of_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    let last = size.checked_sub(1)?;
    if index > last {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, last, *leaf);
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            skip_to_sibling(&mut at, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// Whether `proof` shows that the tree of `old` entries under `old_root` is the beginning of the tree of `new` entries
/// under `new_root`.
pub fn verify_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old == 0 {
        return proof.is_empty() && *old_root == empty_root() && (new != 0 || new_root == old_root);
    }
    if old >= new {
        return old == new && proof.is_empty() && old_root == new_root;
    }
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    // When the old tree is one complete subtree, its root is where the proof starts.
    let (first, rest) = match proof.split_first() {
        _ if old.is_power_of_two() => (old_root, proof),
        Some((first, rest)) => (first, rest),
        None => return false,
    };
    let (mut from_old, mut from_new) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            from_old = node_hash(sibling, &from_old);
            from_new = node_hash(sibling, &from_new);
            skip_to_sibling(&mut at, &mut last);
        } else {
            from_new = node_hash(&from_new, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && from_old == *old_root && from_new == *new_root
}

/// A node on the right edge without a sibling is its own parent: climbs until it is a right child.
fn skip_to_sibling(at: &mut u64, last: &mut u64) {
    while *at & 1 == 0 && *at != 0 {
        *at >>= 1;
        *last >>= 1;
    }
}

/// Where RFC 6962 splits the entries `from..to`: the left part is the largest power of two smaller than the whole.
fn split(from: u64, to: u64) -> u64 {
    from + (1 << (to - from - 1).checked_ilog2().unwrap_or(0))
}

fn range(reader: &impl HashReader, from: u64, to: u64) -> Option<Hash> {
    let peaks = complete_subtrees(from, to).map(|(height, index)| reader.node(height, index));
    fold(&peaks.collect::<Option<Vec<_>>>()?)
}
