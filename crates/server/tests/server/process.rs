use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use askfirst_server::store::{NewNotice, key};
use tempfile::TempDir;

use crate::support::{ADMIN, CONFIG, SITE, body, configured, record, record_id, secret};

/// `askfirst serve` as its own process.
pub struct Process {
    pub child: Child,
    pub address: String,
    pub log: Arc<Mutex<String>>,
}

impl Process {
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        let config = folder.join("askfirst.json");
        fs::write(&config, CONFIG).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_askfirst"))
            .args(["serve", "--listen", "127.0.0.1:0", "--rate-per-network", "0", "--rate-per-site", "0"])
            .arg("--config")
            .arg(&config)
            .arg("--database")
            .arg(folder.join("askfirst.sqlite"))
            .args(arguments)
            .env("ASKFIRST_ADMIN_TOKEN", ADMIN)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut address = None;
        while address.is_none() {
            let line = lines.next().expect("the server starts").unwrap();
            address = line.split("address=").nth(1).map(|rest| rest.split(' ').next().unwrap().to_owned());
            log.lock().unwrap().push_str(&line);
        }
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                written.lock().unwrap().push_str(&line);
            }
        });
        Self { child, address: address.unwrap(), log }
    }

    pub fn send(&self, request: &str) -> Option<String> {
        exchange(&mut TcpStream::connect(&self.address).ok()?, request)
    }

    pub fn signal(&self, name: &str) {
        Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn exchange(stream: &mut TcpStream, request: &str) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        read.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        let Some(end) = text.find("\r\n\r\n") else { continue };
        let length = text.split("content-length: ").nth(1)?.split("\r\n").next()?.parse::<usize>().ok()?;
        if read.len() >= end + 4 + length {
            return Some(String::from_utf8_lossy(&read).into_owned());
        }
    }
}

pub fn post(body: &str) -> String {
    format!(
        "POST /askfirst/v1/records?canary=QUERYCANARY HTTP/1.1\r\nHost: x\r\nOrigin: {SITE}\r\nUser-Agent: AGENTCANARY\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub fn english() -> NewNotice {
    configured().1.into_iter().find(|notice| notice.about.lang == "en").unwrap()
}

fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("askfirst.sqlite")
}

/// PROOF test 28, on one file.
#[test]
fn a_second_server_on_the_same_file_does_not_start_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let second = Command::new(env!("CARGO_BIN_EXE_askfirst"))
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(folder.path().join("askfirst.json"))
        .arg("--database")
        .arg(database(&folder))
        .output()
        .unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(second.status.code() == Some(2) && said.contains("another server has this database open"), "{said}");
    assert!(process.send(&post(&body(1, &english()))).unwrap().contains("201"));
}

/// PROOF test 4, in small; `two_hundred_times_killed…` is the whole of it.
#[test]
fn killed_in_the_middle_it_has_everything_that_it_acknowledged() {
    kill_under_load(5);
}

/// PROOF test 4.
#[test]
#[ignore = "long"]
fn two_hundred_times_killed_in_the_middle_it_has_everything_that_it_acknowledged() {
    kill_under_load(200);
}

