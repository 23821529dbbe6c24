//! What was checked, in plain sentences.

use super::words::Part;
use crate::json::{Value, map};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// How it came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Everything was checked and holds, up to a key that whoever checks trusts.
    Holds,
    /// Nothing false was found, but it is not proven: no trusted key was given, or the file has no proof.
    Unproven,
    /// Something does not hold.
    Fails,
}

/// What a sentence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Checked, and it holds.
    Holds,
    /// For information; nothing hangs on it.
    Note,
    /// Not proven.
    Open,
    /// It does not hold.
    Fails,
}

/// One sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is about.
    pub mark: Mark,
    /// The sentence.
    pub text: String,
}

/// The verdict on one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which record.
    pub title: String,
    /// What was checked, in order. After the first failure nothing more is checked.
    pub steps: Vec<Step>,
    /// What the record says, for a person.
    pub said: Vec<String>,
    /// What the visitor was shown, part by part.
    pub shown: Vec<Part>,
}

impl Mark {
    fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Note => "note",
            Self::Open => "open",
            Self::Fails => "fails",
        }
    }

    /// For a page.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Holds => "Holds",
            Self::Note => "Note",
            Self::Open => "Not proven",
            Self::Fails => "False",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Holds => "  ok    ",
            Self::Note => "  note  ",
            Self::Open => "  OPEN  ",
            Self::Fails => "  FALSE ",
        }
    }
}

impl Outcome {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Unproven => "unproven",
            Self::Fails => "fails",
        }
    }

    /// The verdict in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Holds => "Everything holds.",
            Self::Unproven => "Nothing false was found, but this is not proven yet.",
            Self::Fails => "This does NOT hold.",
        }
    }
}

impl Report {
    /// The report of something that could not even be looked at.
    pub fn failure(title: &str, problem: String) -> Self {
        let steps = [Step { mark: Mark::Fails, text: problem }].into();
        Self { title: title.to_string(), steps, said: Vec::new(), shown: Vec::new() }
    }

    /// The verdict: as good as its worst sentence, and never good without a sentence.
    pub fn outcome(&self) -> Outcome {
        let is = |mark| self.steps.iter().any(|step| step.mark == mark);
        if is(Mark::Fails) {
            Outcome::Fails
        } else if is(Mark::Open) || !is(Mark::Holds) {
            Outcome::Unproven
        } else {
            Outcome::Holds
        }
    }

    /// The first thing that does not hold.
    pub fn problem(&self) -> Option<&str> {
        self.steps.iter().find(|step| step.mark == Mark::Fails).map(|step| step.text.as_str())
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |parts: &[&str]| {
            parts.iter().for_each(|part| out.push_str(part));
            out.push('\n');
        };
        line(&[&self.title]);
        for step in &self.steps {
            line(&[step.mark.sign(), &step.text]);
        }
        // A false file's own account would only mislead.
        if self.outcome() != Outcome::Fails {
            self.said.iter().for_each(|said| line(&["  ", said]));
            for part in &self.shown {
                line(&["  Shown, ", &part.name, ":"]);
                part.lines.iter().for_each(|text| line(&["    ", text]));
            }
        }
        line(&[self.outcome().sentence()]);
        out
    }

    /// For a page or a program.
    pub fn to_value(&self) -> Value {
        let steps =
            self.steps.iter().map(|step| map([("mark", step.mark.name().into()), ("text", step.text.as_str().into())]));
        let shown = self
            .shown
            .iter()
            .map(|part| map([("part", part.name.as_str().into()), ("lines", part.lines.clone().into())]));
        map([
            ("outcome", self.outcome().name().into()),
            ("problem", self.problem().into()),
            ("said", self.said.clone().into()),
            ("sentence", self.outcome().sentence().into()),
            ("shown", Value::List(shown.collect())),
            ("steps", Value::List(steps.collect())),
            ("title", self.title.as_str().into()),
        ])
    }
}
