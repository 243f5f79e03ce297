//! Reads a [`Stack`] from a template.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::account::{
    API, FUNCTION, FUNCTION_ARN, QUEUE, SCHEDULE, SandboxDeployment, TABLE, queue_arn,
};
use super::document::Template;
use super::error::TemplateError;
use super::intrinsics::plain;
use super::stack::{
    AuthorizerSpec, FunctionSpec, QueueSpec, RouteSpec, ScheduleSpec, ScheduleTarget, Stack,
    TableSpec, TriggerSpec,
};

/// The only context variable that identifies a client.
const SOURCE_ADDRESS: &str = "identity.sourceIp";

impl Stack {
    /// Reads the stack from a template.
    ///
    /// # Errors
    /// [`TemplateError`] when the template uses something that the sandbox does not support.
    pub fn read(
        template: &Template,
        deployment: &SandboxDeployment,
    ) -> Result<Self, TemplateError> {
        let mut reader = Reader { template, deployment, names: BTreeMap::new() };
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
    deployment: &'a SandboxDeployment,
    /// Function names by logical id.
    names: BTreeMap<String, String>,
}

impl Reader<'_> {
    fn get(&self, resource: &str, property: &str) -> Result<Value, TemplateError> {
        self.template.property(resource, property, self.deployment)
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
        let context = identity["Context"].as_array().into_iter().flatten();
        let context: Vec<String> = context.map(plain).collect();
        if let Some(other) = context.iter().find(|variable| *variable != SOURCE_ADDRESS) {
            return Err(TemplateError(format!("authorizer {name}: {other} is not supported here")));
        }
        Ok(Some(AuthorizerSpec {
            function: function.clone(),
            headers: headers.map(|header| plain(header).to_lowercase()).collect(),
            by_address: !context.is_empty(),
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
                Some("HttpApi") => routes.push(route(properties, function, authorized)?),
                // Tests disable the triggers, and invoke the function themselves.
                Some("SQS") if properties["Enabled"] == false => {}
                Some("SQS") => triggers.push(trigger(properties, function)?),
                _ => return Err(unsupported(resource, &format!("the type of event {name}"))),
            }
        }
        Ok(())
    }

    fn table(&self, resource: &str) -> Result<TableSpec, TemplateError> {
        let mut definition = BTreeMap::new();
        for part in ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"] {
            let value = self.get(resource, part)?;
            if !value.is_null() {
                definition.insert(part, value);
            }
        }
        let ttl = self.get(resource, "TimeToLiveSpecification")?;
        let ttl = ttl["AttributeName"].as_str().filter(|_| ttl["Enabled"] == true);
        Ok(TableSpec { name: resource.to_owned(), definition, ttl: ttl.map(str::to_owned) })
    }

    /// A schedule; none if a test has disabled it.
    fn schedule(&self, resource: &str) -> Result<Option<ScheduleSpec>, TemplateError> {
        if self.get(resource, "State")? == "DISABLED" {
            return Ok(None);
        }
        let expression = plain(&self.get(resource, "ScheduleExpression")?);
        let every = rate(&expression).ok_or_else(|| unsupported(resource, "its expression"))?;
        let target = self.get(resource, "Target")?;
        let (arn, input) = (plain(&target["Arn"]), plain(&target["Input"]));
        let function = arn.strip_prefix(FUNCTION_ARN).and_then(|id| self.names.get(id));
        let target = match (function, arn.strip_prefix(&queue_arn(""))) {
            (Some(function), _) => ScheduleTarget::Function(function.clone()),
            (None, Some(queue)) => ScheduleTarget::Queue(queue.to_owned()),
            (None, None) => return Err(unsupported(resource, "its target")),
        };
        let is_json = serde_json::from_str::<Value>(&input).is_ok();
        if function.is_some() && !is_json {
            return Err(TemplateError(format!("{resource}: the input of a function is JSON")));
        }
        Ok(Some(ScheduleSpec { target, every, input }))
    }

