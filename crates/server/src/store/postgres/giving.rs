//! Giving records their places in the logs, in a transaction that grows them: what the sequencer does with the inbox, and
//! with what its own server takes in.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use askfirst_core::log::{Challenge, Commitment, Entry};
use askfirst_core::time::Millis;
use deadpool_postgres::Transaction;
use tokio::try_join;
use tokio_postgres::Row;

use super::append::{self, Append};
use super::failure::{Done, Failure};
use super::growing::{Growing, Grown};
use super::seal;
use super::sql::{bytes, execute, hash};
use super::waiting::{Key, Place};
use crate::store::Clock;
use crate::store::incoming::{Received, ends_at};
use crate::store::log::number;
use crate::store::sealing::Sealing;
use crate::store::secret::Secret;

/// A record that is stored and has no place yet.
pub struct Arrived<'a> {
    pub key: Key,
    origin: Cow<'a, str>,
    received_at: Millis,
    browser_at: Millis,
    valid_until: Millis,
    challenge: Option<Challenge>,
    commitment: Commitment,
    prev: Option<[u8; 16]>,
    pub notice: [u8; 32],
    text: Text<'a>,
}

/// Secret and body, for a commitment to another time.
enum Text<'a> {
    Here(&'a Secret, &'a str),
    /// As they are stored. They are read only of a record that came before the last one that has a place.
    Stored(Option<(Vec<u8>, Vec<u8>)>),
}

impl<'a> Arrived<'a> {
    /// Of a record that this server has just stored, as one that ends another.
    pub fn new(site: i64, received: &'a Received, prev: Option<[u8; 16]>) -> Self {
        let record = &received.record;
        Self {
            key: (record.record_id, site),
            origin: record.site.as_str().into(),
            received_at: received.at,
            browser_at: record.at,
            valid_until: record.ends_at,
            challenge: record.challenge,
            commitment: received.commitment,
            prev,
            notice: record.notice,
            text: Text::Here(&received.secret, &record.body),
        }
    }

    /// Of a record as it waits.
    pub fn of(row: &Row) -> Done<Self> {
        let origin: Option<String> = row.try_get("origin")?;
        let secret: Option<Vec<u8>> = row.try_get("secret")?;
        let prev: Option<Vec<u8>> = row.try_get("prev")?;
        let challenge: Option<i64> = row.try_get("challenge")?;
        Ok(Self {
            key: (bytes(row.try_get("record_id")?)?, row.try_get("site")?),
            origin: origin.ok_or_else(|| Failure::damaged("a record is of a site without a name"))?.into(),
            received_at: row.try_get("received_at")?,
            browser_at: row.try_get("browser_at")?,
            valid_until: row.try_get("valid_until")?,
            challenge: challenge.map(Challenge::of_number),
            commitment: Commitment { core: hash(row.try_get("core")?)?, context: hash(row.try_get("context")?)? },
            prev: prev.map(bytes).transpose()?,
            notice: hash(row.try_get("notice")?)?,
            text: Text::Stored(match secret {
                Some(secret) => Some((secret, row.try_get("body")?)),
                None => None,
            }),
        })
    }

    /// In which order places are given.
    pub fn order(&self) -> (Millis, Key) {
        (self.received_at, self.key)
    }

    /// The time of receipt never goes back from one record to the next.
    fn not_before(&mut self, last: Millis, sealing: Option<&Sealing>) -> Done<()> {
        if self.received_at >= last {
            return Ok(());
        }
        let envelope = Clock::compare(self.browser_at, last).envelope(last, self.challenge);
        self.commitment = match &mut self.text {
            Text::Here(secret, body) => secret.commit(body, &envelope),
            Text::Stored(text) => {
                let (secret, body) =
                    text.take().ok_or_else(|| Failure::damaged("a record in the inbox has no body"))?;
                let (secret, body) = seal::text(sealing, &self.key.0, secret, body)?;
                secret.commit(&body, &envelope)
            }
        };
        self.received_at = last;
        Ok(())
    }
}

/// Places that are given and are to be written.
pub struct Given {
    /// With the time at which the consent ends.
    places: Vec<(Key, Place, Millis)>,
    by_key: HashMap<Key, usize>,
    /// Records before that end now, with the first that follows.
    ended: BTreeMap<Key, Millis>,
}

