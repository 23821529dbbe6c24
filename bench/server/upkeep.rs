//! What is done with records that are stored, all of them: audit, export, backup, restore, purge. Prints a line of JSON for each
//! with its time and the process's memory at its peak so far, which must not grow with the number of records.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use askfirst_core::digest::{base64url, digest, sha256, uuid};
use askfirst_core::json::map;
use askfirst_core::log::evidence::Lines;
use askfirst_core::log::{Commitment, Entry, Envelope, Frontier, TILE_WIDTH, leaf_hash};
use askfirst_core::record::Record;
use askfirst_core::time::{Millis, Period};
use askfirst_server::clock;
use askfirst_server::store::backup::{backup, keys_of};
use askfirst_server::store::pack::PAGE;
use askfirst_server::store::restore::{Beside, Files};
use askfirst_server::store::sealing::SqliteFile;
use askfirst_server::store::{self, Database, NewRecord, Store};
use tokio::task::JoinSet;

/// Senders at a time.
const SENDERS: u64 = 256;

pub async fn measure(path: &Path, options: store::Options, count: u64) -> Result<(), String> {
    let began = Instant::now();
    fill(path, &options, count).await?;
    say("store", count, began);
    verify(count)?;
    let file = SqliteFile { path: path.to_owned(), master: options.master.clone() };

    let began = Instant::now();
    let looked = store::audit(&file)?;
    say("audit", looked.records, began);

    let exported = path.with_extension("jsonl");
    let began = Instant::now();
    say("export", export(&file, &exported).await?, began);
    let began = Instant::now();
    say("verify the export", check(&exported)?, began);

    let copy = path.with_extension("copy");
    let began = Instant::now();
    let copied = backup(path, None, &copy)?;
    say("backup", copied.records, began);

    let restored = SqliteFile { path: path.with_extension("restored"), ..file };
    fs::copy(with_key(path), with_key(&restored.path)).map_err(|error| error.to_string())?;
    let began = Instant::now();
    let files = Files { file: &copy, keys: &keys_of(&copy), operations: None };
    let back = Database::Sqlite(restored.clone()).restore(files, Beside::default(), clock::now()).await?;
    say("restore", back.looked.records, began);

    let store = Store::open(&restored.path, &store::Options { now: later, ..options })?;
    let began = Instant::now();
    let due = store.purge(Period::months(36), "P3Y").await.map_err(|error| format!("{error:?}"))?;
    say("purge", due.records, began);
    Ok(())
}

/// What `askfirst export --all` does but for the access log.
async fn export(file: &SqliteFile, to: &Path) -> Result<u64, String> {
    let database = Database::Sqlite(file.clone());
    let mut out = BufWriter::new(File::create(to).map_err(|error| error.to_string())?);
    let (mut pages, mut count) = (database.all_packs(), 0);
    loop {
        let page = pages.next(PAGE).await?;
        if page.is_empty() {
            break;
        }
        for packed in page {
            let pack = packed.pack.ok_or("a record has no entry")?;
            writeln!(out, "{}", pack.to_value().canonical()).map_err(|error| error.to_string())?;
            count += 1;
        }
    }
    out.flush().map_err(|error| error.to_string())?;
    Ok(count)
}

/// What `askfirst verify` does with that file, without the key and without printing. One thread.
fn check(file: &Path) -> Result<u64, String> {
    let lines = BufReader::new(File::open(file).map_err(|error| error.to_string())?).lines();
    let (mut count, mut checked) = (0, Lines::new(&[]));
    for line in lines {
        let report = checked.verify(&line.map_err(|error| error.to_string())?);
        if let Some(problem) = report.problem() {
            return Err(problem.to_owned());
        }
        count += 1;
    }
    Ok(count)
}

/// What checking a record costs without reading it: its digest, its commitment under its salt, its leaf, and the tree over
/// all leaves, compared with what they were made as. One thread; the records are those of a bundle, again and again.
fn verify(count: u64) -> Result<(), String> {
    let template = super::template(&super::notice());
    let at = clock::now();
    let envelope = Envelope { received_at: at, clock: "ok".to_owned(), more: Vec::new() };
    let made = |n: u64| {
        let record = Record { record_id: uuid(&u128::from(n).to_be_bytes()), ..template.clone() };
        let (text, salt) = (record.canonical(), sha256(&n.to_be_bytes()));
        let core = Commitment::to_record(&salt, &text, &envelope);
        let entry = Entry::Record(Commitment { core, context: salt }).bytes();
        entry.map(|entry| (digest(text.as_bytes()), text, salt, entry)).ok_or("an entry is too long".to_owned())
    };
    let records = (0..TILE_WIDTH).map(made).collect::<Result<Vec<_>, _>>()?;
    let began = Instant::now();
    let mut frontier = Frontier::default();
    for (said, text, salt, entry) in records.iter().cycle().take(usize::try_from(count).unwrap_or(usize::MAX)) {
        let core = Commitment::to_record(salt, text, &envelope);
        let stands = matches!(Entry::parse(entry), Some(Entry::Record(commitment)) if commitment.core == core);
        if !stands || digest(text.as_bytes()) != *said {
            return Err("a record does not hold".to_owned());
        }
        frontier.append(leaf_hash(entry), |_, _, _| ());
    }
    black_box(frontier.root());
    say("verify in memory", count, began);
    Ok(())
}

async fn fill(path: &Path, options: &store::Options, count: u64) -> Result<(), String> {
    let store = Arc::new(Store::open(path, options)?);
    let notice = super::notice();
    store.register(notice.clone()).await.map_err(|error| format!("{error:?}"))?;
    let template = Arc::new(super::template(&notice));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (store, template) = (Arc::clone(&store), Arc::clone(&template));
        senders.spawn(async move {
            for n in (sender..count).step_by(SENDERS as usize) {
                // Ids are spread like random ones.
                let n = u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
                let mut record = (*template).clone();
                record.record_id = uuid(&n.to_be_bytes());
                record.subject = base64url(&n.to_be_bytes());
                record.holder = digest(&n.to_be_bytes());
                record.prev = None;
                let record = NewRecord::new(&record).map_err(str::to_owned)?;
                store.insert(record).await.map_err(|error| format!("{error:?}"))?;
            }
            Ok::<_, String>(())
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender.map_err(|error| error.to_string())??;
    }
    Ok(())
}

/// When every record is due.
fn later() -> Millis {
    Period::months(120).after(clock::now())
}

fn with_key(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

fn say(what: &str, records: u64, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    let whole = |number: f64| number as i64;
    let line = map([
        ("what", what.into()),
        ("records", whole(records as f64).into()),
        ("ms", whole(seconds * 1000.0).into()),
        ("per_second", whole(records as f64 / seconds).into()),
        ("peak_megabytes", peak().into()),
    ]);
    println!("{}", line.canonical());
}

/// Megabytes that the process had in memory at its peak (Linux).
fn peak() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<i64>().ok()).unwrap_or(0) / 1024
}
