//! What is shown, as a tree: the browser makes elements of it, the notice hashes it, the server can print it.
//!
//! There is one description of the interface, so what a record says was shown is what was shown: `view/*.view`, in the
//! small language of [`template`], about the data of [`data`].

mod data;
mod html;
mod template;
#[cfg(test)]
mod tests;

use crate::json::Value;
use crate::settings::Settings;
use crate::texts::Texts;
use alloc::string::String;
use alloc::vec::Vec;
use data::Data;

/// An element of the interface, in the form in which the notice keeps it: `["tag", {attributes}, content…]`, where
/// content is text (never markup, T2) or such an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node(Value);

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
        // In the order of the variants, which a test holds it to.
        Self::ALL.get(self as usize).map_or("close", |(_, name)| name)
    }

    /// The action with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(action, _)| *action)
    }
}

impl Node {
    /// As JSON, for the notice and for the page.
    pub fn to_value(&self) -> Value {
        self.0.clone()
    }

    /// The same, without a copy.
    pub fn value(&self) -> &Value {
        &self.0
    }
}

/// The first layer (B3–B6): who asks, for what, how to withdraw, the policy; accept and reject alike.
///
/// Refusing comes first in reading and tab order, accepting stands at the inline end, where many expect the button
/// that goes on: each has one advantage of place and none of looks (B4).
pub fn banner(settings: &Settings, texts: &Texts, asked: Asked<'_>, gpc: bool) -> Node {
    let mut purposes = Vec::new();
    let mut recipients: Vec<&str> = Vec::new();
    for category in settings.asked() {
        if let Asked::Changed(ids) = asked
            && !ids.contains(&category.id)
        {
            continue;
        }
        purposes.push(data::purpose(texts, category, &Standing::default()));
        for service in &category.services {
            if !recipients.contains(&service.provider.as_str()) {
                recipients.push(&service.provider);
            }
        }
    }
    let mut data = Data::new(settings, texts, gpc);
    data.flag("first", asked == Asked::First);
    data.put("purposes", Value::List(purposes));
    data.count(recipients.len());
    data.option("own-control", settings.reopen.own.as_deref());
    Node(template::draw(include_str!("view/banner.view"), texts, &data.value()))
}

/// The preferences dialog (B8, B9, B16): one switch per category, every service and item.
///
/// A label stays the same whatever its switch says (A3), and only what was granted starts on (B2). Closing decides
/// nothing, and its label says so (B1). `details` works in print, with find-in-page and before any script (A4). An item
/// without a purpose of its own serves the service's, which stands right above the list. Links leave the dialog, its
/// draft and the page as they are.
pub fn dialog(settings: &Settings, texts: &Texts, standing: &Standing, gpc: bool) -> Node {
    let mut data = Data::new(settings, texts, gpc);
    let (mut purposes, mut granted) = (Vec::new(), false);
    for category in &settings.categories {
        purposes.push(data::purpose(texts, category, standing));
        granted |= !category.exempt && standing.granted.contains(&category.id);
    }
    data.put("purposes", Value::List(purposes));
    // What was chosen and when, with the receipt and the way back (B7, B16).
    data.option("date", standing.decided.as_deref());
    data.option("id", standing.record_id.as_deref());
    data.flag("granted", granted);
    data.flag("ways", granted || standing.record_id.is_some());
    // What Askfirst itself keeps is declared by `settings` (B18); where there is a server, what that keeps is added.
    let mut kept = String::new();
    if settings.records.is_some() {
        kept.push(' ');
        kept.push_str(texts.text("own.record"));
    }
    data.text("kept", &kept);
    Node(template::draw(include_str!("view/dialog.view"), texts, &data.value()))
}

/// The control that reopens the preferences (B6, B7), inside a landmark of its own so that it can be found.
pub fn reopen(settings: &Settings, texts: &Texts) -> Node {
    let mut data = Data::default();
    data.text("place", if settings.reopen.end { "reopen end" } else { "reopen" });
    Node(template::draw(include_str!("view/reopen.view"), texts, &data.value()))
}

/// Everything that [`banner`], [`dialog`] and [`reopen`] can show before a choice, for the notice.
pub fn everything(settings: &Settings, texts: &Texts) -> Value {
    let mut changed = Vec::new();
    for category in settings.asked() {
        changed.push(category.id.clone());
    }
    let mut parts = Data::default();
    parts.put("reopen", reopen(settings, texts).0);
    parts.put("dialog", dialog(settings, texts, &Standing::default(), true).0);
    parts.put("change", banner(settings, texts, Asked::Changed(&changed), true).0);
    parts.put("banner", banner(settings, texts, Asked::First, false).0);
    parts.value()
}
