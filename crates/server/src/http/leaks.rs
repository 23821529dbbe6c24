//! `POST /askfirst/v1/leaks`: a page in audit mode says what happened there that the choice did not allow, as counts.
//!
//! Whoever sends is not kept, nor when within the day, nor on which page. A name that could carry more than a name (an
//! address with a path, a text) is refused.

use askfirst_core::json::{self, Value};
use askfirst_core::record::is_id;
use askfirst_core::wire::{LEAK_COUNT, LEAK_NAME, LEAKS};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::records::admit;
use super::{Error, Shared};
use crate::operations::leaks::{self, Leak};
use crate::store::StoreError;

/// Longest report.
const REPORT_LIMIT: usize = 8 * 1024;
const KINDS: [&str; 4] = ["cookie", "csp", "request", "storage"];

/// Adds a report to the sums of the day.
pub async fn submit(State(app): State<Shared>, request: Request) -> Result<Response, Error> {
    let report = |text: &str| read(text).map(|(site, leaks)| (site.clone(), (site, leaks)));
    let (site, leaks) = admit(&app, request, REPORT_LIMIT, report).await?;
    let operations = app.operations.as_ref().ok_or(StoreError::Unavailable)?;
    let now = app.store.now();
    operations.with(move |connection| leaks::add(connection, &site, &leaks, now)).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    Ok(response)
}

fn read(text: &str) -> Result<(String, Vec<Leak>), Error> {
    let value = json::parse(text).map_err(|error| Error::new(StatusCode::BAD_REQUEST, "json", error.kind.message()))?;
    fields(&value, &["leaks", "site", "v"], "$")?;
    if value.get("v").int() != Some(1) {
        return Err(invalid("$.v", "must be 1"));
    }
    let site = value.get("site").text().ok_or_else(|| invalid("$.site", "must be an origin"))?.to_owned();
    let items = value.get("leaks").items();
    if items.is_empty() || items.len() > LEAKS {
        return Err(invalid("$.leaks", format!("must be a list of 1 to {LEAKS} leaks")));
    }
    let leaks = items.iter().enumerate().map(|(at, item)| leak(item, &format!("$.leaks[{at}]")));
    Ok((site, leaks.collect::<Result<_, _>>()?))
}

fn leak(item: &Value, at: &str) -> Result<Leak, Error> {
    fields(item, &["category", "count", "kind", "name"], at)?;
    let wrong = |key: &str, why| invalid(&format!("{at}.{key}"), why);
    let kind = item.get("kind").text().and_then(|kind| KINDS.into_iter().find(|known| *known == kind));
    let name = item.get("name").text().filter(|name| is_name(name));
    let category = item.get("category").text().filter(|category| is_id(category));
    let count = item.get("count").int().filter(|count| (1..=LEAK_COUNT).contains(count));
    Ok(Leak {
        kind: kind.ok_or_else(|| wrong("kind", "must be cookie, csp, request or storage"))?,
        name: name
            .ok_or_else(|| wrong("name", "must be the name of a host, a cookie, a key or a directive"))?
            .to_owned(),
        category: category.ok_or_else(|| wrong("category", "must be the id of a category"))?.to_owned(),
        count: count.ok_or_else(|| wrong("count", "must be a number from 1 to 1000"))?,
    })
}

/// Letters, digits and what joins them: no path, no query, no address of a person, no text.
fn is_name(name: &str) -> bool {
    let joins = |byte: u8| matches!(byte, b'.' | b'-' | b'_' | b':' | b'*' | b'$' | b'[' | b']' | b'|' | b'~' | b'!');
    (1..=LEAK_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || joins(byte))
}

/// Exactly these keys.
pub(super) fn fields(value: &Value, keys: &[&str], at: &str) -> Result<(), Error> {
    // Not named: nothing the sender wrote is repeated.
    if value.entries().iter().any(|(key, _)| !keys.contains(&key.as_str())) {
        return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown_field", "has a key that is not known").at(at));
    }
    match keys.iter().find(|key| value.at(key).is_none()) {
        Some(key) => {
            let path = format!("{at}.{key}");
            Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "missing", "is required").at(&path))
        }
        None => Ok(()),
    }
}

pub(super) fn invalid(path: &str, why: impl Into<String>) -> Error {
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", why).at(path)
}
