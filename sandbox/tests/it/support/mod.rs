//! What the tests share: a sandbox with a clock that they move, clients, and scripted providers.

mod client;
pub mod conformance;
mod constants;
pub mod leaks;
pub mod mtn;
mod provider;
pub mod purchases;
pub mod spent;
pub mod tap;
pub mod watchdog;
mod written;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox::activity::Activity;
use sandbox::simulators::mtn::MtnSimulator;
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use shared::platform::config::Vars;
use shared::platform::environment::{Clock, Environment};
use shared::platform::outside::Outside;
use time::OffsetDateTime;
use time::macros::datetime;

pub use self::client::{Caller, Reply};
pub use self::constants::{KEY, OTHER_KEY, PHONE};
pub use self::provider::{
    Provider, Received, Script, agreeable_mono, mono_at, mtn_at, numbered_mono, vtpass_at,
    with_tokens,
};
use self::watchdog::Watchdog;
pub use self::written::Written;

/// When every test begins: nine in the morning in Lagos. By the real time, a test would depend on the hour
/// at which it runs: a day of the books ends at midnight in Lagos.
const BEGINNING: OffsetDateTime = datetime!(2026-12-01 08:00 UTC);

/// A clock that stands still until a test moves it.
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<OffsetDateTime>>);

impl TestClock {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(BEGINNING)))
    }

    pub fn set(&self, time: OffsetDateTime) {
        *self.0.lock().unwrap() = time;
    }

    pub fn turn(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    pub fn clock(&self) -> Clock {
        let time = self.0.clone();
        Clock::from_fn(move || *time.lock().unwrap())
    }
}

/// The tenant behind a key of the sandbox.
pub fn tenant_of(key: &str) -> String {
    format!("sandbox-{}", key_id_of(key))
}

/// The id of a key of the sandbox.
pub fn key_id_of(key: &str) -> String {
    shared::platform::crypto::hashed(key)[..12].to_owned()
}

/// An event of API Gateway for the function behind `route`.
pub fn event(key: &str, route: &str, path: &[(&str, &str)], body: &str) -> String {
    let (method, raw_path) = route.split_once(' ').unwrap();
    let parameters: serde_json::Map<String, Value> =
        path.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let event = json!({
        "version": "2.0", "routeKey": route, "rawPath": raw_path, "rawQueryString": "",
        "headers": {}, "pathParameters": parameters, "body": body, "isBase64Encoded": false,
        "requestContext": {
            "authorizer": { "lambda": { "tenant": tenant_of(key), "key_id": key_id_of(key) } },
            "http": { "method": method, "path": raw_path, "sourceIp": "192.0.2.1" },
            "domainName": "d", "requestId": "r", "routeKey": route, "stage": "$default",
        },
    });
    event.to_string()
}

/// A sandbox under test.
pub struct Gateway {
    pub sandbox: Sandbox,
    pub clock: TestClock,
    _end: AsSpecified,
    _watchdog: Watchdog,
}

/// At the end of every test: nothing secret was logged or recorded, and every request to MTN followed MTN's
/// specification.
struct AsSpecified(Option<Arc<MtnSimulator>>, Activity);

impl Drop for AsSpecified {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if let Some(mtn) = &self.0 {
            mtn.given_tokens().iter().for_each(|token| leaks::secret(token));
            let violations = mtn.violations();
            assert!(violations.is_empty(), "MTN would refuse these: {violations:?}");
        }
        for entry in self.1.after(0, None, usize::MAX) {
            leaks::shown(&serde_json::to_string(&entry).unwrap());
        }
        leaks::none();
    }
}

impl Gateway {
    /// Two callers, the simulated providers.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same, and a client with the first key.
    pub async fn with_caller() -> (Self, Caller) {
        let gateway = Self::start().await;
        let caller = gateway.caller();
        (gateway, caller)
    }

    /// The same with more variables.
    pub async fn with(vars: &[(&str, &str)]) -> Self {
        Self::with_options(vars, |options| options).await
    }

    /// A Mono that agrees to everything, a gateway that uses it, and a client with the first key.
    pub async fn with_agreeable_mono() -> (Provider, Self, Caller) {
        let mono = Provider::start(agreeable_mono).await;
        let gateway = Self::with_mono(&mono).await;
        let caller = gateway.caller();
        (mono, gateway, caller)
    }

