//! Growing the logs in a transaction: the way in which anything can be appended, whichever server does it and why. For
//! records alone there is a shorter one (`at_once.rs`), which keeps to the same row and compares the same.
//!
//! Each transaction begins with changing the row `sequencer`. Who waits there for another one goes on from what that one
//! has committed; whose token is not the newest any more changes nothing. So there is one order of all entries, and no
//! two trees of one size are ever signed, however long a server has slept in between (PROOF test 28).

use askfirst_core::log::{Entry, KeyAction, KeyRole};
use askfirst_core::time::Millis;
use deadpool_postgres::{Client, Transaction};
use tokio::try_join;

use super::failure::{Done, Failure};
use super::growing::{Appender, Growing, Grown, Heads, Written};
use super::keys;
use super::sql::{execute, query};
use super::tree::{self, Tree};
use crate::store::log::{Seeds, key};

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
    /// The database's clock.
    pub clock: Millis,
    seeds: &'a Seeds,
    pub growing: Growing<'a>,
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
        Self { transaction, clock, seeds, growing: Growing::after(appender, version, last) }
    }

    /// Appends to the log of a site. Answers the log and the entry's number.
    pub async fn append(&mut self, site: (i64, &str), entry: &Entry, now: Millis) -> Done<(i64, u64)> {
        self.open(site, now).await?;
        self.growing.put(site.0, entry)
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
        self.growing.put(site.0, &entry).map(drop)
    }

    /// Sees to it that the log of a site has a notice before anything that refers to it (R3). Whether there is such a
    /// notice.
    pub async fn append_notice(&mut self, site: (i64, &str), digest: [u8; 32], now: Millis) -> Done<bool> {
        self.open(site, now).await?;
        if self.growing.appender.has(site.0, &digest) {
            return Ok(true);
        }
        let sql = "SELECT text FROM askfirst.notice WHERE digest = $1";
        let rows = query(&self.transaction, sql, &[&digest.as_slice()]).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        self.growing.put_notice(site.0, digest, row.try_get(0)?)?;
        Ok(true)
    }

    /// Begins another log of a site whose last one was closed, with its key and what happened.
    pub async fn begin_log(&mut self, site: i64, name: &str, what: &Entry, now: Millis) -> Done<()> {
        self.growing.appender.trees.remove(&site);
        self.create(site, name, now).await?;
        self.growing.put(site, what).map(drop)
    }

    /// The number of the open log of a site, which is read or made when it is not at hand.
    async fn open(&mut self, (site, origin): (i64, &str), now: Millis) -> Done<i64> {
        if let Some(tree) = self.growing.appender.trees.get(&site) {
            return Ok(tree.log);
        }
        match tree::open_of(&self.transaction, site).await? {
            Some(head) => {
                let tree = Tree::load(&self.transaction, (&head, site), Some(self.seeds)).await?;
                self.growing.appender.trees.insert(site, tree);
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
        self.growing.appender.trees.insert(site, Tree::new((log, name), site, signers));
        for key in public {
            let entry = Entry::Key { action: KeyAction::Add, role: KeyRole::Log, key: key.clone(), day: now };
            let (_, index) = self.growing.put(site, &entry)?;
            keys::insert(&self.transaction, log, &key, index).await?;
        }
        Ok(log)
    }

    /// The keys of a site's open log are others since this transaction: its head is signed by those.
    pub async fn sign_anew(&mut self, site: i64) -> Done<()> {
        let tree = self.growing.appender.trees.get_mut(&site).ok_or(Failure::Fenced)?;
        let named = keys::of(&self.transaction, tree.log).await?;
        tree.signers = self.seeds.signers(&tree.origin, &named).map_err(Failure::Fault)?;
        Ok(())
    }

    /// Signs the heads of the logs that have grown, writes, and commits.
    pub async fn commit(self) -> Done<Vec<Grown>> {
        let Self { transaction, growing, .. } = self;
        let signed = growing.sign()?;
        write(&transaction, &signed.written).await?;
        transaction.commit().await?;
        Ok(signed.stand().grown)
    }
}

/// Writes the entries, the tiles, the notices and the heads.
pub async fn write(transaction: &Transaction<'_>, written: &Written) -> Done<()> {
    let Written { entries, tiles, notices, grown, .. } = written;
    let put_entries = async {
        if entries.logs.is_empty() {
            return Ok(0);
        }
        let sql = "INSERT INTO askfirst.log_entry (log, idx, bytes)
                   SELECT * FROM unnest($1::INT8[], $2::INT8[], $3::BYTEA[])";
        execute(transaction, sql, &[&entries.logs, &entries.indices, &entries.bytes]).await
    };
    let put_tiles = async {
        if !tiles.logs.is_empty() {
            let sql = "INSERT INTO askfirst.log_tile (log, level, tile, hashes)
                       SELECT * FROM unnest($1::INT8[], $2::INT8[], $3::INT8[], $4::BYTEA[])";
            execute(transaction, sql, &[&tiles.logs, &tiles.levels, &tiles.tiles, &tiles.hashes]).await?;
        }
        for (log, notice, index) in notices {
            let sql = "INSERT INTO askfirst.log_notice (log, notice, idx) VALUES ($1, $2, $3)";
            execute(transaction, sql, &[log, &notice.as_slice(), index]).await?;
        }
        Done::Ok(())
    };
    let put_heads = async {
        if grown.is_empty() {
            return Ok(());
        }
        // Compared once more: a head never follows another than the one it was computed from.
        let sql = "UPDATE askfirst.log AS l SET size = h.size, root = h.root, note = h.note
                   FROM unnest($1::INT8[], $2::INT8[], $3::BYTEA[], $4::INT8[], $5::BYTEA[], $6::TEXT[])
                       AS h (log, before, old, size, root, note)
                   WHERE l.log = h.log AND l.size = h.before AND l.root = h.old AND l.closed_at IS NULL";
        let Heads { logs, before, old, sizes, roots, notes } = written.heads();
        let changed = execute(transaction, sql, &[&logs, &before, &old, &sizes, &roots, &notes]).await?;
        if usize::try_from(changed) != Ok(logs.len()) {
            return Err(Failure::damaged("a log has another head than the one that was signed last"));
        }
        Ok(())
    };
    // Sent together, answered together.
    try_join!(put_entries, put_tiles, put_heads).map(drop)
}
