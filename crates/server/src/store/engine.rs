//! The two engines behind one name: what the HTTP and the command line ask of a store, whichever it is.
//!
//! A method of one engine that the other lacks does not compile here: there is no silent difference between them.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use askfirst_core::log::evidence::Pack;
use askfirst_core::log::{Hash, LogKey, Resource, VerifierKey};
use askfirst_core::record::Count;
use askfirst_core::time::{Millis, Period};

use super::backup::{self, Copied};
use super::interface::Interface;
use super::invalid::{self, Affected};
use super::log::check::Looked;
use super::log::keys::Step;
use super::log::read::Head;
use super::log::witness::{Cosigned, Followed};
use super::log::{Inclusion, Seeds};
use super::pack::Pages;
use super::postgres::{Address, Postgres};
use super::restore::{self, Beside, Files, Restored};
use super::retention::Due;
use super::sealing::{self, Master, SqliteFile};
use super::{
    AboutNotice, Counted, Erased, Figures, Inserted, NewNotice, NewRecord, Options, Restriction, Sqlite, StoreError,
    recover, rotate,
};
use crate::evidence::Evidence;

/// Where the records are kept: what `--database` names.
#[derive(Clone, Debug)]
pub enum Database {
    Sqlite(SqliteFile),
    Postgres(Box<Address>),
}

/// The open store.
pub enum Store {
    Sqlite(Box<Sqlite>),
    Postgres(Box<Postgres>),
}

