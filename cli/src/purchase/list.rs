//! The command `telco-gateway purchase list`: purchases of one tenant or of all, through the indexes.

use std::collections::BTreeSet;
use std::str::FromStr;

use clap::Args;
use serde_json::{Value, json};
use shared::domain::date::Date;
use shared::domain::ids::TenantId;
use shared::domain::purchase::{Purchase, State};
use shared::domain::service::Service;
use shared::domain::time::to_iso;
use shared::store::{Filters, Purchases};

use crate::argument::{service, tenant};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{columns, document};

/// How many purchases one page of an index holds at most.
const PAGE: usize = 100;
/// How many pages are read of each tenant at most: enough for the longest list, even of a rare state.
const MAX_PAGES: usize = 50;

/// Which purchases are listed.
#[derive(Args)]
pub struct List {
    /// Only this tenant's; of all tenants unless given
    #[arg(long, value_parser = tenant)]
    tenant: Option<TenantId>,
    /// Only in this state: submitted, pending, delivered, failed, reversed or needs_review
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// Only of this service, such as mtn-data
    #[arg(long, value_parser = service)]
    service: Option<Service>,
    /// Made on this day in Lagos or later, like 2026-11-29
    #[arg(long, value_name = "DATE", value_parser = |text: &str| Date::parse(text))]
    from: Option<Date>,
    /// Made on this day in Lagos or earlier
    #[arg(long, value_name = "DATE", value_parser = |text: &str| Date::parse(text))]
    to: Option<Date>,
    /// How many at most, 1 to 1000; the newest are listed
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

impl List {
    /// Gives the list to print. Says on standard error when there are more.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(&self, purchases: &Purchases, context: &Context) -> Result<String, Failure> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            let problem = format!("the first day {from} is after the last {to}");
            return Err(Failure::Configuration(problem));
        }
        let limit = usize::from(self.limit);
        let filters = Filters {
            state: self.state,
            service_id: self.service.map(|service| service.id),
            phone: None,
            from: self.from.map(Date::begins),
            to: self.to.map(Date::ends),
        };
        let tenants = tenants(self.tenant.as_ref(), context).await?;
        let found = of_tenants(purchases, &tenants, &filters, limit).await?;
        if found.has_more {
            eprintln!("there are more: these are the newest; see --limit, --from and --to");
        }
        Ok(shown(&found.purchases, context.json))
    }
}

/// Purchases of some tenants.
pub struct Found {
    /// Newest first.
    pub purchases: Vec<Purchase>,
    /// Whether some were left out.
    pub has_more: bool,
}

/// The tenant that is asked for, or all that ever had a key.
///
/// # Errors
/// [`Failure`].
pub async fn tenants(
    asked: Option<&TenantId>,
    context: &Context,
) -> Result<Vec<TenantId>, Failure> {
    if let Some(tenant) = asked {
        return Ok(vec![tenant.clone()]);
    }
    let listing = context.tenants(None).await?.all().await?;
    for id in &listing.unreadable {
        eprintln!("the item of key {id:?} cannot be read: purchases of its tenant may be missing");
    }
    let all: BTreeSet<_> = listing.keys.into_iter().map(|key| key.tenant.to_string()).collect();
    Ok(all.iter().filter_map(|id| TenantId::parse(id)).collect())
}

/// The newest purchases of these tenants, at most `limit`.
///
/// # Errors
/// [`Failure`].
pub async fn of_tenants(
    purchases: &Purchases,
    tenants: &[TenantId],
    filters: &Filters,
    limit: usize,
) -> Result<Found, Failure> {
    let mut found = Found { purchases: Vec::new(), has_more: false };
    for tenant in tenants {
        let (mut own, mut next) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            // One more tells whether there are more.
            let size = PAGE.min(limit + 1 - own.len());
            let page = purchases.list(tenant, filters, size, next.as_deref()).await?;
            own.extend(page.purchases);
            next = page.next;
            if next.is_none() || own.len() > limit {
                break;
            }
        }
        found.has_more |= next.is_some() && own.len() <= limit;
        found.purchases.extend(own);
    }
    found.purchases.sort_by(|one, other| other.listed.cmp(&one.listed));
    found.has_more |= found.purchases.len() > limit;
    found.purchases.truncate(limit);
    Ok(found)
}

/// The purchases as a table, or as JSON.
pub fn shown(purchases: &[Purchase], json: bool) -> String {
    if json {
        let view = |it: &Purchase| {
            json!({ "purchase_id": it.purchase_id, "tenant": it.tenant, "state": it.state,
                    "service_id": it.service_id, "amount_kobo": it.amount,
                    "created_at": to_iso(it.created_at), "updated_at": to_iso(it.updated_at) })
        };
        return document(&Value::Array(purchases.iter().map(view).collect()));
    }
    let head =
        ["PURCHASE", "TENANT", "STATE", "SERVICE", "KOBO", "MADE", "CHANGED"].map(str::to_owned);
    let row = |it: &Purchase| {
        let (id, tenant) = (it.purchase_id.to_string(), it.tenant.to_string());
        let kobo = it.amount.map(|amount| amount.kobo().to_string()).unwrap_or_default();
        let (state, service) = (it.state.name().to_owned(), it.service_id.to_string());
        [id, tenant, state, service, kobo, to_iso(it.created_at), to_iso(it.updated_at)]
    };
    let rows: Vec<_> = std::iter::once(head).chain(purchases.iter().map(row)).collect();
    columns(&rows)
}

fn state(text: &str) -> Result<State, &'static str> {
    let known = "must be submitted, pending, delivered, failed, reversed or needs_review";
    State::from_str(text).map_err(|_| known)
}
