//! What running the server needs to remember beside the records: the queue of webhooks, counts of leaks, tokens of
//! people, and who has read what. One small SQLite file of its own, so that none of it takes part in the records' commits
//! and a command of the console can use it while the server runs.

pub mod access;
pub mod leaks;
pub mod queue;
pub mod requests;
mod schema;
pub mod tokens;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use askfirst_core::time::{DAY, Millis};
use rusqlite::{Connection, ErrorCode};

use crate::store::StoreError;

/// S2: how long operational data is kept.
pub const KEEP: Millis = 90 * DAY;

/// The open file.
pub struct Operations {
    connection: Arc<Mutex<Connection>>,
}

impl Operations {
    /// Where it is when nobody says: beside the database.
    pub fn beside(database: &Path) -> PathBuf {
        let mut name = database.as_os_str().to_owned();
        name.push(".operations");
        name.into()
    }

    /// Opens the file, and makes it where there is none, readable by its owner alone (S7).
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub fn open(path: &Path) -> Result<Self, String> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // One that is there stays as it is, and any other error comes up again when SQLite opens it.
        let _ = options.open(path);
        let connection = connect(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Runs `work` in one transaction, off the threads that serve the network.
    ///
    /// # Errors
    /// Nothing of it is stored.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.connection);
        let done = tokio::task::spawn_blocking(move || transact(&connection, work)).await;
        let result = done.map_err(|_| StoreError::Unavailable)?;
        result.map_err(|error| {
            tracing::error!(code = ?error.sqlite_error_code(), "the file of operational data can't be used");
            match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => StoreError::Full,
                _ => StoreError::Unavailable,
            }
        })
    }

    /// The same for a command of the console.
    ///
    /// # Errors
    /// A sentence for the person there.
    pub fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, String> {
        transact(&self.connection, work).map_err(|error| format!("the file of operational data: {error}"))
    }

    /// Forgets what is older than [`KEEP`].
    ///
    /// # Errors
    /// It is still there.
    pub async fn purge(&self, now: Millis) -> Result<usize, StoreError> {
        self.with(move |connection| schema::purge(connection, now - KEEP)).await
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", true)?;
    schema::migrate(&connection)?;
    Ok(connection)
}

fn transact<T>(
    connection: &Mutex<Connection>,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}
