//! What is shown, as a tree: the browser makes elements of it, the notice hashes it, the server can print it.
//!
//! There is one description of the interface, so what a record says was shown is what was shown: `view/*.view`, in the
//! small language of [`template`], about what the notice declares ([`notice::declared`]).

mod declaration;
pub(crate) mod html;
mod markdown;
mod markup;
mod template;
#[cfg(test)]
mod tests;

pub use declaration::{declaration, declared};
pub use html::drawn;
pub(crate) use markup::inline;

use crate::json::{Value, Writer, name_at, place};
use crate::notice;
use crate::record::Signals;
use crate::settings::{Category, Settings, is_mail};
use crate::texts::{Texts, concat};
use alloc::string::String;
use alloc::vec::Vec;

/// An element of the interface, in the form in which the notice keeps it: `["tag", {attributes}, content…]`, where
/// content is text (never markup, T2) or such an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node(Value);

/// Why the first layer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// The visitor has not decided yet: every purpose is asked.
    First,
    /// These purposes (category ids) are new or have changed in substance since the last choice (B15), or their decision
    /// has ended; with what there is to tell of it ([`State::changes`](crate::machine::State::changes)).
    Changed(&'a [String], &'a Value),
}

/// What the dialog needs to know about the visitor's choice. Nothing of it is part of the notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Ids of the granted categories; empty before the first choice, so every switch starts off (B2).
    pub granted: Vec<String>,
    /// Ids of the services that are open, like it.
    pub services: Vec<String>,
    /// The UTC date of the choice, once there is one (B16).
    pub decided: Option<String>,
    /// The record's id, once there is one (B16).
    pub record_id: Option<String>,
    /// What has changed since, as [`Asked::Changed`] has it (B15).
    pub changes: Value,
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
    /// Every action.
    pub const ALL: [Self; 9] = [
        Self::Accept,
        Self::AcceptAll,
        Self::Close,
        Self::Customise,
        Self::Receipt,
        Self::Reject,
        Self::RejectAll,
        Self::Save,
        Self::Withdraw,
    ];

    const NAMES: &str = "accept accept-all close customise receipt reject reject-all save withdraw";

    /// The value of the `data-action` attribute.
    pub fn name(self) -> &'static str {
        // In the order of the variants, which a test holds it to.
        name_at(Self::NAMES, self as usize)
    }

    /// The action with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.get(place(Self::NAMES, name)?).copied()
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

    /// The same, for good.
    pub fn into_value(self) -> Value {
        self.0
    }
}

impl Asked<'_> {
    /// Whether this purpose is asked about.
    pub(crate) fn about(self, category: &Category) -> bool {
        !category.exempt
            && match self {
                Self::First => true,
                Self::Changed(ids, _) => ids.contains(&category.id),
            }
    }
}

/// The first layer (B3–B6): who asks, for what, how to withdraw, the policy; accept and reject alike.
///
/// Refusing comes first in reading and tab order, accepting stands at the inline end, where many expect the button
/// that goes on: each has one advantage of place and none of looks (B4).
pub fn banner(settings: &Settings, texts: &Texts, asked: Asked<'_>, signals: Signals) -> Node {
    let mut data = Writer::default();
    data.open('{');
    data.flag("all", asked == Asked::First);
    data.list("asked");
    for category in &settings.categories {
        if asked.about(category) {
            data.string(&category.id);
        }
    }
    data.close(']');
    // A decision that has merely ended is asked for in the words of the first time, but alone.
    let mut told = false;
    if let Asked::Changed(_, changes) = asked {
        told = !changes.items().is_empty();
        data.key("changes");
        data.value(changes);
    }
    data.text("controller", &settings.controller.name);
    data.flag("dnt", signals.dnt);
    data.flag("first", !told);
    data.flag("gpc", signals.gpc);
    data.optional("layout", &settings.layout);
    data.optional("own-control", &settings.reopen.own);
    data.texts("recipients", &notice::recipients(settings, asked));
    data.text("space", " ");
    data.close('}');
    draw(include_str!("view/banner.view"), texts, data, notice::declared_first(settings, texts))
}

