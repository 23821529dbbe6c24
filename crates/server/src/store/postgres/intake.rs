//! Taking records in: what has come together is stored together, with one flush of the database's disk.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use askfirst_core::log::Challenge;
use askfirst_core::record::Count;
use askfirst_core::time;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::failure::{Done, Failure, Retry};
use super::seal;
use super::shared::Shared;
use super::sql::{bytes, execute, query};
use super::tree::unsigned;
use super::waiting::{Key, Place, Waiter, answer};
use crate::store::incoming::Received;
use crate::store::secret::Secret;
use crate::store::sqlite::Opened;
use crate::store::{Counted, Inserted, StoreError, key};

/// Most records in one commit.
const BATCH: usize = 256;

/// A record on its way, with a place for its outcome.
pub struct Job {
    pub received: Received,
    pub site: i64,
    pub reply: oneshot::Sender<Result<Inserted, StoreError>>,
}

/// A refusal on its way.
pub struct CountJob {
    pub count: Count,
    pub reply: oneshot::Sender<Result<Counted, StoreError>>,
}

/// Stores what comes in until nobody can send any more.
pub async fn run(shared: Arc<Shared>, queue: Arc<Mutex<mpsc::Receiver<Job>>>) {
    loop {
        let mut jobs = Vec::with_capacity(64);
        if queue.lock().await.recv_many(&mut jobs, BATCH).await == 0 {
            return;
        }
        shared.figures.queued.fetch_sub(jobs.len() as u64, Relaxed);
        write(&shared, jobs).await;
    }
}

async fn write(shared: &Shared, jobs: Vec<Job>) {
    // In the order of the key, so that two servers never wait for each other.
    let mut by_key: BTreeMap<Key, Vec<Job>> = BTreeMap::new();
    for job in jobs {
        by_key.entry((job.received.record.record_id, job.site)).or_default().push(job);
    }
    let firsts: Vec<(i64, &Received)> =
        by_key.iter().filter_map(|((_, site), jobs)| Some((*site, &jobs.first()?.received))).collect();
    let stored = store(shared, &firsts).await;
    note(shared, stored.as_ref().err());
    let (new, mut known) = match stored {
        Ok(stored) => stored,
        Err(failure) => {
            let error = failure.for_sender();
            by_key.into_values().flatten().for_each(|job| drop(job.reply.send(Err(error))));
            return;
        }
    };
    let mut settled = Vec::new();
    for (key, jobs) in by_key {
        let mut created = new.contains(&key);
        let mut before = known.remove(&key);
        for Job { mut received, reply, .. } in jobs {
            let offered = received.record.digest;
            let known = before.get_or_insert_with(|| Known {
                digest: Some(offered),
                secret: Some(received.secret.clone()),
                place: None,
                challenge: received.record.challenge,
            });
            if known.digest.is_some_and(|digest| digest != offered) {
                let _ = reply.send(Ok(Inserted::Conflict));
                continue;
            }
            // The receipt says what came beside the record that is stored.
            received.record.challenge = known.challenge;
            let waiter = Waiter { record: received.record, secret: known.secret.clone(), created, reply };
            created = false;
            match known.place {
                Some(place) => settled.push((waiter, place)),
                None => settled.extend(shared.waiting.begin(key, waiter)),
            }
        }
    }
    shared.filled.notify_one();
    answer(shared, settled).await;
}

/// Says once that writing does not go well, not for every commit until somebody has mended it.
fn note(shared: &Shared, failure: Option<&Failure>) {
    let failed_before = shared.failing.swap(failure.is_some(), Relaxed);
    match failure {
        None => drop(shared.figures.commits.fetch_add(1, Relaxed)),
        Some(failure) => {
            shared.figures.failed_commits.fetch_add(1, Relaxed);
            if !failed_before {
                tracing::error!(code = failure.code(), "a commit failed, nothing of it is stored");
            }
        }
    }
}

/// A record that was there.
struct Known {
    /// `None` when it was erased: what it was is not known any more, that it is settled is.
    digest: Option<[u8; 32]>,
    secret: Option<Secret>,
    place: Option<Place>,
    challenge: Option<Challenge>,
}

