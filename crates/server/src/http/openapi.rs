//! `/askfirst/openapi.json` and `/admin/openapi.json`: what each listener answers, in OpenAPI 3.1. The operations stand
//! here as a table; a test holds it to the routes in the modules beside, both ways. Names and limits are the code's own.

use askfirst_core::json::{self, Value, map};
use askfirst_core::record::{Layer, Method, State, Why};
use askfirst_core::settings::Kind;
use askfirst_core::wire;
use axum::http::StatusCode;
use axum::response::Response;

use super::records::answer_text;

/// Which listener has an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    Public,
    Admin,
    /// The admin listener when there is one, else the public one.
    Either,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub listener: Listener,
    pub method: &'static str,
    pub path: &'static str,
    id: &'static str,
    summary: &'static str,
    /// What `Authorization: Bearer` must have.
    bearer: Option<&'static str>,
    /// Parameters besides those of the path.
    parameters: &'static [&'static str],
    /// Schema of the body.
    body: Option<&'static str>,
    /// Statuses, each with the schema of its JSON, a media type, or nothing.
    answers: &'static [(u16, &'static str)],
    errors: &'static [u16],
}

const HOLDER: Option<&str> = Some("holder");
const AUDITOR: Option<&str> = Some("auditor");
const OPERATOR: Option<&str> = Some("operator");
const PEOPLE: Option<&str> = Some("auditor or operator");
/// What every route that takes a body may say.
const TAKING: &[u16] = &[400, 403, 408, 413, 415, 422, 429, 503, 507];

macro_rules! operation {
    ($listener:ident $method:literal $path:literal $id:literal, $summary:literal, $bearer:expr, $parameters:expr,
     $body:expr, $answers:expr, $errors:expr) => {
        Operation {
            listener: Listener::$listener,
            method: $method,
            path: $path,
            id: $id,
            summary: $summary,
            bearer: $bearer,
            parameters: &$parameters,
            body: $body,
            answers: &$answers,
            errors: $errors,
        }
    };
}

