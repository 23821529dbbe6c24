//! From JSON to [`Settings`].

use super::keys::{CONTROLLER, ITEM, READY_MADE, RECORDS, REFUSALS, REFUSALS_AS, ROOT, SERVICE, Shape};
use super::reader::{At, Reader, localized, text};
use super::{Controller, Item, Kind, Localized, Problem, Records, Reopen, Service, Settings, Severity, rules};
use crate::json::{self, Value};
use crate::time::Period;
use crate::{texts, wire};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The id of the service that declares our own storage (B18).
pub(super) const OWN: &str = wire::KEY;

/// Reads a configuration. `catalogue` holds the ready-made services that it names ([`wanted_services`]).
///
/// Every problem is reported, not only the first. There are settings exactly when none of them is an error.
pub fn parse(text: &str, catalogue: &[(String, Value)]) -> (Option<Settings>, Vec<Problem>) {
    Reader::<true>::default().document(text, catalogue)
}

/// The same verdict in less code, for the page: the same settings or none, and the place of every error, but no
/// sentences, no suggestions and no warnings. Unlawful keys of other consent managers are merely unknown (L40).
pub fn parse_terse(text: &str, catalogue: &[(String, Value)]) -> (Option<Settings>, Vec<Problem>) {
    Reader::<false>::default().document(text, catalogue)
}

/// The ids of the ready-made services that a configuration names without declaring them itself.
pub fn wanted_services(text: &str) -> Vec<String> {
    let mut wanted: Vec<String> = Vec::new();
    let Ok(root) = json::parse(text) else { return wanted };
    for (_, category) in root.at("categories").map_or(&[][..], Value::entries) {
        for id in category.at("services").map_or(&[][..], Value::items).iter().filter_map(Value::text) {
            let declared = root.at("services").is_some_and(|services| services.at(id).is_some());
            if !declared && READY_MADE.contains(&id) && !wanted.iter().any(|known| known == id) {
                wanted.push(id.to_string());
            }
        }
    }
    wanted
}

impl<const WORDS: bool> Reader<WORDS> {
    fn document(mut self, text: &str, catalogue: &[(String, Value)]) -> (Option<Settings>, Vec<Problem>) {
        let at = At::root("$");
        let settings = match json::parse(text) {
            Ok(value @ Value::Map(_)) => Some(self.settings(&at, &value, catalogue)),
            Ok(value) => {
                self.object(&at, &value, &[ROOT], false);
                None
            }
            Err(error) => {
                let number = |n: u32| Value::Int(i64::from(n)).canonical();
                let (line, column) = (number(error.line), number(error.column));
                self.error(&at, "json", &["line ", &line, ", column ", &column, ": ", error.kind.message()], None);
                None
            }
        };
        let faulty = self.problems.iter().any(|problem| problem.severity == Severity::Error);
        (settings.filter(|_| !faulty), self.problems)
    }

    fn settings(&mut self, at: &At<'_>, root: &Value, catalogue: &[(String, Value)]) -> Settings {
        self.locale = text(root, "locale")
            .filter(|locale| wire::LOCALES.contains(&locale.as_str()))
            .unwrap_or_else(|| "en".to_string());
        self.object(at, root, &[ROOT], false);
        let controller = self.controller(&at.key("controller"), root.at("controller"));
        let validity = root.at("validity").and_then(Value::text).and_then(Period::parse).unwrap_or(Period::months(6));
        let mut declared = Vec::new();
        let services_at = at.key("services");
        for (id, value) in root.at("services").map_or(&[][..], Value::entries) {
            let at = services_at.key(id);
            if !rules::is_id(id, true) {
                self.bad_id(&at, id, true);
            }
            self.object(&at, value, &[SERVICE], false);
            declared.push(self.service(&at, id, value));
        }
        self.controller.clone_from(&controller.name);
        let own = own_service(&controller.name, validity);
        let categories = self.categories(&at.key("categories"), root.at("categories"), &mut declared, catalogue, own);
        for unused in &declared {
            self.warning(
                &services_at.key(&unused.id),
                "unused",
                &["no category lists this service, so it never runs"],
                None,
            );
        }
        Settings {
            version: text(root, "version").unwrap_or_default(),
            controller,
            site: text(root, "site"),
            jurisdiction: text(root, "jurisdiction"),
            categories,
            records: self.records(&at.key("records"), root.at("records")),
            validity,
            locale: self.locale.clone(),
            texts: self.texts(&at.key("texts"), root.at("texts")),
            gpc: self.gpc(&at.key("gpc"), root.at("gpc")),
            reopen: self.reopen(&at.key("reopen"), root.at("reopen")),
        }
    }

    fn controller(&mut self, at: &At<'_>, value: Option<&Value>) -> Controller {
        let empty = Value::Null;
        let value = value.unwrap_or(&empty);
        if let Value::Map(_) = value {
            self.object(at, value, &[CONTROLLER], false);
        }
        let dpo = text(value, "dpo");
        if dpo.as_ref().is_some_and(|dpo| WORDS && !dpo.bytes().any(|b| matches!(b, b'@' | b'/' | b'0'..=b'9'))) {
            self.warning(
                &at.key("dpo"),
                "L09",
                &["says who, but not how to reach them: add an address, number or URL"],
                None,
            );
        }
        Controller {
            name: text(value, "name").unwrap_or_default(),
            contact: text(value, "contact").unwrap_or_default(),
            policy: text(value, "policy").unwrap_or_default(),
            address: text(value, "address"),
            dpo,
            authority: text(value, "authority"),
        }
    }

