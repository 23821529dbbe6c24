//! What is open, until when, under which key; and what is wrong with a gated tag.
//!
//! The engine writes the gate, the loader only compares and looks tokens up. Aliases, negation and own categories are
//! therefore spelled out here: with analytics granted and marketing refused `open` is
//! `functional necessary essential analytical analytics statistics performance !marketing !ads …`. A service that is
//! allowed by itself opens `marketing:youtube ads:youtube …`, which stands for its category on its own tags alone.

use crate::choice::{Choice, Standing};
use crate::json::{Fields, Value, Writer};
use crate::settings::{Settings, own_signals};
use crate::texts::{concat, cut};
use crate::time::Millis;
use crate::wire;
use alloc::string::String;
use alloc::vec::Vec;

/// Other names of the three built-in categories, accepted on read (DESIGN §2).
pub const ALIASES: &[(&str, &[&str])] = &[
    ("functional", &["necessary", "essential"]),
    ("analytical", &["analytics", "statistics", "performance"]),
    ("marketing", &["ads", "advertising", "targeting"]),
];

/// The category id that `name` stands for.
pub fn canonical(name: &str) -> &str {
    for (id, aliases) in ALIASES {
        if aliases.contains(&name) {
            return id;
        }
    }
    name
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
    /// Calls of consent APIs, `[path, argument…]` (JSON), sent at each decision and on every later page (REQUIREMENTS
    /// §4). There is at least one as soon as anything was decided.
    pub signals: Vec<String>,
}

impl Gate {
    /// The gate for a choice. Without one only the strictly necessary is open, and nothing that waits for a refusal.
    pub fn new(settings: &Settings, choice: Option<&Choice>, key: &str, now: Millis) -> Self {
        let mut gate =
            Self { key: String::from(key), until: 0, open: Vec::new(), services: Vec::new(), signals: Vec::new() };
        for category in &settings.categories {
            let standing = Choice::standing(choice, category, &settings.controller, now);
            match standing {
                Standing::Open => {
                    spell("", &category.id, "", &mut gate.open);
                }
                Standing::Refused => spell("!", &category.id, "", &mut gate.open),
                Standing::Undecided | Standing::Waiting => {}
            }
            for service in &category.services {
                if Choice::allows(choice, standing, category, service, &settings.controller, now) {
                    gate.services.push(service.id.clone());
                    if standing != Standing::Open {
                        spell("", &category.id, &concat(&[":", &service.id]), &mut gate.open);
                    }
                }
            }
        }
        if let Some(choice) = choice {
            gate.hold(settings, choice, now);
        }
        gate
    }

    /// Until when, and what is said on every page.
    #[inline(never)]
    fn hold(&mut self, settings: &Settings, choice: &Choice, now: Millis) {
        for held in &choice.decisions {
            // What has ended already is shut whatever the gate's end is, and must not shut the rest with it.
            if now < held.until && (self.until == 0 || held.until < self.until) {
                self.until = held.until;
            }
        }
        let mut signals = Vec::new();
        self.calls(settings, "update", None, &mut signals);
        self.calls(settings, "grant", Some(&self.services), &mut signals);
        self.signals = signals;
    }

    /// What is declared to be said at this moment (`update`, `grant`, `revoke`) to all services, or to these alone.
    #[inline(never)]
    pub(crate) fn calls(&self, settings: &Settings, moment: &str, to: Option<&[String]>, calls: &mut Vec<String>) {
        for category in &settings.categories {
            for service in &category.services {
                if to.is_some_and(|to| !to.contains(&service.id)) {
                    continue;
                }
                let own = if service.id == wire::KEY { own_signals() } else { Value::Null };
                let signals = if own == Value::Null { &service.signals } else { &own };
                for call in signals.get(moment).items() {
                    let mut call = call.clone();
                    // The path comes first. It is no argument, and may begin with a `$` of its own.
                    if let Value::List(parts) = &mut call {
                        for argument in parts.iter_mut().skip(1) {
                            self.replace(argument);
                        }
                    }
                    calls.push(call.canonical());
                }
            }
        }
    }

