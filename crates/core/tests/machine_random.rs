//! The state machine under random events, clocks, policies, tabs and damaged storage.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::json::{self, Value};
use askfirst_core::machine::{Decision, Effect, Event, State};
use askfirst_core::outbox::Answer;
use askfirst_core::record::{Layer, MAX_BYTES, Method, State as Became, Submission};
use askfirst_core::settings::{Records, Refusals, Settings};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use std::collections::BTreeMap;
use support::{Browser, NOW, order, released, settings, with_purpose, with_vendor};

#[derive(Clone, Debug)]
enum Step {
    Boot,
    Decide(Decision),
    Say(u8),
    Answer(prop::sample::Index, u16),
    Clock(i64),
    Gpc(bool),
    Policy(usize),
    Tab,
    Damage(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let ids = prop::sample::select(vec!["analytical", "marketing", "chat", "maps", "ads", "functional", "nonsense"]);
    let save = prop::collection::vec((ids.prop_map(String::from), any::<bool>()), 0..4).prop_map(Decision::Save);
    let decision = prop_oneof![
        Just(Decision::Accept),
        Just(Decision::AcceptAll),
        Just(Decision::Reject),
        Just(Decision::RejectAll),
        save,
    ];
    let status = prop_oneof![Just(201u16), Just(200), Just(409), Just(422), Just(424), Just(500), Just(0), 0u16..600];
    let clock =
        prop_oneof![0i64..5000, 0i64..86_400_000, 0i64..20_000_000_000, -3_000_000i64..0, -90_000_000_000i64..0];
    prop_oneof![
        3 => Just(Step::Boot),
        6 => decision.prop_map(Step::Decide),
        3 => (0u8..6).prop_map(Step::Say),
        5 => (any::<prop::sample::Index>(), status).prop_map(|(which, status)| Step::Answer(which, status)),
        4 => clock.prop_map(Step::Clock),
        1 => any::<bool>().prop_map(Step::Gpc),
        1 => (0usize..4).prop_map(Step::Policy),
        2 => Just(Step::Tab),
        1 => (0u8..6).prop_map(Step::Damage),
    ]
}

fn policies(refusals: Option<Refusals>) -> [Settings; 4] {
    let mut both = with_vendor();
    both.categories.extend(with_purpose().categories.pop());
    [settings(), with_vendor(), with_purpose(), both].map(|mut settings| {
        settings.records =
            settings.records.and_then(|records| refusals.map(|refusals| Records { refusals, ..records }));
        settings
    })
}

struct World {
    browser: Browser,
    other: State,
    policies: [Settings; 4],
    /// Purpose to the substance in which the visitor last granted it.
    consents: BTreeMap<String, u32>,
    /// Record id to its body.
    bodies: BTreeMap<String, String>,
}

impl World {
    /// What an event may open: what the visitor grants by it.
    fn granted_by(&self, event: &Event) -> Vec<String> {
        let Event::Decide(decision, ..) = event else { return vec![] };
        let settings = &self.browser.settings;
        let mut page = self.browser.page.clone();
        page.stored = self.browser.stored();
        let asked = page.asked(settings, self.browser.env.now);
        let said = |id: &str| match decision {
            Decision::AcceptAll => true,
            Decision::Accept => asked.iter().any(|asked| asked == id),
            Decision::Reject | Decision::RejectAll => false,
            Decision::Save(answers) => {
                let of = |name: &&(String, bool)| askfirst_core::gate::canonical(&name.0) == id;
                answers.iter().any(|answer| of(&answer) && answer.1)
                    && !answers.iter().any(|answer| of(&answer) && !answer.1)
            }
        };
        settings.asked().map(|category| category.id.clone()).filter(|id| said(id)).collect()
    }

    fn open(&self) -> Vec<String> {
        let mut state = State::default();
        state.stored = self.browser.stored();
        state.granted(&self.browser.settings, self.browser.env.now)
    }

