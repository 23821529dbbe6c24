// Generated from crates/core/src/wire.rs by `cargo xtask gen`. Do not edit.
export const KEY = "askfirst" as const;
export const FORMAT = 1 as const;
/** Space-separated language tags. */
export const LOCALES = "de en fr nl" as const;
export const HOST = "askfirst-ui" as const;
export const EVENTS = ["ready", "shown", "change", "withdraw", "recorded", "error", "leak"] as const;
export const ACTIONS = ["accept", "reject", "preferences", "withdraw"] as const;
