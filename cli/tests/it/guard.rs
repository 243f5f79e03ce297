//! `guard list`, `show`, `close`, `open` and `automatic`.

use serde_json::{Value, json};

use crate::support::{DELIVERED, Ended, Gateway};

impl Gateway {
    async fn guard(&self, arguments: &[&str]) -> Ended {
        self.run(&[&["guard"], arguments].concat()).await
    }

    async fn guard_json(&self, arguments: &[&str]) -> Value {
        self.guard(&[arguments, &["--json"]].concat()).await.json()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_closes_opens_and_takes_back() {
    let gateway = Gateway::start().await;
    let listed = gateway.guard_json(&["list"]).await;
    assert_eq!(listed.as_array().unwrap().len(), 11);
    assert!(listed.as_array().unwrap().iter().all(|it| it["state"] == "on sale"), "{listed}");

    let text = gateway.guard(&["list", "--json"]).await.ok();
    assert!(text.starts_with("[\n  {\n    "), "it is indented: {text}");

    let about = ["mtn", "--because", "VTpass is maintained", "--by", "ada"];
    let close = [&["close", "--for", "60"], &about[..]].concat();
    let closed = gateway.guard_json(&close).await;
    let seen = ["service_id", "state", "decided_by", "because"].map(|name| closed[name].clone());
    assert_eq!(seen, ["mtn", "suspended", "operator", "VTpass is maintained"].map(|it| json!(it)));
    assert!(closed["until"].is_string(), "{closed}");
    assert!(gateway.buy("closed", DELIVERED).await.is_null(), "it is refused");

    let opened = gateway.guard(&[&["open"], &about[..]].concat()).await.ok();
    assert!(opened.contains("on sale") && opened.contains("VTpass is maintained"), "{opened}");
    assert_eq!(gateway.buy("open", DELIVERED).await["state"], "delivered");
    let back = gateway.guard_json(&[&["automatic"], &about[..]].concat()).await;
    assert_eq!(back["decided_by"], "automatic");
    let refused = gateway.guard(&[&["automatic"], &about[..]].concat()).await.refused(1);
    assert!(refused.contains("nothing was written"), "{refused}");

    let shown = gateway.guard_json(&["show", "MTN"]).await;
    let changes = shown["changes"].as_array().unwrap();
    let on_sale: Vec<_> = changes.iter().map(|it| it["on_sale"].clone()).collect();
    assert_eq!(on_sale, [true, true, false], "newest first");
    assert_eq!(changes[0]["told"], false, "it was on sale before");
    let table = gateway.guard(&["list"]).await.ok();
    assert!(table.starts_with("SERVICE ID") && table.lines().count() == 12, "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_usage_is_refused() {
    let gateway = Gateway::start().await;
    for wrong in [
        &["close", "mtn"][..],
        &["close", "dstv", "--because", "b", "--by", "ada"],
        &["close", "mtn", "--because", " ", "--by", "ada"],
        &["close", "mtn", "--for", "0", "--because", "b", "--by", "ada"],
        &["open", "mtn", "--for", "5", "--because", "b", "--by", "ada"],
    ] {
        assert_eq!(gateway.guard(wrong).await.code, 2, "{wrong:?}");
    }
}
