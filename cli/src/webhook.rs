//! The commands `telco-gateway webhook list`, `add`, `rotate`, `enable`, `disable` and `remove`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::domain::event::EventType;
use shared::domain::ids::{EndpointId, TenantId};
use shared::domain::webhook::{BadKey, Endpoint, EndpointState, KeyView, NewEndpoint, Scheme};
use shared::platform::environment::Environment;
use shared::platform::outside::Outside;
use shared::store::Endpoints;

use crate::argument::{TableName, event_type, owner, owner_text};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{columns, document, show};
use crate::target::{Table, Target};

/// The longest overlap of two secrets: a week.
const MAX_OVERLAP_HOURS: u64 = 168;

/// The arguments of `webhook`.
#[derive(Args)]
#[command(after_long_help = crate::help::WEBHOOK)]
pub struct WebhookArguments {
    #[command(flatten)]
    table: TableName,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the endpoints of a tenant or the operator, without their secrets (dynamodb:Query)
    List {
        /// The tenant, or @operator
        #[arg(value_name = "TENANT", value_parser = owner)]
        owner: TenantId,
    },
    /// Add an endpoint and print its secret once (dynamodb:PutItem)
    Add {
        /// The tenant, or @operator
        #[arg(value_name = "TENANT", value_parser = owner)]
        owner: TenantId,
        /// Where its events are sent
        #[arg(long)]
        url: String,
        /// A type of events that is sent; all types if none is given
        #[arg(long = "event", value_parser = event_type)]
        events: Vec<EventType>,
        /// How deliveries are signed: v1 or v1a
        #[arg(long, default_value = "v1")]
        signature: Scheme,
    },
    /// Give an endpoint a new secret and print it once (dynamodb:GetItem, dynamodb:UpdateItem)
    Rotate {
        #[command(flatten)]
        which: Which,
        /// For how many hours the older secrets go on signing
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(..=MAX_OVERLAP_HOURS))]
        overlap: u64,
    },
    /// Send events to an endpoint again (dynamodb:GetItem, dynamodb:UpdateItem)
    Enable(Which),
    /// Send it no more events (dynamodb:GetItem, dynamodb:UpdateItem)
    Disable(Which),
    /// Remove an endpoint for good (dynamodb:GetItem, dynamodb:DeleteItem)
    Remove(Which),
}

/// An endpoint.
#[derive(Args)]
struct Which {
    /// The tenant, or @operator
    #[arg(value_name = "TENANT", value_parser = owner)]
    owner: TenantId,
    /// The endpoint
    #[arg(value_parser = endpoint)]
    id: EndpointId,
}

/// Runs a command and gives what to print.
///
/// # Errors
/// [`Failure`].
pub async fn run(arguments: WebhookArguments, context: &Context) -> Result<String, Failure> {
    let Context { target, json, environment, .. } = context;
    let (variable, given) = ("WEBHOOK_ENDPOINTS_TABLE", arguments.table.given());
    let table = Table { function: "webhook-endpoints", variable, given, also: &[] };
    let (vars, dynamodb) = context.open(&table).await?;
    let endpoints = Endpoints::from_vars(&vars, &dynamodb)?;
    let commands = Commands { endpoints, environment };
    let (endpoints, key) = match arguments.command {
        Command::List { owner } => (commands.endpoints.of(&owner).await?, KeyView::Known),
        Command::Add { owner, url, events, signature } => {
            checked(&url, target).await?;
            are_told_to(&owner, &events)?;
            let events = (!events.is_empty()).then_some(events);
            let new = NewEndpoint { url, events, scheme: signature };
            (vec![commands.add(&owner, new).await?], KeyView::New)
        }
        Command::Rotate { which, overlap } => {
            let overlap = Duration::from_secs(overlap * 3_600);
            (vec![commands.rotate(&which, overlap).await?], KeyView::New)
        }
        Command::Enable(which) => {
            (vec![commands.set(&which, EndpointState::Enabled).await?], KeyView::Known)
        }
        Command::Disable(which) => {
            (vec![commands.set(&which, EndpointState::Disabled).await?], KeyView::Known)
        }
        Command::Remove(which) => (vec![commands.remove(&which).await?], KeyView::Known),
    };
    let text = shown(&endpoints, key, *json)?;
    if key == KeyView::Known {
        return Ok(text);
    }
    show(&text).map_err(|_| unprinted(&endpoints))?;
    Ok(String::new())
}

/// Where the commands work.
struct Commands<'a> {
    endpoints: Endpoints,
    environment: &'a Environment,
}

