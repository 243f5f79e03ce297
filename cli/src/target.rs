//! Finds the gateway: a sandbox, or the AWS account of the operator.

use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use reqwest::{Method, Request, Url};
use serde_json::{Value, json};
use shared::platform::config::{Vars, parse_base_url};
use shared::platform::environment::{Clock, Environment};
use shared::platform::http::Http;
use tokio::sync::OnceCell;

use crate::aws::api::{Api, SECRETS_MANAGER};
use crate::aws::session::{Asked, Session, process};
use crate::aws::stack::Stack;
use crate::failure::Failure;
use crate::help::GLOBAL;

/// The variables that every command needs.
const REQUIRED: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
/// The variables that are used if they are set.
const OPTIONAL: [&str; 4] =
    ["AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"];
/// The variable with the key of the hashes of numbers.
pub const LIMITS_KEY: &str = "LIMITS_HMAC_KEY";
/// How long a sandbox may take to answer.
const SANDBOX_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the gateway is, as it is asked for.
#[derive(Args)]
pub struct Place {
    /// Use the sandbox at this address, such as http://127.0.0.1:9000, instead of AWS
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "URL", env = "TELCO_GATEWAY_SANDBOX", value_parser = sandbox_url)]
    sandbox: Option<String>,
    /// Find tables, queues and functions in this stack of CloudFormation, by its name or its ARN
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "NAME", env = "TELCO_GATEWAY_STACK", value_parser = stack_name)]
    stack: Option<String>,
    /// The profile of the AWS configuration. It comes before credentials in the environment
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "NAME")]
    profile: Option<String>,
    /// The AWS region. It comes before those of the environment and of the profile
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "NAME")]
    region: Option<String>,
}

impl Place {
    /// The gateway that is meant. An argument comes before a variable.
    ///
    /// # Errors
    /// [`Failure`] when a sandbox and a stack are asked for in the same way.
    pub fn target(self, matches: &ArgMatches) -> Result<Target, Failure> {
        let is_argument = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        let Self { sandbox, stack, profile, region } = self;
        let is_aws = is_argument("stack") || profile.is_some() || region.is_some();
        match sandbox {
            Some(url) if !is_aws => Ok(Target::Sandbox(url)),
            Some(_) if is_argument("sandbox") => Err(Failure::Configuration(
                "--sandbox is not AWS: leave it out, or --stack, --profile and --region".to_owned(),
            )),
            Some(_) | None => {
                let account = Account::of(Asked { profile, region }, stack);
                Ok(Target::Aws(Box::new(account)))
            }
        }
    }
}

/// Reads the address of a sandbox. An empty address is an error: if a script fails to set its variable,
/// a command for the sandbox must not become one for AWS.
fn sandbox_url(text: &str) -> Result<String, &'static str> {
    parse_base_url("", text).map_err(|_| "must be an absolute http(s) URL")
}

/// Reads the name or the ARN of a stack. An empty name is an error for the same reason.
fn stack_name(text: &str) -> Result<String, &'static str> {
    let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-:/".contains(&byte));
    if is_name && !text.is_empty() {
        Ok(text.to_owned())
    } else {
        Err("must be a stack's name or its ARN")
    }
}

/// Where the gateway is.
pub enum Target {
    /// The sandbox at this address.
    Sandbox(String),
    /// An AWS account.
    Aws(Box<Account>),
}

/// An AWS account. What is found in it is found once.
pub struct Account {
    asked: Asked,
    stack: Option<String>,
    session: OnceCell<Session>,
    resources: OnceCell<Stack>,
}

impl Account {
    fn of(asked: Asked, stack: Option<String>) -> Self {
        Self { asked, stack, session: OnceCell::new(), resources: OnceCell::new() }
    }

    /// Region and credentials.
    pub async fn session(&self, environment: &Environment) -> &Session {
        self.session.get_or_init(|| Session::find(&self.asked, &environment.http)).await
    }

    /// The stack, if one is named.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be read, also for want of credentials.
    pub async fn stack(&self, environment: &Environment) -> Result<Option<&Stack>, Failure> {
        let Some(name) = &self.stack else { return Ok(None) };
        let Session { vars, missing } = self.session(environment).await;
        if !missing.is_empty() {
            return Err(incomplete(missing));
        }
        let read = || async { Stack::read(&Api { vars, environment }, name).await };
        self.resources.get_or_try_init(read).await.map(Some)
    }

