//! `askfirst backup`: a copy of the database while a server runs, of one moment, in two files: FILE has everything but the
//! records' secrets, FILE.keys has those. FILE.operations has what is not a record.
//!
//! They are apart because erasing must reach copies too (GDPR Art. 17). A body that was sealed is unreadable without its
//! secret, so that a copy of FILE may be older than the erasure as long as no FILE.keys is; and a restore with the newest
//! FILE.keys erases again what it has no secret of, sealed or not.

use std::fs;
use std::path::{Path, PathBuf};

use askfirst_core::time::{self, Millis, Period};
use rusqlite::Connection;

use super::database;
use crate::operations::{self, Operations};
use crate::private;

/// What a backup has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    pub records: u64,
    /// Entries of every log.
    pub entries: u64,
}

/// The name of the file with the secrets that belong to FILE.
pub fn keys_of(file: &Path) -> PathBuf {
    with(file, ".keys")
}

/// The name of the file with the operational data that belongs to FILE.
pub fn operations_of(file: &Path) -> PathBuf {
    with(file, ".operations")
}

/// A path with something added to its name.
pub(super) fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Tables in an order in which each has what it refers to. The copy's own format makes the tables, so that it has the
/// guards as well.
const COPY: &[&str] = &[
    "INSERT INTO notice SELECT * FROM live.notice",
    "INSERT INTO record SELECT * FROM live.record ORDER BY seq",
    "INSERT INTO refusal_count SELECT * FROM live.refusal_count",
    "INSERT INTO site SELECT * FROM live.site",
    "INSERT INTO record_key SELECT * FROM live.record_key",
    "INSERT OR REPLACE INTO keyed SELECT * FROM live.keyed",
    "INSERT INTO log SELECT * FROM live.log",
    "INSERT INTO log_entry SELECT * FROM live.log_entry",
    "INSERT INTO log_tile SELECT * FROM live.log_tile",
    "INSERT INTO log_notice SELECT * FROM live.log_notice",
    "INSERT INTO log_witness SELECT * FROM live.log_witness",
    "INSERT INTO log_key SELECT * FROM live.log_key",
    "INSERT INTO invalid_notice SELECT * FROM live.invalid_notice",
    "INSERT INTO sealing_key SELECT * FROM live.sealing_key",
    "INSERT INTO keys.record_secret SELECT * FROM live.record_secret",
];

/// What FILE.keys has: beside the secrets what may have changed of a record since FILE was made, and how far the logs were.
/// A restore takes all of it from the newest.
const KEYS: &str = "
    CREATE TABLE keys.record_secret (seq INTEGER PRIMARY KEY, secret BLOB NOT NULL) STRICT;
    CREATE TABLE keys.sealing_key (key INTEGER PRIMARY KEY, created_at INTEGER NOT NULL, master TEXT NOT NULL,
        wrapped BLOB NOT NULL) STRICT;
    CREATE TABLE keys.record_kept (seq INTEGER PRIMARY KEY, held INTEGER NOT NULL, restricted_at INTEGER) STRICT;
    CREATE TABLE keys.moment (one INTEGER PRIMARY KEY, entries INTEGER NOT NULL) STRICT;";

/// The rest of FILE.keys, from the copy.
const KEPT: &str = "
    INSERT INTO keys.sealing_key SELECT * FROM main.sealing_key;
    INSERT INTO keys.record_kept SELECT seq, held, restricted_at FROM main.record
        WHERE erased_at IS NULL AND (held = 1 OR restricted_at IS NOT NULL);
    INSERT INTO keys.moment SELECT 1, coalesce(sum(size), 0) FROM main.log;";

/// Copies a SQLite database into FILE and FILE.keys, and the operational data, which is beside it when nobody says where, into
/// FILE.operations. None is there under its name before all are whole.
///
/// # Errors
/// A sentence for the person at the console: there is such a file already, or the copy could not be made.
pub fn backup(database: &Path, operations: Option<&Path>, file: &Path) -> Result<Copied, String> {
    let parts = Parts::of(file)?;
    let operations = operations.map_or_else(|| Operations::beside(database), Path::to_owned);
    let copied = copy(database, &parts).and_then(|copied| {
        // Nobody may have needed one yet.
        let copy = if operations.exists() { parts.copy_operations(&operations) } else { Ok(()) };
        copy.map(|()| copied)
    });
    parts.end(copied)
}

/// The files of a backup while they are made: each has another name until all are whole.
pub(super) struct Parts {
    file: PathBuf,
}

impl Parts {
    /// # Errors
    /// There is such a backup already.
    pub fn of(file: &Path) -> Result<Self, String> {
        let parts = Self { file: file.to_owned() };
        for taken in parts.names() {
            if taken.exists() {
                return Err(format!("{}: there is such a file already", taken.display()));
            }
        }
        // A copy that broke off earlier.
        parts.clear();
        Ok(parts)
    }

    /// Without its keys FILE is worth nothing, so they come first.
    fn names(&self) -> [PathBuf; 3] {
        [keys_of(&self.file), operations_of(&self.file), self.file.clone()]
    }

    fn clear(&self) {
        for name in self.names() {
            ["", "-wal", "-shm"].iter().for_each(|end| drop(fs::remove_file(with(&part(&name), end))));
        }
    }

