//! The engine: one event at a time through the machine, its effects into the page in their order.

use crate::host::Host;
use crate::store;
use askfirst_core::json::{self, Value, Writer};
use askfirst_core::machine::{self, Decision, Effect, Env, Event, State, Target};
use askfirst_core::notice::{self, Notice};
use askfirst_core::record::{Layer, Method, Signals};
use askfirst_core::settings::{self, Problem, Settings};
use askfirst_core::texts::Texts;
use askfirst_core::view::{self, Action, Asked, Standing};
use askfirst_core::{gate, time};
use std::cell::{Cell, OnceCell, RefCell};

/// The running product of one page.
pub struct Engine {
    host: Host,
    settings: Settings,
    /// Those that the engine started with.
    texts: Texts,
    /// All, once those that a first layer does without are here too.
    more: OnceCell<Texts>,
    state: RefCell<State>,
    /// Nothing keeps what is stored: it lives in the state (P5).
    volatile: Cell<bool>,
    /// Only the cookie keeps it: the outbox lives in the state.
    mirrored: Cell<bool>,
    /// Events to be handled after the one that is, the next one first; whether there are any.
    queue: RefCell<Vec<Event>>,
    postponed: Cell<bool>,
    running: Cell<bool>,
    key: String,
    ui_digest: String,
    client: String,
    /// Digest of the notice, once something is decided: it takes the whole dialog to make.
    notice: OnceCell<String>,
}

/// See [`crate::plan`].
pub fn plan(request: &Value) -> String {
    let [config, page_lang] = request.items() else { return String::new() };
    settings::plan(config.text().unwrap_or_default(), page_lang.text().unwrap_or_default())
}

impl Engine {
    /// Reads the configuration and the words; `boot` is made in `www/glue.ts`.
    ///
    /// # Errors
    /// Every problem of the configuration, one a line. Nothing has been shown or opened then.
    pub fn new(host: Host, boot: &Value) -> Result<Self, String> {
        let mut services = Vec::new();
        for (id, text) in boot.at("services").map_or(&[][..], Value::entries) {
            if let Ok(value) = json::parse(text.text().unwrap_or_default()) {
                services.push((id.clone(), value));
            }
        }
        let texts = Texts::parse(text(boot, "lang"), text(boot, "locale"));
        let Some(texts) = texts else { return Err("the locale file is not an object of texts".to_string()) };
        let (settings, problems) = settings::parse_terse(text(boot, "config"), &services, &texts);
        let Some(settings) = settings else { return Err(lines(&problems)) };
        let texts = texts.with_overrides(&settings);
        Ok(Self {
            host,
            settings,
            texts,
            more: OnceCell::new(),
            state: RefCell::default(),
            volatile: Cell::new(false),
            mirrored: Cell::new(false),
            queue: RefCell::default(),
            postponed: Cell::new(false),
            running: Cell::new(false),
            key: text(boot, "key").to_string(),
            ui_digest: text(boot, "ui").to_string(),
            client: text(boot, "client").to_string(),
            notice: OnceCell::new(),
        })
    }

    /// Takes over `[time, [[category, granted]…]]` of another product; whether there is a choice now.
    #[inline(never)]
    pub fn import(&self, found: &Value) -> bool {
        let [at, said] = found.items() else { return false };
        self.dispatch(Event::Import(at.int().unwrap_or(i64::MAX), answers(said)));
        self.state.borrow().stored.choice.is_some()
    }

    /// The page started.
    pub fn boot(&self, opened: bool) {
        self.dispatch(Event::Boot { opened });
    }

