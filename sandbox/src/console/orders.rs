//! `/_sandbox/orders`: the purchases as an operator sees them, and what a person does with one.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::ids::{PurchaseId, TenantId};
use shared::domain::purchase::{self, Purchase, Settled};
use shared::domain::record_text::record_text;
use shared::platform::aws;
use shared::platform::config::Vars;
use shared::platform::environment::Environment;
use shared::store::{Changed, Filters, MAX_NAME, MAX_REASON, Outbox, Purchases, Settlement};

use super::answer::{Answer, ConsoleError, bad, error, not_found, read, unavailable};
use super::routes::Console;
use crate::StartupError;

/// The most purchases of one page.
const MOST: usize = 100;

/// The purchases, and how a change of one is announced.
pub(crate) struct Orders {
    purchases: Purchases,
    outbox: Outbox,
}

impl Orders {
    /// As a function with these variables has them.
    pub(crate) fn open(vars: &Vars, environment: &Environment) -> Result<Self, StartupError> {
        let purchases = Purchases::from_vars(vars, &aws::dynamodb(vars, environment)?)?;
        Ok(Self { purchases, outbox: Outbox::from_vars(vars, environment)? })
    }

    /// How many purchases of a tenant are in a state, up to a page of them.
    async fn count(
        &self,
        tenant: &TenantId,
        state: purchase::State,
    ) -> Result<(usize, bool), ConsoleError> {
        let filters = Filters { state: Some(state), ..Filters::default() };
        let page = self.purchases.list(tenant, &filters, MOST, None).await.map_err(unavailable)?;
        Ok((page.purchases.len(), page.next.is_some()))
    }

    /// How many purchases of these tenants are open, by state, and whether there are more than that.
    pub(super) async fn open_ones(&self, tenants: &[TenantId]) -> Answer {
        let (mut counts, mut is_more) = (json!({}), false);
        for state in purchase::State::OPEN {
            let mut all = 0;
            for tenant in tenants {
                let (count, more) = self.count(tenant, state).await?;
                (all, is_more) = (all + count, is_more || more);
            }
            counts[state.name()] = json!(all);
        }
        counts["more"] = json!(is_more);
        Ok(Json(counts))
    }

    async fn find(&self, id: &str) -> Result<Purchase, ConsoleError> {
        let id = PurchaseId::parse(id).ok_or_else(not_found)?;
        let found = self.purchases.by_id(&id).await.map_err(unavailable)?;
        found.ok_or_else(not_found)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    tenant: Option<String>,
    state: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// One page of a tenant's purchases, newest first: the first tenant's unless one is named.
pub(super) async fn list(
    State(console): State<Arc<Console>>,
    Query(asked): Query<Asked>,
) -> Answer {
    let orders = console.orders()?;
    let tenant = match &asked.tenant {
        Some(tenant) => TenantId::parse(tenant),
        None => console.tenants.first().cloned(),
    };
    let tenant = tenant.ok_or_else(|| bad("tenant must be the id of a tenant"))?;
    let state = asked.state.as_deref().map(str::parse::<purchase::State>).transpose();
    let state = state.map_err(|_| bad("state must be a state of a purchase"))?;
    let limit = asked.limit.unwrap_or(MOST / 2);
    if !(1..=MOST).contains(&limit) {
        return Err(bad(format!("limit must be 1 to {MOST}")));
    }
    let filters = Filters { state, ..Filters::default() };
    let page = orders.purchases.list(&tenant, &filters, limit, asked.after.as_deref()).await;
    let page = page.map_err(unavailable)?;
    let shown: Vec<Value> = page.purchases.iter().map(Purchase::view).collect();
    Ok(Json(json!({ "orders": shown, "next": page.next })))
}

/// A purchase with its whole history, codes and notes included.
pub(super) async fn show(State(console): State<Arc<Console>>, Path(id): Path<String>) -> Answer {
    let purchase = console.orders()?.find(&id).await?;
    Ok(Json(shown(&purchase, &console)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settle {
    to: Settled,
    reason: String,
    by: String,
}

/// Settles a purchase that waits for a person, as the operator's tool does.
pub(super) async fn settle(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let Settle { to, reason, by } = read(&body)?;
    let reason = record_text(&reason, MAX_REASON).map_err(|it| bad(format!("reason {it}")))?;
    let by = record_text(&by, MAX_NAME).map_err(|it| bad(format!("by {it}")))?;
    let Orders { purchases, outbox } = console.orders()?;
    let purchase = console.orders()?.find(&id).await?;
    let at = console.turner.now();
    let settlement = Settlement { outcome: to, by: &by, reason: &reason, at };
    match purchases.settle(outbox, &purchase, &settlement).await.map_err(unavailable)? {
        Changed::Written(settled) => Ok(Json(shown(&settled, &console))),
        Changed::Refused(met) => {
            let state = met.state.name();
            let message = format!("the purchase is {state}; only one in needs_review is settled");
            Err(error(StatusCode::CONFLICT, message))
        }
    }
}

fn shown(purchase: &Purchase, console: &Console) -> Value {
    let mut shown = purchase.view_with_history(console.turner.now());
    shown["tenant"] = json!(purchase.tenant);
    shown["acknowledged"] = json!(purchase.acknowledged);
    shown["attempts"] = json!(purchase.history);
    shown
}
