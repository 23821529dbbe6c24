//! `askfirst serve`.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use super::fail;
use super::purge::Keep;
use crate::bundled::Bundled;
use crate::config::Config;
use crate::http::connection::{self, Limits};
use crate::http::cors::Origins;
use crate::http::limits::Rate;
use crate::http::{self, App, Files};
use crate::store::{self, Store, StoreError};
use crate::webhook::{Delivery, Figures};

/// Shortest admin token.
const TOKEN_LENGTH: usize = 16;

/// The first purge after a start: not in the way of it.
const FIRST_PURGE: Duration = Duration::from_secs(5 * 60);

#[derive(Args)]
pub struct Options {
    /// Configuration of a site; its notices are registered and its `site` may send records. Several for several sites.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    config: Vec<PathBuf>,
    #[command(flatten)]
    database: super::database::Argument,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:4400", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The browser files, served under /askfirst/.
    #[arg(long, value_name = "DIR")]
    dist: Option<PathBuf>,
    /// A site to serve under /, with the first configuration at /askfirst.json.
    #[arg(long = "static", value_name = "DIR")]
    site: Option<PathBuf>,
    /// Further origins that may send records.
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// File with the token for `PUT /askfirst/v1/notices/…`; without it ASKFIRST_ADMIN_TOKEN, without both nobody may.
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// The same by the environment.
    #[arg(long, env = "ASKFIRST_ADMIN_TOKEN", hide = true, hide_env_values = true)]
    admin_token: Option<String>,
    #[command(flatten)]
    log_key: super::log::Key,
    #[command(flatten)]
    operations: super::operations::File,
    #[command(flatten)]
    webhooks: super::webhooks::Webhooks,
    /// How long a record is kept after the consent has ended; what is due is erased once a day.
    #[arg(long, default_value = "P3Y", value_parser = super::purge::period, value_name = "PERIOD")]
    keep: super::purge::Keep,
    /// Networks of our own proxies, whose X-Forwarded-For is believed.
    #[arg(long, value_name = "CIDR")]
    trusted_proxy: Vec<IpNet>,
    /// Listen without TLS on an address that others can reach, because a proxy with TLS stands before it.
    #[arg(long)]
    plain_http_behind_proxy: bool,
    /// Records per second from one network (/24, /48); 0 for no limit.
    #[arg(long, default_value_t = 10.0, value_name = "N")]
    rate_per_network: f64,
    /// Records that one network may send at once.
    #[arg(long, default_value_t = 100.0, value_name = "N")]
    burst_per_network: f64,
    /// Records per second for one site; 0 for no limit.
    #[arg(long, default_value_t = 2_000.0, value_name = "N")]
    rate_per_site: f64,
    /// Connections at a time.
    #[arg(long, default_value_t = 4096, value_name = "N")]
    max_connections: usize,
    /// Connections at a time from one address.
    #[arg(long, default_value_t = 256, value_name = "N")]
    max_connections_per_address: usize,
    /// Writes that may wait for the disk.
    #[arg(long, default_value_t = 1024, value_name = "N")]
    queue: usize,
    /// `debug` adds one line per request: method, route, status, time.
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    log: Level,
    /// Form of the log on standard error.
    #[arg(long, default_value = "text", value_name = "FORM")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

pub fn run(options: Options) -> ExitCode {
    start_log(options.log, options.log_format);
    // Two threads serve the network; the disk has its own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(serve(options)),
        Err(error) => fail(&format!("the program can't start its threads: {error}")),
    }
}

async fn serve(options: Options) -> ExitCode {
    let keep = options.keep.clone();
    let prepared = match prepare(&options).await {
        Ok(prepared) => prepared,
        Err(message) => return fail(&message),
    };
    let Prepared { listener, app, files, limits, deliveries } = prepared;
    let stop = match stop_signal() {
        Ok(stop) => stop,
        Err(error) => return fail(&format!("signals can't be listened to: {error}")),
    };
    let router = http::router(Arc::clone(&app), files);
    let mut tasks = JoinSet::new();
    tasks.spawn(purge_daily(Arc::clone(&app), keep));
    for delivery in deliveries {
        tasks.spawn(delivery.run(Arc::clone(&app)));
    }
    connection::serve(listener, router, limits, stop).await;
    tasks.shutdown().await;
    // The last holder of the store waits for its writer.
    drop(app);
    tracing::info!("stopped");
    ExitCode::SUCCESS
}

/// S1: erases what is due, soon after the start and then once a day.
async fn purge_daily(app: http::Shared, keep: Keep) {
    let mut wait = FIRST_PURGE;
    loop {
        tokio::time::sleep(wait).await;
        wait = Duration::from_secs(24 * 60 * 60);
        if let Some(operations) = &app.operations {
            // What it can't do it has said itself, and does tomorrow.
            let _ = operations.purge(app.store.now()).await;
        }
        match app.store.purge(keep.period, &keep.text).await {
            Ok(due) => tracing::info!(erased = due.records, held = due.held, "purged"),
            Err(error) => {
                tracing::error!(?error, "what is due could not be erased; it is tried again in an hour");
                wait = Duration::from_secs(60 * 60);
            }
        }
    }
}

struct Prepared {
    listener: TcpListener,
    app: http::Shared,
    files: Files,
    limits: Limits,
    deliveries: Vec<Delivery>,
}

