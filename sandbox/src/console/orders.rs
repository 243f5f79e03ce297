//! `/_sandbox/orders`: the purchases as an operator sees them, and what a person does with one.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::ids::TenantId;
use shared::domain::purchase::{self, Purchase, Settled};
use shared::domain::record_text::record_text;
use shared::store::{Changed, Filters, MAX_NAME, MAX_REASON, Settlement};

use super::answer::{Answer, bad, error, read, unavailable};
use super::purchases::{MOST, Orders};
use super::state::Console;

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

/// Settles a purchase that waits for a person, or records a reversal, as the operator's tool does.
pub(super) async fn settle(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let Settle { to, reason, by } = read(&body)?;
    let reason = record_text(&reason, MAX_REASON).map_err(|it| bad(format!("reason {it}")))?;
    let by = record_text(&by, MAX_NAME).map_err(|it| bad(format!("by {it}")))?;
    let Orders { purchases, outbox, .. } = console.orders()?;
    let purchase = console.orders()?.find(&id).await?;
    let at = console.turner.now();
    let settlement = Settlement { outcome: to, by: &by, reason: &reason, at };
    match purchases.settle(outbox, &purchase, &settlement).await.map_err(unavailable)? {
        Changed::Written(settled) => Ok(Json(shown(&settled, &console))),
        Changed::Refused(met) => {
            let state = met.state.name();
            let message = format!(
                "the purchase is {state}; only one in needs_review is settled, and a delivered one as reversed"
            );
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
