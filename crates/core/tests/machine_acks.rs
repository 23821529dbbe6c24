//! `records.require_ack`: what a grant waits for (PROOF §2), and that a refusal waits for nothing.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::json;
use askfirst_core::machine::{Decision, Effect, Event, State};
use askfirst_core::record::{Layer, Method, Submission};
use askfirst_core::settings::{RequireAck, Settings};
use askfirst_core::time::DAY;
use proptest::prelude::*;
use support::{Browser, NOW, order, receipt, released, settings};

fn requiring(require_ack: RequireAck) -> Settings {
    let mut settings = settings();
    settings.records.as_mut().unwrap().require_ack = require_ack;
    settings
}

fn started(require_ack: RequireAck) -> Browser {
    let mut browser = Browser::new(requiring(require_ack), NOW);
    browser.boot();
    browser
}

fn state(browser: &Browser, key: &str) -> Vec<String> {
    let state = json::parse(&browser.page.text(&browser.settings, &browser.env)).unwrap();
    state.get(key).items().iter().map(|id| id.text().unwrap().to_string()).collect()
}

fn errors(effects: &[Effect]) -> Vec<String> {
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Emit("error", detail) => json::parse(detail).unwrap().at("code").unwrap().text().map(String::from),
        _ => None,
    });
    told.collect()
}

/// What needs consent and is open for the loader.
fn open(browser: &Browser) -> Vec<String> {
    let gate = browser.stored().gate;
    let ids = browser.settings.asked().map(|category| category.id.clone());
    ids.filter(|id| gate.as_ref().is_some_and(|gate| gate.open.contains(id))).collect()
}

const ALL: [&str; 3] = ["analytical", "marketing", "chat"];

#[test]
fn what_was_granted_stays_shut_until_the_servers_receipt_and_opens_with_it() {
    let mut browser = started(RequireAck::Acked);
    let effects = browser.accept_all();
    let gate = released(&effects);
    assert!(gate.services.iter().all(|service| service == "login"), "{gate:?}");
    assert!(!gate.open.iter().any(|token| token.contains("marketing")), "neither granted nor refused: {gate:?}");
    assert_eq!((state(&browser, "waiting"), state(&browser, "granted")), (ALL.map(String::from).to_vec(), vec![]));
    assert!(state(&browser, "asked").is_empty(), "the visitor has answered and is not asked again");
    assert_eq!(open(&browser), [""; 0], "nor may the loader of the next page open it");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::HideBanner)));

    let body = browser.posted.remove(0);
    let effects = browser.answer(&body, 201);
    assert_eq!(order(&effects)[0], "Persist");
    assert!(
        order(&effects).ends_with(&["Release".into(), "Emit change".into(), "Emit recorded".into()]),
        "{effects:?}"
    );
    assert!(order(&effects).contains(&"Signal".into()), "consent APIs are told when it opens");
    assert!(ALL.iter().all(|id| released(&effects).open.iter().any(|token| token == id)));
    assert_eq!((browser.granted(), open(&browser)), (ALL.map(String::from).to_vec(), ALL.map(String::from).to_vec()));
    // Later visits open by what is stored, at once.
    browser.boot();
    assert_eq!((browser.granted().len(), browser.posted.len()), (3, 0));
}

