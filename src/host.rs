//! The JavaScript side: what `www/glue.ts` does for the engine.

use askfirst_core::json::{self, Value, Writer};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The actions of the glue. One function for all: each import costs a wrapper on both sides.
    pub type Host;

    /// Carries one out. Never throws. The detail is JSON and so is the answer, which is empty where there is nothing to
    /// say: one conversion for every type, and the page has a parser anyway.
    #[wasm_bindgen(method)]
    fn call(this: &Host, action: &str, detail: &str) -> String;
}

impl Host {
    /// Carries an action out.
    #[inline(never)]
    pub fn tell(&self, action: &str, detail: &str) {
        self.call(action, detail);
    }

    /// Carries an action out whose detail is one string.
    pub fn tell_text(&self, action: &str, text: &str) {
        let mut detail = Writer::default();
        detail.string(text);
        self.tell(action, &detail.finish());
    }

    /// Carries an action out whose detail is `[name, what is JSON already]`.
    #[inline(never)]
    pub fn tell_pair(&self, action: &str, name: &str, json: &str) {
        let mut detail = Writer::default();
        detail.open('[');
        detail.string(name);
        detail.raw(json);
        detail.close(']');
        self.tell(action, &detail.finish());
    }

    /// Carries an action out for its answer.
    #[inline(never)]
    pub fn ask(&self, action: &str, detail: &str) -> Value {
        json::parse(&self.call(action, detail)).unwrap_or(Value::Null)
    }
}
