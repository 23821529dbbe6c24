//! From the core's description of the interface to elements.

use askfirst_core::view::{Content, Node};
use wasm_bindgen::JsValue;
use web_sys::{Document, Element};

/// Makes the element that `node` describes. Text only ever becomes text nodes (T2).
pub(super) fn element(document: &Document, node: &Node) -> Result<Element, JsValue> {
    let element = document.create_element(node.tag)?;
    for (name, value) in &node.attributes {
        element.set_attribute(name, value)?;
    }
    for content in &node.content {
        match content {
            Content::Text(text) => element.append_child(&document.create_text_node(text))?,
            Content::Node(node) => element.append_child(&self::element(document, node)?.into())?,
        };
    }
    Ok(element)
}
