//! The commands `telco-gateway purchase show`, `settle`, `find` and `mask`.

use clap::builder::RangedI64ValueParser;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use shared::domain::ids::{ProviderReference, PurchaseId};
use shared::domain::purchase::{Purchase, Settled, State};
use shared::domain::record_text::record_text;
use shared::domain::retention::NumberRetention;
use shared::domain::time::to_iso;
use shared::platform::aws;
use shared::platform::config::Vars;
use shared::platform::environment::Environment;
use shared::store::{Changed, MAX_NAME, MAX_REASON, Outbox, Purchases, Settlement};
use time::OffsetDateTime;

use crate::failure::Failure;
use crate::number::{self, Number};
use crate::table::columns;
use crate::target::{Table, Target};

/// The arguments of `purchase`.
#[derive(Args)]
pub struct PurchaseArguments {
    /// The purchases table, instead of the one that PURCHASES_TABLE or the sandbox names
    #[arg(long, global = true, value_name = "NAME")]
    table: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print a purchase and its whole history
    Show {
        /// The purchase's id, or the request id that VTpass knows it by
        #[arg(value_name = "PURCHASE_ID_OR_REQUEST_ID")]
        id: String,
    },
    /// Settle a needs_review purchase, once the provider's records show its outcome
    Settle(Settle),
    /// List the purchases for a number that is not masked yet
    Find(Number),
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

/// The outcome that a person found.
#[derive(Args)]
struct Settle {
    /// The purchase's id, or the request id that VTpass knows it by
    id: String,
    /// The outcome; tenants may refund a failed or reversed purchase
    #[arg(long)]
    to: Chosen,
    /// How the outcome is known, for the history: 1 to 500 characters
    #[arg(long, value_parser = |text: &str| record_text(text, MAX_REASON))]
    reason: String,
    /// The operator's name, for the history: 1 to 64 characters
    #[arg(
        long,
        value_name = "NAME",
        env = "USER",
        hide_env_values = true,
        value_parser = |text: &str| record_text(text, MAX_NAME)
    )]
    by: String,
}

/// The states that a person may choose: the final ones.
#[derive(Clone, Copy, ValueEnum)]
enum Chosen {
    Delivered,
    Failed,
    Reversed,
}

impl From<Chosen> for Settled {
    fn from(chosen: Chosen) -> Self {
        match chosen {
            Chosen::Delivered => Self::Delivered,
            Chosen::Failed => Self::Failed,
            Chosen::Reversed => Self::Reversed,
        }
    }
}

/// Runs a command and gives what to print.
///
/// # Errors
/// [`Failure`].
pub async fn run(
    arguments: PurchaseArguments,
    target: &Target,
    json: bool,
    environment: &Environment,
) -> Result<String, Failure> {
    let also: &[&str] = match arguments.command {
        Command::Settle(_) => &["NOTIFY_QUEUE_URL"],
        Command::Show { .. } | Command::Find(_) | Command::Mask { .. } => &[],
    };
    let given = arguments.table.as_deref();
    let table = Table { function: "purchase", variable: "PURCHASES_TABLE", given, also };
    let vars = target.vars(&table, environment).await?;
    let purchases = open(&vars, environment).await?;
    let purchase = match arguments.command {
        Command::Show { id } => find(&purchases, &id).await?,
        Command::Settle(settle) => settle.run(&purchases, &vars, environment).await?,
        Command::Find(number) => {
            return Ok(number::list(&number.purchases(&purchases).await?, json));
        }
        Command::Mask { number: Some(number), .. } => return number.mask(&purchases, json).await,
        Command::Mask { older_than, number: None } => {
            let older_than = older_than.unwrap_or(u16::MAX);
            let before = environment.clock.now() - time::Duration::days(older_than.into());
            let masked = mask(&purchases, before).await?;
            return Ok(match json {
                true => format!("{:#}\n", json!({ "masked": masked })),
                false => format!("masked {masked}\n"),
            });
        }
    };
    let document = document(&purchase);
    Ok(if json { format!("{document:#}\n") } else { page(&document, &purchase) })
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

async fn open(vars: &Vars, environment: &Environment) -> Result<Purchases, Failure> {
    // The store's timeouts are short, for a function near its table. The operator may be far away.
    environment.http.warm(&aws::dynamodb_url(vars)?).await;
    Ok(Purchases::from_vars(vars, &aws::dynamodb(vars, environment)?)?)
}

/// A purchase by either of its ids.
async fn find(purchases: &Purchases, id: &str) -> Result<Purchase, Failure> {
    let hex = id.bytes().all(|b| b.is_ascii_hexdigit());
    let found = match PurchaseId::parse(&id.to_ascii_lowercase()) {
        Some(id) => purchases.by_id(&id).await?,
        None if hex && id.len() == 20 => {
            let reference = ProviderReference::new(id.to_ascii_lowercase());
            purchases.refill_by_reference(&reference).await?
        }
        None => purchases.by_reference(&ProviderReference::new(id)).await?,
    };
    found.ok_or_else(|| Failure::Refused(format!("no purchase has the id {id:?}")))
}

impl Settle {
    async fn run(
        &self,
        purchases: &Purchases,
        vars: &Vars,
        environment: &Environment,
    ) -> Result<Purchase, Failure> {
        let (outbox, now) = (Outbox::from_vars(vars, environment)?, environment.clock.now());
        let purchase = find(purchases, &self.id).await?;
        let id = &purchase.purchase_id;
        if purchase.state != State::NeedsReview {
            return Err(not_for_review(&purchase));
        }
        let outcome = Settled::from(self.to);
        let to = State::from(outcome);
        if to.safe_to_refund() {
            eprintln!("settling {id} as {}: tenants will read safe_to_refund: true", to.name());
        }
        let settlement = Settlement { outcome, by: &self.by, reason: &self.reason, at: now };
        match purchases.settle(&outbox, &purchase, &settlement).await {
            Ok(Changed::Written(settled)) => Ok(*settled),
            Ok(Changed::Refused(met)) => Err(not_for_review(&met)),
            Err(error) => Err(Failure::Unreachable(format!(
                "{error}; it is unknown whether purchase {id} was settled: show it"
            ))),
        }
    }
}

fn not_for_review(purchase: &Purchase) -> Failure {
    let (id, state) = (&purchase.purchase_id, purchase.state.name());
    Failure::Refused(format!(
        "purchase {id} is {state}, and only a needs_review purchase can be settled; nothing was written"
    ))
}

/// A purchase as the operator sees it: the tenant's view with the number masked, and more.
fn document(purchase: &Purchase) -> Value {
    let recipient = purchase.recipient.to_masked();
    let masked = Purchase { recipient, ..purchase.clone() };
    let mut document = masked.view();
    document["tenant"] = json!(masked.tenant);
    document["acknowledged"] = json!(masked.acknowledged);
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
