//! From JSON to [`Settings`].

use super::keys::{CARD, HEADLESS, KINDS, LONG, REFUSALS, REFUSALS_AS, REQUIRE_ACK, REQUIRE_ACK_AS, ROOT, Shape};
use super::reader::{At, Reader, entries, items, localized, must, str, text};
use super::{Controller, Item, Kind, Localized, Problem, Records, Reopen, Service, Settings, Severity, rules};
use crate::json::{self, Value, place};
use crate::log::VerifierKey;
use crate::texts::{self, Texts};
use crate::time::Period;
use crate::wire;
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
/// sentences, no suggestions and no warnings. Unlawful keys of other consent managers are merely unknown (L40). Which
/// texts there are is asked of `words`, a bundled locale.
pub fn parse_terse(text: &str, catalogue: &[(String, Value)], words: &Texts) -> (Option<Settings>, Vec<Problem>) {
    Reader::<false> { words: Some(words), ..Reader::default() }.document(text, catalogue)
}

/// The ids of the services that a configuration names without declaring them itself. They should be ready-made; which
/// of them are is known by their files alone, so that a page doesn't carry the list.
pub fn wanted_services(text: &str) -> Vec<String> {
    match json::parse(text) {
        Ok(root) => wanted(&root).into_iter().map(ToString::to_string).collect(),
        Err(_) => Vec::new(),
    }
}

/// What must be fetched before a configuration can be read and shown on a page in this language (a tag in lower case):
/// the language of the words and the ready-made services, separated by spaces.
pub fn plan(config: &str, page_lang: &str) -> String {
    let config = json::parse(config).unwrap_or(Value::Null);
    let fallback = str(&config, "locale").unwrap_or("en");
    let mut plan = texts::choose(page_lang, fallback).to_string();
    for id in wanted(&config) {
        plan.push(' ');
        plan.push_str(id);
    }
    plan
}

/// The same for a configuration whose JSON has been read.
fn wanted(root: &Value) -> Vec<&str> {
    let mut wanted: Vec<&str> = Vec::new();
    for (_, category) in entries(root, "categories") {
        for id in items(category, "services") {
            let Value::Text(id) = id else { continue };
            let id = id.as_str();
            let declared = root.at("services").is_some_and(|services| services.at(id).is_some());
            if !declared && rules::is_id(id, true) && !wanted.contains(&id) {
                wanted.push(id);
            }
        }
    }
    wanted
}

