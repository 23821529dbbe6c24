//! The server's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use askfirst_core::time::Millis;

/// Now, in milliseconds since 1970.
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}
