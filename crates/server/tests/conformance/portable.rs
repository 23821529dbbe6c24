//! What CockroachDB and YugabyteDB take otherwise than PostgreSQL. Neither has run here: no registry that the tests may ask
//! has them (`docs/operations.md`). What their documentation says they lack or do otherwise is held to the source, and how
//! they change a format is played through on PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::task::JoinSet;

use crate::place::Place;
use crate::suite::english;

/// What one of the two does not have, has in part, or has with another meaning, by what their manuals say of PostgreSQL's
/// features. A word stands here when in doubt: none of them is needed.
const ELSEWHERE: &[(&str, &str)] = &[
    ("PG_ADVISORY", "CockroachDB: advisory locks do nothing"),
    ("PG_TRY_ADVISORY", "CockroachDB: advisory locks do nothing"),
    ("LISTEN ", "neither"),
    ("NOTIFY ", "neither"),
    ("SERIAL", "numbers with gaps, and a hot range"),
    ("NEXTVAL", "numbers with gaps, and a hot range"),
    ("CREATE SEQUENCE", "numbers with gaps, and a hot range"),
    ("GENERATED ", "numbers with gaps, and a hot range"),
    ("CREATE EXTENSION", "CockroachDB"),
    ("DEFERRABLE", "CockroachDB"),
    ("DEFERRED", "CockroachDB"),
    ("EXCLUDE USING", "CockroachDB"),
    ("LOCK TABLE", "CockroachDB"),
    ("CTID", "no place of a row on a page"),
    ("XMIN", "no transaction number of a row"),
    ("TXID_", "CockroachDB"),
    ("PG_SNAPSHOT", "CockroachDB"),
    ("CREATE TEMP", "CockroachDB: a preview"),
    ("UNLOGGED", "CockroachDB"),
    ("INHERITS", "neither"),
    ("CREATE RULE", "CockroachDB"),
    ("CREATE DOMAIN", "CockroachDB"),
    ("MERGE INTO", "CockroachDB"),
    ("DO $$", "CockroachDB before 24.1"),
    ("XMLPARSE", "CockroachDB"),
    ("GROUPING SETS", "CockroachDB"),
    ("TABLESAMPLE", "CockroachDB"),
    ("RETURNING OLD", "neither"),
    ("WHERE CURRENT OF", "CockroachDB"),
    ("DECLARE ", "cursors: CockroachDB in part"),
    ("CREATE OR REPLACE TRIGGER", "CockroachDB"),
    ("FOR EACH STATEMENT", "CockroachDB"),
    ("INSTEAD OF", "CockroachDB"),
    ("TG_ARGV", "CockroachDB: counted from one"),
];

