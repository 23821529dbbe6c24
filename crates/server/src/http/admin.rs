//! `/admin/v1/…`: for the people who run the server, on a listener of its own (S7). Every route names the role that it
//! takes, and every read or change of a record is in the access log before it is answered.

use std::sync::Arc;

use askfirst_core::digest::is_uuid;
use askfirst_core::json::{self, Value, map};
use askfirst_core::time::{self, DAY};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{any, get, put};
use subtle::ConstantTimeEq;

use super::holder::bearer;
use super::openapi::Listener;
use super::records::answer;
use super::{App, Error, Shared, body, notices, observe, openapi, status};
use crate::operations::access::{self, Access};
use crate::operations::leaks::{self, Sum};
use crate::operations::tokens::{self, Holder, Role};
use crate::operations::{KEEP, Operations, queue};
use crate::store::StoreError;

/// The header that says why a record is looked at or changed.
const REASON: &str = "askfirst-reason";
/// Longest reason.
const REASON_LIMIT: usize = 200;
/// Longest body of a request here, but for notices.
const BODY_LIMIT: usize = 1024;

/// The routes of the admin listener: these and what only the operator's own tools ask for.
pub fn router(app: Shared) -> Router {
    let document = openapi::document(Listener::Admin, true).canonical();
    Router::new()
        .route("/healthz", get(status::health))
        .route("/livez", get(status::alive))
        .route("/readyz", get(status::health))
        .route("/metrics", get(status::metrics))
        .route("/admin/openapi.json", get(move || openapi::read(document)))
        .route("/admin/v1/records/{id}", get(read).delete(erase))
        .route("/admin/v1/records/{id}/hold", put(hold))
        .route("/admin/v1/notices/{digest}", put(notices::register))
        .route("/admin/v1/leaks", get(leaked))
        .route("/admin/v1/access", get(accessed))
        .route("/admin/v1/webhooks", get(webhooks))
        .fallback(any(super::nothing))
        .method_not_allowed_fallback(super::not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), observe::layer))
        .with_state(app)
}

/// Answers what is stored under an id, on every site: record, receipt, notice, verdict. One that is restricted is answered
/// with `?purpose=claim` alone, which the access log says (GDPR Art. 18(2)).
async fn read(
    State(app): State<Shared>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let who = require(&app, &headers, &[Role::Auditor]).await?;
    let id = record_id(id)?;
    let for_claim = uri.query().unwrap_or("").split('&').any(|pair| pair == "purpose=claim");
    note(&app, who, if for_claim { "claim" } else { "read" }, &id, reason(&headers)?).await?;
    let mut found = Vec::new();
    for (seq, _) in app.store.holders(&id).await? {
        let Some(evidence) = app.store.evidence(seq).await? else { continue };
        if !for_claim && let Err(why) = evidence.require_unrestricted() {
            return Err(Error::new(StatusCode::FORBIDDEN, "restricted", [&why, " Ask with ?purpose=claim."].concat()));
        }
        found.push(evidence.to_value(app.store.now()));
    }
    if found.is_empty() {
        return Err(Error::not_found());
    }
    Ok(answer(StatusCode::OK, &map([("records", Value::List(found))])))
}

/// Erases or restricts the records of an id, for a person who has asked the owner (GDPR Art. 17). Says for each what became
/// of it.
async fn erase(State(app): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Result<Response, Error> {
    let who = require(&app, &headers, &[Role::Operator]).await?;
    let id = record_id(id)?;
    note(&app, who, "erase", &id, reason(&headers)?).await?;
    let holders = app.store.holders(&id).await?;
    if holders.is_empty() {
        return Err(Error::not_found());
    }
    let mut answers = Vec::new();
    for (seq, _) in holders {
        let done = app.erasure.carry_out(&app.store, seq, "operator").await?;
        app.metrics.asked_to_erase(done);
        answers.push(done.to_value(&id));
    }
    Ok(answer(StatusCode::OK, &map([("records", Value::List(answers))])))
}

/// Keeps the records of an id for a legal claim, or no longer (GDPR Art. 17(3)(e)).
async fn hold(State(app): State<Shared>, Path(id): Path<String>, request: Request) -> Result<Response, Error> {
    let (parts, payload) = request.into_parts();
    let who = require(&app, &parts.headers, &[Role::Operator]).await?;
    let id = record_id(id)?;
    let reason = reason(&parts.headers)?;
    let held = held(&app, &parts, payload).await?;
    note(&app, who, if held { "hold" } else { "release" }, &id, reason).await?;
    if app.store.hold(&id, held).await? == 0 {
        return Err(Error::not_found());
    }
    Ok(answer(StatusCode::OK, &map([("held", held.into())])))
}

async fn held(app: &App, parts: &Parts, payload: axum::body::Body) -> Result<bool, Error> {
    body::require_json(&parts.headers)?;
    let text = body::text(&parts.headers, payload, BODY_LIMIT, app.body_timeout).await?;
    let value =
        json::parse(&text).map_err(|error| Error::new(StatusCode::BAD_REQUEST, "json", error.kind.message()))?;
    let held = value.get("held").bool().filter(|_| value.entries().len() == 1);
    held.ok_or_else(|| Error::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "send {\"held\": true} or false"))
}