    /// What the glue asks for, `[name, argument…]`:
    ///
    /// | request | answer |
    /// |---|---|
    /// | `["has", category or service]` | whether it is open |
    /// | `["state"]`, `["receipt"]` | the state as in the events; what the visitor can keep |
    /// | `["texts", those of locales/more]` after a start without them | whether they were read |
    /// | `["words"]` | the words, with the owner's own in their place, also those for lazy parts |
    /// | `["erased"]` the server has erased the record of the choice | |
    /// | `["accept" \| "reject" \| "withdraw", by visitor]` | |
    /// | `["preferences"]`, `["open"]` | |
    /// | `["save", [[category or :service, granted]…], by visitor in a placeholder]` | |
    /// | `["act", name of an action, [[category or :service, switched on]…], interaction]` in the interface | |
    /// | `["service", id]` | what the notice declares of it, for a placeholder; `null` without such a service |
    /// | `["answered", body, status or 0, Retry-After in seconds or null, text]` | |
    /// | `["wake"]` after a while, or when another tab may have written | |
    /// | `["online"]` a network is there again, or the page is being hidden or left | |
    /// | `["restored"]` the page is shown again after it was left | |
    /// | `["cleared", [{kind, name, why}…]]` what a withdrawal could not delete | |
    /// | `["seen", element name, inert, data-category, data-service or null]` | |
    #[inline(never)]
    pub fn call(&self, request: &Value) -> String {
        let argument = |i: usize| request.items().get(i).unwrap_or(&Value::Null);
        let words = |i: usize| argument(i).text().unwrap_or_default();
        let is = |i: usize| argument(i) == &Value::Bool(true);
        let by = |method| if is(1) { method } else { Method::Api };
        match words(0) {
            "has" => {
                let has = self.state.borrow().has(&self.settings, words(1), now(&self.world()));
                return String::from(if has { "true" } else { "false" });
            }
            "state" => return self.state.borrow().text(&self.settings, &self.env(&self.world())),
            "receipt" => return self.receipt(),
            "texts" => return self.complete(words(1)),
            "words" => return self.texts().canonical(),
            "accept" => self.decide(Decision::AcceptAll, Layer::Page, by(Method::AcceptAll)),
            "reject" => self.decide(Decision::RejectAll, Layer::Page, by(Method::RejectAll)),
            "withdraw" => self.decide(Decision::RejectAll, Layer::Page, by(Method::Withdraw)),
            "preferences" => self.dispatch(Event::Customise),
            "open" => self.dispatch(Event::Open),
            "save" => {
                let (layer, method) = if is(2) { (Layer::Embed, Method::Save) } else { (Layer::Page, Method::Api) };
                self.decide(Decision::Save(answers(argument(1))), layer, method);
            }
            "act" => self.act(words(1), answers(argument(2)), argument(3)),
            "service" => return self.service(words(1)),
            "answered" => self.dispatch(Event::Answered {
                body: words(1).to_string(),
                status: argument(2).int().unwrap_or(0) as u16,
                retry_after: argument(3).int().map(|seconds| seconds as u32),
                receipt: json::parse(words(4)).ok(),
            }),
            "wake" => {
                self.dispatch(Event::Refresh);
                self.dispatch(Event::Wake);
            }
            "online" => self.dispatch(Event::Online),
            "restored" => self.dispatch(Event::Restored),
            "erased" => self.dispatch(Event::Erased),
            "cleared" => self.dispatch(Event::Cleared(argument(1).clone())),
            "seen" => self.seen(&gate::Tag {
                element: words(1).to_string(),
                inert: is(2),
                category: words(3).to_string(),
                service: argument(4).text().map(ToString::to_string),
            }),
            _ => {}
        }
        String::from("null")
    }

    fn texts(&self) -> &Texts {
        self.more.get().unwrap_or(&self.texts)
    }

    /// Takes the words that the start had not got.
    fn complete(&self, more: &str) -> String {
        let Some(all) = self.texts.clone().with_more(more) else { return String::from("false") };
        // The owner's own stand above them.
        self.more.get_or_init(|| all.with_overrides(&self.settings));
        String::from("true")
    }

    /// What a placeholder says of a service (G7).
    fn service(&self, id: &str) -> String {
        let Some(service) = self.settings.service(id) else { return String::from("null") };
        let mut writer = Writer::default();
        notice::service(&mut writer, service, self.texts());
        let mut declared = writer.into_value();
        declared.set("purpose", view::line(self.texts().localized(&service.purpose)));
        declared.canonical()
    }

    /// Reports what is wrong with a gated tag.
    fn seen(&self, tag: &gate::Tag) {
        for fault in gate::inspect(&self.settings, tag) {
            let mut detail = Writer::default();
            detail.open('{');
            detail.text("code", fault.code());
            detail.text("message", &fault.message(&tag.element));
            detail.close('}');
            self.host.tell_pair("emit", "error", &detail.finish());
        }
    }

    fn receipt(&self) -> String {
        self.state.borrow().receipt(&self.settings, &self.env(&self.world()))
    }

    /// The visitor pressed something.
    fn act(&self, action: &str, switches: Vec<(String, bool)>, interaction: &Value) {
        let Some(action) = Action::named(action) else { return };
        let (decision, layer, method) = match action {
            Action::Accept => (Decision::Accept, Layer::First, Method::AcceptAll),
            Action::Reject => (Decision::Reject, Layer::First, Method::RejectAll),
            Action::AcceptAll => (Decision::AcceptAll, Layer::Preferences, Method::AcceptAll),
            Action::RejectAll => (Decision::RejectAll, Layer::Preferences, Method::RejectAll),
            Action::Withdraw => (Decision::RejectAll, Layer::Preferences, Method::Withdraw),
            Action::Save => (Decision::Save(switches), Layer::Preferences, Method::Save),
            Action::Customise => return self.dispatch(Event::Customise),
            Action::Close => return self.dispatch(Event::Close),
            Action::Receipt => {
                return self.host.tell_text("download", &self.receipt());
            }
        };
        self.state.borrow_mut().pressed = Some(interaction.canonical());
        self.decide(decision, layer, method);
    }

