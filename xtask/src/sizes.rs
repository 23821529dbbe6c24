//! The size budgets: the build fails over them.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::compress::{Entry, Manifest};

struct Budget {
    what: &'static str,
    files: &'static [&'static str],
    encoding: &'static str,
    size: fn(&Entry) -> u64,
    /// Bytes.
    limit: u64,
}

/// What a first visit loads until its banner is visible.
const FIRST: [&str; 3] = ["askfirst.wasm", "askfirst.mjs", "locales/en.json"];

/// The loader's limit is the one of T5; why it is not DESIGN's 1.2 kB stands in ARCHITECTURE.md, "Sizes". The others are
/// ratchets: they go up only for a feature, or a fault that is mended, by what that costs.
const BUDGETS: [Budget; 3] = [
    Budget { what: "loader", files: &["askfirst.js"], encoding: "gzip", size: |entry| entry.gzip, limit: 2_048 },
    Budget {
        what: "until the banner is visible",
        files: &FIRST,
        encoding: "brotli",
        size: |entry| entry.brotli,
        // DESIGN's.
        limit: 26_000,
    },
    Budget {
        what: "a visit that decides",
        files: &[FIRST[0], FIRST[1], FIRST[2], "askfirst-more.wasm", "askfirst-more.mjs", "locales/more/en.json"],
        encoding: "brotli",
        size: |entry| entry.brotli,
        // Delivery without loss windows, `records.require_ack`, and what a withdrawal has left in its record are 3.5 kB of
        // it; words in two files, 0.2; asking for a challenge, 0.05; one id in one form with several tabs, 0.01.
        limit: 60_460,
    },
];

/// From this share of a budget on the table says so, in percent.
const WARN_FROM: u64 = 95;

pub fn check(manifest: &Manifest) -> Result<()> {
    println!("\n{:<44}{:>9}{:>9}{:>9}", "file", "raw", "gzip", "brotli");
    let budgeted: BTreeSet<_> = BUDGETS.iter().flat_map(|budget| budget.files).collect();
    for name in budgeted {
        if let Some(entry) = manifest.files.get(*name) {
            println!("{name:<44}{:>9}{:>9}{:>9}", entry.raw, entry.gzip, entry.brotli);
        }
    }
    println!("\n{:<44}{:>9}{:>9}{:>7}", "budget", "bytes", "limit", "used");
    let mut over = Vec::new();
    for budget in &BUDGETS {
        let used: u64 = budget.files.iter().filter_map(|name| manifest.files.get(*name)).map(budget.size).sum();
        let percent = (used * 100).div_ceil(budget.limit);
        let verdict = if used > budget.limit {
            over.push(format!("{} ({used} bytes {}, at most {})", budget.what, budget.encoding, budget.limit));
            "over"
        } else if percent >= WARN_FROM {
            "close to the limit"
        } else {
            ""
        };
        let label = format!("{} ({})", budget.what, budget.encoding);
        println!("{label:<44}{used:>9}{:>9}{percent:>6}% {verdict}", budget.limit);
    }
    if !over.is_empty() {
        bail!("over the size budget: {}; make it smaller (budgets: xtask/src/sizes.rs)", over.join(", "));
    }
    Ok(())
}
