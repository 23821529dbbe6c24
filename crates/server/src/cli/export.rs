//! `askfirst export`: what the owner can show about one record (R1).

use std::process::ExitCode;

use askfirst_core::digest::is_uuid;
use askfirst_core::log::evidence::{Grade, clock, said, shown};
use askfirst_core::time;
use clap::Args;

use super::fail;
use crate::evidence::Evidence;

#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    database: super::database::Argument,
    /// The record's id.
    #[arg(long, value_name = "ID")]
    record: String,
    #[command(flatten)]
    operations: super::operations::File,
    /// Why it is looked at, for the access log (S7).
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
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
    if let Err(message) = note(options) {
        return fail(&message);
    }
    if options.evidence {
        return packs(options);
    }
    let found = match options.database.ask(async |database| database.read(&options.record).await) {
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

fn note(options: &Options) -> Result<(), String> {
    options.database.database.require()?;
    let action = if options.evidence { "pack" } else { "read" };
    let operations = options.operations.open(&options.database.database)?;
    super::token::note(&operations, action, &options.record, options.reason.as_deref())
}

fn packs(options: &Options) -> ExitCode {
    match options.database.ask(async |database| database.packs(&options.record).await) {
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
    if let Ok(record) = &verdict.record {
        let envelope = receipt.clock.envelope(receipt.received_at);
        if let Some(clock) = clock(record, &envelope) {
            out.push_str(&format!("It was received then, but {clock}.\n"));
        }
        let said = said(record, verdict.notice.as_ref().ok());
        let grade = Grade::of(record, &envelope, verdict.notice.is_ok()).lines();
        out.extend(said.iter().chain(&grade).map(|line| format!("{line}\n")));
    }
    if let (Ok(record), Ok(notice)) = (&verdict.record, &verdict.notice) {
        out.push_str(&format!("\nWhat was shown, in “{}”, version {}:\n", record.notice.lang, record.notice.version));
        for part in shown(notice) {
            out.push_str(&format!("  {}:\n", part.name));
            out.extend(part.lines.iter().map(|line| format!("    {line}\n")));
        }
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
