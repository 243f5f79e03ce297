//! A function in a running instance: built with the secrets of its start, and built anew with fresh
//! ones after a provider has refused them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::config::{ConfigError, Vars};
use crate::secrets::{self, StartError};
use crate::world::{Refusals, World};

/// How a function is made of its variables.
pub type Build<F> = fn(&Vars, &World) -> Result<F, ConfigError>;

/// The least time between two renewals: credentials that are wrong for good are not fetched at
/// every call.
const PAUSE: Duration = Duration::from_secs(60);

/// How long a renewal may take.
const RENEWAL: Duration = Duration::from_millis(1_500);

/// A function and what it is made of.
pub struct Instance<F> {
    vars: Vars,
    world: World,
    build: Build<F>,
    function: RwLock<Arc<F>>,
    /// When the secrets were last fetched anew.
    renewed: Mutex<Option<OffsetDateTime>>,
    warm: AtomicBool,
}

impl<F> Instance<F> {
    /// Fetches the secrets and builds the function.
    ///
    /// # Errors
    /// [`StartError`]: the function must then not start.
    pub async fn start(vars: Vars, world: &World, build: Build<F>) -> Result<Self, StartError> {
        // Refusals are each instance's own.
        let world = World { refusals: Refusals::default(), ..world.clone() };
        let function = build(&secrets::resolved(&vars, &world).await?, &world)?;
        let (function, renewed) = (RwLock::new(Arc::new(function)), Mutex::default());
        let warm = AtomicBool::new(false);
        Ok(Self { vars, world, build, function, renewed, warm })
    }

    /// The function for the next call. If a provider refused our credentials in an earlier one, it
    /// is built with what the secrets hold now. What was refused is never repeated here.
    pub async fn current(&self) -> Arc<F> {
        if self.world.refusals.any() && secrets::are_named(&self.vars) {
            self.renew().await;
        }
        self.function.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this is the instance's first call.
    pub fn is_cold(&self) -> bool {
        !self.warm.swap(true, Ordering::Relaxed)
    }

    async fn renew(&self) {
        // One call renews; the others go on with what there is.
        let Ok(mut renewed) = self.renewed.try_lock() else { return };
        let now = self.world.clock.now();
        if renewed.is_some_and(|then| now - then < PAUSE) {
            return;
        }
        *renewed = Some(now);
        // The call waits meanwhile, and has its own limit.
        let rebuilt = tokio::time::timeout(RENEWAL, self.rebuilt()).await;
        let rebuilt = rebuilt.unwrap_or_else(|_| Err(StartError::TooSlow));
        match rebuilt {
            Ok(function) => {
                self.world.refusals.clear();
                *self.function.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(function);
                tracing::info!("secrets are fetched anew");
            }
            Err(error) => tracing::error!(%error, "secrets cannot be fetched anew"),
        }
    }

    async fn rebuilt(&self) -> Result<F, StartError> {
        let vars = secrets::resolved(&self.vars, &self.world).await?;
        Ok((self.build)(&vars, &self.world)?)
    }
}
