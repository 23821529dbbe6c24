//! Giving places: one server at a time empties the inbox into the logs. A lease says which; the fencing token with which
//! it writes sees to it that one that has slept through the end of its lease writes nothing (PROOF test 28).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use askfirst_core::log::{Challenge, Commitment, Entry};
use askfirst_core::time::Millis;
use tokio::sync::watch;
use tokio::try_join;
use tokio_postgres::Row;

use super::append::{Append, Turn};
use super::failure::{Done, Failure};
use super::seal;
use super::shared::Shared;
use super::sql::{bytes, execute, hash, query};
use super::waiting::{Key, Place, answer};
use crate::store::incoming::ends_at;
use crate::store::log::number;
use crate::store::sealing::Sealing;
use crate::store::{Clock, StoreError};

/// Seconds after which a sequencer that says nothing is replaced, by the database's clock.
const LEASE: f64 = 2.0;
/// How often it says something when there is nothing to do, and how often others look whether it does.
const BEAT: Duration = Duration::from_millis(600);
/// Batches of the inbox in one transaction.
const BATCHES: i64 = 16;
/// Pause between two looks at an inbox that was empty: short after a record, longer when none comes for a while.
const PAUSES: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(40));

/// Sequences when it is this server's turn, until it is told to stop.
pub async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut held: Option<i64> = None;
    let mut said = Instant::now();
    let mut busy = Instant::now();
    loop {
        if *stop.borrow() {
            break;
        }
        let pause = match held {
            None => match acquire(&shared).await {
                Ok(Some(token)) => {
                    tracing::info!(token, "this server gives the places now");
                    shared.leading.store(true, Relaxed);
                    (held, said) = (Some(token), Instant::now());
                    Duration::ZERO
                }
                Ok(None) => BEAT,
                Err(failure) => {
                    tracing::warn!(code = failure.code(), "the lease can't be asked for");
                    BEAT
                }
            },
            Some(token) => match sequence(&shared, token, said.elapsed() > BEAT).await {
                Ok(Sequenced::Some) => {
                    (said, busy) = (Instant::now(), Instant::now());
                    Duration::ZERO
                }
                Ok(Sequenced::Renewed) => {
                    said = Instant::now();
                    PAUSES.0
                }
                Ok(Sequenced::Nothing) => {
                    if busy.elapsed() < Duration::from_secs(1) {
                        PAUSES.0
                    } else {
                        PAUSES.1
                    }
                }
                Err(failure) => {
                    tracing::warn!(code = failure.code(), "this server gives no places any more");
                    if let Failure::Fault(fault) = failure {
                        shared.freeze(fault.sentence());
                    }
                    shared.leading.store(false, Relaxed);
                    held = None;
                    // A new lease is asked for at once; with the old token nothing can be written.
                    PAUSES.1
                }
            },
        };
        if shared.frozen().is_some() {
            shared.leading.store(false, Relaxed);
            return;
        }
        if !pause.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shared.filled.notified(), if held.is_some() => {}
                _ = stop.changed() => {}
            }
        }
    }
    shared.leading.store(false, Relaxed);
    if let Some(token) = held {
        // Another one need not wait for the end of the lease.
        let _ = release(&shared, token).await;
    }
}

