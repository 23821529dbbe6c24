//! Single services: decided otherwise about than their category, kept, recorded, ended (FIELD 12, G7, B15).
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::gate::Gate;
use askfirst_core::json::{self, Value};
use askfirst_core::machine::{Decision, Effect, Event};
use askfirst_core::record::{Layer, Method, Record, Signals, State as Became};
use askfirst_core::settings::{Kind, Settings};
use askfirst_core::time::{DAY, Period};
use askfirst_core::view::{self, Standing};
use support::{Browser, NOW, item, order, released, service, settings, texts};

/// Marketing with two services.
fn policy() -> Settings {
    let mut settings = settings();
    settings.categories[2].services.push(service("maps", vec![item("_maps", Kind::Cookie, Some(Period::months(3)))]));
    settings
}

fn fresh() -> Browser {
    let mut browser = Browser::new(policy(), NOW);
    browser.boot();
    browser
}

fn gate(browser: &Browser) -> Gate {
    browser.stored().gate.unwrap()
}

/// What a tag of `category` and `service` does, by the loader's rule.
fn opens(gate: &Gate, category: &str, service: Option<&str>) -> bool {
    let has = |list: &[String], name: &str| list.iter().any(|known| known == name);
    let alone = service.map(|service| format!("{category}:{service}"));
    (has(&gate.open, category) || alone.is_some_and(|alone| has(&gate.open, &alone)))
        && service.is_none_or(|service| has(&gate.services, service))
}

fn embed(browser: &mut Browser, service: &str) -> Vec<Effect> {
    let answer = (format!(":{service}"), true);
    browser.send(Event::Decide(Decision::Save(vec![answer]), Layer::Embed, Method::Save))
}

fn withdrawn(effects: &[Effect]) -> Vec<String> {
    let detail = effects.iter().find_map(|effect| match effect {
        Effect::Emit("withdraw", detail) => Some(json::parse(detail).unwrap()),
        _ => None,
    });
    let detail = detail.unwrap_or(Value::Null);
    let list = detail.get("withdrawn").items();
    list.iter().map(|id| id.text().unwrap().to_string()).collect()
}

fn last(browser: &Browser) -> Record {
    browser.records().pop().unwrap()
}

#[test]
fn a_refused_service_of_a_granted_category_stays_shut_and_the_rest_opens() {
    let mut browser = fresh();
    browser.save(&[("marketing", true), (":maps", false)]);
    let gate = gate(&browser);
    assert!(opens(&gate, "marketing", None) && opens(&gate, "marketing", Some("clips")) && opens(&gate, "ads", None));
    assert!(!opens(&gate, "marketing", Some("maps")) && !opens(&gate, "ads", Some("maps")));
    let has = |id| browser.page.has(&browser.settings, id, NOW);
    assert_eq!(["marketing", "clips", "maps", "metrics", "login"].map(has), [true, true, false, false, true]);
    let record = last(&browser);
    assert_eq!(record.vendors, [("maps".to_string(), false)]);
    assert_eq!(record.event.state, Became::Given);
}

#[test]
fn an_allowed_service_of_a_refused_category_opens_its_own_tags_alone() {
    let mut browser = fresh();
    browser.save(&[("analytical", false), ("marketing", false), ("chat", false), (":clips", true)]);
    let gate = gate(&browser);
    assert!(opens(&gate, "marketing", Some("clips")) && opens(&gate, "advertising", Some("clips")));
    for (category, service) in [("marketing", None), ("marketing", Some("maps")), ("analytical", Some("clips"))] {
        assert!(!opens(&gate, category, service), "{category} {service:?}");
    }
    assert!(opens(&gate, "!marketing", None), "the category itself is refused");
    let record = last(&browser);
    assert_eq!((record.vendors.as_slice(), record.event.state), (&[("clips".to_string(), true)][..], Became::Given));
    assert!(record.decisions.iter().all(|decision| !decision.granted));
    // What is stored is what the next page goes by.
    let effects = browser.boot();
    assert_eq!(released(&effects), &gate);
    assert!(order(&effects).contains(&"HideBanner".into()));
}