#[test]
fn only_a_receipt_of_this_very_record_opens() {
    for (status, answer) in [
        (200, r#"{"ok":true}"#.to_string()),
        (
            200,
            r#"{"record_id":"00000000-0000-4000-8000-000000000000","received_at":"2026-11-22T10:15:31Z"}"#.to_string(),
        ),
        (202, r#"{"counted":true}"#.to_string()),
        (409, r#"{"error":{"code":"conflict"}}"#.to_string()),
        (422, "null".to_string()),
        (503, "null".to_string()),
        (0, "null".to_string()),
    ] {
        let mut browser = started(RequireAck::Acked);
        browser.accept_all();
        let body = browser.posted.remove(0);
        let receipt = json::parse(&answer).ok();
        browser.send(Event::Answered { body, status, retry_after: None, receipt });
        assert_eq!(browser.granted(), [""; 0], "{status} {answer}");
        browser.boot();
        assert_eq!((browser.granted(), open(&browser)), (vec![], vec![]), "{status} {answer}");
    }
}

#[test]
fn a_failure_is_told_once_and_tried_again() {
    let mut browser = started(RequireAck::Acked);
    browser.accept_all();
    let body = browser.posted.remove(0);
    assert_eq!(errors(&browser.answer(&body, 503)), ["record_waits"]);
    assert_eq!(errors(&browser.answer(&body, 503)), [""; 0]);
    browser.env.now += DAY;
    browser.send(Event::Wake);
    assert_eq!(browser.posted, std::slice::from_ref(&body));
    assert_eq!(errors(&browser.answer(&body, 201)), [""; 0]);
    assert_eq!(browser.granted().len(), 3);
    // An owner who requires nothing is not told of every retry.
    let mut browser = started(RequireAck::None);
    browser.accept_all();
    let body = browser.posted.remove(0);
    assert_eq!(errors(&browser.answer(&body, 503)), [""; 0]);
}

#[test]
fn a_withdrawal_never_waits() {
    for require_ack in [RequireAck::Persisted, RequireAck::Acked] {
        let mut browser = started(require_ack);
        browser.accept_all();
        browser.send(Event::Kept(true));
        browser.deliver_all();
        assert_eq!(browser.granted().len(), 3);
        browser.withdraw();
        assert_eq!((browser.granted(), open(&browser)), (vec![], vec![]));
        assert_eq!(state(&browser, "refused"), ALL);
        assert!(released(&browser.boot()).open.contains(&"!marketing".to_string()), "what runs while refused runs");
    }
    // Nor one of what is still waiting; the receipt that comes too late opens nothing.
    let mut browser = started(RequireAck::Acked);
    browser.accept_all();
    browser.withdraw();
    assert_eq!(state(&browser, "refused"), ALL);
    browser.deliver_all();
    assert_eq!((browser.granted(), open(&browser)), (vec![], vec![]));
}

#[test]
fn what_is_open_stays_open_while_a_further_grant_waits() {
    let mut browser = started(RequireAck::Acked);
    browser.save(&[("analytical", true), ("marketing", false), ("chat", false)]);
    browser.deliver_all();
    browser.env.now += 1000;
    let effects = browser.save(&[("marketing", true)]);
    assert!(!order(&effects).contains(&"Clear".into()) && !order(&effects).contains(&"Reload".into()), "{effects:?}");
    assert_eq!(
        (state(&browser, "granted"), state(&browser, "waiting")),
        (vec!["analytical".into()], vec!["marketing".into()])
    );
    browser.deliver_all();
    assert_eq!(state(&browser, "granted"), ["analytical", "marketing"]);
}

#[test]
fn one_service_waits_too_and_the_switches_show_what_was_answered() {
    let mut browser = started(RequireAck::Acked);
    browser.save(&[(":clips", true)]);
    assert!(!browser.page.has(&browser.settings, "clips", NOW));
    assert_eq!(browser.page.agreed(&browser.settings, NOW), (vec![], vec!["login".into(), "clips".into()]));
    // An answer about something else does not forget it.
    browser.env.now += 1000;
    browser.save(&[("chat", false)]);
    browser.deliver_all();
    assert!(browser.page.has(&browser.settings, "clips", NOW + 1000));
}

#[test]
fn where_storage_is_refused_nothing_opens_if_it_must_be_stored() {
    let mut browser = started(RequireAck::Persisted);
    let effects = browser.accept_all();
    assert_eq!(order(&effects)[..2], ["Persist", "AskKept"], "{effects:?}");
    assert_eq!(browser.granted(), [""; 0]);
    assert_eq!(errors(&browser.turn(Event::Kept(false))), ["not_kept"]);
    browser.deliver_all();
    assert_eq!(browser.granted(), [""; 0], "not even by the server's receipt");
    // The page goes by what it has in memory, as after an import.
    let effects = browser.turn(Event::Boot { opened: false });
    assert!(!released(&effects).open.contains(&"marketing".into()));

    let mut browser = started(RequireAck::Persisted);
    browser.accept_all();
    let effects = browser.turn(Event::Kept(true));
    assert!(released(&effects).open.contains(&"marketing".into()));
    assert_eq!(browser.granted(), ALL);
    browser.boot();
    assert_eq!((browser.granted(), open(&browser)), (ALL.map(String::from).to_vec(), ALL.map(String::from).to_vec()));
}

#[test]
fn a_page_that_died_between_storing_and_opening_opens_what_is_stored() {
    let mut browser = started(RequireAck::Persisted);
    browser.accept_all();
    browser.boot();
    assert_eq!(browser.granted(), ALL);
}

#[test]
fn without_a_record_to_wait_for_it_is_asked_again() {
    for require_ack in [RequireAck::Persisted, RequireAck::Acked] {
        let mut browser = started(require_ack);
        browser.env.random = None;
        browser.accept_all();
        browser.send(Event::Kept(true));
        assert_eq!((browser.granted(), browser.asked()), (vec![], ALL.map(String::from).to_vec()));
    }
}

#[test]
fn an_owner_who_requires_less_opens_what_waited() {
    let mut browser = started(RequireAck::Acked);
    browser.accept_all();
    browser.settings = requiring(RequireAck::None);
    let effects = browser.boot();
    assert!(released(&effects).open.contains(&"marketing".into()));
    assert_eq!(open(&browser), ALL);
}

#[derive(Clone, Debug)]
enum Step {
    Boot,
    Say(Decision),
    Answer(prop::sample::Index, u16, u8),
    Tab,
    Later,
    Cookie(bool),
    Wake(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let ids = prop::sample::select(vec!["analytical", "marketing", "chat", ":clips", ":metrics"]);
    let save = prop::collection::vec((ids.prop_map(String::from), any::<bool>()), 1..3).prop_map(Decision::Save);
    let all = prop::sample::select(vec![Decision::Accept, Decision::AcceptAll, Decision::Reject, Decision::RejectAll]);
    let status = prop::sample::select(vec![201u16, 201, 200, 202, 409, 422, 503, 0]);
    prop_oneof![
        2 => Just(Step::Boot),
        4 => prop_oneof![save, all].prop_map(Step::Say),
        5 => (any::<prop::sample::Index>(), status, 0u8..4).prop_map(|(which, status, said)| Step::Answer(which, status, said)),
        2 => Just(Step::Tab),
        2 => Just(Step::Later),
        1 => any::<bool>().prop_map(Step::Cookie),
        1 => (0u8..3).prop_map(Step::Wake),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_course_of_events_opens_anything_before_its_receipt(steps in prop::collection::vec(step(), 1..60)) {
        let mut browser = started(RequireAck::Acked);
        let mut other = State::default();
        // What is granted by a record that the server has confirmed: purposes and services.
        let mut confirmed: Vec<String> = vec![];
        for step in steps {
            let effects = match step {
                Step::Boot => browser.boot(),
                Step::Say(decision) => browser.send(Event::Decide(decision, Layer::Preferences, Method::Save)),
                Step::Answer(which, status, said) => {
                    if browser.posted.is_empty() {
                        continue;
                    }
                    let body = which.get(&browser.posted).clone();
                    let good = receipt(&body).filter(|_| said > 0);
                    if matches!(status, 200..=202) && good.is_some() && let Ok(Submission::Record(record)) = Submission::parse(&body) {
                        for decision in record.decisions.iter().filter(|decision| decision.granted) {
                            let services = &browser.settings.category(&decision.purpose).unwrap().services;
                            confirmed.push(decision.purpose.clone());
                            confirmed.extend(services.iter().map(|service| service.id.clone()));
                        }
                        confirmed.extend(record.vendors.into_iter().filter(|(_, on)| *on).map(|(id, _)| id));
                    }
                    browser.send(Event::Answered { body, status, retry_after: None, receipt: good })
                }
                Step::Tab => { std::mem::swap(&mut browser.page, &mut other); browser.send(Event::Refresh) }
                Step::Later => { browser.env.now += 700_000; browser.send(Event::Wake) }
                Step::Cookie(alone) => {
                    if alone { browser.local = None } else { browser.cookies.clear() }
                    browser.boot()
                }
                Step::Wake(how) => browser.send([Event::Online, Event::Restored, Event::Kept(true)][usize::from(how)].clone()),
            };
            let handed = effects.iter().filter_map(|effect| match effect { Effect::Release(gate) => Some(gate), _ => None });
            for gate in handed.chain(&browser.stored().gate) {
                for token in gate.open.iter().filter(|token| !token.starts_with('!') && !token.contains(':')) {
                    let id = askfirst_core::gate::canonical(token);
                    prop_assert!(id == "functional" || confirmed.iter().any(|known| known == id), "{token} before its receipt");
                }
                for service in gate.services.iter().filter(|service| *service != "login") {
                    prop_assert!(confirmed.contains(service), "{service} before its receipt");
                }
            }
        }
    }
}
