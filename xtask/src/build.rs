//! `cargo xtask build`: fills `dist/`.

use std::fs::{self, File};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::compress::Manifest;
use crate::project::Project;
use crate::{bundle, compress, sizes, tools, wasm};

/// Several stages of one test run need `dist/`: it is built for the first of them.
static BUILT: AtomicBool = AtomicBool::new(false);

/// Fills `dist/` and fails over the size budgets.
pub fn run(project: &Project) -> Result<()> {
    sizes::check(&fill(project)?)
}

/// Fills `dist/` for a command that needs it; being over a budget is shown, but stops only `build` and `test`.
pub fn ensure(project: &Project) -> Result<()> {
    if !BUILT.load(Ordering::SeqCst)
        && let Err(over) = sizes::check(&fill(project)?)
    {
        eprintln!("\nwarning: {over:#}");
    }
    Ok(())
}

fn fill(project: &Project) -> Result<Manifest> {
    fs::create_dir_all(project.cache())?;
    // Two builds at once would write into each other's files.
    let lock = File::create(project.cache().join("lock")).context(".cache can't be written")?;
    if lock.try_lock().is_err() {
        println!("Waiting for another build of this checkout …");
        lock.lock()?;
    }
    tools::ensure_wasm_target(project)?;
    tools::ensure_npm_packages(project)?;
    wasm::build(project)?;
    bundle::run(project)?;
    let manifest = compress::run(project)?;
    BUILT.store(true, Ordering::SeqCst);
    Ok(manifest)
}
