//! JSON-LD in the shape that the W3C DPV Community Group gives to ISO/IEC TS 27560:2023 consent records, with the terms of
//! DPV 2 (<https://w3id.org/dpv/guides/consent-27560>). The context stands in the document: nothing has to be fetched.

use super::{Source, acted, text};
use crate::json::{Value, map};
use crate::record::{State, life};
use crate::texts::concat;
use crate::time;
use alloc::string::String;
use alloc::vec::Vec;

/// The prefixes, and the properties whose values are terms rather than texts.
const PREFIXES: &[(&str, &str)] = &[
    ("dct", "http://purl.org/dc/terms/"),
    ("dpv", "https://w3id.org/dpv#"),
    ("eu-gdpr", "https://w3id.org/dpv/legal/eu/gdpr#"),
    ("loc", "https://w3id.org/dpv/loc#"),
    ("pd", "https://w3id.org/dpv/pd#"),
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("schema", "https://schema.org/"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
];
const TERMS: &[&str] = &[
    "dct:conformsTo",
    "dct:isVersionOf",
    "dpv:hasApplicableLaw",
    "dpv:hasDataController",
    "dpv:hasJurisdiction",
    "dpv:hasLegalBasis",
    "dpv:hasLocation",
    "dpv:hasNecessity",
    "dpv:isExercisedAt",
    "dpv:isIndicatedBy",
    "schema:url",
    "skos:broader",
];
const TIMES: &[&str] = &["dct:created", "dpv:isIndicatedAtTime"];

/// Rights of the data subject: the article and its name.
const RIGHTS: [(&str, &str); 5] = [
    ("eu-gdpr:A7-3", "Right to withdraw consent"),
    ("eu-gdpr:A15", "Right of access"),
    ("eu-gdpr:A17", "Right to erasure"),
    ("eu-gdpr:A18", "Right to restriction of processing"),
    ("eu-gdpr:A20", "Right to data portability"),
];

/// The record as a `dpv:ConsentRecord`.
pub fn dpv(source: Source<'_>) -> Value {
    let (record, notice) = (source.record, source.notice);
    let controller = concat(&[&record.site, "/#controller"]);
    let mut out = map([
        ("@context", context()),
        ("@id", uuid(&record.record_id)),
        ("@type", "dpv:ConsentRecord".into()),
        ("dct:conformsTo", "https://w3id.org/dpv/schema/dpv-27560#record".into()),
        ("dct:identifier", record.record_id.as_str().into()),
        ("dct:created", time::instant(source.received_at).into()),
        ("dct:language", record.notice.lang.as_str().into()),
        ("dpv:hasIdentifier", record.record_id.as_str().into()),
        ("dpv:hasDataSubject", subject(&record.subject)),
        ("dpv:hasDataController", controller.as_str().into()),
        ("dpv:hasEntity", entities(&source, &controller)),
        ("dpv:hasJurisdiction", place(record.jurisdiction.as_deref().unwrap_or("EU"))),
        ("dpv:hasApplicableLaw", "eu-gdpr:GDPR".into()),
        ("dpv:hasLegalBasis", "eu-gdpr:A6-1-a".into()),
        ("dpv:hasNotice", shown(&source)),
        ("dpv:hasConsentStatus", status(&source, ended(&source).unwrap_or(state(record.event.state)))),
        ("dpv:hasConsentControl", control(&record.site)),
        ("dpv:hasRight", RIGHTS.map(|right| exercised(right, &record.site)).to_vec().into()),
    ]);
    if let Some(prev) = &record.prev {
        out.set("dct:isVersionOf", uuid(prev));
    }
    if let Some(authority) = notice.get("authority").text() {
        let named = map([("@type", "dpv:Authority".into()), ("dpv:hasName", authority.into())]);
        out.set("dpv:hasAuthority", named);
    }
    let processes: Vec<Value> = record
        .decisions
        .iter()
        .flat_map(|decision| {
            // What the visitor said of a service alone is a process of its own: one purpose, two answers.
            [decision.granted, !decision.granted].map(|answer| {
                let services = source.services(&decision.purpose, decision.granted, answer);
                let own = answer == decision.granted;
                (own || !services.is_empty()).then(|| process(&source, &decision.purpose, answer, &services))
            })
        })
        .flatten()
        .collect();
    out.set("dpv:hasProcess", processes.into());
    out
}

fn context() -> Value {
    let mut context = map([]);
    for (prefix, iri) in PREFIXES {
        context.set(prefix, (*iri).into());
    }
    for term in TERMS {
        context.set(term, map([("@type", "@id".into())]));
    }
    for term in TIMES {
        context.set(term, map([("@type", "xsd:dateTime".into())]));
    }
    context
}

fn uuid(id: &str) -> Value {
    concat(&["urn:uuid:", id]).into()
}

fn place(code: &str) -> Value {
    concat(&["loc:", code]).into()
}

fn subject(id: &str) -> Value {
    map([
        ("@id", concat(&["urn:askfirst:subject:", id]).into()),
        ("@type", "dpv:DataSubject".into()),
        ("dct:identifier", id.into()),
    ])
}

/// The controller, and whoever receives data.
fn entities(source: &Source<'_>, id: &str) -> Value {
    let declared = source.notice.get("controllers").items().first().unwrap_or(&Value::Null);
    let contact = text(declared, "contact");
    let how = if contact.contains('@') { "schema:email" } else { "schema:contactOption" };
    let mut controller = map([
        ("@id", id.into()),
        ("@type", strings(&["dpv:DataController", "dpv:Organisation"])),
        ("dpv:hasIdentifier", id.into()),
        ("dpv:hasName", text(declared, "name").into()),
        ("schema:contactPoint", map([("@type", "schema:ContactPoint".into()), (how, contact.into())])),
    ]);
    if let Some(address) = declared.get("address").text() {
        controller.set("schema:address", address.into());
    }
    if let Some(dpo) = source.notice.get("dpo").text() {
        let officer = map([("@type", "dpv:DataProtectionOfficer".into()), ("dpv:hasName", dpo.into())]);
        controller.set("dpv:hasDataProtectionOfficer", officer);
    }
    Value::List([controller].into())
}

fn shown(source: &Source<'_>) -> Value {
    let notice = &source.record.notice;
    map([
        ("@id", concat(&["urn:askfirst:notice:", &notice.digest]).into()),
        ("@type", "dpv:ConsentNotice".into()),
        ("dct:identifier", notice.digest.as_str().into()),
        ("dct:language", notice.lang.as_str().into()),
        ("schema:version", notice.version.as_str().into()),
        ("schema:url", absolute(&source.record.site, text(source.notice, "policy")).into()),
    ])
}

fn process(source: &Source<'_>, purpose: &str, granted: bool, services: &[&Value]) -> Value {
    let declared = source.purpose(purpose);
    let mut what = map([
        ("@type", "dpv:Purpose".into()),
        ("dct:identifier", purpose.into()),
        ("dct:title", source.title(purpose).into()),
    ]);
    if let Some(broader) = broader(purpose) {
        what.set("skos:broader", broader.into());
    }
    if let Some(words) = declared.get("text").text() {
        what.set("dct:description", words.into());
    }
    let state = match (granted, source.record.event.state) {
        (true, _) if ended(source).is_some() => ended(source).unwrap_or_default(),
        (true, State::Renewed) => "dpv:RenewedConsentGiven",
        (true, _) => "dpv:ConsentGiven",
        (false, State::Withdrawn) => "dpv:ConsentWithdrawn",
        (false, _) => "dpv:ConsentRefused",
    };
    map([
        ("@type", "dpv:Process".into()),
        ("dpv:hasPurpose", what),
        ("dpv:hasNecessity", "dpv:Optional".into()),
        ("dpv:hasPersonalData", personal_data(services)),
        ("dpv:hasRecipient", services.iter().map(|service| recipient(service)).collect::<Vec<_>>().into()),
        ("dpv:hasStorageCondition", services.iter().flat_map(|service| kept(service)).collect::<Vec<_>>().into()),
        ("dpv:hasConsentStatus", status(source, state)),
    ])
}

/// The notice tells what is kept on the device and by whom; that is what is known of the data.
fn personal_data(services: &[&Value]) -> Value {
    let words: Vec<&str> = services.iter().map(|service| text(service, "purpose")).collect();
    let mut data = map([("@type", "dpv:PersonalData".into()), ("skos:broader", "pd:DeviceBased".into())]);
    if !words.is_empty() {
        data.set("dct:description", words.join(" ").into());
    }
    data
}

fn recipient(service: &Value) -> Value {
    let places: Vec<Value> =
        service.get("countries").items().iter().filter_map(|code| code.text().map(place)).collect();
    let mut third = map([
        ("@type", "dpv:ThirdParty".into()),
        ("dct:identifier", text(service, "id").into()),
        ("dpv:hasName", text(service, "provider").into()),
        ("schema:name", text(service, "name").into()),
    ]);
    if !places.is_empty() {
        third.set("dpv:hasLocation", places.into());
    }
    third
}

fn kept(service: &Value) -> Vec<Value> {
    let items = service.get("items").items().iter();
    let one = |item: &Value| {
        map([
            ("@type", "dpv:StorageDuration".into()),
            ("dct:title", text(item, "name").into()),
            ("dpv:hasDuration", map([("@type", "dpv:Duration".into()), ("rdf:value", text(item, "duration").into())])),
        ])
    };
    items.map(one).collect()
}

fn state(state: State) -> &'static str {
    match state {
        State::Given | State::Changed => "dpv:ConsentGiven",
        State::Renewed => "dpv:RenewedConsentGiven",
        State::Refused => "dpv:ConsentRefused",
        State::Withdrawn => "dpv:ConsentWithdrawn",
    }
}

