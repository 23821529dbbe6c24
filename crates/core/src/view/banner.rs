//! The first layer and the control that reopens the second.

use super::{Action, Asked, Node, button, paragraph, plain, sentence, title};
use crate::settings::{Category, Settings};
use crate::texts::Texts;
use alloc::string::ToString;
use alloc::vec::Vec;

/// The first layer (B3–B6): who asks, for what, how to withdraw, the policy; accept and reject alike.
///
/// Refusing comes first in reading and tab order, accepting stands at the inline end, where many expect the button
/// that goes on: each has one advantage of place and none of looks (B4).
pub fn banner(settings: &Settings, texts: &Texts, asked: Asked<'_>, gpc: bool) -> Node {
    let (words, purposes): (Words, Vec<&Category>) = match asked {
        Asked::First => (FIRST, settings.asked().collect()),
        Asked::Changed(ids) => (CHANGED, settings.asked().filter(|category| ids.contains(&category.id)).collect()),
    };
    let list = purposes.iter().map(|category| {
        Node::new("li")
            .child(Node::new("strong").text(title(texts, category)))
            .text(" ")
            .child(Node::new("span").text(sentence(texts, category)))
    });
    let mut body = Node::new("div")
        .with("class", "body")
        .child(Node::new("h2").with("id", "banner-title").text(texts.text(words.title)))
        .child(paragraph(&texts.filled(words.text, "controller", &settings.controller.name)))
        .child(Node::new("ul").with("class", "purposes").children(list));
    if gpc {
        body = body.child(paragraph(texts.text("gpc.note")));
    }
    let withdraw = if settings.reopen.own.is_some() {
        texts.text("banner.withdraw.own").to_string()
    } else {
        texts.filled("banner.withdraw", "reopen", texts.text("reopen"))
    };
    body = body.child(paragraph(&withdraw)).child(links(settings, texts, &purposes));
    let actions = Node::new("div")
        .with("class", "actions")
        .child(button("reject", texts.text(words.reject), Action::Reject))
        .child(button("accept", texts.text(words.accept), Action::Accept))
        .child(plain("customise", texts.text("banner.customise"), Action::Customise));
    Node::new("section")
        .with("class", "banner")
        .part("banner")
        .with("aria-labelledby", "banner-title")
        .with("tabindex", "-1")
        .child(body)
        .child(actions)
}

/// The control that reopens the preferences (B6, B7), inside a landmark of its own so that it can be found.
pub fn reopen(settings: &Settings, texts: &Texts) -> Node {
    let place = if settings.reopen.end { "reopen end" } else { "reopen" };
    let label = Node::new("span").with("id", "reopen-label").text(texts.text("reopen"));
    let icon = Node::new("span").with("class", "icon").with("aria-hidden", "true");
    let button = Node::new("button").with("type", "button").part("reopen").action(Action::Customise);
    Node::new("section")
        .with("class", place)
        .with("aria-labelledby", "reopen-label")
        .child(button.child(icon).child(label))
}

/// The keys of the words of a first layer.
struct Words {
    title: &'static str,
    text: &'static str,
    accept: &'static str,
    reject: &'static str,
}

const FIRST: Words =
    Words { title: "banner.title", text: "banner.text", accept: "banner.accept", reject: "banner.reject" };

const CHANGED: Words =
    Words { title: "change.title", text: "change.text", accept: "change.accept", reject: "change.reject" };

/// The privacy policy, and the way to the list of recipients (B5).
fn links(settings: &Settings, texts: &Texts, purposes: &[&Category]) -> Node {
    let policy = Node::new("a").with("href", settings.controller.policy.as_str()).text(texts.text("banner.policy"));
    let links = Node::new("p").with("class", "links").child(policy);
    let mut recipients: Vec<&str> =
        purposes.iter().flat_map(|category| &category.services).map(|service| service.provider.as_str()).collect();
    recipients.sort_unstable();
    recipients.dedup();
    if recipients.is_empty() {
        return links;
    }
    let text = texts.filled("banner.partners", "n", &recipients.len().to_string());
    links.child(Node::new("button").with("type", "button").with("class", "link").action(Action::Customise).text(&text))
}
