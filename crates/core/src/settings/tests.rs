//! What the reader of the configuration accepts, and what it says otherwise.

mod accepts;
mod interface;
mod properties;
mod ready_made;
mod reports;
mod rules;
mod schema;
mod services;
mod signals;

use super::*;
use crate::json;
use crate::texts::Texts;
use std::fs;
use std::path::PathBuf;
use std::string::{String, ToString};
use std::vec::Vec;

/// The example of the README.
const EXAMPLE: &str = r#"{ "$schema": "/askfirst/askfirst.schema.json", "version": "2026-11-22",
  "controller": { "name": "Example B.V.", "contact": "privacy@example.com", "policy": "/privacy" },
  "categories": { "functional": {}, "analytical": { "services": ["plausible"] }, "marketing": { "services": ["youtube"] } },
  "records": { "endpoint": "/askfirst/v1/records" } }"#;

/// A configuration that uses every key.
const FULL: &str = r##"{
  "$schema": "/askfirst/askfirst.schema.json",
  "version": "2026-11-22", "site": "https://www.example.nl:8443", "jurisdiction": "NL",
  "controller": { "name": "Example B.V.", "contact": "privacy@example.com", "policy": "/privacy",
    "imprint": "/imprint", "address": "Dam 1, Amsterdam", "dpo": "dpo@example.com", "authority": "Autoriteit Persoonsgegevens" },
  "categories": {
    "functional": { "services": ["basket"] },
    "analytical": { "title": "Statistics", "text": "We count visits to see which pages are read.", "services": ["counter"] },
    "video": { "title": { "en": "Video", "nl": "Video's" },
      "text": { "en": "Plays films that are stored elsewhere.", "nl": "Speelt films af die elders staan." }, "services": ["films"] } },
  "services": {
    "basket": { "name": "Basket", "provider": "Example B.V.", "purpose": "Remembers what you put in the basket." },
    "counter": { "name": "Counter", "provider": "Counter GmbH", "purpose": "purpose.statistics", "countries": ["DE", "US"],
      "safeguard": "SCC", "policy": "https://counter.example/privacy",
      "items": [ { "name": "_c*", "kind": "cookie", "duration": "P13M", "thirdParty": false, "purpose": "Tells visitors apart." } ],
      "hosts": ["cdn.counter.example", "*.counter.example"],
      "signals": { "update": [["_cq.push", ["consent", { "stats": "$analytical", "films": "$video:yes:no" }]]],
        "grant": [["counter.allow"]], "revoke": [["counter.stop", true, 1]] } },
    "films": { "name": "Films", "provider": "Films SA", "purpose": { "en": "Plays films.", "nl": "Speelt films af." },
      "items": [ { "name": "volume", "kind": "localStorage", "duration": "persistent", "thirdParty": true } ] } },
  "records": { "endpoint": "https://consent.example.nl/askfirst/v1/records", "refusals": "pseudonymous" },
  "validity": "P12M", "locale": "nl",
  "texts": { "nl": { "banner.title": "Mogen wij?" } },
  "dnt": "honour", "gpc": "honour", "audit": "sampled", "dialects": { "klaro": { "matomo": "analytical" } }, "reopen": "a.cookie-settings",
  "layout": "box-top-end", "quiet": ["/imprint", "/privacy/*"] }"##;

fn www(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../www").join(path)
}

fn ready_made(id: &str) -> Value {
    let text = fs::read_to_string(www("services").join([id, ".json"].concat())).unwrap();
    json::parse(&text).unwrap()
}

/// The words that a page in English starts with.
fn words() -> Texts {
    Texts::parse("en", &fs::read_to_string(www("locales/en.json")).unwrap()).unwrap().first_layer()
}

fn catalogue(text: &str) -> Vec<(String, Value)> {
    let wanted = wanted_services(text).into_iter().filter(|id| READY_MADE.contains(&id.as_str()));
    wanted.map(|id| (id.clone(), ready_made(&id))).collect()
}

/// As the command line and the server do it: with the ready-made services that the text asks for.
fn read(text: &str) -> (Option<Settings>, Vec<Problem>) {
    parse(text, &catalogue(text))
}

/// As the page does it.
fn read_terse(text: &str) -> Option<Settings> {
    parse_terse(text, &catalogue(text), &words()).0
}

/// A configuration with the value at `path` (`categories.marketing.text`) replaced, added, or removed (`""`).
fn with(text: &str, path: &str, new: &str) -> String {
    fn set(value: &mut Value, path: &[&str], new: Option<Value>) {
        let Value::Map(entries) = value else { panic!("no object at {path:?}") };
        match (path, new) {
            ([key], Some(new)) => match entries.iter_mut().find(|(k, _)| k == key) {
                Some(entry) => entry.1 = new,
                None => entries.push(((*key).to_string(), new)),
            },
            ([key], None) => entries.retain(|(k, _)| k != key),
            ([key, rest @ ..], new) => {
                if !entries.iter().any(|(k, _)| k == key) {
                    entries.push(((*key).to_string(), Value::Map(Vec::new())));
                }
                set(&mut entries.iter_mut().find(|(k, _)| k == key).unwrap().1, rest, new);
            }
            ([], _) => panic!("empty path"),
        }
    }
    let mut value = json::parse(text).unwrap();
    let path: Vec<&str> = path.split('/').collect();
    set(&mut value, &path, (!new.is_empty()).then(|| json::parse(new).unwrap()));
    write(&value)
}

/// JSON text with the keys in their order; [`Value::canonical`] would sort them.
fn write(value: &Value) -> String {
    match value {
        Value::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(k, v)| [&Value::from(k.as_str()).canonical(), ":", &write(v)].concat()).collect();
            ["{", &entries.join(","), "}"].concat()
        }
        Value::List(items) => ["[", &items.iter().map(write).collect::<Vec<_>>().join(","), "]"].concat(),
        other => other.canonical(),
    }
}

fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(Problem::line).collect()
}