    fn decide(&self, decision: Decision, layer: Layer, method: Method) {
        self.dispatch(Event::Decide(decision, layer, method));
    }

    /// Handles an event now, or after the one being handled: a listener of the page may call back in.
    #[inline(never)]
    fn dispatch(&self, event: Event) {
        if self.running.replace(true) {
            return self.postpone(event);
        }
        let boot = matches!(event, Event::Boot { .. });
        let effects = self.handle(event);
        if boot {
            // Once in a page's life: to take them apart would bring the code for all effects before the banner.
            core::mem::forget(effects);
        } else {
            spent(effects);
        }
        if self.postponed.get() {
            self.catch_up();
        }
        self.running.set(false);
    }

    /// Puts an event behind the one being handled.
    #[inline(never)]
    fn postpone(&self, event: Event) {
        self.postponed.set(true);
        self.queue.borrow_mut().push(event);
    }

    /// Handles what has been postponed, and what that brings.
    #[inline(never)]
    fn catch_up(&self) {
        while let Some(event) = self.next_event() {
            spent(self.handle(event));
        }
        self.postponed.set(false);
    }

    fn next_event(&self) -> Option<Event> {
        let mut queue = self.queue.borrow_mut();
        if queue.is_empty() { None } else { Some(queue.remove(0)) }
    }

    /// Handles an event; answers what it brought about.
    #[inline(never)]
    fn handle(&self, event: Event) -> Vec<Effect> {
        let world = self.world();
        let mut env = self.env(&world);
        let mut state = self.state.borrow_mut();
        // On a first visit there is nothing to be read yet.
        let empty = matches!(event, Event::Boot { .. }) && store::is_empty(&world);
        if !empty && !self.volatile.get() {
            store::take(&mut state, &world, env.now, self.mirrored.get());
        }
        // A start decides, too, where the browser objects to what is stored (G11).
        if state.stored.choice.is_some() || !matches!(event, Event::Boot { .. }) {
            env.notice = self.notice();
        }
        let effects = machine::handle(&self.settings, &mut state, event, &env);
        drop(state);
        for effect in &effects {
            self.perform(effect, &world, &env);
        }
        effects
    }

    #[inline(never)]
    fn notice(&self) -> String {
        self.notice.get_or_init(|| Notice::new(&self.settings, self.texts()).digest).clone()
    }

    /// The effects of a first visit; the others follow a decision.
    fn perform(&self, effect: &Effect, world: &Value, env: &Env) {
        match effect {
            Effect::Release(gate) => self.host.tell("open", &gate.text()),
            Effect::Emit(name, detail) => self.host.tell_pair("emit", name, detail),
            Effect::ShowBanner => self.show_banner(env),
            _ => self.carry_out(effect, world, env),
        }
    }

    #[inline(never)]
    fn carry_out(&self, effect: &Effect, world: &Value, env: &Env) {
        match effect {
            Effect::Persist => {
                let (kept, whole) = store::write(&self.host, world, &self.state.borrow().stored, env.now);
                self.volatile.set(!kept);
                self.mirrored.set(!whole);
            }
            Effect::Signal(args) => self.host.tell("signal", args),
            Effect::Clear { targets, tell } => self.clear(targets, *tell),
            Effect::Deliver(body) => self.post(body),
            Effect::WakeAt(at) => self.wake_in(at - env.now),
            Effect::AskKept => self.dispatch(Event::Kept(!self.volatile.get())),
            Effect::Reload(categories) => self.reload(categories),
            Effect::HideBanner => self.hide_banner(),
            Effect::FocusBanner => self.draw("focus", None),
            Effect::ShowDialog => self.show_dialog(env),
            Effect::CloseDialog => self.draw("dialog", None),
            Effect::Release(_) | Effect::Emit(..) | Effect::ShowBanner => {}
        }
    }

    #[inline(never)]
    fn clear(&self, targets: &[Target], tell: bool) {
        let bit = |on| if on { "true" } else { "false" };
        let mut detail = Writer::default();
        detail.open('[');
        detail.raw(bit(tell));
        for Target { kind, name, foreign } in targets {
            detail.open('[');
            detail.string(kind.name());
            detail.string(name);
            detail.raw(bit(*foreign));
            detail.close(']');
        }
        detail.close(']');
        self.host.tell("clear", &detail.finish());
    }

    #[inline(never)]
    fn post(&self, body: &str) {
        if let Some(records) = &self.settings.records {
            let mut text = Writer::default();
            text.string(body);
            self.host.tell_pair("post", &records.endpoint, &text.finish());
        }
    }

