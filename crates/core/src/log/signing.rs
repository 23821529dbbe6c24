//! Making and checking the signatures of notes with Ed25519 (RFC 8032).

use super::decimal;
use super::note::{Algorithm, Note, Signature, VerifierKey, decode_key, encode_key, id_text};
use crate::texts::concat;
use alloc::string::String;
use alloc::vec::Vec;
use ed25519_dalek::{Signature as Ed25519, SigningKey as Secret, VerifyingKey};

/// What a Go `note` signer's key starts with.
const SECRET: &str = "PRIVATE+KEY+";

/// Why a note says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteError {
    /// It is not a note.
    Malformed,
    /// The key of this name is known and has not signed this text.
    Invalid(String),
    /// None of the known keys has signed it.
    Unsigned,
}

/// A signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The key that made it.
    pub key: VerifierKey,
    /// When a witness saw the text, in seconds since 1970; a log's own signature has no time.
    pub time: Option<u64>,
}

impl Note<'_> {
    /// The signatures of these keys.
    ///
    /// # Errors
    /// A signature of a known key is false, or there is none.
    pub fn verified(&self, keys: &[VerifierKey]) -> Result<Vec<Verified>, NoteError> {
        let mut found: Vec<Verified> = Vec::new();
        for signature in &self.signatures {
            let by = |key: &&VerifierKey| key.id == signature.id && key.name == signature.name;
            let Some(key) = keys.iter().find(by) else { continue };
            let time = check(key, self.text, &signature.bytes).ok_or(NoteError::Invalid(key.name.clone()))?;
            if !found.iter().any(|known| known.key == *key) {
                found.push(Verified { key: key.clone(), time });
            }
        }
        if found.is_empty() { Err(NoteError::Unsigned) } else { Ok(found) }
    }
}

/// Whether the key made this; the inner option is a witness's time.
fn check(key: &VerifierKey, text: &str, signature: &[u8]) -> Option<Option<u64>> {
    let public = VerifyingKey::from_bytes(&key.key).ok()?;
    let holds = |text: &str, bytes: &[u8]| {
        // Strict: no second encoding of a signature, no key of small order that would fit every text.
        let signature = Ed25519::from_slice(bytes).ok()?;
        public.verify_strict(text.as_bytes(), &signature).ok()
    };
    match key.algorithm {
        Algorithm::Ed25519 => holds(text, signature).map(|()| None),
        Algorithm::CosignatureV1 => {
            let (time, bytes) = signature.split_first_chunk::<8>()?;
            let time = u64::from_be_bytes(*time);
            holds(&cosigned(text, time), bytes).map(|()| Some(time))
        }
    }
}

/// What a witness signs (C2SP tlog-cosignature).
fn cosigned(text: &str, time: u64) -> String {
    concat(&["cosignature/v1\ntime ", &decimal(time), "\n", text])
}

/// A key that signs.
#[derive(Clone)]
pub struct SigningKey {
    public: VerifierKey,
    secret: Secret,
}

impl SigningKey {
    /// The key of this name from 32 secret random bytes. `None` when a note can't carry the name.
    pub fn new(name: &str, seed: &[u8; 32]) -> Option<Self> {
        Self::with_algorithm(name, Algorithm::Ed25519, seed)
    }

    /// A witness's key.
    pub fn witness(name: &str, seed: &[u8; 32]) -> Option<Self> {
        Self::with_algorithm(name, Algorithm::CosignatureV1, seed)
    }

    fn with_algorithm(name: &str, algorithm: Algorithm, seed: &[u8; 32]) -> Option<Self> {
        let secret = Secret::from_bytes(seed);
        let public = VerifierKey::new(name, algorithm, secret.verifying_key().to_bytes())?;
        Some(Self { public, secret })
    }

    /// Reads `PRIVATE+KEY+<name>+<id>+<base64>`, as Go's `note.GenerateKey` writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.strip_prefix(SECRET)?.split_once('+')?;
        let (_, seed) = rest.split_once('+')?;
        let (algorithm, seed) = decode_key(seed)?;
        let key = Self::with_algorithm(name, algorithm, &seed)?;
        (key.to_text() == text).then_some(key)
    }

    /// The secret key in the same form. Whoever has it can sign as this log.
    pub fn to_text(&self) -> String {
        let seed = encode_key(self.public.algorithm, &self.secret.to_bytes());
        concat(&[SECRET, &self.public.name, "+", &id_text(self.public.id), "+", &seed])
    }

    /// The public key.
    pub fn verifier(&self) -> &VerifierKey {
        &self.public
    }

    /// The note of a text that has no signature yet. `None` when the text does not end with a newline or holds a
    /// control character.
    ///
    /// A witness's key needs [`Self::cosign`], which tells the time.
    pub fn sign(&self, text: &str) -> Option<String> {
        let note = concat(&[text, "\n", &self.signature(text, None).line()]);
        (text.ends_with('\n') && Note::parse(&note).is_some()).then_some(note)
    }

    /// A witness's signature line below a note, made at `time` (seconds since 1970).
    pub fn cosign(&self, note: &str, time: u64) -> Option<String> {
        let text = Note::parse(note)?.text;
        Some(concat(&[note, &self.signature(text, Some(time)).line()]))
    }

    fn signature(&self, text: &str, time: Option<u64>) -> Signature {
        use ed25519_dalek::Signer;
        let bytes = match time {
            None => self.secret.sign(text.as_bytes()).to_bytes().to_vec(),
            Some(time) => {
                let mut bytes = time.to_be_bytes().to_vec();
                bytes.extend_from_slice(&self.secret.sign(cosigned(text, time).as_bytes()).to_bytes());
                bytes
            }
        };
        Signature { name: self.public.name.clone(), id: self.public.id, bytes }
    }
}

impl core::fmt::Debug for SigningKey {
    /// The public half only: a secret key is never printed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public.name).finish()
    }
}