    /// `$marketing` is true or false, `$marketing:granted:denied` one of the two words (docs/services.md).
    fn replace(&self, argument: &mut Value) {
        match argument {
            Value::List(items) => {
                for item in items {
                    self.replace(item);
                }
            }
            Value::Map(entries) => {
                for (_, value) in entries {
                    self.replace(value);
                }
            }
            Value::Text(text) if text.as_bytes().first() == Some(&b'$') => {
                let (id, words) = cut(text.get(1..).unwrap_or(""), b':');
                let open = self.open.iter().any(|token| token == id);
                let (granted, denied) = cut(words, b':');
                let word = Value::Text(String::from(if open { granted } else { denied }));
                *argument = if words.is_empty() { Value::Bool(open) } else { word };
            }
            _ => {}
        }
    }

    /// Without `signals` it is what the cookie holds: the loader takes the calls from localStorage alone, and they are
    /// too long to go with every request.
    pub(crate) fn write(&self, writer: &mut Writer, signals: bool) {
        writer.open('{');
        writer.text("key", &self.key);
        writer.texts("open", &self.open);
        writer.texts("services", &self.services);
        writer.list("signals");
        if signals {
            for signal in &self.signals {
                writer.raw(signal);
            }
        }
        writer.close(']');
        writer.int("until", self.until);
        writer.close('}');
    }

    /// The gate as JSON, for the loader.
    pub fn text(&self) -> String {
        let mut writer = Writer::default();
        self.write(&mut writer, true);
        writer.finish()
    }

    pub(crate) fn read(value: &Value) -> Option<Self> {
        let mut fields = Fields::of(value);
        let mut gate = Self {
            key: fields.text("key"),
            until: fields.int("until"),
            open: fields.texts("open"),
            services: fields.texts("services"),
            signals: Vec::new(),
        };
        for signal in fields.get("signals").items() {
            gate.signals.push(signal.canonical());
        }
        fields.good.then_some(gate)
    }
}

fn spell(prefix: &str, id: &str, suffix: &str, open: &mut Vec<String>) {
    open.push(concat(&[prefix, id, suffix]));
    for (name, aliases) in ALIASES {
        if *name == id {
            for alias in *aliases {
                open.push(concat(&[prefix, alias, suffix]));
            }
        }
    }
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
        let unknown =
            |what: &str, name: &str| concat(&[element, ": no ", what, " \"", name, "\" in the configuration"]);
        match self {
            Self::NotInert if element == "script" => {
                String::from("a script with data-category runs at once: give it type=\"text/plain\"")
            }
            Self::NotInert => concat(&[element, " with data-category loads at once: write data-src instead"]),
            Self::NoCategory => concat(&[element, " has an empty data-category"]),
            Self::UnknownCategory(name) => unknown("category", name),
            Self::UnknownService(name) => unknown("service", name),
        }
    }
}

/// Everything wrong with a gated tag.
pub fn inspect(settings: &Settings, tag: &Tag) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !tag.inert {
        faults.push(Fault::NotInert);
    }
    let (mut empty, mut start) = (true, 0);
    for at in 0..=tag.category.len() {
        // The end ends a token like a separator.
        let byte = tag.category.as_bytes().get(at).copied().unwrap_or(b' ');
        if byte > b' ' && byte != b',' {
            continue;
        }
        let token = tag.category.get(start..at).unwrap_or("");
        start = at + 1;
        if token.is_empty() {
            continue;
        }
        empty = false;
        let id = if token.as_bytes().first() == Some(&b'!') { token.get(1..).unwrap_or("") } else { token };
        if settings.category(canonical(id)).is_none() {
            faults.push(Fault::UnknownCategory(String::from(token)));
        }
    }
    if empty {
        faults.push(Fault::NoCategory);
    }
    if let Some(service) = &tag.service
        && settings.service(service).is_none()
    {
        faults.push(Fault::UnknownService(service.clone()));
    }
    faults
}
