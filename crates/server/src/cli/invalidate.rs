//! `askfirst invalidate`: what was agreed to under a notice that turns out to be faulty does not count (GDPR Art. 4(11), 7).

use std::process::ExitCode;

use askfirst_core::digest::is_digest;
use askfirst_core::time;
use clap::Args;

use super::fail;
use super::purge::with_store;
use crate::clock;
use crate::store::invalid::Affected;
use crate::store::key;

#[derive(Args)]
pub struct Invalidate {
    #[command(flatten)]
    database: super::database::Argument,
    /// The notice's digest, as a record and `askfirst check --json` name it; several times for several.
    #[arg(long, value_name = "DIGEST", required_unless_present = "notice_version")]
    notice: Vec<String>,
    /// Every notice with this version, in all languages: the `version` of the configuration that was at fault.
    #[arg(long, value_name = "VERSION", conflicts_with = "notice")]
    notice_version: Option<String>,
    /// What was wrong, for exports and for the visitors whose records name it: a sentence with nobody's name in it.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only say what it is about; the server may be running.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    key: super::log::Key,
}

pub fn run(options: &Invalidate) -> ExitCode {
    match declare(options) {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(message) => fail(&message),
    }
}

fn declare(options: &Invalidate) -> Result<Vec<String>, String> {
    if let Some(wrong) = options.notice.iter().find(|notice| !is_digest(notice)) {
        return Err(format!(
            "{wrong} is no digest of a notice, such as sha256-…; `askfirst check --json` names those of today"
        ));
    }
    let now = clock::now();
    let notices = match &options.notice_version {
        Some(version) => options.database.ask(async |database| database.notices_of(version).await)?,
        None => options.notice.clone(),
    };
    if notices.is_empty() {
        return Err("no notice has this version".to_owned());
    }
    let (mut lines, mut wanted) = (Vec::new(), Vec::new());
    for notice in &notices {
        let affected = options.database.ask(async |database| database.affected(notice, now).await)?;
        if !affected.known {
            return Err(format!("no notice with the digest {notice} is stored here"));
        }
        if affected.invalidated.is_none() {
            wanted.push(notice.clone());
        }
        lines.extend(report(notice, &affected));
    }
    if options.dry_run {
        lines.push(format!(
            "{} of {} notices would be declared faulty. Nothing was changed.",
            wanted.len(),
            notices.len()
        ));
        return Ok(lines);
    }
    with_store(&options.database, &options.key, async |store| {
        for digest in wanted.iter().filter_map(|notice| key::digest(notice)) {
            store.invalidate(digest, options.reason.clone()).await?;
        }
        Ok(())
    })?;
    lines.push(format!(
        "{} of {} notices were declared faulty; each log that has one says so.",
        wanted.len(),
        notices.len()
    ));
    lines.push(format!("Visitors are asked again when the configuration says so: \"again\": \"{}\"", time::date(now)));
    Ok(lines)
}

fn report(notice: &str, affected: &Affected) -> Vec<String> {
    let mut lines = vec![match &affected.invalidated {
        Some(said) => format!("{notice}: was declared faulty on {}", time::date(said.at)),
        None => format!("{notice}:"),
    }];
    for named in &affected.sites {
        lines.push(format!(
            "  {}: {} records name it, {} of them not ended yet",
            named.site, named.records, named.not_ended
        ));
    }
    if affected.sites.is_empty() {
        lines.push("  no record names it".to_owned());
    }
    lines
}
