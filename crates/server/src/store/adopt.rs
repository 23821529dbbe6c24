//! Entering records from before there was a log: once, with the first start of this version. The log then says of them
//! what they are now, not that they were so before.

use askfirst_core::log::Entry;
use askfirst_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, params};

use super::log::Logs;
use super::secret::Secret;
use super::{Clock, sqlite};

/// A record without an entry.
struct Unlogged {
    seq: i64,
    site: String,
    notice: [u8; 32],
    received_at: Millis,
    clock: Clock,
    body: String,
}

/// Enters what is left to be entered, in one transaction.
pub fn adopt(connection: &Connection, logs: &mut Logs, now: Millis) -> rusqlite::Result<()> {
    let last: Option<i64> = connection.query_row("SELECT seq FROM unlogged", [], |row| row.get(0)).optional()?;
    let Some(last) = last else { return Ok(()) };
    sqlite::begin(connection)?;
    let entered = enter(connection, logs, last, now).and_then(|()| {
        logs.sign(connection)?;
        connection.execute("DELETE FROM unlogged", [])?;
        sqlite::commit(connection)
    });
    match &entered {
        Ok(()) => drop(logs.committed()),
        Err(_) => {
            logs.forget();
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
    entered
}

fn enter(connection: &Connection, logs: &mut Logs, last: i64, now: Millis) -> rusqlite::Result<()> {
    let mut next = connection.prepare(
        "SELECT seq, site, notice, received_at, clock, body FROM record
         WHERE seq > ?1 AND seq <= ?2 AND log IS NULL AND erased_at IS NULL ORDER BY seq LIMIT 1",
    )?;
    let mut done = 0;
    loop {
        let record = next.query_row([done, last], |row| {
            let clock = Clock::named(&row.get::<_, String>("clock")?);
            Ok(Unlogged {
                seq: row.get("seq")?,
                site: row.get("site")?,
                notice: row.get("notice")?,
                received_at: row.get("received_at")?,
                clock,
                body: row.get("body")?,
            })
        });
        let Some(record) = record.optional()? else { return Ok(()) };
        let site = (sqlite::site(connection, &record.site)?, record.site.as_str());
        logs.append_notice(connection, site, record.notice, now)?;
        let secret =
            Secret::random().ok_or_else(|| rusqlite::Error::ToSqlConversionFailure("no random bytes".into()))?;
        let commitment = secret.commit(&record.body, &record.clock.envelope(record.received_at, None));
        let (log, index) = logs.append(connection, site, &Entry::Record(commitment), now)?;
        connection
            .prepare_cached("UPDATE record SET log = ?2, idx = ?3 WHERE seq = ?1")?
            .execute(params![record.seq, log, index])?;
        sqlite::keep_secret(connection, record.seq, &secret)?;
        done = record.seq;
    }
}
