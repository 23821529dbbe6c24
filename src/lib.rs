//! The browser crate: carries the effects of [`askfirst_core::machine`] out in a page.
//!
//! There is no rule here. Each exported function is one line into [`engine`]; `www/glue.ts` is the only caller.

#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, unused_imports))]
#![cfg(target_arch = "wasm32")]

mod clear;
mod engine;
mod host;
mod page;
mod store;
mod ui;

pub use engine::Engine;
pub use host::{Boot, Host};
pub use store::Store;

use wasm_bindgen::prelude::*;

// A third of the size of the default allocator; the engine allocates little and rarely.
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());

thread_local! {
    static ENGINE: std::cell::OnceCell<std::rc::Rc<Engine>> = const { std::cell::OnceCell::new() };
}

fn with<T>(f: impl FnOnce(&std::rc::Rc<Engine>) -> T) -> Option<T> {
    ENGINE.with(|engine| engine.get().cloned()).map(|engine| f(&engine))
}

/// What the glue must fetch before [`start`]: `{ lang, services: [id…] }` for this configuration and page language.
#[wasm_bindgen]
pub fn plan(config: &str, page_lang: &str) -> JsValue {
    engine::plan(config, page_lang)
}

/// Starts the engine, once. The error is a text with every problem of the configuration.
#[wasm_bindgen]
pub fn start(host: Host, boot: &Boot) -> Result<(), JsValue> {
    let engine = Engine::new(host, boot)?;
    ENGINE.with(|slot| slot.set(engine.clone())).map_err(|_| JsValue::from_str("already started"))?;
    engine.boot(boot.opened());
    Ok(())
}

/// A command of the JavaScript API or of an element with `data-askfirst`; `answers` belongs to `save`.
#[wasm_bindgen]
pub fn command(name: &str, by_visitor: bool, answers: Option<js_sys::Object>) {
    with(|engine| engine.command(name, by_visitor, answers));
}

/// Whether a category is open.
#[wasm_bindgen]
pub fn has(id: &str) -> bool {
    with(|engine| engine.has(id)).unwrap_or(false)
}

/// The state, as in the events.
#[wasm_bindgen]
pub fn state() -> JsValue {
    with(|engine| engine.state()).unwrap_or(JsValue::NULL)
}

/// What the visitor can keep as a receipt.
#[wasm_bindgen]
pub fn receipt() -> JsValue {
    with(|engine| engine.receipt()).unwrap_or(JsValue::NULL)
}

/// The server's answer to a posted body; status 0 when there was none.
#[wasm_bindgen]
pub fn answered(body: String, status: u16, retry_after: Option<u32>, text: &str) {
    with(|engine| engine.answered(body, status, retry_after, text));
}

/// Time passed, the network came back, or another tab may have written.
#[wasm_bindgen]
pub fn wake() {
    with(|engine| engine.wake());
}

/// A gated element that is still shut, to be checked for mistakes.
#[wasm_bindgen]
pub fn seen(element: &web_sys::Element) {
    with(|engine| engine.seen(element));
}
