//! What is in the tree: one byte for the kind, then the content. A record is two hashes; everything else is canonical
//! JSON (RFC 8785). No entry is personal (PROOF §3.3).
//!
//! | byte | entry | content |
//! |---|---|---|
//! | 1 | record | core commitment, context commitment; 64 bytes |
//! | 2 | notice | the canonical notice; one that is too long for an entry by digest: `{"digest","schema"}` |
//! | 3 | erasure | `{"day","index","reason"}`: body and salts of that entry are gone |
//! | 4 | prune mark | `{"day","min_index","policy"}`: bodies and bundles below are gone |
//! | 5 | key | `{"action","day","role","vkey"}` |
//! | 6 | administration | `{"action","count","day"}`: what was done, to how many, to nobody by name |
//! | 7 | incident | `{"day","kind","note","prior"}`: a restore, a new log that follows an old one |

use super::{Commitment, Hash, VerifierKey, base64};
use crate::digest::{digest, is_digest};
use crate::json::{self, Value, map};
use crate::time::{self, Millis};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The longest entry: its length has two bytes in a bundle (C2SP tlog-tiles).
pub const MAX_ENTRY: usize = 65_535;

/// The schema name of a notice that is in the tree by its digest.
const NOTICE_DIGEST: &str = "urn:askfirst:notice-digest:1";

/// How an administration's `action` begins that declares a notice faulty; its digest follows.
const INVALIDATE: &str = "invalidate:";
/// What the action begins with that says which browser files a site has.
const INTERFACE: &str = "interface:";

/// An entry. Days are the UTC day at 0:00; `reason`, `action`, `kind` and `policy` are short codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A decision of a visitor.
    Record(Commitment),
    /// A notice, before anybody is shown it: its canonical text.
    Notice(String),
    /// A notice whose text is longer than an entry, by its digest.
    NoticeDigest(String),
    /// The body of an entry was erased (GDPR Art. 17).
    Erasure {
        /// Which entry.
        index: u64,
        /// Why: `holder`, `retention`, `owner`, …
        reason: String,
        /// When.
        day: Millis,
    },
    /// Everything below an index is gone, by policy.
    Prune {
        /// The first entry that is left.
        min_index: u64,
        /// By which policy, such as `P3Y`.
        policy: String,
        /// When.
        day: Millis,
    },
    /// A key signs from now on, or no more.
    Key {
        /// Which of the two.
        action: KeyAction,
        /// Whose key.
        role: KeyRole,
        /// The key.
        key: VerifierKey,
        /// When.
        day: Millis,
    },
    /// An access, export or purge by the owner.
    Admin {
        /// `access`, `export`, `purge`, `invalidate:sha256-…`, …
        action: String,
        /// How many records it was about.
        count: u64,
        /// When.
        day: Millis,
    },
    /// Something that an auditor should know.
    Incident {
        /// `restore`, `recover`, `conflict`, …
        kind: String,
        /// A sentence, without anything personal.
        note: String,
        /// The log that this one goes on from, at its last known size.
        prior: Option<Head>,
        /// When.
        day: Millis,
    },
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// Its signatures count from here on.
    Add,
    /// They count no more.
    Remove,
}

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRole {
    /// The log's own.
    Log,
    /// A witness's.
    Witness,
}

/// A tree head of another log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its origin.
    pub origin: String,
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

impl Entry {
    /// The entry of a notice: its text, or its digest where the text is too long.
    pub fn notice(text: &str) -> Self {
        if text.len() < MAX_ENTRY {
            Self::Notice(text.to_string())
        } else {
            Self::NoticeDigest(digest(text.as_bytes()))
        }
    }

    /// The word that a notice was faulty, so that what was agreed to under it does not count; so many records name it.
    pub fn invalidation(notice: &str, count: u64, day: Millis) -> Self {
        Self::Admin { action: [INVALIDATE, notice].concat(), count, day }
    }

    /// The digest of the notice that this declares faulty, and the day.
    pub fn invalidates(&self) -> Option<(&str, Millis)> {
        match self {
            Self::Admin { action, day, .. } => {
                Some((action.strip_prefix(INVALIDATE).filter(|notice| is_digest(notice))?, *day))
            }
            _ => None,
        }
    }

    /// The word that from this day on pages get these browser files: the digest of their `manifest.json`, which has the hash
    /// of each, and how many they are.
    pub fn interface(manifest: &str, files: u64, day: Millis) -> Self {
        Self::Admin { action: [INTERFACE, manifest].concat(), count: files, day }
    }

    /// The digest of the manifest that this names.
    pub fn names_interface(&self) -> Option<&str> {
        match self {
            Self::Admin { action, .. } => action.strip_prefix(INTERFACE).filter(|manifest| is_digest(manifest)),
            _ => None,
        }
    }

