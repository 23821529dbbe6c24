//! The record: round trip, limits, refusals (R1, R2, R7, S8).
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::digest::{base64url, digest, uuid};
use askfirst_core::json::{self, Value};
use askfirst_core::record::{
    Count, Decision, Event, Input, Interaction, Layer, Left, LeftItem, MAX_BYTES, MAX_DECISIONS, MAX_DWELL,
    MAX_VENDORS, Method, NoticeRef, Record, Rejection, Signals, State, Submission, Why,
};
use askfirst_core::settings::Kind;
use askfirst_core::time::{DAY, Millis};
use askfirst_core::wire;
use proptest::prelude::*;
use support::NOW;

fn record() -> Record {
    let decide = |purpose: &str, granted| Decision { purpose: purpose.into(), v: 3_735_928_559, granted };
    Record {
        record_id: uuid(&[1; 16]),
        prev: None,
        subject: base64url(&[2; 16]),
        holder: digest(b"secret"),
        site: "https://www.example.nl".into(),
        jurisdiction: Some("NL".into()),
        notice: NoticeRef {
            digest: digest(b"notice"),
            version: "2026-11-22".into(),
            lang: "nl".into(),
            ui: digest(b"ui"),
        },
        event: Event {
            state: State::Given,
            method: Method::Save,
            layer: Layer::Preferences,
            at: NOW,
            valid_until: NOW + 180 * DAY,
        },
        decisions: vec![decide("analytical", true), decide("marketing", false)],
        vendors: vec![],
        signals: Signals::default(),
        client: "askfirst/0.1.0".into(),
        ui: None,
        undelivered: 0,
        left: None,
    }
}

fn count() -> Count {
    Count {
        site: "https://www.example.nl".into(),
        notice: digest(b"notice"),
        lang: "nl".into(),
        day: NOW.div_euclid(DAY) * DAY,
        method: Method::RejectAll,
        layer: Layer::First,
    }
}

fn lefts(n: u8) -> Option<Left> {
    let item = |i: u8| LeftItem {
        kind: Kind::ALL[usize::from(i) % 6],
        name: format!("_name{i}*"),
        why: Why::ALL[usize::from(i) % 3],
    };
    Some(Left { items: (0..n % 17).map(item).collect(), more: u32::from(n / 17) }).filter(|left| !left.items.is_empty())
}

fn one<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

fn arbitrary() -> impl Strategy<Value = Record> {
    let ids = (any::<[u8; 16]>(), proptest::option::of(any::<[u8; 16]>()), any::<[u8; 16]>(), any::<[u8; 8]>());
    let place = (
        "https?://[a-z0-9][a-z0-9.-]{0,40}(:[0-9]{2,5})?",
        proptest::option::of("[A-Z]{2}"),
        "[^\\p{Cc}]{1,64}",
        "[a-z]{2}(-[A-Za-z0-9]{2,8}){0,2}",
        "[A-Za-z0-9.+-]{1,30}/[A-Za-z0-9.+-]{1,30}",
    );
    let what =
        (one(State::ALL), one(Method::ALL), one(Layer::ALL), 0i64..4_000_000_000, 1i64..700 * 86_400, any::<bool>());
    let decisions = prop::collection::hash_map("[a-z][a-z0-9-]{0,39}", (any::<u32>(), any::<bool>()), 1..=20);
    let vendors = prop::collection::btree_map("[a-z0-9][a-z0-9-]{0,39}", any::<bool>(), 0..=8);
    let ui = (one(Input::ALL), 0i64..=6000, proptest::option::of(any::<bool>()));
    let ui = ui.prop_map(|(input, dwell, first_layer_equal_choice)| Interaction {
        input,
        dwell_ms: dwell * 100,
        first_layer_equal_choice,
    });
    let ui = proptest::option::of(ui);
    (ids, place, what, decisions, vendors, ui).prop_map(|(ids, place, what, decisions, vendors, ui)| {
        let refusing = matches!(what.0, State::Refused | State::Withdrawn);
        let what =
            (what.0, if what.1 == Method::Agent { Method::Save } else { what.1 }, what.2, what.3, what.4, what.5);
        let method = if refusing || what.1 != Method::Withdraw { what.1 } else { Method::Save };
        let mut decisions: Vec<Decision> = decisions
            .into_iter()
            .map(|(purpose, (v, granted))| Decision { purpose, v, granted: granted && !refusing })
            .collect();
        decisions[0].granted = !refusing;
        Record {
            record_id: uuid(&ids.0),
            prev: ids.1.map(|id| uuid(&id)),
            subject: base64url(&ids.2),
            holder: digest(&ids.3),
            site: place.0,
            jurisdiction: place.1,
            notice: NoticeRef { digest: digest(&ids.0), version: place.2, lang: place.3, ui: digest(&ids.2) },
            event: Event {
                state: what.0,
                method,
                layer: what.2,
                at: what.3 * 1000,
                valid_until: (what.3 + what.4) * 1000,
            },
            decisions,
            vendors: vendors.into_iter().map(|(id, allowed)| (id, allowed && !refusing)).collect(),
            signals: Signals { dnt: what.5 && what.3 % 2 == 0, gpc: what.5 },
            client: place.4,
            ui,
            undelivered: ids.0[0].into(),
            left: lefts(ids.0[1]).filter(|_| matches!(what.0, State::Changed | State::Withdrawn)),
        }
    })
}

