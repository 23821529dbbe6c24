//! `POST /askfirst/v1/choice`: sets the choice's cookie as the page has it (P3).
//!
//! WebKit deletes what scripts have written when a site was not used for seven days, and keeps what the server has set.
//! The page sends the text of its cookie, for a refusal too, and gets it back as `Set-Cookie`. Nothing is stored, counted
//! or logged; the page reads the cookie, so it is not `HttpOnly`.

use askfirst_core::choice::Stored;
use askfirst_core::time::{DAY, Millis};
use askfirst_core::wire;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::records::within_rate;
use super::{Error, Shared, body, cors};

/// The longest cookie that browsers keep (RFC 6265 §6.1), with its attributes; the page has the same bound.
const COOKIE_LIMIT: usize = 4_000;

/// As long as Chrome keeps a cookie (P4).
const LONGEST: Millis = 400 * DAY;

/// Answers 204 with the cookie.
pub async fn set(State(app): State<Shared>, request: Request) -> Result<Response, Error> {
    let (parts, payload) = request.into_parts();
    within_rate(&app, &parts.extensions, &parts.headers)?;
    let origin = app.origins.of(&parts.headers).filter(|_| is_same_site(&parts.headers)).ok_or_else(cors::refused)?;
    if !app.choice_cookie {
        return Err(Error::not_found());
    }
    body::require_json(&parts.headers)?;
    let text = body::text(&parts.headers, payload, COOKIE_LIMIT, app.body_timeout).await?;
    let cookie = cookie(&text, origin.starts_with("https:"), app.store.now()).ok_or_else(not_a_choice)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_str(&cookie).map_err(|_| not_a_choice())?);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Another site's page can't set our cookie. Browsers from before 2023 don't say where a request comes from; the origin
/// is known by then.
fn is_same_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| matches!(site.as_bytes(), b"same-origin" | b"same-site"))
}

/// The cookie for a choice that reads as the page writes it, and as nothing else: it has no secret, and no place for
/// anything that is not of a choice.
fn cookie(text: &str, secure: bool, now: Millis) -> Option<String> {
    let stored = Stored::decode(text).filter(|stored| stored.encode_mirror() == text)?;
    let until = stored.choice.iter().flat_map(|choice| &choice.decisions).map(|held| held.until).max();
    let age = until.map_or(0, |until| (until - now).clamp(0, LONGEST) / 1000);
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{}={}; Path=/; SameSite=Lax{secure}; Max-Age={age}", wire::KEY, encoded(text));
    (cookie.len() <= COOKIE_LIMIT).then_some(cookie)
}

/// As `encodeURIComponent` does.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn not_a_choice() -> Error {
    let message = "this is not the text of the choice's cookie";
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message)
}
