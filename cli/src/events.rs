//! The commands `telco-gateway events list` and `show`: what a tenant or the operator was told.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::domain::event::{Event, EventType};
use shared::domain::ids::{EventId, TenantId};
use shared::domain::msisdn::Msisdn;
use shared::domain::time::{from_iso, to_iso};
use shared::store::{Events, Wanted};
use time::OffsetDateTime;

use crate::argument::{TableName, event_type, owner, owner_text};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{columns, document, facts};
use crate::target::Table;

/// How many events one page holds at most.
const PAGE: usize = 100;

/// The arguments of `events`.
#[derive(Args)]
#[command(after_long_help = crate::help::EVENTS)]
pub struct EventsArguments {
    #[command(flatten)]
    table: TableName,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List what a tenant or the operator was told in the last 30 days, newest first (dynamodb:Query on the index by_time)
    List {
        /// The tenant, or @operator
        #[arg(value_name = "TENANT", value_parser = owner)]
        owner: TenantId,
        /// Only events of this type, such as purchase.failed
        #[arg(long = "type", value_name = "TYPE", value_parser = event_type)]
        kind: Option<EventType>,
        /// Only events made at this time or later, in ISO 8601
        #[arg(long, value_name = "TIME", value_parser = instant)]
        since: Option<OffsetDateTime>,
        /// How many at most, 1 to 1000
        #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Show an event with its data; phone numbers are masked (dynamodb:GetItem)
    Show {
        /// The tenant, or @operator
        #[arg(value_name = "TENANT", value_parser = owner)]
        owner: TenantId,
        /// The event
        #[arg(value_parser = event_id)]
        id: EventId,
    },
}

/// Runs a command and gives what to print.
///
/// # Errors
/// [`Failure`].
pub async fn run(arguments: EventsArguments, context: &Context) -> Result<String, Failure> {
    let (variable, given) = ("EVENTS_TABLE", arguments.table.given());
    let table = Table { function: "events", variable, given, also: &[] };
    let (vars, dynamodb) = context.open(&table).await?;
    let events = Events::from_vars(&vars, &dynamodb)?;
    let now = context.environment.clock.now();
    match arguments.command {
        Command::List { owner, kind, since, limit } => {
            let wanted = Wanted { kind, since };
            let found = all(&events, &owner, &wanted, usize::from(limit), now).await?;
            Ok(if context.json {
                document(&found.iter().map(line).collect())
            } else {
                list(&found)
            })
        }
        Command::Show { owner, id } => {
            let event = events.get(&owner, &id, now).await?.ok_or_else(|| {
                let owner = owner_text(&owner);
                Failure::Refused(format!("{owner} has no event {id}; they end after 30 days"))
            })?;
            let mut view = line(&event);
            view["data"] = masked(serde_json::from_str(&event.data).unwrap_or_default());
            let text = || format!("{}\n{}", facts(&view), facts(&view["data"]));
            Ok(if context.json { document(&view) } else { text() })
        }
    }
}

async fn all(
    events: &Events,
    owner: &TenantId,
    wanted: &Wanted,
    limit: usize,
    now: OffsetDateTime,
) -> Result<Vec<Event>, Failure> {
    let (mut found, mut next) = (Vec::new(), None::<String>);
    loop {
        let size = PAGE.min(limit - found.len());
        let page = events.list(owner, wanted, size, next.as_deref(), now).await?;
        found.extend(page.events);
        next = page.next;
        if found.len() >= limit && next.is_some() {
            eprintln!("there are more: these are the newest; see --limit and --since");
        }
        if next.is_none() || found.len() >= limit {
            return Ok(found);
        }
    }
}

/// An event without its data, and what it is about.
fn line(event: &Event) -> Value {
    let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
    json!({ "id": event.event_id, "tenant": event.tenant, "type": event.kind,
            "created_at": to_iso(event.created_at), "about": about(&data) })
}

/// The id of what an event is about.
fn about(data: &Value) -> Option<&str> {
    let ids =
        ["purchase_id", "request_id", "account_id", "endpoint_id", "id", "service_id", "key_id"];
    ids.iter().find_map(|name| data[*name].as_str())
}

/// The same with every phone number masked.
fn masked(data: Value) -> Value {
    match data {
        Value::String(text) => match Msisdn::parse(&text) {
            Ok(number) => Value::String(number.masked()),
            Err(_) => Value::String(text),
        },
        Value::Array(items) => items.into_iter().map(masked).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, masked(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => data,
    }
}

fn list(events: &[Event]) -> String {
    let head = ["EVENT", "TYPE", "MADE", "ABOUT"].map(str::to_owned);
    let row = |it: &Event| {
        let data: Value = serde_json::from_str(&it.data).unwrap_or_default();
        let about = about(&data).unwrap_or_default().to_owned();
        [it.event_id.to_string(), it.kind.to_string(), to_iso(it.created_at), about]
    };
    let rows: Vec<_> = std::iter::once(head).chain(events.iter().map(row)).collect();
    columns(&rows)
}

fn event_id(text: &str) -> Result<EventId, &'static str> {
    EventId::parse(&text.to_ascii_lowercase()).ok_or("must be 32 hexadecimal digits")
}

fn instant(text: &str) -> Result<OffsetDateTime, &'static str> {
    from_iso(text.to_owned()).ok_or("must be a time like 2026-11-29T12:00:00Z")
}