proptest! {
    #[test]
    fn a_lawful_record_is_read_as_it_was_written(record in arbitrary()) {
        let text = record.to_value().canonical();
        prop_assert_eq!(Submission::parse(&text), Ok(Submission::Record(record)));
    }

    #[test]
    fn a_count_is_read_as_it_was_written(day in 0i64..40_000, method in one(Method::ALL), layer in one(Layer::ALL)) {
        let count = Count { day: day * DAY, method, layer, ..count() };
        prop_assert_eq!(Submission::parse(&count.to_value().canonical()), Ok(Submission::Count(count)));
    }

    #[test]
    fn no_body_makes_the_reader_panic(place in any::<prop::sample::Index>(), byte in any::<char>(), end in any::<prop::sample::Index>()) {
        let mut chars: Vec<char> = record().to_value().canonical().chars().collect();
        let place = place.index(chars.len());
        chars[place] = byte;
        let text: String = chars[..end.index(chars.len()) + 1].iter().collect();
        if let Ok(Submission::Record(read)) = Submission::parse(&text) {
            prop_assert_eq!(Submission::parse(&read.to_value().canonical()), Ok(Submission::Record(read)));
        }
    }
}

/// Replaces (or, with `None`, removes) what stands under a dotted path.
fn set(value: &mut Value, path: &str, new: Option<Value>) {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    match value {
        Value::Map(entries) => match (rest, new) {
            (Some(rest), new) => set(&mut entries.iter_mut().find(|(key, _)| key == head).unwrap().1, rest, new),
            (None, Some(new)) => match entries.iter_mut().find(|(key, _)| key == head) {
                Some(entry) => entry.1 = new,
                None => entries.push((head.into(), new)),
            },
            (None, None) => entries.retain(|(key, _)| key != head),
        },
        Value::List(items) => set(&mut items[head.parse::<usize>().unwrap()], rest.unwrap(), new),
        _ => unreachable!("no such path"),
    }
}

fn refused(base: &Value, path: &str, new: Option<Value>) -> Rejection {
    let mut value = base.clone();
    set(&mut value, path, new);
    Submission::parse(&value.canonical()).unwrap_err()
}

/// `decisions.0.v` as the reader writes it: `$.decisions[0].v`.
fn written(path: &str) -> String {
    path.split('.').fold("$".to_string(), |out, part| {
        if part.parse::<u8>().is_ok() { format!("{out}[{part}]") } else { format!("{out}.{part}") }
    })
}

const FIELDS: &[&str] = &[
    "schema",
    "record_id",
    "prev",
    "subject",
    "holder",
    "site",
    "jurisdiction",
    "notice",
    "notice.digest",
    "notice.version",
    "notice.lang",
    "notice.ui",
    "event",
    "event.state",
    "event.type",
    "event.method",
    "event.layer",
    "event.at",
    "event.valid_until",
    "decisions",
    "decisions.0.purpose",
    "decisions.0.v",
    "decisions.0.granted",
    "signals",
    "signals.gpc",
    "client",
];

#[test]
fn a_missing_field_is_named() {
    for path in FIELDS {
        let rejection = refused(&record().to_value(), path, None);
        assert_eq!((rejection.code, rejection.path), ("missing", written(path)));
    }
    for path in ["schema", "site", "notice", "lang", "day", "method", "layer"] {
        let rejection = refused(&count().to_value(), path, None);
        assert_eq!((rejection.code, rejection.path), ("missing", written(path)));
    }
}

