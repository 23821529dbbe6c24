//! The data that the descriptions in `*.view` speak of, by name.

use super::Standing;
use crate::json::Value;
use crate::settings::{Category, Item, Service, Settings};
use crate::texts::Texts;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Data by name; of two with one name, the one that was put last.
#[derive(Default)]
pub(super) struct Data(Vec<(String, Value)>);

impl Data {
    /// What every part of the interface speaks of.
    pub(super) fn new(settings: &Settings, texts: &Texts, gpc: bool) -> Self {
        let controller = &settings.controller;
        let mut data = Self::default();
        data.flag("gpc", gpc);
        data.text("space", " ");
        data.text("controller", &controller.name);
        data.text("policy", &controller.policy);
        data.option("address", controller.address.as_deref());
        data.text("authority", controller.authority.as_deref().unwrap_or_else(|| texts.text("dialog.authority")));
        let mut contacts = Vec::from([contact(texts.text("dialog.contact"), &controller.contact)]);
        if let Some(officer) = &controller.dpo {
            contacts.push(contact(texts.text("dialog.dpo"), officer));
        }
        data.put("contacts", Value::List(contacts));
        data
    }

    #[inline(never)]
    pub(super) fn put(&mut self, name: &str, value: Value) {
        self.0.insert(0, (name.to_string(), value));
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.put(name, Value::Text(text.to_string()));
    }

    pub(super) fn flag(&mut self, name: &str, flag: bool) {
        self.put(name, Value::Bool(flag));
    }

    /// What is not there hides what is called the same around it: a service without a policy doesn't have the owner's.
    pub(super) fn option(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(name, text),
            None => self.put(name, Value::Null),
        }
    }

    /// How many there are; nothing when there are none.
    pub(super) fn count(&mut self, n: usize) {
        if n > 0 {
            self.put("n", Value::Text(Value::Int(n as i64).canonical()));
        }
    }

    pub(super) fn value(self) -> Value {
        Value::Map(self.0)
    }
}

/// A purpose with everything that is declared for it, and whether it is granted.
pub(super) fn purpose(texts: &Texts, category: &Category, standing: &Standing) -> Value {
    let mut services = Vec::new();
    for declared in &category.services {
        services.push(service(texts, declared));
    }
    let mut data = Data::default();
    data.text("id", &category.id);
    data.text("title", category.shown_title(texts));
    data.text("text", category.shown_text(texts));
    data.flag("exempt", category.exempt);
    data.flag("granted", standing.granted.contains(&category.id));
    data.count(services.len());
    data.put("services", Value::List(services));
    data.value()
}

/// A recipient, why it receives data and where (B9).
fn service(texts: &Texts, service: &Service) -> Value {
    let mut data = Data::default();
    data.text("id", &service.id);
    data.text("name", &service.name);
    data.text("provider", &service.provider);
    data.text("purpose", texts.localized(&service.purpose));
    data.option("safeguard", service.safeguard.as_deref());
    data.option("policy", service.policy.as_deref());
    let mut countries = Vec::new();
    for country in &service.countries {
        countries.push(Value::Text(country.clone()));
    }
    data.put("countries", Value::List(countries));
    let mut items = Vec::new();
    for declared in &service.items {
        items.push(item(texts, declared));
    }
    data.put("items", Value::List(items));
    data.value()
}

/// A cookie, storage key or pixel with everything the law wants to be known about it (B9).
fn item(texts: &Texts, item: &Item) -> Value {
    let mut data = Data::default();
    data.text("name", &item.name);
    data.text("kind", item.kind.name());
    data.text("duration", &texts.duration(item.duration));
    data.flag("third", item.third_party);
    data.option("purpose", item.purpose.as_ref().map(|purpose| texts.localized(purpose)));
    data.value()
}

/// A mail address or a URL with its link; anything else (a telephone number, a name) without.
fn contact(label: &str, contact: &str) -> Value {
    let mut data = Data::default();
    data.text("label", label);
    data.text("contact", contact);
    if contact.starts_with("https://") || contact.starts_with("http://") || contact.starts_with('/') {
        data.flag("away", true);
        data.text("href", contact);
    } else if is_mail(contact) {
        let mut href = String::from("mailto:");
        href.push_str(contact.strip_prefix("mailto:").unwrap_or(contact));
        data.text("href", &href);
    }
    data.value()
}

fn is_mail(contact: &str) -> bool {
    let mut at = false;
    for c in contact.chars() {
        if c.is_whitespace() {
            return false;
        }
        at |= c == '@';
    }
    at
}
