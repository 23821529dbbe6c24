//! Who has read or changed which record, when and why (S7). What the record says is not copied.

use askfirst_core::json::{Value, map};
use askfirst_core::time::{self, Millis};

use super::{Connection, Error, fresh};

/// One read or change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub at: Millis,
    /// The name of a token, or `console:` and the user's.
    pub who: String,
    /// A code: `read`, `pack`, `export` (one of all), `claim`, `hold`, `release`, `erase`; `notice` for one that was registered,
    /// whose digest is the reason.
    pub action: String,
    pub record_id: Option<String>,
    pub reason: String,
}

impl Access {
    pub fn to_value(&self) -> Value {
        map([
            ("at", time::instant(self.at).into()),
            ("who", self.who.as_str().into()),
            ("action", self.action.as_str().into()),
            ("record_id", self.record_id.as_deref().into()),
            ("reason", self.reason.as_str().into()),
        ])
    }
}

pub fn add(connection: &Connection<'_>, access: &Access) -> Result<(), Error> {
    let sql = "INSERT INTO access (entry, at, who, action, record_id, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let Access { at, who, action, record_id, reason } = access;
    connection.execute(sql, &[&fresh(*at), at, who, action, record_id, reason]).map(drop)
}

/// Since a time, the newest first.
pub fn list(connection: &Connection<'_>, since: Millis) -> Result<Vec<Access>, Error> {
    let sql = "SELECT at, who, action, record_id, reason FROM access WHERE at >= ?1 ORDER BY at DESC, entry DESC";
    connection.query(sql, &[&since], |row| {
        Ok(Access {
            at: row.get(0)?,
            who: row.get(1)?,
            action: row.get(2)?,
            record_id: row.get(3)?,
            reason: row.get(4)?,
        })
    })
}
