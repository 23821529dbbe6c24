//! The evidence pack of a record (`askfirst_core::log::evidence`), as far as the store has it: with everything that shows
//! what was shown and answered, or, after an erasure, what is left and the word that it was erased.

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};

use askfirst_core::log::evidence::{LoggedEntry, LoggedNotice, Pack};
use askfirst_core::log::{Commitment, Entry};
use deadpool_postgres::GenericClient;

use super::failure::Done;
use super::keys;
use super::read;
use super::sql::{self, query};
use super::tree::{self, Tree, unsigned};
use crate::store::key;
use crate::store::log::number;
use crate::store::log::witness::Signed;
use crate::store::pack::{Invalid, Packed, openings};
use crate::store::sealing::Sealing;

/// The packs of at most so many records after a place, without those that were erased.
pub async fn after(client: &impl GenericClient, sealing: Option<&Sealing>, after: i64, most: i64) -> Done<Vec<Packed>> {
    let sql = "SELECT seq, record_id, restricted_at IS NOT NULL FROM askfirst.place
               WHERE seq > $1 AND erased_at IS NULL ORDER BY seq LIMIT $2";
    let (mut found, mut seen) = (Vec::new(), Seen::default());
    for row in query(client, sql, &[&after, &most]).await? {
        let seq = row.try_get(0)?;
        let record_id = key::uuid_text(&sql::bytes(row.try_get(1)?)?);
        let pack = pack(client, sealing, &mut seen, seq).await?;
        found.push(Packed { seq, record_id, restricted: row.try_get(2)?, pack });
    }
    Ok(found)
}

/// What several packs have in common.
#[derive(Default)]
pub struct Seen {
    /// By log, as they were when they were read.
    trees: HashMap<i64, Tree>,
    invalid: Invalid,
}

impl Seen {
    /// The tree of a log, with the entry with this number at least: a server may be at it meanwhile.
    async fn tree(&mut self, client: &impl GenericClient, log: i64, index: u64) -> Done<Option<&Tree>> {
        if self.trees.get(&log).is_none_or(|tree| tree.size() <= index) {
            let Some((head, site)) = tree::by_number(client, log).await? else { return Ok(None) };
            self.trees.insert(log, Tree::load(client, (&head, site), None).await?);
        }
        Ok(self.trees.get(&log))
    }
}

/// The pack of the record at this place. A record without an entry has none.
pub async fn pack(
    client: &impl GenericClient,
    sealing: Option<&Sealing>,
    seen: &mut Seen,
    seq: i64,
) -> Done<Option<Pack>> {
    let Some(evidence) = read::evidence(client, sealing, seq).await? else { return Ok(None) };
    let Some(entry) = &evidence.receipt.entry else { return Ok(None) };
    let notice = match evidence.notice.as_deref().and_then(key::digest) {
        Some(digest) => notice_index(client, entry.log, digest).await?,
        None => None,
    };
    let erasure = match evidence.receipt.erased {
        true => erasure(client, entry.log, entry.index).await?,
        false => None,
    };
    let invalid = match evidence.notice.as_deref().filter(|_| evidence.invalidated.is_some()) {
        Some(digest) => match seen.invalid.entry((entry.log, digest.to_owned())) {
            Occupied(found) => found.get().clone(),
            Vacant(place) => place.insert(invalidation(client, entry.log, digest).await?).clone(),
        },
        None => None,
    };
    let at = |found: &Option<(u64, Entry)>| found.as_ref().map(|(index, _)| *index);
    // All proofs of a pack lead to one checkpoint. Who verifies the pack sees whose signatures it has.
    let last = [Some(entry.index), notice, at(&erasure), at(&invalid)].into_iter().flatten().max();
    let last = last.unwrap_or(entry.index);
    let Some(tree) = seen.tree(client, entry.log, last).await? else { return Ok(None) };
    let signed = tree.signed(client, last).await?;
    let (Some(commitment), Some(proof)) =
        (commitment(client, entry.log, entry.index).await?, prove(client, tree, entry.index, &signed).await?)
    else {
        return Ok(None);
    };
    let (core, context) = openings(&evidence);
    let notice = match notice {
        Some(index) => prove(client, tree, index, &signed).await?,
        None => None,
    };
    let text = evidence.notice_text.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let notice = notice.zip(text).map(|(proof, text)| LoggedNotice { text: text.to_owned(), proof });
    let erasure = match erasure {
        Some((index, entry)) => prove(client, tree, index, &signed).await?.map(|proof| LoggedEntry { entry, proof }),
        None => None,
    };
    let invalidation = match invalid {
        Some((index, entry)) => prove(client, tree, index, &signed).await?.map(|proof| LoggedEntry { entry, proof }),
        None => None,
    };
    let published = keys::published(client, entry.log).await?;
    let keys = published.iter().filter(|key| key.signs(signed.size)).map(|key| key.key.to_text()).collect();
    Ok(Some(Pack { core, context, commitment, proof, notice, erasure, invalidation, keys }))
}

async fn prove(client: &impl GenericClient, tree: &Tree, index: u64, signed: &Signed) -> Done<Option<String>> {
    Ok(tree.prove_to(client, index, signed).await?.map(|inclusion| inclusion.text()))
}

async fn bytes(client: &impl GenericClient, log: i64, index: u64) -> Done<Option<Vec<u8>>> {
    Ok(tree::entries(client, log, index, number(index) + 1).await?.pop())
}

async fn commitment(client: &impl GenericClient, log: i64, index: u64) -> Done<Option<Commitment>> {
    Ok(bytes(client, log, index).await?.and_then(|bytes| match Entry::parse(&bytes)? {
        Entry::Record(commitment) => Some(commitment),
        _ => None,
    }))
}

async fn notice_index(client: &impl GenericClient, log: i64, notice: [u8; 32]) -> Done<Option<u64>> {
    let sql = "SELECT idx FROM askfirst.log_notice WHERE log = $1 AND notice = $2";
    let rows = query(client, sql, &[&log, &notice.as_slice()]).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.map(unsigned))
}

/// The entry that says that an entry's body was erased.
async fn erasure(client: &impl GenericClient, log: i64, erased: u64) -> Done<Option<(u64, Entry)>> {
    let is = |entry: &Entry| matches!(entry, Entry::Erasure { index, .. } if *index == erased);
    looked_for(client, log, (3, erased), is).await
}

/// The entry that says that a notice was faulty.
async fn invalidation(client: &impl GenericClient, log: i64, digest: &str) -> Done<Option<(u64, Entry)>> {
    let is = |entry: &Entry| entry.invalidates().is_some_and(|(notice, _)| notice == digest);
    looked_for(client, log, (6, 0), is).await
}

/// The first entry of a kind from a place on that is the one. It is looked for: nobody asks for it often.
async fn looked_for(
    client: &impl GenericClient,
    log: i64,
    (kind, after): (u8, u64),
    is: impl Fn(&Entry) -> bool,
) -> Done<Option<(u64, Entry)>> {
    let sql = "SELECT idx, bytes FROM askfirst.log_entry WHERE log = $1 AND idx > $2 AND substr(bytes, 1, 1) = $3
               ORDER BY idx";
    for row in query(client, sql, &[&log, &number(after), &[kind].as_slice()]).await? {
        if let Some(entry) = Entry::parse(&row.try_get::<_, Vec<u8>>(1)?).filter(&is) {
            return Ok(Some((unsigned(row.try_get(0)?), entry)));
        }
    }
    Ok(None)
}
