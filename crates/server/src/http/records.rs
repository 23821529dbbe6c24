//! `POST /askfirst/v1/records`: a decision comes in (R7, S8).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use askfirst_core::json::{Value, map};
use askfirst_core::record::{Count, Submission};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::limits::{self, Peer};
use super::offered::Decided;
use super::{App, BODY_LIMIT, Error, Shared, body, challenge, cors};
use crate::store::{AboutNotice, Counted, Inserted, NewRecord};

/// What a body turned out to be.
#[derive(Clone, Debug)]
pub enum Incoming {
    Count(Count),
    Record(Box<Received>),
}

/// A record as it was received.
#[derive(Clone, Debug)]
pub struct Received {
    pub record: NewRecord,
    /// Digest of the notice.
    pub notice: String,
    /// What the record says about it.
    pub said: AboutNotice,
    /// What it decides about, which the notice must offer.
    decided: Decided,
    site: String,
}

/// Handles a submission.
pub async fn submit(State(app): State<Shared>, request: Request) -> Result<Response, Error> {
    match receive(&app, request).await? {
        Incoming::Count(count) => {
            let said = AboutNotice { lang: count.lang.clone(), version: String::new() };
            let known = app.store.about_notice(&count.notice).await?;
            require_agreement(known.ok_or_else(notice_of_count_unknown)?, &said)?;
            match app.store.count(count).await? {
                Counted::Counted => {
                    app.metrics.counted();
                    Ok(answer(StatusCode::ACCEPTED, &map([("counted", true.into())])))
                }
                Counted::NoticeUnknown => Err(notice_of_count_unknown()),
            }
        }
        Incoming::Record(received) => {
            let Received { record, notice, said, decided, .. } = *received;
            let known = app.store.about_notice(&notice).await?;
            require_agreement(known.ok_or_else(Error::notice_unknown)?, &said)?;
            if !app.offers.has(&app.store, &notice, &decided).await? {
                return Err(mismatch("the notice of this digest has no such purpose or service").at("$.decisions"));
            }
            match app.store.insert(record).await? {
                Inserted::Created(receipt) => {
                    app.metrics.accepted();
                    app.stored.notify_waiters();
                    Ok(answer_text(StatusCode::CREATED, receipt.canonical()))
                }
                Inserted::Repeated(receipt) => {
                    app.metrics.repeated();
                    Ok(answer_text(StatusCode::OK, receipt.canonical()))
                }
                Inserted::Conflict => {
                    app.metrics.conflict();
                    let message = "another record is stored under this id; it stays as it is";
                    Err(Error::new(StatusCode::CONFLICT, "conflict", message).at("$.record_id"))
                }
                Inserted::NoticeUnknown => Err(Error::notice_unknown()),
            }
        }
    }
}

/// Everything before the store: who sends, how much, in which form, and whether it is a lawful submission.
///
/// # Errors
/// The first thing that does not hold.
pub async fn receive(app: &App, request: Request) -> Result<Incoming, Error> {
    let sent = request.headers().get(challenge::HEADER).cloned();
    let read = |text: &str| read(text).map(|incoming| (incoming.site().to_owned(), incoming));
    let mut incoming = admit(app, request, BODY_LIMIT, read).await?;
    if let Incoming::Record(received) = &mut incoming {
        let Received { record, site, .. } = received.as_mut();
        record.challenge = app.challenges.judge(site, || record.digest(), sent.as_ref());
    }
    Ok(incoming)
}

/// What a page of a known site sends, at most `limit` bytes, within the rates of its network and its site. `read` answers
/// the site that the text says it is from, which must be the one that sends it.
///
/// # Errors
/// The first thing that does not hold.
pub async fn admit<T>(
    app: &App,
    request: Request,
    limit: usize,
    read: impl FnOnce(&str) -> Result<(String, T), Error>,
) -> Result<T, Error> {
    let (parts, payload) = request.into_parts();
    within_rate(app, &parts.extensions, &parts.headers)?;
    let origin = app.origins.of(&parts.headers).ok_or_else(cors::refused)?;
    body::require_json(&parts.headers)?;
    let text = body::text(&parts.headers, payload, limit, app.body_timeout).await?;
    let (site, content) = read(&text)?;
    if site != origin {
        return Err(cors::refused().at("$.site"));
    }
    app.sites.take(&origin, Instant::now()).map_err(too_many)?;
    Ok(content)
}

/// Reads a submission with the browser's own code.
fn read(text: &str) -> Result<Incoming, Error> {
    Ok(match Submission::parse(text)? {
        Submission::Count(count) => Incoming::Count(count),
        Submission::Record(record) => {
            let new = NewRecord::new(&record).map_err(|path| {
                Error::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "must be in canonical form").at(path)
            })?;
            let decided = Decided::in_record(record.decisions, record.vendors);
            let said = AboutNotice { lang: record.notice.lang, version: record.notice.version };
            let (site, notice) = (record.site, record.notice.digest);
            Incoming::Record(Box::new(Received { record: new, notice, said, decided, site }))
        }
    })
}

impl Incoming {
    fn site(&self) -> &str {
        match self {
            Self::Count(count) => &count.site,
            Self::Record(received) => &received.site,
        }
    }
}

/// A submission can't say another language or version than the notice it names; that would be no proof of anything.
fn require_agreement(known: AboutNotice, said: &AboutNotice) -> Result<(), Error> {
    let version = said.version.is_empty() || said.version == known.version;
    if version && said.lang == known.lang {
        return Ok(());
    }
    Err(mismatch("the notice of this digest has another language or version").at("$.notice"))
}

fn mismatch(message: &'static str) -> Error {
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, "notice_mismatch", message)
}

fn notice_of_count_unknown() -> Error {
    Error::notice_unknown().at("$.notice")
}

/// Takes one of what the sender's network may ask for in a time.
///
/// # Errors
/// 429.
pub fn within_rate(app: &App, extensions: &Extensions, headers: &HeaderMap) -> Result<(), Error> {
    let peer = extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
    let client = limits::client(peer, headers, &app.proxies);
    app.senders.take(&limits::network(client), Instant::now()).map_err(too_many)
}

fn too_many(seconds: u64) -> Error {
    let message = "too many requests; try again later";
    Error::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message).retry_after(seconds)
}

/// A JSON answer that nobody in between keeps.
pub fn answer(status: StatusCode, value: &Value) -> Response {
    answer_text(status, value.canonical())
}

/// The same for what is JSON text already.
pub fn answer_text(status: StatusCode, json: String) -> Response {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
