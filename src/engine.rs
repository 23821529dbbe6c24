//! The engine: one event at a time through the machine, its effects into the page in their order.

use crate::host::{Boot, Host, to_js};
use crate::store::Store;
use crate::ui::Interface;
use crate::{clear, page};
use askfirst_core::json::{self, Value, map};
use askfirst_core::machine::{self, Decision, Effect, Env, Event, State};
use askfirst_core::notice::Notice;
use askfirst_core::record::{Layer, Method};
use askfirst_core::settings::{self, Settings};
use askfirst_core::texts::{self, Texts};
use askfirst_core::view::{self, Action, Asked, Standing};
use askfirst_core::{gate, time};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// The running product of one page.
pub struct Engine {
    host: Host,
    settings: Settings,
    texts: Texts,
    store: Store,
    state: RefCell<State>,
    queue: RefCell<VecDeque<Event>>,
    running: Cell<bool>,
    ui: OnceCell<Interface>,
    key: String,
    ui_digest: String,
    client: String,
    notice: String,
}

/// See [`crate::plan`].
pub fn plan(config: &str, page_lang: &str) -> JsValue {
    let value = json::parse(config).ok();
    let fallback = value.as_ref().and_then(|value| value.at("locale")).and_then(Value::text).unwrap_or("en");
    to_js(&map([
        ("lang", texts::choose(page_lang, fallback).into()),
        ("services", settings::wanted_services(config).into()),
    ]))
}

impl Engine {
    /// Reads the configuration and the words.
    ///
    /// # Errors
    /// Every problem of the configuration, one a line. Nothing has been shown or opened then.
    pub fn new(host: Host, boot: &Boot) -> Result<Rc<Self>, JsValue> {
        let services: Vec<(String, Value)> = boot
            .services()
            .iter()
            .filter_map(|pair| {
                let pair: js_sys::Array = pair.dyn_into().ok()?;
                Some((pair.get(0).as_string()?, json::parse(&pair.get(1).as_string()?).ok()?))
            })
            .collect();
        let (settings, problems) = settings::parse_terse(&boot.config(), &services);
        let lines: Vec<String> = problems.iter().map(settings::Problem::line).collect();
        let Some(settings) = settings else {
            return Err(JsValue::from_str(&["the configuration has errors:\n", &lines.join("\n")].concat()));
        };
        if !lines.is_empty() {
            host.warn(&lines.join("\n"));
        }
        let lang = boot.lang();
        let texts = Texts::parse(&lang, &boot.locale())
            .ok_or_else(|| JsValue::from_str("the locale file is not an object of texts"))?
            .with_overrides(&settings);
        let notice = Notice::new(&settings, &texts).digest;
        let engine = Rc::new(Self {
            host,
            settings,
            texts,
            store: Store::default(),
            state: RefCell::default(),
            queue: RefCell::default(),
            running: Cell::new(false),
            ui: OnceCell::new(),
            key: boot.key(),
            ui_digest: boot.ui(),
            client: boot.client(),
            notice,
        });
        let weak = Rc::downgrade(&engine);
        let ui = Interface::new(&boot.css(), engine.texts.lang(), "ltr", move |action, _| {
            if let Some(engine) = weak.upgrade() {
                engine.act(action);
            }
        })?;
        let _ = engine.ui.set(ui);
        Ok(engine)
    }

    /// The page started.
    pub fn boot(&self, opened: bool) {
        self.dispatch(Event::Boot { opened });
    }

    /// See [`crate::command`].
    pub fn command(&self, name: &str, by_visitor: bool, answers: Option<js_sys::Object>) {
        let by = |method| if by_visitor { method } else { Method::Api };
        match name {
            "accept" => self.decide(Decision::AcceptAll, Layer::Page, by(Method::AcceptAll)),
            "reject" => self.decide(Decision::RejectAll, Layer::Page, by(Method::RejectAll)),
            "withdraw" => self.decide(Decision::RejectAll, Layer::Page, by(Method::Withdraw)),
            "preferences" => self.dispatch(Event::Customise),
            "open" => self.dispatch(Event::Open),
            "save" => {
                let answers = answers.map(|answers| js_sys::Object::entries(&answers)).unwrap_or_default();
                let answers = answers.iter().filter_map(|entry| {
                    let entry: js_sys::Array = entry.dyn_into().ok()?;
                    // Only a real `true` grants: "no" would be truthy.
                    Some((entry.get(0).as_string()?, entry.get(1).as_bool() == Some(true)))
                });
                self.decide(Decision::Save(answers.collect()), Layer::Page, Method::Api);
            }
            _ => {}
        }
    }

    /// Whether a category is open.
    pub fn has(&self, id: &str) -> bool {
        self.state.borrow().has(&self.settings, id, now())
    }

    /// The state as JSON.
    pub fn state(&self) -> JsValue {
        to_js(&self.state.borrow().value(&self.settings, &self.env()))
    }

    /// The receipt as JSON.
    pub fn receipt(&self) -> JsValue {
        to_js(&self.state.borrow().receipt(&self.settings, &self.env()))
    }

    /// The server's answer.
    pub fn answered(&self, body: String, status: u16, retry_after: Option<u32>, text: &str) {
        let receipt = json::parse(text).ok();
        self.dispatch(Event::Answered { body, status, retry_after, receipt });
    }

    /// Looks after other tabs and due retries.
    pub fn wake(&self) {
        self.dispatch(Event::Refresh);
        self.dispatch(Event::Wake);
    }

