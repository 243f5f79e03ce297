//! Keys that this version cannot read: a newer one wrote them, and was rolled back.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use shared::platform::crypto::hashed;

use super::{CLOSED, text};
use crate::support::Gateway;

impl Gateway {
    /// Writes the kind of a stored key, without any check.
    async fn set_kind(&self, key: &str, kind: &str) {
        let update = self.dynamodb().update_item().table_name("TenantsTable");
        let update = update.key("key_hash", AttributeValue::S(hashed(key)));
        let update = update.update_expression("SET kind = :kind");
        let kind = AttributeValue::S(kind.to_owned());
        update.expression_attribute_values(":kind", kind).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_read_are_revoked_with_the_others() {
    let gateway = Gateway::start().await;
    for (tenant, revoke) in [
        ("acme", &["revoke", "--tenant", "acme", "--all"][..]),
        ("beta", &["offboard", "beta", "--confirm", "beta"]),
    ] {
        let plain = gateway.create(tenant).await;
        let newer = gateway.tenant_json(&["create", tenant, "--kind", "test", "--another"]).await;
        gateway.set_kind(text(&newer, "key"), "of_tomorrow").await;
        let limit = gateway.tenant(&["limit", tenant, "--largest-order", "5000"]).await;
        assert!(limit.stderr.contains("it opens nothing and stays as it is"), "{limit:?}");
        let ended = gateway.tenant(revoke).await;
        let said = format!("key {} cannot be read; it is revoked", text(&newer, "key_id"));
        assert!(ended.stderr.contains(&said), "{ended:?}");
        ended.ok();
        // The version that reads it is back.
        gateway.set_kind(text(&newer, "key"), "test").await;
        let states: Vec<Value> =
            gateway.list(tenant).await.iter().map(|key| key["state"].clone()).collect();
        assert_eq!(states, ["revoked", "revoked"], "{tenant}");
        for key in [&plain, &newer] {
            assert_eq!(gateway.status(text(key, "key")).await, CLOSED, "{tenant}");
        }
    }
}
