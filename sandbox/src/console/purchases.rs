//! The purchases, as the console reads and changes them.

use serde_json::{Value, json};
use shared::domain::ids::{PurchaseId, TenantId};
use shared::domain::purchase::{Purchase, State};
use shared::platform::aws;
use shared::platform::config::Vars;
use shared::platform::environment::Environment;
use shared::store::{Filters, Outbox, Purchases};
use tokio::sync::Mutex;

use super::answer::{ConsoleError, not_found, unavailable};
use crate::listener::StartupError;

/// The most purchases of one page.
pub(super) const MOST: usize = 100;

/// The purchases, and how a change of one is announced.
pub(crate) struct Orders {
    pub(super) purchases: Purchases,
    pub(super) outbox: Outbox,
    /// How many are open, and the number of the last activity before they were counted.
    counted: Mutex<Option<(u64, Value)>>,
}

impl Orders {
    /// As a function with these variables has them.
    pub(crate) fn open(vars: &Vars, environment: &Environment) -> Result<Self, StartupError> {
        let purchases = Purchases::from_vars(vars, &aws::dynamodb(vars, environment)?)?;
        let outbox = Outbox::from_vars(vars, environment)?;
        Ok(Self { purchases, outbox, counted: Mutex::default() })
    }

    /// How many purchases of a tenant are in a state, up to a page of them.
    async fn count(&self, tenant: &TenantId, state: State) -> Result<(usize, bool), ConsoleError> {
        let filters = Filters { state: Some(state), ..Filters::default() };
        let page = self.purchases.list(tenant, &filters, MOST, None).await.map_err(unavailable)?;
        let count = page.purchases.len();
        Ok((count, count == MOST && page.next.is_some()))
    }

    /// How many purchases of these tenants are open, by state, and whether there are more than that. They
    /// are counted again only after something happened: there may be many, and a page asks often.
    pub(super) async fn open_ones(
        &self,
        tenants: &[TenantId],
        last_activity: u64,
    ) -> Result<Value, ConsoleError> {
        let mut counted = self.counted.lock().await;
        if let Some((at, counts)) = &*counted
            && *at == last_activity
        {
            return Ok(counts.clone());
        }
        let (mut counts, mut is_more) = (json!({}), false);
        for state in State::OPEN {
            let mut all = 0;
            for tenant in tenants {
                let (count, more) = self.count(tenant, state).await?;
                (all, is_more) = (all + count, is_more || more);
            }
            counts[state.name()] = json!(all);
        }
        counts["more"] = json!(is_more);
        *counted = Some((last_activity, counts.clone()));
        Ok(counts)
    }

    pub(super) async fn find(&self, id: &str) -> Result<Purchase, ConsoleError> {
        let id = PurchaseId::parse(id).ok_or_else(not_found)?;
        let found = self.purchases.by_id(&id).await.map_err(unavailable)?;
        found.ok_or_else(not_found)
    }
}
