//! The demo site: bundled by `www/demo/build.mjs`, served by the real server.

use std::path::PathBuf;

use anyhow::Result;

use crate::process;
use crate::project::Project;

/// Relative to the checkout.
const OUT: &str = "dist-demo";

/// Bundles the demo for a sink on its usual port.
pub fn bundle(project: &Project) -> Result<PathBuf> {
    bundle_for(project, "http://127.0.0.1:4401")
}

/// Bundles the demo with `sink` as the address of every third party; answers the folder.
pub fn bundle_for(project: &Project, sink: &str) -> Result<PathBuf> {
    let mut command = project.command("node");
    command.args(["www/demo/build.mjs", "--out", OUT, "--sink", sink]);
    process::run("the bundling of the demo site", &mut command)?;
    Ok(project.path(OUT))
}