#[test]
fn a_field_of_the_wrong_type_is_named() {
    for path in FIELDS {
        for wrong in [Value::Int(-1), Value::List(vec![]), Value::Text("\u{7}".into())] {
            let rejection = refused(&record().to_value(), path, Some(wrong));
            assert_eq!((rejection.code, rejection.path), ("invalid", written(path)));
        }
    }
}

#[test]
fn an_unknown_field_is_refused_wherever_it_stands_and_not_repeated() {
    // R2, S8: nobody asked for these, so they are not stored.
    let extra =
        ["ip", "user_agent", "ua", "path", "url", "referrer", "fingerprint", "email", "received_at", "__proto__"];
    for (place, at) in [
        ("", "$"),
        ("notice.", "$.notice"),
        ("event.", "$.event"),
        ("signals.", "$.signals"),
        ("decisions.0.", "$.decisions[0]"),
    ] {
        for name in extra {
            let rejection = refused(&record().to_value(), &format!("{place}{name}"), Some("192.0.2.1".into()));
            assert_eq!((rejection.code, rejection.path.as_str()), ("unknown_field", at));
            assert!(!rejection.message.contains("192.0.2.1") && !rejection.message.contains("fingerprint"));
        }
    }
    for name in extra.iter().chain(&["subject", "record_id", "holder", "decisions"]) {
        assert_eq!(refused(&count().to_value(), name, Some("x".into())).code, "unknown_field");
    }
}

#[test]
fn values_out_of_bounds_are_refused() {
    let cases: &[(&str, &[&str])] = &[
        ("schema", &["urn:askfirst:consent-record:2", "urn:askfirst:notice:1"]),
        (
            "record_id",
            &[
                "",
                "01010101-0101-1101-8101-010101010101",
                "01010101-0101-4101-8101-01010101010G",
                "0101010101014101810101010101010101",
            ],
        ),
        ("prev", &["", "null"]),
        ("subject", &["", "me@example.com", "AgICAgICAgICAgICAgICAgI"]),
        ("holder", &["secret", "sha256-", "sha512-AgIC"]),
        // Origin only: no path, query, credentials or other scheme (R2).
        (
            "site",
            &[
                "https://",
                "https://a.nl/",
                "https://a.nl/x",
                "https://a.nl?x",
                "https://me@a.nl",
                "file://x",
                "null",
                "https://A.nl",
                "https://a b",
            ],
        ),
        ("jurisdiction", &["nl", "NLD", ""]),
        ("notice.version", &["", "a\nb", &"x".repeat(65)]),
        ("notice.lang", &["", "n", "nl_NL", "nl;q=1", &"a".repeat(36)]),
        ("event.state", &["expired", "Given"]),
        ("event.type", &["implied", "explicit"]),
        ("event.method", &["scroll", "close", "timeout"]),
        ("event.layer", &["second"]),
        ("event.at", &["2026-11-22", "2026-11-22T10:15:30.123Z", "2026-11-22T10:15:30+01:00", "2026-02-30T00:00:00Z"]),
        ("decisions.0.purpose", &["", "Marketing", "1st", "a_b", "!marketing", &"a".repeat(41)]),
        // No user agent in a field of free text (R2).
        ("client", &["", "askfirst", "Mozilla/5.0 (X11; Linux x86_64)", "a/b/c", "/1", "askfirst/"]),
    ];
    for (path, values) in cases {
        for value in *values {
            let rejection = refused(&record().to_value(), path, Some((*value).into()));
            assert_eq!((rejection.code, rejection.path), ("invalid", written(path)), "{value}");
        }
    }
    for v in [-1, 1 << 32] {
        assert_eq!(refused(&record().to_value(), "decisions.0.v", Some(v.into())).path, "$.decisions[0].v");
    }
    for day in ["2026-11-22T00:00:00Z", "2026-11-31", "22-11-2026", ""] {
        assert_eq!(refused(&count().to_value(), "day", Some(day.into())).path, "$.day");
    }
}

