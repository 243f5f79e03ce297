//! Buys data bundles and airtime: each order is paid for at most once.
//!
//! Reads and writes `purchases`, writes `limits`, sends to the requery queue. Calls VTpass and MTN.

mod buy;
mod catalogue;
mod list;
mod order;
mod refill;

use shared::config::{ConfigError, Vars};
use shared::error::ApiError;
use shared::http_function::{ApiRequest, HttpFunction, Reply};
use shared::limits::CallerLimits;
use shared::mtn::Mtn;
use shared::queue::Queue;
use shared::requery::{Patience, Schedule};
use shared::secret::KeyedHash;
use shared::store::{Catalogues, Limits, Purchases};
use shared::vtpass::Vtpass;
use shared::world::World;

/// The function's dependencies.
#[derive(Debug)]
pub struct PurchaseFunction {
    vtpass: Option<Vtpass>,
    mtn: Option<Mtn>,
    keyed_hash: KeyedHash,
    purchases: Purchases,
    catalogues: Catalogues,
    limits: Limits,
    caller_limits: CallerLimits,
    requeries: Queue,
    schedule: Schedule,
    patience: Patience,
    public_base_url: Option<String>,
    world: World,
}

impl HttpFunction for PurchaseFunction {
    const NAME: &'static str = "purchase";

    fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        let dynamodb = shared::aws::dynamodb(vars, world)?;
        Ok(Self {
            vtpass: Vtpass::from_vars(vars, world)?,
            mtn: Mtn::from_vars(vars, world)?,
            keyed_hash: KeyedHash::from_vars(vars)?,
            purchases: Purchases::from_vars(vars, &dynamodb)?,
            catalogues: Catalogues::from_vars(vars, &dynamodb)?,
            limits: Limits::from_vars(vars, world, &dynamodb)?,
            caller_limits: CallerLimits::from_vars(vars)?,
            requeries: Queue::from_vars(vars, world, "REQUERY_QUEUE_URL")?,
            schedule: Schedule::from_vars(vars)?,
            patience: Patience::from_vars(vars)?,
            public_base_url: vars.base_url("PUBLIC_BASE_URL")?,
            world: world.clone(),
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        match request.route.as_str() {
            "POST /purchases" => self.buy(request).await,
            "GET /purchases/{purchase_id}" => self.one(request).await,
            "GET /purchases" => self.list(request).await,
            "GET /services/{serviceID}/variations" => self.variations(request).await,
            _ => Err(ApiError::not_found()),
        }
    }
}

impl PurchaseFunction {
    fn vtpass(&self) -> Result<&Vtpass, ApiError> {
        self.vtpass.as_ref().ok_or_else(|| ApiError::provider_off("VTpass"))
    }
}
