//! What a test can ask of the simulator.

use std::time::Duration;

use serde_json::{Value, json};
use shared::upstream::NoAnswer;

use super::rig::{LATE, OPERATIONS, Rig};
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
async fn histories_come_later_unless_told_otherwise() {
    let rig = Rig::with(None, |simulator| {
        assert_eq!(simulator.delay, Duration::from_millis(1_500));
        simulator.delay = Duration::ZERO;
    })
    .await;
    for operation in ["recharges", "recharge_summary", "usage"] {
        let expected = rig.now(rig.right(operation), operation).await;
        assert_pending(&rig.ask(operation).await);
        assert_eq!(rig.inbox.next().await, expected, "{operation}");
    }
    let nowhere = rig.right("usage").set(json!({ "callBackUrl": null }));
    assert!(rig.send(nowhere).await.ok()["data"]["summary"].is_array());
    assert!(rig.ask("balance").await.ok()["mainBalance"].is_array());
}

#[tokio::test]
async fn a_callback_comes_later_or_never() {
    let rig = Rig::new().await;
    for operation in LATE {
        let expected = rig.now(rig.right(operation), operation).await;
        assert_pending(&rig.ask_scripted(operation, script(operation, "lost")).await);
        assert_pending(&rig.ask_scripted(operation, script(operation, "later")).await);
        assert_eq!(rig.inbox.next().await, expected);
    }
    assert!(rig.inbox.is_empty().await);
}

#[tokio::test]
async fn a_callback_may_overtake_its_answer() {
    let rig = Rig::new().await;
    let mut delivered = Vec::new();
    for operation in LATE {
        let expected = rig.now(rig.right(operation), operation).await;
        let asked = rig.ask_scripted(operation, script(operation, "before"));
        // As long as the callback is not answered, nor is the question.
        let closed = rig.inbox.hold().await;
        tokio::pin!(asked);
        tokio::select! {
            _ = &mut asked => panic!("answered too early"),
            body = rig.inbox.next() => assert_eq!(body, expected),
        }
        assert_eq!(rig.look("ledger").await["callbacks"], json!(delivered));
        drop(closed);
        assert_pending(&asked.await);
        delivered.push(json!({ "operation": operation, "status": 204 }));
        assert_eq!(rig.look("ledger").await["callbacks"], json!(delivered));
    }
}

#[tokio::test]
async fn held_callbacks_are_sent_in_order_when_released() {
    let rig = Rig::new().await;
    for operation in LATE {
        assert_pending(&rig.ask_scripted(operation, script(operation, "held")).await);
    }
    let dead = rig.right("balance").set(json!({ "callBackUrl": "http://127.0.0.1:1/x" }));
    let nowhere = rig.right("balance").set(json!({ "callBackUrl": null }));
    for ask in [dead, nowhere] {
        rig.next(json!([script("balance", "held")])).await;
        assert_pending(&rig.send(ask).await);
    }
    assert!(rig.inbox.is_empty().await);
    let released = rig.control("deliver", Value::Null).await.ok();
    let mut expected: Vec<Value> =
        LATE.map(|operation| json!({ "operation": operation, "status": 204 })).into();
    expected.push(json!({ "operation": "balance", "status": null }));
    assert_eq!(released, json!({ "callbacks": expected }));
    assert_eq!(rig.look("ledger").await["callbacks"], json!(expected));
    for operation in LATE {
        let expected = rig.now(rig.right(operation), operation).await;
        assert_eq!(rig.inbox.next().await, expected, "{operation}");
    }
    assert_eq!(rig.control("deliver", Value::Null).await.ok(), json!({ "callbacks": [] }));
}

#[tokio::test]
async fn a_callback_may_come_twice_and_may_contradict_itself() {
    let rig = Rig::new().await;
    for operation in LATE {
        let expected = rig.now(rig.right(operation), operation).await;
        assert_pending(&rig.ask_scripted(operation, script(operation, "duplicate")).await);
        assert_eq!(rig.inbox.next().await, expected);
        assert_eq!(rig.inbox.next().await, expected);
        assert_pending(&rig.ask_scripted(operation, script(operation, "conflicting")).await);
        assert_eq!(rig.inbox.next().await, expected);
        let other = rig.inbox.next().await;
        assert_ne!(other, expected, "{operation}");
        let keys = |it: &Value| it.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&other), keys(&expected));
    }
}

