//! Tokens, customers and refills; and how the sandbox wires the simulator up.

use serde_json::{Value, json};
use shared::secret::hashed;

use super::rig::{LATE, NUMBER, OPERATIONS, Rig, voucherless};
use crate::support::Gateway;

#[tokio::test]
async fn a_token_is_given_for_the_right_credentials() {
    let rig = Rig::new().await;
    let answer = rig.ask("token").await.ok();
    let token = answer["access_token"].as_str().unwrap();
    assert!(token.len() >= 32);
    let expected =
        json!({ "access_token": token, "token_type": "BearerToken", "expires_in": "3599" });
    assert_eq!(answer, expected);
    assert_eq!(rig.look("ledger").await["tokens"], 2);
    rig.assert_no_violations().await;
}

#[tokio::test]
async fn every_operation_takes_a_token_or_basic_and_two_the_key_alone() {
    let rig = Rig::new().await;
    for operation in OPERATIONS {
        let expected = if LATE[1..].contains(&operation) { 202 } else { 200 };
        let right = rig.right(operation);
        assert_eq!(rig.send(right.clone()).await.status, expected, "{operation}");
        let by_basic = right.clone().header("authorization", &rig.basic());
        assert_eq!(rig.send(by_basic).await.status, expected, "{operation}");
        if matches!(operation, "product_plans" | "refill") {
            rig.send(right.without("authorization")).await.ok();
        }
    }
    rig.assert_no_violations().await;
    let ledger = rig.look("ledger").await;
    let asks = ledger["asks"].as_array().unwrap();
    let asked: Vec<&str> = asks.iter().map(|it| it["operation"].as_str().unwrap()).collect();
    let mut expected = Vec::new();
    for operation in OPERATIONS.into_iter().filter(|it| *it != "refill") {
        expected.extend([operation; 2]);
        expected.extend((operation == "product_plans").then_some(operation));
    }
    assert_eq!(asked, expected);
    let balance = asks.iter().find(|it| it["operation"] == "balance").unwrap();
    let url = &rig.inbox.url;
    let noted = json!({
        "operation": "balance", "transaction_id": "abcDE12345", "callback_url": url,
    });
    assert_eq!(balance, &noted);
}

#[tokio::test]
async fn only_customers_of_mtn_are_known() {
    let rig = Rig::new().await;
    for operation in OPERATIONS {
        for stranger in ["2347082109281", "2348021112223", "2348039999999"] {
            let reply = rig.send(rig.right(operation).of(stranger)).await;
            assert_eq!(reply.status, 404, "{operation}");
            let body = reply.json();
            assert_eq!(body["statusCode"], "1000", "{operation}");
            assert_eq!(body.get("data"), Some(&Value::Null), "{operation}");
        }
        let ported = rig.send(rig.right(operation).of("2348091112223")).await;
        assert!(ported.status < 300, "{operation}");
    }
    let refills = rig.look("ledger").await["refills"].clone();
    // Received three times for strangers, then done for the customer: one transaction id.
    assert_eq!((&refills[0]["received"], refills.as_array().unwrap().len()), (&json!(4), 1));
    rig.assert_no_violations().await;
}

#[tokio::test]
async fn a_refill_is_kept_by_its_transaction_id_and_done_as_often_as_it_comes() {
    let rig = Rig::new().await;
    let first = rig.ask("refill").await.ok();
    assert_eq!(first["statusCode"], "0000");
    assert_eq!(first["data"], json!({ "amount": "700", "currencyCode": "NGN" }));
    assert!(first["_link"]["self"]["href"].as_str().unwrap().contains(NUMBER));
    let now = rig.clock.clock().now().unix_timestamp();
    let refill = |received, done: &[i64]| {
        json!([{
            "transaction_id": "abcDE12345", "msisdn": NUMBER, "refill_type": "voucherless",
            "amount": 700, "profile_id": "P1", "voucher_sha256": null,
            "received": received, "done_at": done,
        }])
    };
    assert_eq!(rig.look("ledger").await["refills"], refill(1, &[now]));
    rig.ask("refill").await.ok();
    assert_eq!(rig.look("ledger").await["refills"], refill(2, &[now, now]));
    rig.send(rig.right("refill").header("transactionid", "other-one")).await.ok();
    for _ in 0..2 {
        rig.send(rig.right("refill").without("transactionid")).await.ok();
    }
    let refills = rig.look("ledger").await["refills"].clone();
    let received: Vec<&Value> =
        refills.as_array().unwrap().iter().map(|it| &it["received"]).collect();
    assert_eq!(received, [2, 1, 1, 1]);
}

