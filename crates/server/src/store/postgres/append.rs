//! Growing the logs: the one way in which anything is appended, whichever server does it and why.
//!
//! Each transaction begins with changing the row `sequencer`. Who waits there for another one goes on from what that one
//! has committed; whose token is not the newest any more changes nothing. So there is one order of all entries, and no
//! two trees of one size are ever signed, however long a server has slept in between (PROOF test 28).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use askfirst_core::log::{Checkpoint, Entry, Hash, KeyAction, KeyRole, leaf_hash};
use askfirst_core::time::Millis;
use deadpool_postgres::{Client, Transaction};
use tokio::try_join;

use super::failure::{Done, Failure};
use super::keys;
use super::sql::{execute, query};
use super::tree::{self, Tree};
use crate::store::log::{Seeds, key, number};

/// The trees that this server has at hand for appending, as they are in the database after a version.
pub struct Appender {
    /// What they are as of; [`UNKNOWN`] from the first change of a transaction until it is committed, so that whatever
    /// becomes of it, nothing is appended to what was not.
    version: i64,
    /// By site: the open ones.
    trees: HashMap<i64, Tree>,
}

/// No version follows this one.
const UNKNOWN: i64 = i64::MIN;

/// Who may append.
#[derive(Clone, Copy)]
pub enum Turn {
    /// The sequencer, as long as its token is the newest; its lease is prolonged by so many seconds.
    Sequencer { token: i64, lease: f64 },
    /// Any server, for something that is done at once.
    Once,
}

/// A transaction that grows logs.
pub struct Append<'a> {
    pub transaction: Transaction<'a>,
    appender: &'a mut Appender,
    version: i64,
    seeds: &'a Seeds,
    /// The last place used and the time of the last record.
    pub last: (i64, Millis),
    /// The database's clock.
    pub clock: Millis,
    grown: BTreeMap<i64, Growth>,
    entries: (Vec<i64>, Vec<i64>, Vec<Vec<u8>>),
    tiles: Vec<(i64, i64, i64, Vec<u8>)>,
    notices: Vec<(i64, [u8; 32], i64)>,
    /// In the order of `signed`.
    heads: Vec<Head>,
    signed: Vec<Grown>,
}

/// Size and root of a log before and after.
struct Head {
    before: (u64, Hash),
    after: (u64, Hash),
}

/// What a log had before.
struct Growth {
    site: i64,
    size: u64,
    root: Hash,
    leaves: Vec<Hash>,
}

/// What a log has got, when it is committed.
pub struct Grown {
    pub log: i64,
    pub first: u64,
    pub leaves: Vec<Hash>,
    pub checkpoint: Arc<str>,
}

impl Default for Appender {
    fn default() -> Self {
        Self { version: UNKNOWN, trees: HashMap::new() }
    }
}

/// The row that everything which appends takes first, as it is then.
pub struct Taken {
    version: i64,
    last: (i64, Millis),
    clock: Millis,
}

impl Turn {
    /// Takes it; who comes next waits for the end of the transaction.
    ///
    /// # Errors
    /// [`Failure::Fenced`] when another server has become the sequencer.
    pub async fn take(self, transaction: &Transaction<'_>) -> Done<Taken> {
        let rows = match self {
            Self::Sequencer { token, lease } => {
                let sql = "UPDATE askfirst.sequencer SET version = version + 1,
                               expires_at = clock_timestamp() + $2 * interval '1 second'
                           WHERE one = 1 AND token = $1
                           RETURNING version, last_seq, last_received,
                               (extract(epoch FROM clock_timestamp()) * 1000)::INT8";
                query(transaction, sql, &[&token, &lease]).await?
            }
            Self::Once => {
                let sql = "UPDATE askfirst.sequencer SET version = version + 1 WHERE one = 1
                           RETURNING version, last_seq, last_received,
                               (extract(epoch FROM clock_timestamp()) * 1000)::INT8";
                query(transaction, sql, &[]).await?
            }
        };
        let row = rows.first().ok_or(Failure::Fenced)?;
        let last = (row.try_get(1)?, row.try_get(2)?);
        Ok(Taken { version: row.try_get(0)?, last, clock: row.try_get(3)? })
    }
}

