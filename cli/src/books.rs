//! The commands `telco-gateway report` and `telco-gateway wallet`: what the books say.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use shared::domain::date::Date;
use shared::domain::ids::TenantId;
use shared::domain::money::Kobo;
use shared::domain::report::{ClosedDay, Movement, Runway, Suspension, TopUp};
use shared::domain::time::{from_iso, to_iso};
use shared::store::{Books, StoreError, Whose};
use time::{Duration, OffsetDateTime};

use crate::argument::{By, TableName, record_text, tenant};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{columns, document, facts};
use crate::target::Table;

/// How far a top-up may be in the future: the operator's clock may be behind.
const MAX_AHEAD: Duration = Duration::minutes(5);
/// The longest note, in characters.
const MAX_NOTE: usize = 200;

/// The arguments of `report`.
#[derive(Args)]
#[command(after_long_help = crate::help::REPORT)]
pub struct ReportArguments {
    #[command(flatten)]
    table: TableName,
    /// A day in Lagos, like 2026-11-29
    #[arg(value_parser = |text: &str| Date::parse(text))]
    date: Date,
    /// Only this tenant's; of the whole deployment unless given
    #[arg(long, value_parser = tenant)]
    tenant: Option<TenantId>,
    /// How it is printed
    #[arg(long, default_value = "table")]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Table,
    Csv,
}

/// The arguments of `wallet`.
#[derive(Args)]
#[command(after_long_help = crate::help::WALLET)]
pub struct WalletArguments {
    #[command(flatten)]
    table: TableName,
    #[command(subcommand)]
    command: WalletCommand,
}

#[derive(Subcommand)]
enum WalletCommand {
    /// Show the last balance at VTpass, and for how long it is enough (dynamodb:Query)
    Show,
    /// Note money that was paid into the wallet, so that the books explain it (dynamodb:PutItem)
    TopUp {
        /// How much, in kobo
        #[arg(value_parser = kobo)]
        kobo: Kobo,
        /// When it was in the wallet, in ISO 8601; now unless given
        #[arg(long, value_parser = instant)]
        at: Option<OffsetDateTime>,
        /// The payment's reference, or why: 1 to 200 characters
        #[arg(long, value_parser = |text: &str| record_text(text, MAX_NOTE))]
        note: String,
        #[command(flatten)]
        by: By,
    },
}

/// Runs `report` and gives what to print.
///
/// # Errors
/// [`Failure`].
pub async fn report(arguments: ReportArguments, context: &Context) -> Result<String, Failure> {
    let ReportArguments { table, date, tenant, format } = arguments;
    let books = open(context, &table).await?;
    let whose = tenant.as_ref().map_or(Whose::Everyone, Whose::Tenant);
    let day = books.day(whose, date).await?.ok_or_else(|| {
        Failure::Refused(format!(
            "the day {date} is not closed, or there is no such tenant; a day is closed an hour after its \
             end in Lagos, and until then GET /reports/{date} shows a tenant its own"
        ))
    })?;
    Ok(match (context.json, format) {
        (true, _) => document(&view(&day)),
        (false, Format::Csv) => day.report.csv(),
        (false, Format::Table) => page(&day),
    })
}

/// Runs a command of `wallet` and gives what to print.
///
/// # Errors
/// [`Failure`].
pub async fn wallet(arguments: WalletArguments, context: &Context) -> Result<String, Failure> {
    let books = open(context, &arguments.table).await?;
    let now = context.environment.clock.now();
    match arguments.command {
        WalletCommand::Show => {
            let readings = books.balances(now - Duration::DAY, now).await?;
            let last = readings.last().ok_or_else(|| {
                Failure::Refused("the balance was not read within the last day".to_owned())
            })?;
            let hours = Runway::of(&readings).hours();
            let shown = json!({ "at": to_iso(last.at), "balance_kobo": last.balance_kobo,
                                "runway_hours": hours });
            Ok(if context.json { document(&shown) } else { facts(&shown) })
        }
        WalletCommand::TopUp { kobo, at, note, by } => {
            let at = at.unwrap_or(now);
            if at > now + MAX_AHEAD {
                let at = to_iso(at);
                return Err(Failure::Refused(format!(
                    "{at} is in the future; nothing was written"
                )));
            }
            let shown = noted(&books, TopUp { at, amount_kobo: kobo, by: by.name, note }).await?;
            Ok(if context.json { document(&shown) } else { facts(&shown) })
        }
    }
}

