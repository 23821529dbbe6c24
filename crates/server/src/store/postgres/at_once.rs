//! Storing records and giving them their places in one statement, when all that it takes is at hand: the trees are those of
//! the newest version, and no record is known. Where that is not so the statement fails as a whole: a record was there, or it
//! has found no row of that version and divides by zero. Then the records go the long way (`intake.rs`). What is written is
//! the same there (`append::write`, `Given::write`); here each part hangs on the row `turn`, so the texts are others.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;

use deadpool_postgres::Client;

use super::failure::Done;
use super::giving::{Arrived, Columns, Given};
use super::growing::{Appender, Growing};
use super::intake::{ended, insert, rows};
use super::sequencer::LEASE;
use super::shared::Shared;
use super::sql::Parameters;
use super::waiting::{Key, Place};
use crate::store::incoming::Received;

/// SQLSTATE of a division by zero, and of a key that is there. That it is asked for no conflict spares the database a look
/// and a word in its log for each record.
const REFUSED: [&str; 2] = ["22012", "23505"];
/// SQLSTATE of a database that does not take such a statement at all. CockroachDB changes no table twice in one.
const NOT_SUPPORTED: &str = "0A000";

macro_rules! statement {
    ($prev:expr, $ended:literal) => {
        concat!(
            "WITH turn AS (
                UPDATE askfirst.sequencer SET version = version + 1, last_seq = $20, last_received = $21,
                    expires_at = clock_timestamp() + $19 * interval '1 second'
                WHERE one = 1 AND token = $17 AND version = $18
                RETURNING (extract(epoch FROM clock_timestamp()) * 1000)::INT8 AS clock
            ), new AS (",
            insert!($prev, "CROSS JOIN turn RETURNING record_id, site, prev"),
            "), places AS (
                INSERT INTO askfirst.place (seq, record_id, site, log, idx, received_at, ends_at)
                SELECT p.* FROM unnest($22::INT8[], $23::BYTEA[], $24::INT8[], $25::INT8[], $26::INT8[], $27::INT8[],
                    $28::INT8[]) AS p CROSS JOIN (SELECT 1 FROM turn) AS t (one)
            ), entries AS (
                INSERT INTO askfirst.log_entry (log, idx, bytes)
                SELECT e.log, e.idx, e.bytes FROM unnest($29::INT8[], $30::INT8[], $31::BYTEA[]) AS e (log, idx, bytes)
                CROSS JOIN turn
            ), heads AS (
                UPDATE askfirst.log AS l SET size = h.size, root = h.root, note = h.note
                FROM unnest($32::INT8[], $33::INT8[], $34::BYTEA[], $35::INT8[], $36::BYTEA[], $37::TEXT[])
                    AS h (log, before, old, size, root, note) CROSS JOIN turn
                WHERE l.log = h.log AND l.size = h.before AND l.root = h.old AND l.closed_at IS NULL
                RETURNING 1
            ), tiles AS (
                INSERT INTO askfirst.log_tile (log, level, tile, hashes)
                SELECT t.log, t.level, t.tile, t.hashes
                FROM unnest($38::INT8[], $39::INT8[], $40::INT8[], $41::BYTEA[]) AS t (log, level, tile, hashes)
                CROSS JOIN turn
            )",
            $ended,
            // Nothing of it is done unless all of it is: there is no other way to say so in one statement.
            " SELECT (SELECT clock FROM turn), 1 / CASE WHEN (SELECT count(*) FROM turn) = 1
                 AND (SELECT count(*) FROM heads) = array_length($32::INT8[], 1) THEN 1 ELSE 0 END"
        )
    };
}

const ALONE: &str = statement!("n.prev", "");
const AFTER_OTHERS: &str = statement!(
    ended!(),
    ", ended AS (
        UPDATE askfirst.place SET ends_at = k.at
        FROM (SELECT n.prev, n.site, min(p.received_at) AS at FROM new AS n
              JOIN unnest($23::BYTEA[], $24::INT8[], $27::INT8[]) AS p (record_id, site, received_at)
                  ON p.record_id = n.record_id AND p.site = n.site
              WHERE n.prev IS NOT NULL GROUP BY n.prev, n.site) AS k
        WHERE place.record_id = k.prev AND place.site = k.site AND place.ends_at > k.at
    )"
);

/// Where they stand when it is done; `None` when nothing of it is: something has to be looked up first, or the database does
/// not take such a statement.
pub async fn store(
    shared: &Shared,
    client: &Client,
    token: i64,
    appender: &mut Appender,
    records: &[(i64, &Received)],
) -> Done<Option<HashMap<Key, Place>>> {
    if shared.one_by_one.load(Relaxed)
        || records.iter().any(|(site, received)| !appender.has(*site, &received.record.notice))
        || shared.waiting.knows_any(records.iter().map(|(site, received)| (received.record.record_id, *site)))
    {
        return Ok(None);
    }
    let Some(mut growing) = Growing::at_hand(appender) else { return Ok(None) };
    let arrived = records.iter().map(|(site, received)| Arrived::new(*site, received, received.record.prev));
    let mut arrived: Vec<Arrived<'_>> = arrived.collect();
    arrived.sort_by_key(Arrived::order);
    let given = Given::give_at_hand(&mut growing, &mut arrived, shared.sealing.as_deref())?;
    let signed = growing.sign()?;
    let (before, (seq, last)) = (signed.version - 1, signed.last);
    let sql = if records.iter().any(|(_, received)| received.record.prev.is_some()) { AFTER_OTHERS } else { ALONE };
    let Columns { seqs, ids, sites, logs, indices, times, ends } = given.columns();
    let (entries, tiles, heads) = (&signed.written.entries, &signed.written.tiles, signed.written.heads());
    #[rustfmt::skip]
    let more: &Parameters<'_> = &[
        &token, &before, &LEASE, &seq, &last,
        &seqs, &ids, &sites, &logs, &indices, &times, &ends,
        &entries.logs, &entries.indices, &entries.bytes,
        &heads.logs, &heads.before, &heads.old, &heads.sizes, &heads.roots, &heads.notes,
        &tiles.logs, &tiles.levels, &tiles.tiles, &tiles.hashes,
    ];
    let clock = match rows(client, sql, records, more).await {
        Ok(found) => found.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default(),
        Err(failure) if REFUSED.contains(&failure.code()) => return Ok(None),
        Err(failure) if failure.code() == NOT_SUPPORTED => {
            shared.one_by_one.store(true, Relaxed);
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    shared.compare_clocks(clock);
    shared.take(&signed.stand().grown).await;
    let placed: HashMap<Key, Place> = given.places().collect();
    // Whoever sends one of them again soon is not to spoil another statement.
    shared.waiting.remember(&placed);
    Ok(Some(placed))
}