    /// The bytes in the tree. `None` when the content is not what an entry may hold: too long, a number beyond 2^53, a
    /// code that is none.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let (kind, content) = match self {
            Self::Record(commitment) => return Some([&[1], &commitment.core[..], &commitment.context].concat()),
            Self::Notice(text) => (2, text.clone()),
            Self::NoticeDigest(digest) => {
                (2, map([("digest", digest.as_str().into()), ("schema", NOTICE_DIGEST.into())]).canonical())
            }
            Self::Erasure { index, reason, day } => {
                (3, map([("day", date(*day)), ("index", whole(*index)?), ("reason", code(reason)?)]).canonical())
            }
            Self::Prune { min_index, policy, day } => (
                4,
                map([("day", date(*day)), ("min_index", whole(*min_index)?), ("policy", code(policy)?)]).canonical(),
            ),
            Self::Key { action, role, key, day } => (5, key_value(*action, *role, key, *day).canonical()),
            Self::Admin { action, count, day } => {
                (6, map([("action", code(action)?), ("count", whole(*count)?), ("day", date(*day))]).canonical())
            }
            Self::Incident { kind, note, prior, day } => {
                let prior = match prior {
                    Some(head) => head.to_value()?,
                    None => Value::Null,
                };
                let value =
                    map([("day", date(*day)), ("kind", code(kind)?), ("note", note.as_str().into()), ("prior", prior)]);
                (7, value.canonical())
            }
        };
        let mut bytes = Vec::with_capacity(content.len() + 1);
        bytes.push(kind);
        bytes.extend_from_slice(content.as_bytes());
        (bytes.len() <= MAX_ENTRY).then_some(bytes)
    }

    /// Reads an entry. `None` when these are not the bytes that [`Self::bytes`] writes for anything.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (kind, content) = bytes.split_first()?;
        if *kind == 1 {
            let (core, context) = content.split_first_chunk::<32>()?;
            return Some(Self::Record(Commitment { core: *core, context: context.try_into().ok()? }));
        }
        let text = core::str::from_utf8(content).ok()?;
        let value = json::parse(text).ok()?;
        let entry = Self::read(*kind, text, &value)?;
        // One meaning, one form: unknown members, another order or spacing are refused here.
        (entry.bytes()? == bytes).then_some(entry)
    }

    fn read(kind: u8, text: &str, value: &Value) -> Option<Self> {
        let string = |key: &str| value.get(key).text().map(ToString::to_string);
        let number = |key: &str| u64::try_from(value.get(key).int()?).ok();
        let day = || value.get("day").text().filter(|day| day.len() == 10).and_then(time::parse);
        Some(match kind {
            2 if value.get("schema").text() == Some(NOTICE_DIGEST) => {
                Self::NoticeDigest(string("digest").filter(|digest| is_digest(digest))?)
            }
            2 => Self::Notice((value.canonical() == text).then(|| text.to_string())?),
            3 => Self::Erasure { index: number("index")?, reason: string("reason")?, day: day()? },
            4 => Self::Prune { min_index: number("min_index")?, policy: string("policy")?, day: day()? },
            5 => Self::Key {
                action: KeyAction::ALL.into_iter().find(|known| value.get("action").text() == Some(known.name()))?,
                role: KeyRole::ALL.into_iter().find(|known| value.get("role").text() == Some(known.name()))?,
                key: VerifierKey::parse(value.get("vkey").text()?)?,
                day: day()?,
            },
            6 => Self::Admin { action: string("action")?, count: number("count")?, day: day()? },
            7 => Self::Incident {
                kind: string("kind")?,
                note: string("note")?,
                prior: match value.at("prior")? {
                    Value::Null => None,
                    head => Some(Head::read(head)?),
                },
                day: day()?,
            },
            _ => return None,
        })
    }
}

impl KeyAction {
    const ALL: [Self; 2] = [Self::Add, Self::Remove];

    fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
        }
    }
}

impl KeyRole {
    const ALL: [Self; 2] = [Self::Log, Self::Witness];

    fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Witness => "witness",
        }
    }
}

impl Head {
    fn to_value(&self) -> Option<Value> {
        let root = base64::encode(&self.root);
        Some(map([("origin", self.origin.as_str().into()), ("root", root.into()), ("size", whole(self.size)?)]))
    }

    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            origin: value.get("origin").text()?.to_string(),
            size: u64::try_from(value.get("size").int()?).ok()?,
            root: base64::decode(value.get("root").text()?)?.try_into().ok()?,
        })
    }
}

fn key_value(action: KeyAction, role: KeyRole, key: &VerifierKey, day: Millis) -> Value {
    map([
        ("action", action.name().into()),
        ("day", date(day)),
        ("role", role.name().into()),
        ("vkey", key.to_text().into()),
    ])
}

fn date(day: Millis) -> Value {
    time::date(day).into()
}

/// A number that a JSON reader keeps exactly.
fn whole(number: u64) -> Option<Value> {
    i64::try_from(number).ok().filter(|number| *number < 1 << 53).map(Value::Int)
}

/// Letters, digits and `_ - . :`, 1 to 64 of them: nothing that a name or an address would fit in.
fn code(text: &str) -> Option<Value> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.into())
}