/// Every operation.
#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    operation!(Public "post" "/askfirst/v1/records" "submit", "Keep a record, or count a refusal", None, ["origin", "challenge"],
        Some("Submission"), [(200, "Receipt"), (201, "Receipt"), (202, "Counted")], &[400, 403, 408, 409, 413, 415, 422, 424, 429, 503, 507]),
    operation!(Public "get" "/askfirst/v1/records/{id}" "readRecord", "The record, for the holder of its secret", HOLDER, [],
        None, [(200, "Evidence")], &[401, 404, 429, 503]),
    operation!(Public "delete" "/askfirst/v1/records/{id}" "eraseRecord", "Erase or restrict the record, for the holder of its secret", HOLDER, [],
        None, [(200, "Erased")], &[401, 404, 429, 503, 507]),
    operation!(Public "post" "/askfirst/v1/challenge" "challenge", "The server's word that it has heard of a record (`records.challenge`)", None, ["origin"],
        Some("Challenged"), [(200, "Challenge")], &[400, 403, 404, 408, 413, 415, 422, 429]),
    operation!(Public "post" "/askfirst/v1/choice" "setChoice", "Set the choice's cookie", None, ["origin"],
        Some("Choice"), [(204, "")], &[400, 403, 404, 408, 413, 415, 422, 429]),
    operation!(Public "post" "/askfirst/v1/leaks" "countLeaks", "Count what happened without consent", None, ["origin"],
        Some("Leaks"), [(204, "")], TAKING),
    operation!(Public "get" "/askfirst/v1/notices/{digest}" "readNotice", "What was shown", None, [],
        None, [(200, "Notice")], &[404, 503]),
    operation!(Public "put" "/askfirst/v1/notices/{digest}" "registerNotice", "Register a notice", OPERATOR, [],
        Some("Notice"), [(200, "Registered"), (201, "Registered")], &[400, 401, 403, 408, 413, 415, 422, 503, 507]),
    operation!(Public "get" "/askfirst/v1/log/checkpoint" "checkpoint", "The newest signed checkpoint (C2SP tlog-checkpoint)", None, [],
        None, [(200, "text/plain")], &[404, 503]),
    operation!(Public "get" "/askfirst/v1/log/key" "logKey", "The public keys of the log (C2SP signed-note), one a line; one that was taken out with the size up to which it counts", None, [],
        None, [(200, "text/plain")], &[404, 503]),
    operation!(Public "get" "/askfirst/v1/log/proof" "proof", "A proof of an entry by `index`, or of a record by `id` and its secret (C2SP tlog-proof)", None, ["index", "id"],
        None, [(200, "text/plain")], &[400, 401, 404, 503]),
    operation!(Public "get" "/askfirst/v1/log/tile/{path}" "tile", "A tile or bundle (C2SP tlog-tiles)", None, [],
        None, [(200, "application/octet-stream")], &[404, 503]),
    operation!(Public "get" "/askfirst/v1/logs/{host}/checkpoint" "siteCheckpoint", "The same for one of several sites", None, [],
        None, [(200, "text/plain")], &[404, 503]),
    operation!(Public "get" "/askfirst/v1/logs/{host}/key" "siteLogKey", "The same for one of several sites", None, [],
        None, [(200, "text/plain")], &[404, 503]),
    operation!(Public "get" "/askfirst/v1/logs/{host}/proof" "siteProof", "The same for one of several sites", None, ["index", "id"],
        None, [(200, "text/plain")], &[400, 401, 404, 503]),
    operation!(Public "get" "/askfirst/v1/logs/{host}/tile/{path}" "siteTile", "The same for one of several sites", None, [],
        None, [(200, "application/octet-stream")], &[404, 503]),
    operation!(Public "get" "/askfirst/openapi.json" "openapi", "This document", None, [],
        None, [(200, "Document")], &[]),
    operation!(Public "get" "/healthz" "health", "Whether the store works", None, [],
        None, [(200, "Ok")], &[503]),
    operation!(Either "get" "/metrics" "metrics", "Figures for Prometheus", None, [],
        None, [(200, "text/plain")], &[]),
    operation!(Admin "get" "/healthz" "adminHealth", "Whether the store works", None, [],
        None, [(200, "Ok")], &[503]),
    operation!(Admin "get" "/readyz" "ready", "Whether the store works", None, [],
        None, [(200, "Ok")], &[503]),
    operation!(Admin "get" "/livez" "alive", "Whether the process answers", None, [],
        None, [(200, "Ok")], &[]),
    operation!(Admin "get" "/admin/openapi.json" "adminOpenapi", "This document", None, [],
        None, [(200, "Document")], &[]),
    operation!(Admin "get" "/admin/v1/records/{id}" "auditRecord", "What is stored under an id", AUDITOR, ["reason", "purpose"],
        None, [(200, "Records")], &[400, 401, 403, 404, 503, 507]),
    operation!(Admin "delete" "/admin/v1/records/{id}" "eraseForHolder", "Erase or restrict, for a person who has asked the owner", OPERATOR, ["reason"],
        None, [(200, "AllErased")], &[400, 401, 403, 404, 503, 507]),
    operation!(Admin "put" "/admin/v1/records/{id}/hold" "hold", "Keep for a legal claim, or no longer", OPERATOR, ["reason"],
        Some("Hold"), [(200, "Hold")], &[400, 401, 403, 404, 408, 413, 415, 422, 503, 507]),
    operation!(Admin "put" "/admin/v1/notices/{digest}" "adminRegisterNotice", "Register a notice", OPERATOR, [],
        Some("Notice"), [(200, "Registered"), (201, "Registered")], &[400, 401, 403, 408, 413, 415, 422, 503, 507]),
    operation!(Admin "get" "/admin/v1/leaks" "leaks", "Sums of leaks", PEOPLE, [],
        None, [(200, "LeakSums")], &[401, 403, 503, 507]),
    operation!(Admin "get" "/admin/v1/access" "access", "Who has read or changed which record in the last 30 days", AUDITOR, [],
        None, [(200, "AccessLog")], &[401, 403, 503, 507]),
    operation!(Admin "get" "/admin/v1/webhooks" "webhooks", "How the queues of the webhooks stand", PEOPLE, [],
        None, [(200, "Webhooks")], &[401, 403, 503, 507]),
];

