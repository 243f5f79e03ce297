//! What the simulated MTN says of a customer.

use serde_json::{Value, json};
use shared::world::{Clock, World};
use time::macros::datetime;

use super::rig::{NUMBER, Rig};

/// A rig at one moment, early in the morning of 17 July in Nigeria.
async fn rig() -> Rig {
    Rig::with(None, |simulator| {
        let clock = Clock::from_fn(|| datetime!(2024-07-16 23:30 UTC));
        simulator.world = World { clock, ..simulator.world.clone() };
    })
    .await
}

fn all<'a>(items: &'a Value, pointer: &str) -> Vec<&'a Value> {
    items.as_array().unwrap().iter().map(|it| it.pointer(pointer).unwrap()).collect()
}

#[tokio::test]
async fn plans_are_filtered_by_kind() {
    let rig = rig().await;
    let plans = rig.ask("plans").await.ok();
    assert!(plans["_link"]["self"]["href"].as_str().unwrap().ends_with(&format!("{NUMBER}/plans")));
    let data = &plans["data"];
    assert_eq!((&data["type"], &data["status"]), (&json!("Prepaid"), &json!("Active")));
    let kind = "/balanceDetail/type";
    assert_eq!(all(&data["balance"], kind), ["CURRENCY", "DATA", "MINUTES", "SMS"]);
    assert!(data["balance"][0]["wallets"][0]["amount"]["value"].is_string());
    for (plan, expected) in [("VOICE", "MINUTES"), ("DATA", "DATA"), ("SMS", "SMS")] {
        let some = rig.send(rig.right("plans").plus(&format!("?plan={plan}"))).await.ok();
        assert_eq!(all(&some["data"]["balance"], kind), [expected]);
    }
}

#[tokio::test]
async fn momo_is_told_when_asked_for() {
    let rig = rig().await;
    let momo = rig.send(rig.right("plans").plus("?momo=true")).await.ok();
    let account = &momo["data"]["balance"][4]["momoBalanceData"];
    assert_eq!(account["balance"]["value"], "320.00");
    assert!(account.get("negativeReservations").is_none());
    let more = "?momo=true&includeReservations=true";
    let more = rig.send(rig.right("plans").plus(more)).await.ok();
    let account = &more["data"]["balance"][4]["momoBalanceData"];
    assert_eq!(account["negativeReservations"]["value"], "20.00");
}

#[tokio::test]
async fn a_product_and_its_premium() {
    let rig = rig().await;
    let product = rig.ask("product_plans").await.ok();
    assert_eq!(product["data"]["offers"]["offerId"], "DATA 1GB");
    let premium = rig.ask("premium").await.ok();
    assert_eq!(premium["originReferenceId"], "order-1");
    let cost = json!({ "type": "CURRENCY", "value": "50.00", "unit": "NGN" });
    assert_eq!(premium["data"]["premium"], cost);
}

#[tokio::test]
async fn recharges_come_in_pages() {
    let rig = rig().await;
    let mut seen = Vec::new();
    for (number, count) in [(1, 10), (2, 10), (3, 5), (4, 0)] {
        let ask = rig.right("recharges").set(json!({ "pageNumber": number, "pageSize": 10 }));
        let answer = rig.now(ask, "recharges").await;
        let data = &answer["data"];
        assert_eq!(answer["status"], "SUCCESS");
        assert_eq!(data["pageNumber"], number.to_string());
        assert_eq!(
            (&data["totalPages"], &data["period"]),
            (&json!("3"), &json!("20240519 - 20240717"))
        );
        assert_eq!(data["usage"].as_array().unwrap().len(), count);
        seen.extend(data["usage"].as_array().unwrap().clone());
    }
    let dates: Vec<&str> = seen.iter().map(|it| it["date"].as_str().unwrap()).collect();
    assert!(dates.is_sorted_by(|newer, older| newer > older));
    assert_eq!((dates[0], dates[24]), ("2024-07-17T00:00:00", "2024-05-21T00:00:00"));
    let ask = rig.right("recharges").set(json!({ "pageSize": 100 }));
    let answer = rig.now(ask, "recharges").await;
    assert_eq!(answer["data"]["usage"], json!(seen));
    assert_eq!(
        (&answer["data"]["pageNumber"], &answer["data"]["totalPages"]),
        (&json!("1"), &json!("1"))
    );
}

#[tokio::test]
async fn the_sum_of_recharges_is_that_of_their_history() {
    let rig = rig().await;
    let span = json!({ "startDate": "20240601", "endDate": "20240617", "pageSize": 100 });
    let history = rig.now(rig.right("recharges").set(span.clone()), "recharges").await;
    let usage = &history["data"]["usage"];
    let dates = all(usage, "/date");
    assert_eq!(dates.len(), 7);
    assert!(dates.iter().all(|it| ("2024-06-01".."2024-06-18").contains(&it.as_str().unwrap())));
    let naira = |it: &&Value| it.as_str().unwrap().trim_end_matches(".00").parse::<u64>().unwrap();
    let total: u64 = all(usage, "/amount").iter().map(naira).sum();
    let summary = rig.now(rig.right("recharge_summary").set(span), "recharge_summary").await;
    let expected = json!({
        "summary": [{
            "count": 7, "totalAmount": total, "currency": "NGN",
            "channels": ["BANK", "USSD", "VOUCHER"],
        }],
        "period": "20240601 - 20240617",
    });
    assert_eq!(summary["data"], expected);
}

#[tokio::test]
async fn usage_has_one_entry_for_each_day() {
    let rig = rig().await;
    let ask = rig.right("usage").set(json!({ "startDate": "06-07-2024", "sort": "asc" }));
    let first = rig.now(ask.clone(), "usage").await["data"].clone();
    assert_eq!((&first["pageNumber"], &first["totalPages"]), (&json!(1), &json!(2)));
    assert_eq!(first["period"], "06-07-2024 - 17-07-2024");
    let second = rig.now(ask.set(json!({ "pageNumber": 2 })), "usage").await["data"].clone();
    let mut days = first["summary"].as_array().unwrap().clone();
    days.extend(second["summary"].as_array().unwrap().clone());
    assert_eq!(days.len(), 12);
    let newest = rig.right("usage").set(json!({ "startDate": "06-07-2024", "sort": "desc" }));
    assert_eq!(rig.now(newest, "usage").await["data"]["summary"][0], days[11]);
    let sum = rig.right("usage_summary").set(json!({ "startDate": "06-07-2024" }));
    let sum = rig.send(sum).await.ok()["data"]["summary"][0].clone();
    for part in ["/voice/totalDuration", "/voice/count", "/data/totalDataUsed", "/sms/count"] {
        let total: i64 = days.iter().map(|it| it.pointer(part).unwrap().as_i64().unwrap()).sum();
        assert_eq!(sum.pointer(part).unwrap(), total, "{part}");
    }
    let voice = json!({ "startDate": "06-07-2024", "usageType": "VOICE" });
    let voice = rig.now(rig.right("usage").set(voice), "usage").await;
    let kinds: Vec<_> = voice["data"]["summary"][0].as_object().unwrap().keys().collect();
    assert_eq!(kinds, ["voice"]);
}