/// Becomes the sequencer when nobody is.
async fn acquire(shared: &Shared) -> Done<Option<i64>> {
    let client = shared.client().await?;
    let free = "SELECT 1 FROM askfirst.sequencer WHERE one = 1 AND expires_at < clock_timestamp()";
    // Looking is cheap; asking would wait for the one who is at it.
    if query(&client, free, &[]).await?.is_empty() {
        return Ok(None);
    }
    let sql = "UPDATE askfirst.sequencer SET token = token + 1, holder = $1,
                   expires_at = clock_timestamp() + $2 * interval '1 second'
               WHERE one = 1 AND expires_at < clock_timestamp() RETURNING token";
    let holder = std::process::id().to_string();
    let rows = query(&client, sql, &[&holder, &LEASE]).await;
    match rows {
        Ok(rows) => Ok(rows.first().map(|row| row.try_get(0)).transpose()?),
        // Somebody else has become it.
        Err(failure) if failure.code() == "40001" => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn release(shared: &Shared, token: i64) -> Done<u64> {
    let client = shared.client().await?;
    let sql = "UPDATE askfirst.sequencer SET expires_at = '1970-01-01 00:00:00+00' WHERE one = 1 AND token = $1";
    execute(&client, sql, &[&token]).await
}

enum Sequenced {
    Some,
    Renewed,
    Nothing,
}

/// Gives places to what is in the inbox, once more when it met another transaction.
async fn sequence(shared: &Shared, token: i64, renew: bool) -> Done<Sequenced> {
    let mut retry = super::failure::Retry::default();
    loop {
        match sequence_once(shared, token, renew).await {
            Err(failure) if retry.wait(&failure).await => {}
            sequenced => return sequenced,
        }
    }
}

/// A record as it waits in the inbox.
struct Arrived {
    key: Key,
    received_at: Millis,
    browser_at: Millis,
    valid_until: Millis,
    challenge: Option<Challenge>,
    commitment: Commitment,
    prev: Option<[u8; 16]>,
    notice: [u8; 32],
    /// Secret and body of one that came before the last one that has a place: its commitment says another time.
    again: Option<(Vec<u8>, Vec<u8>)>,
}

impl Arrived {
    fn of(row: &Row) -> Done<Self> {
        let secret: Option<Vec<u8>> = row.try_get("secret")?;
        let prev: Option<Vec<u8>> = row.try_get("prev")?;
        Ok(Self {
            key: (bytes(row.try_get("record_id")?)?, row.try_get("site")?),
            received_at: row.try_get("received_at")?,
            browser_at: row.try_get("browser_at")?,
            valid_until: row.try_get("valid_until")?,
            challenge: row.try_get::<_, Option<i64>>("challenge")?.map(Challenge::of_number),
            commitment: Commitment { core: hash(row.try_get("core")?)?, context: hash(row.try_get("context")?)? },
            prev: prev.map(bytes).transpose()?,
            notice: hash(row.try_get("notice")?)?,
            again: match secret {
                Some(secret) => Some((secret, row.try_get("body")?)),
                None => None,
            },
        })
    }

    /// The time of receipt never goes back from one record to the next.
    fn not_before(&mut self, last: Millis, sealing: Option<&Sealing>) -> Done<()> {
        if self.received_at >= last {
            return Ok(());
        }
        let (secret, body) = self.again.take().ok_or_else(|| Failure::damaged("a record in the inbox has no body"))?;
        let (secret, body) = seal::text(sealing, &self.key.0, secret, body)?;
        self.received_at = last;
        let envelope = Clock::compare(self.browser_at, last).envelope(last, self.challenge);
        self.commitment = secret.commit(&body, &envelope);
        Ok(())
    }
}

async fn sequence_once(shared: &Shared, token: i64, renew: bool) -> Done<Sequenced> {
    let mut client = shared.client().await?;
    let sql = "SELECT batch, record_ids, sites FROM askfirst.inbox ORDER BY received_at, batch LIMIT $1";
    let boxes = query(&client, sql, &[&BATCHES]).await?;
    if boxes.is_empty() {
        if !renew {
            return Ok(Sequenced::Nothing);
        }
        let sql = "UPDATE askfirst.sequencer SET expires_at = clock_timestamp() + $2 * interval '1 second'
                   WHERE one = 1 AND token = $1 RETURNING (extract(epoch FROM clock_timestamp()) * 1000)::INT8";
        let rows = query(&client, sql, &[&token, &LEASE]).await?;
        shared.compare_clocks(rows.first().ok_or(Failure::Fenced)?.try_get(0)?);
        return Ok(Sequenced::Renewed);
    }
    let (mut batches, mut keys) = (Vec::new(), BTreeSet::<(Vec<u8>, i64)>::new());
    for row in &boxes {
        batches.push(row.try_get::<_, Vec<u8>>(0)?);
        // A record that came twice is in two batches.
        keys.extend(row.try_get::<_, Vec<Vec<u8>>>(1)?.into_iter().zip(row.try_get::<_, Vec<i64>>(2)?));
    }
    let (ids, sites): (Vec<Vec<u8>>, Vec<i64>) = keys.into_iter().unzip();
    let mut appender = shared.appender.lock().await;
    let turn = Turn::Sequencer { token, lease: LEASE };
    let mut append = Append::begin(&mut client, &mut appender, &shared.seeds, turn).await?;
    shared.compare_clocks(append.clock);
    let (mut seq, mut last) = append.last;
    let sql = "SELECT r.record_id, r.site, r.received_at, r.browser_at, r.valid_until, r.core, r.context, r.prev,
                   r.notice, r.challenge, CASE WHEN r.received_at < $3 THEN r.secret END AS secret,
                   CASE WHEN r.received_at < $3 THEN r.body END AS body
               FROM unnest($1::BYTEA[], $2::INT8[]) AS k (record_id, site)
               JOIN askfirst.record AS r ON r.record_id = k.record_id AND r.site = k.site
               WHERE NOT EXISTS (SELECT 1 FROM askfirst.place AS p WHERE p.record_id = r.record_id AND p.site = r.site)
               ORDER BY r.received_at, r.record_id, r.site";
    let rows = query(&append.transaction, sql, &[&ids, &sites, &last]).await?;
    let mut arrived = rows.iter().map(Arrived::of).collect::<Done<Vec<_>>>()?;
    let origins = origins(&append, &arrived).await?;
    let mut given: Vec<(Key, Place, Millis)> = Vec::with_capacity(arrived.len());
    let mut by_key: HashMap<Key, usize> = HashMap::new();
    // Records before that end now, with the first that follows.
    let mut ended: BTreeMap<Key, Millis> = BTreeMap::new();
    for record in &mut arrived {
        let site = record.key.1;
        let origin = origins.get(&site).ok_or_else(|| Failure::damaged("a record is of a site without a name"))?;
        record.not_before(last, shared.sealing.as_deref())?;
        let at = record.received_at;
        if !append.append_notice((site, origin), record.notice, at).await? {
            return Err(Failure::damaged("a record in the inbox names a notice that is gone"));
        }
        if let Some(prev) = record.prev {
            match by_key.get(&(prev, site)) {
                Some(before) => given[*before].2 = given[*before].2.min(at),
                None => drop(ended.entry((prev, site)).and_modify(|end| *end = at.min(*end)).or_insert(at)),
            }
        }
        let (log, index) = append.append((site, origin), &Entry::Record(record.commitment), at).await?;
        seq += 1;
        last = at;
        by_key.insert(record.key, given.len());
        let place = Place { seq, log, index, received_at: at };
        given.push((record.key, place, ends_at(record.browser_at, record.valid_until, at)));
    }
    write(&append, &given, &ended, &batches, (seq, last)).await?;
    let grown = append.commit().await?;
    drop((appender, client));
    shared.take(grown).await;
    let settled = shared.waiting.settle(given.into_iter().map(|(key, place, _)| (key, place)));
    answer(shared, settled).await;
    Ok(Sequenced::Some)
}

/// The names of the sites of these records.
async fn origins(append: &Append<'_>, arrived: &[Arrived]) -> Done<HashMap<i64, String>> {
    let sites: BTreeSet<i64> = arrived.iter().map(|record| record.key.1).collect();
    let sites: Vec<i64> = sites.into_iter().collect();
    let sql = "SELECT site, origin FROM askfirst.site WHERE site = ANY($1)";
    let rows = query(&append.transaction, sql, &[&sites]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Writes the places, and takes what has them out of the inbox.
async fn write(
    append: &Append<'_>,
    given: &[(Key, Place, Millis)],
    ended: &BTreeMap<Key, Millis>,
    batches: &[Vec<u8>],
    (seq, last): (i64, Millis),
) -> Done<()> {
    let transaction = &append.transaction;
    let ids: Vec<&[u8]> = given.iter().map(|(key, ..)| key.0.as_slice()).collect();
    let sites: Vec<i64> = given.iter().map(|(key, ..)| key.1).collect();
    let column = |of: fn(&Place) -> i64| given.iter().map(|(_, place, _)| of(place)).collect::<Vec<i64>>();
    let ends: Vec<i64> = given.iter().map(|(.., end)| *end).collect();
    let (seqs, logs, indices, times) =
        (column(|p| p.seq), column(|p| p.log), column(|p| number(p.index)), column(|p| p.received_at));
    let places = async {
        if given.is_empty() {
            return Ok(0);
        }
        let sql = "INSERT INTO askfirst.place (seq, record_id, site, log, idx, received_at, ends_at)
                   SELECT * FROM unnest($1::INT8[], $2::BYTEA[], $3::INT8[], $4::INT8[], $5::INT8[], $6::INT8[], $7::INT8[])";
        execute(transaction, sql, &[&seqs, &ids, &sites, &logs, &indices, &times, &ends]).await
    };
    let (before_ids, before_sites): (Vec<&[u8]>, Vec<i64>) =
        ended.keys().map(|(id, site)| (id.as_slice(), *site)).unzip();
    let before_ends: Vec<i64> = ended.values().copied().collect();
    let before = async {
        if ended.is_empty() {
            return Ok(0);
        }
        let sql = "UPDATE askfirst.place SET ends_at = k.at
                   FROM unnest($1::BYTEA[], $2::INT8[], $3::INT8[]) AS k (record_id, site, at)
                   WHERE place.record_id = k.record_id AND place.site = k.site AND place.ends_at > k.at";
        execute(transaction, sql, &[&before_ids, &before_sites, &before_ends]).await
    };
    let row = async {
        let sql = "UPDATE askfirst.sequencer SET last_seq = $1, last_received = $2 WHERE one = 1";
        execute(transaction, sql, &[&seq, &last]).await
    };
    let done = async {
        let sql = "DELETE FROM askfirst.inbox WHERE batch = ANY($1)";
        execute(transaction, sql, &[&batches]).await
    };
    try_join!(places, before, row, done).map(drop)
}

/// Whether somebody gives places.
pub async fn is_alive(shared: &Shared) -> Result<bool, StoreError> {
    let alive = async {
        let client = shared.client().await?;
        let sql = "SELECT expires_at > clock_timestamp() - interval '10 seconds' FROM askfirst.sequencer WHERE one = 1";
        let rows = query(&client, sql, &[]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
    };
    shared.answer(alive.await)
}
