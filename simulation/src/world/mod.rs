//! The world of one run: the functions, AWS and the providers in one thread, without sockets, under a
//! clock that jumps to the next thing that happens.

mod blueprint;
mod build;
mod call;
mod deployment;
mod dynamodb;
mod faults;
mod fleet;
mod keys;
mod life;
mod network;
mod operator;
mod queues;
mod scheduled;
mod serve;
mod traffic;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use sandbox::aws::secrets::Secrets;
use sandbox::aws::sqs::Service as Sqs;
use sandbox::aws::switches::{Change, Switches};
use sandbox::ledger::Ledger;
use sandbox::simulators::mono::MonoSimulator;
use sandbox::simulators::mtn::MtnSimulator;
use sandbox::simulators::vtpass::VtpassSimulator;
use serde_json::json;
use shared::domain::purchase::State;
use shared::domain::webhook::Endpoint;
use shared::platform::environment::{Clock, Environment, Random};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use self::blueprint::Blueprint;
pub(crate) use self::build::vars_of;
pub use self::build::{CLIENT_TIMEOUT, TENANTS, tenant_id};
pub use self::call::{Call, Service};
use self::deployment::Deployment;
pub use self::dynamodb::{Dynamodb, Item};
use self::faults::Faults;
pub use self::keys::{Keys, Revoked};
pub use self::operator::Operator;
pub(crate) use self::serve::MEASURED;
pub use self::traffic::{Asked, Traffic};
use crate::record::Record;
use crate::schedule::{Away, Schedule};

/// The base URL of the gateway's API.
pub const API: &str = "http://api.sim";
/// The most latency of one way, in milliseconds.
const LATENCY_MS: u64 = 8;
/// After how many deleted messages none is delivered twice.
const DUPLICATES: u32 = 20;
/// More calls than any run makes that ends.
const MOST_CALLS: u64 = 20_000;

/// The world of one run.
pub struct World {
    /// What happens in it.
    pub schedule: Schedule,
    /// Randomness from the schedule's seed.
    pub random: Random,
    /// The true time.
    pub clock: Clock,
    /// The tables.
    pub dynamodb: Dynamodb,
    /// The queues.
    pub sqs: Sqs,
    /// The simulated VTpass.
    pub vtpass: Arc<VtpassSimulator>,
    /// The simulated MTN.
    pub mtn: Arc<MtnSimulator>,
    /// The simulated Mono.
    pub mono: Arc<MonoSimulator>,
    /// What the simulators keep.
    pub ledger: Arc<Ledger>,
    /// The secrets of the account.
    pub secrets: Secrets,
    /// The environment of people and providers, whose calls do not fail.
    pub outside: Environment,
    /// The API keys of the tenants.
    pub keys: Keys,
    /// The webhook endpoints, by tenant; none where the schedule has no webhooks.
    pub endpoints: OnceLock<Vec<Endpoint>>,
    /// What an operator uses; nothing where the schedule has no operator.
    pub operator: OnceLock<Operator>,
    /// What is asked of others, where the world is measured. Then no invariant is checked call by call.
    pub traffic: OnceLock<Traffic>,
    queues: Vec<String>,
    routers: Routers,
    switches: Switches,
    faults: Faults,
    deployment: Mutex<Deployment>,
    is_safety_phase: AtomicBool,
    begun: Instant,
    /// Wakes the triggers when a message was sent.
    sent: Notify,
    /// Ends the run when it does not end by itself.
    stopped: Notify,
    /// How many messages may still be delivered twice.
    duplicates_left: AtomicU32,
    spoiled: Mutex<Vec<Spoiled>>,
    record: Mutex<Record>,
}

/// A purchase that cannot be read for a time.
struct Spoiled {
    id: String,
    was: State,
    since_ms: u64,
}

/// What answers over HTTP.
struct Routers {
    secrets: Router,
    mono: Router,
    vtpass: Router,
    mtn: Router,
    api: OnceLock<Router>,
}

