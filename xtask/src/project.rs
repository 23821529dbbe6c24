//! Where things are: the checkout, cargo's target folder, the version.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// The target of the browser bundle.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

pub struct Project {
    root: PathBuf,
    /// Cargo's target folder; `CARGO_TARGET_DIR` and cargo's own configuration are respected.
    pub target: PathBuf,
    /// The one version of the workspace.
    pub version: String,
}

impl Project {
    pub fn open() -> Result<Self> {
        // Cargo sets it at run time too: checkouts that share a target folder stay apart.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("xtask must lie in the workspace's folder")?;
        let mut command = Command::new(cargo());
        command.current_dir(root).args(["metadata", "--no-deps", "--format-version", "1"]);
        let text = process::output("cargo metadata", &mut command)?;
        let metadata: Metadata = serde_json::from_str(&text).context("cargo metadata printed no usable JSON")?;
        let version = metadata
            .packages
            .into_iter()
            .find(|package| package.name == "askfirst")
            .context("the workspace has no package `askfirst`")?
            .version;
        Ok(Self { root: root.to_owned(), target: metadata.target_directory, version })
    }

    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// What site owners get.
    pub fn dist(&self) -> PathBuf {
        self.path("dist")
    }

    /// Intermediate files of the build: never shipped, safe to delete.
    pub fn cache(&self) -> PathBuf {
        self.path(".cache/build")
    }

    /// A command that runs in the checkout.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    pub fn cargo(&self) -> Command {
        self.command(cargo())
    }

    /// Builds the server as it is released and answers where its program is.
    pub fn build_server(&self) -> Result<PathBuf> {
        let mut command = self.cargo();
        command.args(["build", "--package", "askfirst-server", "--bin", "askfirst", "--profile", "release"]);
        process::run("the build of the server", &mut command)?;
        Ok(self.compiled("release/askfirst"))
    }

    /// Builds what tests need of the workspace with the features that packages have for `cargo test`. By itself each would get
    /// others, and forty of those it needs would be compiled once more.
    pub fn build_for_tests(&self, profile: &str, targets: &[&str], what: &str) -> Result<()> {
        let mut command = self.cargo();
        // With an example: only then cargo counts the features that tests need.
        command.args(["build", "--workspace", "--profile", profile, "--example", "wire"]).args(targets);
        process::run(what, &mut command)
    }

    /// Where cargo puts a program.
    pub fn compiled(&self, program: &str) -> PathBuf {
        self.target.join(format!("{program}{}", std::env::consts::EXE_SUFFIX))
    }
}

#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

/// The cargo that runs us, so that `cargo +toolchain xtask` stays with its toolchain.
fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
