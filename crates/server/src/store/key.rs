//! Identifiers and digests as the store keeps them: bytes, a third shorter than their texts, so that more rows and
//! index entries share a page. A text that is not in canonical form has no bytes.

use askfirst_core::digest::{PREFIX, is_digest, is_uuid};
use askfirst_core::log::base64url;

/// The 16 bytes of a UUID.
pub fn uuid(text: &str) -> Option<[u8; 16]> {
    if !is_uuid(text) {
        return None;
    }
    let mut digits = text.bytes().filter(|byte| *byte != b'-').map(|byte| match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte - b'a' + 10,
    });
    Some(std::array::from_fn(|_| digits.next().unwrap_or(0) << 4 | digits.next().unwrap_or(0)))
}

/// The text of a UUID.
pub fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
        }
    }
    text
}

/// The 32 bytes of a `sha256-…` digest.
pub fn digest(text: &str) -> Option<[u8; 32]> {
    if !is_digest(text) {
        return None;
    }
    base64(text.strip_prefix(PREFIX)?)
}

/// The text of a digest.
pub fn digest_text(bytes: &[u8; 32]) -> String {
    [PREFIX, &base64url(bytes)].concat()
}

/// The 16 bytes of a subject.
pub fn subject(text: &str) -> Option<[u8; 16]> {
    base64(text)
}

/// Exactly `N` bytes from base64url without padding; the bits that say nothing must be zero.
fn base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (mut group, mut bits, mut place) = (0u32, 0u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        group = group << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            *bytes.get_mut(place)? = (group >> bits) as u8;
            group &= (1 << bits) - 1;
            place += 1;
        }
    }
    (place == N && group == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use askfirst_core::digest;

    use super::*;

    #[test]
    fn texts_come_back_from_their_bytes() {
        for seed in 0..200u8 {
            let hash = digest::sha256(&[seed]);
            let half: [u8; 16] = std::array::from_fn(|i| hash[i]);
            assert_eq!(digest(&digest_text(&hash)), Some(hash));
            assert_eq!(subject(&base64url(&half)), Some(half));
            let text = digest::uuid(&half);
            assert_eq!(uuid_text(&uuid(&text).unwrap()), text);
        }
    }

    #[test]
    fn another_text_of_the_same_bytes_is_refused() {
        let text = base64url(&[0; 16]);
        assert!(text.ends_with('A') && subject(&text).is_some());
        assert_eq!(subject(&text.replace("AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB")), None);
        for wrong in ["", "A", "AAAA", "AAAAAAAAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(subject(wrong), None, "{wrong}");
        }
    }
}