async fn prepare(options: &Options) -> Result<Prepared, String> {
    if !options.listen.ip().is_loopback() && !options.plain_http_behind_proxy {
        return Err(format!(
            "{} can be reached by others and this server speaks plain http (S6): listen on 127.0.0.1, or put a proxy \
             with TLS before it and say --plain-http-behind-proxy",
            options.listen
        ));
    }
    let bundled = Bundled::read(options.dist.as_deref())?;
    let configs = read_configs(&options.config, &bundled)?;
    configs.iter().try_for_each(|config| keeps_its_word(config, &options.keep))?;
    let sites = configs.iter().filter_map(|config| config.settings.as_ref()?.site.clone());
    let origins = Origins::new(options.origin.iter().cloned().chain(sites))?;
    if origins.is_empty() {
        return Err("no site may send records: give the configuration a `site`, or use --origin".to_owned());
    }
    for folder in [&options.dist, &options.site].into_iter().flatten() {
        if !folder.is_dir() {
            return Err(format!("{}: there is no such folder", folder.display()));
        }
    }
    let seed = options.log_key.read()?;
    let database = options.database.with_key()?;
    let store = database.open(&store::Options { queue: options.queue, seed, ..Default::default() }).await?;
    register(&store, &configs, &bundled).await?;
    let operations = Arc::new(options.operations.open(&database)?);
    let figures = Arc::new(Figures::default());
    let deliveries = options.webhooks.deliveries(&operations, &figures)?;
    let listener = TcpListener::bind(options.listen).await.map_err(|error| format!("{}: {error}", options.listen))?;
    let address = listener.local_addr().map_err(|error| format!("{}: {error}", options.listen))?;
    tracing::info!(%address, origins = origins.sorted().join(" "), "listening");
    let app = App::new(
        store,
        origins,
        http::Options {
            sender_rate: Rate { per_second: options.rate_per_network, burst: options.burst_per_network },
            site_rate: Rate { per_second: options.rate_per_site, burst: options.rate_per_site * 5.0 },
            proxies: options.trusted_proxy.clone(),
            admin_token: admin_token(options)?,
            body_timeout: Duration::from_secs(10),
            choice_cookie: configs.iter().any(Config::asks_for_cookie),
            operations: Some(operations),
            webhooks: figures,
        },
    );
    let config = configs.into_iter().next().map(|config| config.text);
    let files = Files {
        dist: options.dist.clone(),
        config: options.site.is_some().then_some(config).flatten(),
        site: options.site.clone(),
    };
    let limits = Limits {
        total: options.max_connections,
        per_address: options.max_connections_per_address,
        proxies: options.trusted_proxy.clone(),
        ..Limits::default()
    };
    Ok(Prepared { listener, app: Arc::new(app), files, limits, deliveries })
}

/// Reads every configuration, and prints every problem of every one before it gives up.
/// S1: visitors are told how long records are kept (`records.retention`); nothing is kept longer.
fn keeps_its_word(config: &Config, keep: &Keep) -> Result<(), String> {
    let records = config.settings.as_ref().and_then(|settings| settings.records.as_ref());
    match records {
        Some(records) if records.retention.days_at_most() < keep.period.days_at_most() => Err(format!(
            "{}: visitors are told a shorter period in `records.retention` than --keep {}; make them alike",
            config.path.display(),
            keep.text
        )),
        _ => Ok(()),
    }
}

fn read_configs(files: &[PathBuf], bundled: &Bundled) -> Result<Vec<Config>, String> {
    let configs = files.iter().map(|file| Config::read(file, bundled)).collect::<Result<Vec<_>, _>>()?;
    for config in &configs {
        for problem in &config.problems {
            eprintln!("{}: {}", config.path.display(), problem.line());
        }
    }
    match configs.iter().find(|config| config.has_errors()) {
        Some(config) => Err(format!("{} can't be used", config.path.display())),
        None => Ok(configs),
    }
}

/// Registers what each configuration shows in each language, before the first record can name it (R3).
async fn register(store: &Store, configs: &[Config], bundled: &Bundled) -> Result<(), String> {
    for notice in configs.iter().flat_map(|config| config.notices(bundled)) {
        let (lang, digest) = (notice.about.lang.clone(), notice.digest.clone());
        let new = match store.register(notice).await {
            Ok(new) => new,
            // Served for reading: that it says so is worth more than a new notice.
            Err(StoreError::Frozen) => return Ok(()),
            Err(error) => return Err(format!("a notice can't be stored: {error:?}")),
        };
        tracing::info!(lang, digest, new, "notice");
    }
    Ok(())
}

fn admin_token(options: &Options) -> Result<Option<String>, String> {
    let token = match &options.admin_token_file {
        Some(file) => Some(fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?),
        None => options.admin_token.clone(),
    };
    let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
    match token {
        Some(token) if token.len() < TOKEN_LENGTH => {
            Err(format!("the admin token has fewer than {TOKEN_LENGTH} characters"))
        }
        token => Ok(token),
    }
}

/// Ready at SIGTERM or Ctrl-C.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    })
}

/// Our own lines alone: what libraries would say about a request is not ours to keep (S2).
fn start_log(level: Level, form: LogFormat) {
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = match form {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry().with(lines).with(ours).init();
}
