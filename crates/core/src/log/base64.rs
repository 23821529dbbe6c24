//! Base64 with padding (RFC 4648 §4), as the C2SP formats write it. Reading is strict: each byte string has one text, so
//! that no letter of a proof or signature can be changed unnoticed.

use alloc::string::String;
use alloc::vec::Vec;

/// The text of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    push_digits(bytes, STANDARD, &mut out);
    while !out.len().is_multiple_of(4) {
        out.push(b'=');
    }
    String::from_utf8(out).unwrap_or_default()
}

/// The base64url text of `bytes` without padding (RFC 4648 §5), as `digest::base64url` writes it, in a third of the time
/// and twice the code: a server encodes a dozen hashes for each record.
pub fn encode_url(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    push_digits(bytes, URL, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

fn push_digits(bytes: &[u8], digits: &[u8; 64], out: &mut Vec<u8>) {
    let digit = |group: u32, place: u32| digits[(group >> (18 - 6 * place)) as usize & 63];
    let groups = bytes.chunks_exact(3);
    let rest = groups.remainder();
    for group in groups {
        let group = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        out.extend_from_slice(&[digit(group, 0), digit(group, 1), digit(group, 2), digit(group, 3)]);
    }
    if !rest.is_empty() {
        let group = rest.iter().fold(0, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - rest.len()));
        out.extend((0..=rest.len() as u32).map(|place| digit(group, place)));
    }
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;

    #[test]
    fn both_encoders_agree_at_every_length_and_are_read_back() {
        let bytes: Vec<u8> = (0..300u32).map(|i| (i * 167 % 251) as u8).collect();
        for length in 0..=bytes.len() {
            let bytes = &bytes[..length];
            assert_eq!(encode_url(bytes), digest::base64url(bytes));
            assert_eq!(decode_url(&encode_url(bytes)).as_deref(), Some(bytes));
            assert_eq!(decode(&encode(bytes)).as_deref(), Some(bytes));
        }
        assert_eq!(encode(&[0xfb, 0xff]), "+/8=");
    }
}
