//! The JavaScript side: what `www/glue.ts` hands over and what it does for the engine.

use askfirst_core::json::Value;
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// What the page knows at the start.
    pub type Boot;

    /// The configuration's text.
    #[wasm_bindgen(method, getter)]
    pub fn config(this: &Boot) -> String;
    /// The locale file's text.
    #[wasm_bindgen(method, getter)]
    pub fn locale(this: &Boot) -> String;
    /// Its language tag.
    #[wasm_bindgen(method, getter)]
    pub fn lang(this: &Boot) -> String;
    /// `[id, text]` of each ready-made service that the configuration names.
    #[wasm_bindgen(method, getter)]
    pub fn services(this: &Boot) -> js_sys::Array;
    /// The loader's page key.
    #[wasm_bindgen(method, getter)]
    pub fn key(this: &Boot) -> String;
    /// Whether the loader has opened the stored gate.
    #[wasm_bindgen(method, getter)]
    pub fn opened(this: &Boot) -> bool;
    /// The style sheet of the interface.
    #[wasm_bindgen(method, getter)]
    pub fn css(this: &Boot) -> String;
    /// Digest of the WebAssembly and the style sheet.
    #[wasm_bindgen(method, getter)]
    pub fn ui(this: &Boot) -> String;
    /// Name and version of the software.
    #[wasm_bindgen(method, getter)]
    pub fn client(this: &Boot) -> String;

    /// What the glue does for the engine.
    pub type Host;

    /// Dispatches `askfirst:<name>` on `window` and calls the listeners.
    #[wasm_bindgen(method)]
    pub fn emit(this: &Host, name: &str, detail: JsValue);
    /// Hands the loader a gate.
    #[wasm_bindgen(method)]
    pub fn open(this: &Host, gate: JsValue);
    /// Calls `gtag` with this argument list, if the page has one.
    #[wasm_bindgen(method)]
    pub fn signal(this: &Host, args: JsValue);
    /// Posts a body to the records endpoint; `answered` is called with the outcome.
    #[wasm_bindgen(method)]
    pub fn post(this: &Host, url: &str, body: &str);
    /// Calls `wake` after this many milliseconds.
    #[wasm_bindgen(method)]
    pub fn later(this: &Host, milliseconds: f64);
    /// Offers a text as a file.
    #[wasm_bindgen(method)]
    pub fn download(this: &Host, name: &str, text: &str);
    /// Deletes an IndexedDB database.
    #[wasm_bindgen(method, js_name = dropDatabase)]
    pub fn drop_database(this: &Host, name: &str);
    /// One line for the site's owner.
    #[wasm_bindgen(method)]
    pub fn warn(this: &Host, line: &str);
}

/// A core value as a plain JavaScript value.
pub fn to_js(value: &Value) -> JsValue {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).unwrap_or(JsValue::NULL)
}
