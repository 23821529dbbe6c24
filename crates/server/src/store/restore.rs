//! `askfirst restore`: a database from a backup, looked through before it takes its place.

use std::fs;
use std::path::Path;

use askfirst_core::time::Millis;
use rusqlite::{Connection, params};

use super::backup::with;
use super::log::check::{self, Looked};
use super::log::published::Published;
use super::log::read::Head;
use super::sealing::{self, Sealing, SqliteFile};
use super::{database, lock};

/// What a restore has brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub looked: Looked,
    /// Records that were erased after the backup, and are erased here again.
    pub erased_again: u64,
    /// Logs that have published more than the backup has: they don't sign on (PROOF test 14).
    pub behind: Vec<String>,
}

/// Puts a backup in the place of a database. `keys` may be newer than the backup and should be the newest there is.
///
/// # Errors
/// A sentence for the person at the console; then everything is as it was. The database that is there has more than the
/// backup, a server has it open, or the backup does not hold.
pub fn restore(file: &SqliteFile, backup: &Path, keys: &Path, now: Millis) -> Result<Restored, String> {
    let _lock = lock(file)?;
    let part = with(file, ".restoring");
    let clear = || ["", "-wal", "-shm", "-journal"].iter().for_each(|end| drop(fs::remove_file(with(&part, end))));
    clear();
    let restored = build(file, &part, backup, keys, now).and_then(|restored| {
        require_older(file, &part)?;
        put(file, &part)?;
        Ok(restored)
    });
    clear();
    restored
}

/// The restored database under another name.
fn build(file: &SqliteFile, part: &Path, backup: &Path, keys: &Path, now: Millis) -> Result<Restored, String> {
    let say = |error: rusqlite::Error| format!("{}: {error}", backup.display());
    // Both are read where they are and stay as they are.
    drop(database::open_reader(backup).map_err(say)?);
    for needed in [backup, keys] {
        if !needed.is_file() {
            return Err(format!("{}: there is no such file", needed.display()));
        }
    }
    database::make_private(part);
    fs::copy(backup, part).map_err(|error| format!("{}: {error}", part.display()))?;
    let connection = database::open_writer(part).map_err(say)?;
    let erased_again = bring_secrets(&connection, keys, now).map_err(|error| format!("{}: {error}", keys.display()))?;
    let sealing = Sealing::of(&connection, file.master.as_ref())?;
    sealing::register(&connection, sealing).map_err(say)?;
    let looked = check::everything(&connection)
        .map_err(|fault| format!("{} does not hold: {}", backup.display(), fault.sentence()))?;
    let heads = Head::all(&connection).map_err(say)?;
    let size = |origin: &str| heads.iter().find(|head| head.origin == origin).map_or(0, |head| head.size);
    let published = Published::beside(file).read()?;
    let behind = published.iter().filter(|said| said.size > size(&said.origin)).map(|said| said.origin.clone());
    let restored = Restored { looked, erased_again, behind: behind.collect() };
    connection.execute_batch("PRAGMA journal_mode = DELETE").map_err(say)?;
    connection.close().map_err(|(_, error)| say(error))?;
    Ok(restored)
}

/// Adds the secrets, and erases again what has none any more. Answers how many that were.
fn bring_secrets(connection: &Connection, keys: &Path, now: Millis) -> rusqlite::Result<u64> {
    connection.execute("ATTACH ?1 AS keys", [keys.to_string_lossy()])?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    // Another master key may have wrapped them since.
    connection.execute("INSERT OR REPLACE INTO main.sealing_key SELECT * FROM keys.sealing_key", [])?;
    connection.execute(
        "INSERT INTO main.record_secret (seq, secret) SELECT record_secret.seq, secret FROM keys.record_secret
         JOIN record ON record.seq = record_secret.seq WHERE record.erased_at IS NULL",
        [],
    )?;
    // What was held then was let go before it could be erased.
    connection.execute(
        "UPDATE record SET held = 0 WHERE held = 1 AND erased_at IS NULL AND log IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM main.record_secret WHERE record_secret.seq = record.seq)",
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
