//! The command line: `cargo run` starts the whole telco gateway on this machine, and
//! `cargo run -- rehearse` tries a tenant's application.

mod rehearse;
mod welcome;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sandbox::{Options, Sandbox, StartupError};
use shared::platform::config::Vars;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the telco gateway with everything around it in one process.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// The port of the API on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Keeps tables, queues and the simulators' data here between runs; in memory if not given.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Runs so many instances of each function. They take the invocations in turn.
    #[arg(long, default_value_t = 1)]
    instances: usize,
    /// Runs the built functions of this folder, each in processes of its own, as Lambda does. `cargo lambda build`
    /// puts them into `target/lambda`.
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// Prints one line of JSON once it is ready, for a program that starts it.
    #[arg(long)]
    json: bool,
    /// Stops when standard input ends: when the program that started it closes it, or ends itself.
    #[arg(long)]
    exit_with_parent: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Tries your own application: webhooks that come again, late, out of order and forged, orders that
    /// fail late, are reversed or wait for a person, and answers of the gateway that are lost.
    Rehearse(rehearse::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Command::Rehearse(arguments)) = arguments.command {
        return rehearse::run(arguments).await;
    }
    shared::platform::telemetry::log::init(sandbox::functions::logged_packages());
    let Arguments { port, data_dir, instances, binaries, json, exit_with_parent, .. } = arguments;
    let options = Options::new(Vars::from_process(), port, data_dir);
    match run(Options { instances, binaries, ..options }, json, exit_with_parent).await {
        // Exiting also ends the background tasks: triggers, schedules, services.
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("sandbox: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options, json: bool, with_parent: bool) -> Result<(), StartupError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let sandbox = Sandbox::start(options).await?;
    println!("{}", if json { welcome::json(&sandbox) } else { welcome::text(&sandbox) });
    tokio::select! {
        _ = terminate.recv() => {}
        outcome = tokio::signal::ctrl_c() => outcome?,
        () = parent_ended(), if with_parent => {}
    }
    if !json {
        println!("stopping");
    }
    sandbox.stop().await;
    Ok(())
}

/// An error with what caused it: an error of AWS says in its causes what is wrong.
fn with_causes(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(reason) = cause {
        text = format!("{text}: {reason}");
        cause = reason.source();
    }
    text
}

/// Waits for the end of standard input: the program that started this one has closed it, or has ended.
async fn parent_ended() {
    let mut input = tokio::io::stdin();
    let mut bytes = [0; 64];
    while input.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
}
