//! What is done to records that are stored already, and notices: each says in the log that it has happened, in one
//! transaction with it.

use std::collections::BTreeMap;
use std::time::Duration;

use askfirst_core::log::{self, Checkpoint, Entry, TILE_WIDTH};
use askfirst_core::time::{Millis, Period};
use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::Postgres;
use super::append::{Append, Turn};
use super::failure::{Done, Failure, Retry};
use super::shared::Shared;
use super::sql::{execute, query};
use super::tree::{self, unsigned};
use crate::store::log::{key as log_key, number};
use crate::store::retention::{Due, ENTRIES, Ended, Tally, Term};
use crate::store::{Erased, NewNotice, Restriction, StoreError, key};

/// Places read at once.
const CHUNK: i64 = 4_096;
/// Records erased in one transaction: records wait for it.
const ERASED: usize = 256;

/// Does something in a transaction that grows logs, again when it met another one.
macro_rules! change {
    ($shared:expr, |$append:ident| $body:expr) => {{
        let shared: &Shared = $shared;
        let mut retry = Retry::default();
        loop {
            let once = async {
                let mut client = shared.client().await?;
                let mut appender = shared.appender.lock().await;
                #[allow(unused_mut)]
                let mut $append = Append::begin(&mut client, &mut appender, &shared.seeds, Turn::Once).await?;
                let value = $body;
                // Nobody else appends before this is taken in.
                shared.take(&$append.commit().await?).await;
                Done::Ok(value)
            };
            match once.await {
                Ok(value) => break Done::Ok(value),
                Err(failure) if retry.wait(&failure).await => {}
                Err(failure) => break Err(failure),
            }
        }
    }};
}

pub(super) use change;

/// Gives a site a number.
pub async fn add_site(shared: &Shared, origin: &str) -> Done<()> {
    change!(shared, |append| {
        let sql = "INSERT INTO askfirst.site (site, origin)
                   SELECT (SELECT coalesce(max(site), 0) + 1 FROM askfirst.site), $1
                   ON CONFLICT (origin) DO NOTHING";
        execute(&append.transaction, sql, &[&origin]).await?;
    })
}

/// What an erasure changes, when it may.
struct Target {
    site: (i64, String),
    place: (i64, u64),
}

/// Empties a record.
async fn empty(append: &Append<'_>, seq: i64, now: Millis) -> Done<(Erased, Option<Target>)> {
    let sql = "SELECT p.erased_at IS NOT NULL, p.held, p.site, s.origin, p.log, p.idx, p.record_id
               FROM askfirst.place AS p JOIN askfirst.site AS s ON s.site = p.site WHERE p.seq = $1";
    let rows = query(&append.transaction, sql, &[&seq]).await?;
    let Some(row) = rows.first() else { return Ok((Erased::Already, None)) };
    if row.try_get(0)? {
        return Ok((Erased::Already, None));
    }
    if row.try_get(1)? {
        return Ok((Erased::Held, None));
    }
    let (site, record_id): (i64, Vec<u8>) = (row.try_get(2)?, row.try_get(6)?);
    let sql = "UPDATE askfirst.record SET prev = NULL, digest = NULL, notice = NULL, subject = NULL, holder = NULL,
                   secret = NULL, body = NULL, challenge = NULL WHERE record_id = $1 AND site = $2";
    execute(&append.transaction, sql, &[&record_id, &site]).await?;
    let sql = "UPDATE askfirst.place SET erased_at = $2 WHERE seq = $1";
    execute(&append.transaction, sql, &[&seq, &now]).await?;
    let place = (row.try_get(4)?, unsigned(row.try_get(5)?));
    Ok((Erased::Erased, Some(Target { site: (site, row.try_get(3)?), place })))
}

/// The same, and says so in the log unless a prune mark will cover it.
async fn erase(append: &mut Append<'_>, seq: i64, reason: Option<&str>, now: Millis) -> Done<Erased> {
    let (erased, target) = empty(append, seq, now).await?;
    if let (Some(Target { site: (site, origin), place }), Some(reason)) = (target, reason) {
        append.append_erasure((site, &origin), place, reason, now).await?;
    }
    Ok(erased)
}

impl Postgres {
    /// Stores a notice; whether it is new.
    pub async fn register(&self, notice: NewNotice) -> Result<bool, StoreError> {
        self.shared.require_thawed()?;
        let registered = self.shared.answer(self.register_notice(&notice).await)?;
        self.remember(notice.digest, notice.about);
        Ok(registered)
    }