/// Notes a top-up and gives it as it is shown.
async fn noted(books: &Books, top_up: TopUp) -> Result<Value, Failure> {
    let at = to_iso(top_up.at);
    let unconfirmed = |error: StoreError| {
        Failure::Unreachable(format!(
            "{error}; it is unknown whether the top-up is noted: repeat the same command with --at {at}, \
             which notes it only once"
        ))
    };
    if !books.note_top_up(&top_up).await.map_err(unconfirmed)? {
        return Err(Failure::Refused(format!(
            "another top-up is noted for {at}; give another --at, such as a second later"
        )));
    }
    let TopUp { amount_kobo, by, note, .. } = top_up;
    Ok(json!({ "at": at, "amount_kobo": amount_kobo, "by": by, "note": note }))
}

async fn open(context: &Context, table: &TableName) -> Result<Books, Failure> {
    let (variable, given) = ("BOOKS_TABLE", table.given());
    let table = Table { function: "books", variable, given, also: &[] };
    let (vars, dynamodb) = context.open(&table).await?;
    Ok(Books::from_vars(&vars, &dynamodb)?)
}

fn view(day: &ClosedDay) -> Value {
    let mut document = day.report.view();
    document["closed_at"] = to_iso(day.closed_at).into();
    document["suspensions"] = day.suspensions.iter().map(suspension).collect();
    document["wallet"] = day.wallet.as_ref().map(movement).into();
    document
}

/// The day as lines of a name and a count, service by service: a terminal is too narrow for the columns.
fn page(day: &ClosedDay) -> String {
    let rows = day.report.rows();
    let mut lines: Vec<[String; 2]> = Vec::new();
    let title = rows.first().cloned().unwrap_or_default();
    for row in rows.iter().skip(1) {
        for (name, cell) in title.iter().zip(row).skip(1) {
            lines.push([name.clone(), cell.clone()]);
        }
    }
    let wallet = day.wallet.as_ref().map(|it| format!("\nwallet\n{}", facts(&movement(it))));
    let suspensions = day.suspensions.iter().map(|it| {
        let shown = suspension(it);
        format!("\n{}", facts(&shown))
    });
    let suspensions: String = suspensions.collect();
    let missing = match day.report.unreadable {
        0 => String::new(),
        some => format!("\n{some} purchases could not be read and are not counted\n"),
    };
    format!("{}{missing}{}{suspensions}", columns(&lines), wallet.unwrap_or_default())
}

fn suspension(suspension: &Suspension) -> Value {
    let change = &suspension.change;
    json!({ "service_id": suspension.service_id, "at": to_iso(change.at), "on_sale": change.on_sale,
            "by": change.by, "because": change.because })
}

fn movement(wallet: &Movement) -> Value {
    let moved = wallet.moved;
    json!({
        "from": to_iso(wallet.from.at),
        "from_kobo": wallet.from.balance_kobo,
        "to": to_iso(wallet.to.at),
        "to_kobo": wallet.to.balance_kobo,
        "charged_kobo": moved.charged_kobo,
        "returned_kobo": moved.returned_kobo,
        "top_ups_kobo": wallet.top_ups_kobo,
        "in_flight": moved.in_flight,
        "in_flight_kobo": moved.in_flight_kobo,
        "cost_unknown": moved.cost_unknown,
        "unexplained_kobo": wallet.unexplained_kobo(),
    })
}

fn kobo(text: &str) -> Result<Kobo, &'static str> {
    let kobo = text.parse().ok().and_then(|kobo| Kobo::new(kobo).ok());
    kobo.filter(|kobo| kobo.kobo() > 0).ok_or("must be a whole number of kobo above 0")
}

fn instant(text: &str) -> Result<OffsetDateTime, &'static str> {
    from_iso(text.to_owned()).ok_or("must be a time like 2026-11-29T12:00:00Z")
}
