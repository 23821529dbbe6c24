//! The state machine, story by story: refusal, grant, change, withdrawal, delivery, other tabs.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::json::{self, Value};
use askfirst_core::machine::{Decision, Effect, Event, Target};
use askfirst_core::record::{Layer, Method, State as Became};
use askfirst_core::settings::Kind;
use askfirst_core::time::{DAY, Period};
use support::{Browser, NOW, at, item, order, released, settings, with_purpose, with_vendor};

fn fresh() -> Browser {
    let mut browser = Browser::new(settings(), NOW);
    browser.boot();
    browser
}

fn started(settings: askfirst_core::settings::Settings) -> Browser {
    let mut browser = Browser::new(settings, NOW);
    browser.boot();
    browser
}

fn detail(effects: &[Effect], wanted: &str) -> Vec<Value> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Emit(name, detail) if *name == wanted => Some(json::parse(detail).unwrap()),
            _ => None,
        })
        .collect()
}

fn words(list: Option<&Value>) -> Vec<&str> {
    list.unwrap().items().iter().filter_map(Value::text).collect()
}

#[test]
fn a_first_page_asks_stores_nothing_and_opens_only_what_is_necessary() {
    let mut browser = Browser::new(settings(), NOW);
    let effects = browser.boot();
    assert_eq!(order(&effects), ["Release", "Emit ready", "ShowBanner", "Emit shown"]);
    assert_eq!(released(&effects).open, ["functional", "necessary", "essential"]);
    assert_eq!((browser.local.as_ref(), browser.cookies.len()), (None, 0));
    assert_eq!(browser.asked(), ["analytical", "marketing", "chat"]);
}

#[test]
fn nothing_but_a_decision_grants() {
    // B1
    let mut browser = fresh();
    browser.env.gpc = true;
    for event in [
        Event::Customise,
        Event::Open,
        Event::Close,
        Event::Refresh,
        Event::Wake,
        Event::Cleared(Value::List(vec![])),
        Event::Boot { opened: true },
    ] {
        browser.send(event);
        browser.env.now += 40 * DAY;
        assert!(browser.granted().is_empty());
    }
    browser.answer("{}", 201);
    assert!(browser.granted().is_empty() && browser.posted.is_empty());
}

#[test]
fn a_grant_is_stored_before_anything_acts_on_it() {
    // DESIGN §4
    let effects = fresh().accept_all();
    assert_eq!(
        order(&effects),
        ["Persist", "Signal", "Release", "Emit change", "CloseDialog", "HideBanner", "Deliver"]
    );
}

#[test]
fn a_refusal_is_not_asked_about_again_for_six_calendar_months() {
    // B14, P2
    let mut browser = Browser::new(settings(), at("2026-03-01T17:45:12Z"));
    browser.boot();
    browser.reject();
    browser.env.now = at("2026-08-31T23:59:59Z");
    assert!(order(&browser.boot()).contains(&"HideBanner".into()));
    browser.env.now = at("2026-09-01");
    assert!(order(&browser.boot()).contains(&"ShowBanner".into()));
}

#[test]
fn a_grant_ends_by_itself_and_is_renewed_under_the_same_pseudonym() {
    let mut browser = Browser::new(settings(), at("2026-08-31T10:00:00Z"));
    browser.boot();
    browser.accept();
    browser.env.now = at("2027-02-28T09:59:59Z");
    assert_eq!(browser.granted().len(), 3);
    browser.env.now += 1000;
    assert_eq!((browser.granted().len(), browser.asked().len()), (0, 3));
    assert_eq!(released(&browser.boot()).open.len(), 3);
    browser.accept();
    let records = browser.records();
    assert_eq!(records.iter().map(|record| record.event.state).collect::<Vec<_>>(), [Became::Given, Became::Renewed]);
    assert_eq!((records[1].prev.as_ref(), &records[1].subject), (Some(&records[0].record_id), &records[0].subject));
}

