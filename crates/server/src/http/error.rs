//! The answer when something is refused: `{code, message, path}`.
//!
//! Nothing the sender wrote is repeated. The statuses are those that `askfirst_core::outbox` acts on: 400, 413, 415 and
//! 422 will never be accepted; 409 is settled; after any other the browser keeps what it has and comes again.

use askfirst_core::json::map;
use askfirst_core::record::Rejection;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::store::StoreError;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub status: StatusCode,
    /// Stable, for programs.
    pub code: &'static str,
    /// One sentence, for people.
    pub message: String,
    /// JSON path into what was sent; `$` where it is not about one place.
    pub path: String,
    /// Seconds after which it makes sense to come again.
    pub retry_after: Option<u64>,
}

/// The code of a refusal, left on the response for the figures.
#[derive(Clone, Copy)]
pub struct Code(pub &'static str);

impl Error {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), path: "$".to_owned(), retry_after: None }
    }

    pub fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same for what is not there and for what the sender may not know is there (S4).
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here, or not for you")
    }

    pub fn notice_unknown() -> Self {
        let message = "the notice is not registered here; keep the record and send it again later";
        Self::new(StatusCode::FAILED_DEPENDENCY, "notice_unknown", message).at("$.notice.digest").retry_after(300)
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        let status = match rejection.code {
            "json" => StatusCode::BAD_REQUEST,
            "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, rejection.code, rejection.message).at(&rejection.path)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        match error {
            StoreError::Busy => Self::new(unavailable, "busy", "too much is waiting to be written").retry_after(1),
            StoreError::Full => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", "the disk is full").retry_after(60)
            }
            StoreError::Frozen => {
                let message = "something stored here is not what it was; nothing is added until that is cleared up";
                Self::new(unavailable, "frozen", message).retry_after(300)
            }
            StoreError::Unavailable => {
                Self::new(unavailable, "store", "the store can't be used at the moment").retry_after(10)
            }
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let body = map([
            ("code", self.code.into()),
            ("message", self.message.as_str().into()),
            ("path", self.path.as_str().into()),
        ]);
        let mut response = Response::new(Body::from(body.canonical()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Code(self.code));
        response
    }
}