#[test]
fn what_can_t_be_true_together_is_refused() {
    let parse = |record: &Record| Submission::parse(&record.to_value().canonical());
    let path = |record: &Record| parse(record).unwrap_err().path;
    let with = |state, method, grants: [bool; 2]| {
        let mut record = record();
        (record.event.state, record.event.method) = (state, method);
        record.decisions.iter_mut().zip(grants).for_each(|(decision, granted)| decision.granted = granted);
        record
    };
    for state in [State::Refused, State::Withdrawn] {
        assert_eq!(path(&with(state, Method::Save, [true, false])), "$.decisions");
        assert!(parse(&with(state, Method::Save, [false, false])).is_ok());
    }
    for state in [State::Given, State::Changed, State::Renewed] {
        assert_eq!(path(&with(state, Method::Save, [false, false])), "$.decisions");
        assert_eq!(path(&with(state, Method::Withdraw, [true, false])), "$.decisions");
        assert!(parse(&with(state, Method::Save, [true, false])).is_ok());
    }
    let lasting = |time: Millis| {
        let mut record = record();
        record.event.valid_until = record.event.at + time;
        record
    };
    // P7: a consent without end, or already over.
    for time in [0, -1000, 734 * DAY, 36_500 * DAY] {
        assert_eq!(path(&lasting(time)), "$.event.valid_until");
    }
    assert!(parse(&lasting(731 * DAY)).is_ok());
    let mut twice = record();
    twice.decisions[1].purpose = twice.decisions[0].purpose.clone();
    assert_eq!(path(&twice), "$.decisions[1].purpose");
}

#[test]
fn the_longest_lawful_record_fits() {
    // R7: what `settings` lets through (64 bytes of version, 32 purposes of 40 letters) is always delivered.
    let mut longest = Record {
        prev: Some(uuid(&[9; 16])),
        site: format!("https://{}", "a".repeat(247)),
        client: format!("askfirst/{}", "1".repeat(55)),
        ..record()
    };
    longest.notice.version = "\"".repeat(64);
    longest.notice.lang = "a".repeat(35);
    longest.event.layer = Layer::Preferences;
    longest.ui =
        Some(Interaction { input: Input::Keyboard, dwell_ms: MAX_DWELL, first_layer_equal_choice: Some(false) });
    longest.undelivered = u32::MAX;
    longest.event.method = Method::AcceptAll;
    longest.decisions = (0..MAX_DECISIONS)
        .map(|i| Decision { purpose: format!("{}{i:02}", "p".repeat(38)), v: u32::MAX, granted: i == 0 })
        .collect();
    let text = longest.to_value().canonical();
    assert!(text.len() <= 4096, "{}", text.len());
    longest.vendors = (0..MAX_VENDORS).map(|i| (format!("{}{i:03}", "s".repeat(37)), false)).collect();
    let text = longest.to_value().canonical();
    assert!(text.len() <= MAX_BYTES, "{}", text.len());
    assert_eq!(Submission::parse(&text), Ok(Submission::Record(longest.clone())));
    let mut more = longest.clone();
    more.vendors.push(("one-more".into(), false));
    let rejection = Submission::parse(&more.to_value().canonical()).unwrap_err();
    assert_eq!((rejection.code, rejection.path.as_str()), ("invalid", "$.vendors"));
    longest.decisions.push(Decision { purpose: "one-more".into(), v: 1, granted: false });
    let rejection = Submission::parse(&longest.to_value().canonical()).unwrap_err();
    assert_eq!((rejection.code, rejection.path.as_str()), ("invalid", "$.decisions"));
}

