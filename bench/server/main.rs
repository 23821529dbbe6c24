//! The server of the load run (`bench/server.mjs`): the real router over a real SQLite file, and beside it `/discard`,
//! which does everything that comes before the store (limits, origin, body, validation, canonical text, SHA-256), answers as
//! many bytes as are answered for a record that is stored, and keeps nothing. Both in one process, so that their ratio says
//! what keeping a record costs.
//!
//! The database is a file, or `postgres://…`; with `--sealed` bodies are sealed, under a master key of this run.
//! With `--upkeep N` it serves nothing and measures instead what is done with N records that are stored ([`upkeep`]).
//!
//! Prints one line of JSON, `{address, site, body}`, then serves until it is ended. `body` is a record to be sent with
//! another `record_id` and `subject` each time.

mod upkeep;

use std::process::ExitCode;
use std::sync::Arc;

use askfirst_core::digest::{base64url, digest, sha256, uuid};
use askfirst_core::json::map;
use askfirst_core::record::{Decision, Event, Layer, Method, NoticeRef, Record, Signals, State as Became};
use askfirst_core::time::Period;
use askfirst_server::clock;
use askfirst_server::http::connection::{self, Limits};
use askfirst_server::http::cors::Origins;
use askfirst_server::http::limits::Rate;
use askfirst_server::http::records::{self, Incoming};
use askfirst_server::http::{self, App, Error, Files, Options, Shared};
use askfirst_server::store::log::Seed;
use askfirst_server::store::sealing::Master;
use askfirst_server::store::{
    self, AboutNotice, Database, EntryRef, Inclusion, Inserted, NewNotice, NewRecord, Receipt,
};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use mimalloc::MiMalloc;
use tokio::net::TcpListener;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const SITE: &str = "https://www.example.nl";

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let served = runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(serve()));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), String> {
    let name = std::env::args_os().nth(1).ok_or("usage: bench-server FILE|postgres://… [--sealed] [--upkeep N]")?;
    let database = Database::parse(&name)?;
    let sealed = std::env::args_os().any(|argument| argument == "--sealed");
    let options = store::Options {
        master: if sealed { Some(Master::random()?) } else { None },
        // A file keeps its key beside itself.
        seed: if database.file().is_none() { Some(Seed::random()?) } else { None },
        ..Default::default()
    };
    let count = std::env::args().skip_while(|argument| argument != "--upkeep").nth(1);
    if let Some(count) = count {
        let file = database.file().ok_or("--upkeep takes a file")?;
        return upkeep::measure(file, options, count.parse().map_err(|_| "--upkeep takes a number")?).await;
    }
    // The sealed ones are sealed on either engine.
    let database = match options.master.clone() {
        Some(master) => database.with_master(master)?,
        None => database,
    };
    let store = database.open(&options).await?;
    let notice = notice();
    store.register(notice.clone()).await.map_err(|error| format!("{error:?}"))?;

    // The limits of the sender would be measured, not the server.
    let none = Rate { per_second: 0.0, burst: 0.0 };
    let options = Options { sender_rate: none, site_rate: none, ..Options::default() };
    let app = Arc::new(App::new(store, Origins::new([SITE.to_owned()])?, options));
    let example = example(&app).await?;
    let discard = move |state, request| discard(state, example.clone(), request);
    let discarding = http::layered(Arc::clone(&app), axum::Router::new().route("/discard", post(discard)));
    let router = http::router(app, Files::default()).merge(discarding);

    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let line = map([
        ("address", address.to_string().as_str().into()),
        ("site", SITE.into()),
        ("body", template(&notice).to_value().canonical().as_str().into()),
    ]);
    println!("{}", line.canonical());
    let mut terminate =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(|error| error.to_string())?;
    let stop = async move {
        terminate.recv().await;
    };
    connection::serve(listener, router, Limits::default(), stop).await;
    Ok(())
}

fn notice() -> NewNotice {
    // What the records decide about, so that `verify` has nothing to object to.
    let purposes: Vec<String> = (0..9).map(|n| format!(r#"{{"id":"purpose-{n}"}}"#)).collect();
    let text = format!(
        r#"{{"lang":"en","purposes":[{}],"schema":"urn:askfirst:notice:1","version":"1"}}"#,
        purposes.join(",")
    );
    let about = AboutNotice { lang: "en".to_owned(), version: "1".to_owned() };
    NewNotice { digest: digest(text.as_bytes()), about, text, site: None }
}

/// What a receipt has to say about an entry in the log.
type Example = (EntryRef, Inclusion);

/// That of an entry in the middle of a log of a quarter of a million: what a run stores.
async fn example(app: &App) -> Result<Example, String> {
    let record = NewRecord::new(&template(&notice())).map_err(str::to_owned)?;
    let inserted = app.store.insert(record).await.map_err(|error| format!("{error:?}"))?;
    let Inserted::Created(Receipt { entry: Some(entry), inclusion: Some(first), .. }) = inserted else {
        return Err("the first record has no proof".to_owned());
    };
    // Derived now: the endpoint that keeps nothing has no salts to derive.
    if let Some(secret) = &entry.secret {
        std::hint::black_box((secret.core_salt(), secret.context_commitment()));
    }
    let hashes = (0..18).map(|height| sha256(&[height])).collect();
    Ok((EntryRef { index: 123_456, ..entry }, Inclusion { index: 123_456, hashes, checkpoint: first.checkpoint }))
}

/// Receives a record, answers a receipt of the same size, keeps nothing.
async fn discard(State(app): State<Shared>, (entry, inclusion): Example, request: Request) -> Result<Response, Error> {
    let Incoming::Record(received) = records::receive(&app, request).await? else {
        return Err(Error::not_found());
    };
    let mut receipt = received.record.receipt(123_456, clock::now());
    (receipt.entry, receipt.inclusion) = (Some(entry), Some(inclusion));
    Ok(records::answer_text(StatusCode::CREATED, receipt.canonical()))
}

/// A record of about 1.2 kB.
fn template(notice: &NewNotice) -> Record {
    let at = clock::now() / 1000 * 1000;
    let decision = |purpose: String, granted| Decision { purpose, v: 3_735_928_559, granted };
    Record {
        record_id: uuid(&[1; 16]),
        prev: Some(uuid(&[2; 16])),
        subject: base64url(&[3; 16]),
        holder: digest(b"secret"),
        site: SITE.to_owned(),
        jurisdiction: Some("NL".to_owned()),
        notice: NoticeRef {
            digest: notice.digest.clone(),
            version: "1".to_owned(),
            lang: "en".to_owned(),
            ui: digest(b"ui"),
        },
        event: Event {
            state: Became::Given,
            method: Method::Save,
            layer: Layer::Preferences,
            at,
            valid_until: Period::months(6).after(at),
        },
        decisions: (0..9).map(|n| decision(format!("purpose-{n}"), n % 2 == 0)).collect(),
        vendors: Vec::new(),
        signals: Signals::default(),
        client: "askfirst/0.1.0".to_owned(),
        ui: None,
        undelivered: 0,
        left: None,
    }
}
