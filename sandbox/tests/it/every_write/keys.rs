//! API keys. No function writes them: the operator's tool and the sandbox call the store.

use std::sync::Arc;
use std::time::Duration;

use shared::domain::api_key::ApiKey;
use shared::domain::spending::OwnMoneyLimits;
use shared::platform::environment::Environment;
use shared::store::{Found, Tenants};

use super::loss::Loss;
use crate::support::tap::Tap;
use crate::support::{Gateway, KEY};

/// The tenants table behind a tap, and the first tenant's key as stored.
async fn tenants() -> (Gateway, Arc<Tap>, Tenants, ApiKey) {
    let gateway = Gateway::start().await;
    let tap = Arc::new(Tap::default());
    let mut vars = gateway.variables_of("authorizer");
    let url = vars.get_mut("AWS_ENDPOINT_URL_DYNAMODB").unwrap();
    *url = tap.before(url, true).await;
    let vars = vars.into_iter().collect();
    let client = shared::platform::aws::dynamodb(&vars, &Environment::real()).unwrap();
    let tenants = Tenants::from_vars(&vars, &client).unwrap();
    let key = stored(&tenants, KEY).await;
    (gateway, tap, tenants, key)
}

async fn stored(tenants: &Tenants, key: &str) -> ApiKey {
    match tenants.by_key(key).await.unwrap() {
        Found::Key(key) => *key,
        other => panic!("{other:?}"),
    }
}

pub async fn a_key_is_put(loss: Loss) {
    let (_gateway, tap, tenants, mut key) = tenants().await;
    key.label = Some("till 7".to_owned());
    loss.begin(&tap);
    tenants.put(&key).await.unwrap();
    loss.end(&tap);
    assert_eq!(stored(&tenants, KEY).await.label, key.label);
}

pub async fn a_key_is_added(loss: Loss) {
    let (gateway, tap, tenants, mut key) = tenants().await;
    let count = gateway.items("TenantsTable").await;
    key.key_hash = shared::platform::crypto::hashed("test_sk_another");
    key.key_id = shared::domain::ids::KeyId::of_hash(&key.key_hash);
    loss.begin(&tap);
    tenants.add(&key).await.unwrap();
    loss.end(&tap);
    assert_eq!(gateway.items("TenantsTable").await, count + 1);
    // Another key under the same hash is a conflict.
    key.label = Some("another".to_owned());
    tenants.add(&key).await.unwrap_err();
}

pub async fn a_key_is_revoked(loss: Loss) {
    let (gateway, tap, tenants, key) = tenants().await;
    let now = gateway.clock.clock().now();
    loss.begin(&tap);
    let revoked = tenants.revoke(&key.key_hash, Some("lost"), now).await.unwrap().unwrap();
    loss.end(&tap);
    assert_eq!(revoked.revoked_at, Some(now));
    assert_eq!(revoked.revoked_because.as_deref(), Some("lost"));
    assert_eq!(gateway.caller().get("/purchases").await.status, 403);
}

pub async fn a_key_gets_an_end(loss: Loss) {
    let (gateway, tap, tenants, key) = tenants().await;
    let until = gateway.clock.clock().now().truncate_to_second() + Duration::from_secs(60);
    loss.begin(&tap);
    let ending = tenants.end(&key.key_hash, until).await.unwrap().unwrap();
    loss.end(&tap);
    assert_eq!(ending.valid_until, Some(until));
}

pub async fn a_tenants_limits_are_set(loss: Loss) {
    let (_gateway, tap, tenants, key) = tenants().await;
    let limits = OwnMoneyLimits {
        spend_limit: Some("5000/600,20000/86400".parse().unwrap()),
        largest_order_kobo: None,
    };
    loss.begin(&tap);
    tenants.set_money_limits(&key.key_hash, limits).await.unwrap();
    loss.end(&tap);
    assert_eq!(stored(&tenants, KEY).await.money_limits(), limits);
    tenants.set_money_limits(&key.key_hash, OwnMoneyLimits::default()).await.unwrap();
    assert_eq!(stored(&tenants, KEY).await, key, "the deployment's limits leave no trace");
}

pub async fn a_key_is_restricted(loss: Loss) {
    let (_gateway, tap, tenants, key) = tenants().await;
    let restricted = ApiKey {
        scopes: Some("data".parse().unwrap()),
        networks: Some("192.0.2.0/24".parse().unwrap()),
        ..key.clone()
    };
    loss.begin(&tap);
    tenants.set_access(&restricted).await.unwrap();
    loss.end(&tap);
    assert_eq!(stored(&tenants, KEY).await, restricted);
    tenants.set_access(&key).await.unwrap();
    assert_eq!(
        stored(&tenants, KEY).await,
        key,
        "a restriction that is taken back leaves no trace"
    );
}
