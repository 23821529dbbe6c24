//! `GET /healthz` and `GET /metrics`, for the operator. A proxy forwards `/askfirst/` and not these.

use askfirst_core::json::map;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::records::answer;
use super::{Error, Shared};
use crate::store::StoreError;

/// 200 when the store can be read and the last write went well.
pub async fn health(State(app): State<Shared>) -> Result<Response, Error> {
    if !app.store.healthy().await {
        return Err(StoreError::Unavailable.into());
    }
    Ok(answer(StatusCode::OK, &map([("ok", true.into())])))
}

/// 200 as long as the process answers.
pub async fn alive() -> Response {
    answer(StatusCode::OK, &map([("ok", true.into())]))
}

/// The figures in the text format of Prometheus.
pub async fn metrics(State(app): State<Shared>) -> Response {
    let text = app.metrics.text(app.store.figures(), &app.webhooks, &app.witnesses);
    let mut response = Response::new(Body::from(text));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
