//! The one writer: takes all that waits, commits it together, then answers.
//!
//! The more come at once, the more share one flush of the disk and one signature of the log, with no delay added for it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use askfirst_core::log::VerifierKey;
use askfirst_core::record::Count;
use askfirst_core::time::Millis;
use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::fold::Folder;
use super::interface::Interface;
use super::job::{Job, Slot};
use super::log::Logs;
use super::log::published::Published;
use super::log::witness::Cosigned;
use super::recent::{Key, Recent, Slice};
use super::retention::Ended;
use super::sealing::{self, Sealing};
use super::upkeep::Prune;
use super::{
    Counted, Erased, Figures, Inserted, NewNotice, Options, Received, Restriction, StoreError, database, key, sqlite,
};

/// Most jobs in one commit.
const BATCH: usize = 256;
/// From this many jobs on the writer lets others go before it, once for each commit.
const CROWD: usize = 4;

/// Fewest ids that are moved into their table at once, where so many wait for it: each slice writes its first and last page
/// for a part of what is on them.
const SLICE: usize = 512;

/// How long the writer waits for another job before it does what is left over.
const LEFT_OVER: Duration = Duration::from_millis(100);
/// How long the write-ahead log is left alone at most after a reader has held up its emptying. Each attempt keeps everybody
/// waiting for a while, and a backup reads for minutes.
const HELD_UP: Duration = Duration::from_secs(5);
/// A clock that is behind the last record by more than this was set back.
const CLOCK_STEP: Millis = 1_000;

/// What the writer knows besides the database.
pub struct State {
    pub recent: Arc<Recent>,
    pub logs: Logs,
    pub published: Published,
    pub sealing: Option<Arc<Sealing>>,
    /// Why nothing is to be written.
    pub frozen: Arc<OnceLock<String>>,
}

/// The end that requests hold.
pub struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    figures: Arc<Figures>,
    failing: Arc<AtomicBool>,
    frozen: Arc<OnceLock<String>>,
}

