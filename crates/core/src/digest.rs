//! SHA-256 digests, base64url, and identifiers made from random bytes.

#[cfg(any(target_arch = "wasm32", test))]
mod sha256;

use crate::json::hex;
use alloc::string::String;

/// The prefix of every written digest.
pub const PREFIX: &str = "sha256-";

/// `sha256-` and the base64url text (without padding) of the SHA-256 of `bytes`.
pub fn digest(bytes: &[u8]) -> String {
    let mut out = String::from(PREFIX);
    out.push_str(&base64url(&sha256(bytes)));
    out
}

/// The raw SHA-256 of `bytes`.
///
/// The page has its own code for it: the crate's is unrolled and three times as large as all of this module.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    #[cfg(target_arch = "wasm32")]
    return sha256::hash(bytes);
    #[cfg(not(target_arch = "wasm32"))]
    sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(bytes)).into()
}

/// The raw SHA-256 of these pieces one behind the other. The page copies them together; elsewhere they are read where they
/// stand.
pub fn sha256_of(pieces: &[&[u8]]) -> [u8; 32] {
    #[cfg(target_arch = "wasm32")]
    return sha256::hash(&pieces.concat());
    #[cfg(not(target_arch = "wasm32"))]
    {
        use sha2::Digest;
        let mut hasher = sha2::Sha256::new();
        pieces.iter().for_each(|piece| hasher.update(piece));
        hasher.finalize().into()
    }
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
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = 0u32;
        for i in 0..3 {
            group = group << 8 | u32::from(chunk.get(i).copied().unwrap_or(0));
        }
        for i in 0..=chunk.len() {
            let digit = (group >> (18 - 6 * i)) as u8 & 63;
            out.push(char::from(match digit {
                0..26 => b'A' + digit,
                26..52 => b'a' - 26 + digit,
                52..62 => b'0' + (digit - 52),
                62 => b'-',
                _ => b'_',
            }));
        }
    }
    out
}

/// A version 4 UUID (RFC 9562 §5.4) from 16 random bytes.
pub fn uuid(random: &[u8; 16]) -> String {
    let mut out = String::new();
    for (i, byte) in random.iter().enumerate() {
        let byte = match i {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        out.push(hex(byte >> 4));
        out.push(hex(byte & 15));
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
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn digest_of_abc_is_the_known_one() {
        // FIPS 180-4 example: ba7816bf 8f01cfea …
        assert_eq!(digest(b"abc"), "sha256-ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
        assert!(is_digest(&digest(b"abc")));
        assert!(!is_digest("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0"));
    }

    #[test]
    fn both_implementations_agree_at_every_length() {
        // FIPS 180-4 §5.1.1: the padding takes one block or two.
        let bytes: Vec<u8> = (0..300).map(|i| (i * 7 % 251) as u8).collect();
        for length in 0..=bytes.len() {
            assert_eq!(sha256::hash(&bytes[..length]), sha256(&bytes[..length]), "{length}");
            let (first, second) = bytes[..length].split_at(length / 3);
            assert_eq!(sha256_of(&[first, &[], second]), sha256(&bytes[..length]), "{length}");
        }
    }

    #[test]
    fn the_own_implementation_gives_the_known_digests() {
        // FIPS 180-4 examples, and a million times `a`.
        let known = [
            (b"abc".to_vec(), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".to_vec(),
                "JI1qYdIGOLjlwCaTDD5gOaM85Flk_yFn9uzt1BnbBsE",
            ),
            (vec![b'a'; 1_000_000], "zcduXJkU-5KBocfihNc-Z_GAmkiklyAOBG05zMcRLNA"),
        ];
        for (message, digest) in known {
            assert_eq!(base64url(&sha256::hash(&message)), *digest);
        }
    }

    #[test]
    fn base64url_of_rfc_4648_vectors() {
        for (plain, coded) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("foobar", "Zm9vYmFy")]
        {
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
