//! S7: the admin listener. Who may do what, and that it is known who did.

use std::process::Command;

use askfirst_core::time::DAY;
use askfirst_server::clock;
use askfirst_server::http::{self, admin};
use askfirst_server::operations::Connection;
use askfirst_server::operations::access::{self, Access};
use askfirst_server::operations::tokens::{self, Role};
use askfirst_server::store::{Erased, NewRecord};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use std::sync::Arc;

use crate::support::*;

/// The admin listener of a server, with a token for each role.
struct Admin {
    server: Server,
    router: Router,
    auditor: String,
    operator: String,
}

async fn admin() -> Admin {
    admin_of(server().await)
}

fn admin_of(server: Server) -> Admin {
    let make = |name: &str, role| {
        let (id, token) = tokens::make().unwrap();
        let add = |connection: &Connection<'_>| tokens::add(connection, (&id, &token), name, role, clock::now(), None);
        server.app.operations.as_ref().unwrap().run(add).unwrap();
        token
    };
    let (auditor, operator) = (make("Eva", Role::Auditor), make("Omar", Role::Operator));
    let router = admin::router(Arc::clone(&server.app));
    Admin { server, router, auditor, operator }
}

fn request(method: &str, path: &str, token: &str, reason: Option<&str>, body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if let Some(reason) = reason {
        request = request.header("askfirst-reason", reason);
    }
    request.body(body.to_owned().into()).unwrap()
}

impl Admin {
    async fn ask(&self, request: Request<Body>) -> Answer {
        ask(&self.router, request).await
    }

    fn access(&self) -> Vec<Access> {
        let operations = self.server.app.operations.as_ref().unwrap();
        operations.run(|connection| access::list(connection, clock::now() - DAY)).unwrap()
    }
}

#[tokio::test]
async fn each_route_takes_its_role_and_no_other_and_none_takes_nobody() {
    let admin = admin().await;
    admin.server.ask(post(body(1, &admin.server.notice))).await;
    let record = format!("/admin/v1/records/{}", record_id(1));
    let hold = format!("{record}/hold");
    for (method, path, body, auditor, operator) in [
        ("GET", record.as_str(), "", 200, 403),
        ("PUT", hold.as_str(), r#"{"held":false}"#, 403, 200),
        ("GET", "/admin/v1/access", "", 200, 403),
        ("GET", "/admin/v1/leaks", "", 200, 200),
        ("GET", "/admin/v1/webhooks", "", 200, 200),
        ("DELETE", record.as_str(), "", 403, 200),
    ] {
        let status = async |token: &str| {
            admin.ask(request(method, path, token, Some("a complaint"), body)).await.status.as_u16()
        };
        let wrong = format!("{}x", admin.auditor);
        for (token, expected) in
            [("", 401), ("wrong", 401), (&wrong, 401), (&admin.auditor, auditor), (&admin.operator, operator)]
        {
            assert_eq!(status(token).await, expected, "{method} {path} {token}");
        }
    }
}

#[tokio::test]
async fn every_look_at_a_record_says_who_and_why_and_copies_nothing_of_it() {
    let admin = admin().await;
    let given = record(1, &admin.server.notice);
    admin.server.ask(post(given.canonical())).await;
    let path = format!("/admin/v1/records/{}", record_id(1));
    let silent = admin.ask(request("GET", &path, &admin.auditor, None, "")).await;
    assert_eq!((silent.status, silent.code().as_str()), (StatusCode::BAD_REQUEST, "reason"));
    assert!(admin.access().is_empty());

    let seen = admin.ask(request("GET", &path, &admin.auditor, Some("complaint 17"), "")).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert_eq!(seen.at(&["records"]).items()[0].get("record").canonical(), given.canonical());
    let unknown = format!("/admin/v1/records/{}", record_id(99));
    assert_eq!(
        admin.ask(request("GET", &unknown, &admin.auditor, Some("a guess"), "")).await.status,
        StatusCode::NOT_FOUND
    );
    let access = admin.access();
    let said: Vec<_> = access.iter().map(|a| (a.who.as_str(), a.action.as_str(), a.reason.as_str())).collect();
    assert_eq!(said, [("Eva", "read", "a guess"), ("Eva", "read", "complaint 17")]);
    assert_eq!(access[1].record_id.as_deref(), Some(given.record_id.as_str()));
    let stored = std::fs::read(format!("{}.operations-wal", admin.server.database().display())).unwrap();
    for private in [&given.subject, &given.holder, &given.notice.digest] {
        assert!(!stored.windows(private.len()).any(|part| part == private.as_bytes()));
    }
}

#[tokio::test]
async fn what_can_not_be_noted_is_not_shown() {
    let admin = admin().await;
    admin.server.ask(post(body(1, &admin.server.notice))).await;
    let operations = admin.server.app.operations.as_ref().unwrap();
    operations.run(|connection| connection.execute("DROP TABLE access", &[])).unwrap();
    let path = format!("/admin/v1/records/{}", record_id(1));
    let answer = admin.ask(request("GET", &path, &admin.auditor, Some("complaint 17"), "")).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "store"));
}

