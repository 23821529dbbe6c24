//! What can't be true together: a record, the notice it names, what the server noted with it, and the log it stands in.
//! Whoever holds the log's key can sign anything; that it says the same everywhere is looked at here.

use crate::json::Value;
use crate::log::{Challenge, Envelope, clock_between};
use crate::record::Record;
use alloc::format;
use alloc::string::String;

/// What can't be true of a record and the notice it names.
pub fn disagreement(record: &Record, notice: &Value) -> Option<String> {
    for (key, said) in [("lang", &record.notice.lang), ("version", &record.notice.version)] {
        if notice.get(key).text() != Some(said) {
            return Some(format!("The record and its notice disagree on {key}."));
        }
    }
    let purposes = notice.get("purposes").items();
    let has = |values: &[Value], id: &str| values.iter().any(|value| value.get("id").text() == Some(id));
    if let Some(unknown) = record.decisions.iter().find(|decision| !has(purposes, &decision.purpose)) {
        return Some(format!("The record decides about “{}”, which its notice does not name.", unknown.purpose));
    }
    let offered = |id: &str| purposes.iter().any(|purpose| has(purpose.get("services").items(), id));
    let (unknown, _) = record.vendors.iter().find(|(id, _)| !offered(id))?;
    Some(format!("The record decides about the service “{unknown}”, which its notice does not name."))
}

/// What can't be true of a record and what the server noted with it. The envelope has whole seconds, the server compared
/// finer ones, so either end of that second will do.
pub(super) fn contradiction(record: &Record, envelope: &Envelope) -> Option<&'static str> {
    let second = [envelope.received_at, envelope.received_at.saturating_add(999)];
    if second.iter().all(|received_at| clock_between(record.event.at, *received_at) != envelope.clock) {
        return Some("What the server noted of the browser's clock is not what the two times say.");
    }
    match Challenge::said(envelope) {
        Some((state, Some(at)))
            if [-999, 0, 999]
                .iter()
                .all(|finer| Challenge::Issued(at).state(envelope.received_at.saturating_add(*finer)) != state) =>
        {
            Some("What the server noted of its challenge is not what the two times say.")
        }
        _ => None,
    }
}
