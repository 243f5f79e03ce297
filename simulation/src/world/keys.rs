//! The API keys of the tenants: the one that each uses, and the last one that was revoked.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::schedule::Tenant;

/// The API keys of the tenants.
pub struct Keys(Mutex<Vec<Held>>);

struct Held {
    used: String,
    revoked: Option<Revoked>,
}

/// A key that was revoked.
#[derive(Clone)]
pub struct Revoked {
    /// The key.
    pub key: String,
    /// When it was known to be revoked, in milliseconds from the start.
    pub at_ms: u64,
}

impl Keys {
    /// One for each of so many tenants.
    pub(super) fn new(tenants: usize) -> Self {
        let held = |number| Held { used: format!("test_sk_tenant_{number}"), revoked: None };
        Self(Mutex::new((0..tenants).map(held).collect()))
    }

    /// The key that a tenant uses.
    pub fn used(&self, tenant: Tenant) -> String {
        self.held()[tenant].used.clone()
    }

    /// A tenant uses another key from now on. Gives the one before.
    pub fn replace(&self, tenant: Tenant, key: String) -> String {
        std::mem::replace(&mut self.held()[tenant].used, key)
    }

    /// A key was revoked.
    pub fn revoked(&self, tenant: Tenant, revoked: Revoked) {
        self.held()[tenant].revoked = Some(revoked);
    }

    /// The key of a tenant that was revoked last.
    pub fn last_revoked(&self, tenant: Tenant) -> Option<Revoked> {
        self.held()[tenant].revoked.clone()
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
