//! The secret of a record: what the two salts of its entry in the log are made of, and the key of its body where bodies are
//! sealed (`sealing`). Erasing it (with the body) leaves an
//! entry that hides what it stood for (GDPR Art. 17; PROOF tests 17 and 18).

use std::sync::OnceLock;

use askfirst_core::json::Value;
use askfirst_core::log::{Commitment, Envelope, Hash, Salt, pad, unpad};
use hkdf::Hkdf;
use sha2::Sha256;

use super::sealing::cipher;

/// 32 random bytes.
#[derive(Clone)]
pub struct Secret {
    bytes: [u8; 32],
    /// The salts of the record and of the context, which commitment and receipt both need, derived once.
    salts: OnceLock<[Salt; 2]>,
    context: OnceLock<Hash>,
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Secret {}

impl Secret {
    /// A new one. `None` when the system has no random bytes to give.
    pub fn random() -> Option<Self> {
        super::random::bytes().map(Self::from_bytes)
    }

    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { bytes, salts: OnceLock::new(), context: OnceLock::new() }
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The salt of the commitment to record and envelope.
    pub fn core_salt(&self) -> Salt {
        self.salts()[0]
    }

    /// The salt of the commitment to the context.
    pub fn context_salt(&self) -> Salt {
        self.salts()[1]
    }

    fn salts(&self) -> &[Salt; 2] {
        self.salts.get_or_init(|| self.expand([b"askfirst core salt v1", b"askfirst context salt v1"]))
    }

    /// The two commitments that stand in the log for a record without further context.
    pub fn commit(&self, body: &str, envelope: &Envelope) -> Commitment {
        Commitment {
            core: Commitment::to_record(&self.core_salt(), body, envelope),
            context: self.context_commitment(),
        }
    }

    /// The commitment to no context.
    pub fn context_commitment(&self) -> Hash {
        *self.context.get_or_init(|| Commitment::to_context(&self.context_salt(), NO_CONTEXT))
    }

    /// Seals a body, padded, so that its length says little. The key seals nothing else, so the nonce need not differ.
    pub fn seal(&self, body: &str) -> Option<Vec<u8>> {
        cipher::seal(&self.body_key(), [0; 12], &[], pad(body))
    }

    /// Opens a sealed body. `None` when it or the secret was changed.
    pub fn open(&self, sealed: &[u8]) -> Option<String> {
        let padded = cipher::open(&self.body_key(), [0; 12], &[], sealed)?;
        unpad(&padded).map(str::to_owned)
    }

    fn body_key(&self) -> [u8; 32] {
        let [key] = self.expand([b"askfirst body key v1"]);
        key
    }

    /// HKDF-Expand (RFC 5869) for each purpose: the secret is random already.
    fn expand<const N: usize>(&self, purposes: [&[u8]; N]) -> [[u8; 32]; N] {
        let mut out = [[0; 32]; N];
        if let Ok(key) = Hkdf::<Sha256>::from_prk(&self.bytes) {
            for (purpose, out) in purposes.into_iter().zip(&mut out) {
                // 32 bytes in and out: neither call has a length to refuse.
                let _ = key.expand(purpose, out);
            }
        }
        out
    }
}

/// No address, no user agent: the server keeps no context of a record (R2).
const NO_CONTEXT: &str = "{}";

/// The same as a value.
pub fn no_context() -> Value {
    Value::Map(Vec::new())
}

impl std::fmt::Debug for Secret {
    /// Never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_salts_differ_from_each_other_and_between_records() {
        let (one, two) = (Secret::random().unwrap(), Secret::random().unwrap());
        let salts = [one.core_salt(), one.context_salt(), two.core_salt(), two.context_salt()];
        for (n, salt) in salts.iter().enumerate() {
            assert!(*salt != [0; 32] && salt != one.bytes() && salt != two.bytes());
            assert_eq!(salts.iter().filter(|other| *other == salt).count(), 1, "{n}");
        }
        assert_eq!(Secret::from_bytes(*one.bytes()).core_salt(), salts[0], "the same each time");
    }

    #[test]
    fn a_sealed_body_opens_with_its_own_secret_alone_and_unchanged() {
        let (one, two) = (Secret::random().unwrap(), Secret::random().unwrap());
        let sealed = one.seal("{\"a\":1}").unwrap();
        assert_eq!(sealed.len(), askfirst_core::log::PAD + 16, "padded");
        assert_eq!(one.open(&sealed).as_deref(), Some("{\"a\":1}"));
        assert_eq!(two.open(&sealed), None);
        for at in [0, 100, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(one.open(&changed), None);
        }
    }
}
