//! Measures, under the turned clock, how long events take to their receivers, with and without receivers
//! that never answer or are slow.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use shared::domain::event::{Event, EventType, Owed};
use shared::domain::ids::TenantId;
use shared::domain::webhook::{Dispatch, Endpoint, NewEndpoint, Reason, Scheme, WebhookJob};
use shared::platform::aws;
use shared::platform::queue::Queue;
use shared::store::{Endpoints, Events};

use crate::record::{Record, Telling};
use crate::schedule::Schedule;
use crate::world::{Blueprint, MEASURED, World, vars_of};

/// How many receivers there are of each kind, and how long one takes to answer, in milliseconds.
const QUICK: (usize, u64) = (80, 20);
const SLOW: (usize, u64) = (10, 3_000);
const SILENT: (usize, u64) = (10, 120_000);
/// How long everything may take after the last event was sent.
const REST: Duration = Duration::from_secs(120);

/// How long events took to the quick receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// How many arrived.
    pub arrived: usize,
    /// The median, in milliseconds.
    pub median_ms: u64,
    /// The 99th percentile.
    pub p99_ms: u64,
    /// The longest.
    pub longest_ms: u64,
}

/// Sends so many events to each receiver, one a second to each. `with_bad` says whether the slow and the
/// silent ones are there, too.
///
/// # Panics
/// When the world cannot be built.
pub fn measure(blueprint: &Blueprint, events: u64, with_bad: bool) -> Delays {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O can be built");
    runtime.block_on(async {
        let record = Record::new(Telling::Nothing);
        let world = World::build(blueprint, Schedule::without_events(), record).await;
        let sender = Sender::of(&world, blueprint);
        let bad = if with_bad { vec![SLOW, SILENT] } else { vec![] };
        let mut endpoints = Vec::new();
        for (count, takes_ms) in [QUICK].into_iter().chain(bad) {
            for _ in 0..count {
                endpoints.push(sender.endpoint(endpoints.len(), takes_ms).await);
            }
        }
        let mut sent = Vec::new();
        for round in 0..events {
            let sending = endpoints.iter().map(|endpoint| sender.send(endpoint, round));
            let ids = join_all(sending).await;
            sent.extend(ids.into_iter().take(QUICK.0));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(REST).await;
        delays(&world, &sent)
    })
}

/// Sends events as notify does.
pub(crate) struct Sender {
    world: Arc<World>,
    endpoints: Endpoints,
    events: Events,
    queue: Queue,
}

impl Sender {
    pub(crate) fn of(world: &Arc<World>, blueprint: &Blueprint) -> Self {
        const COMPLETE: &str = "the variables are complete";
        let vars = vars_of("notify", blueprint);
        let dynamodb = aws::dynamodb(&vars, &world.outside).expect(COMPLETE);
        let queue = Queue::from_vars(&vars, &world.outside, "WEBHOOK_QUEUE_URL");
        Self {
            world: world.clone(),
            endpoints: Endpoints::from_vars(&vars, &dynamodb).expect(COMPLETE),
            events: Events::from_vars(&vars, &dynamodb).expect(COMPLETE),
            queue: queue.expect(COMPLETE),
        }
    }

    pub(crate) async fn endpoint(&self, number: usize, takes_ms: u64) -> Endpoint {
        let tenant = TenantId::parse(&format!("measured-{number}")).expect("a tenant's id");
        let url = format!("https://receiver.sim{MEASURED}?takes_ms={takes_ms}");
        let new = NewEndpoint { url, events: None, scheme: Scheme::V1 };
        let endpoint = Endpoint::new(&tenant, new, self.world.clock.now(), &self.world.random);
        self.endpoints.add(&endpoint).await.expect("nothing goes wrong");
        endpoint
    }

    /// Sends one event. Gives its id and when it was sent, in milliseconds from the start.
    pub(crate) async fn send(&self, endpoint: &Endpoint, round: u64) -> (String, u64) {
        let now = self.world.clock.now();
        let owed = Owed {
            tenant: endpoint.tenant.clone(),
            kind: EventType::EndpointTest,
            about: format!("{} {round}", endpoint.endpoint_id),
            at: now,
            data: json!({ "endpoint_id": endpoint.endpoint_id }),
        };
        let event = Event::new(&owed, now);
        self.events.keep(&event).await.expect("nothing goes wrong");
        let (tenant, id, series) = (&endpoint.tenant, &event.event_id, Dispatch::FIRST_SERIES);
        let reason = Reason::Happened;
        let job = Dispatch::first(tenant, &endpoint.endpoint_id, id, reason, series, now);
        let sent = self.world.now_ms();
        let job = WebhookJob::Deliver(job);
        self.queue.send(&job, Duration::ZERO).await.expect("nothing goes wrong");
        (id.to_string(), sent)
    }
}

fn delays(world: &World, sent: &[(String, u64)]) -> Delays {
    let record = world.record();
    let delay = |(id, sent): &(String, u64)| Some(record.arrived.get(id)?.saturating_sub(*sent));
    let mut delays: Vec<u64> = sent.iter().filter_map(delay).collect();
    delays.sort_unstable();
    let at = |percent: usize| delays.get(delays.len() * percent / 100).copied().unwrap_or_default();
    let longest_ms = delays.last().copied().unwrap_or_default();
    Delays { arrived: delays.len(), median_ms: at(50), p99_ms: at(99), longest_ms }
}
