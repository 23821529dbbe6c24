//! One SQL for both homes of operational data: a file of its own, or tables beside the records on PostgreSQL. The text is the
//! same, with `?1` for the first value; every value is bound.

use std::fmt;

use rusqlite::ErrorCode;
use tokio::runtime::Handle;
use tokio_postgres::types::FromSqlOwned;

use crate::store::StoreError;

/// A transaction.
pub enum Connection<'a> {
    File(&'a rusqlite::Connection),
    /// The runtime drives the connection, while the thread that asks waits.
    Postgres(&'a Handle, &'a tokio_postgres::Transaction<'a>),
}

/// A value for a place in the SQL.
pub trait Value: rusqlite::ToSql + tokio_postgres::types::ToSql + Sync {}
impl<T: rusqlite::ToSql + tokio_postgres::types::ToSql + Sync> Value for T {}

/// What a column can be read as.
pub trait Column: rusqlite::types::FromSql + FromSqlOwned {}
impl<T: rusqlite::types::FromSql + FromSqlOwned> Column for T {}

/// One row of an answer.
pub enum Row<'a> {
    File(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

/// Why nothing of it was done.
#[derive(Debug)]
pub enum Error {
    File(rusqlite::Error),
    Postgres(tokio_postgres::Error),
    /// No connection could be had.
    Away(String),
}

impl Connection<'_> {
    /// Changes something; how many rows.
    ///
    /// # Errors
    /// Nothing is changed.
    pub fn execute(&self, sql: &str, values: &[&dyn Value]) -> Result<u64, Error> {
        match self {
            Self::File(connection) => {
                let values: Vec<&dyn rusqlite::ToSql> =
                    values.iter().map(|value| *value as &dyn rusqlite::ToSql).collect();
                Ok(connection.prepare_cached(sql)?.execute(&*values)? as u64)
            }
            Self::Postgres(runtime, transaction) => {
                Ok(runtime.block_on(transaction.execute(&numbered(sql), &bound(values)))?)
            }
        }
    }

    /// Reads rows.
    ///
    /// # Errors
    /// They can't be read.
    pub fn query<T>(
        &self,
        sql: &str,
        values: &[&dyn Value],
        mut each: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        match self {
            Self::File(connection) => {
                let values: Vec<&dyn rusqlite::ToSql> =
                    values.iter().map(|value| *value as &dyn rusqlite::ToSql).collect();
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(&*values)?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push(each(&Row::File(row))?);
                }
                Ok(found)
            }
            Self::Postgres(runtime, transaction) => {
                let rows = runtime.block_on(transaction.query(&numbered(sql), &bound(values)))?;
                rows.iter().map(|row| each(&Row::Postgres(row))).collect()
            }
        }
    }

    /// The first row, when there is one.
    ///
    /// # Errors
    /// It can't be read.
    pub fn first<T>(
        &self,
        sql: &str,
        values: &[&dyn Value],
        each: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.query(sql, values, each)?.into_iter().next())
    }
}

impl Row<'_> {
    /// The column of this number, from 0.
    ///
    /// # Errors
    /// It is something else.
    pub fn get<T: Column>(&self, column: usize) -> Result<T, Error> {
        match self {
            Self::File(row) => Ok(row.get(column)?),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }
}

/// PostgreSQL writes `$1` for the first value.
fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

fn bound<'a>(values: &[&'a dyn Value]) -> Vec<&'a (dyn tokio_postgres::types::ToSql + Sync)> {
    values.iter().map(|value| *value as &(dyn tokio_postgres::types::ToSql + Sync)).collect()
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::File(error)
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "the file of operational data: {error}"),
            Self::Postgres(error) => match error.as_db_error() {
                Some(error) => write!(f, "the operational data: {} ({})", error.message(), error.code().code()),
                None => write!(f, "the operational data: {error}"),
            },
            Self::Away(why) => write!(f, "the operational data: {why}"),
        }
    }
}

impl Error {
    /// What a request is answered. The code goes to the log, never a value.
    pub fn into_store(self) -> StoreError {
        match &self {
            Self::File(error) => {
                tracing::error!(code = ?error.sqlite_error_code(), "the file of operational data can't be used");
                match error.sqlite_error_code() {
                    Some(ErrorCode::DiskFull) => StoreError::Full,
                    _ => StoreError::Unavailable,
                }
            }
            Self::Postgres(error) => {
                let code = error.code().map_or("connection", tokio_postgres::error::SqlState::code);
                tracing::error!(code, "the tables of operational data can't be used");
                StoreError::Unavailable
            }
            Self::Away(_) => {
                tracing::error!(code = "connection", "the tables of operational data can't be reached");
                StoreError::Unavailable
            }
        }
    }
}
