//! Why a checkpoint is not believed, in a sentence.

use crate::log::{Checkpoint, LogKey, Note, NoteError, OpenError};
use alloc::format;
use alloc::string::{String, ToString};

/// The sentence about a checkpoint that did not open with the trusted keys, or, when there is none, with those of the file.
pub(super) fn disbelieved(error: OpenError, checkpoint: &str, trusted: &[LogKey]) -> String {
    let problem = match error {
        OpenError::Note(NoteError::Malformed) | OpenError::NoCheckpoint => "is malformed".to_string(),
        OpenError::Note(NoteError::Invalid(name)) => format!("has a false signature of {name}"),
        OpenError::Retired(LogKey { key, until, .. }) => format!(
            "is signed by a key that was taken out of the log when it had {} entries, and has more: {}",
            until.unwrap_or(0),
            key.to_text()
        ),
        OpenError::Missing(key) => format!("is not signed by {}", key.key.to_text()),
        OpenError::Note(NoteError::Unsigned) | OpenError::NoLogKey if trusted.is_empty() => {
            "is not signed by the key that the file names".to_string()
        }
        OpenError::Note(NoteError::Unsigned) | OpenError::NoLogKey => match stranger(checkpoint, trusted) {
            Some(origin) => {
                format!("is one of the log “{origin}”, and none of the keys that you trust is of that name")
            }
            None => "is not signed by the key that you trust".to_string(),
        },
    };
    format!("The log's checkpoint {problem}.")
}

/// The name of the log, when none of the keys has it: whoever gave another log's key is told so, and not that the file is
/// forged. Nobody has signed the name; it is what the file says.
fn stranger(checkpoint: &str, trusted: &[LogKey]) -> Option<String> {
    let origin = Checkpoint::parse(Note::parse(checkpoint)?.text)?.origin;
    (!trusted.iter().any(|key| key.key.name == origin)).then_some(origin)
}