#[tokio::test]
async fn a_part_may_be_missing() {
    let rig = Rig::new().await;
    for (operation, missing, present) in [
        ("plans", "/data/balance", "/data/status"),
        ("product_plans", "/data/balance", "/data/offers"),
        ("premium", "/data/loyaltyInformation", "/data/premium"),
        ("balance", "/bundles", "/mainBalance"),
        ("recharges", "/data/usage", "/data/totalPages"),
        ("recharge_summary", "/data/summary", "/data/period"),
        ("usage", "/data/summary", "/data/period"),
        ("usage_summary", "/data/summary", "/data/period"),
        ("refill", "/data", "/statusCode"),
    ] {
        let reply = rig.ask_scripted(operation, script(operation, "partial")).await;
        let body = reply.json();
        assert_eq!(reply.status, 207, "{operation}");
        assert_eq!(body.pointer(missing), Some(&Value::Null), "{operation}");
        assert!(body.pointer(present).is_some_and(|it| !it.is_null()), "{operation}");
    }
}

#[tokio::test]
async fn errors_come_in_both_envelopes_and_in_none() {
    let rig = Rig::new().await;
    for operation in OPERATIONS.into_iter().chain(["token"]) {
        let error = json!({
            "operation": operation, "answer": "error", "http_status": 503, "status_code": "3000",
            "retry_after": 7,
        });
        let reply = rig.ask_scripted(operation, error).await;
        assert_eq!((reply.status, reply.retry_after.as_deref()), (503, Some("7")));
        assert_eq!(reply.json()["statusCode"], "3000", "{operation}");
        let error = json!({ "operation": operation, "answer": "error" });
        let reply = rig.ask_scripted(operation, error).await;
        assert_eq!((reply.status, &reply.json()["statusCode"]), (500, &json!("3001")));
        let spring =
            json!({ "operation": operation, "answer": "spring_error", "http_status": 429 });
        let reply = rig.ask_scripted(operation, spring).await;
        let body = reply.json();
        assert_eq!((reply.status, &body["error"]), (429, &json!("Too Many Requests")));
        assert_eq!((&body["status"], body.get("statusCode")), (&json!(429), None));
        let html = json!({ "operation": operation, "answer": "html", "http_status": 200 });
        let reply = rig.ask_scripted(operation, html).await;
        assert!(reply.status == 200 && reply.text.starts_with("<html>"), "{operation}");
        let reply = rig.ask_scripted(operation, script(operation, "silent")).await;
        assert_eq!((reply.status, reply.text.as_str()), (200, ""), "{operation}");
    }
    let ledger = rig.look("ledger").await;
    assert_eq!(ledger["tokens"], 1);
    assert_eq!(ledger["refills"][0]["done_at"], json!([]));
    rig.assert_no_violations().await;
}

#[tokio::test]
async fn a_connection_breaks_or_says_nothing() {
    let rig = Rig::new().await;
    for operation in OPERATIONS.into_iter().chain(["token"]) {
        for (answer, limit, expected) in [
            ("broken", Duration::from_secs(10), NoAnswer::Broken),
            ("hang", Duration::from_millis(200), NoAnswer::Timeout),
        ] {
            rig.next(json!([script(operation, answer)])).await;
            let outcome = rig.try_send(rig.right(operation), limit).await;
            assert_eq!(outcome.err(), Some(expected), "{operation}");
        }
        assert!(rig.ask(operation).await.status < 300, "{operation}");
    }
}

#[tokio::test]
async fn a_refill_may_be_done_whatever_is_answered() {
    let rig = Rig::new().await;
    let answers = ["error", "spring_error", "html", "silent", "broken", "hang", "partial"];
    let mut done = 0;
    for answer in answers {
        for apply in [Some(true), Some(false), None] {
            let mut script = script("refill", answer);
            script["apply"] = json!(apply);
            rig.next(json!([script])).await;
            let limit = Duration::from_millis(if answer == "hang" { 200 } else { 10_000 });
            let _ = rig.try_send(rig.right("refill"), limit).await;
            done += usize::from(apply == Some(true));
            let refill = rig.look("ledger").await["refills"][0].clone();
            assert_eq!(refill["done_at"].as_array().unwrap().len(), done, "{answer} {apply:?}");
        }
    }
    assert_eq!(rig.look("ledger").await["refills"][0]["received"], 3 * answers.len());
}

