//! The records store: what is kept, and the promises about it.
//!
//! - A write is answered only when it is on the disk (`synchronous=FULL`, one commit for all that waited).
//! - A record is stored once per (site, record id); a retry gets the receipt of the first time (R7).
//! - A stored record is never changed. Erasing empties it and keeps its place (S5).
//!
//! There are two engines, and [`Store`] (`engine.rs`) is either of them. [`Sqlite`] stands here: its SQL is in `sqlite.rs`
//! and `readers.rs` and its one writer in `writer.rs`. The other is in `postgres/`.

mod adopt;
pub mod backup;
mod database;
mod engine;
mod fold;
mod incoming;
pub mod interface;
pub mod invalid;
mod job;
pub mod key;
pub mod log;
pub mod pack;
mod placing;
mod postgres;
mod random;
mod readers;
mod receipt;
mod recent;
mod recover;
pub mod restore;
pub mod retention;
mod rotate;
pub mod sealing;
pub mod secret;
mod sqlite;
mod tail;
mod upkeep;
mod witnessing;
mod writer;

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use askfirst_core::log::evidence::Pack;
use askfirst_core::log::{Checkpoint, LogKey, Resource};
use askfirst_core::record::Count;
use askfirst_core::time::{Millis, Period};

use crate::evidence::Evidence;
use crate::private;
pub use engine::{Database, Store};
use incoming::Received;
pub use incoming::{NewRecord, ends_at};
use interface::Interface;
pub use log::Inclusion;
use log::check::{Fault, Looked};
use log::published::Published;
use log::read::Head;
use log::{Logs, Seed, Seeds};
pub use pack::packs;
pub use postgres::Address;
pub use readers::Readers;
pub use receipt::{Clock, EntryRef, Receipt};
use recent::Recent;
pub use recover::recover;
use sealing::{Master, Sealing, SqliteFile};
use writer::Writer;

/// A notice on its way into the store.
#[derive(Clone, Debug)]
pub struct NewNotice {
    pub digest: String,
    pub about: AboutNotice,
    /// The canonical notice.
    pub text: String,
    /// The site that shows it, when that is known: its log has the notice from then on (R3).
    pub site: Option<String>,
}

/// What a submission must agree with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AboutNotice {
    pub lang: String,
    pub version: String,
}

/// What became of an insert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// Another body is stored under this id; it stays (R7).
    Conflict,
    Created(Receipt),
    NoticeUnknown,
    /// The same record was here already.
    Repeated(Receipt),
}

/// What became of an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    Erased,
    /// There was nothing left to erase.
    Already,
    /// The record is kept for a legal claim (GDPR Art. 17(3)(e)).
    Held,
}

/// A record that is kept for its holder's sake no more, and for legal claims alone (GDPR Art. 18(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restriction {
    /// When that was asked for.
    pub since: Millis,
    /// It is held for a claim, beyond its term.
    pub held: bool,
    /// When the consent ended or will end at the latest: its term counts from there (S1).
    pub ends_at: Millis,
}

/// What became of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    Counted,
    NoticeUnknown,
}

/// Why the store has not done what it was asked. Nothing of it is stored; the sender should come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// More is waiting than the queue holds: 503, try again at once.
    Busy,
    /// The disk is full: 507, try again when somebody has made room.
    Full,
    /// The store can't be read or written: 503.
    Unavailable,
    /// What is stored is not what it was; it is kept as it is for whoever finds out why: 503.
    Frozen,
}

/// Figures of the writer, for `/metrics`.
#[derive(Debug, Default)]
pub struct Figures {
    /// Jobs that wait.
    pub queued: AtomicU64,
    pub commits: AtomicU64,
    pub failed_commits: AtomicU64,
    /// How often the server's clock was behind the last record's.
    pub clock_went_back: AtomicU64,
}

/// Settings of the store.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many jobs may wait for the writer.
    pub queue: usize,
    /// How many connections read.
    pub readers: usize,
    /// How many of the newest record ids are collected before they go into their table.
    pub generation: usize,
    /// The server's clock.
    pub now: fn() -> Millis,
    /// The key of the logs; without one the file `.key` beside the database has it.
    pub seed: Option<Seed>,
    /// The key that takes its place (PROOF test 16); without `seed` the file `.key.next` beside the database, when there is one.
    pub next_seed: Option<Seed>,
    /// What the logs have said to the world; without a name the file `.published` beside the database.
    pub published: Option<PathBuf>,
    /// What bodies are sealed with (S6); without one they are stored as they are.
    pub master: Option<Master>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue: 1024,
            readers: 4,
            generation: recent::GENERATION,
            now: crate::clock::now,
            seed: None,
            next_seed: None,
            published: None,
            master: None,
        }
    }
}

