//! What witnesses have said about the logs (C2SP tlog-witness, tlog-cosignature): which of them a log names, the newest
//! checkpoint that each has cosigned, and the head that proofs lead to because of that.

use std::collections::BTreeSet;

use askfirst_core::log::{KeyAction, VerifierKey};
use askfirst_core::time::Millis;
use rusqlite::{Connection, params};

use super::number;
use super::read::Head;

/// A cosigned checkpoint that is older than this while the log has grown is not handed out in place of the newest one:
/// the witnesses have stopped answering.
pub const FRESH: Millis = 60_000;

/// An open log and the size up to which each of its witnesses has cosigned it; 0 for one that has not yet.
pub struct Followed {
    pub head: Head,
    pub witnesses: Vec<(String, u64)>,
}

/// A witness's word for a checkpoint.
#[derive(Clone, Debug)]
pub struct Cosigned {
    pub log: i64,
    pub vkey: String,
    pub size: u64,
    /// The checkpoint as the log signed it.
    pub note: String,
    /// The signature line below it.
    pub line: String,
    pub at: Millis,
}

/// A head with every signature there is: what a proof can lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub size: u64,
    pub note: String,
    /// When witnesses have cosigned it.
    pub at: Millis,
}

impl Signed {
    /// From the rows of the witnesses that have cosigned most. All of one round have cosigned the same checkpoint.
    pub fn of(rows: impl Iterator<Item = (u64, String, String, Millis)>) -> Option<Self> {
        let mut signed: Option<Self> = None;
        for (size, note, line, at) in rows.filter(|(size, ..)| *size > 0) {
            match &mut signed {
                Some(known) if known.size > size => {}
                Some(known) if known.size == size && known.note.starts_with(&note) => {
                    known.note.push_str(&line);
                    known.at = known.at.max(at);
                }
                _ => signed = Some(Self { size, note: note + &line, at }),
            }
        }
        signed
    }

    /// Whether it stands for the log as it is now.
    pub fn is_current(&self, head: &Head, now: Millis) -> bool {
        self.size == head.size || now.saturating_sub(self.at) < FRESH
    }
}

/// What has to be said in a log so that it names these witnesses: those that are new, and those that are none any more.
pub fn changes(named: &[String], wanted: &[VerifierKey]) -> Vec<(KeyAction, VerifierKey)> {
    let wanted_texts: BTreeSet<String> = wanted.iter().map(VerifierKey::to_text).collect();
    let removed = named.iter().filter(|vkey| !wanted_texts.contains(*vkey)).filter_map(|vkey| VerifierKey::parse(vkey));
    let added = wanted.iter().filter(|key| !named.contains(&key.to_text())).cloned();
    removed.map(|key| (KeyAction::Remove, key)).chain(added.map(|key| (KeyAction::Add, key))).collect()
}

/// The newest checkpoint of a log that witnesses have cosigned.
pub fn signed(connection: &Connection, log: i64) -> rusqlite::Result<Option<Signed>> {
    let mut statement = connection.prepare_cached(
        // One that a key of today has not signed would not be believed by who knows that key alone (PROOF test 16).
        "SELECT size, note, line, cosigned_at FROM log_witness WHERE log = ?1
             AND size > (SELECT coalesce(max(since), -1) FROM log_key WHERE log = ?1 AND until IS NULL)",
    )?;
    let rows = statement.query_map([log], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    Ok(Signed::of(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter()))
}

/// The checkpoints that witnesses have cosigned, as the log signed them.
pub fn notes(connection: &Connection, log: i64) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare("SELECT note FROM log_witness WHERE log = ?1 AND size > 0")?
        .query_map([log], |row| row.get(0))?
        .collect()
}

/// The witnesses that a log names.
pub fn of(connection: &Connection, log: i64) -> rusqlite::Result<Vec<(String, u64)>> {
    connection
        .prepare_cached("SELECT vkey, size FROM log_witness WHERE log = ?1 ORDER BY vkey")?
        .query_map([log], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Every open log.
pub fn followed(connection: &Connection) -> rusqlite::Result<Vec<Followed>> {
    let heads = Head::all(connection)?.into_iter().filter(|head| !head.closed);
    heads.map(|head| Ok(Followed { witnesses: of(connection, head.log)?, head })).collect()
}

/// Takes a witness in or out; the entry that says so is in the same transaction.
pub fn name(connection: &Connection, log: i64, action: KeyAction, vkey: &str) -> rusqlite::Result<()> {
    let sql = match action {
        KeyAction::Add => "INSERT INTO log_witness (log, vkey) VALUES (?1, ?2)",
        KeyAction::Remove => "DELETE FROM log_witness WHERE log = ?1 AND vkey = ?2",
    };
    connection.prepare_cached(sql)?.execute(params![log, vkey]).map(drop)
}

/// Keeps what a witness has said, unless it has said more before.
pub fn keep(connection: &Connection, cosigned: &Cosigned) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE log_witness SET size = ?3, note = ?4, line = ?5, cosigned_at = ?6
             WHERE log = ?1 AND vkey = ?2 AND size <= ?3",
        )?
        .execute(params![cosigned.log, cosigned.vkey, number(cosigned.size), cosigned.note, cosigned.line, cosigned.at])
        .map(drop)
}
