//! The SQL. Every value is a bound parameter.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use askfirst_core::record::Count;
use askfirst_core::time::{self, Millis};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, params};
use tokio::sync::Semaphore;

use super::{AboutNotice, Clock, Counted, Inserted, NewNotice, NewRecord, Receipt, StoreError, key};
use crate::evidence::Evidence;

const SCHEMA: &str = include_str!("schema.sql");
/// `PRAGMA application_id`: "ASKF".
const APPLICATION: i32 = 0x4153_4b46;
/// `PRAGMA user_version`: the format that this program reads and writes.
const FORMAT: i32 = 1;
/// How long to wait for another process that has the database locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the one connection that writes.
pub fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    make_private(path);
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What is acknowledged survives a power cut; with group commit NORMAL would not even be faster.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // S5: what is erased is overwritten in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "cache_size", -24_576)?;
    // 64 MB: the longer the log may grow, the more often a page of an index is written once for many records.
    connection.pragma_update(None, "wal_autocheckpoint", 16_000)?;
    connection.set_prepared_statement_cache_capacity(32);
    migrate(&connection)?;
    Ok(connection)
}

/// Opens a connection that can only read.
pub fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", -2_048)?;
    if format(&connection)? != (APPLICATION, FORMAT) {
        return Err(refused("this is not a database of this version of askfirst"));
    }
    Ok(connection)
}

/// A new database is readable by its owner alone (S7). SQLite gives its side files the same rights.
fn make_private(path: &Path) {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // An existing file stays as it is, and any other error comes up again when SQLite opens it.
    let _ = options.open(path);
}

fn format(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let application = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let format = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((application, format))
}

fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    match format(connection)? {
        (APPLICATION, FORMAT) => Ok(()),
        (APPLICATION, newer) if newer > FORMAT => Err(refused("it was made by a newer version of askfirst")),
        (0, 0) if is_empty(connection)? => {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            connection.execute_batch(SCHEMA)?;
            connection.pragma_update(None, "application_id", APPLICATION)?;
            connection.pragma_update(None, "user_version", FORMAT)?;
            connection.execute_batch("COMMIT")
        }
        _ => Err(refused("it belongs to another program")),
    }
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

fn refused(why: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB), Some(why.to_owned()))
}

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

/// Inserts at `seq`, unless the record is stored already.
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
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (record_id, site) DO NOTHING",
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
        Ok(0) => repeated(connection, record),
        Ok(_) => Ok(Inserted::Created(receipt)),
        Err(error) if breaks_reference(&error) => Ok(Inserted::NoticeUnknown),
        Err(error) => Err(error),
    }
}

fn repeated(connection: &Connection, record: &NewRecord) -> rusqlite::Result<Inserted> {
    let receipt = connection
        .prepare_cached("SELECT * FROM record WHERE record_id = ?1 AND site = ?2")?
        .query_row(params![record.record_id, record.site], receipt)?;
    let same = receipt.digest == key::digest_text(&record.digest);
    Ok(if same { Inserted::Repeated(receipt) } else { Inserted::Conflict })
}

fn receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
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

/// Copies the write-ahead log into the database and empties it, so that no erased text stays in it. Whether it could:
/// a reader that is in the middle of something holds it up.
pub fn empty_log(connection: &Connection) -> rusqlite::Result<bool> {
    // Requests wait for this thread: better to come again with the next commit than to wait long for a reader.
    connection.busy_timeout(Duration::from_millis(200))?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    busy.map(|busy| busy == 0)
}

pub fn notices(connection: &Connection) -> rusqlite::Result<HashMap<String, AboutNotice>> {
    let mut statement = connection.prepare("SELECT digest, lang, version FROM notice")?;
    let about =
        |row: &Row<'_>| Ok((key::digest_text(&row.get(0)?), AboutNotice { lang: row.get(1)?, version: row.get(2)? }));
    statement.query_map([], about)?.collect()
}

pub fn about_notice(connection: &Connection, digest: &str) -> rusqlite::Result<Option<AboutNotice>> {
    connection
        .prepare_cached("SELECT lang, version FROM notice WHERE digest = ?1")?
        .query_row([key::digest(digest)], |row| Ok(AboutNotice { lang: row.get(0)?, version: row.get(1)? }))
        .optional()
}

pub fn notice(connection: &Connection, digest: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT text FROM notice WHERE digest = ?1")?
        .query_row([key::digest(digest)], |row| bytes(row, "text"))
        .optional()
        .map(Option::flatten)
}

pub fn holders(connection: &Connection, record_id: [u8; 16]) -> rusqlite::Result<Vec<(i64, [u8; 32])>> {
    connection
        .prepare_cached("SELECT seq, holder FROM record WHERE record_id = ?1 AND holder IS NOT NULL")?
        .query_map([record_id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// The places of every record with this id, one per site.
pub fn places(connection: &Connection, record_id: [u8; 16]) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT seq FROM record WHERE record_id = ?1 ORDER BY seq")?
        .query_map([record_id], |row| row.get(0))?
        .collect()
}

pub fn evidence(connection: &Connection, seq: i64) -> rusqlite::Result<Option<Evidence>> {
    connection
        .prepare_cached(
            "SELECT record.*, notice.text AS notice_text FROM record
             LEFT JOIN notice ON notice.digest = record.notice WHERE seq = ?1",
        )?
        .query_row([seq], |row| {
            Ok(Evidence {
                receipt: receipt(row)?,
                site: row.get("site")?,
                subject: row.get("subject")?,
                holder: row.get("holder")?,
                notice: row.get::<_, Option<_>>("notice")?.as_ref().map(key::digest_text),
                erased_at: row.get("erased_at")?,
                body: bytes(row, "body")?,
                notice_text: bytes(row, "notice_text")?,
            })
        })
        .optional()
}

/// The bytes as they are: a damaged text may no longer be UTF-8.
fn bytes(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let value = row.get_ref(column)?;
    Ok(value.as_bytes_or_null()?.map(<[u8]>::to_vec))
}

pub fn probe(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM record)", [], |_| Ok(()))
}

impl StoreError {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Unavailable,
        }
    }
}

/// Connections that read, each used by one request at a time, off the threads that serve the network.
pub struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Semaphore,
}

impl Readers {
    pub(super) fn new(path: &Path, most: usize) -> Self {
        Self { path: path.to_owned(), idle: Arc::default(), permits: Semaphore::new(most) }
    }

    /// Runs `read` on one of the connections.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|_| StoreError::Unavailable)?;
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        let work = move || {
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = taken.map_or_else(|| open_reader(&path), Ok)?;
            let result = read(&connection);
            // A connection that failed is not used again.
            if result.is_ok() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            result
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                tracing::error!(code = ?error.sqlite_error_code(), "the store can't be read");
                Err(StoreError::of(&error))
            }
            Err(_) => Err(StoreError::Unavailable),
        }
    }
}
