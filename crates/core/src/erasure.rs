//! Who asks for an erasure gets either that or a restriction, by the owner's policy and the law (S5; GDPR Art. 17, 18).
//!
//! A record is what shows that somebody agreed (Art. 7(1)). Art. 17(3)(e) lets the owner keep it for legal claims, used
//! for nothing else and no longer than its term: that is the default. A record that shows no agreement and ends none is
//! needed for no claim, so it is always erased.

use crate::json::{Value, map};
use crate::record::Record;
use crate::time::{self, Millis};

/// What the owner has decided about requests for erasure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The record is erased at once, and with it the owner's proof.
    Erase,
    /// The record is kept as proof until its term has ended, and used for nothing else.
    #[default]
    Restrict,
}

impl Policy {
    /// Every policy with its name in the settings of the server.
    pub const ALL: [(Self, &str); 2] = [(Self::Restrict, "restrict"), (Self::Erase, "erase")];

    /// The policy of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(policy, _)| policy)
    }

    /// Whether a record is to be erased, else it is restricted. `None` stands for one that can't be read: what it shows is
    /// not known, so it is kept. Whether it is held for a claim is asked where it is written.
    #[must_use]
    pub fn erases(self, record: Option<&Record>) -> bool {
        self == Self::Erase || record.is_some_and(|record| !shows_agreement(record))
    }
}

/// It grants something, or follows a record that may have.
fn shows_agreement(record: &Record) -> bool {
    record.prev.is_some() || record.grants()
}

/// What became of a request, as the person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its content is gone.
    Erased,
    /// It is kept for a legal claim that somebody has named, until the claim is settled.
    Claim,
    /// It is kept as proof of the agreement, until this time at the latest.
    Proof {
        /// When its term ends.
        until: Millis,
    },
}

impl Answer {
    /// For programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Erased => "erased",
            Self::Claim => "claim",
            Self::Proof { .. } => "proof",
        }
    }

    /// By which law.
    #[must_use]
    pub fn ground(self) -> &'static str {
        match self {
            Self::Erased => "GDPR Art. 17(1)",
            Self::Claim => "GDPR Art. 17(3)(e) and 18(2)",
            Self::Proof { .. } => "GDPR Art. 17(3)(e) and 18(2), with Art. 7(1)",
        }
    }

    /// What was done and why, in a sentence for the person.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Erased => "The record was erased.",
            Self::Claim => {
                "The record was not erased but restricted: it is kept for a legal claim until that is settled, and used for \
                 nothing else."
            }
            Self::Proof { .. } => {
                "The record was not erased but restricted: it is kept as proof of your answer, for legal claims, until its \
                 term has ended, and used for nothing else."
            }
        }
    }

    /// The same as JSON. `until` is `null` where no end is known.
    #[must_use]
    pub fn to_value(self, record_id: &str) -> Value {
        let erased = self == Self::Erased;
        let until = match self {
            Self::Proof { until } => Some(time::instant(until)),
            Self::Erased | Self::Claim => None,
        };
        map([
            ("code", self.code().into()),
            ("erased", erased.into()),
            ("ground", self.ground().into()),
            ("message", self.message().into()),
            ("record_id", record_id.into()),
            ("restricted", (!erased).into()),
            ("until", until.into()),
        ])
    }
}
