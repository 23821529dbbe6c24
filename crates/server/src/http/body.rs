//! Reading what was sent: bounded in bytes, in time and in form.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::Error;

/// Reads a text of at most `limit` bytes that arrives within `time`.
///
/// # Errors
/// 413, 408 or 400.
pub async fn text(headers: &HeaderMap, body: Body, limit: usize, time: Duration) -> Result<String, Error> {
    let too_large =
        || Error::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("a request here has at most {limit} bytes"));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let read = tokio::time::timeout(time, Limited::new(body, limit).collect()).await;
    let bytes = match read {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(_)) => return Err(Error::new(StatusCode::BAD_REQUEST, "body", "the request broke off")),
        Err(_) => return Err(Error::new(StatusCode::REQUEST_TIMEOUT, "body", "the request came too slowly")),
    };
    String::from_utf8(bytes.into()).map_err(|_| Error::new(StatusCode::BAD_REQUEST, "json", "the text is not UTF-8"))
}

/// Takes the content types of `fetch` and `sendBeacon` without a preflight, and JSON, uncompressed.
///
/// # Errors
/// 415.
pub fn require_json(headers: &HeaderMap) -> Result<(), Error> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    let known = ["text/plain", "application/json"].iter().any(|known| kind.eq_ignore_ascii_case(known));
    let plain = headers
        .get(header::CONTENT_ENCODING)
        .is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if known && plain {
        return Ok(());
    }
    let message = "send text/plain or application/json, not compressed";
    Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", message))
}
