//! Signed notes (C2SP signed-note, the format of the Go checksum database): a text, and below it a line for each key
//! that signed it. A signature of a key that nobody has told us about is ignored; that is what makes new keys and the
//! cosignatures of witnesses possible.

use super::base64;
use crate::digest::sha256;
use crate::json::hex;
use crate::texts::concat;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Most signatures of a note that is read, as in Go's implementation; signed-note asks for at least 16.
const MAX_SIGNATURES: usize = 100;

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 over the text (`0x01`): a log's own signature.
    Ed25519,
    /// Ed25519 over a time and the text (`0x04`, C2SP tlog-cosignature): a witness's.
    CosignatureV1,
}

impl Algorithm {
    fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::CosignatureV1 => 4,
        }
    }
}

/// A public key with its name, written `<name>+<id>+<base64>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// Who signs; for a log its origin.
    pub name: String,
    /// The first four bytes of a hash over the name and the key: tells keys apart, proves nothing.
    pub id: u32,
    /// What it signs.
    pub algorithm: Algorithm,
    /// The Ed25519 public key (RFC 8032).
    pub key: [u8; 32],
}

impl VerifierKey {
    /// The key of this name. `None` when the name is not one that a note can carry.
    pub fn new(name: &str, algorithm: Algorithm, key: [u8; 32]) -> Option<Self> {
        is_name(name).then(|| Self { name: name.to_string(), id: key_id(name, algorithm, &key), algorithm, key })
    }

    /// Reads a vkey. `None` when it is malformed, of an algorithm that is not known here, or has another key's id.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let (algorithm, key) = decode_key(key)?;
        let key = Self::new(name, algorithm, key)?;
        (id_text(key.id) == id).then_some(key)
    }

    /// The vkey.
    pub fn to_text(&self) -> String {
        concat(&[&self.name, "+", &id_text(self.id), "+", &encode_key(self.algorithm, &self.key)])
    }
}

/// A signature line of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Name of the key.
    pub name: String,
    /// Id of the key.
    pub id: u32,
    /// What the key made of the text.
    pub bytes: Vec<u8>,
}

impl Signature {
    /// The line, with its newline.
    pub fn line(&self) -> String {
        let mut bytes = self.id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.bytes);
        concat(&["— ", &self.name, " ", &base64::encode(&bytes), "\n"])
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = base64::decode(bytes)?;
        let (id, bytes) = bytes.split_first_chunk::<4>()?;
        if !is_name(name) || bytes.is_empty() {
            return None;
        }
        Some(Self { name: name.to_string(), id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
    }
}

/// A note that was read, its signatures not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// The text with its last newline: what is signed.
    pub text: &'a str,
    /// The signatures in their order.
    pub signatures: Vec<Signature>,
}

impl<'a> Note<'a> {
    /// Takes text and signatures apart. `None` when this is not a note.
    pub fn parse(note: &'a str) -> Option<Self> {
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return None;
        }
        let middle = note.rfind("\n\n")?;
        let (text, lines) = (note.get(..middle + 1)?, note.get(middle + 2..)?);
        let lines = lines.strip_suffix('\n')?;
        if lines.split('\n').count() > MAX_SIGNATURES {
            return None;
        }
        let signatures = lines.split('\n').map(Signature::parse).collect::<Option<_>>()?;
        Some(Self { text, signatures })
    }
}

/// Whether a note can carry this name: not empty, no Unicode space, no plus.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_id(name: &str, algorithm: Algorithm, key: &[u8; 32]) -> u32 {
    let mut bytes = name.as_bytes().to_vec();
    bytes.extend_from_slice(&[b'\n', algorithm.byte()]);
    bytes.extend_from_slice(key);
    let [a, b, c, d, ..] = sha256(&bytes);
    u32::from_be_bytes([a, b, c, d])
}

pub(super) fn id_text(id: u32) -> String {
    id.to_be_bytes().iter().flat_map(|byte| [hex(byte >> 4), hex(byte & 15)]).collect()
}

pub(super) fn encode_key(algorithm: Algorithm, key: &[u8; 32]) -> String {
    let mut bytes = [algorithm.byte()].to_vec();
    bytes.extend_from_slice(key);
    base64::encode(&bytes)
}

/// An algorithm that is known here, and 32 bytes: a public key or the seed of a secret one.
pub(super) fn decode_key(text: &str) -> Option<(Algorithm, [u8; 32])> {
    let bytes = base64::decode(text)?;
    let (byte, key) = bytes.split_first()?;
    let algorithm = [Algorithm::Ed25519, Algorithm::CosignatureV1].into_iter().find(|known| known.byte() == *byte)?;
    Some((algorithm, key.try_into().ok()?))
}
