//! What was seen under load: durations by route, and memory by the number of requests.

use std::collections::BTreeMap;
use std::time::Duration;

use charts::{Chart, Line};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::BenchError;
use crate::table::Table;

/// The longest duration that is told apart, in microseconds: a minute.
const LONGEST_US: u64 = 60_000_000;

/// The durations of each route's answers, in microseconds.
#[derive(Default)]
pub struct Seen {
    durations: BTreeMap<&'static str, Histogram<u64>>,
    /// How many answers refused a request in a documented way, by status.
    pub refused: BTreeMap<u16, u64>,
}

/// The result of a run, as it is written as JSON.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// How many requests were answered.
    pub requests: u64,
    /// How many were under way at the same time.
    pub concurrency: usize,
    /// What was asked for.
    pub flow: &'static str,
    /// Whether tables and queues were in files.
    pub on_disk: bool,
    /// How long the run took, in milliseconds.
    pub took_ms: u64,
    /// The routes, by name.
    pub routes: Vec<Route>,
    /// How many answers refused a request in a documented way, by status.
    pub refused: BTreeMap<u16, u64>,
    /// How many purchases were made.
    pub purchases: u64,
    /// The memory of the sandbox.
    pub memory: Vec<Memory>,
}

/// The answers of one route. Durations are in microseconds.
#[derive(Debug, Serialize)]
pub struct Route {
    /// Its name.
    pub name: &'static str,
    /// How many there were.
    pub answers: u64,
    /// The median.
    pub p50_us: u64,
    /// The 90th percentile.
    pub p90_us: u64,
    /// The 99th percentile.
    pub p99_us: u64,
    /// The 99.9th percentile.
    pub p999_us: u64,
    /// The longest.
    pub longest_us: u64,
}

/// The memory of the sandbox after so many requests.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Memory {
    /// How many requests were answered.
    pub requests: u64,
    /// What is in RAM, in bytes.
    pub bytes: u64,
}

impl Seen {
    /// Adds an answer.
    ///
    /// # Errors
    /// Never: such a histogram can be made, and it takes each duration.
    pub fn add(&mut self, route: &'static str, took: Duration) -> Result<(), BenchError> {
        if !self.durations.contains_key(route) {
            self.durations.insert(route, Histogram::new_with_max(LONGEST_US, 3)?);
        }
        if let Some(durations) = self.durations.get_mut(route) {
            durations.saturating_record(u64::try_from(took.as_micros()).unwrap_or(LONGEST_US));
        }
        Ok(())
    }

    /// The routes, by name.
    pub fn routes(&self) -> Vec<Route> {
        let route = |(name, durations): (&&'static str, &Histogram<u64>)| Route {
            name,
            answers: durations.len(),
            p50_us: durations.value_at_quantile(0.5),
            p90_us: durations.value_at_quantile(0.9),
            p99_us: durations.value_at_quantile(0.99),
            p999_us: durations.value_at_quantile(0.999),
            longest_us: durations.max(),
        };
        self.durations.iter().map(route).collect()
    }
}

impl Outcome {
    /// Requests in a second.
    pub fn throughput(&self) -> f64 {
        self.requests as f64 * 1_000.0 / self.took_ms.max(1) as f64
    }

    /// How much the memory grew in the second half of the run, in bytes a request.
    pub fn growth(&self) -> Option<f64> {
        let last = self.memory.last()?;
        let middle = self.memory.iter().find(|it| it.requests * 2 >= last.requests)?;
        let requests = last.requests - middle.requests;
        (requests > 0).then(|| (last.bytes as f64 - middle.bytes as f64) / requests as f64)
    }

    /// The durations, and the memory.
    pub fn tables(&self) -> [Table; 2] {
        let texts = |cells: &[&str]| cells.iter().map(|it| (*it).to_owned()).collect();
        let header = ["route", "answers", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "longest ms"];
        let mut durations = Table::new(texts(&header));
        for it in &self.routes {
            let ms = [it.p50_us, it.p90_us, it.p99_us, it.p999_us, it.longest_us];
            let ms = ms.map(|us| format!("{:.1}", us as f64 / 1_000.0));
            let cells = [it.name.to_owned(), it.answers.to_string()];
            durations.add(cells.into_iter().chain(ms).collect());
        }
        let mut memory = Table::new(texts(&["requests", "memory MB"]));
        for it in &self.memory {
            memory.add(vec![it.requests.to_string(), format!("{:.1}", megabytes(it.bytes))]);
        }
        [durations, memory]
    }

    /// The memory by the number of requests.
    pub fn chart(&self) -> Chart {
        let tables = if self.on_disk { "tables in files" } else { "tables in memory" };
        let point = |it: &Memory| (it.requests as f64, megabytes(it.bytes));
        let points = self.memory.iter().map(point).collect();
        Chart {
            title: format!("Memory of the sandbox: {}, {tables}", self.flow),
            x: "requests".to_owned(),
            y: "MB".to_owned(),
            lines: vec![Line { name: String::new(), points }],
        }
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(memory: &[(u64, u64)]) -> Outcome {
        let memory =
            memory.iter().map(|(requests, bytes)| Memory { requests: *requests, bytes: *bytes });
        Outcome {
            requests: 100,
            concurrency: 1,
            flow: "mixed",
            on_disk: false,
            took_ms: 2_000,
            routes: Vec::new(),
            refused: BTreeMap::new(),
            purchases: 0,
            memory: memory.collect(),
        }
    }

    #[test]
    fn growth_is_that_of_the_second_half() {
        let result = result(&[(0, 10_000), (50, 90_000), (100, 95_000)]);
        assert_eq!((result.growth(), result.throughput()), (Some(100.0), 50.0));
    }

    #[test]
    fn a_run_without_requests_has_no_growth() {
        assert_eq!(result(&[(0, 10_000)]).growth(), None);
        assert_eq!(result(&[]).growth(), None);
    }

    #[test]
    fn a_route_has_the_percentiles_of_its_answers() {
        let mut seen = Seen::default();
        for ms in 1..=100 {
            seen.add("GET /purchases", Duration::from_millis(ms)).expect("a histogram");
        }
        let routes = seen.routes();
        let near = |us: u64, ms: u64| us.abs_diff(ms * 1_000) <= ms;
        assert_eq!((routes.len(), routes[0].answers), (1, 100));
        assert!(near(routes[0].p50_us, 50) && near(routes[0].p99_us, 99), "{routes:?}");
    }
}