impl<const WORDS: bool> Reader<'_, WORDS> {
    fn document(mut self, text: &str, catalogue: &[(String, Value)]) -> (Option<Settings>, Vec<Problem>) {
        let at = At::root("$");
        let settings = match json::parse(text) {
            Ok(value) => {
                self.locale = str(&value, "locale")
                    .filter(|locale| place(wire::LOCALES, locale).is_some())
                    .unwrap_or("en")
                    .to_string();
                self.object(&at, &value, [ROOT, &[]], false);
                match value {
                    Value::Map(_) => Some(self.settings(&at, &value, catalogue)),
                    _ => None,
                }
            }
            Err(error) => {
                if WORDS {
                    let number = |n: u32| Value::Int(i64::from(n)).canonical();
                    let (line, column) = (number(error.line), number(error.column));
                    let message = ["line ", &line, ", column ", &column, ": ", error.kind.message()];
                    self.error(&at, "json", &message, None);
                } else {
                    self.error(&at, "json", &[], None);
                }
                None
            }
        };
        let faulty = if WORDS {
            self.problems.iter().any(|problem| problem.severity == Severity::Error)
        } else {
            !self.problems.is_empty()
        };
        if !faulty {
            return (settings, self.problems);
        }
        if !WORDS {
            // Nothing starts in this page: to take them apart would cost every page the code.
            core::mem::forget(settings);
        }
        (None, self.problems)
    }

    #[inline(never)]
    fn settings(&mut self, at: &At<'_>, root: &Value, catalogue: &[(String, Value)]) -> Settings {
        let nothing = Value::Null;
        let owner = root.at("controller").unwrap_or(&nothing);
        let controller = Controller {
            name: must(owner, "name"),
            contact: must(owner, "contact"),
            policy: must(owner, "policy"),
            imprint: text(owner, "imprint"),
            address: text(owner, "address"),
            dpo: text(owner, "dpo"),
            authority: text(owner, "authority"),
            again: must(root, "again"),
        };
        self.reachable(at, &controller);
        self.controller = controller.name.clone();
        let validity = str(root, "validity").and_then(Period::parse).unwrap_or(Period::months(6));
        Settings {
            version: must(root, "version"),
            controller,
            site: text(root, "site"),
            jurisdiction: text(root, "jurisdiction"),
            categories: self.categories(at, root, catalogue, validity),
            records: self.records(at, root),
            validity,
            texts: {
                self.texts(at, root);
                root.get("texts").clone()
            },
            gpc: self.honoured(at, root, "gpc", "Global Privacy Control"),
            dnt: self.honoured(at, root, "dnt", "Do Not Track"),
            reopen: self.reopen(&at.key("reopen"), root.at("reopen")),
            layout: self.layout(at, root),
            quiet: self.quiet(at, root),
            locale: core::mem::take(&mut self.locale),
        }
    }

    /// Whether a signal of the browser is honoured.
    #[inline(never)]
    fn honoured(&mut self, at: &At<'_>, root: &Value, key: &str, name: &str) -> bool {
        let honoured = str(root, key) != Some("ignore");
        if !honoured {
            self.warning(
                &at.key(key),
                "L35",
                &["ignores ", name, ", which objects on the visitor's behalf (GDPR Art. 21(5))"],
                Some("honour"),
            );
        }
        honoured
    }

    #[inline(always)]
    fn layout(&mut self, at: &At<'_>, root: &Value) -> Option<String> {
        let layout = str(root, "layout").unwrap_or(CARD);
        if layout == HEADLESS {
            let why = "draws nothing: your own interface must say who asks and for what, refuse as easily as it accepts, \
                       and stay within reach for withdrawing (GDPR Art. 7)";
            self.warning(&at.key("layout"), "L02", &[why], Some(CARD));
            return None;
        }
        Some(layout.to_string())
    }

    #[inline(always)]
    fn quiet(&mut self, at: &At<'_>, root: &Value) -> Vec<String> {
        let quiet = texts_of(items(root, "quiet"));
        for (index, path) in quiet.iter().enumerate() {
            self.page(&at.key("quiet").index(index), path);
        }
        quiet
    }

    #[inline(always)]
    fn reachable(&mut self, at: &At<'_>, controller: &Controller) {
        if WORDS
            && let Some(dpo) = &controller.dpo
            && !dpo.bytes().any(|b| matches!(b, b'@' | b'/' | b'0'..=b'9'))
        {
            let why = "says who, but not how to reach them: add an address, number or URL";
            self.warning(&at.key("controller").key("dpo"), "L09", &[why], None);
        }
    }

    #[inline(never)]
    fn records(&mut self, at: &At<'_>, root: &Value) -> Option<Records> {
        let Some(value) = root.at("records") else {
            self.warning(
                &at.key("records"),
                "L29",
                &["missing: without a records server you can't prove consent (GDPR Art. 7(1))"],
                Some("\"records\": { \"endpoint\": \"/askfirst/v1/records\" }"),
            );
            return None;
        };
        // A page with a key that is none confirms no record, and loses none: a warning, whose check is not in the bundle.
        if WORDS
            && let Some(key) = str(value, "key")
            && key.split_whitespace().any(|key| VerifierKey::parse(key).is_none())
        {
            let why = "is not the public key of a log: no receipt would hold; `askfirst check --database` prints it";
            self.warning(&at.key("records").key("key"), "L29", &[why], None);
        }
        if WORDS
            && value.at("cookie") == Some(&Value::Bool(true))
            && str(value, "endpoint").is_none_or(|url| !url.starts_with('/'))
        {
            let why = "has no effect: only the site itself can set its cookie, so `endpoint` must be a path on it";
            self.warning(&at.key("records").key("cookie"), "P3", &[why], None);
        }
        let refusals = place(REFUSALS, str(value, "refusals").unwrap_or_default()).unwrap_or(0);
        let require_ack = place(REQUIRE_ACK, str(value, "require_ack").unwrap_or_default()).unwrap_or(0);
        Some(Records {
            endpoint: text(value, "endpoint")?,
            refusals: REFUSALS_AS.get(refusals).copied().unwrap_or_default(),
            require_ack: REQUIRE_ACK_AS.get(require_ack).copied().unwrap_or_default(),
            retention: str(value, "retention").and_then(Period::parse).unwrap_or(Records::RETENTION),
        })
    }

    #[inline(never)]
    fn texts(&mut self, at: &At<'_>, root: &Value) {
        let at = at.key("texts");
        for (language, own) in entries(root, "texts") {
            let at = at.key(language);
            if WORDS && place(wire::LOCALES, texts::primary(language)).is_none() {
                let guess = Self::near(language, &mut wire::LOCALES.split(' '));
                let why = "\" has no locale file, so these texts are never shown";
                self.warning(&at, "L17", &["\"", language, why], guess);
            }
            self.shape(&at, own, Shape::Object);
            for (key, text) in own.entries() {
                let at = at.key(key);
                self.shape(&at, text, Shape::Text(LONG));
                if let Value::Text(text) = text {
                    self.own_text(&at, key, text);
                }
            }
        }
    }

    #[inline(never)]
    fn reopen(&mut self, at: &At<'_>, value: Option<&Value>) -> Reopen {
        let mut reopen = Reopen::default();
        match value {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => {
                let why = "there must be a way to withdraw on every page: keep the control, or name your own by a CSS selector";
                self.error(at, "L10", &[why], Some("a[data-askfirst=preferences]"));
            }
            Some(Value::Text(text)) if text == "start" => {}
            Some(Value::Text(text)) if text == "end" => reopen.end = true,
            // A selector of one bare word is almost surely a misspelt position.
            Some(Value::Text(text)) if !rules::is_bare_word(text) => {
                reopen.shown = false;
                reopen.own = Some(text.clone());
            }
            Some(other) => {
                let mut guess = None;
                if WORDS {
                    guess = other.text().map(|text| match Self::near(text, &mut ["start", "end"].into_iter()) {
                        Some(position) => position,
                        None if text == "right" => "end",
                        None => "start",
                    });
                }
                self.wrong(at, "true, \"start\", \"end\" or the CSS selector of your own control", guess);
            }
        }
        reopen
    }
}

