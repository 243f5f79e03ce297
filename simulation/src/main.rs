//! The command of the simulation: runs schedules, replays one, and tells its story.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use simulation::campaign::{Campaign, Failure};
use simulation::coverage::{Coverage, Sites};
use simulation::record::Telling;
use simulation::schedule::{Schedule, generate};
use simulation::world::Blueprint;

/// A run makes millions of small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs many schedules.
    Run {
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// How many.
        #[arg(long, default_value_t = 2_000)]
        count: u64,
        /// How many threads.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// Whether to go on after a failure.
        #[arg(long)]
        keep_going: bool,
        /// Where to write the calls that were met, with new weights.
        #[arg(long)]
        sites: Option<PathBuf>,
    },
    /// Runs one schedule and tells its story.
    Replay {
        /// The seed.
        seed: Option<u64>,
        /// A schedule in a file instead.
        #[arg(long)]
        schedule: Option<PathBuf>,
        /// Whether to make it smaller first, if it fails.
        #[arg(long)]
        shrink: bool,
    },
    /// Runs schedules twice and compares every line.
    Twice {
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// How many.
        #[arg(long, default_value_t = 200)]
        count: u64,
    },
}

fn main() -> ExitCode {
    let blueprint = Blueprint::new().expect("the repository's template can be read");
    let campaign = Campaign { blueprint, sites: Sites::known() };
    match Arguments::parse().command {
        Command::Run { from, count, jobs, keep_going, sites } => {
            run(&campaign, from, count, jobs, keep_going, sites)
        }
        Command::Replay { seed, schedule, shrink } => replay(&campaign, seed, schedule, shrink),
        Command::Twice { from, count } => twice(&campaign, from, count),
    }
}

fn run(
    campaign: &Campaign,
    from: u64,
    count: u64,
    jobs: usize,
    keep_going: bool,
    sites: Option<PathBuf>,
) -> ExitCode {
    const BATCH: u64 = 1_000;
    let begun = Instant::now();
    let bar = progress(count);
    let (mut coverage, mut failures) = (Coverage::default(), Vec::new());
    let mut seed = from;
    while seed < from + count && (keep_going || failures.is_empty()) {
        let end = (seed + BATCH).min(from + count);
        let (met, failed) = campaign.batch(seed..end, jobs, &|| bar.inc(1));
        coverage.merge(met);
        failures.extend(failed);
        seed = end;
    }
    bar.finish_and_clear();
    report(&coverage, campaign, seed - from, begun.elapsed());
    if let Some(path) = sites {
        let text = serde_json::to_string_pretty(&coverage.sites()).unwrap_or_default();
        fs::write(path, text + "\n").expect("the file is writable");
    }
    for Failure { seed, violation } in &failures {
        println!("seed {seed}: {}: {}", violation.invariant, violation.detail);
    }
    println!("{} passed, {} failed", seed - from - failures.len() as u64, failures.len());
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn progress(count: u64) -> ProgressBar {
    let style = "{wide_bar} {pos}/{len} {per_sec} {eta}";
    let bar = ProgressBar::new(count);
    bar.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar
}

fn report(coverage: &Coverage, campaign: &Campaign, runs: u64, time: Duration) {
    println!(
        "{runs} schedules in {:.1} s, {} calls, {} situations, {} changes of purchases",
        time.as_secs_f64(),
        coverage.calls,
        coverage.met.len(),
        coverage.changes.len()
    );
    println!("{} faults at known calls were never met", coverage.never(&campaign.sites).len());
}

fn replay(campaign: &Campaign, seed: Option<u64>, file: Option<PathBuf>, shrink: bool) -> ExitCode {
    let mut schedule: Schedule = match (&file, seed) {
        (Some(path), _) => {
            let text = fs::read_to_string(path).expect("the file is readable");
            serde_json::from_str(&text).expect("the file holds a schedule")
        }
        (None, seed) => generate(seed.unwrap_or(1), &campaign.sites),
    };
    let first = campaign.run(schedule.clone(), Telling::Nothing).violations.into_iter().next();
    if let Some(violation) = first.filter(|_| shrink) {
        schedule = campaign.shrink(&schedule, violation.invariant);
    }
    println!("{}", serde_json::to_string_pretty(&schedule).unwrap_or_default());
    let record = campaign.run(schedule, Telling::Story);
    for line in &record.lines {
        println!("{line}");
    }
    for violation in &record.violations {
        println!("{} at {} ms: {}", violation.invariant, violation.at_ms, violation.detail);
    }
    if record.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn twice(campaign: &Campaign, from: u64, count: u64) -> ExitCode {
    for seed in from..from + count {
        let first = campaign.run_seed(seed, Telling::Trace).lines;
        let second = campaign.run_seed(seed, Telling::Trace).lines;
        if first != second {
            let differs = first.iter().zip(&second).find(|(a, b)| a != b);
            println!("seed {seed} differs: {differs:#?}");
            return ExitCode::FAILURE;
        }
    }
    println!("{count} schedules were the same twice");
    ExitCode::SUCCESS
}
