//! What an operator's tool uses: the store and the outbox, over calls that may go wrong.

use shared::platform::aws;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::store::{Outbox, Purchases, Tenants};

/// The clients of `telco-gateway purchase settle` and `telco-gateway tenant`.
pub struct Operator {
    /// The purchases.
    pub purchases: Purchases,
    /// The tenants' API keys.
    pub tenants: Tenants,
    /// What announces changes of purchases.
    pub outbox: Outbox,
}

impl Operator {
    pub(super) fn of(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = aws::dynamodb(vars, environment)?;
        let purchases = Purchases::from_vars(vars, &dynamodb)?;
        let tenants = Tenants::from_vars(vars, &dynamodb)?;
        Ok(Self { purchases, tenants, outbox: Outbox::from_vars(vars, environment)? })
    }
}
