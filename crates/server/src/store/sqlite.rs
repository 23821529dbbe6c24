//! The SQL that writes. Every value is a bound parameter.

use std::collections::HashMap;

use askfirst_core::digest::sha256;
use askfirst_core::json::{self, Value};
use askfirst_core::log::Challenge;
use askfirst_core::record::Count;
use askfirst_core::time::{self, Millis};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::recent::{Key, Slice};
use super::secret::Secret;
use super::{Clock, Counted, EntryRef, Erased, Inserted, NewNotice, NewRecord, Receipt, Received, key};

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

/// Where the records of these keys are, as far as the table has them.
pub fn find(connection: &Connection, keys: impl Iterator<Item = Key>) -> rusqlite::Result<HashMap<Key, i64>> {
    let mut find = connection.prepare_cached("SELECT seq FROM record_key WHERE record_id = ?1 AND site = ?2")?;
    let mut found = HashMap::new();
    for (record_id, site) in keys {
        if let Some(seq) = find.query_row(params![record_id, site], |row| row.get(0)).optional()? {
            found.insert((record_id, site), seq);
        }
    }
    Ok(found)
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

/// A record on its way into its table, whose entry is in the log.
pub struct Placed<'a> {
    pub received: &'a Received,
    pub seq: i64,
    /// The log and the number of the entry.
    pub place: (i64, u64),
}

/// Inserts records with their secrets.
pub fn insert<'a>(connection: &Connection, records: impl Iterator<Item = Placed<'a>>) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(INSERT)?;
    let mut keep = connection.prepare_cached(KEEP_SECRET)?;
    for Placed { received, seq, place: (log, index) } in records {
        let record = &received.record;
        let columns = Columns::of(received);
        insert.execute(params![
            seq,
            record.site,
            record.record_id,
            received.at,
            Clock::compare(record.at, received.at).name(),
            log,
            index,
            record.ends_at(received.at),
            columns.digest,
            record.notice,
            columns.subject,
            columns.holder,
            columns.body,
            record.challenge.map(Challenge::number)
        ])?;
        keep.execute(params![seq, columns.secret])?;
    }
    Ok(())
}

/// What differs between a record that is sealed and one that is not.
struct Columns<'a> {
    body: &'a dyn ToSql,
    digest: &'a [u8],
    subject: &'a [u8],
    holder: &'a [u8],
    secret: &'a [u8],
}

impl<'a> Columns<'a> {
    fn of(received: &'a Received) -> Self {
        let record = &received.record;
        match &received.sealed {
            None => Self {
                body: &record.body,
                digest: &record.digest,
                subject: &record.subject,
                holder: &record.holder,
                secret: received.secret.bytes(),
            },
            // Digest and holder are in the body, where nobody reads them without its secret.
            Some(sealed) => {
                Self { body: &sealed.body, digest: &[], subject: &sealed.subject, holder: &[], secret: &sealed.secret }
            }
        }
    }
}

const INSERT: &str = "INSERT INTO record (seq, site, record_id, received_at, clock, log, idx, ends_at, digest, notice, subject, holder, body, challenge)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

const KEEP_SECRET: &str = "INSERT INTO record_secret (seq, secret) VALUES (?1, ?2)";

pub fn keep_secret(connection: &Connection, seq: i64, secret: &Secret) -> rusqlite::Result<()> {
    connection.prepare_cached(KEEP_SECRET)?.execute(params![seq, secret.bytes()]).map(drop)
}

/// The consent at this place has ended by then, if it had not before (S1).
///
/// Only a record of the same pseudonym ends it: a record's number stands on receipts and in letters, and whoever has read it there
/// must not end somebody else's consent by naming it. A row from before there was a master key has the pseudonym as it is.
pub fn end(connection: &Connection, seq: i64, by: &Received) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE record SET ends_at = ?2 WHERE seq = ?1 AND ends_at > ?2 AND subject IN (?3, ?4)")?
        .execute(params![seq, by.at, by.record.subject, Columns::of(by).subject])
        .map(drop)
}

/// What a record is told that comes when one with its key is stored at `seq` (R7).
pub fn repeat(connection: &Connection, record: &NewRecord, seq: i64) -> rusqlite::Result<Inserted> {
    let mut receipt = connection
        .prepare_cached(
            "SELECT record.*, plain_secret(secret, record_id) AS secret FROM record
             LEFT JOIN record_secret ON record_secret.seq = record.seq WHERE record.seq = ?1",
        )?
        .query_row([seq], receipt)?;
    let offered = key::digest_text(&record.digest);
    if receipt.erased {
        // What it was is not known any more; that it is settled is.
        receipt.digest = offered;
        return Ok(Inserted::Repeated(receipt));
    }
    Ok(if receipt.digest == offered { Inserted::Repeated(receipt) } else { Inserted::Conflict })
}

