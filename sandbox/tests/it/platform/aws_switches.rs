//! The switches for what AWS may do and rarely does: each of them does it, and the gateway bears it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue::S;
use aws_sdk_dynamodb::types::{Put, PutRequest, TransactWriteItem, Update, WriteRequest};
use sandbox::Options;
use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};
use shared::platform::environment::Random;

use crate::support::purchases::{DELIVERED, MINUTE, airtime, field};
use crate::support::watchdog::Watchdog;
use crate::support::{Caller, Gateway, KEY, Provider, Received, Script, agreeable_mono, mono_at};

impl Caller {
    /// Sets switches.
    async fn switch(&self, change: Value) -> Value {
        self.console("POST", "aws", &change).await
    }
}

/// Randomness whose answers of one length are those of `fill`.
fn random(length: usize, fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Random {
    let system = Random::system();
    Random::from_fn(move |bytes| {
        if bytes.len() == length {
            return fill(bytes);
        }
        for part in bytes.chunks_mut(16) {
            part.copy_from_slice(&system.bytes::<16>()[..part.len()]);
        }
    })
}

fn disabled(mut options: Options, random: Random) -> Options {
    let trigger = "BatchSize: 10\n";
    options.template =
        options.template.replace(trigger, &format!("{trigger}            Enabled: false\n"));
    options.environment.random = random;
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn all_switches_are_off_until_the_console_sets_them() {
    let (gateway, caller) = Gateway::with_caller().await;
    let shown = async || caller.console("GET", "aws", &Value::Null).await;
    let off = json!({ "duplicates": false, "reorder": false, "index_lag_ms": 0, "instances": 1 });
    assert_eq!(shown().await, off);
    for (bad, message) in [
        (r#"{"reorder":true,"duplicate":true}"#, "unknown field `duplicate`"),
        (r#"{"reorder":true,"duplicates":1}"#, "expected a boolean"),
        (r#"{"reorder":true,"duplicates":null}"#, "expected a boolean"),
        (r#"{"reorder":true,"index_lag_ms":-1}"#, "expected u64"),
        (r#"{"reorder":true,"index_lag_ms":86400001}"#, "index_lag_ms must be 0 to"),
        (r#"{"reorder":true,"instances":0}"#, "instances must be 1 to 20"),
        (r#"{"reorder":true,"instances":21}"#, "instances must be 1 to 20"),
        ("[]", "expected a map"),
        ("", "EOF"),
    ] {
        let answer = caller.send_bare("POST", "/_sandbox/aws", &[], bad.into()).await;
        assert_eq!(answer.status, 400, "{bad}");
        let answer = answer.json();
        assert!(field(&answer, "message").contains(message), "{bad}: {answer}");
        assert_eq!(shown().await, off, "{bad} sets nothing");
    }
    let wanted = json!({ "duplicates": true, "reorder": false, "index_lag_ms": 0, "instances": 3 });
    assert_eq!(caller.switch(json!({ "duplicates": true, "instances": 3 })).await, wanted);
    let wanted = json!({ "duplicates": true, "reorder": true, "index_lag_ms": 5, "instances": 3 });
    assert_eq!(caller.switch(json!({ "reorder": true, "index_lag_ms": 5 })).await, wanted);
    assert_eq!(shown().await, wanted);
    assert_eq!(caller.switch(json!({})).await, wanted);
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
}

/// Takes the one message that is due, handles it as the trigger would, and gives its body.
async fn handle_one(gateway: &Gateway, requery: &Entry) -> Option<String> {
    let mut batch = gateway.receive("RequeryQueue").await;
    let (record, receipt) = batch.pop()?;
    assert!(batch.is_empty(), "one message is due: {batch:?}");
    let event = json!({ "Records": [record] }).to_string();
    let report = requery(event, lambda_runtime::Context::default()).await.unwrap();
    assert_eq!(report["batchItemFailures"], json!([]));
    gateway.delete("RequeryQueue", &receipt).await;
    Some(field(&record, "body").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_delivered_twice_pays_once_and_leaves_one_chain() {
    // Each deleted message is one that comes again.
    let always = random(1, |bytes| bytes.fill(0));
    let gateway = Gateway::with_options(&[], |options| disabled(options, always)).await;
    let caller = gateway.caller();
    let (_tap, requery) = gateway.with_tap("requery").await;
    let bought = caller.bought_stuck("k").await;
    let (id, request_id) = (field(&bought, "purchase_id"), field(&bought, "request_id"));
    let step = async || {
        gateway.clock.turn(MINUTE * 15);
        handle_one(&gateway, &requery).await.expect("the chain goes on")
    };
    let without = step().await;
    assert_eq!(handle_one(&gateway, &requery).await, None, "the switch is off");

    caller.switch(json!({ "duplicates": true })).await;
    for _ in 0..3 {
        let first = step().await;
        assert_ne!(first, without);
        assert_eq!(handle_one(&gateway, &requery).await, Some(first), "delivered once more");
        assert_eq!(handle_one(&gateway, &requery).await, None, "and then no more");
        assert_eq!(gateway.counts("RequeryQueue").await, [0, 0, 1], "one chain is left");
    }
    assert_eq!(caller.order(request_id).await.unwrap()["requery_calls"], 4);
    caller.script(json!([{ "call": "requery", "resolves_to": "delivered" }])).await;
    step().await;
    assert!(handle_one(&gateway, &requery).await.is_some());
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
    assert_eq!(field(&caller.purchase(id).await, "state"), "delivered");
    let order = caller.order(request_id).await.unwrap();
    assert_eq!(order["pay_calls"], 1, "paid once: {order}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_second_message_or_so_is_delivered_twice() {
    let gateway = Gateway::undriven().await;
    gateway.caller().switch(json!({ "duplicates": true })).await;
    for index in 0..60 {
        gateway.send_raw(&index.to_string()).await;
    }
    let mut deliveries = 0;
    loop {
        let batch = gateway.receive("RequeryQueue").await;
        if batch.is_empty() {
            break;
        }
        deliveries += batch.len();
        for (_, receipt) in batch {
            gateway.delete("RequeryQueue", &receipt).await;
        }
    }
    assert!((61..120).contains(&deliveries), "{deliveries}");
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_received_in_the_order_of_the_environments_randomness() {
    // Each number is less than the one before, so the order is the reverse.
    let last = Mutex::new(u64::MAX);
    let falling = random(8, move |bytes| {
        let mut last = last.lock().unwrap();
        *last -= 1;
        bytes.copy_from_slice(&last.to_be_bytes());
    });
    let gateway = Gateway::with_options(&[], |options| disabled(options, falling)).await;
    let sent: Vec<String> = (0..12).map(|index| index.to_string()).collect();
    for body in &sent {
        gateway.send_raw(body).await;
    }
    let received = async || {
        let mut bodies = Vec::new();
        for _ in 0..2 {
            let batch = gateway.receive("RequeryQueue").await;
            bodies.extend(batch.iter().map(|(record, _)| field(record, "body").to_owned()));
        }
        bodies
    };
    assert_eq!(received().await, sent, "the switch is off");
    gateway.clock.turn(MINUTE * 6);
    gateway.caller().switch(json!({ "reorder": true })).await;
    let reversed: Vec<String> = sent.into_iter().rev().collect();
    assert_eq!(received().await, reversed);
}

const LAG_MS: u64 = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_purchase_is_not_listed_until_the_lag_of_the_index_is_over() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let before = caller.bought("before", &airtime(DELIVERED)).await;
    assert_eq!(caller.listed("/purchases").await, [field(&before, "purchase_id")]);
    gateway.clock.turn(Duration::from_secs(1));
    caller.switch(json!({ "index_lag_ms": LAG_MS })).await;
    let new = caller.bought("new", &airtime(DELIVERED)).await;
    let listed = async || caller.listed("/purchases?limit=1").await;
    let [before, new] = [&before, &new].map(|it| field(it, "purchase_id"));
    assert_eq!(listed().await, [before], "hidden");
    assert_eq!(field(&caller.purchase(new).await, "state"), "delivered", "the table has it");
    gateway.clock.turn(Duration::from_millis(LAG_MS - 1));
    assert_eq!(listed().await, [before], "still hidden");
    gateway.clock.turn(Duration::from_millis(1));
    assert_eq!(listed().await, [new, before]);

    let other = caller.bought("other", &airtime(DELIVERED)).await;
    assert_eq!(listed().await.len(), 2);
    caller.switch(json!({ "index_lag_ms": 0 })).await;
    assert!(listed().await.contains(&field(&other, "purchase_id").to_owned()), "switched off");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_lags_behind_every_kind_of_write() {
    let (gateway, caller) = Gateway::with_caller().await;
    let (dynamodb, table) = (gateway.dynamodb(), "PurchasesTable");
    let key = |id: &str| ("purchase_id".to_owned(), S(id.to_owned()));
    let item = |id: &str| {
        let fields = [("tenant", "t"), ("listed", id)];
        let fields = fields.map(|(name, value)| (name.to_owned(), S(value.to_owned())));
        fields.into_iter().chain([key(id)]).collect::<std::collections::HashMap<_, _>>()
    };
    for id in ["old", "updated", "updated-together"] {
        dynamodb.put_item().table_name(table).set_item(Some(item(id))).send().await.unwrap();
    }
    caller.switch(json!({ "index_lag_ms": LAG_MS })).await;
    let put = dynamodb.put_item().table_name(table);
    put.set_item(Some(item("put"))).send().await.unwrap();
    let update = dynamodb.update_item().table_name(table).set_key(Some([key("updated")].into()));
    let update =
        update.update_expression("SET a = :a").expression_attribute_values(":a", S("a".into()));
    update.send().await.unwrap();
    let put = Put::builder().table_name(table).set_item(Some(item("put-together")));
    let update =
        Update::builder().table_name(table).set_key(Some([key("updated-together")].into()));
    let update =
        update.update_expression("SET a = :a").expression_attribute_values(":a", S("a".into()));
    let together = [
        TransactWriteItem::builder().put(put.build().unwrap()).build(),
        TransactWriteItem::builder().update(update.build().unwrap()).build(),
    ];
    let transaction = dynamodb.transact_write_items().set_transact_items(Some(together.into()));
    transaction.send().await.unwrap();
    let put = PutRequest::builder().set_item(Some(item("batch"))).build().unwrap();
    let batch = WriteRequest::builder().put_request(put).build();
    dynamodb.batch_write_item().request_items(table, vec![batch]).send().await.unwrap();
    // A write that is refused changes nothing.
    let refused = dynamodb.put_item().table_name(table).set_item(Some(item("old")));
    let refused = refused.condition_expression("attribute_not_exists(purchase_id)");
    assert!(refused.send().await.is_err());

    let all = ["batch", "old", "put", "put-together", "updated", "updated-together"];
    for (turn, wanted) in [(0, &["old"][..]), (LAG_MS, &all[..])] {
        gateway.clock.turn(Duration::from_millis(turn));
        let query = dynamodb.query().table_name(table).index_name("by_tenant");
        let query = query.key_condition_expression("tenant = :t");
        let found = query.expression_attribute_values(":t", S("t".into())).send().await.unwrap();
        let ids = |items: &[std::collections::HashMap<String, _>]| {
            let id = |item: &std::collections::HashMap<
                String,
                aws_sdk_dynamodb::types::AttributeValue,
            >| { item["purchase_id"].as_s().unwrap().clone() };
            let mut ids: Vec<String> = items.iter().map(id).collect();
            ids.sort();
            ids
        };
        assert_eq!(ids(found.items()), wanted);
        assert_eq!(usize::try_from(found.count()).unwrap(), wanted.len());
        let scan = dynamodb.scan().table_name(table).index_name("by_tenant").send().await.unwrap();
        assert_eq!(ids(scan.items()), wanted);
        assert_eq!(gateway.items(table).await, all.len(), "the table itself does not lag");
    }
}

/// A Mono that accepts one key only.
fn picky(key: &'static str) -> impl Fn(&Received) -> Script {
    move |request| match request.header("mono-sec-key") == Some(key) {
        true => agreeable_mono(request),
        false => Script::Json(401, json!({ "status": "failed" })),
    }
}

/// Rotates Mono's key, and gives how many calls are refused until the new key is in use everywhere:
/// each instance must be refused once before it reads the secret again.
async fn refusals(
    mono: &Provider,
    gateway: &Gateway,
    old: &'static str,
    new: &'static str,
) -> usize {
    let caller = gateway.caller();
    mono.script(picky(old));
    for _ in 0..6 {
        caller.auth("08031234567", "mtn").await.ok();
    }
    mono.script(picky(new));
    gateway.sandbox.secrets.put("mono", "MONO_SECRET_KEY", new);
    let mut refused = 0;
    for _ in 0..12 {
        refused += usize::from(caller.auth("08031234567", "mtn").await.status == 503);
    }
    gateway.clock.turn(MINUTE * 2);
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_learn_of_a_rotated_key_one_by_one() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    assert_eq!(refusals(&mono, &gateway, "live_sk_of_mono", "rotated").await, 1);
    gateway.caller().switch(json!({ "instances": 3 })).await;
    assert_eq!(refusals(&mono, &gateway, "rotated", "rotated again").await, 3);

    mono.script(agreeable_mono);
    let gateway = Gateway::with_options(&mono_at(&mono.url), |mut options| {
        options.instances = 2;
        options
    })
    .await;
    assert_eq!(refusals(&mono, &gateway, "live_sk_of_mono", "rotated").await, 2);
}

#[test]
fn the_command_line_sets_the_number_of_instances() {
    let _watchdog = Watchdog::new();
    let command = |instances: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
        command.args(["--port", "0", "--json", "--instances", instances]).env_clear();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let output = command("0").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("instances must be 1 to 20"));

    let mut child = command("3").spawn().unwrap();
    let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let caller = Caller::new(ready["url"].as_str().unwrap(), KEY);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let shown = runtime.block_on(caller.console("GET", "aws", &Value::Null));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(shown["instances"], 3);
}
