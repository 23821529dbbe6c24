//! `askfirst check`: every problem of a configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use askfirst_core::json::{self, Value, map};
use askfirst_core::settings::{Problem, Severity};
use clap::Args;

use super::fail;
use super::policy::Reaches;
use crate::bundled::Bundled;
use crate::config::Config;

#[derive(Args)]
pub struct Options {
    /// Configurations.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Words and services of this build instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    dist: Option<PathBuf>,
    /// Print the Content Security Policy for before consent, and the one with every declared service.
    #[arg(long)]
    csp: bool,
    /// Print the tag of askfirst-block.js that holds what page scripts send to the hosts of the declared services.
    #[arg(long)]
    block: bool,
    /// Print JSON: one object per file.
    #[arg(long)]
    json: bool,
    /// The database of `askfirst serve`: prints the line with the public key of the site's log, which lets a page check its
    /// receipts, and says when the configuration has another. `--log-key-file` does so without a database.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    #[command(flatten)]
    key: super::log::Key,
}

pub fn run(options: &Options) -> ExitCode {
    let bundled = match Bundled::read(options.dist.as_deref()) {
        Ok(bundled) => bundled,
        Err(message) => return fail(&message),
    };
    let mut configs = Vec::new();
    for file in &options.files {
        match Config::read(file, &bundled) {
            Ok(config) => configs.push(config),
            Err(message) => return fail(&message),
        }
    }
    if options.json {
        let values = configs.iter().map(|config| to_value(config, &bundled)).collect();
        println!("{}", Value::List(values).canonical());
    } else {
        for config in &configs {
            print!("{}", report(config));
            print!("{}", policies(config, &bundled, options));
        }
    }
    let mut wrong = configs.iter().any(Config::has_errors);
    for config in &configs {
        match key_line(config, options) {
            Ok((line, good)) => {
                eprint!("{line}");
                wrong |= !good;
            }
            Err(message) => return fail(&message),
        }
    }
    ExitCode::from(u8::from(wrong))
}

/// What is to be said about the key of the log, and whether the configuration can stay as it is (R8).
fn key_line(config: &Config, options: &Options) -> Result<(String, bool), String> {
    let Some(settings) = &config.settings else { return Ok((String::new(), true)) };
    let path = config.path.display();
    let Some((site, _)) = settings.site.as_ref().zip(settings.records.as_ref()) else {
        let unknown = "has no `site` or no `records`: which log's key belongs in it is not known";
        let line = options.database.as_ref().map_or(String::new(), |_| format!("{path}: {unknown}\n"));
        return Ok((line, true));
    };
    let keys = options.key.public(options.database.as_deref(), site)?;
    if keys.is_empty() {
        return Ok((String::new(), true));
    }
    let key = keys.join(" ");
    let value = json::parse(&config.text).unwrap_or(Value::Null);
    Ok(match value.get("records").get("key").text() {
        None => {
            let line = format!(
                "{path}: with this in \"records\" the page checks each receipt before it says askfirst:recorded:\n  \"key\": \"{key}\"\n"
            );
            (line, true)
        }
        Some(own) if keys.iter().all(|key| own.split_whitespace().any(|own| own == key)) => (String::new(), true),
        Some(own) if own.split_whitespace().any(|own| keys.iter().any(|key| key == own)) => {
            let line = format!(
                "{path}: the key of this site's log is being replaced. Before the old one is taken out, records.key must have both:\n  \"key\": \"{key}\"\n"
            );
            (line, true)
        }
        Some(_) => {
            let line = format!(
                "{path}: error: records.key is not the key of this site's log, so no page would believe a receipt. It is:\n  \"key\": \"{key}\"\n"
            );
            (line, false)
        }
    })
}

/// The problems of a file, one line each, and what to put in the page when it can be used.
pub fn report(config: &Config) -> String {
    let mut out = String::new();
    let path = config.path.display();
    for problem in &config.problems {
        out.push_str(&format!("{path}: {}\n", problem.line()));
    }
    if config.has_errors() {
        out.push_str(&format!("{path}: can't be used; nothing would be shown and every tag would stay shut\n"));
    } else if let Some(version) = config.version() {
        out.push_str(&format!("{path}: can be used. Put this first in <head>:\n"));
        out.push_str(&format!(
            "  <script src=\"/askfirst/askfirst.js\" data-config=\"/askfirst.json\" data-version=\"{version}\"></script>\n"
        ));
    }
    out
}

/// What a file's services need or are kept from, as asked for.
fn policies(config: &Config, bundled: &Bundled, options: &Options) -> String {
    let Some(reaches) = reaches(config, bundled) else { return String::new() };
    let mut out = String::new();
    if options.csp {
        out.push_str(&reaches.csp());
    }
    if options.block {
        let list = reaches.block();
        out.push_str(&match list.as_str() {
            "" => "# No service that needs consent has \"hosts\": there is nothing to block.\n".to_owned(),
            list => format!("<script src=\"/askfirst/askfirst-block.js\" data-block=\"{list}\"></script>\n"),
        });
    }
    out
}

fn reaches(config: &Config, bundled: &Bundled) -> Option<Reaches> {
    let value = json::parse(&config.text).ok()?;
    Some(Reaches::new(config.settings.as_ref()?, &value, &bundled.services))
}

fn to_value(config: &Config, bundled: &Bundled) -> Value {
    let reaches = reaches(config, bundled);
    let csp = reaches.as_ref().map(|reaches| {
        let [before, full] = reaches.policies();
        map([("before", before.as_str().into()), ("full", full.as_str().into())])
    });
    let notices = config.notices(bundled);
    let notices = notices
        .iter()
        .map(|notice| map([("lang", notice.about.lang.as_str().into()), ("digest", notice.digest.as_str().into())]));
    map([
        ("file", config.path.display().to_string().as_str().into()),
        ("ok", (!config.has_errors()).into()),
        ("version", config.version().as_deref().into()),
        ("notices", Value::List(notices.collect())),
        ("block", reaches.as_ref().map(Reaches::block).as_deref().into()),
        ("csp", csp.unwrap_or(Value::Null)),
        ("problems", Value::List(config.problems.iter().map(problem_value).collect())),
    ])
}

fn problem_value(problem: &Problem) -> Value {
    map([
        ("path", problem.path.as_str().into()),
        ("code", problem.code.into()),
        ("severity", if problem.severity == Severity::Error { "error" } else { "warning" }.into()),
        ("message", problem.message.as_str().into()),
        ("suggestion", problem.suggestion.as_deref().into()),
    ])
}