/// Reads the columns of `record` and the `secret` beside them, which `plain_secret` has opened.
pub fn receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    let place = row.get::<_, Option<i64>>("log")?.zip(row.get("idx")?);
    let opened = Opened::of(row)?;
    Ok(Receipt {
        record_id: key::uuid_text(&row.get("record_id")?),
        seq: row.get("seq")?,
        received_at: row.get("received_at")?,
        clock: Clock::named(&row.get::<_, String>("clock")?),
        challenge: row.get::<_, Option<i64>>("challenge")?.map(Challenge::of_number),
        digest: opened.digest.as_ref().map_or_else(String::new, key::digest_text),
        erased: row.get::<_, Option<i64>>("erased_at")?.is_some(),
        entry: place.map(|(log, index)| EntryRef { log, index, secret: opened.secret }),
        inclusion: None,
    })
}

/// What a row says about its body, sealed or not.
pub struct Opened {
    pub secret: Option<Secret>,
    /// The bytes as they are: a damaged text may no longer be UTF-8, and a seal that is broken stays shut.
    pub body: Option<Vec<u8>>,
    /// What the digest was when the record came in. A sealed body can't be changed without breaking its seal; then there is
    /// none.
    pub digest: Option<[u8; 32]>,
    pub subject: Option<[u8; 16]>,
    pub holder: Option<[u8; 32]>,
}

impl Opened {
    /// Reads `body`, `digest`, `subject`, `holder`, and the `secret` that `plain_secret` has opened.
    pub fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let secret: Option<Secret> = row.get::<_, Option<[u8; 32]>>("secret")?.map(Secret::from_bytes);
        let body = row.get_ref("body")?;
        let ValueRef::Blob(sealed) = body else {
            let body = body.as_bytes_or_null()?.map(<[u8]>::to_vec);
            let (digest, subject, holder) = (row.get("digest")?, row.get("subject")?, row.get("holder")?);
            return Ok(Self { secret, body, digest, subject, holder });
        };
        Ok(Self::unseal(secret, sealed))
    }

    /// What a sealed body says.
    pub fn unseal(secret: Option<Secret>, sealed: &[u8]) -> Self {
        let Some(text) = secret.as_ref().and_then(|secret| secret.open(sealed)) else {
            return Self { secret, body: Some(sealed.to_vec()), digest: None, subject: None, holder: None };
        };
        let said = json::parse(&text).unwrap_or(Value::Null);
        let (subject, holder) = (said.get("subject").text(), said.get("holder").text());
        Self {
            secret,
            digest: Some(sha256(text.as_bytes())),
            subject: subject.and_then(key::subject),
            holder: holder.and_then(key::digest),
            body: Some(text.into_bytes()),
        }
    }
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

/// Empties a record. Answers where its entry is, when there was something to empty and it has one.
pub fn erase(connection: &Connection, seq: i64, now: Millis) -> rusqlite::Result<(Erased, Option<Erasure>)> {
    let found = connection
        .prepare_cached("SELECT erased_at IS NOT NULL, held, site, log, idx FROM record WHERE seq = ?1")?
        .query_row([seq], |row| {
            let place = row.get::<_, Option<i64>>(3)?.zip(row.get(4)?);
            Ok((row.get::<_, bool>(0)?, row.get::<_, bool>(1)?, Erasure { site: row.get(2)?, place }))
        })
        .optional()?;
    let erasure = match found {
        None | Some((true, ..)) => return Ok((Erased::Already, None)),
        Some((_, true, _)) => return Ok((Erased::Held, None)),
        Some((.., erasure)) => erasure,
    };
    connection
        .prepare_cached(
            "UPDATE record SET body = NULL, digest = NULL, holder = NULL, subject = NULL, notice = NULL, challenge = NULL,
                 erased_at = ?2
             WHERE seq = ?1",
        )?
        .execute(params![seq, now])?;
    connection.prepare_cached("DELETE FROM record_secret WHERE seq = ?1")?.execute([seq])?;
    Ok((Erased::Erased, Some(erasure)))
}

/// What the log is told about an erasure.
pub struct Erasure {
    pub site: String,
    /// The log and the number of the entry.
    pub place: Option<(i64, u64)>,
}

#[cfg(test)]
mod tests {
    use rusqlite::params_from_iter;
    use rusqlite::types::Null;

    use super::*;
    use crate::store::database;

    #[test]
    fn inserting_a_record_builds_no_table_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let connection = database::open_writer(&folder.path().join("records.sqlite")).unwrap();
        for sql in [INSERT, KEEP_SECRET] {
            let mut steps = connection.prepare(&format!("EXPLAIN {sql}")).unwrap();
            let nothing = params_from_iter(vec![Null; steps.parameter_count()]);
            let steps = steps.query_map(nothing, |row| row.get::<_, String>("opcode")).unwrap();
            let steps: Vec<_> = steps.collect::<Result<_, _>>().unwrap();
            assert!(steps.iter().any(|step| step == "Insert"));
            assert!(!steps.iter().any(|step| step == "OpenEphemeral"), "{sql}: {steps:?}");
        }
    }
}
