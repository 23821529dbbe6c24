//! One event being handled: starting, deciding, withdrawing, following another tab.
//!
//! What a first visit has no use for is never inlined into what it runs: functions are what the browser's bundle is
//! taken apart by (ARCHITECTURE.md, "Sizes").

use super::{Decision, Effect, Env, State, Target};
use crate::choice::{Choice, Held, Standing, Stored, signals};
use crate::gate::{Gate, canonical};
use crate::json::{Value, Writer};
use crate::record::{Layer, Method, State as Became};
use crate::settings::{Category, Kind, RequireAck, Service, Settings};
use crate::texts::{cut, from};
use crate::time::{DAY, Millis};
use alloc::string::String;
use alloc::vec::Vec;

/// One event being handled.
pub(super) struct Turn<'a> {
    pub settings: &'a Settings,
    pub state: &'a mut State,
    pub env: &'a Env,
    /// When the visitor decided: now, but for a choice that is taken over.
    pub at: Millis,
    pub effects: Vec<Effect>,
}

impl Turn<'_> {
    #[inline(never)]
    pub fn push(&mut self, effect: Effect) {
        use Effect::{CloseDialog, FocusBanner, HideBanner, ShowBanner, ShowDialog};
        let drawn = matches!(effect, ShowBanner | HideBanner | FocusBanner | ShowDialog | CloseDialog);
        // Headless: the site draws for itself, by the events and the JavaScript API.
        if !drawn || self.settings.layout.is_some() {
            self.effects.push(effect);
        }
    }

    pub fn emit(&mut self, name: &'static str, detail: Writer) {
        self.push(Effect::Emit(name, detail.finish()));
    }

    #[inline(never)]
    pub fn emit_state(&mut self, name: &'static str) {
        let mut detail = Writer::default();
        self.state.write(&mut detail, self.settings, self.env);
        self.emit(name, detail);
    }

    pub fn boot(&mut self, opened: bool) {
        let Stored { choice, gate, outbox, .. } = &self.state.stored;
        let new = choice.is_none() && gate.is_none() && outbox.entries.is_empty();
        // What is stored is for this page to go by; an objection has then been dealt with for good.
        if !new && self.take_up(opened) {
            return;
        }
        let gate = self.gate();
        if new {
            self.state.told.clone_from(&gate.services);
            if opened {
                self.push(Effect::Persist);
            }
        }
        self.push(Effect::Release(gate));
        if !new {
            self.clear_refused();
        }
        self.emit_state("ready");
        self.show_what_is_asked();
        self.deliver();
    }

    /// Goes by what is stored. Whether the browser objected to it, which is a decision of its own (G11).
    #[inline(never)]
    fn take_up(&mut self, opened: bool) -> bool {
        self.confirm_stored();
        self.act_on_stored();
        let settled = self.state.stored.outbox.settle();
        if self.state.stored.outbox.hurry() || settled {
            self.push(Effect::Persist);
        }
        let objected = self.objected();
        let rebuilt = self.rebuild_outbox();
        let gate = self.gate();
        self.state.told.clone_from(&gate.services);
        if self.state.stored.choice.is_none() {
            if opened || self.state.stored.gate.is_some() {
                // A gate without a readable choice: the loader must not find it again (G9).
                self.state.stored.gate = None;
                self.push(Effect::Persist);
            }
        } else if !objected {
            let same = self.state.stored.gate.as_ref().is_some_and(|stored| stored.text() == gate.text());
            if !same || rebuilt {
                self.state.stored.gate = Some(gate);
                self.push(Effect::Persist);
            }
            if !(opened && same) {
                self.signal();
            }
        }
        if objected {
            // An objection that the browser sends for the visitor refuses, and can only refuse (G11).
            self.emit_state("ready");
            let refuse = Vec::from([(String::from("marketing"), false)]);
            self.decide(&Decision::Save(refuse), Layer::Page, Method::Signal);
        }
        objected
    }

    /// Whether Global Privacy Control or Do Not Track was switched on after marketing, or a service of it, was granted
    /// without it.
    fn objected(&self) -> bool {
        let Some(choice) = &self.state.stored.choice else { return false };
        let gpc = self.settings.gpc && self.env.gpc && !choice.gpc;
        let dnt = self.settings.dnt && self.env.dnt && !choice.dnt;
        (gpc || dnt) && self.markets()
    }

    /// Whether marketing, or a service of it, is open.
    #[inline(never)]
    fn markets(&self) -> bool {
        self.open_now().iter().any(|open| cut(open, b':').0 == "marketing")
    }

    /// What is open by consent: categories, each followed by its services, as in [`Choice::decisions`].
    #[inline(never)]
    fn open_now(&self) -> Vec<String> {
        let mut open = Vec::new();
        for category in &self.settings.categories {
            if category.exempt {
                continue;
            }
            let standing = self.standing(category);
            if standing == Standing::Open {
                open.push(category.id.clone());
            }
            for service in &category.services {
                if self.allows(standing, category, service) {
                    open.push(Choice::key(category, service));
                }
            }
        }
        open
    }

    fn standing(&self, category: &Category) -> Standing {
        self.state.standing(self.settings, category, self.env.now)
    }

    fn allows(&self, standing: Standing, category: &Category, service: &Service) -> bool {
        let choice = self.state.stored.choice.as_ref();
        Choice::allows(choice, standing, category, service, &self.settings.controller, self.env.now)
    }

    /// The page wants the interface, so a quiet page gets the first layer too (B10).
    #[inline(never)]
    pub fn open(&mut self) {
        let asked = self.state.asked(self.settings, self.env.now);
        if self.state.shown.is_empty() && !asked.is_empty() {
            self.show(asked);
        }
        let shown = !self.state.shown.is_empty();
        self.push(if shown { Effect::FocusBanner } else { Effect::ShowDialog });
    }

    fn show_what_is_asked(&mut self) {
        let mut asked = self.state.asked(self.settings, self.env.now);
        if self.env.quiet && self.state.shown.is_empty() {
            asked.clear();
        }
        self.show(asked);
    }

    /// Shows the first layer for these purposes, or hides it when there is none.
    #[inline(never)]
    fn show(&mut self, asked: Vec<String>) {
        if asked.is_empty() {
            self.push(Effect::HideBanner);
        } else {
            self.push(Effect::ShowBanner);
            if self.state.shown != asked {
                self.emit_state("shown");
            }
        }
        self.state.shown = asked;
    }

    /// What is stored is what this page goes by from now on.
    pub fn act_on_stored(&mut self) {
        self.state.seen = answers(self.state.stored.choice.as_ref());
        self.state.seen_open = self.open_now();
    }

    pub fn gate(&self) -> Gate {
        Gate::new(self.settings, self.state.stored.choice.as_ref(), &self.env.key, self.env.now)
    }

    /// Tells the vendors: those that were open on this page and are not any more first.
    #[inline(never)]
    pub fn signal(&mut self) {
        let mut gate = self.gate();
        let lost = lost(core::mem::take(&mut self.state.told), &gate.services);
        let mut calls = Vec::new();
        gate.calls(self.settings, "revoke", Some(&lost), &mut calls);
        calls.append(&mut gate.signals);
        self.state.told = gate.services;
        for call in calls {
            self.push(Effect::Signal(call));
        }
    }

    /// Takes over a choice made under another product, with its own time, from which its validity counts. Whatever is in
    /// doubt is left to be asked: a time that is to come or too long ago, a category that is not here, and marketing under
    /// an objection that the choice may not have known of (G11). It is a decision like any other, but says how it came.
    #[inline(never)]
    pub fn import(&mut self, at: Millis, mut answers: Vec<(String, bool)>) {
        let now = self.env.now;
        if self.state.stored.choice.is_some() || at > now || self.settings.validity.after(at) <= now {
            return;
        }
        let objected = self.env.gpc || self.env.dnt;
        let mut place = 0;
        while let Some((id, granted)) = answers.get(place) {
            let good = match self.settings.category(canonical(id)) {
                Some(category) => !(objected && *granted && category.id == "marketing"),
                None => false,
            };
            if good { place += 1 } else { drop(answers.remove(place)) }
        }
        self.at = at;
        self.decide(&Decision::Save(answers), Layer::Page, Method::Migrated);
    }

    #[inline(never)]
    pub fn decide(&mut self, decision: &Decision, layer: Layer, method: Method) {
        let now = self.env.now;
        self.report_unknown(decision);
        let Some(decisions) = self.decisions(decision) else {
            // Nothing was asked any more, or nothing known was answered: no record of nothing.
            return self.show_what_is_asked();
        };
        let grants = decisions.iter().any(|held| held.granted);
        let open = self.open_now();
        let asked_anew = !self.state.asked(self.settings, now).is_empty();
        // The choice before, which becomes this one; where there is none, an empty one stands for it.
        let mut choice = self.state.stored.choice.take().unwrap_or_default();
        let became = became(&choice, &decisions, now);
        // A withdrawal must be newer than the grant of the same day; a mere refusal keeps the day only (P1).
        let unit = if grants || became == Became::Withdrawn { 1000 } else { DAY };
        let at = self.at.div_euclid(unit) * unit;
        // The same refusal once more is not another record, unless there is one that would now say something else.
        let mut repeated = !asked_anew && !grants && same_answers(&choice.decisions, &decisions);
        if choice.proof.is_some() {
            repeated &= (choice.at, choice.gpc, choice.dnt) == (at, self.env.gpc, self.env.dnt)
                && choice.decisions == decisions
                && choice.lang == self.env.lang
                && choice.notice == self.env.notice
                && choice.version == self.settings.version;
        }
        choice.at = at;
        choice.decisions = decisions;
        (choice.gpc, choice.dnt) = (self.env.gpc, self.env.dnt);
        choice.lang.clone_from(&self.env.lang);
        choice.notice.clone_from(&self.env.notice);
        choice.version.clone_from(&self.settings.version);
        choice.note_services(&self.settings.categories);
        let made = self.state.stored.outbox.made();
        let proven = repeated || self.enqueue(&mut choice, became, layer, method);
        self.state.stored.choice = Some(choice);
        self.act_on_stored();
        let lost = lost(open, &self.state.seen_open);
        self.state.stored.gate = Some(self.gate());
        if !lost.is_empty() {
            let outbox = &mut self.state.stored.outbox;
            let held = if outbox.made() > made { outbox.hold(now) } else { None };
            self.state.clearing.push(held);
        }

        self.push(Effect::Persist);
        self.ask_whether_kept();
        self.signal();
        let gate = self.gate();
        self.push(Effect::Release(gate));
        if !proven {
            self.emit_error("no_randomness");
        }
        if lost.is_empty() {
            // What ended or changed before it was refused may have left something behind (G5).
            self.clear_refused();
            self.emit_state("change");
            self.settle();
        } else {
            // The rest waits for the outcome of the deletion, which belongs into the event (G5).
            let targets = self.targets(&lost);
            for id in lost {
                self.state.withdrawing.push(id);
            }
            if let Some(next) = self.state.stored.outbox.next(now) {
                self.push(Effect::WakeAt(next));
            }
            self.push(Effect::Clear { targets, tell: true });
        }
    }

    fn emit_error(&mut self, code: &str) {
        let mut detail = Writer::default();
        detail.open('{');
        detail.text("code", code);
        detail.close('}');
        self.emit("error", detail);
    }

    /// `askfirst.save({ analyticl: true })` must not be taken in silence.
    fn report_unknown(&mut self, decision: &Decision) {
        let Decision::Save(answers) = decision else { return };
        for (id, _) in answers {
            let (_, service) = cut(id, b':');
            if self.settings.category(canonical(id)).is_none() && self.settings.service(service).is_none() {
                let mut detail = Writer::default();
                detail.open('{');
                detail.text("category", id);
                detail.text("code", "unknown_category");
                detail.close('}');
                self.emit("error", detail);
            }
        }
    }

    fn settle(&mut self) {
        self.push(Effect::CloseDialog);
        self.show_what_is_asked();
        self.deliver();
    }

    #[inline(never)]
    pub fn finish_withdrawal(&mut self, left: &Value) {
        self.note_left(left);
        let lost = lost(core::mem::take(&mut self.state.withdrawing), &self.open_now());
        if lost.is_empty() {
            // Already told, or granted again in the meantime.
            return self.deliver();
        }
        self.emit_state("change");
        let mut detail = Writer::default();
        detail.open('{');
        detail.key("left");
        detail.value(left);
        detail.key("state");
        self.state.write(&mut detail, self.settings, self.env);
        detail.texts("withdrawn", &lost);
        detail.close('}');
        self.emit("withdraw", detail);
        self.settle();
        self.push(Effect::Reload(lost));
    }

    /// Every asked purpose with its new answer and its exceptions, or `None` when none was answered. An answer that was
    /// not given again keeps its own end. An answer about a category is one about its services too, except for those
    /// that were named beside it.
    fn decisions(&self, decision: &Decision) -> Option<Vec<Held>> {
        let objected = self.objected();
        let mut answered = false;
        let mut decisions = Vec::new();
        for category in &self.settings.categories {
            if category.exempt {
                continue;
            }
            let standing = self.standing(category);
            let undecided = standing == Standing::Undecided;
            let mut answer = match decision {
                Decision::AcceptAll => Some(true),
                Decision::RejectAll => Some(false),
                Decision::Accept => undecided.then_some(true),
                // What this page's first layer asks is refused even if another tab has granted it in the meantime.
                Decision::Reject => (undecided || self.state.shown.contains(&category.id)).then_some(false),
                Decision::Save(answers) => said(answers, &category.id),
            };
            if answer.is_none() && objected && category.id == "marketing" {
                // Whoever says nothing about marketing under a new objection leaves the objection standing (G11).
                answer = Some(false);
            }
            answered |= answer.is_some();
            let held = self.held(&category.id);
            // Not asked, not answered: it stays undecided.
            let mut grants = None;
            if let Some(granted) = answer {
                grants = answer;
                decisions.push(self.decided(category, category.id.clone(), granted));
            } else if let Some(held) = held.filter(|_| !undecided) {
                grants = Some(held.granted);
                decisions.push(held.clone());
            }
            for service in &category.services {
                let key = Choice::key(category, service);
                let mut named = None;
                if let Decision::Save(answers) = decision {
                    named = said(answers, from(&key, category.id.len()));
                }
                answered |= named.is_some();
                match self.held(&key) {
                    // It is an exception only when it differs.
                    _ if named.is_some() => {
                        if let Some(granted) = named.filter(|_| named != grants) {
                            decisions.push(self.decided(category, key, granted));
                        }
                    }
                    Some(held)
                        if answer.is_none()
                            && (held.waiting || held.granted == self.allows(standing, category, service)) =>
                    {
                        decisions.push(held.clone());
                    }
                    _ => {}
                }
            }
        }
        answered.then_some(decisions)
    }

    #[inline(never)]
    fn decided(&self, category: &Category, purpose: String, granted: bool) -> Held {
        let start = if granted { self.at } else { self.at.div_euclid(DAY) * DAY };
        let until = self.settings.validity.after(start).div_euclid(1000) * 1000;
        // What is open stays open: it was recorded when it opened.
        let waiting = granted && self.required() != RequireAck::None && !self.open_now().contains(&purpose);
        Held { purpose, v: category.substance(&self.settings.controller), granted, until, waiting }
    }

    #[inline(never)]
    fn held(&self, purpose: &str) -> Option<&Held> {
        self.state.stored.choice.as_ref()?.held(purpose)
    }

    /// What is declared for `closed` and not for a service that is still open.
    #[inline(never)]
    fn targets(&self, closed: &[String]) -> Vec<Target> {
        let mut targets: Vec<Target> = Vec::new();
        // What must stay: what open categories declare, then also what is on the list already.
        let mut kept: Vec<(Kind, &str)> = Vec::new();
        for closing in [false, true] {
            for category in &self.settings.categories {
                let standing = self.standing(category);
                let is_closed = closed.contains(&category.id);
                for service in &category.services {
                    let is_open = self.allows(standing, category, service);
                    let is_closed = !is_open && (is_closed || closed.contains(&Choice::key(category, service)));
                    if if closing { !is_closed } else { !is_open } {
                        continue;
                    }
                    for item in &service.items {
                        let what = (item.kind, item.name.as_str());
                        if item.kind == Kind::Pixel || kept.contains(&what) {
                            continue;
                        }
                        kept.push(what);
                        if closing {
                            let foreign = item.is_foreign();
                            targets.push(Target { kind: item.kind, name: item.name.clone(), foreign });
                        }
                    }
                }
            }
        }
        targets
    }

    /// Some libraries write once more while the page unloads: what is refused is cleared at every start (DESIGN §8).
    fn clear_refused(&mut self) {
        let mut refused = Vec::new();
        if let Some(choice) = &self.state.stored.choice {
            for held in &choice.decisions {
                if !held.granted {
                    refused.push(held.purpose.clone());
                }
            }
        }
        if refused.is_empty() {
            return;
        }
        let targets = self.targets(&refused);
        if !targets.is_empty() {
            self.push(Effect::Clear { targets, tell: false });
        }
    }

    #[inline(never)]
    pub fn refresh(&mut self) {
        if self.state.seen == answers(self.state.stored.choice.as_ref()) {
            // A receipt that another tab has got changes nothing here.
            return;
        }
        let before = core::mem::take(&mut self.state.seen_open);
        self.act_on_stored();
        let lost = lost(before, &self.state.seen_open);
        self.signal();
        let gate = self.gate();
        self.push(Effect::Release(gate));
        self.emit_state("change");
        self.push(Effect::CloseDialog);
        self.show_what_is_asked();
        if !lost.is_empty() {
            self.push(Effect::Reload(lost));
        }
    }
}