    fn turn(&mut self, event: Event) -> TestCaseResult {
        let (before, open_before) = (self.browser.stored(), self.open());
        let may = self.granted_by(&event);
        let mut effects = self.browser.turn(event.clone());
        let after = self.browser.page.stored.clone();
        let (open, settings, now) = (self.open(), self.browser.settings.clone(), self.browser.env.now);
        let names = order(&effects);

        // B1: only a decision grants, and only what it says.
        for id in &open {
            prop_assert!(open_before.contains(id) || may.contains(id), "{id} opened by {event:?}");
        }
        for id in &may {
            self.consents.insert(id.clone(), settings.category(id).unwrap().substance(&settings.controller));
        }
        for id in &open {
            let substance = settings.category(id).unwrap().substance(&settings.controller);
            prop_assert_eq!(self.consents.get(id), Some(&substance), "{} was never granted as it is now", id);
        }
        // Stored before anything acts on it, and never changed in silence.
        prop_assert!(before == after || names[0] == "Persist" || names.contains(&"Persist".into()), "{event:?}");
        let place = |name: &str| names.iter().position(|n| n == name);
        if let Some(persisted) = place("Persist") {
            // A turn that only notes what it sends may have opened before: what it opened was stored by an earlier turn.
            let acts = if before.choice == after.choice && before.gate == after.gate {
                [None, None, None]
            } else {
                [place("Signal"), place("Release"), place("Clear")]
            };
            prop_assert!(
                acts.into_iter()
                    .chain([place("Deliver")])
                    .collect::<Vec<_>>()
                    .iter()
                    .flatten()
                    .all(|at| *at > persisted),
                "{names:?}"
            );
        }
        if place("Release").is_some() {
            let gate = released(&effects);
            for category in settings.asked().filter(|category| !open.contains(&category.id)) {
                prop_assert!(!gate.open.contains(&category.id));
                prop_assert!(category.services.iter().all(|service| !gate.services.contains(&service.id)));
            }
        }
        if let Some(gate) = &after.gate
            && matches!(event, Event::Decide(..) | Event::Boot { .. })
            && place("Persist").is_some()
        {
            prop_assert!(
                settings.asked().all(|category| open.contains(&category.id) || !gate.open.contains(&category.id))
            );
        }
        // Withdrawal, to its end.
        if effects.iter().any(|effect| matches!(effect, Effect::Clear { tell: true, .. })) {
            prop_assert_eq!(names.last().map(String::as_str), Some("Clear"));
            let told = self.browser.turn(Event::Cleared(Value::List(vec![])));
            let mut names = order(&told);
            names.retain(|name| name != "Persist");
            prop_assert_eq!(&names[..2], ["Emit change", "Emit withdraw"]);
            prop_assert_eq!(names.last().map(String::as_str), Some("Reload"));
            effects.extend(told);
        }
        self.records(&event, &before, &after, &effects)?;
        self.shown(now)
    }

    /// Records and counts: lawful, once, and none lost.
    fn records(
        &mut self,
        event: &Event,
        before: &askfirst_core::choice::Stored,
        after: &askfirst_core::choice::Stored,
        effects: &[Effect],
    ) -> TestCaseResult {
        let refusals = self.browser.settings.records.as_ref().map(|records| records.refusals);
        let new: Vec<_> = after
            .outbox
            .entries
            .iter()
            .filter(|entry| !before.outbox.entries.contains(entry) && entry.attempts == 0)
            .collect();
        let sent = effects.iter().filter_map(|effect| match effect {
            Effect::Deliver(body) => Some(body),
            _ => None,
        });
        for body in sent.chain(new.iter().map(|entry| &entry.body)) {
            prop_assert!(body.len() <= MAX_BYTES);
            match Submission::parse(body) {
                Ok(Submission::Record(record)) => {
                    let known = self.bodies.entry(record.record_id.clone()).or_insert_with(|| body.clone());
                    prop_assert_eq!(known, body, "one id, one body");
                    let refusing = matches!(record.event.state, Became::Refused);
                    prop_assert!(
                        !refusing
                            || refusals != Some(Refusals::Aggregate)
                            || !new.iter().any(|entry| entry.body == *body)
                    );
                }
                Ok(Submission::Count(_)) => {
                    prop_assert!(["record_id", "subject", "holder"].iter().all(|key| !body.contains(key)))
                }
                Err(rejection) => prop_assert!(false, "{rejection:?} in {body}"),
            }
        }
        let grants = after.choice.as_ref().is_some_and(askfirst_core::choice::Choice::grants);
        if matches!(event, Event::Decide(..)) && before.choice != after.choice {
            let ids = new.iter().filter(|entry| entry.id.is_some()).count();
            prop_assert!(new.len() <= 1);
            prop_assert!(!grants || ids == usize::from(refusals.is_some()), "each grant makes one record");
        }
        if !grants && refusals != Some(Refusals::Pseudonymous) {
            prop_assert!(
                after.choice.as_ref().is_none_or(|choice| choice.proof.is_none()),
                "a refusal has no identifier (P1)"
            );
        }
        let gone: Vec<_> = before
            .outbox
            .entries
            .iter()
            .filter(|old| !after.outbox.entries.iter().any(|entry| entry.body == old.body))
            .collect();
        let dropped = (after.outbox.dropped - before.outbox.dropped) as usize;
        match event {
            Event::Answered { body, status, .. } => {
                let there = before.outbox.entries.iter().any(|entry| entry.body == *body);
                let final_answer = !matches!(Answer::new(*status, None, true), Answer::Later(_));
                let left = before.outbox.entries.len() - after.outbox.entries.len();
                prop_assert_eq!(left, usize::from(there && final_answer));
                let recorded = effects.iter().filter(|effect| matches!(effect, Effect::Emit("recorded", _))).count();
                let is_record = before.outbox.entries.iter().any(|entry| entry.body == *body && entry.id.is_some());
                prop_assert_eq!(recorded, usize::from(is_record && matches!(status, 200..=202)));
            }
            // A record never goes unheard; a count that an earlier page has sent is not sent twice.
            Event::Boot { .. } => {
                let records = gone.iter().filter(|entry| entry.id.is_some()).count();
                prop_assert!(records <= dropped, "a record lost by {event:?}");
            }
            _ => prop_assert_eq!(gone.len(), dropped, "lost by {:?}", event),
        }
        Ok(())
    }

