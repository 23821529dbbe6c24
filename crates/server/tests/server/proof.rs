//! The table of the thirty acceptance tests in `docs/proof.md` is held to the code, and what is said of all of the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::hygiene::private;
use crate::support::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The numbers of the tests that a text names: `PROOF test 5`, `PROOF tests 14, 15 and 17`.
fn named(text: &str) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    for rest in text.split("PROOF test").skip(1) {
        // The list may go on in the next line of a comment.
        let rest: String = rest.chars().take(80).filter(|c| !matches!(c, '/' | '!' | '\n')).collect();
        let rest = rest.strip_prefix('s').unwrap_or(&rest);
        for word in rest.split([',', ' ']).filter(|word| !word.is_empty() && *word != "and") {
            let Ok(number) = word.trim_end_matches(|c: char| !c.is_ascii_digit()).parse() else { break };
            numbers.insert(number);
            if word.ends_with([')', ':', ';', '.']) {
                break;
            }
        }
    }
    numbers
}

#[test]
fn each_of_the_thirty_tests_has_a_row_and_each_file_of_a_row_names_the_test() {
    let document = fs::read_to_string(root().join("docs/proof.md")).unwrap();
    let (_, document) = document.split_once("### 2.10").unwrap();
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| ")).collect();
    for number in 1..=30 {
        let start = format!("| {number} |");
        let row: Vec<&&str> = rows.iter().filter(|row| row.starts_with(&start)).collect();
        let [row] = row[..] else { panic!("test {number} has {} rows", row.len()) };
        let files: Vec<&str> = row.split('`').skip(1).step_by(2).filter(|word| word.contains('/')).collect();
        assert!(!files.is_empty(), "test {number} has no file");
        for file in files {
            let text = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(named(&text).contains(&number), "{file} does not say that it has PROOF test {number}");
        }
    }
    assert_eq!(named("(PROOF tests 8, 14 and\n//! 17). 99"), [8, 14, 17].into());
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Whether a piece of code makes a statement out of parts that are not constant.
fn builds_sql(code: &str) -> bool {
    let statements = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "DROP ", "CREATE ", "PRAGMA ", "ALTER "];
    let is_sql = |text: &str| statements.iter().any(|word| text.contains(word));
    ["format!(", "write!(", "writeln!(", "push_str(", "+ &"].iter().any(|made| {
        code.split(made).skip(1).any(|rest| {
            let inside: String = rest.chars().take(160).collect();
            inside.split('"').nth(1).is_some_and(is_sql)
        })
    })
}

/// PROOF test 30: no statement is put together from text; what comes from outside is bound.
#[test]
fn no_sql_is_built_from_text() {
    assert!(builds_sql("let x = format!(\"SELECT * FROM record WHERE id = \'{id}\'\");"), "the test of the test");
    let mut files = Vec::new();
    sources(&root().join("crates/server/src"), &mut files);
    assert!(files.len() > 80);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        assert!(!builds_sql(code), "{}", file.display());
    }
}

/// PROOF test 30: what looks like SQL is a text like any other, stored as it came or refused by the rules of its field.
#[tokio::test]
async fn sql_in_any_field_is_kept_as_it_came_or_refused() {
    let server = server_with(no_limit(), Default::default(), |_| Default::default()).await;
    let evil = "\'; DROP TABLE record; --";
    let fields = ["client", "jurisdiction", "site", "record_id", "prev", "subject", "holder", "schema"];
    let mut kept = 0;
    for (n, field) in fields.into_iter().enumerate() {
        let mut value = record(n as u128, &server.notice).to_value();
        value.set(field, evil.into());
        let text = value.canonical();
        let answer = server.ask(post(text.clone())).await;
        if answer.status.is_success() {
            let stored: String = server
                .shell()
                .query_row("SELECT body FROM record ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
                .unwrap();
            assert_eq!(stored, text, "{field}");
            kept += 1;
        } else {
            assert!(answer.status.is_client_error(), "{field}: {}", answer.status);
        }
        assert_eq!(server.rows(), kept, "{field}");
    }
    let purposes = body(99, &server.notice).replace("analytical", evil);
    assert!(server.ask(post(purposes)).await.status.is_client_error());
    assert_eq!(server.rows(), kept);
}

/// PROOF test 30: the reader of the logs knows what it looks for.
#[test]
fn what_is_private_is_noticed_in_a_line() {
    let record = record(1, &configured().1[0]);
    let secret = secret(1);
    for word in [record.record_id.as_str(), secret.as_str(), "203.0.113.9", "Mozilla/5.0", "aft_0123"] {
        assert!(private(&format!("INFO something happened id={word} more")).is_some(), "{word}");
    }
    assert_eq!(private("INFO askfirst_server: listening address=127.0.0.1:4400 digest=sha256-x"), None);
}
