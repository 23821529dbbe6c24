//! What holds for every text.

use super::*;
use crate::settings::keys::{CATEGORY, CONTROLLER, Field, ITEM, RECORDS, ROOT, SERVICE, SIGNALS};
use proptest::prelude::*;

/// Every object of [`FULL`] with fixed keys: its path as steps, as reported, and its table.
fn objects() -> Vec<(&'static str, &'static str, &'static [Field])> {
    [
        ("", "$", ROOT),
        ("controller", "$.controller", CONTROLLER),
        ("categories/functional", "$.categories.functional", CATEGORY),
        ("categories/video", "$.categories.video", CATEGORY),
        ("services/counter", "$.services.counter", SERVICE),
        ("services/counter/signals", "$.services.counter.signals", SIGNALS),
        ("services/films", "$.services.films", SERVICE),
        ("records", "$.records", RECORDS),
    ]
    .into()
}

fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('/').filter(|step| !step.is_empty()).fold(value, |value, step| value.at(step).unwrap())
}

/// Any JSON value, of the words that occur in configurations, so that more than the first check is reached.
fn any_value() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(
        [
            "version",
            "controller",
            "categories",
            "services",
            "records",
            "texts",
            "items",
            "functional",
            "analytical",
            "plausible",
            "name",
            "P6M",
            "nl",
            "en",
            "$schema",
            "purpose.statistics",
            "https://",
            "/",
            "",
            "é\"]",
            "http://[",
            "a@b",
            "-",
            "P",
            "default",
        ]
        .as_slice(),
    );
    let word = prop_oneof![words.prop_map(ToString::to_string), "\\PC{0,8}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-1000i64..1000).prop_map(Value::Int),
        word.clone().prop_map(Value::Text),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|entries| {
                let mut map: Vec<(String, Value)> = Vec::new();
                for (key, value) in entries {
                    if !map.iter().any(|(known, _)| *known == key) {
                        map.push((key, value));
                    }
                }
                Value::Map(map)
            }),
        ]
    })
}

/// The same value with the keys of every object in another order, except where order has a meaning: categories are
/// shown in theirs, and the first language is the last resort.
fn shuffled(value: &Value, seed: u64, key: &str) -> Value {
    match value {
        // Arguments of calls are kept as they are written.
        Value::Map(_) if key == "signals" => value.clone(),
        Value::Map(entries) => {
            let mut entries: Vec<_> =
                entries.iter().map(|(k, v)| (k.clone(), shuffled(v, seed.rotate_left(7), k))).collect();
            if !matches!(key, "categories" | "title" | "text" | "purpose") {
                entries.sort_by_key(|(k, _)| {
                    crate::digest::fingerprint([k, seed.to_string().as_str()].concat().as_bytes())
                });
            }
            Value::Map(entries)
        }
        Value::List(items) => Value::List(items.iter().map(|item| shuffled(item, seed, "")).collect()),
        other => other.clone(),
    }
}

/// The page's reader and the one with words agree on the verdict, and on where the errors are.
fn agree(text: &str, catalogue: &[(String, Value)]) {
    let (settings, problems) = parse(text, catalogue);
    let (terse, places) = parse_terse(text, catalogue, &words());
    assert_eq!(settings, terse, "{text}");
    let paths = |problems: &[Problem]| -> Vec<String> {
        problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .map(|problem| problem.path.clone())
            .collect()
    };
    assert_eq!(paths(&problems), paths(&places), "{text}");
    assert!(places.iter().all(|place| place.severity == Severity::Error), "no warnings in the page");
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,200}") {
        let (settings, problems) = read(&text);
        prop_assert!(settings.is_some() || !problems.is_empty());
    }

    #[test]
    fn any_json_is_read_without_a_panic(value in any_value()) {
        let text = write(&value);
        agree(&text, &[]);
        let (settings, problems) = read(&text);
        prop_assert_eq!(settings.is_some(), problems.iter().all(|problem| problem.severity == Severity::Warning));
        // As a ready-made service it is foreign, too.
        agree(EXAMPLE, &[("youtube".to_string(), value)]);
    }

    #[test]
    fn any_value_anywhere_is_read_without_a_panic(value in any_value(), object in 0usize..7, key in 0usize..13) {
        let (path, _, table) = objects()[object];
        let field = table[key % table.len()].key;
        let set = [path, if path.is_empty() { "" } else { "/" }, field].concat();
        let text = with(FULL, &set, &write(&value));
        agree(&text, &[]);
        let (settings, problems) = read(&text);
        prop_assert_eq!(settings.is_some(), problems.iter().all(|problem| problem.severity == Severity::Warning));
        for problem in problems {
            prop_assert!(problem.path.starts_with('$') || problem.path.starts_with("services/"), "{}", problem.path);
            prop_assert!(!problem.message.is_empty());
        }
    }

    #[test]
    fn a_renamed_key_is_always_reported_where_it_stands(object in 0usize..7, key in any::<prop::sample::Index>(), name in "x[a-zA-Z]{0,9}") {
        let (path, written, table) = objects()[object];
        prop_assume!(table.iter().all(|field| field.key != name));
        let mut value = json::parse(FULL).unwrap();
        let keys = at(&value, path).entries().len();
        {
            let mut inner = &mut value;
            for step in path.split('/').filter(|step| !step.is_empty()) {
                let Value::Map(entries) = inner else { panic!() };
                inner = &mut entries.iter_mut().find(|(k, _)| k == step).unwrap().1;
            }
            let Value::Map(entries) = inner else { panic!() };
            entries[key.index(keys)].0.clone_from(&name);
        }
        let (settings, problems) = read(&write(&value));
        prop_assert!(settings.is_none());
        let path = [written, ".", &name].concat();
        prop_assert!(problems.iter().any(|problem| problem.path == path && problem.code == "L40"), "{:?}", lines(&problems));
    }

    #[test]
    fn the_order_of_keys_does_not_matter(seed in any::<u64>()) {
        let text = write(&shuffled(&json::parse(FULL).unwrap(), seed, ""));
        let (settings, problems) = read(&text);
        prop_assert_eq!(lines(&problems), [""; 0]);
        prop_assert_eq!(settings, read(FULL).0);
    }
}

#[test]
fn every_item_key_is_needed_or_optional_as_the_table_says() {
    for field in ITEM {
        let item = r#"{"name":"x","kind":"cookie","duration":"P1D","thirdParty":true,"purpose":"Counts."}"#;
        let (settings, _) = read(&with(FULL, "services/films/items", &["[", &with(item, field.key, ""), "]"].concat()));
        assert_eq!(settings.is_none(), field.required.is_some(), "{}", field.key);
    }
}
