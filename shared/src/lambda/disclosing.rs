//! The record of an answer that shows a person's data, before the answer is given.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use tokio::time::timeout_at;

use super::error::ApiError;
use super::reply::Reply;
use super::request::ApiRequest;
use crate::domain::disclosure::{
    Asking, Disclosure, DisclosureRetention, People, Shown, is_disclosing,
};
use crate::platform::config::{ConfigError, Vars};
use crate::platform::crypto::KeyedHash;
use crate::platform::environment::{Clock, Environment, Random};
use crate::store::Disclosures;

/// When a record must be written, counted from the request's arrival: before the function is stopped.
const LATEST: Duration = Duration::from_secs(28);

/// Writes the records of a function's answers.
#[derive(Debug)]
pub struct DisclosureLog {
    disclosures: Disclosures,
    hash: KeyedHash,
    kept: DisclosureRetention,
    clock: Clock,
    random: Random,
}

impl DisclosureLog {
    /// The table named by `DISCLOSURES_TABLE`; `LIMITS_HMAC_KEY` hides addresses and purposes.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing or invalid.
    pub fn from_vars(
        vars: &Vars,
        environment: &Environment,
        dynamodb: &Client,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            disclosures: Disclosures::from_vars(vars, dynamodb)?,
            hash: KeyedHash::from_vars(vars)?,
            kept: DisclosureRetention::from_vars(vars)?,
            clock: environment.clock.clone(),
            random: environment.random.clone(),
        })
    }

    async fn record(&self, request: &ApiRequest, people: &People) -> Result<(), ApiError> {
        let asking = Asking {
            tenant: request.tenant()?,
            key_id: request.key_id()?,
            route: &request.route,
            source_ip: &request.source_ip,
            request_id: &request.id,
            at: self.clock.now(),
        };
        let record = Disclosure::new(people, &asking, &self.hash, self.kept, &self.random);
        let write = self.disclosures.record(&record);
        let too_late = |_| ApiError::unavailable("no time is left to record a disclosure");
        Ok(timeout_at(request.arrived + LATEST, write).await.map_err(too_late)??)
    }
}

/// Gives the reply once it is recorded whose data it shows. A reply that cannot be recorded, or that does
/// not say whose data it shows, is not given.
pub(super) async fn recorded(
    log: Option<&DisclosureLog>,
    request: &ApiRequest,
    reply: Reply,
) -> Result<Reply, ApiError> {
    match (&reply.shown, log) {
        (None, _) if !is_disclosing(&request.route) => {}
        (Some(Shown::Nobody), _) => {}
        (Some(Shown::People(people)), Some(log)) => {
            Box::pin(log.record(request, people)).await?;
        }
        (None, _) | (Some(Shown::People(_)), None) => {
            return Err(ApiError::unavailable("an answer cannot be recorded as a disclosure"));
        }
    }
    Ok(reply)
}
