//! Going on after a restore from an older backup. What the old log said beyond the backup can't be signed anew without
//! telling two stories, so it is closed, and another log with a name of its own begins and says where the old one ended
//! (PROOF test 14).

use std::path::Path;

use askfirst_core::log::{self, Checkpoint, Entry};
use askfirst_core::time::Millis;
use rusqlite::{Connection, params};

use super::log::key::{self, Seeds};
use super::log::published::Published;
use super::log::read::Head;
use super::log::{Logs, check};
use super::sealing::{self, Sealing, SqliteFile};
use super::{database, lock, sqlite};

/// Closes every open log of a database and begins another in its place. Answers the names, old and new.
///
/// # Errors
/// A sentence for the person at the console.
pub fn recover(
    file: impl Into<SqliteFile>,
    seeds: Option<Seeds>,
    published: Option<&Path>,
    now: Millis,
) -> Result<Vec<(String, String)>, String> {
    let file = file.into();
    let path: &Path = &file;
    let say = |error: rusqlite::Error| format!("{}: {error}", path.display());
    let _lock = lock(path)?;
    let seeds = seeds.map_or_else(|| Seeds::beside(path), Ok)?;
    let connection = database::open_writer(path).map_err(say)?;
    let sealing =
        Sealing::of(&connection, file.master.as_ref()).map_err(|error| format!("{}: {error}", path.display()))?;
    sealing::register(&connection, sealing).map_err(say)?;
    // The old logs are signed no more: their own keys, which this server may have no longer, are enough to read them.
    check::tail(&connection, None).map_err(|fault| format!("{}: {}", path.display(), fault.sentence()))?;
    let mut published = published.map_or_else(|| Published::beside(path), |path| Published::at(path.to_owned()));
    let said = published.read()?;
    let mut logs = Logs::new(&connection, seeds).map_err(say)?;
    sqlite::begin(&connection).map_err(say)?;
    let names = begin_anew(&connection, &mut logs, &said, now).map_err(say)?;
    logs.sign(&connection).and_then(|()| sqlite::commit(&connection)).map_err(say)?;
    logs.committed();
    published.set_aside()?;
    published.write(logs.checkpoints());
    Ok(names)
}

fn begin_anew(
    connection: &Connection,
    logs: &mut Logs,
    said: &[Checkpoint],
    now: Millis,
) -> rusqlite::Result<Vec<(String, String)>> {
    let heads = Head::all(connection)?;
    let taken = |name: &str| heads.iter().any(|head| head.origin == name) || said.iter().any(|s| s.origin == name);
    let mut names = Vec::new();
    for head in heads.iter().filter(|head| !head.closed) {
        let (site, origin): (i64, String) = connection.query_row(
            "SELECT site.site, site.origin FROM site JOIN log ON log.site = site.site WHERE log = ?1",
            [head.log],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        connection.execute("UPDATE log SET closed_at = ?2 WHERE log = ?1", params![head.log, now])?;
        // The longest that anybody may have seen.
        let longest =
            said.iter().filter(|said| said.origin == head.origin && said.size > head.size).max_by_key(|s| s.size);
        let (size, root) = longest.map_or((head.size, head.root), |said| (said.size, said.root));
        let name = (2..).map(|n| key::origin(&origin, n)).find(|name| !taken(name)).unwrap_or_default();
        let incident = Entry::Incident {
            kind: "recover".to_owned(),
            note: format!("Restored with {} entries of the log before, which this one follows.", head.size),
            prior: Some(log::Head { origin: head.origin.clone(), size, root }),
            day: now,
        };
        logs.begin(connection, site, &name, &incident, now)?;
        names.push((head.origin.clone(), name));
    }
    Ok(names)
}
