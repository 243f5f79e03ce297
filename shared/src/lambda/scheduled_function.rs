//! A function that a schedule invokes. It has no input: what is to be done stands in the store.

use std::future::Future;
use std::time::{Duration, SystemTime};

pub use lambda_runtime::Error;
use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;

use super::instance::Instance;
use crate::platform::config::{ConfigError, Vars};
use crate::platform::environment::Environment;
use crate::platform::telemetry::CallCounter;

/// A function that a schedule invokes.
pub trait ScheduledFunction: Sized + Send + Sync + 'static {
    /// The function's name in the template and in the log.
    const NAME: &'static str;

    /// Builds the function's clients, once, at start.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable it needs is missing: the function then does not start.
    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError>;

    /// Does what is due, begins nothing new after `until`, and gives counts of what it did.
    ///
    /// An error fails the invocation, which raises an alarm. The next run goes on.
    fn run(&self, until: Instant) -> impl Future<Output = Result<Value, Failed>> + Send;
}

/// The run failed. Says why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub String);

/// Runs the function under the Lambda runtime: the whole of its `main`.
///
/// # Errors
/// When configuration is missing or the runtime ends.
pub async fn run<F: ScheduledFunction>() -> Result<(), Error> {
    let instance = &Instance::in_lambda(F::NAME, F::new).await?;
    let answer = |event: LambdaEvent<Value>| async move {
        let cold_start = instance.is_cold();
        let left = time_left(&event.context);
        Ok::<_, Error>(serve(&*instance.current().await, left, cold_start).await?)
    };
    lambda_runtime::run(service_fn(answer)).await
}

/// Runs once, with `left` until Lambda ends the invocation. The runtime and the sandbox share this
/// entry.
///
/// # Errors
/// [`Failed`].
pub async fn serve<F: ScheduledFunction>(
    function: &F,
    left: Duration,
    cold_start: bool,
) -> Result<Value, Failed> {
    let begun = Instant::now();
    let counter = CallCounter::of(None);
    // The last third is for what was begun before.
    let outcome = counter.over(Box::pin(function.run(begun + left / 3 * 2))).await;
    let failed = outcome.as_ref().err().map(ToString::to_string);
    let done = outcome.as_ref().ok().map(ToString::to_string);
    log_invocation!(begun, counter.counts(), cold_start, {
        function = F::NAME,
        done,
        reason = failed,
    }, "run of {}", F::NAME);
    outcome
}

/// How long an invocation may take where its runtime names no deadline, as emulators of Lambda do.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(60);

/// How long the invocation may still take.
pub fn time_left(context: &Context) -> Duration {
    context.deadline().duration_since(SystemTime::now()).unwrap_or(WITHOUT_DEADLINE)
}
