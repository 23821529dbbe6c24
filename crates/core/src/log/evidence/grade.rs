//! How well a record supports that this visitor freely gave this answer to these words (GDPR Art. 7(1), PROOF §1.3). A
//! grade tells an owner where the evidence is thin; it refuses nothing and changes nothing about the answer.

use super::words::clock;
use crate::log::{CLOCK_TOLERANCE, Challenge, Envelope};
use crate::record::{Layer, Method, Record};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Somebody who decides in less than this after the layer appeared, in milliseconds, can hardly have read it.
const GLANCE: i64 = 500;

/// A grade with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grade {
    /// `A`: nothing is missing. `B`: something is missing that other evidence can make up for. `C`: what was shown, or
    /// that a person acted, is not shown by this record alone.
    pub letter: char,
    /// One sentence for everything looked at; `true` where it supports the evidence.
    pub reasons: Vec<(bool, &'static str)>,
}

impl Grade {
    /// The grade of a record that came in with this envelope; `notice_holds` is whether the words that were shown are known
    /// and are those that the record names. Saying no needs no evidence of a free will: a refusal
    /// or withdrawal made by an agent or in a moment loses nothing by it.
    pub fn of(record: &Record, envelope: &Envelope, notice_holds: bool) -> Self {
        let mut grade = Self { letter: 'A', reasons: Vec::new() };
        let grants = record.grants();
        if record.event.method == Method::Migrated {
            grade.lacks(
                'C',
                "It was taken over from another product: only that can show what was asked, and who answered.",
            );
            return grade;
        }
        match record.ui {
            Some(ui) if ui.is_trusted() => grade.holds("The browser vouches that a person pressed the control."),
            Some(_) if !grants => {
                grade.holds("A program in the page pressed the control for the visitor; a no may be said so.")
            }
            Some(_) => grade.lacks('C', "A program in the page pressed the control, not a person."),
            None if record.event.method == Method::Signal => grade.holds("The browser objected for the visitor."),
            None if grants && record.event.method == Method::Api => {
                grade.lacks('C', "The page's own code answered; the site must show what the visitor did there.");
            }
            None if grants && record.event.layer == Layer::Page => {
                grade.holds("A person pressed a control of the page.")
            }
            None if grants => grade.lacks('B', "How the control was pressed was not measured."),
            None => grade.holds("It is a no, which needs no proof of how it was said."),
        }
        if notice_holds {
            grade.holds("The words that were shown are stored, byte for byte.");
        } else {
            grade.lacks('C', "The words that were shown are not known.");
        }
        match clock(record, envelope) {
            None => grade.holds("The server received it when the browser says that it was made."),
            Some(_) if heard_of(record, envelope) => grade.holds(
                "It was received later, but the server had heard of this very record when the browser says that it was made.",
            ),
            Some(_) => grade.lacks('B', "The two clocks disagree: only the time of receipt is certain."),
        }
        grade.challenge(envelope, grants);
        let Some(ui) = record.ui.filter(|_| grants) else { return grade };
        match ui.first_layer_equal_choice {
            Some(true) => grade.holds("Accepting and rejecting were measured to be equally large and alike."),
            Some(false) => grade.lacks('C', "Accepting and rejecting were measured to differ in size or look."),
            // In the dialog, or on a control of the page, after the first layer had been answered.
            None => {}
        }
        if ui.dwell_ms < GLANCE {
            grade.lacks('B', "It was answered within half a second of being shown.");
        }
        grade
    }

    /// For a person: the grade and its reasons, a line each.
    pub fn lines(&self) -> Vec<String> {
        let reason = |(holds, why): &(bool, &str)| format!("  {} {why}", if *holds { '+' } else { '-' });
        core::iter::once(format!("Evidence grade {}:", self.letter)).chain(self.reasons.iter().map(reason)).collect()
    }

    /// A challenge is asked of every page of a site alike; only where something was granted does it matter that it is not
    /// there. One that is late is none the worse for it: when it was asked for is what it says.
    fn challenge(&mut self, envelope: &Envelope, grants: bool) {
        match Challenge::said(envelope) {
            Some(("fresh", _)) => self.holds("The page answered the server's challenge for this very record in time."),
            Some(("late", _)) => self.holds("The page answered the server's challenge for this very record, late."),
            Some(("missing", _)) if grants => {
                self.lacks('B', "It came without the challenge that the pages of this site ask the server for.");
            }
            Some(("invalid", _)) if grants => {
                // No worse than none: whoever forges one could leave it away, and a word outlives the key that gave it.
                self.lacks(
                    'B',
                    "It came with a challenge that the server never gave for this record, or whose key is gone.",
                );
            }
            _ => {}
        }
    }

    fn holds(&mut self, why: &'static str) {
        self.reasons.push((true, why));
    }

    fn lacks(&mut self, letter: char, why: &'static str) {
        self.letter = self.letter.max(letter);
        self.reasons.push((false, why));
    }
}

/// Whether the server was asked for a challenge for this record when the browser says that it was made.
fn heard_of(record: &Record, envelope: &Envelope) -> bool {
    let at = Challenge::said(envelope).and_then(|(_, at)| at);
    at.is_some_and(|at| at.saturating_sub(record.event.at).saturating_abs() <= CLOCK_TOLERANCE)
}
