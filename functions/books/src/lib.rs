//! Keeps the books, every 15 minutes: reads the balance of the wallet at VTpass, and closes each day an
//! hour after it is over in Lagos, with a report for each tenant and one for all together. Once a day it tells
//! tenants of keys that end soon. It notes suspensions that an operator made and that are over.
//!
//! Reads `purchases` and `tenants`, reads and writes `books` and `limits`, sends to the notify queue. Calls
//! VTpass.

mod close;
mod float;
mod keys;

use serde_json::{Value, json};
use shared::domain::report::FloatLimits;
use shared::domain::service::Service;
use shared::lambda::scheduled_function::{Failed, ScheduledFunction};
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::provider::vtpass::Vtpass;
use shared::store::{Books, FloatNotes, Guards, Outbox, Purchases, Tenants};
use tokio::time::Instant;

/// The function's dependencies.
#[derive(Debug)]
pub struct BooksFunction {
    vtpass: Option<Vtpass>,
    purchases: Purchases,
    tenants: Tenants,
    books: Books,
    guards: Guards,
    float: FloatNotes,
    outbox: Outbox,
    limits: FloatLimits,
    environment: Environment,
}

impl ScheduledFunction for BooksFunction {
    const NAME: &'static str = "books";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            vtpass: Vtpass::from_vars(vars, environment)?,
            purchases: Purchases::from_vars(vars, &dynamodb)?,
            tenants: Tenants::from_vars(vars, &dynamodb)?,
            books: Books::from_vars(vars, &dynamodb)?,
            guards: Guards::from_vars(vars, environment, &dynamodb)?,
            float: FloatNotes::from_vars(vars, &dynamodb)?,
            outbox: Outbox::from_vars(vars, environment)?,
            limits: FloatLimits::from_vars(vars)?,
            environment: environment.clone(),
        })
    }

    async fn run(&self, until: Instant) -> Result<Value, Failed> {
        let float = Box::pin(self.read_balance()).await;
        let services = Service::all().map(|service| service.id);
        let noted = Box::pin(self.guards.note_ends(&self.outbox, &services)).await;
        // The days are closed also while VTpass gives no balance.
        let closed = Box::pin(self.close_days(until)).await;
        let (float, closed) = (float?, closed.map_err(|error| Failed(error.to_string()))?);
        noted.map_err(|error| Failed(error.to_string()))?;
        if closed > 0 {
            let told = Box::pin(self.tell_of_ends()).await;
            told.map_err(|error| Failed(error.to_string()))?;
        }
        Ok(json!({ "balance_kobo": float.map(|it| it.balance_kobo), "days_closed": closed }))
    }
}
