//! What the browser files are: their `manifest.json`, which `cargo xtask build` writes, held to the files beside it.

use std::fs;
use std::path::Path;

use askfirst_core::digest::{base64url, digest};
use askfirst_core::json;
use sha2::{Digest, Sha384};

/// Names the hash of each file.
pub const MANIFEST: &str = "manifest.json";

/// The digest of the manifest, and how many files it names. `None` where there is no manifest: a folder of somebody's own.
///
/// # Errors
/// A sentence for the person at the console: the manifest is none, or a file is not the one that it names.
pub fn read(dist: &Path) -> Result<Option<(String, u64)>, String> {
    let path = dist.join(MANIFEST);
    let say = |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(say(&path, &error)),
    };
    let manifest = json::parse(&text).map_err(|error| say(&path, &error.kind.message()))?;
    let files = manifest.get("files").entries();
    if files.is_empty() {
        return Err(say(&path, &"it names no file"));
    }
    for (name, about) in files {
        // A name that leads elsewhere is no file of this folder.
        let file = dist.join(name);
        let bytes = match name.split('/').all(|part| !part.is_empty() && part != "..") {
            true => fs::read(&file).map_err(|error| say(&file, &error))?,
            false => return Err(say(&path, &"it names a file outside the folder")),
        };
        // In the form of subresource integrity, whose base64 has other letters for two values.
        let named = about.get("sha384").text().unwrap_or_default().replace('+', "-").replace('/', "_");
        if named != ["sha384-", &base64url(&Sha384::digest(&bytes))].concat() {
            return Err(say(&file, &"it is not the file that manifest.json names"));
        }
    }
    Ok(Some((digest(text.as_bytes()), files.len() as u64)))
}
