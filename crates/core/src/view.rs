//! What is shown, as a tree: the browser makes elements of it, the notice hashes it, the server can print it.
//!
//! There is one description of the interface, so what a record says was shown is what was shown.

mod banner;
mod dialog;
mod html;
#[cfg(test)]
mod tests;

pub use banner::{banner, reopen};
pub use dialog::dialog;

use crate::json::{Value, map};
use crate::settings::{Category, Settings};
use crate::texts::Texts;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// An element of the interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// HTML element name.
    pub tag: &'static str,
    /// Attributes, in this order.
    pub attributes: Vec<(&'static str, String)>,
    /// Children and text, in this order.
    pub content: Vec<Content>,
}

/// What stands inside a [`Node`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Plain text; never markup (T2).
    Text(String),
    /// A child.
    Node(Node),
}

/// Why the first layer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// The visitor has not decided yet: every purpose is asked.
    First,
    /// These purposes (category ids) are new or have changed in substance since the last choice (B15).
    Changed(&'a [String]),
}

/// What the dialog needs to know about the visitor's choice. Nothing of it is part of the notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Ids of the granted categories; empty before the first choice, so every switch starts off (B2).
    pub granted: Vec<String>,
    /// The UTC date of the choice, once there is one (B16).
    pub decided: Option<String>,
    /// The record's id, once there is one (B16).
    pub record_id: Option<String>,
}

/// What a control does when pressed; the value of its `data-action` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Grant every purpose that the first layer asks about.
    Accept,
    /// Grant every purpose.
    AcceptAll,
    /// Close the dialog; decides nothing (B1).
    Close,
    /// Open the dialog.
    Customise,
    /// Save the receipt as a file.
    Receipt,
    /// Refuse every purpose that the first layer asks about.
    Reject,
    /// Refuse every purpose.
    RejectAll,
    /// Save the switches as they stand.
    Save,
    /// Withdraw everything (B7).
    Withdraw,
}

impl Action {
    /// Every action with the value of its `data-action` attribute.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Accept, "accept"),
        (Self::AcceptAll, "accept-all"),
        (Self::Close, "close"),
        (Self::Customise, "customise"),
        (Self::Receipt, "receipt"),
        (Self::Reject, "reject"),
        (Self::RejectAll, "reject-all"),
        (Self::Save, "save"),
        (Self::Withdraw, "withdraw"),
    ];

    /// The value of the `data-action` attribute.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(action, _)| *action == self).map_or("close", |(_, name)| name)
    }

    /// The action with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(action, _)| *action)
    }
}

impl Node {
    /// An element without attributes or content.
    pub fn new(tag: &'static str) -> Self {
        Self { tag, attributes: Vec::new(), content: Vec::new() }
    }

    /// With an attribute.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// With a `part`, the name for theming and tests.
    pub fn part(self, name: &str) -> Self {
        self.with("part", name)
    }

    /// With what it does when pressed.
    pub fn action(self, action: Action) -> Self {
        self.with("data-action", action.name())
    }

    /// With text.
    pub fn text(mut self, text: &str) -> Self {
        self.content.push(Content::Text(text.to_string()));
        self
    }

    /// With a child.
    pub fn child(mut self, child: Node) -> Self {
        self.content.push(Content::Node(child));
        self
    }

    /// With children.
    pub fn children(mut self, children: impl IntoIterator<Item = Node>) -> Self {
        self.content.extend(children.into_iter().map(Content::Node));
        self
    }

    /// As JSON, for the notice: `["tag", {attributes}, content…]`.
    pub fn to_value(&self) -> Value {
        let attributes =
            self.attributes.iter().map(|(name, value)| ((*name).to_string(), value.as_str().into())).collect();
        let mut parts = Vec::from([Value::from(self.tag), Value::Map(attributes)]);
        parts.extend(self.content.iter().map(|content| match content {
            Content::Text(text) => Value::from(text.as_str()),
            Content::Node(node) => node.to_value(),
        }));
        Value::List(parts)
    }
}

/// Everything that [`banner`], [`dialog`] and [`reopen`] can show before a choice, for the notice.
pub fn everything(settings: &Settings, texts: &Texts) -> Value {
    let changed: Vec<String> = settings.asked().map(|category| category.id.clone()).collect();
    map([
        ("banner", banner(settings, texts, Asked::First, false).to_value()),
        ("change", banner(settings, texts, Asked::Changed(&changed), true).to_value()),
        ("dialog", dialog(settings, texts, &Standing::default(), true).to_value()),
        ("reopen", reopen(settings, texts).to_value()),
    ])
}

/// The title of a category: the owner's, else the bundled one.
fn title<'a>(texts: &'a Texts, category: &'a Category) -> &'a str {
    category.title.as_ref().map_or_else(|| bundled(texts, category, ".title"), |own| texts.localized(own))
}

/// The sentence of a category: the owner's, else the bundled one.
fn sentence<'a>(texts: &'a Texts, category: &'a Category) -> &'a str {
    category.text.as_ref().map_or_else(|| bundled(texts, category, ".text"), |own| texts.localized(own))
}

fn bundled<'a>(texts: &'a Texts, category: &'a Category, suffix: &str) -> &'a str {
    texts.find(&["category.", &category.id, suffix].concat()).unwrap_or(&category.id)
}

/// A button. Every one that decides has the same class, so that no style can set them apart (B4).
fn button(part: &str, text: &str, action: Action) -> Node {
    press("button", part, text, action)
}

/// A button of the same size that decides nothing.
fn plain(part: &str, text: &str, action: Action) -> Node {
    press("button plain", part, text, action)
}

fn press(class: &str, part: &str, text: &str, action: Action) -> Node {
    Node::new("button").with("type", "button").with("class", class).part(part).action(action).text(text)
}

/// A paragraph.
fn paragraph(text: &str) -> Node {
    Node::new("p").text(text)
}
