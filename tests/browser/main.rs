//! The browser crate in a real browser: real WebAssembly, real localStorage, a page that writes down what it is told.

#![cfg(target_arch = "wasm32")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use askfirst::{Engine, Host};
use askfirst_core::choice::Stored;
use askfirst_core::digest::digest;
use askfirst_core::json::{self, Value, map};
use askfirst_core::record::Submission;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

const CONFIG: &str = include_str!("../../www/demo/askfirst.json");
const ENGLISH: &str = include_str!("../../www/locales/en.json");
const KEY: &str = "askfirst";

/// A press of the button that accepts, as `www/ui.ts` tells it.
const ACCEPT: &str =
    r#"["act","accept",[],{"dwell_ms":1200,"first_layer_equal_choice":true,"input":"pointer","trusted_event":true}]"#;

/// What `www/glue.ts` does, as far as these tests need it; everything the engine says is written down in `log`.
const PAGE: &str = r#"
const log = [];
const world = () => ({ now: Date.now(), random: [...crypto.getRandomValues(new Uint8Array(64))], dnt: false, gpc: false,
  site: 'https://www.example.nl', local: true, kept: 'askfirst' in localStorage, cookies: [] });
const answers = { world, mirror: () => false, names: () => ({ cookie: [], localStorage: [], sessionStorage: [] }), ran: () => [] };
return { log, call(name, detail) {
  detail = JSON.parse(detail);
  if (name !== 'world') log.push([name, detail]);
  return answers[name] ? JSON.stringify(answers[name](detail)) : '';
} };
"#;

struct Page {
    engine: Engine,
    log: js_sys::Array,
}

impl Page {
    fn open(config: &str) -> Result<Self, String> {
        let page = js_sys::Function::new_no_args(PAGE).call0(&JsValue::NULL).unwrap();
        let log = js_sys::Reflect::get(&page, &"log".into()).unwrap().unchecked_into();
        let boot = map([
            ("config", config.into()),
            ("locale", ENGLISH.into()),
            ("lang", "en".into()),
            ("services", Value::Map(Vec::new())),
            ("key", "1|/askfirst.json||0".into()),
            ("ui", digest(b"ui").into()),
            ("client", "askfirst/0.1.0".into()),
        ]);
        let engine = Engine::new(page.unchecked_into::<Host>(), &boot)?;
        engine.boot(false);
        Ok(Self { engine, log })
    }

    fn fresh() -> Self {
        storage().remove_item(KEY).unwrap();
        Self::open(CONFIG).unwrap()
    }

    fn call(&self, request: &str) -> Value {
        json::parse(&self.engine.call(&json::parse(request).unwrap())).unwrap()
    }

    /// What the engine said, as `[name, detail]` in JSON.
    fn said(&self) -> Vec<(String, Value)> {
        self.log
            .iter()
            .map(|entry| {
                let text = String::from(js_sys::JSON::stringify(&entry).unwrap());
                let entry = json::parse(&text).unwrap();
                (entry.items()[0].text().unwrap().to_string(), entry.items().get(1).cloned().unwrap_or(Value::Null))
            })
            .collect()
    }

    fn position(&self, name: &str) -> usize {
        self.said().iter().position(|(said, _)| said == name).unwrap_or_else(|| panic!("{name} was not said"))
    }

    fn posted(&self) -> Vec<String> {
        let posts = self.said().into_iter().filter(|(name, _)| name == "post");
        posts.map(|(_, detail)| detail.items()[1].text().unwrap().to_string()).collect()
    }
}

fn storage() -> web_sys::Storage {
    web_sys::window().unwrap().local_storage().unwrap().unwrap()
}

fn stored() -> Stored {
    Stored::decode(&storage().get_item(KEY).unwrap().expect("something is stored")).expect("it can be read")
}