/// Schemas of bodies and answers. `%…%` stands for names of the code.
const SCHEMAS: &str = r##"{
"AccessLog":{"type":"object","required":["access"],"properties":{"access":{"type":"array","items":{"type":"object","required":["at","who","action","record_id","reason"]}}}},
"Challenge":{"type":"object","required":["challenge"],"properties":{"challenge":{"type":"string","description":"For the header `Askfirst-Challenge` of the record."}}},
"Challenged":{"type":"object","required":["digest","site"],"additionalProperties":false,"properties":{"digest":{"$ref":"#/components/schemas/Digest"},"site":{"type":"string"}}},
"Choice":{"description":"The text of the page's cookie, decoded.","type":"object","required":["choice","format","gate"]},
"Counted":{"type":"object","required":["counted"],"properties":{"counted":{"const":true}}},
"Document":{"type":"object","required":["openapi","info","paths"]},
"AllErased":{"type":"object","required":["records"],"properties":{"records":{"type":"array","minItems":1,"items":{"$ref":"#/components/schemas/Erased"}}}},
"Erased":{"type":"object","required":["code","erased","ground","message","record_id","restricted","until"],"properties":{"code":{"enum":["claim","erased","proof"]},"erased":{"type":"boolean"},"ground":{"type":"string"},"message":{"type":"string"},"record_id":{"type":"string"},"restricted":{"type":"boolean"},"until":{"type":["string","null"],"format":"date-time"}}},
"Error":{"type":"object","required":["code","message","path"],"properties":{"code":{"type":"string","description":"Stable, for programs."},"message":{"type":"string"},"path":{"type":"string","description":"JSON path into what was sent."}}},
"Evidence":{"type":"object","required":["record","receipt","notice","holds","problem","restricted","life"],"properties":{"life":{"anyOf":[{"type":"null"},{"type":"object","description":"How the consent stands; null where nothing was granted.","required":["at","reason","state","text"],"properties":{"text":{"type":"string"},"at":{"type":"string","format":"date-time"},"reason":{"type":["string","null"]},"state":{"enum":["in_force","followed","expired","invalidated"]}}}]},"holds":{"type":"object","required":["record","notice"]},"problem":{"type":["string","null"]},"restricted":{"type":["string","null"],"format":"date-time"}}},
"Hold":{"type":"object","required":["held"],"additionalProperties":false,"properties":{"held":{"type":"boolean"}}},
"Leaks":{"type":"object","required":["v","site","leaks"],"additionalProperties":false,"properties":{"v":{"const":1},"site":{"type":"string"},
 "leaks":{"type":"array","minItems":1,"maxItems":%LEAKS%,"items":{"type":"object","required":["kind","name","category","count"],"additionalProperties":false,
 "properties":{"kind":{"enum":["cookie","csp","request","storage"]},"name":{"type":"string","pattern":"^[A-Za-z0-9.:*$|~!_\\[\\]-]{1,%LEAK_NAME%}$"},"category":{"type":"string","pattern":"^[a-z][a-z0-9-]{0,39}$"},"count":{"type":"integer","minimum":1,"maximum":%LEAK_COUNT%}}}}}},
