//! The command `telco-gateway purchase settle`: a person found the outcome, or that a delivered purchase was
//! reversed.

use clap::{Args, ValueEnum};
use shared::domain::purchase::{Purchase, Settled, State};
use shared::platform::config::Vars;
use shared::platform::environment::Environment;
use shared::store::{Changed, MAX_REASON, Outbox, Purchases, Settlement};

use super::lookup::find;
use crate::argument::{By, record_text};
use crate::failure::Failure;

/// The outcome that a person found.
#[derive(Args)]
pub struct Settle {
    /// The purchase's id, or the request id that VTpass knows it by
    id: String,
    /// The outcome; tenants may refund a failed or reversed purchase
    #[arg(long)]
    to: Chosen,
    /// How the outcome is known, for the history: 1 to 500 characters
    #[arg(long, value_parser = |text: &str| record_text(text, MAX_REASON))]
    reason: String,
    #[command(flatten)]
    by: By,
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

impl Settle {
    /// Settles the purchase and gives it as it is then.
    ///
    /// # Errors
    /// [`Failure`]: nothing was written unless it says that this is unknown.
    pub async fn run(
        &self,
        purchases: &Purchases,
        vars: &Vars,
        environment: &Environment,
    ) -> Result<Purchase, Failure> {
        let (outbox, now) = (Outbox::from_vars(vars, environment)?, environment.clock.now());
        let purchase = find(purchases, &self.id).await?;
        let id = &purchase.purchase_id;
        let outcome = Settled::from(self.to);
        if !purchase.may_be_settled_as(outcome) {
            return Err(not_settled(&purchase));
        }
        let to = State::from(outcome);
        if to.safe_to_refund() {
            eprintln!("settling {id} as {}: tenants will read safe_to_refund: true", to.name());
        }
        let settlement = Settlement { outcome, by: &self.by.name, reason: &self.reason, at: now };
        match purchases.settle(&outbox, &purchase, &settlement).await {
            Ok(Changed::Written(settled)) => Ok(*settled),
            Ok(Changed::Refused(met)) => Err(not_settled(&met)),
            Err(error) => Err(Failure::Unreachable(format!(
                "{error}; it is unknown whether purchase {id} was settled: show it"
            ))),
        }
    }
}

fn not_settled(purchase: &Purchase) -> Failure {
    let (id, state) = (&purchase.purchase_id, purchase.state.name());
    Failure::Refused(format!(
        "purchase {id} is {state}: only a needs_review purchase can be settled, and a delivered one as \
         reversed; nothing was written"
    ))
}
