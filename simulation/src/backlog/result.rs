//! What was seen while a backlog was drained.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Backlog, Measured, OutageOf};
use crate::world::Service;

/// For how many seconds after the outage the recovery lasts.
const RECOVERY: usize = 60;

/// What was seen while a backlog was drained. Calls are those to the provider or to the receivers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// How many purchases or events there were.
    pub size: u64,
    /// How many calls were made after the backlog was written.
    pub calls: u64,
    /// How many of them reached the other side.
    pub served: u64,
    /// How many of them began during the outage.
    pub calls_in_outage: u64,
    /// The most calls that began in one second of the outage.
    pub highest_in_outage: u32,
    /// The same in the minute after the outage.
    pub highest_at_recovery: u32,
    /// The same after that minute.
    pub highest_after: u32,
    /// The most calls that were under way at the same time.
    pub most_under_way: u32,
    /// From the end of the outage to the last answer, in seconds of the turned clock.
    pub drained_after_s: u64,
    /// Whether all queues were empty in the end.
    pub is_drained: bool,
    /// How purchases ended, or how often events arrived, and how many of them.
    pub ends: BTreeMap<String, u64>,
    /// The memory of this process in KiB: at the start, before and after the outage, at the end.
    pub memory_kb: Vec<u64>,
    /// How long the measurement took, in milliseconds of this machine.
    pub took_ms: u64,
    /// The second of the run in which the outage began.
    pub outage_from_s: usize,
    /// The second of the run in which it ended.
    pub outage_to_s: usize,
    /// How many calls began in each second of the run.
    pub by_second: Vec<u32>,
}

impl Drained {
    pub(super) fn of(
        measured: &Measured,
        backlog: &Backlog,
        service: Service,
        is_drained: bool,
        ends: BTreeMap<String, u64>,
    ) -> Self {
        let asked = measured.world.traffic.get().map(|it| it.of(service)).unwrap_or_default();
        let second = |ms: u64| usize::try_from(ms / 1_000).unwrap_or(usize::MAX);
        let (from, to) = (second(measured.outage.start), second(measured.outage.end));
        let in_outage = asked.by_second.iter().take(to).skip(from);
        Self {
            size: backlog.size,
            calls: asked.calls(),
            served: asked.served,
            calls_in_outage: in_outage.map(|calls| u64::from(*calls)).sum(),
            highest_in_outage: asked.highest(from..to),
            highest_at_recovery: asked.highest(to..to + RECOVERY),
            highest_after: asked.highest(to + RECOVERY..usize::MAX),
            most_under_way: asked.most_under_way,
            drained_after_s: asked.last_ms.saturating_sub(measured.outage.end) / 1_000,
            is_drained,
            ends,
            memory_kb: measured.memory_kb.clone(),
            took_ms: u64::try_from(measured.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            outage_from_s: from,
            outage_to_s: to,
            by_second: asked.by_second,
        }
    }
}

impl Drained {
    /// Whether all queues are empty, each purchase ended as it did at the provider, and each event arrived
    /// once.
    pub fn is_right(&self) -> bool {
        let ends = |names: &[&str]| self.ends.keys().all(|end| names.contains(&end.as_str()));
        self.is_drained
            && (ends(&["delivered", "failed"]) || (ends(&["arrived"]) && self.served == self.size))
    }
}

/// The results as a table in Markdown.
pub fn table(outage: OutageOf, results: &[Drained]) -> String {
    let mut text = format!(
        "Outage: {outage:?}\n\n\
         | size | calls | in the outage | drained after s | most in a second: outage | first minute | later \
         | most under way | memory MB | took s | ends |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | --- |\n"
    );
    for it in results {
        let memory = it.memory_kb.iter().map(|kb| (kb * 1_024 / 1_000_000).to_string());
        let memory: Vec<String> = memory.collect();
        let ends: Vec<String> = it.ends.iter().map(|(end, n)| format!("{n} {end}")).collect();
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            it.size,
            it.calls,
            it.calls_in_outage,
            it.drained_after_s,
            it.highest_in_outage,
            it.highest_at_recovery,
            it.highest_after,
            it.most_under_way,
            memory.join(", "),
            it.took_ms / 1_000,
            ends.join(", "),
        );
    }
    text
}
