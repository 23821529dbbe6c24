//! Did you mean …?

use alloc::string::String;
use alloc::vec::Vec;

/// A word without the differences that people don't mean: case, `-`, `_` and spaces.
pub(super) fn plain(word: &str) -> String {
    let mut plain = String::new();
    for c in word.chars() {
        if !matches!(c, '-' | '_' | ' ') {
            plain.push(c.to_ascii_lowercase());
        }
    }
    plain
}

/// The candidate that `word` probably stands for: equal but for case and hyphens, at most two edits away (one for
/// words of three or four letters), or an abbreviation or extension of at least three letters.
pub(super) fn nearest<'a>(word: &str, candidates: &mut dyn Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    // A suggestion for a text of a thousand letters helps nobody, and would cost time.
    if word.len() > 64 {
        return None;
    }
    let mut best = (3, None);
    for candidate in candidates {
        let other = plain(candidate);
        let shorter = word.len().min(other.len());
        let edits = distance(word.as_bytes(), other.as_bytes());
        let score = if edits <= 2 && edits * 2 < shorter {
            edits
        } else if shorter >= 3 && (word.starts_with(other.as_str()) || other.starts_with(word.as_str())) {
            2
        } else {
            continue;
        };
        if score < best.0 {
            best = (score, Some(candidate));
        }
    }
    best.1
}

/// Levenshtein distance.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(0);
            let edited = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            if let Some(cell) = row.get_mut(j) {
                *cell = left;
            }
            diagonal = above;
            left = edited;
        }
        if let Some(cell) = row.get_mut(b.len()) {
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}
