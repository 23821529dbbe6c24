//! The calls of vendors' consent APIs: which, when, in which order (REQUIREMENTS §4, FIELD 53-59).
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::choice::Stored;
use askfirst_core::json;
use askfirst_core::machine::{Decision, Effect, Event, State};
use askfirst_core::record::{Layer, Method};
use askfirst_core::settings::Settings;
use support::{Browser, NOW, order, service, settings};

/// A policy whose services say something about each moment: `metrics` in analytical, `clips` and `adverts` in marketing,
/// and `tags`, which needs no consent.
fn talkative() -> Settings {
    let mut settings = settings();
    let said = |text: &str| json::parse(text).unwrap();
    let mut tags = service("tags", vec![]);
    tags.signals = said(r#"{"update":[["tags.set",{"stats":"$analytical","ads":["$marketing","$unknown"]}]]}"#);
    settings.categories[0].services.push(tags);
    settings.categories[1].services[0].signals =
        said(r#"{"grant":[["_q.push",["given","$marketing:yes:no"]]],"revoke":[["_q.push",["forgotten"]]]}"#);
    settings.categories[2].services[0].signals =
        said(r#"{"update":[["$clips.set","$marketing:granted:denied","$functional"]],"revoke":[["$clips.stop"]]}"#);
    let mut adverts = service("adverts", vec![]);
    adverts.signals = said(r#"{"grant":[["ads.on"]],"revoke":[["ads.off"],["ads.tell","$marketing"]]}"#);
    settings.categories[2].services.push(adverts);
    settings
}

/// The calls, without Google's.
fn calls(effects: &[Effect]) -> Vec<&str> {
    let said = effects.iter().filter_map(|effect| match effect {
        Effect::Signal(call) => Some(call.as_str()),
        _ => None,
    });
    said.filter(|call| !call.starts_with(r#"["gtag""#)).collect()
}

const ALL_GRANTED: &[&str] = &[
    r#"["tags.set",{"ads":[true,false],"stats":true}]"#,
    r#"["$clips.set","granted",true]"#,
    r#"["_q.push",["given","yes"]]"#,
    r#"["ads.on"]"#,
];
const ALL_REFUSED: &[&str] =
    &[r#"["tags.set",{"ads":[false,false],"stats":false}]"#, r#"["$clips.set","denied",true]"#];
const REVOKED: &[&str] =
    &[r#"["_q.push",["forgotten"]]"#, r#"["$clips.stop"]"#, r#"["ads.off"]"#, r#"["ads.tell",false]"#];

#[test]
fn before_any_answer_no_vendor_is_told_anything() {
    let mut browser = Browser::new(talkative(), NOW);
    let effects = browser.boot();
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Signal(_))), "{effects:?}");
}

#[test]
fn a_grant_tells_every_vendor_after_it_is_stored_and_before_anything_is_released() {
    let mut browser = Browser::new(talkative(), NOW);
    browser.boot();
    let effects = browser.accept_all();
    assert_eq!(calls(&effects), ALL_GRANTED);
    let order = order(&effects);
    let place = |name: &str| order.iter().position(|effect| effect == name).unwrap();
    assert!(place("Persist") < place("Signal"));
    assert_eq!(order.iter().rposition(|effect| effect == "Signal").unwrap() + 1, place("Release"));
}

#[test]
fn a_refusal_updates_every_vendor_and_revokes_nothing_that_was_never_given() {
    let mut browser = Browser::new(talkative(), NOW);
    browser.boot();
    assert_eq!(calls(&browser.reject()), ALL_REFUSED);
}

#[test]
fn a_partial_answer_grants_what_is_open_and_tells_the_rest_that_it_is_not() {
    let mut browser = Browser::new(talkative(), NOW);
    browser.boot();
    let effects = browser.save(&[("analytical", true), ("marketing", false)]);
    assert_eq!(
        calls(&effects),
        [
            r#"["tags.set",{"ads":[false,false],"stats":true}]"#,
            r#"["$clips.set","denied",true]"#,
            r#"["_q.push",["given","no"]]"#,
        ]
    );
}

#[test]
fn each_later_page_is_told_the_same_by_the_loader_or_else_by_the_engine() {
    let mut browser = Browser::new(talkative(), NOW);
    browser.boot();
    browser.accept_all();
    let stored = browser.stored().gate.unwrap().signals;
    assert_eq!(stored[1..], *ALL_GRANTED, "what the loader sends");
    assert_eq!(calls(&browser.boot()), [] as [&str; 0], "the loader has sent them: nobody is told twice");
    browser.page = State::default();
    assert_eq!(calls(&browser.send(Event::Boot { opened: false })), ALL_GRANTED);
}

#[test]
fn a_withdrawal_revokes_what_was_open_once_before_the_updates_and_before_anything_is_deleted() {
    let mut browser = Browser::new(talkative(), NOW);
    browser.boot();
    browser.accept_all();
    // A page on which the loader has told the vendors.
    browser.boot();
    let effects = browser.withdraw();
    assert_eq!(calls(&effects), [REVOKED, ALL_REFUSED].concat());
    let order = order(&effects);
    assert_eq!(order[0], "Persist", "DESIGN §4: shut and stored before anybody is told");
    assert!(
        order.iter().rposition(|effect| effect == "Signal").unwrap()
            < order.iter().position(|effect| effect == "Clear").unwrap()
    );
    assert_eq!(calls(&browser.boot()), [] as [&str; 0]);
    let stored = browser.stored().gate.unwrap().signals;
    assert_eq!(stored[1..], *ALL_REFUSED, "later pages are told that it is refused, not to revoke once more");
}

#[test]
fn withdrawing_one_purpose_revokes_its_vendors_alone() {
    let mut browser = Browser::new(talkative(), NOW);
    browser.boot();
    browser.accept_all();
    let effects = browser.save(&[("analytical", true), ("marketing", false)]);
    assert_eq!(
        calls(&effects)[..4],
        [REVOKED[1], REVOKED[2], REVOKED[3], r#"["tags.set",{"ads":[false,false],"stats":true}]"#]
    );
    assert!(!calls(&effects).contains(&REVOKED[0]));
}

#[test]
fn another_tab_revokes_what_it_had_told_its_own_vendors() {
    let mut tab = Browser::new(talkative(), NOW);
    tab.boot();
    tab.accept_all();
    let mut other = tab.clone();
    other.boot();
    tab.env.now += 5000;
    tab.withdraw();
    (other.local, other.cookies, other.env.now) = (tab.local.clone(), tab.cookies.clone(), tab.env.now);
    assert_eq!(calls(&other.turn(Event::Refresh)), [REVOKED, ALL_REFUSED].concat());
}

#[test]
fn an_objection_of_the_browser_revokes_like_a_click() {
    // G11
    let mut browser = Browser::new(talkative(), NOW);
    browser.boot();
    browser.accept_all();
    browser.env.gpc = true;
    let effects = browser.boot();
    assert_eq!(calls(&effects)[..3], REVOKED[1..]);
}

#[test]
fn an_api_call_and_a_click_tell_the_vendors_the_same() {
    let mut browser = Browser::new(talkative(), NOW);
    browser.boot();
    let decide = Event::Decide(Decision::AcceptAll, Layer::Page, Method::Api);
    assert_eq!(calls(&browser.send(decide)), ALL_GRANTED);
}

#[test]
fn the_cookie_holds_the_gate_without_the_calls() {
    let mut browser = Browser::new(talkative(), NOW);
    browser.boot();
    browser.accept_all();
    let [cookie] = &browser.cookies[..] else { panic!("one cookie") };
    let (whole, mirror) = (browser.stored().gate.unwrap(), Stored::decode(cookie).unwrap().gate.unwrap());
    assert_eq!(mirror.signals, [] as [String; 0]);
    assert_eq!(
        (whole.key, whole.open, whole.services, whole.until),
        (mirror.key, mirror.open, mirror.services, mirror.until)
    );
}
