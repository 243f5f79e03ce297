//! What the people of a run know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use shared::domain::purchase::Purchase;

use super::placed::Placed;
use crate::schedule::{Action, CustomerNumber, OrderNumber, Schedule, Tenant};
use crate::world::{World, tenant_id};

/// What the people of a run know.
pub struct People {
    pub(super) orders: BTreeMap<OrderNumber, Placed>,
    known: Mutex<Known>,
}

#[derive(Default)]
pub(super) struct Known {
    /// The accounts that tenants were given.
    pub(super) accounts: BTreeMap<(Tenant, CustomerNumber), String>,
    /// How often linking an account was begun and ended.
    pub(super) links: BTreeMap<(Tenant, CustomerNumber), Links>,
    /// The last deferred request of a tenant about a customer.
    pub(super) requests: BTreeMap<(Tenant, CustomerNumber), String>,
    /// The purchases that orders became, as their tenants were told.
    pub(super) purchases: BTreeMap<OrderNumber, String>,
    /// What was taken under the key of an order: its own body, or another one.
    pub(super) taken: BTreeMap<OrderNumber, Value>,
    /// The orders under whose key another one was sent.
    pub(super) reused: BTreeSet<OrderNumber>,
}

/// How often linking an account was begun and ended: one may begin before another has ended.
#[derive(Clone, Copy, Default)]
pub(super) struct Links {
    pub(super) begun: u32,
    pub(super) ended: u32,
}

impl People {
    /// The people of a schedule. VTpass and MTN are told what happens with their orders.
    pub fn of(schedule: &Schedule) -> Self {
        let placed = |action: &Action| Placed::of(&action.deed);
        let orders = schedule.actions.iter().filter_map(placed).collect();
        Self { orders, known: Mutex::default() }
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// VTpass's id of an order, once it is recorded.
    pub(super) fn reference(&self, world: &World, order: OrderNumber) -> Option<String> {
        let placed = self.orders.get(&order)?;
        let id = Purchase::id(&tenant_id(placed.tenant), &placed.key);
        Some(world.record().purchases.get(id.as_str())?.reference.clone())
    }
}
