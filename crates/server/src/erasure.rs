//! Carries out a request for erasure, whoever has brought it: the holder, an operator, or the console. What the policy and
//! the law say stands in [`askfirst_core::erasure`].

use askfirst_core::erasure::{Answer, Policy};
use askfirst_core::time::Period;

use crate::store::{Erased, Store, StoreError, retention};

/// By which policy, and for how long a record is kept that is not erased.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub policy: Policy,
    /// The term after the end of the consent (S1).
    pub keep: Period,
}

impl Default for Rule {
    fn default() -> Self {
        Self { policy: Policy::default(), keep: retention::KEEP }
    }
}

impl Rule {
    /// Erases or restricts the record at this place. `reason` is a code for the log.
    ///
    /// # Errors
    /// Nothing has changed.
    pub async fn carry_out(self, store: &Store, seq: i64, reason: &'static str) -> Result<Answer, StoreError> {
        let evidence = store.evidence(seq).await?;
        // What the record says never changes, so it is the same when it is written.
        let record = evidence.and_then(|evidence| evidence.check().record.ok());
        if self.policy.erases(record.as_ref()) && store.erase(seq, reason).await? != Erased::Held {
            return Ok(Answer::Erased);
        }
        Ok(match store.restrict(seq).await? {
            None => Answer::Erased,
            Some(restriction) if restriction.held => Answer::Claim,
            Some(restriction) => Answer::Proof { until: self.keep.after(restriction.ends_at) },
        })
    }
}
