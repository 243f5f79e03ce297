//! `telco-gateway`: the command-line tool of a gateway's operator.
//!
//! This file holds the arguments and the exit codes. [`target`] finds the gateway's tables,
//! [`account`], [`books`], [`disclosures`], [`guard`], [`purchase`], [`tenant`] and [`webhook`] hold the commands, [`table`] prints columns.

mod account;
mod argument;
mod aws;
mod books;
mod disclosures;
mod failure;
mod guard;
mod number;
mod purchase;
mod table;
mod target;
mod tenant;
mod webhook;

use std::io::Write;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use shared::platform::environment::Environment;

use crate::account::AccountArguments;
use crate::books::{ReportArguments, WalletArguments};
use crate::disclosures::DisclosuresArguments;
use crate::failure::Failure;
use crate::guard::GuardArguments;
use crate::purchase::PurchaseArguments;
use crate::target::Place;
use crate::tenant::TenantArguments;
use crate::webhook::WebhookArguments;

/// Help below the options: where the variables come from, and what an exit code means.
const AFTER_HELP: &str = "\
Against AWS (without --sandbox) the environment must hold
  AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, for temporary credentials
  AWS_SESSION_TOKEN, and the table of the command (or give --table NAME):
  PURCHASES_TABLE, TENANTS_TABLE, LIMITS_TABLE, BOOKS_TABLE, WEBHOOK_ENDPOINTS_TABLE or
  DISCLOSURES_TABLE.
  account works on ACCOUNTS_TABLE; to export it needs REQUESTS_TABLE, to unlink
  FOLLOW_UP_QUEUE_URL and NOTIFY_QUEUE_URL. tenant offboard needs all of these.
The AWS CLI exports the credentials of a profile:
  eval \"$(aws configure export-credentials --format env)\"
The credentials need, on the table that a command works on:
  account   dynamodb:GetItem, dynamodb:Scan for --all, dynamodb:UpdateItem and sqs:SendMessage to
            unlink, dynamodb:Query on the index by_account of the requests table to export
  purchase  dynamodb:GetItem, dynamodb:UpdateItem to settle and to mask, dynamodb:Scan to mask, to find a number
            and to find a refill by the id that MTN knows it by; with find --tenant Query on the
            index by_phone, dynamodb:BatchGetItem, and LIMITS_HMAC_KEY in the environment
  tenant    dynamodb:Scan, dynamodb:PutItem to create and rotate, dynamodb:UpdateItem to
            rotate, to revoke and to set limits
  report    dynamodb:GetItem
  wallet    dynamodb:Query, dynamodb:PutItem to note a top-up
  webhook   dynamodb:Query, dynamodb:GetItem, PutItem, UpdateItem, DeleteItem
  guard     dynamodb:GetItem, dynamodb:UpdateItem to close, open and take back
  disclosures
            dynamodb:Query, also on the index by_account; dynamodb:Scan on TENANTS_TABLE with --key, and
            with --tenant without --from

Exit codes: 0 done, 1 refused or not found, 2 wrong usage or missing configuration,
3 the store or the sandbox cannot be reached, or a new key could not be printed.";

/// Operates a telco gateway: one on AWS, or a sandbox.
#[derive(Parser)]
#[command(name = "telco-gateway", version, after_long_help = AFTER_HELP)]
struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show, export and unlink the accounts of a tenant, without its API key
    Account(AccountArguments),
    /// Show a purchase, settle one that waits for a person, find and mask numbers
    Purchase(PurchaseArguments),
    /// List which services are sold, suspend one, or sell it whatever its orders say
    Guard(GuardArguments),
    /// Create, list, rotate and revoke the API keys of tenants
    Tenant(TenantArguments),
    /// Print the report of a day that is over: of a tenant, or of the whole deployment
    Report(ReportArguments),
    /// Show the wallet at VTpass, and note top-ups
    Wallet(WalletArguments),
    /// List whose data was shown: to a key, to a tenant, or of an account
    Disclosures(DisclosuresArguments),
    /// List, add, rotate, enable, disable and remove the webhook endpoints of tenants
    Webhook(WebhookArguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let parsed = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(parsed, &matches).await {
        Ok(text) => {
            // The command is done, even if nobody reads its output any more.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("telco-gateway: {}", failure.line());
            failure.exit_code()
        }
    }
}

async fn run(arguments: Arguments, matches: &ArgMatches) -> Result<String, Failure> {
    let Arguments { place, json, command } = arguments;
    let target = place.target(matches)?;
    let environment = Environment::real();
    match command {
        Command::Account(arguments) => account::run(arguments, &target, json, &environment).await,
        Command::Purchase(arguments) => purchase::run(arguments, &target, json, &environment).await,
        Command::Guard(arguments) => guard::run(arguments, &target, json, &environment).await,
        Command::Tenant(arguments) => tenant::run(arguments, &target, json, &environment).await,
        Command::Report(arguments) => books::report(arguments, &target, json, &environment).await,
        Command::Wallet(arguments) => books::wallet(arguments, &target, json, &environment).await,
        Command::Disclosures(arguments) => {
            disclosures::run(arguments, &target, json, &environment).await
        }
        Command::Webhook(arguments) => webhook::run(arguments, &target, json, &environment).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
