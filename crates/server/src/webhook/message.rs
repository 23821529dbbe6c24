//! What an endpoint is told about a record: which, of which subject, what was answered, when. Nothing that the record
//! has besides: no notice, no language, no browser, no law profile (GDPR 5(1)(c), 19).

use askfirst_core::digest::{base64url, sha256};
use askfirst_core::json::{Value, map};
use askfirst_core::record::{Record, State};
use askfirst_core::time::{self, Millis};

use crate::operations::queue::Message;

/// What was taken back by a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenBack {
    pub categories: Vec<String>,
    pub services: Vec<String>,
}

impl TakenBack {
    /// Compares a record with the one before it. Where that is not known any more, everything refused counts: who is told
    /// once too often loses nothing, who is not told goes on.
    pub fn between(before: Option<&Record>, now: &Record) -> Self {
        if matches!(now.event.state, State::Given | State::Refused) {
            return Self::default();
        }
        let refused = |purpose: &str| now.decisions.iter().any(|said| said.purpose == purpose && !said.granted);
        let granted = |record: &Record, purpose: &str| {
            record.decisions.iter().any(|said| said.purpose == purpose && said.granted)
        };
        let categories = now
            .decisions
            .iter()
            .filter(|said| !said.granted && before.is_none_or(|before| granted(before, &said.purpose)))
            .map(|said| said.purpose.clone())
            .collect();
        let said = |record: &Record, service: &str| {
            record.vendors.iter().find(|(id, _)| id == service).map(|(_, granted)| *granted)
        };
        let mut services: Vec<String> = now
            .vendors
            .iter()
            .filter(|(id, granted)| !granted && before.is_none_or(|before| said(before, id) != Some(false)))
            .map(|(id, _)| id.clone())
            .collect();
        // A service that was allowed by itself goes with the answer about its category.
        let some_refused = now.decisions.iter().any(|said| refused(&said.purpose));
        for (id, granted) in before.map_or(&[][..], |before| &before.vendors) {
            if *granted && some_refused && said(now, id).is_none() {
                services.push(id.clone());
            }
        }
        services.sort();
        Self { categories, services }
    }

    /// Whether anything was.
    pub fn any(&self) -> bool {
        !self.categories.is_empty() || !self.services.is_empty()
    }
}

/// What kind of news a record is: a withdrawal of a part is one too (G6).
pub fn kind(record: &Record, taken_back: &TakenBack) -> State {
    if taken_back.any() { State::Withdrawn } else { record.event.state }
}

/// The message about a record.
pub fn message(record: &Record, kind: State, taken_back: &TakenBack, received_at: Millis) -> Message {
    let texts = |texts: Vec<&String>| Value::List(texts.into_iter().map(|text| text.as_str().into()).collect());
    let answered = |granted: bool| {
        texts(record.decisions.iter().filter(|said| said.granted == granted).map(|said| &said.purpose).collect())
    };
    let alone =
        |granted: bool| texts(record.vendors.iter().filter(|(_, said)| *said == granted).map(|(id, _)| id).collect());
    let body = map([
        ("type", format!("consent.{}", kind.name()).as_str().into()),
        ("timestamp", time::instant(received_at).as_str().into()),
        (
            "data",
            map([
                ("record_id", record.record_id.as_str().into()),
                ("previous", record.prev.as_deref().into()),
                ("subject", record.subject.as_str().into()),
                ("site", record.site.as_str().into()),
                ("categories", map([("granted", answered(true)), ("refused", answered(false))])),
                ("services", map([("granted", alone(true)), ("refused", alone(false))])),
                (
                    "withdrawn",
                    map([
                        ("categories", texts(taken_back.categories.iter().collect())),
                        ("services", texts(taken_back.services.iter().collect())),
                    ]),
                ),
            ]),
        ),
    ]);
    // The same for every attempt and every endpoint, and not to be guessed into another site's.
    let name = sha256([record.site.as_str(), "\n", &record.record_id].concat().as_bytes());
    Message { id: format!("msg_{}", base64url(&name[..16])), body: body.canonical() }
}
