//! MTN's token endpoint and two of its APIs, simulated: Customer Plans v2.1 and Consumption v2.
//!
//! A request that breaks its contract is refused and counted before anything else happens. Where
//! MTN is silent the harder case for the client is taken: a repeated refill is done again, a
//! callback is sent once.

mod access;
mod callbacks;
mod contract;
mod control;
mod customers;
mod envelope;
mod history;
mod refills;
mod rules;
mod script;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request as HttpRequest, State as Shared};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shared::world::World;

pub use self::access::Credentials;
use self::access::Refusal;
use self::callbacks::Callback;
pub use self::callbacks::Delivery;
pub use self::contract::Operation;
use self::contract::{Access, Call, Contract};
pub use self::control::control_router;
use self::customers::Line;
use self::envelope::{Reply, Request};
pub use self::refills::Refill;
pub use self::script::{Answer, Script, Target};
use crate::ledger::Ledger;

/// The simulator.
pub struct MtnSimulator {
    /// The credentials it accepts.
    pub credentials: Credentials,
    /// Its memory: tokens, refills, questions and callbacks.
    pub ledger: Arc<Ledger>,
    /// Time, ids and the way to callback URLs.
    pub world: World,
    /// How late an answer comes by callback where no script says otherwise.
    pub delay: Duration,
    desk: Mutex<Desk>,
}

/// What a test has asked for and may look at. Its lock is also the one under which refills change.
#[derive(Default)]
struct Desk {
    scripts: VecDeque<Script>,
    outage: Option<StatusCode>,
    held: Vec<Callback>,
    violations: Vec<Violation>,
    /// The tokens that were given out, themselves.
    given: Vec<String>,
}

/// A request that broke its contract. Holds nothing of anybody.
#[derive(Debug, Clone, Serialize)]
pub struct Violation {
    /// What was asked, if that can be told.
    pub operation: Option<Operation>,
    /// What was wrong.
    pub problem: String,
}

/// A question about a customer, as the ledger keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ask {
    /// What was asked.
    pub operation: Operation,
    /// The asker's id of it.
    pub transaction_id: Option<String>,
    /// Where the answer may go.
    pub callback_url: Option<String>,
}

const ASKS: &str = "mtn_asks";
/// Long enough to be noticed, short enough to be waited for.
const DELAY: Duration = Duration::from_millis(1_500);
const MAX_BODY_BYTES: usize = 1 << 20;

type Simulator = Shared<Arc<MtnSimulator>>;

/// The simulator's HTTP API: `/v1/oauth/...` and `/v2/...`.
pub fn router(simulator: Arc<MtnSimulator>) -> Router {
    Router::new().fallback(answer).with_state(simulator)
}

async fn answer(Shared(mtn): Simulator, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
    let request = Request::new(&parts, &mtn.world);
    match mtn.admit(&parts, &body) {
        Ok(call) => mtn.answer(&call, &parts, &request).await,
        Err(status) => {
            let code = if status == StatusCode::UNAUTHORIZED { "4000" } else { "5000" };
            request.error(status, code).wire().send().await
        }
    }
}

impl MtnSimulator {
    /// A simulator that remembers in `ledger`.
    pub fn new(credentials: Credentials, ledger: Arc<Ledger>, world: World) -> Self {
        Self { credentials, ledger, world, delay: DELAY, desk: Mutex::default() }
    }

    /// The requests that broke their contract, in order.
    pub fn violations(&self) -> Vec<Violation> {
        self.desk().violations.clone()
    }

