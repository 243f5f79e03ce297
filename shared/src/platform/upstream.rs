//! A provider as an instance calls it: the HTTP client behind the circuit breaker.

use std::time::Duration;

use reqwest::Request;

use crate::platform::breaker::{Breakers, Down, Subject};
use crate::platform::environment::{Clock, Environment};
use crate::platform::http::{Answer, Http, NoAnswer};
use crate::platform::telemetry;

/// A provider, as an instance calls it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Upstream {
    name: &'static str,
    http: Http,
    clock: Clock,
    breakers: Breakers,
}

impl Upstream {
    /// The provider of this name, with the breaker that the instance has for it.
    pub fn new(name: &'static str, environment: &Environment) -> Self {
        Self {
            name,
            http: environment.http.clone(),
            clock: environment.clock.clone(),
            breakers: environment.breakers.clone(),
        }
    }

    /// Whether a call would be let through. For what must not be begun if it would not.
    ///
    /// # Errors
    /// [`Down`].
    pub fn check(&self) -> Result<(), Down> {
        self.breakers.check(self.name, self.clock.now())
    }

    /// Lets one call through, which must then be made by [`call_admitted`](Self::call_admitted).
    ///
    /// # Errors
    /// [`Down`].
    pub fn admit(&self) -> Result<(), Down> {
        self.breakers.admit(self.name, self.clock.now())
    }

    /// Sends one request, once, and reads the whole answer within `limit`. A failure is logged.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn call(
        &self,
        operation: &'static str,
        request: Request,
        limit: Duration,
    ) -> Result<Answer, NoAnswer> {
        self.admit()?;
        self.call_admitted(operation, request, limit).await
    }

    /// The same for a call that is admitted already.
    ///
    /// # Errors
    /// [`NoAnswer`], never that it was not asked.
    pub async fn call_admitted(
        &self,
        operation: &'static str,
        request: Request,
        limit: Duration,
    ) -> Result<Answer, NoAnswer> {
        let subject = Subject::of(&request);
        let result = self.http.call(self.name, operation, request, limit).await;
        if let Some(pause) = self.breakers.record(self.name, subject, &result, self.clock.now()) {
            let pause_ms = telemetry::ms(pause);
            tracing::warn!(upstream = self.name, pause_ms, "upstream is down and is not asked");
        }
        result
    }
}
