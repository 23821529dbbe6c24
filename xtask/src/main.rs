//! The build system of Askfirst: `cargo xtask <command>`. The scripts of `package.json` only call it.

mod bindings;
mod build;
mod bundle;
mod compress;
mod demo;
mod generate;
mod plain;
mod process;
mod project;
mod prune;
mod segments;
mod sizes;
mod split;
mod start;
mod test;
mod tools;
mod totals;
mod wasm;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

use crate::project::Project;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, checks and serves Askfirst")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fill `dist/` and check the size budgets.
    Build,
    /// Write `www/generated/wire.ts` from `askfirst_core::wire`.
    Gen {
        /// Compare only, and fail when the file is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Run every check, or only the named stages.
    Test {
        /// Print the names of the stages.
        #[arg(long)]
        list: bool,
        /// Stages to run, in the order of `--list`.
        stages: Vec<String>,
    },
    /// Build everything and serve the demo site.
    Start(start::Options),
    /// Compare with the peers and load the server (`bench/run.mjs`).
    Bench {
        /// Passed on to `bench/run.mjs`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// What `.ci/run` runs: every stage of `test`.
    Ci,
    /// The runner `cargo test` calls for wasm32; not meant to be called by hand.
    #[command(hide = true)]
    WasmTestRunner {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    // Called by cargo once per test file: it needs neither the project nor its tools.
    if let Command::WasmTestRunner { arguments } = command {
        return test::browser::run_test_file(arguments);
    }
    let project = Project::open()?;
    match command {
        Command::Build => build::run(&project),
        Command::Gen { check: false } => generate::write(&project),
        Command::Gen { check: true } => generate::check(&project),
        Command::Test { list: true, .. } => {
            test::list();
            Ok(())
        }
        Command::Test { stages, .. } => test::run(&project, &stages),
        Command::Ci => test::run(&project, &[]),
        Command::Start(options) => start::run(&project, &options),
        Command::Bench { arguments } => bench(&project, &arguments),
        Command::WasmTestRunner { .. } => Ok(()),
    }
}

fn bench(project: &Project, arguments: &[String]) -> Result<()> {
    let script = project.path("bench/run.mjs");
    if !script.exists() {
        bail!("there is no bench/run.mjs to run");
    }
    build::ensure(project)?;
    if arguments.is_empty() || arguments.iter().any(|name| ["server", "compare"].contains(&name.as_str())) {
        tools::ensure_load_tools()?;
    }
    let server = project.build_server()?;
    let mut command = project.command("node");
    command.arg(script).args(arguments).env("ASKFIRST_BIN", server);
    process::run("the benchmark", &mut command)
}
