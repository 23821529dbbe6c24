//! The real router over a real SQLite file in a folder of its own.

// Each test program uses its own part of it.
#![allow(dead_code)]

pub mod hygiene;
pub mod opened;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use askfirst_core::digest::{base64url, digest, uuid};
use askfirst_core::erasure::Policy;
use askfirst_core::json::{self, Value};
use askfirst_core::record::{Count, Decision, Event, Layer, Method, NoticeRef, Record, Signals, State};
use askfirst_core::settings::{self, Settings};
use askfirst_core::time::{Millis, Period};
use askfirst_server::bundled::Bundled;
use askfirst_server::config::Config;
use askfirst_server::erasure::Rule;
use askfirst_server::http::cors::Origins;
use askfirst_server::http::limits::{Peer, Rate};
use askfirst_server::http::{self, App, Files, Options, Shared};
use askfirst_server::operations::Operations;
use askfirst_server::store::{self, NewNotice, Store};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use tempfile::TempDir;
use tower::ServiceExt;

pub const SITE: &str = "https://www.example.nl";
pub const ADMIN: &str = "a-long-enough-admin-token";

pub const CONFIG: &str = r#"{
    "version": "2026-11-22",
    "site": "https://www.example.nl",
    "controller": { "name": "Example B.V.", "contact": "privacy@example.nl", "policy": "/privacy" },
    "categories": { "functional": {}, "analytical": { "services": ["plausible"] }, "marketing": { "services": ["youtube"] } },
    "records": { "endpoint": "/askfirst/v1/records" }
}"#;

/// A server under test.
pub struct Server {
    pub folder: TempDir,
    pub app: Shared,
    pub router: Router,
    pub settings: Settings,
    /// What its configuration shows in English.
    pub notice: NewNotice,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

pub async fn server() -> Server {
    server_with(Options::default(), store::Options::default(), |_| Files::default()).await
}

/// One whose owner has records erased for who asks, instead of keeping them as proof (S5).
pub async fn erasing() -> Server {
    server_with(erases(), store::Options::default(), |_| Files::default()).await
}

pub fn erases() -> Options {
    Options { erasure: Rule { policy: Policy::Erase, ..Rule::default() }, ..Options::default() }
}

pub async fn server_with(options: Options, store: store::Options, files: impl FnOnce(&TempDir) -> Files) -> Server {
    hygiene::watch();
    let folder = tempfile::tempdir().unwrap();
    let (settings, notices) = configured();
    let store = Store::open(&folder.path().join("askfirst.sqlite"), &store).unwrap();
    for notice in &notices {
        store.register(notice.clone()).await.unwrap();
    }
    let notice = notices.into_iter().find(|notice| notice.about.lang == "en").unwrap();
    let origins = Origins::new([SITE.to_owned()]).unwrap();
    let operations = Operations::open(&Operations::beside(&folder.path().join("askfirst.sqlite"))).unwrap();
    let operations = Some(Arc::new(operations));
    let options = Options { admin_token: Some(ADMIN.to_owned()), operations, ..options };
    let app = Arc::new(App::new(store, origins, options));
    let router = http::router(Arc::clone(&app), files(&folder));
    Server { folder, app, router, settings, notice }
}

/// The configuration and what it shows in each language.
pub fn configured() -> (Settings, Vec<NewNotice>) {
    let bundled = Bundled::read(None).unwrap();
    let (settings, problems) = settings::parse(CONFIG, &bundled.services);
    let config = Config { path: PathBuf::from("askfirst.json"), text: CONFIG.to_owned(), settings, problems };
    let notices = config.notices(&bundled);
    (config.settings.unwrap_or_else(|| panic!("{:?}", config.problems)), notices)
}

/// The secret of the `n`th visitor.
pub fn secret(n: u128) -> String {
    base64url(&n.to_be_bytes())
}

/// The id of the `n`th visitor's record.
pub fn record_id(n: u128) -> String {
    uuid(&digest_bytes(n))
}

fn digest_bytes(n: u128) -> [u8; 16] {
    let hash = askfirst_core::digest::sha256(&n.to_be_bytes());
    std::array::from_fn(|i| hash[i])
}

/// The `n`th visitor's record: agrees to analytical, refuses marketing, half a minute before the tests began.
pub fn record(n: u128, notice: &NewNotice) -> Record {
    static BEGAN: OnceLock<Millis> = OnceLock::new();
    let at = *BEGAN.get_or_init(askfirst_server::clock::now) / 1000 * 1000 - 30_000;
    Record {
        record_id: record_id(n),
        prev: None,
        subject: base64url(&n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C5F).to_be_bytes()),
        holder: digest(secret(n).as_bytes()),
        site: SITE.to_owned(),
        jurisdiction: Some("NL".to_owned()),
        notice: NoticeRef {
            digest: notice.digest.clone(),
            version: notice.about.version.clone(),
            lang: notice.about.lang.clone(),
            ui: digest(b"ui"),
        },
        event: Event {
            state: State::Given,
            method: Method::Save,
            layer: Layer::Preferences,
            at,
            valid_until: Period::months(6).after(at),
        },
        decisions: [("analytical", true), ("marketing", false)]
            .map(|(purpose, granted)| Decision { purpose: purpose.to_owned(), v: 1, granted })
            .to_vec(),
        vendors: vec![],
        signals: Signals::default(),
        client: "askfirst/0.1.0".to_owned(),
        ui: None,
        undelivered: 0,
        left: None,
    }
}

