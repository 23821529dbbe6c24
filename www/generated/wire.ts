// Generated from crates/core/src/wire.rs by `cargo xtask gen`. Do not edit.
export const KEY = "askfirst" as const;
export const FORMAT = 1 as const;
/** Space-separated language tags. */
export const LOCALES = "ar bg bs ca cs cy da de el en es et eu fa fi fr ga gl he hi hr hu id is it ja ko lt lv mk mt nb nl pl pt ro sk sl sq sr sv th tr uk vi zh zh-hant" as const;
/** Space-separated: those that are written from right to left. */
export const RTL = "ar fa he" as const;
/** Space-separated: what the keys of words begin with that the first layer does without. */
export const LATER = "category.functional change declaration dialog duration embed item kind left own receipt safeguard plural purpose" as const;
export const HOST = "askfirst-ui" as const;
export const EVENTS = ["ready", "shown", "change", "withdraw", "recorded", "error", "leak"] as const;
export const ACTIONS = ["accept", "reject", "preferences", "withdraw"] as const;
/** The most in a report of leaks. */
export const MOST = { leaks: 50, name: 128, count: 1000 } as const;
