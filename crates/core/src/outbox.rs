//! Records on their way to the server: stored before the first send, sent again until the server has answered (R7).

use crate::json::{Fields, Value, Writer};
use crate::time::{DAY, Millis};
use alloc::string::String;
use alloc::vec::Vec;

/// Most entries kept. Past it the first and the newest stay and one between them goes, counted in `dropped`.
pub const MAX_ENTRIES: usize = 16;
/// Most bytes of all bodies together; past them it is as past [`MAX_ENTRIES`].
pub const MAX_BYTES: usize = 32 * 1024;

/// How long the record of a withdrawal waits for what could not be deleted, which belongs into it.
const CLEARING: Millis = 3_000;

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
    /// How many of these were records, and stand in no later record yet ([`crate::record::Record::undelivered`]). A count
    /// is in none: a record must not tell of an earlier refusal (R10).
    pub unreported: u32,
    /// The last body that the server refused for good, for whoever looks for the reason. Never sent again.
    pub letter: Option<String>,
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
    /// Whether it goes earlier when a network is there again or the page is left: nobody has asked for the wait.
    pub eager: bool,
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
    /// Reads an HTTP status (0: no answer) and `Retry-After` in seconds. Without `receipt` of what was sent, a good
    /// status is the one of some other page in the place of the records server.
    pub fn new(status: u16, retry_after: Option<u32>, receipt: bool) -> Self {
        match status {
            200..=202 if receipt => Self::Done,
            409 => Self::Done,
            400 | 413 | 415 | 422 => Self::Dead,
            _ => Self::Later(retry_after.unwrap_or(0).min(86_400)),
        }
    }
}

/// `next` of a count that is on the wire. A count has no id by which the server could tell a repetition, so when the page
/// was left before the answer came, it is not sent again: rather one refusal too few than one too many.
const ON_THE_WIRE: Millis = -1;

impl Entry {
    /// Whether it may be sent now.
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
    /// How many were ever added, as far as is known: it grows with each.
    pub(crate) fn made(&self) -> usize {
        self.entries.len() + self.dropped as usize
    }

    /// The newest one waits for a deletion, unless this page is left before; its id.
    pub(crate) fn hold(&mut self, now: Millis) -> Option<String> {
        let entry = self.entries.last_mut().filter(|entry| entry.id.is_some())?;
        (entry.next, entry.eager) = (now + CLEARING, true);
        entry.id.clone()
    }

    /// The one of this id that [`Outbox::hold`] holds; due from now on. None that anybody can have sent: that one has
    /// been tried, or is due.
    pub(crate) fn held(&mut self, id: &str, now: Millis) -> Option<&mut Entry> {
        let held = |entry: &&mut Entry| {
            entry.id.as_deref() == Some(id) && entry.eager && entry.attempts == 0 && entry.next > now
        };
        let entry = self.entries.iter_mut().find(held)?;
        (entry.next, entry.eager) = (0, false);
        Some(entry)
    }

    /// Adds a submission, due at once.
    pub fn push(&mut self, id: Option<String>, body: String) {
        self.entries.push(Entry { id, body, attempts: 0, next: 0, eager: false });
        while self.entries.len() > MAX_ENTRIES || (self.entries.len() > 2 && self.bytes() > MAX_BYTES) {
            let entry = self.entries.remove(1);
            self.dropped = self.dropped.saturating_add(1);
            self.miss(&entry);
        }
    }

    fn bytes(&self) -> usize {
        self.entries.iter().fold(0, |sum, entry| sum + entry.body.len())
    }

    fn miss(&mut self, entry: &Entry) {
        self.unreported = self.unreported.saturating_add(u32::from(entry.id.is_some()));
    }

    /// A network is there again, a page starts or is left: what nobody has asked to wait is due. Whether there was any.
    /// A count waits on: sent from a page that is being left it would be done with, whether it arrives or not. So does what
    /// waits for a deletion ([`Outbox::hold`]): the page that deletes may be giving it its last words, which a page in another
    /// process sees later, and one id must not be sent in two forms (R7).
    pub(crate) fn hurry(&mut self) -> bool {
        let mut any = false;
        for entry in &mut self.entries {
            if entry.id.is_some() && entry.attempts > 0 && core::mem::take(&mut entry.eager) {
                entry.next = 0;
                any = true;
            }
        }
        any
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

    /// Notes the answer for the entry with this body; `silent` when none came. `random` spreads the retries (full
    /// jitter).
    pub fn answered(&mut self, body: &str, answer: Answer, silent: bool, now: Millis, random: u32) {
        let Some(index) = self.entries.iter().position(|entry| entry.body == body) else { return };
        if let Answer::Later(seconds) = answer {
            if let Some(entry) = self.entries.get_mut(index) {
                let ceiling = (FIRST_DELAY << entry.attempts.min(20)).min(LAST_DELAY);
                let jitter = FIRST_DELAY / 2 + i64::from(random) % ceiling;
                entry.attempts = entry.attempts.saturating_add(1);
                entry.next = now + jitter.max(i64::from(seconds) * 1000);
                entry.eager = silent;
            }
            return;
        }
        let entry = self.entries.remove(index);
        if answer == Answer::Dead {
            self.dead = self.dead.saturating_add(1);
            self.miss(&entry);
            self.letter = Some(entry.body);
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
            if entry.eager {
                writer.flag("eager", true);
            }
            writer.optional("id", &entry.id);
            writer.int("next", entry.next);
            writer.close('}');
        }
        writer.close(']');
        if let Some(letter) = &self.letter {
            writer.text("letter", letter);
        }
        if self.unreported > 0 {
            writer.int("unreported", i64::from(self.unreported));
        }
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
                eager: item.at("eager").is_some(),
            };
            fields.take_optional("id", &mut entry.id);
            if fields.good {
                outbox.entries.push(entry);
            }
        }
        let mut fields = Fields::of(value);
        outbox.dropped = fields.count("dropped");
        outbox.dead = fields.count("dead");
        fields.take_optional("letter", &mut outbox.letter);
        outbox.unreported = fields.count("unreported");
        outbox
    }
}
