//! Functions: their state, variables, code, and whether queues reach them.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::Value;
use shared::domain::time::to_iso;
use shared::platform::config::Vars;
use time::format_description::well_known::Iso8601;
use time::{Duration, OffsetDateTime};

use super::expected;
use super::finding::{Finding, Severity};
use crate::aws::api::Api;
use crate::aws::stack::Stack;

/// Lambda's name and variable.
const LAMBDA: (&str, &str) = ("lambda", "AWS_ENDPOINT_URL_LAMBDA");
/// How much older than the newest function's last change another one's is worth a look.
const APART: Duration = Duration::DAY;
/// How the description of a function begins whose instances were renewed by hand (`recycle` of the runbook): its
/// last change says nothing about its code.
const RENEWED: &str = "renewed";

/// A function as it is deployed.
pub struct Deployed {
    /// Its name in the template.
    pub name: String,
    /// Its variables.
    pub vars: Vars,
    /// The hash of its code.
    code: String,
    /// When its code or its configuration was last changed, if that may tell of its code.
    changed: Option<OffsetDateTime>,
}

/// Looks at all functions (lambda:GetFunction, lambda:GetEventSourceMapping). Gives those that are there.
pub async fn check(
    api: &Api<'_>,
    stack: &Stack,
    expected: &[expected::Function],
) -> (Vec<Deployed>, Vec<Finding>) {
    let looked = join_all(expected.iter().map(|function| look(api, stack, function))).await;
    let (mut deployed, mut findings) = (Vec::new(), Vec::new());
    for (function, found) in looked {
        deployed.extend(function);
        findings.extend(found);
    }
    findings.extend(same_code(&deployed));
    findings.extend(older(&deployed));
    let mappings = expected.iter().flat_map(|function| &function.mappings);
    let looked = join_all(mappings.map(|mapping| look_at_mapping(api, stack, mapping))).await;
    findings.extend(looked.into_iter().flatten());
    (deployed, findings)
}

async fn look(
    api: &Api<'_>,
    stack: &Stack,
    expected: &expected::Function,
) -> (Option<Deployed>, Vec<Finding>) {
    let name = &expected.name;
    let Some(physical) = stack.physical(name) else { return (None, vec![not_in_stack(name)]) };
    let answer = api.get(LAMBDA, "GetFunction", &format!("/2015-03-31/functions/{physical}")).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(refusal) => return (None, vec![Finding::of_refusal(name, &refusal)]),
    };
    let configuration = &answer["Configuration"];
    let variables = configuration["Environment"]["Variables"].as_object().into_iter().flatten();
    let vars: Vars = variables
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let has = |name: &str| configuration["Environment"]["Variables"].get(name).is_some();
    let mut findings = Vec::from_iter(variables_of(name, &expected.variables, has));
    findings.extend(elsewhere(name, &expected.variables, &vars, stack));
    findings.extend(state(name, &answer));
    let renewed = configuration["Description"].as_str().is_some_and(|it| it.starts_with(RENEWED));
    let changed = configuration["LastModified"].as_str().filter(|_| !renewed);
    let changed = changed.and_then(|at| OffsetDateTime::parse(at, &Iso8601::PARSING).ok());
    let code = configuration["CodeSha256"].as_str().unwrap_or_default().to_owned();
    (Some(Deployed { name: name.clone(), vars, code, changed }), findings)
}

/// The finding that the stack has no such resource.
pub fn not_in_stack(name: &str) -> Finding {
    Finding::fault(
        "not_in_stack",
        name,
        "is not in the stack: it was deployed from another version than this tool",
    )
    .advice("deploy this version, or use the tool of the deployed version", "Deploy")
}

/// Variables that a function lacks. Without one that it needs it does not start.
pub fn variables_of(
    name: &str,
    expected: &[String],
    has: impl Fn(&str) -> bool,
) -> Option<Finding> {
    let missing: Vec<&str> =
        expected.iter().map(String::as_str).filter(|variable| !has(variable)).collect();
    if missing.is_empty() {
        return None;
    }
    let problem = format!("lacks {}, so it may not start", missing.join(", "));
    let advice = "deploy this version of the template; nobody should change variables by hand";
    Some(Finding::fault("variable_missing", name, problem).advice(advice, "Deploy"))
}