fn kill_under_load(rounds: u64) {
    let folder = tempfile::tempdir().unwrap();
    let notice = Arc::new(english());
    let next = Arc::new(AtomicU64::new(1));
    let acknowledged = Arc::new(Mutex::new(Vec::<(String, i64)>::new()));
    for round in 0..rounds {
        let mut process = Process::start(folder.path(), &[]);
        let senders: Vec<_> = (0..8)
            .map(|_| {
                let (address, notice) = (process.address.clone(), Arc::clone(&notice));
                let (next, acknowledged) = (Arc::clone(&next), Arc::clone(&acknowledged));
                std::thread::spawn(move || {
                    let Ok(mut stream) = TcpStream::connect(&address) else { return };
                    loop {
                        let n = u128::from(next.fetch_add(1, Ordering::SeqCst));
                        let Some(answer) = exchange(&mut stream, &post(&body(n, &notice))) else { return };
                        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
                        let seq = answer.split("\"seq\":").nth(1).unwrap().trim_end_matches('}').parse().unwrap();
                        acknowledged.lock().unwrap().push((record_id(n), seq));
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(150 + 70 * (round % 5)));
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    }
    // The last start reads what the kills have left.
    drop(Process::start(folder.path(), &[]));
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
    let shell = rusqlite::Connection::open(database(&folder)).unwrap();
    for (id, seq) in acknowledged.iter() {
        let found: i64 =
            shell.query_row("SELECT seq FROM record WHERE record_id = ?1", [key::uuid(id)], |row| row.get(0)).unwrap();
        assert_eq!(found, *seq);
    }
    let (rows, last): (i64, i64) =
        shell.query_row("SELECT count(*), max(seq) FROM record", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(rows, last, "no gap");
    let check: String = shell.query_row("PRAGMA quick_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn asked_to_stop_it_ends_cleanly_and_leaves_one_file_of_records() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Process::start(folder.path(), &[]);
        assert!(process.send(&post(&body(1, &english()))).unwrap().contains("201"));
        process.signal(signal);
        assert!(process.child.wait().unwrap().success());
        assert!(!folder.path().join("askfirst.sqlite-wal").exists());
    }
}

/// PROOF test 30, with the log at its most talkative; `support::hygiene` reads what every other test of the server logs.
#[test]
fn the_log_tells_nothing_about_a_visitor() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &["--log", "debug", "--trusted-proxy", "127.0.0.0/8"]);
    let notice = english();
    let record = record(1, &notice);
    let text = record.to_value().canonical();
    let forwarded = |request: String| request.replacen("Host: x", "Host: x\r\nX-Forwarded-For: 203.0.113.77", 1);
    let get = |method: &str, secret: &str| {
        format!(
            "{method} /askfirst/v1/records/{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n\r\n",
            record_id(1)
        )
    };
    let requests = [
        post(&text),
        post(&text),
        post(&text.replace("true", "false").replace("given", "refused")),
        post(&text.replacen('{', "{\"BODYCANARY\":1,", 1)),
        post("BODYCANARY"),
        get("GET", &secret(1)),
        get("GET", "SECRETCANARY"),
        get("DELETE", &secret(1)),
        "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
    ];
    let mut told = String::new();
    for request in requests {
        told.push_str(&process.send(&forwarded(request)).unwrap());
    }
    std::thread::sleep(Duration::from_millis(200));
    let log = process.log.lock().unwrap().clone();
    assert_eq!(log.matches("status=").count(), 9, "every request has its line: {log}");
    assert!(log.contains("method=POST route=\"/askfirst/v1/records\" status=201"));
    let secret = secret(1);
    let private = [&record.record_id, &record.subject, &record.holder, &secret, "203.0.113", "CANARY", ADMIN, "canary"];
    for word in private {
        assert!(!log.contains(word), "`{word}` is in the log: {log}");
    }
    // Nor the figures, which are the last answer.
    let metrics = told.rsplit("HTTP/1.1 200").next().unwrap();
    assert!(metrics.contains("askfirst_records_accepted_total 1"));
    assert!(private.iter().all(|word| !metrics.contains(*word)));
}

fn refused(arguments: &[&str], config: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("askfirst.json");
    fs::write(&file, config).unwrap();
    // The demo may be running at the port that is the default.
    let free: &[&str] = if arguments.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
    let output = Command::new(env!("CARGO_BIN_EXE_askfirst"))
        .arg("serve")
        .arg("--config")
        .arg(&file)
        .arg("--database")
        .arg(database(&folder))
        .args(free)
        .args(arguments)
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn it_does_not_start_in_a_way_that_would_be_unsafe() {
    let (code, said) = refused(&["--listen", "0.0.0.0:0"], CONFIG);
    assert!(code == 2 && said.contains("--plain-http-behind-proxy"), "{said}");
    let (code, said) = refused(&["--origin", "http://www.example.nl"], CONFIG);
    assert!(code == 2 && said.contains("plain http"), "{said}");
    let (code, said) = refused(&["--admin-token", "short"], CONFIG);
    assert!(code == 2 && said.contains("admin token"), "{said}");
    let (code, said) = refused(&[], &CONFIG.replace("\"site\": \"https://www.example.nl\",", ""));
    assert!(code == 2 && said.contains("--origin"), "{said}");
    // S1: nothing is kept longer than visitors are told.
    let (code, said) = refused(&["--keep", "P4Y"], CONFIG);
    assert!(code == 2 && said.contains("records.retention"), "{said}");
    let wrong = CONFIG.replace("\"analytical\": {", "\"analytical\": { \"default\": true,");
    let (code, said) = refused(&[], &wrong);
    assert!(code == 2 && said.contains("$.categories.analytical.default"), "{said}");
}
