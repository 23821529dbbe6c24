//! Records on their way to the server: stored before the first send, sent again until the server has answered (R7).

use crate::json::{Fields, Value, Writer};
use crate::time::{DAY, Millis};
use alloc::string::String;
use alloc::vec::Vec;

/// Most entries kept. Past it the first and the newest stay and one between them goes, counted in `dropped`.
pub const MAX_ENTRIES: usize = 16;

const FIRST_DELAY: Millis = 1_000;
const LAST_DELAY: Millis = 600_000;

/// Entries in the order of the decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbox {
    /// What is still to be sent.
    pub entries: Vec<Entry>,
    /// How many were given up for lack of room.
    pub dropped: u32,
    /// How many the server refused for good.
    pub dead: u32,
}

/// One submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The record's id; a count has none.
    pub id: Option<String>,
    /// What is posted.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before this.
    pub next: Millis,
}

/// What an answer of the server means for the entry. The server's codes are chosen to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Stored, now or earlier: 200, 201, 202; 409 as well, for then another body is stored under this id for good.
    Done,
    /// It will never be accepted: 400, 413, 415, 422.
    Dead,
    /// Anything else, silence too: try again, at the soonest after this many seconds.
    Later(u32),
}

impl Answer {
    /// Reads an HTTP status (0: no answer) and `Retry-After` in seconds.
    pub fn new(status: u16, retry_after: Option<u32>) -> Self {
        match status {
            200 | 201 | 202 | 409 => Self::Done,
            400 | 413 | 415 | 422 => Self::Dead,
            _ => Self::Later(retry_after.unwrap_or(0).min(86_400)),
        }
    }
}

/// `next` of a count that is on the wire. A count has no id by which the server could tell a repetition, so when the page
/// was left before the answer came, it is not sent again: rather one refusal too few than one too many.
const ON_THE_WIRE: Millis = -1;

impl Entry {
    /// Whether it may be sent now. A clock that was set back holds nothing for ever.
    pub fn is_due(&self, now: Millis) -> bool {
        // A clock that was set back must not hold an entry for ever.
        self.next != ON_THE_WIRE && (self.next <= now || self.next > now + 2 * DAY)
    }

    /// Notes that it is being sent. Whether that must be stored.
    pub(crate) fn send(&mut self) -> bool {
        if self.id.is_none() {
            self.next = ON_THE_WIRE;
        }
        self.id.is_none()
    }
}

impl Outbox {
    /// Adds a submission, due at once.
    pub fn push(&mut self, id: Option<String>, body: String) {
        self.entries.push(Entry { id, body, attempts: 0, next: 0 });
        if self.entries.len() > MAX_ENTRIES {
            self.entries.remove(1);
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// A page starts: the counts that an earlier page has sent without hearing back are done with. Whether there were any.
    pub(crate) fn settle(&mut self) -> bool {
        let before = self.entries.len();
        let mut i = 0;
        while let Some(entry) = self.entries.get(i) {
            if entry.next == ON_THE_WIRE {
                self.entries.remove(i);
            } else {
                i += 1;
            }
        }
        self.entries.len() < before
    }

    /// When the next of those that may not be sent yet may be.
    pub fn next(&self, now: Millis) -> Option<Millis> {
        let mut next = None;
        for entry in &self.entries {
            if entry.next > now && !entry.is_due(now) && next.is_none_or(|next| entry.next < next) {
                next = Some(entry.next);
            }
        }
        next
    }

    /// Notes the answer for the entry with this body. `random` spreads the retries (full jitter).
    pub fn answered(&mut self, body: &str, answer: Answer, now: Millis, random: u32) {
        let Some(index) = self.entries.iter().position(|entry| entry.body == body) else { return };
        if let Answer::Later(seconds) = answer {
            if let Some(entry) = self.entries.get_mut(index) {
                let ceiling = (FIRST_DELAY << entry.attempts.min(20)).min(LAST_DELAY);
                let jitter = FIRST_DELAY / 2 + i64::from(random) % ceiling;
                entry.attempts = entry.attempts.saturating_add(1);
                entry.next = now + jitter.max(i64::from(seconds) * 1000);
            }
            return;
        }
        self.entries.remove(index);
        if answer == Answer::Dead {
            self.dead = self.dead.saturating_add(1);
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.open('{');
        writer.int("dead", i64::from(self.dead));
        writer.int("dropped", i64::from(self.dropped));
        writer.list("entries");
        for entry in &self.entries {
            writer.open('{');
            writer.int("attempts", i64::from(entry.attempts));
            writer.text("body", &entry.body);
            writer.optional("id", &entry.id);
            writer.int("next", entry.next);
            writer.close('}');
        }
        writer.close(']');
        writer.close('}');
    }

    /// Reads what can be read; an entry that can't be is left out.
    pub(crate) fn read(value: &Value) -> Self {
        let mut outbox = Self::default();
        for item in value.get("entries").items() {
            let mut fields = Fields::of(item);
            let mut entry = Entry {
                id: None,
                body: fields.text("body"),
                attempts: fields.count("attempts"),
                next: fields.int("next"),
            };
            fields.take_optional("id", &mut entry.id);
            if fields.good {
                outbox.entries.push(entry);
            }
        }
        let mut fields = Fields::of(value);
        outbox.dropped = fields.count("dropped");
        outbox.dead = fields.count("dead");
        outbox
    }
}
