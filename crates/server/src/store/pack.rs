//! The evidence pack of a record (`askfirst_core::log::evidence`), as far as the store has it: with everything that shows
//! what was shown and answered, or, after an erasure, what is left and the word that it was erased.

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::rc::Rc;

use askfirst_core::json::Value;
use askfirst_core::log::evidence::{LoggedEntry, LoggedNotice, Opening, Pack};
use askfirst_core::log::{Commitment, Entry, Envelope, LogKey};
use rusqlite::{Connection, OptionalExtension, params};

use super::engine::Database;
use super::log::read::{Head, Known};
use super::log::witness::Signed;
use super::sealing::SqliteFile;
use super::{key, log, readers, secret};
use crate::evidence::Evidence;

/// The packs of the records with this id, one per site. A record without an entry has none.
///
/// # Errors
/// A sentence for the person at the console.
pub fn packs(file: impl Into<SqliteFile>, record_id: &str) -> Result<Vec<Pack>, String> {
    let file = file.into();
    let say = |error: rusqlite::Error| format!("{}: {error}", file.display());
    let Some(record_id) = key::uuid(record_id) else { return Ok(Vec::new()) };
    let connection = file.reader()?;
    // One moment for all of it: the proofs of a pack lead to one checkpoint.
    let transaction = connection.unchecked_transaction().map_err(say)?;
    let places = readers::places(&transaction, record_id).map_err(say)?;
    let mut seen = Seen::default();
    let found = places.into_iter().map(|seq| pack(&transaction, &mut seen, seq));
    Ok(found.collect::<Result<Vec<_>, _>>().map_err(say)?.into_iter().flatten().collect())
}

/// How many records an export of all takes in one go.
pub const PAGE: i64 = 256;

/// A record with its pack.
pub struct Packed {
    pub seq: i64,
    pub record_id: String,
    /// Shown for a legal claim alone (GDPR Art. 18(2)).
    pub restricted: bool,
    /// `None` when the log has no entry of it.
    pub pack: Option<Pack>,
}

/// The packs of all records, in the order of their places, without those that were erased.
pub struct Pages<'a> {
    database: &'a Database,
    /// The last place that was read.
    after: i64,
    /// Of a SQLite file.
    reader: Option<Reader>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        Self { database, after: 0, reader: None }
    }

    /// The next ones, at most so many; none at the end.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn next(&mut self, most: i64) -> Result<Vec<Packed>, String> {
        let page = match self.database {
            Database::Sqlite(file) => {
                let reader = match &mut self.reader {
                    Some(reader) => reader,
                    none => none.insert(Reader::open(file)?),
                };
                reader.after(self.after, most).map_err(|error| format!("{}: {error}", file.display()))?
            }
            Database::Postgres(address) => address.packs_after(self.after, most).await?,
        };
        self.after = page.last().map_or(self.after, |last| last.seq);
        Ok(page)
    }
}

/// A connection that goes through the packs of all records, page by page, each of one moment.
struct Reader {
    connection: Connection,
    /// Of the tiles that were read those that the next page needs too.
    tiles: Known,
}

impl Reader {
    /// # Errors
    /// A sentence for the person at the console.
    fn open(file: &SqliteFile) -> Result<Self, String> {
        Ok(Self { connection: file.reader()?, tiles: Known::default() })
    }

    /// The packs of at most so many records after a place, in the order in which they came. Those that were erased have none.
    ///
    /// # Errors
    /// SQLite's.
    fn after(&mut self, after: i64, most: i64) -> rusqlite::Result<Vec<Packed>> {
        let transaction = self.connection.unchecked_transaction()?;
        let mut seen = Seen { tiles: std::mem::take(&mut self.tiles), ..Seen::default() };
        let found = {
            let mut statement = transaction.prepare_cached(
                "SELECT seq, record_id, restricted_at IS NOT NULL FROM record WHERE seq > ?1 AND erased_at IS NULL
                 ORDER BY seq LIMIT ?2",
            )?;
            let mut rows = statement.query(params![after, most])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let seq = row.get(0)?;
                let record_id = key::uuid_text(&row.get(1)?);
                found.push(Packed {
                    seq,
                    record_id,
                    restricted: row.get(2)?,
                    pack: pack(&transaction, &mut seen, seq)?,
                });
            }
            found
        };
        drop(transaction);
        seen.tiles.keep_growing();
        self.tiles = seen.tiles;
        Ok(found)
    }
}

/// Where a log says that a notice was faulty, by log and notice, as far as that was looked for.
pub(super) type Invalid = HashMap<(i64, String), Option<(u64, Entry)>>;

/// What several packs of one moment have in common.
#[derive(Default)]
pub(super) struct Seen {
    tiles: Known,
    invalid: Invalid,
    logs: HashMap<i64, Option<Rc<Log>>>,
}

/// What the proofs of a log's entries lead to.
struct Log {
    head: Head,
    cosigned: Option<Signed>,
    keys: Vec<LogKey>,
}

impl Seen {
    fn log(&mut self, connection: &Connection, log: i64) -> rusqlite::Result<Option<Rc<Log>>> {
        Ok(match self.logs.entry(log) {
            Occupied(found) => found.get().clone(),
            Vacant(place) => {
                let read = match Head::by_number(connection, log)? {
                    Some(head) => {
                        let cosigned = log::witness::signed(connection, log)?;
                        Some(Rc::new(Log { head, cosigned, keys: log::keys::published(connection, log)? }))
                    }
                    None => None,
                };
                place.insert(read).clone()
            }
        })
    }
}

