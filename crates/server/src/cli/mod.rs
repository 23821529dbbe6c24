//! The command line.

mod check;
mod export;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "askfirst", version, about = "Keeps consent records and serves the consent manager")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Keep records for sites, and serve the browser files.
    Serve(Box<serve::Options>),
    /// Check configurations: exit code 0 when they can be used, 1 when one has an error.
    Check(check::Options),
    /// Show what is stored about a record and whether it still is what it was: exit code 1 when something does not hold.
    Export(export::Options),
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(options) => serve::run(*options),
        Command::Check(options) => check::run(&options),
        Command::Export(options) => export::run(&options),
    }
}

/// Says why the command could not be carried out. Exit code 2, as for a wrong argument.
fn fail(message: &str) -> ExitCode {
    eprintln!("askfirst: {message}");
    ExitCode::from(2)
}
