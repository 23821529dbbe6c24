//! What a notice offers to decide about: its purposes and services. A record that decides about anything else shows nothing
//! (R3), whoever sent it, and would be in the way of all the others when the owner has them verified.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use askfirst_core::json::{self, Value};
use askfirst_core::notice;
use askfirst_core::record::Decision;

use crate::store::{Store, StoreError};

/// Of each notice that records have named since the start. Only the owner registers notices, so there are few.
#[derive(Default)]
pub struct Offers(RwLock<HashMap<String, Arc<Offer>>>);

struct Offer {
    purposes: HashSet<String>,
    services: HashSet<String>,
}

/// What a record decides about.
#[derive(Clone, Debug)]
pub struct Decided {
    purposes: Vec<String>,
    services: Vec<String>,
}

impl Decided {
    pub fn in_record(decisions: Vec<Decision>, vendors: Vec<(String, bool)>) -> Self {
        Self {
            purposes: decisions.into_iter().map(|decision| decision.purpose).collect(),
            services: vendors.into_iter().map(|(service, _)| service).collect(),
        }
    }
}

impl Offers {
    /// Whether the notice with this digest offers all that was decided about. One that is not stored offers nothing.
    ///
    /// # Errors
    /// The store can't be read, or the notice in it is not what it was.
    pub async fn has(&self, store: &Store, digest: &str, decided: &Decided) -> Result<bool, StoreError> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned();
        let offer = match known {
            Some(offer) => offer,
            None => {
                let Some(bytes) = store.notice(digest).await? else { return Ok(false) };
                // One that is damaged is no reason to give a record up: it comes again.
                let read = std::str::from_utf8(&bytes).ok().filter(|text| notice::holds(text, digest)).map(Offer::read);
                let offer = Arc::new(read.ok_or(StoreError::Unavailable)?);
                self.0.write().unwrap_or_else(PoisonError::into_inner).insert(digest.to_owned(), Arc::clone(&offer));
                offer
            }
        };
        let purposes = decided.purposes.iter().all(|purpose| offer.purposes.contains(purpose));
        Ok(purposes && decided.services.iter().all(|service| offer.services.contains(service)))
    }
}

impl Offer {
    fn read(notice: &str) -> Self {
        let notice = json::parse(notice).unwrap_or(Value::Null);
        let ids =
            |values: &[Value]| values.iter().filter_map(|value| value.get("id").text().map(str::to_owned)).collect();
        let purposes = notice.get("purposes").items();
        let services: Vec<Value> =
            purposes.iter().flat_map(|purpose| purpose.get("services").items()).cloned().collect();
        Self { purposes: ids(purposes), services: ids(&services) }
    }
}
