//! Deletes declared cookies and storage, and reads again what could not be deleted (G5).

use crate::host::Host;
use askfirst_core::json::{Value, Writer};
use askfirst_core::machine::Target;
use askfirst_core::settings::Kind;

/// Deletes what the targets name. Returns the names that are still there, HttpOnly and foreign ones not being visible.
pub fn delete(host: &Host, targets: &[Target]) -> Vec<String> {
    let mut found = Writer::default();
    found.open('[');
    for target in targets {
        // The names of databases can't be listed in every browser: one is deleted as it is declared.
        if target.kind == Kind::IndexedDb {
            pair(&mut found, target.kind, &target.name);
        }
    }
    for (kind, name) in present(host, targets) {
        pair(&mut found, kind, &name);
    }
    found.close(']');
    host.tell("clear", &found.finish());
    let mut left = Vec::new();
    for (_, name) in present(host, targets) {
        left.push(name);
    }
    left
}

/// Every stored name that a target means.
#[inline(never)]
fn present(host: &Host, targets: &[Target]) -> Vec<(Kind, String)> {
    let names = host.ask("names", "null");
    let mut present = Vec::new();
    for target in targets {
        for name in names.get(target.kind.name()).items() {
            if let Value::Text(name) = name
                && target.matches(name)
            {
                present.push((target.kind, name.clone()));
            }
        }
    }
    present
}

#[inline(never)]
fn pair(found: &mut Writer, kind: Kind, name: &str) {
    found.open('[');
    found.string(kind.name());
    found.string(name);
    found.close(']');
}
