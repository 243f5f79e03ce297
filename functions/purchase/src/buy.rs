//! `POST /purchases`. The order of the writes matters: a crash at any point loses nothing and charges
//! nothing twice.
//!
//! 0. If the purchase exists, answer from it and send nothing.
//! 1. Send the first job of the requery chain, which finds out about everything that follows.
//! 2. Record the purchase, unless it exists.
//! 3. Pay, or refill: once, ever.
//! 4. Record the outcome.

use std::time::Duration;

use http::StatusCode;
use shared::domain::disclosure::Shown;
use shared::domain::guard::Sign;
use shared::domain::ids::{ChainId, ProviderReference, PurchaseId, TenantId};
use shared::domain::job::{Chain, Job, Step};
use shared::domain::money::Kobo;
use shared::domain::purchase::{
    DEADLINE, Evidence, Outcome, PhoneKey, Purchase, STEP_GRACE, Source, State, Verdict, transition,
};
use shared::domain::service::ServiceKind;
use shared::domain::time::to_iso;
use shared::lambda::error::{ApiError, ErrorCode};
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::upstream::Permit;
use shared::provider::mtn::{Ids, Mtn};
use shared::provider::vtpass::{Admitted, Vtpass};
use shared::store::{Admission, Recorded};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::PurchaseFunction;
use crate::order::{Order, idempotency_key};

/// The longest time from step 1 to step 3. The requery begins to ask after 36 s and must not
/// overtake `pay`.
const PAY_WINDOW: Duration = Duration::from_secs(5);
/// When step 3 must have ended, counted from the request's arrival. The rest is for step 4.
const PAY_UNTIL: Duration = Duration::from_secs(25);

