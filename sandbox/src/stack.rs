//! What the template deploys, in the sandbox's own words.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use shared::config::Vars;

use crate::template::{ACCOUNT, Deployment, REGION, Template, TemplateError};

/// Everything the sandbox runs.
#[derive(Debug)]
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
#[derive(Debug, Clone)]
pub struct RouteSpec {
    /// The HTTP method, or `ANY`.
    pub method: String,
    /// The path with its parameters: `/accounts/{id}`.
    pub path: String,
    /// The function that answers.
    pub function: String,
    /// Whether the authorizer is asked first.
    pub authorized: bool,
}

/// The Lambda authorizer.
#[derive(Debug, Clone)]
pub struct AuthorizerSpec {
    /// The function that decides.
    pub function: String,
    /// The headers that identify the caller, in lower case.
    pub headers: Vec<String>,
    /// How long a decision is kept.
    pub cache: Duration,
}

/// A DynamoDB table.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// Its name.
    pub name: String,
    /// `CreateTable`'s parts that the template states, evaluated.
    pub definition: BTreeMap<&'static str, Value>,
    /// The TTL attribute.
    pub ttl: Option<String>,
}

/// An SQS queue.
#[derive(Debug, Clone, Default)]
pub struct QueueSpec {
    /// Its name.
    pub name: String,
    /// `CreateQueue`'s attributes.
    pub attributes: BTreeMap<String, String>,
}

/// A queue that invokes a function.
#[derive(Debug, Clone)]
pub struct TriggerSpec {
    /// The queue.
    pub queue: String,
    /// The function.
    pub function: String,
    /// `BatchSize`.
    pub batch_size: usize,
    /// `MaximumBatchingWindowInSeconds`.
    pub window: Duration,
    /// `ScalingConfig.MaximumConcurrency`.
    pub concurrency: usize,
    /// Whether `FunctionResponseTypes` has `ReportBatchItemFailures`.
    pub partial_failures: bool,
}

/// A message that is sent every so often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSpec {
    /// The queue it is sent to.
    pub queue: String,
    /// `ScheduleExpression`.
    pub every: Duration,
    /// `Input`: the message.
    pub input: String,
}

/// Where the sandbox's services are, for the values of `!Ref` and `!GetAtt`.
pub struct Here {
    /// The base URL of SQS.
    pub sqs_url: String,
}

const FUNCTION: &str = "AWS::Serverless::Function";
const TABLE: &str = "AWS::DynamoDB::Table";
const QUEUE: &str = "AWS::SQS::Queue";
const SECRET: &str = "AWS::SecretsManager::Secret";
const TOPIC: &str = "AWS::SNS::Topic";
const SCHEDULE: &str = "AWS::Scheduler::Schedule";
const ROLE: &str = "AWS::IAM::Role";
const API: &str = "AWS::Serverless::HttpApi";

impl Deployment for Here {
    fn reference(&self, name: &str, kind: &str) -> Option<String> {
        match kind {
            TABLE | FUNCTION | API | SECRET | TOPIC => Some(name.to_owned()),
            QUEUE => Some(format!("{}/{ACCOUNT}/{name}", self.sqs_url)),
            _ => None,
        }
    }

    fn attribute(&self, name: &str, kind: &str, attribute: &str) -> Option<String> {
        match (kind, attribute) {
            (TABLE, "Arn") => Some(format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")),
            (QUEUE, "Arn") => Some(queue_arn(name)),
            (QUEUE, "QueueName") => Some(name.to_owned()),
            (ROLE, "Arn") => Some(format!("arn:aws:iam::{ACCOUNT}:role/{name}")),
            (FUNCTION, "Arn") => Some(format!("{FUNCTION_ARN}{name}")),
            _ => None,
        }
    }
}

const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:";

/// The ARN of a queue of the sandbox.
pub fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

impl Stack {
    /// Reads the stack from a template.
    ///
    /// # Errors
    /// [`TemplateError`] when something the sandbox must know cannot be read.
    pub fn read(template: &Template, here: &Here) -> Result<Self, TemplateError> {
        let mut reader = Reader { template, here, names: BTreeMap::new() };
        for resource in template.resources(FUNCTION)? {
            let name = reader.function_name(resource)?;
            reader.names.insert(resource.to_owned(), name);
        }
        let authorizer = reader.authorizer()?;
        let (mut functions, mut routes, mut triggers) = (Vec::new(), Vec::new(), Vec::new());
        for resource in template.resources(FUNCTION)? {
            functions.push(reader.function(resource)?);
            reader.events(resource, authorizer.is_some(), &mut routes, &mut triggers)?;
        }
        let tables = template.resources(TABLE)?.into_iter().map(|it| reader.table(it));
        let queues = template.resources(QUEUE)?.into_iter().map(|it| reader.queue(it));
        let schedules = template.resources(SCHEDULE)?.into_iter();
        let schedules = schedules.filter_map(|it| reader.schedule(it).transpose());
        Ok(Self {
            functions,
            routes,
            authorizer,
            tables: tables.collect::<Result<_, _>>()?,
            queues: queues.collect::<Result<_, _>>()?,
            triggers,
            schedules: schedules.collect::<Result<_, _>>()?,
        })
    }
}

struct Reader<'a> {
    template: &'a Template,
    here: &'a Here,
    /// Function names by logical id.
    names: BTreeMap<String, String>,
}

