//! Tables and queues: what protects their contents, and dead letters.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::types::{PointInTimeRecoveryStatus, TableStatus, TimeToLiveStatus};
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use futures_util::future::join_all;
use serde_json::Value;
use shared::platform::aws::AwsError;

use super::expected::{Queue, Table};
use super::finding::Finding;
use super::functions::not_in_stack;
use crate::aws::stack::Stack;

/// Looks at all tables (dynamodb:DescribeTable, DescribeTimeToLive, DescribeContinuousBackups).
pub async fn tables(client: &DynamoDb, stack: &Stack, expected: &[Table]) -> Vec<Finding> {
    let looked = join_all(expected.iter().map(|table| async move {
        match stack.physical(&table.name) {
            Some(physical) => look_at_table(client, table, physical).await,
            None => Ok(vec![not_in_stack(&table.name)]),
        }
        .unwrap_or_else(|error| vec![unchecked(&table.name, &error)])
    }));
    looked.await.into_iter().flatten().collect()
}

async fn look_at_table(
    client: &DynamoDb,
    expected: &Table,
    physical: &str,
) -> Result<Vec<Finding>, AwsError> {
    let name = &expected.name;
    let described = match client.describe_table().table_name(physical).send().await {
        Ok(answer) => answer.table,
        Err(error)
            if error.as_service_error().is_some_and(|it| it.is_resource_not_found_exception()) =>
        {
            let gone = Finding::fault("missing", name, "does not exist any more");
            return Ok(vec![gone.advice("restore it", "Restore a table")]);
        }
        Err(error) => return Err(error.into()),
    };
    let mut findings = Vec::new();
    let table = described.as_ref();
    let is_active = table.and_then(|table| table.table_status.as_ref());
    if !matches!(is_active, Some(TableStatus::Active | TableStatus::Updating)) {
        let status = is_active.map_or("unknown", TableStatus::as_str);
        let found =
            Finding::fault("table_state", name, format!("is {status}, so it does not work"));
        findings.push(found.advice("wait, or restore it", "Restore a table"));
    }
    let is_protected = table.and_then(|table| table.deletion_protection_enabled) == Some(true);
    if expected.is_protected && !is_protected {
        let found =
            Finding::warning("table_unprotected", name, "is not protected against deletion");
        findings.push(found.advice("deploy with DeletionProtection=true", "Restore a table"));
    }
    if let Some(attribute) = &expected.ttl {
        findings.extend(without_ttl(client, name, physical, attribute).await?);
    }
    if expected.has_recovery {
        findings.extend(without_recovery(client, name, physical).await?);
    }
    Ok(findings)
}

async fn without_ttl(
    client: &DynamoDb,
    name: &str,
    physical: &str,
    attribute: &str,
) -> Result<Option<Finding>, AwsError> {
    let ttl = client.describe_time_to_live().table_name(physical).send().await?;
    let is_on = ttl.time_to_live_description.is_some_and(|ttl| {
        let on = [TimeToLiveStatus::Enabled, TimeToLiveStatus::Enabling];
        let status = ttl.time_to_live_status.as_ref();
        status.is_some_and(|status| on.contains(status))
            && ttl.attribute_name.as_deref() == Some(attribute)
    });
    let problem = format!("has no TTL on {attribute}: what has ended is never deleted");
    let advice = format!(
        "aws dynamodb update-time-to-live --table-name {physical} \
         --time-to-live-specification AttributeName={attribute},Enabled=true"
    );
    let found = Finding::fault("table_without_ttl", name, problem);
    Ok((!is_on).then(|| found.advice(advice, "Restore a table")))
}

async fn without_recovery(
    client: &DynamoDb,
    name: &str,
    physical: &str,
) -> Result<Option<Finding>, AwsError> {
    let backups = client.describe_continuous_backups().table_name(physical).send().await?;
    let recovery = backups
        .continuous_backups_description
        .and_then(|backups| backups.point_in_time_recovery_description)
        .and_then(|recovery| recovery.point_in_time_recovery_status);
    let is_on = recovery == Some(PointInTimeRecoveryStatus::Enabled);
    let problem = "has no point-in-time recovery: a mistake in it cannot be undone";
    let advice = format!(
        "aws dynamodb update-continuous-backups --table-name {physical} \
         --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
    );
    let found = Finding::fault("table_without_recovery", name, problem);
    Ok((!is_on).then(|| found.advice(advice, "Restore a table")))
}

/// Looks at all queues (sqs:GetQueueAttributes). `url` gives a queue's address by its name in the template.
pub async fn queues(
    client: &Sqs,
    url: impl Fn(&str) -> Option<String>,
    expected: &[Queue],
) -> Vec<Finding> {
    let looked = join_all(expected.iter().map(|queue| {
        let urls = (url(&queue.name), url(&queue.letters));
        async move {
            let (Some(own), Some(letters)) = urls else { return vec![not_in_stack(&queue.name)] };
            let looked = look_at_queue(client, queue, &own, &letters).await;
            looked.unwrap_or_else(|error| vec![unchecked(&queue.name, &error)])
        }
    }));
    looked.await.into_iter().flatten().collect()
}

async fn look_at_queue(
    client: &Sqs,
    expected: &Queue,
    url: &str,
    letters_url: &str,
) -> Result<Vec<Finding>, AwsError> {
    let (own, letters) = (attributes(client, url).await?, attributes(client, letters_url).await?);
    let name = &expected.name;
    let mut findings = Vec::new();
    let policy = own.get(&Attribute::RedrivePolicy).map_or("", String::as_str);
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let target = policy["deadLetterTargetArn"].as_str();
    let receives = &policy["maxReceiveCount"];
    let receives = receives.as_i64().or_else(|| receives.as_str()?.parse().ok());
    if target.is_none() || target != letters.get(&Attribute::QueueArn).map(String::as_str) {
        let problem =
            "has no redrive to its dead-letter queue: a job that fails is lost after 14 days";
        let found = Finding::fault("queue_without_redrive", name, problem);
        let advice = "deploy the stack; nobody should change queues by hand";
        findings.push(found.advice(advice, "Redrive a dead-letter queue"));
    } else if receives.is_none_or(|receives| receives < expected.receives) {
        let problem = format!(
            "gives a job up after {} tries, not {}: an outage of hours parks live jobs",
            receives.unwrap_or(0),
            expected.receives
        );
        let found = Finding::fault("queue_gives_up_early", name, problem);
        findings.push(found.advice("deploy the stack", "Redrive a dead-letter queue"));
    }
    let waiting = letters.get(&Attribute::ApproximateNumberOfMessages);
    let waiting: u64 = waiting.and_then(|count| count.parse().ok()).unwrap_or(0);
    if waiting > 0 {
        let problem = format!("has {waiting} dead letters; each expires 14 days after it was sent");
        let found = Finding::warning("dead_letters", name, problem);
        let advice =
            "find the cause (`telco-gateway dead-letters show`), then `dead-letters redrive`";
        findings.push(found.advice(advice, "Redrive a dead-letter queue"));
    }
    Ok(findings)
}

async fn attributes(client: &Sqs, url: &str) -> Result<HashMap<Attribute, String>, AwsError> {
    let get = client.get_queue_attributes().queue_url(url).attribute_names(Attribute::All);
    Ok(get.send().await?.attributes.unwrap_or_default())
}

fn unchecked(name: &str, error: &AwsError) -> Finding {
    Finding::unchecked(name, &error.reason)
}