/// The provider that sells the order.
enum Seller<'a> {
    Vtpass(&'a Vtpass),
    Mtn(&'a Mtn),
}

/// A provider that may be called.
enum AdmittedSeller<'a> {
    Vtpass(&'a Vtpass, Admitted),
    Mtn(&'a Mtn, Permit),
}

/// How an order was placed.
pub(crate) enum Placed {
    /// It was recorded and paid for.
    New(Box<Purchase>),
    /// Another request under the same key came first.
    Before(Box<Purchase>),
}

impl<'a> Seller<'a> {
    fn check(&self) -> Result<(), ApiError> {
        match self {
            Self::Vtpass(vtpass) => Ok(vtpass.check()?),
            Self::Mtn(mtn) => Ok(mtn.check()?),
        }
    }

    fn admit(self) -> Result<AdmittedSeller<'a>, ApiError> {
        match self {
            Self::Vtpass(vtpass) => Ok(AdmittedSeller::Vtpass(vtpass, vtpass.admit()?)),
            Self::Mtn(mtn) => Ok(AdmittedSeller::Mtn(mtn, mtn.admit()?)),
        }
    }
}

impl PurchaseFunction {
    pub(crate) async fn buy(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let key = idempotency_key(request)?;
        let test_numbers = self.vtpass.as_ref().is_some_and(Vtpass::takes_test_numbers);
        let order = Order::parse(request, test_numbers)?;

        let id = Purchase::id(tenant, key);
        let existing = self.purchases.get(tenant, &id);
        let (existing, guard) = tokio::join!(existing, self.look(order.service.id));
        if let Some(existing) = existing? {
            return self.repeated(&existing, &order);
        }
        let seller = self.seller(&order)?;
        // A provider that is down, or a service that is suspended, is not sold: nothing is counted or
        // recorded.
        seller.check()?;
        let own_limits = request.own_money_limits()?;
        let pass = self.pass(guard, &id).await?;
        let count =
            self.limits.count_if_possible(&self.tenant_limits.purchases, tenant.as_str(), 1);
        // Neither needs the other's answer, so the tenant waits for one of them only.
        let (counted, amount) = tokio::join!(count, self.price(&order));
        let ready = counted.map_err(ApiError::from).and(amount);
        let ready = ready.and_then(|amount| Ok((amount, seller.admit()?)));
        let (amount, admitted) = self.sold(&pass, &id, ready).await?;
        let purchase = self.draft(tenant, id.clone(), &order, amount);

        let limits = self.money_limits.but_for(own_limits);
        let counted = self.spend(&limits, tenant, amount).await;
        let counted = self.sold(&pass, &id, counted).await?;
        let placed = self.place(request, &order, purchase, admitted, &pass).await;
        self.give_back(counted, placed.as_ref()).await;
        match self.sold(&pass, &id, placed).await? {
            Placed::New(purchase) => reply(&purchase),
            Placed::Before(existing) => self.repeated(&existing, &order),
        }
    }

    /// Steps 1 to 4.
    async fn place(
        &self,
        request: &ApiRequest,
        order: &Order,
        mut purchase: Purchase,
        admitted: AdmittedSeller<'_>,
        pass: &Admission,
    ) -> Result<Placed, ApiError> {
        let begun = Instant::now();
        let wait = self.begin_chain(&purchase).await?;
        purchase.reconcile_at = Some(purchase.created_at + wait + STEP_GRACE);
        if let Recorded::Exists(existing) = self.purchases.record(&purchase).await? {
            return Ok(Placed::Before(existing));
        }
        let left = PAY_UNTIL.saturating_sub(request.arrived.elapsed());
        let in_time = begun.elapsed() < PAY_WINDOW && left >= PAY_WINDOW;
        let (source, outcome) = match admitted {
            AdmittedSeller::Vtpass(vtpass, admitted) if in_time => {
                (Source::Pay, vtpass.pay_within(admitted, &purchase.order(), left).await)
            }
            // The requery finds out later that nothing was sent, and closes the purchase.
            AdmittedSeller::Vtpass(..) => return Err(not_sent(&purchase)),
            AdmittedSeller::Mtn(mtn, _permit) if in_time => {
                (Source::Refill, refill(mtn, &purchase, order, left).await)
            }
            // Nobody can find it out later, because MTN has no status query for refills.
            AdmittedSeller::Mtn(..) => (Source::Refill, refill_not_sent()),
        };
        let (id, sign) = (purchase.purchase_id.clone(), Sign::of_sale(&source, &outcome));
        let learn = self.learn(pass, order.service.id, &id, (sign, outcome.is_our_fault));
        let (purchase, ()) = tokio::join!(self.conclude(purchase, source, outcome), learn);
        Ok(Placed::New(Box::new(purchase)))
    }

    fn seller(&self, order: &Order) -> Result<Seller<'_>, ApiError> {
        match order.service.kind {
            ServiceKind::Data | ServiceKind::Airtime => Ok(Seller::Vtpass(self.vtpass()?)),
            ServiceKind::Refill => {
                let mtn = self.mtn.as_ref().ok_or_else(|| ApiError::provider_off("MTN"))?;
                Ok(Seller::Mtn(mtn))
            }
        }
    }

    fn draft(
        &self,
        tenant: &TenantId,
        id: PurchaseId,
        order: &Order,
        amount: Option<Kobo>,
    ) -> Purchase {
        let now = self.environment.clock.now();
        let reference = match order.service.kind {
            ServiceKind::Data | ServiceKind::Airtime => ProviderReference::for_vtpass(now, &id),
            ServiceKind::Refill => ProviderReference::for_mtn(&id),
        };
        Purchase {
            reference,
            listed: format!("{}#{id}", to_iso(now)),
            purchase_id: id,
            tenant: tenant.clone(),
            state: State::Submitted,
            service_id: order.service.id.to_owned(),
            variation_code: order.variation_code.clone(),
            recipient: order.recipient.clone(),
            phone_key: PhoneKey::of(&self.keyed_hash, tenant, &order.recipient),
            amount,
            transaction_id: None,
            cost: None,
            commission: None,
            refill: order.refill.as_ref().map(|refill| refill.terms(&self.keyed_hash)),
            fingerprint: order.fingerprint(&self.keyed_hash),
            chain: ChainId::random(&self.environment.random),
            step: 0,
            created_at: now,
            updated_at: now,
            acknowledged: false,
            unknown_references: 0,
            hinted_at: OffsetDateTime::UNIX_EPOCH,
            hint_again_at: None,
            reconcile_at: None,
            reconciled_at: None,
            history: Vec::new(),
        }
    }

    /// Gives the wait until the first step.
    async fn begin_chain(&self, purchase: &Purchase) -> Result<Duration, ApiError> {
        let step = Step::first(Chain {
            tenant: purchase.tenant.clone(),
            purchase_id: purchase.purchase_id.clone(),
            chain: purchase.chain.clone(),
        });
        let deadline = DEADLINE.unsigned_abs();
        let wait = self.schedule.wait(step.step, deadline, &self.environment.random);
        self.jobs.send(&Job::Purchase(step), wait).await?;
        Ok(wait)
    }

    /// Step 4. When the outcome cannot be recorded, the purchase is answered as it was recorded: the
    /// requery finds the outcome out, or hands a refill to a person.
    async fn conclude(&self, purchase: Purchase, source: Source, outcome: Outcome) -> Purchase {
        let (at, patience) = (self.environment.clock.now(), self.patience);
        let evidence = Evidence { source, outcome, at, patience, look_back: self.look_back };
        let change = transition(&purchase, &evidence);
        change.report(&purchase);
        match self.purchases.apply(&self.outbox, &purchase, &change, &evidence).await {
            Ok(purchase) => purchase,
            Err(error) => {
                let purchase_id = purchase.purchase_id.as_str();
                tracing::warn!(purchase_id, reason = %error, "an outcome cannot be recorded");
                purchase
            }
        }
    }

    /// `GET /purchases/{purchase_id}`.
    pub(crate) async fn one(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let id = request.path_id("purchase_id", PurchaseId::parse)?;
        let purchase = self.purchases.get(tenant, &id).await?.ok_or_else(ApiError::not_found)?;
        let reply = Reply::successful(purchase.view_with_history(self.environment.clock.now()))?;
        Ok(reply.shows(Shown::from_iter([purchase.purchase_id])))
    }

    /// The same key again: the purchase as it is now, or a conflict when it is another order.
    fn repeated(&self, existing: &Purchase, order: &Order) -> Result<Reply, ApiError> {
        if !order.made(existing, &self.keyed_hash) {
            let message = "This Idempotency-Key was used for another order.";
            return Err(ApiError::new(ErrorCode::IdempotencyConflict, message));
        }
        reply(existing)
    }
}

/// Step 3 of a refill.
async fn refill(mtn: &Mtn, purchase: &Purchase, order: &Order, limit: Duration) -> Outcome {
    let (Some(refill), Some(msisdn)) = (&order.refill, purchase.recipient.msisdn()) else {
        return refill_not_sent();
    };
    let (reference, id) = (purchase.reference.as_str(), purchase.purchase_id.as_str());
    let ids = Ids { transaction_id: reference, trace_id: id };
    mtn.refill(&ids, msisdn, &refill.to_refill(purchase.amount), limit).await
}

fn refill_not_sent() -> Outcome {
    let note = "recording took too long, so the refill was not sent";
    Outcome { is_our_fault: true, ..Outcome::new(Verdict::Failed, "not_sent", note) }
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
    ApiError::new(ErrorCode::Unavailable, message).detail(detail)
}
