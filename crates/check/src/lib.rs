//! Everything that is wrong with a configuration, in sentences, for the browser's console.
//!
//! The engine only decides whether a configuration is good, and names the places where it is not. This module has the
//! words: the same parser as `askfirst check`. `www/check.ts` loads it when the engine has refused to start, and on the
//! machine of whoever develops the site. A visitor's browser does so only on a page with `<askfirst-declaration>`, which
//! `www/declaration.ts` fills from here, with or without the engine.

use askfirst_core::json;
use askfirst_core::settings;
use askfirst_core::texts::Texts;
use askfirst_core::view;
use std::collections::BTreeMap;
use wasm_bindgen::prelude::*;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());

/// Every problem of a configuration, one a line; empty when there is none. `files` is
/// `{ service: text of its file }`.
#[wasm_bindgen]
pub fn check(config: &str, files: JsValue) -> String {
    lines(config, serde_wasm_bindgen::from_value(files).unwrap_or_default())
}

/// What must be fetched before [`declaration`]: the language and the ready-made services, separated by spaces.
#[wasm_bindgen]
pub fn plan(config: &str, page_lang: &str) -> String {
    settings::plan(config, page_lang)
}

/// The declaration as a tree of elements (JSON, `core::view`); `null` where the configuration can't be read. `locale`
/// and `later` are the texts of `locales/<lang>.json` and `locales/later/<lang>.json`.
#[wasm_bindgen]
pub fn declaration(config: &str, files: JsValue, lang: &str, locale: &str, later: &str, level: u8) -> String {
    let files = serde_wasm_bindgen::from_value(files).unwrap_or_default();
    declare(config, files, [locale, later].map(|text| Texts::parse(lang, text)), level)
}

fn declare(config: &str, files: BTreeMap<String, String>, words: [Option<Texts>; 2], level: u8) -> String {
    let (settings, _) = settings::parse(config, &catalogue(files));
    let (Some(settings), [Some(words), Some(later)]) = (settings, words) else { return "null".to_owned() };
    view::declaration(&settings, &words.with_later(&later).with_overrides(&settings), level).value().canonical()
}

fn lines(config: &str, files: BTreeMap<String, String>) -> String {
    let (_, problems) = settings::parse(config, &catalogue(files));
    problems.iter().map(settings::Problem::line).collect::<Vec<_>>().join("\n")
}

fn catalogue(files: BTreeMap<String, String>) -> Vec<(String, json::Value)> {
    files.into_iter().filter_map(|(id, text)| Some((id, json::parse(&text).ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::lines;
    use std::collections::BTreeMap;

    #[test]
    fn every_problem_is_a_line_with_its_place_and_a_suggestion() {
        let config = r#"{ "version": "1", "controller": { "name": "X", "contact": "x@example.com", "policy": "/p" },
          "categories": { "marketing": { "default": true, "services": ["youtub"] } } }"#;
        let lines = lines(config, BTreeMap::new());
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(
            lines[0].starts_with("error L01 at $.categories.marketing.default: a choice must start off"),
            "{lines:?}"
        );
        assert!(lines[1].ends_with("(try: youtube)"), "{lines:?}");
        assert!(lines[2].starts_with("warning L29 at $.records: "), "{lines:?}");
    }

    #[test]
    fn a_ready_made_service_is_read_from_its_file() {
        let config = r#"{ "version": "1", "controller": { "name": "X", "contact": "x@example.com", "policy": "/p" },
          "categories": { "marketing": { "services": ["youtube"] } }, "records": { "endpoint": "/r" } }"#;
        let file = r#"{ "name": "YouTube" }"#;
        let lines = lines(config, BTreeMap::from([("youtube".to_string(), file.to_string())]));
        assert!(lines.contains("error L08 at services/youtube.json.provider: missing"), "{lines}");
        let mut errors = lines.lines().filter(|line| line.starts_with("error"));
        assert!(errors.all(|line| line.contains("services/youtube.json")), "{lines}");
    }
}
