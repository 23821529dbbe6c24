//! The log's tree, its proofs and its tiles, against an independent implementation of RFC 6962 and published vectors
//! (PROOF tests 10 and 11).
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;

use askfirst_core::log::{
    Frontier, Hash, HashReader, Tile, Tiles, consistency_proof, empty_root, inclusion_proof, leaf_hash, node_hash,
    partial_tiles, root, root_of_inclusion, verify_consistency, verify_inclusion,
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2_for_ct_merkle::Sha256;

/// A log in memory: every hash of a complete subtree.
#[derive(Default)]
struct Log {
    frontier: Frontier,
    nodes: HashMap<(u8, u64), Hash>,
}

impl Log {
    fn of(size: u64) -> Self {
        let mut log = Self::default();
        (0..size).for_each(|at| log.push(&entry(at)));
        log
    }

    fn push(&mut self, entry: &[u8]) {
        let nodes = &mut self.nodes;
        self.frontier
            .append(leaf_hash(entry), |height, index, hash| assert!(nodes.insert((height, index), hash).is_none()));
    }
}

impl HashReader for Log {
    fn node(&self, height: u8, index: u64) -> Option<Hash> {
        self.nodes.get(&(height, index)).copied()
    }
}

fn entry(at: u64) -> Vec<u8> {
    at.to_be_bytes().repeat(8)
}

fn peer_of(size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut peer = MemoryBackedTree::new();
    (0..size).for_each(|at| peer.push(entry(at)));
    peer
}

/// A fixed sequence of numbers without pattern.
fn numbers() -> impl FnMut(u64) -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    }
}

fn hash(hex: &str) -> Hash {
    let digit = |at: usize| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap();
    std::array::from_fn(digit)
}