"LeakSums":{"type":"object","required":["leaks"],"properties":{"leaks":{"type":"array","items":{"type":"object","required":["site","day","kind","name","category","count"]}}}},
"Notice":{"description":"A notice in canonical JSON (RFC 8785); its digest is its address.","type":"object","required":["schema","lang","version"],"properties":{"schema":{"const":"%NOTICE%"},"lang":{"type":"string"},"version":{"type":"string"}}},
"Ok":{"type":"object","required":["ok"],"properties":{"ok":{"const":true}}},
"Receipt":{"type":"object","required":["clock","digest","received_at","record_id","seq"],"properties":{"clock":{"enum":["ok","ahead","behind"]},"digest":{"type":"string"},"received_at":{"type":"string","format":"date-time"},"record_id":{"type":"string"},"seq":{"type":"integer"}}},
"Record":{"type":"object","required":["client","decisions","event","holder","jurisdiction","notice","prev","record_id","schema","signals","site","subject"],"properties":{
 "client":{"type":"string","maxLength":64},"decisions":{"type":"array","minItems":1,"items":{"type":"object","required":["granted","purpose","v"],"properties":{"granted":{"type":"boolean"},"purpose":{"type":"string"},"v":{"type":"integer","minimum":0,"maximum":4294967295}}}},
 "event":{"type":"object","required":["at","layer","method","state","type","valid_until"],"properties":{"at":{"type":"string","format":"date-time"},"layer":{"enum":%LAYERS%},"method":{"enum":%RECORD_METHODS%},"state":{"enum":%STATES%},"type":{"const":"expressed"},"valid_until":{"type":"string","format":"date-time"}}},
 "holder":{"$ref":"#/components/schemas/Digest"},"jurisdiction":{"type":["string","null"],"pattern":"^[A-Z]{2}$"},
 "left":{"type":"object","required":["items"],"additionalProperties":false,"properties":{"items":{"type":"array","minItems":1,"maxItems":16,"items":{"type":"object","required":["kind","name","why"],"additionalProperties":false,"properties":{"kind":{"enum":%KINDS%},"name":{"type":"string","minLength":1,"maxLength":200},"why":{"enum":%WHYS%}}}},"more":{"type":"integer","minimum":1,"maximum":4294967295}}},
 "notice":{"type":"object","required":["digest","lang","ui","version"],"properties":{"digest":{"$ref":"#/components/schemas/Digest"},"lang":{"type":"string"},"ui":{"$ref":"#/components/schemas/Digest"},"version":{"type":"string"}}},
 "prev":{"type":["string","null"],"format":"uuid"},"record_id":{"type":"string","format":"uuid"},"schema":{"const":"%RECORD%"},"signals":{"type":"object","required":["gpc"]},"site":{"type":"string"},"subject":{"type":"string","pattern":"^[A-Za-z0-9_-]{22}$"},"undelivered":{"type":"integer","minimum":1,"maximum":4294967295}}},
"RefusalCount":{"type":"object","required":["schema","site","notice","lang","day","method","layer"],"additionalProperties":false,"properties":{"schema":{"const":"%COUNT%"},"site":{"type":"string"},"notice":{"$ref":"#/components/schemas/Digest"},"lang":{"type":"string"},"day":{"type":"string","format":"date"},"method":{"enum":%METHODS%},"layer":{"enum":%LAYERS%}}},
"Digest":{"type":"string","pattern":"^sha256-[A-Za-z0-9_-]{43}$"},
"Records":{"type":"object","required":["records"],"properties":{"records":{"type":"array","minItems":1,"items":{"$ref":"#/components/schemas/Evidence"}}}},
"Registered":{"type":"object","required":["digest"],"properties":{"digest":{"$ref":"#/components/schemas/Digest"}}},
"Submission":{"oneOf":[{"$ref":"#/components/schemas/Record"},{"$ref":"#/components/schemas/RefusalCount"}]},
"Webhooks":{"type":"object","required":["webhooks"],"properties":{"webhooks":{"type":"array","items":{"type":"object","required":["endpoint","waiting","given_up","oldest","outcome"]}}}}
}"##;

