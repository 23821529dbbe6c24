//! Which keys sign a log, and since when: the rows beside the entries that say the same (PROOF test 16).

use askfirst_core::log::{Algorithm, Checkpoint, Entry, KeyAction, KeyRole, LogKey, NoteError, OpenError, VerifierKey};
use rusqlite::{Connection, OptionalExtension, params};

use super::check::Fault;
use super::key::{Seed, Seeds};
use super::number;
use super::read::Head;

/// What a change of keys does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next key signs too from now on.
    Begin,
    /// The key before it signs no more.
    Finish,
}

impl Step {
    /// What has to be said in a log with these keys; nothing where the step was taken before.
    ///
    /// # Errors
    /// It can't be taken yet.
    pub fn change(
        self,
        origin: &str,
        keys: &[LogKey],
        seeds: &Seeds,
    ) -> Result<Option<(KeyAction, VerifierKey)>, Fault> {
        let no_next = || Fault::MustNotSign("there is no key that could take the place of the log's".to_owned());
        let named = |key: &VerifierKey| keys.iter().find(|known| known.key == *key);
        let verifier = |seed: Option<&Seed>| seed?.key(origin).map(|key| key.verifier().clone());
        let current = verifier(Some(&seeds.current)).ok_or_else(no_next)?;
        let next = verifier(seeds.next.as_ref()).filter(|next| *next != current).ok_or_else(no_next)?;
        let out = |key: &VerifierKey| named(key).is_some_and(|key| key.until.is_some());
        match self {
            _ if out(&next) => Err(Fault::MustNotSign(format!("{} was taken out of its log before", next.to_text()))),
            Self::Begin => Ok(named(&next).is_none().then_some((KeyAction::Add, next))),
            Self::Finish if named(&next).is_none() => Err(Fault::MustNotSign(format!(
                "the log {origin} is not signed by the next key yet: begin, and leave readers time to learn it"
            ))),
            Self::Finish => Ok((!out(&current)).then_some((KeyAction::Remove, current))),
        }
    }
}

/// The key of a log from a row.
pub fn log_key(origin: &str, key: [u8; 32], since: u64, until: Option<u64>) -> Option<LogKey> {
    Some(LogKey { key: VerifierKey::new(origin, Algorithm::Ed25519, key)?, since, until })
}