impl Reader<'_> {
    fn get(&self, resource: &str, property: &str) -> Result<Value, TemplateError> {
        self.template.property(resource, property, self.here)
    }

    fn function_name(&self, resource: &str) -> Result<String, TemplateError> {
        let uri = self.get(resource, "CodeUri")?;
        let name = uri.as_str().and_then(|uri| uri.trim_end_matches('/').rsplit('/').next());
        name.map(str::to_owned).ok_or_else(|| TemplateError(format!("{resource} has no CodeUri")))
    }

    fn function(&self, resource: &str) -> Result<FunctionSpec, TemplateError> {
        let environment = self.get(resource, "Environment")?;
        let variables = environment["Variables"].as_object().cloned().unwrap_or_default();
        Ok(FunctionSpec {
            name: self.names[resource].clone(),
            timeout: Duration::from_secs(integer(&self.get(resource, "Timeout")?).unwrap_or(3)),
            reserved_concurrency: integer(&self.get(resource, "ReservedConcurrentExecutions")?)
                .and_then(|value| usize::try_from(value).ok()),
            variables: variables.into_iter().map(|(key, value)| (key, plain(&value))).collect(),
        })
    }

    fn authorizer(&self) -> Result<Option<AuthorizerSpec>, TemplateError> {
        let apis = self.template.resources(API)?;
        let Some(api) = apis.first() else { return Ok(None) };
        let auth = self.get(api, "Auth")?;
        let Some(name) = auth["DefaultAuthorizer"].as_str() else { return Ok(None) };
        let authorizer = &auth["Authorizers"][name];
        let arn = authorizer["FunctionArn"].as_str().unwrap_or_default();
        let function = arn.strip_prefix(FUNCTION_ARN).and_then(|id| self.names.get(id));
        let function =
            function.ok_or_else(|| TemplateError(format!("authorizer {name} has no function")))?;
        let identity = &authorizer["Identity"];
        let headers = identity["Headers"].as_array().into_iter().flatten();
        Ok(Some(AuthorizerSpec {
            function: function.clone(),
            headers: headers.map(|header| plain(header).to_lowercase()).collect(),
            cache: Duration::from_secs(integer(&identity["ReauthorizeEvery"]).unwrap_or(0)),
        }))
    }

    fn events(
        &self,
        resource: &str,
        authorized: bool,
        routes: &mut Vec<RouteSpec>,
        triggers: &mut Vec<TriggerSpec>,
    ) -> Result<(), TemplateError> {
        let events = self.get(resource, "Events")?;
        for (name, event) in events.as_object().into_iter().flatten() {
            let properties = &event["Properties"];
            let function = self.names[resource].clone();
            match event["Type"].as_str() {
                Some("HttpApi") => routes.push(RouteSpec {
                    method: plain(&properties["Method"]).to_uppercase(),
                    path: plain(&properties["Path"]),
                    function,
                    authorized: authorized && properties["Auth"]["Authorizer"] != "NONE",
                }),
                Some("SQS") if properties["Enabled"] == false => {}
                Some("SQS") => triggers.push(trigger(properties, function)?),
                _ => {
                    let message = format!("event {name} of {resource} is not known to the sandbox");
                    return Err(TemplateError(message));
                }
            }
        }
        Ok(())
    }

    fn table(&self, resource: &str) -> Result<TableSpec, TemplateError> {
        let mut definition = BTreeMap::new();
        let parts = ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"];
        for part in parts {
            let value = self.get(resource, part)?;
            if !value.is_null() {
                definition.insert(part, value);
            }
        }
        let ttl = self.get(resource, "TimeToLiveSpecification")?;
        let ttl = ttl["AttributeName"].as_str().filter(|_| ttl["Enabled"] == true);
        Ok(TableSpec { name: resource.to_owned(), definition, ttl: ttl.map(str::to_owned) })
    }

    /// A schedule; none for one that is switched off.
    fn schedule(&self, resource: &str) -> Result<Option<ScheduleSpec>, TemplateError> {
        if self.get(resource, "State")? == "DISABLED" {
            return Ok(None);
        }
        let unknown = |what| TemplateError(format!("{resource}: {what} is not for the sandbox"));
        let expression = plain(&self.get(resource, "ScheduleExpression")?);
        let every = rate(&expression).ok_or_else(|| unknown("its expression"))?;
        let target = self.get(resource, "Target")?;
        let arn = plain(&target["Arn"]);
        let queue = arn.strip_prefix(&queue_arn("")).ok_or_else(|| unknown("its target"))?;
        Ok(Some(ScheduleSpec { queue: queue.to_owned(), every, input: plain(&target["Input"]) }))
    }

    fn queue(&self, resource: &str) -> Result<QueueSpec, TemplateError> {
        if self.get(resource, "FifoQueue")? == true {
            return Err(TemplateError(format!("{resource}: the sandbox has no FIFO queues")));
        }
        let mut attributes = BTreeMap::new();
        for attribute in
            ["VisibilityTimeout", "MessageRetentionPeriod", "DelaySeconds", "MaximumMessageSize"]
        {
            let value = self.get(resource, attribute)?;
            if !value.is_null() {
                attributes.insert(attribute.to_owned(), plain(&value));
            }
        }
        let redrive = self.get(resource, "RedrivePolicy")?;
        if !redrive.is_null() {
            attributes.insert("RedrivePolicy".to_owned(), redrive.to_string());
        }
        Ok(QueueSpec { name: resource.to_owned(), attributes })
    }
}