pub fn body(n: u128, notice: &NewNotice) -> String {
    record(n, notice).to_value().canonical()
}

pub fn count(notice: &NewNotice, day: Millis) -> Count {
    Count {
        site: SITE.to_owned(),
        notice: notice.digest.clone(),
        lang: notice.about.lang.clone(),
        day,
        method: Method::RejectAll,
        layer: Layer::First,
    }
}

/// A request as a browser of the site sends a record.
pub fn post(body: impl Into<Body>) -> Request<Body> {
    Request::post("/askfirst/v1/records")
        .header("origin", SITE)
        .header("content-type", "text/plain;charset=UTF-8")
        .body(body.into())
        .unwrap()
}

pub fn from_address(mut request: Request<Body>, address: &str) -> Request<Body> {
    let peer: SocketAddr = format!("{address}:40000").parse().unwrap();
    request.extensions_mut().insert(Peer(peer));
    request
}

pub fn with_secret(method: &str, id: &str, secret: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(format!("/askfirst/v1/records/{id}"))
        .header("authorization", format!("Bearer {secret}"))
        .body(Body::empty())
        .unwrap()
}

/// A receipt without its proof, which grows with the log: what is the same each time (R7).
pub fn unproved(mut receipt: Value) -> Value {
    if let Value::Map(entries) = &mut receipt {
        entries.retain(|(key, _)| key != "log");
    }
    receipt
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

/// Asks a router, and reads the answer to its end.
pub async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Answer { status: parts.status, headers: parts.headers, text }
}

impl Server {
    pub async fn ask(&self, request: Request<Body>) -> Answer {
        ask(&self.router, request).await
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("askfirst.sqlite")
    }

    /// A connection beside the server, as a person with a shell has.
    pub fn shell(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.database()).unwrap()
    }

    pub fn rows(&self) -> i64 {
        self.shell().query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap()
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        json::parse(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub fn at(&self, path: &[&str]) -> Value {
        let mut value = self.json();
        for key in path {
            value = value.at(key).cloned().unwrap_or(Value::Null);
        }
        value
    }

    pub fn code(&self) -> String {
        self.at(&["code"]).text().unwrap_or("").to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

/// Without the limits of senders and sites.
pub fn no_limit() -> Options {
    let none = Rate { per_second: 0.0, burst: 0.0 };
    Options { sender_rate: none, site_rate: none, ..Options::default() }
}
