//! The command `telco-gateway request show`: a deferred request to MTN, without its answer.

use clap::{Args, Subcommand};
use serde_json::json;
use shared::domain::ids::DeferredRequestId;
use shared::domain::time::to_iso;
use shared::store::Requests;

use crate::argument::TableName;
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{document, facts};
use crate::target::Table;

/// The arguments of `request`.
#[derive(Args)]
pub struct RequestArguments {
    #[command(flatten)]
    table: TableName,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what was asked, whether MTN has answered, and when it ends; never the answer, which is personal data
    /// (dynamodb:GetItem)
    Show {
        /// The request's id
        #[arg(value_parser = request)]
        id: DeferredRequestId,
    },
}

/// Runs a command and gives what to print.
///
/// # Errors
/// [`Failure`].
pub async fn run(arguments: RequestArguments, context: &Context) -> Result<String, Failure> {
    let (variable, given) = ("REQUESTS_TABLE", arguments.table.given());
    let table = Table { function: "fetch-data", variable, given, also: &[] };
    let (vars, dynamodb) = context.open(&table).await?;
    let Command::Show { id } = arguments.command;
    let requests = Requests::from_vars(&vars, &dynamodb)?;
    let now = context.environment.clock.now();
    let request = requests.by_id(&id, now).await?.ok_or_else(|| {
        Failure::Refused(format!("no deferred request has the id {id}; they end after a day"))
    })?;
    let view = json!({
        "request_id": request.request_id,
        "tenant": request.tenant,
        "account_id": request.account_id,
        "operation": request.question.operation(),
        "state": request.state,
        "asks": request.asks,
        "has_answer": request.result.is_some(),
        "recognised": request.recognised,
        "partial": request.partial,
        "has_notice": request.notice.is_some(),
        "created_at": to_iso(request.created_at),
        "updated_at": to_iso(request.updated_at),
        "expires_at": to_iso(request.expires_at),
    });
    Ok(if context.json { document(&view) } else { facts(&view) })
}

fn request(text: &str) -> Result<DeferredRequestId, &'static str> {
    DeferredRequestId::parse(&text.to_ascii_lowercase()).ok_or("must be 32 hexadecimal digits")
}
