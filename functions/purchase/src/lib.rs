//! Buys data bundles and airtime: each order is paid for at most once.
//!
//! Reads and writes `purchases` and `limits`, reads `books`, sends to the requery queue and the notify
//! queue. Calls VTpass and MTN.

mod buy;
mod catalogue;
mod guard;
mod list;
mod order;
mod refill_order;
mod report;
mod spending;

use shared::domain::limit::TenantLimits;
use shared::domain::purchase::ReconcileAfter;
use shared::domain::schedule::{Patience, Schedule};
use shared::domain::spending::MoneyLimits;
use shared::lambda::disclosing::DisclosureLog;
use shared::lambda::error::ApiError;
use shared::lambda::http_function::HttpFunction;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::crypto::KeyedHash;
use shared::platform::environment::Environment;
use shared::platform::queue::Queue;
use shared::provider::mtn::Mtn;
use shared::provider::vtpass::Vtpass;
use shared::store::{Books, Calls, Catalogues, Guards, Limits, Outbox, Purchases};

/// The function's dependencies.
#[derive(Debug)]
pub struct PurchaseFunction {
    vtpass: Option<Vtpass>,
    mtn: Option<Mtn>,
    keyed_hash: KeyedHash,
    purchases: Purchases,
    books: Books,
    outbox: Outbox,
    catalogues: Catalogues,
    guards: Guards,
    limits: Limits,
    calls: Calls,
    tenant_limits: TenantLimits,
    money_limits: MoneyLimits,
    jobs: Queue,
    schedule: Schedule,
    patience: Patience,
    look_back: ReconcileAfter,
    public_base_url: Option<String>,
    disclosures: DisclosureLog,
    environment: Environment,
}

impl HttpFunction for PurchaseFunction {
    const NAME: &'static str = "purchase";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            vtpass: Vtpass::from_vars(vars, environment)?,
            mtn: Mtn::from_vars(vars, environment)?,
            keyed_hash: KeyedHash::from_vars(vars)?,
            purchases: Purchases::from_vars(vars, &dynamodb)?,
            books: Books::from_vars(vars, &dynamodb)?,
            outbox: Outbox::from_vars(vars, environment)?,
            catalogues: Catalogues::from_vars(vars, &dynamodb)?,
            guards: Guards::from_vars(vars, environment, &dynamodb)?,
            limits: Limits::from_vars(vars, environment, &dynamodb)?,
            calls: Calls::from_vars(vars, environment, &dynamodb)?,
            tenant_limits: TenantLimits::from_vars(vars)?,
            money_limits: MoneyLimits::from_vars(vars)?,
            jobs: Queue::from_vars(vars, environment, "REQUERY_QUEUE_URL")?,
            schedule: Schedule::from_vars(vars)?,
            patience: Patience::from_vars(vars)?,
            look_back: ReconcileAfter::from_vars(vars)?,
            public_base_url: vars.base_url("PUBLIC_BASE_URL")?,
            disclosures: DisclosureLog::from_vars(vars, environment, &dynamodb)?,
            environment: environment.clone(),
        })
    }

    fn disclosures(&self) -> Option<&DisclosureLog> {
        Some(&self.disclosures)
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        // Purchases have a limit of their own, which does not count repeats.
        if request.route == "POST /purchases" {
            return self.buy(request).await;
        }
        // Neither needs the other's answer.
        let count = self.calls.count(request.tenant()?);
        let (counted, reply) = tokio::join!(count, self.read(request));
        counted?;
        reply
    }
}

impl PurchaseFunction {
    async fn read(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        match request.route.as_str() {
            "GET /purchases/{purchase_id}" => self.one(request).await,
            "GET /purchases" => self.list(request).await,
            "GET /reports/{date}" => self.report(request).await,
            "GET /services/{serviceID}/variations" => self.variations(request).await,
            _ => Err(ApiError::not_found()),
        }
    }

    fn vtpass(&self) -> Result<&Vtpass, ApiError> {
        self.vtpass.as_ref().ok_or_else(|| ApiError::provider_off("VTpass"))
    }
}