    /// Gives the files their names, or removes what there is of them.
    ///
    /// # Errors
    /// Those of `done`, or a file can't be placed.
    pub fn end<T>(&self, done: Result<T, String>) -> Result<T, String> {
        let place = |name: &PathBuf| {
            if !part(name).exists() && *name == operations_of(&self.file) {
                return Ok(());
            }
            let placed = sync(&part(name)).and_then(|()| fs::rename(part(name), name));
            placed.map_err(|error| format!("{}: {error}", name.display()))
        };
        let done = done.and_then(|done| self.names().iter().try_for_each(place).map(|()| done));
        if done.is_err() {
            self.clear();
        }
        done
    }

    /// Where the operational data goes.
    pub fn operations(&self) -> PathBuf {
        part(&operations_of(&self.file))
    }

    /// Copies those of a file.
    pub fn copy_operations(&self, file: &Path) -> Result<(), String> {
        operations::copy::back_up(file, &self.operations())
    }

    /// An empty database for the copy, with the file for the secrets as `keys`. Nobody reads it yet: there is no journal, and
    /// no look at what one row says of another.
    pub fn begin(&self) -> rusqlite::Result<Connection> {
        let connection = database::open_writer(&part(&self.file))?;
        let keys = part(&keys_of(&self.file));
        private::make(&keys);
        connection.pragma_update(None, "journal_mode", "OFF")?;
        connection.pragma_update(None, "foreign_keys", false)?;
        connection.execute("ATTACH ?1 AS keys", [keys.to_string_lossy()])?;
        connection.execute_batch("PRAGMA keys.journal_mode = OFF")?;
        connection.execute_batch(KEYS)?;
        Ok(connection)
    }
}

/// Completes FILE.keys, and closes both.
pub(super) fn finish(connection: Connection) -> rusqlite::Result<Copied> {
    connection.execute_batch(KEPT)?;
    connection.execute_batch("COMMIT")?;
    let records = count(&connection, "SELECT count(*) FROM main.record")?;
    let entries = count(&connection, "SELECT entries FROM keys.moment")?;
    connection.execute_batch("DETACH keys; PRAGMA main.journal_mode = DELETE")?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(Copied { records, entries })
}

fn copy(database: &Path, parts: &Parts) -> Result<Copied, String> {
    let say = |error: rusqlite::Error| format!("{}: {error}", database.display());
    // It must be one that this version reads.
    drop(database::open_reader(database).map_err(say)?);
    let connection = parts.begin().map_err(say)?;
    connection.execute("ATTACH ?1 AS live", [database.to_string_lossy()]).map_err(say)?;
    connection.execute_batch("BEGIN").map_err(say)?;
    // The first look at the database is the moment that all of the copy is of.
    if count(&connection, "SELECT count(*) FROM live.unlogged").map_err(say)? > 0 {
        return Err(format!("{}: start the server of this version once before the first backup", database.display()));
    }
    COPY.iter().try_for_each(|step| connection.execute(step, []).map(drop)).map_err(say)?;
    finish(connection).map_err(say)
}

/// The name of a file that is not whole.
fn part(name: &Path) -> PathBuf {
    with(name, ".part")
}

pub(super) fn count(connection: &Connection, sql: &str) -> rusqlite::Result<u64> {
    connection.query_row(sql, [], |row| row.get(0))
}

fn sync(path: &Path) -> std::io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// The name of a backup in a folder, by which [`expire`] knows when it was made.
pub fn name(now: Millis) -> String {
    format!("askfirst-{}.sqlite", time::instant(now).replace(':', "."))
}

/// Removes the backups of a folder that are older than `keep` (S2), those alone that have a [`name`] of ours. Answers how
/// many there were.
///
/// # Errors
/// One can't be removed: it holds what must be gone by now.
pub fn expire(folder: &Path, now: Millis, keep: Period) -> Result<usize, String> {
    let say = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let mut removed = 0;
    for entry in fs::read_dir(folder).map_err(|error| say(folder, error))? {
        let entry = entry.map_err(|error| say(folder, error))?;
        let name = entry.file_name();
        if made(&name.to_string_lossy()).is_some_and(|made| keep.after(made) <= now) {
            fs::remove_file(entry.path()).map_err(|error| say(&entry.path(), error))?;
            removed += usize::from(![".keys", ".operations"].iter().any(|end| name.to_string_lossy().ends_with(end)));
        }
    }
    Ok(removed)
}

/// When the backup of this name was made; also of its keys, and of one that broke off.
fn made(name: &str) -> Option<Millis> {
    let (time, rest) = name.strip_prefix("askfirst-")?.split_once(".sqlite")?;
    let ours = matches!(rest, "" | ".keys" | ".operations" | ".part" | ".keys.part" | ".operations.part");
    ours.then(|| time::parse(&time.replace('.', ":"))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_expires_with_its_keys_after_its_time_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let day = 24 * 60 * 60 * 1000;
        let now = 1_795_342_530_000;
        let put = |name: &str| fs::write(folder.path().join(name), "x").unwrap();
        let (old, new) = (name(now - 7 * day), name(now - 7 * day + 1000));
        for file in [&old, &new, "askfirst-yesterday.sqlite", "records.sqlite"] {
            put(file);
            put(&format!("{file}.keys"));
            put(&format!("{file}.operations"));
        }
        put(&format!("{old}.part"));
        let week = Period { months: 0, days: 7, seconds: 0 };
        assert_eq!(expire(folder.path(), now, week).unwrap(), 2, "the backup and the rest of one that broke off");
        assert!(!folder.path().join(&old).exists() && !folder.path().join(format!("{old}.keys")).exists());
        assert!(folder.path().join(&new).exists() && folder.path().join(format!("{new}.keys")).exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 9);
    }
}
