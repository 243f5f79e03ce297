//! `cargo run`: the whole telco gateway on this machine.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use sandbox::{Options, Problem, Sandbox};
use shared::config::Vars;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the telco gateway with everything around it in one process.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The port of the API on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Keep tables, queues and the simulators' ledgers here between runs; in memory without.
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    shared::log::init();
    let Arguments { port, data_dir } = Arguments::parse();
    match run(Options::new(Vars::from_process(), port, data_dir)).await {
        // Background work (triggers, the engines) ends with the process.
        Ok(()) => std::process::exit(0),
        Err(problem) => {
            eprintln!("sandbox: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Problem> {
    let mut terminate = signal(SignalKind::terminate())?;
    let sandbox = Sandbox::start(options).await?;
    greet(&sandbox);
    tokio::select! {
        _ = terminate.recv() => {}
        outcome = tokio::signal::ctrl_c() => outcome?,
    }
    println!("stopping");
    sandbox.stop().await;
    Ok(())
}

fn greet(sandbox: &Sandbox) {
    let (url, keys) = (&sandbox.base_url, sandbox.keys.join(", "));
    let key = sandbox.keys.first().map_or("", String::as_str);
    println!("DynamoDB at {}, SQS at {}", sandbox.dynamodb_url, sandbox.sqs_url);
    println!("the contract: {url}/_sandbox/docs and {url}/_sandbox/openapi.yaml");
    println!("OTPs that simulated phones receive: {url}/_sandbox/otps");
    println!(
        "telco gateway at {url} with key {keys}; try: \
         curl -s {url}/v2/telecom/auth -H 'mono-sec-key: {key}' \
         -H 'Content-Type: application/json' \
         -d '{{\"phone\":\"07082109281\",\"provider\":\"airtel\"}}'"
    );
}
