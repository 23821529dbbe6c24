//! Bodies at rest (S6; GDPR Art. 17, 32). With a master key each record has a key of its own: its secret, which its salts
//! are made of anyhow. The body is sealed under it, the secret under a sealing key of the store, that one under the master
//! key, which is kept elsewhere. Erasing a record destroys its secret, and with it the body in every copy of the database
//! that does not have the secret too (`backup`).
//!
//! A key for each record instead of one for each visitor: nothing has to be looked up when a record comes in, and one
//! record can be erased while another of the same visitor is held for a legal claim.

pub(super) mod cipher;
mod file;
mod master;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use askfirst_core::time::Millis;
use hkdf::Hkdf;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use sha2::Sha256;

pub use file::SqliteFile;
pub use master::Master;

use super::secret::Secret;
use super::{NewRecord, database};

/// The first byte of a sealed secret.
const FORM: u8 = 1;

/// What `plain_secret` says where no key was given.
pub const SEALED: &str = "the records are sealed: say with --master-key where the master key is";

/// How old a sealing key is before a server seals with it where several share a store: by then each has learnt it.
const LEARNT: Millis = 60_000;

/// The sealing keys of a store, unwrapped.
pub struct Sealing {
    keys: RwLock<Keys>,
    /// What tags of subjects are made with.
    tags: [u8; 32],
}

struct Keys {
    all: BTreeMap<i64, [u8; 32]>,
    /// The one that seals.
    newest: (i64, [u8; 32]),
}

/// What stands in the row of a sealed record.
#[derive(Clone, Debug)]
pub struct Sealed {
    pub secret: Vec<u8>,
    pub body: Vec<u8>,
    pub subject: [u8; 16],
}

impl Sealing {
    /// The keys of a store. `None` when nothing in it is sealed and no master key was given.
    ///
    /// # Errors
    /// A sentence for the person at the console: the records are sealed and there is no key, or another one.
    pub fn of(connection: &Connection, master: Option<&Master>) -> Result<Option<Arc<Self>>, String> {
        Self::from_rows(rows(connection).map_err(|error| error.to_string())?, master)
    }

    /// The same from what is stored, whatever the engine.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn from_rows(rows: Vec<Row>, master: Option<&Master>) -> Result<Option<Arc<Self>>, String> {
        let Some(master) = master else {
            return if rows.is_empty() { Ok(None) } else { Err(SEALED.to_owned()) };
        };
        let mut keys = BTreeMap::new();
        for row in rows {
            let other =
                || format!("the master key is {}, and these records were sealed with {}", master.id(), row.master);
            let broken = || format!("sealing key {} does not open under its master key: it was changed", row.key);
            let key = master.unwrap(row.key, &row.wrapped);
            let key = key.ok_or_else(|| if row.master == master.id() { broken() } else { other() })?;
            keys.insert(row.key, key);
        }
        Ok(Self::from_keys(keys).map(Arc::new))
    }

    /// Takes in the keys that another program has begun, and seals with the newest that every server has had the time to learn.
    /// Answers those that the master key does not open: they are under another one.
    pub fn learn(&self, rows: &[Row], master: &Master, now: Millis) -> Vec<i64> {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let mut shut = Vec::new();
        for row in rows {
            if keys.all.contains_key(&row.key) {
                continue;
            }
            match master.unwrap(row.key, &row.wrapped) {
                Some(key) => drop(keys.all.insert(row.key, key)),
                None => shut.push(row.key),
            }
        }
        let learnt = rows.iter().filter(|row| row.created_at.saturating_add(LEARNT) <= now).map(|row| row.key);
        let first = keys.all.keys().next().copied();
        let newest = learnt.filter(|key| keys.all.contains_key(key)).max().or(first);
        if let Some((number, key)) = newest.and_then(|number| Some((number, *keys.all.get(&number)?))) {
            keys.newest = (number, key);
        }
        shut
    }

    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for a store that records will be sealed in: its first key is made now.
    ///
    /// # Errors
    /// As [`Self::of`], or the key can't be stored.
    pub fn begin(connection: &Connection, master: Option<&Master>, now: Millis) -> Result<Option<Arc<Self>>, String> {
        if let (None, Some(master)) = (Self::of(connection, master)?, master) {
            add_key(connection, master, now)?;
        }
        Self::of(connection, master)
    }

    fn from_keys(all: BTreeMap<i64, [u8; 32]>) -> Option<Self> {
        let newest = all.iter().next_back().map(|(number, key)| (*number, *key))?;
        // Of the first key, so that a tag stays the same when another one begins.
        let tags = expand(all.values().next()?, b"askfirst subject tag v1")?;
        Some(Self { keys: RwLock::new(Keys { all, newest }), tags })
    }

    /// Seals a record.
    pub fn seal(&self, record: &NewRecord, secret: &Secret) -> Option<Sealed> {
        let (number, key) = &self.keys().newest;
        let mut bytes = vec![FORM];
        bytes.extend_from_slice(&u32::try_from(*number).ok()?.to_be_bytes());
        bytes.extend(master::seal(key, &record.record_id, secret.bytes())?);
        let body = secret.seal(&record.body)?;
        Some(Sealed { secret: bytes, body, subject: self.subject_tag(&record.subject)? })
    }

    /// What stands for a subject in the rows of its records, so that they can be found.
    pub fn subject_tag(&self, subject: &[u8; 16]) -> Option<[u8; 16]> {
        expand(&self.tags, subject)
    }

    /// The 32 bytes of a sealed secret. `None` when it was changed.
    pub fn secret(&self, sealed: &[u8], record_id: &[u8]) -> Option<Vec<u8>> {
        let (number, sealed) = sealed.strip_prefix(&[FORM])?.split_first_chunk::<4>()?;
        let key = *self.keys().all.get(&i64::from(u32::from_be_bytes(*number)))?;
        master::open(&key, record_id, sealed)
    }
}

