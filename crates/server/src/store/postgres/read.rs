//! What is read for those who ask.

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::Postgres;
use super::failure::Done;
use super::seal;
use super::sql::{bytes, hash, query};
use super::tree::{self, Tree, unsigned};
use crate::evidence::Evidence;
use crate::store::log::number;
use crate::store::log::read::Head;
use crate::store::sealing::Sealing;
use crate::store::sqlite::Opened;
use crate::store::{AboutNotice, Clock, EntryRef, Inclusion, Receipt, Restriction, StoreError, key};
use askfirst_core::log::evidence::Pack;
use askfirst_core::log::{Challenge, Resource, TILE_WIDTH, Tile, encode_bundle};

/// The places of every record with this id, one per site, with what opens each.
pub async fn holders(
    client: &impl GenericClient,
    sealing: Option<&Sealing>,
    record_id: [u8; 16],
) -> Done<Vec<(i64, [u8; 32])>> {
    // Another record comes along, of the newest ones that were not erased, and is opened in the place of one that is not
    // there or was erased: all take the same time (S4, PROOF test 21).
    let sql = "SELECT TRUE AS asked, p.seq, r.record_id, r.digest, r.subject, r.holder, r.secret, r.body
               FROM askfirst.record AS r
               JOIN askfirst.place AS p ON p.record_id = r.record_id AND p.site = r.site
               WHERE r.record_id = $1 AND r.body IS NOT NULL
               UNION ALL
               SELECT FALSE, p.seq, r.record_id, r.digest, r.subject, r.holder, r.secret, r.body
               FROM askfirst.record AS r
               JOIN askfirst.place AS p ON p.record_id = r.record_id AND p.site = r.site
               WHERE p.seq = (SELECT max(seq) FROM askfirst.place
                              WHERE erased_at IS NULL AND seq > (SELECT max(seq) FROM askfirst.place) - 256)
               ORDER BY 1 DESC, 2";
    let rows = query(client, sql, &[&record_id.as_slice()]).await?;
    let (asked, other): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.try_get("asked").unwrap_or_default());
    let looked_at = if asked.is_empty() { &other } else { &asked };
    let holder = |row: &Row| Ok(seal::opened(sealing, row)?.holder.map(|holder| Ok((row.try_get("seq")?, holder))));
    let found: Vec<_> = looked_at
        .iter()
        .filter_map(|row| holder(row).transpose().map(|found| found.and_then(|found| found)))
        .collect::<Done<_>>()?;
    Ok(if asked.is_empty() { Vec::new() } else { found })
}

