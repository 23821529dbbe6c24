//! The queue of webhooks: what is to be delivered, and how far the records have been looked through for it. Both move
//! in one transaction, so that a crash at any moment loses no message.

use askfirst_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, params};

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
pub fn cursor(connection: &Connection, endpoint: &str, newest: i64) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO webhook_cursor (endpoint, seq) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![endpoint, newest])?;
    connection
        .prepare_cached("SELECT seq FROM webhook_cursor WHERE endpoint = ?1")?
        .query_row([endpoint], |row| row.get(0))
}

/// Adds messages, and says that the records up to `seq` have been looked through.
pub fn add(
    connection: &Connection,
    endpoint: &str,
    seq: i64,
    messages: &[Message],
    now: Millis,
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO webhook_entry (endpoint, message, body, created_at, next_at) VALUES (?1, ?2, ?3, ?4, ?4)
         ON CONFLICT (endpoint, message) DO NOTHING",
    )?;
    for message in messages {
        insert.execute(params![endpoint, message.id, message.body, now])?;
    }
    connection
        .prepare_cached("UPDATE webhook_cursor SET seq = ?2 WHERE endpoint = ?1")?
        .execute(params![endpoint, seq])
        .map(drop)
}

/// What is due for an endpoint, the oldest first.
pub fn due(connection: &Connection, endpoint: &str, now: Millis, most: usize) -> rusqlite::Result<Vec<Due>> {
    connection
        .prepare_cached(
            "SELECT entry, message, body, created_at, attempts FROM webhook_entry
             WHERE endpoint = ?1 AND given_up_at IS NULL AND next_at <= ?2 ORDER BY next_at, entry LIMIT ?3",
        )?
        .query_map(params![endpoint, now, most], |row| {
            let message = Message { id: row.get(1)?, body: row.get(2)? };
            Ok(Due { entry: row.get(0)?, message, created_at: row.get(3)?, attempts: row.get(4)? })
        })?
        .collect()
}

/// When the next attempt for an endpoint is due.
pub fn next(connection: &Connection, endpoint: &str) -> rusqlite::Result<Option<Millis>> {
    connection
        .prepare_cached("SELECT min(next_at) FROM webhook_entry WHERE endpoint = ?1 AND given_up_at IS NULL")?
        .query_row([endpoint], |row| row.get(0))
}

pub fn delivered(connection: &Connection, entry: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM webhook_entry WHERE entry = ?1")?.execute([entry]).map(drop)
}

pub fn again(connection: &Connection, entry: i64, next_at: Millis, outcome: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE webhook_entry SET attempts = attempts + 1, next_at = ?2, outcome = ?3 WHERE entry = ?1",
        )?
        .execute(params![entry, next_at, outcome])
        .map(drop)
}

/// The text goes; that there was a message and what became of it stays for a while.
pub fn give_up(connection: &Connection, entry: i64, now: Millis, outcome: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE webhook_entry SET attempts = attempts + 1, body = NULL, given_up_at = ?2, outcome = ?3
             WHERE entry = ?1",
        )?
        .execute(params![entry, now, outcome])
        .map(drop)
}

/// How the queue of each endpoint stands.
pub fn states(connection: &Connection) -> rusqlite::Result<Vec<(String, State)>> {
    let endpoints = connection
        .prepare_cached("SELECT endpoint FROM webhook_cursor ORDER BY endpoint")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    endpoints.into_iter().map(|endpoint| Ok((endpoint.clone(), state(connection, &endpoint)?))).collect()
}

pub fn state(connection: &Connection, endpoint: &str) -> rusqlite::Result<State> {
    let (waiting, given_up) = connection
        .prepare_cached(
            "SELECT count(*) - count(given_up_at), count(given_up_at) FROM webhook_entry WHERE endpoint = ?1",
        )?
        .query_row([endpoint], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let oldest = connection
        .prepare_cached(
            "SELECT created_at, outcome FROM webhook_entry WHERE endpoint = ?1 AND given_up_at IS NULL
             ORDER BY entry LIMIT 1",
        )?
        .query_row([endpoint], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (oldest, outcome) = oldest.unzip();
    Ok(State { waiting, given_up, oldest, outcome: outcome.flatten() })
}
