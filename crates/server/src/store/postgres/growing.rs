//! What logs get that is not written yet, computed in memory on top of the trees that are at hand.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use askfirst_core::log::{Checkpoint, Entry, Hash, leaf_hash};
use askfirst_core::time::Millis;

use super::failure::{Done, Failure};
use super::tree::Tree;
use crate::store::log::number;

/// The trees that this server has at hand for appending, as they are in the database after a version.
pub struct Appender {
    /// What they are as of; [`UNKNOWN`] from the first change until it is written, so that whatever becomes of it, nothing
    /// is appended to what was not.
    version: i64,
    /// By site: the open ones.
    pub trees: HashMap<i64, Tree>,
    /// The last place used and the time of the last record.
    last: (i64, Millis),
}

/// No version follows this one.
const UNKNOWN: i64 = i64::MIN;

impl Default for Appender {
    fn default() -> Self {
        Self { version: UNKNOWN, trees: HashMap::new(), last: (0, 0) }
    }
}

impl Appender {
    /// Whether the open log of a site is at hand and has a notice.
    pub fn has(&self, site: i64, notice: &[u8; 32]) -> bool {
        self.trees.get(&site).is_some_and(|tree| tree.notices.contains(notice))
    }
}

/// What logs get in one transaction.
pub struct Growing<'a> {
    pub appender: &'a mut Appender,
    /// The version that the transaction makes.
    version: i64,
    /// The last place used and the time of the last record.
    pub last: (i64, Millis),
    grown: BTreeMap<i64, Growth>,
    written: Written,
}

/// What a log had before.
struct Growth {
    site: i64,
    size: u64,
    root: Hash,
    leaves: Vec<Hash>,
}

impl<'a> Growing<'a> {
    /// From what is in the database before a transaction that makes this version.
    pub fn after(appender: &'a mut Appender, version: i64, last: (i64, Millis)) -> Self {
        if version != appender.version.wrapping_add(1) {
            // Another server has appended since, or a transaction of ours came to nothing: it is read again.
            appender.trees.clear();
        }
        Self::new(appender, version, last)
    }

    /// From what is at hand, as if nobody else had appended since. `None` when it is not known as of which version that is.
    pub fn at_hand(appender: &'a mut Appender) -> Option<Self> {
        let (before, last) = (appender.version, appender.last);
        (before != UNKNOWN).then(|| Self::new(appender, before + 1, last))
    }

    fn new(appender: &'a mut Appender, version: i64, last: (i64, Millis)) -> Self {
        appender.version = UNKNOWN;
        Self { appender, version, last, grown: BTreeMap::new(), written: Written::default() }
    }

    /// Appends to the open log of a site, which is at hand. Answers the log and the entry's number.
    pub fn put(&mut self, site: i64, entry: &Entry) -> Done<(i64, u64)> {
        let bytes = entry.bytes().ok_or_else(|| Failure::damaged("an entry of the log is not well-formed"))?;
        let tree = self.appender.trees.get_mut(&site).ok_or(Failure::Fenced)?;
        let (log, index, leaf) = (tree.log, tree.size(), leaf_hash(&bytes));
        let growth = self.grown.entry(log).or_insert_with(|| {
            let (size, root) = (tree.size(), tree.root());
            Growth { site, size, root, leaves: Vec::new() }
        });
        growth.leaves.push(leaf);
        let Written { entries, tiles, .. } = &mut self.written;
        for tile in tree.put(leaf) {
            tiles.logs.push(log);
            tiles.levels.push(i64::from(tile.level));
            tiles.tiles.push(number(tile.tile));
            tiles.hashes.push(tile.hashes);
        }
        entries.logs.push(log);
        entries.indices.push(number(index));
        entries.bytes.push(bytes);
        Ok((log, index))
    }

    /// The open log of a site has this notice from here on.
    pub fn put_notice(&mut self, site: i64, digest: [u8; 32], text: &str) -> Done<()> {
        let (log, index) = self.put(site, &Entry::notice(text))?;
        self.written.notices.push((log, digest, number(index)));
        if let Some(tree) = self.appender.trees.get_mut(&site) {
            tree.notices.insert(digest);
        }
        Ok(())
    }

    /// Signs the heads of the logs that have grown.
    pub fn sign(self) -> Done<Signed<'a>> {
        let Self { appender, version, last, grown, mut written } = self;
        for (log, growth) in grown {
            let tree = appender.trees.get_mut(&growth.site).ok_or(Failure::Fenced)?;
            let checkpoint = Checkpoint::new(&tree.origin, tree.size(), tree.root());
            let note =
                checkpoint.sign_by(&tree.signers).ok_or_else(|| Failure::damaged("a checkpoint can't be signed"))?;
            tree.checkpoint = note.into();
            let checkpoint = Arc::clone(&tree.checkpoint);
            written.heads.push(Head { before: (growth.size, growth.root), after: (tree.size(), tree.root()) });
            written.grown.push(Grown { log, first: growth.size, leaves: growth.leaves, checkpoint });
        }
        Ok(Signed { appender, version, last, written })
    }
}

/// What is to be written, complete.
pub struct Signed<'a> {
    appender: &'a mut Appender,
    pub version: i64,
    pub last: (i64, Millis),
    pub written: Written,
}

impl Signed<'_> {
    /// It is written: the next one goes on from here.
    pub fn stand(self) -> Written {
        (self.appender.version, self.appender.last) = (self.version, self.last);
        self.written
    }
}

/// What is to be written, by column.
#[derive(Default)]
pub struct Written {
    pub entries: Entries,
    pub tiles: Full,
    /// Log, digest and the entry's number.
    pub notices: Vec<(i64, [u8; 32], i64)>,
    /// In the order of `grown`.
    heads: Vec<Head>,
    pub grown: Vec<Grown>,
}

#[derive(Default)]
pub struct Entries {
    pub logs: Vec<i64>,
    pub indices: Vec<i64>,
    pub bytes: Vec<Vec<u8>>,
}

/// The tiles that have become full.
#[derive(Default)]
pub struct Full {
    pub logs: Vec<i64>,
    pub levels: Vec<i64>,
    pub tiles: Vec<i64>,
    pub hashes: Vec<Vec<u8>>,
}

/// Size and root of a log before and after.
struct Head {
    before: (u64, Hash),
    after: (u64, Hash),
}

/// What a log has got, when it is committed.
pub struct Grown {
    pub log: i64,
    pub first: u64,
    pub leaves: Vec<Hash>,
    pub checkpoint: Arc<str>,
}

/// The heads of the logs that have grown.
pub struct Heads<'a> {
    pub logs: Vec<i64>,
    pub before: Vec<i64>,
    pub old: Vec<&'a [u8]>,
    pub sizes: Vec<i64>,
    pub roots: Vec<&'a [u8]>,
    pub notes: Vec<&'a str>,
}

impl Written {
    pub fn heads(&self) -> Heads<'_> {
        let Self { heads, grown, .. } = self;
        Heads {
            logs: grown.iter().map(|grown| grown.log).collect(),
            before: heads.iter().map(|head| number(head.before.0)).collect(),
            old: heads.iter().map(|head| head.before.1.as_slice()).collect(),
            sizes: heads.iter().map(|head| number(head.after.0)).collect(),
            roots: heads.iter().map(|head| head.after.1.as_slice()).collect(),
            notes: grown.iter().map(|grown| grown.checkpoint.as_ref()).collect(),
        }
    }
}
