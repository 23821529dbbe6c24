//! What the logs have said to the world, in a file beside the database. A database from an older backup knows less than
//! this file; signing on from there would give two different trees of one size, which no log may ever do (C2SP
//! tlog-checkpoint). The file belongs into no backup of the database.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use askfirst_core::json::{self, Value};
use askfirst_core::log::{Checkpoint, Note};

/// How long the file may lag behind while one commit follows the other.
const LAG: Duration = Duration::from_millis(250);

/// The file.
pub struct Published {
    path: PathBuf,
    written: Option<Instant>,
    /// The file says less than the logs.
    behind: bool,
}

impl Published {
    pub fn beside(database: &Path) -> Self {
        let mut name = database.as_os_str().to_owned();
        name.push(".published");
        Self::at(PathBuf::from(name))
    }

    pub fn at(path: PathBuf) -> Self {
        Self { path, written: None, behind: false }
    }

    /// The checkpoints in the file; none when there is no file.
    ///
    /// # Errors
    /// The file is there and can't be read: then nobody knows what was said.
    pub fn read(&self) -> Result<Vec<Checkpoint>, String> {
        let say = |why: &str| format!("{}: {why}", self.path.display());
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(say(&error.to_string())),
        };
        let value = json::parse(&text).map_err(|_| say("this is not the list of published checkpoints"))?;
        let notes = value.items().iter().map(|note| Checkpoint::parse(Note::parse(note.text()?)?.text));
        notes.collect::<Option<_>>().ok_or_else(|| say("this is not the list of published checkpoints"))
    }

    /// There are newer checkpoints. While one commit follows the other not each is written.
    pub fn note(&mut self, checkpoints: impl Iterator<Item = impl AsRef<str>>) {
        self.behind = true;
        if self.written.is_none_or(|at| at.elapsed() > LAG) {
            self.write(checkpoints);
        }
    }

    /// Whether [`Self::note`] has something left to write.
    pub fn behind(&self) -> bool {
        self.behind
    }

    /// Keeps the file under another name, when another log goes on from what it says.
    ///
    /// # Errors
    /// It can't be renamed.
    pub fn set_aside(&self) -> Result<(), String> {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".before");
        match fs::rename(&self.path, &name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("{}: {error}", self.path.display()))
            }
            _ => Ok(()),
        }
    }

    pub fn write(&mut self, checkpoints: impl Iterator<Item = impl AsRef<str>>) {
        let value = Value::List(checkpoints.map(|note| note.as_ref().into()).collect());
        let mut fresh = self.path.as_os_str().to_owned();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        let written = fs::File::create(&fresh)
            .and_then(|mut file| {
                file.write_all(value.canonical().as_bytes())?;
                // Else power that goes may leave the new name with nothing in it, and nobody would know what was said.
                file.sync_data()
            })
            .and_then(|()| fs::rename(&fresh, &self.path));
        self.written = Some(Instant::now());
        // The file is a safeguard: without room for it records are still taken, and it is tried again.
        self.behind = written.is_err();
    }
}
