//! Tables that are the same here and in a backup, which is a SQLite file: read by pages in the order of their keys on one
//! side and written on the other, so that memory stays flat however much there is.

use deadpool_postgres::GenericClient;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::failure::{Done, Failure};
use super::sql::{execute, query};

/// Rows of a page.
pub const PAGE: i64 = 512;

/// A table of both. Its key is the first of its columns.
pub struct Table {
    /// Columns of the key.
    keys: usize,
    columns: &'static [Kind],
    /// The rows after a key: for both engines, with `?1` for the first value.
    read: &'static str,
    /// Into SQLite, a row.
    keep: &'static str,
    /// Into PostgreSQL, a page: an array for each column.
    put: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    Bytes,
    Int,
    Text,
}

use Kind::{Bytes, Int, Text};

macro_rules! table {
    ($name:literal, $columns:literal, $after:literal, $row:literal, $arrays:literal, $keys:literal, $kinds:expr) => {
        Table {
            keys: $keys,
            columns: &$kinds,
            read: concat!("SELECT ", $columns, " FROM ", $name, " WHERE ", $after),
            keep: concat!("INSERT INTO ", $name, " (", $columns, ") VALUES (", $row, ")"),
            put: concat!("INSERT INTO ", $name, " (", $columns, ") SELECT * FROM unnest(", $arrays, ")"),
        }
    };
}

/// What is neither a record nor a key, in an order in which each has what it refers to.
pub const TABLES: &[Table] = &[
    table!(
        "notice",
        "digest, lang, version, first_seen, text",
        "digest > ?1 ORDER BY digest LIMIT ?2",
        "?1, ?2, ?3, ?4, ?5",
        "?1::BYTEA[], ?2::TEXT[], ?3::TEXT[], ?4::INT8[], ?5::TEXT[]",
        1,
        [Bytes, Text, Text, Int, Text]
    ),
    table!(
        "site",
        "site, origin",
        "site > ?1 ORDER BY site LIMIT ?2",
        "?1, ?2",
        "?1::INT8[], ?2::TEXT[]",
        1,
        [Int, Text]
    ),
    table!(
        "refusal_count",
        "site, day, notice, lang, method, layer, n",
        "(site, day, notice, lang, method, layer) > (?1, ?2, ?3, ?4, ?5, ?6)
             ORDER BY site, day, notice, lang, method, layer LIMIT ?7",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7",
        "?1::TEXT[], ?2::TEXT[], ?3::BYTEA[], ?4::TEXT[], ?5::TEXT[], ?6::TEXT[], ?7::INT8[]",
        6,
        [Text, Text, Bytes, Text, Text, Text, Int]
    ),
    table!(
        "log",
        "log, site, origin, size, root, note, min_index, closed_at",
        "log > ?1 ORDER BY log LIMIT ?2",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8",
        "?1::INT8[], ?2::INT8[], ?3::TEXT[], ?4::INT8[], ?5::BYTEA[], ?6::TEXT[], ?7::INT8[], ?8::INT8[]",
        1,
        [Int, Int, Text, Int, Bytes, Text, Int, Int]
    ),
    table!(
        "log_entry",
        "log, idx, bytes",
        "(log, idx) > (?1, ?2) ORDER BY log, idx LIMIT ?3",
        "?1, ?2, ?3",
        "?1::INT8[], ?2::INT8[], ?3::BYTEA[]",
        2,
        [Int, Int, Bytes]
    ),
    table!(
        "log_tile",
        "log, level, tile, hashes",
        "(log, level, tile) > (?1, ?2, ?3) ORDER BY log, level, tile LIMIT ?4",
        "?1, ?2, ?3, ?4",
        "?1::INT8[], ?2::INT8[], ?3::INT8[], ?4::BYTEA[]",
        3,
        [Int, Int, Int, Bytes]
    ),
    table!(
        "log_notice",
        "log, notice, idx",
        "(log, notice) > (?1, ?2) ORDER BY log, notice LIMIT ?3",
        "?1, ?2, ?3",
        "?1::INT8[], ?2::BYTEA[], ?3::INT8[]",
        2,
        [Int, Bytes, Int]
    ),
    table!(
        "log_witness",
        "log, vkey, size, note, line, cosigned_at",
        "(log, vkey) > (?1, ?2) ORDER BY log, vkey LIMIT ?3",
        "?1, ?2, ?3, ?4, ?5, ?6",
        "?1::INT8[], ?2::TEXT[], ?3::INT8[], ?4::TEXT[], ?5::TEXT[], ?6::INT8[]",
        2,
        [Int, Text, Int, Text, Text, Int]
    ),
    table!(
        "log_key",
        "log, key, since, until",
        "(log, key) > (?1, ?2) ORDER BY log, key LIMIT ?3",
        "?1, ?2, ?3, ?4",
        "?1::INT8[], ?2::BYTEA[], ?3::INT8[], ?4::INT8[]",
        2,
        [Int, Bytes, Int, Int]
    ),
    table!(
        "invalid_notice",
        "notice, invalid_at, reason",
        "notice > ?1 ORDER BY notice LIMIT ?2",
        "?1, ?2, ?3",
        "?1::BYTEA[], ?2::INT8[], ?3::TEXT[]",
        1,
        [Bytes, Int, Text]
    ),
];

