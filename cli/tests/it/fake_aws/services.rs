//! CloudFormation, Lambda, Secrets Manager, SNS, CloudWatch and EventBridge Scheduler.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};

use super::deployment::{Deployment, fields, function_name, no_such};
use crate::support::Gateway;

/// How many resources one page of a stack holds.
const PAGE: usize = 40;
/// The ARN of the stack.
pub const ARN: &str = "arn:aws:cloudformation:us-east-1:000000000000:stack/telco/1f2e3d4c-5b6a";
/// The value of a secret, which no test may see in an output.
pub const SECRET: &str = "live_k2n3b4v5c6x7z8";

/// A stack called `telco` in which nothing is wrong.
pub fn healthy(gateway: &Gateway) -> Deployment {
    let stack = &gateway.sandbox.stack;
    let mut deployment =
        Deployment { status: "UPDATE_COMPLETE".to_owned(), ..Deployment::default() };
    for table in &stack.tables {
        deployment.resources.insert(table.name.clone(), table.name.clone());
    }
    for queue in &stack.queues {
        deployment.resources.insert(queue.name.clone(), gateway.queue_url(&queue.name));
    }
    let named = [("MONO", "telco/mono"), ("VTPASS", "telco/vtpass"), ("MTN", "telco/mtn")];
    for function in &stack.functions {
        let name = function_name(&function.name);
        let mut variables = function.variables.clone();
        for (provider, secret) in named {
            let variable = format!("{provider}_SECRET");
            if variables.contains_key(&variable) {
                variables.insert(variable, secret.to_owned());
            }
        }
        let answer = json!({ "Configuration": {
            "State": "Active", "LastUpdateStatus": "Successful",
            "LastModified": "2026-11-28T10:00:00.000+0000", "Description": "",
            "CodeSha256": format!("code of {name}"), "Environment": { "Variables": variables },
        }});
        deployment.resources.insert(name.clone(), format!("telco-{name}-1"));
        deployment.functions.insert(name, answer);
    }
    for mapping in [
        "RequeryFunctionRequeries",
        "RequeryFunctionFollowUps",
        "NotifyFunctionAnnouncements",
        "SendWebhookFunctionWebhooks",
    ] {
        deployment.resources.insert(mapping.to_owned(), format!("uuid-{mapping}"));
        deployment.mappings.insert(mapping.to_owned(), "Enabled".to_owned());
    }
    for schedule in ["ReconcileSchedule", "BooksSchedule"] {
        deployment.resources.insert(schedule.to_owned(), format!("telco-{schedule}-1"));
        let answer = json!({ "State": "ENABLED", "CreationDate": 1.0 });
        deployment.schedules.insert(schedule.to_owned(), answer);
    }
    for number in 0..100 {
        deployment.resources.insert(format!("Alarm{number}"), format!("telco-Alarm{number}-1"));
    }
    let topic = "arn:aws:sns:us-east-1:000000000000:telco-AlarmTopic-1";
    deployment.resources.insert("AlarmTopic".to_owned(), topic.to_owned());
    deployment.subscriptions = vec![format!("{topic}:11111111-2222")];
    deployment.resources.insert("LimitsSecret".to_owned(), "LimitsSecret".to_owned());
    deployment.secrets = secrets();
    deployment
}

