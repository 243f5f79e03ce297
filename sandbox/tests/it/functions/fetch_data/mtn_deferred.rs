//! Deferred requests: a late answer is taken whenever it comes, and asked for again if it does not.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::deferred::{About, DeferredRequest, Question};
use shared::domain::ids::{AccountId, TenantId};
use tokio::runtime::Handle;

use crate::support::mtn::ANSWER_TIME;
use crate::support::purchases::{field, until};
use crate::support::{
    Caller, Gateway, KEY, Provider, Received, Script, mtn_at, tenant_of, with_tokens,
};

const RECHARGES: &str = "recharges?limit=3";

fn asks(request: &Value) -> u64 {
    request["asks"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_callback_makes_the_answer_available() {
    let (gateway, caller, account) = Gateway::with_line().await;
    caller.mtn_next("recharges", "held").await;
    let id = caller.asked(&account, RECHARGES).await;
    assert_eq!(caller.request(&id).await["state"], "waiting");
    assert_eq!(caller.deliver().await, [200]);
    let request = caller.request(&id).await;
    assert_eq!(request["state"], "available");
    assert_eq!(request["operation"], "recharges");
    assert_eq!(request["result"]["usage"].as_array().unwrap().len(), 3, "{request}");
    assert_eq!((asks(&request), &request["recognised"]), (1, &json!(true)));
    // The requery has nothing left to do.
    gateway.clock.turn(ANSWER_TIME * 2);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(caller.request(&id).await, request);
    assert_eq!(caller.callback_urls().await.len(), 1);
    // A day later it is not found, even before DynamoDB deletes it.
    gateway.clock.turn(Duration::from_secs(86_400));
    caller.get(&format!("/requests/{id}")).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_waits_gets_the_answer_itself() {
    let (_gateway, caller, account) = Gateway::with_line().await;
    for answer in ["later", "before"] {
        caller.mtn_next("recharges", answer).await;
        let body = caller.mtn_waiting(&account, RECHARGES, 10).await.ok();
        assert_eq!(body["data"]["usage"].as_array().unwrap().len(), 3, "{answer}: {body}");
    }
    // A callback that overtakes our own call is not lost, even if the tenant does not wait.
    caller.mtn_next("recharges", "before").await;
    let id = caller.asked(&account, RECHARGES).await;
    assert_eq!(caller.request(&id).await["state"], "available");
    // An answer that takes longer than the tenant waits is 202 with the request's id.
    caller.mtn_next("recharges", "held").await;
    let reply = caller.mtn_waiting(&account, RECHARGES, 1).await;
    assert_eq!(reply.status, 202);
    let id = field(&reply.json()["data"], "request_id").to_owned();
    let path = format!("/requests/{id}");
    let waiting = caller.send("GET", &path, &[("prefer", "respond-async, wait=1")], vec![]);
    assert_eq!(waiting.await.ok()["data"]["state"], "waiting");
    let (waiting, delivered) = tokio::join!(
        caller.send("GET", &path, &[("prefer", "wait=20")], vec![]),
        caller.deliver(),
    );
    assert_eq!(delivered, [200]);
    assert_eq!(waiting.ok()["data"]["state"], "available");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_callback_is_asked_for_again_and_found() {
    let (gateway, caller, account) = Gateway::with_line().await;
    for found in ["later", "now"] {
        let before = caller.callback_urls().await.len();
        caller.mtn_answers("usage", &["lost", "lost", found]).await;
        let id = caller.asked(&account, "usage?start=2026-01-01&end=2026-11-22").await;
        let request = gateway.until_settled_by_mtn(&id).await;
        assert_eq!(request["state"], "available", "{found}: {request}");
        assert_eq!(asks(&request), 3, "{found}");
        let urls = caller.callback_urls().await[before..].to_vec();
        assert_eq!(urls.len(), 3, "{found}");
        let different: BTreeSet<_> = urls.iter().collect();
        assert_eq!(different.len(), 3, "each ask has a token of its own");
    }

    // The callback of an earlier ask is taken too.
    caller.mtn_answers("recharges", &["held", "lost"]).await;
    let id = caller.asked(&account, RECHARGES).await;
    gateway.clock.turn(ANSWER_TIME);
    until("the second ask", async || asks(&caller.request(&id).await) == 2).await;
    assert_eq!(caller.deliver().await, [200]);
    let request = caller.request(&id).await;
    assert_eq!((field(&request, "state"), asks(&request)), ("available", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_or_different_second_callback_changes_nothing() {
    let (gateway, caller, account) = Gateway::with_line().await;
    for answer in ["duplicate", "conflicting"] {
        caller.mtn_next("recharges", answer).await;
        let id = caller.asked(&account, RECHARGES).await;
        let first = gateway.until_answered_by_mtn(&id).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(caller.request(&id).await, first, "{answer}");
    }
    let ledger = caller.mtn_ledger().await;
    let callbacks = ledger["callbacks"].as_array().unwrap().iter();
    let statuses: Vec<_> = callbacks.map(|it| it["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200; 4], "MTN hears that each is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_request_times_out_and_takes_a_callback_within_a_day() {
    for (seconds, status) in [(80_000, 200), (86_400, 404)] {
        let (gateway, caller, account) = Gateway::with_line().await;
        caller.mtn_answers("recharges", &["held"; 4]).await;
        let id = caller.asked(&account, RECHARGES).await;
        let request = gateway.until_settled_by_mtn(&id).await;
        assert_eq!((field(&request, "state"), asks(&request)), ("timed_out", 4));
        assert_eq!(request["result"], Value::Null);
        // All four callbacks come late: the first wins, unless its token is a day old.
        gateway.clock.turn(Duration::from_secs(seconds));
        assert_eq!(caller.deliver().await, [status; 4]);
        if status == 200 {
            let request = caller.request(&id).await;
            assert_eq!(request["state"], "available");
            assert!(request["result"]["usage"].is_array());
        }
    }
}

/// MTN takes the question, and answers later or never.
fn later(_: &Received) -> Script {
    Script::Json(202, json!({ "statusCode": "0000" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_ask_has_a_transaction_id_of_its_own() {
    let mtn = Provider::start(with_tokens(later)).await;
    let gateway = Gateway::with(&mtn_at(&mtn.url)).await;
    let caller = gateway.caller();
    let account = caller.line().await;
    let id = caller.asked(&account, RECHARGES).await;
    let request = gateway.until_settled_by_mtn(&id).await;
    assert_eq!((field(&request, "state"), asks(&request)), ("timed_out", 4));
    let received = mtn.received();
    let questions = received.iter().filter(|it| !it.target.starts_with("/v1/oauth"));
    let ids: BTreeSet<_> = questions.map(|it| it.header("transactionid").unwrap()).collect();
    assert_eq!(ids.len(), 4, "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_up_to_350_kib_is_kept() {
    for (length, state) in [(350 * 1024, "available"), (350 * 1024 + 1, "waiting")] {
        let mtn = Provider::start(with_tokens(later)).await;
        let gateway = Gateway::undriven_with(&mtn_at(&mtn.url)).await;
        let (_tap, requery) = gateway.with_tap("requery").await;
        let caller = gateway.caller();
        let account = caller.line().await;
        let id = caller.asked(&account, RECHARGES).await;
        let usage = "x".repeat(length - json!({ "usage": "" }).to_string().len());
        let answer = json!({ "data": { "usage": usage } });
        mtn.script(with_tokens(move |_: &Received| Script::Json(200, answer.clone())));
        gateway.clock.turn(ANSWER_TIME);
        gateway.drive(&requery).await;
        let request = caller.request(&id).await;
        assert_eq!((field(&request, "state"), asks(&request)), (state, 2), "{length}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_ask_is_used_up_while_mtn_is_down() {
    let mtn = Provider::start(with_tokens(later)).await;
    let gateway = Gateway::undriven_with(&mtn_at(&mtn.url)).await;
    let (_, requery) = gateway.with_tap("requery").await;
    let caller = gateway.caller();
    let account = caller.line().await;
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(caller.asked(&account, RECHARGES).await);
    }
    let pass = async |times: u32| {
        for _ in 0..times {
            gateway.clock.turn(ANSWER_TIME);
            gateway.drive(&requery).await;
        }
    };
    mtn.script(with_tokens(|_| Script::Json(500, json!({}))));
    pass(5).await;
    let mut waiting = Vec::new();
    for id in &ids {
        let request = caller.request(id).await;
        if request["state"] == "waiting" && asks(&request) < 4 {
            waiting.push(id);
        }
    }
    assert!(waiting.len() > 1, "too few have an ask left: {waiting:?}");
    mtn.script(with_tokens(|_| Script::Json(200, json!({ "data": { "usage": [] } }))));
    pass(8).await;
    for id in waiting {
        assert_eq!(caller.request(id).await["state"], "available");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_after_unlink_stores_nothing() {
    let (gateway, caller, account) = Gateway::with_line().await;
    caller.mtn_answers("recharges", &["held", "held", "now"]).await;
    let first = caller.asked(&account, RECHARGES).await;
    let second = caller.asked(&account, RECHARGES).await;
    caller.mtn(&account, RECHARGES).await.ok();
    let export = caller.get(&format!("/accounts/{account}/export")).await.ok();
    assert_eq!(export["data"]["requests"].as_array().unwrap().len(), 3, "{export}");
    assert_eq!(gateway.items("RequestsTable").await, 3);

    caller.post(&format!("/accounts/{account}/unlink"), json!({})).await.ok();
    assert_eq!(gateway.items("RequestsTable").await, 0);
    assert_eq!(caller.deliver().await, [404, 404]);
    gateway.clock.turn(ANSWER_TIME);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(gateway.items("RequestsTable").await, 0);
    for id in [first, second] {
        caller.get(&format!("/requests/{id}")).await.refused(404, "not_found");
    }
    assert_eq!(caller.callback_urls().await.len(), 3, "nobody is asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_envelope_is_a_notice_and_the_requery_gets_the_answer() {
    let (gateway, caller, account) = Gateway::with_line().await;
    caller.mtn_answers("recharges", &["lost", "now"]).await;
    let id = caller.asked(&account, RECHARGES).await;
    let url = caller.callback_urls().await.remove(0);
    let envelope = r#"{"statusCode":"3001","statusMessage":"system","data":null}"#;
    assert_eq!(caller.call_back(&url, envelope).await.status, 200);
    let request = caller.request(&id).await;
    assert_eq!(request["state"], "waiting");
    assert_eq!(request["notice"], serde_json::from_str::<Value>(envelope).unwrap());
    let request = gateway.until_settled_by_mtn(&id).await;
    assert_eq!((field(&request, "state"), asks(&request)), ("available", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_unknown_shape_is_a_notice_until_a_recognised_one_comes() {
    let (_gateway, caller, account) = Gateway::with_line().await;
    let large = json!({ "event": "x".repeat(200 * 1024) }).to_string();
    let answer = json!({ "data": { "rows": "y".repeat(230 * 1024) } }).to_string();
    for (index, body) in
        [r#"{"event":"accepted"}"#, "[]", "[1,2]", "\"text\"", "7", &large].iter().enumerate()
    {
        caller.mtn_next("recharges", "lost").await;
        let id = caller.asked(&account, RECHARGES).await;
        let url = caller.callback_urls().await.remove(index);
        assert_eq!(caller.call_back(&url, body).await.status, 200);
        let reply = caller.get(&format!("/requests/{id}")).await;
        assert_eq!(reply.clone().ok()["data"]["state"], "waiting");
        assert!(reply.text.contains(&format!("\"notice\":{body}")));
        for later in [answer.as_str(), r#"{"data":{}}"#, "[]"] {
            assert_eq!(caller.call_back(&url, later).await.status, 200);
        }
        let request = caller.request(&id).await;
        assert_eq!((field(&request, "state"), &request["recognised"]), ("available", &json!(true)));
        assert_eq!(request["result"]["rows"].as_str().map(str::len), Some(230 * 1024));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_missed_by_an_unlink_is_deleted_by_its_own_job() {
    let (gateway, caller, account) = Gateway::with_line().await;
    caller.post(&format!("/accounts/{account}/unlink"), json!({})).await.ok();
    // The request was recorded after the unlink had read the index.
    let (tenant, account_id) = ids(&account);
    let (now, random) = (gateway.clock.clock().now(), gateway.environment().random);
    let about = About { tenant: &tenant, account_id: &account_id, session: None };
    let (request, token) =
        DeferredRequest::new(about, Question::Balance, &caller.base_url, now, &random);
    let id = request.request_id.clone();
    gateway.requests().record(&request).await.unwrap();
    let url = token.url(&caller.base_url, &id);
    assert_eq!(caller.call_back(&url, r#"{"mainBalance":[]}"#).await.status, 404);
    assert_eq!(caller.get(&format!("/requests/{id}")).await.status, 404);
    let message = json!({ "kind": "mtn_request", "tenant": tenant, "request_id": id, "step": 0 });
    gateway.send_raw(&message.to_string()).await;
    until("the deletion", async || gateway.items("RequestsTable").await == 0).await;
}

fn ids(account: &str) -> (TenantId, AccountId) {
    (TenantId::parse(&tenant_of(KEY)).unwrap(), AccountId::parse(account).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_of_before_a_withdrawal_is_gone_under_the_next_consent() {
    let (gateway, caller, account) = Gateway::with_line().await;
    let (tenant, account_id) = ids(&account);
    caller.mtn_answers("recharges", &["held", "now", "held"]).await;
    let waiting = caller.asked(&account, RECHARGES).await;
    let url = caller.callback_urls().await.remove(0);
    caller.mtn(&account, RECHARGES).await.ok();
    let requests = gateway.requests();
    let now = gateway.clock.clock().now();
    let page = requests.of_account(&tenant, &account_id, 10, None, now).await.unwrap();
    assert_eq!(page.requests.len(), 2);
    // Another consent without a withdrawal between the two changes nothing.
    assert_eq!(caller.line().await, account);
    assert_eq!(caller.request(&waiting).await["state"], "waiting");

    // The unlink does not see the requests, and the customer consents again.
    caller.post(&format!("/accounts/{account}/unlink"), json!({})).await.ok();
    assert_eq!(caller.line().await, account);
    for request in &page.requests {
        requests.record(request).await.unwrap();
        let id = &request.request_id;
        caller.get(&format!("/requests/{id}")).await.refused(404, "not_found");
    }
    assert_eq!(caller.call_back(&url, r#"{"mainBalance":[]}"#).await.status, 404);
    let export = caller.get(&format!("/accounts/{account}/export")).await.ok();
    assert_eq!(export["data"]["requests"], json!([]));
    let asked = caller.asked(&account, RECHARGES).await;
    assert_eq!(caller.request(&asked).await["state"], "waiting");
    assert_eq!(gateway.items("RequestsTable").await, 3);
    for request in &page.requests {
        let id = &request.request_id;
        let message =
            json!({ "kind": "mtn_request", "tenant": tenant, "request_id": id, "step": 0 });
        gateway.send_raw(&message.to_string()).await;
    }
    until("the deletion", async || gateway.items("RequestsTable").await == 1).await;
    assert_eq!(caller.request(&asked).await["state"], "waiting");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_an_earlier_step_and_a_step_after_the_answer_do_nothing() {
    let (gateway, caller, account) = Gateway::undriven_with_line().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    // How often MTN was asked so far, and how many steps are sent.
    let step = async |id: &str, step: u32| {
        let message = json!({ "kind": "mtn_request", "tenant": tenant_of(KEY), "request_id": id,
                              "step": step });
        gateway.empty("FollowUpQueue").await;
        gateway.send_raw(&message.to_string()).await;
        gateway.drive(&requery).await;
        (caller.callback_urls().await.len(), gateway.messages("FollowUpQueue").await)
    };
    caller.mtn_answers("recharges", &["lost", "now"]).await;
    let answered = caller.asked(&account, RECHARGES).await;
    assert_eq!(step(&answered, 0).await, (2, 1));
    assert_eq!(caller.request(&answered).await["state"], "available");
    assert_eq!(step(&answered, 1).await, (2, 0));

    caller.mtn_answers("recharges", &["lost"; 3]).await;
    let waiting = caller.asked(&account, RECHARGES).await;
    assert_eq!(step(&waiting, 0).await, (4, 1));
    assert_eq!(step(&waiting, 0).await, (4, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_callback_that_comes_before_a_refusal_is_the_answer() {
    let refusing = |request: &Received| {
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        let early = r#"{"data":{"usage":["early"]}}"#;
        let caller = Caller::new("", KEY);
        let taken = caller.call_back(field(&asked, "callBackUrl"), early);
        assert_eq!(Handle::current().block_on(taken).status, 200);
        Script::Json(400, json!({ "statusCode": "5000", "statusMessage": "no" }))
    };
    let mtn = Provider::start(with_tokens(refusing)).await;
    let gateway = Gateway::with(&mtn_at(&mtn.url)).await;
    let caller = gateway.caller();
    let account = caller.line().await;
    let body = caller.mtn(&account, RECHARGES).await.ok();
    assert_eq!(body["data"], json!({ "usage": ["early"] }));
    assert_eq!(gateway.items("RequestsTable").await, 1, "and it is kept");
    let ledger = caller.get("/_sandbox/mtn/ledger").await;
    assert_eq!(ledger.status, 404, "the simulated MTN is not started");
}