impl Writer {
    pub fn start(
        mut connection: Connection,
        path: &Path,
        options: &Options,
        state: State,
        figures: Arc<Figures>,
    ) -> Result<Self, String> {
        let (last_seq, last_received) =
            sqlite::last(&connection).map_err(|error| format!("{}: {error}", path.display()))?;
        let runtime = Handle::try_current().map_err(|error| error.to_string())?;
        let failing = Arc::new(AtomicBool::new(false));
        let (queue, jobs) = sync_channel(options.queue);
        let folder = Folder::start(path)?;
        folder.follow(&mut connection).map_err(|error| format!("{}: {error}", path.display()))?;
        let writing = Writing {
            connection,
            runtime,
            path: path.to_owned(),
            now: options.now,
            last_seq,
            last_received,
            recent: state.recent,
            logs: state.logs,
            published: state.published,
            sealing: state.sealing,
            sites: HashMap::new(),
            slice: SLICE.min(options.generation / 4),
            to_move: 0,
            added: Vec::new(),
            placed: Vec::new(),
            stored: HashMap::new(),
            folder,
            log_to_empty: false,
            held_up: None,
            figures: Arc::clone(&figures),
            failing: Arc::clone(&failing),
            full: false,
            frozen: Arc::clone(&state.frozen),
        };
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writing.run(&jobs))
            .map_err(|error| format!("the writer can't be started: {error}"))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), figures, failing, frozen: state.frozen })
    }

    pub async fn insert(&self, record: Received) -> Result<Inserted, StoreError> {
        self.ask(|slot| Job::Insert(Box::new(record), slot)).await
    }

    pub async fn count(&self, count: Count) -> Result<Counted, StoreError> {
        self.ask(|slot| Job::Count(count, slot)).await
    }

    pub async fn register(&self, notice: NewNotice) -> Result<bool, StoreError> {
        self.ask(|slot| Job::Register(Box::new(notice), slot)).await
    }

    pub async fn erase(&self, seq: i64, reason: &'static str) -> Result<Erased, StoreError> {
        self.ask(|slot| Job::Erase(seq, reason, slot)).await
    }

    /// Holds a record or lets it go; whether it is there.
    pub async fn hold(&self, seq: i64, held: bool) -> Result<bool, StoreError> {
        self.ask(|slot| Job::Hold(seq, held, slot)).await
    }

    /// Restricts a record; nothing when it is not there any more.
    pub async fn restrict(&self, seq: i64) -> Result<Option<Restriction>, StoreError> {
        self.ask(|slot| Job::Restrict(seq, slot)).await
    }

    /// Erases records whose time has come.
    pub async fn purge(&self, ended: Vec<Ended>) -> Result<(), StoreError> {
        self.ask(|slot| Job::Purge(ended, slot)).await
    }

    /// Says in a log that everything below an entry is gone, and removes some of it; whether that was the last.
    pub async fn prune(&self, log: i64, min_index: u64, policy: &str) -> Result<bool, StoreError> {
        self.ask(|slot| Job::Prune(Prune { log, min_index, policy: policy.to_owned() }, slot)).await
    }

    /// Says in a log how many of its records a purge has erased.
    pub async fn note_purge(&self, log: i64, count: u64) -> Result<(), StoreError> {
        self.ask(|slot| Job::NotePurge(log, count, slot)).await
    }

    /// Says in the logs of these sites which browser files they have.
    pub async fn name_interface(&self, interface: Interface) -> Result<(), StoreError> {
        self.ask(|slot| Job::Interface(Box::new(interface), slot)).await
    }

    /// Declares a notice faulty.
    pub async fn invalidate(&self, digest: [u8; 32], reason: Option<String>) -> Result<bool, StoreError> {
        self.ask(|slot| Job::Invalidate(digest, reason, slot)).await
    }

    /// Says in the logs which witnesses follow them.
    pub async fn name_witnesses(&self, keys: Vec<VerifierKey>) -> Result<(), StoreError> {
        self.ask(|slot| Job::NameWitnesses(keys, slot)).await
    }

    /// Keeps what witnesses have said.
    pub async fn cosigned(&self, cosigned: Vec<Cosigned>) -> Result<(), StoreError> {
        self.ask(|slot| Job::Cosigned(cosigned, slot)).await
    }

    /// Whether the last commit went well and the thread is there.
    pub fn healthy(&self) -> bool {
        !self.failing.load(Relaxed) && self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    async fn ask<T>(&self, job: impl FnOnce(Slot<T>) -> Job) -> Result<T, StoreError> {
        if self.frozen.get().is_some() {
            return Err(StoreError::Frozen);
        }
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(StoreError::Unavailable)?;
        self.figures.queued.fetch_add(1, Relaxed);
        if let Err(error) = queue.try_send(job(Slot { outcome: None, reply })) {
            self.figures.queued.fetch_sub(1, Relaxed);
            return Err(match error {
                TrySendError::Full(_) => StoreError::Busy,
                TrySendError::Disconnected(_) => StoreError::Unavailable,
            });
        }
        answer.await.unwrap_or(Err(StoreError::Unavailable))
    }
}

impl Drop for Writer {
    /// Writes what still waits before it goes.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's state.
pub(super) struct Writing {
    pub(super) connection: Connection,
    runtime: Handle,
    path: PathBuf,
    now: fn() -> Millis,
    pub(super) last_seq: i64,
    pub(super) last_received: Millis,
    pub(super) recent: Arc<Recent>,
    pub(super) logs: Logs,
    published: Published,
    sealing: Option<Arc<Sealing>>,
    /// The numbers of the sites.
    sites: HashMap<String, i64>,
    /// How many ids are moved into their table at once, at least, and how many it is to get.
    slice: usize,
    to_move: usize,
    /// The keys of this commit's records.
    pub(super) added: Vec<Key>,
    /// Those of them that have no row yet: the job, the place, and where the entry is.
    pub(super) placed: Vec<(usize, i64, (i64, u64))>,
    /// Where the records of this commit's keys are, as far as the table of keys has them.
    pub(super) stored: HashMap<Key, i64>,
    pub(super) folder: Folder,
    /// An erased text may still be in the write-ahead log.
    pub(super) log_to_empty: bool,
    /// When a reader last kept it from being emptied, and how long it is left alone then.
    held_up: Option<(Instant, Duration)>,
    figures: Arc<Figures>,
    failing: Arc<AtomicBool>,
    /// The last commit failed for want of room.
    full: bool,
    frozen: Arc<OnceLock<String>>,
}

/// Takes what waits.
fn drain(jobs: &Receiver<Job>, batch: &mut Vec<Job>) {
    while batch.len() < BATCH
        && let Ok(job) = jobs.try_recv()
    {
        batch.push(job);
    }
}

impl Writing {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Some(first) = self.next(jobs) {
            let mut batch = Vec::with_capacity(64);
            batch.push(first);
            drain(jobs, &mut batch);
            if batch.len() >= CROWD {
                // Whoever else wants the processor goes first: where all are busy, more share this commit, and where one is
                // idle this returns at once.
                std::thread::yield_now();
                drain(jobs, &mut batch);
            }
            self.figures.queued.fetch_sub(batch.len() as u64, Relaxed);
            self.write(batch);
        }
        // The next start finds every id in its table and no log to replay; if this fails it reads them instead.
        let _ = self.move_rest();
        let _ = database::empty_log(&self.connection);
        self.published.write(self.logs.checkpoints());
    }

