//! Operational data in a backup: a file of its own beside that of the records, since most of it is about people who look after
//! them. There is no secret in it: of a token the hash, of a webhook what is still to be told.

use std::path::Path;

use askfirst_core::time::Millis;
use rusqlite::OpenFlags;

use super::{KEEP, Operations, connect, schema};
use crate::private;

/// Copies a file as it is at one moment, while servers use it.
///
/// # Errors
/// A sentence for the person at the console.
pub fn back_up(file: &Path, to: &Path) -> Result<(), String> {
    let say = |error: rusqlite::Error| format!("{}: {error}", file.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(file, flags).map_err(say)?;
    connection.busy_timeout(super::WAIT).map_err(say)?;
    schema::require(&connection).map_err(say)?;
    // An empty file is taken as it is, with its rights.
    private::make(to);
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map(drop).map_err(say)
}

/// A new file for what stands in tables on PostgreSQL.
///
/// # Errors
/// It can't be made.
pub fn create(to: &Path) -> rusqlite::Result<rusqlite::Connection> {
    private::make(to);
    connect(to)
}

/// Closes it as one file.
///
/// # Errors
/// It can't be written.
pub fn finish(connection: rusqlite::Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    connection.close().map_err(|(_, error)| error)
}

/// Opens one of a backup for reading.
///
/// # Errors
/// It is none of this version.
pub fn read(file: &Path) -> rusqlite::Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::require(&connection)?;
    Ok(connection)
}

/// Makes the data go on from `newest` records: webhooks hear of what comes after them, also where they had heard of more, and
/// what has had its term is gone (S2).
///
/// # Errors
/// A sentence for the person at the console.
pub fn go_on(file: &Path, newest: i64, now: Millis) -> Result<(), String> {
    Operations::open(file)?.run(|connection| {
        schema::purge(connection, now - KEEP)?;
        connection.execute(schema::RELEASE, &[])?;
        connection.execute(schema::REWIND, &[&newest]).map(drop)
    })
}
