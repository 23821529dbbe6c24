//! The HTTP interface. Every route stands in [`router`].

pub mod admin;
pub mod body;
pub mod challenge;
mod choice;
pub mod connection;
pub mod cors;
mod error;
pub mod files;
mod holder;
mod leaks;
pub mod limits;
mod log;
mod notices;
pub mod observe;
pub mod offered;
pub mod openapi;
pub mod records;
mod status;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get, post, put};
use ipnet::IpNet;
use tokio::sync::Notify;
use tower_http::services::ServeDir;

pub use error::{Code, Error};

use crate::erasure::Rule;
use crate::operations::Operations;
use crate::store::Store;
use crate::{webhook, witness};
use challenge::Challenges;
use cors::Origins;
use files::{Config, Dist};
use limits::{Limiter, Rate};
use observe::Metrics;
use offered::Offers;
use openapi::Listener;

/// Longest body of a submission. A record itself has at most `askfirst_core::record::MAX_BYTES` (S8).
pub const BODY_LIMIT: usize = 16 * 1024;

/// Longest notice: every word of a configuration with many services, in one language.
pub const NOTICE_LIMIT: usize = 1024 * 1024;

/// What the handlers share.
pub struct App {
    pub store: Store,
    pub origins: Origins,
    /// Per network of senders.
    pub senders: Limiter,
    /// Per site.
    pub sites: Limiter,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpNet>,
    /// SHA-256 of the admin token; the token itself is not kept.
    pub admin: Option<[u8; 32]>,
    pub body_timeout: Duration,
    /// Whether a site asks for its choice's cookie to be set here.
    pub choice_cookie: bool,
    /// Of the sites whose pages ask for challenges.
    pub challenges: Challenges,
    pub metrics: Metrics,
    /// What each notice offers to decide about.
    pub offers: Offers,
    /// What is not a record; without it the routes that need it answer 503.
    pub operations: Option<Arc<Operations>>,
    pub webhooks: Arc<webhook::Figures>,
    /// Of each witness.
    pub witnesses: Vec<Arc<witness::Figures>>,
    /// What a request for erasure leads to (S5).
    pub erasure: Rule,
    /// Told after each record that was stored.
    pub stored: Notify,
}

pub type Shared = Arc<App>;

/// What an [`App`] is made of, with lawful and usable defaults.
pub struct Options {
    pub sender_rate: Rate,
    pub site_rate: Rate,
    pub proxies: Vec<IpNet>,
    pub admin_token: Option<String>,
    pub body_timeout: Duration,
    pub choice_cookie: bool,
    pub challenges: Challenges,
    pub operations: Option<Arc<Operations>>,
    pub webhooks: Arc<webhook::Figures>,
    /// Of each witness.
    pub witnesses: Vec<Arc<witness::Figures>>,
    pub erasure: Rule,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sender_rate: Rate { per_second: 10.0, burst: 100.0 },
            site_rate: Rate { per_second: 2_000.0, burst: 10_000.0 },
            proxies: Vec::new(),
            admin_token: None,
            body_timeout: Duration::from_secs(10),
            choice_cookie: false,
            challenges: Challenges::default(),
            operations: None,
            webhooks: Arc::default(),
            witnesses: Vec::new(),
            erasure: Rule::default(),
        }
    }
}

/// The files served beside the records.
#[derive(Default)]
pub struct Files {
    /// The browser files, under `/askfirst/`.
    pub dist: Option<PathBuf>,
    /// A whole site, under `/`.
    pub site: Option<PathBuf>,
    /// The figures are on the admin listener, and not here.
    pub admin_elsewhere: bool,
    /// The text of the configuration, at `/askfirst.json`.
    pub config: Option<String>,
}

impl App {
    pub fn new(store: Store, origins: Origins, options: Options) -> Self {
        let admin = options.admin_token.map(|token| askfirst_core::digest::sha256(token.as_bytes()));
        Self {
            store,
            origins,
            senders: Limiter::new(options.sender_rate),
            sites: Limiter::new(options.site_rate),
            proxies: options.proxies,
            admin,
            body_timeout: options.body_timeout,
            choice_cookie: options.choice_cookie,
            challenges: options.challenges,
            metrics: Metrics::default(),
            offers: Offers::default(),
            operations: options.operations,
            webhooks: options.webhooks,
            witnesses: options.witnesses,
            erasure: options.erasure,
            stored: Notify::new(),
        }
    }
}

/// The routes.
pub fn router(app: Shared, files: Files) -> Router {
    let own = Router::new()
        .route("/askfirst/v1/records/{id}", get(holder::read).delete(holder::erase))
        .route_layer(from_fn_with_state(Arc::clone(&app), holder::rated));
    let records = Router::new()
        .route("/askfirst/v1/records", post(records::submit))
        .route("/askfirst/v1/challenge", post(challenge::give))
        .route("/askfirst/v1/choice", post(choice::set))
        .route("/askfirst/v1/leaks", post(leaks::submit))
        .merge(own)
        .route("/askfirst/v1/notices/{digest}", put(notices::register).get(notices::read))
        .nest("/askfirst/v1/log", log::routes())
        .nest("/askfirst/v1/logs/{host}", log::routes())
        .route("/askfirst/v1/{*rest}", any(nothing))
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), cors::layer));
    let document = openapi::document(Listener::Public, !files.admin_elsewhere).canonical();
    let mut router = Router::new()
        .route("/healthz", get(status::health))
        .route("/askfirst/openapi.json", get(move || openapi::read(document)));
    if !files.admin_elsewhere {
        router = router.route("/metrics", get(status::metrics));
    }
    let mut router = router.method_not_allowed_fallback(not_allowed).merge(records);
    if let Some(dist) = files.dist {
        let dist = Arc::new(Dist::new(dist));
        router = router.route("/askfirst/{*path}", get(move |request| files::browser_file(dist, request)));
    }
    if let Some(config) = files.config {
        let config = Arc::new(Config::new(config));
        router = router.route("/askfirst.json", get(move |request| files::configuration(config, request)));
    }
    router = match files.site {
        Some(site) => router.fallback_service(
            Router::new()
                .fallback_service(ServeDir::new(site).precompressed_br().precompressed_gzip())
                .layer(from_fn(files::revalidate)),
        ),
        None => router.fallback(nothing),
    };
    router.layer(from_fn_with_state(Arc::clone(&app), observe::layer)).with_state(app)
}

/// Routes outside [`router`] with the layers that those for records have.
pub fn layered(app: Shared, routes: Router<Shared>) -> Router {
    routes
        .layer(from_fn_with_state(Arc::clone(&app), cors::layer))
        .layer(from_fn_with_state(Arc::clone(&app), observe::layer))
        .with_state(app)
}

async fn nothing() -> Error {
    Error::not_found()
}

async fn not_allowed() -> Error {
    Error::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this address does not take that method")
}