#[tokio::test]
async fn a_refused_token_stays_refused() {
    let rig = Rig::new().await;
    for operation in ["plans", "balance", "refill"] {
        let token = rig.new_token().await;
        let ask = rig.right(operation).header("authorization", &format!("Bearer {token}"));
        rig.send(ask.clone()).await.ok();
        rig.next(json!([script(operation, "refuse_token")])).await;
        for _ in 0..2 {
            let reply = rig.send(ask.clone()).await;
            assert_eq!((reply.status, &reply.json()["statusCode"]), (401, &json!("4000")));
        }
        rig.ask(operation).await.ok();
    }
    // It was right when it was sent.
    rig.assert_no_violations().await;
    let refills = rig.look("ledger").await["refills"].clone();
    assert_eq!(refills[0]["done_at"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_script_waits_for_its_operation() {
    let rig = Rig::new().await;
    rig.next(json!([
        { "operation": "usage_summary", "answer": "html" },
        { "operation": "any", "answer": "lost" },
        { "operation": "any", "answer": "spring_error" },
    ]))
    .await;
    // A request that breaks its contract uses none up.
    assert_eq!(rig.send(rig.right("plans").body("{}")).await.status, 400);
    assert_eq!(rig.ask("plans").await.status, 500);
    assert_eq!(rig.ask("plans").await.status, 200);
    assert_eq!(rig.ask("balance").await.status, 202);
    assert_eq!(rig.ask("balance").await.status, 200);
    assert_eq!(rig.ask("usage_summary").await.status, 500);
    assert_eq!(rig.ask("usage_summary").await.status, 200);
}

#[tokio::test]
async fn mistakes_of_a_test_are_refused() {
    let rig = Rig::new().await;
    let mut wrong = vec![
        json!({ "operation": "balances", "answer": "now" }),
        json!({ "operation": "balance", "answer": "latter" }),
        json!({ "operation": "balance", "answer": "eventually" }),
        json!({ "operation": "balance" }),
        json!({ "answer": "now" }),
        json!({ "operation": "balance", "answer": "now", "delay": 1 }),
        json!({ "operation": "balance", "answer": "now", "http_status": 503 }),
        json!({ "operation": "balance", "answer": "error", "http_status": 42 }),
        json!({ "operation": "balance", "answer": "html", "status_code": "3001" }),
        json!({ "operation": "balance", "answer": "error", "apply": true }),
        json!({ "operation": "refill", "answer": "now", "apply": true }),
        json!({ "operation": "token", "answer": "refuse_token" }),
    ];
    for operation in ["usage_summary", "plans", "premium", "product_plans", "refill", "token"] {
        for answer in ["later", "lost", "held", "before", "duplicate", "conflicting"] {
            wrong.push(script(operation, answer));
        }
    }
    for script in wrong {
        let mixed = json!([{ "operation": "plans", "answer": "html" }, script]);
        assert_eq!(rig.control("next", mixed.clone()).await.status, 400, "{mixed}");
    }
    assert_eq!(rig.control("next", json!({})).await.status, 400);
    assert_eq!(rig.control("outage", json!({ "status": 503 })).await.status, 400);
    assert_eq!(rig.control("outage", json!({ "http_status": 42 })).await.status, 400);
    // Nothing of all that was taken.
    assert_eq!(rig.control("next", json!([])).await.ok(), json!({ "waiting": 0 }));
    assert_eq!(rig.ask("plans").await.status, 200);
}

#[tokio::test]
async fn an_outage_lasts_until_it_is_lifted() {
    let rig = Rig::new().await;
    rig.next(json!([script("plans", "silent")])).await;
    rig.control("outage", json!({ "http_status": 503 })).await.ok();
    for operation in OPERATIONS.into_iter().chain(["token"]) {
        let reply = rig.ask(operation).await;
        assert_eq!((reply.status, &reply.json()["statusCode"]), (503, &json!("3000")));
    }
    assert_eq!(rig.send(rig.right("plans").without("x-api-key")).await.status, 401);
    rig.control("outage", json!({ "http_status": null })).await.ok();
    assert_eq!(rig.ask("plans").await.text, "");
    let ledger = rig.look("ledger").await;
    assert_eq!((&ledger["tokens"], &ledger["callbacks"]), (&json!(1), &json!([])));
    assert_eq!(ledger["refills"][0]["received"], 1);
    assert_eq!(ledger["refills"][0]["done_at"], json!([]));
}

#[tokio::test]
async fn any_body_can_be_posted_as_a_callback_to_this_machine() {
    let rig = Rig::new().await;
    let strange = json!({ "url": rig.inbox.url, "body": { "strange": [1] } });
    assert_eq!(rig.control("callback", strange).await.ok(), json!({ "status": 204 }));
    assert_eq!(rig.inbox.next().await, json!({ "strange": [1] }));
    let no_json = json!({ "url": rig.inbox.url, "body": "{" });
    assert_eq!(rig.control("callback", no_json).await.ok(), json!({ "status": 400 }));
    for url in ["https://example.com/", "http://10.0.0.1/", "callback"] {
        let away = json!({ "url": url, "body": {} });
        assert_eq!(rig.control("callback", away).await.status, 400, "{url}");
    }
    assert_eq!(rig.look("ledger").await["callbacks"], json!([]));
}
