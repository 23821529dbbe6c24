//! What a withdrawal could not delete from the device, and why (G5): so that the record of it promises no more than was done.

use super::Why;
use crate::json::{Value, Writer};
use crate::pattern;
use crate::settings::{Kind, Settings};
use alloc::string::String;
use alloc::vec::Vec;

/// Most that one record names; how many more there are it says as well.
pub const MAX_LEFT: usize = 16;

/// Everything that was left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// At least one and at most [`MAX_LEFT`], none twice.
    pub items: Vec<LeftItem>,
    /// How many are not named.
    pub more: u32,
}

/// One thing, by the name under which the owner has declared it. What is on the device can have a longer one, with which
/// somebody could be told from others (R2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftItem {
    /// What it is.
    pub kind: Kind,
    /// The declared name, in which `*` stands for any characters.
    pub name: String,
    /// Why it is still there.
    pub why: Why,
}

impl Left {
    /// What the page has found, `[{kind, name, why}…]`, as far as it is declared.
    pub fn declared(found: &Value, settings: &Settings) -> Self {
        let mut left = Self::default();
        for one in found.items() {
            let (kind, name) = (one.get("kind").text().unwrap_or(""), one.get("name").text().unwrap_or(""));
            let why = Why::named(one.get("why").text().unwrap_or(""));
            for service in settings.categories.iter().flat_map(|category| &category.services) {
                let mut items = service.items.iter();
                let item = items.find(|item| item.kind.name() == kind && pattern::matches(&item.name, name));
                if let (Some(item), Some(why)) = (item, why) {
                    left.push(LeftItem { kind: item.kind, name: item.name.clone(), why });
                    break;
                }
            }
        }
        left
    }

    fn push(&mut self, item: LeftItem) {
        if self.items.contains(&item) {
        } else if self.items.len() < MAX_LEFT {
            self.items.push(item);
        } else {
            self.more += 1;
        }
    }

    /// Its canonical text.
    pub fn text(&self) -> String {
        let mut writer = Writer::default();
        writer.open('{');
        writer.list("items");
        for item in &self.items {
            writer.open('{');
            writer.text("kind", item.kind.name());
            writer.text("name", &item.name);
            writer.text("why", item.why.name());
            writer.close('}');
        }
        writer.close(']');
        if self.more > 0 {
            writer.int("more", i64::from(self.more));
        }
        writer.close('}');
        writer.finish()
    }
}
