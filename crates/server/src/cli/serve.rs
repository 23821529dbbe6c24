//! `askfirst serve`.

mod options;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

pub use options::Options;

use super::fail;
use super::purge::Keep;
use crate::bundled::Bundled;
use crate::config::Config;
use crate::erasure::Rule;
use crate::http::challenge::Challenges;
use crate::http::connection::{self, Door, Limits};
use crate::http::cors::Origins;
use crate::http::limits::Rate;
use crate::http::{self, App, Files};
use crate::interface;
use crate::store::interface::Interface;
use crate::store::{self, Database, Store, StoreError};
use crate::tls::Tls;
use crate::webhook::{Delivery, Figures};
use crate::witness::Watch;

/// The first purge after a start: not in the way of it.
const FIRST_PURGE: Duration = Duration::from_secs(5 * 60);

pub fn run(options: Options) -> ExitCode {
    options.start_log();
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
    let Prepared { door, admin, app, files, limits, deliveries, watch } = prepared;
    let stop = match stop_signal() {
        Ok(stop) => stop,
        Err(error) => return fail(&format!("signals can't be listened to: {error}")),
    };
    let router = http::router(Arc::clone(&app), files);
    let mut tasks = JoinSet::new();
    tasks.spawn(purge_daily(Arc::clone(&app), keep));
    tasks.spawn(watch.run(Arc::clone(&app)));
    for delivery in deliveries {
        tasks.spawn(delivery.run(Arc::clone(&app)));
    }
    match reload_signal(door.tls.clone()) {
        Ok(reloading) => drop(tasks.spawn(reloading)),
        Err(error) => return fail(&format!("signals can't be listened to: {error}")),
    }
    let (stopped, stopping) = tokio::sync::oneshot::channel::<()>();
    let administering = admin.map(|admin| {
        let few = Limits { total: 64, per_address: 64, ..limits.clone() };
        let router = http::admin::router(Arc::clone(&app));
        tokio::spawn(connection::serve(admin, router, few, async move { drop(stopping.await) }))
    });
    connection::serve(door, router, limits, stop).await;
    drop(stopped);
    if let Some(administering) = administering {
        let _ = administering.await;
    }
    tasks.shutdown().await;
    // The last holder of the store waits for its writer.
    if let Some(app) = Arc::into_inner(app) {
        app.store.close().await;
    }
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
    door: Door,
    admin: Option<Door>,
    app: http::Shared,
    files: Files,
    limits: Limits,
    deliveries: Vec<Delivery>,
    watch: Watch,
}

async fn prepare(options: &Options) -> Result<Prepared, String> {
    options.check_addresses()?;
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
    let database = options.database.with_key()?;
    let store_options = store::Options { queue: options.queue, ..options.log_key.options()? };
    let store = database.open(&store_options).await?;
    let challenges = challenges(&database, &store_options, &configs, &origins)?;
    let mut watch = options.witnesses.watch()?;
    watch.first(&store).await?;
    register(&store, &configs, &bundled).await?;
    if let Some(dist) = &options.dist {
        name_interface(&store, dist, &origins).await?;
    }
    let operations = Arc::new(options.operations.open(&database)?);
    let figures = Arc::new(Figures::default());
    let deliveries = options.webhooks.deliveries(&operations, &figures)?;
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(certificate), Some(key)) => Some(Arc::new(Tls::read(certificate, key)?)),
        _ => None,
    };
    let (door, address) = open(options.listen, tls.clone()).await?;
    let admin = match options.admin {
        Some(admin) => Some(open(admin, tls).await?),
        None => None,
    };
    let admin = admin.map(|(door, address)| {
        tracing::info!(admin = %address, "listening for people with a token");
        door
    });
    tracing::info!(%address, origins = origins.sorted().join(" "), "listening");
    let app = App::new(
        store,
        origins,
        http::Options {
            sender_rate: Rate { per_second: options.rate_per_network, burst: options.burst_per_network },
            site_rate: Rate { per_second: options.rate_per_site, burst: options.rate_per_site * 5.0 },
            proxies: options.trusted_proxy.clone(),
            admin_token: options.admin_token()?,
            body_timeout: Duration::from_secs(10),
            choice_cookie: configs.iter().any(Config::asks_for_cookie),
            challenges,
            operations: Some(operations),
            webhooks: figures,
            witnesses: watch.figures(),
            erasure: Rule { policy: options.erasure.policy, keep: options.keep.period },
        },
    );
    let config = configs.into_iter().next().map(|config| config.text);
    let files = Files {
        dist: options.dist.clone(),
        config: options.site.is_some().then_some(config).flatten(),
        site: options.site.clone(),
        admin_elsewhere: admin.is_some(),
    };
    let limits = Limits {
        total: options.max_connections,
        per_address: options.max_connections_per_address,
        proxies: options.trusted_proxy.clone(),
        ..Limits::default()
    };
    Ok(Prepared { door, admin, app: Arc::new(app), files, limits, deliveries, watch })
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

