//! `telco-gateway`: the command-line tool of a gateway's operator.
//!
//! This file wires. [`commands`] lists the commands, each of which has a file or a folder; [`target`] finds the
//! gateway, [`aws`] speaks to an AWS account, [`help`] holds the longer texts, [`table`] prints.

mod account;
mod argument;
mod aws;
mod books;
mod commands;
mod context;
mod dead_letters;
mod disclosures;
mod doctor;
mod events;
mod failure;
mod guard;
mod help;
mod pages;
mod purchase;
mod request;
mod table;
mod target;
mod tenant;
mod webhook;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use shared::platform::environment::Environment;

use crate::commands::Command;
use crate::context::Context;
use crate::failure::Failure;
use crate::target::Place;

/// Operates a telco gateway: one on AWS, or a sandbox.
#[derive(Parser)]
#[command(name = "telco-gateway", version, after_long_help = help::AFTER_HELP)]
struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Print one JSON document
    #[arg(long, global = true, help_heading = help::GLOBAL)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let printed = match run(&matches).await {
        Ok(text) => print(&text).map(|()| ExitCode::SUCCESS),
        Err(Failure::Findings(text)) => print(&text).map(|()| Failure::Findings(text).exit_code()),
        Err(failure) => Err(failure),
    };
    printed.unwrap_or_else(|failure| {
        eprintln!("telco-gateway: {}", failure.line());
        failure.exit_code()
    })
}

/// The command is done, even if nobody reads its output any more.
fn print(text: &str) -> Result<(), Failure> {
    match table::show(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Unreachable(format!(
            "the command is done, but its output could not be written: {error}"
        ))),
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn run(matches: &ArgMatches) -> Result<String, Failure> {
    let Arguments { place, json, command } =
        Arguments::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    let target = place.target(matches)?;
    let (environment, tool) = (Environment::real(), Arguments::command());
    let clock = target.clock(&environment).await;
    let environment = Environment { clock, ..environment };
    command.run(&Context { target, json, environment, tool }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
