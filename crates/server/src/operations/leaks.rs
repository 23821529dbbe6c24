//! Counts of leaks: what pages of a site saw happen that the choice did not allow. Summed per site and day; nothing
//! says on whose page, so nobody can be found in them.

use askfirst_core::json::{Value, map};
use askfirst_core::time::{self, Millis};
use rusqlite::{Connection, params};

/// Names that one site may have on one day. What comes past them is summed under [`REST`]: whoever sends names at random
/// fills no disk.
const NAMES: i64 = 500;
/// The name of what was not counted by its own.
pub const REST: &str = "*";

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    pub kind: &'static str,
    pub name: String,
    pub category: String,
    pub count: i64,
}

/// A sum of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    pub site: String,
    /// `2026-11-22`, UTC.
    pub day: String,
    pub kind: String,
    pub name: String,
    pub category: String,
    pub count: i64,
}

impl Sum {
    pub fn to_value(&self) -> Value {
        map([
            ("site", self.site.as_str().into()),
            ("day", self.day.as_str().into()),
            ("kind", self.kind.as_str().into()),
            ("name", self.name.as_str().into()),
            ("category", self.category.as_str().into()),
            ("count", self.count.into()),
        ])
    }
}

/// Adds to the sums of today.
pub fn add(connection: &Connection, site: &str, leaks: &[Leak], now: Millis) -> rusqlite::Result<()> {
    let day = time::date(now);
    let mut update = connection.prepare_cached(
        "UPDATE leak SET n = n + ?6 WHERE site = ?1 AND day = ?2 AND kind = ?3 AND name = ?4 AND category = ?5",
    )?;
    let mut known = connection.prepare_cached("SELECT count(*) FROM leak WHERE site = ?1 AND day = ?2")?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO leak (site, day, kind, name, category, n) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET n = n + excluded.n",
    )?;
    for leak in leaks {
        if update.execute(params![site, day, leak.kind, leak.name, leak.category, leak.count])? > 0 {
            continue;
        }
        let (name, category) = match known.query_row(params![site, day], |row| row.get::<_, i64>(0))? < NAMES {
            true => (leak.name.as_str(), leak.category.as_str()),
            false => (REST, REST),
        };
        insert.execute(params![site, day, leak.kind, name, category, leak.count])?;
    }
    Ok(())
}

/// The sums since a day, the newest day first and the greatest before.
pub fn sums(connection: &Connection, since: Millis) -> rusqlite::Result<Vec<Sum>> {
    connection
        .prepare_cached(
            "SELECT site, day, kind, name, category, n FROM leak WHERE day >= ?1
             ORDER BY day DESC, n DESC, site, kind, name, category",
        )?
        .query_map([time::date(since)], |row| {
            Ok(Sum {
                site: row.get(0)?,
                day: row.get(1)?,
                kind: row.get(2)?,
                name: row.get(3)?,
                category: row.get(4)?,
                count: row.get(5)?,
            })
        })?
        .collect()
}
