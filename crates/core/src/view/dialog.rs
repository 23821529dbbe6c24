//! The second layer: a switch per purpose, and everything that is stored, by whom and for how long.

use super::{Action, Node, Standing, button, paragraph, plain, sentence, title};
use crate::settings::{Category, Controller, Item, Service, Settings};
use crate::texts::Texts;
use crate::wire;
use alloc::string::{String, ToString};

/// The preferences dialog (B8, B9, B16): one switch per category, every service and item.
pub fn dialog(settings: &Settings, texts: &Texts, standing: &Standing, gpc: bool) -> Node {
    let heading = Node::new("h2").with("id", "dialog-title").with("tabindex", "-1").text(texts.text("dialog.title"));
    // Closing decides nothing, and the label says so (B1).
    let close = Node::new("button")
        .with("type", "button")
        .with("class", "close")
        .part("close")
        .with("aria-label", texts.text("dialog.close"))
        .with("title", texts.text("dialog.close"))
        .action(Action::Close);
    let mut body = Node::new("div").with("class", "body").child(paragraph(texts.text("dialog.text")));
    if gpc {
        body = body.child(paragraph(texts.text("gpc.note")));
    }
    body = body.children(state(settings, texts, standing));
    let categories = settings.categories.iter().map(|category| self::category(settings, texts, standing, category));
    let choices =
        Node::new("fieldset").child(Node::new("legend").text(texts.text("dialog.purposes"))).children(categories);
    body = body.child(choices).child(controller(&settings.controller, texts));
    let actions = Node::new("div")
        .with("class", "actions")
        .child(button("dialog-reject", texts.text("banner.reject"), Action::RejectAll))
        .child(button("dialog-accept", texts.text("banner.accept"), Action::AcceptAll))
        .child(button("save", texts.text("dialog.save"), Action::Save));
    Node::new("dialog")
        .with("class", "dialog")
        .part("dialog")
        .with("aria-labelledby", "dialog-title")
        .child(Node::new("div").with("class", "head").child(heading).child(close))
        .child(body)
        .child(actions)
}

/// What was chosen and when, with the receipt and the way back (B7, B16).
fn state(settings: &Settings, texts: &Texts, standing: &Standing) -> Option<Node> {
    let decided = standing.decided.as_ref()?;
    let mut state =
        Node::new("div").with("class", "state").child(paragraph(&texts.filled("dialog.state", "date", decided)));
    let mut actions = Node::new("div").with("class", "actions");
    if let Some(id) = &standing.record_id {
        state = state.child(paragraph(&texts.filled("dialog.record", "id", id)));
        actions = actions.child(plain("receipt", texts.text("dialog.receipt"), Action::Receipt));
    }
    if settings.asked().any(|category| standing.granted.contains(&category.id)) {
        actions = actions.child(button("withdraw", texts.text("dialog.withdraw"), Action::Withdraw));
    }
    Some(if actions.content.is_empty() { state } else { state.child(actions) })
}

/// One purpose. The label stays the same whatever the switch says (A3); only what was granted starts on (B2).
fn category(settings: &Settings, texts: &Texts, standing: &Standing, category: &Category) -> Node {
    let id = |prefix: &str| [prefix, &category.id].concat();
    let mut switch = Node::new("input")
        .with("type", "checkbox")
        .with("role", "switch")
        .with("class", "switch")
        .with("id", id("switch-"))
        .part(&id("switch-"))
        .with("data-category-id", category.id.as_str());
    let label = Node::new("label").with("for", id("switch-")).text(title(texts, category));
    let mut row = Node::new("div").with("class", "row").child(Node::new("h3").with("id", id("title-")).child(label));
    if category.exempt {
        let why = [&id("always-"), " ", &id("about-")].concat();
        switch = switch.with("aria-describedby", why).with("checked", "").with("disabled", "");
        row = row.child(Node::new("span").with("id", id("always-")).text(texts.text("dialog.always")));
    } else {
        switch = switch.with("aria-describedby", id("about-"));
        if standing.granted.contains(&category.id) {
            switch = switch.with("checked", "");
        }
    }
    let node = Node::new("div")
        .with("class", "category")
        .child(row.child(switch))
        .child(paragraph(sentence(texts, category)).with("id", id("about-")));
    if category.services.is_empty() {
        return node.child(paragraph(texts.text("dialog.none")).with("class", "none"));
    }
    let summary = Node::new("summary").with("aria-describedby", id("title-")).text(&texts.filled(
        "dialog.details",
        "n",
        &category.services.len().to_string(),
    ));
    // `details` works in print, with find-in-page and before any script (A4).
    let services = category.services.iter().map(|service| self::service(settings, texts, service));
    node.child(Node::new("details").child(summary).children(services))
}

