//! G6, S10: a receiving server hears of a withdrawal, once it is stored, until it has heard.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use askfirst_core::digest::uuid;
use askfirst_core::json::{self, Value};
use askfirst_core::log::{from_base64, to_base64};
use askfirst_core::record::{Record, State};
use askfirst_core::time::{DAY, Millis};
use askfirst_server::http::connection::{Door, Limits, serve};
use askfirst_server::operations::{Operations, queue};
use askfirst_server::store;
use askfirst_server::tls::Tls;
use askfirst_server::webhook::{Client, Delivery, Endpoint, Secret, Target};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use hmac::{Hmac, Mac};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use tokio::net::TcpListener;

use crate::support::*;
use crate::tls::certificate;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A receiving server: what it was told, and what it answers.
#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    told: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answer: Arc<Mutex<(StatusCode, Duration)>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            told: Arc::default(),
            answer: Arc::new(Mutex::new((StatusCode::NO_CONTENT, Duration::ZERO))),
        };
        let this = receiver.clone();
        let take = async move |headers: HeaderMap, body: String| {
            this.told.lock().unwrap().push((headers, body));
            let (status, wait) = *this.answer.lock().unwrap();
            tokio::time::sleep(wait).await;
            status
        };
        let router = Router::new().fallback(take);
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// The same over TLS, for `localhost`; with what a client has to trust.
    async fn start_tls(folder: &std::path::Path) -> (Self, CertificateDer<'static>) {
        let certificate = certificate(folder);
        let tls = Tls::read(&folder.join("cert.pem"), &folder.join("key.pem")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let answer = Arc::new(Mutex::new((StatusCode::NO_CONTENT, Duration::ZERO)));
        let receiver = Self { address: listener.local_addr().unwrap(), told: Arc::default(), answer };
        let told = Arc::clone(&receiver.told);
        let take = async move |headers: HeaderMap, body: String| {
            told.lock().unwrap().push((headers, body));
            StatusCode::NO_CONTENT
        };
        let door = Door { listener, tls: Some(Arc::new(tls)) };
        tokio::spawn(serve(door, Router::new().fallback(take), Limits::default(), std::future::pending()));
        (receiver, certificate)
    }

    fn answers(&self, status: u16) {
        self.answer.lock().unwrap().0 = StatusCode::from_u16(status).unwrap();
    }

    fn told(&self) -> Vec<(HeaderMap, String)> {
        self.told.lock().unwrap().clone()
    }

    /// The one message.
    fn only(&self) -> (HeaderMap, Value) {
        let told = self.told();
        assert_eq!(told.len(), 1);
        (told[0].0.clone(), json::parse(&told[0].1).unwrap())
    }

    fn delivery(&self, server: &Server, on: &[State]) -> Delivery {
        let url = format!("http://{}/consent", self.address);
        let operations = Operations::open(&Operations::beside(&server.database())).unwrap();
        let target = Target::parse(&url).unwrap();
        let endpoint = Endpoint { url, target, secrets: Secret::read(SECRET).unwrap(), on: on.to_vec() };
        let operations = Arc::new(operations);
        Delivery { endpoint, client: Client::new().unwrap(), operations, figures: Arc::default() }
    }
}

/// What the specification says a receiver checks.
fn is_signed(headers: &HeaderMap, body: &str) -> bool {
    let header = |name: &str| headers[name].to_str().unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&from_base64(&SECRET[6..]).unwrap()).unwrap();
    mac.update(format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    header("webhook-signature") == format!("v1,{}", to_base64(&mac.finalize().into_bytes()))
}

/// A record that follows another and answers so.
fn after(before: &Record, n: u8, state: State, answers: &[(&str, bool)]) -> Record {
    let mut record = before.clone();
    record.record_id = uuid(&[n; 16]);
    record.prev = Some(before.record_id.clone());
    record.event.state = state;
    for (purpose, granted) in answers {
        record.decisions.iter_mut().find(|said| said.purpose == *purpose).unwrap().granted = *granted;
    }
    record
}

