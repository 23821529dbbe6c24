//! Taking records in: what has come together is stored together, with one flush of the database's disk. The server that
//! gives the places gives these theirs in the same transaction; any other one leaves a word in the inbox.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use askfirst_core::log::Challenge;
use askfirst_core::record::Count;
use askfirst_core::time;
use deadpool_postgres::{Client, GenericClient};
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};
use tokio::try_join;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::append::{Append, Turn};
use super::at_once;
use super::failure::{Done, Failure, Retry};
use super::giving::{Arrived, Given};
use super::seal;
use super::sequencer::LEASE;
use super::shared::Shared;
use super::sql::{Parameters, bytes, execute, query};
use super::tree::unsigned;
use super::waiting::{Key, Place, Waiter, answer};
use crate::store::incoming::Received;
use crate::store::secret::Secret;
use crate::store::sqlite::Opened;
use crate::store::{Counted, Inserted, StoreError, key};

/// Most records in one commit.
const BATCH: usize = 256;
/// How often whoever is about to bring another record goes first: a commit costs as much for one as for many. Where nobody
/// is, this takes microseconds.
const ROUNDS: usize = 4;

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
        let mut next = queue.lock().await;
        if next.recv_many(&mut jobs, BATCH).await == 0 {
            return;
        }
        for _ in 0..ROUNDS {
            tokio::task::yield_now().await;
            jobs.extend(std::iter::from_fn(|| next.try_recv().ok()).take(BATCH.saturating_sub(jobs.len())));
        }
        // Who gives places does it in one transaction after another: what comes meanwhile shares the next one.
        let turn = shared.leads().map(|_| next);
        shared.figures.queued.fetch_sub(jobs.len() as u64, Relaxed);
        write(&shared, jobs, turn).await;
    }
}

