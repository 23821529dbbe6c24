//! Senders who mean no good, against the server as a process: hostile bodies (PROOF test 23), more than it can take (25),
//! no room on the disk (7), and connections that do not move (24). Those that take long are run by `cargo xtask test long`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::process::{Process, english, exchange, post};
use crate::support::{SITE, body, record_id};

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

/// Kilobytes of a process's memory: `VmRSS` now, `VmHWM` at its peak.
fn memory(process: &Process, what: &str) -> i64 {
    let text = fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let line = text.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn head(extra: &str) -> String {
    format!("POST /askfirst/v1/records HTTP/1.1\r\nHost: x\r\nOrigin: {SITE}\r\n{extra}\r\n\r\n")
}

/// Sends in pieces until the server has had enough; its answer.
fn send_until_refused(address: &str, head: &str, piece: &[u8], pieces: usize) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..pieces {
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    // The answer may be followed by a reset, for not all was read.
    while let Ok(n) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..n]);
        if n == 0 || answer.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// PROOF test 23.
#[test]
fn hostile_bodies_are_refused_in_constant_memory_and_nothing_panics() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let notice = english();
    let good = body(1, &notice);
    let with = |kind: &str, body: &str| head(&format!("Content-Type: {kind}\r\nContent-Length: {}", body.len())) + body;
    let keys = |n: usize| {
        let keys: Vec<String> = (0..n).map(|n| format!("\"k{n}\":0")).collect();
        format!("{{{}}}", keys.join(","))
    };
    let nested = "[".repeat(1000) + &"]".repeat(1000);
    let small = [
        with("multipart/form-data; boundary=x", "--x\r\n\r\n--x--"),
        head("Content-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: 4") + "\u{1f}\u{8}ab",
        with("text/plain", &nested),
        with("text/plain", &good.replacen("\"client\"", &format!("\"deep\":{nested},\"client\""), 1)),
        with("text/plain", &keys(1_500)),
        with("text/plain", &good.replacen('{', "{\"client\":\"x\",", 1)),
        with("text/plain", &good.replace("\"v\":1", "\"v\":NaN")),
        with("text/plain", &good.replace("\"v\":1", "\"v\":1e999")),
        with("text/plain", &good.replace("askfirst/0.1.0", "\\ud800")),
        with("text/plain", &good.replace("askfirst/0.1.0", "a\0b")),
        with("text/plain", &good.replace("askfirst/0.1.0", "a\\u0000b")),
        with("text/plain", ""),
    ];
    let large = keys(1_000_000);
    let announced = head(&format!("Content-Type: text/plain\r\nContent-Length: {}", large.len()));
    let endless = head("Content-Type: text/plain\r\nContent-Length: 1000000000000");
    let chunked = head("Content-Type: text/plain\r\nTransfer-Encoding: chunked");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let round = || {
        for request in &small {
            let answer = process.send(request).unwrap();
            assert!((400..500).contains(&status(&answer)), "{request}\n{answer}");
        }
        for (head, piece, pieces) in
            [(&announced, large.as_bytes(), 1), (&endless, chunk.as_bytes(), 64), (&chunked, chunk.as_bytes(), 64)]
        {
            let answer = send_until_refused(&process.address, head, piece, pieces);
            assert!(answer.is_empty() || status(&answer) == 413, "{answer}");
        }
    };
    // What the first of each kind makes is there for good.
    assert_eq!(status(&process.send(&post(&body(0, &notice))).unwrap()), 201);
    round();
    let before = memory(&process, "VmRSS");
    for _ in 0..20 {
        round();
    }
    let grown = memory(&process, "VmRSS") - before;
    assert!(grown < 8 * 1024, "{grown} kB more");
    assert_eq!(status(&process.send(&post(&good)).unwrap()), 201);
    let log = process.log.lock().unwrap().clone();
    assert!(!log.contains("panicked"), "{log}");
    let shell = rusqlite::Connection::open(folder.path().join("askfirst.sqlite")).unwrap();
    let rows: i64 = shell.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2);
}

