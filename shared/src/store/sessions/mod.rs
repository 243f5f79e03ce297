//! The `sessions` table: OTP sessions and the codes that they end in. Both live ten minutes. Both are
//! found by the hash of a secret that only their tenant knows.

mod codes;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_dynamo::from_item;
use time::OffsetDateTime;

pub use self::codes::{Claim, ClaimRefused, ExchangeCode, LEASE};
use super::conditional::{AS_OWN, UNLESS_OWN, WriteId, Written, put, update_once};
use super::table::table;
use super::{StoreError, number, text};
use crate::domain::consent::ConsentTerms;
use crate::domain::ids::TenantId;
use crate::domain::msisdn::Msisdn;
use crate::domain::network::Network;
use crate::domain::time::{epoch_seconds, to_seconds};
use crate::platform::crypto::hashed;
use crate::platform::environment::Environment;

/// How long sessions and codes live.
pub const LIFETIME: Duration = Duration::from_secs(600);
/// How many OTPs may be tried in one session.
pub const OTP_TRIES: i64 = 5;

table! {
    /// The `sessions` table.
    Sessions, "SESSIONS_TABLE"
}

/// An OTP session as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    pk: String,
    /// Whose session it is.
    pub tenant: TenantId,
    /// The network, as the tenant named it.
    #[serde(rename = "provider")]
    pub network: Network,
    /// The number, for the account to come.
    #[serde(rename = "phone")]
    pub msisdn: Msisdn,
    /// What the customer agreed to, in the tenant's words.
    pub consent: ConsentTerms,
    /// The address the session was begun from.
    pub source_ip: String,
    otp_min: u32,
    otp_max: u32,
    tries: i64,
    #[serde(with = "epoch_seconds")]
    expires_at: OffsetDateTime,
}

/// Why an OTP try is refused.
#[derive(Debug)]
pub enum TryRefused {
    /// Unknown, another tenant's, used up or expired.
    NoSession,
    /// All tries are used; the session ends after the given time.
    TooMany(Duration),
    /// The OTP has a wrong length; the try is not counted.
    WrongLength {
        /// The shortest right length.
        least: u32,
        /// The longest right length.
        most: u32,
    },
    /// The store is out of reach: nothing was tried.
    Store(StoreError),
}

/// A session that Mono has opened.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Mono's session id.
    pub id: &'a str,
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The network.
    pub network: Network,
    /// The number.
    pub msisdn: Msisdn,
    /// What the customer agreed to.
    pub consent: ConsentTerms,
    /// Where the request came from.
    pub source_ip: &'a str,
    /// The lengths an OTP may have.
    pub otp_length: (u32, u32),
}

impl Sessions {
    /// Records a session that Mono has opened. One that is recorded already keeps its count of
    /// tries.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be recorded, or its id is another caller's.
    pub async fn begin(&self, new: NewSession<'_>, now: OffsetDateTime) -> Result<(), StoreError> {
        let tenant = text(new.tenant.as_str());
        let session = Session {
            pk: session_key(new.id),
            tenant: new.tenant.clone(),
            network: new.network,
            msisdn: new.msisdn,
            consent: new.consent,
            source_ip: new.source_ip.to_owned(),
            otp_min: new.otp_length.0,
            otp_max: new.otp_length.1,
            tries: 0,
            expires_at: end_of_life(now),
        };
        let begin = self
            .0
            .put(session)?
            .condition_expression(
                "attribute_not_exists(pk) OR expires_at <= :now OR tenant = :tenant AND tries = :none",
            )
            .expression_attribute_values(":now", number(to_seconds(now)))
            .expression_attribute_values(":tenant", tenant.clone())
            .expression_attribute_values(":none", number(0));
        match put(begin).await?.or_own(|item| item.get("tenant") == Some(&tenant)) {
            Written::Done(_) => Ok(()),
            Written::Refused(_) => {
                Err(StoreError::Conflict("the provider gave one session id twice"))
            }
        }
    }

    /// Counts one OTP try, atomically, before Mono is asked.
    ///
    /// # Errors
    /// [`TryRefused`]: Mono must then not be asked.
    pub async fn count_try(
        &self,
        tenant: &TenantId,
        session_id: &str,
        otp_length: usize,
        environment: &Environment,
    ) -> Result<Session, TryRefused> {
        let now = environment.clock.now();
        let length = u32::try_from(otp_length).unwrap_or(u32::MAX);
        let count = self
            .0
            .update([("pk", &*session_key(session_id))])
            .update_expression(format!("ADD tries :one SET {AS_OWN}"))
            .condition_expression(format!(
                "tenant = :tenant AND expires_at > :now AND tries < :most \
                 AND otp_min <= :length AND otp_max >= :length AND {UNLESS_OWN}"
            ))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .expression_attribute_values(":now", number(to_seconds(now)))
            .expression_attribute_values(":most", number(OTP_TRIES))
            .expression_attribute_values(":length", number(length));
        let counted = update_once(WriteId::random(&environment.random), count).await;
        match counted.map_err(TryRefused::Store)? {
            Written::Done(item) => from_item(item).map_err(|error| TryRefused::Store(error.into())),
            Written::Refused(item) if item.is_empty() => Err(TryRefused::NoSession),
            Written::Refused(item) => match from_item(item) {
                Ok(session) => Err(why_refused(&session, tenant, length, now)),
                Err(error) => Err(TryRefused::Store(error.into())),
            },
        }
    }
}

const SESSION: &str = "session#";

fn session_key(id: &str) -> String {
    format!("{SESSION}{}", hashed(id))
}

fn why_refused(
    session: &Session,
    tenant: &TenantId,
    length: u32,
    now: OffsetDateTime,
) -> TryRefused {
    let Session { otp_min, otp_max, expires_at, .. } = *session;
    if session.tenant != *tenant || expires_at <= now {
        TryRefused::NoSession
    } else if session.tries >= OTP_TRIES {
        TryRefused::TooMany(rest(expires_at, now))
    } else if !(otp_min..=otp_max).contains(&length) {
        TryRefused::WrongLength { least: otp_min, most: otp_max }
    } else {
        // It was refused for a reason that is gone. The next try will tell.
        TryRefused::Store(StoreError::Unavailable("the session changed during the try".to_owned()))
    }
}

/// When a session or code that begins now ends, in whole seconds.
fn end_of_life(now: OffsetDateTime) -> OffsetDateTime {
    (now + LIFETIME).truncate_to_second()
}

/// The time until `then`, rounded up to whole seconds.
fn rest(then: OffsetDateTime, now: OffsetDateTime) -> Duration {
    Duration::from_secs(u64::try_from(to_seconds(then) - to_seconds(now)).unwrap_or(0))
}
