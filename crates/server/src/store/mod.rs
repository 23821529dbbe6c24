//! The records store: what is kept, and the promises about it.
//!
//! - A write is answered only when it is on the disk (`synchronous=FULL`, one commit for all that waited).
//! - A record is stored once per (site, record id); a retry gets the receipt of the first time (R7).
//! - A stored record is never changed. Erasing empties it and keeps its place (S5).
//!
//! SQLite is the only store now. Its SQL is in `sqlite.rs` and `readers.rs` and its one writer in `writer.rs`; what
//! stands here knows none of it, so that another engine can take their place with its own SQL.

mod adopt;
mod database;
mod fold;
pub mod key;
pub mod log;
mod pack;
mod readers;
mod recent;
mod recover;
pub mod retention;
pub mod secret;
mod sqlite;
mod upkeep;
mod writer;

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};

use askfirst_core::digest::{base64url, sha256};
use askfirst_core::json::{Value, map};
use askfirst_core::log::{Checkpoint, Commitment, Envelope, Resource};
use askfirst_core::record::{Count, Record};
use askfirst_core::time::{self, Millis, Period};

use crate::evidence::Evidence;
pub use log::Inclusion;
use log::check::{Fault, Looked};
use log::published::Published;
use log::read::Head;
use log::{Logs, Seed};
pub use pack::packs;
pub use readers::Readers;
use recent::Recent;
pub use recover::recover;
use secret::Secret;
use writer::Writer;

/// How far the two clocks may be apart before the record is marked (R6).
const CLOCK_TOLERANCE: Millis = 5 * 60 * 1000;

/// A record on its way into the store, with copies of what it says for finding it again.
#[derive(Clone, Debug)]
pub struct NewRecord {
    site: String,
    record_id: [u8; 16],
    subject: [u8; 16],
    holder: [u8; 32],
    notice: [u8; 32],
    /// The browser's clock.
    at: Millis,
    /// How long the consent is valid.
    lasts: Millis,
    /// When it ends by itself, by the browser's clock.
    ends_at: Millis,
    /// The record that this one follows, which ends with it.
    prev: Option<[u8; 16]>,
    /// The canonical record.
    body: String,
    /// SHA-256 of `body`.
    digest: [u8; 32],
}

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

/// What the server answers for a stored record, the same each time (R7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub record_id: String,
    /// Place in the store, from 1, without gaps.
    pub seq: i64,
    /// The server's clock: the evidential time (R6). Never goes back from one record to the next.
    pub received_at: Millis,
    pub clock: Clock,
    /// Digest of the canonical record.
    pub digest: String,
    /// Whether the record was erased since.
    pub erased: bool,
    /// Its entry in the log.
    pub entry: Option<EntryRef>,
    /// What shows that the entry is there.
    pub inclusion: Option<Inclusion>,
}

/// Where a record's entry is, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRef {
    pub log: i64,
    pub index: u64,
    /// `None` when the record was erased.
    pub secret: Option<Secret>,
}

/// What the browser's clock said compared with the server's. Never a reason to refuse (R6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Later than the server's: the browser's clock is wrong.
    Ahead,
    /// Earlier than the server's: the clock is wrong, or the record waited in the browser.
    Behind,
    Ok,
}

impl NewRecord {
    /// Makes the canonical text, which is what is stored, and its digest.
    ///
    /// # Errors
    /// The JSON path of an identifier that is not in canonical form.
    pub fn new(record: &Record) -> Result<Self, &'static str> {
        let body = record.canonical();
        Ok(Self {
            site: record.site.clone(),
            record_id: key::uuid(&record.record_id).ok_or("$.record_id")?,
            subject: key::subject(&record.subject).ok_or("$.subject")?,
            holder: key::digest(&record.holder).ok_or("$.holder")?,
            notice: key::digest(&record.notice.digest).ok_or("$.notice.digest")?,
            at: record.event.at,
            lasts: record.event.valid_until.saturating_sub(record.event.at),
            ends_at: record.event.valid_until,
            prev: record.prev.as_deref().and_then(key::uuid),
            digest: sha256(body.as_bytes()),
            body,
        })
    }

    /// When it ends by itself. A browser's clock that is wrong does not decide how long a record is kept (R6, S1).
    pub fn ends_at(&self, received_at: Millis) -> Millis {
        match Clock::compare(self.at, received_at) {
            Clock::Ok => self.ends_at.max(received_at),
            Clock::Ahead | Clock::Behind => received_at.saturating_add(self.lasts),
        }
    }

    /// The receipt it gets at this place and time.
    pub fn receipt(&self, seq: i64, received_at: Millis) -> Receipt {
        Receipt {
            record_id: key::uuid_text(&self.record_id),
            seq,
            received_at,
            clock: Clock::compare(self.at, received_at),
            digest: key::digest_text(&self.digest),
            erased: false,
            entry: None,
            inclusion: None,
        }
    }
}

