//! `askfirst declaration`: what a configuration declares, as a file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::process::{Command, Output};

use askfirst_core::json;

const CONFIG: &str = r#"{ "version": "2026-11-22",
  "controller": { "name": "Example B.V.", "contact": "privacy@example.com", "policy": "/privacy" },
  "categories": { "analytical": { "services": ["plausible"] }, "marketing": { "services": ["youtube"] } }, "locale": "de" }"#;

fn declaration(config: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("askfirst.json");
    fs::write(&file, config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_askfirst")).arg("declaration").arg(&file).args(arguments).output().unwrap()
}

fn text(config: &str, arguments: &[&str]) -> String {
    let output = declaration(config, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_is_written_in_the_language_asked_for_else_in_the_configurations() {
    let title = |arguments: &[&str]| text(CONFIG, arguments).lines().next().unwrap().to_owned();
    let words = |lang: &str| {
        let path = format!("{}/../../www/locales/{lang}.json", env!("CARGO_MANIFEST_DIR"));
        let words = json::parse(&fs::read_to_string(path).unwrap()).unwrap();
        format!("# {}", words.get("declaration.title").text().unwrap())
    };
    assert_eq!(title(&["--format", "md", "--level", "1"]), words("de"));
    assert_eq!(title(&["--format", "md", "--level", "1", "--lang", "nl-BE"]), words("nl"));
    let unknown = declaration(CONFIG, &["--lang", "tlh"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("\"tlh\""));
}

#[test]
fn the_three_formats_name_the_same_services_and_items() {
    let [html, md, json] = ["html", "md", "json"].map(|format| text(CONFIG, &["--format", format, "--lang", "en"]));
    assert!(html.starts_with("<section class=\"askfirst-declaration\" lang=\"en\" dir=\"ltr\"><h2>"));
    let declared = json::parse(&json).unwrap();
    let mut items = 0;
    for service in declared.get("purposes").items().iter().flat_map(|purpose| purpose.get("services").items()) {
        for item in service.get("items").items() {
            let name = item.get("name").text().unwrap();
            assert!(html.contains(&format!("<code>{name}</code>")), "{name}");
            assert!(md.contains(&format!("`{name}`")), "{name}");
            items += 1;
        }
    }
    assert!(items > 2, "{items}");
}

#[test]
fn a_configuration_that_can_not_be_used_declares_nothing() {
    let output = declaration(&CONFIG.replace("\"marketing\": {", "\"marketing\": { \"default\": true,"), &[]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8(output.stderr).unwrap().contains("L01"));
}
