//! `askfirst restore`: a database from a backup, looked through before it takes its place.

use std::fs;
use std::path::{Path, PathBuf};

use askfirst_core::log::Checkpoint;
use askfirst_core::time::Millis;
use rusqlite::{Connection, params};

use super::backup::{count, with};
use super::log::check::{self, Looked};
use super::log::published::Published;
use super::log::read::Head;
use super::sealing::{self, Sealing, SqliteFile};
use super::{database, lock};
use crate::operations::Operations;
use crate::operations::copy::go_on;
use crate::private;

/// The files of a backup. Keys and operational data may be newer than the rest.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    pub file: &'a Path,
    pub keys: &'a Path,
    pub operations: Option<&'a Path>,
}

/// What belongs to a database and is not where it is when nobody says.
#[derive(Clone, Copy, Default)]
pub struct Beside<'a> {
    pub published: Option<&'a Path>,
    pub operations: Option<&'a Path>,
}

/// What has become of the operational data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operational {
    Brought,
    /// There is none in the backup.
    Nothing,
    /// What was there is newer, and stays.
    Stays,
}

/// What a restore has brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub looked: Looked,
    /// Records that were erased after the backup, and are erased here again.
    pub erased_again: u64,
    /// Logs that have published more than the backup has: they don't sign on (PROOF test 14).
    pub behind: Vec<String>,
    pub operational: Operational,
}

/// Puts a backup in the place of a database.
///
/// # Errors
/// A sentence for the person at the console; then everything is as it was. The database that is there has more than the
/// backup, a server has it open, or the backup does not hold.
pub fn restore(file: &SqliteFile, files: Files<'_>, beside: Beside<'_>, now: Millis) -> Result<Restored, String> {
    let _lock = lock(file)?;
    let part = with(file, ".restoring");
    let clear = || ["", "-wal", "-shm", "-journal"].iter().for_each(|end| drop(fs::remove_file(with(&part, end))));
    clear();
    let published = beside.published.map_or_else(|| Published::beside(file), |path| Published::at(path.to_owned()));
    let home = beside.operations.map_or_else(|| Operations::beside(file), Path::to_owned);
    let home = Home::of(&home, files.operations);
    let restored = build(file, &part, (files.file, files.keys), &published, now).and_then(|mut restored| {
        require_older(file, &part)?;
        home.prepare(i64::try_from(restored.looked.records).unwrap_or(i64::MAX), now)?;
        put(file, &part)?;
        restored.operational = home.place()?;
        Ok(restored)
    });
    clear();
    restored
}

/// The file of operational data, and what it is to be from.
pub(super) struct Home<'a> {
    file: PathBuf,
    from: Option<&'a Path>,
}

impl<'a> Home<'a> {
    /// One that is there is newer than any backup: it has requests of people in it, and tokens that were revoked.
    pub fn of(file: &Path, from: Option<&'a Path>) -> Self {
        Self { file: file.to_owned(), from: from.filter(|_| !file.exists()) }
    }

    fn part(&self) -> PathBuf {
        with(&self.file, ".restoring")
    }

    /// Makes it go on from so many records, under another name.
    pub fn prepare(&self, newest: i64, now: Millis) -> Result<(), String> {
        match self.from {
            Some(from) => {
                private::make(&self.part());
                fs::copy(from, self.part()).map_err(|error| format!("{}: {error}", from.display()))?;
                go_on(&self.part(), newest, now)
            }
            None if self.file.exists() => go_on(&self.file, newest, now),
            None => Ok(()),
        }
    }

    /// Gives it its name.
    pub fn place(&self) -> Result<Operational, String> {
        match self.from {
            Some(_) => {
                let placed = fs::rename(self.part(), &self.file);
                placed.map(|()| Operational::Brought).map_err(|error| format!("{}: {error}", self.file.display()))
            }
            None if self.file.exists() => Ok(Operational::Stays),
            None => Ok(Operational::Nothing),
        }
    }
}

/// The restored database under another name.
fn build(
    file: &SqliteFile,
    part: &Path,
    (backup, keys): (&Path, &Path),
    published: &Published,
    now: Millis,
) -> Result<Restored, String> {
    let say = |error: rusqlite::Error| format!("{}: {error}", backup.display());
    // Both are read where they are and stay as they are.
    drop(database::open_reader(backup).map_err(say)?);
    require_files(backup, keys)?;
    private::make(part);
    fs::copy(backup, part).map_err(|error| format!("{}: {error}", part.display()))?;
    let connection = database::open_writer(part).map_err(say)?;
    attach_keys(&connection, keys)?;
    let erased_again = bring_secrets(&connection, now).map_err(|error| format!("{}: {error}", keys.display()))?;
    let sealing = Sealing::of(&connection, file.master.as_ref())?;
    sealing::register(&connection, sealing).map_err(say)?;
    let looked = check::everything(&connection)
        .map_err(|fault| format!("{} does not hold: {}", backup.display(), fault.sentence()))?;
    let behind = behind(&Head::all(&connection).map_err(say)?, &published.read()?);
    let restored = Restored { looked, erased_again, behind, operational: Operational::Nothing };
    connection.execute_batch("PRAGMA journal_mode = DELETE").map_err(say)?;
    connection.close().map_err(|(_, error)| say(error))?;
    Ok(restored)
}

/// A backup is two files.
///
/// # Errors
/// One of them is not there.
pub(super) fn require_files(backup: &Path, keys: &Path) -> Result<(), String> {
    match [backup, keys].into_iter().find(|needed| !needed.is_file()) {
        Some(needed) => Err(format!("{}: there is no such file", needed.display())),
        None => Ok(()),
    }
}

