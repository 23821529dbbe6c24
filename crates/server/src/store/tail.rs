//! Following what is stored, in order of its place: for those who are told about it.

use rusqlite::Connection;

use super::{Sqlite, StoreError, readers};
use crate::evidence::Evidence;

impl Sqlite {
    /// The place of the newest record; 0 when there is none.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn newest(&self) -> Result<i64, StoreError> {
        self.readers.with(newest).await
    }

    /// The records after a place, the oldest first, at most `most`, each with its place.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn after(&self, seq: i64, most: usize) -> Result<Vec<(i64, Evidence)>, StoreError> {
        self.readers.with(move |connection| after(connection, seq, most)).await
    }
}

fn newest(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT ifnull(max(seq), 0) FROM record")?.query_row([], |row| row.get(0))
}

fn after(connection: &Connection, seq: i64, most: usize) -> rusqlite::Result<Vec<(i64, Evidence)>> {
    let places = connection
        .prepare_cached("SELECT seq FROM record WHERE seq > ?1 ORDER BY seq LIMIT ?2")?
        .query_map(rusqlite::params![seq, most], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    let read = |seq| Ok(readers::evidence(connection, seq)?.map(|evidence| (seq, evidence)));
    places.into_iter().map(read).filter_map(Result::transpose).collect()
}
