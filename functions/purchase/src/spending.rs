//! The money limits: an order counts against them before anything is recorded.

use shared::domain::ids::TenantId;
use shared::domain::money::Kobo;
use shared::domain::purchase::State;
use shared::domain::spending::MoneyLimits;
use shared::lambda::error::ApiError;
use shared::platform::telemetry::alarm::Alarm;
use shared::store::{Counted, OverLimit};

use crate::PurchaseFunction;
use crate::buy::Placed;

impl PurchaseFunction {
    /// Counts the amount of an order, if the tenant may buy that much. What it is worth is not known
    /// of a voucher, which is paid for already.
    pub(crate) async fn spend(
        &self,
        limits: &MoneyLimits,
        tenant: &TenantId,
        amount: Option<Kobo>,
    ) -> Result<Option<Counted>, ApiError> {
        let Some(amount) = amount else { return Ok(None) };
        if amount > limits.largest_order {
            let largest = limits.largest_order.kobo();
            let message = format!("An order may cost {largest} kobo at most.");
            return Err(ApiError::limit_exceeded(message, None));
        }
        let counted = self.limits.count_many(&limits.spending, tenant.as_str(), amount.kobo());
        match counted.await {
            Ok(counted) => Ok(Some(counted)),
            Err(OverLimit::Reached(rest)) => {
                let alarm = Alarm::SpendLimitReached.name();
                tracing::error!(
                    alarm,
                    tenant = tenant.as_str(),
                    "a tenant reached its money limit"
                );
                let message = "With this order you would buy for more than your limit. Nothing was \
                               recorded. Try again later.";
                Err(ApiError::limit_exceeded(message, Some(rest)))
            }
            Err(OverLimit::TooMuch) => {
                let message = "This order is larger than your whole limit.";
                Err(ApiError::limit_exceeded(message, None))
            }
            // How much was bought is not known, so no more is sold.
            Err(OverLimit::Unknown(error)) => Err(error.into()),
        }
    }

    /// Gives back what was counted for an order that was not paid for.
    pub(crate) async fn give_back(
        &self,
        counted: Option<Counted>,
        placed: Result<&Placed, &ApiError>,
    ) {
        let is_paid = match placed {
            Ok(Placed::New(purchase)) => purchase.state != State::Failed,
            Ok(Placed::Before(_)) | Err(_) => false,
        };
        let Some(counted) = counted.filter(|_| !is_paid) else { return };
        if let Err(error) = self.limits.give_back(&counted).await {
            tracing::warn!(reason = %error, "an amount could not be given back to a limit");
        }
    }
}
