//! Functions as they are deployed: each instance is a process of the built binary, which gets its events from an
//! emulator of the Lambda Runtime API. An instance has one event at a time; where all are busy, another one starts.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use lambda_runtime::Context;
use serde_json::Value;
use shared::platform::config::Vars;
use tokio::process::{Child, Command};

use super::instances::Entry;
use super::lambda::{Registry, StartFunction};
use super::runtime_api::{Invocation, RuntimeApi, RuntimeError, Waiting};
use crate::listener::StartupError;

/// `MemorySize` of the template's functions, in MB. Lambda's processor share follows from it; here it is
/// only the value of a variable.
const MEMORY_MB: &str = "256";

/// These functions, each from its binary `NAME/bootstrap` in the folder, where cargo-lambda puts it.
pub fn registry(folder: &Path, names: impl Iterator<Item = String>) -> Registry {
    names.map(|name| (name.clone(), process(folder.join(&name).join("bootstrap"), name))).collect()
}

/// The variables that Lambda itself gives a function, without those of its account.
pub fn lambda_vars(function: &str) -> [(&'static str, String); 9] {
    [
        ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MB.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{function}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]0".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ]
}

fn process(binary: PathBuf, name: String) -> StartFunction {
    Arc::new(move |vars, _| {
        let pool =
            Pool { binary: binary.clone(), name: name.clone(), vars, idle: Mutex::default() };
        Box::pin(async move {
            pool.put(Instance::start(&pool).await?);
            let pool = Arc::new(pool);
            let entry: Entry = Arc::new(move |event, context| {
                let pool = pool.clone();
                Box::pin(async move { pool.invoke(event, &context).await })
            });
            Ok(entry)
        })
    })
}

/// The processes of a function.
struct Pool {
    binary: PathBuf,
    name: String,
    vars: Vars,
    idle: Mutex<Vec<Instance>>,
}

impl Pool {
    /// Invokes the instance that was idle for the shortest time, or a new one. Where this is stopped at the
    /// function's timeout, the instance is killed, as Lambda does.
    async fn invoke(&self, event: String, context: &Context) -> Result<Value, String> {
        let mut instance = match self.take() {
            Some(idle) => idle,
            None => Instance::start(self).await.map_err(|error| error.to_string())?,
        };
        let (id, deadline_ms) = (context.request_id.clone(), context.deadline);
        // The trace is that of the event: a header of the request, or an attribute of the message.
        let invocation = Invocation { id, deadline_ms, event, trace: None };
        match instance.invoke(invocation).await {
            Ok(answer) => {
                self.put(instance);
                serde_json::from_slice(&answer).map_err(|error| error.to_string())
            }
            Err(RuntimeError::Failed(reason)) => {
                self.put(instance);
                Err(reason)
            }
            Err(broken @ RuntimeError::Broken(_)) => Err(broken.to_string()),
        }
    }

    fn take(&self) -> Option<Instance> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find_map(Instance::if_alive)
    }

    fn put(&self, instance: Instance) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(instance);
    }
}

/// A process, started as Lambda starts it. It is killed when this is dropped.
struct Instance {
    child: Child,
    api: RuntimeApi,
    /// The first time that it waits for an event.
    ready: Option<Waiting>,
}

impl Instance {
    /// Starts the binary with the function's variables and no others, and waits until it asks for an event. Its
    /// log is this process's.
    async fn start(pool: &Pool) -> Result<Self, StartupError> {
        let api = RuntimeApi::start(&pool.name).await?;
        let vars = pool.vars.names().filter_map(|name| Some((name, pool.vars.optional(name)?)));
        let child = Command::new(&pool.binary)
            .env_clear()
            .envs(lambda_vars(&pool.name))
            .envs(vars)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", pool.binary.display()))?;
        let mut instance = Self { child, api, ready: None };
        instance.ready = Some(instance.waiting().await?);
        Ok(instance)
    }

    async fn invoke(&mut self, invocation: Invocation) -> Result<Vec<u8>, RuntimeError> {
        let waiting = match self.ready.take() {
            Some(waiting) => waiting,
            None => self.waiting().await?,
        };
        tokio::select! {
            answer = self.api.invoke(waiting, invocation) => Ok(answer?.body.into()),
            ended = ended(&mut self.child) => Err(ended),
        }
    }

    async fn waiting(&mut self) -> Result<Waiting, RuntimeError> {
        tokio::select! {
            waiting = self.api.waiting() => waiting,
            ended = ended(&mut self.child) => Err(ended),
        }
    }

    /// The instance, unless its process has ended.
    fn if_alive(mut self) -> Option<Self> {
        matches!(self.child.try_wait(), Ok(None)).then_some(self)
    }
}

/// Waits until the process ends by itself.
async fn ended(child: &mut Child) -> RuntimeError {
    RuntimeError::Broken(match child.wait().await {
        Ok(status) => format!("its process ended by itself: {status}"),
        Err(error) => error.to_string(),
    })
}
