//! The command `telco-gateway doctor`: reads a deployment and says what is wrong.
//!
//! It changes nothing. [`expected`] is what this version's template deploys; the other modules compare it with
//! what is there, each for some services of AWS.

mod business;
mod expected;
mod finding;
mod functions;
mod secrets;
mod stores;
mod watch;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use shared::platform::aws;
use shared::platform::config::Vars;

use self::expected::Expected;
use self::finding::{Finding, Severity};
use crate::aws::api::Api;
use crate::aws::stack::Stack;
use crate::context::Context;
use crate::failure::Failure;
use crate::table::document;
use crate::target::{Account, Table, Target};

/// The arguments of `doctor`.
#[derive(Args)]
#[command(after_long_help = crate::help::DOCTOR)]
pub struct DoctorArguments {}

/// Runs the command and gives what to print.
///
/// # Errors
/// [`Failure`], also with the findings where there are any that somebody should act on.
pub async fn run(_: DoctorArguments, context: &Context) -> Result<String, Failure> {
    let expected = Expected::of_this_version();
    let progress = ProgressBar::new_spinner().with_message("looking at the deployment");
    progress.enable_steady_tick(Duration::from_millis(120));
    let looked = match &context.target {
        Target::Aws(account) => of_stack(account, &expected, context).await,
        Target::Sandbox(_) => of_sandbox(&expected, context).await,
    };
    progress.finish_and_clear();
    let mut findings = looked?;
    findings.sort_by_key(|finding| finding.severity);
    let text = if context.json { json_of(&findings) } else { text_of(&findings) };
    match findings.iter().all(|finding| finding.severity == Severity::Look) {
        true => Ok(text),
        false => Err(Failure::Findings(text)),
    }
}

/// Everything about a stack on AWS.
async fn of_stack(
    account: &Account,
    expected: &Expected,
    context: &Context,
) -> Result<Vec<Finding>, Failure> {
    let environment = &context.environment;
    let Some(stack) = account.stack(environment).await? else {
        let needs = "doctor needs --stack NAME, or --sandbox URL";
        return Err(Failure::Configuration(needs.to_owned()));
    };
    let vars = &account.session(environment).await.vars;
    let api = Api { vars, environment };
    let (deployed, mut findings) = functions::check(&api, stack, &expected.functions).await;
    findings.extend(watch::stack(&api, stack).await);
    findings.extend(secrets::check(&api, &deployed).await);
    findings.extend(of_stores(vars, stack, expected, context).await?);
    findings.extend(watch::topic(&api, stack).await);
    findings.extend(watch::alarms(&api, stack).await);
    findings.extend(watch::schedules(&api, stack, &expected.schedules).await);
    let books = deployed.into_iter().find(|function| function.name == "BooksFunction");
    findings.extend(of_business(context, &books.map(|books| books.vars).unwrap_or_default()).await);
    Ok(findings)
}

async fn of_stores(
    vars: &Vars,
    stack: &Stack,
    expected: &Expected,
    context: &Context,
) -> Result<Vec<Finding>, Failure> {
    let http = &context.environment.http;
    let (tables, queues) = (aws::dynamodb_url(vars)?, aws::sqs_url(vars)?);
    tokio::join!(http.warm(&tables), http.warm(&queues));
    let dynamodb = aws::dynamodb(vars, &context.environment)?;
    let mut findings = stores::tables(&dynamodb, stack, &expected.tables).await;
    let url = |name: &str| stack.physical(name).map(str::to_owned);
    let sqs = aws::sqs(vars, &context.environment)?;
    findings.extend(stores::queues(&sqs, url, &expected.queues).await);
    Ok(findings)
}

/// What a sandbox can tell: it has no secrets, alarms, schedules, backups and versions.
async fn of_sandbox(expected: &Expected, context: &Context) -> Result<Vec<Finding>, Failure> {
    let environment = &context.environment;
    let (mut findings, mut books) = (Vec::new(), Vars::default());
    for function in &expected.functions {
        let vars = context.target.all_vars(&function.package, environment).await?;
        let names: BTreeSet<&str> = vars.names().collect();
        let has = |name: &str| names.contains(name);
        findings.extend(functions::variables_of(&function.name, &function.variables, has));
        if function.package == "books" {
            books = vars;
        }
    }
    let variable = "REQUERY_QUEUE_URL";
    let table = Table { function: "requery", variable, given: None, also: &[] };
    let vars = context.target.vars(&table, environment).await?;
    let place = vars.required(variable)?.rsplit_once('/').map(|(place, _)| place.to_owned());
    let url = |name: &str| place.as_ref().map(|place| format!("{place}/{name}"));
    let sqs = aws::sqs(&vars, environment)?;
    findings.extend(stores::queues(&sqs, url, &expected.queues).await);
    findings.extend(of_business(context, &books).await);
    Ok(findings)
}

async fn of_business(context: &Context, books: &Vars) -> Vec<Finding> {
    let mut findings = business::guards(context).await;
    findings.extend(business::wallet(context, books).await);
    findings.extend(business::reviews(context).await);
    findings
}

fn json_of(findings: &[Finding]) -> String {
    let views: Vec<Value> = findings.iter().map(Finding::view).collect();
    document(&json!({ "findings": views }))
}

fn text_of(findings: &[Finding]) -> String {
    let text: String = findings.iter().map(Finding::text).collect();
    let count = |severity| findings.iter().filter(|it| it.severity == severity).count();
    let counted = [Severity::Fault, Severity::Warning, Severity::Unchecked, Severity::Look]
        .map(|severity| format!("{} {}", count(severity), severity.name()));
    match findings.is_empty() {
        true => "nothing is wrong that can be seen from here\n".to_owned(),
        false => format!("{text}{}\n", counted.join(", ")),
    }
}
