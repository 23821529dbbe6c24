//! Which keys sign a log, and since when: the rows beside the entries that say the same (PROOF test 16).

use askfirst_core::log::{Entry, KeyAction, KeyRole, LogKey, VerifierKey};
use askfirst_core::time::Millis;
use deadpool_postgres::GenericClient;

use super::append::{Append, Turn};
use super::failure::{Done, Failure, Retry};
use super::sql::{execute, hash, query};
use super::tree::{self, unsigned};
use super::upkeep::change;
use super::{Postgres, shared::Shared};
use crate::store::StoreError;
use crate::store::log::keys::{self, OfSite, Step};
use crate::store::log::number;

/// The keys of a log in their order. None for a log from before format 5 whose key never changed.
pub async fn of(client: &impl GenericClient, log: i64) -> Done<Vec<LogKey>> {
    let sql = "SELECT l.origin, k.key, k.since, k.until FROM askfirst.log_key AS k
               JOIN askfirst.log AS l ON l.log = k.log WHERE k.log = $1 ORDER BY k.since";
    let rows = query(client, sql, &[&log]).await?;
    let mut named = Vec::with_capacity(rows.len());
    for row in &rows {
        let until: Option<i64> = row.try_get(3)?;
        named.extend(keys::log_key(
            row.try_get(0)?,
            hash(row.try_get(1)?)?,
            unsigned(row.try_get(2)?),
            until.map(unsigned),
        ));
    }
    Ok(named)
}

/// The keys as the log publishes them: those of [`of`], or the one that its first entry names.
pub async fn published(client: &impl GenericClient, log: i64) -> Done<Vec<LogKey>> {
    let named = of(client, log).await?;
    if !named.is_empty() {
        return Ok(named);
    }
    let first = tree::entries(client, log, 0, 1).await?;
    Ok(first.first().and_then(|bytes| keys::named(bytes)).into_iter().collect())
}

/// Every public key that is named anywhere, and whether it was taken out there.
pub async fn everywhere(client: &impl GenericClient) -> Done<Vec<([u8; 32], bool)>> {
    let rows = query(client, "SELECT DISTINCT key, until IS NOT NULL FROM askfirst.log_key", &[]).await?;
    rows.iter().map(|row| Ok((hash(row.try_get(0)?)?, row.try_get(1)?))).collect()
}

pub async fn insert(client: &impl GenericClient, log: i64, key: &VerifierKey, since: u64) -> Done<u64> {
    let sql = "INSERT INTO askfirst.log_key (log, key, since) VALUES ($1, $2, $3)";
    execute(client, sql, &[&log, &key.key.as_slice(), &number(since)]).await
}

async fn retire(client: &impl GenericClient, log: i64, key: &VerifierKey, until: u64) -> Done<u64> {
    let sql = "UPDATE askfirst.log_key SET until = $3 WHERE log = $1 AND key = $2";
    execute(client, sql, &[&log, &key.key.as_slice(), &number(until)]).await
}

/// Takes a step of changing the key of every open log. Answers the logs with their keys after it.
pub async fn rotate(shared: &Shared, step: Step, now: Millis) -> Done<Vec<(String, Vec<LogKey>)>> {
    change!(shared, |append| turn(&mut append, shared, step, now).await?)
}

async fn turn(append: &mut Append<'_>, shared: &Shared, step: Step, now: Millis) -> Done<Vec<(String, Vec<LogKey>)>> {
    let mut changed = Vec::new();
    for (head, site) in tree::all(&append.transaction).await? {
        let named = published(&append.transaction, head.log).await?;
        let named = shared.seeds.believed(&head.origin, &named);
        if of(&append.transaction, head.log).await?.is_empty() {
            // From now on other heads are signed otherwise, so what this one was signed with has to be known.
            for key in &named {
                insert(&append.transaction, head.log, &key.key, 0).await?;
            }
        }
        if head.closed {
            continue;
        }
        let what = step.change(&head.origin, &named, &shared.seeds).map_err(Failure::Fault)?;
        if let Some((action, key)) = what {
            let sql = "SELECT origin FROM askfirst.site WHERE site = $1";
            let rows = query(&append.transaction, sql, &[&site]).await?;
            let origin: String = rows.first().ok_or_else(|| Failure::damaged("a log has no site"))?.try_get(0)?;
            let entry = Entry::Key { action, role: KeyRole::Log, key: key.clone(), day: now };
            let (log, index) = append.append((site, &origin), &entry, now).await?;
            match action {
                KeyAction::Add => insert(&append.transaction, log, &key, index).await?,
                KeyAction::Remove => retire(&append.transaction, log, &key, index).await?,
            };
            append.sign_anew(site).await?;
        }
        changed.push((head.origin, of(&append.transaction, head.log).await?));
    }
    Ok(changed)
}

impl Postgres {
    /// The public keys of every log that a site has had, as they are published.
    pub async fn site_keys(&self, site: &str) -> Result<Vec<LogKey>, StoreError> {
        let read = async {
            let client = self.shared.client().await?;
            let mut logs = Vec::new();
            for head in tree::all_at(&client, site).await? {
                let first = tree::entries(&client, head.log, 0, number(keys::FIRST)).await?;
                logs.push(OfSite { keys: published(&client, head.log).await?, first, head });
            }
            Ok(keys::of_site(logs))
        };
        self.shared.answer(read.await)
    }

    /// The public keys of a log, those too that sign it no more.
    pub async fn log_keys(&self, log: i64) -> Result<Vec<LogKey>, StoreError> {
        let read = async { published(&self.shared.client().await?, log).await };
        self.shared.answer(read.await)
    }
}
