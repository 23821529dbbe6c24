//! The notice: everything the visitor is shown, in one language, under its own digest (R3).
//!
//! A record names the digest; the notice itself is stored once. Changing one word, one default or the order of two
//! buttons gives another digest, so the record says *which* words were agreed to. The page builds it to name it, the
//! server builds it from the owner's configuration to know it beforehand: both call [`Notice::new`].

use crate::digest::digest;
use crate::json::{Value, Writer};
use crate::settings::{Category, Controller, Localized, Service, Settings};
use crate::texts::{Texts, concat};
use crate::view::{self, Asked};
use crate::wire;
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
        let mut notice = declared(settings, texts);
        notice.set("shown", view::everything(settings, texts));
        let text = notice.canonical();
        let digest = digest(text.as_bytes());
        Self { text, digest }
    }
}

/// Whether `text` is the notice that `digest` names. One flipped byte makes it false.
pub fn holds(text: &str, wanted: &str) -> bool {
    digest(text.as_bytes()) == wanted
}

/// What the owner declares, in the words of one language: the notice without the interface. [`view`] shows nothing else
/// about a purpose or a service, so a record can't say less than what was on the screen.
pub(crate) fn declared(settings: &Settings, texts: &Texts) -> Value {
    declare(settings, texts, true)
}

/// The same without services and substance, of which the first layer shows nothing.
pub(crate) fn declared_first(settings: &Settings, texts: &Texts) -> Value {
    declare(settings, texts, false)
}

#[inline(never)]
fn declare(settings: &Settings, texts: &Texts, whole: bool) -> Value {
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
    writer.optional("imprint", &controller.imprint);
    writer.optional("jurisdiction", &settings.jurisdiction);
    writer.text("lang", texts.lang());
    writer.text("policy", &controller.policy);
    writer.list("purposes");
    for category in &settings.categories {
        purpose(&mut writer, controller, category, texts, whole);
    }
    writer.close(']');
    writer.texts("recipients", &recipients(settings, Asked::First));
    writer.text("schema", wire::NOTICE_SCHEMA);
    writer.int("validityDays", i64::from(settings.validity.days_at_most()));
    writer.text("version", &settings.version);
    writer.close('}');
    writer.into_value()
}

fn purpose(writer: &mut Writer, controller: &Controller, category: &Category, texts: &Texts, whole: bool) {
    writer.open('{');
    writer.text("basis", if category.exempt { "strictly-necessary" } else { "consent" });
    writer.text("id", &category.id);
    if whole {
        services(writer, category, texts);
    }
    writer.text("text", category.shown_text(texts));
    writer.text("title", category.shown_title(texts));
    if whole {
        writer.int("v", i64::from(category.substance(controller)));
    }
    writer.close('}');
}

#[inline(never)]
fn services(writer: &mut Writer, category: &Category, texts: &Texts) {
    writer.list("services");
    for declared in &category.services {
        service(writer, declared, texts);
    }
    writer.close(']');
}

/// A recipient, why it receives data, where, and what it keeps (B9).
#[inline(never)]
pub fn service(writer: &mut Writer, service: &Service, texts: &Texts) {
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

/// Every provider once, in the order of the services (GDPR Art. 13(1)(e)), of the purposes that are asked about.
pub(crate) fn recipients(settings: &Settings, asked: Asked<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for category in &settings.categories {
        if !asked.about(category) {
            continue;
        }
        for service in &category.services {
            if !names.contains(&service.provider) {
                names.push(service.provider.clone());
            }
        }
    }
    names
}

impl Category {
    /// The words shown: the owner's, else the bundled ones.
    /// The title shown: the owner's, else the bundled one.
    pub fn shown_title<'a>(&'a self, texts: &'a Texts) -> &'a str {
        self.shown(&self.title, "title", texts)
    }

    /// The sentence shown: the owner's, else the bundled one.
    pub fn shown_text<'a>(&'a self, texts: &'a Texts) -> &'a str {
        self.shown(&self.text, "text", texts)
    }

    fn shown<'a>(&'a self, own: &'a Option<Localized>, what: &str, texts: &'a Texts) -> &'a str {
        match own {
            Some(own) => texts.localized(own),
            // An own category without words is refused by `settings` (L07).
            None => texts.find(&concat(&["category.", &self.id, ".", what])).unwrap_or(&self.id),
        }
    }
}