    async fn register_notice(&self, notice: &NewNotice) -> Done<bool> {
        let digest = key::digest(&notice.digest).ok_or_else(|| Failure::damaged("a notice has no digest"))?;
        let site = match &notice.site {
            Some(origin) => Some((self.shared.site(origin).await?, origin.as_str())),
            None => None,
        };
        // Each server registers the same at each start: most often all of it is there.
        let client = self.shared.client().await?;
        let sql = "SELECT EXISTS (SELECT 1 FROM askfirst.log_notice AS n JOIN askfirst.log AS l ON l.log = n.log
                       WHERE n.notice = $1 AND l.site = $2 AND l.closed_at IS NULL)";
        let number = site.map(|(site, _)| site);
        if number.is_some() && query(&client, sql, &[&digest.as_slice(), &number]).await?[0].try_get(0)? {
            return Ok(false);
        }
        drop(client);
        let now = (self.shared.now)();
        change!(&self.shared, |append| {
            let sql =
                "INSERT INTO askfirst.notice (digest, lang, version, first_seen, text) VALUES ($1, $2, $3, $4, $5)
                       ON CONFLICT (digest) DO NOTHING";
            let about = &notice.about;
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
                [&digest.as_slice(), &about.lang, &about.version, &now, &notice.text];
            let new = execute(&append.transaction, sql, &values).await? > 0;
            if let Some(site) = site {
                append.append_notice(site, digest, now).await?;
            }
            new
        })
    }

    /// Empties the record at this place (S4, S5). `reason` is a code for the log.
    pub async fn erase(&self, seq: i64, reason: &'static str) -> Result<Erased, StoreError> {
        self.shared.require_thawed()?;
        let now = (self.shared.now)();
        let erased = change!(&self.shared, |append| erase(&mut append, seq, Some(reason), now).await?);
        self.shared.answer(erased)
    }

    /// Restricts the record at this place (S5, GDPR Art. 18); nothing when it is erased. Again it changes nothing.
    pub async fn restrict(&self, seq: i64) -> Result<Option<Restriction>, StoreError> {
        self.shared.require_thawed()?;
        let now = (self.shared.now)();
        let restricted = change!(&self.shared, |append| restrict(&mut append, seq, now).await?);
        self.shared.answer(restricted)
    }

    /// Keeps a record for a legal claim beyond its time and against an erasure (GDPR Art. 17(3)(e)), or no longer. How many
    /// records have this id.
    pub async fn hold(&self, record_id: &str, held: bool) -> Result<usize, StoreError> {
        self.shared.require_thawed()?;
        let mut found = 0;
        for (seq, _) in self.holders(record_id).await? {
            let now = (self.shared.now)();
            let there = change!(&self.shared, |append| hold(&mut append, seq, held, now).await?);
            found += usize::from(self.shared.answer(there)?);
        }
        Ok(found)
    }

    /// Erases what is due, and says in the logs what is gone. Answers what was due. When several servers do it at once,
    /// each record is erased by one of them.
    pub async fn purge(&self, keep: Period, policy: &str) -> Result<Due, StoreError> {
        self.shared.require_thawed()?;
        let done = self.purge_all(keep, policy).await;
        self.shared.answer(done)
    }

    async fn purge_all(&self, keep: Period, policy: &str) -> Done<Due> {
        let shared = &*self.shared;
        let now = (shared.now)();
        let due = due(&shared.client().await?, now, keep).await?;
        let (mut after, mut erased) = (0, BTreeMap::<i64, u64>::new());
        loop {
            let chunk = ended(&shared.client().await?, after, now, keep, &due.min_index).await?;
            let Some(last) = chunk.last() else { break };
            after = last.0.seq;
            let done = change!(shared, |append| {
                let mut done = Vec::new();
                for (record, log) in &chunk {
                    // One that was held or erased in the meantime stays as it is.
                    let reason = (!record.pruned).then_some("retention");
                    if erase(&mut append, record.seq, reason, now).await? == Erased::Erased {
                        done.push(*log);
                    }
                }
                done
            })?;
            done.into_iter().for_each(|log| *erased.entry(log).or_default() += 1);
        }
        for (log, min_index) in &due.min_index {
            while !change!(shared, |append| prune(&mut append, *log, *min_index, policy, now).await?)? {}
        }
        for (log, count) in &erased {
            change!(shared, |append| {
                let (site, origin, _) = site_of(&append, *log).await?;
                let entry = Entry::Admin { action: "purge".to_owned(), count: *count, day: now };
                append.append((site, &origin), &entry, now).await?;
            })?;
        }
        Ok(due)
    }

    /// What [`Postgres::purge`] would erase.
    pub async fn due(&self, keep: Period) -> Result<Due, StoreError> {
        let read = async { due(&self.shared.client().await?, (self.shared.now)(), keep).await };
        self.shared.answer(read.await)
    }
}