impl Database {
    /// Reads `postgres://…`, `sqlite:PATH` or a path.
    ///
    /// # Errors
    /// What is wrong with it, without repeating a password.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        if let Some(url) =
            text.to_str().filter(|text| ["postgres://", "postgresql://"].iter().any(|s| text.starts_with(s)))
        {
            return Address::parse(url).map(Box::new).map(Self::Postgres);
        }
        let path = text.to_str().and_then(|text| text.strip_prefix("sqlite:")).map_or(text, OsStr::new);
        if path.is_empty() { Err("names no file".to_owned()) } else { Ok(Self::Sqlite(Path::new(path).into())) }
    }

    /// The same with the master key that bodies are sealed with (S6).
    ///
    /// # Errors
    /// The engine can't seal.
    pub fn with_master(self, master: Master) -> Result<Self, String> {
        match self {
            Self::Sqlite(file) => Ok(Self::Sqlite(SqliteFile { master: Some(master), ..file })),
            Self::Postgres(address) => Ok(Self::Postgres(Box::new(Address { master: Some(master), ..*address }))),
        }
    }

    /// Opens it as a server does: makes it or brings it up to date where needed.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn open(&self, options: &Options) -> Result<Store, String> {
        match self {
            Self::Sqlite(file) => {
                let master = file.master.clone().or_else(|| options.master.clone());
                Store::open(file, &Options { master, ..options.clone() })
            }
            Self::Postgres(address) => Ok(Store::Postgres(Box::new(Postgres::open(address, options).await?))),
        }
    }

    /// The file on this machine, when it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// For commands that look at a store and make none.
    ///
    /// # Errors
    /// There is no such file.
    pub fn require(&self) -> Result<(), String> {
        match self {
            Self::Sqlite(path) if path.is_file() => Ok(()),
            Self::Sqlite(path) => Err(format!("{}: there is no such file", path.display())),
            // Whether it is there shows when it is asked.
            Self::Postgres(_) => Ok(()),
        }
    }

    /// What is stored under a record id, for `askfirst export`; a server may be running.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn read(&self, record_id: &str) -> Result<Vec<Evidence>, String> {
        match self {
            Self::Sqlite(path) => super::read(path, record_id),
            Self::Postgres(address) => address.read(record_id).await,
        }
    }

    /// Every record of a subject, for whoever must answer the person; a server may be running.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn of_subject(&self, subject: [u8; 16]) -> Result<Vec<Evidence>, String> {
        match self {
            Self::Sqlite(path) => super::of_subject(path, subject),
            Self::Postgres(address) => address.of_subject(subject).await,
        }
    }

    /// The evidence packs of the records with this id, one per site.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn packs(&self, record_id: &str) -> Result<Vec<Pack>, String> {
        match self {
            Self::Sqlite(path) => super::packs(path, record_id),
            Self::Postgres(address) => address.packs(record_id).await,
        }
    }

    /// Goes through the packs of all records. A server may be running.
    pub fn all_packs(&self) -> Pages<'_> {
        Pages::new(self)
    }

    /// What a purge would erase now, for `askfirst purge --dry-run`.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn due(&self, now: Millis, keep: Period) -> Result<Due, String> {
        match self {
            Self::Sqlite(path) => super::due(path, now, keep),
            Self::Postgres(address) => address.due(now, keep).await,
        }
    }

    /// What declaring a notice faulty is about; a server may be running.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn affected(&self, digest: &str, now: Millis) -> Result<Affected, String> {
        match self {
            Self::Sqlite(path) => invalid::look(path, digest, now),
            Self::Postgres(address) => address.affected(digest, now).await,
        }
    }

    /// The digests of the notices with this version, in every language.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn notices_of(&self, version: &str) -> Result<Vec<String>, String> {
        match self {
            Self::Sqlite(path) => invalid::versions(path, version),
            Self::Postgres(address) => address.notices_of(version).await,
        }
    }

    /// The secrets of the logs in it, where they are known: named in the options, or in files beside a SQLite database.
    ///
    /// # Errors
    /// They can't be read, or nobody has named them.
    pub fn seeds(&self, options: &Options) -> Result<Seeds, String> {
        match self {
            Self::Sqlite(file) => options.seeds(&file.path),
            Self::Postgres(_) => super::postgres::seeds(options),
        }
    }

    /// Rebuilds every tree from its entries and compares tiles, heads and records, for `askfirst audit`.
    ///
    /// # Errors
    /// The first thing that does not hold, in one sentence.
    pub async fn audit(&self) -> Result<Looked, String> {
        match self {
            Self::Sqlite(path) => super::audit(path),
            Self::Postgres(address) => address.audit().await,
        }
    }

    /// Copies it while a server runs, for `askfirst backup`. `operations` is the file of operational data, where it is not where
    /// it is when nobody says.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn backup(&self, operations: Option<&Path>, file: &Path) -> Result<Copied, String> {
        match self {
            Self::Sqlite(database) => backup::backup(database, operations, file),
            Self::Postgres(address) => address.backup(operations, file).await,
        }
    }

    /// Puts a backup, of either engine, in its place, for `askfirst restore`.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn restore(&self, files: Files<'_>, beside: Beside<'_>, now: Millis) -> Result<Restored, String> {
        match self {
            Self::Sqlite(file) => restore::restore(file, files, beside, now),
            Self::Postgres(address) => address.restore(files, beside, now).await,
        }
    }

    /// Puts another master key in the place of the one in use, for `askfirst keys rotate`; a server may be running. Answers
    /// how many keys it wraps.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn rotate(&self, new: &Master, now: Millis) -> Result<usize, String> {
        match self {
            Self::Sqlite(file) => sealing::rotate(file, new, now),
            Self::Postgres(address) => address.rotate(new).await,
        }
    }

    /// Takes a step of putting another key in the place of the one that signs the logs (PROOF test 16). Answers the open logs
    /// with their keys after it. On PostgreSQL servers may be running.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn rotate_log(
        &self,
        options: &Options,
        step: Step,
        now: Millis,
    ) -> Result<Vec<(String, Vec<LogKey>)>, String> {
        match self {
            Self::Sqlite(file) => rotate::rotate(file, options, step, now),
            Self::Postgres(address) => address.rotate_log(options, step, now).await,
        }
    }

    /// Begins another sealing key under the master key in use, for `askfirst keys begin`; servers may be running. Answers its
    /// number.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn begin_key(&self, now: Millis) -> Result<i64, String> {
        match self {
            Self::Sqlite(file) => sealing::begin_key(file, now),
            Self::Postgres(address) => address.begin_key(now).await,
        }
    }

    /// The keys that records are sealed with.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn sealing_keys(&self) -> Result<Vec<sealing::Row>, String> {
        match self {
            Self::Sqlite(file) => sealing::list(file),
            Self::Postgres(address) => address.sealing_keys().await,
        }
    }

    /// Closes every open log and begins another in its place, after a restore. Answers the names, old and new.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn recover(
        &self,
        seeds: Option<Seeds>,
        published: Option<&Path>,
        now: Millis,
    ) -> Result<Vec<(String, String)>, String> {
        match self {
            Self::Sqlite(path) => recover(path, seeds, published, now),
            Self::Postgres(address) => address.recover(seeds, published, now).await,
        }
    }
}

