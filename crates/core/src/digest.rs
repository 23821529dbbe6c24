//! SHA-256 digests, base64url, and identifiers made from random bytes.

use alloc::string::String;
use alloc::vec::Vec;
use sha2::{Digest as _, Sha256};

/// The prefix of every written digest.
pub const PREFIX: &str = "sha256-";

/// `sha256-` and the base64url text (without padding) of the SHA-256 of `bytes`.
pub fn digest(bytes: &[u8]) -> String {
    let mut out = String::from(PREFIX);
    out.push_str(&base64url(&sha256(bytes)));
    out
}

/// The raw SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Whether `text` is written as [`digest`] writes.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|rest| is_base64url(rest, 43))
}

/// Whether `text` has exactly `length` characters of the base64url alphabet.
pub fn is_base64url(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A short number that changes when `bytes` change: the first four bytes of their SHA-256. For noticing changes, not
/// for proof.
pub fn fingerprint(bytes: &[u8]) -> u32 {
    let hash = sha256(bytes);
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// Base64url without padding (RFC 4648 §5).
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = 0u32;
        for i in 0..3 {
            group = group << 8 | u32::from(chunk.get(i).copied().unwrap_or(0));
        }
        for i in 0..=chunk.len() {
            out.push(ALPHABET[(group >> (18 - 6 * i)) as usize & 63]);
        }
    }
    // The alphabet is ASCII.
    String::from_utf8(out).unwrap_or_default()
}

/// A version 4 UUID (RFC 9562 §5.4) from 16 random bytes.
pub fn uuid(random: &[u8; 16]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(36);
    for (i, byte) in random.iter().enumerate() {
        let byte = match i {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        out.push(HEX[usize::from(byte >> 4)] as char);
        out.push(HEX[usize::from(byte & 15)] as char);
    }
    out
}

/// Whether `text` is a lower-case version 4 UUID.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            14 => b == b'4',
            19 => matches!(b, b'8' | b'9' | b'a' | b'b'),
            _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_abc_is_the_known_one() {
        // FIPS 180-4 example: ba7816bf 8f01cfea …
        assert_eq!(digest(b"abc"), "sha256-ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
        assert!(is_digest(&digest(b"abc")));
        assert!(!is_digest("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0"));
    }

    #[test]
    fn base64url_of_rfc_4648_vectors() {
        for (plain, coded) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64url(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn uuids_carry_version_and_variant() {
        assert_eq!(uuid(&[0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert!(is_uuid(&uuid(&[0; 16])));
        assert!(!is_uuid("ffffffff-ffff-1fff-bfff-ffffffffffff"));
    }
}
