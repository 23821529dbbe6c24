//! Where the records of a commit come to stand: each gets its number, its entry in the log and its receipt in turn, and the
//! rows are inserted together.

use askfirst_core::log::Entry;

use super::job::Job;
use super::recent::Key;
use super::sqlite::Placed;
use super::writer::Writing;
use super::{EntryRef, Inserted, Received, sqlite};

impl Writing {
    /// Gives a record its place and its receipt. Its row is inserted with those of the commit's other records.
    pub(super) fn insert(&mut self, batch: &mut [Job], at: usize) -> rusqlite::Result<()> {
        let Some(Job::Insert(received, _)) = batch.get(at) else { return Ok(()) };
        let record = &received.record;
        let site = self.site(&record.site)?;
        let key = (record.record_id, site);
        let known = self.find(&key);
        let before = match record.prev {
            Some(prev) if known.is_none() => self.find(&(prev, site)),
            _ => None,
        };
        if self.placed.first().is_some_and(|(_, first, _)| known.or(before) >= Some(*first)) {
            // Its row is looked at next.
            self.insert_placed(batch)?;
        }
        let Some(Job::Insert(received, slot)) = batch.get_mut(at) else { return Ok(()) };
        slot.outcome = Some(match known {
            Some(seq) => sqlite::repeat(&self.connection, &received.record, seq)?,
            None => self.place(received, at, key, before)?,
        });
        Ok(())
    }

    fn place(
        &mut self,
        received: &mut Received,
        job: usize,
        key: Key,
        before: Option<i64>,
    ) -> rusqlite::Result<Inserted> {
        let site = key.1;
        let named = (site, received.record.site.as_str());
        if !self.logs.append_notice(&self.connection, named, received.record.notice, received.at)? {
            return Ok(Inserted::NoticeUnknown);
        }
        if let Some(seq) = before {
            sqlite::end(&self.connection, seq, received)?;
        }
        received.not_before(self.last_received);
        let entry = Entry::Record(received.commitment);
        let named = (site, received.record.site.as_str());
        let place = self.logs.append(&self.connection, named, &entry, received.at)?;
        self.last_seq += 1;
        self.last_received = received.at;
        self.placed.push((job, self.last_seq, place));
        self.recent.add(key, self.last_seq);
        self.added.push(key);
        let mut receipt = received.record.receipt(self.last_seq, received.at);
        receipt.entry = Some(EntryRef { log: place.0, index: place.1, secret: Some(received.secret.clone()) });
        Ok(Inserted::Created(receipt))
    }

    /// Inserts the rows of the records that have a place: together, since preparing a statement costs as much as running
    /// it.
    pub(super) fn insert_placed(&mut self, batch: &[Job]) -> rusqlite::Result<()> {
        if self.placed.is_empty() {
            return Ok(());
        }
        let placed = self.placed.iter().filter_map(|(job, seq, place)| match batch.get(*job) {
            Some(Job::Insert(received, _)) => Some(Placed { received, seq: *seq, place: *place }),
            _ => None,
        });
        sqlite::insert(&self.connection, placed)?;
        self.placed.clear();
        Ok(())
    }

    /// Looks up in their table what the records of a commit are and follow: all together, since what the table has stays there
    /// and what this commit adds is in memory.
    pub(super) fn look_up(&mut self, batch: &[Job]) -> rusqlite::Result<()> {
        let mut keys = Vec::with_capacity(2 * batch.len());
        for job in batch {
            let Job::Insert(received, _) = job else { continue };
            let record = &received.record;
            let site = self.site(&record.site)?;
            keys.extend([Some(record.record_id), record.prev].into_iter().flatten().map(|id| (id, site)));
        }
        self.stored = sqlite::find(&self.connection, keys.into_iter())?;
        Ok(())
    }

    fn find(&self, key: &Key) -> Option<i64> {
        self.recent.find(key).or_else(|| self.stored.get(key).copied())
    }
}