/// The sums of leaks that are kept.
async fn leaked(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, Error> {
    require(&app, &headers, &[Role::Auditor, Role::Operator]).await?;
    let since = app.store.now() - KEEP;
    let sums = operations(&app)?.with(move |connection| leaks::sums(connection, since)).await?;
    let sums = sums.iter().map(Sum::to_value).collect();
    Ok(answer(StatusCode::OK, &map([("leaks", Value::List(sums))])))
}

/// Who has read or changed which record in the last 30 days.
async fn accessed(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, Error> {
    require(&app, &headers, &[Role::Auditor]).await?;
    let since = app.store.now() - 30 * DAY;
    let list = operations(&app)?.with(move |connection| access::list(connection, since)).await?;
    let list = list.iter().map(Access::to_value).collect();
    Ok(answer(StatusCode::OK, &map([("access", Value::List(list))])))
}

/// How the queue of each webhook stands. An address is shown without its query, which may hold a secret.
async fn webhooks(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, Error> {
    require(&app, &headers, &[Role::Auditor, Role::Operator]).await?;
    let states = operations(&app)?.with(queue::states).await?;
    let each = states.into_iter().map(|(endpoint, state)| {
        map([
            ("endpoint", endpoint.split(['?', '#']).next().unwrap_or_default().into()),
            ("waiting", i64::try_from(state.waiting).unwrap_or(i64::MAX).into()),
            ("given_up", i64::try_from(state.given_up).unwrap_or(i64::MAX).into()),
            ("oldest", state.oldest.map(time::instant).into()),
            ("outcome", state.outcome.into()),
        ])
    });
    Ok(answer(StatusCode::OK, &map([("webhooks", Value::List(each.collect()))])))
}

/// Who asks, when they have one of the roles. An unknown token and a missing one get the same answer.
pub async fn require(app: &App, headers: &HeaderMap, roles: &[Role]) -> Result<Holder, Error> {
    let token = bearer(headers).unwrap_or_default().to_owned();
    let unauthorized =
        || Error::new(StatusCode::UNAUTHORIZED, "unauthorized", "this takes a token of `askfirst token create`");
    let holder = match is_admin_token(app, &token) {
        true => Some(Holder { name: "admin token".to_owned(), role: Role::Operator }),
        false => match &app.operations {
            Some(operations) => {
                let now = app.store.now();
                operations.with(move |connection| tokens::check(connection, &token, now)).await?
            }
            None => None,
        },
    };
    let holder = holder.ok_or_else(unauthorized)?;
    match roles.contains(&holder.role) {
        true => Ok(holder),
        false => Err(Error::new(StatusCode::FORBIDDEN, "role", "the token has another role than this takes")),
    }
}

fn is_admin_token(app: &App, token: &str) -> bool {
    let presented = askfirst_core::digest::sha256(token.as_bytes());
    app.admin.is_some_and(|admin| presented.ct_eq(&admin).into())
}

fn record_id(id: String) -> Result<String, Error> {
    if is_uuid(&id) { Ok(id) } else { Err(Error::not_found()) }
}

fn reason(headers: &HeaderMap) -> Result<String, Error> {
    let said = headers.get(REASON).and_then(|reason| reason.to_str().ok()).map(str::trim);
    let said = said.filter(|said| !said.is_empty() && said.len() <= REASON_LIMIT);
    said.map(str::to_owned).ok_or_else(|| {
        let message = "say why in the header `Askfirst-Reason`, in at most 200 characters; it is kept with your name";
        Error::new(StatusCode::BAD_REQUEST, "reason", message)
    })
}

/// Who has registered what visitors can be shown. A server without operational data has no tokens of persons either.
///
/// # Errors
/// It can't be noted, so it is not done.
pub async fn note_notice(app: &App, who: Holder, digest: &str) -> Result<(), Error> {
    let Some(operations) = app.operations.as_deref() else { return Ok(()) };
    let (action, reason) = ("notice".to_owned(), digest.to_owned());
    let access = Access { at: app.store.now(), who: who.name, action, record_id: None, reason };
    Ok(operations.with(move |connection| access::add(connection, &access)).await?)
}

/// Fails closed: what can't be noted is not done.
async fn note(app: &App, who: Holder, action: &str, record_id: &str, reason: String) -> Result<(), Error> {
    let access = Access {
        at: app.store.now(),
        who: who.name,
        action: action.to_owned(),
        record_id: Some(record_id.to_owned()),
        reason,
    };
    Ok(operations(app)?.with(move |connection| access::add(connection, &access)).await?)
}

fn operations(app: &App) -> Result<&Operations, Error> {
    app.operations.as_deref().ok_or_else(|| StoreError::Unavailable.into())
}