    /// The next job. While nothing comes, what is left over from the commits before is done.
    fn next(&mut self, jobs: &Receiver<Job>) -> Option<Job> {
        loop {
            if !self.log_to_empty && !self.published.behind() {
                return jobs.recv().ok();
            }
            match jobs.recv_timeout(LEFT_OVER) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    self.published.write(self.logs.checkpoints());
                    self.empty_log();
                }
            }
        }
    }

    fn empty_log(&mut self) {
        if !self.log_to_empty || self.held_up.is_some_and(|(at, wait)| at.elapsed() < wait) {
            return;
        }
        self.log_to_empty = !database::empty_log(&self.connection).unwrap_or(false);
        let wait = self.held_up.map_or(LEFT_OVER, |(_, wait)| HELD_UP.min(wait * 2));
        self.held_up = self.log_to_empty.then(|| (Instant::now(), wait));
    }

    fn write(&mut self, mut batch: Vec<Job>) {
        if self.frozen.get().is_some() {
            // What has come before the freeze is not signed after it.
            return batch.into_iter().for_each(|job| job.answer(Err(StoreError::Frozen)));
        }
        let answers = match self.commit(&mut batch) {
            // A job that can't be written must not take those down that came with it.
            Err(StoreError::Unavailable) if batch.len() > 1 => {
                batch.iter_mut().map(|job| self.commit(std::slice::from_mut(job))).collect()
            }
            result => vec![result; batch.len()],
        };
        self.prove(&mut batch);
        // Answered from one task: waking each request from this thread would cost a system call for each.
        drop(self.runtime.spawn(async move {
            for (job, answer) in batch.into_iter().zip(answers) {
                job.answer(answer);
            }
        }));
        self.folder.fold(&self.connection);
        self.empty_log();
        if self.logs.committed() {
            self.published.note(self.logs.checkpoints());
        }
    }

    /// Adds the proofs to the receipts. The head that they lead to is signed and on the disk.
    fn prove(&mut self, batch: &mut [Job]) {
        for job in batch {
            let Job::Insert(
                received,
                Slot { outcome: Some(Inserted::Created(receipt) | Inserted::Repeated(receipt)), .. },
            ) = job
            else {
                continue;
            };
            let (Some(entry), Some(site)) = (&receipt.entry, self.sites.get(&received.record.site)) else { continue };
            let place = (entry.log, entry.index);
            let site = (*site, received.record.site.as_str());
            match self.logs.prove(&self.connection, site, place, received.at) {
                Ok(inclusion) => receipt.inclusion = inclusion,
                Err(error) => tracing::error!(code = ?error.sqlite_error_code(), "an entry can't be proved"),
            }
        }
    }

    /// One transaction. When it fails nothing of it is stored, and the next one finds the store as it was.
    fn commit(&mut self, batch: &mut [Job]) -> Result<(), StoreError> {
        let before = (self.last_seq, self.last_received);
        if self.full {
            // What room there is again goes to the database first: it takes less there than in the write-ahead log, which
            // then gives the rest back. Otherwise the log would take it all, and nothing could be moved any more.
            self.folder.make_room(&self.connection);
        }
        let result = self.attempt(batch);
        let failed_before = self.failing.swap(result.is_err(), Relaxed);
        self.full = false;
        match result {
            Ok(()) => {
                self.figures.commits.fetch_add(1, Relaxed);
                Ok(())
            }
            Err(error) => {
                self.figures.failed_commits.fetch_add(1, Relaxed);
                (self.last_seq, self.last_received) = before;
                self.recent.forget(&std::mem::take(&mut self.added));
                self.logs.forget();
                // The number of a new site went with the rest.
                self.sites.clear();
                if !failed_before {
                    // Once, not for every commit until somebody has made room.
                    tracing::error!(code = ?error.sqlite_error_code(), "a commit failed, nothing of it is stored");
                }
                let error = self.recover(&error);
                self.full = error == StoreError::Full;
                Err(error)
            }
        }
    }

    fn attempt(&mut self, batch: &mut [Job]) -> rusqlite::Result<()> {
        sqlite::begin(&self.connection)?;
        // Twice what has come, so that a generation has been moved long before the next one is full.
        self.to_move += 2 * batch.len();
        let slice = if self.to_move < self.slice { Slice::default() } else { self.recent.slice(self.to_move) };
        sqlite::move_keys(&self.connection, &slice)?;
        let now = self.received_now();
        self.look_up(batch)?;
        self.placed.clear();
        for at in 0..batch.len() {
            if !matches!(batch.get(at), Some(Job::Insert(..))) {
                self.insert_placed(batch)?;
            }
            let Some(job) = batch.get_mut(at) else { break };
            match job {
                Job::Cosigned(cosigned, slot) => slot.outcome = Some(self.keep_cosigned(cosigned)?),
                Job::Count(count, slot) => slot.outcome = Some(sqlite::count(&self.connection, count, now)?),
                Job::Erase(seq, reason, slot) => slot.outcome = Some(self.erase(*seq, reason, now)?),
                Job::Hold(seq, held, slot) => slot.outcome = Some(self.hold(*seq, *held, now)?),
                Job::Insert(..) => self.insert(batch, at)?,
                Job::Interface(interface, slot) => slot.outcome = Some(self.name_interface(interface, now)?),
                Job::Invalidate(digest, reason, slot) => {
                    slot.outcome = Some(self.invalidate(*digest, reason.as_deref(), now)?);
                }
                Job::NameWitnesses(keys, slot) => slot.outcome = Some(self.name_witnesses(keys, now)?),
                Job::NotePurge(log, count, slot) => slot.outcome = Some(self.note_purge(*log, *count, now)?),
                Job::Prune(prune, slot) => slot.outcome = Some(self.prune(prune, now)?),
                Job::Purge(ended, slot) => slot.outcome = Some(self.purge(ended, now)?),
                Job::Register(notice, slot) => slot.outcome = Some(self.register(notice, now)?),
                Job::Restrict(seq, slot) => slot.outcome = Some(self.restrict(*seq, now)?),
            }
        }
        self.insert_placed(batch)?;
        self.logs.sign(&self.connection)?;
        sqlite::commit(&self.connection)?;
        self.recent.moved(&slice);
        if self.to_move >= self.slice {
            self.to_move = 0;
        }
        self.added.clear();
        Ok(())
    }

    fn register(&mut self, notice: &NewNotice, now: Millis) -> rusqlite::Result<bool> {
        let new = sqlite::register(&self.connection, notice, now)?;
        if let (Some(origin), Some(digest)) = (&notice.site, key::digest(&notice.digest)) {
            let site = self.site(origin)?;
            self.logs.append_notice(&self.connection, (site, origin), digest, now)?;
        }
        Ok(new)
    }

    pub(super) fn site(&mut self, origin: &str) -> rusqlite::Result<i64> {
        if let Some(site) = self.sites.get(origin) {
            return Ok(*site);
        }
        let site = sqlite::site(&self.connection, origin)?;
        self.sites.insert(origin.to_owned(), site);
        Ok(site)
    }

    fn move_rest(&self) -> rusqlite::Result<()> {
        sqlite::begin(&self.connection)?;
        sqlite::move_keys(&self.connection, &self.recent.rest())?;
        sqlite::commit(&self.connection)
    }

    /// The time of this commit: the clock's, but never before the last record's.
    fn received_now(&self) -> Millis {
        let now = (self.now)();
        if now >= self.last_received {
            return now;
        }
        if now + CLOCK_STEP < self.last_received && self.figures.clock_went_back.fetch_add(1, Relaxed) == 0 {
            tracing::error!("the clock of this machine went back; records keep the time of the last one until then");
        }
        self.last_received
    }

    /// Undoes the transaction and, unless only room is missing, takes a fresh connection.
    fn recover(&mut self, error: &rusqlite::Error) -> StoreError {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        let error = StoreError::of(error);
        if error == StoreError::Unavailable
            && let Ok(mut connection) = database::open_writer(&self.path)
            && sealing::register(&connection, self.sealing.clone()).is_ok()
            && self.folder.follow(&mut connection).is_ok()
        {
            self.connection = connection;
        }
        error
    }
}
