//! What `askfirst check --csp` and `--block` print: the Content Security Policies and the `data-block` list that follow
//! from the hosts of the declared services (docs/blocking.md).

use askfirst_core::json::Value;
use askfirst_core::settings::Settings;
use askfirst_core::wire::KEY;

/// What a declared service talks to.
#[derive(Debug, PartialEq, Eq)]
struct Reach {
    category: String,
    service: String,
    exempt: bool,
    hosts: Vec<String>,
}

/// The hosts of each declared service: from the configuration where the owner declares it, else from its ready-made file.
pub struct Reaches {
    all: Vec<Reach>,
    /// Where records go when that is another origin.
    records: Option<String>,
}

/// Directives that name what a service may load; those not listed are `'self'` in both policies.
const LOADS: [&str; 6] = ["script-src", "connect-src", "img-src", "frame-src", "style-src", "media-src"];

impl Reaches {
    pub fn new(settings: &Settings, config: &Value, ready: &[(String, Value)]) -> Self {
        let declared = config.at("services");
        let hosts = |id: &str| {
            let own = declared.and_then(|services| services.at(id));
            let file = || ready.iter().find(|(known, _)| known == id).map(|(_, service)| service);
            let listed = own.or_else(file).and_then(|service| service.at("hosts")).map_or(&[][..], Value::items);
            listed.iter().filter_map(Value::text).map(str::to_owned).collect()
        };
        // What we store ourselves is declared like a service and loads nothing.
        let all = settings.services().filter(|(_, service)| service.id != KEY).map(|(category, service)| Reach {
            category: category.id.clone(),
            service: service.id.clone(),
            exempt: category.exempt,
            hosts: hosts(&service.id),
        });
        let records = settings.records.as_ref().and_then(|records| origin(&records.endpoint));
        Self { all: all.collect(), records }
    }

    /// The two policies, and the services of which no hosts are known.
    pub fn csp(&self) -> String {
        let mut out = String::from(
            "# Until the visitor has agreed. NONCE is a new random value for every page, also in the tag of askfirst.js.\n",
        );
        out.push_str(&format!("Content-Security-Policy: {}\n", self.policy(|reach| reach.exempt)));
        out.push_str("# With every declared service.\n");
        out.push_str(&format!("Content-Security-Policy: {}\n", self.policy(|_| true)));
        for reach in self.all.iter().filter(|reach| reach.hosts.is_empty()) {
            out.push_str(&format!(
                "# `{}` has no \"hosts\" in the configuration: should it load anything from other sites, no policy has that.\n",
                reach.service
            ));
        }
        out
    }

    /// The policy before consent and the one with everything, for `--json`.
    pub fn policies(&self) -> [String; 2] {
        [self.policy(|reach| reach.exempt), self.policy(|_| true)]
    }

    fn policy(&self, included: impl Fn(&Reach) -> bool) -> String {
        let mut hosts: Vec<&str> = Vec::new();
        for host in self.all.iter().filter(|reach| included(reach)).flat_map(|reach| &reach.hosts) {
            if !hosts.contains(&host.as_str()) {
                hosts.push(host);
            }
        }
        let mut policy = String::from("default-src 'self'");
        for directive in LOADS {
            policy.push_str(&format!("; {directive} 'self'"));
            match directive {
                "script-src" => policy.push_str(" 'nonce-NONCE' 'wasm-unsafe-eval'"),
                "img-src" => policy.push_str(" data:"),
                "connect-src" => self.records.iter().for_each(|records| policy.push_str(&format!(" {records}"))),
                _ => {}
            }
            for host in &hosts {
                policy.push_str(&format!(" {host}"));
                // A host without a scheme takes that of the page, and https does not match wss (CSP3 §6.7.2.8).
                if directive == "connect-src" {
                    policy.push_str(&format!(" wss://{host}"));
                }
            }
        }
        policy.push_str("; object-src 'none'; base-uri 'self'");
        policy
    }

    /// The value of `data-block`.
    pub fn block(&self) -> String {
        let entry = |reach: &Reach| {
            let Reach { category, service, .. } = reach;
            let entries = reach.hosts.iter().map(|host| format!("{host}={category}:{service}"));
            entries.collect::<Vec<_>>()
        };
        self.all.iter().filter(|reach| !reach.exempt).flat_map(entry).collect::<Vec<_>>().join(" ")
    }
}

/// `https://a.example:8443/x` → `https://a.example:8443`; nothing for an address on the site itself.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    Some(format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use askfirst_core::json;
    use askfirst_core::settings;

    /// A site with an owner's service, a ready-made one, and one whose hosts nobody knows.
    fn reaches(endpoint: &str) -> Reaches {
        let service = |name: &str, hosts: &str| {
            format!(r#""{name}":{{"name":"{name}","provider":"{name} Ltd","purpose":"p","countries":["IE"]{hosts}}}"#)
        };
        let text = format!(
            r#"{{"version":"1","controller":{{"name":"A","contact":"a@example.com","policy":"/p"}},
            "categories":{{"functional":{{"services":["shop"]}},"analytical":{{"services":["plausible","silent"]}},"marketing":{{"services":["films"]}}}},
            "services":{{{},{},{}}},"records":{{"endpoint":"{endpoint}"}}}}"#,
            service("films", r#","hosts":["*.films.example","cdn.example"]"#),
            service("shop", r#","hosts":["cdn.example"]"#),
            service("silent", ""),
        );
        let plausible = json::parse(include_str!("../../../../www/services/plausible.json")).unwrap();
        let ready = vec![("plausible".to_owned(), plausible)];
        let (settings, problems) = settings::parse(&text, &ready);
        let settings = settings.unwrap_or_else(|| panic!("{problems:?}"));
        Reaches::new(&settings, &json::parse(&text).unwrap(), &ready)
    }

    #[test]
    fn before_consent_only_the_site_and_what_is_strictly_necessary_are_allowed() {
        let [before, _] = reaches("/askfirst/v1/records").policies();
        assert_eq!(
            before,
            "default-src 'self'; script-src 'self' 'nonce-NONCE' 'wasm-unsafe-eval' cdn.example; \
             connect-src 'self' cdn.example wss://cdn.example; img-src 'self' data: cdn.example; \
             frame-src 'self' cdn.example; style-src 'self' cdn.example; media-src 'self' cdn.example; \
             object-src 'none'; base-uri 'self'"
        );
    }

    #[test]
    fn the_full_policy_names_every_host_once() {
        let [_, full] = reaches("/askfirst/v1/records").policies();
        assert!(full.contains("frame-src 'self' cdn.example plausible.io *.films.example;"), "{full}");
        assert!(full.contains("wss://*.films.example"), "{full}");
    }

    #[test]
    fn records_on_another_origin_can_be_sent() {
        let [before, _] = reaches("https://records.example:8443/askfirst/v1/records").policies();
        assert!(before.contains("connect-src 'self' https://records.example:8443 "), "{before}");
    }

    #[test]
    fn a_service_without_hosts_is_named() {
        let csp = reaches("/r").csp();
        assert_eq!(csp.matches("has no \"hosts\"").count(), 1, "{csp}");
        assert!(csp.contains("`silent`"), "{csp}");
    }

    #[test]
    fn what_needs_no_consent_is_not_blocked() {
        assert_eq!(
            reaches("/r").block(),
            "plausible.io=analytical:plausible *.films.example=marketing:films cdn.example=marketing:films"
        );
    }
}
