//! The JSON reader and writer (S8, R3).
#![allow(clippy::unwrap_used, clippy::panic)]

use askfirst_core::json::{self, JsonErrorKind, MAX_DEPTH, Value, Writer};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const MAX: i64 = (1 << 53) - 1;

/// Values that the formats can hold.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![-MAX..=MAX, -9i64..9, Just(MAX), Just(-MAX)].prop_map(Value::Int),
        any::<String>().prop_map(Value::Text),
        "[\"\\\\/\u{0}-\u{1f}\u{7f}\u{e9}\u{2028}\u{ffff}\u{1f600}a]{0,6}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::hash_map(prop_oneof![any::<String>(), "[a-c]{0,2}"], inner, 0..6)
                .prop_map(|entries| Value::Map(entries.into_iter().collect())),
        ]
    })
}

/// The same value as an independent implementation reads it; `None` where our stricter rules refuse.
fn peer(value: &serde_json::Value) -> Option<Value> {
    Some(match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(b) => Value::Bool(*b),
        serde_json::Value::Number(n) => Value::Int(n.as_i64().filter(|n| n.abs() <= MAX)?),
        serde_json::Value::String(text) => Value::Text(text.clone()),
        serde_json::Value::Array(items) => Value::List(items.iter().map(peer).collect::<Option<_>>()?),
        serde_json::Value::Object(entries) => {
            Value::Map(entries.iter().map(|(key, value)| Some((key.clone(), peer(value)?))).collect::<Option<_>>()?)
        }
    })
}

/// Both read the text alike, or ours refuses for a rule that it declares.
fn agree(text: &str) -> Result<(), TestCaseError> {
    match (json::parse(text), serde_json::from_str::<serde_json::Value>(text)) {
        (Ok(ours), Ok(theirs)) => {
            let read: serde_json::Value = serde_json::from_str(&ours.canonical()).unwrap();
            // -0 has no whole number of its own.
            let theirs = peer(&theirs).map(|value| value.canonical());
            prop_assert!(text.contains("-0") || theirs == peer(&read).map(|value| value.canonical()), "{text}");
        }
        (Ok(_), Err(error)) => prop_assert!(text.starts_with('\u{feff}'), "{text:?}: {error}"),
        (Err(error), Ok(_)) => prop_assert!(
            matches!(error.kind, JsonErrorKind::NotWhole | JsonErrorKind::DuplicateKey | JsonErrorKind::TooDeep),
            "{text:?}: {error:?}"
        ),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in value()) {
        let text = value.canonical();
        let read = json::parse(&text).unwrap();
        prop_assert_eq!(read.canonical(), text.clone(), "canonical text is a fixed point");
        let theirs = peer(&serde_json::from_str(&text).unwrap()).unwrap();
        prop_assert_eq!(theirs.canonical(), text);
    }

    #[test]
    fn any_text_made_of_json_pieces_is_read_like_by_a_peer(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"", "\\", "\\u00e9", "\\ud83d", "\\ude00", "0", "-", "-0", "1",
            "01", "9007199254740991", "9007199254740992", "99999999999999999999", ".5", "e2", "true", "false", "null", "nul",
            " ", "\n", "\t", "\u{b}", "\u{a0}", "\u{feff}", "/", "//", "'", "é", "\u{0}", "NaN",
        ]), 0..14)
    ) {
        agree(&pieces.concat())?;
    }

    #[test]
    fn a_changed_character_is_read_like_by_a_peer(value in value(), place in any::<prop::sample::Index>(), new in any::<char>()) {
        let mut chars: Vec<char> = value.canonical().chars().collect();
        let place = place.index(chars.len());
        chars[place] = new;
        agree(&chars.into_iter().collect::<String>())?;
    }

    #[test]
    fn no_text_makes_it_panic_and_every_error_has_a_place_in_it(text in any::<String>()) {
        agree(&text)?;
        if let Err(error) = json::parse(&text) {
            prop_assert!(error.line >= 1 && error.line as usize <= text.matches('\n').count() + 1);
            prop_assert!(error.column >= 1 && error.column as usize <= text.chars().count() + 1);
        }
    }
}

#[test]
fn a_truncated_text_is_never_read() {
    let text = r#"{"a":[1,-20,{"é":"\u00e9\n\ud83d\ude00"},true,false,null,[]],"z":{}}"#;
    assert!(json::parse(text).is_ok());
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        assert!(json::parse(&text[..end]).is_err(), "{}", &text[..end]);
    }
}

#[test]
fn keys_are_sorted_by_utf_16_units() {
    // RFC 8785 §3.2.3: U+1F600 is written D83D DE00 and so comes before U+FB33.
    let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let sorted = json::parse(&json::parse(text).unwrap().canonical()).unwrap();
    let values: Vec<&str> = sorted.entries().iter().filter_map(|(_, value)| value.text()).collect();
    assert_eq!(
        values,
        [
            "Carriage Return",
            "One",
            "Control",
            "Latin Small Letter O With Diaeresis",
            "Euro Sign",
            "Emoji: Grinning Face",
            "Hebrew Letter Dalet With Dagesh"
        ]
    );
}

