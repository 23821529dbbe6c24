//! Statements are prepared once per connection; every value is a bound parameter.

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::failure::{Done, Failure};

pub type Parameters<'a> = [&'a (dyn ToSql + Sync)];

pub async fn query(client: &impl GenericClient, sql: &str, parameters: &Parameters<'_>) -> Done<Vec<Row>> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, parameters).await?)
}

/// How many rows it has changed.
pub async fn execute(client: &impl GenericClient, sql: &str, parameters: &Parameters<'_>) -> Done<u64> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.execute(&statement, parameters).await?)
}

/// A value of a length that is known.
pub fn bytes<const N: usize>(bytes: Vec<u8>) -> Done<[u8; N]> {
    bytes.try_into().map_err(|_| Failure::damaged("an id or a digest has another length than it had"))
}

pub fn hash(hash: Vec<u8>) -> Done<[u8; 32]> {
    bytes(hash)
}
