//! The one writer: takes all that waits, commits it together, then answers.
//!
//! The more come at once, the more share one flush of the disk, with no delay added for it. Whatever a commit is to
//! carry besides (a log's tree) belongs into [`Writing::attempt`], between the jobs and the commit.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use askfirst_core::record::Count;
use askfirst_core::time::Millis;
use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::fold::Folder;
use super::recent::{Key, Recent};
use super::{Counted, Figures, Inserted, NewNotice, NewRecord, Options, StoreError, database, sqlite};

/// Most jobs in one commit.
const BATCH: usize = 256;

/// Something to write, with a place for its outcome.
enum Job {
    Count(Count, Slot<Counted>),
    Erase(i64, Slot<bool>),
    Insert(Box<NewRecord>, Slot<Inserted>),
    Register(Box<NewNotice>, Slot<bool>),
}

struct Slot<T> {
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

/// The end that requests hold.
pub struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    figures: Arc<Figures>,
    failing: Arc<AtomicBool>,
}

impl Writer {
    pub fn start(
        connection: Connection,
        path: &Path,
        options: &Options,
        recent: Arc<Recent>,
        figures: Arc<Figures>,
    ) -> Result<Self, String> {
        let (last_seq, last_received) =
            sqlite::last(&connection).map_err(|error| format!("{}: {error}", path.display()))?;
        let runtime = Handle::try_current().map_err(|error| error.to_string())?;
        let failing = Arc::new(AtomicBool::new(false));
        let (queue, jobs) = sync_channel(options.queue);
        let writing = Writing {
            connection,
            runtime,
            path: path.to_owned(),
            now: options.now,
            last_seq,
            last_received,
            recent,
            sites: HashMap::new(),
            added: Vec::new(),
            folder: Folder::start(path)?,
            log_to_empty: false,
            figures: Arc::clone(&figures),
            failing: Arc::clone(&failing),
        };
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writing.run(&jobs))
            .map_err(|error| format!("the writer can't be started: {error}"))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), figures, failing })
    }

    pub async fn insert(&self, record: NewRecord) -> Result<Inserted, StoreError> {
        self.ask(|slot| Job::Insert(Box::new(record), slot)).await
    }

    pub async fn count(&self, count: Count) -> Result<Counted, StoreError> {
        self.ask(|slot| Job::Count(count, slot)).await
    }

    pub async fn register(&self, notice: NewNotice) -> Result<bool, StoreError> {
        self.ask(|slot| Job::Register(Box::new(notice), slot)).await
    }

    pub async fn erase(&self, seq: i64) -> Result<bool, StoreError> {
        self.ask(|slot| Job::Erase(seq, slot)).await
    }

    /// Whether the last commit went well and the thread is there.
    pub fn healthy(&self) -> bool {
        !self.failing.load(Relaxed) && self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    async fn ask<T>(&self, job: impl FnOnce(Slot<T>) -> Job) -> Result<T, StoreError> {
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
struct Writing {
    connection: Connection,
    runtime: Handle,
    path: PathBuf,
    now: fn() -> Millis,
    last_seq: i64,
    last_received: Millis,
    recent: Arc<Recent>,
    /// The numbers of the sites.
    sites: HashMap<String, i64>,
    /// The keys of this commit's records.
    added: Vec<Key>,
    folder: Folder,
    /// An erased text may still be in the write-ahead log.
    log_to_empty: bool,
    figures: Arc<Figures>,
    failing: Arc<AtomicBool>,
}

impl Writing {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut batch = Vec::with_capacity(64);
            batch.push(first);
            while batch.len() < BATCH
                && let Ok(job) = jobs.try_recv()
            {
                batch.push(job);
            }
            self.figures.queued.fetch_sub(batch.len() as u64, Relaxed);
            self.write(batch);
        }
        // The next start finds every id in its table and no log to replay; if this fails it reads them instead.
        let _ = self.move_rest();
        let _ = database::empty_log(&self.connection);
    }

    fn write(&mut self, mut batch: Vec<Job>) {
        let answers = match self.commit(&mut batch) {
            // A job that can't be written must not take those down that came with it.
            Err(StoreError::Unavailable) if batch.len() > 1 => {
                batch.iter_mut().map(|job| self.commit(std::slice::from_mut(job))).collect()
            }
            result => vec![result; batch.len()],
        };
        // Answered from one task: waking each request from this thread would cost a system call for each.
        drop(self.runtime.spawn(async move {
            for (job, answer) in batch.into_iter().zip(answers) {
                job.answer(answer);
            }
        }));
        self.folder.fold(&self.connection);
        if self.log_to_empty {
            self.log_to_empty = !database::empty_log(&self.connection).unwrap_or(false);
        }
    }

    /// One transaction. When it fails nothing of it is stored, and the next one finds the store as it was.
    fn commit(&mut self, batch: &mut [Job]) -> Result<(), StoreError> {
        let before = (self.last_seq, self.last_received);
        let result = self.attempt(batch);
        let failed_before = self.failing.swap(result.is_err(), Relaxed);
        match result {
            Ok(()) => {
                self.figures.commits.fetch_add(1, Relaxed);
                Ok(())
            }
            Err(error) => {
                self.figures.failed_commits.fetch_add(1, Relaxed);
                (self.last_seq, self.last_received) = before;
                self.recent.forget(&std::mem::take(&mut self.added));
                // The number of a new site went with the rest.
                self.sites.clear();
                if !failed_before {
                    // Once, not for every commit until somebody has made room.
                    tracing::error!(code = ?error.sqlite_error_code(), "a commit failed, nothing of it is stored");
                }
                let error = self.recover(&error);
                Err(error)
            }
        }
    }

    fn attempt(&mut self, batch: &mut [Job]) -> rusqlite::Result<()> {
        sqlite::begin(&self.connection)?;
        // Twice what comes, so that a generation has been moved long before the next one is full.
        let slice = self.recent.slice(2 * batch.len());
        sqlite::move_keys(&self.connection, &slice)?;
        let now = self.received_now();
        for job in batch {
            match job {
                Job::Count(count, slot) => slot.outcome = Some(sqlite::count(&self.connection, count, now)?),
                Job::Erase(seq, slot) => {
                    slot.outcome = Some(sqlite::erase(&self.connection, *seq, now)?);
                    self.log_to_empty = true;
                }
                Job::Insert(record, slot) => slot.outcome = Some(self.insert(record, now)?),
                Job::Register(notice, slot) => slot.outcome = Some(sqlite::register(&self.connection, notice, now)?),
            }
        }
        sqlite::commit(&self.connection)?;
        self.recent.moved(&slice);
        self.added.clear();
        Ok(())
    }

    fn insert(&mut self, record: &NewRecord, now: Millis) -> rusqlite::Result<Inserted> {
        let site = self.site(&record.site)?;
        let key = (record.record_id, site);
        let stored = match self.recent.find(&key) {
            Some(seq) => Some(seq),
            None => sqlite::find(&self.connection, &key)?,
        };
        if let Some(seq) = stored {
            return sqlite::repeat(&self.connection, record, seq);
        }
        let inserted = sqlite::insert(&self.connection, record, self.last_seq + 1, now)?;
        if matches!(inserted, Inserted::Created(_)) {
            self.last_seq += 1;
            self.last_received = now;
            self.recent.add(key, self.last_seq);
            self.added.push(key);
            self.folder.note(record.body.len());
        }
        Ok(inserted)
    }

    fn site(&mut self, origin: &str) -> rusqlite::Result<i64> {
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
        if now < self.last_received {
            if self.figures.clock_went_back.fetch_add(1, Relaxed) == 0 {
                tracing::error!(
                    "the clock of this machine went back; records keep the time of the last one until then"
                );
            }
            return self.last_received;
        }
        now
    }

    /// Undoes the transaction and, unless only room is missing, takes a fresh connection.
    fn recover(&mut self, error: &rusqlite::Error) -> StoreError {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        let error = StoreError::of(error);
        if error == StoreError::Unavailable
            && let Ok(connection) = database::open_writer(&self.path)
        {
            self.connection = connection;
        }
        error
    }
}

impl Job {
    fn answer(self, result: Result<(), StoreError>) {
        match self {
            Self::Count(_, slot) => slot.answer(result),
            Self::Erase(_, slot) => slot.answer(result),
            Self::Insert(_, slot) => slot.answer(result),
            Self::Register(_, slot) => slot.answer(result),
        }
    }
}

impl<T> Slot<T> {
    fn answer(self, result: Result<(), StoreError>) {
        let answer = result.and(self.outcome.ok_or(StoreError::Unavailable));
        // A client that has gone away needs no answer; its record is stored all the same.
        let _ = self.reply.send(answer);
    }
}
