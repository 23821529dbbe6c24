//! The stages of `cargo xtask test`, cheapest first.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::browser;
use crate::project::{Project, WASM_TARGET};
use crate::totals::Totals;
use crate::{build, demo, generate, process, tools};

pub struct Stage {
    pub name: &'static str,
    pub what: &'static str,
    /// Whether a run without a single test is a failure: a suite that has gone missing must not pass.
    has_tests: bool,
    /// Whether it is run only when it is named.
    pub on_request: bool,
    pub run: fn(&Project, &mut Totals) -> Result<()>,
}

pub const STAGES: &[Stage] = &[
    Stage { name: "fmt", what: "formatting of the Rust code", has_tests: false, on_request: false, run: fmt },
    Stage { name: "clippy", what: "lints, native and wasm32", has_tests: false, on_request: false, run: clippy },
    Stage { name: "gen", what: "generated files are up to date", has_tests: false, on_request: false, run: gen_check },
    Stage {
        name: "native",
        what: "unit, property and contract tests",
        has_tests: true,
        on_request: false,
        run: native,
    },
    Stage { name: "build", what: "dist/ and its size budgets", has_tests: false, on_request: false, run: dist },
    Stage { name: "types", what: "types of the TypeScript files", has_tests: false, on_request: false, run: types },
    Stage { name: "loader", what: "unit tests of the loader", has_tests: true, on_request: false, run: loader },
    Stage {
        name: "browser",
        what: "wasm-bindgen-test in headless Chromium",
        has_tests: true,
        on_request: false,
        run: browser::run,
    },
    Stage { name: "e2e", what: "the product on real pages (Playwright)", has_tests: true, on_request: false, run: e2e },
    Stage {
        name: "long",
        what: "what takes an hour: faults of the disk, power, abuse, fuzzing (only when it is named)",
        has_tests: true,
        on_request: true,
        run: long,
    },
];

impl Stage {
    pub fn require_tests(&self, totals: Totals) -> Result<()> {
        if self.has_tests && totals.passed + totals.failed == 0 {
            bail!("it ran no tests; a suite that runs nothing proves nothing");
        }
        Ok(())
    }
}

/// Runs a test command and adds up what its runner reports.
pub fn counted(what: &str, command: &mut Command, totals: &mut Totals) -> Result<()> {
    let succeeded = process::stream(what, command, |line| totals.read(line))?;
    if !succeeded {
        bail!("{what} failed; its own messages are above");
    }
    Ok(())
}

fn fmt(project: &Project, _: &mut Totals) -> Result<()> {
    let mut command = project.cargo();
    command.args(["fmt", "--all", "--check"]);
    if process::run("cargo fmt", &mut command).is_err() {
        bail!("the Rust code is not formatted; run `cargo fmt --all`");
    }
    Ok(())
}

fn clippy(project: &Project, _: &mut Totals) -> Result<()> {
    let native = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    process::run("clippy", project.cargo().args(native))?;
    tools::ensure_wasm_target(project)?;
    let wasm = ["clippy", "--package", "askfirst", "--lib", "--tests", "--target", WASM_TARGET];
    process::run("clippy for wasm32", project.cargo().args(wasm).args(["--", "--deny", "warnings"]))
}

fn gen_check(project: &Project, _: &mut Totals) -> Result<()> {
    generate::check(project)
}

fn native(project: &Project, totals: &mut Totals) -> Result<()> {
    if !project.path("tests/contract").join("main.rs").exists() {
        bail!("the contract tests (tests/contract/main.rs) are missing");
    }
    tools::ensure_postgres()?;
    tools::ensure_tracers()?;
    counted("cargo test", project.cargo().args(["test", "--workspace", "--", "--quiet"]), totals)
}

/// The tests that `cargo test` ignores because they are long (docs/proof.md, "How it is tested").
fn long(project: &Project, totals: &mut Totals) -> Result<()> {
    tools::ensure_postgres()?;
    tools::ensure_tracers()?;
    let ignored = ["--", "--ignored", "--nocapture", "--test-threads", "1"];
    let mut server = project.cargo();
    server.args(["test", "--package", "askfirst-server", "--test", "server"]).args(ignored);
    counted("the long tests of the server", &mut server, totals)?;
    let mut core = project.cargo();
    core.args(["test", "--release", "--package", "askfirst-core", "--features", "ed25519"]);
    core.args(["--test", "log", "--test", "log_fuzz"]).args(ignored);
    counted("the long tests of the log", &mut core, totals)
}

fn dist(project: &Project, _: &mut Totals) -> Result<()> {
    build::run(project)
}

fn types(project: &Project, _: &mut Totals) -> Result<()> {
    // The types of the wasm module are made by the build.
    build::ensure(project)?;
    let mut command = project.command("node");
    command.args(["node_modules/typescript/bin/tsc", "--noEmit", "--project", "tsconfig.json"]);
    process::run("the type check", &mut command)
}

fn loader(project: &Project, totals: &mut Totals) -> Result<()> {
    build::ensure(project)?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(project.path("tests/loader"))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("the loader tests (tests/loader/*.test.mjs) are missing");
    }
    files.sort();
    let mut command = project.command("node");
    command.args(["--test", "--test-reporter=spec"]).args(files);
    counted("the loader tests", &mut command, totals)
}

fn e2e(project: &Project, totals: &mut Totals) -> Result<()> {
    build::ensure(project)?;
    tools::ensure_chromium()?;
    tools::ensure_other_engines()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = tools::ensure_web_servers(project)?;
    let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&path)))?;
    let site = demo::bundle(project)?;
    let apps = frameworks(project)?;
    project.build_for_tests("dev", &["--bin", "askfirst"], "the build of the server")?;
    let mut command = project.command("node");
    command
        .args(["node_modules/@playwright/test/cli.js", "test", "--config", "tests/e2e"])
        .env("PATH", path)
        .env("ASKFIRST_BIN", project.compiled("debug/askfirst"))
        .env("ASKFIRST_DIST", project.dist())
        .env("ASKFIRST_DEMO", site)
        .env("ASKFIRST_FRAMEWORKS", apps)
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    counted("Playwright", &mut command, totals)
}

/// Builds the small single-page apps of `tests/frameworks`; answers their folder.
fn frameworks(project: &Project) -> Result<PathBuf> {
    const OUT: &str = "dist-frameworks";
    let mut command = project.command("node");
    command.args(["tests/frameworks/build.mjs", "--out", OUT]);
    process::run("the building of the framework apps", &mut command)?;
    Ok(project.path(OUT))
}
