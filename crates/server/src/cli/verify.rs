//! `askfirst verify`: whether an evidence pack, an export or a receipt holds, from the file and the log's key alone. It
//! opens no database, and no connection but to the URL that it is given.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Error, ErrorKind, Read, StdoutLock, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use askfirst_core::json::{self, Value};
use askfirst_core::log::LogKey;
use askfirst_core::log::evidence::{self, Lines, Outcome, Report, verify};
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
    let mut told = Told::new(options.json);
    let looked = files.iter().try_for_each(|file| look(file, options, &keys, &mut told));
    match looked.and_then(|()| told.sum_up()) {
        Ok(()) => told.verdict(),
        Err(message) => fail(&message),
    }
}

/// What has been said so far. Of each report only the verdict is kept: there may be millions.
struct Told {
    json: bool,
    out: BufWriter<StdoutLock<'static>>,
    worst: Option<Outcome>,
    /// How many there were, and how many of them hold and do not.
    looked_at: u64,
    hold: u64,
    fail: u64,
    /// The first thing that does not hold.
    problem: Option<String>,
}

impl Told {
    fn new(json: bool) -> Self {
        Self {
            json,
            out: BufWriter::new(std::io::stdout().lock()),
            worst: None,
            looked_at: 0,
            hold: 0,
            fail: 0,
            problem: None,
        }
    }

    fn say(&mut self, report: &Report) -> Result<(), String> {
        let text = if self.json { Value::canonical(&report.to_value()) + "\n" } else { report.text() };
        let between = if self.json || self.worst.is_none() { "" } else { "\n" };
        let outcome = report.outcome();
        self.worst = self.worst.max(Some(outcome));
        self.looked_at += 1;
        self.hold += u64::from(outcome == Outcome::Holds);
        self.fail += u64::from(outcome == Outcome::Fails);
        if let (None, Some(problem)) = (&self.problem, report.problem()) {
            self.problem = Some(format!("{}: {problem}", report.title));
        }
        write!(self.out, "{between}{text}").map_err(|error| error.to_string())
    }

    /// Of many reports a person reads the end. What a file of packs can't show is whether it has all of them.
    fn sum_up(&mut self) -> Result<(), String> {
        if !self.json && self.looked_at > 1 {
            let (all, hold, fail) = (self.looked_at, self.hold, self.fail);
            let open = all - hold - fail;
            write!(
                self.out,
                "\n{all} looked at: {hold} hold, {open} not proven, {fail} do NOT hold. Whether others were left out, or one is there \
                 twice, is not looked at.\n"
            )
            .map_err(|error| error.to_string())?;
        }
        self.out.flush().map_err(|error| error.to_string())
    }

    fn verdict(&self) -> ExitCode {
        if let Some(problem) = &self.problem {
            eprintln!("askfirst: {problem}");
        }
        match self.worst {
            Some(Outcome::Holds) => ExitCode::SUCCESS,
            Some(Outcome::Fails) => ExitCode::from(1),
            Some(Outcome::Unproven) | None => ExitCode::from(UNPROVEN),
        }
    }
}

/// The largest answer of a server that is looked at, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;

/// The longest line, and the largest file that is not one of lines, in bytes: it is read as a whole. A pack has a few hundred
/// kilobytes at the most.
const LONGEST: u64 = 256 * 1024 * 1024;

/// Looks at a file. One of lines, which may be larger than the memory (`export --all`), is gone through line by line.
fn look(file: &PathBuf, options: &Options, keys: &[LogKey], told: &mut Told) -> Result<(), String> {
    if let Some(url) = file.to_str().filter(|text| text.starts_with("https://") || text.starts_with("http://")) {
        return verify(&get(url, options)?, keys).iter().try_for_each(|report| told.say(report));
    }
    let say = |error: Error| match error.kind() {
        ErrorKind::InvalidData => format!("{}: this is not text", file.display()),
        _ => format!("{}: {error}", file.display()),
    };
    let mut input: Box<dyn BufRead> = match file.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(BufReader::new(File::open(file).map_err(say)?)),
    };
    let mut text = next_line(&mut input).map_err(say)?.unwrap_or_default();
    // As `verify` knows a file of lines: the first is whole, and there is another.
    if json::parse(&text).is_ok()
        && let Some(second) = next_line(&mut input).map_err(say)?
    {
        let mut checked = Lines::new(keys);
        told.say(&checked.verify(&text))?;
        told.say(&checked.verify(&second))?;
        drop((text, second));
        while let Some(line) = next_line(&mut input).map_err(say)? {
            told.say(&checked.verify(&line))?;
        }
        return Ok(());
    }
    let room = LONGEST.saturating_sub(text.len() as u64);
    if input.take(room + 1).read_to_string(&mut text).map_err(say)? as u64 > room {
        return Err(say(too_long()));
    }
    verify(&text, keys).iter().try_for_each(|report| told.say(report))
}

fn too_long() -> Error {
    Error::new(
        ErrorKind::FileTooLarge,
        "this is too long for evidence; give packs one a line, as `export --all` prints them",
    )
}

/// The next line in which there is something.
fn next_line(input: &mut dyn BufRead) -> Result<Option<String>, Error> {
    let mut line = String::new();
    while (&mut *input).take(LONGEST + 1).read_line(&mut line)? > 0 {
        if line.len() as u64 > LONGEST {
            return Err(too_long());
        }
        if !line.trim().is_empty() {
            return Ok(Some(line));
        }
        line.clear();
    }
    Ok(None)
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