impl fmt::Display for Database {
    /// For messages: never with a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

/// Hands a call to the engine.
macro_rules! engine {
    ($store:expr, $engine:ident => $call:expr) => {
        match $store {
            Store::Sqlite($engine) => $call,
            Store::Postgres($engine) => $call,
        }
    };
}

impl Store {
    /// Opens a SQLite file.
    ///
    /// # Errors
    /// A sentence for the person at the console: another server has it open, it is not ours, it is from a newer version.
    pub fn open(path: &Path, options: &Options) -> Result<Self, String> {
        Sqlite::open(path, options).map(Box::new).map(Self::Sqlite)
    }

    /// Stores a record, or finds that it is stored.
    pub async fn insert(&self, record: NewRecord) -> Result<Inserted, StoreError> {
        engine!(self, engine => engine.insert(record).await)
    }

    /// Adds one to the refusals of today (R10).
    pub async fn count(&self, count: Count) -> Result<Counted, StoreError> {
        engine!(self, engine => engine.count(count).await)
    }

    /// Stores a notice; whether it is new.
    pub async fn register(&self, notice: NewNotice) -> Result<bool, StoreError> {
        engine!(self, engine => engine.register(notice).await)
    }

    /// Empties the record at this place (S4, S5). `reason` is a code for the log.
    pub async fn erase(&self, seq: i64, reason: &'static str) -> Result<Erased, StoreError> {
        engine!(self, engine => engine.erase(seq, reason).await)
    }

    /// Restricts the record at this place (S5, GDPR Art. 18); nothing when it is erased. Again it changes nothing.
    pub async fn restrict(&self, seq: i64) -> Result<Option<Restriction>, StoreError> {
        engine!(self, engine => engine.restrict(seq).await)
    }

    /// Keeps a record for a legal claim beyond its time and against an erasure (GDPR Art. 17(3)(e)), or no longer. How many
    /// records have this id.
    pub async fn hold(&self, record_id: &str, held: bool) -> Result<usize, StoreError> {
        engine!(self, engine => engine.hold(record_id, held).await)
    }

    /// Erases what is due, and says in the logs what is gone. Answers what was due.
    pub async fn purge(&self, keep: Period, policy: &str) -> Result<Due, StoreError> {
        engine!(self, engine => engine.purge(keep, policy).await)
    }

    /// What [`Store::purge`] would erase.
    pub async fn due(&self, keep: Period) -> Result<Due, StoreError> {
        engine!(self, engine => engine.due(keep).await)
    }

    /// Says in the log of each site which browser files its pages get, where it does not say so already.
    pub async fn name_interface(&self, interface: Interface) -> Result<(), StoreError> {
        engine!(self, engine => engine.name_interface(interface).await)
    }

    /// Declares a notice faulty: what was agreed to under it does not count (GDPR Art. 4(11)). Whether it is known and was
    /// not declared so before.
    pub async fn invalidate(&self, digest: [u8; 32], reason: Option<String>) -> Result<bool, StoreError> {
        engine!(self, engine => engine.invalidate(digest, reason).await)
    }

    /// The digests of the notices that were declared faulty.
    pub async fn invalid_notices(&self) -> Result<Vec<String>, StoreError> {
        engine!(self, engine => engine.invalid_notices().await)
    }

    /// What a submission that names this notice must agree with, when the notice is known.
    pub async fn about_notice(&self, digest: &str) -> Result<Option<AboutNotice>, StoreError> {
        engine!(self, engine => engine.about_notice(digest).await)
    }

    /// The stored bytes of a notice.
    pub async fn notice(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        engine!(self, engine => engine.notice(digest).await)
    }

    /// Where records with this id are, with the SHA-256 of the secret that opens each. Reads the same for any id (S4).
    pub async fn holders(&self, record_id: &str) -> Result<Vec<(i64, [u8; 32])>, StoreError> {
        engine!(self, engine => engine.holders(record_id).await)
    }

