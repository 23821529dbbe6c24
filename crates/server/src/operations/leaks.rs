//! Counts of leaks: what pages of a site saw happen that the choice did not allow. Summed per site and day; nothing
//! says on whose page, so nobody can be found in them.

use askfirst_core::json::{Value, map};
use askfirst_core::time::{self, Millis};

use super::{Connection, Error};

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
pub fn add(connection: &Connection<'_>, site: &str, leaks: &[Leak], now: Millis) -> Result<(), Error> {
    let day = time::date(now);
    for Leak { kind, name, category, count } in leaks {
        let update =
            "UPDATE leak SET n = n + ?6 WHERE site = ?1 AND day = ?2 AND kind = ?3 AND name = ?4 AND category = ?5";
        if connection.execute(update, &[&site, &day, kind, name, category, count])? > 0 {
            continue;
        }
        let known = "SELECT count(*) FROM leak WHERE site = ?1 AND day = ?2";
        let known = connection.first(known, &[&site, &day], |row| row.get::<i64>(0))?;
        let (name, category) = match known.unwrap_or(0) < NAMES {
            true => (name.as_str(), category.as_str()),
            false => (REST, REST),
        };
        let insert = "INSERT INTO leak (site, day, kind, name, category, n) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                      ON CONFLICT (site, day, kind, name, category) DO UPDATE SET n = leak.n + excluded.n";
        connection.execute(insert, &[&site, &day, kind, &name, &category, count])?;
    }
    Ok(())
}

/// The sums since a day, the newest day first and the greatest before.
pub fn sums(connection: &Connection<'_>, since: Millis) -> Result<Vec<Sum>, Error> {
    let sql = "SELECT site, day, kind, name, category, n FROM leak WHERE day >= ?1
               ORDER BY day DESC, n DESC, site, kind, name, category";
    connection.query(sql, &[&time::date(since)], |row| {
        Ok(Sum {
            site: row.get(0)?,
            day: row.get(1)?,
            kind: row.get(2)?,
            name: row.get(3)?,
            category: row.get(4)?,
            count: row.get(5)?,
        })
    })
}
