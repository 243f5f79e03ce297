//! Lambda, as far as a function can tell: JSON in, JSON out, through the entry that production
//! uses; dropped at its timeout, a panic costs one answer.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, service_fn};
use lambda_runtime::{Context, LambdaEvent, Service};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::config::Vars;
use shared::http_function::{HttpFunction, serve};
use shared::instance::{self, Instance};
use shared::queue_function::{self, QueueFunction};
use shared::secrets::StartError;
use shared::world::{Random, World};
use tokio::sync::Semaphore;

/// The largest event and answer of a synchronous invocation.
pub const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

type Answer = Pin<Box<dyn Future<Output = Result<Value, String>> + Send>>;
/// A function's entry: an event's JSON in, the answer's JSON out.
pub type Entry = Arc<dyn Fn(String, Context) -> Answer + Send + Sync>;
/// Starts a function from its variables, as its `main` does.
pub type Build = Arc<dyn Fn(Vars, World) -> Starting + Send + Sync>;
type Starting = Pin<Box<dyn Future<Output = Result<Entry, StartError>> + Send>>;
/// The functions there are, by their names in the template.
pub type Registry = BTreeMap<String, Build>;

/// A function as deployed.
pub struct Function {
    name: String,
    entry: Entry,
    timeout: Duration,
    concurrency: Semaphore,
    random: Random,
}

/// Why an invocation has no answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The handler returned an error.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The handler panicked.
    #[error("the function panicked")]
    Panicked,
    /// The handler was dropped at its timeout.
    #[error("the function timed out")]
    TimedOut,
    /// The event or the answer is larger than Lambda takes.
    #[error("the payload is too large")]
    TooLarge,
    /// More invocations at once than the function's reserved concurrency.
    #[error("the function is throttled")]
    Throttled,
}

impl Function {
    /// A function that gets `timeout` for each invocation and runs at most `concurrency` at once.
    pub fn new(
        name: &str,
        entry: Entry,
        timeout: Duration,
        concurrency: usize,
        random: Random,
    ) -> Self {
        let concurrency = Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS));
        Self { name: name.to_owned(), entry, timeout, concurrency, random }
    }

    /// Invokes the function once, and waits. In a task of its own: a client that hangs up does not
    /// stop a Lambda.
    ///
    /// # Errors
    /// [`InvokeError`].
    pub async fn invoke(&self, event: &impl Serialize) -> Result<Value, InvokeError> {
        let event = serde_json::to_string(event).map_err(|e| InvokeError::Failed(e.to_string()))?;
        if event.len() > MAX_PAYLOAD_BYTES {
            return Err(InvokeError::TooLarge);
        }
        let _permit = self.concurrency.try_acquire().map_err(|_| InvokeError::Throttled)?;
        let answer = (self.entry)(event, self.context());
        let mut task = tokio::spawn(answer);
        let outcome = match tokio::time::timeout(self.timeout, &mut task).await {
            Ok(Ok(outcome)) => outcome.map_err(InvokeError::Failed),
            Ok(Err(_)) => Err(InvokeError::Panicked),
            Err(_) => {
                task.abort();
                Err(InvokeError::TimedOut)
            }
        };
        match &outcome {
            Ok(answer) if answer.to_string().len() > MAX_PAYLOAD_BYTES => {
                Err(InvokeError::TooLarge)
            }
            Ok(_) => outcome,
            Err(reason) => {
                tracing::error!(function = self.name, %reason, "invocation without an answer");
                outcome
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

/// A function behind the HTTP API, entered through `lambda_http`'s own adapter.
pub fn http<F: HttpFunction>() -> Build {
    started(F::new, |function: Arc<F>, call| async move {
        let Call { event, context, cold_start } = call;
        let request: LambdaRequest = parse(&event)?;
        let mut adapter =
            Adapter::from(service_fn(|request| serve(&*function, request, cold_start)));
        match adapter.call(LambdaEvent::new(request, context)).await {
            Ok(answer) => json(&answer),
            Err(never) => match never {},
        }
    })
}

/// A function behind a queue.
pub fn queue<F: QueueFunction>() -> Build {
    started(F::new, |function: Arc<F>, call| async move {
        json(&queue_function::serve(&*function, parse(&call.event)?, call.cold_start).await)
    })
}

/// Any other function: the event's type in, the answer's type out.
pub fn typed<F, I, O, E, Fut>(build: instance::Build<F>, call: fn(Arc<F>, I) -> Fut) -> Build
where
    F: Send + Sync + 'static,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    E: std::fmt::Display + Send + 'static,
    Fut: Future<Output = Result<O, E>> + Send + 'static,
{
    started(build, move |function, Call { event, .. }| async move {
        let answer = call(function, parse(&event)?).await;
        json(&answer.map_err(|error| error.to_string())?)
    })
}

/// One call of a function.
struct Call {
    event: String,
    context: Context,
    cold_start: bool,
}

/// Each call enters the function as it is then: a refusal of its secrets renews it.
fn started<F, C, Fut>(build: instance::Build<F>, call: C) -> Build
where
    F: Send + Sync + 'static,
    C: Fn(Arc<F>, Call) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, String>> + Send + 'static,
{
    Arc::new(move |vars, world| {
        Box::pin(async move {
            let instance = Arc::new(Instance::start(vars, &world, build).await?);
            let entry: Entry = Arc::new(move |event, context| {
                let instance = instance.clone();
                Box::pin(async move {
                    let cold_start = instance.is_cold();
                    call(instance.current().await, Call { event, context, cold_start }).await
                })
            });
            Ok(entry)
        })
    })
}

fn parse<T: DeserializeOwned>(event: &str) -> Result<T, String> {
    serde_json::from_str(event).map_err(|error| error.to_string())
}

fn json(answer: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(answer).map_err(|error| error.to_string())
}
