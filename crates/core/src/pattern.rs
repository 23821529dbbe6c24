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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::json;

    #[test]
    fn names_and_stars_mean_what_the_page_takes_them_for() {
        let cases = json::parse(include_str!("../../../tests/vectors/patterns.json")).unwrap();
        for case in cases.items() {
            let [pattern, name, meant] = case.items() else { panic!("{case:?}") };
            let (pattern, name) = (pattern.text().unwrap(), name.text().unwrap());
            assert_eq!(json::Value::Bool(matches(pattern, name)), *meant, "{pattern} and {name}");
        }
        assert!(cases.items().len() > 15);
    }
}
