//! Whether the database still is what its logs have signed: at each start for the newest part, and for everything with
//! `askfirst audit` (PROOF tests 8 and 14).

use askfirst_core::digest::sha256;
use askfirst_core::log::{
    Challenge, Checkpoint, Entry, Frontier, Hash, LogKey, Resource, TILE_WIDTH, Tile, leaf_hash, root,
};
use rusqlite::{Connection, Row};

use super::edge::Edge;
use super::key::Seeds;
use super::keys::{self, signed};
use super::read::{Head, Stored};
use super::witness;
use crate::store::Clock;
use crate::store::sqlite::Opened;

/// Records that are looked at when the store opens.
pub const TAIL: i64 = 1_000;

/// Why a store is not served as usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Signing on could contradict what was said before: the server does not start.
    MustNotSign(String),
    /// Something stored is not what it was: it can be read, and nothing is added to it.
    Damaged(String),
    /// It can't be read at all.
    Unreadable(String),
}

impl Fault {
    /// What is wrong.
    pub fn sentence(self) -> String {
        match self {
            Self::MustNotSign(what) | Self::Damaged(what) | Self::Unreadable(what) => what,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// What the logs have published must be the beginning of what they have now.
///
/// # Errors
/// The database is older than that, or tells another history.
pub fn published(connection: &Connection, published: &[Checkpoint]) -> Result<(), Fault> {
    let heads = Head::all(connection)?;
    for said in published {
        let head = heads.iter().find(|head| head.origin == said.origin);
        let size = head.map_or(0, |head| head.size);
        if size < said.size {
            return Err(Fault::MustNotSign(format!(
                "the log {} has published a checkpoint of {} entries and this database has {size}: it is from an older \
                 backup. Restore a newer one, or start a new log with `askfirst recover`",
                said.origin, said.size
            )));
        }
        let Some(head) = head else { continue };
        let stored = Stored { connection, log: head.log, size: head.size };
        if root(&stored, said.size) != Some(said.root) {
            return Err(Fault::Damaged(format!(
                "the first {} entries of the log {} are not those that were published",
                said.size, said.origin
            )));
        }
    }
    Ok(())
}

/// The signed heads, the right edges of the trees and the newest records. Without `seeds` nothing is to be signed, and the
/// keys that the logs name are believed.
///
/// # Errors
/// The first thing that does not hold.
pub fn tail(connection: &Connection, seeds: Option<&Seeds>) -> Result<(), Fault> {
    for head in Head::all(connection)? {
        heads_keys(connection, &head, seeds)?;
        let stored = Stored { connection, log: head.log, size: head.size };
        let mut edge = Edge::default();
        for (level, tile, hashes) in stored.growing()? {
            edge.restore(level, tile, hashes);
        }
        if Frontier::read(head.size, &edge).map(|frontier| frontier.root()) != Some(head.root) {
            return Err(Fault::Damaged(format!("the tree of the log {} is not the one that was signed", head.origin)));
        }
    }
    let last: i64 = connection.query_row("SELECT coalesce(max(seq), 0) FROM record", [], |row| row.get(0))?;
    records(connection, last - TAIL, |_| ())
}

/// The head is signed by the log's keys, and what signs it from now on is at hand.
fn heads_keys(connection: &Connection, head: &Head, seeds: Option<&Seeds>) -> Result<(), Fault> {
    let named = match seeds {
        Some(_) if !head.closed => keys::of(connection, head.log)?,
        // Nothing is signed with them any more.
        _ => keys::published(connection, head.log)?,
    };
    let believed = seeds.map_or_else(|| named.clone(), |seeds| seeds.believed(&head.origin, &named));
    if !believed.is_empty() {
        signed(head, &believed)?;
    }
    match seeds.filter(|_| !head.closed) {
        Some(seeds) => seeds.signers(&head.origin, &named).map(drop),
        None => Ok(()),
    }
}

/// What an audit has looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    pub logs: u64,
    pub entries: u64,
    pub records: u64,
    /// Of the records, those that were erased.
    pub erased: u64,
}

/// Rebuilds every tree from its entries and compares tiles, roots and records.
///
/// # Errors
/// The first thing that does not hold.
pub fn everything(connection: &Connection) -> Result<Looked, Fault> {
    let mut looked = Looked::default();
    for head in Head::all(connection)? {
        looked.logs += 1;
        looked.entries += head.size;
        tree(connection, &head)?;
    }
    records(connection, 0, |erased| {
        looked.records += 1;
        looked.erased += u64::from(erased);
    })?;
    Ok(looked)
}

fn tree(connection: &Connection, head: &Head) -> Result<(), Fault> {
    let stored = Stored { connection, log: head.log, size: head.size };
    let known = keys::published(connection, head.log)?;
    let mut said = known_before(&known, head);
    let (mut edge, mut frontier) = (Edge::default(), Frontier::default());
    for bundle in 0..head.size.div_ceil(TILE_WIDTH) {
        for leaf in leaves(&stored, head, bundle, &mut said)? {
            let mut full = Vec::new();
            frontier.append(leaf, |height, index, hash| full.extend(edge.put(height, index, hash)));
            for tile in full {
                if stored.tile(tile.level, tile.tile)?.as_ref() != Some(&tile.hashes) {
                    let named = Tile { level: tile.level, index: tile.tile, width: TILE_WIDTH as u16 };
                    let path = Resource::Hashes(named).path();
                    return Err(Fault::Damaged(format!(
                        "{path} of the log {} is not what its entries say: the tile or one of them was changed",
                        head.origin
                    )));
                }
            }
        }
    }
    if (frontier.size(), frontier.root()) != (head.size, head.root) {
        return Err(Fault::Damaged(format!("the tree of the log {} is not the one that was signed", head.origin)));
    }
    let cosigned = witness::notes(connection, head.log)?;
    signatures(head, &known, &said, cosigned.iter().map(String::as_str))
}

/// What is known of a log's keys from before its first entry that is left.
pub fn known_before(known: &[LogKey], head: &Head) -> Vec<LogKey> {
    let before = known.iter().filter(|key| key.since < head.min_index).cloned();
    before.map(|key| LogKey { until: key.until.filter(|until| *until < head.min_index), ..key }).collect()
}

/// The keys are the ones that the entries name, and the heads that are handed out are signed by them as they must be: by
/// each that signs at their size, and by none that was taken out before (PROOF test 16).
///
/// # Errors
/// The first thing that does not hold.
pub fn signatures<'a>(
    head: &Head,
    known: &[LogKey],
    said: &[LogKey],
    cosigned: impl Iterator<Item = &'a str>,
) -> Result<(), Fault> {
    let origin = &head.origin;
    if known != said {
        return Err(Fault::Damaged(format!("the keys of the log {origin} are not those that its entries name")));
    }
    // A log whose first entries are gone and whose key never changed does not say which it is; a start compares it.
    if known.is_empty() {
        return Ok(());
    }
    signed(head, known)?;
    for note in cosigned {
        Checkpoint::open_complete(note, known).map_err(|error| keys::unsigned(origin, &error))?;
    }
    Ok(())
}

/// The leaves of entries from `first` on; takes in what they say of the log's keys.
///
/// # Errors
/// One is no entry, or says something of a key that can't be.
pub fn leaves_of(head: &Head, first: u64, entries: &[Vec<u8>], said: &mut Vec<LogKey>) -> Result<Vec<Hash>, Fault> {
    for (index, bytes) in (first..).zip(entries) {
        let fault = |what: &str| Fault::Damaged(format!("entry {index} of the log {} {what}", head.origin));
        let entry = Entry::parse(bytes).ok_or_else(|| fault("is not an entry"))?;
        LogKey::follow(said, index, &entry).map_err(|why| fault(&why))?;
    }
    Ok(entries.iter().map(|bytes| leaf_hash(bytes)).collect())
}

/// The leaves of a bundle: from its entries, or from the tile where the entries are gone.
fn leaves(stored: &Stored<'_>, head: &Head, bundle: u64, said: &mut Vec<LogKey>) -> Result<Vec<Hash>, Fault> {
    if bundle * TILE_WIDTH < head.min_index {
        let tile = stored.tile(0, bundle)?.unwrap_or_default();
        return Ok(tile.chunks_exact(32).filter_map(|hash| hash.try_into().ok()).collect());
    }
    let entries = stored.entries(bundle * TILE_WIDTH, TILE_WIDTH as u16)?;
    leaves_of(head, bundle * TILE_WIDTH, &entries, said)
}

/// One record beside its entry.
pub struct Logged {
    pub seq: i64,
    pub index: Option<u64>,
    pub received_at: i64,
    pub clock: String,
    pub challenge: Option<Challenge>,
    pub opened: Opened,
    pub entry: Option<Vec<u8>>,
    /// The log says that everything up to this record's entry is gone.
    pub pruned: bool,
}

impl Logged {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get("seq")?,
            index: row.get("idx")?,
            received_at: row.get("received_at")?,
            clock: row.get("clock")?,
            challenge: row.get::<_, Option<i64>>("challenge")?.map(Challenge::of_number),
            opened: Opened::of(row)?,
            entry: row.get("entry")?,
            pruned: row.get("pruned")?,
        })
    }

    /// # Errors
    /// The first thing that does not hold, with the place of the record.
    pub fn hold(&self) -> Result<(), Fault> {
        let Some(problem) = self.problem() else { return Ok(()) };
        let place = self.index.map_or(String::new(), |index| format!(" (entry {index})"));
        Err(Fault::Damaged(format!("record {}{place} {problem}", self.seq)))
    }

    fn problem(&self) -> Option<&'static str> {
        let Opened { secret, body, digest, .. } = &self.opened;
        if self.pruned && self.entry.is_none() {
            return (body.is_some() || secret.is_some()).then_some("is still there below the prune mark");
        }
        let Some(entry) = self.entry.as_deref().and_then(Entry::parse) else {
            // A record that was erased before there was a log never had an entry.
            return (body.is_some() || self.index.is_some()).then_some("has no entry in the log");
        };
        let Entry::Record(commitment) = entry else { return Some("has an entry of another kind") };
        let Some(body) = body else {
            return secret.is_some().then_some("is erased and its secret is still there");
        };
        let Some(secret) = secret else { return Some("has lost its secret") };
        if *digest != Some(sha256(body)) {
            return Some("is not the one that was received: its digest is another");
        }
        let Ok(body) = std::str::from_utf8(body) else { return Some("is not text") };
        let envelope = Clock::named(&self.clock).envelope(self.received_at, self.challenge);
        let same = secret.commit(body, &envelope) == commitment;
        (!same).then_some("is not the one that its entry stands for")
    }
}

/// Compares the records after a place with their entries. `each` is told whether one was erased.
fn records(connection: &Connection, after: i64, mut each: impl FnMut(bool)) -> Result<(), Fault> {
    let mut statement = connection.prepare(
        "SELECT record.seq, record.idx, received_at, clock, challenge, digest, subject, holder, body,
             plain_secret(secret, record_id) AS secret, log_entry.bytes AS entry, coalesce(record.idx < log.min_index, 0) AS pruned FROM record
         LEFT JOIN log ON log.log = record.log
         LEFT JOIN record_secret ON record_secret.seq = record.seq
         LEFT JOIN log_entry ON log_entry.log = record.log AND log_entry.idx = record.idx
         WHERE record.seq > ?1
             -- Records from before there was a log are entered after this.
             AND NOT (record.log IS NULL AND record.seq <= coalesce((SELECT seq FROM unlogged), 0))
         ORDER BY record.seq",
    )?;
    let mut rows = statement.query([after])?;
    while let Some(row) = rows.next()? {
        let logged = Logged::of(row)?;
        logged.hold()?;
        each(logged.opened.body.is_none());
    }
    Ok(())
}
