//! A function in a running Lambda instance. It is built with the secrets of its start, and built
//! again with new ones after a provider has refused them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use lambda_runtime::Error;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::platform::aws::clients::Clients;
use crate::platform::breaker::Breakers;
use crate::platform::config::{ConfigError, Vars};
use crate::platform::environment::{CredentialRefusals, Environment};
use crate::platform::secrets::StartError;
use crate::platform::{aws, secrets, telemetry};

/// Builds a function from its variables.
pub type Build<F> = fn(&Vars, &Environment) -> Result<F, ConfigError>;

/// The shortest time between two renewals, so that wrong credentials are not fetched at every call.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest time until one that failed is tried again, twice as long after each that follows, up to
/// [`PAUSE`]. With the old credentials each order fails.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(4);

/// How long a renewal may take.
const RENEWAL: Duration = Duration::from_millis(1_500);

/// A function and what it was built from.
pub struct Instance<F> {
    vars: Vars,
    environment: Environment,
    build: Build<F>,
    function: RwLock<Arc<F>>,
    renewals: Mutex<Renewals>,
    warm: AtomicBool,
}

/// What became of the last renewals.
#[derive(Default)]
struct Renewals {
    /// Before this time the secrets are not renewed again.
    not_before: Option<OffsetDateTime>,
    /// How many failed since one succeeded.
    failures: u32,
}

impl<F> Instance<F> {
    /// Starts the function `name` under the Lambda runtime, with its log.
    ///
    /// # Errors
    /// When configuration is missing or a secret cannot be read.
    pub(super) async fn in_lambda(name: &str, build: Build<F>) -> Result<Self, Error> {
        telemetry::log::init([name]);
        let (vars, environment) = (Vars::from_process(), Environment::real());
        // The first request's handshakes are cheapest here: the init phase has a full processor.
        let opened = aws::open_connections(&vars, &environment);
        let (instance, opened) =
            tokio::join!(Self::start(vars.clone(), &environment, build), opened);
        opened?;
        Ok(instance?)
    }

    /// Fetches the secrets and builds the function.
    ///
    /// # Errors
    /// [`StartError`]: the function must then not start.
    pub async fn start(
        vars: Vars,
        environment: &Environment,
        build: Build<F>,
    ) -> Result<Self, StartError> {
        // Each instance has its own.
        let environment = Environment {
            aws: Clients::of_instance(),
            credential_refusals: CredentialRefusals::default(),
            breakers: Breakers::default(),
            ..environment.clone()
        };
        // The clients are built while the secrets are on their way.
        let clients = async { aws::build_clients(&vars, &environment) };
        let (resolved, ()) = tokio::join!(secrets::resolved(&vars, &environment), clients);
        let function = build(&resolved?, &environment)?;
        let (function, renewals) = (RwLock::new(Arc::new(function)), Mutex::default());
        let warm = AtomicBool::new(false);
        Ok(Self { vars, environment, build, function, renewals, warm })
    }

    /// The function for the next call. If a provider refused our credentials in an earlier call, the
    /// function is built again with the current secrets. The refused call is not repeated.
    pub async fn current(&self) -> Arc<F> {
        if self.environment.credential_refusals.any() && secrets::are_named(&self.vars) {
            Box::pin(self.renew()).await;
        }
        self.function.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this is the instance's first call.
    pub fn is_cold(&self) -> bool {
        !self.warm.swap(true, Ordering::Relaxed)
    }

    async fn renew(&self) {
        // One call renews; the others use the function that there is.
        let Ok(mut renewals) = self.renewals.try_lock() else { return };
        let now = self.environment.clock.now();
        if renewals.not_before.is_some_and(|then| now < then) {
            return;
        }
        // The call waits for this, so it is limited.
        let rebuilt = tokio::time::timeout(RENEWAL, self.rebuilt()).await;
        let rebuilt = rebuilt.unwrap_or_else(|_| Err(StartError::TooSlow));
        let pause = match rebuilt {
            Ok(function) => {
                self.environment.credential_refusals.clear();
                *self.function.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(function);
                tracing::info!("secrets renewed");
                renewals.failures = 0;
                PAUSE
            }
            Err(error) => {
                tracing::error!(%error, "secrets cannot be renewed");
                let longest = PAUSE_AFTER_FAILURE * 2_u32.pow(renewals.failures.min(4));
                renewals.failures += 1;
                // By chance, because others may have failed at the same time: so many asked.
                let half = longest.min(PAUSE) / 2;
                half + self.environment.random.part_of(half)
            }
        };
        renewals.not_before = Some(now + pause);
    }

    async fn rebuilt(&self) -> Result<F, StartError> {
        let vars = secrets::resolved(&self.vars, &self.environment).await?;
        Ok((self.build)(&vars, &self.environment)?)
    }
}
