use std::fs;
use std::process::Command;

use askfirst_server::http::{Files, Options};
use askfirst_server::store;
use axum::http::StatusCode;

use crate::support::*;

async fn with_files() -> Server {
    server_with(Options::default(), store::Options::default(), |folder| {
        let (dist, site) = (folder.path().join("dist"), folder.path().join("site"));
        fs::create_dir_all(dist.join("locales")).unwrap();
        fs::create_dir_all(dist.join("verify")).unwrap();
        fs::create_dir_all(site.join("about")).unwrap();
        for (name, text) in [
            ("askfirst.js", "plain"),
            ("askfirst.js.br", "brotli"),
            ("askfirst.js.gz", "gzip"),
            ("askfirst.wasm", "wasm"),
            ("locales/en.json", "{}"),
            ("verify/index.html", "<h1>check</h1>"),
            (".secret.json", "{}"),
        ] {
            fs::write(dist.join(name), text).unwrap();
        }
        fs::write(site.join("index.html"), "<h1>home</h1>").unwrap();
        fs::write(site.join("about/index.html"), "<h1>about</h1>").unwrap();
        Files { dist: Some(dist), site: Some(site), config: Some(CONFIG.to_owned()), ..Files::default() }
    })
    .await
}

fn with(path: &str, name: &'static str, value: &str) -> axum::http::Request<axum::body::Body> {
    let mut request = get(path);
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

#[tokio::test]
async fn browser_files_come_with_their_type_and_may_be_used_by_any_site() {
    let server = with_files().await;
    for (name, kind) in [
        ("askfirst.js", "text/javascript; charset=utf-8"),
        ("askfirst.wasm", "application/wasm"),
        ("locales/en.json", "application/json"),
    ] {
        let answer = server.ask(get(&format!("/askfirst/{name}"))).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, kind));
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-cache");
    }
}

#[tokio::test]
async fn the_page_that_checks_evidence_is_served_as_a_folder() {
    let server = with_files().await;
    let answer = server.ask(get("/askfirst/verify/")).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    // What the page names lies beside it, so the slash matters.
    let answer = server.ask(get("/askfirst/verify")).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::PERMANENT_REDIRECT, "/askfirst/verify/"));
    for missing in ["/askfirst/locales/", "/askfirst/locales", "/askfirst//", "/askfirst/verify//"] {
        assert_eq!(server.ask(get(missing)).await.status, StatusCode::NOT_FOUND, "{missing}");
    }
}

#[tokio::test]
async fn the_smallest_form_that_the_browser_takes_is_sent() {
    let server = with_files().await;
    for (accept, encoding, text) in
        [("gzip, deflate, br, zstd", "br", "brotli"), ("gzip;q=1.0, br;q=0", "gzip", "gzip"), ("identity", "", "plain")]
    {
        let answer = server.ask(with("/askfirst/askfirst.js", "accept-encoding", accept)).await;
        assert_eq!((answer.header("content-encoding"), answer.text.as_str()), (encoding, text), "{accept}");
        assert_eq!(answer.header("content-type"), "text/javascript; charset=utf-8");
        assert!(answer.header("vary").contains("Accept-Encoding"));
    }
}

#[tokio::test]
async fn an_unchanged_file_is_not_sent_again_and_a_changed_one_is() {
    let server = with_files().await;
    let first = server.ask(get("/askfirst/askfirst.wasm")).await;
    let tag = first.header("etag").to_owned();
    let again = server.ask(with("/askfirst/askfirst.wasm", "if-none-match", &tag)).await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    fs::write(server.folder.path().join("dist/askfirst.wasm"), "another").unwrap();
    let changed = server.ask(with("/askfirst/askfirst.wasm", "if-none-match", &tag)).await;
    assert_eq!((changed.status, changed.text.as_str()), (StatusCode::OK, "another"));
}

#[tokio::test]
async fn only_a_url_with_the_files_own_hash_is_kept_for_good() {
    use sha2::{Digest, Sha384};
    let server = with_files().await;
    let hash = askfirst_core::digest::base64url(&Sha384::digest(b"plain"));
    for (version, kept) in
        [(&hash[..12], true), (&hash[..], true), (&hash[..4], false), ("AAAAAAAAAAAA", false), ("", false)]
    {
        let answer = server.ask(get(&format!("/askfirst/askfirst.js?v={version}"))).await;
        assert_eq!(answer.header("cache-control").contains("immutable"), kept, "{version}");
    }
}

#[tokio::test]
async fn there_is_no_way_out_of_the_folder() {
    let server = with_files().await;
    for path in [
        "/askfirst/../askfirst.sqlite",
        "/askfirst/%2e%2e/askfirst.sqlite",
        "/askfirst/..%2faskfirst.sqlite",
        "/askfirst/.secret.json",
        "/askfirst//etc/passwd",
        "/askfirst/locales",
        "/askfirst/askfirst.js.br",
        "/%2e%2e/askfirst.sqlite",
        "/..%2faskfirst.sqlite",
    ] {
        let answer = server.ask(get(path)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_site_and_its_configuration_are_served_beside() {
    let server = with_files().await;
    for (path, text) in [("/", "<h1>home</h1>"), ("/about/", "<h1>about</h1>"), ("/askfirst.json", CONFIG)] {
        let answer = server.ask(get(path)).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, text), "{path}");
        assert_eq!(answer.header("cache-control"), "no-cache");
    }
    assert_eq!(server.ask(get("/nothing")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.ask(get("/askfirst/v1/nothing")).await.code(), "not_found");
}

fn check(config: &str, arguments: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("askfirst.json");
    fs::write(&file, config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_askfirst")).arg("check").arg(&file).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn check_passes_a_good_configuration_and_says_what_to_put_in_the_page() {
    let (code, out) = check(CONFIG, &[]);
    assert_eq!(code, 0, "{out}");
    let version = out.split("data-version=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(version.len(), 12);
    // White space is no change, a word is.
    assert!(check(&CONFIG.replace('\n', " "), &[]).1.contains(version));
    assert!(!check(&CONFIG.replace("Example B.V.", "Example N.V."), &[]).1.contains(version));
}

#[test]
fn check_prints_every_problem_and_fails() {
    let wrong = CONFIG
        .replace(r#""marketing": {"#, r#""marketing": { "default": true,"#)
        .replace(r#""name": "Example B.V.", "#, "");
    let (code, out) = check(&wrong, &[]);
    assert_eq!(code, 1);
    assert!(out.contains("$.categories.marketing.default") && out.contains("$.controller"), "{out}");
    let (code, json) = check(&wrong, &["--json"]);
    assert_eq!(code, 1);
    let value = askfirst_core::json::parse(json.trim()).unwrap();
    let problems = value.items()[0].at("problems").unwrap().items();
    assert!(problems.len() >= 2 && problems.iter().all(|problem| problem.at("code").is_some()));
}
