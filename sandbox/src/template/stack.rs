//! What the template deploys: functions, routes, tables, queues, triggers and schedules.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use shared::platform::config::Vars;

/// Everything the sandbox runs.
pub struct Stack {
    /// The functions, by name.
    pub functions: Vec<FunctionSpec>,
    /// The routes of the HTTP API.
    pub routes: Vec<RouteSpec>,
    /// The authorizer of the HTTP API.
    pub authorizer: Option<AuthorizerSpec>,
    /// The tables.
    pub tables: Vec<TableSpec>,
    /// The queues.
    pub queues: Vec<QueueSpec>,
    /// The queue triggers.
    pub triggers: Vec<TriggerSpec>,
    /// The schedules.
    pub schedules: Vec<ScheduleSpec>,
}

/// A Lambda function.
pub struct FunctionSpec {
    /// Its name: the last part of its `CodeUri`.
    pub name: String,
    /// `Timeout`.
    pub timeout: Duration,
    /// `ReservedConcurrentExecutions`.
    pub reserved_concurrency: Option<usize>,
    /// `Environment.Variables`.
    pub variables: BTreeMap<String, String>,
}

/// A route of the HTTP API.
#[derive(Clone)]
pub struct RouteSpec {
    /// The HTTP method.
    pub method: String,
    /// The path with its parameters: `/accounts/{id}`.
    pub path: String,
    /// The function that handles it.
    pub function: String,
    /// Whether the authorizer runs first.
    pub authorized: bool,
}

/// The Lambda authorizer.
#[derive(Clone)]
pub struct AuthorizerSpec {
    /// The function that decides.
    pub function: String,
    /// The headers that identify the tenant, in lower case.
    pub headers: Vec<String>,
    /// Whether the client's address is an identity source, too.
    pub by_address: bool,
    /// How long API Gateway caches a decision.
    pub cache: Duration,
}

/// A DynamoDB table.
pub struct TableSpec {
    /// Its name.
    pub name: String,
    /// The parts of `CreateTable` that the template states, evaluated.
    pub definition: BTreeMap<&'static str, Value>,
    /// The TTL attribute.
    pub ttl: Option<String>,
}

/// An SQS queue.
pub struct QueueSpec {
    /// Its name.
    pub name: String,
    /// `CreateQueue`'s attributes.
    pub attributes: BTreeMap<String, String>,
}

/// A queue trigger: messages of the queue invoke the function.
#[derive(Clone)]
pub struct TriggerSpec {
    /// The queue.
    pub queue: String,
    /// The function.
    pub function: String,
    /// `BatchSize`, at most 10.
    pub batch_size: i32,
    /// `ScalingConfig.MaximumConcurrency`.
    pub concurrency: u64,
    /// Whether `FunctionResponseTypes` has `ReportBatchItemFailures`.
    pub partial_failures: bool,
}

/// Something that is done at a fixed rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSpec {
    /// What is done.
    pub target: ScheduleTarget,
    /// `ScheduleExpression`.
    pub every: Duration,
    /// `Input`: the message or the event.
    pub input: String,
}

/// What a schedule does with its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleTarget {
    /// Sends it to this queue.
    Queue(String),
    /// Invokes this function with it.
    Function(String),
}

impl FunctionSpec {
    /// The function's environment variables: its own from the template, and those that Lambda sets.
    pub fn vars(&self, lambda: &BTreeMap<String, String>) -> Vars {
        self.variables.iter().chain(lambda).map(|(k, v)| (k.clone(), v.clone())).collect()
    }
}