#[test]
fn roots_are_those_of_the_reference_implementation_of_rfc_6962() {
    // The entries and roots of `merkletree/merkle_tree_test.cc` in google/certificate-transparency.
    let entries: [&[u8]; 8] = [b"", b"\0", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut log = Log::default();
    assert_eq!(log.frontier.root(), hash(roots[0]));
    for (entry, root) in entries.iter().zip(&roots[1..]) {
        log.push(entry);
        assert_eq!(log.frontier.root(), hash(root), "size {}", log.frontier.size());
    }
    // Its inclusion proof of the last of 3 and its consistency proof from 6 to 8.
    let proof = [hash("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125")];
    assert_eq!(inclusion_proof(&log, 2, 3).unwrap(), proof);
    let proof = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(consistency_proof(&log, 6, 8).unwrap(), proof.map(hash));
}

#[test]
fn every_inclusion_proof_up_to_1025_entries_is_the_peers_and_holds() {
    // PROOF test 10.
    let (log, mut peer) = (Log::of(1025), MemoryBackedTree::<Sha256, Vec<u8>>::new());
    for size in 1..=1025 {
        peer.push(entry(size - 1));
        let head = root(&log, size).unwrap();
        assert_eq!(head, peer.root().as_bytes()[..], "root of {size}");
        for index in 0..size {
            let proof = inclusion_proof(&log, index, size).unwrap();
            assert_eq!(proof.concat(), peer.prove_inclusion(index as usize).as_bytes(), "{index} in {size}");
            let leaf = log.node(0, index).unwrap();
            assert!(verify_inclusion(&leaf, index, size, &head, &proof), "{index} in {size}");
        }
        assert_eq!(inclusion_proof(&log, size, size), None);
    }
}

#[test]
fn every_consistency_proof_up_to_257_entries_is_the_peers_and_holds() {
    // PROOF test 10.
    let log = Log::of(257);
    let roots: Vec<Hash> = (0..=257).map(|size| root(&log, size).unwrap()).collect();
    for new in 0..=257u64 {
        let peer = peer_of(new);
        for old in 0..=new {
            let proof = consistency_proof(&log, old, new).unwrap();
            if old > 0 {
                assert_eq!(proof.concat(), peer.prove_consistency((new - old) as usize).as_bytes(), "{old} → {new}");
            }
            let (before, after) = (&roots[old as usize], &roots[new as usize]);
            assert!(verify_consistency(old, before, new, after, &proof), "{old} → {new}");
            if old != new {
                assert!(!verify_consistency(new, after, old, before, &proof), "{new} → {old}");
                assert!(!verify_consistency(old, after, new, after, &proof), "{old} → {new}, other old root");
                // From the empty tree everything follows.
                assert!(
                    old == 0 || !verify_consistency(old, before, new, before, &proof),
                    "{old} → {new}, other new root"
                );
            }
        }
        assert_eq!(consistency_proof(&log, new + 1, new), None);
    }
}

#[test]
fn proofs_of_large_trees_are_the_peers_and_hold() {
    large_trees(60_000);
}

#[test]
#[ignore = "a minute and a half without optimisation: cargo test --release --test log -- --ignored"]
fn proofs_of_trees_of_a_million_entries_are_the_peers_and_hold() {
    large_trees(1_000_000);
}

/// PROOF test 10: random places in the largest and in a random tree.
fn large_trees(most: u64) {
    let mut number = numbers();
    let log = Log::of(most);
    for size in [most, 1 + number(most)] {
        let (peer, head) = (peer_of(size), root(&log, size).unwrap());
        assert_eq!(head, peer.root().as_bytes()[..]);
        for _ in 0..200 {
            let index = number(size);
            let proof = inclusion_proof(&log, index, size).unwrap();
            assert_eq!(proof.concat(), peer.prove_inclusion(index as usize).as_bytes(), "{index} in {size}");
            assert!(verify_inclusion(&log.node(0, index).unwrap(), index, size, &head, &proof), "{index} in {size}");
            let old = 1 + number(size);
            let proof = consistency_proof(&log, old, size).unwrap();
            assert_eq!(proof.concat(), peer.prove_consistency((size - old) as usize).as_bytes(), "{old} → {size}");
            assert!(verify_consistency(old, &root(&log, old).unwrap(), size, &head, &proof), "{old} → {size}");
        }
    }
}

#[test]
fn no_changed_proof_holds() {
    // PROOF test 11: each byte of a proof, and what it is about.
    let log = Log::of(300);
    for (index, size) in [(0, 1), (0, 2), (1, 2), (6, 7), (128, 200), (299, 300), (4, 300)] {
        let (leaf, head) = (log.node(0, index).unwrap(), root(&log, size).unwrap());
        let proof = inclusion_proof(&log, index, size).unwrap();
        for at in 0..proof.len() * 32 {
            let mut changed = proof.clone();
            changed[at / 32][at % 32] ^= 1 << (at % 8);
            assert!(!verify_inclusion(&leaf, index, size, &head, &changed), "byte {at} of {index} in {size}");
        }
        let longer = [&proof[..], &[[0; 32]]].concat();
        assert!(!verify_inclusion(&leaf, index, size, &head, &longer));
        assert!(proof.is_empty() || !verify_inclusion(&leaf, index, size, &head, &proof[1..]));
        assert!(!verify_inclusion(&node_hash(&leaf, &leaf), index, size, &head, &proof));
        for other in (0..size + 2).filter(|other| *other != index) {
            assert!(!verify_inclusion(&leaf, other, size, &head, &proof), "{index} as {other} in {size}");
        }
    }
    for (old, new) in [(1, 2), (3, 7), (4, 8), (6, 8), (255, 256), (100, 300)] {
        let (before, after) = (root(&log, old).unwrap(), root(&log, new).unwrap());
        let proof = consistency_proof(&log, old, new).unwrap();
        for at in 0..proof.len() * 32 {
            let mut changed = proof.clone();
            changed[at / 32][at % 32] ^= 1 << (at % 8);
            assert!(!verify_consistency(old, &before, new, &after, &changed), "byte {at} of {old} → {new}");
        }
        assert!(!verify_consistency(old, &before, new, &after, &[&proof[..], &[[0; 32]]].concat()));
        assert!(!verify_consistency(old, &before, new, &after, &proof[1..]));
        assert!(!verify_consistency(old, &before, new, &after, &[]));
    }
}

#[test]
fn a_log_goes_on_from_what_is_stored() {
    let mut log = Log::of(777);
    let read = Frontier::read(777, &log).unwrap();
    assert_eq!(read, log.frontier);
    log.push(b"next");
    assert_ne!(read.root(), log.frontier.root());
    assert_eq!(Frontier::read(779, &log), None, "a hash is missing");
    assert_eq!(Frontier::read(0, &log).unwrap().root(), empty_root());
}

#[test]
fn tiles_hold_the_whole_tree() {
    // C2SP tlog-tiles: the tiles of a tree of 70,000 entries are those that its example lists.
    let size = 70_000;
    let mut tiles: HashMap<(u8, u64), Vec<u8>> = HashMap::new();
    let mut frontier = Frontier::default();
    let log = Log::of(size);
    for at in 0..size {
        frontier.append(leaf_hash(&entry(at)), |height, index, hash| {
            let Some((level, tile, place)) = Tile::place(height, index) else { return };
            let bytes = tiles.entry((level, tile)).or_default();
            assert_eq!(bytes.len(), usize::from(place) * 32, "a tile grows at its end");
            bytes.extend_from_slice(&hash);
        });
    }
    let widths = |level| {
        let mut of: Vec<_> =
            tiles.iter().filter(|((l, _), _)| *l == level).map(|((_, n), b)| (*n, b.len() / 32)).collect();
        of.sort_unstable();
        of
    };
    assert_eq!(widths(0).len(), 274);
    assert_eq!(widths(0).last(), Some(&(273, 112)));
    assert_eq!(widths(1), [(0, 256), (1, 17)]);
    assert_eq!(widths(2), [(0, 1)]);
    for ((level, index), bytes) in &tiles {
        assert_eq!(usize::from(Tile::width_at(*level, *index, size)), bytes.len() / 32);
    }
    let partial = |level, index, width| Tile { level, index, width };
    assert_eq!(partial_tiles(size), [partial(0, 273, 112), partial(1, 1, 17), partial(2, 0, 1)]);
    assert_eq!(partial_tiles(256), [partial(1, 0, 1)]);

    let reader = Tiles(|level, index| tiles.get(&(level, index)));
    let mut number = numbers();
    for _ in 0..100 {
        let older = 1 + number(size);
        let index = number(older);
        assert_eq!(root(&reader, older), root(&log, older));
        assert_eq!(inclusion_proof(&reader, index, older), inclusion_proof(&log, index, older));
        assert_eq!(consistency_proof(&reader, older, size), consistency_proof(&log, older, size));
    }
    assert_eq!(inclusion_proof(&reader, 0, size + 1), None, "the tiles don't have that tree");
}

#[test]
fn pruned_tiles_keep_every_later_proof() {
    // C2SP tlog-tiles, "Pruning": full tiles that end at or below the minimum index may go.
    let (size, min_index) = (2000, 512);
    let log = Log::of(size);
    let reader = |height: u8, index: u64| {
        let tile_end = (((index << (height % 8)) / 256) + 1) << (8 * (u32::from(height / 8) + 1));
        if tile_end <= min_index { None } else { log.node(height, index) }
    };
    for index in min_index..size {
        assert_eq!(inclusion_proof(&reader, index, size), inclusion_proof(&log, index, size));
    }
    for old in min_index..size {
        assert_eq!(consistency_proof(&reader, old, size), consistency_proof(&log, old, size));
    }
    assert_eq!(inclusion_proof(&reader, 3, size), None);
}

proptest! {
    #[test]
    fn a_random_proof_leads_nowhere(leaf: Hash, head: Hash, index: u64, size: u64, proof in prop::collection::vec(any::<Hash>(), 0..70)) {
        prop_assert!(!verify_inclusion(&leaf, index, size, &head, &proof));
        prop_assert!(!verify_consistency(index, &leaf, size, &head, &proof));
        root_of_inclusion(&leaf, index, size, &proof);
    }
}
