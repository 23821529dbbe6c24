//! Folding the write-ahead log into the database beside the writer.
//!
//! Left to itself SQLite does it in the commit that makes the log too long, and everybody waits for it. Here a thread
//! with a connection of its own does nearly all of it while the writer goes on; the writer folds what has come in the
//! meantime, and the log begins anew.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::database;

/// Bytes of records after which the log is folded.
const LONG: usize = 24 * 1024 * 1024;
/// Pages left over that the writer may fold without anybody noticing.
const FEW: i64 = 128;
/// Each time less is left over; a disk that can't keep up must not be kept busy for ever.
const TIMES: usize = 4;

/// The writer's end.
pub struct Folder {
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Only a few pages are left for the writer.
    ready: Arc<AtomicBool>,
    /// Bytes of records since the log began.
    length: usize,
}

impl Folder {
    pub fn start(path: &Path) -> Result<Self, String> {
        let (ask, asked) = sync_channel(1);
        let ready = Arc::new(AtomicBool::new(false));
        let (path, done) = (path.to_owned(), Arc::clone(&ready));
        let thread = std::thread::Builder::new()
            .name("folder".to_owned())
            .spawn(move || run(&path, &asked, &done))
            .map_err(|error| format!("a thread can't be started: {error}"))?;
        Ok(Self { ask: Some(ask), thread: Some(thread), ready, length: 0 })
    }

    /// The log has grown by a record of this many bytes.
    pub fn note(&mut self, bytes: usize) {
        self.length += bytes;
    }

    /// After a commit: sees to it that the log stays short.
    pub fn fold(&mut self, writer: &Connection) {
        if self.ready.swap(false, Relaxed) {
            // What can't be folded now is folded the next time.
            let _ = database::fold(writer);
            self.length = 0;
        } else if self.length > LONG
            && let Some(ask) = &self.ask
        {
            // When it is at it already, once is enough.
            let _ = ask.try_send(());
            self.length = 0;
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(path: &Path, asked: &Receiver<()>, ready: &AtomicBool) {
    let mut connection = None;
    while asked.recv().is_ok() {
        // A database that can't be folded grows a longer log; the writer finds out what is wrong with it.
        connection = connection.or_else(|| database::open_folder(path).ok());
        let Some(open) = &connection else { continue };
        for _ in 0..TIMES {
            match database::fold(open) {
                Ok(left) if left > FEW => {}
                Ok(_) => break,
                Err(_) => {
                    connection = None;
                    break;
                }
            }
        }
        ready.store(true, Relaxed);
    }
}
