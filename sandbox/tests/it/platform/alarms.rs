//! Each alarm of the template watches a metric that exists, and each of our metrics is emitted when it
//! should be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sandbox::template::SandboxDeployment;
use sandbox::template::Template;
use serde_json::{Value, json};
use shared::platform::telemetry::alarm::Alarm;
use shared::platform::telemetry::metrics::Metrics;
use strum::IntoEnumIterator;
use tracing_subscriber::layer::SubscriberExt;

use super::alarm_conditions::alarm::Alarm as Condition;
use super::alarm_conditions::math::Kind;
use crate::functions::purchase::guard::{guarded, suspend};
use crate::functions::webhooks::{Teller, answering};
use crate::support::mtn::ANSWER_TIME;
use crate::support::purchases::{DELIVERED, MINUTE, airtime, field, until};
use crate::support::{
    Caller, Gateway, KEY, PHONE, Provider, Received, Script, Written, event, mtn_at, tenant_of,
    with_tokens,
};

fn listen() -> (Written, tracing::subscriber::DefaultGuard) {
    Written::listen(|to| {
        tracing_subscriber::registry().with(Metrics::new("stack", move || to.clone()))
    })
}

impl Written {
    /// How often a metric was emitted.
    fn count(&self, metric: &str) -> usize {
        let lines = self.lines().into_iter().filter(|line| {
            let group = &line["_aws"]["CloudWatchMetrics"][0];
            assert_eq!(group["Namespace"], "stack");
            let name = field(&group["Metrics"][0], "Name");
            assert_eq!(line[name], 1, "{line}");
            name == metric
        });
        lines.count()
    }

    /// Waits until a metric was emitted, once.
    async fn until_counted(&self, metric: &str) {
        until(metric, async || self.count(metric) > 0).await;
        assert_eq!(self.count(metric), 1, "{metric}: {:?}", self.lines());
    }
}

#[tokio::test]
async fn answers_of_vtpass_raise_their_alarms() {
    let (written, _guard) = listen();
    let (_gateway, caller) = Gateway::with_caller().await;
    for (script, metric) in [
        (json!({ "code": "044" }), "needs_review"),
        (json!({ "code": "018" }), "vtpass_wallet_low"),
        (json!({ "code": "087" }), "vtpass_refuses_credentials"),
        (json!({ "http_status": 401 }), "vtpass_refuses_credentials"),
        (json!({ "code": "022" }), "vtpass_account_blocked"),
        (json!({ "code": "027" }), "vtpass_refuses_address"),
        (json!({ "code": "028" }), "vtpass_refuses_product"),
        (json!({ "code": "085" }), "vtpass_refuses_request_id"),
        (json!({ "code": "000", "status": "resolved" }), "vtpass_must_be_asked"),
        (json!({ "set": { "/content/transactions/amount": "7" } }), "vtpass_mismatch"),
        (json!({ "set": { "/requestId": "202611221100other" } }), "vtpass_foreign_answer"),
    ] {
        let before = written.count(metric);
        let mut pay = script.clone();
        pay["call"] = json!("pay");
        caller.script(json!([pay])).await;
        caller.bought(&script.to_string().replace(' ', ""), &airtime(DELIVERED)).await;
        assert_eq!(written.count(metric), before + 1, "{script}: {:?}", written.lines());
    }
    let delivered = written.count("purchase_delivered");
    caller.bought("well", &airtime(DELIVERED)).await;
    assert_eq!(written.count("purchase_delivered"), delivered + 1);
}