#[test]
fn allowing_one_service_in_the_page_answers_nothing_else() {
    // G7: nobody who plays a video has refused, or accepted, the rest.
    let mut browser = fresh();
    let effects = embed(&mut browser, "clips");
    assert_eq!(order(&effects)[..4], ["Persist", "Signal", "Release", "Emit change"]);
    assert!(opens(released(&effects), "marketing", Some("clips")));
    assert_eq!(browser.asked(), ["analytical", "marketing", "chat"]);
    let record = last(&browser);
    assert_eq!((record.event.layer, record.event.method, record.decisions.len()), (Layer::Embed, Method::Save, 0));
    assert_eq!(record.vendors, [("clips".to_string(), true)]);
    // The banner's answer is about all of it (B15).
    let effects = browser.reject();
    assert!(!opens(released(&effects), "marketing", Some("clips")));
    assert_eq!(withdrawn(&effects), ["marketing:clips"]);
    let record = last(&browser);
    assert_eq!((record.event.state, record.vendors.len()), (Became::Withdrawn, 0));
}

#[test]
fn an_answer_as_the_category_is_no_exception() {
    let mut browser = fresh();
    browser.save(&[("marketing", true), (":maps", true), ("analytical", false), (":metrics", false)]);
    assert!(last(&browser).vendors.is_empty());
    let kept = browser.stored().choice.unwrap();
    assert!(kept.decisions.iter().all(|held| !held.purpose.contains(':')), "{:?}", kept.decisions);
}

#[test]
fn one_click_for_everything_ends_every_exception() {
    for accept in [true, false] {
        let mut browser = fresh();
        browser.save(&[
            ("analytical", true),
            (":metrics", false),
            ("marketing", false),
            (":maps", true),
            ("chat", false),
        ]);
        assert_eq!(last(&browser).vendors.len(), 2);
        if accept {
            browser.accept_all()
        } else {
            browser.withdraw()
        };
        assert!(last(&browser).vendors.is_empty());
        let gate = gate(&browser);
        assert_eq!(["metrics", "maps"].map(|id| gate.services.contains(&id.to_string())), [accept; 2]);
    }
}

#[test]
fn an_exception_stays_while_other_categories_are_answered_and_goes_with_its_own() {
    let mut browser = fresh();
    browser.save(&[("marketing", true), (":maps", false)]);
    browser.save(&[("analytical", true)]);
    assert!(!opens(&gate(&browser), "marketing", Some("maps")));
    assert_eq!(last(&browser).vendors, [("maps".to_string(), false)]);
    browser.save(&[("marketing", true)]);
    assert!(opens(&gate(&browser), "marketing", Some("maps")));
}

#[test]
fn a_service_that_is_switched_off_is_cleared_told_and_reloaded_for() {
    // G5
    let mut browser = fresh();
    browser.accept_all();
    let effects = browser.save(&[("analytical", true), ("marketing", true), ("chat", true), (":maps", false)]);
    assert_eq!(withdrawn(&effects), ["marketing:maps"]);
    let cleared = effects.iter().find_map(|effect| match effect {
        Effect::Clear { targets, tell: true } => Some(targets.iter().map(|target| target.name.as_str()).collect()),
        _ => None,
    });
    assert_eq!(cleared, Some(vec!["_maps"]), "and nothing of the services that stay");
    assert_eq!(effects.last(), Some(&Effect::Reload(vec!["marketing:maps".into()])));
    assert_eq!(last(&browser).event.state, Became::Changed);
    // What writes once more while the page unloads.
    let effects = browser.boot();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Clear { targets, .. } if targets[0].name == "_maps")));
}

#[test]
fn a_change_in_substance_ends_what_was_allowed() {
    // B15: the category is not asked about again after a refusal; the service is, in its own place.
    let mut browser = fresh();
    browser.reject();
    embed(&mut browser, "clips");
    browser.settings.categories[2].services[0].provider = "Somebody else".into();
    let effects = browser.boot();
    assert!(!opens(released(&effects), "marketing", Some("clips")));
    // An answer about something else does not bring it back.
    browser.save(&[("analytical", true)]);
    assert!(!opens(&gate(&browser), "marketing", Some("clips")) && last(&browser).vendors.is_empty());
}

