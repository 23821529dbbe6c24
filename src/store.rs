//! Where the stored value lives: localStorage, a first-party cookie beside it, memory when both are refused (P5).
//!
//! Refused storage is a normal state. `gloo_storage::LocalStorage::raw` panics there, so it is probed first.

use crate::{clear, page};
use askfirst_core::choice::Stored;
use askfirst_core::time::Millis;
use askfirst_core::wire;
use gloo_storage::{LocalStorage, Storage as _};
use std::cell::RefCell;
use wasm_bindgen::JsCast;
use web_sys::HtmlDocument;

/// Longest cookie, name and attributes included, that browsers keep (RFC 6265 §6.1).
const MAX_COOKIE: usize = 4000;

/// Longest life that Chrome gives a cookie, in seconds (P4).
const MAX_AGE: Millis = 400 * 86_400;

/// The stored value's home.
#[derive(Debug, Default)]
pub struct Store {
    memory: RefCell<Option<Stored>>,
}

impl Store {
    /// Reads what is stored, from wherever it is.
    pub fn read(&self) -> Stored {
        if let Some(stored) = &*self.memory.borrow() {
            return stored.clone();
        }
        let local = local().and_then(|local| local.get_item(wire::KEY).ok().flatten());
        Stored::reconcile(local.as_deref(), &cookies())
    }

    /// Writes everywhere it can; into memory when nothing keeps it.
    pub fn write(&self, stored: &Stored, now: Millis) {
        let text = stored.encode();
        let kept = local().is_some_and(|local| local.set_item(wire::KEY, &text).is_ok());
        let mirrored = mirror(stored, now);
        *self.memory.borrow_mut() = if kept || mirrored { None } else { Some(stored.clone()) };
    }
}

fn local() -> Option<web_sys::Storage> {
    match page::window()?.local_storage() {
        Ok(Some(_)) => Some(LocalStorage::raw()),
        _ => None,
    }
}

/// Every cookie of our name: other domains and paths can have left some (FIELD complaint 8).
fn cookies() -> Vec<String> {
    clear::cookies()
        .into_iter()
        .filter(|(name, _)| name == wire::KEY)
        .filter_map(|(_, value)| js_sys::decode_uri_component(&value).ok())
        .map(String::from)
        .collect()
}

fn mirror(stored: &Stored, now: Millis) -> bool {
    let Some(document) = page::document().and_then(|document| document.dyn_into::<HtmlDocument>().ok()) else { return false };
    if cookies().len() > 1 {
        clear::delete_cookie(wire::KEY);
    }
    let until = stored.choice.iter().flat_map(|choice| &choice.decisions).map(|held| held.until).max().unwrap_or(0);
    let age = ((until - now) / 1000).clamp(0, MAX_AGE);
    let value = String::from(js_sys::encode_uri_component(&stored.encode_mirror()));
    let secure = page::origin().starts_with("https:");
    let attributes = if secure { "; path=/; samesite=lax; secure; max-age=" } else { "; path=/; samesite=lax; max-age=" };
    let cookie = [wire::KEY, "=", &value, attributes, &age.to_string()].concat();
    if cookie.len() > MAX_COOKIE {
        // An older mirror would contradict what is in localStorage.
        clear::delete_cookie(wire::KEY);
        return false;
    }
    let _ = document.set_cookie(&cookie);
    clear::cookies().into_iter().any(|(name, kept)| name == wire::KEY && kept == value)
}
