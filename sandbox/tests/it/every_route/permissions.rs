//! The template grants each function exactly the permissions that its code uses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sandbox::aws::lambda::Entry;
use sandbox::template::SandboxDeployment;
use sandbox::template::Template;
use serde_json::{Value, json};
use shared::domain::date::Date;
use shared::domain::guard::{State, Word};
use shared::domain::time::to_iso;
use shared::platform::crypto::hashed;
use shared::store::Tenants;

use crate::support::mtn::ANSWER_TIME;
use crate::support::purchases::{DELIVERED, FAILED, airtime, bundle};
use crate::support::tap::{Tap, context, crash_at};
use crate::support::{Gateway, KEY, Provider, Script, event};

type Permissions = BTreeSet<(String, String)>;

/// What the template grants, by function: an action and the end of a resource's ARN.
fn granted() -> BTreeMap<String, Permissions> {
    let parameters =
        [("MonoSecretName", "mono"), ("MtnSecretName", "mtn"), ("VtpassSecretName", "vtpass")]
            .map(|(name, secret)| (name.to_owned(), secret.to_owned()));
    let template = Template::load(sandbox::TEMPLATE, &BTreeMap::from(parameters)).unwrap();
    let here = SandboxDeployment { sqs_url: String::new() };
    let mut granted = BTreeMap::new();
    for resource in template.resources("AWS::Serverless::Function").unwrap() {
        let uri = template.property(resource, "CodeUri", &here).unwrap();
        let name = uri.as_str().unwrap().trim_end_matches('/').rsplit('/').next().unwrap();
        let statements = statements(&template, resource);
        let allowing = statements.iter().filter(|it| it["Effect"] != "Deny");
        let all: Permissions = allowing.flat_map(permissions).collect();
        granted.insert(name.to_owned(), all);
    }
    granted
}

/// The statements of a function's policies.
fn statements(template: &Template, function: &str) -> Vec<Value> {
    let here = SandboxDeployment { sqs_url: String::new() };
    let policies = template.property(function, "Policies", &here).unwrap();
    let policies = policies.as_array().unwrap().iter();
    policies.flat_map(|it| it["Statement"].as_array().unwrap().clone()).collect()
}

/// One text or a list of them.
fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(|it| it.as_str().unwrap().to_owned()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    }
}

fn permissions(statement: &Value) -> Vec<(String, String)> {
    assert_eq!(statement["Effect"], "Allow");
    let resource = |arn: String| match arn.split_once(":table/") {
        Some((_, table)) => table.to_owned(),
        // AWS adds six characters to a secret's name.
        None => arn.rsplit(':').next().unwrap().trim_end_matches("-??????").to_owned(),
    };
    let (actions, resources) = (list(&statement["Action"]), list(&statement["Resource"]));
    let pairs = actions.iter().flat_map(|action| {
        resources.iter().map(move |arn| (action.clone(), resource(arn.clone())))
    });
    pairs.collect()
}

/// A function with every call to AWS recorded.
struct Recorded {
    entry: Entry,
    tap: Arc<Tap>,
}

impl Recorded {
    async fn of(gateway: &Gateway, function: &str) -> Self {
        let (tap, entry) = gateway.with_tap(function).await;
        Self { entry, tap }
    }

    async fn run(&self, event: Value) -> Value {
        (self.entry)(event.to_string(), context()).await.unwrap()
    }

    /// A request of the first caller, which must succeed.
    async fn ask(&self, route: &str, id: &str, headers: Value, body: Value) -> Value {
        let answer = self.answer(route, id, headers, body).await;
        assert!(answer["statusCode"].as_u64() < Some(300), "{route}: {answer}");
        serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
    }

    async fn answer(&self, route: &str, id: &str, headers: Value, body: Value) -> Value {
        let path = ["id", "purchase_id", "request_id", "event_id", "endpoint_id", "date"]
            .map(|name| (name, id));
        let mut event: Value =
            serde_json::from_str(&event(KEY, route, &path, &body.to_string())).unwrap();
        event["headers"] = headers;
        self.run(event).await
    }
}

fn key(key: &str) -> Value {
    json!({ "idempotency-key": key })
}

