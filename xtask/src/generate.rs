//! Names shared across languages: written once in `askfirst_core::wire`, generated for TypeScript.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::project::Project;

const WIRE: &str = "www/generated/wire.ts";

pub fn write(project: &Project) -> Result<()> {
    let path = project.path(WIRE);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, wire(project)?).with_context(|| format!("{WIRE} can't be written"))?;
    println!("wrote {WIRE}");
    Ok(())
}

pub fn check(project: &Project) -> Result<()> {
    let committed = fs::read_to_string(project.path(WIRE)).unwrap_or_default();
    if committed != wire(project)? {
        bail!("{WIRE} differs from `askfirst_core::wire`; run `cargo xtask gen` and commit the result");
    }
    println!("{WIRE} is up to date");
    Ok(())
}

/// Asked of an example of `askfirst-core`, not linked: this program has to start while `core` does not compile.
fn wire(project: &Project) -> Result<String> {
    let what = "the example `wire` of askfirst-core";
    project.build_for_tests("test", &[], what)?;
    process::output(what, &mut project.command(project.compiled("debug/examples/wire")))
}
