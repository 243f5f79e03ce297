//! `POST /purchases` and the catalogue.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::domain::purchase::TEST_TIMEOUT;

use crate::support::purchases::{
    DELIVERED, FAILED, MINUTE, PENDING, airtime, bundle, field, until, without_history,
};
use crate::support::{Gateway, Provider, Reply, Script, vtpass_at};

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_bought_at_the_catalogues_price() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let catalogue = caller.get("/services/etisalat-data/variations").await.ok();
    let variation = &catalogue["data"]["variations"][0];
    assert_eq!(field(variation, "variation_code"), "eti-100");
    assert_eq!(variation["amount_kobo"], 10_000);

    let reply = caller.buy("key-1", &bundle(DELIVERED)).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let body = reply.json();
    assert_eq!(body["status"], "successful");
    let data = body["data"].as_object().unwrap();
    let names: Vec<&str> = data.keys().map(String::as_str).collect();
    let expected = "purchase_id request_id state safe_to_refund service_id variation_code phone \
                    amount_kobo cost_kobo commission_kobo provider_transaction_id created_at \
                    updated_at deadline_at reconciled_at";
    assert_eq!(names.join(" "), expected);
    assert_eq!((&data["state"], &data["safe_to_refund"]), (&json!("delivered"), &json!(false)));
    assert_eq!((&data["amount_kobo"], &data["phone"]), (&json!(10_000), &json!(DELIVERED)));
    let id = field(&body["data"], "purchase_id");
    assert_eq!(without_history(caller.purchase(id).await), body["data"]);

    let order = caller.order(field(&body["data"], "request_id")).await.unwrap();
    assert_eq!((&order["charged_times"], &order["amount_kobo"]), (&json!(1), &json!(10_000)));
    assert!(field(&body["data"], "request_id").ends_with(id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proven_refusal_is_failed_and_safe_to_refund() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let reply = caller.buy("key-1", &airtime(FAILED)).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let data = &reply.json()["data"];
    assert_eq!((field(data, "state"), &data["safe_to_refund"]), ("failed", &json!(true)));
    assert_eq!(data["variation_code"], Value::Null);
    let order = caller.order(field(data, "request_id")).await.unwrap();
    assert_eq!(order["charged_times"], 0);

    // A failed purchase is bought again only under a new key.
    caller.script(json!([{ "call": "pay", "code": "000", "status": "delivered" }])).await;
    assert_eq!(field(&caller.bought("key-1", &airtime(FAILED)).await, "state"), "failed");
    assert_eq!(field(&caller.bought("key-2", &airtime(FAILED)).await, "state"), "delivered");

    // A fault of the wallet or the configuration.
    for code in ["018", "021", "024", "027", "028", "085", "087"] {
        caller.script(json!([{ "call": "pay", "body": { "code": code }, "charge": false }])).await;
        let bought = caller.bought(code, &airtime(DELIVERED)).await;
        assert_eq!(field(&bought, "state"), "failed", "{code}");
        assert_eq!(bought["safe_to_refund"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_under_one_key_are_one_purchase_and_repeats_cost_nothing() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let body = airtime(PENDING);
    let fifty_at_once = || futures_util::future::join_all((0..50).map(|_| caller.buy("k", &body)));
    let replies = fifty_at_once().await;
    let first = replies[0].json()["data"]["purchase_id"].clone();
    for reply in &replies {
        assert_eq!(reply.status, 202, "{}", reply.text);
        assert_eq!(reply.json()["data"]["purchase_id"], first);
    }
    let messages = gateway.messages("RequeryQueue").await;
    for _ in 0..20 {
        for reply in fifty_at_once().await {
            assert_eq!(reply.status, 202, "{}", reply.text);
        }
    }
    assert_eq!(gateway.messages("RequeryQueue").await, messages);
    let ledger = caller.ledger().await;
    assert_eq!(ledger.len(), 1);
    assert_eq!((&ledger[0]["pay_calls"], &ledger[0]["charged_times"]), (&json!(1), &json!(1)));
    assert_eq!(field(&caller.purchase(first.as_str().unwrap()).await, "state"), "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_order() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    let id = field(&bought, "purchase_id");

    let same = [
        json!({ "amount_kobo": 10_000, "phone": "+234 801 111 1111", "service_id": "MTN" }),
        json!({ "phone": "2348011111111", "service_id": "mtn", "amount_kobo": 10_000, "more": 1 }),
    ];
    for body in &same {
        assert_eq!(field(&caller.bought("k", body).await, "purchase_id"), id);
    }
    let raw = r#"{"phone":"08011111111","service_id":"mtn","amount_kobo":10000.0}"#;
    let key = [("idempotency-key", "k")];
    let reply = caller.send("POST", "/purchases", &key, raw.into()).await;
    assert_eq!(reply.json()["data"]["purchase_id"], id);

    let others = [
        json!({ "service_id": "mtn", "phone": DELIVERED, "amount_kobo": 10_001 }),
        json!({ "service_id": "glo", "phone": DELIVERED, "amount_kobo": 10_000 }),
        airtime(FAILED),
        bundle(DELIVERED),
    ];
    for body in &others {
        caller.buy("k", body).await.refused(409, "idempotency_conflict");
    }
    assert_eq!(caller.ledger().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_order_or_an_outage_sells_nothing_and_leaves_the_key_free() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    // A provider that refuses or is down sells nothing. No catalogue is cached yet.
    for outage in [json!({ "code": "087" }), json!({ "code": "083", "http_status": 502 })] {
        caller.control("/outage", outage).await;
        caller.buy("k", &bundle(DELIVERED)).await.refused(503, "upstream_unavailable");
    }
    caller.control("/outage", json!({ "code": null })).await;
    let missing = caller.post("/purchases", airtime(DELIVERED)).await;
    assert!(missing.refused(400, "invalid_request").contains("Idempotency-Key"));
    for key in ["", "with space", &"k".repeat(256)] {
        assert_eq!(caller.buy(key, &airtime(DELIVERED)).await.error().0, 400, "{key}");
    }
    let bad = [
        json!({}),
        json!({ "service_id": "mtn" }),
        json!({ "service_id": "dstv", "phone": DELIVERED, "amount_kobo": 10_000 }),
        json!({ "service_id": "mtn", "phone": "12345", "amount_kobo": 10_000 }),
        json!({ "service_id": "mtn", "phone": 8_011_111_111_u64, "amount_kobo": 10_000 }),
        json!({ "service_id": "mtn", "phone": DELIVERED }),
        json!({ "service_id": "mtn", "phone": DELIVERED, "amount_kobo": 0 }),
        json!({ "service_id": "mtn", "phone": DELIVERED, "amount_kobo": u64::MAX }),
        json!({ "service_id": "mtn", "phone": DELIVERED, "amount_kobo": 1, "variation_code": "x" }),
        json!({ "service_id": "etisalat-data", "phone": DELIVERED }),
        json!({ "service_id": "etisalat-data", "phone": DELIVERED, "variation_code": "" }),
        json!({ "service_id": "etisalat-data", "phone": DELIVERED, "variation_code": "nope" }),
        json!({ "service_id": "etisalat-data", "phone": DELIVERED, "variation_code": "eti-100",
                "amount_kobo": 9_999 }),
    ];
    for body in &bad {
        caller.buy("k", body).await.refused(400, "invalid_request");
    }
    let raw = |text: &'static str| {
        caller.send("POST", "/purchases", &[("idempotency-key", "k")], text.into())
    };
    for text in ["", "{", "[]", r#"{"service_id":"mtn","phone":"08011111111","amount_kobo":1e309}"#]
    {
        raw(text).await.refused(400, "invalid_request");
    }
    for service in ["dstv", "mtn", "..%2F", "%00"] {
        caller.get(&format!("/services/{service}/variations")).await.refused(404, "not_found");
    }
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
    assert!(caller.ledger().await.is_empty());
    // The key is free still.
    assert_eq!(caller.buy("k", &bundle(DELIVERED)).await.status, 201);
}

/// Lets the requery settle what `pay` left open.
async fn settled_by_requery(gateway: &Gateway, reply: &Reply, what: &str) {
    assert_eq!(reply.status, 202, "{what}: {}", reply.text);
    let data = &reply.json()["data"];
    assert_ne!(field(data, "state"), "failed", "{what}");
    assert_eq!(data["safe_to_refund"], false, "{what}");
    let state = gateway.until_answered(field(data, "purchase_id"), MINUTE).await;
    let order = gateway.caller().order(field(data, "request_id")).await.unwrap();
    let expected = if order["charged_times"] == 1 { "delivered" } else { "failed" };
    assert_eq!(state, expected, "{what}");
    assert_eq!(order["pay_calls"], 1, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_proves_nothing_is_never_a_failure() {
    let (gateway, caller) = Gateway::with_caller().await;
    let scripts = [
        json!({ "http_status": 502, "charge": true }),
        json!({ "http_status": 500, "body": { "code": "016" }, "charge": true }),
        json!({ "body": "<html>welcome</html>", "charge": true }),
        json!({ "half": true, "charge": true }),
        json!({ "code": "777", "charge": true }),
        json!({ "code": "000", "status": "sideways", "charge": true }),
        json!({ "body": { "code": "000", "response_description": "ok" }, "charge": true }),
        json!({ "body": { "code": "083" }, "charge": true }),
        json!({ "body": { "code": "019" }, "charge": true }),
        json!({ "body": { "code": "014" }, "charge": true }),
        json!({ "body": {}, "charge": true }),
        json!({ "code": "099", "status": "pending", "resolves_to": "delivered" }),
    ];
    for (index, script) in scripts.iter().enumerate() {
        caller.script(json!([script])).await;
        let reply = caller.buy(&format!("k{index}"), &bundle(FAILED)).await;
        settled_by_requery(&gateway, &reply, &script.to_string()).await;
    }
}

/// Waits for real: the time limit of a `pay` runs by the system's clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_provider_gets_20_seconds_and_the_requery_settles() {
    let (gateway, caller) = Gateway::with_caller().await;
    let begun = Instant::now();
    // One order was taken and charged, the other one never arrived.
    caller.script(json!([{ "phone": FAILED, "hang": true, "charge": true }])).await;
    let (taken, not_taken) = (bundle(FAILED), bundle(TEST_TIMEOUT));
    let (taken, not_taken) = tokio::join!(caller.buy("a", &taken), caller.buy("b", &not_taken));
    assert!((20..29).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    for (reply, charged) in [(taken, 1), (not_taken, 0)] {
        settled_by_requery(&gateway, &reply, "silence").await;
        let data = &reply.json()["data"];
        let order = caller.order(field(data, "request_id")).await.unwrap();
        assert_eq!(order["charged_times"], charged);
        let stored = gateway.stored(field(data, "purchase_id")).await;
        assert_eq!(stored.history[0].code, "timeout");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_is_cached_for_four_to_five_minutes_or_until_a_webhook() {
    let (gateway, caller) = Gateway::with_caller().await;
    let price = || async {
        let catalogue = caller.get("/services/etisalat-data/variations").await.ok();
        let mut variations = catalogue["data"]["variations"].as_array().unwrap().iter();
        let found = variations.find(|it| it["variation_code"] == "eti-100").unwrap();
        found["amount_kobo"].as_u64().unwrap()
    };
    assert_eq!(price().await, 10_000);
    // A webhook about a catalogue that was fetched just now is not worth a fetch.
    let update = |kobo: u64| json!({ "serviceID": "etisalat-data", "prices": { "eti-100": kobo } });
    caller.control("/variations-update", update(11_000)).await;
    let webhooks = async || caller.get("/_sandbox/vtpass/webhooks").await.ok();
    until("the webhook", async || webhooks().await[0]["accepted"] == true).await;
    assert_eq!(price().await, 10_000);
    gateway.clock.turn(Duration::from_secs(239));
    assert_eq!(price().await, 10_000);
    gateway.clock.turn(Duration::from_secs(61));
    assert_eq!(price().await, 11_000, "five minutes are over");

    gateway.clock.turn(Duration::from_secs(120));
    caller.control("/variations-update", update(12_000)).await;
    until("the new price", async || price().await == 12_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_without_a_fixed_price_costs_what_the_tenant_names() {
    let vtpass = Provider::start(|request| match request.target.contains("variations") {
        true => Script::Json(
            200,
            json!({ "response_description": "000", "content": {
                "ServiceName": "Flex", "serviceID": "etisalat-data", "varations": [
                    { "variation_code": "flex", "name": "Flex", "variation_amount": "0.00",
                      "fixedPrice": "No" },
                    { "variation_code": "least", "name": "Least", "variation_amount": "100.00",
                      "fixedPrice": "No" },
                ],
            } }),
        ),
        false => Script::Json(
            200,
            json!({ "code": "000", "content": { "transactions": { "status": "delivered" } } }),
        ),
    })
    .await;
    let gateway = Gateway::with(&vtpass_at(&vtpass.url)).await;
    let caller = gateway.caller();
    let mut flex =
        json!({ "service_id": "etisalat-data", "phone": DELIVERED, "variation_code": "flex" });
    let said = caller.buy("k", &flex).await.refused(400, "invalid_request");
    assert!(said.contains("amount_kobo is needed"), "{said}");
    flex["amount_kobo"] = json!(25_000);
    let bought = caller.bought("k", &flex).await;
    assert_eq!((&bought["amount_kobo"], &bought["state"]), (&json!(25_000), &json!("delivered")));
    let orders = vtpass.received();
    let orders: Vec<_> = orders.iter().filter(|it| it.target.ends_with("/pay")).collect();
    assert!(orders.len() == 1 && orders[0].body.contains(r#""amount":250"#), "{}", orders[0].body);

    // VTpass takes the catalogue's amount, whatever the order says.
    flex["variation_code"] = json!("least");
    for (amount, name) in [(1, "a"), (9_999, "b"), (25_000, "c")] {
        flex["amount_kobo"] = json!(amount);
        let said = caller.buy(name, &flex).await.refused(400, "invalid_request");
        assert_eq!(said, "The price of this bundle is 10000 kobo.");
    }
    for (amount, name) in [(json!(10_000), "d"), (Value::Null, "e")] {
        flex["amount_kobo"] = amount;
        assert_eq!(caller.bought(name, &flex).await["amount_kobo"], json!(10_000));
    }
    let orders = vtpass.received();
    assert_eq!(orders.iter().filter(|it| it.target.ends_with("/pay")).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_an_order_says_what_is_missing() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let long = "c".repeat(101);
    for (body, wanted) in [
        (json!({ "service_id": "mtn", "phone": DELIVERED }), "An airtime service needs an amount"),
        (
            json!({ "service_id": "etisalat-data", "phone": DELIVERED, "variation_code": long }),
            "variation_code must have 1 to 100 characters",
        ),
    ] {
        let said = caller.buy("k", &body).await.refused(400, "invalid_request");
        assert!(said.contains(wanted), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_purchase_is_overdue_half_an_hour_after_its_first_step() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought_stuck("k").await;
    let stored = gateway.stored(field(&bought, "purchase_id")).await;
    let overdue = stored.reconcile_at.unwrap() - stored.created_at;
    // The first step waits 36 to 45 s.
    let (earliest, latest) = (time::Duration::seconds(1_836), time::Duration::seconds(1_845));
    assert!((earliest..=latest).contains(&overdue), "{overdue}");
}