fn trigger(properties: &Value, function: String) -> Result<TriggerSpec, TemplateError> {
    let arn = plain(&properties["Queue"]);
    let queue = arn.rsplit(':').next().unwrap_or_default().to_owned();
    let size = |value: &Value, default| {
        integer(value).and_then(|it| usize::try_from(it).ok()).unwrap_or(default)
    };
    let window =
        Duration::from_secs(integer(&properties["MaximumBatchingWindowInSeconds"]).unwrap_or(0));
    let batch_size = size(&properties["BatchSize"], 10);
    if batch_size > 10 && window.is_zero() {
        let message = format!("{function}: a batch above 10 needs a batching window");
        return Err(TemplateError(message));
    }
    let responses = properties["FunctionResponseTypes"].as_array().cloned().unwrap_or_default();
    Ok(TriggerSpec {
        queue,
        function,
        batch_size,
        window,
        // Lambda starts with five pollers.
        concurrency: size(&properties["ScalingConfig"]["MaximumConcurrency"], 5),
        partial_failures: responses.iter().any(|it| it == "ReportBatchItemFailures"),
    })
}

/// The interval of `rate(7 days)`.
fn rate(expression: &str) -> Option<Duration> {
    let (count, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    let count: u64 = count.parse().ok().filter(|count| *count > 0)?;
    Some(Duration::from_secs(count.checked_mul(seconds)?))
}

fn integer(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

impl FunctionSpec {
    /// The function's environment: its template variables and what Lambda itself sets.
    pub fn environment(&self, lambda: &BTreeMap<String, String>) -> Vars {
        self.variables.iter().chain(lambda).map(|(k, v)| (k.clone(), v.clone())).collect()
    }
}

impl std::fmt::Debug for FunctionSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FunctionSpec({}, {:?})", self.name, self.timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(schedule: &str) -> Result<Vec<ScheduleSpec>, TemplateError> {
        let text = format!(
            "Resources:\n  Q: {{Type: AWS::SQS::Queue}}\n  T: {{Type: AWS::DynamoDB::Table}}\n  \
             S: {{Type: AWS::Scheduler::Schedule, Properties: {{{schedule}}}}}\n"
        );
        let here = Here { sqs_url: String::new() };
        Ok(Stack::read(&Template::load(&text, &BTreeMap::new())?, &here)?.schedules)
    }

    #[test]
    fn a_schedule_sends_its_input_at_its_rate() {
        for (rate, seconds) in [("1 minute", 60), ("2 hours", 7_200), ("7 days", 604_800)] {
            let target = "Target: {Arn: !GetAtt Q.Arn, Input: '{}'}";
            let schedule = format!("ScheduleExpression: rate({rate}), {target}");
            let every = Duration::from_secs(seconds);
            let wanted = ScheduleSpec { queue: "Q".to_owned(), every, input: "{}".to_owned() };
            assert_eq!(read(&schedule).unwrap(), [wanted]);
            assert_eq!(read(&format!("State: DISABLED, {schedule}")).unwrap(), []);
        }
    }

    #[test]
    fn a_schedule_that_the_sandbox_cannot_keep_stops_it() {
        for rate in ["cron(0 0 * * ? *)", "rate(0 days)", "rate(1 week)", "rate(days)", "at(x)"] {
            let schedule = format!("ScheduleExpression: '{rate}', Target: {{Arn: !GetAtt Q.Arn}}");
            let error = read(&schedule).unwrap_err().to_string();
            assert!(error.contains("its expression"), "{rate}: {error}");
        }
        let schedule = "ScheduleExpression: rate(1 day), Target: {Arn: !GetAtt T.Arn}";
        assert!(read(schedule).unwrap_err().to_string().contains("its target"));
    }
}
