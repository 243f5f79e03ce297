//! A sandbox whose functions can be told to fail, and what CloudWatch would record of it each minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox::aws::lambda::{Entry, Function, FunctionMetrics, Registry, StartFunction};
use sandbox::template::stack::ScheduleTarget;
use sandbox::template::{SandboxDeployment, Template};
use serde_json::{Value, json};
use shared::platform::http::Http;

use super::alarm::Alarm;
use super::math::{Kind, Math, Metric, Reading, Values};
use crate::support::Gateway;
use crate::support::purchases::{MINUTE, until};

/// What a function is told to do instead of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Answer,
    Fail,
    Hang,
}

/// The orders by the functions' names.
type Orders = Arc<Mutex<BTreeMap<String, Order>>>;

/// What is deployed, and how much of it.
#[derive(Clone)]
pub struct Plan {
    pub template: String,
    pub registry: Registry,
    /// Whether the queues' triggers run.
    pub triggers: bool,
}

/// Whether the counts of a minute make a value: without any activity there is none.
type IsActive = fn([u64; 2]) -> bool;

pub struct Plant {
    gateway: Gateway,
    orders: Orders,
    /// The functions' names by logical id.
    names: BTreeMap<String, String>,
    minute: u64,
    pub values: Values,
    /// What was counted until the minute before.
    counted: BTreeMap<Metric, [u64; 2]>,
}

/// The most events of one minute, and the most minutes, that a test makes for one alarm.
const MOST: usize = 20_000;

impl Plan {
    pub fn new(template: &str) -> Self {
        let (template, registry) = (template.to_owned(), sandbox::functions::registry());
        Self { template, registry, triggers: true }
    }

    pub fn template(&self) -> Template {
        let given = BTreeMap::from([("MtnChannelName".to_owned(), "c".to_owned())]);
        Template::load(&self.template, &given).expect("the template can be read")
    }

    /// The same without the schedules of a function; how many there were.
    pub fn silenced(&self, function: &str) -> (Self, usize) {
        let (template, mut silenced) = (self.template(), 0);
        let here = SandboxDeployment { sqs_url: String::new() };
        let mut plan = self.clone();
        for schedule in template.resources("AWS::Scheduler::Schedule").unwrap() {
            let target = template.property(schedule, "Target", &here).unwrap();
            if target["Arn"].as_str().is_some_and(|it| it.ends_with(&format!(":{function}"))) {
                let at = plan.template.find(&format!("\n  {schedule}:\n")).expect("its block");
                let (before, block) = plan.template.split_at(at);
                let block = after_line(block, "ScheduleExpression:", "State: DISABLED", 1);
                plan.template = format!("{before}{block}");
                silenced += 1;
            }
        }
        (plan, silenced)
    }
}

/// The text with a line added after the first lines that begin with `start`, equally indented.
fn after_line(text: &str, start: &str, added: &str, most: usize) -> String {
    let (mut out, mut left) = (String::new(), most);
    for line in text.lines() {
        out.push_str(line);
        out.push('\n');
        if line.trim_start().starts_with(start) && left > 0 {
            left -= 1;
            let indent = line.len() - line.trim_start().len();
            out.push_str(&format!("{}{added}\n", " ".repeat(indent)));
        }
    }
    out
}

fn obeying(name: &str, start: &StartFunction, orders: &Orders) -> StartFunction {
    let (name, start, orders) = (name.to_owned(), start.clone(), orders.clone());
    Arc::new(move |vars, environment| {
        let (name, started, orders) = (name.clone(), start(vars, environment), orders.clone());
        Box::pin(async move {
            let entry = started.await?;
            let obeying: Entry =
                Arc::new(move |event, context| match orders.lock().unwrap().get(&name) {
                    Some(Order::Answer) => Box::pin(async { Ok(Value::Null) }),
                    Some(Order::Fail) => Box::pin(async { Err("as told".to_owned()) }),
                    Some(Order::Hang) => Box::pin(std::future::pending()),
                    None => entry(event, context),
                });
            Ok(obeying)
        })
    })
}