impl Options {
    /// The keys of the logs in a SQLite file: the ones named here, or those beside it.
    pub(super) fn seeds(&self, path: &Path) -> Result<Seeds, String> {
        match &self.seed {
            Some(current) => Ok(Seeds { current: current.clone(), next: self.next_seed.clone() }),
            None => {
                let beside = Seeds::beside(path)?;
                Ok(Seeds { next: self.next_seed.clone().or(beside.next), ..beside })
            }
        }
    }
}

/// The open store in a SQLite file.
pub struct Sqlite {
    // Closed in this order: the writer, as the last one, then folds the write-ahead log into the database.
    readers: Readers,
    writer: Writer,
    sealing: Option<Arc<Sealing>>,
    known: RwLock<HashMap<String, AboutNotice>>,
    recent: Arc<Recent>,
    figures: Arc<Figures>,
    now: fn() -> Millis,
    frozen: Arc<OnceLock<String>>,
    /// Held as long as the store is open, so that no second server writes to the same file.
    _lock: File,
}

impl Sqlite {
    /// Opens the database, making it or bringing it up to date where needed.
    ///
    /// # Errors
    /// A sentence for the person at the console: another server has it open, it is not ours, it is from a newer version.
    pub fn open(path: &Path, options: &Options) -> Result<Self, String> {
        let lock = lock(path)?;
        let say = |error: rusqlite::Error| format!("{}: {error}", path.display());
        let connection = database::open_writer(path).map_err(say)?;
        let seeds = options.seeds(path)?;
        let sealing = Sealing::begin(&connection, options.master.as_ref(), (options.now)());
        let sealing = sealing.map_err(|error| format!("{}: {error}", path.display()))?;
        sealing::register(&connection, sealing.clone()).map_err(say)?;
        if sealing.is_none() {
            tracing::warn!("without --master-key the records are stored unsealed");
        }
        let published = options.published.clone().map_or_else(|| Published::beside(path), Published::at);
        let frozen = match check(&connection, &seeds, &published.read()?) {
            Ok(()) => OnceLock::new(),
            Err(Fault::Damaged(what)) => {
                tracing::error!(what, "the store is not what it was; it is served for reading only");
                OnceLock::from(what)
            }
            Err(Fault::MustNotSign(why) | Fault::Unreadable(why)) => return Err(format!("{}: {why}", path.display())),
        };
        let figures = Arc::new(Figures::default());
        let known = readers::notices(&connection).map_err(say)?;
        let recent = Arc::new(Recent::new(options.generation));
        recent.restore(sqlite::unmoved(&connection).map_err(say)?);
        let mut logs = Logs::new(&connection, seeds).map_err(say)?;
        let frozen = Arc::new(frozen);
        if frozen.get().is_none() {
            adopt::adopt(&connection, &mut logs, (options.now)()).map_err(say)?;
        }
        let state = writer::State {
            recent: Arc::clone(&recent),
            logs,
            published,
            sealing: sealing.clone(),
            frozen: Arc::clone(&frozen),
        };
        let writer = Writer::start(connection, path, options, state, Arc::clone(&figures))?;
        Ok(Self {
            readers: Readers::new(path, options.readers, sealing.clone()),
            writer,
            sealing,
            known: RwLock::new(known),
            recent,
            figures,
            now: options.now,
            frozen,
            _lock: lock,
        })
    }

    /// Stores a record, or finds that it is stored.
    pub async fn insert(&self, record: NewRecord) -> Result<Inserted, StoreError> {
        let received = Received::new(record, self.now(), self.sealing.as_deref()).ok_or(StoreError::Unavailable)?;
        self.writer.insert(received).await
    }

    /// Adds one to the refusals of today (R10).
    pub async fn count(&self, count: Count) -> Result<Counted, StoreError> {
        self.writer.count(count).await
    }

    /// Stores a notice; whether it is new.
    pub async fn register(&self, notice: NewNotice) -> Result<bool, StoreError> {
        let (digest, about) = (notice.digest.clone(), notice.about.clone());
        let new = self.writer.register(notice).await?;
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(digest, about);
        Ok(new)
    }

    /// Empties the record at this place (S4, S5). `reason` is a code for the log.
    pub async fn erase(&self, seq: i64, reason: &'static str) -> Result<Erased, StoreError> {
        self.writer.erase(seq, reason).await
    }

