//! The one verification: everything is derived anew from the bytes in the file, nothing in it is believed.

use super::agree::contradiction;
use super::disbelieved::disbelieved;
use super::lines::{Lines, Seen};
use super::report::{Mark, Report, Step};
use super::{
    Grade, Logged, LoggedEntry, LoggedNotice, PACK_SCHEMA, Pack, WHOLE, clock, disagreement, page, plain, said, shown,
};
use crate::digest::digest;
use crate::json::{self, Value};
use crate::log::{
    CLOCK_TOLERANCE, Commitment, Entry, LogKey, Opened, TextProof, VerifierKey, is_log_of, leaf_hash, verify_inclusion,
};
use crate::notice;
use crate::record::{Record, Submission};
use crate::time;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Checks evidence packs and what `askfirst export` prints: one JSON value, a list of them, or one a line. `trusted` are
/// the keys that whoever checks has from elsewhere; without any, nothing is better than [`super::Outcome::Unproven`].
pub fn verify(text: &str, trusted: &[LogKey]) -> Vec<Report> {
    // Of a page for a lawyer only the pack counts.
    if let Some(pack) = page::inside(text) {
        let mut reports = verify(pack, trusted);
        for report in &mut reports {
            let note = "The pack was taken out of a page; the sentences of the page itself were not looked at.";
            report.steps.push(Step { mark: Mark::Note, text: note.to_string() });
        }
        return reports;
    }
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    match json::parse(text) {
        Ok(Value::List(values)) if !values.is_empty() => {
            // Up to the first that is no evidence: a list of a million numbers needs no million reports.
            let looked_at = values.iter().position(|value| !is_evidence(value)).map_or(values.len(), |at| at + 1);
            let mut seen = Seen::default();
            values.iter().take(looked_at).map(|value| verify_value(value, trusted, &mut seen)).collect()
        }
        Ok(value) => alloc::vec![verify_value(&value, trusted, &mut Seen::default())],
        // A file of lines is one in which the first line is whole.
        Err(_) if lines().count() > 1 && lines().next().is_some_and(|line| json::parse(line).is_ok()) => {
            let mut checked = Lines::new(trusted);
            lines().map(|line| checked.verify(line)).collect()
        }
        Err(error) => alloc::vec![unreadable("The file", &error)],
    }
}

/// Reads the keys that somebody trusts, as their operator publishes them: one a line, behind one that was taken out of the
/// log ` until ` and the size up to which it counts. Lines that start with `#` are for people.
///
/// # Errors
/// The first line that is no key, in one sentence.
pub fn read_keys(text: &str) -> Result<Vec<LogKey>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let read = |line| LogKey::parse(line).ok_or_else(|| format!("“{line}” is not the public key of a log."));
    lines.map(read).collect()
}

/// Checks that a record, in the text that the page has, is in the log as its receipt says.
pub fn verify_receipt(record: &str, receipt: &str, trusted: &[LogKey]) -> Report {
    let mut seen = Seen::default();
    let mut check = Check::new(trusted, &mut seen, "A record and its receipt");
    let _ = match json::parse(receipt) {
        Ok(receipt) => check.receipt(record, &receipt),
        Err(_) => check.fails("The receipt is not readable.".to_string()),
    };
    check.report
}

pub(super) fn unreadable(what: &str, error: &json::JsonError) -> Report {
    let (kind, line, column) = (error.kind.message(), error.line, error.column);
    Report::failure(what, format!("{what} is not readable as JSON: {kind}, at line {line}, column {column}."))
}

fn is_export(value: &Value) -> bool {
    value.at("receipt").is_some() && value.at("schema").is_none()
}

fn is_pack(value: &Value) -> bool {
    value.get("schema").text() == Some(PACK_SCHEMA)
}

fn is_evidence(value: &Value) -> bool {
    is_export(value) || is_pack(value)
}

pub(super) fn verify_value(value: &Value, trusted: &[LogKey], seen: &mut Seen) -> Report {
    let id = value.get("record").get("record_id").text().or(value.get("receipt").get("record_id").text());
    let title = match id {
        Some(id) => format!("Record {id}"),
        // Its number went with its content.
        None if value.at("erasure").is_some_and(|erasure| *erasure != Value::Null) => "An erased record".to_string(),
        None => "A file".to_string(),
    };
    let mut check = Check::new(trusted, seen, &title);
    let _ = if is_export(value) {
        check.export(value)
    } else if is_pack(value) {
        check.pack(value)
    } else {
        check.fails("This is neither an evidence pack nor an export of Askfirst.".to_string())
    };
    check.report
}

/// What a file from before it can't tell.
const LATER: &str = "a withdrawal, a later answer, a word that the notice was faulty";