const PARAMETERS: &str = r#"{
"challenge":{"name":"Askfirst-Challenge","in":"header","required":false,"description":"What the server has said about this record before; without it, or with a false one, the record is kept all the same, and what came is noted with it.","schema":{"type":"string"}},
"digest":{"name":"digest","in":"path","required":true,"schema":{"type":"string","minLength":1}},
"host":{"name":"host","in":"path","required":true,"schema":{"type":"string","minLength":1}},
"id":{"name":"id","in":"query","required":false,"schema":{"type":"string"}},
"index":{"name":"index","in":"query","required":false,"schema":{"type":"integer","minimum":0}},
"origin":{"name":"Origin","in":"header","required":true,"description":"The page's, as browsers send it; a known site.","schema":{"type":"string"}},
"path":{"name":"path","in":"path","required":true,"schema":{"type":"string","minLength":1}},
"purpose":{"name":"purpose","in":"query","required":false,"description":"`claim` shows a restricted record too.","schema":{"const":"claim"}},
"reason":{"name":"Askfirst-Reason","in":"header","required":true,"description":"Why; it is kept in the access log.","schema":{"type":"string","minLength":1,"maxLength":200}},
"record":{"name":"id","in":"path","required":true,"schema":{"type":"string","minLength":1}}
}"#;

/// Answers a document.
pub async fn read(document: String) -> Response {
    answer_text(StatusCode::OK, document)
}

/// The document of a listener. `shared` is what stands on the admin listener when there is one.
pub fn document(listener: Listener, shared: bool) -> Value {
    let mut paths: Vec<(String, Value)> = Vec::new();
    let here = |each: &&Operation| each.listener == listener || (shared && each.listener == Listener::Either);
    for operation in OPERATIONS.iter().filter(here) {
        if !paths.iter().any(|(path, _)| path == operation.path) {
            paths.push((operation.path.to_owned(), Value::Map(Vec::new())));
        }
        if let Some((_, Value::Map(methods))) = paths.iter_mut().find(|(path, _)| path == operation.path) {
            methods.push((operation.method.to_owned(), operation.to_value()));
        }
    }
    let bearer = map([("type", "http".into()), ("scheme", "bearer".into())]);
    map([
        ("openapi", "3.1.0".into()),
        (
            "info",
            map([
                ("title", "Askfirst records server".into()),
                ("version", env!("CARGO_PKG_VERSION").into()),
                ("license", map([("name", "MIT OR Apache-2.0".into())])),
            ]),
        ),
        ("paths", Value::Map(paths)),
        (
            "components",
            map([
                ("schemas", schemas()),
                ("parameters", json::parse(PARAMETERS).unwrap_or(Value::Null)),
                ("securitySchemes", map([("bearer", bearer)])),
            ]),
        ),
    ])
}

fn schemas() -> Value {
    let names = |names: Vec<&'static str>| Value::List(names.into_iter().map(Into::into).collect()).canonical();
    let text = SCHEMAS
        .replace("%NOTICE%", wire::NOTICE_SCHEMA)
        .replace("%RECORD%", wire::RECORD_SCHEMA)
        .replace("%COUNT%", wire::COUNT_SCHEMA)
        .replace("%LEAKS%", &wire::LEAKS.to_string())
        .replace("%LEAK_NAME%", &wire::LEAK_NAME.to_string())
        .replace("%LEAK_COUNT%", &wire::LEAK_COUNT.to_string())
        .replace("%STATES%", &names(State::ALL.iter().map(|state| state.name()).collect()))
        .replace("%METHODS%", &names(Method::ALL.iter().map(|method| method.name()).collect()))
        .replace(
            "%RECORD_METHODS%",
            &names(Method::ALL.iter().filter(|method| **method != Method::Agent).map(|method| method.name()).collect()),
        )
        .replace("%KINDS%", &names(Kind::ALL.iter().map(|kind| kind.name()).collect()))
        .replace("%WHYS%", &names(Why::ALL.iter().map(|why| why.name()).collect()))
        .replace("%LAYERS%", &names(Layer::ALL.iter().map(|layer| layer.name()).collect()));
    json::parse(&text).unwrap_or(Value::Null)
}

