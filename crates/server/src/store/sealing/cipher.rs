//! ChaCha20-Poly1305 (RFC 8439) and its form with a long nonce, XChaCha20-Poly1305, by ring, which TLS brings along anyhow:
//! each record pays for two of them, and ring takes a third of the time of the crate that is named after the algorithm.

use chacha20::cipher::consts::U10;
use chacha20::hchacha;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

/// Bytes behind what is sealed.
const TAG: usize = 16;
/// Bytes of a long nonce.
pub const LONG_NONCE: usize = 24;

/// Seals bytes where they stand; `about` is vouched for too. A key and a nonce are used together once.
pub fn seal(key: &[u8; 32], nonce: [u8; 12], about: &[u8], mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    bytes.reserve_exact(TAG);
    let nonce = Nonce::assume_unique_for_key(nonce);
    keyed(key)?.seal_in_place_append_tag(nonce, Aad::from(about), &mut bytes).ok()?;
    Some(bytes)
}

/// Opens what [`seal`] has made. `None` when it was changed, or the key is another one.
pub fn open(key: &[u8; 32], nonce: [u8; 12], about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let length = keyed(key)?.open_in_place(nonce, Aad::from(about), &mut bytes).ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}

/// The key and the nonce of ChaCha20-Poly1305 for a long nonce (draft-irtf-cfrg-xchacha §2.3). Random nonces of this length
/// never meet.
pub fn long(key: &[u8; 32], nonce: &[u8; LONG_NONCE]) -> ([u8; 32], [u8; 12]) {
    let (first, rest) = nonce.split_at(16);
    let mut short = [0; 12];
    short[4..].copy_from_slice(rest);
    (hchacha::<U10>(key.into(), first.into()).into(), short)
}

fn keyed(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).ok().map(LessSafeKey::new)
}

#[cfg(test)]
mod tests {
    use chacha20poly1305::aead::{Aead, KeyInit, Payload};
    use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};

    use super::*;

    #[test]
    fn what_is_sealed_is_what_another_implementation_seals() {
        for length in [0, 1, 32, 255, 1296, 12_345] {
            let (key, text) = ([length as u8 ^ 3; 32], vec![length as u8; length]);
            let payload = || Payload { msg: &text, aad: b"about" };
            let other = ChaCha20Poly1305::new(&key.into()).encrypt(&[7; 12].into(), payload()).unwrap();
            assert_eq!(seal(&key, [7; 12], b"about", text.clone()).unwrap(), other);
            assert_eq!(open(&key, [7; 12], b"about", &other).unwrap(), text);
            assert_eq!(open(&key, [7; 12], b"About", &other), None);

            let nonce: [u8; LONG_NONCE] = std::array::from_fn(|at| at as u8);
            let other = XChaCha20Poly1305::new(&key.into()).encrypt(&nonce.into(), payload()).unwrap();
            let (key, nonce) = long(&key, &nonce);
            assert_eq!(seal(&key, nonce, b"about", text.clone()).unwrap(), other);
            assert_eq!(open(&key, nonce, b"about", &other).unwrap(), text);
        }
    }
}
