//! `/askfirst/v1/log/…`: the log of a site, for anybody. Nothing in it is personal. Checkpoint, tiles and bundles have
//! the paths and forms of C2SP tlog-tiles, so that other people's tools read them; `/askfirst/v1/logs/<host>/…` is the
//! same where one server keeps the records of several sites.

use askfirst_core::log::Resource;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::get;

use super::{App, Error, Shared, holder};

/// The routes below `/askfirst/v1/log` or `/askfirst/v1/logs/{host}`.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/checkpoint", get(checkpoint))
        .route("/key", get(key))
        .route("/proof", get(proof))
        .route("/tile/{*path}", get(tile))
}

/// The newest signed checkpoint; with witnesses that answer, the newest one that they have cosigned.
async fn checkpoint(State(app): State<Shared>, params: RawPathParams, headers: HeaderMap) -> Result<Response, Error> {
    let note = app.store.checkpoint(site(&app, &params, &headers)?).await?;
    Ok(text(note.ok_or_else(Error::not_found)?))
}

/// The public keys of the log, one a line, as signed-note verifier keys: the one that signs it, two while one takes the
/// place of the other, and those that were taken out, each with the size up to which it counts (PROOF test 16); then those of
/// logs that were closed, up to their end.
async fn key(State(app): State<Shared>, params: RawPathParams, headers: HeaderMap) -> Result<Response, Error> {
    let keys = app.store.site_keys(site(&app, &params, &headers)?).await?;
    if keys.is_empty() {
        return Err(Error::not_found());
    }
    Ok(text(keys.iter().map(|key| key.to_text() + "\n").collect()))
}

/// A tile or a bundle of entries. What is full never changes.
async fn tile(State(app): State<Shared>, params: RawPathParams, headers: HeaderMap) -> Result<Response, Error> {
    let path = named(&params, "path").map(|path| ["tile/", path].concat());
    let resource = path.as_deref().and_then(Resource::parse).ok_or_else(Error::not_found)?;
    let bytes = app.store.log_resource(site(&app, &params, &headers)?, resource).await?;
    let mut response = Response::new(Body::from(bytes.ok_or_else(Error::not_found)?));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}

/// A C2SP tlog-proof of an entry: by `index` for anybody, by record `id` for the holder of its secret (S4).
async fn proof(
    State(app): State<Shared>,
    params: RawPathParams,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let asked = |name: &str| {
        let pairs = uri.query().unwrap_or("").split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let inclusion = match (asked("index"), asked("id")) {
        (Some(index), None) => {
            let index = index.parse().map_err(|_| wrong_question())?;
            app.store.prove(site(&app, &params, &headers)?, index).await?
        }
        (None, Some(id)) => {
            let seq = holder::open(&app, id, &headers).await?;
            app.store.evidence(seq).await?.and_then(|evidence| evidence.receipt.inclusion)
        }
        _ => return Err(wrong_question()),
    };
    Ok(text(inclusion.ok_or_else(Error::not_found)?.text()))
}

fn wrong_question() -> Error {
    Error::new(StatusCode::BAD_REQUEST, "query", "ask for ?index=<number>, or for ?id=<record id> with its secret")
}

/// The site whose log is meant: by the host in the path, the host that was asked, or because there is only one.
fn site<'a>(app: &'a App, params: &RawPathParams, headers: &HeaderMap) -> Result<&'a str, Error> {
    let origins = app.origins.sorted();
    let at =
        |host: &str| origins.iter().find(|origin| origin.split_once("://").is_some_and(|(_, known)| known == host));
    let found = match named(params, "host") {
        Some(host) => at(host),
        None => {
            let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            asked.and_then(at).or(origins.first().filter(|_| origins.len() == 1))
        }
    };
    found.copied().ok_or_else(Error::not_found)
}

fn named<'a>(params: &'a RawPathParams, name: &str) -> Option<&'a str> {
    params.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// A text that is another one with the next commit.
fn text(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
