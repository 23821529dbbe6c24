//! `askfirst backup`: the database as it is at one moment, while servers run, in the files of a backup on SQLite. Whoever
//! has them needs no PostgreSQL to audit or verify them.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params};
use tokio_postgres::{IsolationLevel, Row};

use super::carry::{OPERATIONS, PAGE, SEALING, TABLES};
use super::failure::{Done, Failure};
use super::sql::query;
use super::{Address, pool_of};
use crate::operations;
use crate::store::Clock;
use crate::store::backup::{self, Copied, Parts};

/// A page may have to wait for a slow disk.
pub const SESSION: &str = "SET search_path = askfirst; SET idle_in_transaction_session_timeout = '60s';
                           SET statement_timeout = '60s'";

impl Address {
    /// Copies the database into FILE and FILE.keys, and the operational data into FILE.operations: from the tables here, or
    /// from the file that the servers of this machine have for it.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn backup(&self, operations: Option<&Path>, file: &Path) -> Result<Copied, String> {
        let parts = Parts::of(file)?;
        let copied = self.copy(&parts, operations.is_none()).await.and_then(|copied| {
            let copy = operations.map_or(Ok(()), |operations| parts.copy_operations(operations));
            copy.map(|()| copied)
        });
        parts.end(copied)
    }

    async fn copy(&self, parts: &Parts, with_operations: bool) -> Result<Copied, String> {
        let mut client = self.ready(pool_of(self, SESSION, 1)?).await?;
        let copied = async {
            // One moment: what is committed from here on is not in it.
            let of_one_moment =
                client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
            let from = of_one_moment.start().await?;
            let mut to = parts.begin()?;
            to.execute_batch("BEGIN")?;
            for table in TABLES.iter().chain([&SEALING]) {
                table.copy(&from, &mut to).await?;
            }
            let mut after: i64 = 0;
            loop {
                let rows = query(&from, RECORDS, &[&after, &PAGE]).await?;
                let Some(last) = rows.last() else { break };
                after = last.try_get("seq")?;
                keep(&mut to, &rows)?;
            }
            to.execute_batch(KEYED)?;
            if with_operations {
                let mut to = operations::copy::create(&parts.operations())?;
                to.execute_batch("BEGIN")?;
                for table in OPERATIONS {
                    table.copy(&from, &mut to).await?;
                }
                to.execute_batch("COMMIT")?;
                operations::copy::finish(to)?;
            }
            Done::Ok(backup::finish(to)?)
        };
        copied.await.map_err(|failure: Failure| format!("{self}: {}", failure.sentence()))
    }
}

/// What is in the inbox has no place and no receipt yet: its sender comes again.
const RECORDS: &str =
    "SELECT p.seq, s.origin, p.record_id, p.received_at, r.browser_at, p.log, p.idx, p.ends_at, p.held,
        p.restricted_at, p.erased_at, r.digest, r.notice, r.subject, r.holder, r.body, r.secret, r.challenge
    FROM place AS p
    JOIN record AS r ON r.record_id = p.record_id AND r.site = p.site
    JOIN site AS s ON s.site = p.site
    WHERE p.seq > $1 ORDER BY p.seq LIMIT $2";

/// The way from an id to its place.
const KEYED: &str = "
    INSERT INTO record_key (record_id, site, seq)
        SELECT record.record_id, site.site, record.seq FROM record JOIN site ON site.origin = record.site ORDER BY 1, 2;
    INSERT OR REPLACE INTO keyed (one, seq) SELECT 1, coalesce(max(seq), 0) FROM record;";

fn keep(to: &mut Connection, rows: &[Row]) -> Done<()> {
    let mut record = to.prepare_cached(
        "INSERT INTO record (seq, site, record_id, received_at, clock, log, idx, ends_at, held, restricted_at, erased_at,
             digest, notice, subject, holder, body, challenge)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?;
    let mut kept = to.prepare_cached("INSERT INTO keys.record_secret (seq, secret) VALUES (?1, ?2)")?;
    for row in rows {
        let bytes = |name: &str| -> Done<Option<Vec<u8>>> { Ok(row.try_get(name)?) };
        let number = |name: &str| -> Done<Option<i64>> { Ok(row.try_get(name)?) };
        let (seq, received_at): (i64, i64) = (row.try_get("seq")?, row.try_get("received_at")?);
        let secret = bytes("secret")?;
        let is_sealed = secret.as_ref().is_some_and(|secret| secret.len() != 32);
        // A sealed body says these itself: there they are empty instead of absent.
        let said = |name: &str| Done::Ok(if is_sealed { Some(Vec::new()) } else { bytes(name)? });
        let body = match bytes("body")? {
            None => Value::Null,
            Some(body) if is_sealed => Value::Blob(body),
            Some(body) => String::from_utf8(body).map_or_else(|error| Value::Blob(error.into_bytes()), Value::Text),
        };
        record.execute(params![
            seq,
            row.try_get::<_, String>("origin")?,
            bytes("record_id")?,
            received_at,
            Clock::compare(row.try_get("browser_at")?, received_at).name(),
            number("log")?,
            number("idx")?,
            number("ends_at")?,
            row.try_get::<_, bool>("held")?,
            number("restricted_at")?,
            number("erased_at")?,
            said("digest")?,
            bytes("notice")?,
            bytes("subject")?,
            said("holder")?,
            body,
            number("challenge")?,
        ])?;
        if let Some(secret) = secret {
            kept.execute(params![seq, secret])?;
        }
    }
    Ok(())
}
