//! Webhooks: other systems hear of a withdrawal, or of any decision (G6, S10; GDPR 19), signed as the Standard Webhooks
//! specification has it.
//!
//! A record is stored and answered first. Each endpoint then reads the records after the place up to which it has
//! read, and puts what it is to be told into its queue on the disk; nothing here stands in the way of a receipt, and no
//! crash in between loses a message. One that is not taken is tried again for three days.

pub mod client;
mod message;
mod sign;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use askfirst_core::record::{Record, State};
use askfirst_core::time::{DAY, Millis};
use axum::http::{HeaderMap, HeaderValue, header};
use tokio::task::JoinSet;

pub use client::{Client, Target};
pub use sign::Secret;

use crate::evidence::Evidence;
use crate::http;
use crate::operations::queue::{self, Due, Message};
use crate::operations::{Connection, Operations};
use crate::store::{Store, StoreError, key};
use message::{TakenBack, kind, message};

/// How long a message is tried.
const TRY_FOR: Millis = 3 * DAY;
/// The pause after the first attempt; each further one is twice as long.
const FIRST_PAUSE: Millis = 5_000;
const LONGEST_PAUSE: Millis = 6 * 60 * 60 * 1000;
/// Attempts at a time for one endpoint.
const AT_ONCE: usize = 8;
/// How long one server works off a queue alone after its last sign of life; longer than any attempt takes.
const LEASE: Millis = 60_000;
/// Records looked through at a time.
const CHUNK: usize = 256;
/// How long an endpoint sleeps at most: another process may have stored something.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct Figures {
    pub delivered: AtomicU64,
    pub failed: AtomicU64,
    pub given_up: AtomicU64,
}

/// An endpoint and what it is told.
#[derive(Clone)]
pub struct Endpoint {
    pub url: String,
    pub target: Target,
    pub secrets: Vec<Secret>,
    /// The kinds of news.
    pub on: Vec<State>,
}

/// One endpoint at work.
pub struct Delivery {
    pub endpoint: Endpoint,
    pub client: Client,
    pub operations: Arc<Operations>,
    pub figures: Arc<Figures>,
}

/// What is left to be said of an attempt.
enum Outcome {
    Delivered,
    Again { next_at: Millis, why: String },
    GivenUp { why: String },
}

impl Delivery {
    /// Works until it is dropped.
    pub async fn run(self, app: http::Shared) {
        loop {
            // Asked for before looking, so that nothing that is stored meanwhile is slept over.
            let stored = app.stored.notified();
            let wait = match self.step(&app.store).await {
                Ok(wait) => wait,
                Err(_) => Duration::from_secs(10),
            };
            let _ = tokio::time::timeout(wait, stored).await;
        }
    }

    /// Queues what is new and delivers what is due. How long nothing will be.
    ///
    /// # Errors
    /// A store can't be used; it is tried again.
    pub async fn step(&self, store: &Store) -> Result<Duration, StoreError> {
        if !self.collect(store).await? || !self.deliver(store).await? {
            // Another server does it.
            return Ok(LOOK_EVERY);
        }
        let url = self.endpoint.url.clone();
        let next = self.operations.with(move |connection| queue::next(connection, &url)).await?;
        let pause = next.map_or(LOOK_EVERY, |next| Duration::from_millis((next - store.now()).max(0).unsigned_abs()));
        Ok(pause.min(LOOK_EVERY))
    }

    /// Whether it is on this server to work off the queue, from now on for a while.
    async fn take(&self, now: Millis) -> Result<bool, StoreError> {
        let (url, holder) = (self.endpoint.url.clone(), self.operations.holder().to_owned());
        let take = move |connection: &Connection<'_>| queue::take(connection, &url, &holder, (now, now + LEASE));
        self.operations.with(take).await
    }