/// The texts of an array.
#[inline(never)]
fn texts_of(values: &[Value]) -> Vec<String> {
    let mut texts = Vec::new();
    for value in values {
        if let Value::Text(text) = value {
            texts.push(text.clone());
        }
    }
    texts
}

/// A service whose keys and shapes have been checked.
pub(super) fn service(id: &str, value: &Value) -> Service {
    let mut rows = Vec::new();
    for item in items(value, "items") {
        let kind = place(KINDS, str(item, "kind").unwrap_or_default()).unwrap_or(0);
        rows.push(Item {
            name: must(item, "name"),
            kind: Kind::ALL.get(kind).copied().unwrap_or(Kind::Cookie),
            duration: match str(item, "duration") {
                Some("persistent") => Some(Item::PERSISTENT),
                other => other.and_then(Period::parse),
            },
            third_party: item.get("thirdParty").bool().unwrap_or(false),
            purpose: localized(item, "purpose"),
        });
    }
    Service {
        id: id.to_string(),
        name: must(value, "name"),
        provider: must(value, "provider"),
        purpose: localized(value, "purpose").unwrap_or(Localized::All(String::new())),
        countries: texts_of(items(value, "countries")),
        safeguard: text(value, "safeguard"),
        policy: text(value, "policy"),
        items: rows,
        signals: value.get("signals").clone(),
    }
}

/// What the consent manager itself keeps (B18): shown like any other storage.
pub(super) fn own_service(controller: &str, validity: Period) -> Service {
    // Read like any other, which is half the code of writing it out.
    let value = json::parse(OWN_ITEMS).unwrap_or(Value::Null);
    let mut own = service(OWN, &value);
    own.provider = controller.to_string();
    own.purpose = Localized::Key("own.purpose".to_string());
    for item in &mut own.items {
        item.duration = Some(validity);
    }
    own
}

const OWN_ITEMS: &str =
    r#"{"name":"Askfirst","items":[{"name":"askfirst","kind":"cookie"},{"name":"askfirst","kind":"localStorage"}]}"#;

/// The consent call of our own service, Google Consent Mode's: all seven signals, whatever services there are
/// (REQUIREMENTS §4.1). Not kept with the service like another's, so that it is read only once something is decided.
pub fn own_signals() -> Value {
    json::parse(OWN_SIGNALS).unwrap_or(Value::Null)
}

const OWN_SIGNALS: &str = r#"{"update":[["gtag","consent","update",{"ad_personalization":"$marketing:granted:denied","ad_storage":"$marketing:granted:denied","ad_user_data":"$marketing:granted:denied","analytics_storage":"$analytical:granted:denied","functionality_storage":"$preferences:granted:denied","personalization_storage":"$preferences:granted:denied","security_storage":"granted"}]]}"#;