fn secrets() -> BTreeMap<String, String> {
    let vtpass = ["VTPASS_API_KEY", "VTPASS_PUBLIC_KEY", "VTPASS_SECRET_KEY"];
    let mtn = ["MTN_API_KEY", "MTN_CLIENT_ID", "MTN_CLIENT_SECRET"];
    let of = |names: &[&str]| {
        let fields = names.iter().map(|name| ((*name).to_owned(), json!(SECRET)));
        Value::Object(fields.collect()).to_string()
    };
    let limits = json!({ "LIMITS_HMAC_KEY": SECRET.repeat(2) }).to_string();
    let all = [
        ("telco/mono", of(&["MONO_SECRET_KEY", "MONO_WEBHOOK_SECRET"])),
        ("telco/vtpass", of(&vtpass)),
        ("telco/mtn", of(&mtn)),
        ("LimitsSecret", limits),
    ];
    all.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// The action of a call, in each of the protocols.
pub fn action(parts: &Parts, body: &[u8]) -> String {
    let target = parts.headers.get("x-amz-target").and_then(|it| it.to_str().ok());
    if let Some(target) = target {
        return target.split_once('.').unwrap().1.to_owned();
    }
    let path = parts.uri.path();
    let of_path = [
        ("/2015-03-31/functions/", "GetFunction"),
        ("/2015-03-31/event-source-mappings/", "GetEventSourceMapping"),
        ("/schedules/", "GetSchedule"),
    ];
    let by_path = of_path.iter().find(|(start, _)| path.starts_with(start));
    by_path.map_or_else(|| fields(body)["Action"].clone(), |(_, action)| (*action).to_owned())
}

pub fn answer(
    deployment: &Deployment,
    service: &str,
    action: &str,
    path: &str,
    body: &[u8],
) -> Response {
    let last = path.rsplit('/').next().unwrap();
    let by_name = |all: &BTreeMap<String, Value>| {
        let logical = deployment.resources.iter().find(|(_, physical)| *physical == last);
        match logical.and_then(|(logical, _)| all.get(logical)) {
            Some(answer) => Json(answer.clone()).into_response(),
            None => (StatusCode::NOT_FOUND, [("x-amzn-errortype", "ResourceNotFoundException")])
                .into_response(),
        }
    };
    match (service, action) {
        ("cloudformation", "ListStackResources") => resources(deployment, &fields(body)),
        ("cloudformation", "DescribeStacks") => {
            let status = &deployment.status;
            result(action, &list("Stacks", [format!("<StackStatus>{status}</StackStatus>")]))
        }
        ("lambda", "GetFunction") => by_name(&deployment.functions),
        ("lambda", "GetEventSourceMapping") => {
            let state = &deployment.mappings[last.strip_prefix("uuid-").unwrap()];
            Json(json!({ "State": state })).into_response()
        }
        ("scheduler", "GetSchedule") => by_name(&deployment.schedules),
        ("secretsmanager", "GetSecretValue") => {
            let asked: Value = serde_json::from_slice(body).unwrap();
            match deployment.secrets.get(asked["SecretId"].as_str().unwrap()) {
                Some(text) => Json(json!({ "SecretString": text })).into_response(),
                None => no_such("ResourceNotFoundException"),
            }
        }
        ("sns", "ListSubscriptionsByTopic") => {
            let all = deployment.subscriptions.iter();
            let all = all.map(|arn| format!("<SubscriptionArn>{arn}</SubscriptionArn>"));
            result(action, &list("Subscriptions", all))
        }
        ("monitoring", "DescribeAlarms") => alarms(deployment, &fields(body)),
        ("monitoring", "GetMetricStatistics") => {
            let asked = fields(body);
            let function = &asked["Dimensions.member.1.Value"];
            let logical = deployment.resources.iter().find(|(_, physical)| *physical == function);
            let is_silent = deployment.silent.contains(logical.unwrap().0);
            let sum = (!is_silent).then(|| "<Sum>12.0</Sum>".to_owned());
            result(action, &list("Datapoints", sum))
        }
        _ => panic!("no such call: {service} {action}"),
    }
}

fn resources(deployment: &Deployment, fields: &BTreeMap<String, String>) -> Response {
    if !["telco", ARN].contains(&fields["StackName"].as_str()) {
        return refusal("ValidationError", "Stack with id other does not exist");
    }
    let begin: usize = fields.get("NextToken").map_or(0, |token| token.parse().unwrap());
    let page = deployment.resources.iter().skip(begin).take(PAGE).map(|(logical, physical)| {
        format!(
            "<LogicalResourceId>{logical}</LogicalResourceId><ResourceStatus>CREATE_COMPLETE\
             </ResourceStatus><PhysicalResourceId>{physical}</PhysicalResourceId>"
        )
    });
    let page = list("StackResourceSummaries", page);
    let next = begin + PAGE;
    let more = next < deployment.resources.len();
    let next = if more { format!("<NextToken>{next}</NextToken>") } else { String::new() };
    result("ListStackResources", &format!("{page}{next}"))
}

/// The alarms in two pages: some of them ring, one is another stack's and rings, too.
fn alarms(deployment: &Deployment, fields: &BTreeMap<String, String>) -> Response {
    assert_eq!(fields["AlarmNamePrefix"], "telco-");
    let alarm = |name: &str, state: &str| {
        format!(
            "<AlarmName>{name}</AlarmName><StateValue>{state}</StateValue><ActionsEnabled>true\
             </ActionsEnabled><StateUpdatedTimestamp>2026-11-29T08:00:00Z</StateUpdatedTimestamp>\
             <AlarmDescription>Something rings. docs/runbook.md</AlarmDescription>"
        )
    };
    if !fields.contains_key("NextToken") {
        let other = list("MetricAlarms", [alarm("telco-two-Alarm1-1", "ALARM")]);
        return result("DescribeAlarms", &format!("{other}<NextToken>2</NextToken>"));
    }
    let all = deployment.resources.iter().filter(|(logical, _)| logical.starts_with("Alarm"));
    let all = all.map(|(logical, physical)| {
        let rings = deployment.ringing.contains(logical);
        alarm(physical, if rings { "ALARM" } else { "OK" })
    });
    result("DescribeAlarms", &list("MetricAlarms", all))
}

fn list(name: &str, members: impl IntoIterator<Item = String>) -> String {
    let members = members.into_iter().map(|member| format!("<member>{member}</member>"));
    format!("<{name}>{}</{name}>", members.collect::<String>())
}

/// An answer of the Query protocol.
fn result(action: &str, content: &str) -> Response {
    let result = format!("<{action}Result>{content}</{action}Result>");
    format!("<{action}Response xmlns=\"x\">{result}</{action}Response>").into_response()
}

/// A refusal of the Query protocol.
fn refusal(code: &str, message: &str) -> Response {
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let body = format!("<ErrorResponse>{error}</ErrorResponse>");
    (StatusCode::BAD_REQUEST, body).into_response()
}

/// What AWS answers to credentials that may not do something.
pub fn forbidden(service: &str, action: &str) -> Response {
    let message = format!("User is not authorized to perform: {service}:{action}");
    if ["cloudformation", "sns", "monitoring"].contains(&service) {
        return refusal("AccessDenied", &message);
    }
    let body = json!({ "__type": "AccessDeniedException", "Message": message });
    (StatusCode::BAD_REQUEST, body.to_string()).into_response()
}

/// The portal of single sign-on.
pub fn sso(parts: &Parts) -> Response {
    let is_known = parts.headers.get("x-amz-sso_bearer_token").is_some_and(|it| it == "sso-token");
    let expiration: i64 = 4_102_444_800_000;
    let role = json!({ "accessKeyId": "AKIASSO", "secretAccessKey": "s", "sessionToken": "t",
                       "expiration": expiration });
    match is_known {
        true => Json(json!({ "roleCredentials": role })).into_response(),
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}
