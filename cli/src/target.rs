//! Where the gateway is: a sandbox, or the AWS account that the environment names.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use reqwest::{Method, Request, Url};
use shared::config::{Vars, parse_base_url};
use shared::upstream::Http;

use crate::failure::Failure;

/// What no command does without.
const REQUIRED: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
/// What is taken where it is set.
const OPTIONAL: [&str; 3] = ["AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"];
/// How long a sandbox may take to tell a function's environment.
const SANDBOX_TIMEOUT: Duration = Duration::from_secs(5);

/// The address of a sandbox. An empty one is none: a variable that a script failed to set must not
/// turn a command for the sandbox into one for AWS.
#[derive(Debug, Clone)]
pub struct SandboxUrl(String);

impl FromStr for SandboxUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = parse_base_url("", text).map_err(|_| "must be an absolute http(s) URL")?;
        Ok(Self(url))
    }
}

impl fmt::Display for SandboxUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the gateway is.
pub enum Target {
    /// The sandbox at this address.
    Sandbox(SandboxUrl),
    /// The account of the environment's credentials.
    Aws,
}

/// The table that a command works on.
pub struct Table<'a> {
    /// A function that knows its name.
    pub function: &'static str,
    /// The variable that holds its name.
    pub variable: &'static str,
    /// The name, where it was given by argument.
    pub given: Option<&'a str>,
}

impl Target {
    /// The variables that a store of `table` is opened with, and no others.
    ///
    /// # Errors
    /// [`Failure`] when the sandbox does not tell them, or the environment lacks some.
    pub async fn vars(&self, table: &Table<'_>, http: &Http) -> Result<Vars, Failure> {
        let known = match self {
            Self::Sandbox(url) => environment(url, table.function, http).await?,
            Self::Aws => process(table.variable),
        };
        let names = REQUIRED.into_iter().chain(OPTIONAL).chain([table.variable]);
        let value = |name| match table.given {
            Some(given) if name == table.variable => Some(given),
            _ => known.optional(name),
        };
        let vars: Vars =
            names.filter_map(|name| Some((name.to_owned(), value(name)?.to_owned()))).collect();
        let missing = missing(&vars, table.variable);
        match self {
            _ if missing.is_empty() => Ok(vars),
            Self::Sandbox(url) => {
                Err(no_sandbox(url, format!("it does not tell {}", missing.join(", "))))
            }
            Self::Aws => Err(Failure::Missing(missing)),
        }
    }
}

fn missing(vars: &Vars, table: &str) -> Vec<String> {
    let required = REQUIRED.into_iter().chain([table]);
    let missing = required.filter(|name| vars.optional(name).is_none());
    missing
        .map(|name| if name == table { format!("{name} (or --table)") } else { name.to_owned() })
        .collect()
}

/// The variables in question of this process. One by one: others may hold what is no text.
fn process(table: &str) -> Vars {
    let names = REQUIRED.into_iter().chain(OPTIONAL).chain([table]);
    names.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect()
}

/// The environment of a sandbox's function.
async fn environment(url: &SandboxUrl, function: &str, http: &Http) -> Result<Vars, Failure> {
    let address: Url = format!("{url}/_sandbox/env/{function}")
        .parse()
        .map_err(|_| no_sandbox(url, "no such address".to_owned()))?;
    let answer = http
        .send(Request::new(Method::GET, address), SANDBOX_TIMEOUT)
        .await
        .map_err(|reason| Failure::NoAnswer { url: url.to_string(), reason })?;
    if !answer.status.is_success() {
        return Err(no_sandbox(url, format!("status {}", answer.status.as_u16())));
    }
    let lines = String::from_utf8_lossy(&answer.body);
    let pairs = lines.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn no_sandbox(url: &SandboxUrl, problem: String) -> Failure {
    Failure::NoSandbox { url: url.to_string(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_address_is_refused_and_not_taken_for_none() {
        for text in ["", " ", "127.0.0.1:9000", "ftp://127.0.0.1"] {
            assert!(text.parse::<SandboxUrl>().is_err(), "{text}");
        }
        let url: SandboxUrl = "http://127.0.0.1:9000/".parse().unwrap();
        assert_eq!(url.to_string(), "http://127.0.0.1:9000");
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let vars: Vars = [("AWS_REGION".to_owned(), "eu-west-1".to_owned())].into_iter().collect();
        let expected = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "T (or --table)"];
        assert_eq!(missing(&vars, "T"), expected);
    }
}