#[test]
fn a_service_can_be_decided_about_alone() {
    // FIELD 12: one video allowed, nothing said about the rest.
    let alone = Record { decisions: vec![], vendors: vec![("youtube".into(), true)], ..record() };
    let text = alone.canonical();
    assert!(text.ends_with(r#","vendors":{"youtube":true}}"#), "{text}");
    assert_eq!(Submission::parse(&text), Ok(Submission::Record(alone.clone())));
    let path = |record: &Record| Submission::parse(&record.canonical()).unwrap_err().path;
    assert_eq!(path(&Record { vendors: vec![], ..alone.clone() }), "$.decisions", "a record of nothing");
    assert_eq!(
        path(&Record { vendors: vec![("youtube".into(), false)], ..alone.clone() }),
        "$.decisions",
        "grants nothing"
    );
    assert_eq!(path(&Record { vendors: vec![("You Tube".into(), true)], ..alone.clone() }), "$.vendors");
    let mut withdrawn = alone;
    withdrawn.event.state = State::Withdrawn;
    assert_eq!(path(&withdrawn), "$.decisions", "a withdrawal that allows");
    for wrong in [r#"{}"#, r#"[]"#, r#"null"#, r#"{"youtube":1}"#] {
        let text = text.replace(r#"{"youtube":true}"#, wrong);
        assert_eq!(Submission::parse(&text).unwrap_err().path, "$.vendors", "{wrong}");
    }
}

#[test]
fn a_longer_body_is_refused_before_it_is_read() {
    let text = record().to_value().canonical();
    let padded = |length: usize| text.replacen('{', &format!("{{{}", " ".repeat(length - text.len())), 1);
    assert!(Submission::parse(&padded(MAX_BYTES)).is_ok());
    let rejection = Submission::parse(&padded(MAX_BYTES + 1)).unwrap_err();
    assert_eq!((rejection.code, rejection.path.as_str()), ("too_large", "$"));
    assert_eq!(Submission::parse("{").unwrap_err().code, "json");
    for body in ["[]", "null", "\"x\""] {
        assert_eq!(Submission::parse(body).unwrap_err().path, "$.schema", "{body}");
    }
}

/// The names of all fields, with the values that are the same in every record.
fn format_of(value: &Value) -> String {
    match value {
        Value::Map(entries) => {
            let mut fields: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}:{}", format_of(value))).collect();
            fields.sort();
            format!("{{{}}}", fields.join(","))
        }
        Value::List(items) => format!("[{}]", items.first().map(format_of).unwrap_or_default()),
        Value::Text(_) => "text".into(),
        Value::Int(_) => "number".into(),
        Value::Bool(_) => "flag".into(),
        Value::Null => "null".into(),
    }
}

#[test]
fn the_formats_are_the_approved_ones() {
    // A record that is stored today must be readable in ten years, by its schema name. If this fails on purpose, give
    // the format a new schema name, keep reading the old one, and put the new digest here.
    let names = |all: &[&str]| all.join(" ");
    let all = [
        wire::RECORD_SCHEMA.to_string(),
        format_of(&Record { prev: Some(uuid(&[9; 16])), ..record() }.to_value()),
        wire::COUNT_SCHEMA.to_string(),
        format_of(&count().to_value()),
        names(&State::ALL.iter().map(|state| state.name()).collect::<Vec<_>>()),
        names(&Method::ALL.iter().map(|method| method.name()).collect::<Vec<_>>()),
        names(&Layer::ALL.iter().map(|layer| layer.name()).collect::<Vec<_>>()),
    ];
    assert_eq!(
        digest(all.join("\n").as_bytes()),
        "sha256-dpXUXVjBQi5qcF4NdhxwGemff-or76P7p8853WFWp38",
        "{}",
        all.join("\n")
    );
}

#[test]
fn golden_records_are_read_and_written_byte_for_byte() {
    // Also read by the tests of other languages; see tests/vectors.
    let file = |name: &str| {
        std::fs::read_to_string(format!("{}/../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let (text, other) = (file("record.json"), file("count.json"));
    assert_eq!(Submission::parse(&text), Ok(Submission::Record(record())));
    assert_eq!(record().to_value().canonical(), text.trim_end());
    assert_eq!(Submission::parse(&other), Ok(Submission::Count(count())));
    assert_eq!(count().to_value().canonical(), other.trim_end());
    assert_eq!(json::parse(&text).unwrap().canonical(), text.trim_end());
}

/// A record with this `ui`.
fn with_ui(ui: &str) -> Result<Option<Interaction>, (String, &'static str)> {
    let mut value = record().to_value();
    value.set("ui", json::parse(ui).unwrap());
    match Submission::parse(&value.canonical()) {
        Ok(Submission::Record(record)) => Ok(record.ui),
        Ok(other) => panic!("{other:?}"),
        Err(rejection) => Err((rejection.path, rejection.code)),
    }
}

#[test]
fn how_a_control_was_pressed_is_kept_and_may_be_left_out() {
    // PROOF §1.3; records of older clients have none.
    assert_eq!(record().ui, None);
    assert!(!record().canonical().contains("\"ui\":{"));
    let whole = r#"{"dwell_ms":4200,"first_layer_equal_choice":true,"input":"pointer","trusted_event":true}"#;
    let kept = Interaction { input: Input::Pointer, dwell_ms: 4200, first_layer_equal_choice: Some(true) };
    assert_eq!(with_ui(whole), Ok(Some(kept)));
    let least = Interaction { input: Input::Agent, dwell_ms: 0, first_layer_equal_choice: None };
    assert_eq!(with_ui(r#"{"dwell_ms":0,"input":"agent","trusted_event":false}"#), Ok(Some(least)));
}

#[test]
fn no_more_is_kept_of_a_press_than_its_kind_and_a_rounded_time() {
    // R2: neither coordinates nor exact times, which would tell people apart.
    let refused = |rest: &str, path: &str, code| {
        let ui = format!(r#"{{"input":"pointer","trusted_event":true{rest}}}"#);
        assert_eq!(with_ui(&ui), Err((path.to_string(), code)), "{ui}");
    };
    refused(r#","dwell_ms":0,"x":10"#, "$.ui", "unknown_field");
    refused("", "$.ui.dwell_ms", "invalid");
    for ms in ["4217", "600100", "-100", "\"4200\"", "null"] {
        refused(&format!(r#","dwell_ms":{ms}"#), "$.ui.dwell_ms", "invalid");
    }
    refused(r#","dwell_ms":0,"first_layer_equal_choice":1"#, "$.ui.first_layer_equal_choice", "invalid");
    for (ui, path) in [
        (r#"{"dwell_ms":0,"input":"agent","trusted_event":true}"#, "$.ui.trusted_event"),
        (r#"{"dwell_ms":0,"input":"keyboard","trusted_event":false}"#, "$.ui.trusted_event"),
        (r#"{"input":"gaze","trusted_event":true}"#, "$.ui.input"),
        ("[]", "$.ui"),
    ] {
        assert_eq!(with_ui(ui), Err((path.into(), "invalid")), "{ui}");
    }
}

proptest! {
    #[test]
    fn what_a_page_measures_is_rounded_to_what_a_server_takes(ms in any::<i64>()) {
        let measured = json::parse(&format!(r#"{{"input":"pointer","dwell_ms":{ms},"first_layer_equal_choice":null}}"#));
        let Ok(measured) = measured else { return Ok(()) };
        let ui = Interaction::read(&measured).unwrap();
        let dwell = ui.dwell_ms;
        prop_assert!(dwell % 100 == 0 && (0..=MAX_DWELL).contains(&dwell));
        prop_assert!((dwell - ms.clamp(0, MAX_DWELL)).abs() <= 50);
        let record = Record { ui: Some(ui), ..record() };
        prop_assert_eq!(Submission::parse(&record.canonical()), Ok(Submission::Record(record)));
    }
}

#[test]
fn what_was_left_is_named_strictly() {
    // G5, R2
    let item = LeftItem { kind: Kind::Cookie, name: "_id*".into(), why: Why::Server };
    let mut withdrawn = Record { left: Some(Left { items: vec![item.clone()], more: 0 }), ..record() };
    withdrawn.event.state = State::Withdrawn;
    withdrawn.decisions.iter_mut().for_each(|decision| decision.granted = false);
    let text = withdrawn.canonical();
    assert!(text.contains(r#""left":{"items":[{"kind":"cookie","name":"_id*","why":"server"}]}"#), "{text}");
    assert_eq!(Submission::parse(&text), Ok(Submission::Record(withdrawn.clone())));
    let path = |from: &str, to: &str| Submission::parse(&text.replacen(from, to, 1)).unwrap_err().path;
    assert_eq!(path(r#""why":"server""#, r#""why":"because""#), "$.left.items[0].why");
    assert_eq!(path(r#""kind":"cookie""#, r#""kind":"jar""#), "$.left.items[0].kind");
    assert_eq!(path(r#""name":"_id*""#, r#""name":"""#), "$.left.items[0].name");
    assert_eq!(path(r#""why":"server"}"#, r#""why":"server","value":"x"}"#), "$.left.items[0]");
    let path = |record: &Record| Submission::parse(&record.canonical()).unwrap_err().path;
    assert_eq!(path(&Record { left: Some(Left { items: vec![], more: 3 }), ..withdrawn.clone() }), "$.left.items");
    assert_eq!(
        path(&Record { left: Some(Left { items: vec![item; 17], more: 0 }), ..withdrawn.clone() }),
        "$.left.items"
    );
    // A grant deletes nothing.
    let left = withdrawn.left;
    assert_eq!(path(&Record { left, ..record() }), "$.left");
}

#[test]
fn only_a_count_is_made_by_an_agent_the_record_has_the_press() {
    let count = Count { method: Method::Agent, ..count() };
    assert_eq!(Submission::parse(&count.canonical()), Ok(Submission::Count(count)));
    let mut record = record();
    record.event.method = Method::Agent;
    assert_eq!(Submission::parse(&record.canonical()).unwrap_err().path, "$.event.method");
}
