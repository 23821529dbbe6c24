//! Names and paths in which `*` stands for any characters.

/// Whether `pattern` means `name`.
#[inline(never)]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut read) = (0, 0);
    // Where to go on when what follows the last star does not fit: the star takes one more.
    let mut star = None;
    while let Some(byte) = name.get(read) {
        let wanted = pattern.get(at);
        if wanted == Some(&b'*') {
            at += 1;
            star = Some((at, read));
        } else if wanted == Some(byte) {
            at += 1;
            read += 1;
        } else if let Some((after, taken)) = star {
            (at, read) = (after, taken + 1);
            star = Some((at, read));
        } else {
            return false;
        }
    }
    while pattern.get(at) == Some(&b'*') {
        at += 1;
    }
    at == pattern.len()
}