/// Runs every function along every path that calls AWS differently.
async fn used() -> BTreeMap<String, Permissions> {
    let gateway = Gateway::undriven_with(&[("GUARD", ""), ("DORMANT_DAYS", "30")]).await;
    let caller = gateway.caller();
    let mut all = BTreeMap::new();
    for name in gateway.sandbox.functions.keys() {
        all.insert(name.clone(), Recorded::of(&gateway, name).await);
    }
    let none = || json!({});
    consents(&gateway, &all).await;

    let purchase = &all["purchase"];
    let bought = purchase.ask("POST /purchases", "", key("a"), bundle(DELIVERED)).await;
    purchase.ask("GET /purchases", "", none(), none()).await;
    let update = json!({ "type": "transaction-update",
                         "data": { "requestId": bought["data"]["request_id"] } });
    let callback = &all["vtpass-callback"];
    callback.ask("POST /callbacks/vtpass", "", none(), update).await;
    let update = json!({ "type": "variations-update", "serviceID": "etisalat-data" });
    callback.ask("POST /callbacks/vtpass", "", none(), update).await;

    // A purchase that is requeried until its deadline, and an unlink that Mono is told of.
    let stuck = json!([{ "call": "pay", "code": "099", "status": "pending", "asks": 1_000 }]);
    caller.script(stuck).await;
    caller.bought("b", &airtime(FAILED)).await;
    let requery = &all["requery"];
    for _ in 0..3 {
        gateway.clock.turn(Duration::from_secs(60));
        gateway.drive(&requery.entry).await;
    }
    gateway.clock.turn(Duration::from_secs(86_400));
    gateway.drive(&requery.entry).await;
    let linked = caller.line().await;
    caller.mtn_next("recharges", "lost").await;
    caller.asked(&linked, "recharges").await;
    // An unlink that crashes before it tells Mono: its calls are count, read, send, announce and write.
    let (tap, consent) = gateway.with_tap("consent").await;
    let unlink = event(KEY, "POST /accounts/{id}/unlink", &[("id", &linked)], "{}");
    assert!(crash_at(&consent, unlink, &tap, 10).await);
    gateway.clock.turn(Duration::from_secs(60));
    gateway.drive(&requery.entry).await;
    gateway.send_raw(r#"{"kind":"masking"}"#).await;
    gateway.drive(&requery.entry).await;
    reconcile(&gateway, &all).await;
    for query in ["phone=08011111111", "state=failed"] {
        let mut list: Value = serde_json::from_str(&event(KEY, "GET /purchases", &[], "")).unwrap();
        list["rawQueryString"] = json!(query);
        assert_eq!(all["purchase"].run(list).await["statusCode"], 200, "{query}");
    }
    notify(&gateway, &all).await;
    books(&gateway, &all).await;
    // An account is linked for longer than it may be without a read.
    caller.link("08031234567", "mtn").await;
    gateway.clock.turn(Duration::from_secs(31 * 86_400));
    all["reconcile"].run(json!({})).await;
    all.into_iter().map(|(name, function)| (name, function.tap.used())).collect()
}

/// A customer gives access, is read, and gives access again after an unlink.
async fn consents(gateway: &Gateway, all: &BTreeMap<String, Recorded>) {
    let (caller, none, phone) = (gateway.caller(), || json!({}), "07082109281");
    all["authorizer"].run(json!({ "identitySource": [KEY] })).await;
    let body = json!({ "phone": phone, "provider": "airtel" });
    let auth = all["auth"].ask("POST /v2/telecom/auth", "", none(), body).await;
    let session = json!({ "x-session-id": auth["data"]["session_id"] });
    let otp = json!({ "otp": caller.otp(phone).await });
    let verify = all["verify"].ask("POST /v2/telecom/verify", "", session, otp).await;
    let exchange = &all["exchange"];
    let id = exchange.ask("POST /account/auth", "", none(), verify["data"].clone()).await;
    let id = id["id"].as_str().unwrap();
    all["fetch-data"].ask("GET /accounts/{id}", id, none(), none()).await;
    all["fetch-data"].ask("GET /providers", "", none(), none()).await;
    ask_mtn(gateway, all).await;
    let consent = &all["consent"];
    consent.ask("GET /accounts/{id}/export", id, none(), none()).await;
    consent.ask("POST /accounts/{id}/unlink", id, none(), none()).await;
    // Whoever was linked before is checked later.
    let again = json!({ "code": caller.code(phone, "airtel").await });
    exchange.ask("POST /account/auth", "", none(), again).await;
    // Unknown sessions and codes are counted.
    let (unknown, otp) = (json!({ "x-session-id": "unknown" }), json!({ "otp": "123456" }));
    all["verify"].answer("POST /v2/telecom/verify", "", unknown, otp).await;
    exchange.answer("POST /account/auth", "", none(), json!({ "code": "unknown" })).await;
}

/// A day later reconcile restarts a lost chain, looks back and ends a consent.
async fn reconcile(gateway: &Gateway, all: &BTreeMap<String, Recorded>) {
    gateway.caller().bought_stuck("lost").await;
    let end = to_iso(gateway.environment().clock.now() + Duration::from_secs(3_600));
    gateway.caller().consented("07082109281", "airtel", &json!({ "expires_at": end })).await;
    gateway.empty("RequeryQueue").await;
    gateway.clock.turn(Duration::from_secs(86_400));
    all["reconcile"].run(json!({})).await;
    gateway.drive(&all["requery"].entry).await;
}

/// The day before is closed, and a tenant reads the report of the day that lasts.
async fn books(gateway: &Gateway, all: &BTreeMap<String, Recorded>) {
    let (tenants, now) = (gateway.vars_of("authorizer"), gateway.clock.clock().now());
    let tenants = Tenants::from_vars(&tenants, &gateway.dynamodb()).unwrap();
    // The suspension by an operator is over.
    gateway.clock.turn(Duration::from_secs(1));
    tenants.end(&hashed(KEY), now + Duration::from_secs(3_600)).await.unwrap();
    all["books"].run(json!({})).await;
    let today = Date::of(gateway.clock.clock().now()).to_string();
    all["purchase"].ask("GET /reports/{date}", &today, json!({}), json!({})).await;
    let order = json!({ "service_id": "mtn", "phone": FAILED, "amount_kobo": 10_000 });
    let failed = all["purchase"].ask("POST /purchases", "", key("failed"), order).await;
    assert_eq!(failed["data"]["state"], "failed", "its amount is given back");
}

/// An operator suspends a service, which every tenant is to be told of.
async fn suspend_by_word(gateway: &Gateway) {
    let since = gateway.environment().clock.now();
    let until = Some(since + Duration::from_secs(1));
    let word = Word { on_sale: false, since, until, because: "b".to_owned() };
    let (guards, seen) = (gateway.guards(), gateway.guard("glo").await);
    let say = |state: &State| Some(state.say(word.clone(), "ada"));
    guards.change(&gateway.outbox(), seen, say).await.unwrap();
}

/// Tenants are told, of what was not written yet, too. Then a tenant reads it.
async fn notify(gateway: &Gateway, all: &BTreeMap<String, Recorded>) {
    let notify = &all["notify"].entry;
    gateway.clock.turn(Duration::from_secs(1));
    gateway.drive_queue("NotifyQueue", notify).await;
    let unwritten = json!({ "kind": "announced", "subject": "purchase", "purchase_id": "0".repeat(32),
                            "event": "purchase.failed", "at_ms": 0, "step": 0 });
    suspend_by_word(gateway).await;
    let service = json!({ "kind": "announced", "subject": "service", "service_id": "glo",
                          "event": "service.suspended", "at_ms": 0, "step": 0 });
    let key = json!({ "kind": "announced", "subject": "key", "tenant": "acme", "key_id": "0".repeat(12),
                      "event": "key.expiring", "at_ms": 0, "step": 0 });
    for body in [unwritten, service, key] {
        let batch = json!({ "Records": [{ "messageId": "m", "body": body.to_string() }] });
        all["notify"].run(batch).await;
    }
    let events = all["events"].ask("GET /events", "", json!({}), json!({})).await;
    let id = events["data"][0]["id"].as_str().unwrap();
    all["events"].ask("GET /events/{event_id}", id, json!({}), json!({})).await;
    webhooks(gateway, all).await;
}

/// An endpoint that is changed, tested, recovered, read, found gone, and removed.
async fn webhooks(gateway: &Gateway, all: &BTreeMap<String, Recorded>) {
    let receiver = Provider::start(|_| Script::Json(410, json!({}))).await;
    let function = &all["webhook-endpoints"];
    let ask = async |route: &str, id: &str, body: Value| {
        function.ask(route, id, json!({}), body).await["data"].take()
    };
    let made = ask("POST /webhook-endpoints", "", json!({ "url": receiver.url })).await;
    let id = made["id"].as_str().unwrap();
    let one = "/webhook-endpoints/{endpoint_id}";
    ask("GET /webhook-endpoints", "", json!({})).await;
    ask(&format!("POST {one}/rotate"), id, json!({})).await;
    let since = json!({ "since": "2026-01-01T00:00:00Z" });
    ask(&format!("POST {one}/recover"), id, since).await;
    let test = ask(&format!("POST {one}/test"), id, json!({})).await;
    ask("POST /events/{event_id}/resend", test["event_id"].as_str().unwrap(), json!({})).await;
    gateway.caller().bought("told", &airtime(DELIVERED)).await;
    for _ in 0..3 {
        gateway.clock.turn(Duration::from_secs(1));
        gateway.drive_queue("NotifyQueue", &all["notify"].entry).await;
        gateway.drive_queue("WebhookQueue", &all["send-webhook"].entry).await;
    }
    ask(&format!("GET {one}/attempts"), id, json!({})).await;
    ask(&format!("DELETE {one}"), id, json!({})).await;
}

/// A question that MTN answers, one that it refuses, and one that it answers later by its callback; then
/// an unlink that deletes them.
async fn ask_mtn(gateway: &Gateway, all: &BTreeMap<String, Recorded>) {
    let caller = gateway.caller();
    let line = caller.line().await;
    let (fetch, none) = (&all["fetch-data"], || json!({}));
    fetch.ask("GET /accounts/{id}/mtn/balance", &line, none(), none()).await;
    let refusal = json!({ "operation": "recharges", "answer": "error", "http_status": 400,
                          "status_code": "5000" });
    caller.mtn_script(refusal).await;
    let route = "GET /accounts/{id}/mtn/recharges";
    let refused =
        fetch.run(serde_json::from_str(&event(KEY, route, &[("id", &line)], "")).unwrap());
    assert_eq!(refused.await["statusCode"], 422);
    for answer in ["lost", "lost", "lost", "lost", "now"] {
        caller.mtn_next("recharges", answer).await;
    }
    let waiting = fetch.ask(route, &line, none(), none()).await;
    let id = waiting["data"]["request_id"].as_str().unwrap();
    for _ in 0..4 {
        gateway.clock.turn(ANSWER_TIME);
        gateway.drive(&all["requery"].entry).await;
    }
    fetch.ask("GET /requests/{request_id}", id, none(), none()).await;
    fetch.ask(route, &line, none(), none()).await;
    let url = caller.callback_urls().await.into_iter().find(|url| url.contains(id)).unwrap();
    let token = url.rsplit('/').next().unwrap();
    for body in ["{\"data\":null}", "{\"data\":{}}"] {
        let route = "POST /callbacks/mtn/{request_id}/{token}";
        let event = event(KEY, route, &[("request_id", id), ("token", token)], body);
        let answer = all["mtn-callback"].run(serde_json::from_str(&event).unwrap()).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }
    // Asked once more before the unlink: the requery deletes that request.
    caller.mtn_next("recharges", "lost").await;
    fetch.ask(route, &line, none(), none()).await;
    caller.bought("for-the-line", &airtime("08031234567")).await;
    all["consent"].ask("GET /accounts/{id}/export", &line, none(), none()).await;
    all["consent"].ask("POST /accounts/{id}/unlink", &line, none(), none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_is_granted_exactly_what_it_uses() {
    let (granted, used) = (granted(), used().await);
    assert_eq!(granted.keys().collect::<Vec<_>>(), used.keys().collect::<Vec<_>>());
    for (function, needs) in &used {
        assert_eq!(&granted[function], needs, "{function}: granted, then used");
    }
}

/// SAM lets a function with a queue take messages from every queue of the account.
#[test]
fn a_function_takes_messages_from_no_queue_but_its_own() {
    let template = Template::load(sandbox::TEMPLATE, &BTreeMap::new()).unwrap();
    let here = SandboxDeployment { sqs_url: String::new() };
    let mut with_queues = 0;
    for function in template.resources("AWS::Serverless::Function").unwrap() {
        let events = template.property(function, "Events", &here).unwrap();
        let events = events.as_object().into_iter().flat_map(|events| events.values());
        let queues = events.filter(|event| event["Type"] == "SQS");
        let queues = queues.flat_map(|event| list(&event["Properties"]["Queue"]));
        let queues: BTreeSet<String> = queues.collect();
        let mut expected = Vec::new();
        if !queues.is_empty() {
            with_queues += 1;
            let actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage"].map(str::to_owned);
            expected.push((actions.to_vec(), queues));
        }
        let statements = statements(&template, function);
        let denying = statements.iter().filter(|it| it["Effect"] == "Deny");
        let denied = denying.map(|it| (list(&it["Action"]), list(&it["NotResource"])));
        let denied: Vec<_> =
            denied.map(|(actions, but)| (actions, BTreeSet::from_iter(but))).collect();
        assert_eq!(denied, expected, "{function}");
    }
    assert_eq!(with_queues, 3);
}

#[test]
fn a_schedule_may_invoke_its_function_only() {
    let template = Template::load(sandbox::TEMPLATE, &BTreeMap::new()).unwrap();
    let here = SandboxDeployment { sqs_url: String::new() };
    let get = |resource: &str, property| template.property(resource, property, &here).unwrap();
    let schedules = template.resources("AWS::Scheduler::Schedule").unwrap();
    assert_eq!(schedules.len(), 2);
    for schedule in schedules {
        let target = get(schedule, "Target");
        let role = target["RoleArn"].as_str().unwrap().rsplit('/').next().unwrap();
        let statements = get(role, "Policies")[0]["PolicyDocument"]["Statement"].take();
        let granted: Vec<_> = statements.as_array().unwrap().iter().flat_map(permissions).collect();
        let function = target["Arn"].as_str().unwrap().rsplit(':').next().unwrap();
        assert_eq!(granted, [("lambda:InvokeFunction".to_owned(), function.to_owned())]);
    }
}
