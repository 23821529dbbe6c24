//! Bodies at rest (S6), sealed as in the store on SQLite: the same keys, another table.

use std::sync::Arc;
use std::time::Duration;

use askfirst_core::time::Millis;
use deadpool_postgres::{Client, GenericClient};
use tokio_postgres::Row;

use super::failure::{Done, Failure};
use super::shared::Shared;
use super::sql::{bytes, execute, hash, query};
use crate::store::sealing::{Master, Row as Key, Sealing, in_use, rewrapped};
use crate::store::secret::Secret;
use crate::store::sqlite::Opened;

/// The keys of the store, oldest first.
pub async fn rows(client: &impl GenericClient) -> Done<Vec<Key>> {
    let sql = "SELECT key, created_at, master, wrapped FROM askfirst.sealing_key ORDER BY key";
    let key = |row: &Row| {
        Ok(Key { key: row.try_get(0)?, created_at: row.try_get(1)?, master: row.try_get(2)?, wrapped: row.try_get(3)? })
    };
    query(client, sql, &[]).await?.iter().map(key).collect()
}

/// What opens the records. `None` when nothing is sealed and no master key was given.
pub async fn open(client: &impl GenericClient, master: Option<&Master>) -> Result<Option<Arc<Sealing>>, String> {
    let rows = rows(client).await.map_err(|failure| failure.sentence())?;
    Sealing::from_rows(rows, master)
}

/// The same for a store that records will be sealed in: its first key is made now, by whichever server is first.
pub async fn begin(
    client: &impl GenericClient,
    master: Option<&Master>,
    now: Millis,
) -> Result<Option<Arc<Sealing>>, String> {
    if let (None, Some(master)) = (open(client, master).await?, master) {
        let Key { key, created_at, master, wrapped } = Key::new(1, master, now)?;
        let sql = "INSERT INTO askfirst.sealing_key (key, created_at, master, wrapped) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (key) DO NOTHING";
        execute(client, sql, &[&key, &created_at, &master, &wrapped]).await.map_err(|failure| failure.sentence())?;
    }
    open(client, master).await
}

/// How often a server looks for keys that were begun; a key seals when it is older than several of these.
const LOOK: Duration = Duration::from_secs(5);

/// Learns the keys that are begun while this server runs.
pub async fn learn(shared: Arc<Shared>, master: Master) {
    let Some(sealing) = shared.sealing.clone() else { return };
    let mut said = Vec::new();
    loop {
        // What can't be read now is read the next time.
        if let Ok(client) = shared.client().await
            && let Ok(rows) = rows(&client).await
        {
            let shut = sealing.learn(&rows, &master, (shared.now)());
            if !shut.is_empty() && shut != said {
                tracing::error!(keys = ?shut, "records are sealed under another master key: start this server with it");
            }
            said = shut;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Begins another sealing key; its number.
///
/// # Errors
/// A sentence for the person at the console.
pub async fn begin_key(client: &Client, master: Option<&Master>, now: Millis) -> Result<i64, String> {
    let say = |failure: Failure| failure.sentence();
    let master = in_use(open(client, master).await, master)?;
    let newest = rows(client).await.map_err(say)?.last().map_or(0, |row| row.key);
    let Key { key, created_at, master, wrapped } = Key::new(newest + 1, master, now)?;
    let sql = "INSERT INTO askfirst.sealing_key (key, created_at, master, wrapped) VALUES ($1, $2, $3, $4)
               ON CONFLICT (key) DO NOTHING";
    match execute(client, sql, &[&key, &created_at, &master, &wrapped]).await.map_err(say)? {
        0 => Err("somebody else has just begun one".to_owned()),
        _ => Ok(key),
    }
}

/// Wraps every sealing key under another master key, all or none; how many. The keys stay the same, so servers that run go on
/// and open what those seal that start afterwards.
///
/// # Errors
/// A sentence for the person at the console.
pub async fn rotate(client: &mut Client, old: &Master, new: &Master) -> Result<usize, String> {
    let say = |failure: Failure| failure.sentence();
    let transaction = client.transaction().await.map_err(|error| say(error.into()))?;
    let keys = rewrapped(rows(&transaction).await.map_err(say)?, old, new)?;
    for Key { key, master, wrapped, .. } in &keys {
        let sql = "UPDATE askfirst.sealing_key SET master = $2, wrapped = $3 WHERE key = $1 AND master = $4";
        let old = old.id();
        if execute(&transaction, sql, &[key, master, wrapped, &old]).await.map_err(say)? == 0 {
            return Err("somebody else is changing the master key".to_owned());
        }
    }
    transaction.commit().await.map_err(|error| say(error.into()))?;
    Ok(keys.len())
}

/// The secret of a record, sealed or not. `None` when it is gone; one whose seal is broken has no bytes of its own.
pub fn secret(sealing: Option<&Sealing>, stored: Option<Vec<u8>>, record_id: &[u8]) -> Done<Option<(Secret, bool)>> {
    let Some(stored) = stored else { return Ok(None) };
    if stored.len() == 32 {
        return Ok(Some((Secret::from_bytes(hash(stored)?), false)));
    }
    let plain = sealing.and_then(|sealing| sealing.secret(&stored, record_id));
    Ok(plain.map(hash).transpose()?.map(|plain| (Secret::from_bytes(plain), true)))
}

/// What the columns `record_id`, `secret`, `body`, `digest`, `subject` and `holder` say.
pub fn opened(sealing: Option<&Sealing>, row: &Row) -> Done<Opened> {
    let optional = |name: &str| -> Done<Option<Vec<u8>>> { Ok(row.try_get(name)?) };
    let id = optional("record_id")?.unwrap_or_default();
    let (stored, body) = (optional("secret")?, optional("body")?);
    let is_sealed = stored.as_ref().is_some_and(|secret| secret.len() != 32);
    let secret = secret(sealing, stored, &id)?.map(|(secret, _)| secret);
    match body {
        Some(sealed) if is_sealed => Ok(Opened::unseal(secret, &sealed)),
        body => Ok(Opened {
            secret,
            body,
            digest: optional("digest")?.map(hash).transpose()?,
            subject: optional("subject")?.map(bytes).transpose()?,
            holder: optional("holder")?.map(hash).transpose()?,
        }),
    }
}

/// The text of a body that its secret opens.
pub fn text(sealing: Option<&Sealing>, record_id: &[u8], secret: Vec<u8>, body: Vec<u8>) -> Done<(Secret, String)> {
    let opened = self::secret(sealing, Some(secret), record_id)?;
    let (secret, sealed) = opened.ok_or_else(|| Failure::damaged("the secret of a record in the inbox was changed"))?;
    let text = if sealed { secret.open(&body) } else { String::from_utf8(body).ok() };
    let text = text.ok_or_else(|| Failure::damaged("the body of a record in the inbox was changed"))?;
    Ok((secret, text))
}
