//! Data that earlier versions stored must stay readable: samples of every stored item, as they were
//! written, are read by the code of today.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::api_key::KeyState;
use shared::domain::ids::AccountId;
use shared::domain::limit::OtpLimits;
use shared::platform::config::Vars;
use shared::store::{
    Accounts, Catalogues, ClaimRefused, Found, Limits, OverLimit, Sessions, Tenants,
};

use super::samples::{gateway_with, sample, samples};
use crate::support::Caller;
use crate::support::purchases::{DELIVERED, FAILED, PENDING, airtime, bundle, field};

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_key_opens_what_it_opened() {
    for sample in samples("key") {
        let gateway = gateway_with(&sample).await;
        let vars = gateway.vars_of("authorizer");
        let tenants = Tenants::from_vars(&vars, &gateway.dynamodb()).unwrap();
        let key = sample.known("key");
        let Found::Key(found) = tenants.by_key(key).await.unwrap() else {
            panic!("{} cannot be read", sample.name)
        };
        let (state, status, label, because) = match sample.name.as_str() {
            "active" => (KeyState::Active, 200, None, None),
            // The test's deployment opens to test keys only.
            "live_with_label" => (KeyState::Active, 403, Some("till 7"), None),
            "expiring" => (KeyState::Expiring, 200, None, None),
            "revoked" => (KeyState::Revoked, 403, None, None),
            "revoked_with_reason" => {
                (KeyState::Revoked, 403, Some("old"), Some("it was in a chat"))
            }
            other => panic!("nothing is expected of {other}"),
        };
        assert_eq!(found.state(sample.now), state, "{}", sample.name);
        assert_eq!(found.tenant.as_str(), "shop-1");
        assert_eq!((found.label.as_deref(), found.revoked_because.as_deref()), (label, because));
        let client = Caller::new(&gateway.sandbox.base_url, key);
        assert_eq!(client.get("/purchases").await.status, status, "{}", sample.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_session_can_be_verified() {
    for sample in samples("session") {
        let gateway = gateway_with(&sample).await;
        let sessions =
            Sessions::from_vars(&gateway.vars_of("verify"), &gateway.dynamodb()).unwrap();
        let (tenant, id) = (sample.tenant(), sample.known("session_id"));
        let (tries, provider, phone, purpose) = match sample.name.as_str() {
            "fresh" => (0, "mtn", "08031234567", Some("credit scoring")),
            "tried" => (1, "mtn", "08031234567", Some("credit scoring")),
            "without_consent" => (0, "airtel", "07082109281", None),
            other => panic!("nothing is expected of {other}"),
        };
        for _ in tries..4 {
            sessions.count_try(&tenant, id, 6, sample.now).await.unwrap();
        }
        let session = sessions.count_try(&tenant, id, 6, sample.now).await.unwrap();
        assert_eq!((session.network.name(), session.msisdn.local()), (provider, phone.to_owned()));
        assert_eq!((session.consent.purpose.as_deref(), session.tenant), (purpose, tenant.clone()));
        assert_eq!(session.source_ip, "127.0.0.1");
        let refused = sessions.count_try(&tenant, id, 6, sample.now).await;
        assert!(refused.is_err(), "{}: five tries", sample.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_code_is_exchanged_held_or_known() {
    for sample in samples("code") {
        let gateway = gateway_with(&sample).await;
        let sessions =
            Sessions::from_vars(&gateway.vars_of("exchange"), &gateway.dynamodb()).unwrap();
        let environment = gateway.environment();
        let tenant = sample.tenant();
        let claim = || sessions.claim(&tenant, sample.known("code"), &environment);
        match sample.name.as_str() {
            "fresh" => assert!(!claim().await.unwrap().code.asked),
            "claimed" => {
                let held = claim().await.unwrap_err();
                assert!(matches!(held, ClaimRefused::InProgress(rest) if rest.as_secs() <= 30));
                gateway.clock.turn(Duration::from_secs(31));
                let code = claim().await.unwrap().code;
                assert!(code.asked);
                assert_eq!(
                    code.msisdn.map(|msisdn| msisdn.local()),
                    Some("08031234567".to_owned())
                );
                assert_eq!(code.consent.scope.as_deref(), Some("identity,balance"));
                let session = shared::platform::crypto::hashed(sample.known("session_id"));
                assert_eq!(code.session, session);
            }
            "exchanged" => {
                let known = claim().await.unwrap_err();
                let id = sample.known("account_id");
                assert!(
                    matches!(known, ClaimRefused::Exchanged(account) if account.as_str() == id)
                );
            }
            other => panic!("nothing is expected of {other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_account_shows_its_consent() {
    for sample in samples("account") {
        let gateway = gateway_with(&sample).await;
        let caller = gateway.caller();
        let id = sample.known("account_id");
        let (state, events, phone) = match sample.name.as_str() {
            "linked" => ("linked", &["linked"][..], Some("08031234567")),
            "unlinking" => ("unlinking", &["linked", "unlinking"][..], None),
            "unlinked" => ("unlinked", &["linked", "unlinking", "unlinked"][..], None),
            "linked_again" => {
                ("linked", &["linked", "unlinking", "unlinked", "linked"][..], Some("08031234567"))
            }
            "linked_without_terms" => ("linked", &["linked"][..], Some("07082109281")),
            other => panic!("nothing is expected of {other}"),
        };
        let record = caller.get(&format!("/accounts/{id}/consent")).await.ok()["data"].clone();
        assert_eq!(record["state"], state, "{}", sample.name);
        let shown = record["history"].as_array().unwrap().iter();
        let shown: Vec<&str> = shown.map(|event| field(event, "event")).collect();
        assert_eq!(shown, events, "{}", sample.name);
        let purpose = record["history"][0].get("purpose");
        let with_terms = sample.name != "linked_without_terms";
        assert_eq!(purpose, with_terms.then(|| json!("credit scoring")).as_ref());
        let accounts =
            Accounts::from_vars(&gateway.vars_of("exchange"), &gateway.dynamodb()).unwrap();
        let account =
            accounts.get(&sample.tenant(), &AccountId::parse(id).unwrap()).await.unwrap().unwrap();
        assert_eq!(
            account.msisdn.map(|msisdn| msisdn.local()).as_deref(),
            phone,
            "{}",
            sample.name
        );
        // The simulated Mono is asked only about a linked account, and does not know this one.
        let status = caller.get(&format!("/accounts/{id}")).await.status;
        assert_eq!(status, if state == "linked" { 422 } else { 404 }, "{}", sample.name);
    }
}

/// What is expected of a stored purchase: the order, its state and the calls of its history.
struct Expected {
    order: Value,
    state: &'static str,
    calls: &'static [&'static str],
    step: u32,
    acknowledged: bool,
}

fn expected(name: &str) -> Expected {
    let refill = |terms: Value| {
        let mut order = json!({ "service_id": "mtn-refill", "phone": "08031234567" });
        order.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
        order
    };
    let voucherless = json!({ "amount_kobo": 50_000, "refill_type": "voucherless",
                              "refill_profile_id": "P1" });
    let voucher = json!({ "refill_type": "voucher", "voucher_code": "4711081547110815" });
    let (order, state, calls, step, acknowledged): (_, _, &[&str], _, _) = match name {
        "submitted" => (airtime(DELIVERED), "submitted", &[], 0, false),
        "pending" => (airtime(FAILED), "pending", &["pay", "requery"], 4, true),
        "pending_test_number" => (airtime(PENDING), "pending", &["pay"], 0, true),
        "pending_unknown_to_vtpass" => {
            (airtime(FAILED), "pending", &["pay", "requery", "requery"], 2, false)
        }
        "delivered_airtime" => (airtime(DELIVERED), "delivered", &["pay"], 0, true),
        "delivered_data" => (bundle(DELIVERED), "delivered", &["pay"], 0, true),
        "delivered_contradicted" => (airtime(DELIVERED), "delivered", &["pay", "hint"], 0, true),
        "failed" => (airtime(FAILED), "failed", &["pay"], 0, false),
        "reversed" => (airtime(FAILED), "reversed", &["pay"], 0, true),
        "needs_review" => {
            let calls = &["pay", "requery", "requery", "deadline"];
            (airtime(FAILED), "needs_review", calls, 12, true)
        }
        "settled_by_a_person" => {
            let calls = &["pay", "requery", "requery", "deadline", "operator"];
            (airtime(FAILED), "failed", calls, 12, true)
        }
        "masked" => (airtime(DELIVERED), "delivered", &["pay"], 0, true),
        "masked_refill" | "refill_voucherless" => {
            (refill(voucherless), "delivered", &["refill"], 0, false)
        }
        "refill_voucher" => (refill(voucher), "delivered", &["refill"], 0, false),
        "refill_voucher_amount_zero" => (refill(voucher), "needs_review", &["refill"], 0, false),
        other => panic!("nothing is expected of {other}"),
    };
    Expected { order, state, calls, step, acknowledged }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_purchase_is_shown_and_holds_its_key() {
    for sample in samples("purchase") {
        let gateway = gateway_with(&sample).await;
        let (caller, name) = (gateway.caller(), sample.name.as_str());
        let expected = expected(name);
        let id = sample.text("purchase_id");
        let shown = caller.purchase(&id).await;
        assert_eq!(field(&shown, "state"), expected.state, "{name}");
        for (field, ordered) in [
            ("service_id", &expected.order["service_id"]),
            ("variation_code", &expected.order["variation_code"]),
            ("request_id", &json!(sample.text("request_id"))),
        ] {
            assert_eq!(&shown[field], ordered, "{name}: {field}");
        }
        let amount = match name {
            "delivered_data" => json!(10_000),
            "refill_voucher" => json!(50_000),
            _ => expected.order["amount_kobo"].clone(),
        };
        assert_eq!(shown["amount_kobo"], amount, "{name}");
        let phone = match name {
            "masked" => "0801****111",
            "masked_refill" => "0803****567",
            _ => field(&expected.order, "phone"),
        };
        assert_eq!(field(&shown, "phone"), phone, "{name}");
        let created = field(&shown, "created_at");
        assert!(sample.text("listed").starts_with(created), "{name}: {created}");

        let stored = gateway.stored(&id).await;
        let calls: Vec<String> = stored.history.iter().map(|it| it.source.to_string()).collect();
        assert_eq!(calls, expected.calls, "{name}");
        assert_eq!((stored.step, stored.acknowledged), (expected.step, expected.acknowledged));
        assert_eq!(stored.chain.as_str(), sample.text("chain"), "{name}");

        // The list reads it too, and its key still stands for the order.
        let listed = caller.get("/purchases").await.ok();
        assert_eq!(listed["data"], json!([shown]), "{name}");
        let key = sample.known("idempotency_key");
        // A voucher's hash depends on a secret of the deployment.
        if !name.starts_with("refill_voucher_") && name != "refill_voucher" {
            assert_eq!(caller.bought(key, &expected.order).await, shown, "{name}");
        }
        let other = json!({ "service_id": "glo", "phone": "08051234567", "amount_kobo": 20_000 });
        let conflict = caller.buy(key, &other).await.error();
        assert_eq!(conflict, (409, "idempotency_conflict".to_owned()), "{name}");
        assert!(caller.ledger().await.is_empty(), "{name}: nothing is bought");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_catalogue_is_used() {
    let sample = sample("catalogue", "etisalat_data");
    let gateway = gateway_with(&sample).await;
    let vars = gateway.vars_of("purchase");
    let catalogues = Catalogues::from_vars(&vars, &gateway.dynamodb()).unwrap();
    let found = catalogues.get(sample.known("service_id"), sample.now).await.unwrap().unwrap();
    assert_eq!(found.service_name, "9mobile Data");
    assert_eq!(found.variations.len(), 3);
    let first = &found.variations[0];
    assert_eq!((first.variation_code.as_str(), first.amount.kobo()), ("eti-100", 10_000));
    assert!(first.fixed_price);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_deferred_request_is_shown_and_takes_its_answer() {
    for sample in samples("request") {
        let gateway = gateway_with(&sample).await;
        gateway.store(&super::samples::sample("account", "linked")).await;
        let (caller, name) = (gateway.caller(), sample.name.as_str());
        let (state, operation, asks) = match name {
            "available" | "unrecognised" => ("available", "recharges", 1),
            "available_partial" => ("available", "usage", 2),
            "timed_out" => ("timed_out", "recharges", 4),
            "waiting_balance" => ("waiting", "balance", 1),
            "waiting_recharge_summary" => ("waiting", "recharge_summary", 1),
            "waiting_usage" => ("waiting", "usage", 1),
            "waiting_recharges" | "waiting_recharges_without_range" | "waiting_with_notice" => {
                ("waiting", "recharges", 1)
            }
            other => panic!("nothing is expected of {other}"),
        };
        let id = sample.text("request_id");
        let shown = caller.request(&id).await;
        assert_eq!((field(&shown, "state"), &shown["asks"]), (state, &json!(asks)), "{name}");
        assert_eq!(field(&shown, "operation"), operation, "{name}");
        assert_eq!(field(&shown, "account_id"), sample.known("account_id"));
        assert_eq!(shown["result"].is_null(), state != "available", "{name}");
        assert_eq!(shown["recognised"], state == "available" && name != "unrecognised", "{name}");
        assert_eq!(shown["partial"], name == "available_partial", "{name}");
        let notice = matches!(name, "waiting_with_notice" | "timed_out");
        assert_eq!(shown["notice"].is_null(), !notice, "{name}");
        let tokens = match &sample.known {
            known if known["tokens"].is_array() => known["tokens"].as_array().unwrap().clone(),
            known => known.get("token").cloned().into_iter().collect(),
        };
        if let Some(token) = tokens.first() {
            let url = format!("/callbacks/mtn/{id}/{}", token.as_str().unwrap());
            let answer = r#"{"statusCode":"0000","data":{"usage":[],"summary":[],"bundles":[]}}"#;
            assert_eq!(caller.call_back(&url, answer).await.status, 200, "{name}");
            assert_eq!(field(&caller.request(&id).await, "state"), "available", "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_count_still_limits() {
    let sample = sample("limit", "otp_number");
    let gateway = gateway_with(&sample).await;
    let names = ["LIMITS_TABLE", "LIMITS_HMAC_KEY"];
    let values = [sample.table.as_str(), sample.known("limits_hmac_key")];
    let vars = names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.to_owned()));
    let vars: Vars = gateway.sandbox.lambda_vars.clone().into_iter().chain(vars).collect();
    let limits = Limits::from_vars(&vars, &gateway.environment(), &gateway.dynamodb()).unwrap();
    let number = OtpLimits::from_vars(&Vars::default()).unwrap().number;
    let count = || limits.count(&number, sample.known("subject"));
    assert!(matches!(count().await, Err(OverLimit::Reached(_))), "three in ten minutes");
    for _ in 0..2 {
        gateway.clock.turn(Duration::from_secs(600));
        for _ in 0..2 {
            count().await.unwrap();
        }
    }
    gateway.clock.turn(Duration::from_secs(600));
    count().await.unwrap();
    assert!(matches!(count().await, Err(OverLimit::Reached(_))), "ten in a day");
}
