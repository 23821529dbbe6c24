//! `askfirst verify`: whether an evidence pack, an export or a receipt holds, from the file and the log's key alone. It
//! opens no database, and no connection but to the URL that it is given.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use askfirst_core::json::Value;
use askfirst_core::log::LogKey;
use askfirst_core::log::evidence::{self, Outcome, Report, verify};
use clap::Args;

use super::fail;
use crate::webhook::client::fetch;

/// Nothing false was found, but it is not proven either.
const UNPROVEN: u8 = 3;

#[derive(Args)]
pub struct Options {
    /// Evidence packs or exports: one JSON value, a list, one a line, or a page made by `export --html`; or the URL of one
    /// (https, or http on this machine). `-` or nothing reads standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A file with the holder's secret, for the URL of a record (`…/v1/records/ID?format=evidence`).
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The log's public key as its operator publishes it (`<name>+<id>+<base64>`), or a file with one key a line. A
    /// witness's key is given in the same way. Without any the key in the file is used, and nothing counts as proven.
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// Print JSON: one report a line.
    #[arg(long)]
    json: bool,
}

pub fn run(options: &Options) -> ExitCode {
    let mut keys = Vec::new();
    for key in &options.key {
        match read_keys(key) {
            Ok(read) => keys.extend(read),
            Err(message) => return fail(&message),
        }
    }
    let files = if options.files.is_empty() { vec![PathBuf::from("-")] } else { options.files.clone() };
    let mut reports = Vec::new();
    for file in &files {
        match read(file, options) {
            Ok(text) => reports.extend(verify(&text, &keys)),
            Err(message) => return fail(&message),
        }
    }
    let printed: Vec<String> = reports.iter().map(|report| print(report, options.json)).collect();
    print!("{}", printed.join(if options.json { "" } else { "\n" }));
    let failed = reports.iter().find_map(|report| Some((&report.title, report.problem()?)));
    if let Some((title, problem)) = failed {
        eprintln!("askfirst: {title}: {problem}");
    }
    match Report::worst(&reports) {
        Outcome::Holds => ExitCode::SUCCESS,
        Outcome::Fails => ExitCode::from(1),
        Outcome::Unproven => ExitCode::from(UNPROVEN),
    }
}

fn print(report: &Report, json: bool) -> String {
    if json { Value::canonical(&report.to_value()) + "\n" } else { report.text() }
}

/// The largest answer of a server that is looked at, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;

fn read(file: &PathBuf, options: &Options) -> Result<String, String> {
    if let Some(url) = file.to_str().filter(|text| text.starts_with("https://") || text.starts_with("http://")) {
        return get(url, options);
    }
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(file).map(|read| bytes = read)
    };
    read.map_err(|error| format!("{}: {error}", file.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("{}: this is not text", file.display()))
}

fn get(url: &str, options: &Options) -> Result<String, String> {
    let read = |file: &PathBuf| std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()));
    let secret = options.secret_file.as_ref().map(read).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the program can't start: {error}"))?;
    runtime.block_on(fetch(url, secret.as_deref().map(str::trim), LARGEST))
}

fn read_keys(key: &str) -> Result<Vec<LogKey>, String> {
    if let Some(key) = LogKey::parse(key) {
        return Ok(vec![key]);
    }
    let text = std::fs::read_to_string(key)
        .map_err(|error| format!("{key}: this is neither a key nor a file that can be read: {error}"))?;
    match evidence::read_keys(&text) {
        Ok(keys) if keys.is_empty() => Err(format!("{key}: there is no key in this file")),
        Ok(keys) => Ok(keys),
        Err(problem) => Err(format!("{key}: {problem}")),
    }
}