    /// The key of the hashes of numbers, from the stack's secret (secretsmanager:GetSecretValue); none without
    /// a stack.
    async fn limits_key(&self, environment: &Environment) -> Result<Option<String>, Failure> {
        let Some(stack) = self.stack(environment).await? else { return Ok(None) };
        let Some(id) = stack.physical("LimitsSecret") else { return Ok(None) };
        let api = Api { vars: &self.session(environment).await.vars, environment };
        let secret =
            api.json(SECRETS_MANAGER, "GetSecretValue", &json!({ "SecretId": id })).await?;
        Ok(limits_key_in(&secret))
    }

    /// The variables that `table` may need: by argument, of the stack, or of this process.
    async fn known(&self, table: &Table<'_>, environment: &Environment) -> Result<Vars, Failure> {
        let stack = self.stack(environment).await?;
        let mut known = Vec::new();
        for name in [table.variable].into_iter().chain(table.also.iter().copied()) {
            let given = table.given.filter(|_| name == table.variable);
            let (named, set) = (stack.and_then(|stack| stack.variable(name)), process(name));
            let value = match (given, named, set) {
                (Some(given), ..) => Some(given.to_owned()),
                // One of them may be of another deployment.
                (None, Some(named), Some(set)) if named != set => {
                    return Err(not_of_stack(name));
                }
                (None, named, set) => named.map(str::to_owned).or(set),
            };
            known.extend(value.map(|value| (name.to_owned(), value)));
        }
        Ok(self.session(environment).await.vars.with_missing(known))
    }
}

/// The table that a command works on.
pub struct Table<'a> {
    /// A function whose environment holds the table's name.
    pub function: &'static str,
    /// The variable that holds its name.
    pub variable: &'static str,
    /// The name, where it was given by argument.
    pub given: Option<&'a str>,
    /// More variables that the command needs: queues that it sends to, and other tables.
    pub also: &'a [&'static str],
}

impl Target {
    /// The gateway's clock: a sandbox's may have been turned on. If it does not tell, it is this machine's.
    pub async fn clock(&self, environment: &Environment) -> Clock {
        let clock = environment.clock.clone();
        let Self::Sandbox(url) = self else { return clock };
        match ahead(url, &environment.http).await {
            Some(ahead) => Clock::from_fn(move || clock.now() + ahead),
            None => clock,
        }
    }

    /// The key of the hashes of numbers: of the sandbox, of the stack, or else of this process.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be read, or when the key of this process is not the stack's.
    pub async fn limits_key(&self, environment: &Environment) -> Result<Option<String>, Failure> {
        let set = process(LIMITS_KEY);
        let named = match self {
            Self::Sandbox(url) => return Ok(sandbox_limits_key(url, environment).await?.or(set)),
            Self::Aws(account) => account.limits_key(environment).await?,
        };
        match (named, set) {
            // By another key no number is found, and a mask would be done without masking any.
            (Some(named), Some(set)) if named != set => Err(not_of_stack(LIMITS_KEY)),
            (named, set) => Ok(named.or(set)),
        }
    }

    /// All variables of a function in the sandbox; none of AWS.
    ///
    /// # Errors
    /// [`Failure`] when the sandbox does not tell them.
    pub async fn all_vars(
        &self,
        function: &str,
        environment: &Environment,
    ) -> Result<Vars, Failure> {
        match self {
            Self::Sandbox(url) => function_vars(url, function, &environment.http).await,
            Self::Aws(_) => Ok(Vars::default()),
        }
    }

    /// Exactly the variables that are needed to open `table`.
    ///
    /// # Errors
    /// [`Failure`] when the sandbox or the environment lacks some of them.
    pub async fn vars(
        &self,
        table: &Table<'_>,
        environment: &Environment,
    ) -> Result<Vars, Failure> {
        let known = match self {
            Self::Sandbox(url) => function_vars(url, table.function, &environment.http).await?,
            Self::Aws(account) => account.known(table, environment).await?,
        };
        let value = |name| match table.given {
            Some(given) if name == table.variable => Some(given),
            _ => known.optional(name),
        };
        let needed = names(table);
        let vars: Vars =
            needed.filter_map(|name| Some((name.to_owned(), value(name)?.to_owned()))).collect();
        let unknown = unknown(&vars, table);
        match self {
            Self::Sandbox(url) => {
                let required = REQUIRED.iter().filter(|name| vars.optional(name).is_none());
                let missing: Vec<_> =
                    required.map(|name| (*name).to_owned()).chain(unknown).collect();
                match missing.is_empty() {
                    true => Ok(vars),
                    false => {
                        let lacks = format!("it does not report {}", missing.join(", "));
                        Err(no_sandbox(url, &lacks))
                    }
                }
            }
            Self::Aws(account) => {
                let missing = account.session(environment).await.missing.iter().cloned();
                let missing: Vec<_> = missing.chain(unknown).collect();
                if missing.is_empty() { Ok(vars) } else { Err(incomplete(&missing)) }
            }
        }
    }
}