#[test]
fn strings_are_written_with_the_shortest_escapes() {
    // RFC 8785 §3.2.2.2
    let text = r#"{"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/\u007f\u2028","literals":[null,true,false]}"#;
    assert_eq!(
        json::parse(text).unwrap().canonical(),
        "{\"literals\":[null,true,false],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u{7f}\u{2028}\"}"
    );
}

#[test]
fn the_stricter_rules_each_have_their_own_error() {
    for (text, kind) in [
        ("1.0", JsonErrorKind::NotWhole),
        ("1e3", JsonErrorKind::NotWhole),
        ("-1E-3", JsonErrorKind::NotWhole),
        ("9007199254740992", JsonErrorKind::NotWhole),
        ("-9007199254740992", JsonErrorKind::NotWhole),
        (r#"{"a":1,"b":2,"a":3}"#, JsonErrorKind::DuplicateKey),
        (r#"{"a":1,"\u0061":3}"#, JsonErrorKind::DuplicateKey),
        (r#""\ud83d""#, JsonErrorKind::BadString),
        (r#""\ude00\ud83d""#, JsonErrorKind::BadString),
        (r#""\ud83d\u0041""#, JsonErrorKind::BadString),
        ("\"a\u{0}b\"", JsonErrorKind::BadString),
        ("\"\t\"", JsonErrorKind::BadString),
        ("007", JsonErrorKind::Unexpected),
        ("+1", JsonErrorKind::Unexpected),
        ("{\"a\":1,}", JsonErrorKind::Unexpected),
        ("{} {}", JsonErrorKind::Unexpected),
        ("", JsonErrorKind::UnexpectedEnd),
        ("-", JsonErrorKind::UnexpectedEnd),
    ] {
        assert_eq!(json::parse(text).unwrap_err().kind, kind, "{text}");
    }
    assert_eq!(json::parse("9007199254740991").unwrap(), Value::Int(MAX));
}

#[test]
fn an_error_names_line_and_column() {
    let error = json::parse("{\n  \"é\": 1,\n  \"é\": 2\n}").unwrap_err();
    assert_eq!((error.kind, error.line, error.column), (JsonErrorKind::DuplicateKey, 3, 3));
    let error = json::parse("[\"é\", x]").unwrap_err();
    assert_eq!((error.kind, error.line, error.column), (JsonErrorKind::Unexpected, 1, 7));
}

#[test]
fn a_byte_order_mark_is_skipped_once_and_only_at_the_start() {
    assert_eq!(json::parse("\u{feff}[]").unwrap(), Value::List(vec![]));
    assert!(json::parse("\u{feff}\u{feff}[]").is_err());
    assert!(json::parse("[]\u{feff}").is_err());
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| [&"[".repeat(depth), "0", &"]".repeat(depth)].concat();
    assert!(json::parse(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(json::parse(&nested(MAX_DEPTH + 1)).unwrap_err().kind, JsonErrorKind::TooDeep);
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        assert_eq!(json::parse(&open.repeat(100_000)).unwrap_err().kind, JsonErrorKind::TooDeep);
    }
}

#[test]
fn a_hundred_thousand_keys_are_refused_quickly() {
    let keys: Vec<String> = (0..100_000).map(|i| format!("\"{i}\":0")).collect();
    let text = format!("{{{}}}", keys.join(","));
    let start = Instant::now();
    assert!(json::parse(&text).is_err());
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_writer_writes_what_the_reader_reads() {
    let mut writer = Writer::default();
    writer.open('{');
    writer.flag("a", true);
    writer.int("b", i64::MIN);
    writer.list("c");
    writer.string("\u{1}\u{1f}\"\\\n\r\t\u{8}\u{c}é😀");
    writer.raw("[]");
    writer.close(']');
    writer.optional("d", &None);
    writer.sorted("e", vec!["3".into(), "1".into(), "2".into(), "1".into()]);
    writer.text("f", "");
    writer.texts("g", &[]);
    writer.key("h");
    writer.value(&json::map([("z", Value::Null), ("a", Value::List(vec![0.into(), (-10).into()]))]));
    writer.close('}');
    let text = "{\"a\":true,\"b\":-9223372036854775808,\"c\":[\"\\u0001\\u001f\\\"\\\\\\n\\r\\t\\b\\fé😀\",[]],\"d\":null,\
                \"e\":[1,1,2,3],\"f\":\"\",\"g\":[],\"h\":{\"a\":[0,-10],\"z\":null}}";
    assert_eq!(writer.finish(), text);
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "not in canonical order")]
fn a_writer_that_is_given_its_keys_in_the_wrong_order_says_so() {
    let mut writer = Writer::default();
    writer.open('{');
    writer.flag("b", true);
    writer.flag("a", true);
    writer.close('}');
    writer.finish();
}