async fn hold(append: &mut Append<'_>, seq: i64, held: bool, now: Millis) -> Done<bool> {
    let sql = "SELECT p.site, s.origin, p.held FROM askfirst.place AS p JOIN askfirst.site AS s ON s.site = p.site
               WHERE p.seq = $1 AND p.erased_at IS NULL";
    let rows = query(&append.transaction, sql, &[&seq]).await?;
    let Some(row) = rows.first() else { return Ok(false) };
    let (site, origin, before): (i64, String, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if before != held {
        let sql = "UPDATE askfirst.place SET held = $2 WHERE seq = $1";
        execute(&append.transaction, sql, &[&seq, &held]).await?;
        let action = if held { "hold" } else { "release" }.to_owned();
        append.append((site, &origin), &Entry::Admin { action, count: 1, day: now }, now).await?;
    }
    Ok(true)
}

/// What was restricted before stays as it was, and the log has its word already.
async fn restrict(append: &mut Append<'_>, seq: i64, now: Millis) -> Done<Option<Restriction>> {
    let sql = "SELECT p.site, s.origin, p.held, p.ends_at, p.restricted_at
               FROM askfirst.place AS p JOIN askfirst.site AS s ON s.site = p.site
               WHERE p.seq = $1 AND p.erased_at IS NULL";
    let rows = query(&append.transaction, sql, &[&seq]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (site, origin): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
    let before: Option<Millis> = row.try_get(4)?;
    if before.is_none() {
        let sql = "UPDATE askfirst.place SET restricted_at = $2 WHERE seq = $1";
        execute(&append.transaction, sql, &[&seq, &now]).await?;
        let entry = Entry::Admin { action: "restrict".to_owned(), count: 1, day: now };
        append.append((site, &origin), &entry, now).await?;
    }
    Ok(Some(Restriction { since: before.unwrap_or(now), held: row.try_get(2)?, ends_at: row.try_get(3)? }))
}

/// The mark comes first, the entries go some at a time: records don't wait for millions of them. Whether these were the
/// last.
async fn prune(append: &mut Append<'_>, log: i64, min_index: u64, policy: &str, now: Millis) -> Done<bool> {
    let (site, origin, before) = site_of(append, log).await?;
    if before < min_index {
        // A record that was held since keeps its entry, and with it everything above.
        let sql = "SELECT EXISTS (SELECT 1 FROM askfirst.place WHERE log = $1 AND idx < $2 AND erased_at IS NULL)";
        if query(&append.transaction, sql, &[&log, &number(min_index)]).await?[0].try_get(0)? {
            return Ok(true);
        }
        let sql = "UPDATE askfirst.log SET min_index = $2 WHERE log = $1";
        execute(&append.transaction, sql, &[&log, &number(min_index)]).await?;
        let entry = Entry::Prune { min_index, policy: policy.to_owned(), day: now };
        append.append((site, &origin), &entry, now).await?;
    }
    let sql = "SELECT min(idx) FROM askfirst.log_entry WHERE log = $1";
    let first: Option<i64> = query(&append.transaction, sql, &[&log]).await?[0].try_get(0)?;
    let end = min_index.min(first.map_or(min_index, unsigned) + ENTRIES);
    let sql = "DELETE FROM askfirst.log_entry WHERE log = $1 AND idx < $2";
    execute(&append.transaction, sql, &[&log, &number(end)]).await?;
    Ok(end >= min_index)
}

/// The site of a log, and the first entry that the log still has.
async fn site_of(append: &Append<'_>, log: i64) -> Done<(i64, String, u64)> {
    let sql = "SELECT s.site, s.origin, l.min_index FROM askfirst.log AS l
               JOIN askfirst.site AS s ON s.site = l.site WHERE l.log = $1";
    let rows = query(&append.transaction, sql, &[&log]).await?;
    let row = rows.first().ok_or_else(|| Failure::damaged("a log has no site"))?;
    Ok((row.try_get(0)?, row.try_get(1)?, unsigned(row.try_get(2)?)))
}

/// The records after a place that are old enough to be looked at, some at a time; whether these were the last.
async fn terms(client: &impl GenericClient, after: i64, now: Millis, keep: Period) -> Done<(Vec<Term>, bool)> {
    let sql = "SELECT seq, log, idx, received_at, ends_at, erased_at IS NOT NULL AS erased, held FROM askfirst.place
               WHERE seq > $1 ORDER BY seq LIMIT $2";
    let rows = query(client, sql, &[&after, &CHUNK]).await?;
    let term = |row: &Row| -> Done<Term> {
        Ok(Term {
            seq: row.try_get("seq")?,
            log: Some(row.try_get("log")?),
            index: Some(unsigned(row.try_get("idx")?)),
            received_at: row.try_get("received_at")?,
            ends_at: row.try_get("ends_at")?,
            erased: row.try_get("erased")?,
            held: row.try_get("held")?,
        })
    };
    let mut terms = rows.iter().map(term).collect::<Done<Vec<_>>>()?;
    let last = terms.iter().position(|term| term.is_last(now, keep));
    let all = last.is_some() || terms.is_empty();
    terms.truncate(last.map_or(terms.len(), |last| last + 1));
    Ok((terms, all))
}

/// What is due by now.
pub async fn due(client: &impl GenericClient, now: Millis, keep: Period) -> Done<Due> {
    let mut tally = Tally::default();
    let mut after = 0;
    loop {
        let (terms, all) = terms(client, after, now, keep).await?;
        terms.iter().for_each(|term| tally.count(term, now, keep));
        after = terms.last().map_or(after, |term| term.seq);
        if all {
            break;
        }
    }
    let Tally { mut due, first_left } = tally;
    for (head, _) in tree::all(client).await?.into_iter().filter(|(head, _)| !head.closed) {
        let left = match first_left.get(&head.log) {
            Some(index) => *index,
            // The walk stopped before it met one that stays.
            None => {
                let sql = "SELECT min(idx) FROM askfirst.place WHERE log = $1 AND erased_at IS NULL AND NOT held";
                let found: Option<i64> = query(client, sql, &[&head.log]).await?[0].try_get(0)?;
                found.map_or(0, unsigned)
            }
        };
        let min_index = left / TILE_WIDTH * TILE_WIDTH;
        if min_index > head.min_index {
            due.min_index.insert(head.log, min_index);
        }
    }
    Ok(due)
}

/// The next records that are due, with their logs.
async fn ended(
    client: &impl GenericClient,
    mut after: i64,
    now: Millis,
    keep: Period,
    bounds: &BTreeMap<i64, u64>,
) -> Done<Vec<(Ended, i64)>> {
    loop {
        let (terms, all) = terms(client, after, now, keep).await?;
        after = terms.last().map_or(after, |term| term.seq);
        let due = terms.iter().filter(|term| term.is_due(now, keep) && !term.held).take(ERASED);
        let chunk: Vec<_> = due.filter_map(|term| Some((term.ended(bounds), term.log?))).collect();
        if !chunk.is_empty() || all {
            return Ok(chunk);
        }
    }
}

/// Closes every open log and begins another in its place. Answers the names, old and new.
pub async fn begin_anew(shared: &Shared, said: &[Checkpoint], now: Millis) -> Done<Vec<(String, String)>> {
    change!(shared, |append| {
        let heads = tree::all(&append.transaction).await?;
        let taken =
            |name: &str| heads.iter().any(|(head, _)| head.origin == name) || said.iter().any(|s| s.origin == name);
        let mut names = Vec::new();
        for (head, site) in heads.iter().filter(|(head, _)| !head.closed) {
            let (_, origin, _) = site_of(&append, head.log).await?;
            let sql = "UPDATE askfirst.log SET closed_at = $2 WHERE log = $1";
            execute(&append.transaction, sql, &[&head.log, &now]).await?;
            // The longest that anybody may have seen.
            let longest =
                said.iter().filter(|said| said.origin == head.origin && said.size > head.size).max_by_key(|s| s.size);
            let (size, root) = longest.map_or((head.size, head.root), |said| (said.size, said.root));
            let name = (2..).map(|n| log_key::origin(&origin, n)).find(|name| !taken(name)).unwrap_or_default();
            let incident = Entry::Incident {
                kind: "recover".to_owned(),
                note: format!("Restored with {} entries of the log before, which this one follows.", head.size),
                prior: Some(log::Head { origin: head.origin.clone(), size, root }),
                day: now,
            };
            append.begin_log(*site, &name, &incident, now).await?;
            names.push((head.origin.clone(), name));
        }
        names
    })
}

/// Waits until what was taken in has its place, for who closes the store; not for long.
pub async fn drain(shared: &Shared) {
    for _ in 0..200 {
        if shared.waiting.len() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