    /// Whether it was on this server.
    async fn collect(&self, store: &Store) -> Result<bool, StoreError> {
        let newest = store.newest().await?;
        let url = self.endpoint.url.clone();
        let mut seq = self.operations.with(move |connection| queue::cursor(connection, &url, newest)).await?;
        while self.take(store.now()).await? {
            if seq >= newest {
                return Ok(true);
            }
            let chunk = store.after(seq, CHUNK).await?;
            let Some((last, _)) = chunk.last() else { return Ok(true) };
            let part = (seq, *last);
            seq = *last;
            let mut messages = Vec::new();
            for (_, evidence) in &chunk {
                // One that is damaged or erased has nothing to be told about; the store says so elsewhere.
                if let Ok(record) = evidence.check().record {
                    messages.extend(self.news(store, record, evidence).await?);
                }
            }
            let (url, now) = (self.endpoint.url.clone(), store.now());
            if !self.operations.with(move |connection| queue::add(connection, &url, part, &messages, now)).await? {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// What the endpoint is told about a record, if anything. Of a restricted one nobody hears but of what was taken back,
    /// which they must (GDPR Art. 18(2), 19).
    async fn news(
        &self,
        store: &Store,
        mut record: Record,
        evidence: &Evidence,
    ) -> Result<Option<Message>, StoreError> {
        let mut before = previous(store, &record).await?;
        if before.as_ref().is_some_and(|before| before.subject != record.subject) {
            // Whoever wrote its number there, it is another visitor's: nothing is told of it.
            (before, record.prev) = (None, None);
        }
        let taken_back = TakenBack::between(before.as_ref(), &record);
        let kind = kind(&record, &taken_back);
        let told = evidence.restriction.is_none() || kind == State::Withdrawn;
        let wanted = told && self.endpoint.on.contains(&kind);
        Ok(wanted.then(|| message(&record, kind, &taken_back, evidence.receipt.received_at)))
    }

    /// Whether it was on this server.
    async fn deliver(&self, store: &Store) -> Result<bool, StoreError> {
        while self.take(store.now()).await? {
            let now = store.now();
            let url = self.endpoint.url.clone();
            let due = self.operations.with(move |connection| queue::due(connection, &url, now, AT_ONCE)).await?;
            if due.is_empty() {
                return Ok(true);
            }
            let mut attempts = JoinSet::new();
            for due in due {
                let (client, endpoint) = (self.client.clone(), self.endpoint.clone());
                attempts.spawn(async move { (due.entry, attempt(&client, &endpoint, due, now).await) });
            }
            while let Some(done) = attempts.join_next().await {
                let Ok((entry, outcome)) = done else { return Err(StoreError::Unavailable) };
                self.settle(entry, outcome, now).await?;
            }
        }
        Ok(false)
    }

    async fn settle(&self, entry: i64, outcome: Outcome, now: Millis) -> Result<(), StoreError> {
        match outcome {
            Outcome::Delivered => {
                self.figures.delivered.fetch_add(1, Relaxed);
                self.operations.with(move |connection| queue::delivered(connection, entry)).await
            }
            Outcome::Again { next_at, why } => {
                self.figures.failed.fetch_add(1, Relaxed);
                self.operations.with(move |connection| queue::again(connection, entry, next_at, &why)).await
            }
            Outcome::GivenUp { why } => {
                self.figures.failed.fetch_add(1, Relaxed);
                self.figures.given_up.fetch_add(1, Relaxed);
                tracing::error!(endpoint = self.endpoint.target.host(), why, "a webhook was given up");
                self.operations.with(move |connection| queue::give_up(connection, entry, now, &why)).await
            }
        }
    }
}

async fn previous(store: &Store, record: &Record) -> Result<Option<Record>, StoreError> {
    let Some(prev) = record.prev.as_deref().filter(|prev| key::uuid(prev).is_some()) else { return Ok(None) };
    for (seq, _) in store.holders(prev).await? {
        if let Some(evidence) = store.evidence(seq).await?.filter(|evidence| evidence.site == record.site) {
            return Ok(evidence.check().record.ok());
        }
    }
    Ok(None)
}

async fn attempt(client: &Client, endpoint: &Endpoint, due: Due, now: Millis) -> Outcome {
    let Due { message: Message { id, body }, created_at, attempts, .. } = due;
    let Some(headers) = headers(&endpoint.secrets, &id, now / 1000, &body) else {
        return Outcome::GivenUp { why: "headers".to_owned() };
    };
    let (why, asked) = match client.post(&endpoint.target, headers, body).await {
        Ok(answer) if (200..300).contains(&answer.status) => return Outcome::Delivered,
        // The specification's word for an endpoint that wants no more.
        Ok(answer) if answer.status == 410 => return Outcome::GivenUp { why: "410".to_owned() },
        Ok(answer) => (answer.status.to_string(), answer.retry_after),
        Err(code) => (code.to_owned(), None),
    };
    let next_at = now + pause(attempts, random()).max(asked.map_or(0, seconds));
    match next_at > created_at + TRY_FOR {
        true => Outcome::GivenUp { why },
        false => Outcome::Again { next_at, why },
    }
}

/// At most a day, whatever an endpoint asks for.
fn seconds(seconds: u64) -> Millis {
    Millis::try_from(seconds.min(24 * 60 * 60)).unwrap_or(0) * 1000
}

fn headers(secrets: &[Secret], id: &str, timestamp: i64, body: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("askfirst/", env!("CARGO_PKG_VERSION"))));
    headers.insert("webhook-id", HeaderValue::from_str(id).ok()?);
    headers.insert("webhook-timestamp", HeaderValue::from(timestamp));
    headers.insert("webhook-signature", HeaderValue::from_str(&sign::signatures(secrets, id, timestamp, body)).ok()?);
    Some(headers)
}

/// Twice as long after each attempt, and between half of that and all of it, so that a receiver that was away does not
/// meet everything at once.
fn pause(attempts: u32, random: u32) -> Millis {
    let whole = FIRST_PAUSE.saturating_mul(1 << attempts.min(20)).min(LONGEST_PAUSE);
    whole / 2 + whole / 2 * Millis::from(random) / Millis::from(u32::MAX)
}

fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_six_hours_and_is_never_under_half() {
        assert_eq!(pause(0, u32::MAX), FIRST_PAUSE);
        assert_eq!(pause(0, 0), FIRST_PAUSE / 2);
        assert_eq!(pause(3, u32::MAX), 8 * FIRST_PAUSE);
        for attempts in 13..100 {
            assert_eq!(pause(attempts, u32::MAX), LONGEST_PAUSE, "{attempts}");
            assert_eq!(pause(attempts, 0), LONGEST_PAUSE / 2, "{attempts}");
        }
    }
}
