//! Whether anything of a heap of bytes opens an entry of a log (PROOF test 18).

use std::collections::HashSet;

use askfirst_core::log::{Commitment, Salt};
use askfirst_server::store::secret::Secret;

/// The text that the entry commits to is known to the letter. Does any of these open it: as the record's secret, as one of its
/// two salts, or as what a salt would be if it were made of something that is left?
pub fn opened_by(candidates: &HashSet<[u8; 32]>, text: &str, commitment: &Commitment) -> Option<&'static str> {
    candidates.iter().find_map(|bytes| {
        let salt: &Salt = bytes;
        if Commitment::to_core(salt, text) == commitment.core {
            return Some("a salt");
        }
        if Commitment::to_context(salt, "{}") == commitment.context {
            return Some("a salt of the context");
        }
        let secret = Secret::from_bytes(*bytes);
        (secret.context_commitment() == commitment.context
            || Commitment::to_core(&secret.core_salt(), text) == commitment.core)
            .then_some("the secret")
    })
}
