//! What every command is given: where the gateway is, and how the answer is printed.

use aws_sdk_dynamodb::Client;
use shared::platform::aws;
use shared::platform::config::Vars;
use shared::platform::environment::Environment;
use shared::store::Tenants;

use crate::failure::Failure;
use crate::target::{Table, Target};

/// What every command is given.
pub struct Context {
    /// Where the gateway is.
    pub target: Target,
    /// Whether one JSON document is printed.
    pub json: bool,
    /// Time, randomness and network.
    pub environment: Environment,
    /// The tool itself, with all its commands and arguments.
    pub tool: clap::Command,
}

impl Context {
    /// The variables for a table, and a client for it with an open connection.
    ///
    /// # Errors
    /// [`Failure`] when something is missing.
    pub async fn open(&self, table: &Table<'_>) -> Result<(Vars, Client), Failure> {
        let Self { target, environment, .. } = self;
        let vars = target.vars(table, environment).await?;
        // The store's timeouts are short, for a function near its table. The operator may be far away.
        environment.http.warm(&aws::dynamodb_url(&vars)?).await;
        let dynamodb = aws::dynamodb(&vars, environment)?;
        Ok((vars, dynamodb))
    }

    /// The table of tenants.
    ///
    /// # Errors
    /// [`Failure`] when something is missing.
    pub async fn tenants(&self, given: Option<&str>) -> Result<Tenants, Failure> {
        let table = Table { function: "authorizer", variable: "TENANTS_TABLE", given, also: &[] };
        let (vars, dynamodb) = self.open(&table).await?;
        Ok(Tenants::from_vars(&vars, &dynamodb)?)
    }
}
