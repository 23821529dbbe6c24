//! Declaring a notice faulty: what was agreed to under it does not count, and every log that has the notice says so. No
//! record is touched by it. What the page does about it is the configuration's `again`.

use askfirst_core::log::Entry;
use askfirst_core::record::Invalidation;
use askfirst_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::writer::Writing;
use super::{database, key};

/// The records that name a notice, on one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub site: String,
    pub records: u64,
    /// Those whose time has not come yet, and that no other has followed.
    pub not_ended: u64,
}

/// What is known of a notice that may be declared faulty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// Whether there is such a notice.
    pub known: bool,
    /// That it was declared so before.
    pub invalidated: Option<Invalidation>,
    pub sites: Vec<Named>,
}

/// The word about the notice of a row of `invalid_notice`, or of one beside it that has none.
pub fn invalidation(row: &Row<'_>) -> rusqlite::Result<Option<Invalidation>> {
    let at = row.get::<_, Option<Millis>>("invalid_at")?;
    at.map(|at| Ok(Invalidation { at, reason: row.get("reason")? })).transpose()
}

/// What declaring a notice faulty is about. Looks at every record: nobody asks often, and each record would pay for an
/// index.
///
/// # Errors
/// The database can't be read.
pub fn affected(connection: &Connection, digest: [u8; 32], now: Millis) -> rusqlite::Result<Affected> {
    let invalidated = connection
        .prepare("SELECT invalid_at, reason FROM invalid_notice WHERE notice = ?1")?
        .query_row([digest], invalidation)
        .optional()?;
    let known =
        connection.query_row("SELECT EXISTS (SELECT 1 FROM notice WHERE digest = ?1)", [digest], |row| row.get(0))?;
    let sites = connection
        .prepare(
            "SELECT site, count(*), sum(ends_at > ?2) FROM record WHERE notice = ?1 AND erased_at IS NULL
             GROUP BY site ORDER BY site",
        )?
        .query_map(params![digest, now], |row| {
            Ok(Named { site: row.get(0)?, records: row.get(1)?, not_ended: row.get(2)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Affected { known, invalidated: invalidated.flatten(), sites })
}

/// The digests of the notices with this version, in every language.
///
/// # Errors
/// The database can't be read.
pub fn of_version(connection: &Connection, version: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare("SELECT digest FROM notice WHERE version = ?1 ORDER BY lang")?
        .query_map([version], |row| Ok(key::digest_text(&row.get(0)?)))?
        .collect()
}

/// The digests of all that were declared faulty.
///
/// # Errors
/// The database can't be read.
pub fn all(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare("SELECT notice FROM invalid_notice")?
        .query_map([], |row| Ok(key::digest_text(&row.get(0)?)))?
        .collect()
}

/// Those of a database that a server may have open.
///
/// # Errors
/// A sentence for the person at the console.
pub fn look(path: &std::path::Path, digest: &str, now: Millis) -> Result<Affected, String> {
    let Some(digest) = key::digest(digest) else { return Ok(Affected::default()) };
    let read = database::open_reader(path).and_then(|connection| affected(&connection, digest, now));
    read.map_err(|error| format!("{}: {error}", path.display()))
}

/// [`of_version`] of a database that a server may have open.
///
/// # Errors
/// A sentence for the person at the console.
pub fn versions(path: &std::path::Path, version: &str) -> Result<Vec<String>, String> {
    let read = database::open_reader(path).and_then(|connection| of_version(&connection, version));
    read.map_err(|error| format!("{}: {error}", path.display()))
}

impl Writing {
    /// Whether it was not declared so before.
    pub(super) fn invalidate(&mut self, digest: [u8; 32], reason: Option<&str>, now: Millis) -> rusqlite::Result<bool> {
        let affected = affected(&self.connection, digest, now)?;
        if !affected.known || affected.invalidated.is_some() {
            return Ok(false);
        }
        self.connection
            .prepare("INSERT INTO invalid_notice (notice, invalid_at, reason) VALUES (?1, ?2, ?3)")?
            .execute(params![digest, now, reason])?;
        let sites = self
            .connection
            .prepare(
                "SELECT DISTINCT site.origin FROM log_notice JOIN log ON log.log = log_notice.log
                 JOIN site ON site.site = log.site WHERE notice = ?1 ORDER BY site.origin",
            )?
            .query_map([digest], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<String>>>()?;
        for origin in sites {
            let count = affected.sites.iter().find(|named| named.site == origin).map_or(0, |named| named.records);
            let site = self.site(&origin)?;
            let entry = Entry::invalidation(&key::digest_text(&digest), count, now);
            self.logs.append(&self.connection, (site, &origin), &entry, now)?;
        }
        Ok(true)
    }
}