    #[inline(never)]
    fn wake_in(&self, wait: time::Millis) {
        self.host.tell("later", &Value::Int(wait).canonical());
    }

    #[inline(never)]
    fn reload(&self, categories: &[String]) {
        // A tag of these categories or services has run on this page.
        for token in self.host.ask("ran", "null").items() {
            let id = gate::canonical(token.text().unwrap_or_default());
            let service = id.starts_with(':');
            if categories.iter().any(|lost| lost == id || (service && lost.ends_with(id))) {
                return self.host.tell("reload", "null");
            }
        }
    }

    fn show_banner(&self, env: &Env) {
        let decided = self.state.borrow().decided(&self.settings, env.now);
        let banner = if decided {
            self.ask_again(env)
        } else {
            view::banner(&self.settings, &self.texts, Asked::First, signals(env))
        };
        self.draw("reopen", None);
        self.draw("banner", Some(banner));
    }

    /// The first layer for what is new or has changed since the choice (B15).
    #[inline(never)]
    fn ask_again(&self, env: &Env) -> view::Node {
        let state = self.state.borrow();
        let asked = state.asked(&self.settings, env.now);
        let changes = state.changes(&self.settings, self.texts(), env.now);
        view::banner(&self.settings, self.texts(), Asked::Changed(&asked, &changes), signals(env))
    }

    #[inline(never)]
    fn hide_banner(&self) {
        self.draw("banner", None);
        if self.settings.reopen.shown {
            self.draw("reopen", Some(view::reopen(&self.settings, self.texts())));
        }
    }

    #[inline(never)]
    fn show_dialog(&self, env: &Env) {
        let now = env.now;
        let state = self.state.borrow();
        let (granted, services) = state.agreed(&self.settings, now);
        let mut standing = Standing {
            granted,
            services,
            decided: None,
            record_id: None,
            changes: state.changes(&self.settings, self.texts(), now),
        };
        if let Some(choice) = &state.stored.choice {
            standing.decided = Some(time::date(choice.at));
            if let Some(proof) = &choice.proof {
                standing.record_id = Some(proof.record_id.clone());
            }
        }
        drop(state);
        let dialog = view::dialog(&self.settings, self.texts(), &standing, signals(env));
        self.draw("dialog", Some(dialog));
    }

    /// Shows a part of the interface (`www/ui.ts`), or takes it away when there is no tree.
    fn draw(&self, part: &str, tree: Option<view::Node>) {
        let tree = tree.map_or_else(|| String::from("null"), |tree| tree.value().canonical());
        self.host.tell_pair("show", part, &tree);
    }

    /// The page at this moment, `{ now, random, dnt, gpc, path, site, local, kept, cookies }` of `www/glue.ts`.
    fn world(&self) -> Value {
        self.host.ask("world", "null")
    }

    fn env(&self, world: &Value) -> Env {
        // Without a source of randomness there is none, and the machine makes no identifier.
        let random = world.at("random").map(|list| {
            let mut random = [0; 64];
            for (at, byte) in random.iter_mut().enumerate() {
                *byte = list.items().get(at).and_then(Value::int).unwrap_or(0) as u8;
            }
            random
        });
        Env {
            now: now(world),
            random,
            dnt: self.settings.dnt && world.at("dnt") == Some(&Value::Bool(true)),
            gpc: self.settings.gpc && world.at("gpc") == Some(&Value::Bool(true)),
            quiet: self.settings.is_quiet(text(world, "path")),
            site: text(world, "site").to_string(),
            key: self.key.clone(),
            ui: self.ui_digest.clone(),
            client: self.client.clone(),
            lang: self.texts.lang().to_string(),
            notice: String::new(),
        }
    }
}

/// Takes effects apart.
#[inline(never)]
fn spent(effects: Vec<Effect>) {
    drop(effects);
}

/// Every problem, one a line.
#[inline(never)]
fn lines(problems: &[Problem]) -> String {
    let mut lines = String::new();
    for problem in problems {
        lines.push_str(&problem.line());
        lines.push('\n');
    }
    lines
}

/// What the visitor's browser asks for, as the notes say it.
fn signals(env: &Env) -> Signals {
    Signals { dnt: env.dnt, gpc: env.gpc }
}

fn now(world: &Value) -> time::Millis {
    world.at("now").and_then(Value::int).unwrap_or(0)
}

/// Answers by category and service, `[[id, granted]…]`.
fn answers(value: &Value) -> Vec<(String, bool)> {
    let mut answers = Vec::new();
    for answer in value.items() {
        if let [Value::Text(id), granted] = answer.items() {
            answers.push((id.clone(), *granted == Value::Bool(true)));
        }
    }
    answers
}

/// The text under `key`, or an empty one.
#[inline(never)]
fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.at(key).and_then(Value::text).unwrap_or_default()
}
