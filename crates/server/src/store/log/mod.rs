//! The logs in the store: one tree per site, appended to in the transaction of the record, its head signed before the
//! commit (PROOF §3.3). The mathematics is `askfirst_core::log`'s; what stands here keeps it on the disk.

pub mod check;
pub mod edge;
pub mod key;
pub mod keys;
pub mod published;
pub mod read;
pub mod witness;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use askfirst_core::log::{
    Checkpoint, Entry, Frontier, Hash, HashReader, KeyAction, KeyRole, LogKey, SigningKey, inclusion_proof, leaf_hash,
    proof_text,
};
use askfirst_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, params};

use check::Fault;
use edge::Edge;
pub use key::{Seed, Seeds};
use keys::Step;
use read::{Head, Stored};

/// Where an entry is, and what shows it: the answer to whoever sent the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The entry's number in the log of its site, from 0.
    pub index: u64,
    /// From the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint that the proof leads to.
    pub checkpoint: Arc<str>,
}

impl Inclusion {
    /// The proof in the form of C2SP tlog-proof.
    pub fn text(&self) -> String {
        proof_text(self.index, &self.hashes, &self.checkpoint)
    }
}

/// The open logs that the writer has at hand.
pub struct Logs {
    seeds: Seeds,
    by_site: HashMap<i64, SiteLog>,
    /// The newest checkpoint of each log that is on the disk.
    heads: BTreeMap<i64, Arc<str>>,
}

/// One log, with its right edge in memory.
struct SiteLog {
    log: i64,
    origin: String,
    /// What signs it: one key, or two while one takes the place of the other.
    keys: Vec<SigningKey>,
    frontier: Frontier,
    edge: Edge,
    notices: HashSet<[u8; 32]>,
    /// The newest signed checkpoint.
    checkpoint: Arc<str>,
    /// Something was appended since.
    unsigned: bool,
    /// The entries since then, which go into their table together.
    fresh: Vec<(u64, Vec<u8>)>,
}

impl Logs {
    /// # Errors
    /// The database can't be read.
    pub fn new(connection: &Connection, seeds: Seeds) -> rusqlite::Result<Self> {
        let heads = Head::all(connection)?.into_iter().map(|head| (head.log, head.note.into())).collect();
        Ok(Self { seeds, by_site: HashMap::new(), heads })
    }

    /// Forgets what a failed commit has left; it is read from the database again.
    pub fn forget(&mut self) {
        self.by_site.clear();
    }

    /// Appends to the log of a site. Answers the log and the entry's number.
    pub fn append(
        &mut self,
        connection: &Connection,
        site: (i64, &str),
        entry: &Entry,
        now: Millis,
    ) -> rusqlite::Result<(i64, u64)> {
        let log = self.open(connection, site, now)?;
        Ok((log.log, log.append(connection, entry)?))
    }

    /// Says that the body and the secret of an entry are gone (GDPR Art. 17). In the log that follows a closed one the
    /// number would name another entry; there it is counted.
    pub fn append_erasure(
        &mut self,
        connection: &Connection,
        site: (i64, &str),
        (number, index): (i64, u64),
        reason: &str,
        now: Millis,
    ) -> rusqlite::Result<()> {
        let log = self.open(connection, site, now)?;
        let entry = match log.log == number {
            true => Entry::Erasure { index, reason: reason.to_owned(), day: now },
            false => Entry::Admin { action: "erasure_in_closed_log".to_owned(), count: 1, day: now },
        };
        log.append(connection, &entry).map(drop)
    }

    /// Sees to it that the log of a site has a notice before anything that refers to it (R3). Whether there is such a
    /// notice.
    pub fn append_notice(
        &mut self,
        connection: &Connection,
        site: (i64, &str),
        digest: [u8; 32],
        now: Millis,
    ) -> rusqlite::Result<bool> {
        let log = self.open(connection, site, now)?;
        if log.notices.contains(&digest) {
            return Ok(true);
        }
        let text = connection
            .prepare_cached("SELECT text FROM notice WHERE digest = ?1")?
            .query_row([digest], |row| row.get::<_, String>(0))
            .optional()?;
        let Some(text) = text else { return Ok(false) };
        let index = log.append(connection, &Entry::notice(&text))?;
        connection
            .prepare_cached("INSERT INTO log_notice (log, notice, idx) VALUES (?1, ?2, ?3)")?
            .execute(params![log.log, digest, number(index)])?;
        log.notices.insert(digest);
        Ok(true)
    }

