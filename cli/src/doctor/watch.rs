//! What watches the deployment and what wakes it: the stack's own state, the alarms and their topic, the
//! schedules.

use futures_util::future::join_all;
use serde_json::Value;
use shared::domain::time::to_iso;
use time::format_description::well_known::Iso8601;
use time::{Duration, OffsetDateTime};

use super::finding::{Finding, Severity};
use super::functions::not_in_stack;
use crate::aws::api::{Api, Refusal};
use crate::aws::stack::{CLOUDFORMATION, Stack};

const SNS: (&str, &str, &str) = ("sns", "AWS_ENDPOINT_URL_SNS", "2010-03-31");
const CLOUDWATCH: (&str, &str, &str) = ("monitoring", "AWS_ENDPOINT_URL_CLOUDWATCH", "2010-08-01");
const SCHEDULER: (&str, &str) = ("scheduler", "AWS_ENDPOINT_URL_SCHEDULER");
/// A schedule that has run nothing for so long is not running. The slowest may be set to an hour.
const SILENT: Duration = Duration::hours(3);
/// How the runbook calls what a person must do about an alarm.
const ALARMS: &str = "Alarms";

/// Looks at the stack itself (cloudformation:DescribeStacks).
pub async fn stack(api: &Api<'_>, stack: &Stack) -> Vec<Finding> {
    let fields = [("StackName", stack.name())];
    let answer = match api.query(CLOUDFORMATION, "DescribeStacks", &fields).await {
        Ok(answer) => answer,
        Err(refusal) => return vec![Finding::unchecked("the stack", &refusal.reason)],
    };
    let status = answer["Stacks"][0]["StackStatus"].as_str().unwrap_or_default();
    let about = format!("the stack {}", stack.name());
    if status.ends_with("_IN_PROGRESS") {
        let found = Finding::new(Severity::Look, "stack_changes", &about, "is being changed now");
        return vec![found.advice("wait until it is done, and run this again", "Deploy")];
    }
    if ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"].contains(&status) {
        return Vec::new();
    }
    let problem = format!("is {status}: its last change failed, and older code may run");
    let advice = "see its events in CloudFormation, correct the cause, deploy again";
    vec![Finding::fault("stack_failed", &about, problem).advice(advice, "Deploy")]
}

/// Looks at who hears the alarms (sns:ListSubscriptionsByTopic).
pub async fn topic(api: &Api<'_>, stack: &Stack) -> Vec<Finding> {
    let name = "AlarmTopic";
    let Some(arn) = stack.physical(name) else { return vec![not_in_stack(name)] };
    let answer = api.query(SNS, "ListSubscriptionsByTopic", &[("TopicArn", arn)]).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(refusal) => return vec![Finding::of_refusal(name, &refusal)],
    };
    let subscriptions = answer["Subscriptions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_confirmed =
        |it: &Value| it["SubscriptionArn"].as_str().is_some_and(|it| it.starts_with("arn:"));
    if subscriptions.iter().any(is_confirmed) {
        return Vec::new();
    }
    let (problem, advice) = match subscriptions.is_empty() {
        true => (
            "has no subscriber: nobody hears an alarm",
            "deploy with AlarmEmail, or subscribe somebody to the topic",
        ),
        false => (
            "has no confirmed subscriber: nobody hears an alarm",
            "open the mail of AWS and confirm the subscription",
        ),
    };
    vec![Finding::fault("alarms_unheard", name, problem).advice(advice, ALARMS)]
}

/// Looks at the alarms (cloudwatch:DescribeAlarms).
pub async fn alarms(api: &Api<'_>, stack: &Stack) -> Vec<Finding> {
    match all_alarms(api, stack).await {
        Ok(alarms) => alarms.iter().filter_map(|alarm| judge(stack, alarm)).collect(),
        Err(refusal) => vec![Finding::unchecked("the alarms", &refusal.reason)],
    }
}

async fn all_alarms(api: &Api<'_>, stack: &Stack) -> Result<Vec<Value>, Refusal> {
    let prefix = format!("{}-", stack.name());
    let (mut alarms, mut next) = (Vec::new(), None::<String>);
    loop {
        let mut fields = vec![("AlarmNamePrefix", prefix.as_str()), ("MaxRecords", "100")];
        fields.extend(next.as_deref().map(|token| ("NextToken", token)));
        let mut page = api.query(CLOUDWATCH, "DescribeAlarms", &fields).await?;
        let listed = page["MetricAlarms"].as_array_mut();
        alarms.extend(listed.into_iter().flat_map(std::mem::take));
        next = page["NextToken"].as_str().map(str::to_owned);
        if next.is_none() {
            return Ok(alarms);
        }
    }
}

