//! The notice: everything the visitor is shown, in one language, under its own digest (R3).
//!
//! A record names the digest; the notice itself is stored once. Changing one word, one default or the order of two
//! buttons gives another digest, so the record says *which* words were agreed to. The page builds it to name it, the
//! server builds it from the owner's configuration to know it beforehand: both call [`Notice::new`].

use crate::digest::digest;
use crate::json::{Value, map};
use crate::settings::{Category, Item, Service, Settings};
use crate::texts::Texts;
use crate::{view, wire};
use alloc::string::String;
use alloc::vec::Vec;

/// A notice in its canonical text (RFC 8785) with its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Canonical JSON.
    pub text: String,
    /// `sha256-…` of `text`.
    pub digest: String,
}

impl Notice {
    /// The notice that this configuration shows in this language.
    pub fn new(settings: &Settings, texts: &Texts) -> Self {
        let text = content(settings, texts).canonical();
        let digest = digest(text.as_bytes());
        Self { text, digest }
    }
}

/// Whether `text` is the notice that `digest` names. One flipped byte makes it false.
pub fn holds(text: &str, wanted: &str) -> bool {
    digest(text.as_bytes()) == wanted
}

fn content(settings: &Settings, texts: &Texts) -> Value {
    let controller = &settings.controller;
    map([
        ("schema", wire::NOTICE_SCHEMA.into()),
        ("version", settings.version.as_str().into()),
        ("lang", texts.lang().into()),
        ("jurisdiction", settings.jurisdiction.as_deref().into()),
        (
            "controllers",
            Value::List(Vec::from([map([
                ("name", controller.name.as_str().into()),
                ("contact", controller.contact.as_str().into()),
                ("address", controller.address.as_deref().into()),
            ])])),
        ),
        ("dpo", controller.dpo.as_deref().into()),
        ("authority", controller.authority.as_deref().into()),
        ("policy", controller.policy.as_str().into()),
        ("purposes", Value::List(settings.categories.iter().map(|category| purpose(settings, category, texts)).collect())),
        ("recipients", recipients(settings)),
        ("validityDays", i64::from(settings.validity.days_at_most()).into()),
        ("shown", view::everything(settings, texts)),
    ])
}

fn purpose(settings: &Settings, category: &Category, texts: &Texts) -> Value {
    map([
        ("id", category.id.as_str().into()),
        ("v", i64::from(category.substance(&settings.controller)).into()),
        ("title", category.shown_title(texts).into()),
        ("text", category.shown_text(texts).into()),
        ("basis", if category.exempt { "strictly-necessary" } else { "consent" }.into()),
        ("services", Value::List(category.services.iter().map(|service| declared(service, texts)).collect())),
    ])
}

fn declared(service: &Service, texts: &Texts) -> Value {
    map([
        ("id", service.id.as_str().into()),
        ("name", service.name.as_str().into()),
        ("provider", service.provider.as_str().into()),
        ("purpose", texts.localized(&service.purpose).into()),
        ("countries", service.countries.iter().map(String::as_str).collect::<Vec<_>>().into()),
        ("safeguard", service.safeguard.as_deref().into()),
        ("policy", service.policy.as_deref().into()),
        ("items", Value::List(service.items.iter().map(|item| stored(item, texts)).collect())),
    ])
}

fn stored(item: &Item, texts: &Texts) -> Value {
    map([
        ("name", item.name.as_str().into()),
        ("kind", item.kind.name().into()),
        ("duration", texts.duration(item.duration).into()),
        ("thirdParty", item.third_party.into()),
        ("purpose", item.purpose.as_ref().map(|purpose| texts.localized(purpose)).into()),
    ])
}

/// Every provider once, in the order of the services (GDPR Art. 13(1)(e)).
fn recipients(settings: &Settings) -> Value {
    let mut names: Vec<&str> = Vec::new();
    for (category, service) in settings.services() {
        if !category.exempt && !names.contains(&service.provider.as_str()) {
            names.push(&service.provider);
        }
    }
    names.into()
}

impl Category {
    /// The title shown: the owner's, else the bundled one.
    pub fn shown_title<'a>(&'a self, texts: &'a Texts) -> &'a str {
        self.shown(self.title.as_ref(), "title", texts)
    }

    /// The sentence shown: the owner's, else the bundled one.
    pub fn shown_text<'a>(&'a self, texts: &'a Texts) -> &'a str {
        self.shown(self.text.as_ref(), "text", texts)
    }

    fn shown<'a>(&'a self, own: Option<&'a crate::settings::Localized>, what: &str, texts: &'a Texts) -> &'a str {
        match own {
            Some(own) => texts.localized(own),
            None => {
                let key = ["category", &self.id, what].join(".");
                // An own category without words is refused by `settings` (L07).
                texts.find(&key).unwrap_or(&self.id)
            }
        }
    }
}
