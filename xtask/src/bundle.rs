//! Runs `xtask/bundle.mjs` and keeps `dist/` free of what no source makes any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;

use crate::project::Project;
use crate::{compress, process, wasm};

pub fn run(project: &Project) -> Result<()> {
    println!("Bundling …");
    let more = wasm::ENGINE.second.as_ref().context("the engine has no second part")?;
    let options = json!({
        "out": project.dist(),
        "wasm": project.cache().join(wasm::ENGINE.files.wasm),
        "bindings": project.cache().join(wasm::ENGINE.files.bindings),
        "moreWasm": project.cache().join(more.wasm),
        "moreBindings": project.cache().join(more.bindings),
        "checkWasm": project.cache().join(wasm::CHECK.files.wasm),
        "checkBindings": project.cache().join(wasm::CHECK.files.bindings),
        "verifyWasm": project.cache().join(wasm::VERIFY.files.wasm),
        "verifyBindings": project.cache().join(wasm::VERIFY.files.bindings),
        "plain": {
            "": project.cache().join(wasm::ENGINE.plain),
            "check-": project.cache().join(wasm::CHECK.plain),
            "verify-": project.cache().join(wasm::VERIFY.plain),
        },
        "version": project.version,
    });
    let mut command = project.command("node");
    command.arg("xtask/bundle.mjs").arg(options.to_string());
    let text = process::output("the bundling (xtask/bundle.mjs)", &mut command)?;
    let bundle: Bundle = serde_json::from_str(&text).context("xtask/bundle.mjs printed no usable JSON")?;
    for source in &bundle.missing {
        println!("skipped: {source} does not exist");
    }
    remove_stale(&project.dist(), &project.dist(), &bundle.written)
}

#[derive(Deserialize)]
struct Bundle {
    written: BTreeSet<String>,
    missing: Vec<String>,
}

fn remove_stale(dist: &Path, folder: &Path, written: &BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_stale(dist, &path, written)?;
            continue;
        }
        let name = compress::name(dist, &path);
        let source = name.strip_suffix(".br").or_else(|| name.strip_suffix(".gz")).unwrap_or(&name);
        if !written.contains(source) && name != compress::MANIFEST {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
