//! A log in memory: its right edge, from the entries and full tiles that are stored. One that appends and one that
//! follows are the same; each server that follows computes every root itself and compares it with what was signed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use askfirst_core::log::{
    Frontier, Hash, HashReader, LogKey, SigningKey, TILE_WIDTH, Tiles, consistency_proof, empty_root, inclusion_proof,
    leaf_hash, node_hash, root,
};
use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::failure::{Done, Failure};
use super::keys;
use super::sql::{hash, query};
use crate::store::log::edge::{Edge, Full};
use crate::store::log::keys::signed;
use crate::store::log::read::Head;
use crate::store::log::witness::Signed;
use crate::store::log::{Inclusion, Seeds, number};

/// Entries read at once.
const CHUNK: i64 = 4_096;
/// With more than this to catch up on, the tiles are read instead of the entries.
const FAR: u64 = 65_536;

pub struct Tree {
    pub log: i64,
    pub site: i64,
    pub origin: String,
    /// What signs it: one key, or two while one takes the place of the other. None where nothing is signed or compared with
    /// a signature.
    pub signers: Vec<SigningKey>,
    /// The keys by which its heads are checked.
    believed: Vec<LogKey>,
    pub notices: HashSet<[u8; 32]>,
    /// The newest signed checkpoint.
    pub checkpoint: Arc<str>,
    frontier: Frontier,
    edge: Edge,
}

/// A head and the site it is of.
pub fn head(row: &Row) -> Done<Head> {
    Ok(Head {
        log: row.try_get("log")?,
        origin: row.try_get("origin")?,
        size: unsigned(row.try_get("size")?),
        root: hash(row.try_get("root")?)?,
        note: row.try_get("note")?,
        min_index: unsigned(row.try_get("min_index")?),
        closed: row.try_get("closed")?,
    })
}

pub fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

macro_rules! head_sql {
    ($rest:literal) => {
        concat!(
            "SELECT log.log, log.site, log.origin, log.size, log.root, log.note, log.min_index, ",
            "log.closed_at IS NOT NULL AS closed FROM askfirst.log AS log ",
            $rest
        )
    };
}

/// The open log of a site.
pub async fn open_of(client: &impl GenericClient, site: i64) -> Done<Option<Head>> {
    let rows = query(client, head_sql!("WHERE log.site = $1 AND log.closed_at IS NULL"), &[&site]).await?;
    rows.first().map(head).transpose()
}

/// The open log of the site with this origin (`https://www.example.nl`).
pub async fn open_at(client: &impl GenericClient, origin: &str) -> Done<Option<Head>> {
    let sql = head_sql!(
        "JOIN askfirst.site AS site ON site.site = log.site WHERE site.origin = $1 AND log.closed_at IS NULL"
    );
    query(client, sql, &[&origin]).await?.first().map(head).transpose()
}

pub async fn by_number(client: &impl GenericClient, log: i64) -> Done<Option<(Head, i64)>> {
    let rows = query(client, head_sql!("WHERE log.log = $1"), &[&log]).await?;
    rows.first().map(|row| Ok((head(row)?, row.try_get("site")?))).transpose()
}

/// Every log of the site with this origin, the closed ones too.
pub async fn all_at(client: &impl GenericClient, origin: &str) -> Done<Vec<Head>> {
    let sql = head_sql!("JOIN askfirst.site AS site ON site.site = log.site WHERE site.origin = $1 ORDER BY log.log");
    query(client, sql, &[&origin]).await?.iter().map(head).collect()
}

/// Every log, the closed ones too, with its site.
pub async fn all(client: &impl GenericClient) -> Done<Vec<(Head, i64)>> {
    let rows = query(client, head_sql!("ORDER BY log.log"), &[]).await?;
    rows.iter().map(|row| Ok((head(row)?, row.try_get("site")?))).collect()
}

impl Tree {
    /// A log that has nothing yet.
    pub fn new((log, origin): (i64, &str), site: i64, signers: Vec<SigningKey>) -> Self {
        let (frontier, edge) = Default::default();
        let believed = signers.iter().map(|key| key.verifier().clone().into()).collect();
        let origin = origin.to_owned();
        Self {
            log,
            site,
            origin,
            signers,
            believed,
            notices: HashSet::new(),
            checkpoint: Arc::from(""),
            frontier,
            edge,
        }
    }