async fn keep(server: &Server, record: &Record) {
    assert_eq!(server.ask(post(record.canonical())).await.status, StatusCode::CREATED);
}

/// A server that tells a receiver of these, and has a record.
async fn following(states: &[State]) -> (Server, Receiver, Delivery, Record) {
    let server = server().await;
    let receiver = Receiver::start().await;
    let delivery = receiver.delivery(&server, states);
    delivery.step(&server.app.store).await.unwrap();
    let given = record(1, &server.notice);
    keep(&server, &given).await;
    (server, receiver, delivery, given)
}

fn texts(value: Value) -> Vec<String> {
    value.items().iter().map(|item| item.text().unwrap().to_owned()).collect()
}

/// GDPR Art. 18(2): nobody hears of a restricted record, but of what was taken back they must (Art. 19).
#[tokio::test]
async fn of_a_restricted_record_only_the_withdrawal_is_told() {
    let (server, receiver, delivery, given) = following(&[State::Given, State::Withdrawn]).await;
    keep(&server, &after(&given, 2, State::Withdrawn, &[("analytical", false)])).await;
    for seq in [1, 2] {
        server.app.store.restrict(seq).await.unwrap();
    }
    delivery.step(&server.app.store).await.unwrap();
    let (_, message) = receiver.only();
    assert_eq!(message.get("type").text(), Some("consent.withdrawn"));
}

#[tokio::test]
async fn a_withdrawal_is_told_signed_and_with_nothing_that_the_receiver_does_not_need() {
    let (server, receiver, delivery, given) = following(&[State::Withdrawn]).await;
    let withdrawn = after(&given, 2, State::Withdrawn, &[("analytical", false)]);
    keep(&server, &withdrawn).await;
    delivery.step(&server.app.store).await.unwrap();
    delivery.step(&server.app.store).await.unwrap();

    let (headers, body) = receiver.only();
    assert!(is_signed(&headers, &receiver.told()[0].1));
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(body.at("type").unwrap().text(), Some("consent.withdrawn"));
    let data = body.at("data").unwrap();
    let keys: Vec<_> = data.entries().iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["categories", "previous", "record_id", "services", "site", "subject", "withdrawn"]);
    assert_eq!(data.at("record_id").unwrap().text(), Some(withdrawn.record_id.as_str()));
    assert_eq!(data.at("previous").unwrap().text(), Some(given.record_id.as_str()));
    assert_eq!(data.at("subject").unwrap().text(), Some(given.subject.as_str()));
    assert_eq!(texts(data.get("categories").get("refused").clone()), ["analytical", "marketing"]);
    // Only what had been granted was taken back.
    assert_eq!(texts(data.get("withdrawn").get("categories").clone()), ["analytical"]);
}

/// Who knows the number of somebody else's record and names it makes no receiver look it up.
#[tokio::test]
async fn nothing_is_told_of_a_record_of_another_pseudonym() {
    let (server, receiver, delivery, given) = following(&[State::Withdrawn]).await;
    let mut forged = after(&given, 2, State::Withdrawn, &[("analytical", false)]);
    forged.subject = record(9, &server.notice).subject;
    keep(&server, &forged).await;
    delivery.step(&server.app.store).await.unwrap();
    delivery.step(&server.app.store).await.unwrap();
    let (_, body) = receiver.only();
    let data = body.get("data");
    assert_eq!(data.get("previous"), &Value::Null);
    assert_eq!(data.get("subject").text(), Some(forged.subject.as_str()));
}

