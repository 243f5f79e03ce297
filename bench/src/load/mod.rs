//! The sandbox under load: a mix of requests over HTTP, with the durations of the answers and the memory of
//! the sandbox.

mod command;
mod flow;
mod gateway;
mod seen;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde_json::Value;
use shared::platform::http::Http;
use tokio::sync::{Mutex as Turn, mpsc};

pub use self::command::{Load, run};
pub use self::flow::{Ask, Flow, Known, Step};
pub use self::gateway::Gateway;
pub use self::seen::{Memory, Outcome, Route, Seen};
use crate::BenchError;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long a simulated phone may wait for its OTP.
const OTP_TIMEOUT: Duration = Duration::from_secs(10);
/// The documented refusals of a gateway that has too much to do.
const REFUSALS: [u16; 2] = [429, 503];
/// By then the last order that is delivered later has ended, and how often is looked.
const MOST_UNTIL_SETTLED: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_secs(2);

/// A run under way.
struct Run {
    gateway: Gateway,
    http: Http,
    /// One consent at a time: the OTPs of one number cannot be told apart.
    otps: Turn<mpsc::UnboundedReceiver<String>>,
    flow: Flow,
    known: Known,
    requests: u64,
    begun: AtomicU64,
    bar: ProgressBar,
    seen: Mutex<Seen>,
    memory: Mutex<Vec<Memory>>,
    /// How many requests are between two looks at the memory.
    look: u64,
}

impl Run {
    /// The memory before the first request, and what the later requests ask by.
    async fn begin(&mut self) -> Result<(), BenchError> {
        self.look_at_memory(0)?;
        self.known.account = self.consent().await?;
        for ask in flow::first_orders() {
            let answer = self.ask(&ask).await?;
            self.known.purchases.push(text(&answer, "/data/purchase_id")?);
        }
        Ok(())
    }

    /// Asks until all requests are made.
    async fn work(&self) -> Result<(), BenchError> {
        loop {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            if number >= self.requests {
                return Ok(());
            }
            match self.flow.step(number, &self.known) {
                Step::One(ask) => drop(self.ask(&ask).await?),
                Step::Consent => drop(self.consent().await?),
            }
            self.bar.inc(1);
            let done = number + 1;
            if done.is_multiple_of(self.look) || done == self.requests {
                self.look_at_memory(done)?;
            }
        }
    }

    /// Waits until no order is open.
    async fn settled(&self) -> Result<(), BenchError> {
        let begun = Instant::now();
        while begun.elapsed() < MOST_UNTIL_SETTLED {
            let answer = self.ask(&flow::open_orders()).await?;
            if answer["data"].as_array().is_some_and(Vec::is_empty) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err("an order that is delivered later is still open".into())
    }

    /// Gives the account.
    async fn consent(&self) -> Result<String, BenchError> {
        let mut otps = self.otps.lock().await;
        let session = text(&self.ask(&flow::auth()).await?, "/data/session_id")?;
        let otp = tokio::time::timeout(OTP_TIMEOUT, otps.recv()).await?;
        let otp = otp.ok_or("the sandbox has ended")?;
        let code = text(&self.ask(&flow::verify(&session, &otp)).await?, "/data/code")?;
        text(&self.ask(&flow::exchange(&code)).await?, "/id")
    }

    /// Sends a request. An answer that is neither expected nor a documented refusal ends the run. A refused
    /// request is sent again.
    async fn ask(&self, ask: &Ask) -> Result<Value, BenchError> {
        loop {
            let request = self.request(ask)?;
            let begun = Instant::now();
            let answer = self.http.send(request, TIMEOUT).await;
            let took = begun.elapsed();
            let answer = answer.map_err(|error| format!("{} {}: {error}", ask.method, ask.path))?;
            let status = answer.status.as_u16();
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            if ask.expected.contains(&status) {
                self.seen().add(ask.route, took)?;
                return Ok(body);
            }
            if !(REFUSALS.contains(&status) && body["code"].is_string()) {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                return Err(format!("{} {}: {status} {body}", ask.method, ask.path).into());
            }
            *self.seen().refused.entry(status).or_default() += 1;
            tokio::time::sleep(LOOK).await;
        }
    }

    fn request(&self, ask: &Ask) -> Result<reqwest::Request, BenchError> {
        let mut request = axum::http::Request::builder()
            .method(ask.method)
            .uri(format!("{}{}", self.gateway.url, ask.path))
            .header("mono-sec-key", &self.gateway.key)
            .header("content-type", "application/json");
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let body = ask.body.as_ref().map(|body| body.to_string().into_bytes()).unwrap_or_default();
        Ok(reqwest::Request::try_from(request.body(body)?)?)
    }

    fn look_at_memory(&self, requests: u64) -> Result<(), BenchError> {
        let bytes = self.gateway.memory()?;
        self.memory().push(Memory { requests, bytes });
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn memory(&self) -> MutexGuard<'_, Vec<Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(answer: &Value, pointer: &str) -> Result<String, BenchError> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    Ok(found.ok_or_else(|| format!("an answer has no {pointer}: {answer}"))?.to_owned())
}
