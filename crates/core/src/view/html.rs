//! A [`Node`] as HTML text, for the server's printed notice, the documentation and the tests. The browser never parses it.

use super::{Content, Node};
use alloc::string::String;

impl Node {
    /// As HTML. Text and attribute values are escaped, so nothing in a configuration can become markup (T2).
    pub fn to_html(&self) -> String {
        let mut out = String::new();
        self.write_html(&mut out);
        out
    }

    fn write_html(&self, out: &mut String) {
        out.push('<');
        out.push_str(self.tag);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            if !value.is_empty() {
                out.push_str("=\"");
                escape(value, out);
                out.push('"');
            }
        }
        out.push('>');
        // The only element of the interface without an end tag.
        if self.tag == "input" {
            return;
        }
        for content in &self.content {
            match content {
                Content::Text(text) => escape(text, out),
                Content::Node(node) => node.write_html(out),
            }
        }
        out.push_str("</");
        out.push_str(self.tag);
        out.push('>');
    }
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