#[tokio::test]
async fn taking_back_one_of_two_is_a_withdrawal_and_granting_one_more_is_not() {
    let (server, receiver, delivery, given) = following(&[State::Withdrawn]).await;
    let more = after(&given, 2, State::Changed, &[("marketing", true)]);
    keep(&server, &more).await;
    delivery.step(&server.app.store).await.unwrap();
    assert!(receiver.told().is_empty());
    keep(&server, &after(&more, 3, State::Changed, &[("analytical", false)])).await;
    delivery.step(&server.app.store).await.unwrap();
    let (_, body) = receiver.only();
    assert_eq!(body.get("type").text(), Some("consent.withdrawn"));
    assert_eq!(texts(body.get("data").get("withdrawn").get("categories").clone()), ["analytical"]);
    assert_eq!(texts(body.get("data").get("categories").get("granted").clone()), ["marketing"]);
}

#[tokio::test]
async fn each_kind_of_decision_is_told_to_whoever_asks_for_it() {
    let (server, receiver, delivery, given) = following(&[State::Given, State::Changed]).await;
    keep(&server, &after(&given, 2, State::Withdrawn, &[("analytical", false)])).await;
    delivery.step(&server.app.store).await.unwrap();
    assert_eq!(receiver.only().1.get("type").text(), Some("consent.given"));
}

#[tokio::test]
async fn over_https_only_who_has_the_right_certificate_is_told() {
    let server = server().await;
    let (receiver, certificate) = Receiver::start_tls(server.folder.path()).await;
    let mut delivery = receiver.delivery(&server, &[State::Given]);
    delivery.endpoint.target =
        Target::parse(&format!("https://localhost:{}/consent", receiver.address.port())).unwrap();
    delivery.step(&server.app.store).await.unwrap();
    keep(&server, &record(1, &server.notice)).await;
    // The authorities of this machine don't know it.
    delivery.step(&server.app.store).await.unwrap();
    assert!(receiver.told().is_empty());
    assert_eq!(state(&delivery).outcome.as_deref(), Some("tls"));

    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    delivery.client = Client::trusting(roots).unwrap();
    keep(&server, &record(2, &server.notice)).await;
    delivery.step(&server.app.store).await.unwrap();
    let (headers, body) = receiver.only();
    assert!(is_signed(&headers, &receiver.told()[0].1));
    assert_eq!(body.get("data").get("record_id").text(), Some(record_id(2).as_str()));
}

/// A clock that the test turns, and a server that goes by it.
macro_rules! turned {
    ($clock:ident) => {{
        static $clock: AtomicI64 = AtomicI64::new(0);
        $clock.store(askfirst_server::clock::now(), Ordering::SeqCst);
        let options = store::Options { now: || $clock.load(Ordering::SeqCst), ..store::Options::default() };
        let turn = |by: Millis| $clock.store($clock.load(Ordering::SeqCst) + by, Ordering::SeqCst);
        (server_with(no_limit(), options, |_| Default::default()).await, turn)
    }};
}

#[tokio::test]
async fn an_endpoint_that_fails_hears_the_same_message_later_also_from_the_next_process() {
    let (server, turn) = turned!(NOW);
    let receiver = Receiver::start().await;
    let delivery = receiver.delivery(&server, &[State::Given]);
    delivery.step(&server.app.store).await.unwrap();
    receiver.answers(500);
    keep(&server, &record(1, &server.notice)).await;
    delivery.step(&server.app.store).await.unwrap();
    delivery.step(&server.app.store).await.unwrap();
    assert_eq!(receiver.told().len(), 1, "not before its time");
    drop(delivery);

    // Another process, as after a crash.
    let delivery = receiver.delivery(&server, &[State::Given]);
    turn(60_000);
    receiver.answers(204);
    delivery.step(&server.app.store).await.unwrap();
    turn(60_000);
    delivery.step(&server.app.store).await.unwrap();
    let told = receiver.told();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].0["webhook-id"], told[1].0["webhook-id"]);
    assert_eq!(told[0].1, told[1].1);
    assert_ne!(told[0].0["webhook-timestamp"], told[1].0["webhook-timestamp"]);
    assert!(told.iter().all(|(headers, body)| is_signed(headers, body)));
}

