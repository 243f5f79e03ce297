//! What is stored of the guard of a service.

use super::counts::Counts;
use super::state::State;
use crate::domain::ids::PurchaseId;

/// What is stored of the guard of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// Which service.
    pub service_id: String,
    /// The outcomes of the last minutes.
    pub counts: Counts,
    /// Whether it is sold, and why not.
    pub state: State,
    /// It is another one after each change of the state. `None` where nothing was ever stored.
    pub revision: Option<String>,
}

impl Guard {
    /// The guard of a service of which nothing is stored: it is sold.
    pub fn new(service_id: &str) -> Self {
        Self { service_id: service_id.to_owned(), ..Self::default() }
    }

    /// Whether this order is the probe that is under way, or the last one that was.
    pub fn is_probed_by(&self, purchase_id: &PurchaseId) -> bool {
        self.state.is_probed_by(purchase_id)
    }
}
