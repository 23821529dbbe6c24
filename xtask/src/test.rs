//! `cargo xtask test`: every check in one order, stopping at the first that fails.

pub mod browser;
mod stages;

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::project::Project;
use crate::tools;
use crate::totals::Totals;
use stages::{STAGES, Stage};

pub fn list() {
    for stage in STAGES {
        println!("{:<9} {}", stage.name, stage.what);
    }
}

/// Runs the named stages, or all but those that have to be named.
pub fn run(project: &Project, names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| STAGES.iter().all(|stage| stage.name != **name)) {
        let known: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
        bail!("there is no stage `{unknown}`; the stages are {}", known.join(", "));
    }
    let chosen: Vec<&Stage> = STAGES
        .iter()
        .filter(|stage| match names.is_empty() {
            true => !stage.on_request,
            false => names.iter().any(|name| name == stage.name),
        })
        .collect();
    announce(project);

    let mut finished: Vec<(&str, Duration, Totals)> = Vec::new();
    let mut failure = None;
    for (index, stage) in chosen.iter().enumerate() {
        println!("\n── {}/{} {}: {} ──", index + 1, chosen.len(), stage.name, stage.what);
        std::io::stdout().flush()?;
        let started = Instant::now();
        let mut totals = Totals::default();
        let result = (stage.run)(project, &mut totals).and_then(|()| stage.require_tests(totals));
        finished.push((stage.name, started.elapsed(), totals));
        if let Err(error) = result {
            failure = Some(error.context(format!("stage `{}`", stage.name)));
            break;
        }
    }
    summarise(&chosen, &finished, failure.is_some());
    match failure {
        None => Ok(()),
        Some(error) => Err(error).context("the tests stopped"),
    }
}

fn announce(project: &Project) {
    let missing = tools::missing(project);
    if missing.is_empty() {
        println!("Everything the tests need is installed.");
    } else {
        println!("Will be installed on the way: {}.", missing.join(", "));
    }
}

fn summarise(chosen: &[&Stage], finished: &[(&str, Duration, Totals)], failed: bool) {
    println!("\n{:<10}{:<9}{:>8}{:>9}{:>8}", "stage", "result", "time", "passed", "failed");
    let mut sum = Totals::default();
    for (index, stage) in chosen.iter().enumerate() {
        let Some((name, elapsed, totals)) = finished.get(index) else {
            println!("{:<10}not run", stage.name);
            continue;
        };
        let result = if failed && index + 1 == finished.len() { "FAILED" } else { "ok" };
        let count = |number: u64| {
            if *totals == Totals::default() { String::new() } else { number.to_string() }
        };
        println!(
            "{name:<10}{result:<9}{:>7.1}s{:>9}{:>8}",
            elapsed.as_secs_f64(),
            count(totals.passed),
            count(totals.failed)
        );
        sum += *totals;
    }
    println!("\n{} passed, {} failed", sum.passed, sum.failed);
}
