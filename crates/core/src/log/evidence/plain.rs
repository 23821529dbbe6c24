//! Text out of a file, as it may be put before a person. Whoever made the file chose it: a line end would let a title write
//! sentences of its own into a report, an escape sequence would hide the report's from a terminal, and an override of the
//! writing direction (Unicode UAX #9) would turn “refused” and “agreed” around.

use alloc::format;
use alloc::string::String;

/// The text on one line and in its own order; what could change either stands there as `\u{…}`. Marks of direction that only
/// tell where a letter belongs (U+200E, U+200F, U+061C) and joiners stay: languages need them.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