fn texts() -> Vec<(PathBuf, String)> {
    fn under(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => under(&path, found),
                false => found.push(path),
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    under(&root.join("store/postgres"), &mut found);
    // The operational data uses the same SQL for both engines; its own format is made in `store/postgres/migrations`.
    under(&root.join("operations"), &mut found);
    found.retain(|path| !path.starts_with(root.join("operations")) || path.extension().is_some_and(|end| end == "rs"));
    assert!(found.len() > 30);
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

/// The text without what is no SQL: comments, and in Rust all but the literals.
fn statements(path: &Path, text: &str) -> String {
    let no_comment = |line: &&str| !line.trim_start().starts_with("//") && !line.trim_start().starts_with("--");
    let text: String = text.lines().filter(no_comment).collect::<Vec<_>>().join(" ");
    match path.extension().is_some_and(|end| end == "rs") {
        true => text.split('"').skip(1).step_by(2).collect::<Vec<_>>().join("; "),
        false => text,
    }
}

fn lacking(sql: &str) -> Option<&'static (&'static str, &'static str)> {
    let sql = sql.to_uppercase();
    let begins = |at: usize| !sql[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    ELSEWHERE.iter().find(|(word, _)| sql.match_indices(word).any(|(at, _)| begins(at)))
}

#[test]
fn no_statement_has_what_cockroachdb_or_yugabytedb_lack() {
    for evil in ["SELECT pg_advisory_lock(1)", "n BIGSERIAL; m SERIAL", "LISTEN news", "INSERT ON CONFLICT DEFERRABLE"]
    {
        assert!(lacking(evil).is_some(), "the test of the test: {evil}");
    }
    for (path, text) in texts() {
        assert_eq!(lacking(&statements(&path, &text)), None, "{}", path.display());
    }
}

/// YugabyteDB commits each of them by itself, and so does CockroachDB (`autocommit_before_ddl`): a step that broke off has
/// been taken in part, and is taken again.
#[test]
fn every_statement_that_changes_the_format_can_be_run_again() {
    let mut changes = 0;
    for (path, text) in texts().into_iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "sql")) {
        if path.ends_with("guards.sql") {
            // Replaced as a whole: first every trigger goes, then come the functions, then the triggers.
            let places = |word: &str| text.match_indices(word).map(|(at, _)| at).collect::<Vec<_>>();
            let (drops, functions) = (places("\nDROP TRIGGER IF EXISTS "), places("\nCREATE OR REPLACE FUNCTION "));
            let triggers = places("\nCREATE TRIGGER ");
            assert!(drops.last() < functions.first() && functions.last() < triggers.first(), "{}", path.display());
            assert_eq!(drops.len(), triggers.len());
            // CockroachDB takes a column of a row in parentheses alone (its issue 114687).
            assert!(!text.contains(" NEW.") && !text.contains(" OLD.") && text.contains("(NEW).seq = (OLD).seq"));
            continue;
        }
        for statement in statements(&path, &text).split(';').map(str::trim).filter(|text| !text.is_empty()) {
            let again = ["CREATE TABLE IF NOT EXISTS ", "CREATE INDEX IF NOT EXISTS "];
            let again = again.iter().any(|start| statement.starts_with(start))
                || (statement.starts_with("ALTER TABLE ") && statement.contains(" ADD COLUMN IF NOT EXISTS "))
                || (statement.starts_with("INSERT INTO ") && statement.ends_with(" DO NOTHING"));
            assert!(again, "{}: {statement}", path.display());
            changes += 1;
        }
    }
    assert!(changes > 20, "{changes}");
}

/// Wherever it broke off: after any statement of any step, and before the guards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_broke_off_after_any_of_its_statements_is_taken_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/postgres/migrations");
    let steps: Vec<Vec<String>> = (1..)
        .map_while(|n| fs::read_to_string(folder.join(format!("{n}.sql"))).ok())
        .map(|text| {
            let text = statements(Path::new("x.sql"), &text);
            text.split(';').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
        })
        .collect();
    let breaks: Vec<(usize, usize)> = steps
        .iter()
        .enumerate()
        .flat_map(|(step, statements)| (1..=statements.len()).map(move |n| (step, n)))
        .collect();
    assert!(breaks.len() > 20);
    let guards =
        "SELECT count(DISTINCT trigger_name) FROM information_schema.triggers WHERE trigger_schema = 'askfirst'";
    let mut tasks = JoinSet::new();
    // A few of them at once, the same place of each fourth part.
    for part in 0..4 {
        let (steps, breaks) = (steps.clone(), breaks.clone());
        tasks.spawn(async move {
            for (step, done) in breaks.into_iter().skip(part).step_by(4) {
                let place = Place::postgres().await;
                let shell = place.shell().await;
                let format =
                    "CREATE SCHEMA askfirst; CREATE TABLE askfirst.format (one INT8 PRIMARY KEY CHECK (one = 1),
                    format INT8 NOT NULL, token INT8 NOT NULL, expires_at TIMESTAMPTZ NOT NULL);
                    INSERT INTO askfirst.format VALUES (1, 0, 3, '1970-01-01 00:00:00+00')";
                shell.batch_execute(format).await.unwrap();
                for statement in steps[..step].iter().flatten().chain(&steps[step][..done]) {
                    shell.batch_execute(statement).await.unwrap();
                }
                let taken = i64::try_from(step).unwrap();
                shell.execute("UPDATE askfirst.format SET format = $1", &[&taken]).await.unwrap();
                let store = place.open().await;
                store.register(english()).await.unwrap();
                let (format, found): (i64, i64) = (
                    shell.query_one("SELECT format FROM askfirst.format", &[]).await.unwrap().get(0),
                    shell.query_one(guards, &[]).await.unwrap().get(0),
                );
                assert_eq!((format, found), (7, 10), "after statement {done} of step {}", step + 1);
            }
        });
    }
    tasks.join_all().await;
}