#[tokio::test]
async fn an_overdue_purchase_and_a_contradicted_one_raise_alarms() {
    let (written, _guard) = listen();
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    let stuck = json!([{ "call": "pay", "code": "099", "status": "pending", "asks": 1_000 }]);
    caller.script(stuck).await;
    caller.bought("stuck", &airtime(DELIVERED)).await;
    caller.script(json!([{ "call": "requery", "code": "087" }])).await;
    gateway.clock.turn(MINUTE);
    gateway.drive(&requery).await;
    assert_eq!(written.count("vtpass_refuses_credentials"), 1, "{:?}", written.lines());
    gateway.clock.turn(Duration::from_secs(86_400));
    gateway.drive(&requery).await;
    assert_eq!(written.count("needs_review"), 1, "{:?}", written.lines());

    let delivered = caller.bought("delivered", &airtime(DELIVERED)).await;
    gateway.clock.turn(MINUTE * 2);
    caller.script(json!([{ "call": "requery", "code": "016" }])).await;
    let hint = json!({ "kind": "hint", "tenant": tenant_of(KEY),
                       "purchase_id": delivered["purchase_id"] });
    gateway.send_raw(&hint.to_string()).await;
    gateway.drive(&requery).await;
    assert_eq!(written.count("contradicted_final_state"), 1, "{:?}", written.lines());

    let unclear = json!({ "call": "requery", "http_status": 502 });
    caller.script(json!([unclear, unclear])).await;
    let late = json!({ "kind": "hint", "tenant": tenant_of(KEY), "step": 99,
                       "purchase_id": delivered["purchase_id"] });
    gateway.send_raw(&late.to_string()).await;
    gateway.drive(&requery).await;
    assert_eq!(written.count("hint_unanswered"), 0, "{:?}", written.lines());
    gateway.clock.turn(MINUTE * 15);
    gateway.drive(&requery).await;
    assert_eq!(written.count("hint_unanswered"), 1, "{:?}", written.lines());
    assert_eq!(gateway.jobs().await, 0, "after the last step");

    gateway.spoil(field(&delivered, "purchase_id")).await;
    assert_eq!(caller.get("/purchases").await.ok()["data"].as_array().unwrap().len(), 1);
    assert_eq!(written.count("unreadable_item"), 1, "{:?}", written.lines());
    let id = field(&delivered, "purchase_id");
    caller.get(&format!("/purchases/{id}")).await.refused(503, "unavailable");
    assert_eq!(written.count("unreadable_item"), 2, "{:?}", written.lines());
    gateway.clock.turn(MINUTE * 60 * 24);
    gateway.reconcile().await;
    assert_eq!(written.count("unreadable_item"), 3, "{:?}", written.lines());
}

