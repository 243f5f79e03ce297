//! The commands `telco-gateway guard list`, `close`, `open` and `automatic`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::domain::guard::{Change, Guard, Sale, State, Word};
use shared::domain::service::Service;
use shared::domain::time::to_iso;
use shared::platform::config::Vars;
use shared::platform::environment::Environment;
use shared::store::{GuardChange, Guards, Outbox};
use time::{Duration, OffsetDateTime};

use crate::argument::{Because, By, TableName, service};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{columns, document, facts};
use crate::target::Table;

/// The longest suspension with an end: 30 days.
const MAX_MINUTES: i64 = 30 * 24 * 60;

/// The arguments of `guard`.
#[derive(Args)]
#[command(after_long_help = crate::help::GUARD)]
pub struct GuardArguments {
    #[command(flatten)]
    table: TableName,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List all services: whether they are sold, and the last change (dynamodb:GetItem)
    List,
    /// Show a service with its last changes (dynamodb:GetItem)
    Show {
        /// The service, such as mtn-data
        #[arg(value_parser = service)]
        service: Service,
    },
    /// Refuse new orders for a service, until it is taken back
    Close {
        /// For how many minutes; without it until it is taken back
        #[arg(long = "for", value_name = "MINUTES", value_parser = clap::value_parser!(i64).range(1..=MAX_MINUTES))]
        minutes: Option<i64>,
        #[command(flatten)]
        about: About,
    },
    /// Sell a service, whatever its orders say, until it is taken back
    Open(About),
    /// Take back what an operator said: from then on the outcomes of orders decide
    Automatic(About),
}

/// Which service, and for the record who and why.
#[derive(Args)]
struct About {
    /// The service, such as mtn-data
    #[arg(value_parser = service)]
    service: Service,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    by: By,
}

/// Runs a command and gives what to print.
///
/// # Errors
/// [`Failure`].
pub async fn run(arguments: GuardArguments, context: &Context) -> Result<String, Failure> {
    let Context { json, environment, .. } = context;
    let reads = matches!(arguments.command, Command::List | Command::Show { .. });
    let also: &[&str] = if reads { &[] } else { &["NOTIFY_QUEUE_URL"] };
    let (variable, given) = ("LIMITS_TABLE", arguments.table.given());
    let table = Table { function: "purchase", variable, given, also };
    let (vars, dynamodb) = context.open(&table).await?;
    let guards = Guards::from_vars(&vars, environment, &dynamodb)?;
    let commands = Commands { guards, vars: &vars, environment };
    let now = environment.clock.now();
    let guard = match arguments.command {
        Command::List => return commands.list(*json, now).await,
        Command::Show { service } => commands.guards.get(service.id).await?,
        Command::Close { minutes, about } => {
            let until = minutes.map(|minutes| now + Duration::minutes(minutes));
            commands.say(&about, false, until, now).await?
        }
        Command::Open(about) => commands.say(&about, true, None, now).await?,
        Command::Automatic(about) => commands.take_back(&about, now).await?,
    };
    let shown = view(&guard, now);
    Ok(if *json { document(&shown) } else { page(&shown, &guard.state.changes) })
}

/// Where the commands work.
struct Commands<'a> {
    guards: Guards,
    vars: &'a Vars,
    environment: &'a Environment,
}

impl Commands<'_> {
    async fn list(&self, json: bool, now: OffsetDateTime) -> Result<String, Failure> {
        let mut documents = Vec::new();
        for service in Service::all() {
            documents.push(view(&self.guards.get(service.id).await?, now));
        }
        if json {
            return Ok(document(&Value::Array(documents)));
        }
        let names = ["service_id", "state", "decided_by", "since", "until", "because"];
        let head = names.map(|name| name.replace('_', " ").to_uppercase());
        let row = |it: &Value| names.map(|name| it[name].as_str().unwrap_or_default().to_owned());
        let rows: Vec<[String; 6]> =
            std::iter::once(head).chain(documents.iter().map(row)).collect();
        Ok(columns(&rows))
    }

    async fn say(
        &self,
        about: &About,
        on_sale: bool,
        until: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Result<Guard, Failure> {
        let word = Word { on_sale, since: now, until, because: about.because.text.clone() };
        let say = |state: &State| Some(state.say(word.clone(), &about.by.name));
        Ok(match self.change(about, say).await? {
            GuardChange::Made(guard) | GuardChange::Needless(guard) => guard,
        })
    }

    async fn take_back(&self, about: &About, now: OffsetDateTime) -> Result<Guard, Failure> {
        let take_back = |state: &State| state.take_back(&about.by.name, &about.because.text, now);
        match self.change(about, take_back).await? {
            GuardChange::Made(guard) => Ok(guard),
            GuardChange::Needless(guard) => {
                let id = &guard.service_id;
                let refused = format!("no operator has opened or closed {id}; nothing was written");
                Err(Failure::Refused(refused))
            }
        }
    }

    async fn change(
        &self,
        about: &About,
        make: impl Fn(&State) -> Option<State>,
    ) -> Result<GuardChange, Failure> {
        let outbox = Outbox::from_vars(self.vars, self.environment)?;
        let id = about.service.id;
        let seen = self.guards.get(id).await?;
        let unknown = |error| {
            let message = format!("{error}; it is unknown whether {id} was changed: show it");
            Failure::Unreachable(message)
        };
        self.guards.change(&outbox, seen, make).await.map_err(unknown)
    }
}

/// A guard as the operator sees it.
fn view(guard: &Guard, now: OffsetDateTime) -> Value {
    let state = &guard.state;
    let word = state.word_in_force(now);
    let (since, reason) = match state.sale(now) {
        Sale::Suspended { since, reason } => (Some(since), Some(reason)),
        Sale::On => (word.map(|word| word.since), word.map(|word| word.because.clone())),
    };
    let closed = state.closed.as_ref().filter(|_| word.is_none());
    json!({
        "service_id": guard.service_id,
        "state": if state.sale(now) == Sale::On { "on sale" } else { "suspended" },
        "decided_by": if word.is_some() { "operator" } else { "automatic" },
        "since": since.map(to_iso),
        "until": word.and_then(|word| word.until).map(to_iso),
        "because": reason,
        "next_probe": closed.map(|closed| to_iso(closed.next_probe)),
        "failed_probes": closed.map(|closed| closed.failed_probes),
        "changes": state.changes.iter().rev().map(change).collect::<Vec<_>>(),
    })
}

fn change(change: &Change) -> Value {
    let Change { at, on_sale, by, because, told } = change;
    json!({ "at": to_iso(*at), "on_sale": on_sale, "by": by, "because": because,
            "told": told.is_some() })
}

/// The document as a table of fields and a table of changes, newest first.
fn page(document: &Value, changes: &[Change]) -> String {
    let head = ["TIME", "TO", "BY", "BECAUSE"].map(str::to_owned);
    let lines = changes.iter().rev().map(|it| {
        let to = if it.on_sale { "on sale" } else { "suspended" };
        [to_iso(it.at), to.to_owned(), it.by.clone(), it.because.clone()]
    });
    let changes: Vec<[String; 4]> = std::iter::once(head).chain(lines).collect();
    format!("{}\n{}", facts(document), columns(&changes))
}