#[tokio::test]
async fn after_three_days_a_message_is_given_up_and_its_text_forgotten() {
    let (server, turn) = turned!(NOW);
    let receiver = Receiver::start().await;
    let delivery = receiver.delivery(&server, &[State::Given]);
    delivery.step(&server.app.store).await.unwrap();
    receiver.answers(503);
    keep(&server, &record(1, &server.notice)).await;
    let mut hours = 0;
    while state(&delivery).waiting == 1 || hours == 0 {
        delivery.step(&server.app.store).await.unwrap();
        turn(60 * 60 * 1000);
        hours += 1;
        assert!(hours < 100);
    }
    // The last pause that still fits has at most six hours, and this clock is turned by whole ones.
    assert!((66..=73).contains(&hours), "{hours}");
    // Pauses that double: far fewer attempts than hours.
    assert!((10..=40).contains(&receiver.told().len()), "{}", receiver.told().len());
    let given_up = state(&delivery);
    assert_eq!((given_up.waiting, given_up.given_up), (0, 1));
    let kept: Option<String> = delivery
        .operations
        .run(|connection| connection.first("SELECT body FROM webhook_entry", &[], |row| row.get(0)))
        .unwrap()
        .unwrap();
    assert_eq!(kept, None);
    // S2: and after 90 days the rest.
    delivery.operations.purge(server.app.store.now() + 91 * DAY).await.unwrap();
    assert_eq!(state(&delivery).given_up, 0);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_not_asked_again() {
    let server = server().await;
    let receiver = Receiver::start().await;
    let delivery = receiver.delivery(&server, &[State::Given]);
    delivery.step(&server.app.store).await.unwrap();
    receiver.answers(410);
    keep(&server, &record(1, &server.notice)).await;
    delivery.step(&server.app.store).await.unwrap();
    assert_eq!((state(&delivery).waiting, state(&delivery).given_up), (0, 1));
}

#[tokio::test]
async fn a_redirect_is_no_delivery_and_is_not_followed() {
    let server = server().await;
    let receiver = Receiver::start().await;
    let delivery = receiver.delivery(&server, &[State::Given]);
    delivery.step(&server.app.store).await.unwrap();
    receiver.answers(307);
    keep(&server, &record(1, &server.notice)).await;
    delivery.step(&server.app.store).await.unwrap();
    assert_eq!((receiver.told().len(), state(&delivery).waiting), (1, 1));
    assert_eq!(state(&delivery).outcome.as_deref(), Some("307"));
}

#[tokio::test]
async fn who_asks_later_is_not_told_about_what_was_before() {
    let server = server().await;
    keep(&server, &record(1, &server.notice)).await;
    let receiver = Receiver::start().await;
    let delivery = receiver.delivery(&server, &[State::Given]);
    delivery.step(&server.app.store).await.unwrap();
    assert!(receiver.told().is_empty());
    keep(&server, &record(2, &server.notice)).await;
    delivery.step(&server.app.store).await.unwrap();
    assert_eq!(receiver.only().1.get("data").get("record_id").text(), Some(record_id(2).as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_hangs_delays_no_receipt() {
    let server = server_with(no_limit(), Default::default(), |_| Default::default()).await;
    let receiver = Receiver::start().await;
    receiver.answer.lock().unwrap().1 = Duration::from_secs(60);
    let delivery = receiver.delivery(&server, &[State::Given]);
    delivery.step(&server.app.store).await.unwrap();
    let working = tokio::spawn(delivery.run(Arc::clone(&server.app)));
    keep(&server, &record(1, &server.notice)).await;
    while receiver.told().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let start = Instant::now();
    for n in 2..42 {
        keep(&server, &record(n, &server.notice)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    working.abort();
}

fn state(delivery: &Delivery) -> queue::State {
    delivery.operations.run(|connection| queue::state(connection, &delivery.endpoint.url)).unwrap()
}
