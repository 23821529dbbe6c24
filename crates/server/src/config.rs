//! A site owner's configuration file, read by the one parser in `askfirst_core::settings`.

use std::fs;
use std::path::{Path, PathBuf};

use askfirst_core::digest;
use askfirst_core::json;
use askfirst_core::notice::Notice;
use askfirst_core::settings::{self, Problem, Settings, Severity};

use crate::bundled::Bundled;
use crate::store::{AboutNotice, NewNotice};

/// A file and what came of reading it.
pub struct Config {
    pub path: PathBuf,
    pub text: String,
    /// There when no problem is an error.
    pub settings: Option<Settings>,
    pub problems: Vec<Problem>,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn read(path: &Path, bundled: &Bundled) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (settings, problems) = settings::parse(&text, &bundled.services);
        Ok(Self { path: path.to_owned(), text, settings, problems })
    }

    /// Whether a problem stops the product.
    pub fn has_errors(&self) -> bool {
        self.settings.is_none() || self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Whether the site wants its choice's cookie set by the server (P3). Read from the text: the page's engine has no use
    /// for it, and would have to carry it.
    pub fn asks_for_cookie(&self) -> bool {
        json::parse(&self.text).is_ok_and(|value| value.get("records").get("cookie").bool() == Some(true))
    }

    /// Whether its pages ask the server for a challenge before they send a record. Read from the text, as the cookie is.
    pub fn asks_for_challenges(&self) -> bool {
        json::parse(&self.text).is_ok_and(|value| value.get("records").get("challenge").bool() == Some(true))
    }

    /// A short text that changes with the configuration but not with its white space, for `data-version` in the tag:
    /// a returning visitor's browser then compares without fetching anything.
    pub fn version(&self) -> Option<String> {
        let value = json::parse(&self.text).ok()?;
        let hash = digest::sha256(value.canonical().as_bytes());
        Some(digest::base64url(&hash[..9]))
    }

    /// What this configuration shows, in every language there are words for.
    pub fn notices(&self, bundled: &Bundled) -> Vec<NewNotice> {
        let Some(settings) = &self.settings else { return Vec::new() };
        let notice = |texts: &askfirst_core::texts::Texts| {
            let Notice { text, digest } = Notice::new(settings, &texts.clone().with_overrides(settings));
            let about = AboutNotice { lang: texts.lang().to_owned(), version: settings.version.clone() };
            NewNotice { digest, about, text, site: settings.site.clone() }
        };
        bundled.locales.iter().map(notice).collect()
    }
}