/// Gives a connection the SQL function `plain_secret(secret, record_id)`: the 32 bytes of a record's secret, sealed or
/// not; NULL when it was changed.
///
/// # Errors
/// SQLite's.
pub fn register(connection: &Connection, sealing: Option<Arc<Sealing>>) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("plain_secret", 2, flags, move |context: &Context<'_>| {
        let (ValueRef::Blob(secret), ValueRef::Blob(record_id)) = (context.get_raw(0), context.get_raw(1)) else {
            return Ok(None);
        };
        match &sealing {
            _ if secret.len() == 32 => Ok(Some(secret.to_vec())),
            Some(sealing) => Ok(sealing.secret(secret, record_id)),
            None => Err(rusqlite::Error::UserFunctionError(SEALED.into())),
        }
    })
}

/// Wraps every sealing key under another master key and begins another one for what comes: who has an old copy of the
/// database and the old master key opens nothing that is sealed from then on. Answers how many keys were wrapped.
///
/// # Errors
/// A sentence for the person at the console.
pub fn rotate(file: &SqliteFile, new: &Master, now: Millis) -> Result<usize, String> {
    let say = |why: String| format!("{}: {why}", file.display());
    let old = file.master.as_ref().ok_or_else(|| say("say with --master-key where the key in use is".to_owned()))?;
    let connection = database::open_writer(file).map_err(|error| say(error.to_string()))?;
    wrap_anew(&connection, old, new, now).map_err(say)
}

fn wrap_anew(connection: &Connection, old: &Master, new: &Master, now: Millis) -> Result<usize, String> {
    let say = |error: rusqlite::Error| error.to_string();
    // It is rolled back when it is dropped before its commit.
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate).map_err(say)?;
    let rows = rewrapped(rows(&transaction).map_err(say)?, old, new)?;
    for Row { key, master, wrapped, .. } in &rows {
        let changed = "UPDATE sealing_key SET master = ?2, wrapped = ?3 WHERE key = ?1";
        transaction.execute(changed, params![key, master, wrapped]).map_err(say)?;
    }
    add_key(&transaction, new, now)?;
    transaction.commit().map_err(say)?;
    Ok(rows.len())
}

