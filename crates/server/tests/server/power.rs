//! Power that goes (PROOF test 6), as far as it can be shown without a disk of one's own: every write, sync, cut and
//! renaming of a process is recorded by strace, with its bytes. From the record the files are put together as a disk may
//! have them at any moment: what was synced is there; of what was not, nothing, or any part of it, or half a write.
//!
//! Taken as given: a name that was made, renamed or removed is so at once, and a sync that has returned has reached the
//! disk. The same harness shows losses of SQLite with `synchronous=NORMAL`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::faults::{DATABASE, acknowledged, note, prepared, require_whole, traced};

const CALLS: &str = "trace=openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,unlink";

/// What a process did to a file, in the order in which it was done.
#[derive(Clone, Debug)]
enum Step {
    Write {
        file: u32,
        at: usize,
        bytes: Vec<u8>,
    },
    Cut {
        file: u32,
        length: usize,
    },
    /// A sync of what was done before the step of this number.
    Synced {
        file: u32,
        before: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink(PathBuf),
    /// A file that was made, or emptied, by opening it.
    Made(PathBuf),
    Acknowledged(u128),
}

/// The steps of a process, and which file each has.
#[derive(Default)]
struct Recording {
    steps: Vec<Step>,
    /// The number of the file that a name stands for; a renamed file keeps its own.
    names: BTreeMap<PathBuf, u32>,
    next: u32,
}

impl Recording {
    fn of(trace: &str, folder: &Path) -> Self {
        let mut recording = Self::default();
        listed(folder).iter().for_each(|path| {
            recording.file(path);
        });
        // The first half of a call that another thread came into, with how many steps there were when it began.
        let mut begun: BTreeMap<&str, (String, usize)> = BTreeMap::new();
        for line in trace.lines() {
            let Some((thread, call)) = line.split_once(' ') else { continue };
            let call = call.trim_start();
            if let Some(first) = call.strip_suffix(" <unfinished ...>") {
                begun.insert(thread, (first.to_owned(), recording.steps.len()));
            } else if let Some(rest) = call.strip_prefix("<... ") {
                let Some((first, at)) = begun.remove(thread) else { continue };
                let rest = rest.split_once("resumed>").map_or("", |(_, rest)| rest);
                recording.call(&format!("{first}{rest}"), at, folder);
            } else {
                let at = recording.steps.len();
                recording.call(call, at, folder);
            }
        }
        recording
    }

    fn file(&mut self, path: &Path) -> u32 {
        *self.names.entry(path.to_owned()).or_insert_with(|| {
            self.next += 1;
            self.next
        })
    }

    fn call(&mut self, call: &str, began: usize, folder: &Path) {
        let Some((name, rest)) = call.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { return };
        if result.starts_with('-') {
            return;
        }
        let done: usize = result.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("").parse().unwrap_or(0);
        let arguments = arguments.trim_end().trim_end_matches(')');
        let described = arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(path, _)| path);
        let quoted: Vec<Vec<u8>> = arguments.split('"').skip(1).step_by(2).map(unhex).collect();
        let last = arguments.rsplit(", ").next().and_then(|number| number.parse::<usize>().ok());
        let path = |bytes: &[u8]| PathBuf::from(String::from_utf8_lossy(bytes).as_ref());
        let opened = described.map(|described| path(&unhex(described))).filter(|path| path.starts_with(folder));
        match (name, opened) {
            ("write", Some(file)) if file.ends_with("acknowledged") => {
                let text = String::from_utf8(quoted[0].clone()).unwrap();
                self.steps.extend(acknowledged(&text).into_iter().map(Step::Acknowledged));
            }
            ("write" | "pwrite64", Some(file)) => {
                // A file that is written from its beginning on, in one call.
                let at = if name == "write" { 0 } else { last.unwrap() };
                let (file, bytes) = (self.names[&file], quoted[0][..done].to_vec());
                self.steps.push(Step::Write { file, at, bytes });
            }
            ("fsync" | "fdatasync", Some(file)) => {
                // A folder has no number: names are taken as durable.
                let Some(file) = self.names.get(&file).copied() else { return };
                self.steps.push(Step::Synced { file, before: began });
            }
            ("ftruncate", Some(file)) => {
                let file = self.names[&file];
                self.steps.push(Step::Cut { file, length: last.unwrap() });
            }
            ("rename", _) => {
                let (from, to) = (path(&quoted[0]), path(&quoted[1]));
                if from.starts_with(folder) {
                    let file = self.file(&from);
                    self.names.remove(&from);
                    self.names.insert(to.clone(), file);
                    self.steps.push(Step::Rename { from, to });
                }
            }
            ("unlink", _) if path(&quoted[0]).starts_with(folder) => {
                self.names.remove(&path(&quoted[0]));
                self.steps.push(Step::Unlink(path(&quoted[0])));
            }
            ("openat", _) if arguments.contains("O_CREAT") && path(&quoted[0]).starts_with(folder) => {
                let file = path(&quoted[0]);
                if arguments.contains("O_TRUNC") || !self.names.contains_key(&file) {
                    self.names.remove(&file);
                    self.file(&file);
                    self.steps.push(Step::Made(file));
                }
            }
            _ => {}
        }
    }