    /// The tokens that were given out, for a test to look for where they must not be.
    pub fn given_tokens(&self) -> Vec<String> {
        self.desk().given.clone()
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a request against its contract; the status of the refusal if it breaks it.
    fn admit(&self, parts: &Parts, body: &[u8]) -> Result<Call, StatusCode> {
        let bad = |operation, problem| self.violated(operation, problem, StatusCode::BAD_REQUEST);
        let contract = Contract::of(&parts.method, parts.uri.path()).map_err(|it| bad(None, it))?;
        let operation = Some(contract.operation);
        let turned_away = |refusal| match refusal {
            Refusal::Violation(it) => self.violated(operation, it, StatusCode::UNAUTHORIZED),
            Refusal::Revoked => StatusCode::UNAUTHORIZED,
        };
        self.admits(contract.access, &parts.headers).map_err(turned_away)?;
        let call = contract.check(parts, body).map_err(|it| bad(operation, it))?;
        if contract.access == Access::Form {
            self.admits_form(&call).map_err(turned_away)?;
        }
        Ok(call)
    }

    fn violated(
        &self,
        operation: Option<Operation>,
        problem: String,
        status: StatusCode,
    ) -> StatusCode {
        self.desk().violations.push(Violation { operation, problem });
        status
    }

    async fn answer(self: &Arc<Self>, call: &Call, parts: &Parts, request: &Request) -> Response {
        let (outage, script) = self.desk().plan(call.operation);
        let acts = outage.is_none() && script.as_ref().is_none_or(Script::acts);
        let usual = self.usual(call, request, acts);
        if let Some(status) = outage {
            return request.error(status, "3000").wire().send().await;
        }
        let manner = script.as_ref().map_or_else(|| by_habit(call), |script| script.answer);
        if manner == Answer::RefuseToken {
            self.revoke(&parts.headers);
        }
        if manner.calls_back() && usual.status == StatusCode::OK {
            let url = call.text("callBackUrl").map(str::to_owned);
            let callback = Callback { operation: call.operation, url, body: usual.body };
            self.call_back(manner, callback).await;
            return request.pending().wire().send().await;
        }
        match script {
            Some(script) => {
                let wire = script.wire(call.operation, usual, request);
                script.with_headers(wire.send().await)
            }
            None => usual.wire().send().await,
        }
    }

    /// The answer when all goes well, after doing what is asked for if `acts`.
    fn usual(&self, call: &Call, request: &Request, acts: bool) -> Reply {
        match call.operation {
            Operation::Token => return self.token(acts),
            Operation::Refill => return self.refill(call, request, acts),
            _ => self.note(call),
        }
        let now = self.world.clock.now();
        let refills = self.refilled(call.msisdn());
        let naira = refills.iter().map(|it| it.naira).sum();
        let Some(line) = Line::of(call.msisdn(), naira) else { return request.no_customer() };
        Reply::ok(match call.operation {
            Operation::Plans => line.plans(call, now),
            Operation::ProductPlans => line.product_plans(call, now),
            Operation::Premium => line.premium(call),
            Operation::Recharges => history::recharge_history(line.seed, refills, call, now),
            Operation::RechargeSummary => history::recharge_summary(line.seed, refills, call, now),
            Operation::Usage => history::usage_history(line.seed, call, now),
            Operation::UsageSummary => history::usage_summary(line.seed, call, now),
            Operation::Balance | Operation::Token | Operation::Refill => line.balance(),
        })
    }

    fn note(&self, call: &Call) {
        let ask = Ask {
            operation: call.operation,
            transaction_id: call.transaction_id().map(str::to_owned),
            callback_url: call.text("callBackUrl").map(str::to_owned),
        };
        self.ledger.put(ASKS, &self.world.random.id(), &ask);
    }

    /// The questions, in order.
    fn asks(&self) -> Vec<Ask> {
        let mut asks: Vec<Ask> = self.ledger.all(ASKS);
        asks.reverse();
        asks
    }
}

/// What is answered without a script: the histories come later, if there is somewhere to send them.
fn by_habit(call: &Call) -> Answer {
    let slow = call.operation.has_callback() && call.operation != Operation::Balance;
    if slow && call.text("callBackUrl").is_some() { Answer::Eventually } else { Answer::Now }
}

impl Desk {
    /// The outage, or else the script for an operation, which is used up.
    fn plan(&mut self, operation: Operation) -> (Option<StatusCode>, Option<Script>) {
        if self.outage.is_some() {
            return (self.outage, None);
        }
        let index = self.scripts.iter().position(|script| script.is_for(operation));
        (None, index.and_then(|index| self.scripts.remove(index)))
    }
}
