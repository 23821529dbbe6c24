//! Declaring a notice faulty: what was agreed to under it does not count, and every log that has the notice says so. No
//! record is touched by it.

use askfirst_core::log::Entry;
use askfirst_core::record::Invalidation;
use askfirst_core::time::Millis;
use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::append::{Append, Turn};
use super::failure::{Done, Retry};
use super::shared::Shared;
use super::sql::{execute, hash, query};
use super::tree::unsigned;
use super::upkeep::change;
use super::{Address, Postgres};
use crate::store::invalid::{Affected, Named};
use crate::store::{StoreError, key};

/// The word about the notice of a row of `invalid_notice`, or of one beside it that has none.
pub fn invalidation(row: &Row) -> Done<Option<Invalidation>> {
    let at: Option<Millis> = row.try_get("invalid_at")?;
    at.map(|at| Ok(Invalidation { at, reason: row.try_get("reason")? })).transpose()
}

async fn affected(client: &impl GenericClient, digest: [u8; 32], now: Millis) -> Done<Affected> {
    let sql = "SELECT i.invalid_at, i.reason FROM askfirst.notice AS n
               LEFT JOIN askfirst.invalid_notice AS i ON i.notice = n.digest WHERE n.digest = $1";
    let rows = query(client, sql, &[&digest.as_slice()]).await?;
    let invalidated = rows.first().map(invalidation).transpose()?.flatten();
    let sql = "SELECT s.origin, count(*) AS records, count(*) FILTER (WHERE p.ends_at > $2) AS not_ended
               FROM askfirst.record AS r
               JOIN askfirst.place AS p ON p.record_id = r.record_id AND p.site = r.site
               JOIN askfirst.site AS s ON s.site = r.site
               WHERE r.notice = $1 AND p.erased_at IS NULL GROUP BY s.origin ORDER BY s.origin";
    let mut sites = Vec::new();
    for row in query(client, sql, &[&digest.as_slice(), &now]).await? {
        let (records, not_ended) = (unsigned(row.try_get("records")?), unsigned(row.try_get("not_ended")?));
        sites.push(Named { site: row.try_get("origin")?, records, not_ended });
    }
    Ok(Affected { known: !rows.is_empty(), invalidated, sites })
}

async fn invalidate(append: &mut Append<'_>, digest: [u8; 32], reason: Option<&str>, now: Millis) -> Done<bool> {
    let affected = affected(&append.transaction, digest, now).await?;
    if !affected.known || affected.invalidated.is_some() {
        return Ok(false);
    }
    let sql = "INSERT INTO askfirst.invalid_notice (notice, invalid_at, reason) VALUES ($1, $2, $3)";
    execute(&append.transaction, sql, &[&digest.as_slice(), &now, &reason]).await?;
    let sql = "SELECT DISTINCT s.site, s.origin FROM askfirst.log_notice AS n JOIN askfirst.log AS l ON l.log = n.log
               JOIN askfirst.site AS s ON s.site = l.site WHERE n.notice = $1 ORDER BY s.origin";
    for row in query(&append.transaction, sql, &[&digest.as_slice()]).await? {
        let (site, origin): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        let count = affected.sites.iter().find(|named| named.site == origin).map_or(0, |named| named.records);
        let entry = Entry::invalidation(&key::digest_text(&digest), count, now);
        append.append((site, &origin), &entry, now).await?;
    }
    Ok(true)
}

async fn change_notice(shared: &Shared, digest: [u8; 32], reason: Option<&str>, now: Millis) -> Done<bool> {
    change!(shared, |append| invalidate(&mut append, digest, reason, now).await?)
}

impl Postgres {
    /// Declares a notice faulty. Whether it is known and was not declared so before.
    pub async fn invalidate(&self, digest: [u8; 32], reason: Option<String>) -> Result<bool, StoreError> {
        self.shared.require_thawed()?;
        self.shared.answer(change_notice(&self.shared, digest, reason.as_deref(), self.now()).await)
    }

    /// The digests of the notices that were declared faulty.
    pub async fn invalid_notices(&self) -> Result<Vec<String>, StoreError> {
        let read = async {
            let client = self.shared.client().await?;
            let rows = query(&client, "SELECT notice FROM askfirst.invalid_notice", &[]).await?;
            rows.iter().map(|row| Ok(key::digest_text(&hash(row.try_get(0)?)?))).collect::<Done<Vec<_>>>()
        };
        self.shared.answer(read.await)
    }
}

impl Address {
    /// What declaring a notice faulty is about.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn affected(&self, digest: &str, now: Millis) -> Result<Affected, String> {
        let Some(digest) = key::digest(digest) else { return Ok(Affected::default()) };
        let client = self.client().await?;
        affected(&client, digest, now).await.map_err(|failure| format!("{self}: {}", failure.sentence()))
    }

    /// The digests of the notices with this version, in every language.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn notices_of(&self, version: &str) -> Result<Vec<String>, String> {
        let client = self.client().await?;
        let read = async {
            let sql = "SELECT digest FROM askfirst.notice WHERE version = $1 ORDER BY lang";
            let rows = query(&client, sql, &[&version]).await?;
            rows.iter().map(|row| Ok(key::digest_text(&hash(row.try_get(0)?)?))).collect::<Done<Vec<_>>>()
        };
        read.await.map_err(|failure| format!("{self}: {}", failure.sentence()))
    }
}
