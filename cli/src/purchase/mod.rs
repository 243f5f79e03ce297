//! The commands `telco-gateway purchase show`, `list`, `find`, `ask`, `settle` and `mask`.

mod ask;
pub mod list;
mod lookup;
mod number;
mod settle;

use clap::builder::RangedI64ValueParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::domain::purchase::Purchase;
use shared::domain::retention::NumberRetention;
use shared::domain::time::to_iso;
use shared::store::Purchases;
use time::OffsetDateTime;

use self::ask::Ask;
use self::list::List;
use self::lookup::find;
use self::number::Number;
pub use self::number::of_tenant;
use self::settle::Settle;
use crate::argument::TableName;
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{columns, document};
use crate::target::Table;

/// The arguments of `purchase`.
#[derive(Args)]
#[command(after_long_help = crate::help::PURCHASE)]
pub struct PurchaseArguments {
    #[command(flatten)]
    table: TableName,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print a purchase and its whole history (dynamodb:GetItem)
    Show {
        /// The purchase's id, or the request id that VTpass knows it by
        #[arg(value_name = "PURCHASE_ID_OR_REQUEST_ID")]
        id: String,
    },
    /// List purchases, newest first (dynamodb:Query, dynamodb:BatchGetItem; Scan on the tenants without --tenant)
    List(List),
    /// List the purchases for a number that is not masked yet
    Find(Number),
    /// Ask the provider now what became of a purchase (dynamodb:GetItem, sqs:SendMessage)
    Ask(Ask),
    /// Settle a needs_review purchase once the provider's records show its outcome, or record that a delivered one
    /// was reversed (dynamodb:UpdateItem)
    Settle(Settle),
    /// Mask the numbers of old settled purchases, or one number; nothing else in them changes
    Mask {
        /// How old a purchase must be, in days: 30 at least
        #[arg(long, value_name = "DAYS", value_parser = old_enough(), required_unless_present = "phone", conflicts_with = "phone")]
        older_than: Option<u16>,
        #[command(flatten)]
        number: Option<Number>,
    },
}

fn old_enough() -> RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(i64::from(NumberRetention::LEAST_DAYS)..)
}

/// Runs a command and gives what to print.
///
/// # Errors
/// [`Failure`].
pub async fn run(arguments: PurchaseArguments, context: &Context) -> Result<String, Failure> {
    let Context { json, environment, .. } = context;
    let (function, also): (_, &[&str]) = match arguments.command {
        Command::Settle(_) => ("purchase", &["NOTIFY_QUEUE_URL"]),
        Command::Ask(_) => ("requery", &["REQUERY_QUEUE_URL", "FOLLOW_UP_QUEUE_URL"]),
        Command::Show { .. } | Command::List(_) | Command::Find(_) | Command::Mask { .. } => {
            ("purchase", &[])
        }
    };
    let given = arguments.table.given();
    let table = Table { function, variable: "PURCHASES_TABLE", given, also };
    let (vars, dynamodb) = context.open(&table).await?;
    let purchases = Purchases::from_vars(&vars, &dynamodb)?;
    match arguments.command {
        Command::Show { id } => Ok(shown(&find(&purchases, &id).await?, context)),
        Command::List(list) => list.run(&purchases, context).await,
        Command::Ask(ask) => ask.run(&purchases, &vars, context).await,
        Command::Settle(settle) => {
            Ok(shown(&settle.run(&purchases, &vars, environment).await?, context))
        }
        Command::Find(number) => {
            let found = number.purchases(&purchases, context).await?;
            Ok(list::shown(&found, *json))
        }
        Command::Mask { number: Some(number), .. } => number.mask(&purchases, context).await,
        Command::Mask { older_than, number: None } => {
            let older_than = older_than.unwrap_or(u16::MAX);
            let before = environment.clock.now() - time::Duration::days(older_than.into());
            let masked = mask(&purchases, before).await?;
            Ok(match json {
                true => document(&json!({ "masked": masked })),
                false => format!("masked {masked}\n"),
            })
        }
    }
}

/// Masks the numbers of all settled purchases that were made before a time, and counts them.
async fn mask(purchases: &Purchases, before: OffsetDateTime) -> Result<usize, Failure> {
    let mut part = purchases.mask_numbers(before, None).await?;
    let mut masked = part.count;
    while part.next.is_some() {
        part = purchases.mask_numbers(before, part.next).await?;
        masked += part.count;
    }
    Ok(masked)
}

fn shown(purchase: &Purchase, context: &Context) -> String {
    let view = view(purchase, context.environment.clock.now());
    if context.json { document(&view) } else { page(&view, purchase) }
}

/// A purchase as the operator sees it: the tenant's view with the number masked, and more.
fn view(purchase: &Purchase, now: OffsetDateTime) -> Value {
    let recipient = purchase.recipient.to_masked();
    let masked = Purchase { recipient, ..purchase.clone() };
    let mut document = masked.view();
    document["tenant"] = json!(masked.tenant);
    document["acknowledged"] = json!(masked.acknowledged);
    document["next_check_at"] = json!(masked.next_check_at(now).map(to_iso));
    document["history"] = json!(masked.history);
    document
}

/// The document as a table of fields and a table of history.
fn page(document: &Value, purchase: &Purchase) -> String {
    let facts: Vec<[String; 2]> = document
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some([name.clone(), fact(name, value, purchase)?]))
        .collect();
    let title = ["TIME", "CALL", "CODE", "CONCLUDED", "NOTE"].map(str::to_owned);
    let lines = purchase.history.iter().map(|it| {
        let (code, concluded) = (it.code.clone(), it.concluded_name().to_owned());
        [to_iso(it.at), it.source.to_string(), code, concluded, it.note.clone()]
    });
    let history: Vec<[String; 5]> = std::iter::once(title).chain(lines).collect();
    format!("{}\n{}", columns(&facts), columns(&history))
}

/// A field as text; `None` for the history, which has a table of its own.
fn fact(name: &str, value: &Value, purchase: &Purchase) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) => None,
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(kobo) if name == "amount_kobo" => {
            Some(format!("{kobo} ({})", purchase.amount.unwrap_or_default()))
        }
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
    }
}
