//! What the store on SQLite does for witnesses: names them in the logs, keeps what they say, and stops signing when one of
//! them says that a log contradicts itself.

use askfirst_core::log::{Entry, Hash, KeyRole, VerifierKey};
use askfirst_core::time::Millis;

use super::log::read::Head;
use super::log::witness::{self, Cosigned, Followed};
use super::writer::Writing;
use super::{Sqlite, StoreError};

impl Writing {
    /// Says in every open log which witnesses follow it.
    pub(super) fn name_witnesses(&mut self, keys: &[VerifierKey], now: Millis) -> rusqlite::Result<()> {
        let sites = self
            .connection
            .prepare_cached(
                "SELECT log.log, site.site, site.origin FROM log JOIN site ON site.site = log.site
                 WHERE closed_at IS NULL ORDER BY log.log",
            )?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<rusqlite::Result<Vec<(i64, i64, String)>>>()?;
        for (log, site, origin) in sites {
            let named: Vec<String> = witness::of(&self.connection, log)?.into_iter().map(|(vkey, _)| vkey).collect();
            for (action, key) in witness::changes(&named, keys) {
                witness::name(&self.connection, log, action, &key.to_text())?;
                let entry = Entry::Key { action, role: KeyRole::Witness, key, day: now };
                self.logs.append(&self.connection, (site, &origin), &entry, now)?;
            }
        }
        Ok(())
    }

    pub(super) fn keep_cosigned(&mut self, cosigned: &[Cosigned]) -> rusqlite::Result<()> {
        cosigned.iter().try_for_each(|cosigned| witness::keep(&self.connection, cosigned))
    }
}

impl Sqlite {
    /// Says in every open log which witnesses follow it.
    pub async fn name_witnesses(&self, keys: Vec<VerifierKey>) -> Result<(), StoreError> {
        self.writer.name_witnesses(keys).await
    }

    /// Keeps what witnesses have said.
    pub async fn cosigned(&self, cosigned: Vec<Cosigned>) -> Result<(), StoreError> {
        self.writer.cosigned(cosigned).await
    }

    /// Every open log with its witnesses.
    pub async fn followed(&self) -> Result<Vec<Followed>, StoreError> {
        self.readers.with(witness::followed).await
    }

    /// Proves that a head goes on from the tree of `old` entries; nothing when it has fewer.
    pub async fn growth(&self, head: &Head, old: u64) -> Result<Option<Vec<Hash>>, StoreError> {
        let head = head.clone();
        self.readers.with(move |connection| Ok(head.growth(connection, old))).await
    }

    /// The checkpoint of a site's log that is handed out: with the signatures of witnesses, as long as these answer.
    pub async fn checkpoint(&self, site: &str) -> Result<Option<String>, StoreError> {
        let (site, now) = (site.to_owned(), self.now());
        let read = move |connection: &rusqlite::Connection| {
            let Some(head) = Head::open_at(connection, &site)? else { return Ok(None) };
            let signed = witness::signed(connection, head.log)?.filter(|signed| signed.is_current(&head, now));
            Ok(Some(signed.map_or(head.note, |signed| signed.note)))
        };
        self.readers.with(read).await
    }

    /// Whether it is this server that talks to witnesses.
    pub fn signs(&self) -> bool {
        true
    }

    /// Adds nothing any more: signing on could contradict what was said before.
    pub fn freeze(&self, what: String) {
        if self.frozen.set(what.clone()).is_ok() {
            tracing::error!(what, "nothing is added any more; the store is served for reading only");
        }
    }
}
