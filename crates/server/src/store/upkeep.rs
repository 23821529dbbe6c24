//! What the writer does to records that are stored already: erase, hold, purge and prune. Each says in the log that it
//! has happened.

use askfirst_core::log::Entry;
use askfirst_core::time::Millis;
use rusqlite::{OptionalExtension, params};

use super::retention::{ENTRIES, Ended};
use super::writer::Writing;
use super::{Erased, Restriction, sqlite};

/// Everything below an entry of a log is gone.
pub struct Prune {
    pub log: i64,
    pub min_index: u64,
    /// By which policy, a code such as `P3Y`.
    pub policy: String,
}

impl Writing {
    pub(super) fn erase(&mut self, seq: i64, reason: &str, now: Millis) -> rusqlite::Result<Erased> {
        self.empty(seq, Some(reason), now)
    }

    /// Records that a prune mark will cover need no word each.
    pub(super) fn purge(&mut self, ended: &[Ended], now: Millis) -> rusqlite::Result<()> {
        for record in ended {
            // One that was held in the meantime stays.
            self.empty(record.seq, (!record.pruned).then_some("retention"), now)?;
        }
        Ok(())
    }

    fn empty(&mut self, seq: i64, reason: Option<&str>, now: Millis) -> rusqlite::Result<Erased> {
        let (erased, erasure) = sqlite::erase(&self.connection, seq, now)?;
        if let Some(erasure) = erasure {
            self.log_to_empty = true;
            let site = self.site(&erasure.site)?;
            if let (Some(place), Some(reason)) = (erasure.place, reason) {
                self.logs.append_erasure(&self.connection, (site, &erasure.site), place, reason, now)?;
            }
        }
        Ok(erased)
    }

    pub(super) fn hold(&mut self, seq: i64, held: bool, now: Millis) -> rusqlite::Result<bool> {
        let found: Option<(String, bool)> = self
            .connection
            .prepare_cached("SELECT site, held FROM record WHERE seq = ?1 AND erased_at IS NULL")?
            .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((origin, before)) = found else { return Ok(false) };
        if before != held {
            self.connection
                .prepare_cached("UPDATE record SET held = ?2 WHERE seq = ?1")?
                .execute(params![seq, held])?;
            let site = self.site(&origin)?;
            let action = if held { "hold" } else { "release" }.to_owned();
            self.logs.append(&self.connection, (site, &origin), &Entry::Admin { action, count: 1, day: now }, now)?;
        }
        Ok(true)
    }

    /// What was restricted before stays as it was, and the log has its word already.
    pub(super) fn restrict(&mut self, seq: i64, now: Millis) -> rusqlite::Result<Option<Restriction>> {
        let found: Option<(String, bool, Millis, Option<Millis>)> = self
            .connection
            .prepare_cached(
                "SELECT site, held, ends_at, restricted_at FROM record WHERE seq = ?1 AND erased_at IS NULL",
            )?
            .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((origin, held, ends_at, before)) = found else { return Ok(None) };
        if before.is_none() {
            self.connection
                .prepare_cached("UPDATE record SET restricted_at = ?2 WHERE seq = ?1")?
                .execute(params![seq, now])?;
            let site = self.site(&origin)?;
            let entry = Entry::Admin { action: "restrict".to_owned(), count: 1, day: now };
            self.logs.append(&self.connection, (site, &origin), &entry, now)?;
        }
        Ok(Some(Restriction { since: before.unwrap_or(now), held, ends_at }))
    }

    /// The mark comes first, the entries go some at a time: other commits don't wait for millions of them. Whether
    /// these were the last.
    pub(super) fn prune(&mut self, prune: &Prune, now: Millis) -> rusqlite::Result<bool> {
        let (site, origin, before) = self.site_of(prune.log)?;
        if before < prune.min_index {
            // A record that was held since keeps its entry, and with it everything above.
            let living: Option<u64> = self
                .connection
                .prepare_cached("SELECT min(idx) FROM record WHERE log = ?1 AND idx < ?2 AND erased_at IS NULL")?
                .query_row(params![prune.log, prune.min_index], |row| row.get(0))?;
            if living.is_some() {
                return Ok(true);
            }
            self.connection
                .prepare_cached("UPDATE log SET min_index = ?2 WHERE log = ?1")?
                .execute(params![prune.log, prune.min_index])?;
            let entry = Entry::Prune { min_index: prune.min_index, policy: prune.policy.clone(), day: now };
            self.logs.append(&self.connection, (site, &origin), &entry, now)?;
        }
        let first: Option<u64> = self
            .connection
            .prepare_cached("SELECT min(idx) FROM log_entry WHERE log = ?1")?
            .query_row([prune.log], |row| row.get(0))?;
        let first = first.unwrap_or(prune.min_index);
        let end = prune.min_index.min(first + ENTRIES);
        self.connection
            .prepare_cached("DELETE FROM log_entry WHERE log = ?1 AND idx < ?2")?
            .execute(params![prune.log, end])?;
        Ok(end >= prune.min_index)
    }

    pub(super) fn note_purge(&mut self, log: i64, count: u64, now: Millis) -> rusqlite::Result<()> {
        let (site, origin, _) = self.site_of(log)?;
        let entry = Entry::Admin { action: "purge".to_owned(), count, day: now };
        self.logs.append(&self.connection, (site, &origin), &entry, now).map(drop)
    }

    /// The site of a log, and the first entry that the log still has.
    fn site_of(&self, log: i64) -> rusqlite::Result<(i64, String, u64)> {
        self.connection
            .prepare_cached(
                "SELECT site.site, site.origin, min_index FROM log JOIN site ON site.site = log.site WHERE log = ?1",
            )?
            .query_row([log], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    }
}
