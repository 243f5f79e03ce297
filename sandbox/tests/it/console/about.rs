//! What the sandbox says of itself.

use serde_json::Value;

use crate::support::purchases::{DELIVERED, airtime};
use crate::support::{Gateway, KEY, OTHER_KEY, tenant_of};

#[tokio::test(flavor = "multi_thread")]
async fn it_names_its_keys_with_their_tenants_and_what_is_deployed() {
    let (gateway, caller) = Gateway::with_caller().await;
    let about = caller.console("GET", "about", &Value::Null).await;
    for (at, key) in [(0, KEY), (1, OTHER_KEY)] {
        assert_eq!(about["keys"][at]["key"], key);
        assert_eq!(about["keys"][at]["tenant"], tenant_of(key).as_str());
    }
    assert_eq!(about["base_url"], gateway.sandbox.base_url.as_str());
    assert_eq!(about["simulated"], serde_json::json!(["mono", "vtpass", "mtn"]));
    let has = |list: &str, name: &str| about[list].as_array().unwrap().iter().any(|it| it == name);
    assert!(has("functions", "requery") && has("tables", "PurchasesTable"));
    assert!(has("queues", "RequeryQueue") && has("routes", "POST /purchases"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_counts_open_orders_of_all_tenants_and_dead_letters() {
    let (gateway, caller) = Gateway::with_caller().await;
    let health = async || caller.console("GET", "health", &Value::Null).await;
    let at_first = health().await;
    assert_eq!(at_first["open"]["pending"], 0);
    assert_eq!((&at_first["dead_letters"], &at_first["ahead_seconds"]), (&0.into(), &0.into()));
    caller.bought_stuck("stuck").await;
    gateway.other_caller().bought_stuck("stuck").await;
    caller.bought("done", &airtime(DELIVERED)).await;
    let later = health().await;
    assert_eq!(later["open"]["pending"], 2);
    assert_eq!(
        (&later["open"]["needs_review"], &later["open"]["more"]),
        (&0.into(), &false.into())
    );
    assert!(later["last_activity"].as_u64() > at_first["last_activity"].as_u64());
}
