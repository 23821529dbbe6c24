//! The declaration of all storage, for the page where an owner explains it (P49, B9, B18): the same in the page's own
//! element (`www/declaration.ts`) and from `askfirst declaration`.

use super::{Node, template};
use crate::json::{Value, Writer};
use crate::notice;
use crate::settings::Settings;
use crate::texts::{Texts, is_rtl};
use alloc::string::String;

/// What is declared, as a tree of headings and one table per category. `level` is that of the first heading, 1 to 5,
/// so that it fits the outline of the page it stands in; the categories' headings are one below.
pub fn declaration(settings: &Settings, texts: &Texts, level: u8) -> Node {
    let mut data = Writer::default();
    data.open('{');
    data.text("dir", if is_rtl(texts.lang()) { "rtl" } else { "ltr" });
    super::kept(&mut data, settings, texts);
    data.close('}');
    let source = include_str!("declaration.view");
    let mut tree = template::draw(source, texts, [&data.into_value(), &declared(settings, texts)]);
    place(&mut tree, level.clamp(1, 5));
    Node(tree)
}

/// The same for programs: what the notice declares, without the interface. Every item has a purpose here: its own, else
/// its service's.
pub fn declared(settings: &Settings, texts: &Texts) -> Value {
    let mut declared = notice::declared(settings, texts);
    for category in list(&mut declared, "purposes") {
        for service in list(category, "services") {
            let purpose = service.get("purpose").clone();
            for item in list(service, "items") {
                if item.get("purpose") == &Value::Null {
                    item.set("purpose", purpose.clone());
                }
            }
        }
    }
    declared
}

fn list<'v>(value: &'v mut Value, key: &str) -> &'v mut [Value] {
    let Value::Map(entries) = value else { return &mut [] };
    match entries.iter_mut().find(|(known, _)| known == key) {
        Some((_, Value::List(items))) => items,
        _ => &mut [],
    }
}

/// Puts the headings, described as `h2` and `h3`, at their level.
fn place(element: &mut Value, level: u8) {
    let Value::List(parts) = element else { return };
    for (at, part) in parts.iter_mut().enumerate() {
        let depth = match part {
            Value::Text(tag) if at == 0 && tag == "h2" => level,
            Value::Text(tag) if at == 0 && tag == "h3" => level + 1,
            _ => {
                place(part, level);
                continue;
            }
        };
        let mut tag = String::from("h");
        tag.push(char::from(b'0' + depth));
        *part = Value::Text(tag);
    }
}
