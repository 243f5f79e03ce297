//! `webhook list`, `add`, `rotate`, `enable`, `disable` and `remove`.

use serde_json::{Value, json};

use crate::support::{Ended, Gateway};

impl Gateway {
    async fn webhook(&self, arguments: &[&str]) -> Ended {
        self.run(&[&["webhook"], arguments].concat()).await
    }

    /// The endpoints that a command prints with `--json`.
    async fn webhook_json(&self, arguments: &[&str]) -> Vec<Value> {
        let printed = self.webhook(&[arguments, &["--json"]].concat()).await.json();
        printed.as_array().unwrap().clone()
    }
}

const URL: &str = "http://localhost:3000/hooks";

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_added_rotated_disabled_enabled_and_removed() {
    let gateway = Gateway::start().await;
    let add = ["add", "acme", "--url", URL, "--event", "purchase.failed"];
    let made = gateway.webhook_json(&add).await.pop().unwrap();
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert!(secret.starts_with("whsec_"));
    assert_eq!((&made["url"], &made["events"]), (&json!(URL), &json!(["purchase.failed"])));

    let listed = gateway.webhook_json(&["list", "acme"]).await;
    assert_eq!((listed.len(), listed[0].get("secret")), (1, None), "it is shown once");
    let table = gateway.webhook(&["list", "acme"]).await.ok();
    assert!(table.contains(id) && table.contains(URL) && !table.contains("whsec_"), "{table}");
    assert!(gateway.webhook_json(&["list", "other"]).await.is_empty());

    let rotated = gateway.webhook(&["rotate", "acme", id, "--overlap", "1"]).await.ok();
    assert!(rotated.contains("whsec_") && !rotated.contains(secret), "{rotated}");
    for (command, state) in [("disable", "disabled"), ("enable", "enabled")] {
        let changed = gateway.webhook_json(&[command, "acme", id]).await;
        assert_eq!(changed[0]["state"], state);
    }
    assert_eq!(gateway.webhook_json(&["remove", "acme", id]).await[0]["id"], id);
    assert!(gateway.webhook_json(&["list", "acme"]).await.is_empty());
    let gone = gateway.webhook(&["enable", "acme", id]).await.refused(1);
    assert!(gone.contains("has no endpoint"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_not_allowed_is_refused_and_nothing_is_written() {
    let gateway = Gateway::start().await;
    let refused = gateway.webhook(&["add", "acme", "--url", "https://10.0.0.1/"]).await.refused(1);
    assert!(refused.contains("public addresses"), "{refused}");
    for wrong in [
        &["add", "acme", "--url", URL, "--event", "purchase.lost"][..],
        &["add", "acme", "--url", URL, "--signature", "v2"],
        &["add", "a/b", "--url", URL],
        &["rotate", "acme", "0123456789abcdef0123456789abcdef", "--overlap", "169"],
        &["remove", "acme", "x"],
    ] {
        assert_eq!(gateway.webhook(wrong).await.code, 2, "{wrong:?}");
    }
    assert!(gateway.webhook_json(&["list", "acme"]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_has_endpoints_for_what_only_the_operator_is_told() {
    let gateway = Gateway::start().await;
    let add = |owner, kind| ["add", owner, "--url", URL, "--event", kind];
    let made = gateway.webhook_json(&add("@operator", "float.low")).await.pop().unwrap();
    assert_eq!(made["events"], json!(["float.low"]));
    let id = made["id"].as_str().unwrap();
    let rotated = gateway.webhook(&["rotate", "@operator", id]).await.ok();
    assert!(rotated.contains("whsec_"), "{rotated}");
    for (owner, kind, expected) in [
        ("@operator", "purchase.failed", "the operator is never told of purchase.failed"),
        ("acme", "float.low", "tenant acme is never told of float.low"),
    ] {
        let refused = gateway.webhook(&add(owner, kind)).await.refused(1);
        assert!(refused.contains(expected), "{refused}");
    }
    assert_eq!(gateway.webhook_json(&["list", "@operator"]).await.len(), 1);
    assert!(gateway.webhook_json(&["list", "acme"]).await.is_empty());
    assert!(gateway.webhook_json(&["list", "operator"]).await.is_empty());
    gateway.webhook_json(&["remove", "@operator", id]).await;
}
