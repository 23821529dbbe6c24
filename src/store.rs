//! Where the stored value lives: localStorage, a first-party cookie beside it, memory when both are refused (P5).
//!
//! Refused storage is a normal state. `gloo_storage::LocalStorage::raw` panics there, so the glue has probed it.

use crate::host::Host;
use askfirst_core::choice::Stored;
use askfirst_core::json::{Value, Writer};
use askfirst_core::machine::State;
use askfirst_core::time::Millis;
use askfirst_core::wire;
use gloo_storage::{LocalStorage, Storage as _};

/// Whether nothing is stored anywhere.
pub fn is_empty(world: &Value) -> bool {
    world.at("kept") != Some(&Value::Bool(true)) && world.at("cookies").map_or(&[][..], Value::items).is_empty()
}

/// Brings the state up to what is stored, in `world` as the glue sees it. Where only the cookie keeps it (`mirrored`), the
/// outbox is the state's own.
#[inline(never)]
pub fn take(state: &mut State, world: &Value, now: Millis, mirrored: bool) {
    let mut stored = read(world, now);
    if mirrored {
        std::mem::swap(&mut stored.outbox, &mut state.stored.outbox);
    }
    state.stored = stored;
}

fn read(world: &Value, now: Millis) -> Stored {
    let mut found = None;
    if world.at("kept") == Some(&Value::Bool(true)) {
        found = local(world).and_then(|local| local.get_item(wire::KEY).ok().flatten());
    }
    // There can be several cookies of our name, from other domains and paths (FIELD complaint 8).
    let mut cookies = Vec::new();
    for cookie in world.at("cookies").map_or(&[][..], Value::items) {
        if let Value::Text(cookie) = cookie {
            cookies.push(cookie.clone());
        }
    }
    Stored::reconcile(found.as_deref(), &cookies, now)
}

/// Writes everywhere it can. Whether something has kept it, and whether that includes the outbox, for which the cookie has
/// no room.
#[inline(never)]
pub fn write(host: &Host, world: &Value, stored: &Stored, now: Millis) -> (bool, bool) {
    let kept = local(world).is_some_and(|local| local.set_item(wire::KEY, &stored.encode()).is_ok());
    let mut until = 0;
    if let Some(choice) = &stored.choice {
        for held in &choice.decisions {
            until = until.max(held.until);
        }
    }
    let mut mirror = Writer::default();
    mirror.open('[');
    mirror.string(&stored.encode_mirror());
    mirror.value(&Value::Int(until - now));
    mirror.close(']');
    (host.ask("mirror", &mirror.finish()) == Value::Bool(true) || kept, kept)
}

#[inline(never)]
fn local(world: &Value) -> Option<web_sys::Storage> {
    if world.at("local") == Some(&Value::Bool(true)) { Some(LocalStorage::raw()) } else { None }
}
