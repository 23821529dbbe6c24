//! What the server says it answers, and whether it does.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use askfirst_server::clock;
use askfirst_server::http::connection::{Limits, serve};
use askfirst_server::http::{self, admin};
use askfirst_server::operations::Connection;
use askfirst_server::operations::tokens::{self, Role};
use axum::Router;
use tokio::net::TcpListener;

use crate::support::*;

#[tokio::test]
async fn each_listener_describes_itself_and_the_figures_where_they_are() {
    let server = server().await;
    let described = async |router: &Router, path: &str| {
        let answer = ask(router, get(path)).await;
        assert_eq!(answer.at(&["openapi"]).text(), Some("3.1.0"));
        answer.at(&["paths"]).entries().iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    let figures = "/metrics".to_owned();
    let alone = described(&server.router, "/askfirst/openapi.json").await;
    assert!(alone.contains(&figures) && alone.iter().all(|path| !path.starts_with("/admin")));
    let files = http::Files { admin_elsewhere: true, ..Default::default() };
    let public = http::router(Arc::clone(&server.app), files);
    assert!(!described(&public, "/askfirst/openapi.json").await.contains(&figures));
    let people = admin::router(Arc::clone(&server.app));
    let people = described(&people, "/admin/openapi.json").await;
    assert!(people.contains(&figures) && people.iter().all(|path| !path.starts_with("/askfirst")));
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
    let options = http::Options { choice_cookie: true, ..no_limit() };
    let server = server_with(options, Default::default(), |_| Default::default()).await;
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
