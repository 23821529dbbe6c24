//! Categories, and the services that they list.

use super::keys::{CATEGORY, CATEGORY_ALIASES, READY, READY_MADE, SERVICE};
use super::read::OWN;
use super::reader::{At, Reader, localized};
use super::suggest::plain;
use super::{Category, Service, rules};
use crate::json::Value;
use crate::texts;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The provider of a ready-made service that runs on the owner's own servers.
const SELF_HOSTED: &str = "$controller";

impl<const WORDS: bool> Reader<WORDS> {
    /// Reads all of them. What is left in `declared` afterwards is listed by none.
    pub(super) fn categories(
        &mut self,
        at: &At<'_>,
        value: Option<&Value>,
        declared: &mut Vec<Service>,
        catalogue: &[(String, Value)],
        own: Service,
    ) -> Vec<Category> {
        let mut categories: Vec<Category> = Vec::new();
        // Service id and the category it was first listed in (L18).
        let mut placed: Vec<(String, String)> = Vec::new();
        for (key, value) in value.map_or(&[][..], Value::entries) {
            let at = at.key(key);
            let id = self.category_id(&at, key);
            if categories.iter().any(|category| category.id == id) {
                self.error(&at, "alias", &["\"", id, "\" is here twice, under two names; join them"], None);
            }
            let exempt = id == "functional";
            self.object(&at, value, &[CATEGORY], exempt);
            self.explained(&at, id, value);
            let services_at = at.key("services");
            let mut services = Vec::new();
            for (index, service) in value.at("services").map_or(&[][..], Value::items).iter().enumerate() {
                let Some(service_id) = service.text() else { continue };
                let at = services_at.index(index);
                if let Some((_, first)) = placed.iter().find(|(known, _)| known == service_id) {
                    let message = [
                        "\"",
                        service_id,
                        "\" is already in \"",
                        first,
                        "\"; each service has one purpose to agree to",
                    ];
                    self.error(&at, "L18", &message, None);
                    continue;
                }
                placed.push((service_id.to_string(), id.to_string()));
                services.extend(self.placed(&at, id, service_id, declared, catalogue));
            }
            categories.push(Category {
                id: id.to_string(),
                exempt,
                title: value.at("title").and_then(localized),
                text: value.at("text").and_then(localized),
                services,
            });
        }
        // The exempt category is always there and always first, and lists our own storage (B18).
        let position = categories.iter().position(|category| category.exempt);
        let mut functional = match position {
            Some(position) => categories.remove(position),
            None => {
                Category { id: "functional".to_string(), exempt: true, title: None, text: None, services: Vec::new() }
            }
        };
        functional.services.insert(0, own);
        categories.insert(0, functional);
        if matches!(value, Some(Value::Map(_))) && categories.len() == 1 {
            self.error(
                at,
                "missing",
                &["has no category that needs consent, so there is nothing to ask"],
                Some("analytical"),
            );
        }
        if categories.len() > 6 {
            self.warning(at, "L16", &["more than six categories: nobody reads that many before choosing"], None);
        }
        categories
    }

    /// The proper name of a category.
    fn category_id<'k>(&mut self, at: &At<'_>, key: &'k str) -> &'k str {
        let name = plain(key);
        let standard = CATEGORY_ALIASES.iter().find(|(id, aliases)| *id == name || aliases.contains(&name.as_str()));
        match standard {
            Some((id, _)) if *id == key => key,
            Some((id, _)) => {
                self.warning(at, "alias", &["\"", key, "\" is read as \"", id, "\"; write that, as tags do"], Some(id));
                id
            }
            None => {
                if !rules::is_id(key, false) {
                    self.bad_id(at, key, false);
                }
                key
            }
        }
    }

    pub(super) fn bad_id(&mut self, at: &At<'_>, id: &str, first_digit: bool) {
        let hyphen = |c| if matches!(c, ' ' | '_') { '-' } else { c };
        let guess: String =
            if WORDS { id.chars().map(|c| hyphen(c.to_ascii_lowercase())).collect() } else { String::new() };
        self.wrong(
            at,
            "an id of small letters, digits and hyphens",
            Some(guess.as_str()).filter(|id| rules::is_id(id, first_digit)),
        );
    }

