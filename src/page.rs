//! What the engine reads from the page and its browser.

use askfirst_core::gate::Tag;
use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, Window};

/// The window; `None` only outside a page.
pub fn window() -> Option<Window> {
    web_sys::window()
}

/// The document.
pub fn document() -> Option<Document> {
    window()?.document()
}

/// The page's origin.
pub fn origin() -> String {
    window().and_then(|window| window.location().origin().ok()).unwrap_or_default()
}

/// 64 fresh random bytes. Without a source there are none, and the caller must not make an identifier.
pub fn random() -> Option<[u8; 64]> {
    let mut bytes = [0; 64];
    window()?.crypto().ok()?.get_random_values_with_u8_array(&mut bytes).ok()?;
    Some(bytes)
}

/// Whether Global Privacy Control is on (W3C GPC: `navigator.globalPrivacyControl`).
pub fn gpc() -> bool {
    let flag = window().and_then(|window| js_sys::Reflect::get(&window.navigator(), &"globalPrivacyControl".into()).ok());
    flag.is_some_and(|flag| flag.is_truthy())
}

/// A gated element as the rules see it.
pub fn tag(element: &Element) -> Tag {
    let name = element.local_name();
    let inert = if name == "script" {
        element.get_attribute("type").as_deref() == Some("text/plain")
    } else {
        !["src", "href", "srcset", "poster", "data", "srcdoc"].iter().any(|live| element.has_attribute(live))
    };
    Tag {
        element: name,
        inert,
        category: element.get_attribute("data-category").unwrap_or_default(),
        service: element.get_attribute("data-service"),
    }
}

/// Whether a tag of one of these categories has been released on this page.
pub fn has_run(categories: &[String]) -> bool {
    let Some(document) = document() else { return false };
    let Ok(elements) = document.query_selector_all("[data-category]") else { return false };
    (0..elements.length()).filter_map(|i| elements.item(i)?.dyn_into::<Element>().ok()).any(|element| {
        let tag = tag(&element);
        let live = !tag.inert && tag.element != "link" && tag.element != "img";
        live && tag.category.split([' ', ',']).any(|token| categories.iter().any(|id| id == askfirst_core::gate::canonical(token)))
    })
}

/// Whether a form holds something that a reload would lose.
pub fn has_unsaved_input() -> bool {
    let Some(document) = document() else { return false };
    let Ok(fields) = document.query_selector_all("input,textarea") else { return false };
    (0..fields.length()).filter_map(|i| fields.item(i)).any(|field| {
        if let Some(input) = field.dyn_ref::<web_sys::HtmlInputElement>() {
            let kind = input.type_();
            kind != "hidden" && (input.value() != input.default_value() || input.checked() != input.default_checked())
        } else {
            field.dyn_ref::<web_sys::HtmlTextAreaElement>().is_some_and(|area| Ok(area.value()) != area.default_value())
        }
    })
}

/// Reloads the page.
pub fn reload() {
    if let Some(window) = window() {
        let _ = window.location().reload();
    }
}
