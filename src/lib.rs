//! The browser crate: carries the effects of [`askfirst_core::machine`] out in a page.
//!
//! There is no rule here. Each exported function is one line into [`engine`]; `www/glue.ts` is the only caller.

#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, unused_imports))]
#![cfg(target_arch = "wasm32")]

mod engine;
mod host;
mod store;

pub use engine::Engine;
pub use host::Host;

use askfirst_core::json::{self, Value};
use std::cell::Cell;
use wasm_bindgen::prelude::*;

// A third of the size of the default allocator; the engine allocates little and rarely.
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());

thread_local! {
    static ENGINE: Cell<Option<&'static Engine>> = const { Cell::new(None) };
}

// Texts of JSON go in, so that each export takes one argument: every other would be converted by code of its own.

/// What the glue must fetch before [`start`], for `[config, page language]`: the language and the ready-made services,
/// separated by spaces.
#[wasm_bindgen]
pub fn plan(request: &str) -> String {
    engine::plan(&json::parse(request).unwrap_or(Value::Null))
}

/// Starts the engine, once, with what the page knows. Empty, or why it could not start: then nothing has been shown or
/// opened. Lines that begin with `error` are problems of the configuration.
#[wasm_bindgen]
pub fn start(host: Host, boot: &str) -> String {
    let boot = json::parse(boot).unwrap_or(Value::Null);
    match Engine::new(host, &boot) {
        Ok(engine) => {
            // It lives as long as the page: what would take it apart stays out of the bundle.
            let engine: &'static Engine = Box::leak(Box::new(engine));
            ENGINE.set(Some(engine));
            let imported = boot.at("imported").is_some_and(|found| engine.import(found));
            engine.boot(imported || boot.at("opened") == Some(&Value::Bool(true)));
            String::new()
        }
        Err(why) => why,
    }
}

/// Calls the engine: `[name, argument…]`, see [`Engine::call`]; the answer is JSON.
#[wasm_bindgen]
pub fn call(request: &str) -> String {
    answer(request)
}

/// Not inlined: what the page can call is in the first part of the bundle, and this is not wanted there.
#[inline(never)]
fn answer(request: &str) -> String {
    match (ENGINE.get(), json::parse(request)) {
        (Some(engine), Ok(request)) => engine.call(&request),
        _ => String::from("null"),
    }
}
