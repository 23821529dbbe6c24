//! What a build or a test needs from outside: fetched when it can be, named in one sentence when it can't.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::process;
use crate::project::{Project, WASM_TARGET};

/// Playwright's first release line that needs it, and jsdom's: `engines` in `package.json` says the same.
const NODE_MAJOR: u32 = 20;

/// The marker inside `node_modules` that says which lock file it was installed from.
const INSTALLED: &str = "node_modules/.askfirst-lock";

/// Makes sure that rustc can compile for the browser.
pub fn ensure_wasm_target(project: &Project) -> Result<()> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder =
        process::output("rustc", project.command(rustc).args(["--print", "target-libdir", "--target", WASM_TARGET]))?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    println!("Adding the Rust target {WASM_TARGET} …");
    process::run(
        "rustup target add",
        project.command("rustup").args(["target", "add", WASM_TARGET]),
    )
    .with_context(|| format!("the Rust target {WASM_TARGET} is missing; install it with `rustup target add {WASM_TARGET}` or your distribution's package"))
}

/// Whether the sources of the standard library are there, or can be fetched, so that it can be built for size. Without
/// them the browser bundle is built all the same, and is about 12 % bigger.
pub fn ensure_std_sources(project: &Project) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = process::output("rustc", project.command(rustc).args(["--print", "sysroot"])).unwrap_or_default();
    let sources = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/Cargo.toml");
    if sources.is_file() {
        return true;
    }
    println!("Adding the Rust component rust-src …");
    let added = process::run("rustup component add", project.command("rustup").args(["component", "add", "rust-src"]));
    if added.is_err() || !sources.is_file() {
        println!("note: without rust-src the bundle is about 12 % bigger; `rustup component add rust-src` installs it");
    }
    sources.is_file()
}

/// Makes sure that `node_modules` is what `package-lock.json` says. Compares content, not times: a checkout changes times.
pub fn ensure_npm_packages(project: &Project) -> Result<()> {
    ensure_node(project)?;
    let lock = fs::read(project.path("package-lock.json")).context("package-lock.json can't be read")?;
    let wanted = format!("{:x}", Sha256::digest(&lock));
    let marker = project.path(INSTALLED);
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    println!("Installing the npm packages of package-lock.json …");
    process::run(
        "npm ci",
        project
            .command("npm")
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            // Tests drive the system's Chromium; Playwright must not fetch its own.
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"),
    )
    .context("the npm packages could not be installed; check that the npm registry can be reached and run `npm ci`")?;
    fs::write(&marker, wanted).context("node_modules can't be written")
}

/// Programs that browser tests start, and the Debian packages they are in.
const CHROMIUM: &[(&str, &str)] = &[("chromium", "chromium"), ("chromedriver", "chromium-driver")];
const OTHER_ENGINES: &[(&str, &str)] =
    &[("firefox-esr", "firefox-esr"), ("WebKitWebDriver", "webkit2gtk-driver"), ("Xvfb", "xvfb")];

/// Makes sure that Chromium and its driver are there; installs them where that needs no question (root on Debian).
pub fn ensure_chromium() -> Result<()> {
    ensure_packages(CHROMIUM, "browser tests need Chromium and ChromeDriver")
}

/// The same for the engines of the smoke test: Firefox, and WebKitGTK on a display of its own.
pub fn ensure_other_engines() -> Result<()> {
    ensure_packages(OTHER_ENGINES, "the test in other engines needs Firefox ESR, WebKitGTK's driver and Xvfb")
}

/// PostgreSQL, which the tests of the store start in folders of their own. Debian keeps its programs off the path.
const POSTGRES: &[(&str, &str)] = &[("initdb", "postgresql")];

/// Makes sure that there is a real PostgreSQL for the tests of the store.
pub fn ensure_postgres() -> Result<()> {
    if has_debian_postgres() {
        return Ok(());
    }
    ensure_packages(POSTGRES, "the tests of the store need PostgreSQL")
}

/// What the tests of faults and of the unit look on with.
const TRACERS: &[(&str, &str)] = &[("strace", "strace"), ("systemd-analyze", "systemd")];

pub fn ensure_tracers() -> Result<()> {
    ensure_packages(TRACERS, "the tests of faults and of the unit for systemd need strace and systemd-analyze")
}

