//! Giving places: one server at a time empties the inbox into the logs. A lease says which; the fencing token with which
//! it writes sees to it that one that has slept through the end of its lease writes nothing (PROOF test 28).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::append::{Append, Turn};
use super::failure::{Done, Failure};
use super::giving::{Arrived, Given};
use super::shared::Shared;
use super::sql::{execute, query};
use super::waiting::answer;
use crate::store::StoreError;

/// Seconds after which a sequencer that says nothing is replaced, by the database's clock.
pub const LEASE: f64 = 2.0;
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
                    shared.lead(token);
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
                    shared.resign(token);
                    held = None;
                    // A new lease is asked for at once; with the old token nothing can be written.
                    PAUSES.1
                }
            },
        };
        if shared.frozen().is_some() {
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
    if let Some(token) = held {
        shared.resign(token);
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
    let (_, last) = append.growing.last;
    let sql =
        "SELECT r.record_id, r.site, s.origin, r.received_at, r.browser_at, r.valid_until, r.core, r.context, r.prev,
                   r.notice, r.challenge, CASE WHEN r.received_at < $3 THEN r.secret END AS secret,
                   CASE WHEN r.received_at < $3 THEN r.body END AS body
               FROM unnest($1::BYTEA[], $2::INT8[]) AS k (record_id, site)
               JOIN askfirst.record AS r ON r.record_id = k.record_id AND r.site = k.site
               LEFT JOIN askfirst.site AS s ON s.site = r.site
               WHERE NOT EXISTS (SELECT 1 FROM askfirst.place AS p WHERE p.record_id = r.record_id AND p.site = r.site)
               ORDER BY r.received_at, r.record_id, r.site";
    let rows = query(&append.transaction, sql, &[&ids, &sites, &last]).await?;
    let mut arrived = rows.iter().map(Arrived::of).collect::<Done<Vec<_>>>()?;
    let given = Given::give(&mut append, &mut arrived, shared.sealing.as_deref()).await?;
    let grown = given.commit(append, &batches).await?;
    shared.take(&grown).await;
    drop((appender, client));
    let settled = shared.waiting.settle(given.places());
    answer(shared, settled).await;
    Ok(Sequenced::Some)
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