/// The keys that secrets are sealed with.
pub const SEALING: Table = table!(
    "sealing_key",
    "key, created_at, master, wrapped",
    "key > ?1 ORDER BY key LIMIT ?2",
    "?1, ?2, ?3, ?4",
    "?1::INT8[], ?2::INT8[], ?3::TEXT[], ?4::BYTEA[]",
    1,
    [Int, Int, Text, Bytes]
);

/// What is not a record, between the tables here and the file of its own that a backup has. Who works off a queue is nobody
/// after a restore.
pub const OPERATIONS: &[Table] = &[
    table!(
        "webhook_cursor",
        "endpoint, seq",
        "endpoint > ?1 ORDER BY endpoint LIMIT ?2",
        "?1, ?2",
        "?1::TEXT[], ?2::INT8[]",
        1,
        [Text, Int]
    ),
    table!(
        "webhook_entry",
        "entry, endpoint, message, body, created_at, attempts, next_at, outcome, given_up_at",
        "entry > ?1 ORDER BY entry LIMIT ?2",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9",
        "?1::INT8[], ?2::TEXT[], ?3::TEXT[], ?4::TEXT[], ?5::INT8[], ?6::INT8[], ?7::INT8[], ?8::TEXT[], ?9::INT8[]",
        1,
        [Int, Text, Text, Text, Int, Int, Int, Text, Int]
    ),
    table!(
        "leak",
        "site, day, kind, name, category, n",
        "(site, day, kind, name, category) > (?1, ?2, ?3, ?4, ?5) ORDER BY site, day, kind, name, category LIMIT ?6",
        "?1, ?2, ?3, ?4, ?5, ?6",
        "?1::TEXT[], ?2::TEXT[], ?3::TEXT[], ?4::TEXT[], ?5::TEXT[], ?6::INT8[]",
        5,
        [Text, Text, Text, Text, Text, Int]
    ),
    table!(
        "token",
        "token, name, role, hash, created_at, ended_at",
        "token > ?1 ORDER BY token LIMIT ?2",
        "?1, ?2, ?3, ?4, ?5, ?6",
        "?1::TEXT[], ?2::TEXT[], ?3::TEXT[], ?4::BYTEA[], ?5::INT8[], ?6::INT8[]",
        1,
        [Text, Text, Text, Bytes, Int, Int]
    ),
    table!(
        "access",
        "entry, at, who, action, record_id, reason",
        "entry > ?1 ORDER BY entry LIMIT ?2",
        "?1, ?2, ?3, ?4, ?5, ?6",
        "?1::INT8[], ?2::INT8[], ?3::TEXT[], ?4::TEXT[], ?5::TEXT[], ?6::TEXT[]",
        1,
        [Int, Int, Text, Text, Text, Text]
    ),
    table!(
        "request",
        "number, kind, record_id, subject, received_at, extended_at, extension, closed_at, outcome, reason",
        "number > ?1 ORDER BY number LIMIT ?2",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10",
        "?1::INT8[], ?2::TEXT[], ?3::TEXT[], ?4::TEXT[], ?5::INT8[], ?6::INT8[], ?7::TEXT[], ?8::INT8[], ?9::TEXT[],
             ?10::TEXT[]",
        1,
        [Int, Text, Text, Text, Int, Int, Text, Int, Text, Text]
    ),
];

/// A row, as SQLite has its values.
pub type Cells = Vec<Value>;

impl Table {
    /// From PostgreSQL into SQLite.
    pub async fn copy(&self, from: &impl GenericClient, to: &mut Connection) -> Done<()> {
        let mut after = self.first();
        loop {
            let rows = self.page(from, &after).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.get(..self.keys).unwrap_or_default().to_vec();
            let mut keep = to.prepare_cached(self.keep)?;
            for row in rows {
                keep.execute(params_from_iter(row))?;
            }
        }
    }

    /// From SQLite into PostgreSQL.
    pub async fn bring(&self, from: &mut Connection, to: &impl GenericClient) -> Done<()> {
        let mut after = self.first();
        loop {
            let rows = self.stored(from, &after)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.get(..self.keys).unwrap_or_default().to_vec();
            self.put(to, &rows).await?;
        }
    }

