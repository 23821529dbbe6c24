//! The SQL that reads, and the connections it runs on. Every value is a bound parameter.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use askfirst_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Row};
use tokio::sync::Semaphore;

use super::database::open_reader;
use super::log::read::Head;
use super::sealing::{self, Sealing};
use super::{AboutNotice, EntryRef, Inclusion, Restriction, StoreError, invalid, key, sqlite};
use crate::evidence::Evidence;

/// Connections that read, each used by one request at a time, off the threads that serve the network.
pub struct Readers {
    path: PathBuf,
    sealing: Option<Arc<Sealing>>,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Semaphore,
}

impl Readers {
    pub(super) fn new(path: &Path, most: usize, sealing: Option<Arc<Sealing>>) -> Self {
        Self { path: path.to_owned(), sealing, idle: Arc::default(), permits: Semaphore::new(most) }
    }

    /// Runs `read` on one of the connections.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|_| StoreError::Unavailable)?;
        let (path, sealing, idle) = (self.path.clone(), self.sealing.clone(), Arc::clone(&self.idle));
        let work = move || {
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match taken {
                Some(connection) => connection,
                None => {
                    let connection = open_reader(&path)?;
                    sealing::register(&connection, sealing)?;
                    connection
                }
            };
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

/// The places of every record with this id, one per site, with what opens each. `recent` has those of the newest
/// records that have this id; they may not be in the table yet. For an id that is not there, or whose record was erased,
/// another record is opened and forgotten, so that all take the same time (S4, PROOF test 21).
pub fn holders(connection: &Connection, record_id: [u8; 16], recent: &[i64]) -> rusqlite::Result<Vec<(i64, [u8; 32])>> {
    let mut places = connection
        .prepare_cached("SELECT seq FROM record_key WHERE record_id = ?1 ORDER BY seq")?
        .query_map([record_id], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    places.extend(recent.iter().filter(|seq| !places.contains(seq)).copied().collect::<Vec<_>>());
    let other: Option<i64> = connection.prepare_cached(ANOTHER)?.query_row([], |row| row.get(0)).optional()?;
    let mut record = connection.prepare_cached(
        "SELECT body, digest, subject, holder, plain_secret(secret, record_id) AS secret FROM record
         LEFT JOIN record_secret ON record_secret.seq = record.seq WHERE record.seq = ?1 AND body IS NOT NULL",
    )?;
    let mut open = |places: &[i64]| -> rusqlite::Result<Vec<(i64, [u8; 32])>> {
        let mut found = Vec::new();
        for seq in places {
            let opened = record.query_row([seq], sqlite::Opened::of).optional()?;
            found.extend(opened.and_then(|opened| Some((*seq, opened.holder?))));
        }
        Ok(found)
    };
    let found = open(&places)?;
    if found.is_empty() {
        open(other.as_slice())?;
    }
    Ok(found)
}

/// A record that was not erased, of the newest ones: a look at more would take the longer the more there are to skip.
const ANOTHER: &str = "SELECT seq FROM record WHERE seq > (SELECT max(seq) FROM record) - 256 AND body IS NOT NULL
                       ORDER BY seq DESC LIMIT 1";

/// The places of every record with this id, one per site, for who has no server's memory: the newest are looked through.
pub fn places(connection: &Connection, record_id: [u8; 16]) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT seq FROM record_key WHERE record_id = ?1
             UNION SELECT seq FROM record WHERE seq > (SELECT seq FROM keyed) AND record_id = ?1 ORDER BY seq",
        )?
        .query_map([record_id], |row| row.get(0))?
        .collect()
}

/// The places of every record of a subject.
pub fn of_subject(connection: &Connection, subject: [u8; 16]) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare("SELECT seq FROM record WHERE subject = ?1 ORDER BY seq")?
        .query_map([subject], |row| row.get(0))?
        .collect()
}

pub fn evidence(connection: &Connection, seq: i64) -> rusqlite::Result<Option<Evidence>> {
    let mut found = unproved(connection, seq)?;
    if let Some(evidence) = &mut found {
        evidence.receipt.inclusion = inclusion(connection, evidence.receipt.entry.as_ref())?;
    }
    Ok(found)
}

/// The same without the proof of its entry.
pub fn unproved(connection: &Connection, seq: i64) -> rusqlite::Result<Option<Evidence>> {
    connection
        .prepare_cached(
            "SELECT record.*, plain_secret(secret, record_id) AS secret, notice.text AS notice_text, invalid_at, reason
             FROM record
             LEFT JOIN record_secret ON record_secret.seq = record.seq
             LEFT JOIN notice ON notice.digest = record.notice
             LEFT JOIN invalid_notice ON invalid_notice.notice = record.notice WHERE record.seq = ?1",
        )?
        .query_row([seq], |row| {
            let receipt = sqlite::receipt(row)?;
            let opened = sqlite::Opened::of(row)?;
            Ok(Evidence {
                receipt,
                site: row.get("site")?,
                subject: opened.subject,
                holder: opened.holder,
                notice: row.get::<_, Option<_>>("notice")?.as_ref().map(key::digest_text),
                erased_at: row.get("erased_at")?,
                ends_at: row.get("ends_at")?,
                invalidated: invalid::invalidation(row)?,
                restriction: restriction(row)?,
                body: opened.body,
                notice_text: bytes(row, "notice_text")?,
            })
        })
        .optional()
}

fn restriction(row: &Row<'_>) -> rusqlite::Result<Option<Restriction>> {
    let since = row.get::<_, Option<Millis>>("restricted_at")?;
    since.map(|since| Ok(Restriction { since, held: row.get("held")?, ends_at: row.get("ends_at")? })).transpose()
}

/// Proves an entry to the newest head of its log, or to the newest that witnesses have cosigned.
fn inclusion(connection: &Connection, entry: Option<&EntryRef>) -> rusqlite::Result<Option<Inclusion>> {
    let Some(entry) = entry else { return Ok(None) };
    let Some(head) = Head::by_number(connection, entry.log)? else { return Ok(None) };
    let signed = head.signed(connection, entry.index)?;
    Ok(head.prove(connection, entry.index, &signed))
}

/// The bytes as they are: a damaged text may no longer be UTF-8.
fn bytes(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let value = row.get_ref(column)?;
    Ok(value.as_bytes_or_null()?.map(<[u8]>::to_vec))
}

pub fn probe(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM record)", [], |_| Ok(()))
}
