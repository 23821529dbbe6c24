//! Records that are stored and have no place yet, and who waits for it. A receipt is answered when the entry is in the
//! log; whoever does not wait that long comes again with the same record and gets it then (R7).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use askfirst_core::time::Millis;
use tokio::sync::{Notify, oneshot};

use super::failure::Done;
use super::shared::Shared;
use super::sql::{bytes, query};
use super::tree::unsigned;
use crate::store::secret::Secret;
use crate::store::{EntryRef, Inserted, NewRecord, StoreError};

/// A record id and the number of its site.
pub type Key = ([u8; 16], i64);

/// Places remembered for who asks just after they were given.
const REMEMBERED: usize = 8_192;
/// Keys asked for at once.
const ASKED: usize = 1_024;
/// Pause between two looks for places that another server gives.
const LOOK: Duration = Duration::from_millis(3);
/// The same when this server gives them itself, and says so.
const LOOK_BACK: Duration = Duration::from_millis(100);

/// What the sequencer has given to a record.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub seq: i64,
    pub log: i64,
    pub index: u64,
    pub received_at: Millis,
}

/// Somebody who wants a receipt.
pub struct Waiter {
    pub record: NewRecord,
    /// `None` when the record was erased.
    pub secret: Option<Secret>,
    /// It was not here before.
    pub created: bool,
    pub reply: oneshot::Sender<Result<Inserted, StoreError>>,
}

#[derive(Default)]
pub struct Waiting {
    state: Mutex<State>,
    /// Somebody has begun to wait.
    begun: Notify,
}

#[derive(Default)]
struct State {
    waiting: HashMap<Key, Vec<Waiter>>,
    young: HashMap<Key, Place>,
    old: HashMap<Key, Place>,
}

impl Waiting {
    pub fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Waits for the place of a record, or gives it back with its place when that is known.
    pub fn begin(&self, key: Key, waiter: Waiter) -> Option<(Waiter, Place)> {
        let mut state = self.lock();
        if let Some(place) = state.young.get(&key).or_else(|| state.old.get(&key)) {
            let place = *place;
            return Some((waiter, place));
        }
        state.waiting.entry(key).or_default().push(waiter);
        drop(state);
        self.begun.notify_one();
        None
    }

    /// Who has waited for these places.
    pub fn settle(&self, places: impl IntoIterator<Item = (Key, Place)>) -> Vec<(Waiter, Place)> {
        let mut state = self.lock();
        let mut settled = Vec::new();
        for (key, place) in places {
            settled.extend(state.waiting.remove(&key).into_iter().flatten().map(|waiter| (waiter, place)));
            state.remember(key, place);
        }
        settled
    }

    /// Remembers places that nobody has waited for.
    pub fn remember(&self, places: &HashMap<Key, Place>) {
        let mut state = self.lock();
        places.iter().for_each(|(key, place)| state.remember(*key, *place));
    }

    /// Whether one of these has had its place not long ago.
    pub fn knows_any(&self, keys: impl IntoIterator<Item = Key>) -> bool {
        let state = self.lock();
        keys.into_iter().any(|key| state.young.contains_key(&key) || state.old.contains_key(&key))
    }

    /// The keys that somebody still waits for.
    fn keys(&self) -> Vec<Key> {
        let mut state = self.lock();
        state.waiting.retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.reply.is_closed());
            !waiters.is_empty()
        });
        state.waiting.keys().take(ASKED).copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, key: Key, place: Place) {
        self.young.insert(key, place);
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
    }
}

/// Looks for the places that other servers give.
pub async fn look(shared: Arc<Shared>) {
    loop {
        let keys = shared.waiting.keys();
        if keys.is_empty() {
            shared.publish_rest().await;
            shared.waiting.begun.notified().await;
        }
        tokio::time::sleep(if shared.leads().is_some() { LOOK_BACK } else { LOOK }).await;
        let keys = shared.waiting.keys();
        match places(&shared, &keys).await {
            Ok(places) => answer(&shared, shared.waiting.settle(places)).await,
            // Who waits is told in time; the next look may go well.
            Err(_) => tokio::time::sleep(LOOK_BACK).await,
        }
    }
}

async fn places(shared: &Shared, keys: &[Key]) -> Done<Vec<(Key, Place)>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&[u8]> = keys.iter().map(|(id, _)| id.as_slice()).collect();
    let sites: Vec<i64> = keys.iter().map(|(_, site)| *site).collect();
    let client = shared.client().await?;
    let sql = "SELECT p.record_id, p.site, p.seq, p.log, p.idx, p.received_at
               FROM unnest($1::BYTEA[], $2::INT8[]) AS k (record_id, site)
               JOIN askfirst.place AS p ON p.record_id = k.record_id AND p.site = k.site";
    let rows = query(&client, sql, &[&ids, &sites]).await?;
    let place = |row: &tokio_postgres::Row| {
        let key = (bytes(row.try_get(0)?)?, row.try_get(1)?);
        let place = Place {
            seq: row.try_get(2)?,
            log: row.try_get(3)?,
            index: unsigned(row.try_get(4)?),
            received_at: row.try_get(5)?,
        };
        Ok((key, place))
    };
    rows.iter().map(place).collect()
}

/// Answers those whose entries are in the log, each with the proof that they are.
pub async fn answer(shared: &Shared, settled: Vec<(Waiter, Place)>) {
    if settled.is_empty() {
        return;
    }
    let mut client = None;
    let mut followers = shared.followers.lock().await;
    for (waiter, place) in settled {
        let done = async {
            // Most often this server has followed so far, and no connection is needed.
            let near = followers.get(&place.log).and_then(|tree| tree.prove(place.index));
            if near.is_some() {
                return Ok(near);
            }
            if client.is_none() {
                client = Some(shared.client().await?);
            }
            let Some(client) = &client else { return Ok(None) };
            match shared.catch_up(&mut followers, client, place.log, place.index).await? {
                Some(tree) => tree.prove_any(client, place.index).await,
                None => Ok(None),
            }
        };
        let inclusion = shared.answer(done.await);
        let Waiter { record, secret, created, reply } = waiter;
        let answer = inclusion.map(|inclusion| {
            let mut receipt = record.receipt(place.seq, place.received_at);
            receipt.erased = secret.is_none();
            receipt.entry = Some(EntryRef { log: place.log, index: place.index, secret });
            receipt.inclusion = inclusion;
            if created { Inserted::Created(receipt) } else { Inserted::Repeated(receipt) }
        });
        // A client that has gone away needs no answer; its record is stored all the same.
        let _ = reply.send(answer);
    }
}
