//! What is left of a record that was erased, for who has every file of the server and knows what the record said (PROOF test
//! 18).

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use askfirst_core::log::{Entry, core_text};
use askfirst_core::time;
use askfirst_server::store::Clock;

use crate::support::opened::opened_by;
use crate::support::*;

/// Every 32 bytes that stand together in any file, at any place.
fn everywhere(folder: &Path) -> HashSet<[u8; 32]> {
    let mut found = HashSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        found.extend(bytes.windows(32).map(|window| <[u8; 32]>::try_from(window).unwrap()));
    }
    found
}

/// The same search before the erasure finds the secret; afterwards hundreds of thousands of tries find nothing. Guessing bodies
/// is less than this: here the body is known.
#[tokio::test]
async fn nothing_that_is_left_opens_the_entry_of_an_erased_record_for_who_knows_what_it_said() {
    let server = erasing().await;
    let mut receipts = Vec::new();
    for n in 0..3 {
        receipts.push(server.ask(post(body(n, &server.notice))).await.json());
    }
    let proof = receipts[1].get("log").get("proof").text().unwrap();
    let index: usize = proof.split("index ").nth(1).and_then(|rest| rest.lines().next()).unwrap().parse().unwrap();
    let commitment = {
        let sql = "SELECT bytes FROM log_entry WHERE idx = ?1";
        let entry: Vec<u8> = server.shell().query_row(sql, [index], |row| row.get(0)).unwrap();
        let Some(Entry::Record(commitment)) = Entry::parse(&entry) else { panic!("not a record") };
        commitment
    };
    let received_at = time::parse(receipts[1].get("received_at").text().unwrap()).unwrap();
    let text = core_text(&body(1, &server.notice), &Clock::Ok.envelope(received_at, None));
    let before = everywhere(server.folder.path());
    assert_eq!(opened_by(&before, &text, &commitment), Some("the secret"), "the control");

    assert_eq!(server.ask(with_secret("DELETE", &record_id(1), &secret(1))).await.status, 200);
    let after = everywhere(server.folder.path());
    assert!(after.len() > 50_000, "{}", after.len());
    assert_eq!(opened_by(&after, &text, &commitment), None);
    assert_eq!(server.ask(get(&format!("/askfirst/v1/log/proof?index={index}"))).await.status, 200, "the entry stays");
}