/// A sender that comes again until its record is taken; how often it was asked to wait. Each refusal says for how long.
fn deliver(address: &str, n: u128, text: &str, refused: &AtomicU64) {
    let mut stream = None;
    for _ in 0..10_000 {
        let open = stream.take().or_else(|| TcpStream::connect(address).ok());
        let Some(mut open) = open else { continue };
        let Some(answer) = exchange(&mut open, &post(text)) else { continue };
        match status(&answer) {
            200 | 201 => return,
            503 | 507 => {
                assert!(answer.to_ascii_lowercase().contains("retry-after: "), "{answer}");
                refused.fetch_add(1, SeqCst);
                std::thread::sleep(Duration::from_millis(5));
            }
            _ => panic!("{n}: {answer}"),
        }
        stream = Some(open);
    }
    panic!("{n} was never taken");
}

/// PROOF test 25.
#[test]
fn a_burst_of_ten_times_the_queue_is_asked_to_come_again_and_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &["--queue", "16", "--max-connections-per-address", "1000"]);
    let notice = Arc::new(english());
    let refused = Arc::new(AtomicU64::new(0));
    // Somebody keeps the disk busy for as long as all of them are there.
    let shell = rusqlite::Connection::open(folder.path().join("askfirst.sqlite")).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let senders: Vec<_> = (0..160u128)
        .map(|n| {
            let (address, notice, refused) = (process.address.clone(), Arc::clone(&notice), Arc::clone(&refused));
            std::thread::spawn(move || (0..4).for_each(|k| deliver(&address, n, &body(4 * n + k, &notice), &refused)))
        })
        .collect();
    std::thread::sleep(Duration::from_millis(700));
    shell.execute_batch("COMMIT").unwrap();
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    assert!(refused.load(SeqCst) >= 144, "{refused:?}: all but those in the queue were asked to wait");
    let (rows, ids): (i64, i64) = shell
        .query_row("SELECT count(*), count(DISTINCT record_id) FROM record", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!((rows, ids), (640, 640));
    let peak = memory(&process, "VmHWM");
    assert!(peak < 128 * 1024, "{peak} kB");
}

/// A file system of its own, with so much room.
struct Small(tempfile::TempDir);

impl Small {
    fn mount(size: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={size}");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).status();
        assert!(status.is_ok_and(|status| status.success()), "this test mounts a tmpfs, for which it must be root");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// PROOF test 7.
#[test]
#[ignore = "long"]
fn a_full_disk_is_said_loses_nothing_and_is_gone_on_with_when_there_is_room() {
    let disk = Small::mount("16m");
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![0; 6 << 20]).unwrap();
    let process = Process::start(disk.path(), &[]);
    let notice = Arc::new(english());
    let (taken, answers) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let full = Arc::new(AtomicU64::new(0));
    let senders: Vec<_> = (0..8u128)
        .map(|sender| {
            let (address, notice, full) = (process.address.clone(), Arc::clone(&notice), Arc::clone(&full));
            let (taken, answers) = (Arc::clone(&taken), Arc::clone(&answers));
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                for n in (sender..).step_by(8) {
                    let answer = exchange(&mut stream, &post(&body(n, &notice))).expect("an answer, whatever it is");
                    match status(&answer) {
                        201 => taken.lock().unwrap().push(n),
                        _ => {
                            full.fetch_add(1, SeqCst);
                            answers.lock().unwrap().push(answer);
                        }
                    }
                    if full.load(SeqCst) > 400 {
                        return;
                    }
                }
            })
        })
        .collect();
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    let taken = std::mem::take(&mut *taken.lock().unwrap());
    assert!(taken.len() > 100, "{}", taken.len());
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for answer in answers.lock().unwrap().iter() {
        assert!(
            matches!(status(answer), 503 | 507) && answer.to_ascii_lowercase().contains("retry-after: "),
            "{answer}"
        );
        *statuses.entry(status(answer)).or_default() += 1;
    }
    println!("{} records taken before the disk was full, then {statuses:?}", taken.len());
    assert!(statuses.contains_key(&507), "{statuses:?}");
    // What was not taken is not there, and what was is.
    let count = |path: &Path| -> i64 {
        let shell = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        shell.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap()
    };
    let database = disk.path().join("askfirst.sqlite");
    assert_eq!(count(&database), taken.len() as i64);
    // Room, and no new start.
    fs::remove_file(&ballast).unwrap();
    let refused = AtomicU64::new(0);
    for n in 1_000_000..1_000_200 {
        deliver(&process.address, n, &body(n, &notice), &refused);
    }
    assert_eq!(count(&database), taken.len() as i64 + 200);
    process.signal("-TERM");
    let mut process = process;
    assert!(process.child.wait().unwrap().success());
    askfirst_server::store::audit(&database).unwrap();
    let shell = rusqlite::Connection::open(&database).unwrap();
    for n in taken {
        let id = askfirst_server::store::key::uuid(&record_id(n));
        assert!(shell.query_row("SELECT 1 FROM record WHERE record_id = ?1", [id], |_| Ok(())).is_ok(), "{n}");
    }
}

