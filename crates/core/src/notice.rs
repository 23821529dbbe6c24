//! The notice: everything the visitor is shown, in one language, under its own digest (R3).
//!
//! A record names the digest; the notice itself is stored once. Changing one word, one default or the order of two
//! buttons gives another digest, so the record says *which* words were agreed to. The page builds it to name it, the
//! server builds it from the owner's configuration to know it beforehand: both call [`Notice::new`].

use crate::digest::digest;
use crate::json::Writer;
use crate::settings::{Category, Service, Settings};
use crate::texts::{Texts, concat};
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
        let text = content(settings, texts);
        let digest = digest(text.as_bytes());
        Self { text, digest }
    }
}

/// Whether `text` is the notice that `digest` names. One flipped byte makes it false.
pub fn holds(text: &str, wanted: &str) -> bool {
    digest(text.as_bytes()) == wanted
}

fn content(settings: &Settings, texts: &Texts) -> String {
    let controller = &settings.controller;
    let mut writer = Writer::default();
    writer.open('{');
    writer.optional("authority", &controller.authority);
    writer.list("controllers");
    writer.open('{');
    writer.optional("address", &controller.address);
    writer.text("contact", &controller.contact);
    writer.text("name", &controller.name);
    writer.close('}');
    writer.close(']');
    writer.optional("dpo", &controller.dpo);
    writer.optional("jurisdiction", &settings.jurisdiction);
    writer.text("lang", texts.lang());
    writer.text("policy", &settings.controller.policy);
    writer.list("purposes");
    for category in &settings.categories {
        purpose(&mut writer, settings, category, texts);
    }
    writer.close(']');
    writer.texts("recipients", &recipients(settings));
    writer.text("schema", wire::NOTICE_SCHEMA);
    writer.key("shown");
    writer.value(&view::everything(settings, texts));
    writer.int("validityDays", i64::from(settings.validity.days_at_most()));
    writer.text("version", &settings.version);
    writer.close('}');
    writer.finish()
}

fn purpose(writer: &mut Writer, settings: &Settings, category: &Category, texts: &Texts) {
    writer.open('{');
    writer.text("basis", if category.exempt { "strictly-necessary" } else { "consent" });
    writer.text("id", &category.id);
    writer.list("services");
    for service in &category.services {
        declared(writer, service, texts);
    }
    writer.close(']');
    writer.text("text", category.shown_text(texts));
    writer.text("title", category.shown_title(texts));
    writer.int("v", i64::from(category.substance(&settings.controller)));
    writer.close('}');
}

fn declared(writer: &mut Writer, service: &Service, texts: &Texts) {
    writer.open('{');
    writer.texts("countries", &service.countries);
    writer.text("id", &service.id);
    writer.list("items");
    for item in &service.items {
        writer.open('{');
        writer.text("duration", &texts.duration(item.duration));
        writer.text("kind", item.kind.name());
        writer.text("name", &item.name);
        match &item.purpose {
            Some(purpose) => writer.text("purpose", texts.localized(purpose)),
            None => writer.optional("purpose", &None),
        }
        writer.flag("thirdParty", item.third_party);
        writer.close('}');
    }
    writer.close(']');
    writer.text("name", &service.name);
    writer.optional("policy", &service.policy);
    writer.text("provider", &service.provider);
    writer.text("purpose", texts.localized(&service.purpose));
    writer.optional("safeguard", &service.safeguard);
    writer.close('}');
}

/// Every provider once, in the order of the services (GDPR Art. 13(1)(e)).
fn recipients(settings: &Settings) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for category in &settings.categories {
        for service in &category.services {
            if !category.exempt && !names.contains(&service.provider) {
                names.push(service.provider.clone());
            }
        }
    }
    names
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
                let key = concat(&["category.", &self.id, ".", what]);
                // An own category without words is refused by `settings` (L07).
                texts.find(&key).unwrap_or(&self.id)
            }
        }
    }
}