#[test]
fn a_refused_service_does_not_come_back_before_its_category_is_asked_anew() {
    let mut browser = fresh();
    browser.accept_all();
    browser.env.now += 90 * DAY;
    browser.save(&[("analytical", true), ("marketing", true), ("chat", true), (":maps", false)]);
    let end = gate(&browser).until;
    for now in [end - 1, end, end + DAY, end + 300 * DAY] {
        browser.env.now = now;
        assert!(!opens(released(&browser.boot()), "marketing", Some("maps")), "{now}");
    }
}

#[test]
fn what_was_allowed_ends_by_itself() {
    let mut browser = fresh();
    embed(&mut browser, "clips");
    browser.env.now = gate(&browser).until - 1;
    assert!(opens(released(&browser.boot()), "marketing", Some("clips")));
    browser.env.now += 1;
    assert!(!opens(released(&browser.boot()), "marketing", Some("clips")));
}

#[test]
fn an_objection_of_the_browser_ends_what_was_allowed_before_it() {
    // G11
    let mut browser = fresh();
    embed(&mut browser, "clips");
    browser.env.gpc = true;
    let effects = browser.boot();
    assert!(!opens(released(&effects), "marketing", Some("clips")));
    assert_eq!(last(&browser).event.method, Method::Signal);
    // Whoever allows one service under it has answered about that one.
    let effects = embed(&mut browser, "clips");
    assert!(opens(released(&effects), "marketing", Some("clips")) && !opens(released(&effects), "marketing", None));
}

#[test]
fn of_two_copies_that_differ_only_what_both_allow_is_open() {
    // P5
    let mut plain = fresh();
    plain.save(&[("marketing", true)]);
    let mut except = fresh();
    except.save(&[("marketing", true), (":maps", false)]);
    for (local, cookie) in [(&plain, &except), (&except, &plain)] {
        let mut both = local.clone();
        both.cookies.clone_from(&cookie.cookies);
        let effects = both.boot();
        assert!(!opens(released(&effects), "marketing", Some("maps")));
        assert!(opens(released(&effects), "marketing", Some("clips")));
    }
}

#[test]
fn a_service_that_is_not_declared_is_reported() {
    let mut browser = fresh();
    let effects = browser.save(&[(":clipz", true)]);
    let told =
        effects.iter().any(|effect| matches!(effect, Effect::Emit("error", text) if text.contains("\":clipz\"")));
    assert!(told && browser.local.is_none(), "{effects:?}");
}

/// Every element of a tree that is a switch, as its attributes.
fn switches(tree: &Value, found: &mut Vec<Value>) {
    if let [_, attributes, content @ ..] = tree.items() {
        if attributes.get("role").text() == Some("switch") {
            found.push(attributes.clone());
        }
        content.iter().for_each(|child| switches(child, found));
    }
}

#[test]
fn each_service_that_needs_consent_has_a_switch_that_starts_off_and_shows_what_was_chosen() {
    // FIELD 12, A3, B2
    let (policy, texts) = (policy(), texts("en"));
    let drawn = |standing: &Standing| {
        let mut found = vec![];
        switches(view::dialog(&policy, &texts, standing, Signals::default()).value(), &mut found);
        let text = |switch: &Value, name: &str| switch.get(name).text().map(String::from);
        let known = |switch: &Value| {
            (text(switch, "data-category-id").unwrap(), text(switch, "aria-label"), switch.at("checked").is_some())
        };
        found.iter().map(known).collect::<Vec<_>>()
    };
    let services: Vec<_> = drawn(&Standing::default()).into_iter().filter(|(id, ..)| id.starts_with(':')).collect();
    let label = |id: &str| Some(format!("Allow The {id} service"));
    assert_eq!(services, ["metrics", "clips", "maps"].map(|id| (format!(":{id}"), label(id), false)));
    let standing = Standing { services: vec!["login".into(), "maps".into()], ..Standing::default() };
    let on: Vec<_> = drawn(&standing).into_iter().filter(|(.., on)| *on).map(|(id, ..)| id).collect();
    assert_eq!(on, ["functional", ":maps"], "the category is not said to be on");
}
