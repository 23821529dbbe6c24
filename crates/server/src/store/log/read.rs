//! The logs as they are stored: heads, entries, tiles, and the hashes of complete subtrees read from them.

use std::cell::RefCell;
use std::collections::HashMap;

use askfirst_core::log::{
    Hash, HashReader, Resource, TILE_WIDTH, Tile, Tiles, consistency_proof, encode_bundle, inclusion_proof, leaf_hash,
    node_hash,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::edge::Nodes;
use super::witness::{self, Signed};
use super::{Inclusion, number};

/// The newest signed head of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub log: i64,
    pub origin: String,
    pub size: u64,
    pub root: Hash,
    /// The signed checkpoint.
    pub note: String,
    /// The entries below are gone; a multiple of the width of a tile.
    pub min_index: u64,
    pub closed: bool,
}

const HEAD: &str = "SELECT log, origin, size, root, note, min_index, closed_at IS NOT NULL AS closed FROM log";

impl Head {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            log: row.get("log")?,
            origin: row.get("origin")?,
            size: row.get("size")?,
            root: row.get("root")?,
            note: row.get("note")?,
            min_index: row.get("min_index")?,
            closed: row.get("closed")?,
        })
    }

    /// The open log of a site.
    pub fn open_of(connection: &Connection, site: i64) -> rusqlite::Result<Option<Self>> {
        let mut statement = connection.prepare_cached(&[HEAD, " WHERE site = ?1 AND closed_at IS NULL"].concat())?;
        statement.query_row([site], Self::of).optional()
    }

    /// The open log of the site with this origin (`https://www.example.nl`).
    pub fn open_at(connection: &Connection, origin: &str) -> rusqlite::Result<Option<Self>> {
        let site = connection
            .prepare_cached("SELECT site FROM site WHERE origin = ?1")?
            .query_row([origin], |row| row.get(0))
            .optional()?;
        site.map_or(Ok(None), |site| Self::open_of(connection, site))
    }

    pub fn by_number(connection: &Connection, log: i64) -> rusqlite::Result<Option<Self>> {
        connection.prepare_cached(&[HEAD, " WHERE log = ?1"].concat())?.query_row([log], Self::of).optional()
    }

    /// Every log of the site with this origin, the closed ones too.
    pub fn all_at(connection: &Connection, origin: &str) -> rusqlite::Result<Vec<Self>> {
        let sql = [HEAD, " WHERE site = (SELECT site FROM site WHERE origin = ?1) ORDER BY log"].concat();
        connection.prepare_cached(&sql)?.query_map([origin], Self::of)?.collect()
    }

    /// Every log, the closed ones too.
    pub fn all(connection: &Connection) -> rusqlite::Result<Vec<Self>> {
        connection.prepare(&[HEAD, " ORDER BY log"].concat())?.query_map([], Self::of)?.collect()
    }

    /// The head that proofs of everything up to an entry lead to: the newest one that witnesses have cosigned, when it has
    /// that entry, else this one.
    pub fn signed(&self, connection: &Connection, index: u64) -> rusqlite::Result<Signed> {
        Ok(self.signed_as(witness::signed(connection, self.log)?.as_ref(), index))
    }

    /// The same for whoever knows what witnesses have cosigned.
    pub fn signed_as(&self, cosigned: Option<&Signed>, index: u64) -> Signed {
        let signed = cosigned.filter(|signed| (index + 1..=self.size).contains(&signed.size));
        signed.cloned().unwrap_or_else(|| Signed { size: self.size, note: self.note.clone(), at: 0 })
    }

    /// Proves an entry to a head of this log. `None` when it has no such entry, or a tile is missing.
    pub fn prove(&self, connection: &Connection, index: u64, signed: &Signed) -> Option<Inclusion> {
        self.prove_with(connection, &Known::default(), index, signed)
    }

    /// The same with tiles that were read before, for proofs of one moment.
    pub fn prove_with(&self, connection: &Connection, known: &Known, index: u64, signed: &Signed) -> Option<Inclusion> {
        let stored = Stored { connection, log: self.log, size: self.size };
        let node = |height, index| known.node(&stored, height, index);
        let hashes = inclusion_proof(&node, index, signed.size)?;
        Some(Inclusion { index, hashes, checkpoint: signed.note.as_str().into() })
    }

    /// Proves that this head goes on from the tree of `old` entries. `None` when it has fewer.
    pub fn growth(&self, connection: &Connection, old: u64) -> Option<Vec<Hash>> {
        consistency_proof(&Stored { connection, log: self.log, size: self.size }, old, self.size)
    }
}

impl Head {
    /// The bytes of a tile or of a bundle. `None` when the log has none, or not yet as much of it.
    pub fn resource(&self, connection: &Connection, resource: Resource) -> rusqlite::Result<Option<Vec<u8>>> {
        let (Resource::Hashes(tile) | Resource::Entries(tile)) = resource;
        let pruned = matches!(resource, Resource::Entries(_)) && tile.index * TILE_WIDTH < self.min_index;
        if pruned || Tile::width_at(tile.level, tile.index, self.size) < tile.width {
            return Ok(None);
        }
        let stored = Stored { connection, log: self.log, size: self.size };
        match resource {
            Resource::Hashes(_) => {
                let hashes = stored.tile(tile.level, tile.index)?;
                Ok(hashes.and_then(|hashes| hashes.get(..usize::from(tile.width) * 32).map(<[u8]>::to_vec)))
            }
            Resource::Entries(_) => {
                let entries = stored.entries(tile.index * TILE_WIDTH, tile.width)?;
                Ok(encode_bundle(entries.iter().map(Vec::as_slice)))
            }
        }
    }
}

