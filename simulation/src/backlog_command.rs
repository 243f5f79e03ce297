//! The command `backlog`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use charts::{Chart, ChartError, Picture};
use clap::Args;
use simulation::backlog::{
    Backlog, Drained, OutageOf, calls_by_second, requeries, table, totals_by_size, webhooks,
};
use simulation::world::Blueprint;

/// What to measure.
#[derive(Args)]
pub struct Arguments {
    /// Backlogs of so many open purchases that are asked about, separated by commas.
    #[arg(long, value_delimiter = ',')]
    requeries: Vec<u64>,
    /// Backlogs of so many webhooks, separated by commas.
    #[arg(long, value_delimiter = ',')]
    webhooks: Vec<u64>,
    /// What the outage is of.
    #[arg(long, value_enum, default_value_t = OutageOf::Failing)]
    outage: OutageOf,
    /// How long the outage takes.
    #[arg(long, default_value_t = 30)]
    outage_minutes: u64,
    /// How long the provider or a receiver takes for an answer.
    #[arg(long, default_value_t = 200)]
    answer_ms: u64,
    /// How many batches run at the same time: the template's RequeryConcurrency, or WebhookConcurrency.
    #[arg(long)]
    concurrency: Option<u64>,
    /// How many calls a second one batch of requeries makes: the template's RequeryCallsPerSecond.
    #[arg(long)]
    calls_per_second: Option<u64>,
    /// Shows the results of earlier runs, too: files that `--json` wrote.
    #[arg(long)]
    earlier: Vec<PathBuf>,
    /// Also writes the results to this file, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also draws the results into this folder.
    #[arg(long)]
    charts: Option<PathBuf>,
}

/// The results as they are written, by the name of their kind.
type Results = BTreeMap<String, Vec<Drained>>;

/// A kind of backlog: its name, the parameter that bounds it, whom it calls, and how it is measured.
type Kind = (&'static str, &'static str, &'static str, fn(&Blueprint, Backlog) -> Drained);

const REQUERIES: Kind = ("requeries", "RequeryConcurrency", "VTpass", requeries);
const WEBHOOKS: Kind = ("webhooks", "WebhookConcurrency", "100 receivers", webhooks);

/// Measures each backlog, from the first size to the last. Fails if one was not drained or ended in a way
/// that it must not.
pub fn run(arguments: &Arguments) -> ExitCode {
    match measure_all(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("backlog: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(arguments: &Arguments) -> Result<bool, ChartError> {
    // Before the measurement, so that a wrong path does not lose it.
    arguments.charts.as_ref().map(fs::create_dir_all).transpose()?;
    let mut all = Results::new();
    let mut is_right = true;
    for (kind, sizes) in [(REQUERIES, &arguments.requeries), (WEBHOOKS, &arguments.webhooks)] {
        let (name, parameter, called, measure) = kind;
        let blueprint = Blueprint::with(&arguments.parameters(parameter))?;
        let mut results = arguments.earlier(name)?;
        for size in sizes {
            eprintln!("a backlog of {size} {name}");
            let drained = measure(&blueprint, arguments.backlog(*size));
            is_right &= drained.is_right();
            results.push(drained);
        }
        results.sort_by_key(|it| it.size);
        let Some(largest) = results.last() else { continue };
        println!("{name}: {}", table(arguments.outage, &results));
        if let Some(folder) = &arguments.charts {
            let [calls, time] = totals_by_size(name, called, &results);
            let write = |chart: Chart, of: &str| {
                chart.write(&folder.join(format!("backlog-{name}-{of}.svg")))
            };
            write(calls, "calls")?;
            write(time, "time")?;
            write(calls_by_second(called, largest), "recovery")?;
        }
        all.insert(name.to_owned(), results);
    }
    if let Some(path) = &arguments.json {
        fs::write(path, serde_json::to_string(&all)? + "\n")?;
    }
    Ok(is_right)
}

impl Arguments {
    /// The parameters of the template that are chosen; `concurrency` is the name of the first.
    fn parameters(&self, concurrency: &'static str) -> Vec<(&'static str, String)> {
        let concurrency = self.concurrency.map(|it| (concurrency, it.to_string()));
        let calls = self.calls_per_second.map(|it| ("RequeryCallsPerSecond", it.to_string()));
        concurrency.into_iter().chain(calls).collect()
    }

    /// The results of earlier runs.
    fn earlier(&self, name: &str) -> Result<Vec<Drained>, ChartError> {
        let mut results = Vec::new();
        for path in &self.earlier {
            let mut all: Results = serde_json::from_str(&fs::read_to_string(path)?)?;
            results.extend(all.remove(name).unwrap_or_default());
        }
        Ok(results)
    }

    fn backlog(&self, size: u64) -> Backlog {
        Backlog {
            size,
            outage: self.outage,
            outage_for: Duration::from_secs(60 * self.outage_minutes),
            answer: Duration::from_millis(self.answer_ms),
        }
    }
}
