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

/// What these tags keep on the site, and whom they ask, as policies, cookie lists and code of others name it; no page of a
/// vendor was measured for this. Service, names of cookies and storage, hosts. A name that no pattern means stays after a
/// withdrawal, a host that none means is not held.
#[rustfmt::skip]
const NAMED: [(&str, &[&str], &[&str]); 17] = [
    ("brevo", &["sib_cuid", "sib_session", "brevo_cid", "__brevo_cid"], &["sibautomation.com", "js.brevo.com", "conversations-widget.brevo.com"]),
    ("google-ads", &["_gcl_au", "_gcl_aw"], &["www.googleadservices.com", "td.doubleclick.net", "pagead2.googlesyndication.com", "google.com", "www.google.com"]),
    ("google-analytics", &["_ga", "_ga_SN8XZNJ2M7"], &["www.google-analytics.com", "region1.google-analytics.com", "analytics.google.com", "region1.analytics.google.com"]),
    ("hubspot", &["__hstc", "hubspotutk"], &["js-eu1.hs-scripts.com", "js.hsleadflows.net", "js.hscta.net", "forms.hsforms.com", "track.hubspot.com"]),
    ("intercom", &["intercom-id-abc", "intercom-device-id-abc"], &["api-iam.eu.intercom.io", "js.intercomcdn.com", "intercom-sheets.com", "www.intercom-reporting.com"]),
    ("klaviyo", &["__kla_id", "__kla_viewed", "__kla_viewed_reviewed_items", "klaviyoOnsite", "klaviyoPagesVisitCountV2", "_kx"], &["fast.a.klaviyo.com", "static.klaviyo.com"]),
    ("linkedin-insight", &["li_fat_id", "ln_or"], &["snap.licdn.com", "px4.ads.linkedin.com", "p.adsymptotic.com", "cdn.linkedin.oribi.io", "sjs.bizographics.com"]),
    ("meta-pixel", &["_fbp", "_fbc"], &["connect.facebook.net", "www.facebook.com"]),
    ("microsoft-advertising", &["_uetsid", "_uetvid", "_uetsid_exp", "_uetvid_exp"], &["bat.bing.com", "bat.bing.net"]),
    ("microsoft-clarity", &["_clck", "_clsk"], &["www.clarity.ms", "k.clarity.ms", "c.bing.com"]),
    ("outbrain", &["OB-USER-TOKEN", "outbrain_cid_fetch"], &["amplify.outbrain.com", "tr.outbrain.com", "images.outbrainimg.com"]),
    ("piano-analytics", &["_pcid", "_pctx", "_pprv", "pa_privacy", "pa_user", "pa_vid"], &["tag.aticdn.net", "xxxxxxx.pa-cd.com"]),
    ("pinterest-tag", &["_pin_unauth", "_pinterest_ct_ua"], &["s.pinimg.com", "ct.pinterest.com"]),
    ("snap-pixel", &["_scid", "_scid_r", "_sctr", "_ScCbts", "_schn"], &["sc-static.net", "tr6.snapchat.com"]),
    ("taboola", &["trc_cookie_storage", "t_gid", "t_pt_gid", "tbla_id", "taboola global:user-id", "taboola global:last-external-referrer", "tbl_rtus_id"], &["cdn.taboola.com", "trc.taboola.com"]),
    ("tiktok-pixel", &["_ttp", "_tt_enable_cookie", "ttcsid", "ttcsid_CUGACIJC77U8E2TJIKF0"], &["analytics.tiktok.com", "analytics-ipv6.tiktokw.us", "ads.tiktok.com"]),
    ("x-pixel", &["_twpid", "_twsid", "_twclid"], &["static.ads-twitter.com", "ads-twitter.com", "ads-api.twitter.com", "analytics.twitter.com", "t.co"]),
];

#[test]
fn g5_what_others_say_that_widely_used_tags_keep_and_ask_is_declared() {
    for (id, names, hosts) in NAMED {
        let service = ready_made(id);
        let items = service.at("items").unwrap().items().iter();
        let patterns: Vec<&str> = items.map(|item| item.at("name").unwrap().text().unwrap()).collect();
        for name in names {
            assert!(patterns.iter().any(|pattern| crate::pattern::matches(pattern, name)), "{id} leaves {name} behind");
        }
        let listed = texts(&service, "hosts");
        for host in hosts {
            // As in a CSP, `*.example.com` does not mean `example.com`.
            let means = |entry: &&str| entry.strip_prefix('*').map_or(*entry == *host, |end| host.ends_with(end));
            assert!(listed.iter().any(means), "{id} does not name {host}");
        }
    }
}

#[test]
fn l21_an_adequate_level_in_the_united_states_is_not_taken_from_lists_of_cookies() {
    // The adequacy decision covers certified companies alone, so a file that claims it names more than these
    // lists, which know nothing of it. Whether that page says so is for whoever reads it.
    for id in READY_MADE {
        let service = ready_made(id);
        let states = texts(&service, "countries").contains(&"US");
        if !states || service.at("safeguard").and_then(Value::text) != Some("adequacy") {
            continue;
        }
        let lists = ["https://github.com/", "https://cookiesentry.com/", "https://www.consentstack.io/"];
        let own =
            texts(&service, "source").into_iter().any(|source| !lists.iter().any(|list| source.starts_with(list)));
        assert!(own, "{id}");
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
