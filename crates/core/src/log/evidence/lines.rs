//! Many records in one file, and what is checked once for all of them.

use super::Report;
use super::verify::{unreadable, verify_value};
use crate::json;
use crate::log::{Checkpoint, LogKey, OpenError, Opened};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Checks a file of lines, which [`super::verify`] takes in one piece, line by line: it may be larger than the memory.
pub struct Lines<'a> {
    trusted: &'a [LogKey],
    number: usize,
    seen: Seen,
}

impl<'a> Lines<'a> {
    /// Before the first line.
    pub fn new(trusted: &'a [LogKey]) -> Self {
        Self { trusted, number: 0, seen: Seen::default() }
    }

    /// Checks the next line.
    pub fn verify(&mut self, line: &str) -> Report {
        self.number += 1;
        let number = self.number;
        match json::parse(line) {
            Ok(value) => {
                let mut report = verify_value(&value, self.trusted, &mut self.seen);
                report.title = format!("Line {number}: {}", report.title);
                report
            }
            Err(error) => unreadable(&format!("Line {number}"), &error),
        }
    }
}

/// Checkpoints that were opened: the same bytes are signed as well the second time, and the records of an export share them.
#[derive(Default)]
pub(super) struct Seen(Vec<(String, Vec<LogKey>, Opened)>);

impl Seen {
    /// Enough for the logs of an export; more would have to be looked through.
    const MOST: usize = 8;

    pub(super) fn open(&mut self, note: &str, keys: &[LogKey]) -> Result<Opened, OpenError> {
        if let Some((.., opened)) = self.0.iter().find(|(seen, by, _)| seen == note && by == keys) {
            return Ok(opened.clone());
        }
        let opened = Checkpoint::open_by(note, keys)?;
        if self.0.len() == Self::MOST {
            self.0.remove(0);
        }
        self.0.push((note.to_string(), keys.to_vec(), opened.clone()));
        Ok(opened)
    }
}