/// The state of a consent that counts no more for itself. One that another record has followed is what it was: that record
/// says what came after it.
fn ended(source: &Source<'_>) -> Option<&'static str> {
    match source.life?.state {
        life::State::Expired => Some("dpv:ConsentExpired"),
        life::State::Invalidated => Some("dpv:ConsentInvalidated"),
        life::State::InForce | life::State::Followed => None,
    }
}

fn status(source: &Source<'_>, state: &str) -> Value {
    let event = &source.record.event;
    let until =
        map([("@type", "dpv:UntilTimeDuration".into()), ("rdf:value", time::instant(event.valid_until).into())]);
    map([
        ("@type", strings(&[state, "dpv:ExpressedConsent"])),
        ("dpv:isIndicatedAtTime", time::instant(event.at).into()),
        ("dpv:isIndicatedBy", "dpv:DataSubject".into()),
        ("dpv:hasIndicationMethod", acted(source.record).into()),
        ("dpv:hasDuration", until),
    ])
}

fn control(site: &str) -> Value {
    let types = strings(&["dpv:ProvideConsent", "dpv:WithdrawConsent"]);
    map([("@type", types), ("dpv:isExercisedAt", site.into())])
}

fn exercised((article, title): (&str, &str), site: &str) -> Value {
    let types = strings(&["dpv:DataSubjectRight", article]);
    map([("@type", types), ("dct:title", title.into()), ("dpv:isExercisedAt", site.into())])
}

/// The DPV's own category of a purpose that has one.
fn broader(purpose: &str) -> Option<&'static str> {
    match purpose {
        "analytical" => Some("dpv:ServiceUsageAnalytics"),
        "marketing" => Some("dpv:Marketing"),
        "preferences" => Some("dpv:ServicePersonalisation"),
        _ => None,
    }
}

fn strings(list: &[&str]) -> Value {
    Value::List(list.iter().map(|text| Value::from(*text)).collect())
}

/// A URL of the site, from one that may be a path on it.
pub(super) fn absolute(site: &str, url: &str) -> String {
    if url.starts_with('/') { concat(&[site, url]) } else { String::from(url) }
}