/// What an export says beyond record and notice.
const NOT_IN_AN_EXPORT: &str = "An export does not show when the notice came into the log, which an evidence pack does. What it \
    says of the consent's standing today is the server's word alone.";

/// A check ends at the first thing that does not hold; the report has the sentence.
struct Stop;

type Checked<T = ()> = Result<T, Stop>;

struct Check<'a> {
    trusted: &'a [LogKey],
    seen: &'a mut Seen,
    report: Report,
}

impl<'a> Check<'a> {
    fn new(trusted: &'a [LogKey], seen: &'a mut Seen, title: &str) -> Self {
        let report = Report { title: plain(title), steps: Vec::new(), said: Vec::new(), shown: Vec::new() };
        Self { trusted, seen, report }
    }

    fn say(&mut self, mark: Mark, text: String) {
        self.report.steps.push(Step { mark, text: plain(&text) });
    }

    fn fails<T>(&mut self, text: String) -> Checked<T> {
        self.say(Mark::Fails, text);
        Err(Stop)
    }

    fn require(&mut self, holds: bool, otherwise: &str) -> Checked {
        if holds { Ok(()) } else { self.fails(otherwise.to_string()) }
    }

    fn take<T>(&mut self, value: Option<T>, otherwise: &str) -> Checked<T> {
        match value {
            Some(value) => Ok(value),
            None => self.fails(otherwise.to_string()),
        }
    }

    fn pack(&mut self, value: &Value) -> Checked {
        let pack = match Pack::read(value) {
            Ok(pack) => pack,
            Err(problem) => return self.fails(problem),
        };
        let keys: Option<Vec<_>> = pack.keys.iter().map(|key| VerifierKey::parse(key).map(LogKey::from)).collect();
        let keys = self.take(keys, "A key in the file is malformed.")?;
        // The entry first: until it is known to be in the signed tree, the commitments are only what the file says.
        let entry = Entry::Record(pack.commitment);
        let (index, opened) = self.place("The record", &entry, &pack.proof, &keys)?;
        self.signatures(&opened);
        let record = self.core(&pack, &opened)?;
        self.context(&pack)?;
        match (&record, &pack.notice) {
            (Some(record), Some(notice)) => {
                self.notice(record, notice, index, &opened, &keys)?;
                let grade = pack.core.as_ref().map(|core| Grade::of(record, &core.body.1, true).lines());
                self.report.said.extend(grade.unwrap_or_default());
            }
            (Some(_), None) => {
                self.fails("The file does not have the notice, so it can't show what was agreed to.".to_string())?
            }
            (None, None) => {}
            (None, Some(_)) => self.fails("The file has a notice but no record that names it.".to_string())?,
        }
        match (&record, &pack.invalidation) {
            (_, None) => {}
            (Some(record), Some(invalidation)) => self.invalidation(record, invalidation, &opened, &keys)?,
            (None, Some(_)) => {
                self.fails("The file says that a notice was faulty, but has no record that names one.".to_string())?
            }
        }
        if record.as_ref().is_some_and(Record::grants) {
            let size = opened.checkpoint.size;
            let text = format!("What came after the log had {size} entries is not in this file: {LATER}.");
            self.say(Mark::Note, text);
        }
        match (&record, &pack.erasure) {
            (None, Some(erasure)) => self.erasure(erasure, index, &opened, &keys),
            (Some(_), Some(_)) => self.fails("The file has a record that it says was erased.".to_string()),
            (None, None) => self.fails("The file has neither the record nor the entry that says why not.".to_string()),
            (Some(_), None) => Ok(()),
        }
    }

    /// The record and its envelope are what was committed to.
    fn core(&mut self, pack: &Pack, opened: &Opened) -> Checked<Option<Record>> {
        let Some(core) = &pack.core else { return Ok(None) };
        let (text, envelope) = &core.body;
        let record = self.record(text)?;
        let same = Commitment::to_record(&core.salt, text, envelope) == pack.commitment.core;
        self.require(same, "The record, what the server noted with it, or its salt is not what the log committed to.")?;
        self.say(
            Mark::Holds,
            "The record and the time of its receipt are, letter for letter, what the log committed to.".to_string(),
        );
        self.received(&record, envelope, opened)?;
        self.report.said = said(&record, None);
        Ok(Some(record))
    }

    fn record(&mut self, text: &str) -> Checked<Record> {
        match Submission::parse(text) {
            Ok(Submission::Record(record)) if record.canonical() == text => Ok(record),
            Ok(_) => self.fails("What stands under “record” is not a consent record.".to_string()),
            Err(problem) => {
                let (path, message) = (problem.path, problem.message);
                self.fails(format!("The record is not one that the server can have accepted: {path} {message}."))
            }
        }
    }

