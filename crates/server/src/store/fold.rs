//! Folding the write-ahead log into the database beside the writer.
//!
//! Left to itself SQLite does it in the commit that makes the log too long, and everybody waits for it. Here a thread
//! with a connection of its own does nearly all of it while the writer goes on; the writer folds what has come in the
//! meantime, and the log begins anew.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::database;

/// Pages in the log after which it is folded: 64 MB of a new database's (`database::PAGE`).
const LONG: i64 = 8_192;
/// Pages in the log after which the writer folds it itself, whoever waits.
const MOST: i64 = 4 * LONG;
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
    /// Pages in the log.
    length: Arc<AtomicI64>,
    /// How many it had when the thread was last asked.
    asked_at: i64,
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
        Ok(Self { ask: Some(ask), thread: Some(thread), ready, length: Arc::default(), asked_at: 0 })
    }

    /// Learns from each of the writer's commits how long the log is. SQLite then leaves it to us alone.
    pub fn follow(&self, writer: &mut Connection) -> rusqlite::Result<()> {
        let length = Arc::clone(&self.length);
        writer.wal_hook(Some(move |_: &mut Wal, pages| {
            length.store(i64::from(pages), Relaxed);
            Ok(())
        }))
    }

    /// After a commit: sees to it that the log stays short.
    pub fn fold(&mut self, writer: &Connection) {
        let length = self.length.load(Relaxed);
        if self.ready.swap(false, Relaxed) || length > MOST {
            // What can't be folded now is folded the next time.
            let _ = database::fold(writer);
            self.asked_at = length;
        } else if length < self.asked_at {
            // It has begun anew.
            self.asked_at = 0;
        } else if length - self.asked_at > LONG
            && let Some(ask) = &self.ask
        {
            // When it is at it already, once is enough.
            let _ = ask.try_send(());
            self.asked_at = length;
        }
    }

    /// Gives back to the disk what the log takes, as far as the database has room for it.
    pub fn make_room(&self, writer: &Connection) {
        if database::empty_log(writer).unwrap_or(false) {
            self.length.store(0, Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_begins_anew_however_much_each_commit_says() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("records.sqlite");
        let mut writer = database::open_writer(&path).unwrap();
        let mut folder = Folder::start(&path).unwrap();
        folder.follow(&mut writer).unwrap();
        writer.execute_batch("CREATE TABLE big (bytes BLOB); INSERT INTO big VALUES (zeroblob(1))").unwrap();
        let mut longest = 0;
        // A megabyte each. Long before the last one the thread has had its turn, or the writer has done it itself.
        for _ in 0..2 * MOST / 128 {
            writer.execute("UPDATE big SET bytes = randomblob(1048576)", []).unwrap();
            folder.fold(&writer);
            let length = folder.length.load(Relaxed);
            if length < longest {
                assert!(longest > LONG, "{longest}");
                folder.make_room(&writer);
                assert_eq!(std::fs::metadata(path.with_extension("sqlite-wal")).unwrap().len(), 0);
                return;
            }
            longest = length;
        }
        panic!("the log has grown to {longest} pages");
    }
}