/// For the sites whose configuration asks for them: the one that it names, or every site of this server.
fn challenges(
    database: &Database,
    options: &store::Options,
    configs: &[Config],
    origins: &Origins,
) -> Result<Challenges, String> {
    let mut sites = Vec::new();
    for config in configs.iter().filter(|config| config.asks_for_challenges()) {
        match config.settings.as_ref().and_then(|settings| settings.site.clone()) {
            Some(site) => sites.push(site),
            None => sites.extend(origins.sorted().into_iter().map(str::to_owned)),
        }
    }
    if sites.is_empty() {
        return Ok(Challenges::default());
    }
    Ok(Challenges::new(&database.seeds(options)?, sites))
}

/// Says in each log which browser files there are, before the first record of a visitor who had them (R4). Files that are not
/// what their manifest says are served all the same: that nobody can show what they were is said as an error.
async fn name_interface(store: &Store, dist: &Path, origins: &Origins) -> Result<(), String> {
    let (manifest, files) = match interface::read(dist) {
        Ok(Some(read)) => read,
        Ok(None) => {
            let dist = dist.display();
            tracing::info!(%dist, "there is no manifest.json in it: the logs do not say which browser files these are");
            return Ok(());
        }
        Err(why) => {
            tracing::error!(why, "the logs do not say which browser files these are");
            return Ok(());
        }
    };
    let sites = origins.sorted().into_iter().map(str::to_owned).collect();
    match store.name_interface(Interface { sites, manifest, files }).await {
        // Served for reading: that it says so is worth more than a word of files.
        Ok(()) | Err(StoreError::Frozen) => Ok(()),
        Err(error) => Err(format!("which browser files there are can't be noted: {error:?}")),
    }
}

/// Registers what each configuration shows in each language, before the first record can name it (R3).
async fn register(store: &Store, configs: &[Config], bundled: &Bundled) -> Result<(), String> {
    let faulty = store.invalid_notices().await.unwrap_or_default();
    for notice in configs.iter().flat_map(|config| config.notices(bundled)) {
        let (lang, digest) = (notice.about.lang.clone(), notice.digest.clone());
        let new = match store.register(notice).await {
            Ok(new) => new,
            // Served for reading: that it says so is worth more than a new notice.
            Err(StoreError::Frozen) => return Ok(()),
            Err(error) => return Err(format!("a notice can't be stored: {error:?}")),
        };
        if faulty.contains(&digest) {
            tracing::error!(lang, digest, "this notice was declared faulty and is shown still; nobody agrees by it");
        } else {
            tracing::info!(lang, digest, new, "notice");
        }
    }
    Ok(())
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

/// Reads the certificate anew at each SIGHUP. Without one there is nothing to read, and the server goes on: what nobody
/// listens to ends a process, and systemd holds such an end for a good one.
fn reload_signal(tls: Option<Arc<Tls>>) -> std::io::Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            match tls.as_ref().map(|tls| tls.reload()) {
                None => tracing::info!("there is no certificate to read anew"),
                Some(Ok(())) => tracing::info!("the certificate was read anew"),
                Some(Err(error)) => tracing::error!(error, "the certificate can't be read; the one in use stays"),
            }
        }
    })
}

async fn open(address: SocketAddr, tls: Option<Arc<Tls>>) -> Result<(Door, SocketAddr), String> {
    let say = |error: std::io::Error| format!("{address}: {error}");
    let listener = TcpListener::bind(address).await.map_err(say)?;
    let bound = listener.local_addr().map_err(say)?;
    Ok((Door { listener, tls }, bound))
}
