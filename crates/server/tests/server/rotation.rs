//! `askfirst keys rotate-log` from the command line, with the keys that are made beside a SQLite file (PROOF test 16).

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use askfirst_server::store::{self, Options, Store};

use crate::support::*;

fn askfirst(folder: &Path, arguments: &[&str]) -> Output {
    let ran = Command::new(env!("CARGO_BIN_EXE_askfirst"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("ASKFIRST_DATABASE")
        .output();
    ran.unwrap()
}

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What `askfirst verify` is to be given, as the command prints it.
fn published(said: &str) -> String {
    said.lines().filter(|line| line.starts_with("    ")).map(|line| line.trim().to_owned() + "\n").collect()
}

async fn with_a_record(folder: &Path, n: u128) {
    let store = Store::open(&folder.join("records.sqlite"), &Options::default()).unwrap();
    let notice = configured().1.into_iter().find(|notice| notice.about.lang == "en").unwrap();
    store.register(notice.clone()).await.unwrap();
    store.insert(store::NewRecord::new(&record(n, &notice)).unwrap()).await.unwrap();
    store.close().await;
    let packed = askfirst(folder, &["export", "--database", "records.sqlite", "--record", &record_id(n), "--evidence"]);
    assert!(packed.status.success(), "{}", says(&packed));
    fs::write(folder.join(format!("{n}.json")), packed.stdout).unwrap();
}

#[tokio::test]
async fn a_key_is_replaced_with_two_commands_and_packs_of_every_time_are_verified_by_what_they_print() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let rotate = |more: &[&str]| {
        let output = askfirst(folder, &[&["keys", "rotate-log", "--database", "records.sqlite"], more].concat());
        assert!(output.status.success(), "{}", says(&output));
        says(&output)
    };
    with_a_record(folder, 1).await;
    let old = fs::read_to_string(folder.join("records.sqlite.key")).unwrap();
    let begun = rotate(&[]);
    assert!(begun.contains("is signed by 2 keys now"), "{begun}");
    let next = fs::read_to_string(folder.join("records.sqlite.key.next")).unwrap();
    assert_ne!(old, next);
    with_a_record(folder, 2).await;

    // The configuration has to have both before the old one goes.
    let keys = published(&begun).trim().replace('\n', " ");
    let old_key = keys.split(' ').next().unwrap();
    for (key, expected, good) in [(keys.as_str(), "", true), (old_key, "is being replaced", true)] {
        let config = CONFIG.replace("\"endpoint\"", &format!("\"key\": \"{key}\", \"endpoint\""));
        fs::write(folder.join("askfirst.json"), config).unwrap();
        let checked = askfirst(folder, &["check", "askfirst.json", "--database", "records.sqlite"]);
        assert_eq!(checked.status.success(), good, "{}", says(&checked));
        assert_eq!(says(&checked).contains("records.key must have both"), !expected.is_empty(), "{}", says(&checked));
    }

    let finished = rotate(&["--finish"]);
    assert!(finished.contains("is signed by one key now") && finished.contains(" until "), "{finished}");
    assert_eq!(fs::read_to_string(folder.join("records.sqlite.key")).unwrap(), next, "the next start signs with it");
    assert!(!folder.join("records.sqlite.key.next").exists());
    with_a_record(folder, 3).await;
    let checked = askfirst(folder, &["check", "askfirst.json", "--database", "records.sqlite"]);
    assert!(!checked.status.success(), "a page that knows the old key alone would believe no receipt");

    fs::write(folder.join("keys.txt"), published(&finished)).unwrap();
    let verified = askfirst(folder, &["verify", "--key", "keys.txt", "1.json", "2.json", "3.json"]);
    assert!(verified.status.success(), "{}", says(&verified));
    let audited = askfirst(folder, &["audit", "--database", "records.sqlite"]);
    assert!(audited.status.success(), "{}", says(&audited));

    // The same pack, had the old key been taken out before: named, with exit code 1.
    let earlier = published(&finished).split(" until ").next().unwrap().to_owned() + " until 1\n";
    fs::write(folder.join("keys.txt"), earlier).unwrap();
    let verified = askfirst(folder, &["verify", "--key", "keys.txt", "1.json"]);
    assert_eq!(verified.status.code(), Some(1), "{}", says(&verified));
    assert!(says(&verified).contains("taken out of the log when it had 1 entries"), "{}", says(&verified));
}
