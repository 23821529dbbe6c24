//! `askfirst invalidate` from the command line (issue 4: the life of a record).

use std::process::Command;

use askfirst_server::store::{self, Options, Store};

use crate::process::Process;
use crate::support::*;

#[tokio::test]
async fn a_notice_is_declared_faulty_after_a_look_at_what_that_is_about() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("askfirst.sqlite");
    let notice = configured().1.into_iter().find(|notice| notice.about.lang == "en").unwrap();
    let store = Store::open(&path, &Options::default()).unwrap();
    store.register(notice.clone()).await.unwrap();
    for n in 1..=3 {
        store.insert(store::NewRecord::new(&record(n, &notice)).unwrap()).await.unwrap();
    }
    store.close().await;
    let askfirst = |arguments: &[&str]| {
        let ran =
            Command::new(env!("CARGO_BIN_EXE_askfirst")).args(arguments).current_dir(place.path()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        (ran.status.code(), said)
    };
    let invalidate = |more: &[&str]| askfirst(&[&["invalidate", "--database", "askfirst.sqlite"], more].concat());
    let shown = || askfirst(&["export", "--database", "askfirst.sqlite", "--record", &record_id(2), "--text"]).1;

    for (wrong, why) in [
        (["--notice", "sha256-short"], "is no digest of a notice"),
        (["--notice", &askfirst_core::digest::digest(b"x")], "no notice with the digest"),
        (["--notice-version", "1999"], "no notice has this version"),
    ] {
        let (code, said) = invalidate(&wrong);
        assert!(code == Some(2) && said.contains(why), "{said}");
    }
    let (code, said) = invalidate(&["--notice-version", &notice.about.version, "--dry-run"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("3 records name it, 3 of them not ended yet") && said.contains("Nothing was changed"),
        "{said}"
    );
    assert!(shown().contains("What was agreed to counts until"), "{}", shown());

    let (code, said) = invalidate(&["--notice", &notice.digest, "--reason", "One recipient was missing."]);
    assert!(code == Some(0) && said.contains("1 of 1 notices were declared faulty"), "{said}");
    assert!(said.contains("\"again\":"), "how visitors are asked again: {said}");
    assert!(shown().contains("It does not count: the notice was declared faulty at"), "{}", shown());
    assert!(shown().contains("(One recipient was missing.)"), "{}", shown());
    let (_, said) = invalidate(&["--notice", &notice.digest]);
    assert!(said.contains("was declared faulty on") && said.contains("0 of 1 notices"), "{said}");

    let (_, json) = askfirst(&["export", "--database", "askfirst.sqlite", "--record", &record_id(2)]);
    let life = askfirst_core::json::parse(json.trim()).unwrap().get("life").canonical();
    assert!(life.contains("\"reason\":\"One recipient was missing.\",\"state\":\"invalidated\""), "{life}");
    let (_, pack) = askfirst(&["export", "--database", "askfirst.sqlite", "--record", &record_id(2), "--evidence"]);
    std::fs::write(place.path().join("pack.json"), pack).unwrap();
    let key = askfirst(&["keygen", "askfirst.sqlite.key", "--site", SITE]).1;
    let (code, said) = askfirst(&["verify", "--key", key.trim(), "pack.json"]);
    assert!(code == Some(0) && said.contains("does not count as consent"), "{said}");
    let (code, said) = askfirst(&["audit", "--database", "askfirst.sqlite"]);
    assert_eq!(code, Some(0), "{said}");
    // Whoever leaves the configuration as it was is told at each start.
    let server = Process::start(place.path(), &[]);
    let log = server.log.lock().unwrap().clone();
    assert!(log.contains("declared faulty and is shown still") && log.contains(&notice.digest), "{log}");
}
