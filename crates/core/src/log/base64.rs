//! Base64 with padding (RFC 4648 §4), as the C2SP formats write it. Reading is strict: each byte string has one text, so
//! that no letter of a proof or signature can be changed unnoticed.

use alloc::string::String;
use alloc::vec::Vec;

/// The text of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    let url = crate::digest::base64url(bytes);
    let mut out = String::with_capacity(url.len() + 2);
    for digit in url.chars() {
        out.push(match digit {
            '-' => '+',
            '_' => '/',
            other => other,
        });
    }
    while !out.len().is_multiple_of(4) {
        out.push('=');
    }
    out
}

/// The bytes of `text`; nothing when it is not exactly what [`encode`] writes for them.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    read(digits, b"+/")
}

/// The bytes of a base64url text without padding (RFC 4648 §5), as the project's JSON has it; as strict.
pub fn decode_url(text: &str) -> Option<Vec<u8>> {
    read(text, b"-_")
}

fn read(digits: &str, last_two: &[u8; 2]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for digit in group {
            let value = match *digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                other if other == last_two[0] => 62,
                other if other == last_two[1] => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        let missing = 4 - group.len();
        bits <<= 6 * missing;
        let [_, bytes @ ..] = bits.to_be_bytes();
        let (taken, rest) = bytes.split_at(3usize.checked_sub(missing)?);
        // One digit alone is no byte, and bits that belong to no byte would make a second text for the same bytes.
        if taken.is_empty() || rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        out.extend_from_slice(taken);
    }
    Some(out)
}
