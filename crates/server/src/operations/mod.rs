//! What running the server needs to remember beside the records: the queue of webhooks, counts of leaks, tokens of
//! people, and who has read what. It stands apart, so that none of it takes part in the records' commits and a command of the
//! console can use it while servers run: in one small SQLite file, or on PostgreSQL in tables of its own that all servers
//! share.

pub mod access;
pub mod copy;
pub mod leaks;
pub mod queue;
pub mod requests;
pub(crate) mod schema;
mod sql;
pub mod tokens;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use askfirst_core::digest::base64url;
use askfirst_core::time::{DAY, Millis};
use tokio::runtime::{Builder, Runtime};

pub use sql::{Connection, Error};

use crate::private;
use crate::store::{Address, StoreError};

/// S2: how long operational data is kept.
pub const KEEP: Millis = 90 * DAY;
/// How long to wait for somebody else who changes the file.
const WAIT: Duration = Duration::from_secs(5);
/// What connections to the tables are set to.
const SESSION: &str = "SET search_path = askfirst; SET idle_in_transaction_session_timeout = '5s';
                       SET statement_timeout = '10s'";

/// The open data.
pub struct Operations {
    home: Arc<Home>,
    /// Who works off the queue of webhooks here, where others might too.
    holder: String,
}

enum Home {
    File(Mutex<rusqlite::Connection>),
    Postgres { pool: deadpool_postgres::Pool, runtime: Option<Runtime> },
}

impl Operations {
    /// Where the file is when nobody says: beside the database.
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
        private::make(path);
        let connection = connect(path).map_err(|error| format!("{}: {error}", path.display()))?;
        // A file has one server.
        Ok(Self { home: Arc::new(Home::File(Mutex::new(connection))), holder: String::new() })
    }

    /// Uses the tables beside the records, which a server has made.
    ///
    /// # Errors
    /// A sentence for the person at the console: the system gives no threads or random bytes.
    pub fn on(address: &Address) -> Result<Self, String> {
        let mut holder = [0; 16];
        getrandom::fill(&mut holder).map_err(|error| error.to_string())?;
        // Of its own, so that whoever waits for an answer, in a server or at the console, never waits for itself.
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("operations").enable_all().build();
        let runtime = runtime.map_err(|error| format!("the program can't start its threads: {error}"))?;
        let pool = address.pool(SESSION)?;
        let home = Arc::new(Home::Postgres { pool, runtime: Some(runtime) });
        Ok(Self { home, holder: base64url(&holder) })
    }

    /// A name for who works off the queue here.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// Runs `work` in one transaction, off the threads that serve the network.
    ///
    /// # Errors
    /// Nothing of it is stored.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let home = Arc::clone(&self.home);
        let done = tokio::task::spawn_blocking(move || home.transact(work)).await;
        done.map_err(|_| StoreError::Unavailable)?.map_err(Error::into_store)
    }

    /// The same for a command of the console.
    ///
    /// # Errors
    /// A sentence for the person there.
    pub fn run<T>(&self, work: impl FnOnce(&Connection<'_>) -> Result<T, Error>) -> Result<T, String> {
        self.home.transact(work).map_err(|error| error.to_string())
    }

    /// Forgets what is older than [`KEEP`].
    ///
    /// # Errors
    /// It is still there.
    pub async fn purge(&self, now: Millis) -> Result<u64, StoreError> {
        self.with(move |connection| schema::purge(connection, now - KEEP)).await
    }
}

impl Home {
    fn transact<T>(&self, work: impl FnOnce(&Connection<'_>) -> Result<T, Error>) -> Result<T, Error> {
        match self {
            Self::File(connection) => {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
                let result = work(&Connection::File(&transaction))?;
                transaction.commit()?;
                Ok(result)
            }
            Self::Postgres { pool, runtime } => {
                let runtime = runtime.as_ref().ok_or_else(|| Error::Away("the program ends".to_owned()))?.handle();
                let client = runtime.block_on(pool.get());
                let mut client = client.map_err(|error| Error::Away(error.to_string()))?;
                let transaction = runtime.block_on(tokio_postgres::Client::transaction(&mut client))?;
                let result = work(&Connection::Postgres(runtime, &transaction))?;
                runtime.block_on(transaction.commit())?;
                Ok(result)
            }
        }
    }
}

impl Drop for Home {
    /// Whoever lets go of it may be a thread that must not wait.
    fn drop(&mut self) {
        if let Self::Postgres { runtime, .. } = self
            && let Some(runtime) = runtime.take()
        {
            runtime.shutdown_background();
        }
    }
}

/// A number for a new row: later ones are greater, and those of two servers differ.
pub(crate) fn fresh(now: Millis) -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let random = i64::from(getrandom::u32().unwrap_or_default() >> 14);
    let wanted = now.saturating_mul(1 << 20) | random;
    let last = LAST.fetch_update(SeqCst, SeqCst, |last| Some(wanted.max(last + 1))).unwrap_or_default();
    wanted.max(last + 1)
}

fn connect(path: &Path) -> rusqlite::Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", true)?;
    schema::migrate(&connection)?;
    Ok(connection)
}