#[tokio::test]
async fn a_held_record_is_not_erased_until_it_is_released() {
    let admin = admin_of(erasing().await);
    admin.server.ask(post(body(1, &admin.server.notice))).await;
    let path = format!("/admin/v1/records/{}", record_id(1));
    let hold = async |held: bool| {
        let body = format!("{{\"held\":{held}}}");
        admin.ask(request("PUT", &format!("{path}/hold"), &admin.operator, Some("a claim"), &body)).await.status
    };
    let erase = async || admin.ask(request("DELETE", &path, &admin.operator, Some("asked by mail"), "")).await;
    assert_eq!(hold(true).await, StatusCode::OK);
    let code = |answer: Answer| answer.at(&["records"]).items()[0].get("code").text().unwrap().to_owned();
    assert_eq!(code(erase().await), "claim");
    assert_eq!(hold(false).await, StatusCode::OK);
    assert_eq!(code(erase().await), "erased");
    let actions: Vec<_> = admin.access().into_iter().map(|access| access.action).collect();
    assert_eq!(actions, ["erase", "release", "erase", "hold"]);
    let gone = admin.server.ask(with_secret("GET", &record_id(1), &secret(1))).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

/// S5, GDPR Art. 18(2): restricted is out of sight but for a legal claim, and who looks for one is noted with that.
#[tokio::test]
async fn a_restricted_record_is_shown_for_a_claim_alone() {
    let admin = admin().await;
    admin.server.ask(post(body(1, &admin.server.notice))).await;
    let path = format!("/admin/v1/records/{}", record_id(1));
    let erased = admin.ask(request("DELETE", &path, &admin.operator, Some("asked by mail"), "")).await;
    let said = erased.at(&["records"]).items()[0].clone();
    assert_eq!((said.get("code").text(), said.get("restricted").bool()), (Some("proof"), Some(true)));
    let seen = admin.ask(request("GET", &path, &admin.auditor, Some("curious"), "")).await;
    assert_eq!((seen.status, seen.code().as_str()), (StatusCode::FORBIDDEN, "restricted"));
    assert!(!seen.text.contains("analytical"));
    let claim = format!("{path}?purpose=claim");
    let seen = admin.ask(request("GET", &claim, &admin.auditor, Some("case 12/2026"), "")).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(seen.at(&["records"]).items()[0].get("restricted").text().is_some());
    let export = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_askfirst"));
        command.args(["export", "--record", &record_id(1)]).args(more).arg("--database").arg(admin.server.database());
        command.output().unwrap()
    };
    for form in [&[][..], &["--text"], &["--format", "dpv"], &["--format", "evidence"]] {
        let output = export(form);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.stdout.is_empty() && said.contains("restricted") && said.contains("--for-claim"), "{output:?}");
        let output = export(&[form, &["--for-claim"]].concat());
        assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
    }
    let actions: Vec<_> = admin.access().into_iter().map(|access| access.action).collect();
    assert_eq!(actions.iter().filter(|action| *action == "claim").count(), 5, "{actions:?}");
}

