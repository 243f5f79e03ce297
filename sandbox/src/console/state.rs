//! What the console shows and controls.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::domain::ids::TenantId;

use super::activity::Feed;
use super::answer::{ConsoleError, not_found};
use super::purchases::Orders;
use super::receiver::Receiver;
use super::turner::Turner;
use crate::aws::lambda::Function;
use crate::aws::switches::Switches;
use crate::services::Services;
use crate::template::stack::Stack;

/// What the console shows and controls.
pub(crate) struct Console {
    pub(crate) base_url: String,
    /// The API keys, and the tenant of each.
    pub(crate) keys: Vec<String>,
    pub(crate) tenants: Vec<TenantId>,
    /// The purchases; none if the template sells nothing.
    pub(crate) orders: Option<Orders>,
    pub(crate) receiver: Receiver,
    pub(crate) turner: Turner,
    pub(crate) services: Services,
    pub(crate) stack: Arc<Stack>,
    pub(crate) lambda_vars: BTreeMap<String, String>,
    pub(crate) functions: BTreeMap<String, Arc<Function>>,
    pub(crate) switches: Switches,
    pub(crate) feed: Feed,
}

impl Console {
    pub(super) fn orders(&self) -> Result<&Orders, ConsoleError> {
        self.orders.as_ref().ok_or_else(not_found)
    }
}
