//! What the parts of one server share: connections, caches, the trees it follows, and who waits for a place.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use askfirst_core::time::Millis;
use deadpool_postgres::{Client, Pool};
use tokio::sync::Notify;

use super::failure::{Done, Failure};
use super::growing::{Appender, Grown};
use super::sql::query;
use super::tree::{self, Tree};
use super::waiting::Waiting;
use crate::store::log::Seeds;
use crate::store::log::published::Published;
use crate::store::sealing::Sealing;
use crate::store::{AboutNotice, Figures, StoreError};

/// A database's clock and a server's may be so far apart before it is said aloud.
const CLOCKS_APART: Millis = 5_000;

pub struct Shared {
    pub pool: Pool,
    pub seeds: Seeds,
    pub sealing: Option<Arc<Sealing>>,
    pub now: fn() -> Millis,
    pub known: RwLock<HashMap<String, AboutNotice>>,
    sites: RwLock<HashMap<String, i64>>,
    pub appender: tokio::sync::Mutex<Appender>,
    /// The logs as far as they are committed, for proofs.
    pub followers: tokio::sync::Mutex<HashMap<i64, Tree>>,
    pub waiting: Waiting,
    pub figures: Figures,
    /// The last write did not go well.
    pub failing: AtomicBool,
    frozen: OnceLock<String>,
    published: Mutex<Option<Published>>,
    /// This server has put something into the inbox.
    pub filled: Notify,
    /// The database does not take a statement that does it all (`at_once.rs`).
    pub one_by_one: AtomicBool,
    /// The fencing token of this server when it is the sequencer; 0 when it is not. Tokens count from 1.
    token: AtomicI64,
}

impl Shared {
    pub fn new(
        pool: Pool,
        seeds: Seeds,
        sealing: Option<Arc<Sealing>>,
        now: fn() -> Millis,
        published: Option<Published>,
    ) -> Self {
        Self {
            pool,
            seeds,
            sealing,
            now,
            known: RwLock::default(),
            sites: RwLock::default(),
            appender: tokio::sync::Mutex::default(),
            followers: tokio::sync::Mutex::default(),
            waiting: Waiting::default(),
            figures: Figures::default(),
            failing: AtomicBool::new(false),
            frozen: OnceLock::new(),
            published: Mutex::new(published),
            filled: Notify::new(),
            one_by_one: AtomicBool::new(false),
            token: AtomicI64::new(0),
        }
    }

    pub async fn client(&self) -> Done<Client> {
        Ok(self.pool.get().await?)
    }

    /// The fencing token with which this server gives places, as long as it believes to be the one that does.
    pub fn leads(&self) -> Option<i64> {
        Some(self.token.load(Relaxed)).filter(|token| *token > 0 && self.frozen().is_none())
    }

    /// This server gives the places from now on.
    pub fn lead(&self, token: i64) {
        self.token.store(token, Relaxed);
    }

    /// It does not any more, at least not with this token.
    pub fn resign(&self, token: i64) {
        let _ = self.token.compare_exchange(token, 0, Relaxed, Relaxed);
    }

    /// Why nothing is added.
    pub fn frozen(&self) -> Option<&str> {
        self.frozen.get().map(String::as_str)
    }

    pub fn require_thawed(&self) -> Result<(), StoreError> {
        if self.frozen().is_some() { Err(StoreError::Frozen) } else { Ok(()) }
    }

    pub fn freeze(&self, what: String) {
        if self.frozen.set(what.clone()).is_ok() {
            tracing::error!(what, "the store is not what it was; it is served for reading only");
        }
    }

    /// What became of something, for the sender; what can't be mended by coming again is said and kept in mind.
    pub fn answer<T>(&self, done: Done<T>) -> Result<T, StoreError> {
        done.map_err(|failure| {
            match &failure {
                Failure::Fault(fault) => self.freeze(fault.clone().sentence()),
                failure => tracing::error!(code = failure.code(), "the database did not do what it was asked"),
            }
            failure.for_sender()
        })
    }

    /// The number of a site that has one.
    pub async fn known_site(&self, origin: &str) -> Done<Option<i64>> {
        if let Some(site) = self.sites.read().unwrap_or_else(PoisonError::into_inner).get(origin) {
            return Ok(Some(*site));
        }
        let client = self.client().await?;
        let rows = query(&client, "SELECT site FROM askfirst.site WHERE origin = $1", &[&origin]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let site = row.try_get(0)?;
        self.sites.write().unwrap_or_else(PoisonError::into_inner).insert(origin.to_owned(), site);
        Ok(Some(site))
    }

    /// The number of a site; a new one gets its number with its first record.
    pub async fn site(&self, origin: &str) -> Done<i64> {
        if let Some(site) = self.known_site(origin).await? {
            return Ok(site);
        }
        super::upkeep::add_site(self, origin).await?;
        self.known_site(origin).await?.ok_or(Failure::Fenced)
    }

    /// Takes in what this server has appended, before anything else is.
    pub async fn take(&self, grown: &[Grown]) {
        let mut followers = self.followers.lock().await;
        for log in grown {
            if let Some(tree) = followers.get_mut(&log.log) {
                tree.take(log.first, &log.leaves, &log.checkpoint);
            }
        }
        self.publish(&followers);
    }

    /// Makes `followers` have a log with more than `least` entries.
    ///
    /// # Errors
    /// What it says is not what was signed, or the database can't be read.
    pub async fn catch_up<'a>(
        &self,
        followers: &'a mut HashMap<i64, Tree>,
        client: &Client,
        log: i64,
        least: u64,
    ) -> Done<Option<&'a Tree>> {
        if followers.get(&log).is_none_or(|tree| tree.size() <= least) {
            let Some((head, site)) = tree::by_number(client, log).await? else { return Ok(None) };
            match followers.get_mut(&log) {
                Some(tree) => tree.follow(client, &head, &self.seeds).await?,
                None => {
                    let tree = Tree::load(client, (&head, site), Some(&self.seeds)).await?;
                    followers.insert(log, tree);
                }
            }
            self.publish(followers);
        }
        Ok(followers.get(&log).filter(|tree| tree.size() > least))
    }

    /// Keeps what the logs have said, when there is a file for it.
    fn publish(&self, followers: &HashMap<i64, Tree>) {
        if let Some(published) = self.published.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            published.note(followers.values().map(|tree| &tree.checkpoint));
        }
    }

    /// Writes what [`Self::publish`] has left over.
    pub async fn publish_rest(&self) {
        let followers = self.followers.lock().await;
        if let Some(published) = self.published.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
            && published.behind()
        {
            published.write(followers.values().map(|tree| &tree.checkpoint));
        }
    }

    /// The database's clock ends leases, the servers' own say when a record came (R6): they have to agree.
    pub fn compare_clocks(&self, database: Millis) {
        let apart = (self.now)().saturating_sub(database).abs();
        if apart > CLOCKS_APART && self.figures.clock_went_back.fetch_add(1, Relaxed) == 0 {
            tracing::error!(milliseconds = apart, "the clocks of this machine and of the database are apart");
        }
    }
}