    /// Begins another log of a site whose last one was closed, with its key and what happened.
    pub fn begin(
        &mut self,
        connection: &Connection,
        site: i64,
        name: &str,
        what: &Entry,
        now: Millis,
    ) -> rusqlite::Result<()> {
        let mut log = SiteLog::create(connection, site, name, &self.seeds, now)?;
        log.append(connection, what)?;
        self.by_site.insert(site, log);
        Ok(())
    }

    /// Takes a step of changing the key of every open log, and answers the log's keys after it.
    ///
    /// # Errors
    /// A fault says that it can't be taken.
    pub fn change_keys(
        &mut self,
        connection: &Connection,
        step: Step,
        now: Millis,
    ) -> Result<Vec<(String, Vec<LogKey>)>, Fault> {
        let mut changed = Vec::new();
        for head in Head::all(connection)? {
            let named = self.seeds.believed(&head.origin, &keys::published(connection, head.log)?);
            if keys::of(connection, head.log)?.is_empty() {
                // From now on other heads are signed otherwise, so what this one was signed with has to be known.
                for key in &named {
                    keys::insert(connection, head.log, &key.key, 0)?;
                }
            }
            if head.closed {
                continue;
            }
            if let Some((action, key)) = step.change(&head.origin, &named, &self.seeds)? {
                let (site, origin) = site_of(connection, head.log)?;
                let entry = Entry::Key { action, role: KeyRole::Log, key: key.clone(), day: now };
                let (log, index) = self.append(connection, (site, &origin), &entry, now)?;
                match action {
                    KeyAction::Add => keys::insert(connection, log, &key, index)?,
                    KeyAction::Remove => keys::retire(connection, log, &key, index)?,
                }
            }
            let now_named = keys::of(connection, head.log)?;
            let signers = self.seeds.signers(&head.origin, &now_named)?;
            if let Some(log) = self.by_site.values_mut().find(|log| log.log == head.log) {
                log.keys = signers;
            }
            changed.push((head.origin, now_named));
        }
        Ok(changed)
    }

    /// Stores the entries of the logs that have grown and signs their heads. After this the transaction can be committed.
    pub fn sign(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for log in self.by_site.values_mut().filter(|log| log.unsigned) {
            log.insert_fresh(connection)?;
            let checkpoint = Checkpoint::new(&log.origin, log.frontier.size(), log.frontier.root());
            let note = checkpoint.sign_by(&log.keys).ok_or_else(|| failure("a checkpoint can't be signed"))?;
            connection
                .prepare_cached("UPDATE log SET size = ?2, root = ?3, note = ?4 WHERE log = ?1")?
                .execute(params![log.log, number(checkpoint.size), checkpoint.root, note])?;
            log.checkpoint = note.into();
            log.unsigned = false;
        }
        Ok(())
    }

    /// Proves an entry to the newest checkpoint of its site's log. `None` when it is in a log that is closed.
    pub fn prove(
        &mut self,
        connection: &Connection,
        site: (i64, &str),
        (number, index): (i64, u64),
        now: Millis,
    ) -> rusqlite::Result<Option<Inclusion>> {
        let log = self.open(connection, site, now)?;
        if log.log != number {
            return Ok(None);
        }
        let stored = Stored { connection, log: log.log, size: log.frontier.size() };
        let reader = |height, index| log.edge.node(height, index).or_else(|| stored.node(height, index));
        let hashes = inclusion_proof(&reader, index, log.frontier.size());
        Ok(hashes.map(|hashes| Inclusion { index, hashes, checkpoint: Arc::clone(&log.checkpoint) }))
    }

    /// The commit is on the disk: whether a log has a newer checkpoint than before.
    pub fn committed(&mut self) -> bool {
        let mut grown = false;
        for log in self.by_site.values() {
            let before = self.heads.insert(log.log, Arc::clone(&log.checkpoint));
            grown |= before.as_ref() != Some(&log.checkpoint);
        }
        grown
    }

    /// The newest checkpoint of each log that is on the disk.
    pub fn checkpoints(&self) -> impl Iterator<Item = &str> {
        self.heads.values().map(AsRef::as_ref)
    }

