//! Whether the database still is what its logs have signed: at each start for the newest part, and for everything with
//! `askfirst audit` (PROOF tests 8 and 14).

use askfirst_core::log::{Challenge, Checkpoint, Frontier, Hash, LogKey, Resource, TILE_WIDTH, Tile};
use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::failure::{Done, Failure};
use super::sql::query;
use super::tree::{self, Tree, unsigned};
use super::{keys, seal, witnessing};
use crate::store::Clock;
use crate::store::log::check::{Fault, Logged, Looked, TAIL, known_before, leaves_of, signatures};
use crate::store::log::edge::Edge;
use crate::store::log::keys::signed;
use crate::store::log::read::Head;
use crate::store::log::{Seeds, number};
use crate::store::sealing::Sealing;

/// Records compared at once.
const CHUNK: i64 = 1_024;

/// The signed heads, the right edges of the trees, the newest records, and what the logs have said to the world. Without
/// `seeds` nothing is to be signed, and the keys that the logs name are believed.
///
/// # Errors
/// The first thing that does not hold.
pub async fn tail(
    client: &impl GenericClient,
    seeds: Option<&Seeds>,
    sealing: Option<&Sealing>,
    published: &[Checkpoint],
) -> Done<()> {
    let heads = tree::all(client).await?;
    for said in published {
        let head = heads.iter().find(|(head, _)| head.origin == said.origin);
        let size = head.map_or(0, |(head, _)| head.size);
        if size < said.size {
            return Err(Failure::Fault(Fault::MustNotSign(format!(
                "the log {} has published a checkpoint of {} entries and this database has {size}: it is from an older \
                 backup. Restore a newer one, or start a new log with `askfirst recover`",
                said.origin, said.size
            ))));
        }
    }
    for (head, site) in &heads {
        let tree = Tree::load(client, (head, *site), seeds.filter(|_| !head.closed)).await?;
        if seeds.is_none() || head.closed {
            // Nothing is signed with its keys any more.
            let named = keys::published(client, head.log).await?;
            let believed = seeds.map_or_else(|| named.clone(), |seeds| seeds.believed(&head.origin, &named));
            if !believed.is_empty() {
                signed(head, &believed)?;
            }
        }
        for said in published.iter().filter(|said| said.origin == head.origin) {
            if tree.root_at(client, said.size).await? != Some(said.root) {
                return Err(Failure::damaged(format!(
                    "the first {} entries of the log {} are not those that were published",
                    said.size, said.origin
                )));
            }
        }
    }
    let rows = query(client, "SELECT coalesce(max(seq), 0) FROM askfirst.place", &[]).await?;
    let last: i64 = rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(0);
    records(client, sealing, last - TAIL, |_| ()).await
}

/// Rebuilds every tree from its entries and compares tiles, roots and records.
///
/// # Errors
/// The first thing that does not hold.
pub async fn everything(client: &impl GenericClient, sealing: Option<&Sealing>) -> Done<Looked> {
    let mut looked = Looked::default();
    for (head, _) in tree::all(client).await? {
        looked.logs += 1;
        looked.entries += head.size;
        rebuild(client, &head).await?;
    }
    records(client, sealing, 0, |erased| {
        looked.records += 1;
        looked.erased += u64::from(erased);
    })
    .await?;
    Ok(looked)
}

async fn rebuild(client: &impl GenericClient, head: &Head) -> Done<()> {
    let known = keys::published(client, head.log).await?;
    let mut said = known_before(&known, head);
    let (mut edge, mut frontier) = (Edge::default(), Frontier::default());
    for bundle in 0..head.size.div_ceil(TILE_WIDTH) {
        for leaf in leaves(client, head, bundle, &mut said).await? {
            let mut full = Vec::new();
            frontier.append(leaf, |height, index, hash| full.extend(edge.put(height, index, hash)));
            for made in full {
                if tree::full_tile(client, head.log, made.level, made.tile).await?.as_ref() != Some(&made.hashes) {
                    let named = Tile { level: made.level, index: made.tile, width: TILE_WIDTH as u16 };
                    return Err(Failure::damaged(format!(
                        "{} of the log {} is not what its entries say: the tile or one of them was changed",
                        Resource::Hashes(named).path(),
                        head.origin
                    )));
                }
            }
        }
    }
    if (frontier.size(), frontier.root()) != (head.size, head.root) {
        return Err(Failure::damaged(format!("the tree of the log {} is not the one that was signed", head.origin)));
    }
    let cosigned = witnessing::notes(client, head.log).await?;
    Ok(signatures(head, &known, &said, cosigned.iter().map(String::as_str))?)
}

/// The leaves of a bundle: from its entries, or from the tile where the entries are gone.
async fn leaves(client: &impl GenericClient, head: &Head, bundle: u64, said: &mut Vec<LogKey>) -> Done<Vec<Hash>> {
    let first = bundle * TILE_WIDTH;
    if first < head.min_index {
        let tile = tree::full_tile(client, head.log, 0, bundle).await?.unwrap_or_default();
        return Ok(tile.chunks_exact(32).filter_map(|hash| hash.try_into().ok()).collect());
    }
    let entries = tree::entries(client, head.log, first, number(head.size.min(first + TILE_WIDTH))).await?;
    Ok(leaves_of(head, first, &entries, said)?)
}

/// Compares the records after a place with their entries. `each` is told whether one was erased.
async fn records(
    client: &impl GenericClient,
    sealing: Option<&Sealing>,
    mut after: i64,
    mut each: impl FnMut(bool),
) -> Done<()> {
    let sql = "SELECT p.seq, p.idx, p.received_at, p.record_id, r.browser_at, r.challenge, r.digest, r.subject,
                   r.holder, r.body, r.secret, e.bytes AS entry,
                   coalesce(p.idx < l.min_index, false) AS pruned
               FROM askfirst.place AS p
               LEFT JOIN askfirst.record AS r ON r.record_id = p.record_id AND r.site = p.site
               LEFT JOIN askfirst.log AS l ON l.log = p.log
               LEFT JOIN askfirst.log_entry AS e ON e.log = p.log AND e.idx = p.idx
               WHERE p.seq > $1 ORDER BY p.seq LIMIT $2";
    loop {
        let rows = query(client, sql, &[&after, &CHUNK]).await?;
        for row in &rows {
            let logged = logged(row, sealing)?;
            logged.hold()?;
            if after >= 0 && logged.seq != after + 1 && after > 0 {
                return Err(Failure::damaged(format!("record {} is missing", after + 1)));
            }
            after = logged.seq;
            each(logged.opened.body.is_none());
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}

fn logged(row: &Row, sealing: Option<&Sealing>) -> Done<Logged> {
    let received_at = row.try_get("received_at")?;
    // A row without a record has lost more than its body.
    let browser_at: Option<i64> = row.try_get("browser_at")?;
    Ok(Logged {
        seq: row.try_get("seq")?,
        index: Some(unsigned(row.try_get("idx")?)),
        received_at,
        clock: Clock::compare(browser_at.unwrap_or(received_at), received_at).name().to_owned(),
        challenge: row.try_get::<_, Option<i64>>("challenge")?.map(Challenge::of_number),
        opened: seal::opened(sealing, row)?,
        entry: row.try_get("entry")?,
        pruned: row.try_get("pruned")?,
    })
}