impl<'a> Append<'a> {
    /// Takes the row that everything which appends takes first.
    ///
    /// # Errors
    /// [`Failure::Fenced`] when another server has become the sequencer.
    pub async fn begin(
        client: &'a mut Client,
        appender: &'a mut Appender,
        seeds: &'a Seeds,
        turn: Turn,
    ) -> Done<Append<'a>> {
        let transaction = client.transaction().await?;
        let taken = turn.take(&transaction).await?;
        Ok(Self::of(transaction, appender, seeds, taken))
    }

    /// The same where the transaction has it.
    pub fn of(transaction: Transaction<'a>, appender: &'a mut Appender, seeds: &'a Seeds, taken: Taken) -> Append<'a> {
        let Taken { version, last, clock } = taken;
        if version != appender.version.wrapping_add(1) {
            // Another server has appended since, or a transaction of ours came to nothing: it is read again.
            appender.trees.clear();
        }
        appender.version = UNKNOWN;
        let (grown, entries, tiles, notices, heads, signed) = Default::default();
        Self { transaction, appender, version, seeds, last, clock, grown, entries, tiles, notices, heads, signed }
    }

    /// Appends to the log of a site. Answers the log and the entry's number.
    pub async fn append(&mut self, site: (i64, &str), entry: &Entry, now: Millis) -> Done<(i64, u64)> {
        self.open(site, now).await?;
        self.put(site.0, entry)
    }

    /// Says that the body and the secret of an entry are gone (GDPR Art. 17). In the log that follows a closed one the
    /// number would name another entry; there it is counted.
    pub async fn append_erasure(
        &mut self,
        site: (i64, &str),
        (log, index): (i64, u64),
        reason: &str,
        now: Millis,
    ) -> Done<()> {
        let open = self.open(site, now).await?;
        let entry = match open == log {
            true => Entry::Erasure { index, reason: reason.to_owned(), day: now },
            false => Entry::Admin { action: "erasure_in_closed_log".to_owned(), count: 1, day: now },
        };
        self.put(site.0, &entry).map(drop)
    }

    /// Sees to it that the log of a site has a notice before anything that refers to it (R3). Whether there is such a
    /// notice.
    pub async fn append_notice(&mut self, site: (i64, &str), digest: [u8; 32], now: Millis) -> Done<bool> {
        let log = self.open(site, now).await?;
        if self.appender.trees.get(&site.0).is_some_and(|tree| tree.notices.contains(&digest)) {
            return Ok(true);
        }
        let sql = "SELECT text FROM askfirst.notice WHERE digest = $1";
        let rows = query(&self.transaction, sql, &[&digest.as_slice()]).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let (_, index) = self.put(site.0, &Entry::notice(row.try_get(0)?))?;
        self.notices.push((log, digest, number(index)));
        if let Some(tree) = self.appender.trees.get_mut(&site.0) {
            tree.notices.insert(digest);
        }
        Ok(true)
    }

    /// Begins another log of a site whose last one was closed, with its key and what happened.
    pub async fn begin_log(&mut self, site: i64, name: &str, what: &Entry, now: Millis) -> Done<()> {
        self.appender.trees.remove(&site);
        self.create(site, name, now).await?;
        self.put(site, what).map(drop)
    }

    /// The number of the open log of a site, which is read or made when it is not at hand.
    async fn open(&mut self, (site, origin): (i64, &str), now: Millis) -> Done<i64> {
        if let Some(tree) = self.appender.trees.get(&site) {
            return Ok(tree.log);
        }
        match tree::open_of(&self.transaction, site).await? {
            Some(head) => {
                let tree = Tree::load(&self.transaction, (&head, site), Some(self.seeds)).await?;
                self.appender.trees.insert(site, tree);
                Ok(head.log)
            }
            None => self.create(site, &key::origin(origin, 1), now).await,
        }
    }

    /// A new log; its first entry is its key.
    async fn create(&mut self, site: i64, name: &str, now: Millis) -> Done<i64> {
        let signers = self.seeds.signers_of_new(name, &keys::everywhere(&self.transaction).await?);
        if signers.is_empty() {
            let why = "a site has no name that a log could have, or its key was taken out of the other logs";
            return Err(Failure::damaged(why));
        }
        let root = askfirst_core::log::empty_root();
        // Nobody else makes one at the same time: they wait for the row `sequencer`.
        let sql = "INSERT INTO askfirst.log (log, site, origin, size, root, note)
                   SELECT coalesce(max(log), 0) + 1, $1, $2, 0, $3, '' FROM askfirst.log RETURNING log";
        let rows = query(&self.transaction, sql, &[&site, &name, &root.as_slice()]).await?;
        let log = rows.first().ok_or(Failure::Fenced)?.try_get(0)?;
        let public: Vec<_> = signers.iter().map(|key| key.verifier().clone()).collect();
        self.appender.trees.insert(site, Tree::new((log, name), site, signers));
        for key in public {
            let entry = Entry::Key { action: KeyAction::Add, role: KeyRole::Log, key: key.clone(), day: now };
            let (_, index) = self.put(site, &entry)?;
            keys::insert(&self.transaction, log, &key, index).await?;
        }
        Ok(log)
    }

    /// The keys of a site's open log are others since this transaction: its head is signed by those.
    pub async fn sign_anew(&mut self, site: i64) -> Done<()> {
        let tree = self.appender.trees.get_mut(&site).ok_or(Failure::Fenced)?;
        let named = keys::of(&self.transaction, tree.log).await?;
        tree.signers = self.seeds.signers(&tree.origin, &named).map_err(Failure::Fault)?;
        Ok(())
    }

    fn put(&mut self, site: i64, entry: &Entry) -> Done<(i64, u64)> {
        let bytes = entry.bytes().ok_or_else(|| Failure::damaged("an entry of the log is not well-formed"))?;
        let tree = self.appender.trees.get_mut(&site).ok_or(Failure::Fenced)?;
        let (log, index, leaf) = (tree.log, tree.size(), leaf_hash(&bytes));
        let growth = self.grown.entry(log).or_insert_with(|| {
            let (size, root) = (tree.size(), tree.root());
            Growth { site, size, root, leaves: Vec::new() }
        });
        growth.leaves.push(leaf);
        for tile in tree.put(leaf) {
            self.tiles.push((log, i64::from(tile.level), number(tile.tile), tile.hashes));
        }
        self.entries.0.push(log);
        self.entries.1.push(number(index));
        self.entries.2.push(bytes);
        Ok((log, index))
    }

    /// Signs the heads of the logs that have grown, writes, and commits.
    pub async fn commit(mut self) -> Done<Vec<Grown>> {
        self.sign()?;
        self.write().await?;
        self.end().await
    }

    /// Signs the heads of the logs that have grown. Nothing is appended after it.
    pub fn sign(&mut self) -> Done<()> {
        for (log, growth) in std::mem::take(&mut self.grown) {
            let tree = self.appender.trees.get_mut(&growth.site).ok_or(Failure::Fenced)?;
            let checkpoint = Checkpoint::new(&tree.origin, tree.size(), tree.root());
            let note =
                checkpoint.sign_by(&tree.signers).ok_or_else(|| Failure::damaged("a checkpoint can't be signed"))?;
            tree.checkpoint = note.into();
            let checkpoint = Arc::clone(&tree.checkpoint);
            self.heads.push(Head { before: (growth.size, growth.root), after: (tree.size(), tree.root()) });
            self.signed.push(Grown { log, first: growth.size, leaves: growth.leaves, checkpoint });
        }
        Ok(())
    }

    /// Writes the entries and the signed heads.
    pub async fn write(&self) -> Done<()> {
        let transaction = &self.transaction;
        let entries = async {
            let (logs, indices, bytes) = &self.entries;
            if logs.is_empty() {
                return Ok(0);
            }
            let sql = "INSERT INTO askfirst.log_entry (log, idx, bytes)
                       SELECT * FROM unnest($1::INT8[], $2::INT8[], $3::BYTEA[])";
            execute(transaction, sql, &[logs, indices, bytes]).await
        };
        let tiles = async {
            for (log, level, tile, hashes) in &self.tiles {
                let sql = "INSERT INTO askfirst.log_tile (log, level, tile, hashes) VALUES ($1, $2, $3, $4)";
                execute(transaction, sql, &[log, level, tile, hashes]).await?;
            }
            for (log, notice, index) in &self.notices {
                let sql = "INSERT INTO askfirst.log_notice (log, notice, idx) VALUES ($1, $2, $3)";
                execute(transaction, sql, &[log, &notice.as_slice(), index]).await?;
            }
            Done::Ok(())
        };
        let heads = async {
            for (grown, Head { before, after }) in self.signed.iter().zip(&self.heads) {
                // Compared once more: a head never follows another than the one it was computed from.
                let sql = "UPDATE askfirst.log SET size = $4, root = $5, note = $6
                           WHERE log = $1 AND size = $2 AND root = $3 AND closed_at IS NULL";
                let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] = [
                    &grown.log,
                    &number(before.0),
                    &before.1.as_slice(),
                    &number(after.0),
                    &after.1.as_slice(),
                    &grown.checkpoint.as_ref(),
                ];
                if execute(transaction, sql, &values).await? != 1 {
                    return Err(Failure::damaged("a log has another head than the one that was signed last"));
                }
            }
            Ok(())
        };
        // Sent together, answered together.
        try_join!(entries, tiles, heads).map(drop)
    }

    /// Commits what is written.
    pub async fn end(self) -> Done<Vec<Grown>> {
        self.transaction.commit().await?;
        self.appender.version = self.version;
        Ok(self.signed)
    }
}