    /// The files as a disk may have them when power goes before step `end`; `keep` says of each write that was not synced how
    /// much of it is there. Answers what was acknowledged by then.
    fn put_together(&self, start: &Path, end: usize, to: &Path, keep: &mut dyn FnMut(usize) -> usize) -> Vec<u128> {
        let mut files: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let mut names: BTreeMap<PathBuf, u32> = BTreeMap::new();
        let mut next = 0;
        for path in listed(start) {
            next += 1;
            files.insert(next, fs::read(&path).unwrap());
            names.insert(PathBuf::from(path.file_name().unwrap()), next);
        }
        let mut synced: BTreeMap<u32, usize> = BTreeMap::new();
        for step in &self.steps[..end] {
            if let Step::Synced { file, before } = step {
                let known = synced.entry(*file).or_default();
                *known = (*known).max(*before);
            }
        }
        let mut told = Vec::new();
        for (n, step) in self.steps[..end].iter().enumerate() {
            let is_synced = |file: &u32| synced.get(file).is_some_and(|before| n < *before);
            match step {
                Step::Write { file, at, bytes } => {
                    let length = if is_synced(file) { bytes.len() } else { keep(bytes.len()) };
                    let data = files.entry(*file).or_default();
                    if length > 0 {
                        data.resize(data.len().max(at + length), 0);
                        data[*at..at + length].copy_from_slice(&bytes[..length]);
                    }
                }
                Step::Cut { file, length } => {
                    if is_synced(file) || keep(1) == 1 {
                        files.entry(*file).or_default().resize(*length, 0);
                    }
                }
                Step::Rename { from, to } => {
                    if let Some(file) = names.remove(Path::new(from.file_name().unwrap())) {
                        names.insert(PathBuf::from(to.file_name().unwrap()), file);
                    }
                }
                Step::Unlink(path) => drop(names.remove(Path::new(path.file_name().unwrap()))),
                Step::Made(path) => {
                    next += 1;
                    names.insert(PathBuf::from(path.file_name().unwrap()), next);
                }
                Step::Acknowledged(record) => told.push(*record),
                Step::Synced { .. } => {}
            }
        }
        for (name, file) in names.iter().filter(|(name, _)| !name.to_string_lossy().ends_with("-shm")) {
            let path = to.join(name);
            fs::write(&path, files.get(file).map_or(&[][..], Vec::as_slice)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        told
    }
}

/// Sorted: the files of a copy get the same numbers.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn unhex(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).filter_map(|byte| u8::from_str_radix(byte.get(..2)?, 16).ok()).collect()
}

/// Runs a process and records it. The folder is as it was before; the numbers of files are given in the same order twice.
fn record(test: &str, start: &Path, records: u128) -> Recording {
    let folder = crate::faults::copy(start);
    let log = folder.path().with_extension("trace");
    let strace = ["-y", "-xx", "-s", "100000", "-o", log.to_str().unwrap(), "-e", CALLS];
    let output = traced(test, folder.path(), records, &strace);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let trace = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    // Names are those of the folder that the process had, with the files that it found there.
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        if !start.join(entry.file_name()).exists() {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    Recording::of(&trace, folder.path())
}

/// Every moment at which power may go, and for each what may be left of what was not synced: nothing, all, and parts.
fn moments(recording: &Recording) -> Vec<(usize, u64)> {
    let mut moments = Vec::new();
    for end in 0..=recording.steps.len() {
        let after_ack = end > 0 && matches!(recording.steps[end - 1], Step::Acknowledged(_) | Step::Synced { .. });
        if after_ack {
            moments.extend([(end, 0), (end, 2)]);
        } else if end % 23 == 0 {
            moments.push((end, end as u64 + 2));
        }
    }
    moments
}

/// 0 keeps nothing that was not synced; another seed keeps parts.
fn keeping(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    move |length| {
        if seed == 0 {
            return 0;
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match state % 4 {
            0 => 0,
            // Torn at a sector.
            1 => (state >> 8) as usize % (length + 1) / 512 * 512,
            _ => length,
        }
    }
}

/// PROOF test 6.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn what_was_acknowledged_is_there_after_power_has_gone() {
    let start = prepared().await;
    let recording = record("faults::child", start.path(), 24);
    let moments = moments(&recording);
    let told = recording.steps.iter().filter(|step| matches!(step, Step::Acknowledged(_))).count();
    println!("{} steps, {told} records acknowledged, power goes {} times", recording.steps.len(), moments.len());
    assert!(told == 24 && moments.len() > 80, "{told} {}", moments.len());
    for (end, seed) in moments {
        let folder = tempfile::tempdir().unwrap();
        let told = recording.put_together(start.path(), end, folder.path(), &mut keeping(seed));
        require_whole(folder.path(), &told, &format!("power gone before step {end}, seed {seed}")).await;
    }
}

/// The control of the test above: a process that commits with SQLite alone.
#[test]
#[ignore = "a part of other tests, in a process of its own"]
fn plain_child() {
    let Some(folder) = std::env::var_os("ASKFIRST_FAULTS").map(PathBuf::from) else { return };
    let connection = Connection::open(folder.join(DATABASE)).unwrap();
    // 1 is NORMAL, 2 is FULL.
    let synchronous = std::env::var("ASKFIRST_FAULTS_RECORDS").unwrap();
    connection.pragma_update(None, "synchronous", synchronous.parse::<i64>().unwrap()).unwrap();
    for n in 0..20 {
        connection.execute("INSERT INTO plain VALUES (?1)", [n]).unwrap();
        note(&folder, n as u128);
    }
}

/// PROOF test 6, the test of the test: with NORMAL the same harness shows losses, with FULL none.
#[test]
#[ignore = "long"]
fn power_that_goes_loses_commits_of_sqlite_with_synchronous_normal_and_none_with_full() {
    for (synchronous, losing) in [(1, true), (2, false)] {
        let start = tempfile::tempdir().unwrap();
        let connection = Connection::open(start.path().join(DATABASE)).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("CREATE TABLE plain (n INTEGER PRIMARY KEY)").unwrap();
        drop(connection);
        let recording = record("power::plain_child", start.path(), synchronous);
        let mut lost = 0;
        for (end, seed) in moments(&recording) {
            let folder = tempfile::tempdir().unwrap();
            let told = recording.put_together(start.path(), end, folder.path(), &mut keeping(seed));
            let connection = Connection::open(folder.path().join(DATABASE)).unwrap();
            let there: i64 = connection.query_row("SELECT count(*) FROM plain", [], |row| row.get(0)).unwrap();
            lost += usize::from((there as usize) < told.len());
        }
        println!("synchronous={synchronous}: {lost} times a commit was lost that was acknowledged");
        assert_eq!(lost > 0, losing, "synchronous={synchronous}");
    }
}
