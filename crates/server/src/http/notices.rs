//! `PUT` and `GET /askfirst/v1/notices/{digest}`: what visitors are shown.
//!
//! Only the owner registers notices, from the configuration at start or with an operator's token, so that a stranger can't
//! have a record name a text of his own (R3). Anybody may read one: it is what everybody is shown.

use askfirst_core::json::{self, Value, map};
use askfirst_core::{notice, wire};
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::records::answer;
use super::{Error, NOTICE_LIMIT, Shared, admin, body};
use crate::operations::tokens::Role;
use crate::store::{AboutNotice, NewNotice};

/// Stores a notice under the digest of its bytes.
pub async fn register(
    State(app): State<Shared>,
    Path(digest): Path<String>,
    request: Request,
) -> Result<Response, Error> {
    let (parts, payload) = request.into_parts();
    let who = admin::require(&app, &parts.headers, &[Role::Operator]).await?;
    body::require_json(&parts.headers)?;
    let text = body::text(&parts.headers, payload, NOTICE_LIMIT, app.body_timeout).await?;
    let notice = parse(digest, text)?;
    admin::note_notice(&app, who, &notice.digest).await?;
    let stored = map([("digest", notice.digest.as_str().into())]);
    let new = app.store.register(notice).await?;
    Ok(answer(if new { StatusCode::CREATED } else { StatusCode::OK }, &stored))
}

/// Answers a notice's canonical text. It never changes under its digest.
pub async fn read(State(app): State<Shared>, Path(digest): Path<String>) -> Result<Response, Error> {
    let bytes = app.store.notice(&digest).await?.ok_or_else(Error::not_found)?;
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}

fn parse(digest: String, text: String) -> Result<NewNotice, Error> {
    let invalid =
        |code, path: &str, message: &str| Error::new(StatusCode::UNPROCESSABLE_ENTITY, code, message).at(path);
    if !notice::holds(&text, &digest) {
        return Err(invalid("digest", "$", "the text has another digest"));
    }
    let value =
        json::parse(&text).map_err(|error| Error::new(StatusCode::BAD_REQUEST, "json", error.kind.message()))?;
    if value.canonical() != text {
        return Err(invalid("canonical", "$", "the text is not in canonical form (RFC 8785)"));
    }
    if value.at("schema").and_then(Value::text) != Some(wire::NOTICE_SCHEMA) {
        return Err(invalid("invalid", "$.schema", "this is not a notice"));
    }
    let named = |key: &str| {
        let text = value.at(key).and_then(Value::text).map(str::to_owned);
        text.ok_or_else(|| invalid("missing", &["$.", key].concat(), "is required"))
    };
    let about = AboutNotice { lang: named("lang")?, version: named("version")? };
    Ok(NewNotice { digest, about, text, site: None })
}