pub(super) fn pack(connection: &Connection, seen: &mut Seen, seq: i64) -> rusqlite::Result<Option<Pack>> {
    let Some(evidence) = readers::unproved(connection, seq)? else { return Ok(None) };
    let Some(entry) = &evidence.receipt.entry else { return Ok(None) };
    let Some(log) = seen.log(connection, entry.log)? else { return Ok(None) };
    let head = &log.head;
    let notice = match evidence.notice.as_deref().and_then(key::digest) {
        Some(digest) => notice_index(connection, entry.log, digest)?,
        None => None,
    };
    let erasure = match evidence.receipt.erased {
        true => erasure(connection, entry.log, entry.index)?,
        false => None,
    };
    let invalid = match evidence.notice.as_deref().filter(|_| evidence.invalidated.is_some()) {
        Some(digest) => match seen.invalid.entry((entry.log, digest.to_owned())) {
            Occupied(found) => found.get().clone(),
            Vacant(place) => place.insert(invalidation(connection, entry.log, digest)?).clone(),
        },
        None => None,
    };
    let at = |found: &Option<(u64, Entry)>| found.as_ref().map(|(index, _)| *index);
    // All proofs of a pack lead to one checkpoint.
    let last = [Some(entry.index), notice, at(&erasure), at(&invalid)].into_iter().flatten().max();
    let signed = head.signed_as(log.cosigned.as_ref(), last.unwrap_or(entry.index));
    let prove = |index: u64| head.prove_with(connection, &seen.tiles, index, &signed).map(|inclusion| inclusion.text());
    let (Some(commitment), Some(proof)) = (commitment(connection, entry.log, entry.index)?, prove(entry.index)) else {
        return Ok(None);
    };
    let (core, context) = openings(&evidence);
    let text = evidence.notice_text.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let notice = notice.and_then(prove).zip(text).map(|(proof, text)| LoggedNotice { text: text.to_owned(), proof });
    let erasure = erasure.and_then(|(index, entry)| Some(LoggedEntry { entry, proof: prove(index)? }));
    let invalidation = invalid.and_then(|(index, entry)| Some(LoggedEntry { entry, proof: prove(index)? }));
    let keys = log.keys.iter().filter(|key| key.signs(signed.size)).map(|key| key.key.to_text()).collect();
    Ok(Some(Pack { core, context, commitment, proof, notice, erasure, invalidation, keys }))
}

/// What opens the commitment to a record's text.
type Core = Opening<(String, Envelope)>;

/// What opens the commitments of a record's entry: its text with the server's envelope, and its context. Both engines have
/// them from the evidence alone.
pub(super) fn openings(evidence: &Evidence) -> (Option<Core>, Option<Opening<Value>>) {
    let Some(secret) = evidence.receipt.entry.as_ref().and_then(|entry| entry.secret.as_ref()) else {
        return (None, None);
    };
    let body = evidence.body.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let core =
        body.map(|body| Opening { body: (body.to_owned(), evidence.receipt.envelope()), salt: secret.core_salt() });
    (core, Some(Opening { body: secret::no_context(), salt: secret.context_salt() }))
}

fn bytes(connection: &Connection, log: i64, index: u64) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT bytes FROM log_entry WHERE log = ?1 AND idx = ?2")?
        .query_row(params![log, index], |row| row.get(0))
        .optional()
}

fn commitment(connection: &Connection, log: i64, index: u64) -> rusqlite::Result<Option<Commitment>> {
    Ok(bytes(connection, log, index)?.and_then(|bytes| match Entry::parse(&bytes)? {
        Entry::Record(commitment) => Some(commitment),
        _ => None,
    }))
}

fn notice_index(connection: &Connection, log: i64, notice: [u8; 32]) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT idx FROM log_notice WHERE log = ?1 AND notice = ?2")?
        .query_row(params![log, notice], |row| row.get(0))
        .optional()
}

/// The entry that says that an entry's body was erased.
fn erasure(connection: &Connection, log: i64, erased: u64) -> rusqlite::Result<Option<(u64, Entry)>> {
    looked_for(connection, log, (3, erased), |entry| matches!(entry, Entry::Erasure { index, .. } if *index == erased))
}

/// The entry that says that a notice was faulty.
fn invalidation(connection: &Connection, log: i64, digest: &str) -> rusqlite::Result<Option<(u64, Entry)>> {
    looked_for(connection, log, (6, 0), |entry| entry.invalidates().is_some_and(|(notice, _)| notice == digest))
}

/// The first entry of a kind from a place on that is the one. It is looked for: nobody asks for it often.
fn looked_for(
    connection: &Connection,
    log: i64,
    (kind, after): (u8, u64),
    is: impl Fn(&Entry) -> bool,
) -> rusqlite::Result<Option<(u64, Entry)>> {
    let mut statement = connection.prepare(
        "SELECT idx, bytes FROM log_entry WHERE log = ?1 AND idx > ?2 AND substr(bytes, 1, 1) = ?3 ORDER BY idx",
    )?;
    let mut rows = statement.query(params![log, after, [kind]])?;
    while let Some(row) = rows.next()? {
        if let Some(entry) = Entry::parse(&row.get::<_, Vec<u8>>(1)?).filter(&is) {
            return Ok(Some((row.get(0)?, entry)));
        }
    }
    Ok(None)
}
