//! When the interface is drawn: not in a site that draws for itself, and not by itself on a quiet page (B10).
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use askfirst_core::machine::{Effect, Event};
use support::{Browser, NOW, order, released, settings};

fn on_quiet_page() -> Browser {
    let mut browser = Browser::new(settings(), NOW);
    browser.env.quiet = true;
    browser
}

#[test]
fn a_quiet_page_stays_shut_and_shows_no_banner_by_itself() {
    let mut browser = on_quiet_page();
    let effects = browser.boot();
    assert_eq!(order(&effects), ["Release", "Emit ready", "HideBanner"]);
    assert_eq!(released(&effects).open, ["functional", "necessary", "essential"]);
    assert_eq!(browser.asked(), ["analytical", "marketing", "chat"], "nothing has been decided");
    assert_eq!(order(&browser.send(Event::Refresh)), [""; 0]);
}

#[test]
fn on_a_quiet_page_opening_shows_the_banner_and_deciding_hides_it() {
    let mut browser = on_quiet_page();
    browser.boot();
    assert_eq!(order(&browser.send(Event::Open)), ["ShowBanner", "Emit shown", "FocusBanner"]);
    assert_eq!(order(&browser.send(Event::Open)), ["FocusBanner"], "once is enough");
    let effects = browser.reject();
    assert!(effects.contains(&Effect::HideBanner) && browser.asked().is_empty());
    assert_eq!(order(&browser.send(Event::Open)), ["ShowDialog"]);
}

#[test]
fn on_a_quiet_page_an_answer_to_one_purpose_brings_no_banner_for_the_others() {
    let mut browser = on_quiet_page();
    browser.boot();
    let effects = browser.save(&[("analytical", true)]);
    assert!(effects.contains(&Effect::HideBanner) && !effects.contains(&Effect::ShowBanner));
    assert_eq!(browser.asked(), ["marketing", "chat"]);
    // Asked for, it stays until everything is answered.
    browser.send(Event::Open);
    assert!(browser.save(&[("marketing", false)]).contains(&Effect::ShowBanner));
}

#[test]
fn where_the_site_draws_for_itself_everything_but_the_drawing_happens() {
    let stories: [fn(&mut Browser) -> Vec<Effect>; 7] = [
        Browser::boot,
        |browser| browser.send(Event::Open),
        |browser| browser.send(Event::Customise),
        |browser| browser.send(Event::Close),
        Browser::accept_all,
        Browser::withdraw,
        |browser| browser.save(&[("analytical", true)]),
    ];
    let (mut drawn, mut headless) = (Browser::new(settings(), NOW), Browser::new(settings(), NOW));
    headless.settings.layout = None;
    let mut left_out = 0;
    for story in stories {
        let (mut drawn, headless) = (story(&mut drawn), story(&mut headless));
        left_out += drawn.len() - headless.len();
        drawn.retain(|effect| {
            use Effect::{CloseDialog, FocusBanner, HideBanner, ShowBanner, ShowDialog};
            !matches!(effect, ShowBanner | HideBanner | FocusBanner | ShowDialog | CloseDialog)
        });
        assert_eq!(order(&drawn), order(&headless));
    }
    assert!(left_out > 6, "{left_out}");
    assert_eq!(headless.granted(), ["analytical"]);
}
