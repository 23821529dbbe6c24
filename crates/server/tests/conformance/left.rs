//! What is left of an erased record in PostgreSQL's tables, for who reads them all and knows what the record said (PROOF test 18;
//! `tests/server/left.rs` has SQLite's files).

use std::collections::HashSet;

use askfirst_core::log::{Entry, core_text};
use askfirst_server::store::{Clock, Inserted, NewRecord};
use tokio_postgres::Client;

use crate::place::Place;
use crate::suite::{english, entries};
use crate::support::opened::opened_by;
use crate::support::{SITE, body, record, record_id};

/// Every 32 bytes that stand together in any value of any table.
async fn everywhere(shell: &Client) -> HashSet<[u8; 32]> {
    let columns = "SELECT table_name::TEXT, column_name::TEXT, data_type::TEXT FROM information_schema.columns
                   WHERE table_schema = 'askfirst' AND data_type IN ('bytea', 'text')";
    let mut found = HashSet::new();
    for row in shell.query(columns, &[]).await.unwrap() {
        let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let value = if kind == "text" { format!("convert_to({column}, 'UTF8')") } else { column };
        for row in shell.query(&format!("SELECT {value} FROM askfirst.{table}"), &[]).await.unwrap() {
            let bytes: Option<Vec<u8>> = row.get(0);
            found.extend(bytes.unwrap_or_default().windows(32).map(|window| <[u8; 32]>::try_from(window).unwrap()));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_left_opens_the_entry_of_an_erased_record_for_who_knows_what_it_said() {
    let place = Place::postgres().await;
    let store = place.open().await;
    store.register(english()).await.unwrap();
    let mut receipts = Vec::new();
    for n in 0..3 {
        let inserted = store.insert(NewRecord::new(&record(n, &english())).unwrap()).await.unwrap();
        let Inserted::Created(receipt) = inserted else { panic!("it is new") };
        receipts.push(receipt);
    }
    let receipt = &receipts[1];
    let index = receipt.entry.as_ref().unwrap().index as usize;
    let Some(Entry::Record(commitment)) = Entry::parse(&entries(&store, SITE).await[index]) else {
        panic!("no record")
    };
    let text = core_text(&body(1, &english()), &Clock::Ok.envelope(receipt.received_at, None));
    let shell = place.shell().await;
    let before = everywhere(&shell).await;
    assert_eq!(opened_by(&before, &text, &commitment), Some("the secret"), "the control");

    let (seq, _) = store.holders(&record_id(1)).await.unwrap()[0];
    store.erase(seq, "holder").await.unwrap();
    let after = everywhere(&shell).await;
    assert!(after.len() > 5_000, "{}", after.len());
    assert_eq!(opened_by(&after, &text, &commitment), None);
}