impl World {
    /// The record of the run.
    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to the story, if it is told.
    pub fn tell(&self, line: impl FnOnce() -> String) {
        let mut record = self.record();
        if record.tells() {
            let line = line();
            record.line(self.now_ms(), line);
        }
    }

    /// Notes that an invariant does not hold.
    pub fn violated(&self, invariant: &'static str, detail: String) {
        let at = self.now_ms();
        self.record().violated(invariant, at, detail);
    }

    /// When the run began.
    pub fn start(&self) -> OffsetDateTime {
        self.clock.now() - self.begun.elapsed()
    }

    /// Milliseconds since the start of the run.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits until a time of the run.
    pub async fn until_ms(&self, at: u64) {
        tokio::time::sleep_until(self.begun + Duration::from_millis(at)).await;
    }

    /// Waits until the true clock shows a time, epoch milliseconds.
    async fn reached(&self, at: i64) {
        let start = self.schedule.starts_at * 1000;
        match u64::try_from(at.saturating_sub(start)) {
            Ok(at) if at < YEAR_MS => self.until_ms(at).await,
            Ok(_) => std::future::pending().await,
            Err(_) => {}
        }
    }

    /// A random number below `end`, 0 if that is 0.
    pub fn below(&self, end: usize) -> usize {
        let random = u64::from_be_bytes(self.random.bytes());
        usize::try_from(random % (end.max(1) as u64)).unwrap_or(0)
    }

    /// A random time below a number of milliseconds.
    pub fn below_ms(&self, end: u64) -> Duration {
        Duration::from_millis(u64::from_be_bytes(self.random.bytes()) % end.max(1))
    }

    /// Whether something of this likelihood happens.
    pub fn chance(&self, percent: u8) -> bool {
        percent > 0 && self.below(100) < usize::from(percent)
    }

    /// Whether faults are on.
    pub fn is_safety_phase(&self) -> bool {
        self.is_safety_phase.load(Ordering::Relaxed)
    }

    /// Ends the safety phase: from now on nothing goes wrong.
    pub fn calm(&self) {
        self.is_safety_phase.store(false, Ordering::Relaxed);
        let spoiled = std::mem::take(&mut *self.spoiled());
        spoiled.into_iter().for_each(|it| self.set_state(&it.id, it.was.name()));
        let calm = Change { duplicates: Some(false), reorder: Some(false), ..Change::default() };
        let _ = self.switches.set(&calm);
        self.tell(|| "from now on nothing goes wrong".to_owned());
    }

    /// Deploys all functions with another time of the look back.
    pub fn deploy_again(&self, look_back_s: u32) {
        let mut deployment = self.deployment.lock().unwrap_or_else(PoisonError::into_inner);
        *deployment = deployment.next(look_back_s);
        self.tell(|| format!("a deployment: purchases are looked back on after {look_back_s} s"));
    }

