//! `telco-gateway purchase ...`.

use clap::builder::RangedI64ValueParser;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};
use shared::aws;
use shared::phone::masked;
use shared::purchase::{Attempt, Purchase, State, View};
use shared::requery::NumberRetention;
use shared::store::{Change, Changed, Purchases, Tenant};
use shared::world::{World, iso};
use time::OffsetDateTime;

use crate::failure::Failure;
use crate::table::columns;
use crate::target::{Table, Target};
use crate::words::words;

/// The longest reason, in characters.
const MAX_REASON: usize = 500;
/// The longest name of an operator, in characters.
const MAX_NAME: usize = 64;

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
    /// Settle a purchase that is needs_review, once the provider's books tell what became of it
    Settle(Settle),
    /// Mask the numbers of settled purchases that are old enough; nothing else of them changes
    Mask {
        /// How old a purchase must be, in days: 30 at least
        #[arg(long, value_name = "DAYS", value_parser = old_enough())]
        older_than: u16,
    },
}

fn old_enough() -> RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(i64::from(NumberRetention::LEAST_DAYS)..)
}

/// What a person found out.
#[derive(Args)]
struct Settle {
    /// The purchase's id, or the request id that VTpass knows it by
    id: String,
    /// What became of it; callers may refund what is failed or reversed
    #[arg(long)]
    to: Settled,
    /// How that is known, for the history: 1 to 500 characters
    #[arg(long, value_parser = |text: &str| words(text, MAX_REASON))]
    reason: String,
    /// Who settles it, for the history: 1 to 64 characters
    #[arg(
        long,
        value_name = "NAME",
        env = "USER",
        hide_env_values = true,
        value_parser = |text: &str| words(text, MAX_NAME)
    )]
    by: String,
}

/// The states that a person may settle for: the final ones.
#[derive(Clone, Copy, ValueEnum)]
enum Settled {
    Delivered,
    Failed,
    Reversed,
}

impl From<Settled> for State {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Delivered => Self::Delivered,
            Settled::Failed => Self::Failed,
            Settled::Reversed => Self::Reversed,
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
    world: &World,
) -> Result<String, Failure> {
    let purchases = open(target, arguments.table.as_deref(), world).await?;
    let purchase = match arguments.command {
        Command::Show { id } => find(&purchases, &id).await?,
        Command::Settle(settle) => settle.run(&purchases, world.clock.now()).await?,
        Command::Mask { older_than } => {
            let before = world.clock.now() - time::Duration::days(older_than.into());
            let mut part = purchases.mask_numbers(before, None).await?;
            let mut masked = part.count;
            while part.next.is_some() {
                part = purchases.mask_numbers(before, part.next).await?;
                masked += part.count;
            }
            return Ok(if json {
                format!("{}\n", json!({ "masked": masked }))
            } else {
                format!("masked {masked}\n")
            });
        }
    };
    let document = document(&purchase);
    Ok(if json { format!("{document:#}\n") } else { page(&document, &purchase) })
}

async fn open(target: &Target, given: Option<&str>, world: &World) -> Result<Purchases, Failure> {
    let table = Table { function: "purchase", variable: "PURCHASES_TABLE", given };
    let vars = target.vars(&table, &world.http).await?;
    // The store's timeouts are those of a function beside its table; a person may be far away.
    world.http.warm(&aws::dynamodb_url(&vars)?).await;
    Ok(Purchases::from_vars(&vars, &aws::dynamodb(&vars, world)?)?)
}

/// A purchase by either of its ids.
async fn find(purchases: &Purchases, id: &str) -> Result<Purchase, Failure> {
    let hex = id.bytes().all(|b| b.is_ascii_hexdigit());
    let found = match id.len() {
        32 if hex => purchases.by_id(&id.to_ascii_lowercase()).await?,
        20 if hex => purchases.refill_by_request_id(&id.to_ascii_lowercase()).await?,
        _ => purchases.by_request_id(id).await?,
    };
    found.ok_or_else(|| Failure::NotFound(id.to_owned()))
}

impl Settle {
    async fn run(&self, purchases: &Purchases, now: OffsetDateTime) -> Result<Purchase, Failure> {
        let to = State::from(self.to);
        let purchase = find(purchases, &self.id).await?;
        let id = purchase.purchase_id.as_str();
        if purchase.state != State::NeedsReview {
            return Err(Failure::NotForReview { id: id.to_owned(), state: purchase.state });
        }
        if to.safe_to_refund() {
            eprintln!("settling {id} as {}: callers will read safe_to_refund: true", to.as_str());
        }
        let attempt = self.attempt(to, now);
        let change = Change {
            from: vec![State::NeedsReview],
            to: Some(to),
            attempts: vec![attempt.clone()],
            ..Change::default()
        };
        match purchases.change(id, &change, now).await {
            Ok(Changed::Written(settled)) => Ok(*settled),
            // The first try was written and its answer lost: the refusal met our own line.
            Ok(Changed::Refused(met)) if met.history.contains(&attempt) => Ok(*met),
            Ok(Changed::Refused(met)) => {
                Err(Failure::NotForReview { id: id.to_owned(), state: met.state })
            }
            Err(cause) => Err(Failure::Unconfirmed { id: id.to_owned(), cause }),
        }
    }

    /// The line for the history.
    fn attempt(&self, to: State, now: OffsetDateTime) -> Attempt {
        Attempt {
            at: iso(now),
            call: "operator".to_owned(),
            code: "settled".to_owned(),
            concluded: to.as_str().to_owned(),
            note: format!("by {}: {}", self.by, self.reason),
        }
    }
}

/// A purchase as its operator sees it: what its caller sees, with the number masked, and more.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    view: View<'a>,
    tenant: &'a Tenant,
    acknowledged: bool,
    history: &'a [Attempt],
}

fn document(purchase: &Purchase) -> Value {
    let masked = Purchase { phone: masked(&purchase.phone), ..purchase.clone() };
    json!(Document {
        view: masked.view(),
        tenant: &masked.tenant,
        acknowledged: masked.acknowledged,
        history: &masked.history,
    })
}

/// The document as a table of facts and a table of history.
fn page(document: &Value, purchase: &Purchase) -> String {
    let facts: Vec<[String; 2]> = document
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some([name.clone(), fact(name, value, purchase)?]))
        .collect();
    let title = ["TIME", "CALL", "CODE", "CONCLUDED", "NOTE"].map(str::to_owned);
    let lines = purchase.history.iter().map(|it| {
        [&it.at, &it.call, &it.code, &it.concluded, &it.note].map(|text| text.to_owned())
    });
    let history: Vec<[String; 5]> = std::iter::once(title).chain(lines).collect();
    format!("{}\n{}", columns(&facts), columns(&history))
}

/// A fact in words; none for the history, which has a table of its own.
fn fact(name: &str, value: &Value, purchase: &Purchase) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) => None,
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(kobo) if name == "amount_kobo" => {
            Some(format!("{kobo} ({})", purchase.amount_kobo))
        }
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
    }
}