#[test]
fn a_withdrawal_shuts_stores_clears_tells_and_reloads_in_this_order() {
    // G5, DESIGN §4
    let mut browser = fresh();
    browser.accept_all();
    browser.deliver_all();
    let effects = browser.turn(Event::Decide(Decision::RejectAll, Layer::Preferences, Method::Withdraw));
    // The record waits for the deletion, but not for ever.
    assert_eq!(order(&effects), ["Persist", "Signal", "Release", "WakeAt", "Clear"]);
    let gate = released(&effects);
    assert_eq!(browser.stored().gate.as_ref(), Some(gate), "shut in the same write");
    assert!(!gate.open.iter().any(|token| token == "analytical" || token == "marketing"));
    assert_eq!(gate.services, ["login"]);
    let Some(Effect::Clear { targets, tell: true }) = effects.last() else { panic!("{effects:?}") };
    let left = json::parse(r#"[{"kind":"cookie","name":"VISITOR","why":"foreign"}]"#).unwrap();
    let target = |kind, name: &str| Target { kind, name: name.into(), foreign: false };
    assert_eq!(
        *targets,
        [
            target(Kind::Cookie, "_pk_id*"),
            target(Kind::SessionStorage, "_pk_ses"),
            Target { foreign: true, ..target(Kind::Cookie, "VISITOR") },
            target(Kind::IndexedDb, "clips"),
            target(Kind::LocalStorage, "clips.seen"),
        ]
    );
    let effects = browser.turn(Event::Cleared(left));
    assert_eq!(
        order(&effects),
        ["Persist", "Emit change", "Emit withdraw", "CloseDialog", "HideBanner", "Deliver", "Reload"]
    );
    let told = &detail(&effects, "withdraw")[0];
    assert_eq!(words(told.at("withdrawn")), ["analytical", "marketing", "chat"]);
    assert_eq!(
        told.at("left").unwrap().canonical(),
        r#"[{"kind":"cookie","name":"VISITOR","why":"foreign"}]"#,
        "with the reason, so that it can be explained"
    );
    assert_eq!(browser.page.stored.choice.unwrap().proof, None, "nothing on the device names the visitor any more");
}

#[test]
fn a_cookie_whose_name_carries_a_domain_is_another_sites() {
    // docs/services.md: `uid (adform.net)` is not the site's own `uid`, and is not deleted as such.
    let mut settings = settings();
    for name in ["uid (adform.net)", "uid"] {
        settings.categories[1].services[0].items.push(item(name, Kind::Cookie, None));
    }
    let mut browser = Browser::new(settings, NOW);
    browser.boot();
    browser.accept_all();
    let effects = browser.turn(Event::Decide(Decision::RejectAll, Layer::Preferences, Method::Withdraw));
    let Some(Effect::Clear { targets, .. }) = effects.last() else { panic!("{effects:?}") };
    let foreign = |name: &str| targets.iter().find(|target| target.name == name).unwrap().foreign;
    assert!(foreign("uid (adform.net)"));
    assert!(!foreign("uid"));
}

#[test]
fn a_second_withdrawal_does_not_forget_the_first() {
    let mut browser = fresh();
    browser.accept_all();
    let save = |id: &str, granted| Event::Decide(Decision::Save(vec![(id.into(), granted)]), Layer::Page, Method::Api);
    browser.turn(save("analytical", false));
    browser.turn(save("marketing", false));
    let effects = browser.clone().turn(Event::Cleared(Value::List(vec![])));
    assert_eq!(effects.last(), Some(&Effect::Reload(vec!["analytical".into(), "marketing".into()])));
    browser.turn(save("analytical", true));
    let effects = browser.turn(Event::Cleared(Value::List(vec![])));
    assert_eq!(
        effects.last(),
        Some(&Effect::Reload(vec!["marketing".into()])),
        "what was granted again needs no reload"
    );
    assert_eq!(order(&browser.turn(Event::Cleared(Value::List(vec![])))), ["Persist", "Deliver"], "its record goes");
    assert_eq!(browser.turn(Event::Cleared(Value::List(vec![]))), []);
}

#[test]
fn storage_that_an_open_service_shares_is_not_deleted() {
    let mut settings = settings();
    let shared = settings.categories[1].services[0].items[0].clone();
    settings.categories[2].services[0].items.push(shared);
    let mut browser = started(settings);
    browser.accept_all();
    let effects = browser.save(&[("marketing", false)]);
    let cleared = effects.iter().find_map(|effect| match effect {
        Effect::Clear { targets, .. } => Some(targets),
        _ => None,
    });
    assert!(cleared.unwrap().iter().all(|target| target.name != "_pk_id*"));
}

#[test]
fn what_is_refused_is_cleared_at_once_and_at_every_start() {
    // G5, DESIGN §8: some libraries write once more while the page unloads.
    let mut browser = fresh();
    assert!(order(&browser.reject()).contains(&"Clear".into()));
    assert!(order(&browser.boot()).contains(&"Clear".into()));
}

#[test]
fn a_vendor_more_suspends_its_purpose_alone() {
    // B15
    let mut browser = fresh();
    browser.save(&[("analytical", true), ("marketing", true), ("chat", false)]);
    let until = |browser: &Browser, id: &str| browser.page.stored.choice.as_ref().unwrap().held(id).unwrap().until;
    let first = until(&browser, "analytical");
    browser.settings = with_vendor();
    browser.env.now += 10 * DAY;
    let effects = browser.boot();
    assert_eq!((browser.asked(), browser.granted()), (vec!["marketing".to_string()], vec!["analytical".to_string()]));
    assert!(order(&effects).contains(&"ShowBanner".into()));
    browser.clone().save(&[("chat", true)]);
    browser.accept();
    assert_eq!(browser.granted(), ["analytical", "marketing"]);
    assert_eq!(
        (until(&browser, "analytical"), until(&browser, "marketing")),
        (first, Period::months(6).after(browser.env.now) / 1000 * 1000)
    );
    let record = browser.records().pop().unwrap();
    assert_eq!((record.event.state, record.decisions.len()), (Became::Renewed, 3));
    assert_eq!(record.event.valid_until, until(&browser, "marketing"));
}

#[test]
fn refusing_a_vendor_more_keeps_the_rest_and_withdraws_that_purpose() {
    let mut browser = fresh();
    browser.accept_all();
    browser.settings = with_vendor();
    browser.boot();
    let effects = browser.reject();
    assert_eq!(browser.granted(), ["analytical", "chat"]);
    assert!(order(&effects).contains(&"Clear".into()), "its cookies are from before the change");
    assert_eq!(browser.records().pop().unwrap().event.state, Became::Changed);
}

#[test]
fn a_refused_purpose_is_not_asked_again_for_a_mere_change() {
    // B14, B15
    let mut browser = fresh();
    browser.reject();
    browser.settings = with_vendor();
    browser.boot();
    assert_eq!(browser.asked(), Vec::<String>::new());
    browser.settings = with_purpose();
    browser.boot();
    assert_eq!(browser.asked(), ["maps"]);
    browser.accept();
    assert_eq!(browser.granted(), ["maps"]);
}

#[test]
fn a_privacy_signal_that_is_switched_on_later_refuses_marketing() {
    // G11
    let mut browser = fresh();
    browser.accept_all();
    browser.deliver_all();
    browser.env.gpc = true;
    let effects = browser.boot();
    assert_eq!(browser.granted(), ["analytical", "chat"]);
    assert!(!released(&effects).open.iter().any(|token| token == "marketing"));
    let record = browser.records().pop().unwrap();
    assert_eq!((record.event.method, record.event.state, record.signals.gpc), (Method::Signal, Became::Changed, true));
    // An explicit answer under the signal stands.
    browser.save(&[("marketing", true)]);
    browser.boot();
    assert!(browser.granted().contains(&"marketing".into()));
}

#[test]
fn do_not_track_refuses_marketing_like_it_and_is_recorded_as_itself() {
    // G11, FIELD 58
    let mut browser = fresh();
    browser.accept_all();
    browser.deliver_all();
    browser.env.dnt = true;
    let effects = browser.boot();
    assert_eq!(browser.granted(), ["analytical", "chat"]);
    assert!(!released(&effects).open.iter().any(|token| token == "marketing"));
    let record = browser.records().pop().unwrap();
    assert_eq!((record.event.method, record.signals.dnt, record.signals.gpc), (Method::Signal, true, false));
    // An explicit answer under one signal says nothing about another that comes later.
    browser.save(&[("marketing", true)]);
    browser.boot();
    assert_eq!(browser.granted().len(), 3);
    browser.env.gpc = true;
    browser.boot();
    assert_eq!(browser.granted(), ["analytical", "chat"]);
    let mut owner_ignores = fresh();
    owner_ignores.settings.dnt = false;
    owner_ignores.accept_all();
    owner_ignores.env.dnt = true;
    owner_ignores.boot();
    assert_eq!(owner_ignores.granted().len(), 3);
}

#[test]
fn a_choice_of_another_product_is_taken_over_once_with_its_own_time_and_marked() {
    // FIELD 81
    let at = NOW - 30 * DAY;
    let said = |list: &[(&str, bool)]| list.iter().map(|(id, on)| (String::from(*id), *on)).collect::<Vec<_>>();
    let mut browser = Browser::new(settings(), NOW);
    let effects =
        browser.send(Event::Import(at, said(&[("analytics", true), ("marketing", false), ("unknown", true)])));
    assert_eq!(order(&effects)[0], "Persist");
    assert_eq!((browser.granted(), browser.asked()), (vec!["analytical".into()], vec!["chat".into()]));
    let record = browser.records().pop().unwrap();
    assert_eq!((record.event.method, record.event.at), (Method::Migrated, at));
    let ends = browser.settings.validity.after(at);
    assert_eq!(record.event.valid_until, ends);
    // The next one comes too late.
    browser.send(Event::Import(at, said(&[("marketing", true)])));
    assert_eq!(browser.granted(), ["analytical"]);
    // It ends when it would have ended.
    browser.env.now = ends;
    assert!(browser.granted().is_empty());
}

#[test]
fn a_choice_of_another_product_that_is_in_doubt_is_not_taken_over() {
    let all = || ["analytical", "marketing", "chat"].map(|id| (String::from(id), true)).to_vec();
    for at in [NOW + 1, NOW - 400 * DAY] {
        let mut browser = Browser::new(settings(), NOW);
        assert!(browser.send(Event::Import(at, all())).is_empty());
        assert!(browser.local.is_none());
    }
    // G11: whoever objects may have begun to after that choice.
    let mut browser = Browser::new(settings(), NOW);
    browser.env.gpc = true;
    browser.send(Event::Import(NOW - DAY, all()));
    assert_eq!(
        (browser.granted(), browser.asked()),
        (vec!["analytical".into(), "chat".into()], vec!["marketing".into()])
    );
}

#[test]
fn an_answer_about_something_else_does_not_overrule_a_privacy_signal() {
    // G11: the signal came while the page was open; the visitor never granted marketing under it.
    let mut browser = fresh();
    browser.accept_all();
    browser.env.gpc = true;
    browser.save(&[("chat", false)]);
    browser.boot();
    assert_eq!(browser.granted(), ["analytical"]);
    let mut owner_ignores = fresh();
    owner_ignores.settings.gpc = false;
    owner_ignores.accept_all();
    owner_ignores.env.gpc = true;
    owner_ignores.boot();
    assert_eq!(owner_ignores.granted().len(), 3);
}

#[test]
fn a_returning_page_that_the_loader_has_opened_is_told_nothing_twice() {
    let mut browser = fresh();
    browser.accept_all();
    browser.deliver_all();
    let effects = browser.boot();
    assert_eq!(order(&effects), ["Release", "Emit ready", "HideBanner"]);
}

#[test]
fn a_gate_without_a_readable_choice_is_taken_away() {
    // G9: the loader looks at the gate alone and would open it again on every page.
    let mut browser = fresh();
    browser.accept_all();
    let value = json::parse(browser.local.as_ref().unwrap()).unwrap();
    let Value::Map(mut entries) = value else { unreachable!() };
    entries.iter_mut().find(|(key, _)| key == "choice").unwrap().1 = Value::Null;
    browser.local = Some(Value::Map(entries).canonical());
    browser.cookies.clear();
    assert_eq!(released(&browser.boot()).open.len(), 3);
    assert_eq!(browser.stored().gate, None);
    browser.accept_all();
    browser.local = browser.local.map(|text| text.replace("\"state\":\"given\"", "\"state\":\"invented\""));
    browser.cookies.clear();
    browser.page = Default::default();
    browser.turn(Event::Boot { opened: true });
    assert!(!browser.local.unwrap().contains("analytical"));
}

#[test]
fn another_tab_s_withdrawal_stops_this_one() {
    // G10
    let mut browser = fresh();
    browser.accept_all();
    let here = browser.page.clone();
    browser.withdraw();
    browser.page = here;
    let effects = browser.send(Event::Refresh);
    assert_eq!(order(&effects), ["Signal", "Release", "Emit change", "CloseDialog", "HideBanner", "Reload"]);
    assert_eq!(released(&effects).open[..3], ["functional", "necessary", "essential"]);
    assert_eq!(browser.send(Event::Refresh), [], "once");
}

#[test]
fn another_tab_s_receipt_disturbs_nothing() {
    let mut browser = fresh();
    browser.accept_all();
    let here = browser.page.clone();
    browser.deliver_all();
    browser.page = here;
    assert_eq!(browser.send(Event::Refresh), [], "an open dialog stays open");
}

#[test]
fn a_banner_that_another_tab_has_overtaken_still_refuses_and_grants_nothing_old() {
    let mut browser = fresh();
    let stale = browser.page.clone();
    browser.accept_all();
    let mut refusing = browser.clone();
    refusing.page = stale.clone();
    refusing.reject();
    assert_eq!(refusing.granted(), Vec::<String>::new(), "whoever presses Reject all has refused all");
    let (mut accepting, before) = (browser.clone(), browser.local.clone());
    accepting.page = stale;
    accepting.accept();
    assert_eq!(accepting.local, before, "nothing was asked any more, so there is no record of it");
}

#[test]
fn an_unknown_category_is_reported_and_changes_nothing() {
    let mut browser = fresh();
    browser.accept_all();
    let (before, posted) = (browser.local.clone(), browser.posted.len());
    let effects = browser.save(&[("analyticl", true)]);
    assert_eq!(detail(&effects, "error")[0].at("category").unwrap().text(), Some("analyticl"));
    assert_eq!((browser.local.clone(), browser.posted.len()), (before, posted));
    browser.save(&[("ads", false), ("marketing", true)]);
    assert_eq!(browser.granted(), ["analytical", "chat"], "named twice, the stricter counts");
}
