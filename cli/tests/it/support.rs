//! What the tests share: a sandbox with purchases in it, and the program.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use sandbox::{DEFAULT_KEY, Options, Sandbox};
use serde_json::{Value, json};
use shared::domain::money::Kobo;
use shared::domain::report::Balance;
use shared::platform::config::Vars;
use shared::platform::environment::{Clock, Environment};
use shared::platform::http::Http;
use shared::store::{Books, Outbox, Purchases};
use time::OffsetDateTime;

/// The number that is bought for where a script decides.
pub const PHONE: &str = "08031234567";
/// The number that VTpass's sandbox always delivers to.
pub const DELIVERED: &str = "08011111111";

/// How the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// What it printed, having done what it was asked.
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// The document it printed.
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).expect("one JSON document")
    }

    /// Its message, having printed nothing else and that in one line.
    pub fn refused(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        self.stderr
    }
}

/// Runs the program with nothing in its environment but `vars`, and without the role of this machine.
pub async fn run(arguments: &[&str], vars: &[(&str, &str)]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_telco-gateway"));
    command.args(arguments).env_clear().env("AWS_EC2_METADATA_DISABLED", "true");
    command.envs(vars.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    Ended {
        code: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A sandbox under test.
pub struct Gateway {
    pub sandbox: Sandbox,
    http: Http,
    /// By how many seconds the sandbox's clock is ahead of the program's.
    ahead: Arc<AtomicU64>,
}

impl Gateway {
    pub async fn start() -> Self {
        Self::start_with(Vars::default()).await
    }

    /// The same with other variables.
    pub async fn start_with(vars: Vars) -> Self {
        let mut options = Options::new(vars, 0, None);
        let ahead = Arc::new(AtomicU64::new(0));
        let by = ahead.clone();
        let now =
            move || OffsetDateTime::now_utc() + Duration::from_secs(by.load(Ordering::SeqCst));
        options.environment.clock = Clock::from_fn(now);
        let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
        Self { sandbox, http: Http::new(), ahead }
    }

    /// A sandbox with one purchase that waits for a person, and the purchase.
    pub async fn with_review() -> (Self, Value) {
        let gateway = Self::start().await;
        let purchase = gateway.needs_review("k").await;
        (gateway, purchase)
    }

    /// Turns the sandbox's clock on.
    pub fn turn(&self, seconds: u64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn url(&self) -> &str {
        &self.sandbox.base_url
    }

    /// Runs the program against this sandbox, as the operator `ada`.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        let all: Vec<&str> = ["--sandbox", self.url()].iter().chain(arguments).copied().collect();
        run(&all, &[("USER", "ada")]).await
    }

    /// `purchase settle` with a reason.
    pub async fn settle(&self, id: &str, to: &str) -> Ended {
        let reason = "seen in the provider's books";
        self.run(&["purchase", "settle", id, "--to", to, "--reason", reason]).await
    }

    /// `purchase show --json`.
    pub async fn show(&self, id: &str) -> Value {
        self.run(&["--json", "purchase", "show", id]).await.json()
    }

    /// What the API answers about a purchase.
    pub async fn api(&self, id: &str) -> Value {
        self.send("GET", &format!("/purchases/{id}"), "", Value::Null).await["data"].take()
    }

    /// A purchase that the provider asks a person to look at.
    pub async fn needs_review(&self, key: &str) -> Value {
        let purchase = self.buy_scripted(key, "044").await;
        assert_eq!(purchase["state"], "needs_review", "{purchase}");
        purchase
    }

    /// A purchase that the provider answers with `code`.
    pub async fn buy_scripted(&self, key: &str, code: &str) -> Value {
        self.script(json!([{ "call": "pay", "code": code }])).await;
        self.buy(key, PHONE).await
    }

    pub async fn buy(&self, key: &str, phone: &str) -> Value {
        let body = json!({ "service_id": "mtn", "phone": phone, "amount_kobo": 10_000 });
        self.send("POST", "/purchases", key, body).await["data"].take()
    }

    /// A refill at MTN.
    pub async fn refill(&self, key: &str) -> Value {
        let body = json!({ "service_id": "mtn-refill", "phone": PHONE, "amount_kobo": 50_000,
                           "refill_type": "voucherless", "refill_profile_id": "P1" });
        self.send("POST", "/purchases", key, body).await["data"].take()
    }

    /// What the API answers to a request with an API key, by its status.
    pub async fn status(&self, key: &str) -> u16 {
        let request = http::Request::get(format!("{}/purchases", self.url()));
        self.answer(request.header("mono-sec-key", key), Value::Null).await.0
    }

    /// Waits until a purchase is in a state. Another program works on it.
    pub async fn until(&self, id: &str, state: &str) {
        for _ in 0..500 {
            if self.api(id).await["state"] == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("purchase {id} is not {state}: {}", self.show(id).await);
    }

    /// Lets the next calls to VTpass be answered so.
    pub async fn script(&self, calls: Value) {
        self.send("POST", "/_sandbox/vtpass/next", "", calls).await;
    }

    /// From a number to an account id.
    pub async fn link(&self, phone: &str) -> String {
        let body = json!({ "phone": phone, "provider": "mtn" });
        let auth = self.send("POST", "/v2/telecom/auth", "", body).await;
        let session = auth["data"]["session_id"].as_str().unwrap();
        let sent = self.send("GET", "/_sandbox/otps", "", Value::Null).await;
        let sent = sent.as_array().unwrap().iter().find(|sms| sms["phone"] == phone).unwrap();
        let request = http::Request::post(format!("{}/v2/telecom/verify", self.url()))
            .header("content-type", "application/json")
            .header("mono-sec-key", DEFAULT_KEY)
            .header("x-session-id", session);
        let (_, verify) = self.answer(request, json!({ "otp": sent["otp"] })).await;
        let exchange = self.send("POST", "/account/auth", "", verify["data"].clone()).await;
        exchange["id"].as_str().unwrap().to_owned()
    }

    pub async fn send(&self, method: &str, path: &str, key: &str, body: Value) -> Value {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url()))
            .header("content-type", "application/json")
            .header("mono-sec-key", DEFAULT_KEY)
            .header("idempotency-key", key);
        self.answer(request, body).await.1
    }

    pub async fn answer(&self, request: http::request::Builder, body: Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = reqwest::Request::try_from(request.body(body).unwrap()).unwrap();
        let answer = self.http.send(request, Duration::from_secs(40)).await.expect("an answer");
        (answer.status.as_u16(), serde_json::from_slice(&answer.body).expect("JSON"))
    }

    /// The variables with which AWS is meant and the sandbox's store is met.
    pub fn aws(&self) -> Vec<(&str, &str)> {
        self.aws_of("purchase")
    }

    /// The same, with those of a function.
    pub fn aws_of(&self, function: &str) -> Vec<(&str, &str)> {
        let lambda = self.sandbox.lambda_vars.iter();
        let function = self.sandbox.stack.functions.iter().find(|it| it.name == function);
        let variables = function.unwrap().variables.iter();
        let pairs = lambda.chain(variables).map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.chain([("USER", "ada")]).collect()
    }

    fn vars(&self) -> Vars {
        self.aws().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// A client of the store.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        shared::platform::aws::dynamodb(&self.vars(), &Environment::real()).unwrap()
    }

    /// The purchases table.
    pub fn purchases(&self) -> Purchases {
        Purchases::from_vars(&self.vars(), &self.dynamodb()).unwrap()
    }

    /// Notes a balance of the wallet, as it was some minutes ago.
    pub async fn note_balance(&self, kobo: u64, minutes_ago: i64) {
        let books = self.aws_of("books");
        let vars = books.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let books = Books::from_vars(&vars.collect(), &self.dynamodb()).unwrap();
        let at = OffsetDateTime::now_utc() - time::Duration::minutes(minutes_ago);
        let balance = Balance { at, balance_kobo: Kobo::new(kobo).unwrap() };
        books.note_balance(&balance).await.unwrap();
    }

    /// Lets a purchase have changed last so many hours ago.
    pub async fn backdate(&self, id: &str, hours: i64) {
        let at = OffsetDateTime::now_utc() - time::Duration::hours(hours);
        let ms = AttributeValue::N((at.unix_timestamp() * 1000).to_string());
        let update = self.dynamodb().update_item().table_name("PurchasesTable");
        let update = update.key("purchase_id", AttributeValue::S(id.to_owned()));
        let update = update.update_expression("SET updated_ms = :ms");
        update.expression_attribute_values(":ms", ms).send().await.unwrap();
    }

    /// A client of the queues.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        shared::platform::aws::sqs(&self.vars(), &Environment::real()).unwrap()
    }

    /// Where changes are announced.
    pub fn outbox(&self) -> Outbox {
        Outbox::from_vars(&self.vars(), &Environment::real()).unwrap()
    }

    /// The URL of a queue of the template.
    pub fn queue_url(&self, name: &str) -> String {
        let urls = self.sandbox.stack.functions.iter().flat_map(|it| it.variables.values());
        let known = urls.filter(|url| url.starts_with("http")).find_map(|url| {
            let (before, last) = url.rsplit_once('/')?;
            before.ends_with("000000000000").then(|| (before.to_owned(), last.to_owned()))
        });
        format!("{}/{name}", known.unwrap().0)
    }

    pub fn dynamodb_url(&self) -> &str {
        &self.sandbox.dynamodb_url
    }
}

/// The id of a purchase.
pub fn id(purchase: &Value) -> &str {
    purchase["purchase_id"].as_str().expect("a purchase")
}