    /// Reads a log as it is at a head, and sees that the head is what was signed.
    pub async fn load(client: &impl GenericClient, (head, site): (&Head, i64), seeds: Option<&Seeds>) -> Done<Self> {
        let mut tree = Self::new((head.log, &head.origin), site, Vec::new());
        if let Some(seeds) = seeds {
            let named = keys::of(client, head.log).await?;
            tree.believed = seeds.believed(&head.origin, &named);
            signed(head, &tree.believed)?;
            tree.signers = seeds.signers(&head.origin, &named)?;
        }
        let (mut level, mut count) = (0u8, head.size);
        while count > 0 {
            let (tile, width) = (count / TILE_WIDTH, count % TILE_WIDTH);
            let hashes = growing(client, head.log, level, tile, width).await?;
            tree.edge.restore(level, tile, hashes);
            count = tile;
            level += 1;
        }
        let whole = Frontier::read(head.size, &tree.edge).filter(|frontier| frontier.root() == head.root);
        tree.frontier = whole.ok_or_else(|| not_signed(&head.origin))?;
        let notices = query(client, "SELECT notice FROM askfirst.log_notice WHERE log = $1", &[&head.log]).await?;
        tree.notices = notices.iter().map(|row| hash(row.try_get(0)?)).collect::<Done<_>>()?;
        tree.checkpoint = Arc::from(head.note.as_str());
        Ok(tree)
    }

    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub fn root(&self) -> Hash {
        if self.size() == 0 { empty_root() } else { self.frontier.root() }
    }

    /// Appends a leaf; the tiles that it completes are to be stored.
    pub fn put(&mut self, leaf: Hash) -> Vec<Full> {
        let (edge, mut full) = (&mut self.edge, Vec::new());
        self.frontier.append(leaf, |height, index, hash| full.extend(edge.put(height, index, hash)));
        full
    }

    /// Takes in what was appended elsewhere, up to a head, and sees that this is what was signed.
    pub async fn follow(&mut self, client: &impl GenericClient, head: &Head, seeds: &Seeds) -> Done<()> {
        if head.size < self.size() {
            return Err(Failure::Fault(crate::store::log::check::Fault::MustNotSign(format!(
                "the log {} has {} entries and had {}: the database was restored from an older backup",
                head.origin,
                head.size,
                self.size()
            ))));
        }
        if head.size - self.size() > FAR {
            *self = Self::load(client, (head, self.site), Some(seeds)).await?;
            return Ok(());
        }
        if signed(head, &self.believed).is_err() {
            // Its keys may have changed.
            let named = keys::of(client, self.log).await?;
            self.believed = seeds.believed(&head.origin, &named);
            signed(head, &self.believed)?;
            self.signers = seeds.signers(&head.origin, &named)?;
        }
        while self.size() < head.size {
            let first = self.size();
            let leaves = entries(client, self.log, first, number(head.size).min(number(first) + CHUNK)).await?;
            if leaves.is_empty() {
                return Err(not_signed(&head.origin));
            }
            leaves.iter().for_each(|bytes| drop(self.put(leaf_hash(bytes))));
        }
        if self.root() != head.root {
            return Err(not_signed(&head.origin));
        }
        self.checkpoint = Arc::from(head.note.as_str());
        Ok(())
    }

    /// Takes in what this server itself has appended and committed, when it goes on from here.
    pub fn take(&mut self, first: u64, leaves: &[Hash], checkpoint: &Arc<str>) {
        if self.size() == first {
            leaves.iter().for_each(|leaf| drop(self.put(*leaf)));
            self.checkpoint = Arc::clone(checkpoint);
        }
    }

    /// Proves an entry from memory alone: one of the newest 256 and more.
    pub fn prove(&self, index: u64) -> Option<Inclusion> {
        let hashes = inclusion_proof(&self.edge, index, self.size())?;
        Some(Inclusion { index, hashes, checkpoint: Arc::clone(&self.checkpoint) })
    }

    /// Proves any entry to the newest head, or to the newest that witnesses have cosigned.
    pub async fn prove_any(&self, client: &impl GenericClient, index: u64) -> Done<Option<Inclusion>> {
        let signed = self.signed(client, index).await?;
        self.prove_to(client, index, &signed).await
    }

    /// The head that proofs of everything up to an entry lead to: the newest one that witnesses have cosigned, when it has
    /// that entry, else this one.
    pub async fn signed(&self, client: &impl GenericClient, index: u64) -> Done<Signed> {
        let signed = super::witnessing::signed(client, self.log).await?;
        let signed = signed.filter(|signed| (index + 1..=self.size()).contains(&signed.size));
        Ok(signed.unwrap_or_else(|| Signed { size: self.size(), note: self.checkpoint.to_string(), at: 0 }))
    }