async fn write(shared: &Shared, jobs: Vec<Job>, turn: Option<MutexGuard<'_, mpsc::Receiver<Job>>>) {
    // In the order of the key, so that two servers never wait for each other.
    let mut by_key: BTreeMap<Key, Vec<Job>> = BTreeMap::new();
    for job in jobs {
        by_key.entry((job.received.record.record_id, job.site)).or_default().push(job);
    }
    let firsts: Vec<(i64, &Received)> =
        by_key.iter().filter_map(|((_, site), jobs)| Some((*site, &jobs.first()?.received))).collect();
    let stored = store(shared, &firsts).await;
    // The other lane stores while this one answers.
    drop(turn);
    note(shared, stored.as_ref().err());
    let mut stored = match stored {
        Ok(stored) => stored,
        Err(failure) => {
            let error = failure.for_sender();
            by_key.into_values().flatten().for_each(|job| drop(job.reply.send(Err(error))));
            return;
        }
    };
    let mut settled = Vec::with_capacity(by_key.len());
    for (key, jobs) in by_key {
        let mut created = stored.new.contains(&key);
        let (mut before, place) = (stored.known.remove(&key), stored.placed.remove(&key));
        for Job { mut received, reply, .. } in jobs {
            let offered = received.record.digest;
            let known = before.get_or_insert_with(|| Known {
                digest: Some(offered),
                secret: Some(received.secret.clone()),
                place,
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

/// What became of records that were to be stored.
#[derive(Default)]
struct Stored {
    /// Those that were not here before.
    new: HashSet<Key>,
    /// Where these stand, when they were given their places at once.
    placed: HashMap<Key, Place>,
    /// What is known of the others.
    known: HashMap<Key, Known>,
}

/// Stores those that are new, in one transaction. Doing it twice is doing it once.
async fn store(shared: &Shared, records: &[(i64, &Received)]) -> Done<Stored> {
    let mut retry = Retry::default();
    let mut token = shared.leads();
    loop {
        let stored = match token {
            Some(token) => store_and_place(shared, token, records).await,
            None => store_for_later(shared, records).await,
        };
        match (stored, token) {
            (Err(failure), Some(held)) if !failure.is_collision() => {
                // Whatever it is, the sequencer meets it too, and knows what to do; the records are safe in the inbox.
                if matches!(failure, Failure::Fenced) {
                    shared.resign(held);
                }
                token = None;
            }
            (Err(failure), _) if retry.wait(&failure).await => {}
            (stored, _) => return stored,
        }
    }
}

/// Which record a new one ends: only where both are of one pseudonym (as in SQLite, `sqlite::end`).
macro_rules! ended {
    () => {
        "CASE WHEN EXISTS (SELECT 1 FROM askfirst.record AS p WHERE p.record_id = n.prev AND p.site = n.site
             AND p.subject <> n.subject AND p.subject <> n.plain) THEN NULL ELSE n.prev END"
    };
}

macro_rules! insert {
    ($prev:expr, $rest:literal) => {
        concat!("INSERT INTO askfirst.record (record_id, site, received_at, browser_at, valid_until, core, context, prev,
             digest, notice, subject, holder, secret, body, challenge)
         SELECT n.record_id, n.site, n.received_at, n.browser_at, n.valid_until, n.core, n.context,
             ", $prev, ", n.digest, n.notice, n.subject, n.holder, n.secret, n.body, n.challenge
         FROM unnest($1::BYTEA[], $2::INT8[], $3::INT8[], $4::INT8[], $5::INT8[], $6::BYTEA[], $7::BYTEA[],
             $8::BYTEA[], $9::BYTEA[], $10::BYTEA[], $11::BYTEA[], $12::BYTEA[], $13::BYTEA[], $14::BYTEA[],
             $15::INT8[], $16::BYTEA[]) AS n (record_id, site, received_at, browser_at, valid_until, core, context, prev,
             digest, notice, subject, holder, secret, body, challenge, plain) ", $rest)
    };
}
pub(super) use {ended, insert};

const INSERT: &str = insert!(ended!(), "ON CONFLICT (record_id, site) DO NOTHING RETURNING record_id, site, prev");

/// Inserts those that are new, with what else the statement takes; which they are, and which record each of them ends.
async fn insert_new(
    client: &impl GenericClient,
    sql: &str,
    records: &[(i64, &Received)],
    more: &Parameters<'_>,
) -> Done<HashMap<Key, Option<[u8; 16]>>> {
    let new = |row: &Row| Ok((key_of(row)?, row.try_get::<_, Option<Vec<u8>>>(2)?.map(bytes).transpose()?));
    rows(client, sql, records, more).await?.iter().map(new).collect()
}

/// What a statement answers that inserts records and takes more.
pub async fn rows(
    client: &impl GenericClient,
    sql: &str,
    records: &[(i64, &Received)],
    more: &Parameters<'_>,
) -> Done<Vec<Row>> {
    fn column<'a, T>(records: &[(i64, &'a Received)], of: impl Fn(&'a Received) -> T) -> Vec<T> {
        records.iter().map(|(_, received)| of(received)).collect()
    }
    let sites: Vec<i64> = records.iter().map(|(site, _)| *site).collect();
    let (ids, times) = (column(records, |r| r.record.record_id.as_slice()), column(records, |r| r.at));
    let (given, ends) = (column(records, |r| r.record.at), column(records, |r| r.record.ends_at));
    let core = column(records, |r| r.commitment.core.as_slice());
    let context = column(records, |r| r.commitment.context.as_slice());
    let prev = column(records, |r| r.record.prev.as_ref().map(<[u8; 16]>::as_slice));
    // A sealed body says its digest and its holder itself.
    let digest = column(records, |r| r.sealed.is_none().then_some(r.record.digest.as_slice()));
    let notice = column(records, |r| r.record.notice.as_slice());
    let subject = column(records, |r| r.sealed.as_ref().map_or(r.record.subject.as_slice(), |s| s.subject.as_slice()));
    let holder = column(records, |r| r.sealed.is_none().then_some(r.record.holder.as_slice()));
    let secret = column(records, |r| r.sealed.as_ref().map_or(r.secret.bytes().as_slice(), |s| s.secret.as_slice()));
    let body = column(records, |r| r.sealed.as_ref().map_or(r.record.body.as_bytes(), |s| s.body.as_slice()));
    let challenge = column(records, |r| r.record.challenge.map(Challenge::number));
    let plain = column(records, |r| r.record.subject.as_slice());
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![
        &ids, &sites, &times, &given, &ends, &core, &context, &prev, &digest, &notice, &subject, &holder, &secret,
        &body, &challenge, &plain,
    ];
    values.extend(more);
    query(client, sql, &values).await
}

fn key_of(row: &Row) -> Done<Key> {
    Ok((bytes(row.try_get(0)?)?, row.try_get(1)?))
}

/// Stores them with a word for the sequencer.
async fn store_for_later(shared: &Shared, records: &[(i64, &Received)]) -> Done<Stored> {
    let mut batch = [0u8; 16];
    getrandom::fill(&mut batch).map_err(|error| Failure::Unreachable(error.to_string()))?;
    let first = records.iter().map(|(_, received)| received.at).min().unwrap_or_default();
    let sql = concat!(
        "WITH new AS (",
        insert!(ended!(), "ON CONFLICT (record_id, site) DO NOTHING RETURNING record_id, site, prev"),
        "), word AS (INSERT INTO askfirst.inbox (batch, received_at, record_ids, sites) VALUES ($17, $18, $1, $2))
         SELECT record_id, site, prev FROM new"
    );
    let client = shared.client().await?;
    let new = insert_new(&client, sql, records, &[&batch.as_slice(), &first]).await?;
    shared.filled.notify_one();
    let known = known(shared, &client, records, &new).await?;
    Ok(Stored { new: new.into_keys().collect(), known, ..Stored::default() })
}

/// Stores them and gives them their places, as the server that does this.
async fn store_and_place(shared: &Shared, token: i64, records: &[(i64, &Received)]) -> Done<Stored> {
    // In this order, as everybody: who waits for a connection holds nothing that one who has a connection waits for.
    let mut client = shared.client().await?;
    let mut appender = shared.appender.lock().await;
    if let Some(placed) = at_once::store(shared, &client, token, &mut appender, records).await? {
        return Ok(Stored { new: placed.keys().copied().collect(), placed, ..Stored::default() });
    }
    let transaction = client.transaction().await?;
    let turn = Turn::Sequencer { token, lease: LEASE };
    // Sent together, answered together.
    let (taken, new) = try_join!(turn.take(&transaction), insert_new(&transaction, INSERT, records, &[]))?;
    let mut append = Append::of(transaction, &mut appender, &shared.seeds, taken);
    shared.compare_clocks(append.clock);
    let arrived = records.iter().filter_map(|(site, received)| {
        let prev = new.get(&(received.record.record_id, *site))?;
        Some(Arrived::new(*site, received, *prev))
    });
    let mut arrived: Vec<Arrived<'_>> = arrived.collect();
    arrived.sort_by_key(Arrived::order);
    let given = Given::give(&mut append, &mut arrived, shared.sealing.as_deref()).await?;
    shared.take(&given.commit(append, &[]).await?).await;
    drop(appender);
    let known = known(shared, &client, records, &new).await?;
    Ok(Stored { new: new.into_keys().collect(), placed: given.places().collect(), known })
}

/// What is known of the records that are not new.
async fn known(
    shared: &Shared,
    client: &Client,
    records: &[(i64, &Received)],
    new: &HashMap<Key, Option<[u8; 16]>>,
) -> Done<HashMap<Key, Known>> {
    let old = records.iter().filter(|(site, received)| !new.contains_key(&(received.record.record_id, *site)));
    let (sites, ids): (Vec<i64>, Vec<&[u8]>) =
        old.map(|(site, received)| (*site, received.record.record_id.as_slice())).unzip();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = "SELECT r.record_id, r.site, r.digest, r.subject, r.holder, r.secret, r.body, r.challenge, p.seq, p.log, p.idx, p.received_at
               FROM unnest($1::BYTEA[], $2::INT8[]) AS k (record_id, site)
               JOIN askfirst.record AS r ON r.record_id = k.record_id AND r.site = k.site
               LEFT JOIN askfirst.place AS p ON p.record_id = r.record_id AND p.site = r.site";
    let known = |row: &Row| {
        let place = match row.try_get::<_, Option<i64>>("seq")? {
            Some(seq) => Some(Place {
                seq,
                log: row.try_get("log")?,
                index: unsigned(row.try_get("idx")?),
                received_at: row.try_get("received_at")?,
            }),
            None => None,
        };
        let Opened { digest, secret, .. } = seal::opened(shared.sealing.as_deref(), row)?;
        let challenge = row.try_get::<_, Option<i64>>("challenge")?.map(Challenge::of_number);
        Ok((key_of(row)?, Known { digest, secret, place, challenge }))
    };
    query(client, sql, &[&ids, &sites]).await?.iter().map(known).collect()
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