    /// A service whose keys and shapes have been checked.
    pub(super) fn service(&mut self, at: &At<'_>, id: &str, value: &Value) -> Service {
        let countries = value.at("countries").map_or(&[][..], Value::items).iter().filter_map(Value::text);
        let countries: Vec<String> = countries.map(ToString::to_string).collect();
        let safeguard = text(value, "safeguard");
        if let Some(outside) = countries
            .iter()
            .find(|country| WORDS && safeguard.is_none() && rules::is_country(country) && !rules::in_eea(country))
        {
            let message = [outside.as_str(), " is outside the EEA: name the safeguard (GDPR Art. 13(1)(f))"];
            self.warning(
                &at.key("countries"),
                "L21",
                &message,
                Some("\"safeguard\": \"adequacy\", \"SCC\" or \"BCR\""),
            );
        }
        let items_at = at.key("items");
        let mut items = Vec::new();
        for (index, item) in value.at("items").map_or(&[][..], Value::items).iter().enumerate() {
            self.object(&items_at.index(index), item, &[ITEM], false);
            let kind = item.at("kind").and_then(Value::text);
            items.push(Item {
                name: text(item, "name").unwrap_or_default(),
                kind: Kind::ALL.iter().find(|(_, name)| Some(*name) == kind).map_or(Kind::Cookie, |(kind, _)| *kind),
                duration: match item.at("duration").and_then(Value::text) {
                    Some("persistent") => Some(Item::PERSISTENT),
                    other => other.and_then(Period::parse),
                },
                third_party: item.at("thirdParty").and_then(Value::bool).unwrap_or_default(),
                purpose: item.at("purpose").and_then(localized),
            });
        }
        Service {
            id: id.to_string(),
            name: text(value, "name").unwrap_or_default(),
            provider: text(value, "provider").unwrap_or_default(),
            purpose: value.at("purpose").and_then(localized).unwrap_or(Localized::All(String::new())),
            countries,
            safeguard,
            policy: text(value, "policy"),
            items,
        }
    }

    fn records(&mut self, at: &At<'_>, value: Option<&Value>) -> Option<Records> {
        let Some(value) = value else {
            self.warning(
                at,
                "L29",
                &["missing: without a records server you can't prove consent (GDPR Art. 7(1))"],
                Some("\"records\": { \"endpoint\": \"/askfirst/v1/records\" }"),
            );
            return None;
        };
        if let Value::Map(_) = value {
            self.object(at, value, &[RECORDS], false);
        }
        let refusals = value.at("refusals").and_then(Value::text);
        let position = REFUSALS.iter().position(|name| Some(*name) == refusals);
        let refusals = position.and_then(|i| REFUSALS_AS.get(i)).copied().unwrap_or_default();
        Some(Records { endpoint: text(value, "endpoint")?, refusals })
    }

    fn texts(&mut self, at: &At<'_>, value: Option<&Value>) -> Vec<(String, Vec<(String, String)>)> {
        let mut texts = Vec::new();
        for (language, own) in value.map_or(&[][..], Value::entries) {
            let at = at.key(language);
            if !wire::LOCALES.contains(&texts::primary(language)) {
                let guess = Self::near(language, &mut wire::LOCALES.iter().copied());
                self.warning(
                    &at,
                    "L17",
                    &["\"", language, "\" has no locale file, so these texts are never shown"],
                    guess,
                );
            }
            self.shape(&at, own, Shape::Object);
            let mut entries = Vec::new();
            for (key, text) in own.entries() {
                let at = at.key(key);
                self.shape(&at, text, Shape::Text(2000));
                if let Some(text) = text.text() {
                    self.own_text(&at, key, text);
                    entries.push((key.clone(), text.to_string()));
                }
            }
            texts.push((language.clone(), entries));
        }
        texts
    }

    fn gpc(&mut self, at: &At<'_>, value: Option<&Value>) -> bool {
        let ignored = value.and_then(Value::text) == Some("ignore");
        if ignored {
            self.warning(
                at,
                "L35",
                &["ignores Global Privacy Control, which objects on the visitor's behalf (GDPR Art. 21(5))"],
                Some("honour"),
            );
        }
        !ignored
    }

    fn reopen(&mut self, at: &At<'_>, value: Option<&Value>) -> Reopen {
        let mut reopen = Reopen::default();
        match value {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => {
                self.error(at, "L10", &["there must be a way to withdraw on every page: keep the control, or name your own by a CSS selector"], Some("a[data-askfirst=preferences]"));
            }
            Some(Value::Text(text)) if text == "start" => {}
            Some(Value::Text(text)) if text == "end" => reopen.end = true,
            // A selector of one bare word is almost surely a misspelt position.
            Some(Value::Text(text)) if text.trim().bytes().any(|b| b"#.[>:- ".contains(&b)) => {
                reopen.shown = false;
                reopen.own = Some(text.clone());
            }
            Some(other) => {
                let guess = other.text().map(|text| match Self::near(text, &mut ["start", "end"].into_iter()) {
                    Some(position) => position,
                    None if text == "right" => "end",
                    None => "start",
                });
                self.wrong(at, "true, \"start\", \"end\" or the CSS selector of your own control", guess);
            }
        }
        reopen
    }
}

/// What the consent manager itself keeps (B18): shown like any other storage.
fn own_service(controller: &str, validity: Period) -> Service {
    let item = |kind| Item { name: OWN.to_string(), kind, duration: Some(validity), third_party: false, purpose: None };
    Service {
        id: OWN.to_string(),
        name: "Askfirst".to_string(),
        provider: controller.to_string(),
        purpose: Localized::Key("own.purpose".to_string()),
        countries: Vec::new(),
        safeguard: None,
        policy: None,
        items: Vec::from([item(Kind::Cookie), item(Kind::LocalStorage)]),
    }
}
