//! `POST /askfirst/v1/challenge`: a page tells the digest of the record that it is about to send, and gets this server's word
//! for it and for the time (`askfirst_core::log::Challenge`). What it says with the record is judged here, and noted with it.
//!
//! Nothing is stored: the word is an authenticator under a key that is derived from the log's, so every server that signs
//! the logs knows it, after a restart too.

use std::collections::HashSet;

use askfirst_core::digest::is_digest;
use askfirst_core::json::{self, map};
use askfirst_core::log::Challenge;
use askfirst_core::time::Millis;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::leaks::{fields, invalid};
use super::records::{admit, answer};
use super::{Error, Shared};
use crate::store::log::Seeds;

/// The header that a record brings it in. Not the address: what stands there is kept by proxies.
pub const HEADER: &str = "askfirst-challenge";

/// Longest request.
const LIMIT: usize = 1024;

/// Which sites ask for challenges, and the keys that they are made with. A word is given with each key that there is: one
/// that was given just before a key is taken out is known by the other, and one of a server that does not have the next key
/// yet by the one in use.
#[derive(Clone, Default)]
pub struct Challenges {
    keys: Vec<[u8; 32]>,
    sites: HashSet<String>,
}

impl Challenges {
    /// For these sites.
    pub fn new(seeds: &Seeds, sites: impl IntoIterator<Item = String>) -> Self {
        Self { keys: seeds.challenge_keys(), sites: sites.into_iter().collect() }
    }

    /// The challenge of a record, where the site's pages ask for one.
    fn give(&self, site: &str, digest: &str, now: Millis) -> Option<String> {
        if self.keys.is_empty() || !self.sites.contains(site) {
            return None;
        }
        let authenticator = |key| mac(key, site, digest, now).map(|mac| mac.finalize().into_bytes().into());
        Some(Challenge::text(now, &self.keys.iter().map(authenticator).collect::<Option<Vec<_>>>()?))
    }

    /// What came with a record. `None` where the site's pages ask for no challenge.
    pub fn judge(&self, site: &str, digest: impl FnOnce() -> String, sent: Option<&HeaderValue>) -> Option<Challenge> {
        if !self.sites.contains(site) {
            return None;
        }
        let Some(sent) = sent else { return Some(Challenge::Missing) };
        let Some((at, authenticators)) = sent.to_str().ok().and_then(Challenge::parse) else {
            return Some(Challenge::Invalid);
        };
        let digest = digest();
        let ours: Vec<_> = self.keys.iter().filter_map(|key| mac(key, site, &digest, at)).collect();
        let pairs = authenticators.iter().flat_map(|sent| ours.iter().map(move |ours| (ours.clone(), sent)));
        // Compared in constant time.
        let given = pairs.fold(false, |given, (ours, sent)| given | ours.verify_slice(sent).is_ok());
        Some(if given && at > 0 { Challenge::Issued(at) } else { Challenge::Invalid })
    }
}

fn mac(key: &[u8; 32], site: &str, digest: &str, at: Millis) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(Challenge::subject(site, digest, at).as_bytes());
    Some(mac)
}

/// Gives one. A site whose pages do not ask for challenges gets 404, as before there were any.
pub async fn give(State(app): State<Shared>, request: Request) -> Result<Response, Error> {
    let read = |text: &str| read(text).map(|(site, digest)| (site.clone(), (site, digest)));
    let (site, digest) = admit(&app, request, LIMIT, read).await?;
    let given = app.challenges.give(&site, &digest, app.store.now()).ok_or_else(Error::not_found)?;
    Ok(answer(StatusCode::OK, &map([("challenge", given.into())])))
}

/// Site and digest.
fn read(text: &str) -> Result<(String, String), Error> {
    let value = json::parse(text).map_err(|error| Error::new(StatusCode::BAD_REQUEST, "json", error.kind.message()))?;
    fields(&value, &["digest", "site"], "$")?;
    let site = value.get("site").text().ok_or_else(|| invalid("$.site", "must be an origin"))?;
    let digest = value.get("digest").text().filter(|digest| is_digest(digest));
    let digest = digest.ok_or_else(|| invalid("$.digest", "must be the digest of a record, as its receipt says it"))?;
    Ok((site.to_owned(), digest.to_owned()))
}
