//! The site owner's configuration: parsed, not validated.
//!
//! [`parse`] reads the JSON once and reports *every* problem, each with its path, a stable code, a severity and, where
//! one can be guessed, a suggestion. `askfirst check`, the server and the tests call this one function; the page calls
//! [`parse_terse`], the same code without its words.
//!
//! | file | what is in it |
//! |---|---|
//! | `keys` | every key, as tables; what others call them; keys that would be unlawful |
//! | `reader` | places, problems, shapes of values |
//! | `rules` | addresses, countries, periods, words, trackers |
//! | `ready_made` | the ids of the ready-made services |
//! | `signals` | hosts, and calls of a vendor's consent API |
//! | `read`, `categories` | from JSON to [`Settings`] |
//!
//! Codes: `L01` … `L40` are the lint ids of the requirements; besides them there are `json` (not JSON, with line and
//! column), `type`, `value`, `missing`, `reference` (names something that is not there), `alias` (a category under
//! another name), `placement` (a ready-made service in an unusual category) and `unused`.

mod categories;
mod keys;
mod problem;
mod read;
mod reader;
mod ready_made;
mod rules;
mod signals;
mod suggest;
#[cfg(test)]
mod tests;

pub use crate::gate::ALIASES as CATEGORY_ALIASES;
pub use ready_made::READY_MADE;
pub(crate) use rules::{is_id, is_mail, is_safe_link};

pub use problem::{Problem, Severity};
pub use read::{own_signals, parse, parse_terse, plan, wanted_services};

use crate::json::{Value, Writer, name_at};
use crate::pattern::matches;
use crate::time::Period;
use alloc::string::String;
use alloc::vec::Vec;

/// A lawful, complete configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The owner's version of the notice, any short text (a date, `2026.11-1`).
    pub version: String,
    /// Who is responsible (GDPR Art. 13(1)(a), L09).
    pub controller: Controller,
    /// The site's origin, `https://www.example.nl`; the server accepts records from it.
    pub site: Option<String>,
    /// ISO 3166 code of the law profile that the owner applies; recorded, never guessed from the visitor.
    pub jurisdiction: Option<String>,
    /// Categories in the order shown; the exempt `functional` is always there and always first.
    pub categories: Vec<Category>,
    /// Where records go. Without it nothing can be proven: a warning (L29), not an error.
    pub records: Option<Records>,
    /// How long a choice is valid (P7). Default: six calendar months.
    pub validity: Period,
    /// The language used when the page's own is not available. Default `en`.
    pub locale: String,
    /// The owner's words instead of the bundled ones, as they are written: for each language an object of texts.
    pub texts: Value,
    /// Whether Global Privacy Control is honoured (G11). Default `true`.
    pub gpc: bool,
    /// Whether Do Not Track is honoured likewise (G11; LG Berlin 16 O 420/19).
    pub dnt: bool,
    /// The re-open control (B6, B7).
    pub reopen: Reopen,
    /// The form of the first layer (`card`, `bar-top` …). `None`: nothing is drawn, the site has an interface of its own.
    pub layout: Option<String>,
    /// Paths, with `*` for any characters, where the first layer does not come by itself ([`Settings::is_quiet`]).
    pub quiet: Vec<String>,
}

/// Who is responsible for the processing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// Full name, as in the register.
    pub name: String,
    /// Mail address or URL for privacy questions.
    pub contact: String,
    /// URL of the privacy policy, absolute or rooted (`/privacy`).
    pub policy: String,
    /// URL of the legal notice, where the law asks for one on every page.
    pub imprint: Option<String>,
    /// Postal address.
    pub address: Option<String>,
    /// Contact of the data protection officer.
    pub dpo: Option<String>,
    /// The supervisory authority where a complaint can be lodged, by name.
    pub authority: Option<String>,
    /// What the owner has changed, after a faulty notice, so that whoever agreed before is asked again (`again`).
    pub again: String,
}