    fn queue(&self, resource: &str) -> Result<QueueSpec, TemplateError> {
        if self.get(resource, "FifoQueue")? == true {
            return Err(unsupported(resource, "FIFO queues"));
        }
        for attribute in ["DelaySeconds", "MaximumMessageSize"] {
            if !self.get(resource, attribute)?.is_null() {
                return Err(unsupported(resource, attribute));
            }
        }
        let mut attributes = BTreeMap::new();
        for attribute in ["VisibilityTimeout", "MessageRetentionPeriod"] {
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

fn unsupported(name: &str, what: &str) -> TemplateError {
    TemplateError(format!("{name}: the sandbox does not support {what}"))
}

fn route(
    properties: &Value,
    function: String,
    authorized: bool,
) -> Result<RouteSpec, TemplateError> {
    let method = plain(&properties["Method"]).to_uppercase();
    let path = plain(&properties["Path"]);
    if method == "ANY" || path.contains("+}") || !path.starts_with('/') {
        return Err(unsupported(&function, &format!("the route {method} {path}")));
    }
    let authorized = authorized && properties["Auth"]["Authorizer"] != "NONE";
    Ok(RouteSpec { method, path, function, authorized })
}

fn trigger(properties: &Value, function: String) -> Result<TriggerSpec, TemplateError> {
    if integer(&properties["MaximumBatchingWindowInSeconds"]).unwrap_or(0) > 0 {
        return Err(unsupported(&function, "a batching window"));
    }
    let batch_size = i32::try_from(integer(&properties["BatchSize"]).unwrap_or(10)).ok();
    let batch_size = batch_size.filter(|size| (1..=10).contains(size));
    let batch_size = batch_size.ok_or_else(|| unsupported(&function, "its batch size"))?;
    // Lambda starts with five pollers.
    let concurrency = integer(&properties["ScalingConfig"]["MaximumConcurrency"]).unwrap_or(5);
    let responses = properties["FunctionResponseTypes"].as_array().into_iter().flatten();
    let partial_failures = responses.into_iter().any(|it| it == "ReportBatchItemFailures");
    let queue = plain(&properties["Queue"]).rsplit(':').next().unwrap_or_default().to_owned();
    Ok(TriggerSpec { queue, function, batch_size, concurrency, partial_failures })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(schedule: &str) -> Result<Vec<ScheduleSpec>, TemplateError> {
        let text = format!(
            "Resources:\n  Q: {{Type: AWS::SQS::Queue}}\n  T: {{Type: AWS::DynamoDB::Table}}\n  \
             F: {{Type: AWS::Serverless::Function, Properties: {{CodeUri: f/}}}}\n  \
             S: {{Type: AWS::Scheduler::Schedule, Properties: {{{schedule}}}}}\n"
        );
        let deployment = SandboxDeployment { sqs_url: String::new() };
        Ok(Stack::read(&Template::load(&text, &BTreeMap::new())?, &deployment)?.schedules)
    }

    #[test]
    fn a_schedule_sends_its_input_at_its_rate() {
        for (rate, seconds) in [("1 minute", 60), ("2 hours", 7_200), ("7 days", 604_800)] {
            let target = "Target: {Arn: !GetAtt Q.Arn, Input: '{}'}";
            let schedule = format!("ScheduleExpression: rate({rate}), {target}");
            let every = Duration::from_secs(seconds);
            let target = ScheduleTarget::Queue("Q".to_owned());
            let wanted = ScheduleSpec { target, every, input: "{}".to_owned() };
            assert_eq!(read(&schedule).unwrap(), [wanted]);
            assert_eq!(read(&format!("State: DISABLED, {schedule}")).unwrap(), []);
        }
    }

    #[test]
    fn a_schedule_of_a_function_is_named_as_the_function_and_has_json() {
        let schedule = |input| {
            let target = format!("Target: {{Arn: !GetAtt F.Arn, Input: '{input}'}}");
            read(&format!("ScheduleExpression: rate(1 hour), {target}"))
        };
        let wanted = ScheduleTarget::Function("f".to_owned());
        assert_eq!(schedule("{}").unwrap()[0].target, wanted);
        assert!(schedule("no").unwrap_err().to_string().contains("JSON"));
    }

    #[test]
    fn an_unsupported_schedule_is_refused() {
        for rate in ["cron(0 0 * * ? *)", "rate(0 days)", "rate(1 week)", "rate(days)", "at(x)"] {
            let schedule = format!("ScheduleExpression: '{rate}', Target: {{Arn: !GetAtt Q.Arn}}");
            let error = read(&schedule).unwrap_err().to_string();
            assert!(error.contains("its expression"), "{rate}: {error}");
        }
        let schedule = "ScheduleExpression: rate(1 day), Target: {Arn: !GetAtt T.Arn}";
        assert!(read(schedule).unwrap_err().to_string().contains("its target"));
    }
}
