//! Files that their owner alone can read: keys, databases, and what is written of a record (S7).

use std::fs::OpenOptions;
use std::path::Path;

/// To write a file, which gets these rights when it is made. One that is there keeps its own.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a database's file before SQLite does, which gives its side files the same rights.
pub fn make(path: &Path) {
    // An existing file stays as it is, and any other error comes up again when SQLite opens it.
    let _ = options().create_new(true).open(path);
}
