//! Data that earlier versions stored must stay readable: samples of every stored item, as they were
//! written, are read by the code of today. `samples/expected.json` states what is read.

use std::time::Duration;

use serde_json::json;
use shared::domain::date::Date;
use shared::domain::guard::Thresholds;
use shared::domain::ids::{AccountId, EndpointId, EventId, TenantId};
use shared::domain::limit::OtpLimits;
use shared::domain::time::{to_iso, to_ms};
use shared::platform::config::Vars;
use shared::store::{
    Accounts, Books, Catalogues, ClaimRefused, Deliveries, Disclosures, Endpoints, FloatNotes,
    Found, Limits, OverLimit, Sessions, Tenants, Whose, Withdrawals,
};

use super::samples::{gateway_with, samples};
use crate::functions::purchase::guard::guarded;
use crate::support::Caller;
use crate::support::purchases::{DELIVERED, airtime, without_history};

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
        // The test's deployment opens to test keys only.
        let client = Caller::new(&gateway.sandbox.base_url, key);
        sample.expect(&json!({
            "tenant": found.tenant, "state": format!("{:?}", found.state(sample.now)),
            "label": found.label, "revoked_because": found.revoked_because,
            "status": client.get("/purchases").await.status,
        }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_session_can_be_verified() {
    for sample in samples("session") {
        let gateway = gateway_with(&sample).await;
        let vars = gateway.vars_of("verify");
        let sessions = Sessions::from_vars(&vars, &gateway.dynamodb()).unwrap();
        let (tenant, id) = (sample.tenant(), sample.known("session_id"));
        let (mut tries, mut last) = (0, None);
        let environment = gateway.environment();
        while let Ok(session) = sessions.count_try(&tenant, id, 6, &environment).await {
            (tries, last) = (tries + 1, Some(session));
        }
        let session = last.expect("the session can be read");
        assert_eq!(session.tenant, tenant);
        sample.expect(&json!({
            "tries": tries, "provider": session.network.name(), "phone": session.msisdn.local(),
            "purpose": session.consent.purpose, "source_ip": session.source_ip,
        }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_code_is_exchanged_held_or_known() {
    for sample in samples("code") {
        let gateway = gateway_with(&sample).await;
        let vars = gateway.vars_of("exchange");
        let sessions = Sessions::from_vars(&vars, &gateway.dynamodb()).unwrap();
        let (tenant, environment) = (sample.tenant(), gateway.environment());
        let claim = async || match sessions.claim(&tenant, sample.known("code"), &environment).await
        {
            Ok(claim) => json!({
                "asked": claim.code.asked, "phone": claim.code.msisdn.map(|it| it.local()),
                "scope": claim.code.consent.scope, "session": claim.code.session,
            }),
            Err(ClaimRefused::InProgress(rest)) => json!({ "held_for": rest.as_secs() }),
            Err(ClaimRefused::Exchanged(account)) => json!({ "exchanged": account }),
            Err(other) => panic!("{}: {other:?}", sample.name),
        };
        let at_once = claim().await;
        gateway.clock.turn(Duration::from_secs(31));
        sample.expect(&json!({ "at_once": at_once, "after_the_lease": claim().await }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_account_shows_its_consent() {
    for sample in samples("account") {
        let gateway = gateway_with(&sample).await;
        let (caller, id) = (gateway.caller(), sample.known("account_id"));
        let vars = gateway.vars_of("exchange");
        let accounts = Accounts::from_vars(&vars, &gateway.dynamodb()).unwrap();
        let account = accounts.get(&sample.tenant(), &AccountId::parse(id).unwrap()).await;
        // The simulated Mono is asked only about a linked account, and does not know this one.
        sample.expect(&json!({
            "phone": account.unwrap().unwrap().msisdn.map(|it| it.local()),
            "consent": caller.get(&format!("/accounts/{id}/consent")).await.ok()["data"],
            "status": caller.get(&format!("/accounts/{id}")).await.status,
        }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_purchase_is_shown_and_holds_its_key() {
    for sample in samples("purchase") {
        let gateway = gateway_with(&sample).await;
        let (caller, name) = (gateway.caller(), sample.name.as_str());
        let id = sample.text("purchase_id");
        let shown = caller.purchase(&id).await;
        let stored = gateway.stored(&id).await;
        let calls: Vec<String> = stored.history.iter().map(|it| it.source.to_string()).collect();
        let order = &sample.expected["order"];
        sample.expect(&json!({
            "order": order, "shown": shown, "calls": calls, "step": stored.step,
            "acknowledged": stored.acknowledged, "chain": stored.chain,
        }));

        // The list reads it too, and its key still stands for the order. Neither has the history.
        let shown = without_history(shown);
        assert_eq!(caller.get("/purchases").await.ok()["data"], json!([shown]), "{name}");
        let key = sample.known("idempotency_key");
        // A voucher's hash depends on a secret of the deployment.
        if order["refill_type"] != "voucher" {
            assert_eq!(caller.bought(key, order).await, shown, "{name}");
        }
        let other = json!({ "service_id": "glo", "phone": "08051234567", "amount_kobo": 20_000 });
        caller.buy(key, &other).await.refused(409, "idempotency_conflict");
        assert!(caller.ledger().await.is_empty(), "{name}: nothing is bought");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_catalogue_is_used() {
    for sample in samples("catalogue") {
        let gateway = gateway_with(&sample).await;
        let vars = gateway.vars_of("purchase");
        let catalogues = Catalogues::from_vars(&vars, &gateway.dynamodb()).unwrap();
        let found = catalogues
            .get(
                sample.known("service_id"),
                sample.now,
                &shared::platform::environment::Random::system(),
            )
            .await
            .unwrap()
            .unwrap();
        sample.expect(&json!([found.catalogue, { "outdated": found.outdated }]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_deferred_request_is_shown_and_takes_its_answer() {
    for sample in samples("request") {
        let gateway = gateway_with(&sample).await;
        gateway.store(&super::samples::sample("account", "linked")).await;
        let (caller, id) = (gateway.caller(), sample.text("request_id"));
        sample.expect(&caller.request(&id).await);
        let tokens = sample.known["tokens"].as_array().and_then(|tokens| tokens.first());
        if let Some(token) = tokens.or(sample.known.get("token")) {
            let url = format!("/callbacks/mtn/{id}/{}", token.as_str().unwrap());
            let answer = r#"{"statusCode":"0000","data":{"usage":[],"summary":[],"bundles":[]}}"#;
            assert_eq!(caller.call_back(&url, answer).await.status, 200, "{}", sample.name);
            assert_eq!(caller.request(&id).await["state"], "available", "{}", sample.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_count_still_limits() {
    for sample in samples("limit") {
        let gateway = gateway_with(&sample).await;
        let key = sample.known("limits_hmac_key").to_owned();
        let vars = [
            ("LIMITS_TABLE".to_owned(), sample.table.clone()),
            ("LIMITS_HMAC_KEY".to_owned(), key),
        ];
        let vars: Vars = gateway.sandbox.lambda_vars.clone().into_iter().chain(vars).collect();
        let limits = Limits::from_vars(&vars, &gateway.environment(), &gateway.dynamodb()).unwrap();
        let number = OtpLimits::from_vars(&Vars::default()).unwrap().number;
        let count = || limits.count(&number, sample.known("subject"));
        assert!(matches!(count().await, Err(OverLimit::Reached(_))), "three in ten minutes");
        for counted in [2, 2, 1] {
            gateway.clock.turn(Duration::from_secs(600));
            for _ in 0..counted {
                count().await.unwrap();
            }
        }
        assert!(matches!(count().await, Err(OverLimit::Reached(_))), "ten in a day");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_account_that_was_counted_counts_no_more() {
    for sample in samples("withdrawal") {
        let gateway = gateway_with(&sample).await;
        let vars = [
            ("LIMITS_TABLE".to_owned(), sample.table.clone()),
            ("LIMIT_WITHDRAWALS".to_owned(), "1/3600,1/86400".to_owned()),
        ];
        let vars: Vars = gateway.sandbox.lambda_vars.clone().into_iter().chain(vars).collect();
        let (environment, dynamodb) = (gateway.environment(), gateway.dynamodb());
        let withdrawals = Withdrawals::from_vars(&vars, &environment, &dynamodb).unwrap();
        let count = async |id: &str| withdrawals.count(&AccountId::parse(id).unwrap()).await;
        count("acc1").await.unwrap();
        assert!(matches!(count("acc2").await, Err(OverLimit::Reached(_))));
        count(sample.known("account_id")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_guard_decides_on_orders() {
    for sample in samples("guard") {
        let (gateway, caller) = guarded().await;
        gateway.clock.set(sample.now);
        gateway.store(&sample).await;
        let service_id = sample.known("service_id");
        let (guard, on_sale) = (gateway.guard(service_id).await, gateway.sells(service_id).await);
        let window = guard.counts.within(&Thresholds::default(), sample.now);
        let changes = guard.state.changes.iter();
        let changes: Vec<_> =
            changes.map(|it| json!([to_ms(it.at), it.on_sale, it.by, it.told.is_some()])).collect();
        let bought = caller.buy("k", &airtime(DELIVERED)).await;
        sample.expect(&json!({
            "on_sale": on_sale, "buying": bought.status, "waits": bought.retry_after,
            "bad": window.bad, "row": guard.counts.row, "changes": changes,
        }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_was_told_of_the_float_is_read() {
    for sample in samples("float") {
        let gateway = gateway_with(&sample).await;
        let vars = gateway.vars_of("books");
        let notes = FloatNotes::from_vars(&vars, &gateway.dynamodb()).unwrap();
        let owed = notes.told().await.unwrap().owed();
        let owed: Vec<_> =
            owed.iter().map(|it| json!({ "type": it.kind, "data": it.data })).collect();
        sample.expect(&json!(owed));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_endpoint_is_shown_and_signs() {
    for sample in samples("endpoint") {
        let gateway = gateway_with(&sample).await;
        let id = sample.text("endpoint_id");
        let shown = gateway.caller().get(&format!("/webhook-endpoints/{id}")).await.ok();
        let vars = gateway.vars_of("send-webhook");
        let endpoints = Endpoints::from_vars(&vars, &gateway.dynamodb()).unwrap();
        let endpoint = EndpointId::parse(&id).unwrap();
        let endpoint = endpoints.get(&sample.tenant(), &endpoint).await.unwrap().unwrap();
        let signed = endpoint.signatures(&EventId::default(), sample.now, "{}").unwrap();
        let signatures = signed.split(' ').count();
        sample.expect(&json!({ "shown": shown["data"], "signatures": signatures }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_delivery_is_shown() {
    for sample in samples("delivery") {
        let gateway = gateway_with(&sample).await;
        let vars = gateway.vars_of("send-webhook");
        let deliveries = Deliveries::from_vars(&vars, &gateway.dynamodb()).unwrap();
        let endpoint = EndpointId::parse(&sample.text("endpoint_id")).unwrap();
        let event = EventId::parse(&sample.text("event_id")).unwrap();
        let found = deliveries.get(&endpoint, &event, sample.now).await.unwrap().unwrap();
        sample.expect(&serde_json::to_value(found.view()).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_event_is_shown_and_is_listed() {
    for sample in samples("event") {
        let gateway = gateway_with(&sample).await;
        let caller = gateway.caller();
        let one = caller.get(&format!("/events/{}", sample.text("event_id"))).await.ok();
        sample.expect(&one["data"]);
        let listed = caller.get("/events").await.ok();
        assert_eq!(listed["data"], json!([one["data"]]), "{}", sample.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_in_the_books_is_read() {
    for sample in samples("books") {
        let gateway = gateway_with(&sample).await;
        let books = Books::from_vars(&gateway.vars_of("books"), &gateway.dynamodb()).unwrap();
        let (from, to) = (sample.now - time::Duration::days(2), sample.now);
        let tenant = TenantId::parse("shop-1").unwrap();
        let day = async |whose| {
            let date = Date::parse(&sample.text("sk")).unwrap();
            let day = books.day(whose, date).await.unwrap().unwrap();
            json!({ "total": day.report.total(), "in_flight_kobo": day.moved.in_flight_kobo,
                    "unexplained_kobo": day.wallet.map(|it| it.unexplained_kobo()),
                    "suspensions": day.suspensions })
        };
        let read = match sample.text("pk").as_str() {
            "day#*" => day(Whose::Everyone).await,
            "day#shop-1" => day(Whose::Tenant(&tenant)).await,
            "balance#vtpass" => json!(books.balances(from, to).await.unwrap()),
            _ => json!(books.top_ups(from, to).await.unwrap()),
        };
        sample.expect(&read);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_disclosure_is_found_by_its_day_and_by_its_account_if_any() {
    for sample in samples("disclosure") {
        let gateway = gateway_with(&sample).await;
        let vars = gateway.vars_of("fetch-data");
        let disclosures = Disclosures::from_vars(&vars, &gateway.dynamodb()).unwrap();
        let (day, mut of_day, mut of_account) = (Date::of(sample.now), Vec::new(), Vec::new());
        let tenant = sample.tenant();
        disclosures.of_day(&tenant, day, sample.now, |it| of_day.push(it)).await.unwrap();
        let account = sample.item.get("account_id").map(|it| it.as_s().unwrap());
        if let Some(account) = account.and_then(|id| AccountId::parse(id)) {
            let range = (day.begins(), day.ends());
            let take = |it| of_account.push(it);
            disclosures.of_account(&account, range, sample.now, take).await.unwrap();
            assert_eq!(of_day, of_account, "{}", sample.name);
        }
        let [it] = of_day.as_slice() else { panic!("{}: {of_day:?}", sample.name) };
        sample.expect(&json!({
            "key_id": it.key_id, "account_id": it.account_id, "purchases": it.purchases, "route": it.route, "at": to_iso(it.at),
            "consented_at": it.consent.as_ref().map(|consent| to_iso(consent.given_at)),
        }));
        let ended = sample.now + time::Duration::days(2_192);
        disclosures.of_day(&tenant, day, ended, |it| panic!("it has ended: {it:?}")).await.unwrap();
    }
}