    /// A key before all others.
    fn first(&self) -> Cells {
        let least = |kind: &Kind| match kind {
            Bytes => Value::Blob(Vec::new()),
            Int => Value::Integer(i64::MIN),
            Text => Value::Text(String::new()),
        };
        self.columns.iter().take(self.keys).map(least).collect()
    }

    async fn page(&self, client: &impl GenericClient, after: &[Value]) -> Done<Vec<Cells>> {
        let mut values: Vec<Box<dyn ToSql + Sync + Send>> = after.iter().map(bound).collect();
        values.push(Box::new(PAGE));
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
        query(client, &numbered(self.read), &values).await?.iter().map(cells).collect()
    }

    fn stored(&self, connection: &Connection, after: &[Value]) -> rusqlite::Result<Vec<Cells>> {
        let mut read = connection.prepare_cached(self.read)?;
        let values = after.iter().cloned().chain([Value::Integer(PAGE)]);
        let row = |row: &rusqlite::Row<'_>| (0..self.columns.len()).map(|n| row.get(n)).collect();
        read.query_map(params_from_iter(values), row)?.collect()
    }

    /// Writes rows into PostgreSQL.
    pub async fn put(&self, client: &impl GenericClient, rows: &[Cells]) -> Done<()> {
        let columns: Vec<Column> =
            self.columns.iter().enumerate().map(|(n, kind)| Column::of(*kind, rows, n)).collect::<Done<_>>()?;
        let values: Vec<&(dyn ToSql + Sync)> = columns.iter().map(Column::value).collect();
        execute(client, &numbered(self.put), &values).await.map(drop)
    }
}

/// One column of a page.
enum Column {
    Bytes(Vec<Option<Vec<u8>>>),
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
}

impl Column {
    fn of(kind: Kind, rows: &[Cells], n: usize) -> Done<Self> {
        Ok(match kind {
            Bytes => Self::Bytes(column(rows, n, |cell| match cell {
                Value::Blob(bytes) => Some(bytes.clone()),
                _ => None,
            })?),
            Int => Self::Int(column(rows, n, |cell| match cell {
                Value::Integer(number) => Some(*number),
                _ => None,
            })?),
            Text => Self::Text(column(rows, n, |cell| match cell {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            })?),
        })
    }

    fn value(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Bytes(column) => column,
            Self::Int(column) => column,
            Self::Text(column) => column,
        }
    }
}

fn column<T>(rows: &[Cells], n: usize, read: fn(&Value) -> Option<T>) -> Done<Vec<Option<T>>> {
    let cell = |row: &Cells| match row.get(n) {
        None | Some(Value::Null) => Ok(None),
        Some(cell) => match read(cell) {
            None => Err(Failure::damaged("the backup has something else in a column than belongs there")),
            read => Ok(read),
        },
    };
    rows.iter().map(cell).collect()
}

fn bound(value: &Value) -> Box<dyn ToSql + Sync + Send> {
    match value {
        Value::Blob(bytes) => Box::new(bytes.clone()),
        Value::Integer(number) => Box::new(*number),
        Value::Text(text) => Box::new(text.clone()),
        Value::Null | Value::Real(_) => Box::new(None::<i64>),
    }
}

fn cells(row: &Row) -> Done<Cells> {
    let cell = |n: usize| -> Done<Value> {
        Ok(match *row.columns()[n].type_() {
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(n)?.map_or(Value::Null, Value::Blob),
            Type::INT8 => row.try_get::<_, Option<i64>>(n)?.map_or(Value::Null, Value::Integer),
            _ => row.try_get::<_, Option<String>>(n)?.map_or(Value::Null, Value::Text),
        })
    };
    (0..row.len()).map(cell).collect()
}

/// PostgreSQL writes `$1` for the first value.
pub fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

#[cfg(test)]
mod tests {
    use super::super::schema::MIGRATIONS;
    use super::*;

    #[test]
    fn a_backup_has_every_table_but_those_that_are_only_about_servers_at_work() {
        // Records with their places go by statements of their own (`export`, `import`); the inbox has what no receipt was
        // given for, the sequencer who works now.
        let apart = ["record", "place", "inbox", "sequencer"];
        let carried = TABLES.iter().chain(OPERATIONS).chain([&SEALING]);
        let carried: Vec<_> =
            carried.filter_map(|table| table.read.split(" FROM ").nth(1)?.split(' ').next()).collect();
        let mut made = 0;
        for sql in MIGRATIONS {
            for made_here in sql.split("CREATE TABLE IF NOT EXISTS askfirst.").skip(1) {
                let name = made_here.split(' ').next().unwrap_or_default();
                assert!(carried.contains(&name) != apart.contains(&name), "{name}");
                made += 1;
            }
        }
        assert_eq!(made, carried.len() + apart.len());
    }
}
