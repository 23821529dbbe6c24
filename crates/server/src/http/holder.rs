//! `GET` and `DELETE /askfirst/v1/records/{id}`: the holder of a record's secret sees it and has it erased (S4, S5).
//!
//! The secret was made in the browser and never sent before; the record carries its digest. No name is asked for. A
//! wrong secret and an unknown id take the same way through the code and get the same answer.

use askfirst_core::digest::sha256;
use askfirst_core::exports::Format;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::records::{answer, within_rate};
use super::{Error, Shared};

/// Longest secret that is looked at.
const SECRET_LIMIT: usize = 256;

/// Answers the record, its receipt, its notice and whether both are what they were. A damaged record is answered too,
/// marked as such, with 200: it is still what is stored about the holder (GDPR Art. 15). `?format=` asks for another form
/// (GDPR Art. 20, R8).
pub async fn read(
    State(app): State<Shared>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let asked = uri.query().unwrap_or("").split('&').find_map(|pair| pair.strip_prefix("format="));
    let format = asked.map_or(Some(Format::Json), Format::named).ok_or_else(|| {
        let known = Format::ALL.map(|(_, name)| name).join(", ");
        Error::new(StatusCode::BAD_REQUEST, "format", format!("there are the formats {known}"))
    })?;
    let seq = open(&app, &id, &headers).await?;
    let evidence = app.store.evidence(seq).await?.ok_or_else(Error::not_found)?;
    let translated =
        evidence.translated(format, app.store.now()).map_err(|why| Error::new(StatusCode::CONFLICT, "format", why))?;
    let value = match translated {
        Some(value) => value,
        None => app.store.pack(seq).await?.ok_or_else(Error::not_found)?.to_value(),
    };
    if evidence.check().is_damaged() {
        app.metrics.damaged();
        tracing::error!(seq, "a stored record or its notice is not what it was");
    }
    let mut response = answer(StatusCode::OK, &value);
    if format == Format::Dpv {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/ld+json"));
    }
    Ok(response)
}

/// Erases or restricts the record, by the owner's policy (S5); the answer says which, why, and until when. Of an erased one
/// place and time stay, so that a late retry of the same record finds it settled instead of bringing it back.
pub async fn erase(State(app): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Result<Response, Error> {
    let seq = open(&app, &id, &headers).await?;
    let done = app.erasure.carry_out(&app.store, seq, "holder").await?;
    app.metrics.asked_to_erase(done);
    Ok(answer(StatusCode::OK, &done.to_value(&id)))
}

/// Holds who asks for records one by one to the rate of who sends them: an evidence pack costs more than a record that comes in,
/// and a secret that somebody guesses at gets no more tries (S8).
pub async fn rated(State(app): State<Shared>, request: Request, next: Next) -> Response {
    match within_rate(&app, request.extensions(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// The place of the record that this id and the secret in `Authorization: Bearer` open.
pub async fn open(app: &Shared, id: &str, headers: &HeaderMap) -> Result<i64, Error> {
    let secret = bearer(headers).filter(|secret| secret.len() <= SECRET_LIMIT).ok_or_else(|| {
        let message = "send the record's secret as `Authorization: Bearer <secret>`";
        Error::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    })?;
    let presented = sha256(secret.as_bytes());
    let mut holders = app.store.holders(id).await?;
    if holders.is_empty() {
        holders.push((0, [0; 32]));
    }
    let mut opened = None;
    for (seq, holder) in &holders {
        if bool::from(holder.ct_eq(&presented)) {
            opened = Some(*seq);
        }
    }
    opened.filter(|seq| *seq > 0).ok_or_else(Error::not_found)
}

/// The token of `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
