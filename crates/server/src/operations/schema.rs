//! The format of the file, and what is forgotten of it.

use askfirst_core::time::{self, Millis};

use super::{Connection, Error};

/// `PRAGMA application_id`: "ASKO".
const APPLICATION: i32 = 0x4153_4b4f;
/// What makes each format from the one before. Their number is `PRAGMA user_version`.
const MIGRATIONS: &[&str] = &[include_str!("1.sql"), include_str!("2.sql")];

/// Takes every step from the file's format to ours in one transaction.
pub fn migrate(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    let newest = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let format: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let steps = match (application, format) {
        (APPLICATION, format) | (0, format @ 0) => usize::try_from(format).ok().and_then(|done| MIGRATIONS.get(done..)),
        _ => None,
    };
    let Some(steps) = steps else {
        connection.execute_batch("ROLLBACK")?;
        return Err(not_ours());
    };
    steps.iter().try_for_each(|step| connection.execute_batch(step))?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", newest)?;
    connection.execute_batch("COMMIT")
}

/// Refuses a file of another format.
pub fn require(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let format: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if (application, format) == (APPLICATION, MIGRATIONS.len()) { Ok(()) } else { Err(not_ours()) }
}

fn not_ours() -> rusqlite::Error {
    let why = "it belongs to another program or to another version of askfirst".to_owned();
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB), Some(why))
}

/// What has had its term: everything from before a time.
pub const ENDED: &[&str] = &[
    "DELETE FROM webhook_entry WHERE given_up_at < ?1",
    "DELETE FROM access WHERE at < ?1",
    "DELETE FROM token WHERE ended_at < ?1",
];
/// The same from before a day.
pub const ENDED_DAYS: &str = "DELETE FROM leak WHERE day < ?1";
/// Has webhooks hear of everything after a place, also where they had heard of more.
pub const REWIND: &str = "UPDATE webhook_cursor SET seq = ?1 WHERE seq > ?1";
/// Nobody works off a queue any more.
pub const RELEASE: &str = "UPDATE webhook_cursor SET holder = '', lease_until = 0 WHERE lease_until > 0";

/// Removes what is from before `end`; how many rows.
pub fn purge(connection: &Connection<'_>, end: Millis) -> Result<u64, Error> {
    let mut gone = connection.execute(ENDED_DAYS, &[&time::date(end)])?;
    for ended in ENDED {
        gone += connection.execute(ended, &[&end])?;
    }
    Ok(gone)
}