    /// Proves any entry to a head of this log; what is not in memory is in full tiles.
    pub async fn prove_to(&self, client: &impl GenericClient, index: u64, signed: &Signed) -> Done<Option<Inclusion>> {
        let hashes = self.with_tiles(client, |reader| inclusion_proof(&reader, index, signed.size)).await?;
        Ok(hashes.map(|hashes| Inclusion { index, hashes, checkpoint: signed.note.as_str().into() }))
    }

    /// Proves that the tree of `new` entries goes on from that of `old`. `None` when it has fewer.
    pub async fn growth(&self, client: &impl GenericClient, old: u64, new: u64) -> Done<Option<Vec<Hash>>> {
        self.with_tiles(client, |reader| consistency_proof(&reader, old, new)).await
    }

    /// The root of the first `size` entries.
    pub async fn root_at(&self, client: &impl GenericClient, size: u64) -> Done<Option<Hash>> {
        self.with_tiles(client, |reader| root(&reader, size)).await
    }

    /// Computes something twice: first to see which tiles it needs, then with them.
    async fn with_tiles<T>(
        &self,
        client: &impl GenericClient,
        compute: impl Fn(&dyn Fn(u8, u64) -> Option<Hash>) -> Option<T>,
    ) -> Done<Option<T>> {
        let (first, needed) = {
            let needed = RefCell::new(BTreeSet::new());
            let noting = |height: u8, index: u64| {
                self.edge.node(height, index).or_else(|| {
                    needed.borrow_mut().insert((height / 8, (index << (height % 8)) / TILE_WIDTH));
                    Some([0; 32])
                })
            };
            (compute(&noting), needed.into_inner())
        };
        if needed.is_empty() || first.is_none() {
            return Ok(first);
        }
        let mut tiles = BTreeMap::new();
        for (level, tile) in needed {
            tiles.insert((level, tile), full_tile(client, self.log, level, tile).await?);
        }
        let stored = Tiles(|level, tile| tiles.get(&(level, tile))?.as_ref());
        Ok(compute(&|height, index| self.edge.node(height, index).or_else(|| stored.node(height, index))))
    }

    /// The hashes of the tile of a level that is growing.
    pub fn growing(&self, level: u8, tile: u64) -> Option<&[Hash]> {
        self.edge.tile(level, tile)
    }
}

fn not_signed(origin: &str) -> Failure {
    Failure::damaged(format!("the tree of the log {origin} is not the one that was signed"))
}

pub async fn full_tile(client: &impl GenericClient, log: i64, level: u8, tile: u64) -> Done<Option<Vec<u8>>> {
    let sql = "SELECT hashes FROM askfirst.log_tile WHERE log = $1 AND level = $2 AND tile = $3";
    let rows = query(client, sql, &[&log, &i64::from(level), &number(tile)]).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

/// The entries from `first` up to `end`.
pub async fn entries(client: &impl GenericClient, log: i64, first: u64, end: i64) -> Done<Vec<Vec<u8>>> {
    let sql = "SELECT bytes FROM askfirst.log_entry WHERE log = $1 AND idx >= $2 AND idx < $3 ORDER BY idx";
    let rows = query(client, sql, &[&log, &number(first), &end]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The hashes of a tile that is not full: from the entries, and above them from the full tiles below.
pub async fn growing(client: &impl GenericClient, log: i64, level: u8, tile: u64, width: u64) -> Done<Vec<Hash>> {
    let first = tile * TILE_WIDTH;
    if level == 0 {
        let entries = entries(client, log, first, number(first + width)).await?;
        return Ok(entries.iter().map(|bytes| leaf_hash(bytes)).collect());
    }
    let sql = "SELECT hashes FROM askfirst.log_tile WHERE log = $1 AND level = $2 AND tile >= $3 AND tile < $4
               ORDER BY tile";
    let rows = query(client, sql, &[&log, &i64::from(level - 1), &number(first), &number(first + width)]).await?;
    let root = |row: &Row| {
        let hashes: Vec<u8> = row.try_get(0)?;
        // The root of the tile below, over its two halves.
        let halves = Tiles(|_, _| Some(&hashes));
        let root = halves.node(7, 0).zip(halves.node(7, 1)).map(|(left, right)| node_hash(&left, &right));
        Ok(root.unwrap_or_default())
    };
    rows.iter().map(root).collect()
}
