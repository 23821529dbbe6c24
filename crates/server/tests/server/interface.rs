//! The server says in its logs which browser files it serves (R4).

use std::fs;
use std::path::Path;

use askfirst_core::digest::{base64url, digest};
use askfirst_core::log::Entry;
use sha2::{Digest, Sha384};

use crate::process::{Process, english, post};
use crate::support::body;

/// Browser files with their manifest, as a build leaves them.
fn build(dist: &Path, engine: &str) -> String {
    fs::create_dir_all(dist.join("locales")).unwrap();
    let mut files = Vec::new();
    for (name, text) in [("askfirst.mjs", engine), ("locales/xx.json", "{}")] {
        fs::write(dist.join(name), text).unwrap();
        let hash = base64url(&Sha384::digest(text)).replace('-', "+").replace('_', "/");
        files.push(format!("\"{name}\":{{\"raw\":{},\"sha384\":\"sha384-{hash}\"}}", text.len()));
    }
    let manifest = format!("{{\n  \"version\": \"0\",\n  \"files\": {{{}}}\n}}\n", files.join(","));
    fs::write(dist.join("manifest.json"), &manifest).unwrap();
    digest(manifest.as_bytes())
}

/// What the log says of browser files, and whether a record came before.
fn said(folder: &Path) -> Vec<(String, bool)> {
    let connection = rusqlite::Connection::open(folder.join("askfirst.sqlite")).unwrap();
    let mut statement = connection.prepare("SELECT bytes FROM log_entry ORDER BY idx").unwrap();
    let entries = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let (mut said, mut records) = (Vec::new(), false);
    for entry in entries.filter_map(|bytes| Entry::parse(&bytes.unwrap())) {
        records |= matches!(entry, Entry::Record(_));
        said.extend(entry.names_interface().map(|manifest| (manifest.to_owned(), records)));
    }
    said
}

#[test]
fn what_a_server_serves_stands_in_its_log_before_the_first_record_and_again_when_it_is_other() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    let serve = || Process::start(folder.path(), &["--dist", dist.to_str().unwrap()]);
    let first = build(&dist, "export const start = 1");
    {
        let process = serve();
        assert!(process.send(&post(&body(1, &english()))).unwrap().starts_with("HTTP/1.1 201"));
        // Anybody can hold what is served to what the log says.
        let served = process.send("GET /askfirst/manifest.json HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(digest(served.split_once("\r\n\r\n").unwrap().1.as_bytes()), first);
    }
    drop(serve());
    let second = build(&dist, "export const start = 2");
    drop(serve());
    assert_eq!(said(folder.path()), [(first.clone(), false), (second.clone(), true)]);

    // A file that is not the one of the manifest: nothing is said of it but an error, and the server serves.
    fs::write(dist.join("askfirst.mjs"), "export const start = 3").unwrap();
    let process = serve();
    assert!(process.send(&post(&body(2, &english()))).unwrap().starts_with("HTTP/1.1 201"));
    let log = process.log.lock().unwrap().clone();
    assert!(log.contains("it is not the file that manifest.json names") && log.contains("askfirst.mjs"), "{log}");
    drop(process);
    assert_eq!(said(folder.path()).len(), 2);
}
