//! Which browser files a site's pages get stands in its log before the first record (R4), on both engines.

use askfirst_core::digest::digest;
use askfirst_core::log::Entry;
use askfirst_server::store::interface::Interface;
use askfirst_server::store::{NewRecord, Store};

use crate::place::Place;
use crate::suite::{english, entries};
use crate::support::{SITE, record};

on_both! {
    each_log_says_once_which_browser_files_there_are_and_again_when_they_change;
}

const OTHER: &str = "https://other.example";

/// What a log says of browser files, in its order, each with its place.
async fn said(store: &Store, site: &str) -> Vec<(usize, String)> {
    let entries = entries(store, site).await;
    let all = entries.iter().enumerate().filter_map(|(at, bytes)| Some((at, Entry::parse(bytes)?)));
    all.filter_map(|(at, entry)| Some((at, entry.names_interface()?.to_owned()))).collect()
}

async fn each_log_says_once_which_browser_files_there_are_and_again_when_they_change(place: Place) {
    let name = async |store: &Store, files: &str| {
        let sites = vec![SITE.to_owned(), OTHER.to_owned()];
        store.name_interface(Interface { sites, manifest: digest(files.as_bytes()), files: 40 }).await.unwrap();
    };
    let store = place.open().await;
    store.register(english()).await.unwrap();
    name(&store, "one").await;
    name(&store, "one").await;
    store.insert(NewRecord::new(&record(1, &english())).unwrap()).await.unwrap();
    let first = said(&store, SITE).await;
    assert_eq!(first.iter().map(|(_, manifest)| manifest.clone()).collect::<Vec<_>>(), [digest(b"one")]);
    let records = entries(&store, SITE).await;
    let record_at = records.iter().position(|bytes| matches!(Entry::parse(bytes), Some(Entry::Record(_)))).unwrap();
    assert!(first[0].0 < record_at, "before the first record");
    store.close().await;

    // After a start nothing is new; other files are, and the ones from before are again.
    let store = place.open().await;
    for files in ["one", "two", "two", "one"] {
        name(&store, files).await;
    }
    for site in [SITE, OTHER] {
        let manifests: Vec<String> = said(&store, site).await.into_iter().map(|(_, manifest)| manifest).collect();
        assert_eq!(manifests, [digest(b"one"), digest(b"two"), digest(b"one")], "{site}");
    }
    store.close().await;
    assert_eq!(place.database.audit().await.unwrap().records, 1);
}
