//! The store on PostgreSQL, for more than one machine: any number of servers that keep nothing themselves.
//!
//! One server at a time gives records their places in the log (`giving.rs`, `append.rs`): those that it takes in itself
//! as it stores them (`intake.rs`; `at_once.rs` where one statement can do it), those of other servers from the inbox
//! (`sequencer.rs`), where these have left a word about them; they wait for the places and answer with the proof
//! (`waiting.rs`). The tables are drawn in `migrations/1.sql`. Only what CockroachDB and YugabyteDB take too is used, or is
//! gone without where it is refused (`at_once.rs`): no advisory locks, no LISTEN, no sequences, no extensions; what meets
//! another transaction is done again (SQLSTATE 40001).

mod address;
mod append;
mod at_once;
mod carry;
mod check;
mod export;
mod failure;
mod giving;
mod growing;
mod import;
mod intake;
mod interface;
mod invalid;
mod keys;
mod pack;
mod read;
mod schema;
mod seal;
mod sequencer;
mod shared;
mod sql;
mod tls;
mod tree;
mod upkeep;
mod waiting;
mod witnessing;

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use askfirst_core::log::LogKey;
use askfirst_core::log::evidence::Pack;
use askfirst_core::record::Count;
use askfirst_core::time::{Millis, Period};
use deadpool_postgres::{Client, Hook, HookError, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use address::Address;
use failure::{Done, Failure};
use intake::{CountJob, Job};
use shared::Shared;
use tls::Connector;

use super::incoming::Received;
use super::log::Seeds;
use super::log::check::{Fault, Looked};
use super::log::keys::Step;
use super::log::published::Published;
use super::retention::Due;
use super::sealing::{self, Master, Sealing};
use super::{AboutNotice, Counted, Figures, Inserted, NewRecord, Options, StoreError, key};
use crate::evidence::Evidence;
use crate::store::pack::Packed;

/// Connections of one server.
const CONNECTIONS: usize = 12;
/// How many of them store records at the same time; where this server gives the places, one stores while the other answers.
const INTAKES: usize = 2;
/// How long a record waits for its place before its sender is asked to come again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a transaction may be left alone by its server: one that sleeps in the middle holds others up (PROOF test 28).
const SESSION: &str = "SET idle_in_transaction_session_timeout = '2s'; SET statement_timeout = '30s';
                       SET default_transaction_isolation = 'read committed'";

/// The open store.
pub struct Postgres {
    shared: Arc<Shared>,
    records: Option<mpsc::Sender<Job>>,
    counts: Option<mpsc::Sender<CountJob>>,
    /// Records that may wait for their places.
    most: usize,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Postgres {
    /// Connects, brings the database up to date where needed, and begins to take part in giving places.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn open(address: &Address, options: &Options) -> Result<Self, String> {
        let say = |failure: Failure| format!("{address}: {}", failure.sentence());
        let seeds = seeds(options)?;
        let pool = pool(address)?;
        let mut client: Client = pool.get().await.map_err(Failure::from).map_err(say)?;
        schema::migrate(&mut client).await.map_err(|why| format!("{address}: {why}"))?;
        let published = options.published.clone().map(Published::at);
        let said = published.as_ref().map_or(Ok(Vec::new()), Published::read)?;
        let master = address.master.as_ref().or(options.master.as_ref());
        let sealing = seal::begin(&client, master, (options.now)()).await.map_err(|why| format!("{address}: {why}"))?;
        if sealing.is_none() {
            tracing::warn!("without --master-key the records are stored unsealed");
        }
        if let (Some(sealing), Some(master)) = (&sealing, master) {
            sealing.learn(&seal::rows(&client).await.map_err(say)?, master, (options.now)());
        }
        let checked = check::tail(&client, Some(&seeds), sealing.as_deref(), &said).await;
        let about = notices(&client).await.map_err(say)?;
        drop(client);
        let shared = Arc::new(Shared::new(pool, seeds, sealing, options.now, published));
        match checked {
            Ok(()) => {}
            Err(Failure::Fault(Fault::Damaged(what))) => shared.freeze(what),
            Err(failure) => return Err(say(failure)),
        }
        shared.known.write().unwrap_or_else(PoisonError::into_inner).extend(about);
        let (records, queue) = mpsc::channel(options.queue);
        let (counts, counted) = mpsc::channel(options.queue);
        let (stop, stopped) = watch::channel(false);
        let queue = Arc::new(tokio::sync::Mutex::new(queue));
        let mut tasks = vec![
            tokio::spawn(sequencer::run(Arc::clone(&shared), stopped)),
            tokio::spawn(waiting::look(Arc::clone(&shared))),
            tokio::spawn(intake::count(Arc::clone(&shared), counted)),
        ];
        tasks.extend((0..INTAKES).map(|_| tokio::spawn(intake::run(Arc::clone(&shared), Arc::clone(&queue)))));
        tasks.extend(master.map(|master| tokio::spawn(seal::learn(Arc::clone(&shared), master.clone()))));
        let most = options.queue.saturating_mul(8);
        Ok(Self { shared, records: Some(records), counts: Some(counts), most, stop, tasks })
    }

    /// Stores a record, or finds that it is stored.
    pub async fn insert(&self, record: NewRecord) -> Result<Inserted, StoreError> {
        self.shared.require_thawed()?;
        let notice = key::digest_text(&record.notice);
        if self.about_notice(&notice).await?.is_none() {
            return Ok(Inserted::NoticeUnknown);
        }
        if self.shared.waiting.len() > self.most {
            return Err(StoreError::Busy);
        }
        let site = self.shared.answer(self.shared.site(&record.site).await)?;
        let received = Received::new(record, self.now(), self.sealing()).ok_or(StoreError::Unavailable)?;
        let (reply, answer) = oneshot::channel();
        self.send(self.records.as_ref(), Job { received, site, reply })?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer.unwrap_or(Err(StoreError::Unavailable)),
            // It is stored and will have its place; the sender comes again and gets the receipt (R7).
            Err(_) => Err(StoreError::Unavailable),
        }
    }

    /// Adds one to the refusals of today (R10).
    pub async fn count(&self, count: Count) -> Result<Counted, StoreError> {
        self.shared.require_thawed()?;
        if self.about_notice(&count.notice).await?.is_none() {
            return Ok(Counted::NoticeUnknown);
        }
        let (reply, answer) = oneshot::channel();
        self.send(self.counts.as_ref(), CountJob { count, reply })?;
        answer.await.unwrap_or(Err(StoreError::Unavailable))
    }

    fn send<T>(&self, queue: Option<&mpsc::Sender<T>>, job: T) -> Result<(), StoreError> {
        use mpsc::error::TrySendError;
        self.shared.figures.queued.fetch_add(1, Relaxed);
        let sent = queue.ok_or(StoreError::Unavailable)?.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Closed(_) => StoreError::Unavailable,
        });
        if sent.is_err() {
            self.shared.figures.queued.fetch_sub(1, Relaxed);
        }
        sent
    }

    /// What a submission that names this notice must agree with, when the notice is known.
    pub async fn about_notice(&self, digest: &str) -> Result<Option<AboutNotice>, StoreError> {
        if let Some(about) = self.shared.known.read().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(Some(about.clone()));
        }
        let Some(bytes) = key::digest(digest) else { return Ok(None) };
        let read = async { read::about_notice(&self.shared.client().await?, &bytes).await };
        let about = self.shared.answer(read.await)?;
        if let Some(about) = &about {
            self.remember(digest.to_owned(), about.clone());
        }
        Ok(about)
    }

    fn remember(&self, digest: String, about: AboutNotice) {
        self.shared.known.write().unwrap_or_else(PoisonError::into_inner).insert(digest, about);
    }

    fn sealing(&self) -> Option<&Sealing> {
        self.shared.sealing.as_deref()
    }

    /// Why nothing is added to the store.
    pub fn frozen(&self) -> Option<&str> {
        self.shared.frozen()
    }

    /// Whether the store can be read, the last write went well, and some server gives places.
    pub async fn healthy(&self) -> bool {
        let written = self.shared.frozen().is_none() && !self.shared.failing.load(Relaxed);
        written && sequencer::is_alive(&self.shared).await.unwrap_or(false)
    }

    pub fn figures(&self) -> &Figures {
        &self.shared.figures
    }

    /// The clock that the store goes by.
    pub fn now(&self) -> Millis {
        (self.shared.now)()
    }

    /// Writes what still waits, and lets another server give the places.
    pub async fn close(mut self) {
        (self.records, self.counts) = (None, None);
        upkeep::drain(&self.shared).await;
        self.stop.send_replace(true);
        if !self.tasks.is_empty() {
            // The sequencer gives its lease back.
            let _ = tokio::time::timeout(Duration::from_secs(3), self.tasks.remove(0)).await;
        }
        self.shared.publish_rest().await;
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Work on a database without taking part in giving places.
impl Address {
    /// A connection to a database that has our tables.
    async fn client(&self) -> Result<Client, String> {
        self.ready(pool(self)?).await
    }

    async fn ready(&self, pool: Pool) -> Result<Client, String> {
        let say = |failure: Failure| format!("{self}: {}", failure.sentence());
        let client = pool.get().await.map_err(Failure::from).map_err(say)?;
        match schema::format(&client).await.map_err(say)? {
            format if format == schema::newest() => Ok(client),
            0 => Err(format!("{self}: this is not a database of askfirst")),
            ..0 => Err(format!("{self}: {}", schema::UNFINISHED)),
            _ => Err(format!("{self}: this is not a database of this version of askfirst")),
        }
    }

    /// Connections for what is not a record, a few.
    ///
    /// # Errors
    /// The authorities' certificates can't be read.
    pub fn pool(&self, session: &'static str) -> Result<Pool, String> {
        pool_of(self, session, 4)
    }

    /// The same with what opens what is sealed.
    async fn opened(&self) -> Result<(Client, Option<Arc<Sealing>>), String> {
        let client = self.client().await?;
        let sealing = seal::open(&client, self.master.as_ref()).await.map_err(|why| format!("{self}: {why}"))?;
        Ok((client, sealing))
    }

    /// Puts another master key in the place of the one in use; how many keys it wraps.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn rotate(&self, new: &Master) -> Result<usize, String> {
        let say = |why: String| format!("{self}: {why}");
        let old =
            self.master.as_ref().ok_or_else(|| say("say with --master-key where the key in use is".to_owned()))?;
        seal::rotate(&mut self.client().await?, old, new).await.map_err(say)
    }

    /// Begins another sealing key under the master key in use; its number.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn begin_key(&self, now: Millis) -> Result<i64, String> {
        let begun = seal::begin_key(&self.client().await?, self.master.as_ref(), now).await;
        begun.map_err(|why| format!("{self}: {why}"))
    }

    /// The keys that records are sealed with.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn sealing_keys(&self) -> Result<Vec<sealing::Row>, String> {
        let client = self.client().await?;
        seal::rows(&client).await.map_err(|failure| format!("{self}: {}", failure.sentence()))
    }

    /// What is stored under a record id.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn read(&self, record_id: &str) -> Result<Vec<Evidence>, String> {
        let Some(record_id) = key::uuid(record_id) else { return Ok(Vec::new()) };
        let (client, sealing) = self.opened().await?;
        let read = async {
            let mut found = Vec::new();
            for seq in read::places(&client, record_id).await? {
                found.extend(read::evidence(&client, sealing.as_deref(), seq).await?);
            }
            Done::Ok(found)
        };
        read.await.map_err(|failure| format!("{self}: {}", failure.sentence()))
    }

    /// Every record of a subject, sealed or not.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn of_subject(&self, subject: [u8; 16]) -> Result<Vec<Evidence>, String> {
        let (client, sealing) = self.opened().await?;
        let tag = sealing.as_ref().and_then(|sealing| sealing.subject_tag(&subject));
        let read = async {
            let mut found = Vec::new();
            for seq in read::places_of_subject(&client, &[Some(subject), tag]).await? {
                found.extend(read::evidence(&client, sealing.as_deref(), seq).await?);
            }
            Done::Ok(found)
        };
        read.await.map_err(|failure| format!("{self}: {}", failure.sentence()))
    }

    /// The evidence packs of the records with this id, one per site.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn packs(&self, record_id: &str) -> Result<Vec<Pack>, String> {
        let Some(record_id) = key::uuid(record_id) else { return Ok(Vec::new()) };
        let (client, sealing) = self.opened().await?;
        let read = async {
            let (mut packs, mut seen) = (Vec::new(), pack::Seen::default());
            for seq in read::places(&client, record_id).await? {
                packs.extend(pack::pack(&client, sealing.as_deref(), &mut seen, seq).await?);
            }
            Done::Ok(packs)
        };
        read.await.map_err(|failure| format!("{self}: {}", failure.sentence()))
    }

    /// The packs of at most so many records after a place.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn packs_after(&self, after: i64, most: i64) -> Result<Vec<Packed>, String> {
        let (client, sealing) = self.opened().await?;
        let read = pack::after(&client, sealing.as_deref(), after, most).await;
        read.map_err(|failure| format!("{self}: {}", failure.sentence()))
    }

    /// What a purge would erase now.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn due(&self, now: Millis, keep: Period) -> Result<Due, String> {
        let client = self.client().await?;
        upkeep::due(&client, now, keep).await.map_err(|failure| format!("{self}: {}", failure.sentence()))
    }

    /// Rebuilds every tree from its entries and compares tiles, heads and records.
    ///
    /// # Errors
    /// The first thing that does not hold, in one sentence.
    pub async fn audit(&self) -> Result<Looked, String> {
        let (client, sealing) = self.opened().await?;
        check::everything(&client, sealing.as_deref())
            .await
            .map_err(|failure| format!("{self}: {}", failure.sentence()))
    }

    /// Takes a step of putting another key in the place of the one that signs the logs. Answers the open logs with their
    /// keys after it.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn rotate_log(
        &self,
        options: &Options,
        step: Step,
        now: Millis,
    ) -> Result<Vec<(String, Vec<LogKey>)>, String> {
        let say = |failure: Failure| format!("{self}: {}", failure.sentence());
        let seeds = seeds(options)?;
        let (client, sealing) = self.opened().await?;
        let published = options.published.clone().map(Published::at);
        let said = published.as_ref().map_or(Ok(Vec::new()), Published::read)?;
        check::tail(&client, Some(&seeds), sealing.as_deref(), &said).await.map_err(say)?;
        drop(client);
        let shared = Shared::new(pool(self)?, seeds, sealing, crate::clock::now, None);
        keys::rotate(&shared, step, now).await.map_err(say)
    }

    /// Closes every open log and begins another in its place. Answers the names, old and new.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub async fn recover(
        &self,
        seeds: Option<Seeds>,
        published: Option<&Path>,
        now: Millis,
    ) -> Result<Vec<(String, String)>, String> {
        let say = |failure: Failure| format!("{self}: {}", failure.sentence());
        let seeds = seeds.ok_or_else(no_key)?;
        let (client, sealing) = self.opened().await?;
        // The old logs are signed no more: their own keys, which this server may have no longer, are enough to read them.
        check::tail(&client, None, sealing.as_deref(), &[]).await.map_err(say)?;
        drop(client);
        let published = published.map(|path| Published::at(path.to_owned()));
        let said = published.as_ref().map_or(Ok(Vec::new()), Published::read)?;
        let shared = Shared::new(pool(self)?, seeds, sealing, crate::clock::now, None);
        let names = upkeep::begin_anew(&shared, &said, now).await.map_err(say)?;
        published.map_or(Ok(()), |published| published.set_aside())?;
        Ok(names)
    }
}

