//! The nine MTN operations, as tenants ask for them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::mtn::{LINE, OTHER_LINE};
use crate::support::{Gateway, Reply};

fn data(reply: Reply) -> Value {
    let body = reply.ok();
    assert_eq!(body["status"], "successful");
    assert_eq!((&body["partial"], &body["recognised"]), (&json!(false), &json!(true)));
    body["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_gives_mtns_data_and_a_premium_names_its_beneficiary() {
    let (_gateway, caller, id) = Gateway::with_line().await;
    assert!(data(caller.mtn(&id, "plans").await)["balance"].is_array());
    let own =
        format!("plans?plan=data&momo=true&includeReservations=true&quoteid=q-1&fixedLine={LINE}");
    assert!(data(caller.mtn(&id, &own).await).is_object());
    assert!(data(caller.mtn(&id, "plans/PREPAID%20MAX").await).is_object());
    assert!(data(caller.mtn(&id, "balance").await)["mainBalance"].is_array());
    assert!(data(caller.mtn(&id, "usage/summary?start=2026-01-01").await).is_object());
    // These answer later unless told otherwise.
    for (operation, path, part) in [
        ("recharges", "recharges?start=2020-01-01&end=2099-12-31&page=1&limit=5", "usage"),
        ("recharge_summary", "recharges/summary", "summary"),
        ("usage", "usage?start=2026-01-01&end=2026-02-28&type=data&page=1&sort=desc", "summary"),
    ] {
        caller.mtn_next(operation, "now").await;
        let data = data(caller.mtn(&id, path).await);
        assert!(data[part].is_array(), "{path}: {data}");
    }

    // A premium is for the linked line unless another beneficiary is named.
    let path = format!("/accounts/{id}/mtn/premium");
    let amount = json!({ "value": "1000", "type": "CURRENCY", "unit": "NGN" });
    let mut body = json!({ "product": "p", "transactionType": "TRANSFER", "amount": amount });
    assert!(data(caller.post(&path, body.clone()).await).is_object());
    body["receivingCustomerId"] = json!(OTHER_LINE);
    body["message"] = json!("rent");
    assert!(data(caller.post(&path, body.clone()).await).is_object());
    assert_eq!(caller.mtn_ledger().await["tokens"], 1, "one token serves all these calls");
    for (field, value) in [
        ("receivingCustomerId", json!("12345")),
        ("amount", json!({ "value": "1", "type": "GOLD", "unit": "NGN" })),
        ("product", json!("")),
        ("quoteId", json!("")),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value;
        caller.post(&path, wrong).await.refused(400, "invalid_request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_query_or_another_line_is_refused_before_mtn_is_asked() {
    let (_gateway, caller, id) = Gateway::with_line().await;
    for path in [
        "plans?plan=gold",
        "plans?momo=yes",
        "plans?fixedLine=08091112223",
        "plans?fixedLine=nonsense",
        "plans?start=2026-01-01",
        "balance?x=1",
        "recharges?start=2026-02-30",
        "recharges?start=2026-03-01&end=2026-02-01",
        "recharges?limit=101",
        "recharges?limit=0",
        "recharges?page=-1",
        "recharges?page=1.5",
        "recharges?page=%2B1",
        "usage",
        "usage?end=2026-02-01",
        "usage?start=2026-02-01&limit=5",
        "usage?start=2026-02-01&sort=%00",
        "usage/summary?start=2026-13-01",
        "usage/summary?page=1",
    ] {
        caller.mtn(&id, path).await.refused(400, "invalid_request");
    }
    // Only a linked MTN line can be asked about.
    let airtel = caller.link("07082109281", "airtel").await;
    let refused = caller.mtn(&airtel, "balance").await.refused(400, "invalid_request");
    assert!(refused.contains("MTN"), "{refused}");
    caller.get("/requests/none").await.refused(404, "not_found");
    caller.unlink(&id).await.ok();
    caller.mtn(&id, "balance").await.refused(404, "not_found");
    assert_eq!(caller.mtn_ledger().await["asks"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_answer_is_marked_and_a_refusal_is_an_error() {
    let (gateway, caller, id) = Gateway::with_line().await;
    for (operation, path) in [("plans", "plans"), ("balance", "balance")] {
        caller.mtn_next(operation, "partial").await;
        let body = caller.mtn(&id, path).await.ok();
        assert_eq!(body["partial"], true, "{body}");
    }
    for (status, code, wanted) in [
        (500, "3001", (503, "upstream_unavailable")),
        (400, "5000", (422, "upstream_rejected")),
        (404, "1000", (422, "upstream_rejected")),
        (403, "6001", (422, "upstream_rejected")),
        (401, "4000", (503, "upstream_unavailable")),
        (429, "1013", (503, "upstream_unavailable")),
    ] {
        // MTN does not count as down any more.
        gateway.clock.turn(Duration::from_secs(60));
        let answer = json!({ "operation": "plans", "answer": "error", "http_status": status,
                             "status_code": code, "retry_after": 7 });
        caller.mtn_script(answer.clone()).await;
        if status == 401 {
            // A read that is refused once is repeated with a new token.
            caller.mtn_script(answer).await;
        }
        let reply = caller.mtn(&id, "plans").await;
        reply.refused(wanted.0, wanted.1);
        assert!(!reply.text.contains(code), "{}", reply.text);
        assert_eq!(reply.retry_after.as_deref(), (status == 429).then_some("7"), "{status}");
    }
    for answer in ["spring_error", "html"] {
        gateway.clock.turn(Duration::from_secs(60));
        let script = json!({ "operation": "balance", "answer": answer, "http_status": 500 });
        caller.mtn_script(script).await;
        caller.mtn(&id, "balance").await.refused(503, "upstream_unavailable");
    }
    gateway.clock.turn(Duration::from_secs(60));
    // MTN may have received it, so the request waits for its answer.
    caller.mtn_next("balance", "broken").await;
    caller.asked(&id, "balance").await;
    // What MTN refused leaves no request behind; the one that broke waits.
    assert_eq!(gateway.items("RequestsTable").await, 2, "an answered one and a waiting one");
}
