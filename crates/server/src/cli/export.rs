//! `askfirst export`: what the owner can show about one record (R1).

use std::path::PathBuf;
use std::process::ExitCode;

use askfirst_core::digest::is_uuid;
use askfirst_core::json::Value;
use askfirst_core::record::Record;
use askfirst_core::time;
use clap::Args;

use super::fail;
use crate::evidence::Evidence;
use crate::store;

#[derive(Args)]
pub struct Options {
    /// The database of `askfirst serve`; it may be running.
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// The record's id.
    #[arg(long, value_name = "ID")]
    record: String,
    /// Plain sentences instead of JSON.
    #[arg(long)]
    text: bool,
    /// An evidence pack, which `askfirst verify` checks with nothing but the log's key.
    #[arg(long, conflicts_with = "text")]
    evidence: bool,
}

pub fn run(options: &Options) -> ExitCode {
    if !is_uuid(&options.record) {
        return fail("a record id is a version 4 UUID in small letters");
    }
    if !options.database.is_file() {
        return fail(&format!("{}: there is no such file", options.database.display()));
    }
    if options.evidence {
        return packs(options);
    }
    let found = match store::read(&options.database, &options.record) {
        Ok(found) => found,
        Err(message) => return fail(&message),
    };
    if found.is_empty() {
        eprintln!("askfirst: no record has this id");
        return ExitCode::from(1);
    }
    let mut code = 0;
    for evidence in &found {
        if options.text {
            print!("{}", sentences(evidence));
        } else {
            println!("{}", evidence.to_value().canonical());
        }
        if let Some(problem) = evidence.check().problem() {
            eprintln!("askfirst: {problem}");
            code = 1;
        }
    }
    ExitCode::from(code)
}

fn packs(options: &Options) -> ExitCode {
    match store::packs(&options.database, &options.record) {
        Ok(packs) if packs.is_empty() => {
            eprintln!("askfirst: no record in the log has this id");
            ExitCode::from(1)
        }
        Ok(packs) => {
            packs.iter().for_each(|pack| println!("{}", pack.to_value().canonical()));
            ExitCode::SUCCESS
        }
        Err(message) => fail(&message),
    }
}

/// What the visitor was shown and answered, for a person who knows nothing of the format.
pub fn sentences(evidence: &Evidence) -> String {
    let verdict = evidence.check();
    let receipt = &evidence.receipt;
    let mut out = format!(
        "Record {}\nNumber {} in this store, received from {} on {} by the server's clock.\n",
        receipt.record_id,
        receipt.seq,
        evidence.site,
        time::instant(receipt.received_at),
    );
    match receipt.clock.name() {
        "ahead" => out.push_str("The browser's clock was ahead by more than five minutes.\n"),
        "behind" => {
            out.push_str("The browser's clock was behind by more than five minutes, or the record waited there.\n")
        }
        _ => {}
    }
    if let Ok(record) = &verdict.record {
        out.push_str(&answer(record, verdict.notice.as_ref().ok()));
    }
    if let (Ok(record), Ok(notice)) = (&verdict.record, &verdict.notice) {
        out.push_str(&format!("\nWhat was shown, in “{}”, version {}:\n", record.notice.lang, record.notice.version));
        out.push_str(&shown(notice));
    }
    out.push_str(match verdict.problem() {
        Some(_) => "\nThis does NOT hold: ",
        None => "\nThe record and the notice are byte for byte what was received and registered.\n",
    });
    if let Some(problem) = verdict.problem() {
        out.push_str(problem);
        out.push('\n');
    }
    out
}

fn answer(record: &Record, notice: Option<&Value>) -> String {
    let event = &record.event;
    let acted = match event.method.name() {
        "accept_all" => "pressed the button that accepts",
        "reject_all" => "pressed the button that rejects",
        "save" => "saved the switches as they stood",
        "withdraw" => "withdrew",
        "api" => "answered through the page's own controls",
        "signal" => "objected through a signal of the browser",
        other => other,
    };
    let place = match event.layer.name() {
        "first" => "in the banner",
        "preferences" => "in the preferences dialog",
        "page" => "on the page itself",
        other => other,
    };
    let mut out = format!(
        "The visitor {acted} {place}: consent {}. By the browser's clock that was {}; valid until {}.\n\nThe answer:\n",
        event.state.name(),
        time::instant(event.at),
        time::instant(event.valid_until),
    );
    for decision in &record.decisions {
        let title = notice.and_then(|notice| title(notice, &decision.purpose)).unwrap_or(&decision.purpose);
        let answer = if decision.granted { "agreed" } else { "refused" };
        out.push_str(&format!("  {answer:<8} {title} ({})\n", decision.purpose));
    }
    if record.signals.gpc {
        out.push_str("The browser sent Global Privacy Control.\n");
    }
    if let Some(prev) = &record.prev {
        out.push_str(&format!("It follows record {prev}.\n"));
    }
    out
}

fn title<'a>(notice: &'a Value, purpose: &str) -> Option<&'a str> {
    let purposes = notice.at("purposes")?.items();
    purposes.iter().find(|known| known.at("id").and_then(Value::text) == Some(purpose))?.at("title")?.text()
}

/// Every word of each part of the interface, in the order shown; buttons in brackets.
fn shown(notice: &Value) -> String {
    let mut out = String::new();
    for (part, tree) in notice.at("shown").map_or(&[][..], Value::entries) {
        let mut lines = Vec::new();
        words(tree, &mut lines);
        out.push_str(&format!("  {part}:\n"));
        for line in lines {
            out.push_str(&format!("    {line}\n"));
        }
    }
    out
}

/// Elements that start a line of their own.
const BLOCKS: &[&str] = &[
    "div", "section", "dialog", "header", "footer", "form", "fieldset", "legend", "details", "summary", "h1", "h2",
    "h3", "h4", "p", "ul", "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td",
];

/// The tree is `[element, attributes, child or text …]` (`askfirst_core::view`). Each innermost block is a line.
fn words(node: &Value, lines: &mut Vec<String>) {
    let children = node.items().get(2..).unwrap_or_default();
    if children.iter().any(has_block) {
        children.iter().for_each(|child| words(child, lines));
        return;
    }
    let mut line = String::new();
    flow(node, &mut line);
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if !line.is_empty() {
        lines.push(line);
    }
}

fn has_block(node: &Value) -> bool {
    let [tag, _, children @ ..] = node.items() else { return false };
    tag.text().is_some_and(|tag| BLOCKS.contains(&tag)) || children.iter().any(has_block)
}

fn flow(node: &Value, line: &mut String) {
    match node {
        Value::Text(text) => line.push_str(text),
        Value::List(parts) => {
            let button = parts.first().and_then(Value::text) == Some("button");
            line.push_str(if button { " [ " } else { "" });
            parts.iter().skip(2).for_each(|part| flow(part, line));
            line.push_str(if button { " ] " } else { "" });
        }
        _ => {}
    }
}
