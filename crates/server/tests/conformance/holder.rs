//! The holder's way to a record, over the router of a server on each engine (S4, PROOF test 21): a secret opens its own record,
//! and tells nobody which others there are, by what is answered or by how long it takes.

use std::sync::Arc;
use std::time::Instant;

use askfirst_server::http::cors::Origins;
use askfirst_server::http::{self, App, Files};
use askfirst_server::store::NewRecord;
use axum::Router;
use axum::http::StatusCode;

use crate::place::Place;
use crate::suite::english;
use crate::support::{SITE, ask, body, no_limit, record, record_id, secret, with_secret};

on_both! {
    a_secret_opens_its_own_record_and_every_other_is_as_if_it_were_not_there;
}

sealed! {
    a_secret_opens_its_own_record_and_every_other_is_as_if_it_were_not_there;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sealed_sqlite_a_secret_opens_its_own_record_and_every_other_is_as_if_it_were_not_there() {
    a_secret_opens_its_own_record_and_every_other_is_as_if_it_were_not_there(crate::backup::sealed_sqlite()).await;
}

const RECORDS: u128 = 60;
/// The newest of all: what is looked at in the place of an unknown one must be another.
const ERASED: u128 = RECORDS - 1;

async fn a_secret_opens_its_own_record_and_every_other_is_as_if_it_were_not_there(place: Place) {
    let (store, notice) = (place.open().await, english());
    store.register(notice.clone()).await.unwrap();
    for n in 0..RECORDS {
        store.insert(NewRecord::new(&record(n, &notice)).unwrap()).await.unwrap();
    }
    let (erased, _) = store.holders(&record_id(ERASED)).await.unwrap()[0];
    assert_eq!(erased, i64::try_from(RECORDS).unwrap());
    store.erase(erased, "holder").await.unwrap();
    let app = Arc::new(App::new(store, Origins::new([SITE.to_owned()]).unwrap(), no_limit()));
    let router = http::router(app, Files::default());

    for n in [0, 1, 30, ERASED - 1] {
        let own = ask(&router, with_secret("GET", &record_id(n), &secret(n))).await;
        assert_eq!(own.status, StatusCode::OK);
        assert_eq!(own.at(&["record"]).canonical(), body(n, &notice));
        let all = (0..RECORDS).filter(|other| *other != n);
        assert!(all.into_iter().all(|other| !own.text.contains(&record_id(other))), "nothing of others'");
    }
    let unknown = ask(&router, with_secret("GET", &record_id(1000), &secret(1000))).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    for (method, id, secret) in [
        ("GET", record_id(1), secret(2)),
        ("DELETE", record_id(1), secret(2)),
        ("GET", record_id(ERASED), secret(ERASED)),
        ("GET", record_id(ERASED), secret(1)),
        ("DELETE", record_id(ERASED), secret(ERASED)),
        ("DELETE", record_id(1000), secret(1)),
    ] {
        let answer = ask(&router, with_secret(method, &id, &secret)).await;
        assert_eq!((answer.status, &answer.text, &answer.headers), (unknown.status, &unknown.text, &unknown.headers));
    }
    for (what, id) in [("an unknown id", 1000), ("an erased record", ERASED)] {
        take_as_long(&router, id, what).await;
    }
}

/// A wrong secret for a record takes as long as for this id. Asked in turns, so that whatever else the machine does meets both
/// alike.
async fn take_as_long(router: &Router, id: u128, what: &str) {
    let time = async |id: u128| {
        let start = Instant::now();
        let answer = ask(router, with_secret("GET", &record_id(id), &secret(99))).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        start.elapsed().as_nanos()
    };
    let mut gaps = Vec::new();
    for _ in 0..6 {
        let (mut known, mut other) = (Vec::new(), Vec::new());
        for n in 0..300 {
            known.push(time(n % (RECORDS - 1)).await);
            other.push(time(if id == ERASED { id } else { id + n }).await);
        }
        known.sort_unstable();
        other.sort_unstable();
        let (known, other) = (known[150] as f64, other[150] as f64);
        gaps.push((known - other) / known.max(other));
        if gaps.last().is_some_and(|gap| gap.abs() < 0.1) {
            return;
        }
    }
    panic!("{what}: the medians differ by {gaps:?} of the longer");
}
