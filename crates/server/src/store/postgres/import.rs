//! `askfirst restore`: a backup, of either engine, into a database that has nothing yet. Until all of it is there and has
//! been audited no server starts on it, whatever becomes of this program in the middle.

use std::path::Path;

use askfirst_core::json;
use askfirst_core::log::Entry;
use askfirst_core::time::{self, Millis};
use deadpool_postgres::Client;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::carry::{OPERATIONS, PAGE, SEALING, TABLES, numbered};
use super::export::SESSION;
use super::failure::{Done, Failure};
use super::sql::execute;
use super::{Address, check, pool_of, schema, seal, tree};
use crate::operations::schema::{ENDED, ENDED_DAYS, REWIND};
use crate::operations::{self, KEEP};
use crate::store::log::published::Published;
use crate::store::restore::{Beside, Files, Home, Operational, Restored, behind, require_files, use_keys};
use crate::store::sealing::Sealing;
use crate::store::sqlite::Opened;
use crate::store::{Clock, database, key};

impl Address {
    /// Puts a backup into the database, which must be empty. `keys` may be newer than the backup.
    ///
    /// # Errors
    /// A sentence for the person at the console; then the database is as it was, unless it says something else.
    pub async fn restore(&self, files: Files<'_>, beside: Beside<'_>, now: Millis) -> Result<Restored, String> {
        let say = |failure: Failure| format!("{self}: {}", failure.sentence());
        let Files { file: backup, keys, .. } = files;
        let mut from = open(backup, keys)?;
        let elsewhere = beside.operations.map(|home| Home::of(home, files.operations));
        let mut operations = match files.operations.filter(|_| elsewhere.is_none()) {
            Some(file) => Some(operations::copy::read(file).map_err(|error| format!("{}: {error}", file.display()))?),
            None => None,
        };
        let published = beside.published.map_or(Ok(Vec::new()), |path| Published::at(path.to_owned()).read())?;
        let pool = pool_of(self, SESSION, 1)?;
        let mut client = pool.get().await.map_err(Failure::from).map_err(say)?;
        schema::take(&mut client).await.map_err(|why| format!("{self}: {why}"))?;
        let unlike = |failure: Failure| match failure {
            Failure::Fault(fault) => format!("{} does not hold: {}", backup.display(), fault.sentence()),
            failure => say(failure),
        };
        let restored = async {
            schema::make(&mut client).await.map_err(say)?;
            SEALING.bring(&mut from, &client).await.map_err(say)?;
            let sealing = seal::open(&client, self.master.as_ref()).await?;
            let erased_again = fill(&mut from, &client, sealing.as_deref(), now).await.map_err(unlike)?;
            let looked = check::everything(&client, sealing.as_deref()).await.map_err(unlike)?;
            let newest = i64::try_from(looked.records).unwrap_or(i64::MAX);
            let mut brought = Operational::Nothing;
            if let Some(from) = &mut operations {
                bring_operations(from, &client, newest, now).await.map_err(say)?;
                brought = Operational::Brought;
            }
            if let Some(home) = &elsewhere {
                brought = home.prepare(newest, now).and_then(|()| home.place())?;
            }
            let heads: Vec<_> = tree::all(&client).await.map_err(say)?.into_iter().map(|(head, _)| head).collect();
            schema::restored(&mut client).await.map_err(say)?;
            Ok(Restored { looked, erased_again, behind: behind(&heads, &published), operational: brought })
        };
        match restored.await {
            Err(why) if !schema::leave(&client).await => Err(format!("{why}. {self}: {}", schema::UNFINISHED)),
            restored => restored,
        }
    }
}

/// Copies everything but the keys. Answers how many records are erased again.
async fn fill(from: &mut Connection, to: &Client, sealing: Option<&Sealing>, now: Millis) -> Done<u64> {
    for table in TABLES {
        table.bring(from, to).await?;
    }
    let (mut last, mut last_received, mut erased) = (0, 0, 0);
    loop {
        let records = records(from, sealing, last, now)?;
        let Some(newest) = records.last() else { break };
        (last, last_received) = (newest.seq, newest.received_at);
        erased += records.iter().filter(|record| record.again).count() as u64;
        put(to, &records).await?;
    }
    let sql = "UPDATE sequencer SET last_seq = $1, last_received = $2 WHERE one = 1";
    execute(to, sql, &[&last, &last_received]).await?;
    Ok(erased)
}

/// What is not a record; webhooks go on from the newest that there is.
async fn bring_operations(from: &mut Connection, to: &Client, newest: i64, now: Millis) -> Done<()> {
    for table in OPERATIONS {
        table.bring(from, to).await?;
    }
    let end = now - KEEP;
    execute(to, &numbered(ENDED_DAYS), &[&time::date(end)]).await?;
    for ended in ENDED {
        execute(to, &numbered(ended), &[&end]).await?;
    }
    execute(to, &numbered(REWIND), &[&newest]).await.map(drop)
}

