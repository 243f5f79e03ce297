//! A backlog is drained after an outage: all of it ends, and the calls for it are few and bounded.

use std::collections::BTreeMap;
use std::time::Duration;

use simulation::backlog::{Backlog, Drained, OutageOf, requeries, webhooks};
use simulation::world::Blueprint;

/// The template's RequeryConcurrency and RequeryCallsPerSecond in these tests, and how many messages a
/// batch has.
const CONCURRENCY: u32 = 2;
const CALLS_PER_SECOND: u32 = 4;
const BATCH: u32 = 10;

fn backlog(size: u64, outage: OutageOf) -> Backlog {
    let (outage_for, answer) = (Duration::from_secs(1_800), Duration::from_millis(200));
    Backlog { size, outage, outage_for, answer }
}

fn drained(measure: fn(&Blueprint, Backlog) -> Drained, size: u64, outage: OutageOf) -> Drained {
    let parameters =
        [("RequeryConcurrency", CONCURRENCY), ("RequeryCallsPerSecond", CALLS_PER_SECOND)];
    let parameters = parameters.map(|(name, value)| (name, value.to_string()));
    measure(&Blueprint::with(&parameters).unwrap(), backlog(size, outage))
}

fn ends<const N: usize>(ends: [(&str, u64); N]) -> BTreeMap<String, u64> {
    ends.map(|(end, count)| (end.to_owned(), count)).into()
}

#[test]
fn every_purchase_of_a_backlog_ends_by_a_bounded_number_of_calls() {
    for outage in [OutageOf::Failing, OutageOf::Silent, OutageOf::Function] {
        for size in [100, 200] {
            let drained = drained(requeries, size, outage);
            assert!(drained.is_right(), "{outage:?} {drained:?}");
            let expected = ends([("delivered", size - size / 50), ("failed", size / 50)]);
            assert_eq!(drained.ends, expected, "{outage:?}");
            // Of ten orders one takes two questions.
            let least = size + size / 10;
            // Reconcile restarts a chain that waited half an hour for the function: one of 200 asks twice.
            let most = if outage == OutageOf::Function { least + 1 } else { least };
            assert!((least..=most).contains(&drained.served), "{outage:?} {drained:?}");
            // Each instance tries a batch, and then one call in a minute.
            let tries = u64::from(CONCURRENCY) * (u64::from(BATCH) + 30);
            assert!(drained.calls_in_outage <= tries, "{outage:?} {drained:?}");
            assert!(drained.most_under_way <= CONCURRENCY * BATCH, "{outage:?} {drained:?}");
            let busiest = drained.by_second.iter().max().copied();
            assert!(busiest <= Some(CONCURRENCY * CALLS_PER_SECOND), "{outage:?} {drained:?}");
        }
    }
}

#[test]
fn every_webhook_of_a_backlog_arrives_once() {
    for outage in [OutageOf::Failing, OutageOf::Function] {
        let drained = drained(webhooks, 200, outage);
        assert!(drained.is_right(), "{outage:?} {drained:?}");
        assert_eq!((drained.ends, drained.served), (ends([("arrived", 200)]), 200), "{outage:?}");
    }
}
