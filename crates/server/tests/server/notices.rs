use askfirst_core::digest::digest;
use askfirst_server::store::{self, Store};
use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::support::*;

fn put(text: &str, name: &str, token: Option<&str>) -> Request<Body> {
    let request = Request::put(format!("/askfirst/v1/notices/{name}")).header("content-type", "application/json");
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    request.body(Body::from(text.to_owned())).unwrap()
}

const NOTICE: &str = r#"{"lang":"en","purposes":[{"id":"analytical"},{"id":"marketing"}],"schema":"urn:askfirst:notice:1","version":"2"}"#;

#[tokio::test]
async fn the_owner_registers_a_notice_and_anybody_reads_it() {
    let server = server().await;
    let name = digest(NOTICE.as_bytes());
    for status in [StatusCode::CREATED, StatusCode::OK] {
        assert_eq!(server.ask(put(NOTICE, &name, Some(ADMIN))).await.status, status);
    }
    let read = server.ask(get(&format!("/askfirst/v1/notices/{name}"))).await;
    assert_eq!((read.status, read.text.as_str()), (StatusCode::OK, NOTICE));
    assert!(read.header("cache-control").contains("immutable"));
    let mut record = record(1, &server.notice);
    (record.notice.digest, record.notice.version) = (name, "2".to_owned());
    assert_eq!(server.ask(post(record.to_value().canonical())).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_stranger_can_plant_no_notice() {
    let server = server().await;
    let name = digest(NOTICE.as_bytes());
    for token in [None, Some("wrong-token-of-a-stranger"), Some(""), Some(&ADMIN[1..])] {
        let answer = server.ask(put(NOTICE, &name, token)).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNAUTHORIZED, "unauthorized"));
    }
    assert_eq!(server.ask(get(&format!("/askfirst/v1/notices/{name}"))).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_notice_is_what_its_digest_says() {
    let server = server().await;
    let cases = [
        ("digest", NOTICE.to_owned(), digest(b"something else")),
        ("canonical", NOTICE.replace(',', ", "), digest(NOTICE.replace(',', ", ").as_bytes())),
        ("missing", NOTICE.replace(r#""lang":"en","#, ""), digest(NOTICE.replace(r#""lang":"en","#, "").as_bytes())),
        ("invalid", NOTICE.replace("notice:1", "notice:9"), digest(NOTICE.replace("notice:1", "notice:9").as_bytes())),
    ];
    for (code, text, name) in cases {
        let answer = server.ask(put(&text, &name, Some(ADMIN))).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, code));
    }
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_or_remove_what_is_proof() {
    let server = server().await;
    server.ask(post(body(1, &server.notice))).await;
    let shell = server.shell();
    shell.pragma_update(None, "foreign_keys", false).unwrap();
    for (sql, why) in [
        ("UPDATE record SET received_at = 1", "never changed"),
        ("UPDATE record SET body = 'x', erased_at = 1", "CHECK"),
        ("UPDATE record SET body = 'x'", "never changed"),
        ("UPDATE record SET idx = idx + 1", "never changed"),
        ("UPDATE record SET ends_at = ends_at + 1", "never changed"),
        ("DELETE FROM record_secret", "goes when the record is erased"),
        ("UPDATE record_secret SET secret = x'00'", "never changed"),
        ("UPDATE log SET size = 1", "only grows"),
        ("UPDATE log SET root = x'00'", "only grows"),
        ("DELETE FROM log", "only grows"),
        ("UPDATE log_entry SET bytes = x'00'", "never changed"),
        ("DELETE FROM log_entry", "never removed"),
        ("DELETE FROM record", "never removed"),
        ("UPDATE notice SET text = 'x'", "never changed"),
        ("DELETE FROM notice", "still refer"),
    ] {
        let error = shell.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains(why), "{sql}: {error}");
    }
    // S3: a notice that nothing refers to may go.
    shell.execute("INSERT INTO notice VALUES (x'01', 'en', '1', 0, '{}')", []).unwrap();
    assert_eq!(shell.execute("DELETE FROM notice WHERE digest = x'01'", []).unwrap(), 1);
    assert_eq!(server.rows(), 1);
}

#[tokio::test]
async fn a_second_server_on_the_same_database_is_turned_away() {
    let server = server().await;
    let error = Store::open(&server.database(), &store::Options::default()).err().unwrap();
    assert!(error.contains("another server"), "{error}");
}

#[tokio::test]
async fn a_foreign_or_newer_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.sqlite");
    let shell = rusqlite::Connection::open(&path).unwrap();
    shell.execute_batch("CREATE TABLE customers (name TEXT)").unwrap();
    let error = Store::open(&path, &store::Options::default()).err().unwrap();
    assert!(error.contains("another program"), "{error}");

    let server = server().await;
    let shell = server.shell();
    shell.pragma_update(None, "user_version", 99).unwrap();
    let path = server.database();
    let (folder, app) = (server.folder, server.app);
    drop((server.router, app, shell));
    let error = Store::open(&path, &store::Options::default()).err().unwrap();
    assert!(error.contains("newer version"), "{error}");
    drop(folder);
}

#[tokio::test]
async fn the_database_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let server = server().await;
    let mode = std::fs::metadata(server.database()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