/// The places of every record with this id, the erased ones too.
pub async fn places(client: &impl GenericClient, record_id: [u8; 16]) -> Done<Vec<i64>> {
    let sql = "SELECT seq FROM askfirst.place WHERE record_id = $1 ORDER BY seq";
    let rows = query(client, sql, &[&record_id.as_slice()]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The places of every record with one of these subjects or tags of subjects. Nobody asks often: there is no index.
pub async fn places_of_subject(client: &impl GenericClient, subjects: &[Option<[u8; 16]>]) -> Done<Vec<i64>> {
    let wanted: Vec<&[u8]> = subjects.iter().flatten().map(<[u8; 16]>::as_slice).collect();
    let sql = "SELECT p.seq FROM askfirst.record AS r
               JOIN askfirst.place AS p ON p.record_id = r.record_id AND p.site = r.site
               WHERE r.subject = ANY($1) ORDER BY p.seq";
    let rows = query(client, sql, &[&wanted]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Everything stored about the record at this place; its proof is not in the row.
pub async fn evidence(client: &impl GenericClient, sealing: Option<&Sealing>, seq: i64) -> Done<Option<Evidence>> {
    let sql = "SELECT p.seq, p.record_id, p.log, p.idx, p.received_at, p.erased_at, p.held, p.ends_at,
                   p.restricted_at, r.browser_at, r.challenge, r.digest, r.notice,
                   r.subject, r.holder, r.secret, r.body, s.origin, n.text AS notice_text, i.invalid_at, i.reason
               FROM askfirst.place AS p
               JOIN askfirst.record AS r ON r.record_id = p.record_id AND r.site = p.site
               JOIN askfirst.site AS s ON s.site = p.site
               LEFT JOIN askfirst.notice AS n ON n.digest = r.notice
               LEFT JOIN askfirst.invalid_notice AS i ON i.notice = r.notice
               WHERE p.seq = $1";
    query(client, sql, &[&seq]).await?.first().map(|row| evidence_of(row, sealing)).transpose()
}

fn evidence_of(row: &Row, sealing: Option<&Sealing>) -> Done<Evidence> {
    let optional = |name: &str| -> Done<Option<Vec<u8>>> { Ok(row.try_get(name)?) };
    let received_at = row.try_get("received_at")?;
    let erased_at: Option<i64> = row.try_get("erased_at")?;
    let Opened { secret, body, digest, subject, holder } = seal::opened(sealing, row)?;
    let receipt = Receipt {
        record_id: key::uuid_text(&bytes(row.try_get("record_id")?)?),
        seq: row.try_get("seq")?,
        received_at,
        clock: Clock::compare(row.try_get("browser_at")?, received_at),
        challenge: row.try_get::<_, Option<i64>>("challenge")?.map(Challenge::of_number),
        digest: digest.as_ref().map_or_else(String::new, key::digest_text),
        erased: erased_at.is_some(),
        entry: Some(EntryRef { log: row.try_get("log")?, index: unsigned(row.try_get("idx")?), secret }),
        inclusion: None,
    };
    let text: Option<String> = row.try_get("notice_text")?;
    Ok(Evidence {
        receipt,
        site: row.try_get("origin")?,
        subject,
        holder,
        notice: optional("notice")?.map(hash).transpose()?.as_ref().map(key::digest_text),
        erased_at,
        ends_at: row.try_get("ends_at")?,
        invalidated: super::invalid::invalidation(row)?,
        restriction: restriction(row)?,
        body,
        notice_text: text.map(String::into_bytes),
    })
}

fn restriction(row: &Row) -> Done<Option<Restriction>> {
    let since: Option<i64> = row.try_get("restricted_at")?;
    since
        .map(|since| Ok(Restriction { since, held: row.try_get("held")?, ends_at: row.try_get("ends_at")? }))
        .transpose()
}

pub async fn about_notice(client: &impl GenericClient, digest: &[u8; 32]) -> Done<Option<AboutNotice>> {
    let sql = "SELECT lang, version FROM askfirst.notice WHERE digest = $1";
    let rows = query(client, sql, &[&digest.as_slice()]).await?;
    let about = |row: &Row| Ok(AboutNotice { lang: row.try_get(0)?, version: row.try_get(1)? });
    rows.first().map(about).transpose()
}

impl Postgres {
    /// The stored bytes of a notice.
    pub async fn notice(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(digest) = key::digest(digest) else { return Ok(None) };
        let read = async {
            let client = self.shared.client().await?;
            let sql = "SELECT text FROM askfirst.notice WHERE digest = $1";
            let rows = query(&client, sql, &[&digest.as_slice()]).await?;
            let text: Option<String> = rows.first().map(|row| row.try_get(0)).transpose()?;
            Ok(text.map(String::into_bytes))
        };
        self.shared.answer(read.await)
    }

    /// Where records with this id are, with the SHA-256 of the secret that opens each. Reads the same for any id (S4).
    pub async fn holders(&self, record_id: &str) -> Result<Vec<(i64, [u8; 32])>, StoreError> {
        let Some(record_id) = key::uuid(record_id) else { return Ok(Vec::new()) };
        let read = async { holders(&self.shared.client().await?, self.sealing(), record_id).await };
        self.shared.answer(read.await)
    }

    /// Everything stored about the record at this place.
    pub async fn evidence(&self, seq: i64) -> Result<Option<Evidence>, StoreError> {
        let read = async {
            let client = self.shared.client().await?;
            let Some(mut evidence) = evidence(&client, self.sealing(), seq).await? else { return Ok(None) };
            if let Some(entry) = &evidence.receipt.entry {
                let mut followers = self.shared.followers.lock().await;
                let tree = self.shared.catch_up(&mut followers, &client, entry.log, entry.index).await?;
                evidence.receipt.inclusion = match tree {
                    Some(tree) => tree.prove_any(&client, entry.index).await?,
                    None => None,
                };
            }
            Ok(Some(evidence))
        };
        self.shared.answer(read.await)
    }

    /// The evidence pack of the record at this place.
    pub async fn pack(&self, seq: i64) -> Result<Option<Pack>, StoreError> {
        let read = async {
            super::pack::pack(&self.shared.client().await?, self.sealing(), &mut Default::default(), seq).await
        };
        self.shared.answer(read.await)
    }

    /// The place of the newest record; 0 when there is none.
    pub async fn newest(&self) -> Result<i64, StoreError> {
        let read = async {
            let client = self.shared.client().await?;
            let rows = query(&client, "SELECT coalesce(max(seq), 0) FROM askfirst.place", &[]).await?;
            Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
        };
        self.shared.answer(read.await)
    }

    /// The records after a place, the oldest first, at most `most`, each with its place.
    pub async fn after(&self, seq: i64, most: usize) -> Result<Vec<(i64, Evidence)>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let read = async {
            let client = self.shared.client().await?;
            let sql = "SELECT seq FROM askfirst.place WHERE seq > $1 ORDER BY seq LIMIT $2";
            let mut found = Vec::new();
            for row in query(&client, sql, &[&seq, &most]).await? {
                let seq = row.try_get(0)?;
                found.extend(evidence(&client, self.sealing(), seq).await?.map(|evidence| (seq, evidence)));
            }
            Ok(found)
        };
        self.shared.answer(read.await)
    }

    /// The newest signed head of a site's log.
    pub async fn head(&self, site: &str) -> Result<Option<Head>, StoreError> {
        let read = async { tree::open_at(&self.shared.client().await?, site).await };
        self.shared.answer(read.await)
    }

    /// Proves an entry of a site's log to its newest checkpoint.
    pub async fn prove(&self, site: &str, index: u64) -> Result<Option<Inclusion>, StoreError> {
        let read = async {
            let client = self.shared.client().await?;
            let Some(head) = tree::open_at(&client, site).await?.filter(|head| index < head.size) else {
                return Ok(None);
            };
            let mut followers = self.shared.followers.lock().await;
            match self.shared.catch_up(&mut followers, &client, head.log, head.size - 1).await? {
                Some(tree) => tree.prove_any(&client, index).await,
                None => Ok(None),
            }
        };
        self.shared.answer(read.await)
    }

    /// The bytes of a tile or bundle of a site's log, when it has as much as that.
    pub async fn log_resource(&self, site: &str, resource: Resource) -> Result<Option<Vec<u8>>, StoreError> {
        let (Resource::Hashes(tile) | Resource::Entries(tile)) = resource;
        let read = async {
            let client = self.shared.client().await?;
            let Some(head) = tree::open_at(&client, site).await? else { return Ok(None) };
            let there = Tile::width_at(tile.level, tile.index, head.size);
            let pruned = matches!(resource, Resource::Entries(_)) && tile.index * TILE_WIDTH < head.min_index;
            if pruned || there < tile.width {
                return Ok(None);
            }
            if matches!(resource, Resource::Entries(_)) {
                let first = tile.index * TILE_WIDTH;
                let entries = tree::entries(&client, head.log, first, number(first + u64::from(tile.width))).await?;
                return Ok(encode_bundle(entries.iter().map(Vec::as_slice)));
            }
            let hashes = if u64::from(there) == TILE_WIDTH {
                tree::full_tile(&client, head.log, tile.level, tile.index).await?
            } else {
                let mut followers = self.shared.followers.lock().await;
                let tree = self.shared.catch_up(&mut followers, &client, head.log, head.size - 1).await?;
                tree.and_then(|tree: &Tree| tree.growing(tile.level, tile.index)).map(<[_]>::concat)
            };
            Ok(hashes.and_then(|hashes| hashes.get(..usize::from(tile.width) * 32).map(<[u8]>::to_vec)))
        };
        self.shared.answer(read.await)
    }
}
