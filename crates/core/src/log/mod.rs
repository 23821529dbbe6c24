//! The log: an append-only Merkle tree over what happened, whose signed head shows that nothing in it was changed
//! (GDPR Art. 7(1); PROOF §3).
//!
//! Nothing in the tree is personal: a record is there as two salted commitments ([`Commitment`]), and erasing body and
//! salt leaves 64 bytes that hide what they stood for. The formats are those of RFC 6962 and of the C2SP specifications
//! tlog-tiles, tlog-checkpoint, signed-note and tlog-proof, so that tools of other people read and check it.
//!
//! Server, command line and page call the same code. It reads no clock and makes no random number: salts, seeds and
//! days are handed in. Signing and checking signatures need the feature `ed25519`, which the page's engine does without.

mod base64;
mod challenge;
mod checkpoint;
mod commitment;
mod entry;
#[cfg(feature = "ed25519")]
pub mod evidence;
mod keys;
mod note;
mod proof;
#[cfg(feature = "ed25519")]
mod signing;
mod text_proof;
mod tile;
mod tree;

pub use base64::{decode as from_base64, decode_url as from_base64url, encode as to_base64, encode_url as base64url};
pub use challenge::{Challenge, TERM as CHALLENGE_TERM};
pub use checkpoint::Checkpoint;
#[cfg(feature = "ed25519")]
pub use checkpoint::{OpenError, Opened};
pub use commitment::{CLOCK_TOLERANCE, Commitment, Envelope, PAD, Salt, clock_between, core_text, pad, unpad};
pub use entry::{Entry, Head, KeyAction, KeyRole, MAX_ENTRY};
pub use keys::LogKey;
pub use note::{Algorithm, Note, Signature, VerifierKey};
pub use proof::{consistency_proof, inclusion_proof, root, root_of_inclusion, verify_consistency, verify_inclusion};
#[cfg(feature = "ed25519")]
pub use signing::{NoteError, SigningKey, Verified};
pub use text_proof::{TextProof, proof_text};
pub use tile::{Resource, TILE_WIDTH, Tile, Tiles, decode_bundle, encode_bundle, partial_tiles};
pub use tree::{Frontier, HashReader};

use crate::digest::{sha256, sha256_of};
use alloc::string::String;
use alloc::vec::Vec;

/// A SHA-256 hash in the tree.
pub type Hash = [u8; 32];

/// The host under which a site's logs have their names: the site without its scheme. Plain http is for one's own machine
/// only, and says so, since `http://localhost` and `https://localhost` are two sites.
pub fn host_of(site: &str) -> String {
    match site.strip_prefix("https://") {
        Some(host) => String::from(host),
        None => site.replacen("://", ":", 1),
    }
}

/// Whether a log of this name is one of the site's: its host, and a path.
pub fn is_log_of(name: &str, site: &str) -> bool {
    name.strip_prefix(host_of(site).as_str()).is_some_and(|path| path.starts_with('/'))
}

/// The root of the tree without entries (RFC 6962 §2.1).
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The hash of an entry (RFC 6962 §2.1).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256_of(&[&[0], entry])
}

/// The hash of an inner node (RFC 6962 §2.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    let (_, children) = bytes.split_at_mut(1);
    let (first, second) = children.split_at_mut(32);
    first.copy_from_slice(left);
    second.copy_from_slice(right);
    sha256(&bytes)
}

/// A number as the C2SP formats write it: ASCII digits without leading zeros.
fn decimal(number: u64) -> String {
    let (mut digits, mut rest) = (Vec::new(), number);
    loop {
        digits.push(b'0' + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

/// Reads what [`decimal`] writes, and nothing else.
fn read_decimal(text: &str) -> Option<u64> {
    let leading_zero = text.len() > 1 && text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && !leading_zero { text.parse().ok() } else { None }
}
