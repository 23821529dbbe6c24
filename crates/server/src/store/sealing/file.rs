//! A SQLite file with the master key that opens what is sealed in it.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{Master, Sealing, register};
use crate::store::backup::keys_of;
use crate::store::{database, restore};

/// The file; read as the [`Path`] that it is.
#[derive(Clone, Debug)]
pub struct SqliteFile {
    pub path: PathBuf,
    /// Without one only what is not sealed can be read.
    pub master: Option<Master>,
}

impl SqliteFile {
    /// A connection that reads the file: a database, or a backup with its keys beside it.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub(in crate::store) fn reader(&self) -> Result<Connection, String> {
        let say = |error: String| format!("{}: {error}", self.path.display());
        let connection = database::open_reader(&self.path).map_err(|error| say(error.to_string()))?;
        let keys = keys_of(&self.path);
        if keys.is_file() && restore::has_no_secret(&connection).map_err(|error| say(error.to_string()))? {
            restore::use_keys(&connection, &keys)?;
        }
        let sealing = Sealing::of(&connection, self.master.as_ref()).map_err(say)?;
        register(&connection, sealing).map_err(|error| say(error.to_string()))?;
        Ok(connection)
    }
}

impl From<&Path> for SqliteFile {
    fn from(path: &Path) -> Self {
        Self { path: path.to_owned(), master: None }
    }
}

impl From<&PathBuf> for SqliteFile {
    fn from(path: &PathBuf) -> Self {
        path.as_path().into()
    }
}

impl From<&Self> for SqliteFile {
    fn from(file: &Self) -> Self {
        file.clone()
    }
}

impl Deref for SqliteFile {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}
