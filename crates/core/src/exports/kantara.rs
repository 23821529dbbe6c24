//! The Consent Receipt Specification 1.1.0 of the Kantara Initiative. It knows consents only: a purpose that was refused is
//! not in it, and a record that grants nothing has no such receipt.

use super::dpv::absolute;
use super::{Source, acted, text};
use crate::json::{Value, map};
use crate::time;
use alloc::string::String;
use alloc::vec::Vec;

/// What the specification asks for and no configuration declares.
const UNDECLARED: &str = "not declared";

/// The receipt; nothing when the record grants nothing.
pub fn kantara(source: Source<'_>) -> Option<Value> {
    let (record, notice) = (source.record, source.notice);
    let purposes: Vec<Value> = record
        .decisions
        .iter()
        .filter_map(|decision| {
            let services = source.services(&decision.purpose, decision.granted, true);
            (decision.granted || !services.is_empty()).then(|| purpose(&source, &decision.purpose, &services))
        })
        .collect();
    if purposes.is_empty() {
        return None;
    }
    let service = map([("service", record.site.as_str().into()), ("purposes", purposes.into())]);
    Some(map([
        ("version", "KI-CR-v1.1.0".into()),
        ("jurisdiction", record.jurisdiction.as_deref().unwrap_or("EU").into()),
        ("consentTimestamp", (source.received_at / 1000).into()),
        ("collectionMethod", acted(record).into()),
        ("consentReceiptID", record.record_id.as_str().into()),
        ("language", record.notice.lang.as_str().into()),
        ("piiPrincipalId", record.subject.as_str().into()),
        ("piiControllers", controllers(notice)),
        ("policyUrl", absolute(&record.site, text(notice, "policy")).into()),
        ("services", Value::List([service].into())),
        // Special categories need explicit consent, which the product does not ask for (L22).
        ("sensitive", false.into()),
        ("spiCat", Value::List(Vec::new())),
    ]))
}

fn controllers(notice: &Value) -> Value {
    let one = |controller: &Value| {
        let contact = text(controller, "contact");
        let mail = if contact.contains('@') { contact } else { UNDECLARED };
        let address = controller.get("address").text().unwrap_or(UNDECLARED);
        map([
            ("piiController", text(controller, "name").into()),
            ("contact", contact.into()),
            ("address", map([("streetAddress", address.into())])),
            ("email", mail.into()),
            ("phone", UNDECLARED.into()),
        ])
    };
    Value::List(notice.get("controllers").items().iter().map(one).collect())
}

fn purpose(source: &Source<'_>, id: &str, services: &[&Value]) -> Value {
    let words = source.purpose(id).get("text").text().map_or_else(|| source.title(id), String::from);
    let mut names: Vec<&str> = Vec::new();
    for service in services {
        let name = text(service, "provider");
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let category = match id {
        "analytical" => "Improve Performance",
        "marketing" => "Marketing",
        "preferences" => "Personalized Experience",
        own => own,
    };
    let until = time::instant(source.record.event.valid_until);
    let mut out = map([
        ("purpose", words.into()),
        ("purposeCategory", Value::List([category.into()].into())),
        ("consentType", "EXPLICIT".into()),
        ("piiCategory", Value::List(["Network/Service".into(), "Behavioral".into()].into())),
        ("primaryPurpose", false.into()),
        ("termination", until.into()),
        ("thirdPartyDisclosure", (!names.is_empty()).into()),
    ]);
    if !names.is_empty() {
        out.set("thirdPartyName", names.join(", ").into());
    }
    out
}