    /// Mono is this server.
    pub async fn with_mono(mono: &Provider) -> Self {
        Self::with(&mono_at(&mono.url)).await
    }

    pub async fn with_options(
        vars: &[(&str, &str)],
        change: impl FnOnce(Options) -> Options,
    ) -> Self {
        let watchdog = Watchdog::new();
        let clock = TestClock::new();
        let keys = format!("{KEY},{OTHER_KEY}");
        // Under a clock that stands still, most tests would reach the usual limits.
        let usual = [
            ("SANDBOX_KEYS", keys.as_str()),
            ("OTP_LIMIT_NUMBER", "1000/600,1000/86400"),
            ("LIMIT_PURCHASES", "100000/60,100000/86400"),
            ("LIMIT_READS", "100000/60,100000/86400"),
            ("LIMIT_CALLS", "100000/60,100000/86400"),
            ("SPEND_LIMIT", "1000000000000/60,1000000000000/86400"),
            // So would the failures that they need suspend their service.
            ("GUARD", "off"),
        ];
        let all = usual.into_iter().chain(vars.iter().copied());
        let vars: Vars = all.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let mut options = Options::new(vars, 0, None);
        options.environment.clock = clock.clock();
        let sandbox = Sandbox::start(change(options)).await.expect("the sandbox starts");
        sandbox.secrets.values().iter().for_each(|value| leaks::secret(value));
        let end = AsSpecified(sandbox.mtn.clone(), sandbox.activity.clone());
        Self { sandbox, clock, _end: end, _watchdog: watchdog }
    }

    pub fn caller(&self) -> Caller {
        Caller::new(&self.sandbox.base_url, KEY)
    }

    pub fn other_caller(&self) -> Caller {
        Caller::new(&self.sandbox.base_url, OTHER_KEY)
    }

    /// The variables that a function of the template sees, by name.
    pub fn variables_of(&self, function: &str) -> BTreeMap<String, String> {
        let mut functions = self.sandbox.stack.functions.iter();
        let mut all = functions.find(|it| it.name == function).unwrap().variables.clone();
        all.extend(self.sandbox.lambda_vars.clone());
        all
    }

    /// The same, as the function reads them.
    pub fn vars_of(&self, function: &str) -> Vars {
        self.variables_of(function).into_iter().collect()
    }

    /// Turns the clock, a step at a time, until `find` finds something. After each step come a pause and
    /// the end of the work that the step has made due.
    pub async fn turn_until<T>(
        &self,
        step: Duration,
        pause: Duration,
        mut find: impl AsyncFnMut() -> Option<T>,
    ) -> T {
        for _ in 0..400 {
            if let Some(found) = find().await {
                return found;
            }
            self.clock.turn(step);
            tokio::time::sleep(pause).await;
            self.sandbox.until_at_rest(Duration::from_secs(2)).await;
        }
        panic!("it never happens")
    }

    /// The environment of the tests: the real one, but for the clock.
    pub fn environment(&self) -> Environment {
        let (clock, outside) = (self.clock.clock(), Outside::with_loopback());
        Environment { clock, outside, ..Environment::real() }
    }

    /// Runs a scheduled function once, one of whose queues is not there, and gives why it failed.
    pub async fn failed_without_queue(&self, function: &str, variable: &str) -> String {
        let mut all = self.variables_of(function);
        all.insert(variable.to_owned(), self.queue_url("NoSuchQueue"));
        let start = &sandbox::functions::registry()[function];
        let entry = start(all.into_iter().collect(), self.environment()).await.unwrap();
        entry("{}".to_owned(), tap::context()).await.expect_err("the run fails")
    }

    /// A client of the sandbox's DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let vars = self.sandbox.lambda_vars.clone().into_iter().collect();
        shared::platform::aws::dynamodb(&vars, &Environment::real()).unwrap()
    }

    /// How many items a table holds, expired ones included.
    pub async fn items(&self, table: &str) -> usize {
        self.scan(table).await.len()
    }

    /// All items of a table, expired ones included, but for the record of reconcile's passes: a clock that
    /// is turned makes reconcile run.
    pub async fn scan(&self, table: &str) -> Vec<Value> {
        let scan = self.dynamodb().scan().table_name(table).consistent_read(true);
        let items = scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let items = items.unwrap().into_iter().map(|item| serde_dynamo::from_item(item).unwrap());
        items.filter(|item: &Value| item["purchase_id"] != "masking").collect()
    }
}