/// The keys of a log in their order. None for a log from before format 7 whose key never changed.
pub fn of(connection: &Connection, log: i64) -> rusqlite::Result<Vec<LogKey>> {
    let mut statement = connection.prepare_cached(
        "SELECT origin, key, since, until FROM log_key JOIN log ON log.log = log_key.log
         WHERE log_key.log = ?1 ORDER BY since",
    )?;
    let rows = statement
        .query_map([log], |row| Ok(log_key(&row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The keys as the log publishes them: those of [`of`], or the one that its first entry names.
pub fn published(connection: &Connection, log: i64) -> rusqlite::Result<Vec<LogKey>> {
    let keys = of(connection, log)?;
    if !keys.is_empty() {
        return Ok(keys);
    }
    let first: Option<Vec<u8>> = connection
        .prepare_cached("SELECT bytes FROM log_entry WHERE log = ?1 AND idx = 0")?
        .query_row([log], |row| row.get(0))
        .optional()?;
    Ok(first.as_deref().and_then(named).into_iter().collect())
}

/// How many of a log's first entries are looked at for what it goes on from: its keys come before that.
pub const FIRST: u64 = 8;

/// A log of a site with what its readers need to believe it: its published keys, and its first entries.
pub struct OfSite {
    pub head: Head,
    pub keys: Vec<LogKey>,
    pub first: Vec<Vec<u8>>,
}

/// The keys of all logs that a site has had, as they are published: those of the one that grows first. Those of a closed one
/// count up to the end that the log after it names, which is the longest that anybody may have seen: with them the proofs of old
/// records go on holding, and whoever has got hold of an old key can't make the log longer (`askfirst recover`).
pub fn of_site(logs: Vec<OfSite>) -> Vec<LogKey> {
    let ends: Vec<(String, u64)> = logs.iter().flat_map(|log| &log.first).filter_map(|bytes| prior(bytes)).collect();
    let (mut all, mut closed) = (Vec::new(), Vec::new());
    for OfSite { head, keys, .. } in logs {
        if !head.closed {
            all.extend(keys);
            continue;
        }
        let named = ends.iter().filter(|(origin, _)| *origin == head.origin).map(|(_, size)| *size).max();
        let end = named.unwrap_or(head.size).max(head.size);
        closed.extend(keys.into_iter().map(|key| LogKey { until: Some(key.until.unwrap_or(end).min(end)), ..key }));
    }
    all.sort_by_key(|key| key.until.is_some());
    all.extend(closed);
    all
}

/// The name of the log that an entry says this one goes on from, and how many entries that had.
fn prior(bytes: &[u8]) -> Option<(String, u64)> {
    match Entry::parse(bytes)? {
        Entry::Incident { prior: Some(prior), .. } => Some((prior.origin, prior.size)),
        _ => None,
    }
}

/// The published keys of all logs of a site (see [`of_site`]).
pub fn of_origin(connection: &Connection, origin: &str) -> rusqlite::Result<Vec<LogKey>> {
    let mut logs = Vec::new();
    for head in Head::all_at(connection, origin)? {
        let first = connection
            .prepare_cached("SELECT bytes FROM log_entry WHERE log = ?1 AND idx < ?2 ORDER BY idx")?
            .query_map(params![head.log, number(FIRST)], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        logs.push(OfSite { keys: published(connection, head.log)?, first, head });
    }
    Ok(of_site(logs))
}

/// The key that a log names in its first entry.
pub fn named(first: &[u8]) -> Option<LogKey> {
    match Entry::parse(first)? {
        Entry::Key { key, role: KeyRole::Log, .. } => Some(key.into()),
        _ => None,
    }
}

/// Every public key that is named anywhere, and whether it was taken out there.
pub fn everywhere(connection: &Connection) -> rusqlite::Result<Vec<([u8; 32], bool)>> {
    connection
        .prepare_cached("SELECT DISTINCT key, until IS NOT NULL FROM log_key")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

pub fn insert(connection: &Connection, log: i64, key: &VerifierKey, since: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO log_key (log, key, since) VALUES (?1, ?2, ?3)")?
        .execute(params![log, key.key, number(since)])
        .map(drop)
}

pub fn retire(connection: &Connection, log: i64, key: &VerifierKey, until: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE log_key SET until = ?3 WHERE log = ?1 AND key = ?2")?
        .execute(params![log, key.key, number(until)])
        .map(drop)
}

/// A head is signed by each of the log's keys that signs at its size, by none that does not, and says what its row says.
///
/// # Errors
/// What is not so.
pub fn signed(head: &Head, keys: &[LogKey]) -> Result<(), Fault> {
    match Checkpoint::open_complete(&head.note, keys) {
        Ok(opened) if (opened.checkpoint.size, opened.checkpoint.root) == (head.size, head.root) => Ok(()),
        Ok(_) => Err(Fault::Damaged(format!("the checkpoint of the log {} is of another tree", head.origin))),
        Err(OpenError::Note(NoteError::Unsigned) | OpenError::NoLogKey) => {
            Err(Fault::MustNotSign(format!("the log {} was signed with another key", head.origin)))
        }
        Err(error) => Err(unsigned(&head.origin, &error)),
    }
}

/// What is wrong with the signatures of a checkpoint.
pub fn unsigned(origin: &str, error: &OpenError) -> Fault {
    Fault::Damaged(match error {
        OpenError::Retired(key) => format!(
            "the log {origin} has a checkpoint with a signature of {}, a key that was taken out of it before",
            key.key.to_text()
        ),
        OpenError::Missing(key) => {
            format!("the log {origin} has a checkpoint without the signature of {}", key.key.to_text())
        }
        _ => format!("the signature of the log {origin} does not hold"),
    })
}