impl Plant {
    pub async fn start(plan: &Plan, alarms: &[Alarm]) -> Result<Self, String> {
        let orders = Orders::default();
        let registry = plan.registry.iter();
        let registry = registry.map(|(name, start)| (name.clone(), obeying(name, start, &orders)));
        let registry: Registry = registry.collect();
        let text = match plan.triggers {
            true => plan.template.clone(),
            false => after_line(&plan.template, "BatchSize:", "Enabled: false", usize::MAX),
        };
        let gateway = Gateway::with_options(&[], |mut options| {
            options.template = text;
            options.registry = registry;
            options
        })
        .await;
        assert_eq!(gateway.sandbox.stack.triggers.is_empty(), !plan.triggers);
        let (template, here) = (plan.template(), SandboxDeployment { sqs_url: String::new() });
        let name = |id: &&str| {
            let uri = template.property(id, "CodeUri", &here).unwrap();
            uri.as_str().unwrap().trim_end_matches('/').rsplit('/').next().unwrap().to_owned()
        };
        let ids = template.resources("AWS::Serverless::Function").unwrap();
        let names = ids.iter().map(|id| ((*id).to_owned(), name(id))).collect();
        let (values, counted) = (BTreeMap::new(), BTreeMap::new());
        let mut plant = Self { gateway, orders, names, minute: 0, values, counted };
        for alarm in alarms {
            for Reading { metric, .. } in alarm.math.readings() {
                plant.values.insert(metric.clone(), Vec::new());
                plant.read(metric).map_err(|problem| format!("{}: {problem}", alarm.name))?;
            }
        }
        Ok(plant)
    }

    fn function(&self, resource: &str) -> Option<&Arc<Function>> {
        self.gateway.sandbox.functions.get(self.names.get(resource)?)
    }

    /// The value of a metric since it was read before.
    fn read(&mut self, metric: &Metric) -> Result<Option<i64>, String> {
        let resource = &metric.resource;
        let missing = || format!("there is no {resource}");
        let (now, is_active): ([u64; 2], IsActive) = match metric.kind {
            Kind::Invocations | Kind::Errors | Kind::Throttles => {
                let FunctionMetrics { invocations, errors, throttles } =
                    self.function(resource).ok_or_else(missing)?.metrics();
                match metric.kind {
                    Kind::Errors => ([errors, invocations], |new| new[1] > 0),
                    Kind::Throttles => ([throttles, invocations], |new| new != [0, 0]),
                    _ => ([invocations, 0], |new| new[0] > 0),
                }
            }
            Kind::ServerErrors | Kind::ClientErrors | Kind::Requests => {
                let api = self.gateway.sandbox.api_metrics();
                let count = match metric.kind {
                    Kind::ServerErrors => api.server_errors,
                    Kind::ClientErrors => api.client_errors,
                    _ => api.count,
                };
                ([count, api.count], |new| new[1] > 0)
            }
            Kind::Own => return Err("a metric of ours is judged on made-up days".to_owned()),
            Kind::Visible | Kind::Age => {
                let queue = self.gateway.sandbox.queue_metrics(resource).ok_or_else(missing)?;
                let is_age = metric.kind == Kind::Age;
                return Ok(Some(if is_age { queue.oldest_age_seconds } else { queue.visible }));
            }
        };
        let before = self.counted.insert(metric.clone(), now).unwrap_or_default();
        let new = [now[0] - before[0], now[1] - before[1]];
        Ok(is_active(new).then(|| i64::try_from(new[0]).unwrap()))
    }

    /// Turns the clock by a minute, lets what is due run, and records the minute.
    pub async fn pass_minute(&mut self) {
        self.minute += 1;
        let is_due = |every: Duration| (self.minute * 60).is_multiple_of(every.as_secs());
        let schedules = self.gateway.sandbox.stack.schedules.iter();
        let due = schedules.filter(|it| is_due(it.every)).filter_map(|it| match &it.target {
            ScheduleTarget::Function(name) => self.gateway.sandbox.functions.get(name),
            ScheduleTarget::Queue(_) => None,
        });
        let calls = |function: &Function| {
            let metrics = function.metrics();
            metrics.invocations + metrics.throttles
        };
        let due: Vec<_> = due.map(|function| (function.clone(), calls(function))).collect();
        self.gateway.clock.turn(MINUTE);
        for (function, before) in due {
            until("a schedule runs", async || calls(&function) > before).await;
        }
        for metric in self.values.keys().cloned().collect::<Vec<_>>() {
            let value = self.read(&metric).expect("it was read at the start");
            self.values.get_mut(&metric).unwrap().push(value);
        }
    }

