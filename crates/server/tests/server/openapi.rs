//! What the server says it answers, and whether it does.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use askfirst_server::clock;
use askfirst_server::http::challenge::Challenges;
use askfirst_server::http::connection::{Limits, serve};
use askfirst_server::http::{self, admin};
use askfirst_server::operations::Connection;
use askfirst_server::operations::tokens::{self, Role};
use askfirst_server::store;
use askfirst_server::store::log::{Seed, Seeds};
use axum::Router;
use axum::http::Request;
use tokio::net::TcpListener;

use crate::support::*;

#[tokio::test]
async fn each_listener_describes_itself_and_the_figures_where_they_are() {
    let server = server().await;
    let listed = async |router: &Router, path: &str| {
        let answer = ask(router, get(path)).await;
        assert_eq!(answer.at(&["openapi"]).text(), Some("3.1.0"));
        answer.at(&["paths"]).entries().iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    let figures = "/metrics".to_owned();
    let alone = listed(&server.router, "/askfirst/openapi.json").await;
    assert!(alone.contains(&figures) && alone.iter().all(|path| !path.starts_with("/admin")));
    let files = http::Files { admin_elsewhere: true, ..Default::default() };
    let public = http::router(Arc::clone(&server.app), files);
    assert!(!listed(&public, "/askfirst/openapi.json").await.contains(&figures));
    let people = admin::router(Arc::clone(&server.app));
    let people = listed(&people, "/admin/openapi.json").await;
    assert!(people.contains(&figures) && people.iter().all(|path| !path.starts_with("/askfirst")));
}

/// Every operation of both documents, asked by everybody: with nothing, with words that are no token, with a token that was
/// revoked or has ended, and with one of each role. Who is let in is what the document says, and nobody else is (S7).
#[tokio::test]
async fn each_operation_lets_in_whom_the_documents_say_and_nobody_else() {
    let server = described().await;
    server.ask(post(body(1, &server.notice))).await;
    let operations = server.app.operations.as_ref().unwrap();
    let made = |role, ends| {
        let (id, token) = tokens::make().unwrap();
        let add = |connection: &Connection<'_>| tokens::add(connection, (&id, &token), "Eva", role, 1_000, ends);
        operations.run(add).unwrap();
        (id, token)
    };
    let (auditor, operator) = (made(Role::Auditor, None).1, made(Role::Operator, None).1);
    let ended = [Role::Auditor, Role::Operator].map(|role| made(role, Some(clock::now() - 1000)).1);
    let revoked = [Role::Auditor, Role::Operator].map(|role| {
        let (id, token) = made(role, None);
        assert!(operations.run(|connection| tokens::revoke(connection, &id, clock::now())).unwrap());
        token
    });
    let strangers = ["", "wrong", &auditor[..auditor.len() - 1], &ended[0], &ended[1], &revoked[0], &revoked[1]];

    let people = admin::router(Arc::clone(&server.app));
    let mut seen = std::collections::BTreeMap::new();
    for (router, document) in [(&server.router, "/askfirst/openapi.json"), (&people, "/admin/openapi.json")] {
        let document = ask(router, get(document)).await.json();
        for (path, methods) in document.get("paths").entries() {
            let path = path.replace("{id}", &record_id(1)).replace("{digest}", &server.notice.digest);
            let path = path.replace("{host}", "www.example.nl").replace("{path}", "0/000");
            for (method, operation) in methods.entries() {
                let takes = operation.get("description").text().unwrap_or("Takes the token of: anybody.");
                let takes = takes.strip_prefix("Takes the token of: ").and_then(|who| who.strip_suffix('.')).unwrap();
                assert_eq!(takes != "anybody", operation.at("security").is_some(), "{method} {path}");
                *seen.entry(takes.to_owned()).or_insert(0) += 1;
                // The body is one that the operation does not take, so that nothing changes while it is asked.
                let answered = async |token: &str| {
                    let request = Request::builder().method(method.to_uppercase().as_str()).uri(path.as_str());
                    let request = request.header("origin", SITE).header("askfirst-reason", "a test");
                    let request = request.header("content-type", "application/json");
                    let request = match token {
                        "" => request,
                        token => request.header("authorization", format!("Bearer {token}")),
                    };
                    let answer = ask(router, request.body(r#"{"none":1}"#.into()).unwrap()).await;
                    (
                        answer.status.as_u16(),
                        askfirst_core::json::parse(&answer.text)
                            .ok()
                            .and_then(|said| said.get("code").text().map(str::to_owned))
                            .unwrap_or_default(),
                    )
                };
                for token in strangers {
                    let (status, code) = answered(token).await;
                    let said = format!("{method} {path}, {takes}, asked with {token:?}: {status} {code}");
                    match takes {
                        "anybody" => assert!(status != 401 && code != "role", "{said}"),
                        // A token of the server is not a visitor's secret: as an unknown record.
                        "holder" => assert_eq!(status, if token.is_empty() { 401 } else { 404 }, "{said}"),
                        _ => assert_eq!((status, code.as_str()), (401, "unauthorized"), "{said}"),
                    }
                }
                for (role, token) in [("auditor", &auditor), ("operator", &operator)] {
                    let (status, code) = answered(token).await;
                    let said = format!("{method} {path}, {takes}, asked by the {role}: {status} {code}");
                    match takes {
                        "anybody" => assert!(status != 401 && code != "role", "{said}"),
                        "holder" => assert_eq!(status, 404, "{said}"),
                        takes if takes.contains(role) => assert!(status != 401 && code != "role", "{said}"),
                        _ => assert_eq!((status, code.as_str()), (403, "role"), "{said}"),
                    }
                }
            }
        }
    }
    let expected = [("anybody", 21), ("auditor", 2), ("auditor or operator", 2), ("holder", 2), ("operator", 4)];
    assert_eq!(seen, expected.map(|(takes, n)| (takes.to_owned(), n)).into());
}

/// A server that has everything on which a document describes.
async fn described() -> Server {
    let seeds = Seeds { current: Seed::from_bytes([7; 32]), next: None };
    let challenges = Challenges::new(&seeds, [SITE.to_owned()]);
    let options = http::Options { choice_cookie: true, challenges, ..no_limit() };
    let store = store::Options { seed: Some(seeds.current.clone()), ..Default::default() };
    server_with(options, store, |_| Default::default()).await
}

/// The version of schemathesis that judges.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// Makes the program in a folder of its own.
fn schemathesis(folder: &Path) -> PathBuf {
    let run = |program: &Path, arguments: &[&str]| {
        assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program:?} {arguments:?}");
    };
    run(Path::new("python3"), &["-m", "venv", folder.to_str().unwrap()]);
    run(&folder.join("bin/pip"), &["install", "--quiet", SCHEMATHESIS]);
    folder.join("bin/schemathesis")
}

async fn listen(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router, Limits::default(), std::future::pending()));
    format!("http://{address}")
}

