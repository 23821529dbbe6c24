//! A [`Node`] as HTML text, for the server's printed notice, the documentation and the tests. The browser never parses it.

use super::Node;
use crate::json::Value;
use alloc::string::String;
use alloc::vec::Vec;

impl Node {
    /// As HTML. Text and attribute values are escaped, so nothing in a configuration can become markup (T2).
    pub fn to_html(&self) -> String {
        let mut out = String::new();
        write(&self.0, &mut out);
        out
    }
}

/// Elements and attributes of the interface. A notice that was registered may say anything.
const ELEMENTS: &[&str] = &[
    "a", "br", "button", "code", "dd", "details", "dialog", "div", "dl", "dt", "em", "fieldset", "h2", "h3", "h4",
    "input", "label", "legend", "li", "p", "section", "span", "strong", "summary", "ul",
];
const ATTRIBUTES: &[&str] = &[
    "aria-describedby",
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "checked",
    "class",
    "disabled",
    "for",
    "id",
    "part",
    "role",
    "title",
    "type",
];

/// What a notice says was shown, drawn again for somebody who looks at the evidence: the same elements in the same order.
/// Whatever the interface does not have is a plain `span` without attributes, links lead nowhere, and the dialog is open.
pub fn drawn(tree: &Value) -> String {
    let mut out = String::new();
    write(&tame(tree), &mut out);
    out
}

fn tame(value: &Value) -> Value {
    let [Value::Text(tag), attributes, content @ ..] = value.items() else { return value.clone() };
    let tag = ELEMENTS.iter().find(|known| *known == tag).copied().unwrap_or("span");
    let mut kept = Value::Map(Vec::new());
    for (name, value) in attributes.entries().iter().filter(|(name, _)| ATTRIBUTES.contains(&name.as_str())) {
        kept.set(name, value.clone());
    }
    if tag == "dialog" {
        kept.set("open", "".into());
    }
    let mut parts: Vec<Value> = [tag.into(), kept].into();
    parts.extend(content.iter().map(tame));
    Value::List(parts)
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

pub(crate) fn escape(text: &str, out: &mut String) {
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

#[cfg(test)]
mod tests {
    use super::drawn;
    use crate::json::parse;

    #[test]
    fn a_notice_that_is_drawn_again_can_do_no_harm() {
        let notice = r#"["section",{"class":"banner","onclick":"x()","style":"a"},["script",{"src":"//x"},"</script>"],
            ["a",{"href":"javascript:x()","part":"policy"},"<b>"],["dialog",{},"words"]]"#;
        assert_eq!(
            drawn(&parse(notice).unwrap()),
            "<section class=\"banner\"><span>&lt;/script&gt;</span><a part=\"policy\">&lt;b&gt;</a><dialog open>words</dialog></section>"
        );
    }
}
