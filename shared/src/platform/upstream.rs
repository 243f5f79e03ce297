//! A provider as an instance calls it: the HTTP client behind the circuit breaker, at the instance's pace.

use std::time::Duration;

use reqwest::Request;

use crate::platform::breaker::{Breakers, Down, Subject};
use crate::platform::environment::{Clock, Environment};
use crate::platform::http::{Answer, Http, NoAnswer};
use crate::platform::pace::Pace;
use crate::platform::telemetry;

/// A provider, as an instance calls it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Upstream {
    name: &'static str,
    http: Http,
    clock: Clock,
    breakers: Breakers,
    pace: Pace,
}

/// A call that was let through. Where it is not made, the next one may be as soon as this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    provider: &'static str,
    breakers: Breakers,
    clock: Clock,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.breakers.give_up(self.provider, self.clock.now());
    }
}

impl Upstream {
    /// The provider of this name, with the breaker that the instance has for it.
    pub fn new(name: &'static str, environment: &Environment) -> Self {
        Self {
            name,
            http: environment.http.clone(),
            clock: environment.clock.clone(),
            breakers: environment.breakers.clone(),
            pace: environment.pace.clone(),
        }
    }

    /// Whether a call would be let through. For what must not be begun if it would not.
    ///
    /// # Errors
    /// [`Down`].
    pub fn check(&self) -> Result<(), Down> {
        self.breakers.check(self.name, self.clock.now())
    }

    /// Lets one call through, to be made by [`call_admitted`](Self::call_admitted) while what this gives is
    /// there.
    ///
    /// # Errors
    /// [`Down`].
    pub fn admit(&self) -> Result<Permit, Down> {
        self.breakers.admit(self.name, self.clock.now())?;
        let (breakers, clock) = (self.breakers.clone(), self.clock.clone());
        Ok(Permit { provider: self.name, breakers, clock })
    }

    /// Sends one request, once, in its turn, and reads the whole answer within `limit` from then. A
    /// failure is logged.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn call(
        &self,
        operation: &'static str,
        request: Request,
        limit: Duration,
    ) -> Result<Answer, NoAnswer> {
        self.check()?;
        self.pace.turn().await;
        // The provider may be down by now.
        let _permit = self.admit()?;
        self.send(operation, request, limit).await
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
        self.pace.turn().await;
        self.send(operation, request, limit).await
    }

    async fn send(
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use futures_util::future::join_all;
    use reqwest::Method;
    use time::OffsetDateTime;

    use super::*;

    /// An environment, and the seconds to which its clock is turned.
    fn turned() -> (Arc<AtomicI64>, Environment) {
        let seconds = Arc::new(AtomicI64::new(0));
        let read = Arc::clone(&seconds);
        let now = move || {
            OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(read.load(Ordering::SeqCst))
        };
        (seconds, Environment { clock: Clock::from_fn(now), ..Environment::real() })
    }

    #[tokio::test]
    async fn a_provider_that_is_down_is_not_asked_and_another_is() {
        let (seconds, environment) = turned();
        let [down, other] = ["down", "other"].map(|name| Upstream::new(name, &environment));
        let call = async || {
            // Nothing listens on port 1 of this machine.
            let request = Request::new(Method::GET, "http://127.0.0.1:1".parse().unwrap());
            down.call("read", request, Duration::from_secs(10)).await.unwrap_err()
        };
        for _ in 0..5 {
            assert_eq!(down.check(), Ok(()));
            assert_eq!(call().await, NoAnswer::NotSent);
        }
        let wait = |seconds| Down(Duration::from_secs(seconds));
        assert_eq!((down.check(), down.admit().err()), (Err(wait(5)), Some(wait(5))));
        assert_eq!(call().await, NoAnswer::Down(Duration::from_secs(5)));
        assert_eq!((other.check(), other.admit().err()), (Ok(()), None));
        seconds.store(5, Ordering::SeqCst);
        assert_eq!(down.check(), Ok(()));
        let _permit = down.admit().unwrap();
        assert_eq!(down.check(), Err(wait(30)), "one call is let through");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_wait_for_their_turn_are_not_made_once_the_provider_is_down() {
        let vars = [("REQUERY_CALLS_PER_SECOND".to_owned(), "10".to_owned())];
        let pace = Pace::from_vars(&vars.into_iter().collect()).unwrap();
        let environment = Environment { pace, ..Environment::real() };
        let upstream = Upstream::new("down", &environment);
        let call = |order: u32| {
            let url = format!("http://127.0.0.1:1/{order}").parse().unwrap();
            upstream.call("read", Request::new(Method::GET, url), Duration::from_secs(10))
        };
        let answers = join_all((0..20).map(call)).await;
        let made = answers.iter().filter(|it| matches!(it, Err(NoAnswer::NotSent))).count();
        assert_eq!(made, 5, "{answers:?}");
    }

    #[tokio::test]
    async fn a_call_that_was_let_through_and_is_not_made_keeps_nobody_out() {
        let (seconds, environment) = turned();
        let down = Upstream::new("down", &environment);
        let request = || Request::new(Method::GET, "http://127.0.0.1:1/".parse().unwrap());
        for _ in 0..5 {
            let _ = down.call("read", request(), Duration::from_secs(1)).await;
        }
        assert!(down.check().is_err());
        seconds.store(5, Ordering::SeqCst);
        let trial = down.admit().unwrap();
        assert!(down.admit().is_err(), "the others wait for the one");
        drop(trial);
        let trial = down.admit().unwrap();
        let failed = down.call_admitted("read", request(), Duration::from_secs(1)).await;
        assert!(failed.is_err());
        drop(trial);
        assert_eq!(down.check(), Err(Down(Duration::from_secs(10))), "what was recorded stays");
    }
}
