//! The JavaScript side: what `www/glue.ts` does for the engine.

use askfirst_core::json::{self, Value};
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The actions of the glue. One function for all: each import costs a wrapper on both sides.
    pub type Host;

    /// Carries one out. Never throws; the answer is JSON, or empty where there is nothing to say.
    #[wasm_bindgen(method)]
    fn call(this: &Host, action: &str, detail: JsValue) -> String;
}

impl Host {
    /// Carries an action out.
    #[inline(never)]
    pub fn tell(&self, action: &str, detail: &Value) {
        self.call(action, to_js(detail));
    }

    /// Carries an action out for its answer.
    #[inline(never)]
    pub fn ask(&self, action: &str, detail: &Value) -> Value {
        json::parse(&self.call(action, to_js(detail))).unwrap_or(Value::Null)
    }

    /// One line for the site's owner.
    pub fn warn(&self, line: &str) {
        self.tell("warn", &line.into());
    }
}

/// A core value as a plain JavaScript value.
#[inline(never)]
pub fn to_js(value: &Value) -> JsValue {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).unwrap_or(JsValue::NULL)
}
