//! What the simulated MTN knows of its customers, and what it remembers.

use serde_json::{Value, json};
use shared::platform::crypto::hashed;
use shared::platform::environment::{Clock, Environment};
use time::macros::datetime;

use super::{NUMBER, OPERATIONS, Rig};

/// A rig at one moment, early in the morning of 17 July in Nigeria.
async fn early_in_july() -> Rig {
    Rig::with(None, |simulator| {
        let clock = Clock::from_fn(|| datetime!(2024-07-16 23:30 UTC));
        simulator.environment = Environment { clock, ..simulator.environment.clone() };
    })
    .await
}

fn all<'a>(items: &'a Value, pointer: &str) -> Vec<&'a Value> {
    items.as_array().unwrap().iter().map(|it| it.pointer(pointer).unwrap()).collect()
}

#[tokio::test]
async fn only_customers_of_mtn_are_known() {
    let rig = Rig::new().await;
    for operation in OPERATIONS {
        for stranger in ["2347082109281", "2348021112223", "2348039999999"] {
            let reply = rig.send(rig.right(operation).of(stranger)).await;
            let body = reply.json();
            assert_eq!((reply.status, &body["statusCode"]), (404, &json!("1000")), "{operation}");
            assert_eq!(body.get("data"), Some(&Value::Null), "{operation}");
        }
        let ported = rig.send(rig.right(operation).of("2348091112223")).await;
        assert!(ported.status < 300, "{operation}");
    }
    rig.assert_no_violations().await;
}

#[tokio::test]
async fn plans_are_filtered_by_kind_and_tell_of_momo_when_asked() {
    let rig = early_in_july().await;
    for (query, kinds) in [
        ("", &["CURRENCY", "DATA", "MINUTES", "SMS"][..]),
        ("?plan=VOICE", &["MINUTES"]),
        ("?plan=DATA", &["DATA"]),
        ("?plan=SMS", &["SMS"]),
    ] {
        let plans = rig.send(rig.right("plans").plus(query)).await.ok();
        assert_eq!(all(&plans["data"]["balance"], "/balanceDetail/type"), kinds);
    }
    for (query, reserved) in [("", None), ("&includeReservations=true", Some(&json!("20.00")))] {
        let momo = rig.send(rig.right("plans").plus(&format!("?momo=true{query}"))).await.ok();
        let account = &momo["data"]["balance"][4]["momoBalanceData"];
        assert_eq!(account["balance"]["value"], "320.00");
        assert_eq!(account.pointer("/negativeReservations/value"), reserved);
    }
}

#[tokio::test]
async fn recharges_come_in_pages_and_their_sum_is_that_of_the_history() {
    let rig = early_in_july().await;
    let mut seen = Vec::new();
    for (number, count) in [(1, 10), (2, 10), (3, 5), (4, 0)] {
        let ask = rig.right("recharges").set("pageNumber", json!(number));
        let data = rig.now(ask, "recharges").await["data"].clone();
        assert_eq!(
            (&data["pageNumber"], &data["totalPages"]),
            (&json!(number.to_string()), &json!("3"))
        );
        assert_eq!(data["period"], "20240519 - 20240717");
        assert_eq!(data["usage"].as_array().unwrap().len(), count);
        seen.extend(data["usage"].as_array().unwrap().clone());
    }
    let dates: Vec<&str> = seen.iter().map(|it| it["date"].as_str().unwrap()).collect();
    assert!(dates.is_sorted_by(|newer, older| newer > older));
    assert_eq!((dates[0], dates[24]), ("2024-07-17T00:00:00", "2024-05-21T00:00:00"));

    let june = |operation: &str| {
        let ask = rig.right(operation).set("pageSize", json!(100));
        ask.set("startDate", json!("20240601")).set("endDate", json!("20240617"))
    };
    let history = rig.now(june("recharges"), "recharges").await;
    let naira = |it: &&Value| it.as_str().unwrap().trim_end_matches(".00").parse::<u64>().unwrap();
    let amounts = all(&history["data"]["usage"], "/amount");
    let summary = rig.now(june("recharge_summary"), "recharge_summary").await;
    let expected = json!({
        "summary": [{
            "count": 7, "totalAmount": amounts.iter().map(naira).sum::<u64>(), "currency": "NGN",
            "channels": ["BANK", "USSD", "VOUCHER"],
        }],
        "period": "20240601 - 20240617",
    });
    assert_eq!((amounts.len(), &summary["data"]), (7, &expected));
}

