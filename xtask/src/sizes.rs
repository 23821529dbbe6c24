//! The size budgets: the build fails over them.

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

/// The loader's limit is the one of T5; why it is not DESIGN's 1.2 kB stands in ARCHITECTURE.md, "Sizes".
const BUDGETS: [Budget; 2] = [
    Budget { what: "loader", files: &["askfirst.js"], encoding: "gzip", size: |entry| entry.gzip, limit: 2_048 },
    Budget {
        what: "wasm + glue with style sheet + one locale",
        files: &["askfirst.wasm", "askfirst.mjs", "locales/en.json"],
        encoding: "brotli",
        size: |entry| entry.brotli,
        // A ratchet on the way to DESIGN's 26 kB, which is not reached yet: ARCHITECTURE.md, "Sizes". It goes up
        // only for a feature, by what that costs.
        limit: 51_010,
    },
];

/// From this share of a budget on the table says so, in percent.
const WARN_FROM: u64 = 95;

pub fn check(manifest: &Manifest) -> Result<()> {
    println!("\n{:<44}{:>9}{:>9}{:>9}", "file", "raw", "gzip", "brotli");
    let budgeted = BUDGETS.iter().flat_map(|budget| budget.files);
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
