//! Finds the gateway: a sandbox, or the AWS account that the environment names.

use std::time::Duration;

use reqwest::{Method, Request, Url};
use shared::platform::config::{Vars, parse_base_url};
use shared::platform::http::Http;

use crate::failure::Failure;

/// The variables that every command needs.
const REQUIRED: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
/// The variables that are used if they are set.
const OPTIONAL: [&str; 4] =
    ["AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"];
/// How long a sandbox may take to answer.
const SANDBOX_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the address of a sandbox. An empty address is an error: if a script fails to set its variable,
/// a command for the sandbox must not become one for AWS.
///
/// # Errors
/// What is wrong with it, for the usage message.
pub fn sandbox_url(text: &str) -> Result<String, &'static str> {
    parse_base_url("", text).map_err(|_| "must be an absolute http(s) URL")
}

/// Where the gateway is.
pub enum Target {
    /// The sandbox at this address.
    Sandbox(String),
    /// The account of the environment's credentials.
    Aws,
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
    /// Exactly the variables that are needed to open `table`.
    ///
    /// # Errors
    /// [`Failure`] when the sandbox or the environment lacks some of them.
    pub async fn vars(&self, table: &Table<'_>, http: &Http) -> Result<Vars, Failure> {
        let known = match self {
            Self::Sandbox(url) => environment(url, table.function, http).await?,
            Self::Aws => process(table),
        };
        let names = names(table);
        let value = |name| match table.given {
            Some(given) if name == table.variable => Some(given),
            _ => known.optional(name),
        };
        let vars: Vars =
            names.filter_map(|name| Some((name.to_owned(), value(name)?.to_owned()))).collect();
        let missing = missing(&vars, table);
        match self {
            _ if missing.is_empty() => Ok(vars),
            Self::Sandbox(url) => {
                Err(no_sandbox(url, &format!("it does not report {}", missing.join(", "))))
            }
            Self::Aws => Err(Failure::Configuration(format!(
                "missing {}; --help says where to get them; --sandbox URL needs none of them",
                missing.join(", ")
            ))),
        }
    }
}

/// The variables that a command may use.
fn names<'a>(table: &Table<'a>) -> impl Iterator<Item = &'static str> + use<'a> {
    REQUIRED.into_iter().chain(OPTIONAL).chain([table.variable]).chain(table.also.iter().copied())
}

fn missing(vars: &Vars, table: &Table<'_>) -> Vec<String> {
    let named = (table.variable, format!("{} (or --table)", table.variable));
    let required =
        REQUIRED.into_iter().chain(table.also.iter().copied()).map(|name| (name, name.to_owned()));
    let required = required.chain([named]);
    required.filter(|(name, _)| vars.optional(name).is_none()).map(|(_, shown)| shown).collect()
}

/// These variables of this process. Read one by one, because others may not be valid text.
fn process(table: &Table<'_>) -> Vars {
    names(table).filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect()
}

/// The environment of a sandbox's function.
async fn environment(url: &str, function: &str, http: &Http) -> Result<Vars, Failure> {
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
    }
}
