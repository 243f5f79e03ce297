//! The money limits of a tenant, where some of its keys are not usable any more.

use super::text;
use crate::support::Gateway;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_has_the_limits_that_were_set_after_a_newer_key_was_revoked() {
    let gateway = Gateway::start().await;
    let another = ["create", "acme", "--kind", "test", "--another"];
    gateway.create("acme").await;
    let newest = gateway.tenant_json(&another).await;
    gateway.tenant(&["revoke", text(&newest, "key_id")]).await.ok();
    gateway.tenant(&["limit", "acme", "--largest-order", "4000"]).await.ok();
    gateway.tenant(&another).await.ok();
    let limits = async || gateway.list("acme").await.last().unwrap()["largest_order_kobo"].clone();
    assert_eq!(limits().await, 4_000);
    // If none is usable, the newest one counts.
    gateway.tenant(&["revoke", "--tenant", "acme", "--all"]).await.ok();
    gateway.create("acme").await;
    assert_eq!(limits().await, 4_000);
}