fn incomplete(missing: &[String]) -> Failure {
    Failure::Configuration(format!(
        "missing {}; --help says where to get them; --sandbox URL needs none of them",
        missing.join(", ")
    ))
}

/// The variables that a command may use.
fn names<'a>(table: &Table<'a>) -> impl Iterator<Item = &'static str> + use<'a> {
    REQUIRED.into_iter().chain(OPTIONAL).chain([table.variable]).chain(table.also.iter().copied())
}

/// Which tables and queues are not known.
fn unknown(vars: &Vars, table: &Table<'_>) -> Vec<String> {
    let by_argument = if table.variable.ends_with("_TABLE") { "--table, or " } else { "" };
    let named = (table.variable, format!("{} (or {by_argument}--stack)", table.variable));
    let also = table.also.iter().map(|name| (*name, format!("{name} (or --stack)")));
    let all = also.chain([named]).filter(|(name, _)| vars.optional(name).is_none());
    all.map(|(_, shown)| shown).collect()
}

/// Refuses a variable of this process: it may be of another deployment than the stack.
fn not_of_stack(name: &str) -> Failure {
    Failure::Configuration(format!(
        "{name} in the environment is not the one of the stack: unset it, or leave --stack out"
    ))
}

/// The key of the hashes of numbers in a secret.
fn limits_key_in(secret: &Value) -> Option<String> {
    let fields: Value = serde_json::from_str(secret["SecretString"].as_str()?).ok()?;
    Some(fields[LIMITS_KEY].as_str()?.to_owned())
}

/// The key of the hashes of numbers of a sandbox, from its own Secrets Manager.
async fn sandbox_limits_key(
    url: &str,
    environment: &Environment,
) -> Result<Option<String>, Failure> {
    let vars = &function_vars(url, "purchase", &environment.http).await?;
    let Some(id) = vars.optional("LIMITS_SECRET") else { return Ok(None) };
    let (api, asked) = (Api { vars, environment }, json!({ "SecretIdList": [id] }));
    let found = api.json(SECRETS_MANAGER, "BatchGetSecretValue", &asked).await?;
    Ok(limits_key_in(&found["SecretValues"][0]))
}

/// How far a sandbox's clock is ahead of this machine's.
async fn ahead(url: &str, http: &Http) -> Option<Duration> {
    let address = format!("{url}/_sandbox/clock").parse().ok()?;
    let answer = http.send(Request::new(Method::GET, address), SANDBOX_TIMEOUT).await.ok()?;
    let told: Value = serde_json::from_slice(&answer.body).ok()?;
    Some(Duration::from_secs(told["ahead_seconds"].as_u64()?))
}

/// The environment of a sandbox's function.
async fn function_vars(url: &str, function: &str, http: &Http) -> Result<Vars, Failure> {
    let address: Url = format!("{url}/_sandbox/env/{function}")
        .parse()
        .map_err(|_| no_sandbox(url, "no such address"))?;
    let answer = http
        .send(Request::new(Method::GET, address), SANDBOX_TIMEOUT)
        .await
        .map_err(|reason| Failure::Unreachable(format!("no sandbox answers at {url}: {reason}")))?;
    if !answer.status.is_success() {
        return Err(no_sandbox(url, &format!("status {}", answer.status.as_u16())));
    }
    let lines = String::from_utf8_lossy(&answer.body);
    let pairs = lines.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn no_sandbox(url: &str, problem: &str) -> Failure {
    let message = format!("the server at {url} is not a sandbox of this gateway: {problem}");
    Failure::Unreachable(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_invalid_address_is_refused() {
        for text in ["", " ", "127.0.0.1:9000", "ftp://127.0.0.1"] {
            assert!(sandbox_url(text).is_err(), "{text}");
        }
        assert_eq!(sandbox_url("http://127.0.0.1:9000/").unwrap(), "http://127.0.0.1:9000");
        for text in ["", " ", "a b", "a'"] {
            assert!(stack_name(text).is_err(), "{text}");
        }
    }
}