    /// Everything stored about the record at this place.
    pub async fn evidence(&self, seq: i64) -> Result<Option<Evidence>, StoreError> {
        engine!(self, engine => engine.evidence(seq).await)
    }

    /// The place of the newest record; 0 when there is none.
    pub async fn newest(&self) -> Result<i64, StoreError> {
        engine!(self, engine => engine.newest().await)
    }

    /// The records after a place, the oldest first, at most `most`, each with its place.
    pub async fn after(&self, seq: i64, most: usize) -> Result<Vec<(i64, Evidence)>, StoreError> {
        engine!(self, engine => engine.after(seq, most).await)
    }

    /// The evidence pack of the record at this place; nothing for one without an entry in a log.
    pub async fn pack(&self, seq: i64) -> Result<Option<Pack>, StoreError> {
        engine!(self, engine => engine.pack(seq).await)
    }

    /// The newest signed head of a site's log.
    pub async fn head(&self, site: &str) -> Result<Option<Head>, StoreError> {
        engine!(self, engine => engine.head(site).await)
    }

    /// The public keys of every log that a site has had, as they are published: those of the one that grows first.
    pub async fn site_keys(&self, site: &str) -> Result<Vec<LogKey>, StoreError> {
        engine!(self, engine => engine.site_keys(site).await)
    }

    /// The public keys of a log, those too that sign it no more.
    pub async fn log_keys(&self, log: i64) -> Result<Vec<LogKey>, StoreError> {
        engine!(self, engine => engine.log_keys(log).await)
    }

    /// Proves an entry of a site's log to its newest checkpoint.
    pub async fn prove(&self, site: &str, index: u64) -> Result<Option<Inclusion>, StoreError> {
        engine!(self, engine => engine.prove(site, index).await)
    }

    /// The bytes of a tile or bundle of a site's log, when it has as much as that.
    pub async fn log_resource(&self, site: &str, resource: Resource) -> Result<Option<Vec<u8>>, StoreError> {
        engine!(self, engine => engine.log_resource(site, resource).await)
    }

    /// The checkpoint of a site's log that is handed out: with the signatures of witnesses, as long as these answer.
    pub async fn checkpoint(&self, site: &str) -> Result<Option<String>, StoreError> {
        engine!(self, engine => engine.checkpoint(site).await)
    }

    /// Every open log with its witnesses.
    pub async fn followed(&self) -> Result<Vec<Followed>, StoreError> {
        engine!(self, engine => engine.followed().await)
    }

    /// Proves that a head goes on from the tree of `old` entries; nothing when it has fewer.
    pub async fn growth(&self, head: &Head, old: u64) -> Result<Option<Vec<Hash>>, StoreError> {
        engine!(self, engine => engine.growth(head, old).await)
    }

    /// Says in every open log which witnesses follow it.
    pub async fn name_witnesses(&self, keys: Vec<VerifierKey>) -> Result<(), StoreError> {
        engine!(self, engine => engine.name_witnesses(keys).await)
    }

    /// Keeps what witnesses have said.
    pub async fn cosigned(&self, cosigned: Vec<Cosigned>) -> Result<(), StoreError> {
        engine!(self, engine => engine.cosigned(cosigned).await)
    }

    /// Whether it is this server that talks to witnesses.
    pub fn signs(&self) -> bool {
        engine!(self, engine => engine.signs())
    }

    /// Adds nothing any more: signing on could contradict what was said before.
    pub fn freeze(&self, what: String) {
        engine!(self, engine => engine.freeze(what))
    }

    /// Why nothing is added to the store.
    pub fn frozen(&self) -> Option<&str> {
        engine!(self, engine => engine.frozen())
    }

    /// Whether the store can be read, and the last write went well.
    pub async fn healthy(&self) -> bool {
        engine!(self, engine => engine.healthy().await)
    }

    pub fn figures(&self) -> &Figures {
        engine!(self, engine => engine.figures())
    }

    /// Writes what still waits before it goes.
    pub async fn close(self) {
        match self {
            Self::Sqlite(engine) => drop(engine),
            Self::Postgres(engine) => engine.close().await,
        }
    }

    /// The clock that the store goes by.
    pub fn now(&self) -> Millis {
        engine!(self, engine => engine.now())
    }
}
