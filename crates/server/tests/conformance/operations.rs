//! What is not a record: the same in a file and on PostgreSQL, where all servers share it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use askfirst_core::record::State;
use askfirst_core::time::{DAY, Millis};
use askfirst_server::operations::access::{self, Access};
use askfirst_server::operations::leaks::{self, Leak};
use askfirst_server::operations::queue::{self, Message};
use askfirst_server::operations::requests;
use askfirst_server::operations::tokens::{self, Role};
use askfirst_server::operations::{Connection, KEEP, Operations};
use askfirst_server::store::{Database, NewRecord};
use askfirst_server::webhook::{Client, Delivery, Endpoint, Secret, Target};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;

use crate::place::Place;
use crate::suite::english;
use crate::support::record;

const NOW: Millis = 1_795_342_530_000;

/// Two servers' ways to the same data.
async fn postgres() -> (Place, [Operations; 2]) {
    let place = Place::postgres().await;
    place.open().await.close().await;
    let both = [operations(&place), operations(&place)];
    (place, both)
}

fn operations(place: &Place) -> Operations {
    let Database::Postgres(address) = &place.database else { panic!("it is on PostgreSQL") };
    Operations::on(address).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_keeps_what_is_not_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Operations::open(&folder.path().join("operations")).unwrap();
    everything_is_kept_and_shared([open(), open()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_what_is_not_a_record() {
    let (_place, both) = postgres().await;
    everything_is_kept_and_shared(both).await;
}

async fn everything_is_kept_and_shared([one, two]: [Operations; 2]) {
    // S7: a token of one server is right at the other, and revoked there too.
    let (id, token) = tokens::make().unwrap();
    let (made_id, made) = (id.clone(), token.clone());
    let add =
        move |connection: &Connection<'_>| tokens::add(connection, (&made_id, &made), "Eva", Role::Auditor, NOW, None);
    one.with(add).await.unwrap();
    let whose = async |operations: &Operations, token: &str, now| {
        let token = token.to_owned();
        let holder = operations.with(move |connection| tokens::check(connection, &token, now)).await.unwrap();
        holder.map(|holder| (holder.name, holder.role))
    };
    assert_eq!(whose(&two, &token, NOW).await, Some(("Eva".to_owned(), Role::Auditor)));
    for wrong in ["", "aft_", &id, &token[..token.len() - 1], "aft_\0\0\0\0\0\0\0\0", "aft_' OR ''='"] {
        assert_eq!(whose(&two, wrong, NOW).await, None, "{wrong}");
    }
    let ended = id.clone();
    assert!(two.with(move |connection| tokens::revoke(connection, &ended, NOW + 5)).await.unwrap());
    assert_eq!(whose(&one, &token, NOW + 5).await, None);
    let listed = one.with(tokens::list).await.unwrap();
    assert_eq!((listed[0].id.as_str(), listed[0].ended_at), (id.as_str(), Some(NOW + 5)));

    // Every look is in one list, in order, whichever server noted it and within one millisecond too.
    for (n, operations) in [&one, &two, &one, &one].into_iter().enumerate() {
        let access = Access {
            at: NOW + n as i64 / 3,
            who: format!("person {n}"),
            action: "read".to_owned(),
            record_id: (n > 0).then(|| "an id".to_owned()),
            reason: "complaint '17'; DROP TABLE access".to_owned(),
        };
        operations.with(move |connection| access::add(connection, &access)).await.unwrap();
    }
    let seen = two.with(|connection| access::list(connection, NOW)).await.unwrap();
    assert_eq!(seen.len(), 4);
    assert_eq!(
        (seen[0].who.as_str(), seen[3].record_id.as_deref().or(seen[1].record_id.as_deref())),
        ("person 3", Some("an id"))
    );
    assert!(seen.iter().all(|access| access.reason.contains("DROP TABLE")));

    // Sums of two servers are one sum.
    for operations in [&one, &two] {
        let seen = [Leak { kind: "cookie", name: "_ga".to_owned(), category: "analytical".to_owned(), count: 3 }];
        operations.with(move |connection| leaks::add(connection, "https://www.example.nl", &seen, NOW)).await.unwrap();
    }
    let sums = one.with(|connection| leaks::sums(connection, NOW - DAY)).await.unwrap();
    assert_eq!(sums.iter().map(|sum| sum.count).collect::<Vec<_>>(), [6]);

    // Requests of data subjects have one register with one row of numbers.
    let mut numbers = Vec::new();
    for operations in [&one, &two, &one] {
        let open = |connection: &Connection<'_>| requests::open(connection, "access", (Some("an id"), None), NOW);
        numbers.push(operations.with(open).await.unwrap());
    }
    assert_eq!(numbers, [1, 2, 3]);
    two.with(|connection| requests::extend(connection, 1, "twelve at once", NOW + DAY)).await.unwrap();
    one.with(|connection| requests::close(connection, 2, ("granted", ""), NOW + DAY)).await.unwrap();
    one.with(|connection| requests::forget_subject(connection, 2)).await.unwrap();
    let open = two.with(|connection| requests::list(connection, false)).await.unwrap();
    assert_eq!(open.iter().map(|request| request.number).collect::<Vec<_>>(), [3, 1], "the most urgent first");
    assert_eq!(open[1].extension, Some((NOW + DAY, "twelve at once".to_owned())));
    let closed = two.with(|connection| requests::one(connection, 2)).await.unwrap().unwrap();
    assert_eq!(closed.answer, Some((NOW + DAY, "granted".to_owned(), String::new())));

    // The queue: a place moves once, whoever moves it.
    let messages = || [Message { id: "msg_1".to_owned(), body: "{}".to_owned() }];
    assert_eq!(one.with(|connection| queue::cursor(connection, "https://a.example", 4)).await, Ok(4));
    assert_eq!(two.with(|connection| queue::cursor(connection, "https://a.example", 9)).await, Ok(4));
    for (operations, moved) in [(&one, true), (&two, false)] {
        let add =
            move |connection: &Connection<'_>| queue::add(connection, "https://a.example", (4, 9), &messages(), NOW);
        assert_eq!(operations.with(add).await, Ok(moved));
    }
    let due = one.with(|connection| queue::due(connection, "https://a.example", NOW, 8)).await.unwrap();
    let [due] = &due[..] else { panic!("{due:?}") };
    let (entry, at) = (due.entry, NOW + 10);
    one.with(move |connection| queue::again(connection, entry, at, "500")).await.unwrap();
    assert_eq!(two.with(|connection| queue::next(connection, "https://a.example")).await, Ok(Some(NOW + 10)));
    let states = two.with(queue::states).await.unwrap();
    assert_eq!((states[0].1.waiting, states[0].1.outcome.as_deref()), (1, Some("500")));
    one.with(move |connection| queue::give_up(connection, entry, at, "410")).await.unwrap();
    assert_eq!(two.with(queue::states).await.unwrap()[0].1.given_up, 1);

    // S2: after 90 days all of it is gone but the register.
    assert_eq!(two.purge(NOW + KEEP).await, Ok(0));
    assert_eq!(two.purge(NOW + KEEP + DAY + 20).await, Ok(1 + 1 + 4 + 1), "a message, a sum, four looks, a token");
    assert_eq!(one.with(|connection| requests::list(connection, true)).await.unwrap().len(), 3);
}

/// A receiving server: how often it was told each message.
async fn receiver() -> (String, Arc<Mutex<BTreeMap<String, usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/consent", listener.local_addr().unwrap());
    let told = Arc::<Mutex<BTreeMap<String, usize>>>::default();
    let this = Arc::clone(&told);
    let take = async move |headers: HeaderMap| {
        *this.lock().unwrap().entry(headers["webhook-id"].to_str().unwrap().to_owned()).or_default() += 1;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        StatusCode::NO_CONTENT
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await });
    (url, told)
}

/// G6: several servers on one database tell each message once; when the one that does it is gone, another goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_servers_tell_a_webhook_once() {
    static CLOCK: AtomicI64 = AtomicI64::new(NOW);
    let place = Place::postgres().await;
    let (url, told) = receiver().await;
    let mut servers = Vec::new();
    for _ in 0..3 {
        let store = place.open_at(|| CLOCK.load(SeqCst)).await;
        store.register(english()).await.unwrap();
        let secrets = Secret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let target = Target::parse(&url).unwrap();
        let endpoint = Endpoint { url: url.clone(), target, secrets, on: vec![State::Given] };
        let operations = Arc::new(operations(&place));
        let delivery = Delivery { endpoint, client: Client::new().unwrap(), operations, figures: Arc::default() };
        delivery.step(&store).await.unwrap();
        servers.push((store, delivery));
    }
    let keep = async |numbers: std::ops::Range<u128>| {
        for n in numbers {
            servers[n as usize % 3].0.insert(NewRecord::new(&record(n, &english())).unwrap()).await.unwrap();
        }
    };
    let all_at_once = async || {
        for _ in 0..4 {
            let [(a, one), (b, two), (c, three)] = &servers[..] else { panic!() };
            let (one, two, three) = tokio::join!(one.step(a), two.step(b), three.step(c));
            one.and(two).and(three).unwrap();
        }
    };
    keep(0..40).await;
    all_at_once().await;
    let counts = || told.lock().unwrap().values().copied().collect::<Vec<_>>();
    assert_eq!(counts(), [1; 40]);

    // The first server took the work and has gone: the others wait for its time to pass, and then go on where it was.
    keep(40..50).await;
    let rest = async || {
        for (store, delivery) in &servers[1..] {
            delivery.step(store).await.unwrap();
        }
    };
    rest().await;
    assert_eq!(counts().len(), 40, "it may be at work");
    CLOCK.fetch_add(61_000, SeqCst);
    rest().await;
    rest().await;
    assert_eq!(counts(), [1; 50]);
}
