//! The log of a site: what it serves, what it proves, what it refuses, and what it notices about itself.

use std::fs;

use askfirst_core::json::Value;
use askfirst_core::log::evidence;
use askfirst_core::log::{
    Checkpoint, Entry, Frontier, Hash, LogKey, Note, TextProof, VerifierKey, decode_bundle, leaf_hash, verify_inclusion,
};
use askfirst_server::store::log::Seed;
use askfirst_server::store::{self, Store};
use axum::http::StatusCode;
use tokio::task::JoinSet;

use crate::support::*;

/// The entries that stand before the first record: the key of the log and the notices of the configuration.
fn before_records() -> u64 {
    1 + configured().1.len() as u64
}

async fn checkpoint(server: &Server) -> Checkpoint {
    let key = server.ask(get("/askfirst/v1/log/key")).await;
    let key = VerifierKey::parse(key.text.trim_end()).unwrap();
    let answer = server.ask(get("/askfirst/v1/log/checkpoint")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    Checkpoint::open(&answer.text, &[key]).unwrap().checkpoint
}

/// Every entry, fetched as a monitor would.
async fn entries(server: &Server, size: u64) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    for bundle in 0..size.div_ceil(256) {
        let width = (size - bundle * 256).min(256);
        let partial = if width < 256 { format!(".p/{width}") } else { String::new() };
        let bytes = bytes(server, &format!("/askfirst/v1/log/tile/entries/{bundle:03}{partial}")).await.unwrap();
        entries.extend(decode_bundle(&bytes).unwrap().into_iter().map(<[u8]>::to_vec));
    }
    entries
}

