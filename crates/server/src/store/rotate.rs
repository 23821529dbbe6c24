//! Putting another key in the place of the one that signs the logs (PROOF test 16): first both sign, so that whoever knows
//! one of them believes, then the old one is taken out. No server may have the database open; each needs both keys from its
//! next start on.

use std::path::{Path, PathBuf};

use askfirst_core::log::LogKey;
use askfirst_core::time::Millis;

use super::log::check::Fault;
use super::log::key::{Seed, next_beside, take_next};
use super::log::keys::Step;
use super::log::published::Published;
use super::log::{Logs, Seeds};
use super::sealing::{self, Sealing, SqliteFile};
use super::{Options, check, database, lock, sqlite};

/// Takes a step in every open log. Answers the logs with their keys after it.
///
/// # Errors
/// A sentence for the person at the console.
pub fn rotate(
    file: &SqliteFile,
    options: &Options,
    step: Step,
    now: Millis,
) -> Result<Vec<(String, Vec<LogKey>)>, String> {
    let path: &Path = file;
    let say = |why: String| format!("{}: {why}", path.display());
    let _lock = lock(path)?;
    let connection = database::open_writer(path).map_err(|error| say(error.to_string()))?;
    let seeds = seeds(path, options, step)?;
    let sealing = Sealing::of(&connection, file.master.as_ref()).map_err(say)?;
    sealing::register(&connection, sealing).map_err(|error| say(error.to_string()))?;
    let mut published = options.published.clone().map_or_else(|| Published::beside(path), Published::at);
    check(&connection, &seeds, &published.read()?).map_err(|fault| say(fault.sentence()))?;
    let mut logs = Logs::new(&connection, seeds).map_err(|error| say(error.to_string()))?;
    let changed = sqlite::begin(&connection).map_err(Fault::from).and_then(|()| {
        let changed = logs.change_keys(&connection, step, now)?;
        logs.sign(&connection)?;
        sqlite::commit(&connection)?;
        Ok(changed)
    });
    let changed = changed.map_err(|fault| say(fault.sentence()))?;
    logs.committed();
    published.write(logs.checkpoints());
    if step == Step::Finish && options.seed.is_none() && next_beside(path).exists() {
        take_next(path)?;
    }
    Ok(changed)
}

/// The two keys. Where the one in use is the one beside the database, the next one is made beside it.
fn seeds(path: &Path, options: &Options, step: Step) -> Result<Seeds, String> {
    let made: PathBuf = next_beside(path);
    if step == Step::Begin && options.seed.is_none() && options.next_seed.is_none() && !made.exists() {
        Seed::random()?.create(&made)?;
    }
    options.seeds(path)
}
