//! What an operator's tool uses: the store and the outbox, over calls that may go wrong.

use shared::platform::aws;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::store::{Outbox, Purchases};

/// The clients of `telco-gateway purchase settle`.
pub struct Operator {
    /// The purchases.
    pub purchases: Purchases,
    /// What announces their changes.
    pub outbox: Outbox,
}

impl Operator {
    pub(super) fn of(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = aws::dynamodb(vars, environment)?;
        let purchases = Purchases::from_vars(vars, &dynamodb)?;
        Ok(Self { purchases, outbox: Outbox::from_vars(vars, environment)? })
    }
}
