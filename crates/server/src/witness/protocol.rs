//! `add-checkpoint` of C2SP tlog-witness: what is sent and what an answer means.

use askfirst_core::log::{Hash, Note, VerifierKey, to_base64};

use crate::store::log::read::Head;

/// The most of an answer that is read: a few signature lines.
pub const MOST: usize = 16 * 1024;

/// What a witness says.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its cosignature, and the time that this says, in seconds since 1970.
    Cosigned { line: String, time: u64 },
    /// It has cosigned another size than the one that the proof begins with.
    Knows(u64),
    /// It says that this tree does not go on from the one that it has cosigned.
    Contradicts,
    /// It has not answered as the specification has it; a code for the log.
    Failed(&'static str),
}

/// The body of a submission: the size and the proof that lead from what the witness knows, and the checkpoint.
pub fn submission(old: u64, proof: &[Hash], note: &str) -> String {
    let mut body = format!("old {old}\n");
    for hash in proof {
        body.push_str(&to_base64(hash));
        body.push('\n');
    }
    body.push('\n');
    body.push_str(note);
    body
}

/// Reads an answer. Only a signature of `key` that holds for the checkpoint that was sent is one.
pub fn answer(status: u16, body: &[u8], key: &VerifierKey, old: u64, head: &Head) -> Answer {
    match status {
        200 => cosignature(body, key, &head.note).unwrap_or(Answer::Failed("signature")),
        409 => match size(body) {
            Some(size) if size != old => Answer::Knows(size),
            // Of one size and not the same tree.
            Some(size) if size == head.size => Answer::Contradicts,
            _ => Answer::Failed("size"),
        },
        422 => Answer::Contradicts,
        // It does not know the log.
        403 => Answer::Failed("403"),
        404 => Answer::Failed("404"),
        300..400 => Answer::Failed("redirect"),
        _ => Answer::Failed("status"),
    }
}

fn cosignature(body: &[u8], key: &VerifierKey, note: &str) -> Option<Answer> {
    let lines = std::str::from_utf8(body).ok()?;
    let whole = format!("{note}{lines}");
    let note = Note::parse(&whole)?;
    // The keys of others in the answer are none of ours and are left out.
    let verified = note.verified(std::slice::from_ref(key)).ok()?;
    let time = verified.first()?.time.filter(|time| *time > 0)?;
    let own = note.signatures.iter().find(|signature| signature.id == key.id && signature.name == key.name)?;
    Some(Answer::Cosigned { line: own.line(), time })
}

/// A size and a newline.
fn size(body: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| plain)
}
