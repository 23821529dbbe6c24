//! The JSON Schema for editors says the same as the reader.

use super::*;
use crate::settings::keys::{
    AUDIT, CATEGORY, CONTROLLER, DIALECTS, Field, ITEM, KINDS, READY, RECORDS, REFUSALS, REFUSALS_AS, REQUIRE_ACK,
    REQUIRE_ACK_AS, ROOT, SERVICE, SIGNAL, SIGNALS, Shape,
};
use serde_json::Value as Json;

fn schema() -> Json {
    serde_json::from_str(&fs::read_to_string(www("askfirst.schema.json")).unwrap()).unwrap()
}

fn names(value: &Json) -> Vec<String> {
    let mut names: Vec<String> = match value {
        Json::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_string()).collect(),
        Json::Object(entries) => entries.keys().cloned().collect(),
        Json::Null => Vec::new(),
        other => panic!("{other}"),
    };
    names.sort();
    names
}

fn sorted<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().map(ToString::to_string).collect();
    names.sort();
    names
}

/// The pointer of every object in the schema and the table it must equal.
fn tables() -> Vec<(&'static str, &'static [Field])> {
    [
        ("", ROOT),
        ("/properties/controller", CONTROLLER),
        ("/$defs/category", CATEGORY),
        ("/$defs/service", SERVICE),
        ("/$defs/service/properties/signals", SIGNALS),
        ("/$defs/item", ITEM),
        ("/properties/dialects", DIALECTS),
        ("/properties/records", RECORDS),
    ]
    .into()
}

#[test]
fn keys_and_required_keys_are_the_readers() {
    let schema = schema();
    for (pointer, table) in tables() {
        let object = schema.pointer(pointer).unwrap();
        assert_eq!(names(&object["properties"]), sorted(table.iter().map(|field| field.key)), "{pointer}");
        let required = table.iter().filter(|field| field.required.is_some()).map(|field| field.key);
        assert_eq!(names(&object["required"]), sorted(required), "{pointer}");
        assert_eq!(object["additionalProperties"], Json::Bool(false), "{pointer}");
        for field in table {
            let property = &object["properties"][field.key];
            assert!(
                property["description"].as_str().is_some_and(|text| text.len() > 20),
                "{pointer} {} explains itself",
                field.key
            );
            if let Shape::OneOf(allowed) = field.shape {
                let mut listed = property["enum"].clone();
                if allowed == AUDIT {
                    assert_eq!(listed.as_array_mut().unwrap().remove(0), Json::Bool(true));
                }
                assert_eq!(names(&listed), sorted(allowed.split(' ')), "{pointer} {}", field.key);
            }
        }
    }
}

#[test]
fn enums_are_those_of_the_code() {
    assert_eq!(KINDS.split(' ').collect::<Vec<_>>(), Kind::ALL.map(Kind::name));
    assert_eq!(REFUSALS.split(' ').count(), REFUSALS_AS.len());
    for (name, refusals) in REFUSALS.split(' ').zip(REFUSALS_AS) {
        let settings = read(&with(FULL, "records/refusals", &Value::from(name).canonical())).0.unwrap();
        assert_eq!(settings.records.unwrap().refusals, refusals);
        // The names are the variants', so that one look at the type tells what may be written.
        assert_eq!(std::format!("{refusals:?}").to_lowercase(), name);
    }
    assert_eq!(REQUIRE_ACK.split(' ').count(), REQUIRE_ACK_AS.len());
    for (name, required) in REQUIRE_ACK.split(' ').zip(REQUIRE_ACK_AS) {
        let settings = read(&with(FULL, "records/require_ack", &Value::from(name).canonical())).0.unwrap();
        assert_eq!(settings.records.unwrap().require_ack, required);
        assert_eq!(std::format!("{required:?}").to_lowercase(), name);
    }
    assert_eq!(SIGNAL, "honour ignore");
    let schema = schema();
    let category = schema.pointer("/properties/categories").unwrap();
    let mut known: Vec<&str> = CATEGORY_ALIASES.iter().map(|(id, _)| *id).collect();
    known.push("preferences");
    assert_eq!(names(&category["properties"]), sorted(known));
    let ready = schema.pointer("/$defs/serviceId/anyOf/0/enum").unwrap();
    assert_eq!(names(ready), sorted(READY_MADE.iter().copied()));
    let purposes = crate::texts::KEYS.iter().copied().filter(|key| key.starts_with("purpose."));
    assert_eq!(names(schema.pointer("/$defs/purpose/anyOf/0/enum").unwrap()), sorted(purposes));
    let texts = schema.pointer("/$defs/texts/properties").unwrap();
    assert_eq!(names(texts), sorted(crate::texts::KEYS.iter().copied()));
    assert_eq!(names(schema.pointer("/properties/texts/properties").unwrap()), sorted(crate::wire::LOCALES.split(' ')));
}

#[test]
fn ready_made_services_have_the_keys_of_a_service_and_two_more() {
    for id in READY_MADE {
        for (key, _) in ready_made(id).entries() {
            assert!(SERVICE.iter().chain(READY).any(|field| field.key == key), "{id}: {key}");
        }
    }
}