/// Time, signal and answers of a choice: what tells a page that there is another one to go by.
fn answers(choice: Option<&Choice>) -> String {
    let Some(choice) = choice else { return String::new() };
    let mut writer = Writer::default();
    writer.open('{');
    writer.int("at", choice.at);
    choice.write_decisions(&mut writer);
    signals(&mut writer, choice);
    writer.close('}');
    writer.finish()
}

/// What was said about a category or a `:service`. Named twice, as itself and by an alias, it is granted only if both
/// say so.
#[inline(never)]
fn said(answers: &[(String, bool)], wanted: &str) -> Option<bool> {
    let mut said = None;
    for (id, granted) in answers {
        if canonical(id) == wanted {
            said = Some(*granted && said != Some(false));
        }
    }
    said
}

/// What was open and is not any more. A lost category stands for its services.
fn lost(before: Vec<String>, open: &[String]) -> Vec<String> {
    let mut lost: Vec<String> = Vec::new();
    for id in before {
        if !open.contains(&id) && !lost.iter().any(|category| *category == cut(&id, b':').0) {
            lost.push(id);
        }
    }
    lost
}

fn same_answers(a: &[Held], b: &[Held]) -> bool {
    a.len() == b.len()
        && a.iter().all(|held| b.iter().any(|other| other.purpose == held.purpose && other.granted == held.granted))
}

/// What has become of the consent, seen from the choice before.
fn became(before: &Choice, decisions: &[Held], now: Millis) -> Became {
    let grants = decisions.iter().any(|held| held.granted);
    if !before.grants() {
        return if grants { Became::Given } else { Became::Refused };
    }
    let held = before.decisions.iter().any(|held| held.granted && now < held.until);
    match (grants, held) {
        (false, true) => Became::Withdrawn,
        // What has ended by itself can only be refused.
        (false, false) => Became::Refused,
        (true, true) if !same_answers(&before.decisions, decisions) => Became::Changed,
        (true, _) => Became::Renewed,
    }
}
