//! `askfirst restore`: a database from a backup, looked through before it takes its place.

use std::fs;
use std::path::Path;

use askfirst_core::log::Checkpoint;
use askfirst_core::time::Millis;
use rusqlite::{Connection, params};

use super::backup::{count, with};
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
pub fn restore(
    file: &SqliteFile,
    (backup, keys): (&Path, &Path),
    published: Option<&Path>,
    now: Millis,
) -> Result<Restored, String> {
    let _lock = lock(file)?;
    let part = with(file, ".restoring");
    let clear = || ["", "-wal", "-shm", "-journal"].iter().for_each(|end| drop(fs::remove_file(with(&part, end))));
    clear();
    let published = published.map_or_else(|| Published::beside(file), |path| Published::at(path.to_owned()));
    let restored = build(file, &part, (backup, keys), &published, now).and_then(|restored| {
        require_older(file, &part)?;
        put(file, &part)?;
        Ok(restored)
    });
    clear();
    restored
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
    database::make_private(part);
    fs::copy(backup, part).map_err(|error| format!("{}: {error}", part.display()))?;
    let connection = database::open_writer(part).map_err(say)?;
    attach_keys(&connection, keys)?;
    let erased_again = bring_secrets(&connection, now).map_err(|error| format!("{}: {error}", keys.display()))?;
    let sealing = Sealing::of(&connection, file.master.as_ref())?;
    sealing::register(&connection, sealing).map_err(say)?;
    let looked = check::everything(&connection)
        .map_err(|fault| format!("{} does not hold: {}", backup.display(), fault.sentence()))?;
    let behind = behind(&Head::all(&connection).map_err(say)?, &published.read()?);
    let restored = Restored { looked, erased_again, behind };
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