/// What the load runs of the records server need (`bench/server.mjs`, `bench/compare.mjs`).
pub fn ensure_load_tools() -> Result<()> {
    ensure_packages(&[("wrk", "wrk")], "the load runs need wrk")?;
    ensure_postgres()
}

fn has_debian_postgres() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.into_iter().any(|version| version.path().join("bin/initdb").is_file())
}

/// Web servers that the files of `deploy/` are tried with, and the Debian packages they are in.
const WEB_SERVERS: &[(&str, &str)] = &[("nginx", "nginx"), ("caddy", "caddy")];

/// Makes sure that nginx and Caddy are there; answers the folders to look in before the path. Debian starts a web server
/// when it is installed, on port 80, so its package is only unpacked.
pub fn ensure_web_servers(project: &Project) -> Result<Vec<PathBuf>> {
    let root = project.path(UNPACKED);
    let missing = absent_web_servers(project);
    if missing.is_empty() {
        return Ok(unpacked(project));
    }
    let names = missing.join(" and ");
    let why = format!("the tests of deploy/ need {names}; install what is missing, from your system's packages");
    if !process::exists("apt-get", "--version") || !process::exists("dpkg-deb", "--version") {
        bail!("{why}");
    }
    println!("Fetching {names} with apt-get, without installing …");
    fs::create_dir_all(&root)?;
    if rustix::process::geteuid().is_root() {
        process::run("apt-get update", Command::new("apt-get").args(["update", "-qq"]))?;
    }
    process::run("apt-get download", Command::new("apt-get").arg("download").args(&missing).current_dir(&root))
        .context(why.clone())?;
    for entry in fs::read_dir(&root)? {
        let package = entry?.path();
        if package.extension().is_some_and(|end| end == "deb") {
            process::run("dpkg-deb", Command::new("dpkg-deb").arg("-x").arg(&package).arg(&root))?;
            fs::remove_file(&package)?;
        }
    }
    if let Some(program) = absent_web_servers(project).first() {
        bail!("{why}: there is no `{program}` in Debian's package");
    }
    Ok(unpacked(project))
}

/// Where packages are unpacked to.
const UNPACKED: &str = ".cache/web-servers";

fn unpacked(project: &Project) -> Vec<PathBuf> {
    ["usr/sbin", "usr/bin"].map(|folder| project.path(UNPACKED).join(folder)).to_vec()
}

fn absent_web_servers(project: &Project) -> Vec<&'static str> {
    let folders = unpacked(project);
    let there = |program: &&'static str| folders.iter().any(|folder| folder.join(program).is_file());
    absent(WEB_SERVERS).into_iter().filter(|program| !there(program)).collect()
}

fn ensure_packages(programs: &[(&str, &'static str)], why: &str) -> Result<()> {
    let missing = absent(programs);
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!("apt-get install -y {}", missing.join(" "));
    if !rustix::process::geteuid().is_root() || !process::exists("apt-get", "--version") {
        bail!("{why}; install them with `{install}` or your system's packages");
    }
    println!("Installing {} with apt-get …", missing.join(", "));
    let apt = |arguments: &[&str]| {
        process::run("apt-get", Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "-qq"])
        .and_then(|()| apt(&[&["install", "-y", "-qq", "--no-install-recommends"], missing.as_slice()].concat()))
        .with_context(|| format!("{why}; run `{install}` by hand"))
}

/// The packages of the programs that are not on the path.
fn absent(programs: &[(&str, &'static str)]) -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    programs.iter().filter(|(program, _)| !there(program)).map(|(_, package)| *package).collect()
}

/// What `ensure_*` would install now, for the announcement before a test run.
pub fn missing(project: &Project) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !project.path(INSTALLED).exists() {
        missing.push("npm packages (npm ci)");
    }
    missing.extend(absent(CHROMIUM));
    missing.extend(absent(OTHER_ENGINES));
    missing.extend(absent_web_servers(project));
    if !has_debian_postgres() {
        missing.extend(absent(POSTGRES));
    }
    missing.extend(absent(TRACERS));
    missing
}

fn ensure_node(project: &Project) -> Result<()> {
    let version = process::output("node --version", project.command("node").arg("--version"))
        .with_context(|| format!("install Node.js {NODE_MAJOR} or newer"))?;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MAJOR) {
        bail!("Node.js {NODE_MAJOR} or newer is needed, found {}; install a newer one", version.trim());
    }
    Ok(())
}
