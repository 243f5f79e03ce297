//! The command line: `cargo run` starts the whole telco gateway on this machine, and
//! `cargo run -- rehearse` tries a tenant's application.

mod rehearse;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sandbox::{Options, Sandbox, StartupError};
use shared::platform::config::Vars;
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
    let Arguments { port, data_dir, instances, command } = Arguments::parse();
    if let Some(Command::Rehearse(arguments)) = command {
        return rehearse::run(arguments).await;
    }
    shared::platform::telemetry::log::init(sandbox::functions::logged_packages());
    let options = Options::new(Vars::from_process(), port, data_dir);
    match run(Options { instances, ..options }).await {
        // Exiting also ends the background tasks: triggers, schedules, services.
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), StartupError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let sandbox = Sandbox::start(options).await?;
    print_welcome(&sandbox);
    tokio::select! {
        _ = terminate.recv() => {}
        outcome = tokio::signal::ctrl_c() => outcome?,
    }
    println!("stopping");
    sandbox.stop().await;
    Ok(())
}

fn print_welcome(sandbox: &Sandbox) {
    let (url, keys) = (&sandbox.base_url, sandbox.keys.join(", "));
    let key = sandbox.keys.first().map_or("", String::as_str);
    println!("See it work: {url}/_sandbox");
    println!("DynamoDB at {}, SQS at {}", sandbox.dynamodb_url, sandbox.sqs_url);
    println!("API documentation: {url}/_sandbox/docs and {url}/_sandbox/openapi.yaml");
    println!("OTPs of the simulated phones: {url}/_sandbox/otps");
    println!(
        "telco gateway at {url} with key {keys}; try: \
         curl -s {url}/v2/telecom/auth -H 'mono-sec-key: {key}' \
         -H 'Content-Type: application/json' \
         -d '{{\"phone\":\"07082109281\",\"provider\":\"airtel\"}}'"
    );
}
