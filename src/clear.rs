//! Deletes declared cookies and storage, and reads again what could not be deleted (G5).

use crate::host::Host;
use askfirst_core::json::Value;
use askfirst_core::machine::Target;
use askfirst_core::settings::Kind;

/// Deletes what the targets name. Returns the names that are still there, HttpOnly and foreign ones not being visible.
pub fn delete(host: &Host, targets: &[Target]) -> Vec<String> {
    let mut found = Vec::new();
    for target in targets {
        // The names of databases can't be listed in every browser: one is deleted as it is declared.
        if target.kind == Kind::IndexedDb {
            found.push(pair(target.kind, &target.name));
        }
    }
    present(host, targets, &mut |kind, name| found.push(pair(kind, name)));
    host.tell("clear", &Value::List(found));
    let mut left = Vec::new();
    present(host, targets, &mut |_, name| left.push(name.to_string()));
    left
}

/// Calls `each` for every stored name that a target means.
fn present(host: &Host, targets: &[Target], each: &mut dyn FnMut(Kind, &str)) {
    let names = host.ask("names", &Value::Null);
    for target in targets {
        for name in names.at(target.kind.name()).map_or(&[][..], Value::items) {
            if let Value::Text(name) = name
                && target.matches(name)
            {
                each(target.kind, name);
            }
        }
    }
}

fn pair(kind: Kind, name: &str) -> Value {
    Value::List(Vec::from([kind.name().into(), name.into()]))
}