/// Opens FILE and FILE.keys for reading; both stay as they are.
fn open(backup: &Path, keys: &Path) -> Result<Connection, String> {
    let say = |error: rusqlite::Error| format!("{}: {error}", backup.display());
    let from = database::open_reader(backup).map_err(say)?;
    require_files(backup, keys)?;
    use_keys(&from, keys)?;
    Ok(from)
}

/// A record on its way into its two tables.
struct Brought {
    seq: i64,
    site: i64,
    record_id: Vec<u8>,
    received_at: Millis,
    log: i64,
    index: i64,
    ends_at: Millis,
    held: bool,
    restricted_at: Option<Millis>,
    erased_at: Option<Millis>,
    /// It was not erased when the backup was made.
    again: bool,
    /// The two commitments in the log; nothing where the log has pruned them.
    core: Vec<u8>,
    context: Vec<u8>,
    browser_at: Millis,
    valid_until: Millis,
    kept: Option<Kept>,
}

/// What an erasure empties.
struct Kept {
    prev: Option<[u8; 16]>,
    challenge: Option<i64>,
    digest: Option<Vec<u8>>,
    notice: Option<Vec<u8>>,
    subject: Option<Vec<u8>>,
    holder: Option<Vec<u8>>,
    secret: Vec<u8>,
    body: Vec<u8>,
}

const RECORDS: &str = "SELECT r.seq, site.site, r.record_id, r.received_at, r.clock, r.log, r.idx, r.ends_at,
        coalesce(k.held, 0) AS held, coalesce(r.restricted_at, k.restricted_at) AS restricted_at, r.erased_at,
        r.digest, r.notice, r.subject, r.holder, r.body, r.challenge, s.secret, e.bytes AS entry
    FROM main.record AS r
    JOIN main.site AS site ON site.origin = r.site
    LEFT JOIN keys.record_secret AS s ON s.seq = r.seq
    LEFT JOIN record_kept AS k ON k.seq = r.seq
    LEFT JOIN main.log_entry AS e ON e.log = r.log AND e.idx = r.idx
    WHERE r.seq > ?1 ORDER BY r.seq LIMIT ?2";

/// The next records.
fn records(from: &mut Connection, sealing: Option<&Sealing>, after: i64, now: Millis) -> Done<Vec<Brought>> {
    let mut read = from.prepare_cached(RECORDS)?;
    let mut rows = read.query([after, PAGE])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(brought(row, sealing, now)?);
    }
    Ok(records)
}

fn brought(row: &Row<'_>, sealing: Option<&Sealing>, now: Millis) -> Done<Brought> {
    let (seq, received_at, ends_at): (i64, Millis, Millis) =
        (row.get("seq")?, row.get("received_at")?, row.get("ends_at")?);
    let place: Option<(i64, i64)> = row.get::<_, Option<i64>>("log")?.zip(row.get("idx")?);
    let (log, index) = place.ok_or_else(|| {
        Failure::damaged(format!("record {seq} was erased before there was a log, and has no place here"))
    })?;
    let record_id: Vec<u8> = row.get("record_id")?;
    let entry: Option<Vec<u8>> = row.get("entry")?;
    let (core, context) = match entry.as_deref().and_then(Entry::parse) {
        Some(Entry::Record(commitment)) => (commitment.core.to_vec(), commitment.context.to_vec()),
        _ => Default::default(),
    };
    let before: Option<Millis> = row.get("erased_at")?;
    let secret: Option<Vec<u8>> = row.get("secret")?;
    let kept = match secret.filter(|_| before.is_none()) {
        Some(secret) => Some(kept(row, secret, &record_id, sealing)?),
        None => None,
    };
    let erased_at = before.or(kept.is_none().then_some(now));
    // Of a record without a body it is known how its clock was, and not what it said.
    let clock = Clock::named(&row.get::<_, String>("clock")?);
    let (browser_at, valid_until) = kept
        .as_ref()
        .map_or((clock.example(received_at), ends_at), |(_, browser_at, valid_until)| (*browser_at, *valid_until));
    Ok(Brought {
        seq,
        site: row.get("site")?,
        record_id,
        received_at,
        log,
        index,
        ends_at,
        // What was held then and is erased now was let go in between.
        held: erased_at.is_none() && row.get("held")?,
        restricted_at: row.get("restricted_at")?,
        again: before.is_none() && erased_at.is_some(),
        erased_at,
        core,
        context,
        browser_at,
        valid_until,
        kept: kept.map(|(kept, ..)| kept),
    })
}