async fn bytes(server: &Server, path: &str) -> Option<Vec<u8>> {
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    let response = server.router.clone().oneshot(get(path)).await.unwrap();
    if response.status() != StatusCode::OK {
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        return None;
    }
    assert!(response.headers()["cache-control"].to_str().unwrap().contains("immutable"), "{path}");
    Some(response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

fn root_of(entries: &[Vec<u8>]) -> Hash {
    let mut frontier = Frontier::default();
    entries.iter().for_each(|entry| frontier.append(leaf_hash(entry), |_, _, _| ()));
    frontier.root()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_from_64_senders_have_each_a_place_a_proof_and_no_gap() {
    send_from_64(400).await;
}

/// PROOF test 1, in full: some seconds with `--release`, minutes without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn ten_thousand_records_from_64_senders_have_each_a_place_a_proof_and_no_gap() {
    send_from_64(10_000).await;
}

/// Every answer comes after the commit and proves its place; places and entries have no gap.
async fn send_from_64(records: u128) {
    let server = std::sync::Arc::new(server_with(no_limit(), store::Options::default(), |_| Default::default()).await);
    let mut senders = JoinSet::new();
    for sender in 0..64u128 {
        let server = std::sync::Arc::clone(&server);
        senders.spawn(async move {
            let mut seen = Vec::new();
            for n in (sender..records).step_by(64) {
                let answer = server.ask(post(body(n, &server.notice))).await;
                assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
                let proof = TextProof::parse(answer.at(&["log", "proof"]).text().unwrap()).unwrap();
                let said = Checkpoint::parse(Note::parse(&proof.checkpoint).unwrap().text).unwrap();
                seen.push((answer.at(&["seq"]).int().unwrap(), proof, said));
            }
            seen
        });
    }
    let mut seen: Vec<_> = senders.join_all().await.into_iter().flatten().collect();
    seen.sort_unstable_by_key(|(seq, ..)| *seq);
    let head = checkpoint(&server).await;
    let entries = entries(&server, head.size).await;
    // Made once: it draws every notice in every language.
    let before = before_records();
    assert_eq!(entries.len() as u64, records as u64 + before);
    assert_eq!(root_of(&entries), head.root, "the tree of the bundles is the one that was signed");
    for (place, (seq, proof, said)) in seen.iter().enumerate() {
        assert_eq!(*seq, place as i64 + 1);
        assert_eq!(proof.index, place as u64 + before, "the order of the log is the order of the store");
        let leaf = leaf_hash(&entries[proof.index as usize]);
        assert!(verify_inclusion(&leaf, proof.index, said.size, &said.root, &proof.hashes), "{seq}");
    }
    let signed = seen.iter().map(|(.., said)| said.size).collect::<std::collections::BTreeSet<_>>();
    assert!(signed.len() > 1, "there were several commits");
    for said in seen.iter().step_by(997).map(|(.., said)| said) {
        assert_eq!(root_of(&entries[..said.size as usize]), said.root, "each checkpoint is of a beginning of this log");
    }
}

#[tokio::test]
async fn the_log_begins_with_its_key_and_what_is_shown_and_a_record_is_two_hashes() {
    let server = server().await;
    server.ask(post(body(1, &server.notice))).await;
    let head = checkpoint(&server).await;
    assert_eq!((head.origin.as_str(), head.size), ("www.example.nl/askfirst/log", before_records() + 1));
    let all = entries(&server, head.size).await;
    assert!(matches!(Entry::parse(&all[0]), Some(Entry::Key { .. })));
    let shown =
        |entry: &Vec<u8>| matches!(Entry::parse(entry), Some(Entry::Notice(text)) if text == server.notice.text);
    assert_eq!(all.iter().filter(|entry| shown(entry)).count(), 1);
    assert_eq!(all.last().map(Vec::len), Some(65));
    let public = all.concat();
    let record = record(1, &server.notice);
    for personal in [&record.record_id, &record.subject, &record.holder] {
        assert!(!public.windows(personal.len()).any(|window| window == personal.as_bytes()), "{personal}");
    }
}

#[tokio::test]
async fn tiles_are_served_as_far_as_the_log_goes_and_in_no_other_form() {
    let server = server_with(no_limit(), store::Options::default(), |_| Default::default()).await;
    for n in 0..520 {
        server.ask(post(body(n, &server.notice))).await;
    }
    let head = checkpoint(&server).await;
    let leaves: Vec<Hash> = entries(&server, head.size).await.iter().map(|entry| leaf_hash(entry)).collect();
    let at = |path: &str| format!("/askfirst/v1/log/tile/{path}");
    assert_eq!(bytes(&server, &at("0/000")).await.unwrap(), leaves[..256].concat());
    assert_eq!(bytes(&server, &at("0/001.p/7")).await.unwrap(), leaves[256..263].concat());
    let width = head.size - 512;
    assert_eq!(bytes(&server, &at(&format!("0/002.p/{width}"))).await.unwrap(), leaves[512..].concat());
    let upper = bytes(&server, &at("1/000.p/2")).await.unwrap();
    assert_eq!(upper, [root_of_leaves(&leaves[..256]), root_of_leaves(&leaves[256..512])].concat());
    for nothing in [
        &format!("0/002.p/{}", width + 1),
        "0/002",
        "0/003.p/1",
        "1/000.p/3",
        "2/000.p/1",
        "64/000",
        "0/0",
        "0/x000/001",
        "entries/9",
        "-1/000",
        "0/000.p/0",
        "0/000.p/256",
        "0/../0/000",
    ] {
        assert_eq!(bytes(&server, &at(nothing)).await, None, "{nothing}");
    }
    assert_eq!(server.ask(get("/askfirst/v1/logs/www.example.nl/checkpoint")).await.status, StatusCode::OK);
    assert_eq!(server.ask(get("/askfirst/v1/logs/evil.example/checkpoint")).await.status, StatusCode::NOT_FOUND);
}

fn root_of_leaves(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.append(*leaf, |_, _, _| ()));
    frontier.root()
}

#[tokio::test]
async fn an_entry_is_proved_by_number_for_anybody_and_by_record_for_its_holder() {
    let server = server().await;
    for n in 1..=9 {
        server.ask(post(body(n, &server.notice))).await;
    }
    let head = checkpoint(&server).await;
    let entries = entries(&server, head.size).await;
    for (index, entry) in entries.iter().enumerate() {
        let answer = server.ask(get(&format!("/askfirst/v1/log/proof?index={index}"))).await;
        let proof = TextProof::parse(&answer.text).unwrap();
        assert!(verify_inclusion(&leaf_hash(entry), index as u64, head.size, &head.root, &proof.hashes), "{index}");
    }
    let by_id = |n: u128, key: u128| {
        let mut request = get(&format!("/askfirst/v1/log/proof?id={}", record_id(n)));
        request.headers_mut().insert("authorization", format!("Bearer {}", secret(key)).parse().unwrap());
        request
    };
    let proof = TextProof::parse(&server.ask(by_id(3, 3)).await.text).unwrap();
    assert_eq!(proof.index, before_records() + 2);
    let unknown = server.ask(by_id(77, 3)).await;
    let wrong = server.ask(by_id(3, 4)).await;
    assert_eq!((wrong.status, &wrong.text), (StatusCode::NOT_FOUND, &unknown.text), "S4: alike");
    let bare = server.ask(get(&format!("/askfirst/v1/log/proof?id={}", record_id(3)))).await;
    assert_eq!(bare.status, StatusCode::UNAUTHORIZED);
    for question in ["", "?index=x", "?index=1&id=2", &format!("?index={}", u64::MAX)] {
        let answer = server.ask(get(&format!("/askfirst/v1/log/proof{question}"))).await;
        assert!(answer.status.is_client_error(), "{question}");
    }
}

/// A store whose server is gone, to be looked at and opened again.
async fn closed(records: u128) -> (tempfile::TempDir, store::NewNotice) {
    let server = server_with(no_limit(), store::Options::default(), |_| Default::default()).await;
    for n in 0..records {
        assert_eq!(server.ask(post(body(n, &server.notice))).await.status, StatusCode::CREATED);
    }
    let Server { folder, app, router, notice, .. } = server;
    drop((router, app));
    (folder, notice)
}

fn database(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("askfirst.sqlite")
}

/// PROOF test 8: what was changed is named, and nothing is added to it.
#[tokio::test]
async fn a_flipped_byte_is_named_and_makes_the_store_read_only() {
    let cases = [
        (
            "DROP TRIGGER record_is_never_changed",
            "UPDATE record SET body = replace(body, 'true', 'null') WHERE seq = 290",
            "record 290",
        ),
        (
            "DROP TRIGGER record_secret_is_never_changed",
            "UPDATE record_secret SET secret = zeroblob(32) WHERE seq = 290",
            "record 290",
        ),
        (
            "DROP TRIGGER log_entry_is_never_changed",
            "UPDATE log_entry SET bytes = CAST(unhex('01') || zeroblob(64) AS BLOB) WHERE idx = 295",
            "not the one that was signed",
        ),
        ("DROP TRIGGER log_only_grows", "UPDATE log SET root = zeroblob(32)", "another tree"),
        ("SELECT 1", "INSERT INTO log_entry VALUES (1, 9999, x'00')", ""),
    ];
    for (open, change, named) in cases {
        let (folder, notice) = closed(300).await;
        let shell = rusqlite::Connection::open(database(&folder)).unwrap();
        shell.execute_batch(open).unwrap();
        assert_eq!(shell.execute(change, []).unwrap(), 1, "{change}");
        drop(shell);
        let store = Store::open(&database(&folder), &store::Options::default()).unwrap();
        if named.is_empty() {
            assert_eq!(store.frozen(), None, "an entry beyond the end is in no tree");
            continue;
        }
        assert!(store.frozen().is_some_and(|what| what.contains(named)), "{change}: {:?}", store.frozen());
        let record = store::NewRecord::new(&record(9_999, &notice)).unwrap();
        assert_eq!(store.insert(record).await, Err(store::StoreError::Frozen));
        assert!(!store.healthy().await);
        assert_eq!(store.holders(&record_id(5)).await.unwrap().len(), 1, "it can still be read");
    }
}

/// PROOF test 8: a full tile far from the end is looked at by the audit.
#[tokio::test]
async fn the_audit_rebuilds_everything_and_names_the_tile() {
    let (folder, _) = closed(300).await;
    let looked = store::audit(&database(&folder)).unwrap();
    assert_eq!((looked.logs, looked.records, looked.entries), (1, 300, 300 + before_records()));
    let shell = rusqlite::Connection::open(database(&folder)).unwrap();
    shell.execute_batch("DROP TRIGGER log_tile_is_never_changed").unwrap();
    shell.execute("UPDATE log_tile SET hashes = CAST(zeroblob(32) || substr(hashes, 33) AS BLOB)", []).unwrap();
    let error = store::audit(&database(&folder)).unwrap_err();
    assert!(error.contains("tile/0/000"), "{error}");
}

/// PROOF test 14: what was published binds, and a database from an older backup does not sign on.
#[tokio::test]
async fn a_database_from_an_older_backup_does_not_sign() {
    let (folder, notice) = closed(5).await;
    let backup = fs::read(database(&folder)).unwrap();
    {
        let store = Store::open(&database(&folder), &store::Options::default()).unwrap();
        store.insert(store::NewRecord::new(&record(5, &notice)).unwrap()).await.unwrap();
    }
    fs::write(database(&folder), backup).unwrap();
    let error = Store::open(&database(&folder), &store::Options::default()).err().unwrap();
    assert!(error.contains("older backup") && error.contains("askfirst recover"), "{error}");

    let names = store::recover(&database(&folder), None, None, askfirst_server::clock::now()).unwrap();
    let name = |n: &str| format!("www.example.nl/askfirst/log{n}");
    assert_eq!(names, [(name(""), name("/2"))]);
    let store = Store::open(&database(&folder), &store::Options::default()).unwrap();
    let next = store::NewRecord::new(&record(6, &notice)).unwrap();
    let store::Inserted::Created(receipt) = store.insert(next).await.unwrap() else { panic!("it is new") };
    let said =
        Note::parse(&receipt.inclusion.unwrap().checkpoint).and_then(|note| Checkpoint::parse(note.text)).unwrap();
    assert_eq!(said.origin, name("/2"));
    let old = store.holders(&record_id(2)).await.unwrap();
    let old = store.evidence(old[0].0).await.unwrap().unwrap().receipt.inclusion.unwrap();
    assert!(old.checkpoint.starts_with("www.example.nl/askfirst/log\n"), "what the old log has is still proved by it");
    drop(store);
    let looked = store::audit(&database(&folder)).unwrap();
    assert_eq!((looked.logs, looked.records), (2, 6), "both verify");
    let shell = rusqlite::Connection::open(database(&folder)).unwrap();
    let entry: Vec<u8> =
        shell.query_row("SELECT bytes FROM log_entry WHERE log = 2 AND idx = 1", [], |row| row.get(0)).unwrap();
    let Some(Entry::Incident { prior: Some(prior), .. }) = Entry::parse(&entry) else {
        panic!("no link to the old log")
    };
    assert_eq!((prior.origin, prior.size), (name(""), before_records() + 6), "the longest that anybody has seen");
}

#[tokio::test]
async fn a_log_is_not_gone_on_with_under_another_key() {
    let (folder, _) = closed(1).await;
    let other = store::Options { seed: Some(Seed::random().unwrap()), ..store::Options::default() };
    let error = Store::open(&database(&folder), &other).err().unwrap();
    assert!(error.contains("another key") || error.contains("does not have"), "{error}");
    let key = folder.path().join("askfirst.sqlite.key");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
}

/// PROOF test 17: after an erasure nothing here opens the entry, and nothing else has changed.
#[tokio::test]
async fn an_erasure_leaves_the_tree_and_a_tombstone_and_nothing_to_guess_against() {
    let server = erasing().await;
    let mut receipts = Vec::new();
    for n in 0..4 {
        receipts.push(server.ask(post(body(n, &server.notice))).await.json());
    }
    let before = checkpoint(&server).await;
    let secret_bytes: Vec<u8> =
        server.shell().query_row("SELECT secret FROM record_secret WHERE seq = 2", [], |row| row.get(0)).unwrap();
    for _ in 0..2 {
        let erased = server.ask(with_secret("DELETE", &record_id(1), &secret(1))).await;
        assert!(matches!(erased.status, StatusCode::OK | StatusCode::NOT_FOUND));
    }
    let after = checkpoint(&server).await;
    assert_eq!(after.size, before.size + 1, "one tombstone, however often it is asked for");
    let entries = entries(&server, after.size).await;
    assert_eq!(root_of(&entries[..before.size as usize]), before.root, "what was in the tree is as it was");
    let index = before_records() + 1;
    assert!(matches!(Entry::parse(entries.last().unwrap()), Some(Entry::Erasure { index: at, .. }) if at == index));
    for receipt in &receipts {
        let proof = TextProof::parse(receipt.get("log").get("proof").text().unwrap()).unwrap();
        let said = Checkpoint::parse(Note::parse(&proof.checkpoint).unwrap().text).unwrap();
        let leaf = leaf_hash(&entries[proof.index as usize]);
        assert!(verify_inclusion(&leaf, proof.index, said.size, &said.root, &proof.hashes), "old proofs still hold");
    }
    assert_eq!(store::audit(&server.database()).unwrap().erased, 1);

    // The body can be guessed: here it is. With the secret, kept aside, it reproduces the entry; `left.rs` is without.
    let Some(Entry::Record(commitment)) = Entry::parse(&entries[index as usize]) else { panic!("not a record") };
    let envelope = store::Clock::Ok
        .envelope(askfirst_core::time::parse(receipts[1].get("received_at").text().unwrap()).unwrap(), None);
    let text = body(1, &server.notice);
    let kept = store::secret::Secret::from_bytes(secret_bytes.clone().try_into().unwrap());
    assert_eq!(kept.commit(&text, &envelope), commitment, "the control");
    let mut files = Vec::new();
    for entry in fs::read_dir(server.folder.path()).unwrap() {
        files.extend(fs::read(entry.unwrap().path()).unwrap());
    }
    let contains = |wanted: &[u8]| files.windows(wanted.len()).any(|window| window == wanted);
    assert!(!contains(&secret_bytes) && !contains(&kept.core_salt()), "the secret is gone from every file");
    let digest = store::key::digest(receipts[1].get("digest").text().unwrap()).unwrap();
    assert!(!contains(&digest), "and so is the unsalted digest, against which a body could be guessed");
    let neighbour = store::key::digest(receipts[2].get("digest").text().unwrap()).unwrap();
    assert!(contains(&neighbour), "the control of the search");
    assert_ne!(receipts[1], Value::Null);
}

/// PROOF tests 9 and 12: a pack is verified from the file and the key alone; one changed letter is named, also when it
/// was changed in the database, by somebody who knew how.
#[tokio::test]
async fn a_pack_is_verified_without_the_server_and_a_changed_letter_is_named() {
    let server = erasing().await;
    for n in 0..3 {
        server.ask(post(body(n, &server.notice))).await;
    }
    let key = LogKey::parse(server.ask(get("/askfirst/v1/log/key")).await.text.trim_end()).unwrap();
    let export = |n: u128| {
        let packs = store::packs(&server.database(), &record_id(n)).unwrap();
        assert_eq!(packs.len(), 1);
        packs[0].to_value().canonical()
    };
    let outcome = |text: &str| {
        let reports = evidence::verify(text, std::slice::from_ref(&key));
        assert_eq!(reports.len(), 1);
        (reports[0].outcome(), reports[0].problem().unwrap_or("").to_owned())
    };
    let earlier = export(1);
    assert_eq!(outcome(&earlier), (evidence::Outcome::Holds, String::new()));
    for (from, to) in [
        ("\"granted\":true", "\"granted\":null"),
        ("Example B.V.", "Example C.V."),
        ("\"clock\":\"ok\"", "\"clock\":\"ko\""),
    ] {
        assert!(earlier.contains(from));
        let (verdict, problem) = outcome(&earlier.replacen(from, to, 1));
        assert!(verdict == evidence::Outcome::Fails && !problem.is_empty(), "{from}: {verdict:?}");
    }
    let receipt = server.ask(post(body(1, &server.notice))).await.text;
    let report = evidence::verify_receipt(&body(1, &server.notice), &receipt, std::slice::from_ref(&key));
    assert_eq!(report.outcome(), evidence::Outcome::Holds, "{}", report.text());

    // The trigger dropped, the body and its digest changed together: the entry knows better.
    let shell = server.shell();
    shell.execute_batch("DROP TRIGGER record_is_never_changed").unwrap();
    let changed = body(1, &server.notice).replacen("\"granted\":true", "\"granted\":false", 1);
    let digest = askfirst_core::digest::sha256(changed.as_bytes());
    shell
        .execute("UPDATE record SET body = ?1, digest = ?2 WHERE seq = 2", rusqlite::params![changed, digest])
        .unwrap();
    assert_eq!(outcome(&export(1)).0, evidence::Outcome::Fails);
    assert!(store::audit(&server.database()).unwrap_err().contains("record 2"));
    assert_eq!(outcome(&earlier).0, evidence::Outcome::Holds, "what was handed out before still holds");

    server.ask(with_secret("DELETE", &record_id(2), &secret(2))).await;
    let erased = export(2);
    assert!(!erased.contains(&record(2, &server.notice).subject));
    let (verdict, problem) = outcome(&erased);
    assert_ne!(verdict, evidence::Outcome::Fails, "{problem}");
}