/// A record with the time of its receipt and the entry that will stand for it. Made where it was received: the one
/// writer has enough to do.
struct Received {
    record: NewRecord,
    at: Millis,
    secret: Secret,
    commitment: Commitment,
}

impl Received {
    /// `None` when the system has no random bytes to give.
    fn new(record: NewRecord, at: Millis) -> Option<Self> {
        let secret = Secret::random()?;
        let commitment = secret.commit(&record.body, &Clock::compare(record.at, at).envelope(at));
        Some(Self { record, at, secret, commitment })
    }

    /// The time of receipt never goes back from one record to the next.
    fn not_before(&mut self, last: Millis) {
        if self.at < last {
            self.at = last;
            let envelope = Clock::compare(self.record.at, last).envelope(last);
            self.commitment = self.secret.commit(&self.record.body, &envelope);
        }
    }
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
}

impl Default for Options {
    fn default() -> Self {
        Self { queue: 1024, readers: 4, generation: recent::GENERATION, now: crate::clock::now, seed: None }
    }
}

/// The open store.
pub struct Store {
    // Closed in this order: the writer, as the last one, then folds the write-ahead log into the database.
    readers: Readers,
    writer: Writer,
    known: RwLock<HashMap<String, AboutNotice>>,
    recent: Arc<Recent>,
    figures: Arc<Figures>,
    now: fn() -> Millis,
    frozen: Option<String>,
    seed: Seed,
    /// Held as long as the store is open, so that no second server writes to the same file.
    _lock: File,
}

impl Store {
    /// Opens the database, making it or bringing it up to date where needed.
    ///
    /// # Errors
    /// A sentence for the person at the console: another server has it open, it is not ours, it is from a newer version.
    pub fn open(path: &Path, options: &Options) -> Result<Self, String> {
        let lock = lock(path)?;
        let say = |error: rusqlite::Error| format!("{}: {error}", path.display());
        let connection = database::open_writer(path).map_err(say)?;
        let seed = options.seed.clone().map_or_else(|| Seed::beside(path), Ok)?;
        let published = Published::beside(path);
        let frozen = match check(&connection, &seed, &published.read()?) {
            Ok(()) => None,
            Err(Fault::Damaged(what)) => {
                tracing::error!(what, "the store is not what it was; it is served for reading only");
                Some(what)
            }
            Err(Fault::MustNotSign(why) | Fault::Unreadable(why)) => return Err(format!("{}: {why}", path.display())),
        };
        let figures = Arc::new(Figures::default());
        let known = readers::notices(&connection).map_err(say)?;
        let recent = Arc::new(Recent::new(options.generation));
        recent.restore(sqlite::unmoved(&connection).map_err(say)?);
        let mut logs = Logs::new(&connection, seed.clone()).map_err(say)?;
        if frozen.is_none() {
            adopt::adopt(&connection, &mut logs, (options.now)()).map_err(say)?;
        }
        let state = writer::State { recent: Arc::clone(&recent), logs, published, frozen: frozen.is_some() };
        let writer = Writer::start(connection, path, options, state, Arc::clone(&figures))?;
        Ok(Self {
            readers: Readers::new(path, options.readers),
            writer,
            known: RwLock::new(known),
            recent,
            figures,
            now: options.now,
            frozen,
            seed,
            _lock: lock,
        })
    }