/// What is wrong with an alarm of this stack.
fn judge(stack: &Stack, alarm: &Value) -> Option<Finding> {
    let name = stack.logical(alarm["AlarmName"].as_str()?)?;
    if alarm["ActionsEnabled"] == "false" {
        let problem = "has its actions switched off: nobody hears it";
        let found = Finding::warning("alarm_muted", name, problem);
        return Some(found.advice("aws cloudwatch enable-alarm-actions", ALARMS));
    }
    if alarm["StateValue"] != "ALARM" {
        return None;
    }
    let since = alarm["StateUpdatedTimestamp"].as_str().unwrap_or("an unknown time");
    let meaning = alarm["AlarmDescription"].as_str().unwrap_or_default();
    let meaning = meaning.split(" docs/").next().unwrap_or_default().trim_end_matches('.');
    let found = Finding::warning("alarm", name, format!("rings since {since}: {meaning}"));
    Some(found.advice("see its row in the table of alarms", ALARMS))
}

/// Looks at the schedules and whether they run their functions (scheduler:GetSchedule,
/// cloudwatch:GetMetricStatistics).
pub async fn schedules(
    api: &Api<'_>,
    stack: &Stack,
    expected: &[(String, String)],
) -> Vec<Finding> {
    let looked = expected.iter().map(|(name, function)| async move {
        let Some(physical) = stack.physical(name) else { return Some(not_in_stack(name)) };
        let answer = api.get(SCHEDULER, "GetSchedule", &format!("/schedules/{physical}")).await;
        let schedule = match answer {
            Ok(schedule) => schedule,
            Err(refusal) => return Some(Finding::of_refusal(name, &refusal)),
        };
        let function_name = stack.physical(function)?;
        if schedule["State"] == "DISABLED" {
            let problem = format!("is disabled: nothing runs {function}");
            let found = Finding::fault("schedule_disabled", name, problem);
            return Some(found.advice("enable it in EventBridge Scheduler", ALARMS));
        }
        silence(api, name, function_name, &schedule).await
    });
    join_all(looked).await.into_iter().flatten().collect()
}

/// Whether a schedule has run nothing for hours.
async fn silence(api: &Api<'_>, name: &str, function: &str, schedule: &Value) -> Option<Finding> {
    let now = api.environment.clock.now();
    let (from, to) = (to_iso(now - SILENT), to_iso(now));
    let fields = [
        ("Namespace", "AWS/Lambda"),
        ("MetricName", "Invocations"),
        ("Dimensions.member.1.Name", "FunctionName"),
        ("Dimensions.member.1.Value", function),
        ("Statistics.member.1", "Sum"),
        ("Period", "10800"),
        ("StartTime", &from),
        ("EndTime", &to),
    ];
    let runs = match api.query(CLOUDWATCH, "GetMetricStatistics", &fields).await {
        Ok(runs) => runs,
        Err(refusal) => return Some(Finding::unchecked(name, &refusal.reason)),
    };
    let points = runs["Datapoints"].as_array().into_iter().flatten();
    let mut sums = points.filter_map(|point| point["Sum"].as_str()?.parse::<f64>().ok());
    if sums.any(|sum| sum > 0.0) || is_new(schedule, now) {
        return None;
    }
    let problem = "has run nothing for three hours";
    let advice = "see its role and its target; run the function by hand meanwhile";
    Some(Finding::fault("schedule_silent", name, problem).advice(advice, "Ask again by hand"))
}

/// Whether a schedule was made so lately that it need not have run. The time is in seconds, or as text.
fn is_new(schedule: &Value, now: OffsetDateTime) -> bool {
    let made = &schedule["CreationDate"];
    let as_text = made.as_str().and_then(|at| OffsetDateTime::parse(at, &Iso8601::PARSING).ok());
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are enough")]
    let seconds = made.as_f64().map(|seconds| seconds as i64);
    let made = as_text.or_else(|| OffsetDateTime::from_unix_timestamp(seconds?).ok());
    made.is_some_and(|made| now - made < Duration::HOUR)
}
