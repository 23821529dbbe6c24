//! What the operator sees of requests: figures, and one line each when asked for (S2).
//!
//! Method, route pattern, status and duration; never an address, an id, a body, a query or a user agent.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use askfirst_core::erasure::Answer;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Code, Shared};
use crate::store::Figures;
use crate::{webhook, witness};

/// Counts since the start of the process.
#[derive(Default)]
pub struct Metrics {
    accepted: AtomicU64,
    repeated: AtomicU64,
    conflicts: AtomicU64,
    counted: AtomicU64,
    erased: AtomicU64,
    restricted: AtomicU64,
    damaged: AtomicU64,
    /// By code. The codes are the program's own words, so the map stays small.
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

macro_rules! count {
    ($($name:ident => $field:ident),+ $(,)?) => {
        $(pub fn $name(&self) { self.$field.fetch_add(1, Relaxed); })+
    };
}

impl Metrics {
    count! {
        accepted => accepted,
        repeated => repeated,
        conflict => conflicts,
        counted => counted,
        damaged => damaged,
    }

    /// What became of a request for erasure.
    pub fn asked_to_erase(&self, answer: Answer) {
        let count = if answer == Answer::Erased { &self.erased } else { &self.restricted };
        count.fetch_add(1, Relaxed);
    }

    fn refused(&self, code: &'static str) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    /// The Prometheus text format.
    pub fn text(&self, store: &Figures, webhooks: &webhook::Figures, witnesses: &[Arc<witness::Figures>]) -> String {
        let mut out = String::new();
        let mut counter = |name: &str, help: &str, value: u64| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
        };
        let of = |value: &AtomicU64| value.load(Relaxed);
        counter("askfirst_records_accepted_total", "Records stored.", of(&self.accepted));
        counter("askfirst_records_repeated_total", "Records that were stored already.", of(&self.repeated));
        counter("askfirst_records_conflict_total", "Other bodies under a stored id.", of(&self.conflicts));
        counter("askfirst_records_erased_total", "Records erased by their holders.", of(&self.erased));
        counter("askfirst_records_restricted_total", "Requests for erasure that restricted.", of(&self.restricted));
        counter("askfirst_records_damaged_total", "Records read that were not what they were.", of(&self.damaged));
        counter("askfirst_refusals_counted_total", "Refusals counted without an identifier.", of(&self.counted));
        counter("askfirst_commits_total", "Commits to the disk.", of(&store.commits));
        counter(
            "askfirst_commits_failed_total",
            "Commits that failed; nothing of them is stored.",
            of(&store.failed_commits),
        );
        counter(
            "askfirst_clock_went_back_total",
            "Commits at which the clock was behind the last record.",
            of(&store.clock_went_back),
        );
        counter("askfirst_webhooks_delivered_total", "Messages that an endpoint took.", of(&webhooks.delivered));
        counter("askfirst_webhooks_failed_total", "Attempts that failed.", of(&webhooks.failed));
        counter("askfirst_webhooks_given_up_total", "Messages that no endpoint took in time.", of(&webhooks.given_up));
        let queued = of(&store.queued);
        let _ = writeln!(
            out,
            "# HELP askfirst_queue_length Writes that wait.\n# TYPE askfirst_queue_length gauge\naskfirst_queue_length {queued}"
        );
        let _ = writeln!(
            out,
            "# HELP askfirst_refused_total Requests refused, by code.\n# TYPE askfirst_refused_total counter"
        );
        for (code, value) in self.refused.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(out, "askfirst_refused_total{{code=\"{code}\"}} {value}");
        }
        of_witnesses(witnesses, &mut out);
        out
    }
}

/// A name of a witness has no space and no control character; what else a label can't have is escaped.
fn of_witnesses(witnesses: &[Arc<witness::Figures>], out: &mut String) {
    type Value = fn(&witness::Figures) -> u64;
    let families: [(&str, &str, &str, Value); 4] = [
        ("cosigned_total", "counter", "Checkpoints that a witness has cosigned.", |of| of.cosigned.load(Relaxed)),
        ("failed_total", "counter", "Submissions that a witness has not cosigned.", |of| of.failed.load(Relaxed)),
        ("contradicted_total", "counter", "Times that a witness said that a log contradicts itself.", |of| {
            of.contradicted.load(Relaxed)
        }),
        ("silent", "gauge", "1 when a witness has cosigned nothing for half a minute.", |of| {
            u64::from(of.silent.load(Relaxed))
        }),
    ];
    for (name, kind, help, value) in families.into_iter().filter(|_| !witnesses.is_empty()) {
        let _ = writeln!(out, "# HELP askfirst_witness_{name} {help}\n# TYPE askfirst_witness_{name} {kind}");
        for witness in witnesses {
            let label = witness.name.replace('\\', "\\\\").replace('"', "\\\"");
            let _ = writeln!(out, "askfirst_witness_{name}{{witness=\"{label}\"}} {}", value(witness));
        }
    }
}

/// Counts refusals, writes the line, and adds the header that every answer has.
pub async fn layer(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let line = tracing::enabled!(tracing::Level::DEBUG).then(|| {
        let route = request.extensions().get::<MatchedPath>().cloned();
        (request.method().clone(), route, Instant::now())
    });
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let status = response.status();
    let code = response.extensions().get::<Code>().map(|code| code.0);
    if let Some(code) = code {
        app.metrics.refused(code);
    }
    if let Some((method, route, start)) = line {
        let route = route.as_ref().map_or("-", MatchedPath::as_str);
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(%method, route, status = status.as_u16(), code, micros, "request");
    }
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!("a request ended in an error of the server");
    }
    response
}
