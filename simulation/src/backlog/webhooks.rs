//! A backlog of webhooks: events for endpoints of many tenants, written when the outage begins.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;

use super::{AT_ONCE, Backlog, Drained, Measured, under_the_turned_clock};
use crate::isolation::Sender;
use crate::world::{Blueprint, Service};

/// How many endpoints the events are spread over: each gets one of those that are written together.
const ENDPOINTS: usize = AT_ONCE;

/// Drains a backlog of events to 100 receivers.
///
/// # Panics
/// When the world cannot be built.
pub fn webhooks(blueprint: &Blueprint, backlog: Backlog) -> Drained {
    under_the_turned_clock(async {
        let of = backlog.outage.away(Service::Receiver, "send-webhook");
        let mut measured = Measured::begin(blueprint, &backlog, of, Duration::ZERO).await;
        let world = measured.world.clone();
        let sender = Sender::of(&world, blueprint);
        measured.measure(backlog.answer);
        let answer_ms = u64::try_from(backlog.answer.as_millis()).unwrap_or(u64::MAX);
        let mut endpoints = Vec::new();
        for number in 0..ENDPOINTS {
            endpoints.push(sender.endpoint(number, answer_ms).await);
        }
        let mut sent = Vec::new();
        for numbers in backlog.parts() {
            let sending = numbers.zip(&endpoints).map(|(number, to)| sender.send(to, number));
            sent.extend(join_all(sending).await);
        }
        let is_drained = measured.drained().await;
        let mut ends = BTreeMap::new();
        let record = world.record();
        for (id, _) in &sent {
            let end = if record.arrived.contains_key(id) { "arrived" } else { "missing" };
            *ends.entry(end.to_owned()).or_default() += 1;
        }
        drop(record);
        Drained::of(&measured, &backlog, Service::Receiver, is_drained, ends)
    })
}