pub(super) fn seeds(options: &Options) -> Result<Seeds, String> {
    let current = options.seed.clone().ok_or_else(no_key)?;
    Ok(Seeds { current, next: options.next_seed.clone() })
}

fn no_key() -> String {
    "servers on PostgreSQL share one key: make it with `askfirst keygen FILE` and give it to each with --log-key-file or \
     ASKFIRST_LOG_KEY"
        .to_owned()
}

fn pool(address: &Address) -> Result<Pool, String> {
    pool_of(address, SESSION, CONNECTIONS)
}

fn pool_of(address: &Address, session: &'static str, most: usize) -> Result<Pool, String> {
    let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(address.config.clone(), Connector::new(address)?, config);
    let session = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move { client.batch_execute(session).await.map_err(HookError::Backend) })
    });
    Pool::builder(manager)
        // The connection that was used last has everything at hand.
        .queue_mode(QueueMode::Lifo)
        .max_size(most)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(Duration::from_secs(5)))
        .create_timeout(Some(Duration::from_secs(10)))
        .post_create(session)
        .build()
        .map_err(|error| format!("{address}: {error}"))
}

async fn notices(client: &Client) -> Done<Vec<(String, AboutNotice)>> {
    let rows = sql::query(client, "SELECT digest, lang, version FROM askfirst.notice", &[]).await?;
    let about = |row: &tokio_postgres::Row| {
        let digest = sql::hash(row.try_get(0)?)?;
        Ok((key::digest_text(&digest), AboutNotice { lang: row.try_get(1)?, version: row.try_get(2)? }))
    };
    rows.iter().map(about).collect()
}
