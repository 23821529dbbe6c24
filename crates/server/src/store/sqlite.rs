//! The SQL that writes. Every value is a bound parameter.

use askfirst_core::record::Count;
use askfirst_core::time::{self, Millis};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::recent::{Key, Slice};
use super::{Clock, Counted, Inserted, NewNotice, NewRecord, Receipt, key};

/// The last place used and the time of the last record.
pub fn last(connection: &Connection) -> rusqlite::Result<(i64, Millis)> {
    connection
        .query_row("SELECT seq, received_at FROM record ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
        .map(|last| last.unwrap_or((0, Millis::MIN)))
}

pub fn begin(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)
}

pub fn commit(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("COMMIT")?.execute([]).map(drop)
}

/// The number of a site; a new one gets its number with its first record.
pub fn site(connection: &Connection, origin: &str) -> rusqlite::Result<i64> {
    let known = connection
        .prepare_cached("SELECT site FROM site WHERE origin = ?1")?
        .query_row([origin], |row| row.get(0))
        .optional()?;
    match known {
        Some(site) => Ok(site),
        None => connection
            .prepare_cached("INSERT INTO site (origin) VALUES (?1) RETURNING site")?
            .query_row([origin], |row| row.get(0)),
    }
}

/// Where the record of this key is, when the table has it.
pub fn find(connection: &Connection, (record_id, site): &Key) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT seq FROM record_key WHERE record_id = ?1 AND site = ?2")?
        .query_row(params![record_id, site], |row| row.get(0))
        .optional()
}

/// Gives the table a slice of the newest ids. One that it has already, from before a crash, stays.
pub fn move_keys(connection: &Connection, slice: &Slice) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT OR IGNORE INTO record_key (record_id, site, seq) VALUES (?1, ?2, ?3)")?;
    for ((record_id, site), seq) in &slice.keys {
        insert.execute(params![record_id, site, seq])?;
    }
    if let Some(seq) = slice.complete {
        connection.prepare_cached("UPDATE keyed SET seq = ?1")?.execute([seq])?;
    }
    Ok(())
}

/// The ids that the table may not have.
pub fn unmoved(connection: &Connection) -> rusqlite::Result<Vec<(Key, i64)>> {
    let mut statement = connection.prepare(
        "SELECT record.record_id, site.site, record.seq FROM record JOIN site ON site.origin = record.site
         WHERE record.seq > (SELECT seq FROM keyed)",
    )?;
    statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?.collect()
}

/// Inserts at `seq` a record that is not stored yet.
pub fn insert(
    connection: &Connection,
    record: &NewRecord,
    seq: i64,
    received_at: Millis,
) -> rusqlite::Result<Inserted> {
    let receipt = record.receipt(seq, received_at);
    let added = connection
        .prepare_cached(
            "INSERT INTO record (seq, site, record_id, received_at, clock, digest, notice, subject, holder, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            seq,
            record.site,
            record.record_id,
            received_at,
            receipt.clock.name(),
            record.digest,
            record.notice,
            record.subject,
            record.holder,
            record.body
        ]);
    match added {
        Ok(_) => Ok(Inserted::Created(receipt)),
        Err(error) if breaks_reference(&error) => Ok(Inserted::NoticeUnknown),
        Err(error) => Err(error),
    }
}

/// What a record is told that comes when one with its key is stored at `seq` (R7).
pub fn repeat(connection: &Connection, record: &NewRecord, seq: i64) -> rusqlite::Result<Inserted> {
    let receipt = connection.prepare_cached("SELECT * FROM record WHERE seq = ?1")?.query_row([seq], receipt)?;
    let same = receipt.digest == key::digest_text(&record.digest);
    Ok(if same { Inserted::Repeated(receipt) } else { Inserted::Conflict })
}

pub fn receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    Ok(Receipt {
        record_id: key::uuid_text(&row.get("record_id")?),
        seq: row.get("seq")?,
        received_at: row.get("received_at")?,
        clock: Clock::named(&row.get::<_, String>("clock")?),
        digest: key::digest_text(&row.get("digest")?),
        erased: row.get::<_, Option<i64>>("erased_at")?.is_some(),
    })
}

fn breaks_reference(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// Adds one to a day's refusals.
pub fn count(connection: &Connection, count: &Count, now: Millis) -> rusqlite::Result<Counted> {
    let counted = connection
        .prepare_cached(
            "INSERT INTO refusal_count (site, day, notice, lang, method, layer, n) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)
             ON CONFLICT (site, day, notice, lang, method, layer) DO UPDATE SET n = n + 1",
        )?
        .execute(params![
            count.site,
            time::date(now),
            key::digest(&count.notice),
            count.lang,
            count.method.name(),
            count.layer.name()
        ]);
    match counted {
        Ok(_) => Ok(Counted::Counted),
        Err(error) if breaks_reference(&error) => Ok(Counted::NoticeUnknown),
        Err(error) => Err(error),
    }
}

/// Stores a notice; whether it is new.
pub fn register(connection: &Connection, notice: &NewNotice, now: Millis) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "INSERT INTO notice (digest, lang, version, first_seen, text) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (digest) DO NOTHING",
        )?
        .execute(params![key::digest(&notice.digest), notice.about.lang, notice.about.version, now, notice.text])
        .map(|added| added > 0)
}

/// Empties a record; whether there was anything to empty.
pub fn erase(connection: &Connection, seq: i64, now: Millis) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "UPDATE record SET body = NULL, holder = NULL, subject = NULL, notice = NULL, erased_at = ?2
             WHERE seq = ?1 AND erased_at IS NULL",
        )?
        .execute(params![seq, now])
        .map(|emptied| emptied > 0)
}