#[wasm_bindgen_test]
fn nothing_is_stored_or_posted_before_a_choice() {
    let page = Page::fresh();
    assert_eq!(storage().get_item(KEY).unwrap(), None);
    assert!(page.posted().is_empty());
    assert_eq!(page.call(r#"["has","marketing"]"#), Value::Bool(false));
    assert_eq!(page.call(r#"["has","functional"]"#), Value::Bool(true));
    let shown =
        page.said().into_iter().find(|(name, detail)| name == "show" && detail.items()[0].text() == Some("banner"));
    assert!(shown.is_some_and(|(_, detail)| detail.items()[1] != Value::Null), "the banner is shown");
}

#[wasm_bindgen_test]
fn accepting_stores_then_opens_then_tells_then_posts() {
    let page = Page::fresh();
    page.log.set_length(0);
    page.call(ACCEPT);
    assert!(stored().choice.unwrap().grants());
    let order = ["mirror", "open", "emit", "post"].map(|name| page.position(name));
    assert!(order.is_sorted(), "{order:?}");
    let [body] = &page.posted()[..] else { panic!("exactly one record") };
    let Ok(Submission::Record(record)) = Submission::parse(body) else { panic!("a lawful record: {body}") };
    assert!(record.decisions.iter().all(|decision| decision.granted));
    assert_eq!(record.site, "https://www.example.nl");
    // The secret that opens the record has stayed here.
    let secret = stored().choice.unwrap().proof.unwrap().secret.unwrap();
    assert_eq!(digest(secret.as_bytes()), record.holder);
    assert!(!body.contains(&secret));
}

#[wasm_bindgen_test]
fn a_refusal_stores_no_identifier_and_posts_a_count() {
    let text = |()| {
        let page = Page::fresh();
        page.call(r#"["act","reject",[]]"#);
        let [body] = &page.posted()[..] else { panic!("exactly one count") };
        assert!(matches!(Submission::parse(body), Ok(Submission::Count(_))), "{body}");
        assert!(stored().choice.unwrap().proof.is_none());
        storage().get_item(KEY).unwrap().unwrap()
    };
    // P1: two browsers, with different random bytes, store the same.
    assert_eq!(text(()), text(()));
}

#[wasm_bindgen_test]
fn the_receipt_marks_the_record_and_is_told_once() {
    let page = Page::fresh();
    page.call(ACCEPT);
    let body = page.posted().remove(0);
    page.log.set_length(0);
    let id = json::parse(&body).unwrap().at("record_id").unwrap().text().unwrap().to_string();
    let receipt = map([("record_id", id.as_str().into()), ("received_at", "2026-11-22T10:15:30Z".into())]);
    let answer =
        Value::List(vec!["answered".into(), body.into(), Value::Int(201), Value::Null, receipt.canonical().into()]);
    page.engine.call(&answer);
    page.engine.call(&answer);
    let told =
        page.said().into_iter().filter(|(name, detail)| name == "emit" && detail.items()[0].text() == Some("recorded"));
    assert_eq!(told.count(), 1);
    assert!(stored().outbox.entries.is_empty());
    assert_eq!(page.call(r#"["state"]"#).at("recorded"), Some(&Value::Bool(true)));
}

#[wasm_bindgen_test]
fn a_stored_value_that_cannot_be_read_grants_nothing() {
    let page = Page::fresh();
    page.call(ACCEPT);
    let good = storage().get_item(KEY).unwrap().unwrap();
    for bad in [&good[..good.len() / 2], &good.replace("\"format\":1", "\"format\":2"), "1", "{}", "null"] {
        storage().set_item(KEY, bad).unwrap();
        let page = Page::open(CONFIG).unwrap();
        assert_eq!(page.call(r#"["has","marketing"]"#), Value::Bool(false), "{bad}");
    }
    storage().set_item(KEY, &good).unwrap();
    assert_eq!(Page::open(CONFIG).unwrap().call(r#"["has","marketing"]"#), Value::Bool(true));
}

#[wasm_bindgen_test]
fn a_faulty_configuration_is_named_and_nothing_is_shown() {
    storage().remove_item(KEY).unwrap();
    let faulty = CONFIG.replacen("\"marketing\": {", "\"marketing\": { \"default\": true,", 1);
    assert_ne!(faulty, CONFIG);
    let why = Page::open(&faulty).err().expect("a pre-ticked category is refused");
    assert!(why.contains("$.categories.marketing.default"), "{why}");
}

#[wasm_bindgen_test]
fn a_tag_that_is_not_inert_is_reported() {
    let page = Page::fresh();
    page.log.set_length(0);
    page.call(r#"["seen","script",false,"marketing",null]"#);
    page.call(r#"["seen","script",true,"marketing",null]"#);
    let warnings: Vec<_> = page
        .said()
        .into_iter()
        .filter(|(name, detail)| name == "emit" && detail.canonical().contains("tag_not_inert"))
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[wasm_bindgen_test]
fn digests_are_those_of_fips_180_4() {
    assert_eq!(digest(b"abc"), "sha256-ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    assert_eq!(digest(b""), "sha256-47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
}
