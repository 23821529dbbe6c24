//! What can go wrong between here and the database, and what to do about it.

use std::time::Duration;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::store::StoreError;
use crate::store::log::check::Fault;

/// Why something has not been done. Nothing of it is stored, or what is stored is found again by its key.
#[derive(Debug)]
pub enum Failure {
    Sql(tokio_postgres::Error),
    /// No connection could be had in time.
    Unreachable(String),
    /// Another server has become the sequencer.
    Fenced,
    /// A backup can't be read or written.
    File(rusqlite::Error),
    /// What is stored is not what it was, or can't be signed on.
    Fault(Fault),
}

pub type Done<T> = Result<T, Failure>;

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::File(error)
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Sql(error),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Failure {
    pub fn damaged(what: impl Into<String>) -> Self {
        Self::Fault(Fault::Damaged(what.into()))
    }

    /// SQLSTATE, which never has a value of ours in it, as a message may.
    pub fn code(&self) -> &str {
        match self {
            Self::Sql(error) => error.code().map_or("connection", SqlState::code),
            Self::Unreachable(_) => "connection",
            Self::Fenced => "fenced",
            Self::File(_) => "file",
            Self::Fault(_) => "fault",
        }
    }

    /// The transaction met another one: the same once more (PROOF test 28). CockroachDB and YugabyteDB say so often.
    pub fn is_collision(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        error.code().is_some_and(|code| {
            *code == SqlState::T_R_SERIALIZATION_FAILURE
                || *code == SqlState::T_R_DEADLOCK_DETECTED
                // Of statements that were sent together, one that came after the one that failed.
                || *code == SqlState::IN_FAILED_SQL_TRANSACTION
        })
    }

    /// The connection is gone; a new one may be had.
    fn is_broken(&self) -> bool {
        let Self::Sql(error) = self else { return false };
        error.is_closed()
            || error.code().is_some_and(|code| {
                *code == SqlState::ADMIN_SHUTDOWN
                    || *code == SqlState::CRASH_SHUTDOWN
                    || *code == SqlState::CANNOT_CONNECT_NOW
                    || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            })
    }

    /// What the sender is told.
    pub fn for_sender(&self) -> StoreError {
        match self {
            Self::Sql(error) if error.code() == Some(&SqlState::DISK_FULL) => StoreError::Full,
            Self::Fault(_) => StoreError::Frozen,
            _ => StoreError::Unavailable,
        }
    }

    /// What the person at the console is told. A database's own message says what is wrong; no record is in it.
    pub fn sentence(&self) -> String {
        match self {
            Self::Sql(error) => match error.as_db_error() {
                Some(said) => format!("{} ({})", said.message(), said.code().code()),
                None => whole(error),
            },
            Self::Unreachable(why) => why.clone(),
            Self::Fenced => "another server has taken over".to_owned(),
            Self::File(error) => format!("the backup: {error}"),
            Self::Fault(fault) => fault.clone().sentence(),
        }
    }
}

/// An error with what caused it.
fn whole(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", whole(source)),
        None => error.to_string(),
    }
}

/// How often something is tried that met another transaction.
const TRIES: u32 = 24;
/// The longest pause between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Tries that are left.
#[derive(Default)]
pub struct Retry(u32);

impl Retry {
    /// Whether it makes sense to try again; waits until then. Only for what may be done twice.
    pub async fn wait(&mut self, failure: &Failure) -> bool {
        self.0 += 1;
        // A broken pool hands out broken connections until it has found out about each.
        let again = failure.is_collision() || (failure.is_broken() && self.0 <= 6);
        if !again || self.0 >= TRIES {
            return false;
        }
        // Not together with the one that it met.
        let mut random = [0; 2];
        let _ = getrandom::fill(&mut random);
        let most = PAUSE.min(Duration::from_millis(1 << self.0.min(7)));
        tokio::time::sleep(most * u32::from(u16::from_be_bytes(random)) / u32::from(u16::MAX)).await;
        true
    }
}
