//! wasm-bindgen-test in headless Chromium, with wasm-bindgen's own runner as a library.

use std::ffi::OsString;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::stages;
use crate::project::{Project, WASM_TARGET};
use crate::tools;
use crate::totals::Totals;

pub fn run(project: &Project, totals: &mut Totals) -> Result<()> {
    if !project.path("tests/browser/main.rs").exists() {
        bail!("the browser tests (tests/browser/main.rs) are missing");
    }
    tools::ensure_wasm_target(project)?;
    tools::ensure_chromium()?;
    let mut command = project.cargo();
    command
        .args(["test", "--package", "askfirst", "--test", "browser", "--target", WASM_TARGET])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner()?)
        .env("CHROMEDRIVER", "chromedriver")
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", webdriver(project)?)
        // A small machine may be building at the same time.
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30");
    stages::counted("the browser tests", &mut command, totals)
}

/// What cargo calls for each test file: the same wasm-bindgen the build links, so the two can't disagree.
pub fn run_test_file(arguments: Vec<OsString>) -> Result<()> {
    let program = OsString::from("wasm-bindgen-test-runner");
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(std::iter::once(program).chain(arguments))
}

/// This program as cargo's runner. Cargo splits the value at spaces.
fn runner() -> Result<String> {
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let program = program.to_str().context("the path of this program is not UTF-8")?;
    if program.contains(char::is_whitespace) {
        bail!(
            "cargo can't call a test runner whose path has a space (`{program}`); set CARGO_TARGET_DIR to a folder without one"
        );
    }
    Ok(format!("{program} wasm-test-runner"))
}

/// Capabilities for ChromeDriver: no sandbox, which Chromium refuses to start when run as root, and no background traffic.
fn webdriver(project: &Project) -> Result<std::path::PathBuf> {
    let path = project.path(".cache/webdriver.json");
    fs::create_dir_all(project.path(".cache"))?;
    let capabilities = json!({
        "goog:chromeOptions": {
            "args": [
                "headless",
                "no-sandbox",
                "disable-gpu",
                "disable-dev-shm-usage",
                "disable-background-networking",
                "disable-component-update",
                "disable-sync",
                "no-first-run"
            ]
        }
    });
    fs::write(&path, capabilities.to_string()).context(".cache can't be written")?;
    Ok(path)
}