    /// What the JavaScript API says fits together.
    fn shown(&self, now: i64) -> TestCaseResult {
        let (settings, env) = (&self.browser.settings, &self.browser.env);
        let state = json::parse(&self.browser.page.text(settings, env)).unwrap();
        let list = |key: &str| -> Vec<String> {
            state.get(key).items().iter().map(|id| id.text().unwrap().to_string()).collect()
        };
        let mut all = [list("granted"), list("refused"), list("asked"), list("waiting")].concat();
        all.sort();
        let mut known: Vec<String> = settings.asked().map(|category| category.id.clone()).collect();
        known.sort();
        prop_assert_eq!(all, known, "each category stands in one way");
        let flag = |key: &str| state.at(key).unwrap().bool().unwrap();
        prop_assert_eq!(flag("decided"), list("granted").len() + list("refused").len() + list("waiting").len() > 0);
        prop_assert!(!flag("recorded") || state.at("recordId") != Some(&Value::Null));
        prop_assert!(!flag("decided") || state.at("at").unwrap().text().is_some());
        prop_assert!(
            self.browser.page.has(settings, "functional", now) && !self.browser.page.has(settings, "nonsense", now)
        );
        let receipt = json::parse(&self.browser.page.receipt(settings, env)).unwrap();
        let has = |key: &str| receipt.at(key) != Some(&Value::Null);
        prop_assert_eq!(has("record"), state.at("recordId") != Some(&Value::Null));
        prop_assert!(has("record") || !(has("secret") || has("receivedAt") || has("receipt")));
        prop_assert!(has("receivedAt") || !has("receipt"));
        Ok(())
    }

    fn step(&mut self, step: Step) -> TestCaseResult {
        match step {
            Step::Boot => return self.boot(),
            Step::Decide(decision) => {
                let (layer, method) = match &decision {
                    Decision::Accept => (Layer::First, Method::AcceptAll),
                    Decision::Reject => (Layer::First, Method::RejectAll),
                    Decision::AcceptAll => (Layer::Preferences, Method::AcceptAll),
                    Decision::RejectAll => (Layer::Preferences, Method::Withdraw),
                    Decision::Save(_) => (Layer::Page, Method::Api),
                };
                return self.turn(Event::Decide(decision, layer, method));
            }
            Step::Say(which) => {
                let events = [
                    Event::Customise,
                    Event::Open,
                    Event::Close,
                    Event::Refresh,
                    Event::Wake,
                    Event::Cleared(Value::List(vec![])),
                ];
                return self.turn(events[usize::from(which)].clone());
            }
            Step::Answer(which, status) => {
                if self.browser.posted.is_empty() {
                    return Ok(());
                }
                let body = which.get(&self.browser.posted).clone();
                let receipt = support::receipt(&body).filter(|_| status < 300);
                return self.turn(Event::Answered { body, status, retry_after: None, receipt });
            }
            Step::Clock(by) => self.browser.env.now = (self.browser.env.now + by).max(NOW / 2),
            Step::Gpc(on) => {
                self.browser.env.gpc = on;
                return self.boot();
            }
            Step::Policy(which) => {
                self.browser.settings = self.policies[which].clone();
                self.other = State::default();
                return self.boot();
            }
            Step::Tab => std::mem::swap(&mut self.browser.page, &mut self.other),
            Step::Damage(how) => {
                let browser = &mut self.browser;
                match how {
                    0 => browser.local = None,
                    1 => browser.cookies.clear(),
                    2 => browser.local = browser.local.take().map(|text| text[..text.len() / 2].to_string()),
                    3 => browser.cookies.push("{\"format\":2}".into()),
                    4 => browser.local = browser.local.take().map(|text| text.replace("\"format\":1", "\"format\":2")),
                    _ => (browser.local, browser.cookies) = (None, vec![]),
                }
            }
        }
        Ok(())
    }

    fn boot(&mut self) -> TestCaseResult {
        self.browser.page = State::default();
        let stored = self.browser.stored();
        let opened =
            stored.gate.is_some_and(|gate| gate.key == self.browser.env.key && self.browser.env.now < gate.until);
        self.turn(Event::Boot { opened })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_course_of_events_breaks_a_promise(
        refusals in prop::sample::select(vec![None, Some(Refusals::Aggregate), Some(Refusals::None), Some(Refusals::Pseudonymous)]),
        seed in 0u64..1000,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let policies = policies(refusals);
        let mut world = World {
            browser: Browser::seeded(policies[0].clone(), NOW, seed),
            other: State::default(),
            policies,
            consents: BTreeMap::new(),
            bodies: BTreeMap::new(),
        };
        world.boot()?;
        for step in steps {
            world.step(step)?;
        }
    }
}
