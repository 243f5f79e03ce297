//! The commands: which there are, and who does them.

use clap::Subcommand;

use crate::account::{self, AccountArguments};
use crate::books::{self, ReportArguments, WalletArguments};
use crate::context::Context;
use crate::dead_letters::{self, DeadLettersArguments};
use crate::disclosures::{self, DisclosuresArguments};
use crate::doctor::{self, DoctorArguments};
use crate::events::{self, EventsArguments};
use crate::failure::Failure;
use crate::guard::{self, GuardArguments};
use crate::pages::{self, CompletionsArguments, ManArguments};
use crate::purchase::{self, PurchaseArguments};
use crate::request::{self, RequestArguments};
use crate::tenant::{self, TenantArguments};
use crate::webhook::{self, WebhookArguments};

/// A command.
#[derive(Subcommand)]
pub enum Command {
    /// Read a deployment and say what is wrong with it; change nothing
    Doctor(DoctorArguments),
    /// Show, list and find purchases, ask the provider about them, settle them, mask numbers
    Purchase(PurchaseArguments),
    /// Show, export, check and unlink accounts, without the tenant's API key
    Account(AccountArguments),
    /// Show a deferred request to MTN, without its answer
    Request(RequestArguments),
    /// List and show what a tenant or the operator was told
    Events(EventsArguments),
    /// Count, show and redrive the jobs that failed for days
    DeadLetters(DeadLettersArguments),
    /// Create, list, rotate and revoke the API keys of tenants, set their limits
    Tenant(TenantArguments),
    /// List, add, rotate, enable, disable and remove the webhook endpoints of tenants and the operator
    Webhook(WebhookArguments),
    /// List which services are sold, suspend one, or sell it whatever its orders say
    Guard(GuardArguments),
    /// Print the report of a day that is over: of a tenant, or of the whole deployment
    Report(ReportArguments),
    /// Show the wallet at VTpass, and note top-ups
    Wallet(WalletArguments),
    /// List whose data was shown: to a key, to a tenant, or of an account
    Disclosures(DisclosuresArguments),
    /// Print a script that completes the commands in a shell
    Completions(CompletionsArguments),
    /// Print the manual page, or write one for each command
    Man(ManArguments),
}

impl Command {
    /// Does the command and gives what to print.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(self, context: &Context) -> Result<String, Failure> {
        match self {
            Self::Doctor(arguments) => doctor::run(arguments, context).await,
            Self::Purchase(arguments) => purchase::run(arguments, context).await,
            Self::Account(arguments) => account::run(arguments, context).await,
            Self::Request(arguments) => request::run(arguments, context).await,
            Self::Events(arguments) => events::run(arguments, context).await,
            Self::DeadLetters(arguments) => dead_letters::run(arguments, context).await,
            Self::Tenant(arguments) => tenant::run(arguments, context).await,
            Self::Webhook(arguments) => webhook::run(arguments, context).await,
            Self::Guard(arguments) => guard::run(arguments, context).await,
            Self::Report(arguments) => books::report(arguments, context).await,
            Self::Wallet(arguments) => books::wallet(arguments, context).await,
            Self::Disclosures(arguments) => disclosures::run(arguments, context).await,
            Self::Completions(arguments) => pages::completions(&arguments, context),
            Self::Man(arguments) => pages::man(&arguments, context),
        }
    }
}
