//! `POST /purchases`. The order of the writes is the point: a crash anywhere loses nothing and
//! charges nothing twice.
//!
//! 0. If the purchase exists, answer from it and send nothing.
//! 1. Send the first message of the requery chain, so that whatever follows will be found out.
//! 2. Record the purchase, unless it exists.
//! 3. Pay, once, ever.
//! 4. Record what came of it.

use std::time::{Duration, Instant};

use http::StatusCode;
use shared::error::{ApiError, Code};
use shared::http_function::{ApiRequest, Reply};
use shared::money::Kobo;
use shared::purchase::{Call, DEADLINE, Purchase, State, conclude, to_ms};
use shared::requery::{ChainStep, Message};
use shared::store::{Change, Recorded, Tenant};
use shared::vtpass::{Vtpass, request_id};
use shared::world::iso;

use crate::PurchaseFunction;
use crate::order::{Order, idempotency_key};

/// From step 1 to `pay`: beyond it the requery, which begins to ask after 36 s, might overtake.
const PAY_WINDOW: Duration = Duration::from_secs(5);
/// When `pay` must have answered, from the request's arrival: what is left is for step 4.
const PAY_UNTIL: Duration = Duration::from_secs(25);

impl PurchaseFunction {
    pub(crate) async fn buy(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.caller()?;
        let key = idempotency_key(request)?;
        let test_numbers = self.vtpass.as_ref().is_some_and(Vtpass::takes_test_numbers);
        let order = Order::parse(request, test_numbers)?;

        let id = Purchase::id(tenant, key);
        if let Some(existing) = self.purchases.get(tenant, &id).await? {
            return repeated(&existing, &order);
        }
        let vtpass = self.vtpass()?;
        self.limits.count_if_possible(&self.caller_limits.purchases, tenant.as_str()).await?;
        let amount = self.price(&order).await?;
        let purchase = self.draft(tenant, id, &order, amount);

        let begun = Instant::now();
        self.begin_chain(&purchase).await?;
        if let Recorded::Exists(existing) = self.purchases.record(&purchase).await? {
            return repeated(&existing, &order);
        }
        let left = PAY_UNTIL.saturating_sub(request.arrived.elapsed());
        if begun.elapsed() >= PAY_WINDOW || left < PAY_WINDOW {
            return Err(not_sent(&purchase));
        }
        let purchase = self.pay(vtpass, purchase, left).await;
        reply(&purchase)
    }

    fn draft(&self, tenant: &Tenant, id: String, order: &Order, amount: Kobo) -> Purchase {
        let now = self.world.clock.now();
        Purchase {
            request_id: request_id(now, &id),
            listed: format!("{}#{id}", iso(now)),
            purchase_id: id,
            tenant: tenant.clone(),
            state: State::Submitted,
            service_id: order.service.id.to_owned(),
            variation_code: order.variation_code.clone(),
            phone: order.phone.clone(),
            amount_kobo: amount,
            fingerprint: order.fingerprint(),
            chain: self.world.random.id(),
            step: 0,
            created_ms: to_ms(now),
            updated_ms: to_ms(now),
            acknowledged: false,
            unknown_ids: 0,
            hinted_ms: 0,
            history: Vec::new(),
        }
    }

    async fn begin_chain(&self, purchase: &Purchase) -> Result<(), ApiError> {
        let message = Message::Purchase(ChainStep {
            tenant: purchase.tenant.clone(),
            purchase_id: purchase.purchase_id.clone(),
            chain: purchase.chain.clone(),
            step: purchase.step,
        });
        let deadline = DEADLINE.unsigned_abs();
        let wait = self.schedule.wait(purchase.step, deadline, &self.world.random);
        Ok(self.requeries.send(&message, wait).await?)
    }

    /// Steps 3 and 4. When the outcome cannot be recorded the purchase is answered as it was
    /// recorded: the chain will find the outcome out.
    async fn pay(&self, vtpass: &Vtpass, purchase: Purchase, limit: Duration) -> Purchase {
        let outcome = vtpass.pay_within(&purchase.order(), limit).await;
        let now = self.world.clock.now();
        let conclusion = conclude(&purchase, Call::Pay, &outcome, now, self.patience);
        shared::purchase::report(&purchase, &outcome, &conclusion);
        let change = Change::of(&purchase, &outcome, conclusion);
        match self.purchases.apply(&purchase.purchase_id, &change, now).await {
            Ok(purchase) => purchase,
            Err(error) => {
                let purchase_id = purchase.purchase_id.as_str();
                tracing::warn!(purchase_id, reason = %error, "an outcome is not recorded");
                purchase
            }
        }
    }

    pub(crate) async fn one(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let purchase = self.purchases.get(request.caller()?, request.path("purchase_id")).await?;
        Reply::successful(purchase.ok_or_else(ApiError::not_found)?.view())
    }
}

/// The same key again: the purchase as it is now, or a conflict when it is another order.
fn repeated(existing: &Purchase, order: &Order) -> Result<Reply, ApiError> {
    if existing.fingerprint != order.fingerprint() {
        let message = "This Idempotency-Key was used for another order.";
        return Err(ApiError::new(Code::IdempotencyConflict, message));
    }
    reply(existing)
}

/// 201 once it is final, 202 until then.
fn reply(purchase: &Purchase) -> Result<Reply, ApiError> {
    let status = if purchase.state.is_final() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok(Reply::successful(purchase.view())?.with_status(status))
}

fn not_sent(purchase: &Purchase) -> ApiError {
    let message = "Recording took too long, so the order was not sent. It will be closed as failed; \
                   repeat the request to see it, or buy under a new Idempotency-Key once it is.";
    let detail = format!("purchase {} was recorded too late to pay", purchase.purchase_id);
    ApiError::new(Code::Unavailable, message).detail(detail)
}
