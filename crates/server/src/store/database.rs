//! Opening a database and bringing its format up to date.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::StoreError;
use crate::private;

/// `PRAGMA application_id`: "ASKF".
const APPLICATION: i32 = 0x4153_4b46;
/// What makes each format from the one before; a new database takes them all. Their number is `PRAGMA user_version`.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
    include_str!("migrations/6.sql"),
    include_str!("migrations/7.sql"),
    include_str!("migrations/8.sql"),
    include_str!("migrations/9.sql"),
];
/// How long to wait for another process that has the database locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a page of a new database. Records are longer than those of most databases: with 4096 each commit takes
/// twice as many writes.
const PAGE: i64 = 8192;

/// Opens the one connection that writes.
pub fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    private::make(path);
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Only a database that has no page yet takes it.
    connection.pragma_update(None, "page_size", PAGE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What is acknowledged survives a power cut; with group commit NORMAL would not even be faster.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // S5: what is erased is overwritten in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "cache_size", -24_576)?;
    // For a command that writes much. The server's writer has `fold`, which takes the place of this.
    connection.pragma_update(None, "wal_autocheckpoint", 32_000)?;
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
    // Plans that depend on what is bound would be made anew for each row that is asked for.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if format(&connection)? != (APPLICATION, newest()) {
        return Err(refused("this is not a database of this version of askfirst"));
    }
    Ok(connection)
}

fn format(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let application = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let format = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((application, format))
}

fn newest() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// Takes every step from the database's format to ours in one transaction.
fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    let steps = match format(connection)? {
        (APPLICATION, format) if format == newest() => return Ok(()),
        (APPLICATION, format) if format > newest() => {
            return Err(refused("it was made by a newer version of askfirst"));
        }
        (APPLICATION, format) => usize::try_from(format).ok().and_then(|done| MIGRATIONS.get(done..)),
        (0, 0) if is_empty(connection)? => Some(MIGRATIONS),
        _ => None,
    };
    let steps = steps.ok_or_else(|| refused("it belongs to another program"))?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let taken = steps.iter().try_for_each(|step| connection.execute_batch(step)).and_then(|()| {
        connection.pragma_update(None, "application_id", APPLICATION)?;
        connection.pragma_update(None, "user_version", newest())?;
        connection.execute_batch("COMMIT")
    });
    if taken.is_err() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    taken
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

fn refused(why: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB), Some(why.to_owned()))
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

impl StoreError {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Unavailable,
        }
    }
}

/// A connection that folds the write-ahead log into the database and does nothing else.
pub fn open_folder(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Copies what nobody is reading from the write-ahead log into the database, and waits for nobody. Answers how many
/// pages are left over.
pub fn fold(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        Ok(row.get::<_, i64>(1)?.saturating_sub(row.get::<_, i64>(2)?))
    })
}
