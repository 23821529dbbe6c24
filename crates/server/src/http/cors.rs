//! Who may call: the sites whose records are kept here, and nobody else.
//!
//! No cookies and no credentials are used, so nothing is allowed with them. Every answer varies with the origin.

use std::collections::HashSet;

use askfirst_core::record::is_origin;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Error, Shared};

/// The origins whose records are kept.
#[derive(Clone, Debug, Default)]
pub struct Origins(HashSet<String>);

impl Origins {
    /// Reads origins as a browser writes them.
    ///
    /// # Errors
    /// The first that is not one, or that is plain http and not on this machine (S6).
    pub fn new(origins: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut known = HashSet::new();
        for origin in origins {
            if !is_origin(&origin) {
                return Err(format!("{origin} is not an origin such as https://www.example.nl"));
            }
            if origin.strip_prefix("http://").is_some_and(|host| !is_this_machine(host)) {
                return Err(format!("{origin}: plain http is for this machine only; use https"));
            }
            known.insert(origin);
        }
        Ok(Self(known))
    }

    pub fn contains(&self, origin: &str) -> bool {
        self.0.contains(origin)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn sorted(&self) -> Vec<&str> {
        let mut origins: Vec<_> = self.0.iter().map(String::as_str).collect();
        origins.sort_unstable();
        origins
    }

    /// The one `Origin` of a request, when it is known.
    pub fn of<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = origins.next()?.to_str().ok()?;
        (origins.next().is_none() && self.contains(origin)).then_some(origin)
    }
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    let loopback = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    loopback || name == "localhost" || name.ends_with(".localhost")
}

/// Answers preflights and adds the headers that let a known site read the answer.
pub async fn layer(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let origin = app.origins.of(request.headers()).and_then(|origin| HeaderValue::from_str(origin).ok());
    let preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (preflight, &origin) {
        (true, Some(_)) => allowed(),
        (true, None) => refused().into_response(),
        (false, _) => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    }
    response
}

/// The answer to a sender that is not one of the sites.
pub fn refused() -> Error {
    Error::new(StatusCode::FORBIDDEN, "origin", "records are kept for known sites only, sent by their own pages")
}

/// What a page may send beside what it always may.
const HEADERS: &str = "askfirst-challenge, authorization, content-type";

fn allowed() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}
