//! `.br` and `.gz` beside every file of `dist/`, and `manifest.json` with hashes and sizes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha384};

use crate::project::Project;

pub const MANIFEST: &str = "manifest.json";

/// `dist/manifest.json`.
#[derive(Serialize, Deserialize)]
pub struct Manifest {
    pub version: String,
    /// By path inside `dist/`.
    pub files: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize, Clone, PartialEq)]
pub struct Entry {
    /// Subresource-integrity form: `sha384-<base64>`.
    pub sha384: String,
    /// Bytes as served without compression.
    pub raw: u64,
    /// Bytes of the `.gz` sibling.
    pub gzip: u64,
    /// Bytes of the `.br` sibling.
    pub brotli: u64,
}

/// Compresses what has changed since the manifest of the last build was written.
pub fn run(project: &Project) -> Result<Manifest> {
    println!("Compressing …");
    let dist = project.dist();
    let previous: Option<Manifest> =
        fs::read(dist.join(MANIFEST)).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let mut manifest = Manifest { version: project.version.clone(), files: BTreeMap::new() };
    visit(&dist, &dist, previous.as_ref(), &mut manifest)?;
    let mut text = serde_json::to_string_pretty(&manifest)?;
    text.push('\n');
    fs::write(dist.join(MANIFEST), text).context("dist/manifest.json can't be written")?;
    Ok(manifest)
}

/// A path inside `dist/` as the manifest names it, with `/` on every system.
pub fn name(dist: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(dist).unwrap_or(path);
    relative.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn visit(dist: &Path, folder: &Path, previous: Option<&Manifest>, manifest: &mut Manifest) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = name(dist, &path);
        if path.is_dir() {
            visit(dist, &path, previous, manifest)?;
        } else if name != MANIFEST && !name.ends_with(".br") && !name.ends_with(".gz") {
            let old = previous.and_then(|manifest| manifest.files.get(&name));
            manifest.files.insert(name, compressed(&path, old)?);
        }
    }
    Ok(())
}

fn compressed(path: &Path, old: Option<&Entry>) -> Result<Entry> {
    let bytes = fs::read(path)?;
    let sha384 = format!("sha384-{}", STANDARD.encode(Sha384::digest(&bytes)));
    let sibling = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        std::path::PathBuf::from(name)
    };
    let (gz, br) = (sibling(".gz"), sibling(".br"));
    let length = |path: &Path| fs::metadata(path).ok().map(|data| data.len());
    if let Some(old) = old
        && old.sha384 == sha384
        && length(&gz) == Some(old.gzip)
        && length(&br) == Some(old.brotli)
    {
        return Ok(old.clone());
    }
    let (gzip, brotli) = (gzip(&bytes)?, brotli(&bytes)?);
    let entry = Entry { sha384, raw: bytes.len() as u64, gzip: gzip.len() as u64, brotli: brotli.len() as u64 };
    fs::write(gz, gzip)?;
    fs::write(br, brotli)?;
    Ok(entry)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut output = Vec::new();
    let parameters =
        brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, size_hint: bytes.len(), ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut output, &parameters)?;
    Ok(output)
}
