//! How long records are kept: until the consent has ended and a period after it (S1), unless they are held. What is due
//! is erased; where everything at the beginning of a log is gone, the log says so once, up to a whole tile (C2SP
//! tlog-tiles), instead of once for each record.

use std::collections::BTreeMap;

use askfirst_core::log::TILE_WIDTH;
use askfirst_core::time::{Millis, Period};
use rusqlite::{Connection, params};

use super::log::read::Head;
use super::{Sqlite, StoreError};

/// Three years after the end (S1).
pub const KEEP: Period = Period::months(36);

/// Records erased in one commit: others wait for it.
const CHUNK: usize = 256;
/// Entries removed in one commit.
pub const ENTRIES: u64 = 8_192;

/// What is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Records to be erased.
    pub records: u64,
    /// How many of them each log has.
    pub by_log: BTreeMap<i64, u64>,
    /// Records that would be, if they were not held.
    pub held: u64,
    /// The first entry of each log that is left.
    pub min_index: BTreeMap<i64, u64>,
}

/// A record that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub seq: i64,
    /// The log says that everything up to here is gone; it needs no word for this one.
    pub pruned: bool,
}

impl Sqlite {
    /// Erases what is due, and says in the logs what is gone. Answers what was due.
    pub async fn purge(&self, keep: Period, policy: &str) -> Result<Due, StoreError> {
        let now = self.now();
        let due = self.readers.with(move |connection| due(connection, now, keep)).await?;
        let mut after = 0;
        loop {
            let bounds = due.min_index.clone();
            let chunk = self.readers.with(move |connection| ended(connection, after, now, keep, &bounds)).await?;
            let Some(last) = chunk.last() else { break };
            after = last.seq;
            self.writer.purge(chunk).await?;
        }
        for (log, min_index) in &due.min_index {
            while !self.writer.prune(*log, *min_index, policy).await? {}
        }
        for (log, count) in &due.by_log {
            self.writer.note_purge(*log, *count).await?;
        }
        Ok(due)
    }

    /// What [`Sqlite::purge`] would erase.
    pub async fn due(&self, keep: Period) -> Result<Due, StoreError> {
        let now = self.now();
        self.readers.with(move |connection| due(connection, now, keep)).await
    }
}

/// One record as far as it matters here.
struct Term {
    seq: i64,
    log: Option<i64>,
    index: Option<u64>,
    received_at: Millis,
    ends_at: Millis,
    erased: bool,
    held: bool,
}

/// Goes through the records that are old enough to be due. A consent never ends before it came in, so the first record
/// that came in too late is the last one to look at.
fn walk(
    connection: &Connection,
    after: i64,
    now: Millis,
    keep: Period,
    mut each: impl FnMut(&Term) -> bool,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, received_at, log, idx, ends_at, held, erased_at IS NOT NULL AS erased FROM record
         WHERE seq > ?1 ORDER BY seq",
    )?;
    let mut rows = statement.query([after])?;
    while let Some(row) = rows.next()? {
        let term = Term {
            seq: row.get("seq")?,
            log: row.get("log")?,
            index: row.get("idx")?,
            received_at: row.get("received_at")?,
            ends_at: row.get("ends_at")?,
            erased: row.get("erased")?,
            held: row.get("held")?,
        };
        if !each(&term) || keep.after(term.received_at) > now {
            break;
        }
    }
    Ok(())
}

impl Term {
    fn is_due(&self, now: Millis, keep: Period) -> bool {
        !self.erased && keep.after(self.ends_at) <= now
    }
}

pub fn due(connection: &Connection, now: Millis, keep: Period) -> rusqlite::Result<Due> {
    let mut due = Due::default();
    // The first entry of each log that must stay.
    let mut first_left = BTreeMap::new();
    walk(connection, 0, now, keep, |term| {
        let is_due = term.is_due(now, keep);
        due.records += u64::from(is_due && !term.held);
        due.held += u64::from(is_due && term.held);
        if let Some(log) = term.log.filter(|_| is_due && !term.held) {
            *due.by_log.entry(log).or_default() += 1;
        }
        if !term.erased
            && (!is_due || term.held)
            && let (Some(log), Some(index)) = (term.log, term.index)
        {
            first_left.entry(log).or_insert(index);
        }
        true
    })?;
    for head in Head::all(connection)?.into_iter().filter(|head| !head.closed) {
        let left = match first_left.get(&head.log) {
            Some(index) => *index,
            None => next_living(connection, &head)?,
        };
        let min_index = left / TILE_WIDTH * TILE_WIDTH;
        if min_index > head.min_index {
            due.min_index.insert(head.log, min_index);
        }
    }
    Ok(due)
}

/// The first entry of a log after those that the walk has seen: it stopped before it met one that stays.
fn next_living(connection: &Connection, head: &Head) -> rusqlite::Result<u64> {
    let found: Option<u64> = connection
        .prepare_cached("SELECT min(idx) FROM record WHERE log = ?1 AND erased_at IS NULL AND held = 0")?
        .query_row(params![head.log], |row| row.get(0))?;
    // Without any living record nothing is due either: there may be no record at all.
    Ok(found.unwrap_or(0))
}

fn ended(
    connection: &Connection,
    after: i64,
    now: Millis,
    keep: Period,
    bounds: &BTreeMap<i64, u64>,
) -> rusqlite::Result<Vec<Ended>> {
    let mut chunk = Vec::new();
    walk(connection, after, now, keep, |term| {
        if term.is_due(now, keep) && !term.held {
            let bound = term.log.and_then(|log| bounds.get(&log)).copied().unwrap_or(0);
            chunk.push(Ended { seq: term.seq, pruned: term.index.is_some_and(|index| index < bound) });
        }
        chunk.len() < CHUNK
    })?;
    Ok(chunk)
}