/// The preferences dialog (B8, B9, B16): one switch per category, every service and item, a switch for each of them
/// (FIELD 12); `www/switches.ts` keeps the two in step and counts where they differ.
///
/// A label stays the same whatever its switch says (A3), and only what was granted starts on (B2). Closing decides
/// nothing, and its label says so (B1). `details` works in print, with find-in-page and before any script (A4). An item
/// without a purpose of its own serves the service's, which stands right above the list. Links leave the dialog, its
/// draft and the page as they are.
pub fn dialog(settings: &Settings, texts: &Texts, standing: &Standing, signals: Signals) -> Node {
    let controller = &settings.controller;
    let mut data = Writer::default();
    data.open('{');
    data.texts("allowed", &standing.services);
    let authority = controller.authority.as_deref();
    data.text("authority", authority.unwrap_or_else(|| texts.text("dialog.authority")));
    data.key("changes");
    data.value(&standing.changes);
    data.list("contacts");
    contact(&mut data, texts.text("dialog.contact"), &controller.contact);
    if let Some(officer) = &controller.dpo {
        contact(&mut data, texts.text("dialog.dpo"), officer);
    }
    data.close(']');
    // What was chosen and when, with the receipt and the way back (B7, B16).
    data.optional("date", &standing.decided);
    data.flag("dnt", signals.dnt);
    if let (Some(records), Some(_)) = (&settings.records, &standing.record_id) {
        // Where `www/kept.ts` asks for the records and has them erased.
        data.text("endpoint", &records.endpoint);
    }
    data.flag("gpc", signals.gpc);
    data.texts("granted", &standing.granted);
    data.optional("id", &standing.record_id);
    kept(&mut data, settings, texts);
    data.flag("ways", !standing.granted.is_empty() || standing.record_id.is_some());
    data.close('}');
    draw(include_str!("view/dialog.view"), texts, data, notice::declared(settings, texts))
}

/// What Askfirst itself keeps is declared by `settings` (B18); where there is a server, what that keeps is added, and how
/// long (GDPR Art. 13(2)(a)).
fn kept(data: &mut Writer, settings: &Settings, texts: &Texts) {
    if let Some(records) = &settings.records {
        data.text("kept", &texts.duration(Some(records.retention)));
    }
}

/// An owner's text as a paragraph of one line, for what is drawn outside of both layers (`www/embeds.ts`).
pub fn line(text: &str) -> Value {
    markup::block("p", text)
}

/// A mail address or a URL with its link; anything else (a telephone number, a name) without.
fn contact(data: &mut Writer, label: &str, contact: &str) {
    let away = contact.starts_with("https://") || contact.starts_with("http://") || contact.starts_with("/");
    data.open('{');
    data.flag("away", away);
    data.text("contact", contact);
    if away {
        data.text("href", contact);
    } else if is_mail(contact) {
        data.text("href", &concat(&["mailto:", contact.strip_prefix("mailto:").unwrap_or(contact)]));
    }
    data.text("label", label);
    data.close('}');
}

/// The control that reopens the preferences (B6, B7), inside a landmark of its own so that it can be found.
pub fn reopen(settings: &Settings, texts: &Texts) -> Node {
    let mut data = Writer::default();
    data.open('{');
    data.text("place", if settings.reopen.end { "reopen end" } else { "reopen" });
    data.close('}');
    draw(include_str!("view/reopen.view"), texts, data, notice::declared_first(settings, texts))
}

/// A description about `data` and, behind it, what is declared.
#[inline(never)]
fn draw(source: &str, texts: &Texts, data: Writer, declared: Value) -> Node {
    Node(template::draw(source, texts, [&data.into_value(), &declared]))
}

/// Everything that [`banner`], [`dialog`] and [`reopen`] can show before a choice, for the notice; nothing where the site
/// draws for itself: a record must not claim words that we have not shown.
pub fn everything(settings: &Settings, texts: &Texts) -> Value {
    if settings.layout.is_none() {
        return Value::Map(Vec::new());
    }
    let mut changed = Vec::new();
    let mut changes = Writer::default();
    changes.open('[');
    for category in settings.asked() {
        changed.push(category.id.clone());
        // Every purpose as new and as changed: what a visitor is told is such a line about names that stand here.
        for new in [true, false] {
            changes.open('{');
            changes.texts("names", &[String::from(category.shown_title(texts))]);
            changes.flag("new", new);
            changes.texts("of", core::slice::from_ref(&category.id));
            changes.close('}');
        }
    }
    changes.close(']');
    let mut parts = Value::Map(Vec::new());
    parts.set("banner", banner(settings, texts, Asked::First, Signals::default()).0);
    parts.set(
        "change",
        banner(settings, texts, Asked::Changed(&changed, &changes.into_value()), Signals { dnt: true, gpc: true }).0,
    );
    parts.set("dialog", dialog(settings, texts, &Standing::default(), Signals { dnt: true, gpc: true }).0);
    parts.set("reopen", reopen(settings, texts).0);
    parts
}