/// A purpose that the visitor decides about, or the exempt one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// `functional`, `analytical`, `marketing`, or the owner's own (`[a-z][a-z0-9-]*`).
    pub id: String,
    /// Strictly necessary: always on, needs no consent (G4). Only `functional`.
    pub exempt: bool,
    /// The owner's title instead of the bundled one. Required for own categories (L07).
    pub title: Option<Localized>,
    /// The owner's sentence instead of the bundled one. Required for own categories (L07).
    pub text: Option<Localized>,
    /// The services that belong to it, in the order shown.
    pub services: Vec<Service>,
}

/// Something that stores or reads on the device, or receives requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The id used in `data-service`.
    pub id: String,
    /// The name people know it by.
    pub name: String,
    /// The legal person that receives the data (B9).
    pub provider: String,
    /// What it is for (P49, B9).
    pub purpose: Localized,
    /// ISO 3166 codes of the countries where the data goes.
    pub countries: Vec<String>,
    /// The safeguard outside the EEA: `adequacy`, `SCC`, `BCR` … (L21).
    pub safeguard: Option<String>,
    /// URL of the provider's policy.
    pub policy: Option<String>,
    /// Cookies and other storage it uses.
    pub items: Vec<Item>,
    /// Calls of its consent API as they are written, `{update, grant, revoke}` (docs/services.md); checked, so that
    /// nothing in them is code (L31). Our own service's are made by `own_signals`.
    pub signals: Value,
}

/// A cookie, storage key or pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Name, where `*` stands for any characters: `_pk_id*`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// How long it stays; `None` is the browser session, [`Item::PERSISTENT`] until somebody deletes it.
    pub duration: Option<Period>,
    /// Whether third parties can read it (P49).
    pub third_party: bool,
    /// What this one is for, where that differs from the service's purpose.
    pub purpose: Option<Localized>,
}

impl Item {
    /// The duration of storage that has no end of its own (`"persistent"`), as localStorage mostly does.
    pub const PERSISTENT: Period = Period::months(1200);

    /// Whether another site keeps it, so that it can't be deleted from this one: the declaration says so, or its name
    /// says in parentheses who does, `uid (adform.net)` (docs/services.md).
    pub fn is_foreign(&self) -> bool {
        self.third_party || self.name.as_bytes().last() == Some(&b')')
    }
}

/// Kinds of [`Item`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A cache of the Cache API.
    CacheStorage,
    /// An HTTP cookie.
    Cookie,
    /// An IndexedDB database.
    IndexedDb,
    /// A `localStorage` key.
    LocalStorage,
    /// A request that itself carries information (a counting pixel).
    Pixel,
    /// A service worker, by the path of its script.
    ServiceWorker,
    /// A `sessionStorage` key.
    SessionStorage,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::CacheStorage,
        Self::Cookie,
        Self::IndexedDb,
        Self::LocalStorage,
        Self::Pixel,
        Self::ServiceWorker,
        Self::SessionStorage,
    ];

    /// Their names in the configuration, in the same order.
    pub(crate) const NAMES: &str = "cacheStorage cookie indexedDB localStorage pixel serviceWorker sessionStorage";

    /// Its name in the configuration and in the notice.
    pub fn name(self) -> &'static str {
        // In the order of the variants, which a test holds it to.
        name_at(Self::NAMES, self as usize)
    }
}

/// A text in one language for all, or in several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Localized {
    /// The same words in every language.
    All(String),
    /// As it is written: for each language tag a text, at least one.
    Each(Value),
    /// The key of a bundled text (`purpose.statistics`); also `own.purpose`.
    Key(String),
}

/// Where records go and what is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// URL for `POST`, absolute or rooted.
    pub endpoint: String,
    /// What happens with refusals (R10).
    pub refusals: Refusals,
    /// What a grant waits for before it opens anything (PROOF §2).
    pub require_ack: RequireAck,
    /// How long a record is kept after its consent has ended (S1). Visitors are told; `askfirst serve --keep` may be
    /// shorter and not longer.
    pub retention: Period,
}

impl Records {
    /// Three years, the default of [`Records::retention`].
    pub const RETENTION: Period = Period::months(36);
}

