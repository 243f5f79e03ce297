//! The command of the benchmark: `cargo run --release -p bench -- starts`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::https::HttpsServer;
use bench::instructions::{ByFunction, compare, count, has_valgrind, read_budgets};
use bench::load::{self, Load};
use bench::proc_files::ProcFiles;
use bench::report::Report;
use bench::start::{Start, measure};
use bench::subject::{Subject, functions, subjects};
use bench::{BenchError, binaries, comparisons, targets};
use charts::Picture;
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use sandbox::{Options, Sandbox};
use shared::platform::config::Vars;
use tokio::runtime::{self, Runtime};

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts each function in new processes and measures starts, warm invocations and memory. Linux only.
    Starts(Starts),
    /// Counts the instructions of each function's start and call by valgrind's callgrind. Fails where one is
    /// above its budget.
    Instructions(Instructions),
    /// Drives the sandbox with a mix of requests and measures throughput, durations and memory. Linux only.
    Load(Load),
}

#[derive(Args)]
struct Starts {
    /// How often each function is started.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many warm invocations each process answers, one after the other.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    warm: u32,
    /// The functions, separated by commas; all if not given.
    #[arg(long, value_delimiter = ',')]
    functions: Vec<String>,
    /// Also writes the result to this file, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also draws the times to the first answer into this file, as SVG.
    #[arg(long)]
    svg: Option<PathBuf>,
    /// Leaves out the same work on defaults, on Node and in Python.
    #[arg(long)]
    no_comparisons: bool,
    /// Measures the binaries that are there, even if they are out of date.
    #[arg(long)]
    no_build: bool,
}

#[derive(Args)]
struct Instructions {
    /// The folder with the binaries, as `cargo lambda build` leaves them: `NAME/bootstrap`.
    #[arg(long)]
    binaries: PathBuf,
    /// The file with the budgets.
    #[arg(long)]
    budgets: PathBuf,
    /// Writes the counts to that file instead of comparing them.
    #[arg(long)]
    write: bool,
    /// The functions, separated by commas; all if not given.
    #[arg(long, value_delimiter = ',')]
    functions: Vec<String>,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Starts(arguments) => starts(&arguments),
        Command::Instructions(arguments) => instructions(&arguments),
        Command::Load(arguments) => load::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn starts(arguments: &Starts) -> Result<(), BenchError> {
    ProcFiles::require()?;
    let target = binaries::target()?;
    if !arguments.no_build {
        binaries::build(&target)?;
        if !arguments.no_comparisons {
            comparisons::build(&target)?;
        }
    }
    let account = account()?;
    let report = measure_all(arguments, &target, &account)?;
    println!("{}", targets::table(&targets::verdicts(&report)));
    for table in report.tables() {
        println!("{table}");
    }
    if let Some(path) = &arguments.json {
        write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    if let Some(path) = &arguments.svg {
        report.picture().write(path)?;
    }
    // The sandbox's tasks end with the process.
    account.shutdown_background();
    Ok(())
}

fn write(path: &Path, text: String) -> Result<(), BenchError> {
    fs::write(path, text)
        .map_err(|error| format!("cannot write {}: {error}", path.display()).into())
}

/// The threads of the sandbox.
fn account() -> Result<Runtime, BenchError> {
    Ok(runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn instructions(arguments: &Instructions) -> Result<(), BenchError> {
    let account = account()?;
    let vars = limits_that_are_not_reached();
    let sandbox = account.block_on(Sandbox::start(Options::new(vars, 0, None)))?;
    let binary = |name: &str| arguments.binaries.join(name).join("bootstrap");
    let subjects = functions(&sandbox, &arguments.functions, binary)?;
    let here = runtime::Builder::new_current_thread().enable_all().build()?;
    let counts = here.block_on(async {
        let mut counts = ByFunction::new();
        for subject in subjects {
            let counted = count(&subject).await?;
            println!("{}: start {}, call {}", subject.name, counted.start, counted.call);
            counts.insert(subject.name, counted);
        }
        Ok::<_, BenchError>(counts)
    })?;
    account.shutdown_background();
    if arguments.write {
        let text = serde_json::to_string_pretty(&counts)? + "\n";
        return Ok(fs::write(&arguments.budgets, text)?);
    }
    let wrong = compare(&read_budgets(&arguments.budgets)?, &counts);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
}

/// Runs the sandbox on its own threads, and the emulator on this one, so that handing out an invocation
/// wakes no other thread of this process.
fn measure_all(arguments: &Starts, target: &Path, account: &Runtime) -> Result<Report, BenchError> {
    let vars = limits_that_are_not_reached();
    let sandbox = account.block_on(Sandbox::start(Options::new(vars, 0, None)))?;
    let https = match arguments.no_comparisons {
        true => None,
        false => Some(account.block_on(HttpsServer::start())?),
    };
    let subjects = subjects(target, &sandbox, &arguments.functions, https.as_ref())?;
    let here = runtime::Builder::new_current_thread().enable_all().build()?;
    let all = here.block_on(rounds(arguments, subjects))?;
    let counts = here.block_on(counts(&all));
    let mut report = Report::new(arguments.warm, arguments.rounds, all);
    report.add_instructions(&counts);
    Ok(report)
}

/// The instructions of each binary, if valgrind is here. A script's would be those of its interpreter.
async fn counts(all: &[(Subject, Vec<Start>)]) -> ByFunction {
    let mut counts = ByFunction::new();
    if !has_valgrind() {
        return counts;
    }
    let binaries: Vec<_> = all.iter().filter(|(it, _)| it.arguments.is_empty()).collect();
    let bar = progress(binaries.len() as u64, "binaries counted by valgrind");
    for (subject, _) in binaries {
        bar.set_message(subject.name.clone());
        match count(subject).await {
            Ok(counted) => {
                counts.insert(subject.name.clone(), counted);
            }
            Err(error) => bar.println(format!("{} is not counted: {error}", subject.name)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    counts
}

/// Starts every subject once in each round.
async fn rounds(
    arguments: &Starts,
    subjects: Vec<Subject>,
) -> Result<Vec<(Subject, Vec<Start>)>, BenchError> {
    let bar = progress(u64::from(arguments.rounds) * subjects.len() as u64, "starts");
    let mut all: Vec<_> = subjects.into_iter().map(|subject| (subject, Vec::new())).collect();
    for _ in 0..arguments.rounds {
        for (subject, starts) in &mut all {
            bar.set_message(subject.name.clone());
            let warm = arguments.warm.min(subject.most_invocations());
            starts.push(measure(subject, warm).await?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(all)
}

fn progress(length: u64, of_what: &str) -> ProgressBar {
    let template = format!("{{pos}} of {{len}} {of_what}, {{eta}} to go {{bar:30}} {{msg}}");
    let style = ProgressStyle::with_template(&template);
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Every warm invocation is to do the same work, so none may be refused because there were too many.
fn limits_that_are_not_reached() -> Vars {
    let names = ["LIMIT_CALLS", "LIMIT_READS", "LIMIT_PURCHASES"];
    names
        .map(|name| (name.to_owned(), "1000000000/600,1000000000/86400".to_owned()))
        .into_iter()
        .collect()
}