    /// What the server says of the record's coming in, as far as it does not contradict itself.
    fn received(&mut self, record: &Record, envelope: &crate::log::Envelope, opened: &Opened) -> Checked {
        if let Some(problem) = contradiction(record, envelope) {
            return self.fails(problem.to_string());
        }
        let origin = &opened.checkpoint.origin;
        self.require(
            is_log_of(origin, &record.site),
            &format!("The record is of {}, and the log is another site's.", record.site),
        )?;
        let clock = clock(record, envelope).map_or(String::new(), |clock| format!("; {clock}"));
        let at = time::instant(envelope.received_at);
        self.say(Mark::Note, format!("It was received at {at} by the server's clock{clock}."));
        if !envelope.more.is_empty() {
            let more = Value::Map(envelope.more.clone()).canonical();
            self.say(Mark::Note, format!("The server noted with it: {more}"));
        }
        let seen = opened.witnesses.iter().filter_map(|witness| witness.time).min();
        let latest = seen.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000));
        if latest.is_some_and(|latest| latest.saturating_add(CLOCK_TOLERANCE) < envelope.received_at) {
            let text =
                "A witness had seen it before the server says that it received it: the time of receipt is not proven.";
            self.say(Mark::Open, text.to_string());
        }
        Ok(())
    }

    fn context(&mut self, pack: &Pack) -> Checked {
        let Some(context) = &pack.context else {
            let text = "The context is not in the file (it may have been deleted in time); its commitment still stands in its place.";
            self.say(Mark::Note, text.to_string());
            return Ok(());
        };
        let text = context.body.canonical();
        let same = Commitment::to_context(&context.salt, &text) == pack.commitment.context;
        self.require(same, "The context or its salt is not what the log committed to.")?;
        let sentence = match text.as_str() {
            "{}" => "The server kept no context with the record, such as an address; the log says so.".to_string(),
            text => format!("The context is, letter for letter, what the log committed to: {text}"),
        };
        self.say(Mark::Holds, sentence);
        Ok(())
    }

    /// The entry is in the signed tree; its index and the checkpoint.
    fn place(&mut self, what: &str, entry: &Entry, proof: &str, keys: &[LogKey]) -> Checked<(u64, Opened)> {
        let proof = self.take(TextProof::parse(proof), &format!("{what}'s proof is not a C2SP tlog-proof."))?;
        let known = if self.trusted.is_empty() { keys } else { self.trusted };
        let opened = match self.seen.open(&proof.checkpoint, known) {
            Ok(opened) => opened,
            Err(error) => return self.fails(disbelieved(error, &proof.checkpoint, self.trusted)),
        };
        let head = &opened.checkpoint;
        let bytes = self.take(entry.bytes(), &format!("{what} can't be an entry of a log."))?;
        let holds = verify_inclusion(&leaf_hash(&bytes), proof.index, head.size, &head.root, &proof.hashes);
        self.require(holds, &format!("{what} is not in the log at the place that its proof says."))?;
        let (index, origin, size) = (proof.index, &head.origin, head.size);
        self.say(Mark::Holds, format!("{what} is entry {index} of the log “{origin}”, which then had {size} entries."));
        Ok((proof.index, opened))
    }

    fn signatures(&mut self, opened: &Opened) {
        let key = opened.log.key.to_text();
        if self.trusted.is_empty() {
            let text = format!(
                "The log's head is signed by a key that only the file itself names: {key} – compare it with the one that the operator publishes."
            );
            self.say(Mark::Open, text);
        } else {
            self.say(Mark::Holds, format!("The log's head is signed by a key that you trust: {key}"));
        }
        for witness in &opened.witnesses {
            let seconds = i64::try_from(witness.time.unwrap_or(0)).unwrap_or(0).min(253_402_300_799);
            let (name, at) = (&witness.key.name, time::instant(seconds * 1000));
            self.say(
                Mark::Note,
                format!("The witness {name} saw the log in this state at {at}: the record was in it by then."),
            );
        }
    }

    /// What the record says was shown is what was shown, and it was in the log before.
    fn notice(
        &mut self,
        record: &Record,
        notice: &LoggedNotice,
        index: u64,
        opened: &Opened,
        keys: &[LogKey],
    ) -> Checked {
        let value = self.shown(record, &notice.text)?;
        self.report.said = said(record, Some(&value));
        let (place, at) = self.place("The notice", &Entry::notice(&notice.text), &notice.proof, keys)?;
        self.same_head(opened, &at)?;
        self.require(place < index, "The notice came into the log only after the record.")?;
        self.say(Mark::Holds, "The notice was in the log before the record.".to_string());
        Ok(())
    }

    fn shown(&mut self, record: &Record, text: &str) -> Checked<Value> {
        let holds = notice::holds(text, &record.notice.digest);
        self.require(holds, "The notice is not the one that was shown: the record names another digest.")?;
        let value = self.take(json::parse(text).ok(), "The notice is not JSON.")?;
        if let Some(problem) = disagreement(record, &value) {
            return self.fails(problem);
        }
        let (lang, version) = (&record.notice.lang, &record.notice.version);
        let text =
            format!("The notice is, letter for letter, the one that the record names: “{lang}”, version {version}.");
        self.say(Mark::Holds, text);
        self.say(Mark::Note, WHOLE.to_string());
        self.report.shown = shown(&value);
        Ok(value)
    }

    fn erasure(&mut self, erasure: &LoggedEntry, index: u64, opened: &Opened, keys: &[LogKey]) -> Checked {
        let Entry::Erasure { index: erased, reason, day } = &erasure.entry else {
            return self.fails("What stands under “erasure” is no erasure.".to_string());
        };
        self.require(*erased == index, "The erasure is about another entry.")?;
        let (place, at) = self.place("The erasure", &erasure.entry, &erasure.proof, keys)?;
        self.same_head(opened, &at)?;
        self.require(place > index, "The erasure stands before the record.")?;
        let day = time::date(*day);
        let text = format!(
            "The record's content was erased on {day} ({reason}); what is left in its place says nothing about it."
        );
        self.say(Mark::Holds, text);
        Ok(())
    }

    /// That the notice was declared faulty, which takes nothing away from what the record shows.
    fn invalidation(&mut self, record: &Record, said: &LoggedEntry, opened: &Opened, keys: &[LogKey]) -> Checked {
        let Some((notice, day)) = said.entry.invalidates() else {
            return self.fails("What stands under “invalidation” declares no notice faulty.".to_string());
        };
        self.require(notice == record.notice.digest, "The notice that is declared faulty is another one.")?;
        let (_, at) = self.place("The word about the notice", &said.entry, &said.proof, keys)?;
        self.same_head(opened, &at)?;
        let text = format!(
            "On {} the operator declared the notice faulty: what was agreed to under it does not count as consent. What was shown and answered stays shown.",
            time::date(day)
        );
        self.report.said.push(text.clone());
        self.say(Mark::Holds, text);
        Ok(())
    }

    fn same_head(&mut self, one: &Opened, other: &Opened) -> Checked {
        let same = one.checkpoint == other.checkpoint;
        self.require(same, "The proofs in the file are about two different states of the log.")
    }

    /// What `askfirst export` prints for a record: `{record, receipt, notice, …}`.
    fn export(&mut self, value: &Value) -> Checked {
        let (receipt, notice) = (value.get("receipt"), value.get("notice"));
        let record = self.receipt(&value.get("record").canonical(), receipt)?;
        if *notice == Value::Null {
            self.say(
                Mark::Open,
                "The export does not have the notice, so it can't show what was agreed to.".to_string(),
            );
            return Ok(());
        }
        let value = self.shown(&record, &notice.canonical())?;
        self.report.said = said(&record, Some(&value));
        self.say(Mark::Note, NOT_IN_AN_EXPORT.to_string());
        Ok(())
    }

    fn receipt(&mut self, text: &str, receipt: &Value) -> Checked<Record> {
        if receipt.get("erased").bool() == Some(true) {
            return self.fails("The record was erased; only its receipt is left.".to_string());
        }
        let record = self.record(text)?;
        let same = receipt.get("record_id").text() == Some(&record.record_id);
        self.require(same, "The receipt is for another record.")?;
        let same = receipt.get("digest").text() == Some(&digest(text.as_bytes()));
        self.require(same, "The record is not the one that was received: the receipt names another digest.")?;
        self.say(Mark::Holds, "The record is, letter for letter, the one that its receipt names.".to_string());
        self.report.said = said(&record, None);
        let logged = match Logged::read(receipt) {
            Ok(Some(logged)) => logged,
            Ok(None) => {
                let text =
                    "There is no proof of the log: nothing shows that record and receipt were not both written anew.";
                self.say(Mark::Open, text.to_string());
                return Ok(record);
            }
            Err(problem) => return self.fails(problem),
        };
        if self.trusted.is_empty() {
            self.say(Mark::Open, "No key of the log was given, so its proof was not checked.".to_string());
            return Ok(record);
        }
        let (_, opened) = self.place("The record", &logged.entry(text), &logged.proof, &[])?;
        self.received(&record, &logged.envelope, &opened)?;
        self.signatures(&opened);
        Ok(record)
    }
}