/// The logs that have said more to the world than these heads (PROOF test 14).
pub(super) fn behind(heads: &[Head], published: &[Checkpoint]) -> Vec<String> {
    let size = |origin: &str| heads.iter().find(|head| head.origin == origin).map_or(0, |head| head.size);
    let behind = published.iter().filter(|said| said.size > size(&said.origin));
    behind.map(|said| said.origin.clone()).collect()
}

/// Has FILE.keys as `keys`, and `record_kept`, whichever version made it.
///
/// # Errors
/// It is older than the backup: what came in between would be taken for erased.
pub(super) fn attach_keys(connection: &Connection, keys: &Path) -> Result<(), String> {
    let say = |error: rusqlite::Error| format!("{}: {error}", keys.display());
    connection.execute("ATTACH ?1 AS keys", [keys.to_string_lossy()]).map_err(say)?;
    if count(connection, "SELECT count(*) FROM keys.sqlite_schema WHERE name = 'moment'").map_err(say)? == 0 {
        // From before these were in it: what FILE itself says.
        let kept = "CREATE TEMP TABLE record_kept AS SELECT seq, held, restricted_at FROM main.record
                    WHERE (held = 1 OR restricted_at IS NOT NULL) AND seq IN (SELECT seq FROM keys.record_secret)";
        return connection.execute_batch(kept).map_err(say);
    }
    let here = count(connection, "SELECT coalesce(sum(size), 0) FROM main.log").map_err(say)?;
    let then = count(connection, "SELECT entries FROM keys.moment").map_err(say)?;
    if then < here {
        return Err(format!(
            "{}: this is older than the backup: what was recorded in between has no secret in it and would be erased. Take \
             the newest FILE.keys that there is",
            keys.display()
        ));
    }
    Ok(())
}

/// Whether this is the FILE of a backup, or a database without a record that is not erased.
pub(super) fn has_no_secret(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM main.record_secret)", [], |row| row.get(0))
}

/// Reads a backup with the secrets of FILE.keys, where both are: what has their names stands before the tables in FILE.
///
/// # Errors
/// As [`attach_keys`].
pub(super) fn use_keys(connection: &Connection, keys: &Path) -> Result<(), String> {
    attach_keys(connection, keys)?;
    // Another master key may have wrapped the sealing keys since.
    let names = "CREATE TEMP VIEW record_secret AS SELECT seq, secret FROM keys.record_secret;
                 CREATE TEMP TABLE sealing_key AS SELECT * FROM keys.sealing_key
                     UNION ALL SELECT * FROM main.sealing_key WHERE key NOT IN (SELECT key FROM keys.sealing_key)";
    connection.execute_batch(names).map_err(|error| format!("{}: {error}", keys.display()))
}

/// Adds the secrets, and erases again what has none any more; what was held or restricted since is so here too. Answers how
/// many were erased.
fn bring_secrets(connection: &Connection, now: Millis) -> rusqlite::Result<u64> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    // Another master key may have wrapped them since.
    connection.execute("INSERT OR REPLACE INTO main.sealing_key SELECT * FROM keys.sealing_key", [])?;
    connection.execute(
        "INSERT INTO main.record_secret (seq, secret) SELECT record_secret.seq, secret FROM keys.record_secret
         JOIN record ON record.seq = record_secret.seq WHERE record.erased_at IS NULL",
        [],
    )?;
    // What was held then and is erased now was let go in between.
    connection.execute(
        "UPDATE record SET held = coalesce((SELECT held FROM record_kept WHERE record_kept.seq = record.seq), 0),
             restricted_at = coalesce(restricted_at,
                 (SELECT restricted_at FROM record_kept WHERE record_kept.seq = record.seq))
         WHERE erased_at IS NULL AND log IS NOT NULL AND (held = 1 OR seq IN (SELECT seq FROM record_kept))",
        [],
    )?;
    let erased = connection.execute(
        "UPDATE record SET body = NULL, digest = NULL, holder = NULL, subject = NULL, notice = NULL, erased_at = ?1
         WHERE erased_at IS NULL AND log IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM main.record_secret WHERE record_secret.seq = record.seq)",
        params![now],
    )?;
    connection.execute_batch("COMMIT; DETACH keys")?;
    Ok(erased as u64)
}

/// A database is never replaced by one that has less.
fn require_older(file: &Path, part: &Path) -> Result<(), String> {
    if !file.exists() {
        return Ok(());
    }
    let heads = |path: &Path| database::open_reader(path).and_then(|connection| Head::all(&connection));
    let there = heads(file).map_err(|error| {
        format!("{}: {error}. What it has can't be compared with the backup; move it away first", file.display())
    })?;
    let brought = heads(part).map_err(|error| format!("{}: {error}", part.display()))?;
    for head in there {
        let size = brought.iter().find(|other| other.origin == head.origin).map_or(0, |other| other.size);
        if size < head.size {
            return Err(format!(
                "{} has {} entries of the log {} and the backup has {size}: it is newer. Move it away if it is to be \
                 replaced all the same",
                file.display(),
                head.size,
                head.origin
            ));
        }
    }
    Ok(())
}

/// The database that was there goes, with its write-ahead log, which belongs to no other.
fn put(file: &Path, part: &Path) -> Result<(), String> {
    let say = |error: std::io::Error| format!("{}: {error}", file.display());
    fs::File::open(part).and_then(|part| part.sync_all()).map_err(say)?;
    for end in ["-wal", "-shm"] {
        match fs::remove_file(with(file, end)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(say(error)),
            _ => {}
        }
    }
    fs::rename(part, file).map_err(say)
}