    /// The deployment that new invocations meet.
    fn deployment(&self) -> Deployment {
        *self.deployment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the run is stopped because it does not end by itself.
    pub async fn stopped(&self) {
        self.stopped.notified().await;
    }

    /// A message was deleted. After some, none is delivered twice any more: with half of all messages
    /// delivered twice a long chain grows without end, and AWS delivers very few twice.
    fn deleted(&self) {
        if self.duplicates_left.fetch_sub(1, Ordering::Relaxed) == 1 {
            let _ = self.switches.set(&Change { duplicates: Some(false), ..Change::default() });
            self.duplicates_left.store(u32::MAX, Ordering::Relaxed);
        }
    }

    /// Whether a function is missing now.
    fn is_away(&self, function: &str) -> bool {
        self.is_safety_phase() && self.faults.is_away(function, self.now_ms())
    }

    /// How many messages each queue holds.
    pub fn messages(&self) -> Vec<(String, i64)> {
        let count = |queue: &String| {
            let counts = self.sqs.engine.counts(queue).unwrap_or_default();
            (queue.clone(), counts.iter().sum())
        };
        self.queues.iter().map(count).collect()
    }

    /// Whether somebody posted to this path of MTN's callbacks with a wrong token.
    pub fn was_forged(&self, path: &str) -> bool {
        self.record().forged.contains(path)
    }

    /// Whether nothing goes wrong in the schedule but what providers and people do.
    pub fn is_calm_schedule(&self) -> bool {
        self.schedule.faults.is_empty() && self.schedule.outages.is_empty()
    }

    /// Whether nothing that a function calls goes wrong in the schedule, nor AWS.
    pub fn is_spared(&self, function: &str) -> bool {
        let is_aws = |of: &Away| matches!(of, Away::Aws(..));
        self.schedule.faults.iter().all(|it| it.caller != function)
            && self.schedule.outages.iter().all(|it| !is_aws(&it.of))
    }

    /// Makes a stored purchase unreadable until the safety phase ends.
    pub fn spoil(&self, purchase_id: &str, was: State) {
        self.set_state(purchase_id, "of_a_later_version");
        let (id, since_ms) = (purchase_id.to_owned(), self.now_ms());
        self.spoiled().push(Spoiled { id, was, since_ms });
    }

    /// For how many milliseconds a purchase cannot be read yet; none if it can be.
    pub fn unreadable_for_ms(&self, purchase_id: &str) -> Option<u64> {
        let spoiled = self.spoiled();
        let found = spoiled.iter().find(|it| it.id == purchase_id)?;
        Some(self.now_ms() - found.since_ms)
    }

    fn spoiled(&self) -> MutexGuard<'_, Vec<Spoiled>> {
        self.spoiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_state(&self, purchase_id: &str, state: &str) {
        let body = json!({
            "TableName": "PurchasesTable",
            "Key": { "purchase_id": { "S": purchase_id } },
            "UpdateExpression": "SET #state = :state",
            "ExpressionAttributeNames": { "#state": "state" },
            "ExpressionAttributeValues": { ":state": { "S": state } },
        });
        let answer = self.dynamodb.call("UpdateItem", &body, Duration::ZERO);
        assert!(answer.status.is_success(), "the engine takes a plain update");
    }

    /// Loses all messages of the requery queue: a mistake of an operator.
    ///
    /// # Panics
    /// When the engine fails.
    pub fn lose_messages(&self) {
        let lost = self.sqs.engine.purge("RequeryQueue").expect("the queue is writable");
        self.tell(|| format!("{lost} messages of the requery queue are lost"));
    }

    async fn latency(&self) {
        tokio::time::sleep(self.below_ms(LATENCY_MS)).await;
    }

    /// How late a message is delivered at most, in milliseconds.
    fn late_delivery(&self) -> u64 {
        match self.is_safety_phase() {
            true => u64::from(self.schedule.settings.late_delivery_ms),
            false => 0,
        }
    }

    fn index_lag(&self) -> Duration {
        match self.is_safety_phase() {
            true => Duration::from_millis(u64::from(self.schedule.settings.index_lag_ms)),
            false => Duration::ZERO,
        }
    }

    /// The clock of a new instance, which differs from the true one by a constant.
    fn instance_clock(&self) -> Clock {
        let most = u64::from(self.schedule.settings.skew_ms);
        let skew = self.below_ms(most + 1);
        let clock = self.clock.clone();
        let is_ahead = self.chance(50);
        Clock::from_fn(move || if is_ahead { clock.now() + skew } else { clock.now() - skew })
    }
}

const YEAR_MS: u64 = 365 * 86_400_000;

/// The clock of a run that began at `begun`, when it was `starts_at`.
fn true_clock(begun: Instant, starts_at: i64) -> Clock {
    let start =
        OffsetDateTime::from_unix_timestamp(starts_at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Clock::from_fn(move || start + begun.elapsed())
}
