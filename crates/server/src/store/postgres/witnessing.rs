//! What the store on PostgreSQL does for witnesses. Only the server that gives the places talks to them; every server
//! hands out what they have said.

use askfirst_core::log::{Entry, Hash, KeyAction, KeyRole, VerifierKey};
use deadpool_postgres::GenericClient;

use super::Postgres;
use super::append::{Append, Turn};
use super::failure::{Done, Retry};
use super::shared::Shared;
use super::sql::{execute, query};
use super::tree::{self, unsigned};
use super::upkeep::change;
use crate::store::StoreError;
use crate::store::log::number;
use crate::store::log::read::Head;
use crate::store::log::witness::{Cosigned, Followed, Signed, changes};

/// The newest checkpoint of a log that witnesses have cosigned.
pub async fn signed(client: &impl GenericClient, log: i64) -> Done<Option<Signed>> {
    // One that a key of today has not signed would not be believed by who knows that key alone (PROOF test 16).
    let sql = "SELECT size, note, line, cosigned_at FROM askfirst.log_witness
               WHERE log = $1 AND size > (SELECT coalesce(max(since), -1) FROM askfirst.log_key
                                          WHERE log = $1 AND until IS NULL) ORDER BY vkey";
    let rows = query(client, sql, &[&log]).await?;
    let rows =
        rows.iter().map(|row| Ok((unsigned(row.try_get(0)?), row.try_get(1)?, row.try_get(2)?, row.try_get(3)?)));
    Ok(Signed::of(rows.collect::<Done<Vec<_>>>()?.into_iter()))
}

/// The checkpoints that witnesses have cosigned, as the log signed them.
pub async fn notes(client: &impl GenericClient, log: i64) -> Done<Vec<String>> {
    let rows = query(client, "SELECT note FROM askfirst.log_witness WHERE log = $1 AND size > 0", &[&log]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The witnesses that a log names, each with the size that it has cosigned.
async fn of(client: &impl GenericClient, log: i64) -> Done<Vec<(String, u64)>> {
    let sql = "SELECT vkey, size FROM askfirst.log_witness WHERE log = $1 ORDER BY vkey";
    let rows = query(client, sql, &[&log]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, unsigned(row.try_get(1)?)))).collect()
}

async fn name_witnesses(shared: &Shared, keys: &[VerifierKey]) -> Done<()> {
    let now = (shared.now)();
    change!(shared, |append| {
        let sql = "SELECT l.log, s.site, s.origin FROM askfirst.log AS l JOIN askfirst.site AS s ON s.site = l.site
                   WHERE l.closed_at IS NULL ORDER BY l.log";
        for row in query(&append.transaction, sql, &[]).await? {
            let (log, site, origin): (i64, i64, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let named: Vec<String> = of(&append.transaction, log).await?.into_iter().map(|(vkey, _)| vkey).collect();
            for (action, key) in changes(&named, keys) {
                let sql = match action {
                    KeyAction::Add => "INSERT INTO askfirst.log_witness (log, vkey) VALUES ($1, $2)",
                    KeyAction::Remove => "DELETE FROM askfirst.log_witness WHERE log = $1 AND vkey = $2",
                };
                execute(&append.transaction, sql, &[&log, &key.to_text()]).await?;
                let entry = Entry::Key { action, role: KeyRole::Witness, key, day: now };
                append.append((site, &origin), &entry, now).await?;
            }
        }
    })
}

async fn keep(client: &impl GenericClient, cosigned: &Cosigned) -> Done<u64> {
    let sql = "UPDATE askfirst.log_witness SET size = $3, note = $4, line = $5, cosigned_at = $6
               WHERE log = $1 AND vkey = $2 AND size <= $3";
    let Cosigned { log, vkey, size, note, line, at } = cosigned;
    execute(client, sql, &[log, vkey, &number(*size), note, line, at]).await
}

impl Postgres {
    /// Says in every open log which witnesses follow it.
    pub async fn name_witnesses(&self, keys: Vec<VerifierKey>) -> Result<(), StoreError> {
        self.shared.require_thawed()?;
        self.shared.answer(name_witnesses(&self.shared, &keys).await)
    }

    /// Keeps what witnesses have said.
    pub async fn cosigned(&self, cosigned: Vec<Cosigned>) -> Result<(), StoreError> {
        let kept = async {
            let mut client = self.shared.client().await?;
            // Of one round, so that who reads sees all of it or nothing.
            let transaction = client.transaction().await?;
            for cosigned in &cosigned {
                keep(&transaction, cosigned).await?;
            }
            Ok(transaction.commit().await?)
        };
        self.shared.answer(kept.await)
    }

    /// Every open log with its witnesses.
    pub async fn followed(&self) -> Result<Vec<Followed>, StoreError> {
        let read = async {
            let client = self.shared.client().await?;
            let mut followed = Vec::new();
            for (head, _) in tree::all(&client).await?.into_iter().filter(|(head, _)| !head.closed) {
                followed.push(Followed { witnesses: of(&client, head.log).await?, head });
            }
            Ok(followed)
        };
        self.shared.answer(read.await)
    }

    /// Proves that a head goes on from the tree of `old` entries; nothing when it has fewer.
    pub async fn growth(&self, head: &Head, old: u64) -> Result<Option<Vec<Hash>>, StoreError> {
        let read = async {
            let client = self.shared.client().await?;
            let mut followers = self.shared.followers.lock().await;
            match self.shared.catch_up(&mut followers, &client, head.log, head.size.saturating_sub(1)).await? {
                Some(tree) => tree.growth(&client, old, head.size).await,
                None => Ok(None),
            }
        };
        self.shared.answer(read.await)
    }

    /// The checkpoint of a site's log that is handed out: with the signatures of witnesses, as long as these answer.
    pub async fn checkpoint(&self, site: &str) -> Result<Option<String>, StoreError> {
        let read = async {
            let client = self.shared.client().await?;
            let Some(head) = tree::open_at(&client, site).await? else { return Done::Ok(None) };
            let signed = signed(&client, head.log).await?.filter(|signed| signed.is_current(&head, self.now()));
            Ok(Some(signed.map_or(head.note, |signed| signed.note)))
        };
        self.shared.answer(read.await)
    }

    /// Whether it is this server that talks to witnesses.
    pub fn signs(&self) -> bool {
        self.shared.leads().is_some()
    }

    /// Adds nothing any more: signing on could contradict what was said before.
    pub fn freeze(&self, what: String) {
        self.shared.freeze(what);
    }
}