    /// Stores a record, or finds that it is stored.
    pub async fn insert(&self, record: NewRecord) -> Result<Inserted, StoreError> {
        let received = Received::new(record, self.now()).ok_or(StoreError::Unavailable)?;
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

    /// Keeps a record for a legal claim beyond its time and against an erasure (GDPR Art. 17(3)(e)), or no longer. How many
    /// records have this id.
    pub async fn hold(&self, record_id: &str, held: bool) -> Result<usize, StoreError> {
        let mut found = 0;
        for (seq, _) in self.holders(record_id).await? {
            found += usize::from(self.writer.hold(seq, held).await?);
        }
        Ok(found)
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

    /// The newest signed head of a site's log.
    pub async fn head(&self, site: &str) -> Result<Option<Head>, StoreError> {
        let site = site.to_owned();
        self.readers.with(move |connection| Head::open_at(connection, &site)).await
    }

    /// The public key of a log, as a signed-note verifier key.
    pub fn verifier(&self, origin: &str) -> Option<String> {
        self.seed.key(origin).map(|key| key.verifier().to_text())
    }

    /// Proves an entry of a site's log to its newest checkpoint.
    pub async fn prove(&self, site: &str, index: u64) -> Result<Option<Inclusion>, StoreError> {
        let site = site.to_owned();
        let prove =
            move |connection: &_| Ok(Head::open_at(connection, &site)?.and_then(|head| head.prove(connection, index)));
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
        self.frozen.as_deref()
    }

    /// Whether the store can be read, and the last write went well.
    pub async fn healthy(&self) -> bool {
        self.frozen.is_none() && self.writer.healthy() && self.readers.with(readers::probe).await.is_ok()
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
pub fn read(path: &Path, record_id: &str) -> Result<Vec<Evidence>, String> {
    let say = |error: rusqlite::Error| format!("{}: {error}", path.display());
    let Some(record_id) = key::uuid(record_id) else { return Ok(Vec::new()) };
    let connection = database::open_reader(path).map_err(say)?;
    let places = readers::places(&connection, record_id).map_err(say)?;
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

/// Rebuilds every tree from its entries and compares tiles, heads and records, for `askfirst audit`.
///
/// # Errors
/// The first thing that does not hold, in one sentence.
pub fn audit(path: &Path) -> Result<Looked, String> {
    let say = |why: String| format!("{}: {why}", path.display());
    let connection = database::open_reader(path).map_err(|error| say(error.to_string()))?;
    log::check::everything(&connection).map_err(|fault| say(fault.sentence()))
}

impl Receipt {
    /// The receipt as JSON.
    pub fn to_value(&self) -> Value {
        let Value::Map(mut entries) = map([
            ("record_id", self.record_id.as_str().into()),
            ("seq", self.seq.into()),
            ("received_at", time::instant(self.received_at).into()),
            ("clock", self.clock.name().into()),
            ("digest", self.digest.as_str().into()),
        ]) else {
            return Value::Null;
        };
        if let (Some(entry), Some(inclusion)) = (&self.entry, &self.inclusion) {
            entries.push(("log".to_owned(), entry.to_value(inclusion)));
        }
        if self.erased {
            entries.push(("erased".to_owned(), true.into()));
        }
        Value::Map(entries)
    }
}

impl EntryRef {
    /// The proof in the form of C2SP tlog-proof, with what opens the entry: the salt of the record's commitment, and the
    /// commitment to the context, which is not the holder's to open.
    fn to_value(&self, inclusion: &Inclusion) -> Value {
        let mut entries = vec![("proof".to_owned(), inclusion.text().into())];
        if let Some(secret) = &self.secret {
            entries.push(("salt".to_owned(), base64url(&secret.core_salt()).into()));
            entries.push(("context".to_owned(), base64url(&secret.context_commitment()).into()));
        }
        Value::Map(entries)
    }
}

impl Clock {
    /// Compares the browser's clock with the server's.
    pub fn compare(browser: Millis, server: Millis) -> Self {
        match browser.saturating_sub(server) {
            gap if gap > CLOCK_TOLERANCE => Self::Ahead,
            gap if gap < -CLOCK_TOLERANCE => Self::Behind,
            _ => Self::Ok,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Behind => "behind",
            Self::Ok => "ok",
        }
    }

    /// What the server commits to beside the record.
    pub fn envelope(self, received_at: Millis) -> Envelope {
        Envelope { received_at, clock: self.name().to_owned(), more: Vec::new() }
    }

    pub fn named(name: &str) -> Self {
        match name {
            "ahead" => Self::Ahead,
            "behind" => Self::Behind,
            _ => Self::Ok,
        }
    }
}

/// Everything that must hold before the logs may grow.
fn check(connection: &rusqlite::Connection, seed: &Seed, published: &[Checkpoint]) -> Result<(), Fault> {
    log::check::tail(connection, seed)?;
    log::check::published(connection, published)
}

fn lock(path: &Path) -> Result<File, String> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::create(&name).map_err(|error| format!("{}: {error}", Path::new(&name).display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!("{}: another server has this database open", path.display())),
        Err(TryLockError::Error(error)) => Err(format!("{}: {error}", Path::new(&name).display())),
    }
}