/// Thousands of requests, right and wrong: nothing but what the documents say comes back, and never an error of the
/// server. That a right form is always taken is not asked: which site, notice and secret are right no schema can say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn schemathesis_gets_no_answer_that_the_documents_do_not_have() {
    let server = described().await;
    let token = |role| {
        let (id, token) = tokens::make().unwrap();
        let add = |connection: &Connection<'_>| {
            tokens::add(connection, (&id, &token), "schemathesis", role, clock::now(), None)
        };
        server.app.operations.as_ref().unwrap().run(add).unwrap();
        token
    };
    let public = listen(server.router.clone()).await;
    let people = listen(admin::router(Arc::clone(&server.app))).await;
    let program = schemathesis(&server.folder.path().join("venv"));
    let (origin, operator, auditor) = (format!("Origin: {SITE}"), token(Role::Operator), token(Role::Auditor));
    for (document, header) in [
        (format!("{public}/askfirst/openapi.json"), origin),
        (format!("{people}/admin/openapi.json"), format!("Authorization: Bearer {auditor}")),
        (format!("{people}/admin/openapi.json"), format!("Authorization: Bearer {operator}")),
    ] {
        let mut command = Command::new(&program);
        command.args(["run", &document, "-H", &header, "-n", "50", "--exclude-checks", "positive_data_acceptance"]);
        command.current_dir(server.folder.path());
        let done = tokio::task::spawn_blocking(move || command.status()).await.unwrap().unwrap();
        assert!(done.success(), "{document}");
    }
}
