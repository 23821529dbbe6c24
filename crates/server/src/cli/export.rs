//! `askfirst export`: what the owner can show about one record (R1), or about all of them.

use std::path::PathBuf;
use std::process::ExitCode;

use askfirst_core::digest::is_uuid;
use askfirst_core::exports::Format;
use askfirst_core::json::Value;
use askfirst_core::log::evidence::{Grade, WHOLE, clock, said, shown};
use askfirst_core::time;
use clap::Args;

use super::{export_all, fail, picture};
use crate::evidence::Evidence;

#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    pub(super) database: super::database::Argument,
    /// The record's id.
    #[arg(long, value_name = "ID", required_unless_present_any = ["evidence", "all"])]
    record: Option<String>,
    /// The evidence packs of all records, one a line, for `askfirst verify`. Each of them is noted in the access log.
    #[arg(long, conflicts_with_all = ["record", "evidence", "text"])]
    all: bool,
    #[command(flatten)]
    pub(super) operations: super::operations::File,
    /// Why it is looked at, for the access log (S7).
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// It is looked at for a legal claim: a restricted record is shown too (GDPR Art. 18(2)), and the access log says so.
    #[arg(long)]
    pub(super) for_claim: bool,
    /// Plain sentences instead of JSON.
    #[arg(long)]
    text: bool,
    /// The form of the record: what is stored, ISO/IEC TS 27560 as JSON-LD with DPV terms, or a Kantara receipt.
    #[arg(long, default_value = "json", value_name = "FORMAT", value_parser = ["json", "dpv", "kantara", "evidence"],
        conflicts_with_all = ["text", "evidence", "all"])]
    format: String,
    /// An evidence pack, which `askfirst verify` checks with nothing but the log's key.
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "", conflicts_with = "text")]
    evidence: Option<String>,
    /// Write the pack into a page for a lawyer: one file, with the notice drawn again, that `askfirst verify` checks too.
    #[arg(long, value_name = "FILE", requires = "evidence")]
    html: Option<PathBuf>,
    /// Write pictures of the notice into this folder, on a desk and on a phone, by an installed Chromium.
    #[arg(long, value_name = "DIR", requires = "evidence")]
    png: Option<PathBuf>,
}

impl Options {
    /// The record's id, given in one of two places.
    fn id(&self) -> &str {
        let own = self.evidence.as_deref().filter(|id| !id.is_empty());
        own.or(self.record.as_deref()).unwrap_or_default()
    }
}

pub fn run(options: &Options) -> ExitCode {
    if options.all {
        return export_all::run(options);
    }
    if !is_uuid(options.id()) {
        return fail("a record id is a version 4 UUID in small letters");
    }
    let format = Format::named(&options.format).unwrap_or_default();
    let packs_wanted = options.evidence.is_some() || format == Format::Evidence;
    let action = match options.for_claim {
        true => "claim",
        false if packs_wanted => "pack",
        false => "read",
    };
    if let Err(message) = note(options, action) {
        return fail(&message);
    }
    let found = match options.database.ask(async |database| database.read(options.id()).await) {
        Ok(found) => found,
        Err(message) => return fail(&message),
    };
    if found.is_empty() {
        eprintln!("askfirst: no record has this id");
        return ExitCode::from(1);
    }
    let shown = found.iter().try_for_each(Evidence::require_unrestricted);
    if let (Err(why), false) = (shown, options.for_claim) {
        return fail(&[&why, " Say --for-claim if it is for one."].concat());
    }
    if packs_wanted {
        return packs(options);
    }
    let mut code = 0;
    for evidence in &found {
        if options.text {
            print!("{}", sentences(evidence));
        } else {
            match evidence.translated(format, crate::clock::now()) {
                Ok(value) => println!("{}", value.unwrap_or(Value::Null).canonical()),
                // What does not hold is said below.
                Err(_) if evidence.check().problem().is_some() => {}
                Err(why) => return fail(&why),
            }
        }
        if let Some(problem) = evidence.check().problem() {
            eprintln!("askfirst: {problem}");
            code = 1;
        }
    }
    ExitCode::from(code)
}

fn note(options: &Options, action: &str) -> Result<(), String> {
    options.database.database.require()?;
    let operations = options.operations.open(&options.database.database)?;
    super::token::note(&operations, action, options.id(), options.reason.as_deref())
}

fn packs(options: &Options) -> ExitCode {
    let packs = match options.database.ask(async |database| database.packs(options.id()).await) {
        Ok(packs) => packs,
        Err(message) => return fail(&message),
    };
    let Some(first) = packs.first() else {
        eprintln!("askfirst: no record in the log has this id");
        return ExitCode::from(1);
    };
    if options.html.is_none() && options.png.is_none() {
        packs.iter().for_each(|pack| println!("{}", pack.to_value().canonical()));
        return ExitCode::SUCCESS;
    }
    if packs.len() > 1 {
        return fail("records of several sites have this id; export the packs without --html and --png");
    }
    let written = options.html.as_ref().map_or(Ok(()), |file| picture::page(first, file));
    match written.and_then(|()| options.png.as_ref().map_or(Ok(()), |folder| picture::pictures(first, folder))) {
        Ok(()) => ExitCode::SUCCESS,
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
        let envelope = receipt.envelope();
        if let Some(clock) = clock(record, &envelope) {
            out.push_str(&format!("It was received then, but {clock}.\n"));
        }
        let said = said(record, verdict.notice.as_ref().ok());
        let life = evidence.life(record, crate::clock::now()).map(|life| life.sentence());
        let grade = Grade::of(record, &envelope, verdict.notice.is_ok()).lines();
        out.extend(said.iter().chain(&life).chain(&grade).map(|line| format!("{line}\n")));
    }
    if let (Ok(record), Ok(notice)) = (&verdict.record, &verdict.notice) {
        out.push_str(&format!(
            "\nThe words of the notice, in “{}”, version {}. {WHOLE}\n",
            record.notice.lang, record.notice.version
        ));
        for part in shown(notice) {
            out.push_str(&format!("  {}:\n", part.name));
            out.extend(part.lines.iter().map(|line| format!("    {line}\n")));
        }
    }
    out.push_str(match verdict.problem() {
        // Nothing is false about a hole that the receipt and the log say is one.
        Some(_) if evidence.erased_at.is_some() => "\n",
        Some(_) => "\nThis does NOT hold: ",
        None => "\nThe record and the notice are byte for byte what was received and registered.\n",
    });
    if let Some(problem) = verdict.problem() {
        out.push_str(problem);
        out.push('\n');
    }
    out
}
