//! Refills at MTN are sent at most once, and are failed or delivered only with proof.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::purchase::Source;

use crate::support::mtn::LINE;
use crate::support::purchases::{MINUTE, field, id_of, purchase_event, without_history};
use crate::support::tap::crash_at;
use crate::support::{Caller, Gateway};

const VOUCHER: &str = "4711081547110815";

pub fn voucherless() -> Value {
    json!({ "service_id": "mtn-refill", "phone": LINE, "amount_kobo": 50_000,
            "refill_type": "voucherless", "refill_profile_id": "P1" })
}

fn by_voucher() -> Value {
    json!({ "service_id": "mtn-refill", "phone": LINE, "refill_type": "voucher",
            "voucher_code": VOUCHER })
}

/// How often MTN received the refill of a purchase, and how often it was done.
pub async fn at_mtn(caller: &Caller, purchase: &Value) -> (usize, usize) {
    let ledger = caller.mtn_ledger().await;
    let mut refills = ledger["refills"].as_array().unwrap().iter();
    let found = refills.find(|it| it["transaction_id"] == purchase["request_id"]);
    let Some(refill) = found else { return (0, 0) };
    let received = usize::try_from(refill["received"].as_u64().unwrap()).unwrap();
    (received, refill["done_at"].as_array().unwrap().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refill_is_a_purchase_and_is_done_once() {
    let (gateway, caller) = Gateway::with_caller().await;
    for (key, body) in [("a", voucherless()), ("v", by_voucher())] {
        let reply = caller.buy(key, &body).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let purchase = reply.json()["data"].clone();
        assert_eq!(purchase["state"], "delivered");
        assert_eq!(purchase["amount_kobo"], 50_000, "a voucher's worth is MTN's word");
        assert_eq!(purchase["safe_to_refund"], false);
        assert_eq!(caller.bought(key, &body).await, purchase);
        assert_eq!(at_mtn(&caller, &purchase).await, (1, 1));
        let id = field(&purchase, "purchase_id");
        assert_eq!(without_history(caller.purchase(id).await), purchase);
    }
    let all = caller.get("/purchases?state=delivered").await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    let other = json!({ "service_id": "mtn-refill", "phone": LINE, "refill_type": "voucher",
                        "voucher_code": "4711081547110816" });
    caller.buy("v", &other).await.refused(409, "idempotency_conflict");
    // The chain's message finds nothing to do.
    gateway.clock.turn(MINUTE);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
    assert_eq!(gateway.messages("RequeryDeadLetterQueue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_refill_is_refused() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let without = |name: &str| {
        let mut body = voucherless();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let with = |mut body: Value, name: &str, value: Value| {
        body[name] = value;
        body
    };
    let airtime = json!({ "service_id": "mtn", "phone": LINE, "amount_kobo": 10_000 });
    for body in [
        without("refill_type"),
        without("refill_profile_id"),
        without("amount_kobo"),
        with(voucherless(), "amount_kobo", json!(50_050)),
        with(voucherless(), "refill_type", json!("Voucherless")),
        with(voucherless(), "refill_profile_id", json!("")),
        with(voucherless(), "refill_profile_id", json!("a b")),
        with(voucherless(), "voucher_code", json!(VOUCHER)),
        with(voucherless(), "variation_code", json!("x")),
        with(voucherless(), "phone", json!("201000000000")),
        with(by_voucher(), "amount_kobo", json!(10_000)),
        with(by_voucher(), "voucher_code", json!("47 11")),
        with(by_voucher(), "voucher_code", json!("1".repeat(65))),
        with(by_voucher(), "voucher_code", json!(4711)),
        with(by_voucher(), "refill_profile_id", json!("P1")),
        with(airtime.clone(), "refill_type", json!("voucherless")),
        with(airtime, "voucher_code", json!(VOUCHER)),
    ] {
        assert!(!caller.buy("k", &body).await.refused(400, "invalid_request").contains(VOUCHER));
    }
    assert_eq!(caller.mtn_ledger().await["refills"], json!([]));
    caller.get("/services/mtn-refill/variations").await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_proof_makes_a_refill_failed_and_all_else_needs_review() {
    let (gateway, caller) = Gateway::with_caller().await;
    // One answer of each kind. Unit tests judge every status and code.
    let proofs = json!([
        { "answer": "error", "http_status": 400, "status_code": "5001" },
        { "answer": "spring_error", "http_status": 400 },
        { "answer": "refuse_token" },
    ]);
    let others = json!([
        { "answer": "error", "http_status": 429, "status_code": "1013" },
        { "answer": "error", "http_status": 500, "status_code": "3001", "apply": true },
        { "answer": "error", "http_status": 200, "status_code": "1004", "apply": true },
        { "answer": "html", "http_status": 400, "apply": true },
        { "answer": "silent", "http_status": 200, "apply": true },
        { "answer": "broken", "apply": true },
        { "answer": "partial", "apply": true },
    ]);
    let failed = proofs.as_array().unwrap().iter().map(|script| (script, "failed"));
    let review = others.as_array().unwrap().iter().map(|script| (script, "needs_review"));
    for (index, (script, wanted)) in failed.chain(review).enumerate() {
        let key = &format!("k{index}");
        let mut script = script.clone();
        script["operation"] = json!("refill");
        caller.mtn_script(script.clone()).await;
        let reply = caller.buy(key, &voucherless()).await;
        let purchase = reply.json()["data"].clone();
        assert_eq!(field(&purchase, "state"), wanted, "{script}");
        assert_eq!(reply.status, if wanted == "failed" { 201 } else { 202 });
        assert_eq!(purchase["safe_to_refund"], wanted == "failed", "{script}");
        assert_eq!(caller.bought(key, &voucherless()).await, purchase, "{script}");
        let (received, done) = at_mtn(&caller, &purchase).await;
        assert!(
            received <= 1 && done == usize::from(script["apply"] == true),
            "{script}: {received} {done}"
        );
        let stored = gateway.stored(field(&purchase, "purchase_id")).await;
        assert_eq!(stored.history.len(), 1, "{script}");
        assert_eq!(stored.history[0].source, Source::Refill);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_fetched_anew_for_the_next_refill_only() {
    let (gateway, caller) = Gateway::with_caller().await;
    caller.mtn_next("token", "silent").await;
    let unsent = caller.bought("no-token", &voucherless()).await;
    assert_eq!(unsent["state"], "failed", "nothing was sent");
    caller.mtn_next("refill", "refuse_token").await;
    let refused = caller.bought("refused", &voucherless()).await;
    assert_eq!(refused["state"], "failed");
    assert_eq!(at_mtn(&caller, &refused).await, (1, 0), "sent once, and not again");
    assert_eq!(caller.bought("next", &voucherless()).await["state"], "delivered");
    // With less than a minute left a token is good for a read, but not for a refill.
    let tokens = caller.mtn_ledger().await["tokens"].as_u64().unwrap();
    gateway.clock.turn(Duration::from_secs(3_599 - 50));
    caller.bought("late", &voucherless()).await;
    assert_eq!(caller.mtn_ledger().await["tokens"].as_u64().unwrap(), tokens + 1);
}

/// Crashes the handler at every call: a refill is done at most once, and its state says only what
/// is proven.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_anywhere_a_refill_is_done_at_most_once() {
    let (gateway, caller) = Gateway::with_caller().await;
    for point in 0.. {
        let (tap, purchase) = gateway.with_tap("purchase").await;
        let key = format!("crash-{point}");
        let crashed = crash_at(&purchase, purchase_event(&key, &voucherless()), &tap, point).await;
        let recorded = point > 2 * 4;
        let found = caller.get(&format!("/purchases/{}", id_of(&key))).await.status == 200;
        assert_eq!(found, recorded);
        if recorded {
            let state = gateway.until_answered(&id_of(&key), MINUTE).await;
            let bought = caller.purchase(&id_of(&key)).await;
            let (received, done) = at_mtn(&caller, &bought).await;
            // Calls: read, count, count money, message, record, token, refill, announcement, outcome.
            let sent = usize::from(point > 2 * 6);
            assert_eq!((received, done), (sent, sent), "point {point}");
            let stored = point > 2 * 8;
            let wanted = if stored { "delivered" } else { "needs_review" };
            assert_eq!(state, wanted, "point {point}");
            // A repeat under its key sends nothing.
            assert_eq!(caller.bought(&key, &voucherless()).await["state"], wanted);
            assert_eq!(at_mtn(&caller, &bought).await.0, sent, "point {point}");
        }
        if !crashed {
            assert_eq!(point, 18);
            break;
        }
    }
    // Its history says why.
    let stored = gateway.stored(&id_of("crash-11")).await;
    assert_eq!(stored.history.last().unwrap().code, "no_record");
    assert_eq!(stored.reference.as_str().len(), 20, "what MTN's books know it by");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_about_a_refill_and_reconcile_lets_it_go() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let script = json!({ "operation": "refill", "answer": "broken", "apply": true });
    caller.mtn_script(script).await;
    let bought = caller.bought("k", &voucherless()).await;
    assert_eq!(bought["state"], "needs_review");
    caller.bought("settled", &voucherless()).await;
    let (tap, requery) = gateway.with_tap("requery").await;
    gateway.clock.turn(MINUTE);
    gateway.drive(&requery).await;
    assert_eq!(gateway.jobs().await, 0);
    gateway.clock.turn(MINUTE * 60);
    assert_eq!(gateway.reconcile().await["finished"], 2);
    assert_eq!(gateway.jobs().await, 0);
    assert!(!tap.seen().iter().any(|call| call.contains("/v2/")), "{:?}", tap.seen());
    assert_eq!(at_mtn(&caller, &bought).await, (1, 1));
    let stored = gateway.stored(field(&bought, "purchase_id")).await;
    assert_eq!((stored.reconcile_at, stored.reconciled_at), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voucher_code_is_found_in_no_table_and_no_answer() {
    let (gateway, caller) = Gateway::with_caller().await;
    let mut answers = vec![caller.buy("v", &by_voucher()).await.text];
    // A used voucher is refused.
    let again = caller.buy("w", &by_voucher()).await;
    assert_eq!(field(&again.json()["data"], "state"), "failed");
    answers.push(again.text);
    answers.push(caller.get("/purchases").await.text);
    answers.push(caller.mtn_ledger().await.to_string());
    for table in &gateway.sandbox.stack.tables {
        let items = gateway.scan(&table.name).await;
        answers.push(Value::from(items).to_string());
    }
    let plain_hash = shared::platform::crypto::hashed(VOUCHER);
    for (index, answer) in answers.iter().enumerate() {
        assert!(!answer.contains(VOUCHER), "{index}");
        // Answer 3 is MTN's own ledger, which holds a plain hash. Ours is a keyed hash.
        assert!(index == 3 || !answer.contains(&plain_hash), "{index}");
    }
}
