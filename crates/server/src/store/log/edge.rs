//! The right edge of a tree in memory: the tiles that are growing and the ones just completed, with every hash inside
//! them. Appending needs no more, and neither do the proofs of what was just appended.

use askfirst_core::log::{Hash, HashReader, TILE_WIDTH, node_hash};

/// Levels of the tree inside one tile.
const HEIGHT: u8 = 8;

/// For each level of tiles the growing tile and the one before it.
#[derive(Default)]
pub struct Edge {
    levels: Vec<[Nodes; 2]>,
}

/// The hashes inside one tile, by height.
#[derive(Default)]
pub struct Nodes {
    tile: u64,
    rows: [Vec<Hash>; HEIGHT as usize],
}

impl Nodes {
    /// Those of a tile with these hashes, from left to right.
    pub fn over(tile: u64, hashes: Vec<Hash>) -> Self {
        let mut nodes = Self { tile, ..Self::default() };
        let mut row = hashes;
        for place in &mut nodes.rows {
            let next = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
            *place = std::mem::replace(&mut row, next);
        }
        nodes
    }

    /// The level and the number of the tile that has a subtree.
    pub fn place(height: u8, index: u64) -> (u8, u64) {
        let (level, within) = (height / HEIGHT, height % HEIGHT);
        (level, (index << within) / TILE_WIDTH)
    }

    /// The hash of a subtree that this tile has.
    pub fn node(&self, height: u8, index: u64) -> Option<Hash> {
        let within = height % HEIGHT;
        let first = (self.tile * TILE_WIDTH) >> within;
        self.rows.get(usize::from(within))?.get(usize::try_from(index.checked_sub(first)?).ok()?).copied()
    }
}

/// A tile that has become full.
pub struct Full {
    pub level: u8,
    pub tile: u64,
    pub hashes: Vec<u8>,
}

impl Edge {
    /// Takes in a subtree that was completed, in the order in which appending completes them.
    pub fn put(&mut self, height: u8, index: u64, hash: Hash) -> Option<Full> {
        let (level, within) = (height / HEIGHT, height % HEIGHT);
        let tile = (index << within) / TILE_WIDTH;
        while self.levels.len() <= usize::from(level) {
            self.levels.push(Default::default());
        }
        let [now, before] = self.levels.get_mut(usize::from(level))?;
        if tile != now.tile {
            *before = std::mem::replace(now, Nodes { tile, ..Nodes::default() });
        }
        let row = now.rows.get_mut(usize::from(within))?;
        row.push(hash);
        let full = within == 0 && row.len() as u64 == TILE_WIDTH;
        full.then(|| Full { level, tile, hashes: row.concat() })
    }

    /// Takes in the growing tile of a level as it was stored: its hashes, from left to right.
    pub fn restore(&mut self, level: u8, tile: u64, hashes: Vec<Hash>) {
        let nodes = Nodes::over(tile, hashes);
        while self.levels.len() <= usize::from(level) {
            self.levels.push(Default::default());
        }
        if let Some([now, _]) = self.levels.get_mut(usize::from(level)) {
            *now = nodes;
        }
    }

    /// The hashes of a tile, as far as they are here.
    pub fn tile(&self, level: u8, tile: u64) -> Option<&[Hash]> {
        let nodes = self.levels.get(usize::from(level))?.iter().find(|nodes| nodes.tile == tile)?;
        nodes.rows.first().map(Vec::as_slice)
    }
}

impl HashReader for Edge {
    fn node(&self, height: u8, index: u64) -> Option<Hash> {
        let (level, tile) = Nodes::place(height, index);
        self.levels.get(usize::from(level))?.iter().find(|nodes| nodes.tile == tile)?.node(height, index)
    }
}

#[cfg(test)]
mod tests {
    use askfirst_core::log::{Frontier, inclusion_proof, leaf_hash, verify_inclusion};

    use super::*;

    fn leaf(n: u64) -> Hash {
        leaf_hash(&n.to_be_bytes())
    }

    #[test]
    fn the_last_256_entries_can_be_proved_from_the_edge_alone() {
        let (mut edge, mut frontier) = (Edge::default(), Frontier::default());
        let mut full = Vec::new();
        for n in 0..70_000u64 {
            frontier.append(leaf(n), |height, index, hash| full.extend(edge.put(height, index, hash)));
            let size = n + 1;
            if size % 4_999 == 0 || (65_530..65_545).contains(&size) {
                for index in size.saturating_sub(256)..size {
                    let proof = inclusion_proof(&edge, index, size).unwrap();
                    assert!(verify_inclusion(&leaf(index), index, size, &frontier.root(), &proof), "{index} of {size}");
                }
            }
        }
        let count = |level| full.iter().filter(|tile| tile.level == level).count();
        assert_eq!((count(0), count(1)), (70_000 / 256, 1));
        assert!(full.iter().all(|tile| tile.hashes.len() == 8192));
    }

    #[test]
    fn a_restored_edge_goes_on_as_the_one_before() {
        let (mut edge, mut frontier) = (Edge::default(), Frontier::default());
        let mut tiles = Vec::new();
        let size = 256 * 3 + 77u64;
        for n in 0..size {
            frontier.append(leaf(n), |height, index, hash| tiles.extend(edge.put(height, index, hash)));
        }
        let mut restored = Edge::default();
        restored.restore(0, 3, (768..size).map(leaf).collect());
        restored.restore(1, 0, (0..3).map(|n| edge.node(8, n).unwrap()).collect());
        let mut again = Frontier::read(size, &restored).unwrap();
        assert_eq!(again, frontier);
        for n in size..size + 600 {
            frontier.append(leaf(n), |height, index, hash| drop(edge.put(height, index, hash)));
            again.append(leaf(n), |height, index, hash| drop(restored.put(height, index, hash)));
            assert_eq!(inclusion_proof(&restored, n, n + 1), inclusion_proof(&edge, n, n + 1));
        }
        assert_eq!(again.root(), frontier.root());
    }
}
