//! The instances of a function. They share nothing, as in Lambda, where each has a process of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lambda_runtime::Context;
use serde_json::Value;
use shared::platform::config::Vars;
use shared::platform::environment::Environment;
use tokio::sync::OnceCell;

use super::switches::{MAX_INSTANCES, Switches};
use crate::listener::StartupError;

type Invocation = Pin<Box<dyn Future<Output = Result<Value, String>> + Send>>;
/// A function's entry: takes an event's JSON, gives the answer's JSON.
pub type Entry = Arc<dyn Fn(String, Context) -> Invocation + Send + Sync>;
/// Starts a function from its environment variables, as its `main` does.
pub type StartFunction = Arc<dyn Fn(Vars, Environment) -> StartedFunction + Send + Sync>;
type StartedFunction = Pin<Box<dyn Future<Output = Result<Entry, StartupError>> + Send>>;

/// The instances of a function. They take the invocations in turn.
pub struct Instances {
    start: StartFunction,
    vars: Vars,
    environment: Environment,
    switches: Switches,
    started: Vec<OnceCell<Entry>>,
    turn: AtomicUsize,
}

impl Instances {
    /// Starts the first instance. The others start with their first invocation, if the switch asks
    /// for them.
    ///
    /// # Errors
    /// When the function does not start.
    pub async fn start(
        start: StartFunction,
        vars: Vars,
        environment: Environment,
        switches: Switches,
    ) -> Result<Self, StartupError> {
        let started = (0..MAX_INSTANCES).map(|_| OnceCell::new()).collect();
        let turn = AtomicUsize::new(0);
        let instances = Self { start, vars, environment, switches, started, turn };
        instances.at(0).await?;
        Ok(instances)
    }

    /// The instance whose turn it is.
    pub(crate) async fn next(&self) -> Result<Entry, StartupError> {
        let count = self.switches.positions().instances;
        self.at(self.turn.fetch_add(1, Ordering::Relaxed) % count).await
    }

    async fn at(&self, index: usize) -> Result<Entry, StartupError> {
        let start = || (self.start)(self.vars.clone(), self.environment.clone());
        self.started[index].get_or_try_init(start).await.cloned()
    }
}
