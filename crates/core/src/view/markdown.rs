//! A [`Node`] as Markdown with the tables of GitHub's dialect, for documentation that is written so.

use super::Node;
use crate::json::Value;
use alloc::string::String;

impl Node {
    /// As Markdown. Text is escaped, so nothing in a configuration can become markup (T2). Buttons are left out: without
    /// a script they would do nothing.
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        block(&self.0, &mut out);
        out
    }
}

fn block(node: &Value, out: &mut String) {
    let [Value::Text(tag), _, content @ ..] = node.items() else { return };
    match tag.as_str() {
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
            let level = usize::from(tag.as_bytes().get(1).map_or(1, |digit| digit - b'0'));
            paragraph(&["######".get(..level).unwrap_or("#"), " "].concat(), content, out);
        }
        "p" => paragraph("", content, out),
        "ul" => {
            for item in content {
                let mut text = String::new();
                inline(item, &mut text);
                out.push_str(&["- ", &text, "\n"].concat());
            }
            out.push('\n');
        }
        "table" => {
            content.iter().for_each(|group| table(group, out));
            out.push('\n');
        }
        _ => content.iter().for_each(|child| block(child, out)),
    }
}

fn paragraph(start: &str, content: &[Value], out: &mut String) {
    let mut text = String::new();
    content.iter().for_each(|child| inline(child, &mut text));
    if !text.is_empty() {
        out.push_str(start);
        out.push_str(&text);
        out.push_str("\n\n");
    }
}

/// The rows of a `thead` or a `tbody`. A cell over several columns is followed by empty ones.
fn table(group: &Value, out: &mut String) {
    let [Value::Text(tag), _, rows @ ..] = group.items() else { return };
    for row in rows {
        let cells = row.items().get(2..).unwrap_or_default();
        let mut columns = 0;
        for cell in cells {
            let [Value::Text(_), attributes, content @ ..] = cell.items() else { continue };
            let mut text = String::new();
            content.iter().for_each(|child| inline(child, &mut text));
            let attribute = |name| attributes.at(name).and_then(Value::text);
            let strong = if attribute("scope") == Some("rowgroup") { "**" } else { "" };
            out.push_str(&["| ", strong, text.trim(), strong, " "].concat());
            let wide = attribute("colspan").and_then(|n| n.parse().ok()).unwrap_or(1);
            out.push_str(&"| ".repeat(wide - 1.min(wide)));
            columns += wide;
        }
        out.push_str("|\n");
        if tag == "thead" {
            out.push_str(&"|---".repeat(columns));
            out.push_str("|\n");
        }
    }
}

fn inline(node: &Value, out: &mut String) {
    let [Value::Text(tag), attributes, content @ ..] = node.items() else {
        return escape(node.text().unwrap_or_default(), out);
    };
    let all = |out: &mut String| content.iter().for_each(|child| inline(child, out));
    match tag.as_str() {
        "button" => {}
        "br" => out.push_str("<br>"),
        "strong" | "em" => {
            let marker = if tag == "em" { "*" } else { "**" };
            out.push_str(marker);
            all(out);
            out.push_str(marker);
        }
        // Backslashes mean nothing inside a code span, and a bar ends a cell even there.
        "code"
            if !content.iter().any(|child| child.text().is_none_or(|text| text.contains(['`', '|', '\\', '\n']))) =>
        {
            out.push('`');
            content.iter().filter_map(Value::text).for_each(|text| out.push_str(text));
            out.push('`');
        }
        "a" => {
            out.push('[');
            all(out);
            out.push_str("](<");
            for c in attributes.at("href").and_then(Value::text).unwrap_or_default().chars() {
                match c {
                    '<' => out.push_str("%3C"),
                    '>' => out.push_str("%3E"),
                    '|' => out.push_str("%7C"),
                    '\\' => out.push_str("%5C"),
                    c => out.push(c),
                }
            }
            out.push_str(">)");
        }
        "dt" => {
            if !out.is_empty() {
                out.push_str("<br>");
            }
            all(out);
            out.push_str(": ");
        }
        _ => all(out),
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '#' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
}