    /// Restricts the record at this place (S5, GDPR Art. 18); nothing when it is erased. Again it changes nothing.
    pub async fn restrict(&self, seq: i64) -> Result<Option<Restriction>, StoreError> {
        self.writer.restrict(seq).await
    }

    /// Keeps a record for a legal claim beyond its time and against an erasure (GDPR Art. 17(3)(e)), or no longer. How many
    /// records have this id.
    pub async fn hold(&self, record_id: &str, held: bool) -> Result<usize, StoreError> {
        let mut found = 0;
        for (seq, _) in self.holders(record_id).await? {
            found += usize::from(self.writer.hold(seq, held).await?);
        }
        Ok(found)
    }

    /// Says in the log of each site which browser files its pages get, where it does not say so already.
    pub async fn name_interface(&self, interface: Interface) -> Result<(), StoreError> {
        self.writer.name_interface(interface).await
    }

    /// Declares a notice faulty. Whether it is known and was not declared so before.
    pub async fn invalidate(&self, digest: [u8; 32], reason: Option<String>) -> Result<bool, StoreError> {
        self.writer.invalidate(digest, reason).await
    }

    /// The digests of the notices that were declared faulty.
    pub async fn invalid_notices(&self) -> Result<Vec<String>, StoreError> {
        self.readers.with(invalid::all).await
    }

    /// What a submission that names this notice must agree with, when the notice is known.
    pub async fn about_notice(&self, digest: &str) -> Result<Option<AboutNotice>, StoreError> {
        if let Some(about) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(Some(about.clone()));
        }
        let wanted = digest.to_owned();
        let about = self.readers.with(move |connection| readers::about_notice(connection, &wanted)).await?;
        if let Some(about) = &about {
            self.known.write().unwrap_or_else(PoisonError::into_inner).insert(digest.to_owned(), about.clone());
        }
        Ok(about)
    }

    /// The stored bytes of a notice.
    pub async fn notice(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let digest = digest.to_owned();
        self.readers.with(move |connection| readers::notice(connection, &digest)).await
    }

    /// Where records with this id are, with the SHA-256 of the secret that opens each. Reads the same for any id (S4).
    pub async fn holders(&self, record_id: &str) -> Result<Vec<(i64, [u8; 32])>, StoreError> {
        let Some(record_id) = key::uuid(record_id) else { return Ok(Vec::new()) };
        // First the memory, then the table: what moves from one to the other in between is seen twice, not never.
        let recent = self.recent.places(record_id);
        self.readers.with(move |connection| readers::holders(connection, record_id, &recent)).await
    }

    /// Everything stored about the record at this place.
    pub async fn evidence(&self, seq: i64) -> Result<Option<Evidence>, StoreError> {
        self.readers.with(move |connection| readers::evidence(connection, seq)).await
    }

    /// The evidence pack of the record at this place, of one moment.
    pub async fn pack(&self, seq: i64) -> Result<Option<Pack>, StoreError> {
        self.readers
            .with(move |connection| pack::pack(&*connection.unchecked_transaction()?, &mut Default::default(), seq))
            .await
    }

    /// The newest signed head of a site's log.
    pub async fn head(&self, site: &str) -> Result<Option<Head>, StoreError> {
        let site = site.to_owned();
        self.readers.with(move |connection| Head::open_at(connection, &site)).await
    }

    /// The public keys of every log that a site has had, as they are published.
    pub async fn site_keys(&self, site: &str) -> Result<Vec<LogKey>, StoreError> {
        let site = site.to_owned();
        self.readers.with(move |connection| log::keys::of_origin(connection, &site)).await
    }

    /// The public keys of a log, those too that sign it no more.
    pub async fn log_keys(&self, log: i64) -> Result<Vec<LogKey>, StoreError> {
        self.readers.with(move |connection| log::keys::published(connection, log)).await
    }

    /// Proves an entry of a site's log to its newest checkpoint, or to the newest that witnesses have cosigned.
    pub async fn prove(&self, site: &str, index: u64) -> Result<Option<Inclusion>, StoreError> {
        let site = site.to_owned();
        let prove = move |connection: &rusqlite::Connection| {
            let Some(head) = Head::open_at(connection, &site)?.filter(|head| index < head.size) else {
                return Ok(None);
            };
            let signed = head.signed(connection, index)?;
            Ok(head.prove(connection, index, &signed))
        };
        self.readers.with(prove).await
    }

    /// The bytes of a tile or bundle of a site's log, when it has as much as that.
    pub async fn log_resource(&self, site: &str, resource: Resource) -> Result<Option<Vec<u8>>, StoreError> {
        let site = site.to_owned();
        let read = move |connection: &_| match Head::open_at(connection, &site)? {
            Some(head) => head.resource(connection, resource),
            None => Ok(None),
        };
        self.readers.with(read).await
    }

    /// Why nothing is added to the store.
    pub fn frozen(&self) -> Option<&str> {
        self.frozen.get().map(String::as_str)
    }

    /// Whether the store can be read, and the last write went well.
    pub async fn healthy(&self) -> bool {
        self.frozen.get().is_none() && self.writer.healthy() && self.readers.with(readers::probe).await.is_ok()
    }

    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// The clock that the store goes by.
    pub fn now(&self) -> Millis {
        (self.now)()
    }
}