/// What a record has beside its place, with the times that its body says.
fn kept(row: &Row<'_>, secret: Vec<u8>, id: &[u8], sealing: Option<&Sealing>) -> Done<(Kept, Millis, Millis)> {
    let body = match row.get_ref("body")? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
        _ => Vec::new(),
    };
    let is_sealed = secret.len() != 32;
    let text = match is_sealed {
        false => Some(body.clone()),
        true => {
            let plain = seal::secret(sealing, Some(secret.clone()), id)?.map(|(secret, _)| secret);
            let opened = Opened::unseal(plain, &body);
            opened.body.filter(|_| opened.digest.is_some())
        }
    };
    let said = text.and_then(|text| json::parse(std::str::from_utf8(&text).ok()?).ok());
    let times = said.as_ref().and_then(|said| {
        let time = |name: &str| time::parse(said.get("event").get(name).text()?);
        Some((time("at")?, time("valid_until")?))
    });
    let (browser_at, valid_until) = times.ok_or_else(|| {
        let seq = row.get::<_, i64>("seq").unwrap_or_default();
        Failure::damaged(format!("record {seq} is not the one that was received: its body can't be read"))
    })?;
    // A sealed body says these itself.
    let column = |name: &str| -> Done<Option<Vec<u8>>> { Ok(if is_sealed { None } else { row.get(name)? }) };
    let kept = Kept {
        prev: said.as_ref().and_then(|said| said.get("prev").text()).and_then(key::uuid),
        challenge: row.get("challenge")?,
        digest: column("digest")?,
        notice: row.get("notice")?,
        subject: row.get("subject")?,
        holder: column("holder")?,
        secret,
        body,
    };
    Ok((kept, browser_at, valid_until))
}

async fn put(to: &Client, records: &[Brought]) -> Done<()> {
    fn column<'a, T>(records: &'a [Brought], of: impl Fn(&'a Brought) -> T) -> Vec<T> {
        records.iter().map(of).collect()
    }
    fn optional<'a>(records: &'a [Brought], of: fn(&'a Kept) -> Option<&'a [u8]>) -> Vec<Option<&'a [u8]>> {
        records.iter().map(|record| record.kept.as_ref().and_then(of)).collect()
    }
    let ids = column(records, |r| r.record_id.as_slice());
    let sites = column(records, |r| r.site);
    let received = column(records, |r| r.received_at);
    let sql = "INSERT INTO record (record_id, site, received_at, browser_at, valid_until, core, context, prev, digest, notice,
                   subject, holder, secret, body, challenge)
               SELECT * FROM unnest($1::BYTEA[], $2::INT8[], $3::INT8[], $4::INT8[], $5::INT8[], $6::BYTEA[], $7::BYTEA[],
                   $8::BYTEA[], $9::BYTEA[], $10::BYTEA[], $11::BYTEA[], $12::BYTEA[], $13::BYTEA[], $14::BYTEA[], $15::INT8[])";
    execute(
        to,
        sql,
        &[
            &ids,
            &sites,
            &received,
            &column(records, |r| r.browser_at),
            &column(records, |r| r.valid_until),
            &column(records, |r| r.core.as_slice()),
            &column(records, |r| r.context.as_slice()),
            &optional(records, |kept| kept.prev.as_ref().map(<[u8; 16]>::as_slice)),
            &optional(records, |kept| kept.digest.as_deref()),
            &optional(records, |kept| kept.notice.as_deref()),
            &optional(records, |kept| kept.subject.as_deref()),
            &optional(records, |kept| kept.holder.as_deref()),
            &optional(records, |kept| Some(&kept.secret)),
            &optional(records, |kept| Some(&kept.body)),
            &column(records, |r| r.kept.as_ref().and_then(|kept| kept.challenge)),
        ],
    )
    .await?;
    let sql = "INSERT INTO place (seq, record_id, site, log, idx, received_at, ends_at, held, restricted_at, erased_at)
               SELECT * FROM unnest($1::INT8[], $2::BYTEA[], $3::INT8[], $4::INT8[], $5::INT8[], $6::INT8[], $7::INT8[],
                   $8::BOOL[], $9::INT8[], $10::INT8[])";
    execute(
        to,
        sql,
        &[
            &column(records, |r| r.seq),
            &ids,
            &sites,
            &column(records, |r| r.log),
            &column(records, |r| r.index),
            &received,
            &column(records, |r| r.ends_at),
            &column(records, |r| r.held),
            &column(records, |r| r.restricted_at),
            &column(records, |r| r.erased_at),
        ],
    )
    .await
    .map(drop)
}