#[tokio::test]
async fn usage_has_one_entry_for_each_day_and_their_sum() {
    let rig = early_in_july().await;
    let since = |operation: &str| rig.right(operation).set("startDate", json!("06-07-2024"));
    let oldest_first = since("usage").set("sort", json!("asc"));
    let mut days = Vec::new();
    for number in [1, 2] {
        let ask = oldest_first.clone().set("pageNumber", json!(number));
        let data = rig.now(ask, "usage").await["data"].clone();
        assert_eq!((&data["pageNumber"], &data["totalPages"]), (&json!(number), &json!(2)));
        assert_eq!(data["period"], "06-07-2024 - 17-07-2024");
        days.extend(data["summary"].as_array().unwrap().clone());
    }
    assert_eq!(days.len(), 12);
    assert_eq!(rig.now(since("usage"), "usage").await["data"]["summary"][0], days[11]);
    let sum = rig.send(since("usage_summary")).await.ok();
    for part in ["/voice/totalDuration", "/voice/count", "/data/totalDataUsed", "/sms/count"] {
        let total: i64 = days.iter().map(|it| it.pointer(part).unwrap().as_i64().unwrap()).sum();
        assert_eq!(sum["data"]["summary"][0].pointer(part).unwrap(), total, "{part}");
    }
    let voice = rig.now(since("usage").set("usageType", json!("VOICE")), "usage").await;
    let kinds: Vec<_> = voice["data"]["summary"][0].as_object().unwrap().keys().collect();
    assert_eq!(kinds, ["voice"]);
}

#[tokio::test]
async fn a_refill_is_done_as_often_as_it_comes_and_shows_on_its_line() {
    let rig = Rig::new().await;
    let balance = async || rig.ask("balance").await.ok()["mainBalance"][0]["amount"].clone();
    assert_eq!(balance().await, "1750.00");
    let now = rig.clock.clock().now().unix_timestamp();
    for times in 1..=2 {
        let done = rig.ask("refill").await.ok();
        assert_eq!(done["data"], json!({ "amount": "700", "currencyCode": "NGN" }));
        let kept = json!([{
            "transaction_id": "abcDE12345", "msisdn": NUMBER, "refill_type": "voucherless",
            "amount": 700, "profile_id": "P1", "voucher_sha256": null,
            "received": times, "done_at": vec![now; times],
        }]);
        assert_eq!(rig.look("ledger").await["refills"], kept);
    }
    rig.send(rig.right("refill").header("transactionid", "other-one")).await.ok();
    for _ in 0..2 {
        rig.send(rig.right("refill").without("transactionid")).await.ok();
    }
    assert_eq!(all(&rig.look("ledger").await["refills"], "/received"), [2, 1, 1, 1]);
    assert_eq!(balance().await, "5250.00");
    let plans = rig.ask("plans").await.ok();
    assert_eq!(plans["data"]["balance"][0]["balanceDetail"]["activeValue"], "5250.00");
    let history = rig.now(rig.right("recharges"), "recharges").await;
    let newest = &history["data"]["usage"][0];
    assert_eq!((&newest["amount"], &newest["channel"]), (&json!("700.00"), &json!("API")));
    let other = rig.send(rig.right("balance").of("2348091112223")).await.ok();
    assert_ne!(other["mainBalance"][0]["amount"], "5250.00");
}

#[tokio::test]
async fn a_voucher_is_cash_once_is_kept_as_a_hash_and_outlives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("simulators.db");
    let rig = Rig::with(Some(&file), |_| {}).await;
    let voucher = "1234567890123456";
    let refill = |rig: &Rig| {
        let ask = rig.right("refill").lacking("refillProfileId").lacking("transactionAmount");
        ask.set("refillType", json!("voucher")).set("voucherActivationCode", json!(voucher))
    };
    assert_eq!(rig.send(refill(&rig)).await.ok()["data"]["amount"], "500");
    rig.ask("balance").await.ok();
    let before = rig.look("ledger").await;
    drop(rig);
    let rig = Rig::with(Some(&file), |_| {}).await;
    let mut ledger = rig.look("ledger").await;
    assert_eq!(ledger["tokens"].take(), 2);
    for part in ["refills", "asks", "callbacks"] {
        assert_eq!(ledger[part], before[part], "{part}");
    }
    for again in [refill(&rig), refill(&rig).header("transactionid", "second-try")] {
        let reply = rig.send(again).await;
        assert_eq!((reply.status, &reply.json()["statusCode"]), (400, &json!("5001")));
    }
    let ledger = rig.look("ledger").await;
    assert!(!ledger.to_string().contains(voucher));
    assert_eq!(ledger["refills"][0]["voucher_sha256"], hashed(voucher));
    assert_eq!(ledger["refills"][0]["received"], 2);
    assert_eq!(ledger["refills"][0]["done_at"].as_array().unwrap().len(), 1);
    assert_eq!(ledger["refills"][1]["done_at"], json!([]));
}