/// The same sealing keys under another master key.
///
/// # Errors
/// A sentence for the person at the console: `old` does not open them, or nothing is sealed.
pub fn rewrapped(rows: Vec<Row>, old: &Master, new: &Master) -> Result<Vec<Row>, String> {
    let Some(sealing) = Sealing::from_rows(rows.clone(), Some(old))? else {
        return Err("nothing in this database is sealed".to_owned());
    };
    let wrap = |row: Row| {
        let wrapped = sealing.keys().all.get(&row.key).and_then(|key| new.wrap(row.key, key));
        let wrapped = wrapped.ok_or("the system has no random bytes to give")?;
        Ok(Row { master: new.id().to_owned(), wrapped, ..row })
    };
    rows.into_iter().map(wrap).collect()
}

/// Begins another sealing key under the master key in use: what comes after the next start is sealed with it. Answers its
/// number.
///
/// # Errors
/// A sentence for the person at the console: nothing is sealed, or the master key is another one.
pub fn begin_key(file: &SqliteFile, now: Millis) -> Result<i64, String> {
    let say = |why: String| format!("{}: {why}", file.display());
    let connection = database::open_writer(file).map_err(|error| say(error.to_string()))?;
    let master = in_use(Sealing::of(&connection, file.master.as_ref()), file.master.as_ref()).map_err(say)?;
    add_key(&connection, master, now).map_err(say)
}

/// The master key, when it opens what is there.
///
/// # Errors
/// A sentence for the person at the console.
pub fn in_use(opened: Result<Option<Arc<Sealing>>, String>, master: Option<&Master>) -> Result<&Master, String> {
    match (opened?, master) {
        (Some(_), Some(master)) => Ok(master),
        _ => Err("nothing in this database is sealed".to_owned()),
    }
}

/// The keys that the records of a file are sealed with.
///
/// # Errors
/// A sentence for the person at the console.
pub fn list(file: &SqliteFile) -> Result<Vec<Row>, String> {
    let rows = database::open_reader(file).and_then(|connection| rows(&connection));
    rows.map_err(|error| format!("{}: {error}", file.display()))
}

/// A sealing key as it is stored.
#[derive(Clone, Debug)]
pub struct Row {
    pub key: i64,
    pub created_at: Millis,
    /// The id of the master key.
    pub master: String,
    pub wrapped: Vec<u8>,
}

impl Row {
    /// A new key under a master key.
    ///
    /// # Errors
    /// The system has no random bytes to give.
    pub fn new(number: i64, master: &Master, now: Millis) -> Result<Self, String> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| error.to_string())?;
        let wrapped = master.wrap(number, &key).ok_or("the system has no random bytes to give")?;
        Ok(Self { key: number, created_at: now, master: master.id().to_owned(), wrapped })
    }
}

/// The sealing keys of a store.
///
/// # Errors
/// SQLite's.
pub fn rows(connection: &Connection) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare("SELECT key, created_at, master, wrapped FROM sealing_key ORDER BY key")?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok(Row { key: row.get(0)?, created_at: row.get(1)?, master: row.get(2)?, wrapped: row.get(3)? })
    };
    statement.query_map([], row)?.collect()
}

fn add_key(connection: &Connection, master: &Master, now: Millis) -> Result<i64, String> {
    let say = |error: rusqlite::Error| error.to_string();
    let number: i64 =
        connection.query_row("SELECT coalesce(max(key), 0) + 1 FROM sealing_key", [], |row| row.get(0)).map_err(say)?;
    let Row { key, created_at, master, wrapped } = Row::new(number, master, now)?;
    connection
        .execute(
            "INSERT INTO sealing_key (key, created_at, master, wrapped) VALUES (?1, ?2, ?3, ?4)",
            params![key, created_at, master, wrapped],
        )
        .map(|_| key)
        .map_err(say)
}

/// HKDF-Expand (RFC 5869) of a key that is random already.
fn expand<const N: usize>(key: &[u8; 32], purpose: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(key).ok()?.expand(purpose, &mut out).ok()?;
    Some(out)
}
