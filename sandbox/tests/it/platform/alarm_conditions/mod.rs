//! Each alarm of the template on a metric of AWS rings when it should and not before, by the numbers of
//! the sandbox. The list of alarms is the template's: a new alarm is judged, too, or fails by name.
//! Rates, and the alarms on our own metrics, are judged on made-up days.

pub mod alarm;
mod made_up;
pub mod math;
mod plant;

use std::collections::BTreeMap;
use std::sync::Arc;

use sandbox::aws::lambda::Entry;
use serde_json::Value;

use self::alarm::Alarm;
use self::math::Kind;
use self::plant::{Plan, Plant, minutes_to_ring};

/// Judges all alarms of a kind, or all.
async fn judge(plan: &Plan, kind: Option<Kind>) -> Result<usize, String> {
    let mut alarms = Alarm::of_aws(&plan.template())?;
    alarms.retain(|alarm| kind.is_none_or(|kind| alarm.metric().kind == kind));
    stay_silent_in_health(plan, &alarms).await?;
    let mut groups: BTreeMap<Kind, Vec<Alarm>> = BTreeMap::new();
    for alarm in &alarms {
        match alarm.is_for_silence() {
            true => rings_in_silence(plan, alarm).await?,
            false => groups.entry(alarm.metric().kind).or_default().push(alarm.clone()),
        }
    }
    for group in groups.values() {
        ring_one_after_the_other(plan, group).await?;
    }
    Ok(alarms.len())
}

/// While everything works and nobody calls, no alarm rings.
async fn stay_silent_in_health(plan: &Plan, alarms: &[Alarm]) -> Result<(), String> {
    let mut plant = Plant::start(plan, alarms).await?;
    let longest = alarms.iter().map(Alarm::minutes).max().unwrap_or(0);
    for _ in 0..2 * longest {
        plant.pass_minute().await;
        if let Some(alarm) = alarms.iter().find(|it| it.rings(&plant.values) == Some(true)) {
            return Err(format!("{}: it rings although nothing is wrong", alarm.name));
        }
    }
    Ok(())
}

/// An alarm for too few invocations rings when the function's schedules stop.
async fn rings_in_silence(plan: &Plan, alarm: &Alarm) -> Result<(), String> {
    let (plan, silenced) = plan.silenced(&alarm.metric().resource);
    if alarm.metric().kind != Kind::Invocations || silenced == 0 {
        return Err(format!("{}: no way to make it ring by silence", alarm.name));
    }
    let mut plant = Plant::start(&plan, std::slice::from_ref(alarm)).await?;
    for _ in 0..alarm.minutes() {
        plant.pass_minute().await;
    }
    match alarm.rings(&plant.values) {
        Some(true) => Ok(()),
        Some(false) | None => Err(deaf(alarm, &plant)),
    }
}

/// Drives the alarms of one kind, each in addition to those before. Each must then ring, although
/// others already do; and none rings for what happens elsewhere.
async fn ring_one_after_the_other(plan: &Plan, group: &[Alarm]) -> Result<(), String> {
    let plan = Plan { triggers: !group[0].metric().kind.is_of_a_queue(), ..plan.clone() };
    let mut plant = Plant::start(&plan, group).await?;
    for _ in 0..group.iter().map(Alarm::minutes).max().unwrap_or(0) {
        plant.pass_minute().await;
    }
    check(group, &[], &plant)?;
    for (index, alarm) in group.iter().enumerate() {
        if alarm.metric().kind == Kind::Invocations {
            return Err(format!("{}: no way to make it ring by noise", alarm.name));
        }
        let driven = &group[..=index];
        plant.begin(alarm).await;
        check(group, &group[..index], &plant)?;
        for _ in 0..minutes_to_ring(alarm)? {
            for quiet in
                group.iter().filter(|it| driven.iter().all(|on| on.metric() != it.metric()))
            {
                plant.work(quiet).await;
            }
            for alarm in driven {
                plant.drive(alarm).await?;
            }
            plant.pass_minute().await;
        }
        check(group, driven, &plant)?;
    }
    Ok(())
}

/// Whether the driven alarms ring, and none on another resource.
fn check(group: &[Alarm], driven: &[Alarm], plant: &Plant) -> Result<(), String> {
    for alarm in group {
        let is_driven = driven.iter().any(|it| it.name == alarm.name);
        let is_touched = driven.iter().any(|it| it.metric() == alarm.metric());
        match alarm.rings(&plant.values) {
            Some(false) if is_driven => return Err(deaf(alarm, plant)),
            Some(true) if !is_touched => {
                return Err(format!("{}: it rings for something else", alarm.name));
            }
            Some(_) => {}
            None => return Err(format!("{}: too few minutes", alarm.name)),
        }
    }
    Ok(())
}

