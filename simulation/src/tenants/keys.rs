//! A tenant gets another API key, and the one before is revoked, as `telco-gateway tenant` does. Whoever
//! has the old one tries it.

use std::time::Duration;

use shared::domain::api_key::{ApiKey, KeyKind};
use shared::platform::crypto::hashed;
use shared::store::StoreError;

use super::client::Client;
use crate::checks::name;
use crate::schedule::Tenant;
use crate::world::{Operator, Revoked, World, tenant_id};

/// How often a command is given if it fails, and the pause between two tries.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(20);
/// How long API Gateway keeps a decision of the authorizer, and how much clocks differ, in milliseconds.
const CACHED_MS: u64 = 60_000 + 10_000;

/// An operator adds a key, the tenant uses it, and the operator revokes the one before.
pub(super) async fn replace(world: &World, tenant: Tenant) {
    let Some(operator) = world.operator.get() else { return };
    let new = format!("test_sk_tenant_{tenant}_{}", world.now_ms());
    let key = ApiKey::new(&new, tenant_id(tenant), KeyKind::Test, None, world.clock.now());
    if !added(world, operator, &key).await {
        return;
    }
    world.tell(|| format!("tenant {tenant} gets another key"));
    let old = world.keys.replace(tenant, new);
    if revoked(world, operator, &old).await {
        world.tell(|| format!("the key before of tenant {tenant} is revoked"));
        world.keys.revoked(tenant, Revoked { key: old, at_ms: world.now_ms() });
    }
}

/// Somebody tries the key of a tenant that was revoked last.
pub(super) async fn try_revoked(world: &World, tenant: Tenant) {
    let Some(Revoked { key, at_ms }) = world.keys.last_revoked(tenant) else { return };
    let is_over = world.now_ms() > at_ms + CACHED_MS;
    let reply = Client::with_key(world, key).get("/purchases").await;
    world.tell(|| format!("somebody uses the revoked key of tenant {tenant}: {}", reply.status));
    if is_over && reply.status == 200 {
        let detail = format!("a key of tenant {tenant} was revoked at {at_ms} ms");
        world.violated(name::REVOKED, detail);
    }
}

async fn added(world: &World, operator: &Operator, key: &ApiKey) -> bool {
    for _ in 0..TRIES {
        let Err(error) = operator.tenants.add(key).await else { return true };
        try_again(world, &error).await;
    }
    false
}

async fn revoked(world: &World, operator: &Operator, key: &str) -> bool {
    let hash = hashed(key);
    for _ in 0..TRIES {
        let revoked = operator.tenants.revoke(&hash, None, world.clock.now()).await;
        let Err(error) = revoked else { return true };
        try_again(world, &error).await;
    }
    false
}

async fn try_again(world: &World, error: &StoreError) {
    world.tell(|| format!("an operator's command fails: {error}"));
    tokio::time::sleep(PAUSE).await;
}