#[tokio::test]
async fn the_public_listener_has_none_of_it() {
    let admin = admin().await;
    let files = http::Files { admin_elsewhere: true, ..Default::default() };
    let public = http::router(Arc::clone(&admin.server.app), files);
    for path in ["/admin/v1/access", "/admin/v1/leaks", "/metrics"] {
        let answer = ask(&public, request("GET", path, &admin.auditor, None, "")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/metrics", "/healthz", "/livez", "/readyz"] {
        assert_eq!(admin.ask(get(path)).await.status, StatusCode::OK, "{path}");
    }
    // Pages have no business there, whatever they send.
    assert_eq!(admin.ask(post(body(1, &admin.server.notice))).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_operators_token_registers_notices_and_an_auditors_does_not() {
    let admin = admin().await;
    let notice = &admin.server.notice;
    for (token, status) in [(&admin.auditor, 403), (&admin.operator, 200)] {
        let path = format!("/admin/v1/notices/{}", notice.digest);
        assert_eq!(admin.ask(request("PUT", &path, token, None, &notice.text)).await.status.as_u16(), status);
        let path = format!("/askfirst/v1/notices/{}", notice.digest);
        assert_eq!(admin.server.ask(request("PUT", &path, token, None, &notice.text)).await.status.as_u16(), status);
    }
    // What visitors can be shown is somebody's doing.
    let noted = admin.access();
    let noted: Vec<_> = noted.iter().map(|one| (one.action.as_str(), &one.record_id, one.reason.as_str())).collect();
    assert_eq!(noted, [("notice", &None, notice.digest.as_str()); 2]);
}

#[tokio::test]
async fn a_token_of_the_command_line_works_at_once_and_ends_at_once() {
    let admin = admin().await;
    let command = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_askfirst"))
            .args(arguments)
            .arg("--database")
            .arg(admin.server.database())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let token = command(&["token", "create", "--name", "Nina", "--role", "auditor"]);
    let status = async || admin.ask(request("GET", "/admin/v1/access", token.trim(), None, "")).await.status.as_u16();
    assert_eq!(status().await, 200);
    let listed = command(&["token", "list"]);
    let line = listed.lines().find(|line| line.contains("Nina")).unwrap();
    assert!(line.contains("auditor") && !listed.contains(token.trim()));
    command(&["token", "revoke", line.split(' ').next().unwrap()]);
    assert_eq!(status().await, 401);
}

#[tokio::test]
async fn who_exports_a_record_at_the_console_is_noted_too() {
    let admin = admin().await;
    admin.server.ask(post(body(1, &admin.server.notice))).await;
    let output = Command::new(env!("CARGO_BIN_EXE_askfirst"))
        .args(["export", "--record", &record_id(1), "--reason", "complaint 18", "--database"])
        .arg(admin.server.database())
        // What the system says of the user counts, and beside it, for root, who became root.
        .env("SUDO_USER", "eva")
        .env("USER", "somebody-else")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let [access] = &admin.access()[..] else { panic!() };
    let id = Command::new("id").arg("-un").output().unwrap();
    let user = String::from_utf8(id.stdout).unwrap().trim().to_owned();
    let who = if user == "root" { "console:eva as root".to_owned() } else { format!("console:{user}") };
    assert_eq!((access.who.as_str(), access.action.as_str()), (who.as_str(), "read"));
    assert_eq!((access.record_id.as_deref(), access.reason.as_str()), (Some(record_id(1).as_str()), "complaint 18"));
}

#[tokio::test]
async fn all_records_are_exported_as_lines_that_verify_and_each_is_noted() {
    let admin = admin().await;
    // More than a page.
    const RECORDS: u128 = 300;
    for n in 0..RECORDS {
        admin.server.app.store.insert(NewRecord::new(&record(n, &admin.server.notice)).unwrap()).await.unwrap();
    }
    for (n, restrict) in [(3, true), (280, false)] {
        let (seq, _) = admin.server.app.store.holders(&record_id(n)).await.unwrap()[0];
        match restrict {
            true => assert!(admin.server.app.store.restrict(seq).await.unwrap().is_some()),
            false => assert_eq!(admin.server.app.store.erase(seq, "holder").await, Ok(Erased::Erased)),
        }
    }
    let export = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_askfirst"));
        let command = command.args(["export", "--all", "--reason", "audit of 2026"]).args(more);
        command.arg("--database").arg(admin.server.database()).output().unwrap()
    };
    let output = export(&[]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("1 restricted records are left out"), "{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count() as u128, RECORDS - 2, "neither the restricted nor the erased one");
    let text = |n| record(n, &admin.server.notice).subject;
    assert!(lines.contains(&text(299)) && !lines.contains(&text(3)) && !lines.contains(&text(280)));
    let noted = admin.access();
    assert_eq!(noted.len() as u128, RECORDS - 2);
    assert!(noted.iter().all(|access| access.action == "export" && access.reason == "audit of 2026"));
    assert!(noted.iter().any(|access| access.record_id == Some(record_id(299))));
    assert_eq!(String::from_utf8(export(&["--for-claim"]).stdout).unwrap().lines().count() as u128, RECORDS - 1);

    let file = admin.server.folder.path().join("all.jsonl");
    let verify = |lines: &str| {
        std::fs::write(&file, lines).unwrap();
        Command::new(env!("CARGO_BIN_EXE_askfirst")).args(["verify", "--json"]).arg(&file).output().unwrap()
    };
    let good = verify(&lines);
    // Nobody has said which key is trusted.
    assert_eq!(good.status.code(), Some(3), "{}", String::from_utf8_lossy(&good.stderr));
    assert_eq!(String::from_utf8(good.stdout).unwrap().lines().count() as u128, RECORDS - 2);
    let forged: Vec<String> = lines
        .lines()
        .enumerate()
        .map(
            |(at, line)| if at == 200 { line.replacen("\"granted\":true", "\"granted\":null", 1) } else { line.into() },
        )
        .collect();
    let bad = verify(&forged.join("\n"));
    assert_eq!(bad.status.code(), Some(1));
    assert!(String::from_utf8(bad.stderr).unwrap().contains("Line 201: "));
}