    /// Reports what is wrong with a gated tag.
    pub fn seen(&self, element: &web_sys::Element) {
        let tag = page::tag(element);
        for fault in gate::inspect(&self.settings, &tag) {
            let message = fault.message(&tag.element);
            self.host.warn(&message);
            let detail = map([("code", fault.code().into()), ("message", message.into())]);
            self.host.emit("error", to_js(&detail));
        }
    }

    fn act(&self, action: Action) {
        let (decision, layer, method) = match action {
            Action::Accept => (Decision::Accept, Layer::First, Method::AcceptAll),
            Action::Reject => (Decision::Reject, Layer::First, Method::RejectAll),
            Action::AcceptAll => (Decision::AcceptAll, Layer::Preferences, Method::AcceptAll),
            Action::RejectAll => (Decision::RejectAll, Layer::Preferences, Method::RejectAll),
            Action::Withdraw => (Decision::RejectAll, Layer::Preferences, Method::Withdraw),
            Action::Save => {
                let switches = self.ui.get().map(Interface::switches).unwrap_or_default();
                (Decision::Save(switches), Layer::Preferences, Method::Save)
            }
            Action::Customise => return self.dispatch(Event::Customise),
            Action::Close => return self.dispatch(Event::Close),
            Action::Receipt => {
                let receipt = self.state.borrow().receipt(&self.settings, &self.env());
                return self.host.download("askfirst-receipt.json", &receipt.canonical());
            }
        };
        self.decide(decision, layer, method);
    }

    fn decide(&self, decision: Decision, layer: Layer, method: Method) {
        self.dispatch(Event::Decide(decision, layer, method));
    }

    /// Handles an event now, or after the one being handled: a listener of the page may call back in.
    fn dispatch(&self, event: Event) {
        self.queue.borrow_mut().push_back(event);
        if self.running.replace(true) {
            return;
        }
        while let Some(event) = self.next_event() {
            let env = self.env();
            let mut state = self.state.take();
            state.stored = self.store.read();
            let (state, effects) = machine::handle(&self.settings, state, event, &env);
            self.state.replace(state);
            for effect in effects {
                self.perform(effect, env.now);
            }
        }
        self.running.set(false);
    }

    fn next_event(&self) -> Option<Event> {
        self.queue.borrow_mut().pop_front()
    }

    fn perform(&self, effect: Effect, now: time::Millis) {
        match effect {
            Effect::Persist => {
                let stored = self.state.borrow().stored.clone();
                self.store.write(&stored, now);
            }
            Effect::Signal(args) => self.host.signal(to_js(&args)),
            Effect::Release(gate) => self.host.open(to_js(&gate.value())),
            Effect::Clear { targets, tell } => {
                let left = clear::delete(&self.host, &targets);
                if tell {
                    // Ahead of whatever a listener has queued: the withdrawal is one act.
                    self.queue.borrow_mut().push_front(Event::Cleared(left));
                }
            }
            Effect::Emit(name, detail) => self.host.emit(name, to_js(&detail)),
            Effect::Deliver(body) => {
                if let Some(records) = &self.settings.records {
                    self.host.post(&records.endpoint, &body);
                }
            }
            Effect::WakeAt(at) => self.host.later((at - now) as f64),
            Effect::Reload(categories) => {
                if page::has_run(&categories) && !page::has_unsaved_input() {
                    page::reload();
                }
            }
            Effect::ShowBanner | Effect::HideBanner | Effect::FocusBanner | Effect::ShowDialog | Effect::CloseDialog => {
                self.show(&effect, now);
            }
        }
    }

    fn show(&self, effect: &Effect, now: time::Millis) {
        let Some(ui) = self.ui.get() else { return };
        let shown = match effect {
            Effect::ShowBanner => {
                let (asked, decided) = {
                    let state = self.state.borrow();
                    (state.asked(&self.settings, now), state.decided(&self.settings, now))
                };
                let why = if decided { Asked::Changed(&asked) } else { Asked::First };
                ui.hide_reopen();
                ui.show_banner(&view::banner(&self.settings, &self.texts, why, self.env().gpc))
            }
            Effect::HideBanner => {
                ui.hide_banner();
                if self.settings.reopen.shown { ui.show_reopen(&view::reopen(&self.settings, &self.texts)) } else { Ok(()) }
            }
            Effect::FocusBanner => {
                ui.focus_banner();
                Ok(())
            }
            Effect::ShowDialog => {
                let standing = {
                    let state = self.state.borrow();
                    let choice = state.stored.choice.as_ref();
                    Standing {
                        granted: state.granted(&self.settings, now),
                        decided: choice.map(|choice| time::date(choice.at)),
                        record_id: choice.and_then(|choice| choice.proof.as_ref()).map(|proof| proof.record_id.clone()),
                    }
                };
                ui.show_dialog(&view::dialog(&self.settings, &self.texts, &standing, self.env().gpc))
            }
            _ => {
                ui.close_dialog();
                Ok(())
            }
        };
        if shown.is_err() {
            self.host.warn("the browser refused the interface; what is shut stays shut");
        }
    }

    fn env(&self) -> Env {
        Env {
            now: now(),
            random: page::random().unwrap_or([0; 64]),
            gpc: self.settings.gpc && page::gpc(),
            site: page::origin(),
            key: self.key.clone(),
            ui: self.ui_digest.clone(),
            client: self.client.clone(),
            lang: self.texts.lang().to_string(),
            notice: self.notice.clone(),
        }
    }
}

fn now() -> time::Millis {
    js_sys::Date::now() as time::Millis
}
