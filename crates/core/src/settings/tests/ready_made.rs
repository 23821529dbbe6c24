//! The ready-made services: facts in files, which the reader must find flawless.

use super::*;
use crate::settings::signals::is_host;

/// Words that a site could well use for a cookie of its own.
const COMMON: [&str; 12] =
    ["token", "session", "user", "lang", "flags", "player", "presence", "audience", "cart", "auth", "uuid", "visitor"];

fn texts<'v>(service: &'v Value, key: &str) -> Vec<&'v str> {
    service.at(key).map_or(&[][..], Value::items).iter().filter_map(Value::text).collect()
}

fn category(service: &Value) -> &str {
    service.at("category").and_then(Value::text).unwrap()
}

/// A site that uses one ready-made service where it usually belongs.
fn site(id: &str) -> String {
    let category = category(&ready_made(id)).to_string();
    let path = ["categories/", &category].concat();
    let listed = [r#"{"services":["#, &Value::from(id).canonical(), "]}"].concat();
    with(&with(EXAMPLE, "categories", r#"{"analytical":{}}"#), &path, &listed)
}

#[test]
fn every_file_is_listed_and_every_listed_service_has_a_file() {
    let mut files: Vec<String> = fs::read_dir(www("services"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().strip_suffix(".json").unwrap().to_string())
        .collect();
    files.sort();
    assert_eq!(files, READY_MADE, "READY_MADE and www/services must name the same services");
    assert!(files.len() >= 80, "{}", files.len());
}

#[test]
fn the_documentation_lists_every_service_once() {
    let page = fs::read_to_string(www("../docs/services.md")).unwrap();
    let (_, table) = page.split_once("<!-- table").unwrap();
    for id in READY_MADE {
        assert_eq!(table.matches(&["| `", id, "` |"].concat()).count(), 1, "{id}: node docs/services.mjs");
    }
    assert_eq!(table.matches("\n| `").count(), READY_MADE.len(), "node docs/services.mjs");
}

#[test]
fn every_ready_made_service_parses_without_a_problem() {
    for id in READY_MADE {
        // A tracker in `functional` would be an error too (L06).
        let (settings, problems) = read(&site(id));
        assert_eq!(lines(&problems), [""; 0], "{id}");
        assert!(read_terse(&site(id)).is_some(), "the page must say the same: {id}");
        let settings = settings.unwrap();
        let listed = settings.category(category(&ready_made(id))).unwrap().services.iter();
        let service = listed.into_iter().find(|service| service.id == *id).unwrap();
        // A file is shared by sites in every language, so its purpose is a bundled text.
        assert!(matches!(service.purpose, Localized::Key(_)), "{id}");
    }
}

#[test]
fn every_fact_names_a_source_that_cannot_be_changed_on_the_way() {
    for id in READY_MADE {
        let service = ready_made(id);
        let sources = texts(&service, "source");
        assert!(!sources.is_empty(), "{id}");
        for source in sources {
            assert!(source.starts_with("https://"), "{id}: {source}");
        }
    }
}

#[test]
fn every_service_of_another_company_names_its_hosts() {
    for id in READY_MADE {
        let service = ready_made(id);
        let hosts = texts(&service, "hosts");
        let own = service.at("provider").and_then(Value::text) == Some("$controller");
        // A platform's consent API is already on the page and is never gated.
        let api = category(&service) == "functional" && service.at("signals").is_some();
        assert_eq!(hosts.is_empty(), own || api, "{id}");
        for (index, host) in hosts.iter().enumerate() {
            assert!(is_host(host), "{id}: {host}");
            assert!(!hosts[..index].contains(host), "{id} names {host} twice");
        }
    }
}

#[test]
fn every_item_says_how_long_it_stays_and_every_company_where_its_policy_is() {
    // B9; what is sent and not stored has no duration. A platform's consent API stores by itself.
    for id in READY_MADE {
        let service = ready_made(id);
        let text = |value: &Value, key: &str| value.at(key).and_then(Value::text).unwrap_or_default().to_string();
        let own = text(&service, "provider") == "$controller";
        assert!(own || text(&service, "policy").starts_with("https://"), "{id} names no policy");
        assert!(own || service.at("countries").is_some_and(|list| !list.items().is_empty()), "{id} names no country");
        for item in service.at("items").map_or(&[][..], Value::items) {
            let (name, kind) = (text(item, "name"), text(item, "kind"));
            assert!(kind == "pixel" || !text(item, "duration").is_empty(), "{id}: {name} stays how long?");
            assert!(item.at("thirdParty").is_some(), "{id}: {name} is read by whom?");
        }
    }
}

#[test]
fn l37_what_a_gated_service_stores_on_the_site_has_a_pattern_that_deletes_it_and_nothing_else() {
    for id in READY_MADE {
        let service = ready_made(id);
        let items = service.at("items").map_or(&[][..], Value::items);
        assert!(category(&service) == "functional" || !items.is_empty(), "{id} stores or sends something");
        for item in items {
            let (name, kind) = (item.at("name").unwrap().text().unwrap(), item.at("kind").unwrap().text().unwrap());
            if kind == "pixel" || category(&service) == "functional" {
                continue;
            }
            if let Some((_, place)) = name.split_once(" (") {
                // On the vendor's own domain: out of reach, and written so that it matches no cookie of the site.
                assert!(place.ends_with(')') && kind == "cookie", "{id}: {name}");
                continue;
            }
            let literal = name.replace('*', "");
            let distinct = literal.len() >= if literal.starts_with('_') { 3 } else { 4 };
            assert!(!name.starts_with('*') && distinct, "{id}: {name} would delete the site's own");
            assert!(!COMMON.contains(&literal.to_lowercase().as_str()), "{id}: {name} would delete the site's own");
            assert!(!name.contains(' '), "{id}: {name}");
        }
    }
}

#[test]
fn a_self_hosted_ready_made_service_is_provided_by_the_controller() {
    let (settings, _) = read(&with(EXAMPLE, "categories/analytical/services", r#"["matomo"]"#));
    assert_eq!(settings.unwrap().category("analytical").unwrap().services[0].provider, "Example B.V.");
}

#[test]
fn g6_whoever_can_be_told_of_a_grant_can_be_told_of_its_end() {
    for id in READY_MADE {
        let Some(signals) = ready_made(id).at("signals").cloned() else { continue };
        let calls = |moment: &str| signals.at(moment).map_or(0, |calls| calls.items().len());
        assert!(calls("update") + calls("revoke") > 0, "{id} is never told of a withdrawal");
        assert!(calls("grant") == 0 || calls("revoke") > 0, "{id}");
    }
}

#[test]
fn stand_ins_of_ready_made_services_name_categories_that_every_site_can_have() {
    fn stand_ins(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Text(text) => found.extend(text.strip_prefix('$').map(ToString::to_string)),
            Value::List(items) => items.iter().for_each(|item| stand_ins(item, found)),
            Value::Map(entries) => entries.iter().for_each(|(_, value)| stand_ins(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for id in READY_MADE {
        if let Some(signals) = ready_made(id).at("signals") {
            stand_ins(signals, &mut found);
        }
    }
    assert!(!found.is_empty());
    for text in found {
        let id = text.split(':').next().unwrap();
        assert!(["functional", "analytical", "marketing", "preferences"].contains(&id), "{text}");
    }
}