impl Given {
    /// Gives each record the next place, in this order.
    ///
    /// # Errors
    /// A record names a notice that is gone, or can't be opened.
    pub async fn give(append: &mut Append<'_>, arrived: &mut [Arrived<'_>], sealing: Option<&Sealing>) -> Done<Self> {
        let mut given = Self::new(arrived.len());
        for record in arrived {
            record.not_before(append.growing.last.1, sealing)?;
            let site = (record.key.1, record.origin.as_ref());
            if !append.append_notice(site, record.notice, record.received_at).await? {
                return Err(Failure::damaged("a record names a notice that is gone"));
            }
            given.place(&mut append.growing, record)?;
        }
        Ok(given)
    }

    /// The same where each site's open log is at hand and has the notice.
    pub fn give_at_hand(
        growing: &mut Growing<'_>,
        arrived: &mut [Arrived<'_>],
        sealing: Option<&Sealing>,
    ) -> Done<Self> {
        let mut given = Self::new(arrived.len());
        for record in arrived {
            record.not_before(growing.last.1, sealing)?;
            given.place(growing, record)?;
        }
        Ok(given)
    }

    fn new(records: usize) -> Self {
        Self { places: Vec::with_capacity(records), by_key: HashMap::with_capacity(records), ended: BTreeMap::new() }
    }

    /// Gives a record the next place.
    fn place(&mut self, growing: &mut Growing<'_>, record: &Arrived<'_>) -> Done<()> {
        let (site, at) = (record.key.1, record.received_at);
        if let Some(prev) = record.prev {
            let before = (prev, site);
            match self.by_key.get(&before).and_then(|place| self.places.get_mut(*place)) {
                Some((_, _, end)) => *end = at.min(*end),
                None => drop(self.ended.entry(before).and_modify(|end| *end = at.min(*end)).or_insert(at)),
            }
        }
        let (log, index) = growing.put(site, &Entry::Record(record.commitment))?;
        let seq = growing.last.0 + 1;
        growing.last = (seq, at);
        self.by_key.insert(record.key, self.places.len());
        let place = Place { seq, log, index, received_at: at };
        self.places.push((record.key, place, ends_at(record.browser_at, record.valid_until, at)));
        Ok(())
    }

    /// Writes them with all that the transaction has appended, takes these batches out of the inbox, and commits.
    pub async fn commit(&self, append: Append<'_>, emptied: &[Vec<u8>]) -> Done<Vec<Grown>> {
        let Append { transaction, growing, .. } = append;
        let signed = growing.sign()?;
        let inbox = async {
            if emptied.is_empty() {
                return Ok(0);
            }
            execute(&transaction, "DELETE FROM askfirst.inbox WHERE batch = ANY($1)", &[&emptied]).await
        };
        // Sent together, answered together.
        try_join!(self.write(&transaction, signed.last), inbox, append::write(&transaction, &signed.written))?;
        transaction.commit().await?;
        Ok(signed.stand().grown)
    }

    async fn write(&self, transaction: &Transaction<'_>, (seq, last): (i64, Millis)) -> Done<()> {
        let Self { places: given, ended, .. } = self;
        let places = async {
            if given.is_empty() {
                return Ok(0);
            }
            let sql = "INSERT INTO askfirst.place (seq, record_id, site, log, idx, received_at, ends_at)
                       SELECT * FROM unnest($1::INT8[], $2::BYTEA[], $3::INT8[], $4::INT8[], $5::INT8[], $6::INT8[],
                           $7::INT8[])";
            let Columns { seqs, ids, sites, logs, indices, times, ends } = self.columns();
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
        try_join!(places, before, row).map(drop)
    }

    /// What is to be written of them.
    pub fn columns(&self) -> Columns<'_> {
        let column = |of: fn(&Place) -> i64| self.places.iter().map(|(_, place, _)| of(place)).collect::<Vec<i64>>();
        Columns {
            seqs: column(|p| p.seq),
            ids: self.places.iter().map(|(key, ..)| key.0.as_slice()).collect(),
            sites: self.places.iter().map(|(key, ..)| key.1).collect(),
            logs: column(|p| p.log),
            indices: column(|p| number(p.index)),
            times: column(|p| p.received_at),
            ends: self.places.iter().map(|(.., end)| *end).collect(),
        }
    }

    /// Where each record has come to stand.
    pub fn places(&self) -> impl Iterator<Item = (Key, Place)> {
        self.places.iter().map(|(key, place, _)| (*key, *place))
    }
}

/// Places, by column.
pub struct Columns<'a> {
    pub seqs: Vec<i64>,
    pub ids: Vec<&'a [u8]>,
    pub sites: Vec<i64>,
    pub logs: Vec<i64>,
    pub indices: Vec<i64>,
    pub times: Vec<i64>,
    pub ends: Vec<i64>,
}