#[tokio::test]
async fn a_job_that_fails_five_times_raises_an_alarm_each_time_from_then_on() {
    let (written, _guard) = listen();
    let gateway = Gateway::undriven().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    gateway.send_raw(r#"{"kind":"of_a_newer_version"}"#).await;
    for (times, expected) in [(1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (6, 2)] {
        gateway.drive(&requery).await;
        assert_eq!(written.count("unreadable_job"), times);
        assert_eq!(written.count("job_fails"), expected, "{times} times");
        gateway.clock.turn(MINUTE * 6);
    }
}

#[tokio::test]
async fn withdrawals_beyond_the_limit_are_not_believed_and_raise_an_alarm() {
    let (written, _guard) = listen();
    let gateway = Gateway::undriven_with(&[("LIMIT_WITHDRAWALS", "1/3600,5/86400")]).await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    let caller = gateway.caller();
    let mut ids = Vec::new();
    for (number, network) in [(PHONE, "mtn"), ("08091112223", "mtn"), ("07082109281", "airtel")] {
        let id = caller.link(number, network).await;
        caller.post("/_sandbox/mono/withdraw", json!({ "account_id": id })).await.ok();
        ids.push(id);
    }
    let state = async |id: &str| caller.consent_state(id).await;
    // Mono's webhooks are lost, so reads meet it.
    gateway.empty("FollowUpQueue").await;
    for id in &ids[..2] {
        for _ in 0..4 {
            caller.get(&format!("/accounts/{id}")).await.refused(422, "upstream_rejected");
        }
        gateway.drive_queue("FollowUpQueue", &requery).await;
    }
    assert_eq!((state(&ids[0]).await, state(&ids[1]).await), ("unlinked".into(), "linked".into()));
    assert_eq!(written.count("many_withdrawals"), 4, "each question to Mono");
    // A read begins no questions without an end; another check is asked again.
    let check = json!({ "kind": "withdrawal", "account_id": ids[1], "step": 5 });
    assert_eq!(gateway.messages("FollowUpQueue").await, 1, "the unlink of the first");
    gateway.empty("FollowUpQueue").await;
    gateway.send_raw(&check.to_string()).await;
    gateway.drive(&requery).await;
    assert_eq!(gateway.messages("FollowUpQueue").await, 1);
    // What Mono's webhook reported is believed.
    caller.get(&format!("/accounts/{}", ids[2])).await.refused(422, "upstream_rejected");
    gateway.drive_queue("FollowUpQueue", &requery).await;
    assert_eq!(state(&ids[2]).await, "linked");
    let reported =
        json!({ "kind": "withdrawal", "account_id": ids[2], "reported": true, "step": 0 });
    gateway.send_raw(&reported.to_string()).await;
    gateway.drive(&requery).await;
    assert_eq!(state(&ids[2]).await, "unlinked");
    gateway.clock.turn(MINUTE * 61);
    gateway.drive_queue("FollowUpQueue", &requery).await;
    assert_eq!(state(&ids[1]).await, "unlinked");
}

#[tokio::test]
async fn an_endpoint_that_is_disabled_raises_its_alarm_once() {
    let (written, _guard) = listen();
    let teller = Teller::start().await;
    teller.caller.endpoint_at(&answering(410).await).await;
    teller.bought("k1", DELIVERED).await;
    teller.bought("k2", DELIVERED).await;
    assert_eq!(written.count("endpoint_disabled"), 1, "{:?}", written.lines());
}

#[tokio::test]
async fn a_service_that_is_suspended_raises_its_alarm_once() {
    let (written, _guard) = listen();
    let (gateway, caller) = guarded().await;
    suspend(&caller).await;
    assert_eq!(caller.buy("refused", &airtime(DELIVERED)).await.status, 503);
    assert_eq!(written.count("service_suspended"), 1, "{:?}", written.lines());
    assert_eq!(written.count("order_of_suspended_service"), 1);
    gateway.clock.turn(MINUTE);
    caller.bought("works", &airtime(DELIVERED)).await;
    assert_eq!((written.count("service_resumed"), written.count("service_closed")), (1, 1));
}

#[tokio::test]
async fn what_reconcile_finds_raises_its_alarms() {
    let (written, _guard) = listen();
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    caller.bought_stuck("stuck").await;
    gateway.empty("RequeryQueue").await;
    gateway.clock.turn(MINUTE * 20);
    gateway.reconcile().await;
    assert_eq!(written.count("chain_restarted"), 1, "{:?}", written.lines());

    caller.script(json!([{ "call": "pay", "code": "016" }])).await;
    let failed = caller.bought("failed", &airtime(DELIVERED)).await;
    let resolved = json!({ "request_id": failed["request_id"], "state": "delivered",
                           "webhook": false });
    caller.control("/resolve", resolved).await;
    let delivered = caller.bought("delivered", &airtime(DELIVERED)).await;
    gateway.clock.turn(MINUTE * 60 * 24);
    gateway.reconcile().await;
    gateway.drive(&requery).await;
    assert_eq!(written.count("contradicted_final_state"), 1, "{:?}", written.lines());

    // No look back of this one had a clear answer.
    gateway.forget_look_back(field(&delivered, "purchase_id")).await;
    gateway.clock.turn(MINUTE * 60 * 24 * 15);
    gateway.reconcile().await;
    assert_eq!(written.count("look_back_unanswered"), 1, "{:?}", written.lines());

    gateway.send_raw(r#"{"kind":"of_tomorrow"}"#).await;
    gateway.drive(&requery).await;
    assert_eq!(written.count("unreadable_job"), 1, "{:?}", written.lines());
}

#[tokio::test]
async fn each_refused_key_is_counted_and_each_run_of_reconcile_says_that_masking_is_on_time() {
    let (written, _guard) = listen();
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    assert_eq!(caller.get("/purchases").await.status, 200);
    assert_eq!(written.count("key_refused"), 0);
    for key in ["guess-1", "guess-2"] {
        let guess = Caller::new(&gateway.sandbox.base_url, key);
        assert_eq!(guess.get("/purchases").await.status, 403);
    }
    assert_eq!(written.count("key_refused"), 2);
    for runs in 1..4 {
        gateway.reconcile().await;
        assert_eq!(written.count("masking_on_time"), runs);
        gateway.clock.turn(MINUTE * 60 * 24);
    }
}

#[tokio::test]
async fn answers_of_mono_raise_their_alarms() {
    let (written, _guard) = listen();
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.prove().await;
    mono.script(|_| Script::Half);
    caller.exchange("code_1").await.refused(503, "upstream_unavailable");
    mono.script(|_| Script::Json(400, json!({ "status": "failed" })));
    caller.exchange("code_1").await.refused(410, "code_expired");
    assert_eq!(written.count("code_lost"), 1);

    mono.script(|_| Script::Json(401, json!({ "status": "failed" })));
    assert_eq!(caller.auth(PHONE, "mtn").await.status, 503);
    assert_eq!(written.count("mono_refuses_credentials"), 1);

    mono.script(|_| Script::Json(500, json!({})));
    let withdrawal = json!({ "kind": "withdrawal", "account_id": "acc1", "step": 100 });
    gateway.send_raw(&withdrawal.to_string()).await;
    written.until_counted("unlink_overdue").await;
}

#[tokio::test]
async fn answers_of_mtn_raise_their_alarms() {
    let (written, _guard) = listen();
    let (_gateway, caller, account) = Gateway::with_line().await;
    let refused = json!({ "operation": "token", "answer": "error", "http_status": 401,
                          "status_code": "4000" });
    caller.mtn_script(refused).await;
    assert_eq!(caller.mtn(&account, "balance").await.status, 503);
    assert_eq!(written.count("mtn_refuses_credentials"), 1);

    let refill = json!({ "service_id": "mtn-refill", "phone": PHONE, "amount_kobo": 50_000,
                         "refill_type": "voucherless", "refill_profile_id": "P1" });
    let poor = json!({ "operation": "refill", "answer": "error", "http_status": 403,
                       "status_code": "6001" });
    caller.mtn_script(poor).await;
    caller.bought("poor", &refill).await;
    assert_eq!(written.count("mtn_wallet_low"), 1);
    caller.mtn_next("refill", "broken").await;
    caller.bought("broken", &refill).await;
    assert_eq!(written.count("needs_review"), 1);
}

#[tokio::test]
async fn an_answer_too_large_to_keep_and_a_missing_authorizer_raise_alarms() {
    let (written, _guard) = listen();
    let answering = |status: u16, answer: Value| {
        with_tokens(move |_: &Received| Script::Json(status, answer.clone()))
    };
    let mtn = Provider::start(answering(202, json!({}))).await;
    let gateway = Gateway::with(&mtn_at(&mtn.url)).await;
    let caller = gateway.caller();
    let account = caller.line().await;
    caller.asked(&account, "recharges").await;
    mtn.script(answering(200, json!({ "data": { "usage": "x".repeat(400 * 1024) } })));
    gateway.clock.turn(ANSWER_TIME);
    written.until_counted("answer_too_large").await;
    mtn.script(answering(200, json!({ "data": { "usage": "x".repeat(6 * 1024 * 1024) } })));
    gateway.clock.turn(ANSWER_TIME);
    until("one too large to read", async || written.count("answer_too_large") == 2).await;

    let mut event: Value = serde_json::from_str(&event(KEY, "GET /purchases", &[], "")).unwrap();
    event["requestContext"].as_object_mut().unwrap().remove("authorizer");
    let answer = gateway.sandbox.functions["purchase"].invoke(&event).await.unwrap();
    assert_eq!(answer["statusCode"], 503);
    assert_eq!(written.count("no_authorizer"), 1);
}

impl Gateway {
    /// Puts a purchase back into the index of reconcile, as if it was never looked back on.
    async fn forget_look_back(&self, id: &str) {
        use aws_sdk_dynamodb::types::AttributeValue::{N, S};
        let table = self.vars_of("requery").required("PURCHASES_TABLE").unwrap().to_owned();
        let update = self.dynamodb().update_item().table_name(table);
        let update = update.key("purchase_id", S(id.to_owned()));
        let update = update
            .update_expression(
                "SET reconcile_part = :part, reconcile_ms = :ms REMOVE reconciled_ms",
            )
            .expression_attribute_values(":part", S(id[..1].to_owned()))
            .expression_attribute_values(":ms", N("0".to_owned()));
        update.send().await.unwrap();
    }
}

/// Metrics of ours that ring by their number or by their absence.
const RATES: [&str; 2] = ["key_refused", "masking_on_time"];

#[test]
fn every_alarm_watches_an_existing_metric_and_every_metric_is_watched() {
    let template = Template::load(sandbox::TEMPLATE, &BTreeMap::new()).unwrap();
    let here = SandboxDeployment { sqs_url: String::new() };
    let alarms = Condition::all(&template).unwrap();
    for Condition { name, .. } in &alarms {
        let actions = template.property(name, "AlarmActions", &here).unwrap();
        let books = "arn:aws:lambda:us-east-1:000000000000:function:BooksFunction";
        match name.as_str() {
            "VtpassWalletLowAlarm" => assert_eq!(actions, json!(["AlarmTopic", books])),
            _ => assert_eq!(actions, json!(["AlarmTopic"]), "{name}"),
        }
    }
    let own = alarms.iter().map(Condition::metric).filter(|it| it.kind == Kind::Own);
    let watched: BTreeSet<_> = own.map(|it| it.resource.as_str()).collect();
    // The tests above saw each of them emitted.
    assert_eq!(watched, Alarm::iter().map(Alarm::name).chain(RATES).collect());
}