/// Stores records in one transaction: those that are new, and a word for the sequencer. Answers which were new, and what
/// is known of the others. Doing it twice is doing it once.
async fn store(shared: &Shared, records: &[(i64, &Received)]) -> Done<(HashSet<Key>, HashMap<Key, Known>)> {
    let mut retry = Retry::default();
    loop {
        match store_once(shared, records).await {
            Err(failure) if retry.wait(&failure).await => {}
            stored => return stored,
        }
    }
}

async fn store_once(shared: &Shared, records: &[(i64, &Received)]) -> Done<(HashSet<Key>, HashMap<Key, Known>)> {
    fn column<'a, T>(records: &[(i64, &'a Received)], of: impl Fn(&'a Received) -> T) -> Vec<T> {
        records.iter().map(|(_, received)| of(received)).collect()
    }
    let mut batch = [0u8; 16];
    getrandom::fill(&mut batch).map_err(|error| Failure::Unreachable(error.to_string()))?;
    let sites: Vec<i64> = records.iter().map(|(site, _)| *site).collect();
    let ids = column(records, |r| r.record.record_id.as_slice());
    let first = records.iter().map(|(_, received)| received.at).min().unwrap_or_default();
    let client = shared.client().await?;
    // A record ends the one before it only where both are of one pseudonym (as in SQLite, `sqlite::end`).
    let sql = "WITH new AS (
            INSERT INTO askfirst.record (record_id, site, received_at, browser_at, valid_until, core, context, prev,
                digest, notice, subject, holder, secret, body, challenge)
            SELECT n.record_id, n.site, n.received_at, n.browser_at, n.valid_until, n.core, n.context,
                CASE WHEN EXISTS (SELECT 1 FROM askfirst.record AS p WHERE p.record_id = n.prev AND p.site = n.site
                    AND p.subject <> n.subject AND p.subject <> n.plain) THEN NULL ELSE n.prev END,
                n.digest, n.notice, n.subject, n.holder, n.secret, n.body, n.challenge
            FROM unnest($1::BYTEA[], $2::INT8[], $3::INT8[], $4::INT8[], $5::INT8[], $6::BYTEA[], $7::BYTEA[],
                $8::BYTEA[], $9::BYTEA[], $10::BYTEA[], $11::BYTEA[], $12::BYTEA[], $13::BYTEA[], $14::BYTEA[], $17::INT8[],
                $18::BYTEA[]) AS n (record_id, site, received_at, browser_at, valid_until, core, context, prev, digest,
                notice, subject, holder, secret, body, challenge, plain)
            ON CONFLICT (record_id, site) DO NOTHING RETURNING record_id, site
        ), word AS (
            INSERT INTO askfirst.inbox (batch, received_at, record_ids, sites) VALUES ($15, $16, $1, $2)
        ) SELECT record_id, site FROM new";
    let rows = query(
        &client,
        sql,
        &[
            &ids,
            &sites,
            &column(records, |r| r.at),
            &column(records, |r| r.record.at),
            &column(records, |r| r.record.ends_at),
            &column(records, |r| r.commitment.core.as_slice()),
            &column(records, |r| r.commitment.context.as_slice()),
            &column(records, |r| r.record.prev.as_ref().map(<[u8; 16]>::as_slice)),
            // A sealed body says its digest and its holder itself.
            &column(records, |r| r.sealed.is_none().then_some(r.record.digest.as_slice())),
            &column(records, |r| r.record.notice.as_slice()),
            &column(records, |r| r.sealed.as_ref().map_or(r.record.subject.as_slice(), |s| s.subject.as_slice())),
            &column(records, |r| r.sealed.is_none().then_some(r.record.holder.as_slice())),
            &column(records, |r| r.sealed.as_ref().map_or(r.secret.bytes().as_slice(), |s| s.secret.as_slice())),
            &column(records, |r| r.sealed.as_ref().map_or(r.record.body.as_bytes(), |s| s.body.as_slice())),
            &batch.as_slice(),
            &first,
            &column(records, |r| r.record.challenge.map(Challenge::number)),
            &column(records, |r| r.record.subject.as_slice()),
        ],
    )
    .await?;
    let key = |row: &tokio_postgres::Row| -> Done<Key> { Ok((bytes(row.try_get(0)?)?, row.try_get(1)?)) };
    let new: HashSet<Key> = rows.iter().map(key).collect::<Done<_>>()?;
    if new.len() == records.len() {
        return Ok((new, HashMap::new()));
    }
    let sql = "SELECT r.record_id, r.site, r.digest, r.subject, r.holder, r.secret, r.body, r.challenge, p.seq, p.log, p.idx, p.received_at
               FROM unnest($1::BYTEA[], $2::INT8[]) AS k (record_id, site)
               JOIN askfirst.record AS r ON r.record_id = k.record_id AND r.site = k.site
               LEFT JOIN askfirst.place AS p ON p.record_id = r.record_id AND p.site = r.site";
    let mut known = HashMap::new();
    for row in query(&client, sql, &[&ids, &sites]).await? {
        let key = key(&row)?;
        if new.contains(&key) {
            continue;
        }
        let place = match row.try_get::<_, Option<i64>>("seq")? {
            Some(seq) => Some(Place {
                seq,
                log: row.try_get("log")?,
                index: unsigned(row.try_get("idx")?),
                received_at: row.try_get("received_at")?,
            }),
            None => None,
        };
        let Opened { digest, secret, .. } = seal::opened(shared.sealing.as_deref(), &row)?;
        let challenge = row.try_get::<_, Option<i64>>("challenge")?.map(Challenge::of_number);
        known.insert(key, Known { digest, secret, place, challenge });
    }
    Ok((new, known))
}

