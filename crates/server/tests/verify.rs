//! `askfirst verify` in an empty folder: the file, the key, nothing else (PROOF test 12).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use askfirst_core::json::{self, Value};

fn vectors() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/log-evidence.json");
    json::parse(&fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).text().unwrap()
}

/// Runs the command in `folder` with `input` on standard input.
fn verify(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_askfirst"));
    command.arg("verify").args(arguments).current_dir(folder).env_clear();
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    // A command that reads a file closes its input early.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn code_of(outcome: &str) -> i32 {
    match outcome {
        "holds" => 0,
        "fails" => 1,
        "unproven" => 3,
        other => panic!("{other}"),
    }
}

#[test]
fn the_command_line_gives_the_verdict_of_every_vector() {
    let (folder, vectors) = (tempfile::tempdir().unwrap(), vectors());
    for case in vectors.get("cases").items() {
        let name = text(case, "name");
        let key = ["--key", text(&vectors, "vkey")];
        let key = if case.get("trusted").bool().unwrap() { &key[..] } else { &[] };
        fs::write(folder.path().join("pack.json"), text(case, "text")).unwrap();
        let from_file = verify(folder.path(), &[&["pack.json"], key].concat(), "");
        assert_eq!(from_file.status.code(), Some(code_of(text(case, "outcome"))), "{name}");
        let said = String::from_utf8(from_file.stderr.clone()).unwrap();
        match case.get("problem").text() {
            Some(problem) => assert!(said.contains(problem), "{name}: {said}"),
            None => assert_eq!(said, "", "{name}"),
        }
        let piped = verify(folder.path(), key, text(case, "text"));
        assert_eq!(piped, from_file, "{name}, from standard input");
    }
}

#[test]
fn keys_come_from_a_file_too() {
    let (folder, vectors) = (tempfile::tempdir().unwrap(), vectors());
    let pack = text(&vectors.get("cases").items()[0], "text");
    let keys = ["# of example.nl\n\n", text(&vectors, "vkey"), "\n"].concat();
    fs::write(folder.path().join("keys.txt"), keys).unwrap();
    let told = verify(folder.path(), &["--key", "keys.txt"], pack);
    assert_eq!(told.status.code(), Some(0));
    assert!(
        String::from_utf8(told.stdout).unwrap().contains("  ok    The log's head is signed by a key that you trust")
    );

    let told = verify(folder.path(), &["--key", "keys.txt", "--json"], pack);
    let report = json::parse(String::from_utf8(told.stdout).unwrap().trim()).unwrap();
    assert_eq!(report.get("outcome").text(), Some("holds"));

    for (keys, complaint) in
        [("no key\n", "“no key” is not the public key of a log"), ("\n", "there is no key in this file")]
    {
        fs::write(folder.path().join("keys.txt"), keys).unwrap();
        let told = verify(folder.path(), &["--key", "keys.txt"], pack);
        assert_eq!(told.status.code(), Some(2));
        assert!(String::from_utf8(told.stderr).unwrap().contains(complaint));
    }
}

#[test]
fn what_cannot_be_read_is_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(verify(folder.path(), &["missing.json"], "").status.code(), Some(2));
    assert_eq!(verify(folder.path(), &["--key", "nonsense"], "{}").status.code(), Some(2));
    fs::write(folder.path().join("image"), [0xff, 0xd8, 0xff]).unwrap();
    assert_eq!(verify(folder.path(), &["image"], "").status.code(), Some(2));
}

/// What is in a file of many a person reads at its end, and that a file can't show whether it has all of them.
#[test]
fn of_many_reports_the_end_says_how_they_came_out() {
    let (folder, vectors) = (tempfile::tempdir().unwrap(), vectors());
    let cases = vectors.get("cases").items();
    let [good, bad] = [0, 3].map(|n: usize| text(&cases[n], "text"));
    let key = text(&vectors, "vkey");
    let told = verify(folder.path(), &["--key", key], &[good, bad, good].join("\n"));
    assert_eq!(told.status.code(), Some(1));
    let said = String::from_utf8(told.stdout).unwrap();
    let sum = "3 looked at: 2 hold, 0 not proven, 1 do NOT hold. Whether others were left out, or one is there twice, is not looked at.";
    assert_eq!(said.lines().last(), Some(sum));
    let alone = String::from_utf8(verify(folder.path(), &["--key", key], good).stdout).unwrap();
    assert!(!alone.contains("looked at:"), "of one the verdict is enough");
}
