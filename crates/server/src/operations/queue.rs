//! The queue of webhooks: what is to be delivered, and how far the records have been looked through for it. Both move
//! in one transaction, so that a crash at any moment loses no message.

use askfirst_core::time::Millis;

use super::{Connection, Error, fresh};

/// A message to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its name, the same for every attempt.
    pub id: String,
    /// The JSON.
    pub body: String,
}

/// A message whose time has come.
#[derive(Clone, Debug)]
pub struct Due {
    pub entry: i64,
    pub message: Message,
    pub created_at: Millis,
    /// Attempts so far.
    pub attempts: u32,
}

/// How the queue of one endpoint stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub waiting: u64,
    pub given_up: u64,
    /// When the oldest that waits was made.
    pub oldest: Option<Millis>,
    /// What became of the last attempt of the oldest.
    pub outcome: Option<String>,
}

/// How far the records have been looked through for this endpoint. One that is new begins at `newest`: nobody is told
/// about what happened before they asked.
pub fn cursor(connection: &Connection<'_>, endpoint: &str, newest: i64) -> Result<i64, Error> {
    let new = "INSERT INTO webhook_cursor (endpoint, seq) VALUES (?1, ?2) ON CONFLICT (endpoint) DO NOTHING";
    connection.execute(new, &[&endpoint, &newest])?;
    let sql = "SELECT seq FROM webhook_cursor WHERE endpoint = ?1";
    Ok(connection.first(sql, &[&endpoint], |row| row.get(0))?.unwrap_or(newest))
}

/// Whether `holder` works off the queue of this endpoint until `until`: nobody else does, or their time has passed. Each
/// message is so sent by one of several servers. Whoever is gone is followed by another when its time has passed.
pub fn take(
    connection: &Connection<'_>,
    endpoint: &str,
    holder: &str,
    (now, until): (Millis, Millis),
) -> Result<bool, Error> {
    let sql = "UPDATE webhook_cursor SET holder = ?2, lease_until = ?4
               WHERE endpoint = ?1 AND (holder = ?2 OR lease_until < ?3)";
    Ok(connection.execute(sql, &[&endpoint, &holder, &now, &until])? > 0)
}

/// Adds messages, and says that the records up to `to` have been looked through, when until now it was `from`. Whether it
/// was: somebody else may have done it.
pub fn add(
    connection: &Connection<'_>,
    endpoint: &str,
    (from, to): (i64, i64),
    messages: &[Message],
    now: Millis,
) -> Result<bool, Error> {
    let moved = "UPDATE webhook_cursor SET seq = ?3 WHERE endpoint = ?1 AND seq = ?2";
    if connection.execute(moved, &[&endpoint, &from, &to])? == 0 {
        return Ok(false);
    }
    for message in messages {
        let insert = "INSERT INTO webhook_entry (entry, endpoint, message, body, created_at, next_at)
                      VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (endpoint, message) DO NOTHING";
        connection.execute(insert, &[&fresh(now), &endpoint, &message.id, &message.body, &now])?;
    }
    Ok(true)
}

/// What is due for an endpoint, the oldest first.
pub fn due(connection: &Connection<'_>, endpoint: &str, now: Millis, most: usize) -> Result<Vec<Due>, Error> {
    let sql = "SELECT entry, message, body, created_at, attempts FROM webhook_entry
               WHERE endpoint = ?1 AND given_up_at IS NULL AND next_at <= ?2 ORDER BY next_at, entry LIMIT ?3";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    connection.query(sql, &[&endpoint, &now, &most], |row| {
        let message = Message { id: row.get(1)?, body: row.get(2)? };
        let attempts = u32::try_from(row.get::<i64>(4)?).unwrap_or(u32::MAX);
        Ok(Due { entry: row.get(0)?, message, created_at: row.get(3)?, attempts })
    })
}

/// When the next attempt for an endpoint is due.
pub fn next(connection: &Connection<'_>, endpoint: &str) -> Result<Option<Millis>, Error> {
    let sql = "SELECT min(next_at) FROM webhook_entry WHERE endpoint = ?1 AND given_up_at IS NULL";
    Ok(connection.first(sql, &[&endpoint], |row| row.get(0))?.flatten())
}

pub fn delivered(connection: &Connection<'_>, entry: i64) -> Result<(), Error> {
    connection.execute("DELETE FROM webhook_entry WHERE entry = ?1", &[&entry]).map(drop)
}

pub fn again(connection: &Connection<'_>, entry: i64, next_at: Millis, outcome: &str) -> Result<(), Error> {
    let sql = "UPDATE webhook_entry SET attempts = attempts + 1, next_at = ?2, outcome = ?3 WHERE entry = ?1";
    connection.execute(sql, &[&entry, &next_at, &outcome]).map(drop)
}

/// The text goes; that there was a message and what became of it stays for a while.
pub fn give_up(connection: &Connection<'_>, entry: i64, now: Millis, outcome: &str) -> Result<(), Error> {
    let sql = "UPDATE webhook_entry SET attempts = attempts + 1, body = NULL, given_up_at = ?2, outcome = ?3
               WHERE entry = ?1";
    connection.execute(sql, &[&entry, &now, &outcome]).map(drop)
}

/// How the queue of each endpoint stands.
pub fn states(connection: &Connection<'_>) -> Result<Vec<(String, State)>, Error> {
    let sql = "SELECT endpoint FROM webhook_cursor ORDER BY endpoint";
    let endpoints = connection.query(sql, &[], |row| row.get::<String>(0))?;
    endpoints.into_iter().map(|endpoint| Ok((endpoint.clone(), state(connection, &endpoint)?))).collect()
}

pub fn state(connection: &Connection<'_>, endpoint: &str) -> Result<State, Error> {
    let counts = "SELECT count(*) - count(given_up_at), count(given_up_at) FROM webhook_entry WHERE endpoint = ?1";
    let counts = connection.first(counts, &[&endpoint], |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
    let oldest = "SELECT created_at, outcome FROM webhook_entry WHERE endpoint = ?1 AND given_up_at IS NULL
                  ORDER BY entry LIMIT 1";
    let oldest = connection.first(oldest, &[&endpoint], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (waiting, given_up) = counts.unwrap_or_default();
    let (oldest, outcome) = oldest.unzip();
    Ok(State { waiting: waiting.unsigned_abs(), given_up: given_up.unsigned_abs(), oldest, outcome: outcome.flatten() })
}
