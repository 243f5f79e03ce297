//! The command of the simulation: runs schedules, replays one and tells its story.

mod backlog_command;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use simulation::campaign::Campaign;
use simulation::coverage::Sites;
use simulation::isolation::measure;
use simulation::progress::Progress;
use simulation::record::Telling;
use simulation::schedule::{Density, Schedule};
use simulation::world::Blueprint;

/// How many schedules are run between two looks at the result.
const BATCH: u64 = 1_000;

/// A run makes millions of small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Makes schedules in which more happens and more goes wrong, mostly around one customer.
    #[arg(long, global = true)]
    dense: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Runs many schedules. Ends after the batch of the first failure, unless it is to keep going.
    Run(Run),
    /// Runs one schedule and tells its story.
    Replay(Replay),
    /// Runs schedules twice and compares every line.
    Twice {
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// How many.
        #[arg(long, default_value_t = 200)]
        count: u64,
    },
    /// Measures how a backlog is drained after an outage.
    Backlog(backlog_command::Arguments),
    /// Measures what dead and slow receivers of webhooks cost the others.
    Isolation {
        /// How many events each of the 100 receivers gets.
        #[arg(long, default_value_t = 100)]
        events: u64,
    },
}

#[derive(Args)]
struct Run {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many schedules.
    #[arg(long, default_value_t = 2_000)]
    count: u64,
    /// How many threads.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Goes on after a failure.
    #[arg(long)]
    keep_going: bool,
    /// A file that keeps what was done. A run that was stopped goes on from it.
    #[arg(long)]
    progress: Option<PathBuf>,
    /// Where to write the calls that were met, with new weights: a new sites.json.
    #[arg(long)]
    sites: Option<PathBuf>,
    /// Lists the faults that are possible at a known call and were never met.
    #[arg(long)]
    never: bool,
}

#[derive(Args)]
struct Replay {
    /// The seed.
    #[arg(required_unless_present = "schedule")]
    seed: Option<u64>,
    /// A schedule in a file instead.
    #[arg(long)]
    schedule: Option<PathBuf>,
    /// Makes it smaller first, as long as it fails.
    #[arg(long)]
    shrink: bool,
    /// Tells every call, not only those that go wrong.
    #[arg(long)]
    calls: bool,
}

fn main() -> ExitCode {
    let blueprint = Blueprint::new().expect("the repository's template can be read");
    let arguments = Arguments::parse();
    let density = if arguments.dense { Density::Dense } else { Density::Usual };
    let campaign = Campaign { blueprint, sites: Sites::known(), density };
    match arguments.command {
        Command::Run(arguments) => run(&campaign, &arguments),
        Command::Replay(arguments) => replay(&campaign, &arguments),
        Command::Twice { from, count } => twice(&campaign, from, count),
        Command::Backlog(arguments) => backlog_command::run(&arguments),
        Command::Isolation { events } => {
            for (name, with_bad) in [("without", false), ("with", true)] {
                let delays = measure(&campaign.blueprint, events, with_bad);
                println!("{name} dead and slow receivers: {delays:?}");
            }
            ExitCode::SUCCESS
        }
    }
}

fn run(campaign: &Campaign, arguments: &Run) -> ExitCode {
    let file = arguments.progress.as_deref();
    let mut progress =
        Progress::load(file, arguments.from, campaign.density).expect("the progress is readable");
    let mut coverage = progress.coverage();
    let end = progress.from + arguments.count;
    let bar = bar(arguments.count, progress.next - progress.from);
    while progress.next < end && (arguments.keep_going || progress.failures.is_empty()) {
        let begun = Instant::now();
        let to = (progress.next + BATCH).min(end);
        let (met, failures) = campaign.batch(progress.next..to, arguments.jobs, &|| bar.inc(1));
        coverage.merge(met);
        progress.add(to, begun.elapsed().as_secs_f64(), &coverage, failures);
        if let Some(file) = file {
            progress.save(file).expect("the progress is writable");
        }
    }
    bar.finish_and_clear();
    if let Some(path) = &arguments.sites {
        let text = serde_json::to_string_pretty(&coverage.sites()).unwrap_or_default();
        fs::write(path, text + "\n").expect("the file is writable");
    }
    report(campaign, &progress, arguments.never);
    if progress.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn bar(count: u64, done: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {per_sec} {eta}");
    let bar = ProgressBar::new(count).with_position(done);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn report(campaign: &Campaign, progress: &Progress, lists_never: bool) {
    let (coverage, runs) = (progress.coverage(), progress.next - progress.from);
    let never = coverage.never(&campaign.sites);
    println!("{runs} schedules in {:.0} s, {} calls", progress.seconds, coverage.calls);
    println!("memory: {} KB at first, {} KB at last", progress.first_kb, progress.last_kb);
    println!(
        "met: {} situations (caller, call, fault, state), {} changes of purchases",
        coverage.met.len(),
        coverage.changes.len()
    );
    println!("never met: {} of the faults that are possible at a known call", never.len());
    for (caller, call, kind) in never.iter().filter(|_| lists_never) {
        println!("  {caller} -> {call}: {}", <&str>::from(kind));
    }
    for failure in &progress.failures {
        let violation = &failure.violation;
        println!("seed {}: {}: {}", failure.seed, violation.invariant, violation.detail);
    }
    if let Some(failure) = progress.failures.first() {
        let dense = if campaign.density == Density::Dense { " --dense" } else { "" };
        println!(
            "its story: cargo run --locked --profile simulation -p simulation -- replay {} --shrink{dense}",
            failure.seed
        );
    }
    let failed = progress.failures.len();
    println!("{} passed, {failed} failed", usize::try_from(runs).unwrap_or(usize::MAX) - failed);
}

fn replay(campaign: &Campaign, arguments: &Replay) -> ExitCode {
    let mut schedule = match &arguments.schedule {
        Some(path) => read(path),
        None => campaign.schedule(arguments.seed.unwrap_or_default()),
    };
    let first = campaign.run(schedule.clone(), Telling::Nothing).violations.into_iter().next();
    if let Some(violation) = first.filter(|_| arguments.shrink) {
        schedule = campaign.shrink(&schedule, &violation.invariant);
    }
    println!("{}", serde_json::to_string_pretty(&schedule).unwrap_or_default());
    let record = campaign.run(schedule, Telling::Story);
    let is_told = |line: &&String| arguments.calls || !is_plain_call(line);
    record.lines.iter().filter(is_told).for_each(|line| println!("{line}"));
    for violation in &record.violations {
        println!("{} at {} ms: {}", violation.invariant, violation.at_ms, violation.detail);
    }
    if record.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether a line is about a call that nothing went wrong with.
fn is_plain_call(line: &str) -> bool {
    line.contains(" -> ") && !line.contains('[')
}

fn read(path: &Path) -> Schedule {
    let text = fs::read_to_string(path).expect("the file is readable");
    serde_json::from_str(&text).expect("the file holds a schedule")
}

fn twice(campaign: &Campaign, from: u64, count: u64) -> ExitCode {
    for seed in from..from + count {
        let [first, second] = [(), ()].map(|()| campaign.run_seed(seed, Telling::Trace).lines);
        if first != second {
            let differs = first.iter().zip(&second).find(|(a, b)| a != b);
            println!("seed {seed} differs: {differs:#?}");
            return ExitCode::FAILURE;
        }
    }
    println!("{count} schedules were the same twice");
    ExitCode::SUCCESS
}
