//! The browser files, and the configuration beside a demo site.
//!
//! Any page may load them (they hold nothing personal): pages of other origins get the headers they need. Names carry
//! no hash, so a browser asks again each time and mostly hears 304; a URL whose `?v=` is the start of the file's
//! SHA-384 (as in `manifest.json`, base64url) never needs to ask again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use askfirst_core::digest::base64url;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use sha2::{Digest, Sha384};

use super::Error;

/// Characters of a hash that a `?v=` has at least.
const VERSION_LENGTH: usize = 8;
/// Largest file that is served.
const SIZE_LIMIT: u64 = 16 * 1024 * 1024;

/// The folder of the browser files. What was read is kept until the file changes.
pub struct Dist {
    root: PathBuf,
    read: Mutex<HashMap<String, Arc<Asset>>>,
}

/// A file with its compressed forms.
struct Asset {
    stamp: Option<SystemTime>,
    kind: &'static str,
    /// base64url of the SHA-384.
    hash: String,
    plain: Bytes,
    /// In the order of preference.
    packed: Vec<(&'static str, Bytes)>,
}

/// The configuration as it was at the start.
pub struct Config(Asset);

/// `GET /askfirst/{*path}`
pub async fn browser_file(dist: Arc<Dist>, request: Request) -> Response {
    let path = request.uri().path();
    let name = path.strip_prefix("/askfirst/").unwrap_or("");
    // A page of the product's own, `/askfirst/verify/`, which loads what lies beside it.
    let folder = name.strip_suffix('/');
    let index = [folder.unwrap_or(name), "/index.html"].concat();
    match dist.asset(if folder.is_some() { &index } else { name }).await {
        Some(asset) => asset.answer(request.uri(), request.headers()),
        None if folder.is_none() && dist.asset(&index).await.is_some() => {
            Redirect::permanent(&[path, "/"].concat()).into_response()
        }
        None => Error::not_found().into_response(),
    }
}

/// `GET /askfirst.json`
pub async fn configuration(config: Arc<Config>, request: Request) -> Response {
    config.0.answer(request.uri(), request.headers())
}

/// Pages of a served site are asked for again each time: what is shown must be what is configured.
pub async fn revalidate(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

impl Config {
    pub fn new(text: String) -> Self {
        Self(Asset::new("application/json", None, Bytes::from(text), Vec::new()))
    }
}

impl Dist {
    pub fn new(root: PathBuf) -> Self {
        Self { root, read: Mutex::default() }
    }

    async fn asset(&self, name: &str) -> Option<Arc<Asset>> {
        if !is_plain(name) {
            return None;
        }
        let path = self.root.join(name);
        let meta = tokio::fs::metadata(&path).await.ok()?;
        if !meta.is_file() || meta.len() > SIZE_LIMIT {
            return None;
        }
        let stamp = meta.modified().ok();
        let known = self.read.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(asset) = known
            && asset.stamp == stamp
            && asset.plain.len() as u64 == meta.len()
        {
            return Some(asset);
        }
        let plain = Bytes::from(tokio::fs::read(&path).await.ok()?);
        let mut packed = Vec::new();
        for (encoding, extension) in [("br", ".br"), ("gzip", ".gz")] {
            if let Ok(bytes) = tokio::fs::read(self.root.join([name, extension].concat())).await {
                packed.push((encoding, Bytes::from(bytes)));
            }
        }
        let asset = Arc::new(Asset::new(kind(&path)?, stamp, plain, packed));
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Arc::clone(&asset));
        Some(asset)
    }
}

/// Names of letters, digits, `.`, `-`, `_` in folders, none starting with a dot: no way out of the folder, and nothing
/// that needs decoding.
fn is_plain(name: &str) -> bool {
    let good = |part: &str| {
        let letters = part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        letters && !part.is_empty() && !part.starts_with('.')
    };
    name.split('/').all(good)
}

/// The content type; files of other kinds, the compressed forms among them, are not served by their own name.
fn kind(path: &Path) -> Option<&'static str> {
    Some(match path.extension()?.to_str()? {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "ts" | "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => return None,
    })
}

impl Asset {
    fn new(kind: &'static str, stamp: Option<SystemTime>, plain: Bytes, packed: Vec<(&'static str, Bytes)>) -> Self {
        let hash = base64url(&Sha384::digest(&plain));
        Self { stamp, kind, hash, plain, packed }
    }

    fn answer(&self, uri: &Uri, asked: &HeaderMap) -> Response {
        let packed = self.packed.iter().find(|(encoding, _)| accepts(asked, encoding));
        let (encoding, bytes) = packed.map_or((None, &self.plain), |(encoding, bytes)| (Some(*encoding), bytes));
        let etag = format!(
            "\"{}{}\"",
            &self.hash[..22],
            encoding.map_or("", |encoding| if encoding == "br" { "-br" } else { "-gz" })
        );
        let mut response = Response::new(Body::empty());
        if matches(asked, &etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            *response.body_mut() = Body::from(bytes.clone());
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
            if let Some(encoding) = encoding {
                response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
        }
        let headers = response.headers_mut();
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(header::ETAG, etag);
        }
        let caching = if self.is_version(uri) { "public, max-age=31536000, immutable" } else { "no-cache" };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
        response
    }

    fn is_version(&self, uri: &Uri) -> bool {
        let mut pairs = uri.query().unwrap_or("").split('&');
        let version = pairs.find_map(|pair| pair.strip_prefix("v="));
        version.is_some_and(|version| version.len() >= VERSION_LENGTH && self.hash.starts_with(version))
    }
}

/// Whether the browser takes this encoding.
fn accepts(asked: &HeaderMap, encoding: &str) -> bool {
    let lines = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused =
            parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.bytes().all(|b| matches!(b, b'0' | b'.'))));
        named && !refused
    })
}

fn matches(asked: &HeaderMap, etag: &str) -> bool {
    let lines = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}