    /// A purpose must be explained in a sentence (L07). The bundled ones are.
    fn explained(&mut self, at: &At<'_>, id: &str, value: &Value) {
        let bundled = texts::KEYS.contains(&["category.", id, ".title"].concat().as_str());
        for key in ["title", "text"] {
            if !bundled && value.at(key).is_none() && matches!(value, Value::Map(_)) {
                let names = CATEGORY_ALIASES.iter().flat_map(|(name, also)| core::iter::once(name).chain(also.iter()));
                let guess = Self::near(id, &mut names.copied());
                self.error(
                    &at.key(key),
                    "L07",
                    &["missing: a category of your own needs a title and a text, so that visitors know the purpose"],
                    guess,
                );
            }
        }
        if !WORDS {
            return;
        }
        let at = at.key("text");
        let mut length = |at: &At<'_>, text: &Value| {
            let length = text.text().map_or(20, |text| text.chars().count());
            if !(20..=400).contains(&length) && length > 0 {
                self.warning(
                    at,
                    "L07",
                    &["should have 20 to 400 characters: enough to say the purpose, short enough to be read"],
                    None,
                );
            }
        };
        match value.at("text") {
            Some(Value::Map(each)) => each.iter().for_each(|(lang, text)| length(&at.key(lang), text)),
            Some(text) => length(&at, text),
            None => {}
        }
    }

    /// The service that a category lists.
    fn placed(
        &mut self,
        at: &At<'_>,
        category: &str,
        id: &str,
        declared: &mut Vec<Service>,
        catalogue: &[(String, Value)],
    ) -> Option<Service> {
        let exempt = category == "functional";
        let ready = catalogue.iter().find(|(known, _)| known == id).map(|(_, value)| value);
        let mut usual = None;
        let service = if id == OWN {
            self.error(at, "L18", &["our own storage is listed in \"functional\" by itself"], Some("remove it"));
            return None;
        } else if let Some(position) = declared.iter().position(|service| service.id == id) {
            // What is left in the end is used by no category.
            declared.swap_remove(position)
        } else if let Some(ready) = ready {
            let file = ["services/", id, ".json"].concat();
            let at = At::root(&file);
            self.object(&at, ready, &[SERVICE, READY], false);
            usual = ready.at("category").and_then(Value::text);
            let mut service = self.service(&at, id, ready);
            if service.provider == SELF_HOSTED {
                service.provider.clone_from(&self.controller);
            }
            service
        } else if READY_MADE.contains(&id) {
            self.error(at, "reference", &["services/", id, ".json could not be read; is it beside askfirst.js?"], None);
            return None;
        } else {
            let names = declared.iter().map(|service| service.id.as_str()).chain(READY_MADE.iter().copied());
            let guess = Self::near(id, &mut { names });
            self.error(
                at,
                "reference",
                &["no service \"", id, "\" is declared under services, and none is ready-made"],
                guess,
            );
            return None;
        };
        let known =
            rules::tracker(id, &service.name, &service.provider).or(usual.filter(|usual| *usual != "functional"));
        match (known, usual) {
            (Some(_), _) if exempt => {
                let guess = usual.unwrap_or("analytical");
                self.error(
                    at,
                    "L06",
                    &["\"", id, "\" is not strictly necessary: it needs consent and can't be functional"],
                    Some(guess),
                );
            }
            // A category of the owner's own is narrower, which is all the better.
            (_, Some(usual)) if usual != category && CATEGORY_ALIASES.iter().any(|(id, _)| *id == category) => {
                self.warning(at, "placement", &["\"", id, "\" usually belongs in \"", usual, "\""], Some(usual));
            }
            _ => {}
        }
        if !exempt && service.items.is_empty() {
            self.warning(
                at,
                "L37",
                &["\"", id, "\" lists no items: nothing can be shown, and nothing deleted on withdrawal"],
                None,
            );
        }
        Some(service)
    }
}