    /// Puts what the alarm is about into its queue.
    pub async fn begin(&self, alarm: &Alarm) {
        let count = match alarm.metric().kind {
            Kind::Visible => alarm.threshold + 1,
            Kind::Age => 1,
            _ => 0,
        };
        for _ in 0..count {
            let url = self.gateway.queue_url(&alarm.metric().resource);
            let send = self.gateway.sqs().send_message().queue_url(url).message_body("x");
            send.send().await.unwrap();
        }
    }

    /// Lets the alarm's function work in this minute, so that its metrics have values.
    pub async fn work(&self, alarm: &Alarm) {
        if matches!(alarm.metric().kind, Kind::Errors | Kind::Throttles) {
            let function = self.told(&alarm.metric().resource, Order::Answer);
            function.invoke(&json!({})).await.expect("it works");
        }
    }

    /// Does in this minute what must make the alarm ring: one event more than the threshold.
    pub async fn drive(&self, alarm: &Alarm) -> Result<(), String> {
        let kind = alarm.metric().kind;
        if matches!(kind, Kind::Visible | Kind::Age | Kind::Invocations) {
            return Ok(());
        }
        let events = match alarm.math {
            // As few as there must be in all, and all of them are of the kind.
            Math::Share { least, .. } => {
                usize::try_from(least).unwrap_or(0).div_ceil(alarm.minutes())
            }
            _ => usize::try_from(alarm.threshold + 1).unwrap_or(0),
        };
        if events > MOST {
            return Err(format!("{}: {events} events a minute are too many", alarm.name));
        }
        let resource = &alarm.metric().resource;
        if kind == Kind::Throttles {
            self.throttle(resource, events).await;
        } else if kind == Kind::ServerErrors {
            self.server_errors(events).await;
        } else if kind == Kind::ClientErrors {
            self.client_errors(events).await;
        } else {
            let function = self.told(resource, Order::Fail);
            for _ in 0..events {
                assert!(function.invoke(&json!({})).await.is_err());
            }
        }
        Ok(())
    }

    fn told(&self, resource: &str, order: Order) -> Arc<Function> {
        self.orders.lock().unwrap().insert(self.names[resource].clone(), order);
        self.function(resource).unwrap().clone()
    }

    /// Calls a function that never answers until it was throttled so often.
    async fn throttle(&self, resource: &str, events: usize) {
        let function = self.told(resource, Order::Hang);
        let wanted = function.metrics().throttles + events as u64;
        for _ in 0..MOST {
            if function.metrics().throttles >= wanted {
                return;
            }
            for _ in 0..100 {
                let hanging = function.clone();
                tokio::spawn(async move { hanging.invoke(&json!({})).await });
            }
            // Until they have begun.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("{resource} is not throttled");
    }

    /// Calls a route whose function fails.
    async fn server_errors(&self, events: usize) {
        let mut routes = self.gateway.sandbox.stack.routes.iter();
        let route = routes.find(|it| !it.authorized && !it.path.contains('{'));
        let route = route.expect("a route without a key");
        self.orders.lock().unwrap().insert(route.function.clone(), Order::Fail);
        self.call(events, &route.method, &route.path, 500).await;
    }

    /// Calls a route that is not there.
    async fn client_errors(&self, events: usize) {
        self.call(events, "GET", "/nothing", 404).await;
    }

    async fn call(&self, events: usize, method: &str, path: &str, status: u16) {
        let url: reqwest::Url = format!("{}{path}", self.gateway.sandbox.base_url).parse().unwrap();
        let http = Http::new();
        for _ in 0..events {
            let request = reqwest::Request::new(method.parse().unwrap(), url.clone());
            let answer = http.send(request, MINUTE).await.unwrap();
            let body = serde_json::from_slice::<Value>(&answer.body);
            assert_eq!(answer.status, status, "{body:?}");
        }
    }
}

/// How many minutes must pass until an alarm that is driven rings.
pub fn minutes_to_ring(alarm: &Alarm) -> Result<usize, String> {
    let minutes = match alarm.metric().kind {
        Kind::Age => usize::try_from(alarm.threshold / 60).unwrap_or(0) + 1 + alarm.minutes(),
        _ => alarm.minutes(),
    };
    match minutes <= MOST {
        true => Ok(minutes),
        false => Err(format!("{}: {minutes} minutes are too long", alarm.name)),
    }
}
