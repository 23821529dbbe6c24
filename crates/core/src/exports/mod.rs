//! A record in the forms that others read (R8): JSON-LD with the terms of the Data Privacy Vocabulary, in the shape of
//! ISO/IEC TS 27560, and the consent receipt of the Kantara Initiative. Both are translations for whoever takes a record
//! elsewhere; the record and its notice are what counts.

mod dpv;
mod kantara;

pub use dpv::dpv;
pub use kantara::kantara;

use crate::json::Value;
use crate::record::{Layer, Life, Method, Record};
use crate::time::Millis;
use alloc::string::String;
use alloc::vec::Vec;

/// What is translated: a record with the server's time of receipt (R6) and what was shown.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The record.
    pub record: &'a Record,
    /// The notice that the record names. Without it a translation has ids where it would have words.
    pub notice: &'a Value,
    /// When the server received it.
    pub received_at: Millis,
    /// What has become of it, when that is known.
    pub life: Option<&'a Life>,
}

/// The forms in which a record can be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// What is stored: record, receipt, notice and whether both hold.
    #[default]
    Json,
    /// ISO/IEC TS 27560 in the terms of the DPV.
    Dpv,
    /// Kantara Consent Receipt 1.1.
    Kantara,
    /// The evidence pack.
    Evidence,
}

impl Format {
    /// Every form with its name on the command line and in `?format=`.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Json, "json"), (Self::Dpv, "dpv"), (Self::Kantara, "kantara"), (Self::Evidence, "evidence")];

    /// The form with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(format, _)| *format)
    }
}

impl<'a> Source<'a> {
    /// What the notice declares of a purpose.
    fn purpose(&self, id: &str) -> &'a Value {
        let purposes = self.notice.get("purposes").items();
        purposes.iter().find(|purpose| purpose.get("id").text() == Some(id)).unwrap_or(&Value::Null)
    }

    /// Whether a service may be used: what the visitor said of it, else of its purpose.
    fn allows(&self, purpose: bool, service: &str) -> bool {
        let own = self.record.vendors.iter().find(|(id, _)| id == service);
        own.map_or(purpose, |(_, allowed)| *allowed)
    }

    /// The services of a purpose that may be used, or that were refused.
    fn services(&self, purpose: &str, granted: bool, allowed: bool) -> Vec<&'a Value> {
        let services = self.purpose(purpose).get("services").items().iter();
        services.filter(|service| self.allows(granted, text(service, "id")) == allowed).collect()
    }

    fn title(&self, purpose: &str) -> String {
        String::from(self.purpose(purpose).get("title").text().unwrap_or(purpose))
    }
}

/// How the visitor acted, in a phrase.
fn acted(record: &Record) -> &'static str {
    match (record.event.method, record.event.layer) {
        (Method::Signal, _) => "Signal of the browser (Global Privacy Control)",
        (Method::Api, _) => "Control of the website",
        (_, Layer::First) => "Button on the first layer of the consent banner",
        (_, Layer::Preferences) => "Button in the preferences of the consent banner",
        (_, Layer::Embed) => "Button in the place of embedded content",
        (_, Layer::Page) => "Control of the website that opens or ends consent",
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).text().unwrap_or("")
}
