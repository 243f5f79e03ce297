//! Tenants and the operator are told of keys that end soon.

use std::time::Duration;

use shared::domain::api_key::{ApiKey, KeyKind};
use shared::domain::ids::TenantId;
use shared::domain::time::to_iso;
use shared::store::Tenants;
use time::OffsetDateTime;

use super::Morning;
use crate::support::Caller;

const DAY: Duration = Duration::from_secs(86_400);

impl Morning {
    fn tenants(&self) -> Tenants {
        let vars = self.gateway.vars_of("authorizer");
        Tenants::from_vars(&vars, &self.gateway.dynamodb()).unwrap()
    }

    /// A new key that ends at a time.
    async fn add_key(&self, key: &str, valid_until: Option<OffsetDateTime>) -> ApiKey {
        let (tenant, now) = (TenantId::parse("acme").unwrap(), self.gateway.clock.clock().now());
        let key = ApiKey::new(key, tenant, KeyKind::Test, Some("till 7".to_owned()), now);
        let key = ApiKey { valid_until, ..key };
        self.tenants().add(&key).await.unwrap();
        key
    }

    /// Turns the clock by days, with two runs of the books each, and tells what they announce. Gives how
    /// many announcements each run made.
    async fn days(&self, days: u32) -> Vec<usize> {
        let (_tap, notify) = self.gateway.with_tap("notify").await;
        let mut announced = Vec::new();
        for run in 0..2 * days {
            if run % 2 == 0 {
                self.gateway.clock.turn(DAY);
            }
            self.keep().await;
            announced.push(self.gateway.messages("NotifyQueue").await);
            // An announcement is due after the write that it announces.
            self.gateway.clock.turn(Duration::from_secs(1));
            self.gateway.drive_queue("NotifyQueue", &notify).await;
        }
        announced
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_told_once_that_a_key_ends_within_thirty_days() {
    let it = Morning::with(&[]).await;
    let now = it.gateway.clock.clock().now().truncate_to_second();
    let until = Some(now + 33 * DAY);
    let ends = it.add_key("ends", until).await;
    it.add_key("endless", None).await;
    let revoked = it.add_key("revoked", until).await;
    it.tenants().revoke(&revoked.key_hash, None, now).await.unwrap();

    let tenant = Caller::new(&it.gateway.sandbox.base_url, "endless");
    let events = async || tenant.get("/events?type=key.expiring").await.ok()["data"].clone();
    assert_eq!(it.days(2).await, [0; 4], "its end is more than 30 days away");
    assert_eq!(events().await.as_array().unwrap().len(), 0);
    assert_eq!(it.days(3).await, [1, 0, 1, 0, 1, 0], "once a day");
    let told = events().await;
    assert_eq!(told.as_array().unwrap().len(), 1, "{told}");
    let data = &told[0]["data"];
    assert_eq!(data["key_id"], ends.key_id.as_str());
    assert_eq!(data["valid_until"], to_iso(ends.valid_until.unwrap()));
    assert_eq!((&data["label"], &data["kind"]), (&"till 7".into(), &"test".into()));
    assert_eq!(data.get("tenant"), None);
    let operators = it.gateway.told_operator().await;
    let operators: Vec<_> = operators.iter().filter(|it| it["type"] == "key.expiring").collect();
    assert_eq!(operators.len(), 1, "{operators:?}");
    let data = &operators[0]["data"];
    assert_eq!((&data["key_id"], &data["tenant"]), (&ends.key_id.as_str().into(), &"acme".into()));
}
