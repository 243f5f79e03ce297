//! `events list` and `show`, `request show`.

use serde_json::{Value, json};

use crate::support::{Gateway, PHONE, id};

/// Waits until a tenant was told something.
async fn told(gateway: &Gateway, tenant: &str) -> Value {
    for _ in 0..500 {
        let listed = gateway.run(&["--json", "events", "list", tenant]).await.json();
        if !listed.as_array().unwrap().is_empty() {
            return listed;
        }
        gateway.turn(1);
    }
    panic!("{tenant} was told nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_and_shown_with_masked_numbers() {
    let (gateway, purchase) = Gateway::with_review().await;
    let tenant = gateway.show(id(&purchase)).await["tenant"].as_str().unwrap().to_owned();
    let listed = told(&gateway, &tenant).await;
    let event = &listed[0];
    assert_eq!(event["type"], "purchase.needs_review");
    assert_eq!(event["about"], purchase["purchase_id"]);
    assert_eq!(event["data"], Value::Null, "a list has no data");
    let event_id = event["id"].as_str().unwrap();
    let page = gateway.run(&["events", "list", &tenant]).await.ok();
    assert!(page.contains(event_id) && page.contains(id(&purchase)), "{page}");

    let shown = gateway.run(&["--json", "events", "show", &tenant, event_id]).await.json();
    assert_eq!(shown["data"]["phone"], "0803****567");
    assert_eq!(shown["data"]["state"], "needs_review");
    let page = gateway.run(&["events", "show", &tenant, event_id]).await.ok();
    for shown in [page, shown.to_string()] {
        assert!(!shown.contains(&PHONE[1..]), "{shown}");
        assert!(shown.contains("needs_review"), "{shown}");
    }

    let of_type = ["--json", "events", "list", &tenant, "--type", "purchase.failed"];
    assert_eq!(gateway.run(&of_type).await.json(), Value::Array(Vec::new()));
    let later = ["--json", "events", "list", &tenant, "--since", "2099-01-01T00:00:00Z"];
    assert_eq!(gateway.run(&later).await.json(), Value::Array(Vec::new()));
    let none = "0".repeat(32);
    let message = gateway.run(&["events", "show", &tenant, &none]).await.refused(1);
    assert!(message.contains("has no event"), "{message}");
    let message = gateway.run(&["events", "show", "other", event_id]).await.refused(1);
    assert!(message.contains("tenant other has no event"), "{message}");
    for wrong in [
        &["list"][..],
        &["list", "a b"],
        &["list", "t", "--type", "purchase.lost"],
        &["list", "t", "--since", "yesterday"],
        &["list", "t", "--limit", "0"],
        &["show", "t", "x"],
    ] {
        assert_eq!(gateway.run(&[&["events"][..], wrong].concat()).await.code, 2, "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_was_told_is_listed_and_shown() {
    let gateway = Gateway::start().await;
    let close = ["guard", "close", "mtn", "--because", "VTpass is maintained", "--by", "ada"];
    gateway.run(&close).await.ok();
    let listed = told(&gateway, "@operator").await;
    assert_eq!(
        (&listed[0]["type"], &listed[0]["about"]),
        (&"service.suspended".into(), &"mtn".into())
    );
    let of_type = |kind| ["--json", "events", "list", "@operator", "--type", kind];
    assert_eq!(gateway.run(&of_type("service.suspended")).await.json(), listed);
    assert_eq!(gateway.run(&of_type("float.low")).await.json(), Value::Array(Vec::new()));
    let id = listed[0]["id"].as_str().unwrap();
    let shown = gateway.run(&["events", "show", "@operator", id]).await.ok();
    assert!(shown.contains("VTpass is maintained"), "{shown}");
    let message = gateway.run(&["events", "show", "operator", id]).await.refused(1);
    assert!(message.contains("tenant operator has no event"), "{message}");
    let message = gateway.run(&["events", "show", "@operator", &"0".repeat(32)]).await.refused(1);
    assert!(message.contains("the operator has no event"), "{message}");
    let create = ["tenant", "create", "@operator", "--kind", "test"];
    assert_eq!(gateway.run(&create).await.code, 2, "it is no name for a tenant");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_request_is_shown_without_its_answer() {
    let gateway = Gateway::start().await;
    let account = gateway.link(PHONE).await;
    let path = format!("/accounts/{account}/mtn/usage?start=2026-11-01&end=2026-11-02");
    gateway
        .send("POST", "/_sandbox/mtn/next", "", json!([{ "operation": "usage", "answer": "held" }]))
        .await;
    let asked = gateway.send("GET", &path, "", Value::Null).await;
    let request_id = asked["data"]["request_id"].as_str().unwrap_or_else(|| panic!("{asked}"));
    let shown = gateway.run(&["--json", "request", "show", request_id]).await.json();
    assert_eq!(shown["request_id"], request_id);
    assert_eq!(shown["account_id"], account.as_str());
    assert_eq!((&shown["operation"], &shown["asks"]), (&"usage".into(), &1.into()));
    let page = gateway.run(&["request", "show", request_id]).await.ok();
    for shown in [page, shown.to_string()] {
        assert!(!shown.contains(&PHONE[1..]) && !shown.contains("token"), "{shown}");
    }
    let message = gateway.run(&["request", "show", &"0".repeat(32)]).await.refused(1);
    assert!(message.contains("no deferred request"), "{message}");
    assert_eq!(gateway.run(&["request", "show", "x"]).await.code, 2);
}
