//! Deletes declared cookies and storage, and reads again what could not be deleted (G5).

use crate::host::Host;
use crate::page;
use askfirst_core::machine::Target;
use askfirst_core::settings::Kind;
use wasm_bindgen::JsCast;
use web_sys::{HtmlDocument, Storage};

/// Every readable cookie as (name, raw value).
pub fn cookies() -> Vec<(String, String)> {
    let all = html().and_then(|document| document.cookie().ok()).unwrap_or_default();
    all.split("; ")
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// Deletes what the targets name. Returns the names that are still there, HttpOnly and foreign ones not being visible.
pub fn delete(host: &Host, targets: &[Target]) -> Vec<String> {
    for target in targets {
        match target.kind {
            Kind::Cookie => matching_cookies(target).iter().for_each(|name| delete_cookie(name)),
            Kind::LocalStorage | Kind::SessionStorage => {
                if let Some(storage) = storage(target.kind) {
                    for key in matching_keys(&storage, target) {
                        let _ = storage.remove_item(&key);
                    }
                }
            }
            Kind::IndexedDb => host.drop_database(&target.name),
            Kind::Pixel => {}
        }
    }
    targets.iter().flat_map(remaining).collect()
}

/// Expires a cookie on this host and every parent domain, for the root and every ancestor of the path (FIELD 32).
pub fn delete_cookie(name: &str) {
    let (Some(document), Some(window)) = (html(), page::window()) else { return };
    let location = window.location();
    let host = location.hostname().unwrap_or_default();
    let path = location.pathname().unwrap_or_default();
    let mut domains = vec![String::new()];
    // The browser itself refuses a public suffix, so each longer suffix is simply tried.
    let mut rest = host.as_str();
    while rest.contains('.') {
        domains.push(["; domain=", rest].concat());
        rest = rest.split_once('.').map_or("", |(_, parent)| parent);
    }
    let mut paths = vec!["/".to_string()];
    for (at, _) in path.match_indices('/').skip(1) {
        paths.push(path[..at].to_string());
        paths.push(path[..=at].to_string());
    }
    paths.push(path.clone());
    for domain in &domains {
        for path in &paths {
            let _ = document.set_cookie(&[name, "=; max-age=0; path=", path, domain].concat());
        }
    }
}

fn remaining(target: &Target) -> Vec<String> {
    match target.kind {
        Kind::Cookie => matching_cookies(target),
        Kind::LocalStorage | Kind::SessionStorage => {
            storage(target.kind).map(|storage| matching_keys(&storage, target)).unwrap_or_default()
        }
        Kind::IndexedDb | Kind::Pixel => Vec::new(),
    }
}

fn matching_cookies(target: &Target) -> Vec<String> {
    cookies().into_iter().map(|(name, _)| name).filter(|name| target.matches(name)).collect()
}

fn matching_keys(storage: &Storage, target: &Target) -> Vec<String> {
    let count = storage.length().unwrap_or(0);
    (0..count).filter_map(|i| storage.key(i).ok().flatten()).filter(|key| target.matches(key)).collect()
}

fn storage(kind: Kind) -> Option<Storage> {
    let window = page::window()?;
    let storage = if kind == Kind::LocalStorage { window.local_storage() } else { window.session_storage() };
    storage.ok().flatten()
}

fn html() -> Option<HtmlDocument> {
    page::document()?.dyn_into().ok()
}