fn reference(kind: &str, name: &str) -> Value {
    map([("$ref", ["#/components/", kind, "/", name].concat().into())])
}

fn content(media: &str, schema: Value) -> Value {
    map([(media, map([("schema", schema)]))])
}

impl Operation {
    fn to_value(self) -> Value {
        let mut value = map([
            ("operationId", self.id.into()),
            ("summary", self.summary.into()),
            ("parameters", Value::List(self.names().iter().map(|name| reference("parameters", name)).collect())),
        ]);
        if let Some(schema) = self.body {
            let json = || map([("schema", reference("schemas", schema))]);
            let body = [("application/json", json())];
            value.set("requestBody", map([("required", true.into()), ("content", map(body))]));
        }
        if let Some(who) = self.bearer {
            value.set("security", Value::List(vec![map([("bearer", Value::List(Vec::new()))])]));
            value.set("description", format!("Takes the token of: {who}.").into());
        }
        let good = self.answers.iter().map(|(status, form)| {
            let mut answer = map([("description", self.summary.into())]);
            match form.split_once('/') {
                _ if form.is_empty() => {}
                Some(_) => answer.set("content", content(form, map([("type", "string".into())]))),
                None => answer.set("content", content("application/json", reference("schemas", form))),
            }
            (status.to_string(), answer)
        });
        let bad = self.errors.iter().map(|status| {
            let why = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
            let form = content("application/json", reference("schemas", "Error"));
            (status.to_string(), map([("description", why.unwrap_or("Refused").into()), ("content", form)]))
        });
        value.set("responses", Value::Map(good.chain(bad).collect()));
        value
    }

    /// Its parameters, those of the path first. A record's id in the path is another one than in a query.
    fn names(self) -> Vec<&'static str> {
        let path = self.path.split(['{', '}']).skip(1).step_by(2);
        let path = path.map(|name| if name == "id" { "record" } else { name });
        path.chain(self.parameters.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The routes as they stand in the source, `get /path`.
    fn routes(source: &str, prefix: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for route in source.split(".route(").skip(1) {
            let (path, rest) = route[1..].split_once('"').unwrap();
            // Up to the next route, or the end of the chain.
            let handlers = rest.split(".route(").next().unwrap().split('\n').next().unwrap();
            for method in ["get", "put", "post", "delete"] {
                if handlers.contains(&format!("{method}(")) {
                    found.insert(format!("{method} {prefix}{}", path.replace("{*", "{")));
                }
            }
        }
        found
    }

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let mut public = routes(include_str!("mod.rs"), "");
        for prefix in ["/askfirst/v1/log", "/askfirst/v1/logs/{host}"] {
            public.extend(routes(include_str!("log.rs"), prefix));
        }
        // Files, which are described by what they are.
        for file in ["get /askfirst/{path}", "get /askfirst.json"] {
            assert!(public.remove(file), "{file}");
        }
        let said = |listener| {
            let each = OPERATIONS.iter().filter(|each| each.listener == listener || each.listener == Listener::Either);
            each.map(|each| format!("{} {}", each.method, each.path)).collect::<BTreeSet<_>>()
        };
        assert_eq!(said(Listener::Public), public);
        assert_eq!(said(Listener::Admin), routes(include_str!("admin.rs"), ""));
        assert!(public.len() > 15);
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_id_is_its_own() {
        for listener in [Listener::Public, Listener::Admin] {
            let document = document(listener, true);
            let text = document.canonical();
            let mut references = 0;
            for part in text.split("\"$ref\":\"#/").skip(1) {
                let path = part.split('"').next().unwrap();
                let found = path.split('/').try_fold(&document, |value, key| value.at(key));
                assert!(found.is_some(), "{path}");
                references += 1;
            }
            assert!(references > 10 && !text.contains('%'));
        }
        let ids: BTreeSet<_> = OPERATIONS.iter().map(|each| each.id).collect();
        assert_eq!(ids.len(), OPERATIONS.len());
    }
}
