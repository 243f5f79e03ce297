//! What the template of this version deploys: `template.yaml` is compiled in, so that there is no second list.

use saphyr::{LoadableYamlNode, Yaml};

/// The template.
const TEMPLATE: &str = include_str!("../../../template.yaml");

/// What a deployment of this version has.
#[derive(Debug, Default)]
pub struct Expected {
    /// The functions.
    pub functions: Vec<Function>,
    /// The tables.
    pub tables: Vec<Table>,
    /// The queues that have a dead-letter queue.
    pub queues: Vec<Queue>,
    /// The schedules, with the functions that they run.
    pub schedules: Vec<(String, String)>,
}

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name in the template.
    pub name: String,
    /// The last part of its `CodeUri`: its name in the sandbox.
    pub package: String,
    /// The names of its variables.
    pub variables: Vec<String>,
    /// The names of the mappings from queues to it.
    pub mappings: Vec<String>,
}

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Its name in the template.
    pub name: String,
    /// The attribute by which items expire.
    pub ttl: Option<String>,
    /// Whether it can be restored to any time of the last 35 days.
    pub has_recovery: bool,
    /// Whether it is protected against deletion, unless a parameter says otherwise.
    pub is_protected: bool,
}

/// A queue.
#[derive(Debug)]
pub struct Queue {
    /// Its name in the template.
    pub name: String,
    /// The name of its dead-letter queue.
    pub letters: String,
    /// After how many receives a message goes there.
    pub receives: i64,
}

impl Expected {
    /// Reads the template.
    pub fn of_this_version() -> Self {
        Self::read(TEMPLATE).unwrap_or_default()
    }

    fn read(text: &str) -> Option<Self> {
        let documents = Yaml::load_from_str(text).ok()?;
        let document = documents.first()?;
        let globals = at(document, &["Globals", "Function", "Environment", "Variables"]);
        let globals: Vec<String> = globals.map(keys).unwrap_or_default();
        let mut expected = Self::default();
        for (name, resource) in pairs(at(document, &["Resources"])?) {
            match at(resource, &["Type"]).and_then(Yaml::as_str)? {
                "AWS::Serverless::Function" => {
                    expected.functions.push(function(name, resource, &globals)?);
                }
                "AWS::DynamoDB::Table" => expected.tables.push(table(name, resource)),
                "AWS::SQS::Queue" => expected.queues.extend(queue(name, resource)),
                "AWS::Scheduler::Schedule" => {
                    let target = at(resource, &["Properties", "Target", "Arn"])?.as_str()?;
                    let target = target.split('.').next().unwrap_or_default();
                    expected.schedules.push((name.to_owned(), target.to_owned()));
                }
                _ => {}
            }
        }
        Some(expected)
    }
}

fn function(name: &str, resource: &Yaml<'_>, globals: &[String]) -> Option<Function> {
    let code = at(resource, &["Properties", "CodeUri"])?.as_str()?;
    let own = at(resource, &["Properties", "Environment", "Variables"]).map(keys);
    let events = at(resource, &["Properties", "Events"]).map(pairs).unwrap_or_default();
    let from_queues = events.into_iter().filter(|(_, event)| {
        at(event, &["Type"]).and_then(Yaml::as_str).is_some_and(|kind| kind == "SQS")
    });
    Some(Function {
        name: name.to_owned(),
        package: code.trim_end_matches('/').rsplit('/').next()?.to_owned(),
        variables: globals.iter().cloned().chain(own.into_iter().flatten()).collect(),
        mappings: from_queues.map(|(event, _)| format!("{name}{event}")).collect(),
    })
}

fn table(name: &str, resource: &Yaml<'_>) -> Table {
    let property = |path: &[&str]| at(at(resource, &["Properties"])?, path);
    let ttl = property(&["TimeToLiveSpecification", "AttributeName"]).and_then(Yaml::as_str);
    let recovery = ["PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"];
    Table {
        name: name.to_owned(),
        ttl: ttl.map(str::to_owned),
        has_recovery: property(&recovery).and_then(Yaml::as_bool) == Some(true),
        is_protected: property(&["DeletionProtectionEnabled"]).is_some(),
    }
}

fn queue(name: &str, resource: &Yaml<'_>) -> Option<Queue> {
    let policy = at(resource, &["Properties", "RedrivePolicy"])?;
    let letters = at(policy, &["deadLetterTargetArn"])?.as_str()?;
    let receives = at(policy, &["maxReceiveCount"])?.as_integer()?;
    let letters = letters.split('.').next()?.to_owned();
    Some(Queue { name: name.to_owned(), letters, receives })
}

/// What is at a path, without CloudFormation's tags: `!Ref x` is `x`.
fn at<'a, 'y>(node: &'a Yaml<'y>, path: &[&str]) -> Option<&'a Yaml<'y>> {
    let node = match node {
        Yaml::Tagged(_, inner) => inner,
        other => other,
    };
    match path {
        [] => Some(node),
        [first, rest @ ..] => at(node.as_mapping_get(first)?, rest),
    }
}

fn pairs<'a, 'y>(node: &'a Yaml<'y>) -> Vec<(&'a str, &'a Yaml<'y>)> {
    let pairs = node.as_mapping().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.as_str()?, value))).collect()
}

fn keys(node: &Yaml<'_>) -> Vec<String> {
    pairs(node).into_iter().map(|(key, _)| key.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_read() {
        let expected = Expected::of_this_version();
        let Expected { functions, tables, queues, schedules } = &expected;
        let requery = functions.iter().find(|it| it.name == "RequeryFunction").unwrap();
        assert_eq!(requery.package, "requery");
        assert_eq!(requery.mappings, ["RequeryFunctionRequeries", "RequeryFunctionFollowUps"]);
        for variable in ["DEPLOYMENT_KIND", "PURCHASES_TABLE", "NOTIFY_QUEUE_URL"] {
            assert!(requery.variables.iter().any(|it| it == variable), "{requery:?}");
        }
        let table = |name: &str| tables.iter().find(|it| it.name == name).unwrap();
        let purchases = table("PurchasesTable");
        assert_eq!(purchases.ttl.as_deref(), Some("expires_at"));
        assert!(purchases.has_recovery && purchases.is_protected, "{purchases:?}");
        let limits = table("LimitsTable");
        assert!(!limits.has_recovery && !limits.is_protected, "{limits:?}");
        assert_eq!(table("TenantsTable").ttl, None);
        let names: Vec<&str> = queues.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["RequeryQueue", "FollowUpQueue", "NotifyQueue", "WebhookQueue"]);
        let letters = (queues[0].letters.as_str(), queues[0].receives);
        assert_eq!(letters, ("RequeryDeadLetterQueue", 1000));
        let of_reconcile = ("ReconcileSchedule".to_owned(), "ReconcileFunction".to_owned());
        assert!(schedules.contains(&of_reconcile), "{schedules:?}");
        assert_eq!((functions.len(), tables.len(), schedules.len()), (16, 11, 2));
    }
}