/// Reads what is stored under a record id without a server, for `askfirst export`.
///
/// # Errors
/// A sentence for the person at the console.
pub fn read(file: impl Into<SqliteFile>, record_id: &str) -> Result<Vec<Evidence>, String> {
    let file = file.into();
    let say = |error: rusqlite::Error| format!("{}: {error}", file.display());
    let Some(record_id) = key::uuid(record_id) else { return Ok(Vec::new()) };
    let connection = file.reader()?;
    let places = readers::places(&connection, record_id).map_err(say)?;
    let found = places.into_iter().map(|seq| readers::evidence(&connection, seq));
    Ok(found.collect::<Result<Vec<_>, _>>().map_err(say)?.into_iter().flatten().collect())
}

/// Reads every record of a subject without a server, for `askfirst dsar`. No index has the subjects: such a question is
/// rare, and each record would pay for it.
///
/// # Errors
/// A sentence for the person at the console.
pub fn of_subject(file: impl Into<SqliteFile>, subject: [u8; 16]) -> Result<Vec<Evidence>, String> {
    let file = file.into();
    let say = |error: rusqlite::Error| format!("{}: {error}", file.display());
    let connection = file.reader()?;
    let places = readers::of_subject(&connection, subject).map_err(say)?;
    let found = places.into_iter().map(|seq| readers::evidence(&connection, seq));
    Ok(found.collect::<Result<Vec<_>, _>>().map_err(say)?.into_iter().flatten().collect())
}

/// What a purge would erase now, for `askfirst purge --dry-run`.
///
/// # Errors
/// A sentence for the person at the console.
pub fn due(path: &Path, now: Millis, keep: Period) -> Result<retention::Due, String> {
    let connection = database::open_reader(path).map_err(|error| format!("{}: {error}", path.display()))?;
    retention::due(&connection, now, keep).map_err(|error| format!("{}: {error}", path.display()))
}

/// The name of a site's open log, which is that of its keys, and the keys as it publishes them; nothing before its first
/// entry.
///
/// # Errors
/// A sentence for the person at the console.
pub fn log_keys(path: &Path, site: &str) -> Result<Option<(String, Vec<LogKey>)>, String> {
    let read = database::open_reader(path).and_then(|connection| match Head::open_at(&connection, site)? {
        Some(head) => Ok(Some((head.origin, log::keys::published(&connection, head.log)?))),
        None => Ok(None),
    });
    read.map_err(|error| format!("{}: {error}", path.display()))
}

/// Rebuilds every tree from its entries and compares tiles, heads and records, for `askfirst audit`.
///
/// # Errors
/// The first thing that does not hold, in one sentence.
pub fn audit(file: impl Into<SqliteFile>) -> Result<Looked, String> {
    let file = file.into();
    let connection = file.reader()?;
    log::check::everything(&connection).map_err(|fault| format!("{}: {}", file.display(), fault.sentence()))
}

/// Everything that must hold before the logs may grow.
fn check(connection: &rusqlite::Connection, seeds: &Seeds, published: &[Checkpoint]) -> Result<(), Fault> {
    log::check::tail(connection, Some(seeds))?;
    log::check::published(connection, published)
}

fn lock(path: &Path) -> Result<File, String> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    // Whoever can open it can hold it, and with it the server's start.
    let file = private::options().create(true).truncate(true).open(&name);
    let file = file.map_err(|error| format!("{}: {error}", Path::new(&name).display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!("{}: another server has this database open", path.display())),
        Err(TryLockError::Error(error)) => Err(format!("{}: {error}", Path::new(&name).display())),
    }
}
