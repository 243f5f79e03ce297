//! What a test can ask of the simulated MTN.

use std::time::Duration;

use serde_json::{Value, json};

use super::{LATE, OPERATIONS, Rig};
use crate::support::Reply;

fn script(operation: &str, answer: &str) -> Value {
    json!({ "operation": operation, "answer": answer })
}

fn assert_pending(reply: &Reply) {
    let body = reply.json();
    assert_eq!((reply.status, &body["statusCode"]), (202, &json!("1004")), "{}", reply.text);
    for data in ["data", "mainBalance", "bundles"] {
        assert!(body.get(data).is_none());
    }
}

#[tokio::test]
async fn each_script_sends_its_callbacks() {
    for operation in LATE {
        let rig = Rig::new().await;
        let expected = rig.now(rig.right(operation), operation).await;
        let mut so_far = 0;
        for (answer, callbacks) in
            [("lost", 0), ("held", 0), ("before", 1), ("later", 1), ("duplicate", 2)]
        {
            assert_pending(&rig.scripted(rig.right(operation), operation, answer).await);
            if answer == "before" {
                assert_eq!(rig.inbox.received().len(), so_far + 1, "it comes before the answer");
            }
            so_far += callbacks;
            let received = rig.callbacks(so_far).await;
            assert!(received.iter().all(|it| *it == expected), "{operation} {answer}");
        }
        assert_pending(&rig.scripted(rig.right(operation), operation, "conflicting").await);
        let [first, second] = &rig.callbacks(so_far + 2).await[so_far..] else { panic!("two") };
        let keys = |it: &Value| it.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!((first, keys(second)), (&expected, keys(&expected)));
        assert_ne!(second, &expected, "{operation}");
        // What was held is sent on demand, and once.
        let sent = json!({ "operation": operation, "status": 200 });
        let released = rig.control("deliver", Value::Null).await.ok();
        assert_eq!(released, json!({ "callbacks": [sent] }));
        assert_eq!(rig.callbacks(so_far + 3).await[so_far + 2], expected);
        assert_eq!(rig.control("deliver", Value::Null).await.ok(), json!({ "callbacks": [] }));
        assert_eq!(rig.look("ledger").await["callbacks"], json!(vec![sent; so_far + 3]));
    }
}

#[tokio::test]
async fn histories_come_later_unless_told_otherwise() {
    let rig = Rig::with(None, |simulator| simulator.delay = Duration::ZERO).await;
    let histories = ["recharges", "recharge_summary", "usage"];
    for (index, operation) in histories.into_iter().enumerate() {
        let expected = rig.now(rig.right(operation), operation).await;
        assert_pending(&rig.ask(operation).await);
        assert_eq!(rig.callbacks(index + 1).await[index], expected, "{operation}");
    }
    let nowhere = rig.right("usage").lacking("callBackUrl");
    assert!(rig.send(nowhere).await.ok()["data"]["summary"].is_array());
    assert!(rig.ask("balance").await.ok()["mainBalance"].is_array());
}

#[tokio::test]
async fn a_script_waits_for_its_operation_and_an_outage_for_its_end() {
    let rig = Rig::new().await;
    let scripts = [("usage_summary", "html"), ("any", "lost"), ("any", "spring_error")];
    let scripts = scripts.map(|(operation, answer)| script(operation, answer));
    rig.control("next", json!(scripts)).await.ok();
    rig.control("outage", json!({ "http_status": 503 })).await.ok();
    for operation in OPERATIONS.into_iter().chain(["token"]) {
        let reply = rig.ask(operation).await;
        assert_eq!((reply.status, &reply.json()["statusCode"]), (503, &json!("3000")));
    }
    rig.control("outage", json!({ "http_status": null })).await.ok();
    let ledger = rig.look("ledger").await;
    assert_eq!((&ledger["tokens"], &ledger["refills"][0]["done_at"]), (&json!(1), &json!([])));
    // A request that breaks its contract uses up no script.
    assert_eq!(rig.send(rig.right("plans").body("{}")).await.status, 400);
    for (operation, status) in [
        ("plans", 500),
        ("plans", 200),
        ("balance", 202),
        ("balance", 200),
        ("usage_summary", 500),
        ("usage_summary", 200),
    ] {
        assert_eq!(rig.ask(operation).await.status, status, "{operation}");
    }
    let hanging = rig.scripted(rig.right("refill"), "refill", "hang");
    assert!(tokio::time::timeout(Duration::from_millis(100), hanging).await.is_err());
}

#[tokio::test]
async fn a_script_that_would_do_nothing_is_refused() {
    let rig = Rig::new().await;
    let mut wrong = vec![
        json!({ "operation": "balances", "answer": "now" }),
        json!({ "operation": "balance", "answer": "eventually" }),
        json!({ "operation": "balance" }),
        json!({ "operation": "balance", "answer": "now", "delay": 1 }),
        json!({ "operation": "balance", "answer": "now", "http_status": 503 }),
        json!({ "operation": "balance", "answer": "error", "http_status": 42 }),
        json!({ "operation": "balance", "answer": "html", "status_code": "3001" }),
        json!({ "operation": "balance", "answer": "error", "apply": true }),
        json!({ "operation": "refill", "answer": "now", "apply": true }),
        json!({ "operation": "token", "answer": "refuse_token" }),
    ];
    for operation in ["usage_summary", "plans", "premium", "product_plans", "refill", "token"] {
        wrong.push(script(operation, "later"));
    }
    for script in wrong {
        let mixed = json!([{ "operation": "plans", "answer": "html" }, script]);
        assert_eq!(rig.control("next", mixed.clone()).await.status, 400, "{mixed}");
    }
    assert_eq!(rig.control("outage", json!({ "status": 503 })).await.status, 400);
    // None of these were taken.
    assert_eq!(rig.control("next", json!([])).await.ok(), json!({ "waiting": 0 }));
    assert_eq!(rig.ask("plans").await.status, 200);
}
