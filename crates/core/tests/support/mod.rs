//! What the tests share: a configuration built by hand, and a browser that carries effects out.
#![allow(dead_code)]

use askfirst_core::choice::Stored;
use askfirst_core::digest;
use askfirst_core::gate::Gate;
use askfirst_core::json::{Value, map};
use askfirst_core::machine::{Decision, Effect, Env, Event, State, handle};
use askfirst_core::record::{Layer, Method, Record, Submission};
use askfirst_core::settings::{
    Category, Controller, Item, Kind, Localized, Records, Refusals, Reopen, RequireAck, Service, Settings, own_signals,
};
use askfirst_core::texts::Texts;
use askfirst_core::time::{self, Millis, Period};

/// 2026-11-22T10:15:30Z, a Sunday morning.
pub const NOW: Millis = 1_795_342_530_000;

pub fn at(text: &str) -> Millis {
    time::parse(text).unwrap()
}

pub fn texts(lang: &str) -> Texts {
    let path = format!("{}/../../www/locales/{lang}.json", env!("CARGO_MANIFEST_DIR"));
    Texts::parse(lang, &std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn item(name: &str, kind: Kind, duration: Option<Period>) -> Item {
    Item { name: name.into(), kind, duration, third_party: false, purpose: None }
}

pub fn service(id: &str, items: Vec<Item>) -> Service {
    Service {
        id: id.into(),
        name: format!("The {id} service"),
        provider: format!("{id} Ltd"),
        purpose: Localized::All(format!("What {id} is for.")),
        countries: vec!["IE".into(), "US".into()],
        safeguard: Some("SCC".into()),
        policy: Some(format!("https://{id}.example/privacy")),
        items,
        signals: Value::Null,
    }
}

pub fn category(id: &str, services: Vec<Service>) -> Category {
    Category { id: id.into(), exempt: id == "functional", title: None, text: None, services }
}

/// An own category, with the words that it needs (L07).
pub fn own(id: &str, services: Vec<Service>) -> Category {
    Category {
        title: Some(Localized::All(format!("Own {id}"))),
        text: Some(Localized::All(format!("What the owner does under {id}."))),
        ..category(id, services)
    }
}

pub fn settings() -> Settings {
    let metrics = service(
        "metrics",
        vec![item("_pk_id*", Kind::Cookie, Some(Period::months(13))), item("_pk_ses", Kind::SessionStorage, None)],
    );
    let clips = service(
        "clips",
        vec![
            Item { third_party: true, ..item("VISITOR", Kind::Cookie, Some(Period::months(6))) },
            item("clips", Kind::IndexedDb, Some(Item::PERSISTENT)),
            item("clips.seen", Kind::LocalStorage, Some(Item::PERSISTENT)),
            item("https://clips.example/p.gif", Kind::Pixel, None),
        ],
    );
    Settings {
        version: "2026-11-22".into(),
        controller: Controller {
            name: "Example B.V.".into(),
            contact: "privacy@example.com".into(),
            policy: "/privacy".into(),
            imprint: None,
            address: Some("Dam 1, Amsterdam".into()),
            dpo: Some("dpo@example.com".into()),
            authority: Some("Autoriteit Persoonsgegevens".into()),
            again: String::new(),
        },
        site: Some("https://www.example.nl".into()),
        jurisdiction: Some("NL".into()),
        categories: vec![
            category(
                "functional",
                vec![Service { signals: own_signals(), ..service("login", vec![item("sid", Kind::Cookie, None)]) }],
            ),
            category("analytical", vec![metrics]),
            category("marketing", vec![clips]),
            own("chat", vec![]),
        ],
        records: Some(Records {
            endpoint: "/askfirst/v1/records".into(),
            refusals: Refusals::Aggregate,
            require_ack: RequireAck::None,
            retention: Records::RETENTION,
        }),
        validity: Period::months(6),
        locale: "en".into(),
        texts: Value::Null,
        gpc: true,
        dnt: true,
        reopen: Reopen::default(),
        layout: Some("card".into()),
        quiet: Vec::new(),
    }
}

pub fn with_refusals(refusals: Refusals) -> Settings {
    let mut settings = settings();
    settings.records.as_mut().unwrap().refusals = refusals;
    settings
}

/// The policy after a vendor was added to marketing (B15).
pub fn with_vendor() -> Settings {
    let mut settings = settings();
    settings.categories[2].services.push(service("adverts", vec![item("_ads", Kind::Cookie, Some(Period::months(3)))]));
    settings
}

/// The policy after a purpose was added (B15).
pub fn with_purpose() -> Settings {
    let mut settings = settings();
    settings.categories.push(own("maps", vec![]));
    settings
}

pub fn env(now: Millis) -> Env {
    Env {
        now,
        random: Some([7; 64]),
        gpc: false,
        dnt: false,
        quiet: false,
        site: "https://www.example.nl".into(),
        key: "1|/askfirst.json||0".into(),
        ui: digest::digest(b"code and style"),
        client: "askfirst/0.1.0".into(),
        lang: "nl".into(),
        notice: digest::digest(b"notice"),
    }
}

/// One browser: storage, a cookie, a clock, and a page that is open.
#[derive(Clone)]
pub struct Browser {
    pub settings: Settings,
    pub env: Env,
    pub local: Option<String>,
    pub cookies: Vec<String>,
    pub page: State,
    /// Whether the network answers nothing at once; bodies wait in `posted`.
    pub posted: Vec<String>,
    seed: u64,
}

impl Browser {
    pub fn new(settings: Settings, now: Millis) -> Self {
        Self::seeded(settings, now, 1)
    }

    pub fn seeded(settings: Settings, now: Millis, seed: u64) -> Self {
        let env = env(now);
        Self { settings, env, local: None, cookies: vec![], page: State::default(), posted: vec![], seed: seed << 32 }
    }

    pub fn stored(&self) -> Stored {
        Stored::reconcile(self.local.as_deref(), &self.cookies, self.env.now)
    }

    /// Handles one event and, where a withdrawal waits for it, the deletion of everything asked for.
    pub fn send(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = self.turn(event);
        if effects.iter().any(|effect| matches!(effect, Effect::Clear { tell: true, .. })) {
            effects.extend(self.turn(Event::Cleared(Value::List(vec![]))));
        }
        effects
    }

    /// Handles one event.
    pub fn turn(&mut self, event: Event) -> Vec<Effect> {
        self.seed += 1;
        if let Some(random) = &mut self.env.random {
            let low = digest::sha256(&self.seed.to_be_bytes());
            random[..32].copy_from_slice(&low);
            random[32..].copy_from_slice(&digest::sha256(&low));
        }
        self.page.stored = self.stored();
        let effects = handle(&self.settings, &mut self.page, event, &self.env);
        for effect in &effects {
            match effect {
                Effect::Persist => {
                    self.local = Some(self.page.stored.encode());
                    let keep = self.page.stored.choice.is_some();
                    self.cookies = keep.then(|| self.page.stored.encode_mirror()).into_iter().collect();
                }
                Effect::Deliver(body) => self.posted.push(body.clone()),
                _ => {}
            }
        }
        effects
    }

    /// A new page, as the loader starts it.
    pub fn boot(&mut self) -> Vec<Effect> {
        self.page = State::default();
        let opened = self.stored().gate.is_some_and(|gate| gate.key == self.env.key && self.env.now < gate.until);
        self.send(Event::Boot { opened })
    }

    pub fn accept_all(&mut self) -> Vec<Effect> {
        self.send(Event::Decide(Decision::AcceptAll, Layer::Preferences, Method::AcceptAll))
    }

    pub fn accept(&mut self) -> Vec<Effect> {
        self.send(Event::Decide(Decision::Accept, Layer::First, Method::AcceptAll))
    }

    pub fn reject(&mut self) -> Vec<Effect> {
        self.send(Event::Decide(Decision::Reject, Layer::First, Method::RejectAll))
    }

    pub fn withdraw(&mut self) -> Vec<Effect> {
        self.send(Event::Decide(Decision::RejectAll, Layer::Preferences, Method::Withdraw))
    }

    pub fn save(&mut self, answers: &[(&str, bool)]) -> Vec<Effect> {
        let answers = answers.iter().map(|(id, granted)| ((*id).to_string(), *granted)).collect();
        self.send(Event::Decide(Decision::Save(answers), Layer::Preferences, Method::Save))
    }

    /// The server's answer to a body, with a receipt for a good one.
    pub fn answer(&mut self, body: &str, status: u16) -> Vec<Effect> {
        let receipt = receipt(body).filter(|_| status < 300);
        self.send(Event::Answered { body: body.into(), status, retry_after: None, receipt })
    }

    /// The server takes everything that is on its way.
    pub fn deliver_all(&mut self) {
        for body in std::mem::take(&mut self.posted) {
            self.answer(&body, 201);
        }
    }

    pub fn asked(&self) -> Vec<String> {
        self.page.asked(&self.settings, self.env.now)
    }

    pub fn granted(&self) -> Vec<String> {
        self.page.granted(&self.settings, self.env.now)
    }

    /// The records in the order in which they were posted, once each.
    pub fn records(&self) -> Vec<Record> {
        let mut records: Vec<Record> = vec![];
        for body in &self.posted {
            if let Submission::Record(record) = Submission::parse(body).unwrap()
                && !records.contains(&record)
            {
                records.push(record);
            }
        }
        records
    }
}

/// What the server answers for a good body.
pub fn receipt(body: &str) -> Option<Value> {
    match Submission::parse(body).ok()? {
        Submission::Count(_) => Some(map([("counted", true.into())])),
        Submission::Record(record) => {
            Some(map([("received_at", "2026-11-22T10:15:31Z".into()), ("record_id", record.record_id.into())]))
        }
    }
}

/// The names of the effects, in order: `Persist`, `Emit change` …
pub fn order(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .map(|effect| match effect {
            Effect::Emit(name, _) => format!("Emit {name}"),
            other => format!("{other:?}").split(|c: char| !c.is_alphanumeric()).next().unwrap().to_string(),
        })
        .collect()
}

/// The gate that the loader is handed last.
pub fn released(effects: &[Effect]) -> &Gate {
    effects
        .iter()
        .rev()
        .find_map(|effect| match effect {
            Effect::Release(gate) => Some(gate),
            _ => None,
        })
        .unwrap()
}