/// What is sent when a visitor refuses (R10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refusals {
    /// A count without any identifier.
    #[default]
    Aggregate,
    /// Nothing.
    None,
    /// A record with a random subject, like a grant.
    Pseudonymous,
}

/// What a grant waits for before it opens anything (PROOF §2). A refusal or withdrawal never waits, nor does what was open
/// before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequireAck {
    /// Nothing: the record follows when it can.
    #[default]
    None,
    /// The browser has stored choice and record.
    Persisted,
    /// The server has answered with a receipt of the record.
    Acked,
}

/// The control that reopens the preferences on every page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reopen {
    /// Off only when the owner names an own control (`"reopen": "a.cookie-settings"`), kept in `own`.
    pub shown: bool,
    /// CSS selector of the owner's own control.
    pub own: Option<String>,
    /// `true`: at the inline end (right in English), `false`: at the inline start.
    pub end: bool,
}

impl Default for Reopen {
    fn default() -> Self {
        Self { shown: true, own: None, end: false }
    }
}

impl Settings {
    /// The category with this id.
    pub fn category(&self, id: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.id == id)
    }

    /// The service with this id.
    pub fn service(&self, id: &str) -> Option<&Service> {
        for category in &self.categories {
            for service in &category.services {
                if service.id == id {
                    return Some(service);
                }
            }
        }
        None
    }

    /// The categories that need consent, in the order shown.
    pub fn asked(&self) -> impl Iterator<Item = &Category> {
        self.categories.iter().filter(|category| !category.exempt)
    }

    /// Whether the first layer stays away from the page with this path until it is asked for: whoever wants to know who
    /// asks reads imprint and policy undisturbed (B10). `/imprint/` is the same page as `/imprint`.
    pub fn is_quiet(&self, path: &str) -> bool {
        let bare = path.strip_suffix("/").unwrap_or(path);
        let mut quiet = false;
        for pattern in &self.quiet {
            quiet |= matches(pattern, path) || matches(pattern, bare);
        }
        quiet
    }

    /// Every service with its category.
    pub fn services(&self) -> impl Iterator<Item = (&Category, &Service)> {
        self.categories.iter().flat_map(|category| category.services.iter().map(move |service| (category, service)))
    }
}

impl Category {
    /// A number that changes when the purpose changes *in substance* (B15): its controller, its services, who provides
    /// them, where the data goes, what they store and for how long. Words, translations and order don't count, but the
    /// owner's own word that it is to be asked again.
    pub fn substance(&self, controller: &Controller) -> u32 {
        let mut services = Vec::new();
        for service in &self.services {
            services.push(service.substance());
        }
        let mut writer = Writer::default();
        writer.open('{');
        writer.text("category", &self.id);
        writer.text("controller", &controller.name);
        writer.sorted("services", services);
        writer.close('}');
        let mut text = writer.finish();
        text.push_str(&controller.again);
        crate::digest::fingerprint(text.as_bytes())
    }
}

impl Service {
    /// A number that changes with what it is, like [`Category::substance`].
    pub(crate) fn fingerprint(&self) -> u32 {
        crate::digest::fingerprint(self.substance().as_bytes())
    }

    fn substance(&self) -> String {
        let mut countries = Vec::new();
        for country in &self.countries {
            let mut writer = Writer::default();
            writer.string(country);
            countries.push(writer.finish());
        }
        let mut items = Vec::new();
        for item in &self.items {
            let mut writer = Writer::default();
            writer.open('{');
            match item.duration {
                Some(period) => writer.int("days", i64::from(period.days_at_most())),
                None => writer.optional("days", &None),
            }
            writer.text("kind", item.kind.name());
            writer.text("name", &item.name);
            writer.flag("thirdParty", item.third_party);
            writer.close('}');
            items.push(writer.finish());
        }
        let mut writer = Writer::default();
        writer.open('{');
        writer.sorted("countries", countries);
        writer.text("id", &self.id);
        writer.sorted("items", items);
        writer.text("provider", &self.provider);
        writer.close('}');
        writer.finish()
    }
}
