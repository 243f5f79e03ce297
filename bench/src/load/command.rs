//! The command `load`.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use charts::Picture;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use shared::platform::environment::Environment;
use tokio::runtime;
use tokio::sync::Mutex as Turn;
use tokio::task::JoinSet;

use super::{Flow, Gateway, Known, Outcome, Run, Seen};
use crate::proc_files::ProcFiles;
use crate::{BenchError, binaries};

/// How often the memory is looked at.
const LOOKS: u64 = 50;

/// What to measure.
#[derive(Args)]
pub struct Load {
    /// How many requests are made. A consent counts as one.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    requests: u64,
    /// How many are under way at the same time.
    #[arg(long, default_value_t = 8)]
    concurrency: usize,
    /// What is asked.
    #[arg(long, value_enum, default_value_t = Flow::Mixed)]
    flow: Flow,
    /// Keeps tables and queues in files of a new folder, so that they take no memory of the process.
    #[arg(long)]
    on_disk: bool,
    /// The binary of the sandbox; else it is built in release mode.
    #[arg(long)]
    sandbox: Option<PathBuf>,
    /// Also writes the result to this file, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also draws the memory into this file, as SVG.
    #[arg(long)]
    chart: Option<PathBuf>,
}

/// Measures the sandbox under load and prints the result.
///
/// # Errors
/// When it cannot be measured, or when an answer is neither right nor a documented refusal.
pub fn run(load: &Load) -> Result<(), BenchError> {
    ProcFiles::require()?;
    let sandbox = match &load.sandbox {
        Some(binary) => binary.clone(),
        None => binaries::sandbox(&binaries::target()?)?,
    };
    let here = runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = here.block_on(measure(load, &sandbox))?;
    print(&outcome);
    if let Some(path) = &load.json {
        fs::write(path, serde_json::to_string_pretty(&outcome)? + "\n")?;
    }
    if let Some(path) = &load.chart {
        outcome.chart().write(path)?;
    }
    Ok(())
}

async fn measure(load: &Load, sandbox: &std::path::Path) -> Result<Outcome, BenchError> {
    let folder = tempfile::tempdir()?;
    let data_dir = load.on_disk.then(|| folder.path());
    let (gateway, otps) = Gateway::start(sandbox, data_dir).await?;
    let style =
        ProgressStyle::with_template("{pos} of {len} requests, {per_sec}, {eta} to go {bar:30}");
    let bar = ProgressBar::new(load.requests)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut run = Run {
        gateway,
        http: Environment::real().http,
        otps: Turn::new(otps),
        flow: load.flow,
        known: Known::default(),
        requests: load.requests,
        begun: 0.into(),
        bar,
        seen: Mutex::default(),
        memory: Mutex::default(),
        look: load.requests.div_ceil(LOOKS),
    };
    run.begin().await?;
    // What came before is not measured.
    *run.seen() = Seen::default();
    let (run, begun) = (Arc::new(run), Instant::now());
    let mut workers = JoinSet::new();
    for _ in 0..load.concurrency.max(1) {
        let run = run.clone();
        workers.spawn(async move { run.work().await });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    let took = begun.elapsed();
    run.bar.finish_and_clear();
    drop(workers);
    let run = Arc::into_inner(run).ok_or("a worker goes on")?;
    finish(load, run, took).await
}

/// Waits for the orders that are delivered later, and stops the sandbox.
async fn finish(load: &Load, run: Run, took: Duration) -> Result<Outcome, BenchError> {
    let (routes, refused) = {
        let seen = run.seen();
        (seen.routes(), seen.refused.clone())
    };
    run.settled().await?;
    run.look_at_memory(load.requests)?;
    let is_new = |name: &str| matches!(name, "POST /purchases" | "POST /purchases, later");
    let outcome = Outcome {
        requests: routes.iter().map(|it| it.answers).sum(),
        concurrency: load.concurrency,
        flow: load.flow.into(),
        on_disk: load.on_disk,
        took_ms: u64::try_from(took.as_millis())?,
        purchases: routes.iter().filter(|it| is_new(it.name)).map(|it| it.answers).sum(),
        routes,
        refused,
        memory: run.memory().clone(),
    };
    run.gateway.stop().await?;
    Ok(outcome)
}

fn print(outcome: &Outcome) {
    let [durations, memory] = outcome.tables();
    println!("{durations}\n{memory}");
    let seconds = Duration::from_millis(outcome.took_ms).as_secs_f64();
    println!(
        "{} requests in {seconds:.1} s, {:.0} a second, {} purchases made",
        outcome.requests,
        outcome.throughput(),
        outcome.purchases
    );
    let refused = &outcome.refused;
    println!(
        "documented refusals by status: {refused:?}; any other answer would have ended the run"
    );
    if let Some(growth) = outcome.growth() {
        println!("memory in the second half of the run: {growth:.1} bytes more for each request");
    }
}