/// PROOF test 24: with the limits as they are. 200 that never end their head and 200 that never end their body, again and
/// again for a minute.
#[test]
#[ignore = "long"]
fn four_hundred_connections_that_do_not_move_are_ended_and_hold_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &["--max-connections-per-address", "2000"]);
    let notice = Arc::new(english());
    let honest = |seconds: u64, from: u128| {
        let (began, mut times, mut n) = (Instant::now(), Vec::new(), from);
        let mut stream = TcpStream::connect(&process.address).unwrap();
        while began.elapsed() < Duration::from_secs(seconds) {
            let sent = Instant::now();
            assert_eq!(status(&exchange(&mut stream, &post(&body(n, &notice))).unwrap()), 201);
            times.push(sent.elapsed());
            n += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
        times.sort_unstable();
        times[times.len() * 99 / 100]
    };
    let alone = honest(10, 0);
    let over = Arc::new(AtomicBool::new(false));
    let slow: Vec<_> = (0..400)
        .map(|n| {
            let (address, over) = (process.address.clone(), Arc::clone(&over));
            std::thread::spawn(move || {
                let start = if n % 2 == 0 {
                    "POST / HTTP/1.1\r\nHost: x\r\n".to_owned()
                } else {
                    head("Content-Type: text/plain\r\nContent-Length: 9000")
                };
                let (mut longest, mut ended) = (Duration::ZERO, 0);
                while !over.load(SeqCst) {
                    let Ok(mut stream) = TcpStream::connect(&address) else { continue };
                    let began = Instant::now();
                    let _ = stream.write_all(start.as_bytes());
                    stream.set_read_timeout(Some(Duration::from_millis(900))).unwrap();
                    loop {
                        // A byte a second, never the last one.
                        if stream.write_all(b"a").is_err() {
                            break;
                        }
                        match stream.read(&mut [0; 1024]) {
                            Ok(0) => break,
                            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                            _ => {}
                        }
                    }
                    ended += 1;
                    longest = longest.max(began.elapsed());
                }
                (ended, longest)
            })
        })
        .collect();
    let crowded = honest(60, 1_000_000);
    over.store(true, SeqCst);
    let ended: Vec<(usize, Duration)> = slow.into_iter().map(|slow| slow.join().unwrap()).collect();
    let longest = ended.iter().map(|(_, longest)| *longest).max().unwrap();
    println!(
        "p99 of the honest: {alone:?} alone, {crowded:?} beside 400; the longest slow one was there for {longest:?}"
    );
    assert!(ended.iter().all(|(ended, _)| *ended > 0));
    assert!(longest < Duration::from_secs(16), "{longest:?}");
    // On a machine that is busy itself, what the slow ones add is what counts.
    assert!(crowded < Duration::from_millis(100).max(3 * alone), "{alone:?} {crowded:?}");
}