/// A recipient, why it receives data and where (B9).
fn service(settings: &Settings, texts: &Texts, service: &Service) -> Node {
    // What Askfirst itself keeps is declared by `settings` (B18); here it gets a name that says what it is, and where
    // there is a records server, what that keeps.
    let own = service.id == wire::KEY;
    let name = if own { texts.text("own.name") } else { &service.name };
    let mut purpose = texts.localized(&service.purpose).to_string();
    if own && settings.records.is_some() {
        purpose.push(' ');
        purpose.push_str(texts.text("own.record"));
    }
    let mut facts = Node::new("dl").child(fact(texts, "item.provider", &service.provider)).child(fact(
        texts,
        "item.purpose",
        &purpose,
    ));
    if !service.countries.is_empty() {
        facts = facts.child(fact(texts, "item.countries", &service.countries.join(", ")));
    }
    if let Some(safeguard) = &service.safeguard {
        let key = ["safeguard.", &safeguard.to_ascii_lowercase()].concat();
        facts = facts.child(fact(texts, "item.safeguard", texts.find(&key).unwrap_or(safeguard)));
    }
    if let Some(policy) = &service.policy {
        facts = facts.child(pair(texts, "item.policy", away(policy, policy)));
    }
    let items = service.items.iter().map(|item| self::item(texts, item));
    let node = Node::new("div").with("class", "service").child(Node::new("h4").text(name)).child(facts);
    if service.items.is_empty() { node } else { node.child(Node::new("ul").with("class", "items").children(items)) }
}

/// A cookie, storage key or pixel with everything the law wants to be known about it (B9).
fn item(texts: &Texts, item: &Item) -> Node {
    let kind = ["kind.", item.kind.name()].concat();
    let third = texts.text(if item.third_party { "item.yes" } else { "item.no" });
    let name = Node::new("code").text(&item.name);
    let mut facts =
        Node::new("dl").child(pair(texts, "item.name", name)).child(fact(texts, "item.kind", texts.text(&kind)));
    // Without a purpose of its own it serves the service's, which stands right above the list.
    if let Some(purpose) = &item.purpose {
        facts = facts.child(fact(texts, "item.purpose", texts.localized(purpose)));
    }
    Node::new("li").child(facts.child(fact(texts, "item.duration", &texts.duration(item.duration))).child(fact(
        texts,
        "item.third",
        third,
    )))
}

/// Who is responsible, how to reach them, and the visitor's rights (B5, GDPR Art. 13).
fn controller(controller: &Controller, texts: &Texts) -> Node {
    let mut block = Node::new("div")
        .with("class", "controller")
        .child(Node::new("h3").text(texts.text("dialog.controller")))
        .child(paragraph(&controller.name));
    if let Some(address) = &controller.address {
        block = block.child(paragraph(address));
    }
    let mut facts = Node::new("dl").child(pair(texts, "dialog.contact", reach(&controller.contact)));
    if let Some(dpo) = &controller.dpo {
        facts = facts.child(pair(texts, "dialog.dpo", reach(dpo)));
    }
    let authority = controller.authority.as_deref().unwrap_or_else(|| texts.text("dialog.authority"));
    block
        .child(facts)
        .child(paragraph(&texts.filled("dialog.rights", "authority", authority)))
        .child(Node::new("p").child(away(&controller.policy, texts.text("banner.policy"))))
}

fn fact(texts: &Texts, key: &str, value: &str) -> Node {
    pair(texts, key, Node::new("span").text(value))
}

fn pair(texts: &Texts, key: &str, value: Node) -> Node {
    Node::new("div").child(Node::new("dt").text(texts.text(key))).child(Node::new("dd").child(value))
}

/// A link that leaves the dialog, its draft and the page as they are.
fn away(href: &str, text: &str) -> Node {
    Node::new("a").with("href", href).with("target", "_blank").with("rel", "noopener noreferrer").text(text)
}

/// A mail address or a URL as a link; anything else (a telephone number, a name) as text.
fn reach(contact: &str) -> Node {
    if contact.starts_with("https://") || contact.starts_with("http://") || contact.starts_with('/') {
        return away(contact, contact);
    }
    if contact.contains('@') && !contact.contains(char::is_whitespace) {
        let href: String = ["mailto:", contact.strip_prefix("mailto:").unwrap_or(contact)].concat();
        return Node::new("a").with("href", href).text(contact);
    }
    Node::new("span").text(contact)
}
