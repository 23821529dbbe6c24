//! PROOF test 11: whatever is put before the readers of notes, checkpoints, tile paths, proofs, records and packs, none of
//! them panics, none takes a second form of what it takes, and none believes what was changed.
//!
//! The inputs are made by changing those of `corpus/`, a folder for each reader, without looking at the code: a fuzzer that
//! follows the branches needs a compiler that the project does not. What meets a new kind of answer is kept in the corpus by
//! the long run (`cargo xtask test long`, ten minutes for each reader; `ASKFIRST_FUZZ_SECONDS` says how many seconds):
//!
//! `cargo test --release -p askfirst-core --features ed25519 --test log_fuzz -- --ignored`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "support/evidence.rs"]
mod evidence_support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use askfirst_core::digest::sha256;
use askfirst_core::json;
use askfirst_core::log::evidence::{self, Outcome};
use askfirst_core::log::{Checkpoint, Entry, LogKey, Note, Resource, TextProof, decode_bundle, encode_bundle};
use askfirst_core::record::Submission;
use evidence_support::{erased, pack, record, trusted};

/// What a reader makes of an input, as a word that is the same for inputs of one kind.
type Reader = fn(&Seeds, &[u8]) -> String;

/// What is valid, and whose keys are believed.
struct Seeds {
    keys: Vec<LogKey>,
    packs: Vec<String>,
    checkpoint: String,
    proof: String,
}

impl Seeds {
    fn new() -> Self {
        let (log, whole) = pack();
        let packs = vec![whole.to_value().canonical(), erased().to_value().canonical()];
        Self { keys: trusted(), packs, checkpoint: log.checkpoint(), proof: log.prove(1) }
    }

    /// Those of one reader, beside what is in its corpus.
    fn of(&self, reader: &str) -> Vec<Vec<u8>> {
        let texts = match reader {
            "note" | "checkpoint" => vec![self.checkpoint.clone()],
            "tile-path" => ["tile/0/x001/x234/067.p/8", "tile/entries/000", "tile/63/000"].map(str::to_owned).to_vec(),
            "tlog-proof" => vec![self.proof.clone()],
            "record" => vec![record().to_value().canonical()],
            "entry" => vec!["\u{3}{\"day\":\"2026-11-22\",\"index\":7,\"reason\":\"holder\"}".to_owned()],
            _ => self.packs.clone(),
        };
        let mut seeds: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
        let files = fs::read_dir(folder(reader)).into_iter().flatten();
        seeds.extend(files.map(|file| fs::read(file.unwrap().path()).unwrap()));
        seeds
    }
}

const READERS: [(&str, Reader); 7] = [
    ("note", note),
    ("checkpoint", checkpoint),
    ("tile-path", tile_path),
    ("tlog-proof", tlog_proof),
    ("record", submission),
    ("entry", entry),
    ("pack", evidence_pack),
];

fn folder(reader: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(reader)
}

fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}

fn note(seeds: &Seeds, input: &[u8]) -> String {
    let Some(note) = text(input).and_then(Note::parse) else { return "none".to_owned() };
    let lines: String = note.signatures.iter().map(askfirst_core::log::Signature::line).collect();
    assert_eq!(format!("{}\n{lines}", note.text).as_bytes(), input, "a note has one form");
    match note.verified(&seeds.keys.iter().map(|key| key.key.clone()).collect::<Vec<_>>()) {
        Ok(by) => {
            assert_eq!(note.text, Note::parse(&seeds.checkpoint).unwrap().text, "nothing else was signed");
            format!("signed by {}", by.len())
        }
        Err(error) => format!("{:?}", std::mem::discriminant(&error)),
    }
}

fn checkpoint(seeds: &Seeds, input: &[u8]) -> String {
    let Some(input) = text(input) else { return "bytes".to_owned() };
    match Checkpoint::open_by(input, &seeds.keys) {
        Ok(opened) => {
            assert!(seeds.checkpoint.starts_with(&opened.checkpoint.text()), "nothing else was signed");
            "opened".to_owned()
        }
        Err(error) => format!("{error:?}").chars().take(20).collect(),
    }
}

fn tile_path(_: &Seeds, input: &[u8]) -> String {
    let Some(path) = text(input) else { return "bytes".to_owned() };
    match Resource::parse(path) {
        Some(resource) => {
            assert_eq!(resource.path(), path, "a tile has one name");
            format!("{:?}", std::mem::discriminant(&resource))
        }
        None => "none".to_owned(),
    }
}

fn tlog_proof(_: &Seeds, input: &[u8]) -> String {
    match text(input).and_then(TextProof::parse) {
        Some(proof) => {
            assert_eq!(proof.text().as_bytes(), input, "a proof has one form");
            format!("{} hashes", proof.hashes.len())
        }
        None => "none".to_owned(),
    }
}

fn submission(_: &Seeds, input: &[u8]) -> String {
    let Some(input) = text(input) else { return "bytes".to_owned() };
    if let Ok(value) = json::parse(input) {
        assert_eq!(json::parse(&value.canonical()).map(|again| again.canonical()).unwrap(), value.canonical());
    }
    match Submission::parse(input) {
        Ok(Submission::Record(record)) => {
            let canonical = record.canonical();
            assert!(matches!(Submission::parse(&canonical), Ok(Submission::Record(again)) if again == record));
            "record".to_owned()
        }
        Ok(_) => "count".to_owned(),
        Err(rejection) => format!("{rejection:?}").chars().take(60).collect(),
    }
}