/// Counts refusals until nobody can send any more (R10).
pub async fn count(shared: Arc<Shared>, mut queue: mpsc::Receiver<CountJob>) {
    loop {
        let mut jobs = Vec::new();
        if queue.recv_many(&mut jobs, 4 * BATCH).await == 0 {
            return;
        }
        shared.figures.queued.fetch_sub(jobs.len() as u64, Relaxed);
        // Sorted, so that two servers never wait for each other.
        let mut sums: BTreeMap<[&str; 5], i64> = BTreeMap::new();
        for job in &jobs {
            let Count { site, notice, lang, method, layer, .. } = &job.count;
            *sums.entry([site, notice, lang, method.name(), layer.name()]).or_default() += 1;
        }
        let added = add(&shared, &sums).await;
        note(&shared, added.as_ref().err());
        let outcome = added.map(|()| Counted::Counted).map_err(|failure| failure.for_sender());
        for job in jobs {
            let _ = job.reply.send(outcome);
        }
    }
}

async fn add(shared: &Shared, sums: &BTreeMap<[&str; 5], i64>) -> Done<()> {
    let mut retry = Retry::default();
    loop {
        let once = async {
            let of = |n: usize| sums.keys().map(|key| key[n]).collect::<Vec<&str>>();
            let notices: Vec<Vec<u8>> =
                sums.keys().map(|key| key::digest(key[1]).map_or_else(Vec::new, Vec::from)).collect();
            let numbers: Vec<i64> = sums.values().copied().collect();
            let client = shared.client().await?;
            let sql = "INSERT INTO askfirst.refusal_count (site, day, notice, lang, method, layer, n)
                       SELECT k.site, $1, k.notice, k.lang, k.method, k.layer, k.n
                       FROM unnest($2::TEXT[], $3::BYTEA[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::INT8[])
                           AS k (site, notice, lang, method, layer, n)
                       ON CONFLICT (site, day, notice, lang, method, layer)
                           DO UPDATE SET n = refusal_count.n + excluded.n";
            let day = time::date((shared.now)());
            execute(&client, sql, &[&day, &of(0), &notices, &of(2), &of(3), &of(4), &numbers]).await
        };
        match once.await {
            // Only what certainly was not done is done again: a count has no id to be found by.
            Err(failure @ Failure::Sql(_)) if failure.code() != "connection" && retry.wait(&failure).await => {}
            done => return done.map(drop),
        }
    }
}