/// Variables that name another table or queue than the stack's.
fn elsewhere(name: &str, variables: &[String], vars: &Vars, stack: &Stack) -> Option<Finding> {
    let differs = |variable: &&String| {
        let (own, stacks) = (vars.optional(variable), stack.variable(variable));
        own.zip(stacks).is_some_and(|(own, stacks)| own != stacks)
    };
    let differing: Vec<&str> = variables.iter().filter(differs).map(String::as_str).collect();
    let problem = format!("does not use the stack's own: {}", differing.join(", "));
    let advice = "deploy the stack, unless a restored table is meant";
    let found = Finding::warning("variable_elsewhere", name, problem);
    (!differing.is_empty()).then(|| found.advice(advice, "Restore a table"))
}

fn state(name: &str, answer: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let configuration = &answer["Configuration"];
    let text = |field: &str| configuration[field].as_str().unwrap_or_default().to_owned();
    if ["Failed", "Inactive"].contains(&text("State").as_str()) {
        let problem = format!("is {}: {}", text("State").to_lowercase(), text("StateReason"));
        findings.push(
            Finding::fault("function_state", name, problem)
                .advice("deploy the stack again; see its log", "Deploy"),
        );
    }
    if text("LastUpdateStatus") == "Failed" {
        let reason = text("LastUpdateStatusReason");
        let problem = format!("still runs what it ran before: its last update failed: {reason}");
        findings.push(
            Finding::fault("function_update", name, problem).advice("deploy again", "Deploy"),
        );
    }
    if answer["Concurrency"]["ReservedConcurrentExecutions"] == 0 {
        findings.push(
            Finding::warning("function_paused", name, "is paused: it is never run")
                .advice("resume it, unless a procedure is under way", "Pause and resume"),
        );
    }
    findings
}

/// Two functions with the same code: one of them has the other's.
fn same_code(deployed: &[Deployed]) -> Vec<Finding> {
    let mut by_code: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for function in deployed.iter().filter(|function| !function.code.is_empty()) {
        by_code.entry(&function.code).or_default().push(&function.name);
    }
    let same = by_code.into_values().filter(|names| names.len() > 1);
    same.map(|names| {
        let problem = "run the same code, and each has its own: one was given another's binary";
        Finding::fault("same_code", &names.join(", "), problem)
            .advice("build the whole workspace and deploy", "Deploy")
    })
    .collect()
}

/// Functions whose last change is well before that of the newest. A binary does not tell its version from
/// outside, so this is no proof: a function that a commit does not touch keeps its code in a deploy.
fn older(deployed: &[Deployed]) -> Vec<Finding> {
    let newest = deployed.iter().filter_map(|it| Some((it.changed?, &it.name))).max();
    let Some((newest, newest_name)) = newest else { return Vec::new() };
    let old = deployed.iter().filter_map(|it| Some((it, it.changed?)));
    let old = old.filter(|(_, changed)| newest - *changed > APART);
    old.map(|(function, changed)| {
        let problem = format!(
            "was last changed at {}, and {newest_name} at {}: it may run an old binary",
            to_iso(changed),
            to_iso(newest)
        );
        Finding::new(Severity::Look, "older_function", &function.name, problem).advice(
            "a change of shared code changes every binary. If one was built alone, build the whole workspace and deploy",
            "Deploy",
        )
    })
    .collect()
}

async fn look_at_mapping(api: &Api<'_>, stack: &Stack, name: &str) -> Option<Finding> {
    let Some(id) = stack.physical(name) else { return Some(not_in_stack(name)) };
    let path = format!("/2015-03-31/event-source-mappings/{id}");
    match api.get(LAMBDA, "GetEventSourceMapping", &path).await {
        Ok(mapping) => {
            match mapping["State"].as_str() {
                Some("Enabled" | "Enabling" | "Updating" | "Creating") => None,
                state => {
                    let state = state.unwrap_or("unknown").to_lowercase();
                    let problem = format!("is {state}: the queue's jobs are not done");
                    let found = Finding::fault("mapping_disabled", name, problem);
                    Some(found.advice(
                        "switch it on, unless a procedure is under way",
                        "Pause and resume",
                    ))
                }
            }
        }
        Err(refusal) => Some(Finding::of_refusal(name, &refusal)),
    }
}
