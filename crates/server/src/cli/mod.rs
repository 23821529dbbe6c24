//! The command line.

mod backup;
mod check;
mod database;
mod declaration;
mod dsar;
mod erasure;
mod export;
mod export_all;
mod invalidate;
mod keys;
mod leaks;
mod log;
mod operations;
mod picture;
mod policy;
mod purge;
mod serve;
mod settings;
mod token;
mod verify;
mod webhooks;
mod witnesses;

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
    /// Write what a configuration declares, as a page shows it: for sites without script.
    Declaration(declaration::Options),
    /// Show what is stored about a record and whether it still is what it was: exit code 1 when something does not hold.
    Export(export::Options),
    /// Requests of data subjects: what came in, by when it must be answered, and the records it is about.
    Dsar(dsar::Options),
    /// Check an evidence pack or an export from the file and the log's key alone. Exit code 0: everything holds; 1:
    /// something does not; 2: it can't be read; 3: nothing false, but not proven (no key, or no proof of the log).
    Verify(verify::Options),
    /// Show what pages in audit mode saw happen without consent, summed per day.
    Leaks(leaks::Options),
    /// Erase the records whose time has come.
    Purge(purge::Purge),
    /// Keep a record for a legal claim, beyond its time and against an erasure.
    Hold(purge::Hold),
    /// Declare a notice faulty: what was agreed to under it does not count, exports and packs say so, and so does the log.
    Invalidate(invalidate::Invalidate),
    /// Make a key that signs the checkpoints of the logs.
    Keygen(log::Keygen),
    /// Copy the database while the server runs: FILE, and FILE.keys with what opens the records.
    Backup(backup::Backup),
    /// Look through a backup and put it in the place of the database.
    Restore(backup::Restore),
    /// Make, change and list the keys that records are sealed with.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Rebuild every log from its entries and compare it with what was signed: exit code 1 when something does not hold.
    Audit(log::Audit),
    /// Tokens for the admin listener.
    Token(token::Token),
    /// Show who has read or changed which record, when and why, in the last 90 days.
    Access(token::AccessLog),
    /// Begin another log after a restore from an older backup, and say in it where the old one ended.
    Recover(log::Recover),
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    let arguments = match settings::arguments(std::env::args_os(), settings::environment) {
        Ok(arguments) => arguments,
        Err(message) => return fail(&message),
    };
    match Arguments::parse_from(arguments).command {
        Command::Serve(options) => serve::run(*options),
        Command::Check(options) => check::run(&options),
        Command::Declaration(options) => declaration::run(&options),
        Command::Dsar(options) => dsar::run(&options),
        Command::Export(options) => export::run(&options),
        Command::Leaks(options) => leaks::run(&options),
        Command::Purge(options) => purge::purge(options),
        Command::Hold(options) => purge::hold(options),
        Command::Invalidate(options) => invalidate::run(&options),
        Command::Keygen(options) => log::keygen(&options),
        Command::Backup(options) => backup::backup(&options),
        Command::Restore(options) => backup::restore(&options),
        Command::Keys(keys) => keys::run(&keys),
        Command::Audit(options) => log::audit(&options),
        Command::Token(options) => token::token(&options),
        Command::Access(options) => token::access_log(&options),
        Command::Recover(options) => log::recover(&options),
        Command::Verify(options) => verify::run(&options),
    }
}

/// So many of something, as a person would say it.
fn counted(n: impl Into<u64>, one: &str, many: &str) -> String {
    match n.into() {
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}

/// Says why the command could not be carried out. Exit code 2, as for a wrong argument.
fn fail(message: &str) -> ExitCode {
    eprintln!("askfirst: {message}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Issue 4: each setting is documented, those of the commands too.
    #[test]
    fn every_command_and_each_of_its_options_stands_in_a_manual() {
        const MANUALS: [&str; 6] = [
            include_str!("../../../../docs/blocking.md"),
            include_str!("../../../../docs/interface.md"),
            include_str!("../../../../docs/operations.md"),
            include_str!("../../../../docs/proof.md"),
            include_str!("../../../../docs/services.md"),
            include_str!("../../../../README.md"),
        ];
        fn walk(command: &clap::Command, path: &str, missing: &mut Vec<String>, seen: &mut usize) {
            let said = |text: &str| MANUALS.iter().any(|manual| manual.contains(text));
            for option in command.get_arguments().filter(|option| !option.is_hide_set()) {
                let Some(long) = option.get_long().filter(|long| *long != "help") else { continue };
                *seen += 1;
                if !said(&format!("--{long}")) {
                    missing.push(format!("{path} --{long}"));
                }
                if option.get_help().is_none() {
                    missing.push(format!("{path} --{long} says nothing of itself"));
                }
            }
            for inner in command.get_subcommands() {
                let path = format!("{path} {}", inner.get_name());
                // The commands of one thing stand beside each other in a list, the first with its whole name.
                if !said(&path)
                    && !said(&format!("`{}`", inner.get_name()))
                    && !said(&format!(" {} ", inner.get_name()))
                {
                    missing.push(path.clone());
                }
                walk(inner, &path, missing, seen);
            }
        }
        let (mut missing, mut seen) = (Vec::new(), 0);
        walk(&Arguments::command(), "askfirst", &mut missing, &mut seen);
        assert!(seen > 80, "{seen}");
        assert_eq!(missing, [""; 0]);
    }
}