/// A tile of a log at a size.
type Place = (i64, u64, u8, u64);

/// Tiles that were read, with the hashes inside them. Those that grow are computed from all below them, which many proofs to
/// one head need only once; and each proof would hash most of a tile anew.
#[derive(Default)]
pub struct Known(RefCell<HashMap<Place, Option<Nodes>>>);

impl Known {
    /// More are never kept: a log has a handful that grow.
    const MOST: usize = 64;

    /// Forgets the full tiles, which are read fast, and keeps what it took long to compute.
    pub fn keep_growing(&mut self) {
        let known = self.0.get_mut();
        known.retain(|(_, size, level, tile), _| u64::from(Tile::width_at(*level, *tile, *size)) < TILE_WIDTH);
        if known.len() > Self::MOST {
            known.clear();
        }
    }

    fn node(&self, stored: &Stored<'_>, height: u8, index: u64) -> Option<Hash> {
        let (level, tile) = Nodes::place(height, index);
        let mut known = self.0.borrow_mut();
        let nodes = known.entry((stored.log, stored.size, level, tile)).or_insert_with(|| {
            let bytes = stored.tile(level, tile).ok().flatten()?;
            Some(Nodes::over(tile, bytes.chunks_exact(32).filter_map(|hash| hash.try_into().ok()).collect()))
        });
        nodes.as_ref()?.node(height, index)
    }
}

/// The hashes of a stored log at a size.
pub struct Stored<'a> {
    pub connection: &'a Connection,
    pub log: i64,
    pub size: u64,
}

impl HashReader for Stored<'_> {
    fn node(&self, height: u8, index: u64) -> Option<Hash> {
        Tiles(|level, tile| self.tile(level, tile).ok().flatten()).node(height, index)
    }
}

impl Stored<'_> {
    /// The growing tile of each level, as far as the levels go.
    pub fn growing(&self) -> rusqlite::Result<Vec<(u8, u64, Vec<Hash>)>> {
        let (mut level, mut count, mut tiles) = (0u8, self.size, Vec::new());
        while count > 0 {
            let tile = count / TILE_WIDTH;
            let bytes = self.growing_tile(level, tile, (count % TILE_WIDTH) as u16)?;
            tiles.push((level, tile, bytes.chunks_exact(32).filter_map(|hash| hash.try_into().ok()).collect()));
            count = tile;
            level += 1;
        }
        Ok(tiles)
    }

    /// The bytes of a tile as it is at this size: full, or as far as it goes. `None` when there is no such tile.
    pub fn tile(&self, level: u8, tile: u64) -> rusqlite::Result<Option<Vec<u8>>> {
        let width = Tile::width_at(level, tile, self.size);
        match u64::from(width) {
            0 => Ok(None),
            TILE_WIDTH => self
                .connection
                .prepare_cached("SELECT hashes FROM log_tile WHERE log = ?1 AND level = ?2 AND tile = ?3")?
                .query_row(params![self.log, level, number(tile)], |row| row.get(0))
                .optional(),
            _ => self.growing_tile(level, tile, width).map(Some),
        }
    }

    /// Computed: from the entries, and above them from the full tiles below.
    fn growing_tile(&self, level: u8, tile: u64, width: u16) -> rusqlite::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::from(width) * 32);
        let first = tile * TILE_WIDTH;
        if level == 0 {
            for entry in self.entries(first, width)? {
                bytes.extend_from_slice(&leaf_hash(&entry));
            }
            return Ok(bytes);
        }
        let mut below = self.connection.prepare_cached(
            "SELECT hashes FROM log_tile WHERE log = ?1 AND level = ?2 AND tile >= ?3 ORDER BY tile LIMIT ?4",
        )?;
        let tiles =
            below.query_map(params![self.log, level - 1, number(first), width], |row| row.get::<_, Vec<u8>>(0))?;
        for hashes in tiles {
            let hashes = hashes?;
            // The root of the tile below, over its two halves.
            let halves = Tiles(|_, _| Some(&hashes));
            let root = halves.node(7, 0).zip(halves.node(7, 1)).map(|(left, right)| node_hash(&left, &right));
            bytes.extend_from_slice(&root.unwrap_or_default());
        }
        Ok(bytes)
    }

    /// At most `most` entries from `first` on.
    pub fn entries(&self, first: u64, most: u16) -> rusqlite::Result<Vec<Vec<u8>>> {
        self.connection
            .prepare_cached(
                "SELECT bytes FROM log_entry WHERE log = ?1 AND idx >= ?2 AND idx < ?3 ORDER BY idx LIMIT ?4",
            )?
            .query_map(params![self.log, number(first), number(self.size), most], |row| row.get(0))?
            .collect()
    }
}