impl Commands<'_> {
    async fn add(&self, owner: &TenantId, new: NewEndpoint) -> Result<Endpoint, Failure> {
        let Environment { clock, random, .. } = self.environment;
        let endpoint = Endpoint::new(owner, new, clock.now(), random);
        self.endpoints.add(&endpoint).await?;
        Ok(endpoint)
    }

    async fn rotate(&self, which: &Which, overlap: Duration) -> Result<Endpoint, Failure> {
        let Environment { clock, random, .. } = self.environment;
        let now = clock.now();
        self.change(which, |endpoint| endpoint.rotate(overlap, now, random)).await
    }

    async fn set(&self, which: &Which, state: EndpointState) -> Result<Endpoint, Failure> {
        let now = self.environment.clock.now();
        let set = |endpoint: &mut Endpoint| {
            endpoint.set_state(state);
            endpoint.updated_at = now;
        };
        self.change(which, set).await
    }

    /// Removes an endpoint, and gives it as it was.
    async fn remove(&self, which: &Which) -> Result<Endpoint, Failure> {
        let found = self.endpoints.get(&which.owner, &which.id).await?;
        let endpoint = found.ok_or_else(|| unknown(which))?;
        self.endpoints.remove(&which.owner, &which.id).await?;
        Ok(endpoint)
    }

    async fn change(
        &self,
        which: &Which,
        make: impl Fn(&mut Endpoint),
    ) -> Result<Endpoint, Failure> {
        let random = &self.environment.random;
        let changed = self.endpoints.change(&which.owner, &which.id, random, make).await?;
        changed.ok_or_else(|| unknown(which))
    }
}

/// Whether events may be sent to a url. A sandbox may send them to this machine.
async fn checked(url: &str, target: &Target) -> Result<(), Failure> {
    let outside = match target {
        Target::Sandbox(_) => Outside::with_loopback(),
        Target::Aws(_) => Outside::public(),
    };
    outside.check(url).await.map_err(|forbidden| Failure::Refused(forbidden.0.to_owned()))
}

/// Whether the owner is ever told of each of these types.
fn are_told_to(owner: &TenantId, kinds: &[EventType]) -> Result<(), Failure> {
    let told: Vec<_> = match owner.is_operator() {
        true => EventType::of_operator().collect(),
        false => EventType::of_tenants().collect(),
    };
    let never = |kind: &EventType| {
        let owner = owner_text(owner);
        Failure::Refused(format!("{owner} is never told of {kind}"))
    };
    kinds.iter().find(|kind| !told.contains(kind)).map_or(Ok(()), |kind| Err(never(kind)))
}

fn shown(endpoints: &[Endpoint], key: KeyView, json: bool) -> Result<String, Failure> {
    let views = endpoints.iter().map(|endpoint| Ok(json!(endpoint.view(key)?)));
    let views: Result<Vec<Value>, BadKey> = views.collect();
    let views = views.map_err(|error| Failure::Refused(error.to_string()))?;
    if json {
        return Ok(document(&Value::Array(views)));
    }
    let text = |view: &Value, name: &str| view[name].as_str().unwrap_or_default().to_owned();
    let head = ["ID", "STATE", "SIGNATURE", "URL", "FAILING SINCE", "KEY"].map(str::to_owned);
    let row = |view: &Value| {
        let key = text(view, "secret") + &text(view, "public_key");
        let named = |name| text(view, name);
        ["id", "state", "signature", "url", "failing_since"].map(named).into_iter().chain([key])
    };
    let mut rows = vec![head];
    for view in &views {
        let mut cells = row(view);
        rows.push(std::array::from_fn(|_| cells.next().unwrap_or_default()));
    }
    Ok(columns(&rows))
}

/// A secret is shown once, so one that nobody could read is as good as none.
fn unprinted(endpoints: &[Endpoint]) -> Failure {
    let ids: Vec<_> = endpoints.iter().map(|it| it.endpoint_id.to_string()).collect();
    Failure::Unreachable(format!(
        "the new secret of endpoint {} is stored and could not be printed: rotate it",
        ids.join(", ")
    ))
}

fn unknown(which: &Which) -> Failure {
    let owner = owner_text(&which.owner);
    Failure::Refused(format!("{owner} has no endpoint {}", which.id))
}

fn endpoint(text: &str) -> Result<EndpointId, &'static str> {
    EndpointId::parse(text).ok_or("must be 32 hexadecimal digits")
}
