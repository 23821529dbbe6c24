//! A [`Node`] as HTML text, for the server's printed notice, the documentation and the tests. The browser never parses it.

use super::Node;
use crate::json::Value;
use alloc::string::String;

impl Node {
    /// As HTML. Text and attribute values are escaped, so nothing in a configuration can become markup (T2).
    pub fn to_html(&self) -> String {
        let mut out = String::new();
        write(&self.0, &mut out);
        out
    }
}

fn write(value: &Value, out: &mut String) {
    let [Value::Text(tag), attributes, content @ ..] = value.items() else {
        return escape(value.text().unwrap_or(""), out);
    };
    out.push('<');
    out.push_str(tag);
    for (name, value) in attributes.entries() {
        out.push(' ');
        out.push_str(name);
        let value = value.text().unwrap_or("");
        if !value.is_empty() {
            out.push_str("=\"");
            escape(value, out);
            out.push('"');
        }
    }
    out.push('>');
    // The elements of the interface without an end tag.
    if tag == "input" || tag == "br" {
        return;
    }
    for child in content {
        write(child, out);
    }
    out.push_str("</");
    out.push_str(tag);
    out.push('>');
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}
