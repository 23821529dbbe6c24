//! The challenge of a record (issue 4; `docs/proof.md`): before a page sends a record it may tell the server the record's digest,
//! and gets back the server's word for *this record, at this time*. What it sends with the record later shows the server that it
//! has heard of these very bytes then. Nothing is stored for it, it is part of no record, and it refuses none.
//!
//! | in the envelope | |
//! |---|---|
//! | `{"at": …, "state": "fresh"}` | asked for at `at`, and the record came within [`TERM`] |
//! | `{"at": …, "state": "late"}` | the record came later than that; `at` still bounds when it was made, from above |
//! | `{"state": "missing"}` | the record came without one, though the site's pages ask for it |
//! | `{"state": "invalid"}` | what came was not this server's word for this record |

use super::Envelope;
use crate::json::{Value, map};
use crate::time::{self, Millis};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// How long after it was asked for a challenge is fresh.
pub const TERM: Millis = 10 * 60 * 1000;

/// How many keys a server has at most: the one in use, and the one that takes its place.
const KEYS: usize = 2;

/// The member of an [`Envelope`].
const NAME: &str = "challenge";

/// What came with a record, as far as it could be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Not the server's word for this record.
    Invalid,
    /// The server's word, given at this time by its own clock.
    Issued(Millis),
    /// Nothing.
    Missing,
}

impl Challenge {
    /// The text that the server's word is about. No other text that is signed or authenticated with a key of the log begins
    /// like it: a checkpoint begins with the name of its log.
    pub fn subject(site: &str, digest: &str, at: Millis) -> String {
        format!("askfirst challenge 1\n{site}\n{digest}\n{at}\n")
    }

    /// The challenge as it is sent: the time in milliseconds, and in base64url one authenticator for each key that the server
    /// has, so that whoever has one of them later knows it. There are two while a key takes the place of another.
    pub fn text(at: Millis, authenticators: &[[u8; 32]]) -> String {
        let mut text = format!("{at}");
        for authenticator in authenticators {
            text.push('.');
            text.push_str(&crate::digest::base64url(authenticator));
        }
        text
    }

    /// Reads [`Self::text`]; one text for one challenge.
    pub fn parse(text: &str) -> Option<(Millis, Vec<[u8; 32]>)> {
        let (at, rest) = text.split_once('.')?;
        let at: Millis = at.parse().ok()?;
        // One more than is taken: what has more is none, however long it is.
        let rest = rest.split('.').take(KEYS + 1);
        let authenticators: Vec<[u8; 32]> =
            rest.map(|one| super::from_base64url(one)?.try_into().ok()).collect::<Option<_>>()?;
        (authenticators.len() <= KEYS && Self::text(at, &authenticators) == text).then_some((at, authenticators))
    }

    /// One number for a column: the time that it was given, 0 for none, -1 for a false one.
    pub fn number(self) -> i64 {
        match self {
            Self::Invalid => -1,
            Self::Missing => 0,
            Self::Issued(at) => at,
        }
    }

    /// Reads [`Self::number`].
    pub fn of_number(number: i64) -> Self {
        match number {
            0 => Self::Missing,
            at if at > 0 => Self::Issued(at),
            _ => Self::Invalid,
        }
    }

    /// `fresh`, `late`, `missing` or `invalid`, for a record that came at this time.
    pub fn state(self, received_at: Millis) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Issued(at) if received_at.saturating_sub(at) <= TERM => "fresh",
            Self::Issued(_) => "late",
            Self::Missing => "missing",
        }
    }

    /// What the server adds to the envelope of a record that came at this time.
    pub fn noted(self, received_at: Millis) -> (String, Value) {
        let mut said = map([("state", self.state(received_at).into())]);
        if let Self::Issued(at) = self {
            said.set("at", time::instant(at).into());
        }
        (NAME.to_string(), said)
    }

    /// What an envelope says: the state, and the time. `None` where the site's pages ask for no challenge.
    pub fn said(envelope: &Envelope) -> Option<(&str, Option<Millis>)> {
        let (_, said) = envelope.more.iter().find(|(name, _)| name == NAME)?;
        Some((said.get("state").text()?, said.get("at").text().and_then(time::parse)))
    }
}
