//! Configuration that is missing, and a store or sandbox that cannot be reached or misbehaves.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use shared::domain::ids::PurchaseId;
use shared::domain::purchase::{State, Transition};
use shared::platform::http::Http;
use shared::store::{Outbox, Purchases};
use time::OffsetDateTime;

use crate::support::{Ended, Gateway, id, run};

/// An address where nothing listens.
const NOWHERE: &str = "http://127.0.0.1:1";
const ID: &str = "00000000000000000000000000000000";
const SHOW: [&str; 3] = ["purchase", "show", ID];
const SECRET: &str = "wJalr/the+secret";

#[tokio::test(flavor = "multi_thread")]
async fn every_missing_variable_is_named_and_wrong_usage_is_refused() {
    let message = run(&SHOW, &[]).await.refused(2);
    let names = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PURCHASES_TABLE"];
    for name in names.into_iter().chain(["--table", "--sandbox"]) {
        assert!(message.contains(name), "{message}");
    }
    let most = [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "AKIA")];
    let all = [&SHOW[..], &["--table", "t"]].concat();
    let message = run(&all, &most).await.refused(2);
    assert!(message.contains("missing AWS_SECRET_ACCESS_KEY;"), "{message}");
    assert!(!message.contains("AKIA"), "{message}");

    // Wrong usage exits with 2 as well.
    let days = ["29", "0", "-1", "x"].map(|days| ["purchase", "mask", "--older-than", days]);
    let wrong = [&["purchase"][..], &["purchase", "show"], &["purchase", "refund", ID], &[]];
    for arguments in wrong.into_iter().chain(days.iter().map(|days| &days[..])) {
        assert_eq!(run(arguments, &[]).await.code, 2, "{arguments:?}");
    }
    // An empty address is a script's slip: it must not lead to AWS.
    let ended = run(&[&["--sandbox", ""][..], &SHOW].concat(), &aws(NOWHERE)).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    let message = run(&SHOW, &aws("nonsense")).await.refused(2);
    assert!(message.contains("AWS_ENDPOINT_URL"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_help_tells_where_credentials_come_from() {
    let help = run(&["--help"], &[]).await.ok();
    for words in [
        "aws configure export-credentials",
        "PURCHASES_TABLE, TENANTS_TABLE, LIMITS_TABLE, BOOKS_TABLE, EVENTS_TABLE,",
        "cloudformation:ListStackResources",
        "aws sso login",
        "DISCLOSURES_TABLE",
        "dynamodb:Scan",
        "dynamodb:PutItem",
        "Exit codes",
    ] {
        assert!(help.contains(words), "{help}");
    }
    assert!(run(&["--version"], &[]).await.ok().starts_with("telco-gateway "));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_sandbox_or_store_exits_with_3() {
    let message = run(&[&["--sandbox", NOWHERE][..], &SHOW].concat(), &[]).await.refused(3);
    assert!(message.contains(NOWHERE) && message.contains("no connection"), "{message}");

    let message = run(&SHOW, &aws(NOWHERE)).await.refused(3);
    assert!(message.contains("store") && !message.contains(SECRET), "{message}");

    // Another server is not taken for a sandbox.
    let router = Router::new().route("/_sandbox/env/purchase", axum::routing::get(|| async { "" }));
    let url = serve(router).await;
    let message = run(&[&["--sandbox", &url][..], &SHOW].concat(), &[]).await.refused(3);
    assert!(message.contains("does not report AWS_REGION"), "{message}");
    let elsewhere = format!("{url}/elsewhere");
    let message = run(&[&["--sandbox", &elsewhere][..], &SHOW].concat(), &[]).await.refused(3);
    assert!(message.contains("status 404"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_and_a_wrong_signature_are_reported_without_secrets() {
    let gateway = Gateway::start().await;
    let arguments = [&SHOW[..], &["--table", "another"]].concat();
    let message = gateway.run(&arguments).await.refused(3);
    assert!(message.contains("ResourceNotFound"), "{message}");

    // AWS's own words: they repeat what was signed, the session token included.
    let refusal = format!(
        "{{\"__type\":\"com.amazon.coral.service#InvalidSignatureException\",\"message\":\
         \"The signature does not match.\\n\\nx-amz-security-token:{SECRET}\\n\"}}"
    );
    let router = Router::new().fallback(async move || (StatusCode::BAD_REQUEST, refusal.clone()));
    let message = run(&SHOW, &aws(&serve(router).await)).await.refused(3);
    assert!(message.contains("The signature does not match"), "{message}");
    assert!(!message.contains(SECRET), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_with_lost_answers_succeeds_or_is_reported_as_unknown() {
    let (gateway, purchase) = Gateway::with_review().await;
    let store = Store::before(&gateway, Fault::LosesAnswers(1)).await;
    let settled = store.settle(&gateway, id(&purchase)).await.json();
    assert_eq!(settled["state"], "failed");
    assert_eq!(settled["history"].as_array().unwrap().len(), 2, "{settled}");
    assert_eq!(store.updates.load(Ordering::SeqCst), 2);

    // If every answer is lost, the outcome is unknown.
    let purchase = gateway.needs_review("unconfirmed").await;
    let store = Store::before(&gateway, Fault::LosesAnswers(usize::MAX)).await;
    let ended = store.settle(&gateway, id(&purchase)).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
    assert!(ended.stderr.contains("was settled: show it"), "{ended:?}");
    assert_eq!(gateway.show(id(&purchase)).await["state"], "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_became_final_after_it_was_read_is_not_settled() {
    let (gateway, purchase) = Gateway::with_review().await;
    let id = id(&purchase).to_owned();
    let store = Store::before(&gateway, Fault::SettlesFirst(id.clone())).await;
    let ended = store.settle(&gateway, &id).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
    let message = ended.stderr.lines().last().unwrap();
    assert!(message.contains("is delivered"), "{message}");
    let shown = gateway.show(&id).await;
    assert_eq!(shown["state"], "delivered");
    assert_eq!(shown["history"].as_array().unwrap().len(), 1, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_stops_half_way_leaves_keys_that_work() {
    let gateway = Gateway::start().await;
    let create = ["--json", "tenant", "create", "acme", "--kind", "test"];
    let old = gateway.run(&create).await.json();
    let store = Store::before(&gateway, Fault::RefusesUpdates).await;
    let ended = store.rotate(&gateway).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    let message = ended.stderr.lines().last().unwrap();
    assert!(message.contains(old["key_id"].as_str().unwrap()), "{message}");
    assert!(message.contains("was written: list the keys"), "{message}");
    let new: Value = serde_json::from_str(&ended.stdout).expect("the new key was shown");
    gateway.turn(25 * 3600);
    for key in [&old, &new] {
        assert_eq!(gateway.status(key["key"].as_str().unwrap()).await, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_survives_lost_answers_and_a_key_that_cannot_be_printed_replaces_none() {
    let gateway = Gateway::start().await;
    gateway.run(&["tenant", "create", "acme", "--kind", "test"]).await.ok();
    let store = Store::before(&gateway, Fault::LosesAnswers(1)).await;
    let shown = store.rotate(&gateway).await.json();
    let keys = gateway.run(&["--json", "tenant", "list", "acme"]).await.json();
    assert_eq!((keys.as_array().unwrap().len(), &keys[0]), (2, &shown["ending"][0]));

    // Printing fails: the keys before it stay as they are.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut rotate = Command::new(env!("CARGO_BIN_EXE_telco-gateway"));
    rotate.args(["--sandbox", gateway.url(), "tenant", "rotate", "acme"]).env_clear().stdout(full);
    let output = tokio::task::spawn_blocking(move || rotate.output()).await.unwrap().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    let after = gateway.run(&["--json", "tenant", "list", "acme"]).await.json();
    assert_eq!((&after[0], &after[1]), (&keys[0], &keys[1]));
    assert_eq!(output.status.code(), Some(3));
    assert!(message.contains("revoke it") && message.contains("could not be printed"), "{message}");
    assert!(message.contains(after[2]["key_id"].as_str().unwrap()), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_with_lost_answers_says_how_it_is_repeated_and_is_noted_once() {
    let gateway = Gateway::start().await;
    let store = Store::before(&gateway, Fault::LosesPuts).await;
    let top_up = ["wallet", "top-up", "500000", "--note", "transfer 4711", "--by", "ada"];
    let mut vars = gateway.aws_of("books");
    vars.push(("AWS_ENDPOINT_URL_DYNAMODB", &store.url));
    let ended = run(&top_up, &vars).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
    let message = ended.stderr.lines().last().unwrap();
    assert!(message.contains("it is unknown whether the top-up is noted"), "{message}");
    let at = message.split_once("--at ").expect("a time").1.split_once(',').unwrap().0;
    let noted = gateway.run(&[&top_up[..], &["--at", at, "--json"]].concat()).await.json();
    assert_eq!(noted["at"], at);
    let items = gateway.dynamodb().scan().table_name("BooksTable").send().await.unwrap().items;
    let is_top_up = |pk: &str| pk.starts_with("top-up#");
    let top_ups = items.unwrap().iter().filter(|it| is_top_up(it["pk"].as_s().unwrap())).count();
    assert_eq!(top_ups, 1);
}

/// An environment for AWS whose store is at `url`.
fn aws(url: &str) -> [(&str, &str); 6] {
    [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_ENDPOINT_URL", url),
        ("PURCHASES_TABLE", "purchases"),
        ("NOTIFY_QUEUE_URL", "http://127.0.0.1:1/notify"),
    ]
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// What goes wrong with an update, or with a put.
enum Fault {
    /// The first so many are made and their answers lost.
    LosesAnswers(usize),
    /// None is made.
    RefusesUpdates,
    /// Every put is made and its answer lost.
    LosesPuts,
    /// The provider's proof comes first.
    SettlesFirst(String),
}

/// A gateway's store with a fault in between.
struct Store {
    url: String,
    updates: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Between {
    to: String,
    http: Http,
    purchases: Purchases,
    outbox: Outbox,
    fault: Arc<Fault>,
    updates: Arc<AtomicUsize>,
}

impl Store {
    async fn before(gateway: &Gateway, fault: Fault) -> Self {
        let updates = Arc::new(AtomicUsize::new(0));
        let between = Between {
            to: gateway.dynamodb_url().to_owned(),
            http: Http::new(),
            purchases: gateway.purchases(),
            outbox: gateway.outbox(),
            fault: Arc::new(fault),
            updates: updates.clone(),
        };
        let url = serve(Router::new().fallback(pass).with_state(between)).await;
        Self { url, updates }
    }

    /// Settles for `failed` through this store.
    async fn settle(&self, gateway: &Gateway, id: &str) -> Ended {
        let mut vars = gateway.aws();
        vars.push(("AWS_ENDPOINT_URL_DYNAMODB", &self.url));
        run(&["--json", "purchase", "settle", id, "--to", "failed", "--reason", "r"], &vars).await
    }

    /// Rotates `acme`'s keys through this store.
    async fn rotate(&self, gateway: &Gateway) -> Ended {
        let mut vars = gateway.aws_of("authorizer");
        vars.push(("AWS_ENDPOINT_URL_DYNAMODB", &self.url));
        run(&["--json", "tenant", "rotate", "acme"], &vars).await
    }
}

async fn pass(Shared(between): Shared<Between>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let is = |action| target.is_some_and(|target| target.ends_with(action));
    let (update, put) = (is(".UpdateItem"), is(".PutItem"));
    let before = if update { between.updates.fetch_add(1, Ordering::SeqCst) } else { 0 };
    match between.fault.as_ref() {
        Fault::SettlesFirst(id) if update => {
            let (from, to) = (vec![State::NeedsReview], Some(State::Delivered));
            let proof = Transition { from, to, ..Transition::default() };
            let id = PurchaseId::parse(id).unwrap();
            let now = OffsetDateTime::now_utc();
            let purchase = between.purchases.by_id(&id).await.unwrap().unwrap();
            between.purchases.change(&between.outbox, &purchase, &proof, now).await.unwrap();
        }
        Fault::RefusesUpdates if update => {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        _ => {}
    }
    let answer = between.forward(headers, body).await;
    match between.fault.as_ref() {
        Fault::LosesAnswers(count) if update && before < *count => {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Fault::LosesPuts if put => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => answer.into_response(),
    }
}

impl Between {
    async fn forward(&self, headers: HeaderMap, body: Bytes) -> (StatusCode, Vec<u8>) {
        let mut request = http::Request::post(&self.to).body(body.to_vec()).unwrap();
        for name in ["authorization", "content-type", "x-amz-date", "x-amz-target"] {
            if let Some(value) = headers.get(name) {
                request.headers_mut().insert(name, value.clone());
            }
        }
        let request = reqwest::Request::try_from(request).unwrap();
        let answer = self.http.send(request, Duration::from_secs(10)).await.expect("an answer");
        (answer.status, answer.body)
    }
}
