//! What can be wrong with a configuration, in a form for people and for programs.

use crate::texts::concat;
use alloc::string::String;

/// Whether a problem stops the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is shown and everything stays shut.
    Error,
    /// It works, but somebody should look.
    Warning,
}

/// One problem of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a JSON path: `$.categories.marketing.default`.
    pub path: String,
    /// A stable code; the lint ids of the requirements where there is one: `L01`.
    pub code: &'static str,
    /// Whether it stops the product.
    pub severity: Severity,
    /// What is wrong and why, one sentence; empty from [`super::parse_terse`].
    pub message: String,
    /// What to write instead, when that can be guessed.
    pub suggestion: Option<String>,
}

impl Problem {
    /// One line for a console: `error L01 at $.categories.marketing.default: … (try: …)`.
    pub fn line(&self) -> String {
        let severity = match self.severity {
            Severity::Error => "error ",
            Severity::Warning => "warning ",
        };
        let colon = if self.message.is_empty() { "" } else { ": " };
        let mut line = concat(&[severity, self.code, " at ", &self.path, colon, &self.message]);
        if let Some(suggestion) = &self.suggestion {
            line.push_str(" (try: ");
            line.push_str(suggestion);
            line.push(')');
        }
        line
    }
}
