//! The instances of a function, as Lambda has them: each works on one invocation at a time, has its
//! own clock, breakers and clients, and may die.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lambda_runtime::Context;
use sandbox::aws::instances::{Entry, StartFunction};
use serde_json::Value;
use shared::platform::aws::clients::Clients;
use shared::platform::breaker::Breakers;
use shared::platform::environment::{CredentialRefusals, Environment};
use shared::platform::http::Http;
use shared::platform::outside::Outside;
use shared::platform::pace::Pace;

use super::life::Life;
use super::network::{Caller, Network};

/// How many instances wait at most before an idle one is always taken.
const MOST_IDLE: usize = 3;

/// A function with its instances.
pub struct Fleet {
    name: String,
    start: StartFunction,
    vars: BTreeMap<String, String>,
    network: Network,
    idle: Mutex<Vec<Running>>,
    started: AtomicU32,
}

struct Running {
    entry: Entry,
    deployment: u32,
    life: Arc<Life>,
}

impl Fleet {
    /// A function without instances.
    pub fn new(
        name: &str,
        start: StartFunction,
        vars: BTreeMap<String, String>,
        network: Network,
    ) -> Self {
        let (idle, started) = (Mutex::default(), AtomicU32::new(0));
        Self { name: name.to_owned(), start, vars, network, idle, started }
    }

    /// How the sandbox starts it.
    pub fn starter(self: Arc<Self>) -> StartFunction {
        Arc::new(move |_, _| {
            let fleet = self.clone();
            let entry: Entry = Arc::new(move |event, context| {
                let fleet = fleet.clone();
                Box::pin(async move { fleet.invoke(event, context).await })
            });
            Box::pin(async move { Ok(entry) })
        })
    }

    /// Runs one invocation in an instance. If the future is dropped, as at the function's timeout, the
    /// instance is gone.
    async fn invoke(&self, event: String, mut context: Context) -> Result<Value, String> {
        let world = self.network.world();
        if world.is_away(&self.name) {
            return Err("the function is missing".to_owned());
        }
        // The deadline is of the system's clock, which this world does not have.
        context.deadline = 0;
        let running = match self.idle_instance() {
            Some(running) => running,
            None => self.started().await?,
        };
        let outcome = tokio::select! {
            biased;
            () = running.life.ended() => Err("the instance died".to_owned()),
            outcome = (running.entry)(event, context) => outcome,
        };
        if !running.life.is_over() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(running);
        }
        outcome
    }

    fn idle_instance(&self) -> Option<Running> {
        let world = self.network.world();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|running| running.deployment == world.deployment().number);
        let is_new = idle.len() < MOST_IDLE && world.chance(world.schedule.settings.spread_percent);
        if idle.is_empty() || is_new {
            return None;
        }
        let index = world.below(idle.len());
        Some(idle.swap_remove(index))
    }

    async fn started(&self) -> Result<Running, String> {
        let world = self.network.world();
        let deployment = world.deployment();
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let life = Arc::new(Life::default());
        let caller = Caller { name: self.name.clone(), number, life: Some(life.clone()) };
        let network = Arc::new(self.network.of(caller));
        let environment = Environment {
            clock: world.instance_clock(),
            random: world.random.clone(),
            http: Http::in_process(network.clone()),
            outside: Outside::in_process(network),
            aws: Clients::none(),
            credential_refusals: CredentialRefusals::default(),
            breakers: Breakers::default(),
            pace: Pace::default(),
        };
        world.tell(|| format!("an instance {}#{number} starts", self.name));
        let entry = tokio::select! {
            biased;
            () = life.ended() => return Err("the instance died at its start".to_owned()),
            entry = (self.start)(deployment.vars(&self.vars), environment) => entry,
        };
        let entry = entry.map_err(|error| error.to_string())?;
        Ok(Running { entry, deployment: deployment.number, life })
    }
}
