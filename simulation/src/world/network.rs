//! The network of a world: every request of an instance or a provider goes through it, and may go
//! wrong.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use axum::http::StatusCode;
use reqwest::Request;
use shared::platform::http::{Answer, Exchange, NoAnswer, Transport};

use super::World;
use super::call::Call;
use super::life::Life;
use crate::schedule::FaultKind;
use sandbox::aws::engine::answer;

/// Longer than any caller waits.
const FOR_EVER: Duration = Duration::from_secs(120);
/// When a request arrives whose sender gave up: from the earliest to five and a half minutes.
const EARLIEST: Duration = Duration::from_secs(30);
const LATEST_MS: u64 = 300_000;
const SLOW: Duration = Duration::from_secs(4);

/// The way to a world, which is set after it is built. It does not keep the world alive.
#[derive(Clone, Default)]
pub struct Network(Arc<OnceLock<Weak<World>>>);

/// Who calls.
#[derive(Clone)]
pub struct Caller {
    /// A function or a provider.
    pub name: String,
    /// The instance's number.
    pub number: u32,
    /// The instance's life; none for a provider.
    pub life: Option<Arc<Life>>,
}

/// The network as one caller sees it.
pub struct Line {
    network: Network,
    caller: Caller,
}

impl Network {
    /// Connects it.
    pub fn connect(&self, world: &Arc<World>) {
        let _ = self.0.set(Arc::downgrade(world));
    }

    /// The world.
    ///
    /// # Panics
    /// When the world is not built yet or is gone.
    pub fn world(&self) -> Arc<World> {
        self.0.get().and_then(Weak::upgrade).expect("a world outlives its tasks")
    }

    /// The network as `caller` sees it.
    pub fn of(&self, caller: Caller) -> Line {
        Line { network: self.clone(), caller }
    }
}

impl Caller {
    /// A provider.
    pub fn provider(name: &str) -> Self {
        Self { name: name.to_owned(), number: 0, life: None }
    }
}

impl Transport for Line {
    fn exchange(&self, request: Request) -> Exchange<'_> {
        Box::pin(async move {
            let world = self.network.world();
            let call = Call::read(&request).ok_or(NoAnswer::NotSent)?;
            let traffic = world.traffic.get();
            let _ongoing = traffic.map(|it| it.begin(call.service, world.now_ms()));
            let fault = world.fault(&self.caller, &call);
            world.latency().await;
            let outcome = self.pass(&world, &call, request, fault).await;
            world.latency().await;
            world.called(&self.caller, &call, fault, &outcome);
            outcome
        })
    }
}

impl Line {
    async fn pass(
        &self,
        world: &Arc<World>,
        call: &Call,
        request: Request,
        fault: Option<FaultKind>,
    ) -> Result<Answer, NoAnswer> {
        let Some(fault) = fault else { return world.serve(call, &request).await };
        match fault {
            FaultKind::NotSent => Err(NoAnswer::NotSent),
            FaultKind::Throttled => Ok(throttled(world, call)),
            FaultKind::FailedBefore => Ok(failed(call)),
            FaultKind::LostBefore => Err(NoAnswer::Broken),
            FaultKind::SilentBefore => silence().await,
            FaultKind::KillBefore => self.die().await,
            FaultKind::Slow => {
                tokio::time::sleep(SLOW).await;
                world.serve(call, &request).await
            }
            FaultKind::Late => {
                self.arrive_late(world, request);
                silence().await
            }
            FaultKind::Twice => {
                let _ = world.serve(call, &request).await;
                world.serve(call, &request).await
            }
            FaultKind::FailedAfter
            | FaultKind::LostAfter
            | FaultKind::SilentAfter
            | FaultKind::Garbled
            | FaultKind::KillAfter => {
                let served = world.serve(call, &request).await?;
                match fault {
                    FaultKind::FailedAfter => Ok(failed(call)),
                    FaultKind::Garbled => Ok(garbled(served)),
                    FaultKind::SilentAfter => silence().await,
                    FaultKind::KillAfter => self.die().await,
                    _ => Err(NoAnswer::Broken),
                }
            }
        }
    }

    /// The request is still on its way after its sender gave up.
    fn arrive_late(&self, world: &Arc<World>, request: Request) {
        let world = world.clone();
        let late = EARLIEST + world.below_ms(LATEST_MS);
        tokio::spawn(async move {
            tokio::time::sleep(late).await;
            if let Some(call) = Call::read(&request) {
                let _ = world.serve(&call, &request).await;
            }
        });
    }

    async fn die(&self) -> Result<Answer, NoAnswer> {
        if let Some(life) = &self.caller.life {
            life.end();
        }
        std::future::pending().await
    }
}

async fn silence() -> Result<Answer, NoAnswer> {
    tokio::time::sleep(FOR_EVER).await;
    Err(NoAnswer::Timeout)
}

fn throttled(world: &World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "TransactWriteItems" => return cancelled(world, call),
        "BatchGetItem" => return unread(call),
        _ => {}
    }
    let kind = match call.service.name() {
        "dynamodb" => "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "sqs" => "com.amazonaws.sqs#RequestThrottled",
        "secrets" => "ThrottlingException",
        _ => return answer(StatusCode::TOO_MANY_REQUESTS, "{}".to_owned()),
    };
    let body = serde_json::json!({ "__type": kind, "message": "slow down" });
    answer(StatusCode::BAD_REQUEST, body.to_string())
}

/// All keys are left unread.
fn unread(call: &Call) -> Answer {
    let keys = &call.body["RequestItems"];
    let body = serde_json::json!({ "Responses": {}, "UnprocessedKeys": keys });
    answer(StatusCode::OK, body.to_string())
}

/// A transaction meets another one, or a busy table, at its last part.
fn cancelled(world: &World, call: &Call) -> Answer {
    let parts = call.body["TransactItems"].as_array().map_or(1, Vec::len).max(1);
    let mut reasons = vec![serde_json::json!({ "Code": "None" }); parts];
    let why = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    reasons[parts - 1] = serde_json::json!({ "Code": why[world.below(why.len())] });
    let body = serde_json::json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": "the transaction is cancelled",
        "CancellationReasons": reasons,
    });
    answer(StatusCode::BAD_REQUEST, body.to_string())
}

fn failed(call: &Call) -> Answer {
    let body = match call.service.is_aws() {
        true => serde_json::json!({ "__type": "InternalServerError", "message": "internal" }),
        false => serde_json::Value::Null,
    };
    answer(StatusCode::INTERNAL_SERVER_ERROR, body.to_string())
}

/// The first half of an answer, as a page.
fn garbled(mut served: Answer) -> Answer {
    served.body.truncate(served.body.len() / 2);
    served
}
