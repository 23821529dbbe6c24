//! Categories, and the services that they list.

use super::keys::{CATEGORY, READY, SERVICE};
use super::read::{OWN, own_service, service};
use super::reader::{At, Reader, entries, items, localized, str};
use super::suggest::plain;
use super::{CATEGORY_ALIASES, Category, READY_MADE, Service, rules};
use crate::json::Value;
use crate::record::{MAX_DECISIONS, MAX_VENDORS};
use crate::texts;
use crate::time::Period;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The provider of a ready-made service that runs on the owner's own servers.
const SELF_HOSTED: &str = "$controller";

impl<const WORDS: bool> Reader<'_, WORDS> {
    /// Reads all of them.
    #[inline(never)]
    pub(super) fn categories(
        &mut self,
        root_at: &At<'_>,
        root: &Value,
        catalogue: &[(String, Value)],
        validity: Period,
    ) -> Vec<Category> {
        let at = root_at.key("categories");
        // The exempt category is always there and always first, and lists our own storage (B18).
        let mut categories = Vec::new();
        categories.push(Category {
            id: "functional".to_string(),
            exempt: true,
            title: None,
            text: None,
            services: Vec::from([own_service(&self.controller, validity)]),
        });
        let mut ids: Vec<&str> = Vec::new();
        // Service id and the category it was first listed in (L18).
        let mut placed: Vec<(&str, &str)> = Vec::new();
        for (key, value) in entries(root, "categories") {
            let at = at.key(key);
            let id = self.category_id(&at, key);
            if ids.contains(&id) {
                self.error(&at, "alias", &["\"", id, "\" is here twice, under two names; join them"], None);
            }
            ids.push(id);
            let exempt = id == "functional";
            self.object(&at, value, [CATEGORY, &[]], exempt);
            self.explained(&at, id, value);
            if !exempt {
                categories.push(Category { id: id.to_string(), exempt, title: None, text: None, services: Vec::new() });
            }
            let category = if exempt { categories.first_mut() } else { categories.last_mut() };
            let Some(category) = category else { continue };
            category.title = localized(value, "title");
            category.text = localized(value, "text");
            let services_at = at.key("services");
            'services: for (index, item) in items(value, "services").iter().enumerate() {
                let Value::Text(service) = item else { continue };
                let at = services_at.index(index);
                for (known, first) in &placed {
                    if known == service {
                        let why = "\"; each service has one purpose to agree to";
                        self.error(&at, "L18", &["\"", service, "\" is already in \"", first, why], None);
                        continue 'services;
                    }
                }
                placed.push((service, id));
                if let Some(service) = self.placed(&at, id, service, root, catalogue) {
                    category.services.push(service);
                }
            }
        }
        if matches!(root.at("categories"), Some(Value::Map(_))) && categories.len() == 1 {
            self.error(
                &at,
                "missing",
                &["has no category that needs consent, so there is nothing to ask"],
                Some("analytical"),
            );
        }
        if WORDS && placed.len() > MAX_VENDORS {
            self.error(&at, "value", &["more services than one record can hold answers about (128)"], None);
        }
        if categories.len() > MAX_DECISIONS + 1 {
            self.error(&at, "value", &["more categories than one record can hold decisions for (32)"], None);
        } else if categories.len() > 6 {
            self.warning(&at, "L16", &["more than six categories: nobody reads that many before choosing"], None);
        }
        if WORDS {
            let at = root_at.key("services");
            for (id, _) in entries(root, "services") {
                if !placed.iter().any(|(known, _)| known == id) {
                    self.warning(&at.key(id), "unused", &["no category lists this service, so it never runs"], None);
                }
            }
        }
        categories
    }

    /// The proper name of a category.
    #[inline(never)]
    fn category_id<'k>(&mut self, at: &At<'_>, key: &'k str) -> &'k str {
        let name = plain(key);
        for (id, aliases) in CATEGORY_ALIASES {
            if *id == name || aliases.contains(&name.as_str()) {
                if *id != key {
                    let message = ["\"", key, "\" is read as \"", id, "\"; write that, as tags do"];
                    self.warning(at, "alias", &message, Some(id));
                }
                return id;
            }
        }
        if !rules::is_id(key, false) {
            self.bad_id(at, key, false);
        }
        key
    }

    #[inline(always)]
    pub(super) fn bad_id(&mut self, at: &At<'_>, id: &str, first_digit: bool) {
        let mut guess = String::new();
        if WORDS {
            let hyphen = |c| if matches!(c, ' ' | '_') { '-' } else { c };
            guess = id.chars().map(|c| hyphen(c.to_ascii_lowercase())).collect();
        }
        let guess = Some(guess.as_str()).filter(|id| WORDS && rules::is_id(id, first_digit));
        self.wrong(at, "an id of small letters, digits and hyphens", guess);
    }

    /// A purpose must be explained in a sentence (L07). The bundled ones are.
    #[inline(never)]
    fn explained(&mut self, at: &At<'_>, id: &str, value: &Value) {
        let bundled = self.has_word(&texts::concat(&["category.", id, ".title"]));
        if bundled || !matches!(value, Value::Map(_)) {
            return self.lengths(at, value);
        }
        for key in &["title", "text"] {
            if value.at(key).is_none() {
                let mut guess = None;
                if WORDS {
                    let names =
                        CATEGORY_ALIASES.iter().flat_map(|(name, also)| core::iter::once(name).chain(also.iter()));
                    guess = Self::near(id, &mut names.copied());
                }
                self.error(
                    &at.key(key),
                    "L07",
                    &["missing: a category of your own needs a title and a text, so that visitors know the purpose"],
                    guess,
                );
            }
        }
        self.lengths(at, value);
    }

    #[inline(always)]
    fn lengths(&mut self, at: &At<'_>, value: &Value) {
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
    #[inline(never)]
    fn placed(
        &mut self,
        at: &At<'_>,
        category: &str,
        id: &str,
        root: &Value,
        catalogue: &[(String, Value)],
    ) -> Option<Service> {
        let exempt = category == "functional";
        if id == OWN {
            self.error(at, "L18", &["our own storage is listed in \"functional\" by itself"], Some("remove it"));
            return None;
        }
        let mut usual = None;
        let mut found = root.at("services").and_then(|services| services.at(id));
        if found.is_none() {
            for (known, ready) in catalogue {
                if known == id {
                    let file = texts::concat(&["services/", id, ".json"]);
                    let at = At::root(&file);
                    self.object(&at, ready, [SERVICE, READY], false);
                    self.safeguarded(&at, ready);
                    usual = str(ready, "category");
                    found = Some(ready);
                    break;
                }
            }
        }
        let Some(value) = found else {
            if !WORDS {
                self.error(at, "reference", &[], None);
            } else if READY_MADE.contains(&id) {
                let why = ".json could not be read; is it beside askfirst.js?";
                self.error(at, "reference", &["services/", id, why], None);
            } else {
                let declared = entries(root, "services").iter().map(|(id, _)| id.as_str());
                let guess = Self::near(id, &mut { declared.chain(READY_MADE.iter().copied()) });
                let why = "\" is declared under services, and none is ready-made";
                self.error(at, "reference", &["no service \"", id, why], guess);
            }
            return None;
        };
        let mut service = service(id, value);
        if usual.is_some() && service.provider == SELF_HOSTED {
            service.provider = self.controller.clone();
        }
        if exempt
            && (usual.is_some_and(|usual| usual != "functional") || rules::is_tracker(&service, items(value, "hosts")))
        {
            let why = "\" is not strictly necessary: it needs consent and can't be functional";
            self.error(at, "L06", &["\"", id, why], Some(usual.unwrap_or("analytical")));
        }
        if WORDS && !exempt {
            // A category of the owner's own is narrower, which is all the better.
            if let Some(usual) = usual
                && usual != category
                && CATEGORY_ALIASES.iter().any(|(id, _)| *id == category)
            {
                self.warning(at, "placement", &["\"", id, "\" usually belongs in \"", usual, "\""], Some(usual));
            }
            if service.items.is_empty() {
                let why = "\" lists no items: nothing can be shown, and nothing deleted on withdrawal";
                self.warning(at, "L37", &["\"", id, why], None);
            }
        }
        Some(service)
    }
}
