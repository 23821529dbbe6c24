//! Tokens of people and programs that may do more than a page may (S7). A token is shown once, when it is made; what is
//! kept is its SHA-256, which is enough for 256 random bits.

use askfirst_core::digest::{base64url, sha256};
use askfirst_core::time::Millis;
use subtle::ConstantTimeEq;

use super::{Connection, Error};

const PREFIX: &str = "aft_";
/// Letters of the part by which a token is found, which is no secret.
const ID: usize = 8;

/// What somebody may do. Neither includes the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sees records and who has read them, and changes nothing.
    Auditor,
    /// Registers notices, holds and erases records, and sees none of them.
    Operator,
}

impl Role {
    pub const ALL: [(Self, &str); 2] = [(Self::Auditor, "auditor"), (Self::Operator, "operator")];

    pub fn name(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(role, _)| role)
    }
}

/// Somebody whose token was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub name: String,
    pub role: Role,
}

/// A token as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: String,
    pub name: String,
    pub role: String,
    pub created_at: Millis,
    /// When it was revoked, or ends by itself.
    pub ended_at: Option<Millis>,
}

/// Makes a token. `None` when the system has no random bytes to give.
pub fn make() -> Option<(String, String)> {
    let mut bytes = [0; 36];
    getrandom::fill(&mut bytes).ok()?;
    let (id, secret) = bytes.split_at(4);
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let token = [PREFIX, &id, "_", &base64url(secret)].concat();
    Some((id, token))
}

/// Keeps a new token.
pub fn add(
    connection: &Connection<'_>,
    (id, token): (&str, &str),
    name: &str,
    role: Role,
    now: Millis,
    ends_at: Option<Millis>,
) -> Result<(), Error> {
    let sql = "INSERT INTO token (token, name, role, hash, created_at, ended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let hash = sha256(token.as_bytes());
    connection.execute(sql, &[&id, &name, &role.name(), &hash.as_slice(), &now, &ends_at]).map(drop)
}

/// Whose token this is. An unknown one is compared too, with nothing.
pub fn check(connection: &Connection<'_>, token: &str, now: Millis) -> Result<Option<Holder>, Error> {
    let id = token.strip_prefix(PREFIX).and_then(|rest| rest.get(..ID)).unwrap_or_default();
    // PostgreSQL takes no NUL in a text, and no token has one.
    let id = if id.contains('\0') { "" } else { id };
    let sql = "SELECT hash, name, role FROM token WHERE token = ?1 AND (ended_at IS NULL OR ended_at > ?2)";
    let found = connection
        .first(sql, &[&id, &now], |row| Ok((row.get::<Vec<u8>>(0)?, row.get::<String>(1)?, row.get::<String>(2)?)))?;
    let (hash, name, role) = found.unwrap_or_else(|| (vec![0; 32], String::new(), String::new()));
    let right: bool = hash.as_slice().ct_eq(&sha256(token.as_bytes())).into();
    Ok(Role::named(&role).filter(|_| right).map(|role| Holder { name, role }))
}

/// Ends a token; whether there was one to end.
pub fn revoke(connection: &Connection<'_>, id: &str, now: Millis) -> Result<bool, Error> {
    let sql = "UPDATE token SET ended_at = ?2 WHERE token = ?1 AND (ended_at IS NULL OR ended_at > ?2)";
    Ok(connection.execute(sql, &[&id, &now])? > 0)
}

pub fn list(connection: &Connection<'_>) -> Result<Vec<Listed>, Error> {
    let sql = "SELECT token, name, role, created_at, ended_at FROM token ORDER BY created_at, token";
    connection.query(sql, &[], |row| {
        Ok(Listed {
            id: row.get(0)?,
            name: row.get(1)?,
            role: row.get(2)?,
            created_at: row.get(3)?,
            ended_at: row.get(4)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::Operations;

    #[test]
    fn a_token_is_right_whole_until_it_ends_and_is_kept_as_a_hash_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("operations");
        let operations = Operations::open(&path).unwrap();
        let (id, token) = make().unwrap();
        let who = |token: &str, now| operations.run(|connection| check(connection, token, now)).unwrap();
        operations.run(|connection| add(connection, (&id, &token), "Eva", Role::Auditor, 1_000, Some(5_000))).unwrap();
        assert_eq!(who(&token, 2_000), Some(Holder { name: "Eva".to_owned(), role: Role::Auditor }));
        assert_eq!(who(&token, 5_000), None);
        let other = token.replace(&id, "00000000");
        for wrong in ["", "aft_", &id, &token[..token.len() - 1], &format!("{token}A"), &other, "aft_é"] {
            assert_eq!(who(wrong, 2_000), None, "{wrong}");
        }
        assert!(operations.run(|connection| revoke(connection, &id, 3_000)).unwrap());
        assert!(!operations.run(|connection| revoke(connection, &id, 3_500)).unwrap());
        assert_eq!(who(&token, 3_000), None);
        drop(operations);
        let stored = std::fs::read(&path).unwrap();
        let secret = &token[PREFIX.len() + ID + 1..];
        assert!(!stored.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
}
