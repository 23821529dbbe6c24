//! What the disk can do to the store: every call that fails, a process that is killed in the middle of any of them (PROOF
//! test 5), power that goes (test 6, in `power.rs`), no room (test 7). They need strace, and the last one a tmpfs: `cargo
//! xtask test long`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use askfirst_server::store::{self, Inserted, NewRecord, Store};

use crate::support::{configured, record, record_id};

pub const DATABASE: &str = "askfirst.sqlite";

/// The records that the folder has from the start.
const BEFORE: u128 = 3;

fn notice() -> store::NewNotice {
    configured().1.into_iter().find(|notice| notice.about.lang == "en").unwrap()
}

/// A folder with a store that was closed, as a test finds it each time.
pub async fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join(DATABASE), &store::Options::default()).unwrap();
    store.register(notice()).await.unwrap();
    insert(&store, 0..BEFORE, |_| ()).await.unwrap();
    folder
}

pub async fn insert(
    store: &Store,
    records: std::ops::Range<u128>,
    mut acknowledged: impl FnMut(u128),
) -> Result<(), store::StoreError> {
    let notice = notice();
    for n in records {
        let record = NewRecord::new(&record(n, &notice)).unwrap();
        match store.insert(record).await? {
            Inserted::Created(_) | Inserted::Repeated(_) => acknowledged(n),
            other => panic!("{n}: {other:?}"),
        }
    }
    Ok(())
}

/// The other side of the tests of this file: a process that opens the store and takes records, and writes down each that
/// it has acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of other tests, in a process of its own"]
async fn child() {
    let Some(folder) = std::env::var_os("ASKFIRST_FAULTS").map(PathBuf::from) else { return };
    let records: u128 = std::env::var("ASKFIRST_FAULTS_RECORDS").unwrap().parse().unwrap();
    let Ok(store) = Store::open(&folder.join(DATABASE), &store::Options::default()) else { return };
    let store = Arc::new(store);
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..2 {
        let (store, folder) = (Arc::clone(&store), folder.clone());
        senders.spawn(async move {
            for n in (100 + sender..100 + records).step_by(2) {
                // Who gets no answer comes again, as a browser does.
                for _ in 0..3 {
                    if insert(&store, n..n + 1, |n| note(&folder, n)).await.is_ok() {
                        break;
                    }
                }
            }
        });
    }
    senders.join_all().await;
}

/// Notes an acknowledgement in one call, which a trace shows.
pub fn note(folder: &Path, n: u128) {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(folder.join("acknowledged")).unwrap();
    file.write_all(format!("{n}\n").as_bytes()).unwrap();
}

pub fn acknowledged(text: &str) -> Vec<u128> {
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// Runs one of the ignored tests of this program as a process under strace.
pub fn traced(test: &str, folder: &Path, records: u128, strace: &[&str]) -> Output {
    Command::new("strace")
        .arg("-f")
        .args(strace)
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--test-threads", "1"])
        .env("ASKFIRST_FAULTS", folder)
        .env("ASKFIRST_FAULTS_RECORDS", records.to_string())
        .stdin(Stdio::null())
        .output()
        .expect("these tests need strace: `apt-get install strace`")
}

/// The store opens, everything in it is what was signed, and it has what was acknowledged and goes on. `what` for messages.
pub async fn require_whole(folder: &Path, acknowledged: &[u128], what: &str) {
    let path = folder.join(DATABASE);
    {
        let store = Store::open(&path, &store::Options::default()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(store.frozen(), None, "{what}");
        for n in acknowledged {
            let found = store.holders(&record_id(*n)).await.unwrap();
            assert_eq!(found.len(), 1, "{what}: {n} was acknowledged");
        }
        insert(&store, 9_000..9_002, |_| ()).await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
    }
    store::audit(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
    // Nothing is there twice.
    let shell = rusqlite::Connection::open(&path).unwrap();
    let (rows, ids): (i64, i64) = shell
        .query_row("SELECT count(*), count(DISTINCT record_id) FROM record", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(rows, ids, "{what}");
}

pub fn copy(from: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

/// PROOF test 5: EIO and SIGKILL at every call that changes a file, from the opening of the store over two records to its
/// closing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn a_call_that_fails_or_is_the_last_one_loses_nothing_that_was_acknowledged() {
    let start = prepared().await;
    let (mut runs, mut acked) = (0, 0);
    for call in ["fsync", "fdatasync", "write", "pwrite64", "rename", "ftruncate"] {
        for fault in ["error=EIO", "signal=SIGKILL"] {
            for nth in 1.. {
                let folder = copy(start.path());
                let log = folder.path().join("trace");
                let inject = format!("inject={call}:{fault}:when={nth}");
                let files: Vec<String> = ["", "-wal", "-shm", ".published", ".published.new", ".key"]
                    .map(|end| format!("{}{end}", folder.path().join(DATABASE).display()))
                    .to_vec();
                let mut strace =
                    vec!["-o", log.to_str().unwrap(), "-e", "trace=fsync,fdatasync,write,pwrite64,rename,ftruncate"];
                strace.extend(["-e", &inject]);
                files.iter().for_each(|file| strace.extend(["-P", file]));
                let output = traced("faults::child", folder.path(), 2, &strace);
                let trace = fs::read_to_string(&log).unwrap_or_default();
                let hit = trace.contains("(INJECTED)") || trace.contains("killed by SIGKILL");
                let text = fs::read_to_string(folder.path().join("acknowledged")).unwrap_or_default();
                let what = format!("{call} {fault} {nth}");
                let told = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(!told.contains("panicked"), "{what}: {told}");
                require_whole(folder.path(), &acknowledged(&text), &what).await;
                if !hit {
                    assert_eq!(acknowledged(&text).len(), 2, "{what}: without a fault both are taken: {told}");
                    break;
                }
                runs += 1;
                acked += acknowledged(&text).len();
            }
        }
    }
    println!("{runs} faults, {acked} records acknowledged in spite of them");
    assert!(runs > 40 && acked > 20, "{runs} faults, {acked} acknowledged");
}