    /// The log of a site, from memory, from the database, or a new one.
    fn open(
        &mut self,
        connection: &Connection,
        (site, origin): (i64, &str),
        now: Millis,
    ) -> rusqlite::Result<&mut SiteLog> {
        // Not `entry`: most often it is there, and no key has to be copied.
        if !self.by_site.contains_key(&site) {
            let log = match Head::open_of(connection, site)? {
                Some(head) => SiteLog::load(connection, &head, &self.seeds)?,
                None => SiteLog::create(connection, site, &key::origin(origin, 1), &self.seeds, now)?,
            };
            self.by_site.insert(site, log);
        }
        self.by_site.get_mut(&site).ok_or_else(|| failure("a log can't be opened"))
    }
}

impl SiteLog {
    /// A new log; its first entry is its key.
    fn create(connection: &Connection, site: i64, origin: &str, seeds: &Seeds, now: Millis) -> rusqlite::Result<Self> {
        let signers = seeds.signers_of_new(origin, &keys::everywhere(connection)?);
        if signers.is_empty() {
            return Err(failure(
                "a site has no name that a log could have, or its key was taken out of the other logs",
            ));
        }
        let log = connection
            .prepare_cached(
                "INSERT INTO log (site, origin, size, root, note) VALUES (?1, ?2, 0, ?3, '') RETURNING log",
            )?
            .query_row(params![site, origin, askfirst_core::log::empty_root()], |row| row.get(0))?;
        let public: Vec<_> = signers.iter().map(|key| key.verifier().clone()).collect();
        let mut created = Self {
            log,
            origin: origin.to_owned(),
            keys: signers,
            frontier: Frontier::default(),
            edge: Edge::default(),
            notices: HashSet::new(),
            checkpoint: Arc::from(""),
            unsigned: true,
            fresh: Vec::new(),
        };
        for key in public {
            let entry = Entry::Key { action: KeyAction::Add, role: KeyRole::Log, key: key.clone(), day: now };
            let index = created.append(connection, &entry)?;
            keys::insert(connection, log, &key, index)?;
        }
        Ok(created)
    }

    fn load(connection: &Connection, head: &Head, seeds: &Seeds) -> rusqlite::Result<Self> {
        let signers = seeds.signers(&head.origin, &keys::of(connection, head.log)?);
        let keys = signers.map_err(|fault| failure(&fault.sentence()))?;
        let origin = head.origin.clone();
        let stored = Stored { connection, log: head.log, size: head.size };
        let mut edge = Edge::default();
        for (level, tile, hashes) in stored.growing()? {
            edge.restore(level, tile, hashes);
        }
        let frontier = Frontier::read(head.size, &edge).ok_or_else(|| failure("the tiles of a log are incomplete"))?;
        let notices = connection
            .prepare_cached("SELECT notice FROM log_notice WHERE log = ?1")?
            .query_map([head.log], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let checkpoint = Arc::from(head.note.as_str());
        Ok(Self {
            log: head.log,
            origin,
            keys,
            frontier,
            edge,
            notices,
            checkpoint,
            unsigned: false,
            fresh: Vec::new(),
        })
    }

    fn append(&mut self, connection: &Connection, entry: &Entry) -> rusqlite::Result<u64> {
        let bytes = entry.bytes().ok_or_else(|| failure("an entry of the log is not well-formed"))?;
        let index = self.frontier.size();
        let (edge, mut full) = (&mut self.edge, Vec::new());
        self.frontier.append(leaf_hash(&bytes), |height, index, hash| full.extend(edge.put(height, index, hash)));
        for tile in full {
            connection
                .prepare_cached("INSERT INTO log_tile (log, level, tile, hashes) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![self.log, tile.level, number(tile.tile), tile.hashes])?;
        }
        self.unsigned = true;
        self.fresh.push((index, bytes));
        Ok(index)
    }

    fn insert_fresh(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut insert = connection.prepare_cached("INSERT INTO log_entry (log, idx, bytes) VALUES (?1, ?2, ?3)")?;
        for (index, bytes) in self.fresh.drain(..) {
            insert.execute(params![self.log, number(index), bytes])?;
        }
        Ok(())
    }
}

/// The site of a log.
fn site_of(connection: &Connection, log: i64) -> rusqlite::Result<(i64, String)> {
    connection
        .prepare_cached("SELECT site.site, site.origin FROM log JOIN site ON site.site = log.site WHERE log = ?1")?
        .query_row([log], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// A database's numbers have a sign; no log gets near the last one.
pub fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// An error of ours where SQLite's are expected: the commit fails and nothing of it is stored.
fn failure(why: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), Some(why.to_owned()))
}
