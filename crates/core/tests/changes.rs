//! "What has changed" (B15): which purposes and vendors are new or different since the visitor agreed, by name.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::settings::{Kind, Settings};
use askfirst_core::time::{DAY, Period};
use support::{Browser, NOW, item, settings, texts, with_purpose, with_vendor};

fn accepted() -> Browser {
    let mut browser = Browser::new(settings(), NOW);
    browser.boot();
    browser.accept_all();
    browser.deliver_all();
    browser
}

/// What a page with these settings tells: per purpose the names that are new and those that have changed.
fn told(browser: &mut Browser, settings: Settings) -> Vec<(String, String, String)> {
    browser.settings = settings;
    browser.boot();
    let changes = browser.page.changes(&browser.settings, &texts("en"), browser.env.now);
    let mut told: Vec<(String, String, String)> =
        browser.asked().into_iter().map(|id| (id, String::new(), String::new())).collect();
    for line in changes.items() {
        let words = |key| line.get(key).items().iter().map(|name| name.text().unwrap()).collect::<Vec<_>>().join(", ");
        let purpose = told.iter_mut().find(|(id, ..)| *id == words("of")).unwrap();
        let names = if line.get("new").bool().unwrap() { &mut purpose.1 } else { &mut purpose.2 };
        assert!(names.is_empty() && !words("names").is_empty());
        *names = words("names");
    }
    told
}

fn line(id: &str, new: &str, changed: &str) -> Vec<(String, String, String)> {
    vec![(id.into(), new.into(), changed.into())]
}

#[test]
fn a_vendor_that_was_added_is_named_until_the_visitor_has_answered() {
    let mut browser = accepted();
    for _ in 0..3 {
        // A visitor who has looked at another page first is told the same.
        assert_eq!(told(&mut browser, with_vendor()), line("marketing", "The adverts service", ""));
    }
    browser.accept();
    assert_eq!(told(&mut browser, with_vendor()), []);
}

#[test]
fn a_vendor_that_stores_something_else_is_named_as_changed() {
    let mut browser = accepted();
    let mut longer = settings();
    longer.categories[2].services[0].items[0].duration = Some(Period::months(13));
    longer.categories[2].services.extend(with_vendor().categories[2].services.pop());
    assert_eq!(told(&mut browser, longer), line("marketing", "The adverts service", "The clips service"));
}

#[test]
fn a_purpose_that_was_added_is_named_with_its_services_or_by_its_title() {
    let mut browser = accepted();
    assert_eq!(told(&mut browser, with_purpose()), line("maps", "Own maps", ""));
    let mut served = with_purpose();
    let route = item("route", Kind::Cookie, None);
    served.categories[4].services = vec![support::service("streets", vec![route])];
    assert_eq!(told(&mut browser, served), line("maps", "The streets service", ""));
}

#[test]
fn where_no_vendor_can_be_named_the_purpose_is() {
    // Another controller, a vendor less, and a browser that has kept the cookie alone.
    let mut moved = settings();
    moved.controller.name = "Another B.V.".into();
    let all = told(&mut accepted(), moved);
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|(_, new, changed)| new.is_empty() && !changed.is_empty()), "{all:?}");
    let mut fewer = settings();
    fewer.categories[2].services.clear();
    assert_eq!(told(&mut accepted(), fewer), line("marketing", "", "Marketing"));
    let mut browser = accepted();
    browser.local = None;
    assert_eq!(told(&mut browser, with_vendor()), line("marketing", "", "Marketing"));
}

/// Issue 4, invalidated: the owner's word that a notice was faulty.
#[test]
fn who_agreed_under_another_word_of_the_owner_is_asked_again_and_who_refused_is_not() {
    let corrected = |again: &str| {
        let mut settings = settings();
        settings.controller.again = again.into();
        settings
    };
    let mut browser = accepted();
    browser.settings = corrected("2026-11-28");
    let effects = browser.boot();
    assert_eq!((browser.asked().len(), browser.granted()), (3, Vec::<String>::new()), "all of it, and nothing is open");
    assert!(support::order(&effects).contains(&"ShowBanner".into()));
    // It is told of each purpose that something is different about it.
    let all = told(&mut browser, corrected("2026-11-28"));
    assert!(all.iter().all(|(_, new, changed)| new.is_empty() && !changed.is_empty()), "{all:?}");
    browser.accept();
    assert_eq!(told(&mut browser, corrected("2026-11-28")), [], "once is enough");
    assert_eq!(told(&mut browser, corrected("2026-12-24")).len(), 3, "another time it was faulty again");

    let mut refused = Browser::new(settings(), NOW);
    refused.boot();
    refused.reject();
    assert_eq!(told(&mut refused, corrected("2026-11-28")), []);
    let config = |more: &str| {
        let text = format!(
            r#"{{"version": "1", {more} "controller": {{"name": "A B.V.", "contact": "a@example.nl", "policy": "/p"}},
                "categories": {{"marketing": {{}}}}}}"#
        );
        let settings = askfirst_core::settings::parse(&text, &[]).0.unwrap();
        settings.category("marketing").unwrap().substance(&settings.controller)
    };
    assert_eq!(config(""), config(""));
    assert_ne!(config(""), config(r#""again": "2026-11-28","#), "it is read from the configuration");
}

#[test]
fn what_has_merely_ended_or_was_never_answered_is_neither_new_nor_changed() {
    // B14
    let mut browser = accepted();
    browser.env.now += 200 * DAY;
    let ended = told(&mut browser, settings());
    assert_eq!(ended.len(), 3);
    assert!(ended.iter().all(|(_, new, changed)| new.is_empty() && changed.is_empty()), "{ended:?}");

    let mut browser = Browser::new(settings(), NOW);
    browser.boot();
    browser.save(&[("analytical", true)]);
    let left = told(&mut browser, settings());
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|(_, new, changed)| new.is_empty() && changed.is_empty()), "{left:?}");
}

#[test]
fn an_answer_about_another_purpose_does_not_make_a_changed_one_forgotten() {
    let mut browser = accepted();
    told(&mut browser, with_vendor());
    browser.save(&[("analytical", false)]);
    assert_eq!(told(&mut browser, with_vendor()), line("marketing", "The adverts service", ""));
}

#[test]
fn a_refusal_keeps_no_list_and_the_cookie_never_does() {
    // P1: what tells nobody anything is not stored; the cookie goes with every request.
    let mut browser = Browser::new(settings(), NOW);
    browser.boot();
    browser.reject();
    assert!(browser.stored().choice.unwrap().services.is_empty());
    let browser = accepted();
    assert!(browser.local.as_ref().unwrap().contains("analytical:metrics="));
    assert!(browser.cookies.iter().all(|cookie| !cookie.contains("analytical:metrics=")));
}
