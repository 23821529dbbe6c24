//! Which browser files a site's pages get, in its log (R4; CNIL 2020-092: a hash of the code, published with a time): the digest
//! of their `manifest.json`. A record names the interface that its visitor had; with the files at hand, anybody sees that
//! they stood in the log before it.

use askfirst_core::log::Entry;
use askfirst_core::time::Millis;
use rusqlite::params;

use super::writer::Writing;

/// The files, and the sites whose pages get them.
#[derive(Clone, Debug)]
pub struct Interface {
    pub sites: Vec<String>,
    /// `sha256-…` of their manifest.
    pub manifest: String,
    pub files: u64,
}

/// How far back is looked for the last word: a log that has grown by more has it said again.
pub const LOOK_BACK: i64 = 10_000;

impl Interface {
    /// Whether the last word of these entries, the newest first, is another one.
    pub fn is_news<'a>(&self, entries: impl Iterator<Item = &'a [u8]>) -> bool {
        let said = |entry: Entry| entry.names_interface().map(|manifest| manifest == self.manifest);
        let last = entries.filter_map(Entry::parse).find_map(said);
        last != Some(true)
    }

    pub fn entry(&self, now: Millis) -> Entry {
        Entry::interface(&self.manifest, self.files, now)
    }
}

impl Writing {
    pub(super) fn name_interface(&mut self, interface: &Interface, now: Millis) -> rusqlite::Result<()> {
        for origin in &interface.sites {
            let site = self.site(origin)?;
            let newest = self
                .connection
                .prepare(
                    "SELECT bytes FROM log JOIN log_entry ON log_entry.log = log.log
                     WHERE log.site = ?1 AND closed_at IS NULL AND idx >= size - ?2 ORDER BY idx DESC",
                )?
                .query_map(params![site, LOOK_BACK], |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<Vec<u8>>>>()?;
            if interface.is_news(newest.iter().map(Vec::as_slice)) {
                self.logs.append(&self.connection, (site, origin), &interface.entry(now), now)?;
            }
        }
        Ok(())
    }
}