fn deaf(alarm: &Alarm, plant: &Plant) -> String {
    let values = &plant.values[alarm.metric()];
    let last = &values[values.len().saturating_sub(alarm.minutes())..];
    format!("{}: it does not ring, with the values {last:?}", alarm.name)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_alarm_on_a_metric_of_aws_rings_when_it_should_and_not_before() {
    let judged = judge(&Plan::new(sandbox::TEMPLATE), None).await.unwrap();
    assert!(judged >= 9, "{judged}");
}

/// The template with `from` in one resource replaced.
fn changed(resource: &str, from: &str, to: &str) -> Plan {
    let (before, block) = sandbox::TEMPLATE.split_once(&format!("\n  {resource}:\n")).unwrap();
    assert!(block.contains(from));
    let block = block.replacen(from, to, 1);
    let before = before.replace("MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 3600");
    Plan::new(&format!("{before}\n  {resource}:\n{block}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_that_cannot_ring_or_rings_for_nothing_fails_by_name() {
    let errors = "AuthorizerErrorAlarm";
    for (resource, from, to, kind, wanted) in [
        (errors, "MetricName: Errors", "MetricName: Duration", Kind::Errors, "no way to make"),
        (errors, "Threshold: 0", "Threshold: 1000000", Kind::Errors, "too many"),
        (errors, "GreaterThan", "LessThan", Kind::Errors, "no way to make it ring by silence"),
        (errors, "Statistic: Sum", "Statistic: Maximum", Kind::Errors, "does not fit"),
        (errors, "notBreaching", "breaching", Kind::Errors, "although nothing is wrong"),
        (errors, "!Ref AuthorizerFunction", "Nothing", Kind::Errors, "there is no Nothing"),
        ("ServerErrorAlarm", "/ requests", "/ all", Kind::ServerErrors, "is not known"),
        // The message is gone before the alarm would ring: an hour is the retention here.
        ("QueueAgeAlarm", "Threshold: 2700", "Threshold: 3600", Kind::Age, "does not ring"),
    ] {
        let problem = judge(&changed(resource, from, to), Some(kind)).await.unwrap_err();
        assert!(problem.starts_with(&format!("{resource}: ")), "{problem}");
        assert!(problem.contains(wanted), "{problem}");
    }
}

/// A function that a schedule invokes, with an alarm for its silence, and a queue with an alarm.
const CLERK: &str = r#"
  ClerkFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/clerk/
  ClerkSchedule:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(5 minutes)
      FlexibleTimeWindow: { Mode: "OFF" }
      Target:
        Arn: !GetAtt ClerkFunction.Arn
        RoleArn: arn:aws:iam::000000000000:role/any
        Input: '{}'
  ClerkQueue:
    Type: AWS::SQS::Queue
  ClerkAgeAlarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/SQS
      MetricName: ApproximateAgeOfOldestMessage
      Dimensions: [{ Name: QueueName, Value: !GetAtt ClerkQueue.QueueName }]
      Statistic: Maximum
      ComparisonOperator: GreaterThanOrEqualToThreshold
      Threshold: 600
      Period: 300
      EvaluationPeriods: 1
      TreatMissingData: notBreaching
  ClerkSilentAlarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/Lambda
      MetricName: Invocations
      Dimensions: [{ Name: FunctionName, Value: !Ref ClerkFunction }]
      Statistic: Sum
      ComparisonOperator: LessThanThreshold
      Threshold: 1
      Period: 600
      EvaluationPeriods: 2
      TreatMissingData: breaching
"#;

/// The template with the clerk.
fn with_clerk(from: &str, to: &str) -> Plan {
    assert!(CLERK.contains(from));
    let (before, after) = sandbox::TEMPLATE.split_once("\nOutputs:").unwrap();
    let mut plan = Plan::new(&format!("{before}{}\nOutputs:{after}", CLERK.replace(from, to)));
    let entry: Entry = Arc::new(|_, _| Box::pin(async { Ok(Value::Null) }));
    let start = move |_, _| {
        let entry = entry.clone();
        Box::pin(async move { Ok(entry) }) as _
    };
    plan.registry.insert("clerk".to_owned(), Arc::new(start));
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_for_silence_rings_when_its_schedule_stops_and_not_while_it_runs() {
    let judged = async |from, to| judge(&with_clerk(from, to), Some(Kind::Invocations)).await;
    assert_eq!(judged("", "").await, Ok(3), "the clerk's, reconcile's and that of the books");
    for (from, to, wanted) in [
        ("rate(5 minutes)", "rate(1 hour)", "although nothing is wrong"),
        ("TreatMissingData: breaching", "TreatMissingData: notBreaching", "does not ring"),
        ("Arn: !GetAtt ClerkFunction.Arn", "Arn: !GetAtt ClerkQueue.Arn", "nothing is wrong"),
    ] {
        let problem = judged(from, to).await.unwrap_err();
        assert!(problem.starts_with("ClerkSilentAlarm: ") && problem.contains(wanted), "{problem}");
    }
    // Five queues, each with its alarm for age.
    assert_eq!(judge(&with_clerk("", ""), Some(Kind::Age)).await, Ok(5));
}