fn entry(_: &Seeds, input: &[u8]) -> String {
    if let Some(entries) = decode_bundle(input) {
        assert_eq!(encode_bundle(entries.iter().copied()).unwrap(), input, "a bundle has one form");
    }
    match Entry::parse(input) {
        Some(entry) => {
            assert_eq!(entry.bytes().as_deref(), Some(input), "an entry has one form");
            format!("{:?}", std::mem::discriminant(&entry))
        }
        None => "none".to_owned(),
    }
}

fn evidence_pack(seeds: &Seeds, input: &[u8]) -> String {
    let Some(input) = text(input) else { return "bytes".to_owned() };
    let mut words = Vec::new();
    for report in evidence::verify(input, &seeds.keys) {
        if report.outcome() == Outcome::Holds {
            // White space and the order of members are no part of what holds.
            let value = json::parse(input).unwrap().canonical();
            assert!(seeds.packs.iter().any(|pack| value.contains(pack.as_str())), "what was changed holds: {input}");
        }
        words.push(format!(
            "{} {}",
            report.outcome().name(),
            report.problem().unwrap_or("").chars().take(40).collect::<String>()
        ));
    }
    words.truncate(3);
    words.join("; ")
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below.max(1)
    }
}

/// Pieces that mean something to one reader or another.
const PIECES: [&str; 28] = [
    "\n",
    "\n\n",
    "— ",
    "+",
    "\"",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "0",
    "-1",
    "1e9",
    "18446744073709551616",
    "9007199254740993",
    "x001/",
    ".p/256",
    "\u{feff}",
    "é",
    "\u{202e}",
    "=",
    "AAAA",
    "\r",
];

fn change(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.next(3) {
        let at = random.next(input.len() + 1);
        let end = (at + 1 + random.next(40)).min(input.len());
        match random.next(8) {
            0 if at < input.len() => input[at] ^= 1 << random.next(8),
            1 if at < input.len() => input[at] = random.next(256) as u8,
            2 => drop(input.drain(at..end.max(at))),
            3 => input.truncate(at),
            4 => {
                let piece = PIECES[random.next(PIECES.len())].as_bytes().to_vec();
                drop(input.splice(at..at, piece));
            }
            5 => {
                let copied = input[at..end.max(at)].to_vec();
                let to = random.next(input.len() + 1);
                drop(input.splice(to..to, copied));
            }
            6 if !other.is_empty() => {
                let from = random.next(other.len());
                let until = (from + random.next(200)).min(other.len());
                drop(input.splice(at..end.max(at), other[from..until].to_vec()));
            }
            _ => {
                let digits: Vec<usize> = (0..input.len()).filter(|at| input[*at].is_ascii_digit()).collect();
                if let Some(at) = digits.get(random.next(digits.len())) {
                    input[*at] = b'0' + random.next(10) as u8;
                }
            }
        }
    }
    input.truncate(1 << 17);
}

/// Changes what is known until `over`; how many inputs there were, and what met a new kind of answer.
fn run(reader: (&str, Reader), over: impl Fn(usize) -> bool, seed: u64) -> (usize, Vec<Vec<u8>>) {
    let (name, read) = reader;
    let seeds = Seeds::new();
    let mut known = seeds.of(name);
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for input in &known {
        *answers.entry(read(&seeds, input)).or_default() += 1;
    }
    let (mut random, mut kept, mut inputs) = (Random(seed | 1), Vec::new(), 0);
    while !over(inputs) {
        let mut input = known[random.next(known.len())].clone();
        let other = known[random.next(known.len())].clone();
        change(&mut input, &other, &mut random);
        inputs += 1;
        let answer = read(&seeds, &input);
        if answers.len() < 400 && !answers.contains_key(&answer) && input.len() < 8_192 {
            known.push(input.clone());
            kept.push(input);
        }
        *answers.entry(answer).or_default() += 1;
    }
    println!("{name}: {inputs} inputs, {} kinds of answers", answers.len());
    (inputs, kept)
}

#[test]
fn no_reader_panics_or_believes_what_was_changed() {
    for reader in READERS {
        let inputs = if reader.0 == "pack" { 300 } else { 3_000 };
        run(reader, |n| n >= inputs, 0x5EED_0000_0000_0011);
    }
}

#[test]
#[ignore = "long"]
fn no_reader_panics_or_believes_what_was_changed_for_ten_minutes_each() {
    let seconds = std::env::var("ASKFIRST_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("seed {seed}");
    std::thread::scope(|threads| {
        for reader in READERS {
            threads.spawn(move || {
                let until = Instant::now() + Duration::from_secs(seconds);
                let (_, kept) = run(reader, |_| Instant::now() >= until, seed);
                fs::create_dir_all(folder(reader.0)).unwrap();
                for input in kept {
                    let name: String = sha256(&input)[..6].iter().map(|byte| format!("{byte:02x}")).collect();
                    fs::write(folder(reader.0).join(name), input).unwrap();
                }
            });
        }
    });
}
