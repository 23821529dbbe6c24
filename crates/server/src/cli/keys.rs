//! `askfirst keys`: the master key and what it wraps (S6).

use std::path::PathBuf;
use std::process::ExitCode;

use askfirst_core::log::LogKey;
use askfirst_core::time;
use clap::{Args, Subcommand};

use super::fail;
use crate::clock;
use crate::store::log::key::create_private;
use crate::store::log::keys::Step;
use crate::store::sealing::Master;

#[derive(Subcommand)]
pub enum Keys {
    /// Make a master key, and print its id. Keep it apart from the database and its backups: who has both reads everything,
    /// and who loses it reads nothing.
    New(New),
    /// Put another master key in the place of the one in use; no record is written anew. A server that runs goes on, and
    /// needs the new key from its next start on.
    Rotate(Rotate),
    /// Put another key in the place of the one that signs the logs. First without `--finish`: from then on both sign, so
    /// that whoever knows one of them believes. When everybody knows the new one, with `--finish`: the old one is taken out,
    /// and what it signs later counts for nothing. Every server needs both keys before the first step (`--next-log-key-file`);
    /// one on SQLite has to be stopped for each, and makes the new key beside the database itself.
    RotateLog(RotateLog),
    /// Begin another sealing key, for what comes. With PostgreSQL this is the second half of a rotation, when every server has
    /// been started with the new master key.
    Begin(Begin),
    /// List the sealing keys and the master key of each.
    List(List),
}

#[derive(Args)]
pub struct New {
    /// The file to write; one that is there is left alone.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Args)]
pub struct Rotate {
    #[command(flatten)]
    database: super::database::Argument,
    /// Where the new key is: `file:PATH`, `env:NAME` or `command:COMMAND`.
    #[arg(long, value_name = "SOURCE")]
    new_master_key: String,
}

#[derive(Args)]
pub struct RotateLog {
    #[command(flatten)]
    database: super::database::Argument,
    #[command(flatten)]
    key: super::log::Key,
    /// Take the old key out.
    #[arg(long)]
    finish: bool,
}

#[derive(Args)]
pub struct Begin {
    #[command(flatten)]
    database: super::database::Argument,
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    database: super::database::Argument,
}

pub fn run(keys: &Keys) -> ExitCode {
    let done = match keys {
        Keys::New(new) => make(new),
        Keys::Rotate(rotate) => change(rotate),
        Keys::RotateLog(rotate) => rotate_log(rotate),
        Keys::Begin(begin) => add(begin),
        Keys::List(list) => show(list),
    };
    match done {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(message) => fail(&message),
    }
}

fn make(new: &New) -> Result<Vec<String>, String> {
    let master = Master::random()?;
    create_private(&new.file, &master.text())?;
    Ok(vec![master.id().to_owned()])
}

fn change(rotate: &Rotate) -> Result<Vec<String>, String> {
    let new = Master::load(&rotate.new_master_key)?;
    let wrapped = rotate.database.ask(async |database| database.rotate(&new, clock::now()).await)?;
    let then = match rotate.database.database.file() {
        Some(_) => "; what comes is sealed with another one",
        None => "; when every server has been started with it, `askfirst keys begin` completes the rotation",
    };
    Ok(vec![format!(
        "{} under master key {} now{then}.",
        super::counted(wrapped as u64, "sealing key is", "sealing keys are"),
        new.id()
    )])
}

fn rotate_log(rotate: &RotateLog) -> Result<Vec<String>, String> {
    let step = if rotate.finish { Step::Finish } else { Step::Begin };
    let options = rotate.key.options()?;
    let logs = rotate.database.ask(async |database| database.rotate_log(&options, step, clock::now()).await)?;
    let mut lines = Vec::new();
    for (origin, keys) in &logs {
        let active: Vec<String> = keys.iter().filter(|key| key.until.is_none()).map(LogKey::to_text).collect();
        lines.push(match active.len() {
            1 => format!("{origin} is signed by one key now."),
            more => format!("{origin} is signed by {more} keys now."),
        });
        // What pages believe, and what whoever verifies believes.
        lines.push(format!("  in \"records\": \"key\": \"{}\"", active.join(" ")));
        lines.push("  for `askfirst verify`, and as the log itself answers at …/v1/log/key:".to_owned());
        lines.extend(keys.iter().map(|key| format!("    {}", key.to_text())));
    }
    if logs.is_empty() {
        lines.push("There is no log yet whose key could be replaced.".to_owned());
    }
    Ok(lines)
}

fn add(begin: &Begin) -> Result<Vec<String>, String> {
    let key = begin.database.ask(async |database| database.begin_key(clock::now()).await)?;
    let from = match begin.database.database.file() {
        Some(_) => "after the next start",
        None => "from a minute from now on",
    };
    Ok(vec![format!("what comes {from} is sealed with key {key}")])
}

fn show(list: &List) -> Result<Vec<String>, String> {
    let keys = list.database.ask(async |database| database.sealing_keys().await)?;
    let line = |key: &crate::store::sealing::Row| {
        format!("key {} of {}, under master key {}", key.key, time::instant(key.created_at), key.master)
    };
    if keys.is_empty() { Ok(vec!["nothing is sealed".to_owned()]) } else { Ok(keys.iter().map(line).collect()) }
}