#[tokio::test]
async fn a_voucher_is_cash_once_and_kept_as_a_hash() {
    let rig = Rig::new().await;
    let voucher = json!({
        "refillType": "voucher", "voucherActivationCode": "1234567890123456",
        "refillProfileId": null, "transactionAmount": null,
    });
    let ask = rig.right("refill").set(voucher);
    assert_eq!(rig.send(ask.clone()).await.ok()["data"]["amount"], "500");
    for again in [ask.clone(), ask.header("transactionid", "second-try")] {
        let reply = rig.send(again).await;
        assert_eq!((reply.status, &reply.json()["statusCode"]), (400, &json!("5001")));
    }
    let ledger = rig.look("ledger").await;
    assert!(!ledger.to_string().contains("1234567890123456"));
    assert_eq!(ledger["refills"][0]["voucher_sha256"], hashed("1234567890123456"));
    assert_eq!(ledger["refills"][0]["received"], 2);
    assert_eq!(ledger["refills"][0]["done_at"].as_array().unwrap().len(), 1);
    assert_eq!(ledger["refills"][1]["done_at"], json!([]));
    rig.assert_no_violations().await;
}

#[tokio::test]
async fn it_remembers_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("simulators.db");
    let before = {
        let rig = Rig::with(Some(&file), |_| {}).await;
        rig.ask("refill").await.ok();
        rig.ask("balance").await.ok();
        rig.look("ledger").await
    };
    let rig = Rig::with(Some(&file), |_| {}).await;
    let mut after = rig.look("ledger").await;
    assert_eq!(after["tokens"], 2);
    after["tokens"] = json!(1);
    assert_eq!(after, before);
    assert_eq!(rig.ask("balance").await.ok()["mainBalance"][0]["amount"], "2450.00");
}

#[tokio::test]
async fn the_sandbox_serves_its_controls() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let violations = caller.get("/_sandbox/mtn/violations").await.ok();
    assert_eq!(violations, json!({ "count": 0, "violations": [] }));
    let script = json!([{ "operation": "refill", "answer": "hang", "apply": true }]);
    assert_eq!(caller.post("/_sandbox/mtn/next", script).await.ok(), json!({ "waiting": 1 }));
}

#[tokio::test]
async fn an_mtn_of_the_environment_takes_its_place() {
    let vars = [
        ("MTN_BASE_URL", "https://mtn.example"),
        ("MTN_API_KEY", "k"),
        ("MTN_CLIENT_ID", "i"),
        ("MTN_CLIENT_SECRET", "s"),
        ("MTN_CHANNEL_NAME", "c"),
    ];
    let gateway = Gateway::with(&vars).await;
    assert_eq!(gateway.caller().get("/_sandbox/mtn/ledger").await.status, 404);
}

#[tokio::test]
async fn refills_show_in_the_balance_and_the_history_of_their_line() {
    let rig = Rig::new().await;
    let other = "2348091112223";
    let untouched = rig.now(rig.right("balance").of(other), "balance").await;
    assert_eq!(rig.ask("balance").await.ok()["mainBalance"][0]["amount"], "1750.00");
    rig.send(rig.right("refill").set(voucherless())).await.ok();
    assert_eq!(rig.ask("balance").await.ok()["mainBalance"][0]["amount"], "2450.00");
    let plans = rig.ask("plans").await.ok();
    assert_eq!(plans["data"]["balance"][0]["balanceDetail"]["activeValue"], "2450.00");
    let history = rig.now(rig.right("recharges"), "recharges").await;
    let newest = &history["data"]["usage"][0];
    assert_eq!((&newest["amount"], &newest["channel"]), (&json!("700.00"), &json!("API")));
    let summary = rig.now(rig.right("recharge_summary"), "recharge_summary").await;
    assert_eq!(summary["data"]["summary"][0]["count"], 26);
    assert_eq!(rig.now(rig.right("balance").of(other), "balance").await, untouched);
}
