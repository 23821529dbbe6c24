//! What is open, until when, under which key; and what is wrong with a gated tag.
//!
//! The engine writes the gate, the loader only compares and looks tokens up. Aliases, negation and own categories are
//! therefore spelled out here: with analytics granted and marketing refused `open` is
//! `functional necessary essential analytical analytics statistics performance !marketing !ads …`.

use crate::choice::{Choice, Standing};
use crate::json::{Value, map};
use crate::settings::Settings;
use crate::time::Millis;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Other names of the three built-in categories, accepted on read (DESIGN §2).
pub const ALIASES: &[(&str, &[&str])] = &[
    ("functional", &["necessary", "essential"]),
    ("analytical", &["analytics", "statistics", "performance"]),
    ("marketing", &["ads", "advertising", "targeting"]),
];

/// The category id that `name` stands for.
pub fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|(_, aliases)| aliases.contains(&name)).map_or(name, |(id, _)| id)
}

/// What the loader compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The page key under which it was written; another policy URL, version or privacy signal is another key.
    pub key: String,
    /// When it ends.
    pub until: Millis,
    /// Every token of `data-category` that is open.
    pub open: Vec<String>,
    /// Every `data-service` that is open: a vendor added later stays shut until it was asked for.
    pub services: Vec<String>,
    /// Argument lists for Google's `gtag`, sent on every page (REQUIREMENTS §4.1).
    pub signals: Vec<Value>,
}

impl Gate {
    /// The gate for a choice. Without one only the strictly necessary is open, and nothing that waits for a refusal.
    pub fn new(settings: &Settings, choice: Option<&Choice>, key: &str, now: Millis) -> Self {
        let mut open = Vec::new();
        let mut services = Vec::new();
        let mut granted = Vec::new();
        for category in &settings.categories {
            match Choice::standing(choice, category, &settings.controller, now) {
                Standing::Open => {
                    spell(&category.id, "", &mut open);
                    services.extend(category.services.iter().map(|service| service.id.clone()));
                    granted.push(category.id.as_str());
                }
                Standing::Refused => spell(&category.id, "!", &mut open),
                Standing::Undecided => {}
            }
        }
        // What has ended already is shut whatever the gate's end is, and must not shut the rest with it.
        let ends = choice.into_iter().flat_map(|choice| &choice.decisions).map(|held| held.until);
        let until = ends.filter(|until| now < *until).min().unwrap_or(0);
        let signals = choice.map(|_| google(&granted)).into_iter().collect();
        Self { key: key.to_string(), until, open, services, signals }
    }

    pub(crate) fn to_value(&self) -> Value {
        map([
            ("key", self.key.as_str().into()),
            ("until", self.until.into()),
            ("open", self.open.clone().into()),
            ("services", self.services.clone().into()),
            ("signals", Value::List(self.signals.clone())),
        ])
    }

    /// The gate as JSON, for the loader.
    pub fn value(&self) -> Value {
        self.to_value()
    }

    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        let texts = |key: &str| -> Option<Vec<String>> {
            value.at(key)?.items().iter().map(|item| item.text().map(ToString::to_string)).collect()
        };
        Some(Self {
            key: value.at("key")?.text()?.to_string(),
            until: value.at("until")?.int()?,
            open: texts("open")?,
            services: texts("services")?,
            signals: value.at("signals")?.items().to_vec(),
        })
    }
}

fn spell(id: &str, prefix: &str, open: &mut Vec<String>) {
    let aliases = ALIASES.iter().find(|(name, _)| *name == id).map_or(&[][..], |(_, aliases)| aliases);
    for name in core::iter::once(&id).chain(aliases) {
        open.push([prefix, name].concat());
    }
}

/// `gtag('consent', 'update', …)` for these categories; what is not granted is denied.
fn google(granted: &[&str]) -> Value {
    let state = |category: &str| Value::from(if granted.contains(&category) { "granted" } else { "denied" });
    // In canonical order, so that a gate that was stored equals the one it was stored from.
    let fields = map([
        ("ad_personalization", state("marketing")),
        ("ad_storage", state("marketing")),
        ("ad_user_data", state("marketing")),
        ("analytics_storage", state("analytical")),
        ("functionality_storage", state("preferences")),
        ("personalization_storage", state("preferences")),
    ]);
    Value::List(Vec::from(["consent".into(), "update".into(), fields]))
}

/// A tag with `data-category`, as far as the rules look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Element name in small letters.
    pub element: String,
    /// Whether the markup keeps it shut: a script of `type="text/plain"`, or any other element without a live address.
    pub inert: bool,
    /// `data-category`.
    pub category: String,
    /// `data-service`.
    pub service: Option<String>,
}

/// What can be wrong with a gated tag. It stays shut, where that is still possible, and is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not inert: it runs or loads without asking (FIELD complaint 4).
    NotInert,
    /// `data-category` is empty.
    NoCategory,
    /// A category that the configuration does not have.
    UnknownCategory(String),
    /// A service that the configuration does not have.
    UnknownService(String),
}

impl Fault {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotInert => "tag_not_inert",
            Self::NoCategory => "tag_without_category",
            Self::UnknownCategory(_) => "tag_unknown_category",
            Self::UnknownService(_) => "tag_unknown_service",
        }
    }

    /// One sentence for the site's owner.
    pub fn message(&self, element: &str) -> String {
        let sentence = match self {
            Self::NotInert if element == "script" => {
                return "a script with data-category runs at once: give it type=\"text/plain\"".to_string();
            }
            Self::NotInert => " with data-category loads at once: write data-src or data-href instead",
            Self::NoCategory => " has an empty data-category; it stays shut",
            Self::UnknownCategory(name) => return [element, ": no category \"", name, "\" in the configuration; it stays shut"].concat(),
            Self::UnknownService(name) => return [element, ": no service \"", name, "\" in the configuration; it stays shut"].concat(),
        };
        [element, sentence].concat()
    }
}

/// Everything wrong with a gated tag.
pub fn inspect(settings: &Settings, tag: &Tag) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !tag.inert {
        faults.push(Fault::NotInert);
    }
    let mut empty = true;
    for token in tag.category.split(|c: char| c.is_whitespace() || c == ',').filter(|token| !token.is_empty()) {
        empty = false;
        if settings.category(canonical(token.strip_prefix('!').unwrap_or(token))).is_none() {
            faults.push(Fault::UnknownCategory(token.to_string()));
        }
    }
    if empty {
        faults.push(Fault::NoCategory);
    }
    if let Some(service) = &tag.service
        && !settings.services().any(|(_, known)| known.id == *service)
    {
        faults.push(Fault::UnknownService(service.clone()));
    }
    faults
}
