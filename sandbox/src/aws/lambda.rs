//! Runs functions as Lambda does: through the same entry as in production, JSON in and JSON out,
//! with a timeout and a limit of concurrency. A panic fails one invocation only.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, service_fn};
use lambda_runtime::{Context, LambdaEvent, Service};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::lambda::http_function::{HttpFunction, serve};
use shared::lambda::instance;
use shared::lambda::instance::Instance;
use shared::lambda::queue_function;
use shared::lambda::queue_function::QueueFunction;
use shared::lambda::scheduled_function;
use shared::lambda::scheduled_function::ScheduledFunction;
use shared::platform::environment::Random;
use tokio::sync::Semaphore;

use super::instances::Instances;
pub use super::instances::{Entry, StartFunction};

/// The largest event and answer of a synchronous invocation.
pub const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// All functions that can be deployed, by their names in the template.
pub type Registry = BTreeMap<String, StartFunction>;

/// A deployed function.
pub struct Function {
    name: String,
    timeout: Duration,
    concurrency: Semaphore,
    random: Random,
    instances: Instances,
    counts: Counts,
}

/// Why an invocation failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The handler returned an error.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The handler panicked.
    #[error("the function panicked")]
    Panicked,
    /// The handler was stopped at its timeout.
    #[error("the function timed out")]
    TimedOut,
    /// The event or the answer exceeds [`MAX_PAYLOAD_BYTES`].
    #[error("the payload is too large")]
    TooLarge,
    /// All of the function's concurrency is in use.
    #[error("the function is throttled")]
    Throttled,
}

/// What CloudWatch would have counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionMetrics {
    /// `Invocations`: those that were not throttled.
    pub invocations: u64,
    /// `Errors`: those of them that failed, panicked, timed out or answered too much.
    pub errors: u64,
    /// `Throttles`.
    pub throttles: u64,
}

#[derive(Default)]
struct Counts {
    invocations: AtomicU64,
    errors: AtomicU64,
    throttles: AtomicU64,
}

impl Function {
    /// A function with at most `concurrency` invocations at a time, each with the given timeout.
    pub fn new(
        name: &str,
        timeout: Duration,
        concurrency: usize,
        random: Random,
        instances: Instances,
    ) -> Self {
        let concurrency = Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS));
        let counts = Counts::default();
        Self { name: name.to_owned(), timeout, concurrency, random, instances, counts }
    }

    /// Invokes the function and waits for its answer. It runs in a task of its own, because a
    /// client that disconnects does not stop a Lambda function.
    ///
    /// # Errors
    /// [`InvokeError`].
    pub async fn invoke(&self, event: &impl Serialize) -> Result<Value, InvokeError> {
        let event = serde_json::to_string(event).map_err(|e| InvokeError::Failed(e.to_string()))?;
        if event.len() > MAX_PAYLOAD_BYTES {
            return Err(InvokeError::TooLarge);
        }
        let Ok(_permit) = self.concurrency.try_acquire() else {
            self.counts.throttles.fetch_add(1, Ordering::Relaxed);
            return Err(InvokeError::Throttled);
        };
        self.counts.invocations.fetch_add(1, Ordering::Relaxed);
        let outcome = match self.run(event).await {
            Ok(answer) if answer.to_string().len() > MAX_PAYLOAD_BYTES => {
                Err(InvokeError::TooLarge)
            }
            outcome => outcome,
        };
        if let Err(reason) = &outcome {
            self.counts.errors.fetch_add(1, Ordering::Relaxed);
            tracing::error!(function = self.name, %reason, "the invocation failed");
        }
        outcome
    }

    /// Its name in the template.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was counted since the start.
    pub fn metrics(&self) -> FunctionMetrics {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FunctionMetrics {
            invocations: count(&self.counts.invocations),
            errors: count(&self.counts.errors),
            throttles: count(&self.counts.throttles),
        }
    }

    async fn run(&self, event: String) -> Result<Value, InvokeError> {
        let entry = self.instances.next().await;
        let entry = entry.map_err(|error| InvokeError::Failed(error.to_string()))?;
        let mut task = tokio::spawn(entry(event, self.context()));
        match tokio::time::timeout(self.timeout, &mut task).await {
            Ok(Ok(outcome)) => outcome.map_err(InvokeError::Failed),
            Ok(Err(_)) => Err(InvokeError::Panicked),
            Err(_) => {
                task.abort();
                Err(InvokeError::TimedOut)
            }
        }
    }

    fn context(&self) -> Context {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut context = Context::default();
        context.request_id = self.random.id();
        context.deadline = u64::try_from((now + self.timeout).as_millis()).unwrap_or(u64::MAX);
        context
    }
}

/// A function behind the HTTP API, called through `lambda_http`'s own adapter.
pub fn http<F: HttpFunction>() -> StartFunction {
    start_with(F::new, |function: Arc<F>, input| async move {
        let InvocationInput { event, context, cold_start } = input;
        let request: LambdaRequest = parse(&event)?;
        let mut adapter =
            Adapter::from(service_fn(|request| serve(&*function, request, cold_start)));
        match adapter.call(LambdaEvent::new(request, context)).await {
            Ok(answer) => json(&answer),
            Err(never) => match never {},
        }
    })
}

/// A function behind a queue trigger.
pub fn queue<F: QueueFunction>() -> StartFunction {
    start_with(F::new, |function: Arc<F>, input| async move {
        let event = parse(&input.event)?;
        json(&queue_function::serve(&*function, event, input.cold_start).await)
    })
}

/// A function that a schedule invokes.
pub fn scheduled<F: ScheduledFunction>() -> StartFunction {
    start_with(F::new, |function: Arc<F>, input| async move {
        let left = scheduled_function::time_left(&input.context);
        let run = scheduled_function::serve(&*function, left, input.cold_start);
        run.await.map_err(|failed| failed.to_string())
    })
}

/// What one invocation passes to the function.
pub(crate) struct InvocationInput {
    pub(crate) event: String,
    context: Context,
    cold_start: bool,
}

/// A function of any kind. Each invocation takes the current function: after a provider refused its credentials it is built
/// again.
pub(crate) fn start_with<F, C, Fut>(build: instance::Build<F>, invoke: C) -> StartFunction
where
    F: Send + Sync + 'static,
    C: Fn(Arc<F>, InvocationInput) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, String>> + Send + 'static,
{
    Arc::new(move |vars, environment| {
        Box::pin(async move {
            let instance = Arc::new(Instance::start(vars, &environment, build).await?);
            let entry: Entry = Arc::new(move |event, context| {
                let instance = instance.clone();
                Box::pin(async move {
                    let cold_start = instance.is_cold();
                    let input = InvocationInput { event, context, cold_start };
                    invoke(instance.current().await, input).await
                })
            });
            Ok(entry)
        })
    })
}

pub(crate) fn parse<T: DeserializeOwned>(event: &str) -> Result<T, String> {
    serde_json::from_str(event).map_err(|error| error.to_string())
}

pub(crate) fn json(answer: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(answer).map_err(|error| error.to_string())
}
