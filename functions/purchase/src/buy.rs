//! `POST /purchases`. The order of the writes is the point: a crash anywhere loses nothing and
//! charges nothing twice.
//!
//! 0. If the purchase exists, answer from it and send nothing.
//! 1. Send the first message of the requery chain, so that whatever follows will be found out.
//! 2. Record the purchase, unless it exists.
//! 3. Pay (or refill), once, ever.
//! 4. Record what came of it.

use std::time::{Duration, Instant};

use http::StatusCode;
use shared::error::{ApiError, Code};
use shared::http_function::{ApiRequest, Reply};
use shared::money::Kobo;
use shared::mtn::Mtn;
use shared::purchase::{Call, DEADLINE, Purchase, ServiceKind, State, conclude, to_ms};
use shared::requery::{ChainStep, Message};
use shared::store::{Change, Recorded, Tenant};
use shared::vtpass::{Vtpass, request_id};
use shared::world::iso;

use crate::PurchaseFunction;
use crate::order::{Order, idempotency_key};
use crate::refill::refill_transaction_id;

/// From step 1 to `pay`: beyond it the requery, which begins to ask after 36 s, might overtake.
const PAY_WINDOW: Duration = Duration::from_secs(5);
/// When `pay` must have answered, from the request's arrival: what is left is for step 4.
const PAY_UNTIL: Duration = Duration::from_secs(25);

/// Who is paid.
enum Provider<'a> {
    Vtpass(&'a Vtpass),
    Mtn(&'a Mtn),
}

impl PurchaseFunction {
    pub(crate) async fn buy(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.caller()?;
        let key = idempotency_key(request)?;
        let test_numbers = self.vtpass.as_ref().is_some_and(Vtpass::takes_test_numbers);
        let order = Order::parse(request, test_numbers)?;

        let id = Purchase::id(tenant, key);
        if let Some(existing) = self.purchases.get(tenant, &id).await? {
            return self.repeated(&existing, &order);
        }
        let provider = self.provider(&order)?;
        self.limits.count_if_possible(&self.caller_limits.purchases, tenant.as_str()).await?;
        let amount = self.price(&order).await?;
        let purchase = self.draft(tenant, id, &order, amount);

        let begun = Instant::now();
        self.begin_chain(&purchase).await?;
        if let Recorded::Exists(existing) = self.purchases.record(&purchase).await? {
            return self.repeated(&existing, &order);
        }
        let left = PAY_UNTIL.saturating_sub(request.arrived.elapsed());
        let in_time = begun.elapsed() < PAY_WINDOW && left >= PAY_WINDOW;
        let purchase = match provider {
            Provider::Vtpass(vtpass) if in_time => self.pay(vtpass, purchase, left).await,
            Provider::Mtn(mtn) if in_time => self.refill(mtn, purchase, &order, left).await,
            Provider::Vtpass(_) => return Err(not_sent(&purchase)),
            // Nobody could find that out later: MTN gives no account of refills.
            Provider::Mtn(_) => self.refill_not_sent(purchase).await,
        };
        reply(&purchase)
    }

    /// Who sells it.
    fn provider(&self, order: &Order) -> Result<Provider<'_>, ApiError> {
        match order.service.kind {
            ServiceKind::Data | ServiceKind::Airtime => Ok(Provider::Vtpass(self.vtpass()?)),
            ServiceKind::Refill => {
                let mtn = self.mtn.as_ref().ok_or_else(|| ApiError::provider_off("MTN"))?;
                Ok(Provider::Mtn(mtn))
            }
        }
    }

    fn draft(&self, tenant: &Tenant, id: String, order: &Order, amount: Kobo) -> Purchase {
        let now = self.world.clock.now();
        let request_id = match order.service.kind {
            ServiceKind::Data | ServiceKind::Airtime => request_id(now, &id),
            ServiceKind::Refill => refill_transaction_id(&id),
        };
        Purchase {
            request_id,
            listed: format!("{}#{id}", iso(now)),
            purchase_id: id,
            tenant: tenant.clone(),
            state: State::Submitted,
            service_id: order.service.id.to_owned(),
            variation_code: order.variation_code.clone(),
            phone: order.phone.clone(),
            amount_kobo: amount,
            refill: order.refill.as_ref().map(|refill| refill.terms(&self.keyed_hash)),
            fingerprint: order.fingerprint(&self.keyed_hash),
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

    /// The same key again: the purchase as it is now, or a conflict when it is another order.
    fn repeated(&self, existing: &Purchase, order: &Order) -> Result<Reply, ApiError> {
        if !order.made(existing, &self.keyed_hash) {
            let message = "This Idempotency-Key was used for another order.";
            return Err(ApiError::new(Code::IdempotencyConflict, message));
        }
        reply(existing)
    }
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
