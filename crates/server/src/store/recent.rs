//! Which record ids the newest records have, in memory, until the table `record_key` has them.
//!
//! A record id is random, so keeping an index of them up to date costs one page of the disk for each record: more than
//! the record itself. Here a generation of ids is collected first, then sorted, and moved into the table slice by slice
//! with the commits that follow; neighbours then share a page. Nothing can be lost by it: the ids stand in the records,
//! and a start reads them from there ([`Recent::restore`]).

use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Ids in one generation: large enough that neighbours share pages, small enough to be read again within a second.
pub const GENERATION: usize = 32_768;

/// A record id and the number of its site.
pub type Key = ([u8; 16], i64);

/// The newest ids. Written by the writer, read by everybody.
pub struct Recent {
    generation: usize,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// The generation that grows.
    young: HashMap<Key, i64>,
    /// The generation that is being moved.
    old: HashMap<Key, i64>,
    /// The same in order, and how many of them the table has.
    order: Vec<(Key, i64)>,
    moved: usize,
    /// The sites that these ids belong to.
    sites: BTreeSet<i64>,
}

/// A slice on its way into the table.
#[derive(Debug, Default)]
pub struct Slice {
    pub keys: Vec<(Key, i64)>,
    /// When it is the generation's last one: the table then has every record up to this place.
    pub complete: Option<i64>,
}

impl Recent {
    pub fn new(generation: usize) -> Self {
        Self { generation: generation.max(1), state: RwLock::default() }
    }

    /// Takes in what the records after `keyed.seq` say, when the store opens.
    pub fn restore(&self, keys: Vec<(Key, i64)>) {
        for (key, seq) in keys {
            self.add(key, seq);
        }
    }

    /// Where the record of this key is, when it is one of the newest.
    pub fn find(&self, key: &Key) -> Option<i64> {
        self.read().find(key)
    }

    /// Where the newest records of this id are, one per site.
    pub fn places(&self, record_id: [u8; 16]) -> Vec<i64> {
        let state = self.read();
        state.sites.iter().filter_map(|site| state.find(&(record_id, *site))).collect()
    }

    pub fn add(&self, key: Key, seq: i64) {
        let mut state = self.write();
        state.young.insert(key, seq);
        state.sites.insert(key.1);
    }

    /// Takes back what belonged to a commit that failed.
    pub fn forget(&self, keys: &[Key]) {
        let mut state = self.write();
        for key in keys {
            state.young.remove(key);
        }
    }

    /// What the table is to get next, at most `most`. Nothing changes here until [`Recent::moved`].
    pub fn slice(&self, most: usize) -> Slice {
        let mut state = self.write();
        if state.order.is_empty() && state.young.len() >= self.generation {
            state.begin();
        }
        let end = state.order.len().min(state.moved + most);
        let keys = state.order.get(state.moved..end).unwrap_or_default().to_vec();
        let last = !state.order.is_empty() && end == state.order.len();
        let complete = if last { state.old.values().copied().max() } else { None };
        Slice { keys, complete }
    }

    /// The table has the slice, and the commit is on the disk.
    pub fn moved(&self, slice: &Slice) {
        let mut state = self.write();
        state.moved += slice.keys.len();
        if slice.complete.is_some() {
            // Their room stays: to grow anew with each generation costs the writer as much as filling it.
            state.old.clear();
            state.order.clear();
            state.moved = 0;
        }
    }

    /// Everything that is still to be moved, when the store closes.
    pub fn rest(&self) -> Slice {
        let mut state = self.write();
        let mut keys: Vec<_> = state.order.iter().skip(state.moved).copied().collect();
        keys.extend(state.young.drain());
        keys.sort_unstable();
        let complete = keys.iter().map(|(_, seq)| *seq).max();
        Slice { keys, complete }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&self, key: &Key) -> Option<i64> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    fn begin(&mut self) {
        std::mem::swap(&mut self.old, &mut self.young);
        self.order.extend(self.old.iter().map(|(key, seq)| (*key, *seq)));
        self.order.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        ([n; 16], 1)
    }

    #[test]
    fn a_key_is_found_until_the_table_has_its_whole_generation() {
        let recent = Recent::new(3);
        for n in [9, 1, 5] {
            recent.add(key(n), i64::from(n));
        }
        let first = recent.slice(2);
        assert_eq!(first.keys.iter().map(|(_, seq)| *seq).collect::<Vec<_>>(), [1, 5], "in the order of the table");
        assert_eq!(first.complete, None);
        recent.moved(&first);
        recent.add(key(2), 10);
        let second = recent.slice(2);
        assert_eq!((second.keys.len(), second.complete), (1, Some(9)));
        assert_eq!(recent.find(&key(9)), Some(9), "not moved before the commit is on the disk");
        recent.moved(&second);
        assert_eq!([1, 5, 9].map(|n| recent.find(&key(n))), [None; 3]);
        assert_eq!(recent.find(&key(2)), Some(10));
        assert!(recent.slice(2).keys.is_empty(), "a generation is collected first");
        recent.add(key(8), 11);
        recent.add(key(3), 12);
        let next = recent.slice(8);
        assert_eq!(
            next.keys.iter().map(|(_, seq)| *seq).collect::<Vec<_>>(),
            [10, 12, 11],
            "nothing of the one before"
        );
        assert_eq!(next.complete, Some(12));
    }

    #[test]
    fn a_failed_commit_leaves_no_key_and_moves_none() {
        let recent = Recent::new(1);
        recent.add(key(1), 1);
        let slice = recent.slice(8);
        recent.add(key(2), 2);
        recent.forget(&[key(2)]);
        assert_eq!(recent.find(&key(2)), None);
        assert_eq!(recent.slice(8).keys, slice.keys, "the same slice comes again");
    }

    #[test]
    fn closing_moves_what_is_left_of_both_generations() {
        let recent = Recent::new(2);
        recent.add(key(3), 1);
        recent.add(key(4), 2);
        let slice = recent.slice(1);
        recent.moved(&slice);
        recent.add(key(1), 3);
        let rest = recent.rest();
        assert_eq!(rest.keys, [(key(1), 3), (key(4), 2)]);
        assert_eq!(rest.complete, Some(3));
    }
}
