//! Names that cross a language border. `cargo xtask gen` writes them to `www/generated/wire.ts`.

use alloc::string::String;

/// The key of the stored value, in localStorage and as a cookie name.
pub const KEY: &str = "askfirst";

/// The number of the stored format. A stored value with another number is foreign: everything stays shut (G9).
pub const FORMAT: i64 = 1;

/// Languages that have a file in `www/locales`, separated by spaces.
pub const LOCALES: &str = "ar bg bs ca cs cy da de el en es et eu fa fi fr ga gl he hi hr hu id is it ja ko lt lv mk \
                           mt nb nl pl pt ro sk sl sq sr sv th tr uk vi zh zh-hant";

/// Languages of [`LOCALES`] that are written from right to left.
pub const RTL: &[&str] = &["ar", "fa", "he"];

/// The custom element that hosts the interface.
pub const HOST: &str = "askfirst-ui";

/// DOM events on `window`, without their prefix `askfirst:`.
pub const EVENTS: &[&str] = &["ready", "shown", "change", "withdraw", "recorded", "error", "leak"];

/// Actions of `data-askfirst`.
pub const ACTIONS: &[&str] = &["accept", "reject", "preferences", "withdraw"];

/// The most that the server takes of a page's report of leaks: how many, bytes of a name, how often one was seen.
pub const LEAKS: usize = 50;
/// See [`LEAKS`].
pub const LEAK_NAME: usize = 128;
/// See [`LEAKS`].
pub const LEAK_COUNT: i64 = 1000;

/// The schema name of a consent record.
pub const RECORD_SCHEMA: &str = "urn:askfirst:consent-record:1";

/// The schema name of a count of a refusal, which carries no identifier.
pub const COUNT_SCHEMA: &str = "urn:askfirst:refusal-count:1";

/// The schema name of a notice.
pub const NOTICE_SCHEMA: &str = "urn:askfirst:notice:1";

/// The source of `www/generated/wire.ts`.
pub fn typescript() -> String {
    use core::fmt::Write;
    let mut out = String::from("// Generated from crates/core/src/wire.rs by `cargo xtask gen`. Do not edit.\n");
    // Writing to a String cannot fail.
    let _ = writeln!(out, "export const KEY = {KEY:?} as const;");
    let _ = writeln!(out, "export const FORMAT = {FORMAT} as const;");
    let _ = writeln!(out, "/** Space-separated language tags. */\nexport const LOCALES = {LOCALES:?} as const;");
    let _ = writeln!(
        out,
        "/** Space-separated: those that are written from right to left. */\nexport const RTL = {:?} as const;",
        RTL.join(" ")
    );
    let _ = writeln!(
        out,
        "/** Space-separated: what the keys of words begin with that the first layer does without. */\nexport const LATER = {:?} as const;",
        crate::texts::later()
    );
    let _ = writeln!(out, "export const HOST = {HOST:?} as const;");
    let _ = writeln!(out, "export const EVENTS = {EVENTS:?} as const;");
    let _ = writeln!(out, "export const ACTIONS = {ACTIONS:?} as const;");
    let _ = writeln!(
        out,
        "/** The most in a report of leaks. */\nexport const MOST = {{ leaks: {LEAKS}, name: {LEAK_NAME}, count: {LEAK_COUNT} }} as const;"
    );
    out
}
