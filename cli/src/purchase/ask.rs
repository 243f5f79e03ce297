//! The command `telco-gateway purchase ask`: the provider is asked now, by a job as the gateway sends it.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use shared::domain::ids::TenantId;
use shared::domain::job::{Chain, HintedPurchase, Job, Step};
use shared::domain::purchase::{Purchase, State};
use shared::platform::config::Vars;
use shared::platform::environment::Environment;
use shared::platform::queue::{MAX_DELAY, Queue, QueueError};
use shared::store::{Filters, Purchases, StoreError};

use super::list::{of_tenants, tenants};
use super::lookup::find;
use crate::argument::tenant;
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{columns, document};

/// How old an order is before the provider is asked about it: until then it may not have arrived.
const ARRIVED: time::Duration = time::Duration::MINUTE;
/// How many questions a second are asked about many purchases, to spare the provider.
const A_SECOND: usize = 5;
/// About how many purchases one run asks at most.
const MOST: usize = 1000;

/// Which purchases are asked about.
#[derive(Args)]
pub struct Ask {
    /// The purchase's id, or the request id that VTpass knows it by
    #[arg(value_name = "PURCHASE_ID_OR_REQUEST_ID", required_unless_present = "waiting", conflicts_with_all = ["waiting", "tenant"])]
    id: Option<String>,
    /// Ask about every purchase that waits for a person, at most 1000, five a second
    #[arg(long)]
    waiting: bool,
    /// Only those of this tenant
    #[arg(long, requires = "waiting", value_parser = tenant)]
    tenant: Option<TenantId>,
}

/// Where the jobs go.
struct Queues<'a> {
    chains: Queue,
    follow_ups: Queue,
    environment: &'a Environment,
}

impl Ask {
    /// Sends the jobs and gives what to print.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn run(
        &self,
        purchases: &Purchases,
        vars: &Vars,
        context: &Context,
    ) -> Result<String, Failure> {
        let environment = &context.environment;
        let queues = Queues {
            chains: Queue::from_vars(vars, environment, "REQUERY_QUEUE_URL")?,
            follow_ups: Queue::from_vars(vars, environment, "FOLLOW_UP_QUEUE_URL")?,
            environment,
        };
        let Some(id) = &self.id else { return self.about_all(purchases, &queues, context).await };
        let purchase = find(purchases, id).await?;
        if purchase.is_refill() {
            return Err(Failure::Refused(format!(
                "purchase {} is a refill, and MTN has no such question: ask MTN's support; nothing was sent",
                purchase.purchase_id
            )));
        }
        queues.ask(&purchase, Duration::ZERO).await?;
        Ok(shown(&[purchase], 0, context.json))
    }

    async fn about_all(
        &self,
        purchases: &Purchases,
        queues: &Queues<'_>,
        context: &Context,
    ) -> Result<String, Failure> {
        let tenants = tenants(self.tenant.as_ref(), context).await?;
        let waiting = Filters { state: Some(State::NeedsReview), ..Filters::default() };
        let found = of_tenants(purchases, &tenants, &waiting, MOST).await?;
        if found.has_more {
            eprintln!("there are more: these are the newest");
        }
        let (refills, asked): (Vec<_>, Vec<_>) =
            found.purchases.into_iter().partition(Purchase::is_refill);
        for (number, purchase) in asked.iter().enumerate() {
            let wait = Duration::from_secs(u64::try_from(number / A_SECOND).unwrap_or(u64::MAX));
            queues.ask(purchase, wait.min(MAX_DELAY)).await?;
        }
        Ok(shown(&asked, refills.len(), context.json))
    }
}

impl Queues<'_> {
    /// An open purchase goes on with its chain, as reconcile restarts it. About any other a hint asks.
    async fn ask(&self, purchase: &Purchase, wait: Duration) -> Result<(), Failure> {
        let (tenant, purchase_id) = (purchase.tenant.clone(), purchase.purchase_id.clone());
        let sent = match purchase.state {
            State::Submitted | State::Pending => {
                let about = Chain { tenant, purchase_id, chain: purchase.chain.clone() };
                let arrives = purchase.created_at + ARRIVED - self.environment.clock.now();
                let arrives = Duration::try_from(arrives).unwrap_or_default();
                let job = Job::Purchase(Step { about, step: purchase.step });
                self.chains.send(&job, wait.max(arrives).min(MAX_DELAY)).await
            }
            State::NeedsReview | State::Delivered | State::Failed | State::Reversed => {
                let job = Job::Hint(Step::first(HintedPurchase { tenant, purchase_id }));
                self.follow_ups.send(&job, wait).await
            }
        };
        sent.map_err(|error: QueueError| StoreError::from(error).into())
    }
}

fn shown(asked: &[Purchase], refills: usize, json: bool) -> String {
    if json {
        let view = |it: &Purchase| json!({ "purchase_id": it.purchase_id, "state": it.state });
        let asked: Vec<Value> = asked.iter().map(view).collect();
        return document(&json!({ "asked": asked, "refills": refills }));
    }
    let head = ["ASKED ABOUT", "TENANT", "STATE UNTIL NOW"].map(str::to_owned);
    let row = |it: &Purchase| {
        [it.purchase_id.to_string(), it.tenant.to_string(), it.state.name().to_owned()]
    };
    let rows: Vec<_> = std::iter::once(head).chain(asked.iter().map(row)).collect();
    let left = match refills {
        0 => String::new(),
        _ => format!("{refills} refills were left out: MTN has no such question\n"),
    };
    format!("{}{left}the answer stands in `purchase show` within a minute or two\n", columns(&rows))
}
