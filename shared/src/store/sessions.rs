//! The `sessions` table: OTP sessions and the codes they end in. Both live ten minutes, both are
//! found by the hash of a secret that only their caller knows.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal,
    TransactWriteItem, Update,
};
use serde::{Deserialize, Serialize};
use serde_dynamo::{from_item, to_item};
use time::OffsetDateTime;

use super::{ConsentTerms, StoreError, Tenant, number, text, transact};
use crate::config::{ConfigError, Vars};
use crate::error::{ApiError, Code as ErrorCode};
use crate::mono::Provider;
use crate::secret::hashed;
use crate::world::{World, epoch};

/// How long sessions and codes live.
pub const LIFETIME: Duration = Duration::from_secs(600);
/// How many OTPs may be tried in one session.
pub const OTP_TRIES: i64 = 5;
/// How long one exchange holds a code: longer than a request can live.
pub const LEASE: Duration = Duration::from_secs(30);

/// The `sessions` table.
#[derive(Debug, Clone)]
pub struct Sessions {
    client: Client,
    table: String,
}

/// An OTP session as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    pk: String,
    /// Whose session it is.
    pub tenant: Tenant,
    /// The network, by the caller's word.
    pub provider: Provider,
    /// The number, `0803…`: needed for the account to come.
    pub phone: String,
    /// What the customer agreed to, by the caller's word.
    pub consent: ConsentTerms,
    /// The address the session was begun from.
    pub source_ip: String,
    otp_min: u32,
    otp_max: u32,
    tries: i64,
    expires_at: i64,
}

/// A code as it is stored, from verify to ten minutes later.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Code {
    pk: String,
    /// Whose code it is.
    pub tenant: Tenant,
    /// The network.
    pub provider: Provider,
    /// The number; gone once the account exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// What the customer agreed to.
    pub consent: ConsentTerms,
    /// The address the session was begun from; gone once the account exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// Hash of the OTP session that proves the consent.
    pub session: String,
    expires_at: i64,
    /// The exchange that holds the code, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim: Option<String>,
    #[serde(default)]
    lease_until: i64,
    /// Whether Mono was asked before.
    #[serde(default)]
    pub asked: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
}

/// Why an OTP try is refused.
#[derive(Debug)]
pub enum TryRefused {
    /// Unknown, foreign, used up or expired.
    NoSession,
    /// All tries are used; the session ends after the given time.
    TooMany(Duration),
    /// The OTP has a length that cannot be right; the try is not counted.
    WrongLength {
        /// The shortest length that can be right.
        least: u32,
        /// The longest.
        most: u32,
    },
    /// The store is out of reach: nothing was tried.
    Store(StoreError),
}

/// A code that is now ours to exchange.
#[derive(Debug)]
pub struct Claim {
    /// The code as stored.
    pub code: Code,
    id: String,
}

/// Why a code cannot be claimed.
#[derive(Debug)]
pub enum ClaimRefused {
    /// Unknown, foreign or expired.
    NoCode,
    /// It was exchanged before, for this account.
    Exchanged(String),
    /// Another exchange holds it, for at most so long.
    InProgress(Duration),
    /// The store is out of reach.
    Store(StoreError),
}

/// What auth knows about a session.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Mono's session id.
    pub id: &'a str,
    /// The caller.
    pub tenant: &'a Tenant,
    /// The network.
    pub provider: Provider,
    /// The number, `0803…`.
    pub phone: String,
    /// What the customer agreed to.
    pub consent: ConsentTerms,
    /// Where the request came from.
    pub source_ip: &'a str,
    /// The lengths an OTP may have.
    pub otp_length: (u32, u32),
}

impl Sessions {
    /// The table named by `SESSIONS_TABLE`.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing.
    pub fn from_vars(vars: &Vars, dynamodb: &Client) -> Result<Self, ConfigError> {
        let table = vars.required("SESSIONS_TABLE")?.to_owned();
        Ok(Self { client: dynamodb.clone(), table })
    }

    /// Records a session that Mono has opened. One that is recorded already keeps its count of
    /// tries.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be recorded, or its id is another caller's.
    pub async fn begin(&self, new: NewSession<'_>, now: OffsetDateTime) -> Result<(), StoreError> {
        let session = Session {
            pk: session_key(new.id),
            tenant: new.tenant.clone(),
            provider: new.provider,
            phone: new.phone,
            consent: new.consent,
            source_ip: new.source_ip.to_owned(),
            otp_min: new.otp_length.0,
            otp_max: new.otp_length.1,
            tries: 0,
            expires_at: epoch(now + LIFETIME),
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(session)?))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now OR tenant = :tenant AND tries = :none")
            .expression_attribute_values(":now", number(epoch(now)))
            .expression_attribute_values(":tenant", text(new.tenant.as_str()))
            .expression_attribute_values(":none", number(0))
            .return_values_on_condition_check_failure(OnRefusal::AllOld);
        let Err(error) = put.send().await else { return Ok(()) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                let old: Option<Session> = refused.item().cloned().map(from_item).transpose()?;
                match old {
                    Some(old) if old.tenant == *new.tenant => Ok(()),
                    _ => Err(StoreError("the provider gave one session id twice".to_owned())),
                }
            }
            _ => Err(StoreError::of(error)),
        }
    }

    /// Counts one OTP try, atomically, before Mono is asked.
    ///
    /// # Errors
    /// [`TryRefused`]: Mono must then not be asked.
    pub async fn count_try(
        &self,
        tenant: &Tenant,
        session_id: &str,
        otp_length: usize,
        now: OffsetDateTime,
    ) -> Result<Session, TryRefused> {
        let length = u32::try_from(otp_length).unwrap_or(u32::MAX);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(session_key(session_id)))
            .update_expression("ADD tries :one")
            .condition_expression(
                "tenant = :tenant AND expires_at > :now AND tries < :most \
                 AND otp_min <= :length AND otp_max >= :length",
            )
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .expression_attribute_values(":now", number(epoch(now)))
            .expression_attribute_values(":most", number(OTP_TRIES))
            .expression_attribute_values(":length", number(i64::from(length)))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OnRefusal::AllOld);
        match update.send().await {
            Ok(answer) => {
                let item = answer.attributes.unwrap_or_default();
                from_item(item).map_err(|error| TryRefused::Store(error.into()))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let old = refused.item().cloned().map(from_item).transpose();
                    let old = old.map_err(|error| TryRefused::Store(error.into()))?;
                    Err(why_no_try(old, tenant, length, now))
                }
                _ => Err(TryRefused::Store(StoreError::of(error))),
            },
        }
    }

    /// Turns a proven session into a code: the session ends, the code begins, both or neither.
    ///
    /// `Ok(false)` when the session has been used meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be written.
    pub async fn prove(
        &self,
        session: Session,
        code: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let end = Delete::builder()
            .table_name(&self.table)
            .key("pk", text(&session.pk))
            .condition_expression("attribute_exists(pk)")
            .build();
        let code = Code {
            pk: code_key(code),
            tenant: session.tenant,
            provider: session.provider,
            phone: Some(session.phone),
            consent: session.consent,
            source_ip: Some(session.source_ip),
            session: session.pk.trim_start_matches(SESSION).to_owned(),
            expires_at: epoch(now + LIFETIME),
            claim: None,
            lease_until: 0,
            asked: false,
            account_id: None,
        };
        let begin = Put::builder()
            .table_name(&self.table)
            .set_item(Some(to_item(code)?))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .expression_attribute_values(":now", number(epoch(now)))
            .build();
        let (end, begin) = (end.map_err(build)?, begin.map_err(build)?);
        let items = vec![
            TransactWriteItem::builder().delete(end).build(),
            TransactWriteItem::builder().put(begin).build(),
        ];
        transact(&self.client, items).await
    }

    /// Claims a code for one exchange.
    ///
    /// # Errors
    /// [`ClaimRefused`].
    pub async fn claim(
        &self,
        tenant: &Tenant,
        code: &str,
        world: &World,
    ) -> Result<Claim, ClaimRefused> {
        let (now, id) = (world.clock.now(), world.random.id());
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(code_key(code)))
            .update_expression("SET claim = :claim, lease_until = :lease, asked = :yes")
            .condition_expression(
                "tenant = :tenant AND expires_at > :now AND lease_until <= :now \
                 AND attribute_not_exists(account_id)",
            )
            .expression_attribute_values(":claim", text(&id))
            .expression_attribute_values(":lease", number(epoch(now + LEASE)))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .expression_attribute_values(":now", number(epoch(now)))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(OnRefusal::AllOld);
        let store = |error: serde_dynamo::Error| ClaimRefused::Store(error.into());
        match update.send().await {
            Ok(answer) => {
                let code = from_item(answer.attributes.unwrap_or_default()).map_err(store)?;
                Ok(Claim { code, id })
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let old: Option<Code> =
                        refused.item().cloned().map(from_item).transpose().map_err(store)?;
                    why_no_claim(old, tenant, id, now)
                }
                _ => Err(ClaimRefused::Store(StoreError::of(error))),
            },
        }
    }

    /// Gives a claimed code back, so that its caller can try again at once. Best effort: otherwise
    /// the lease runs out. `asked` says whether Mono may have used the code up.
    pub async fn release(&self, claim: &Claim, asked: bool) {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(&claim.code.pk))
            .update_expression("SET lease_until = :none, asked = :asked")
            .expression_attribute_values(":asked", AttributeValue::Bool(asked))
            .condition_expression("claim = :claim AND attribute_not_exists(account_id)")
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":claim", text(&claim.id));
        if let Err(error) = update.send().await {
            tracing::warn!(reason = %StoreError::of(error), "a code keeps its lease");
        }
    }

    /// The write that ends a claimed code, for the transaction that creates its account. What is
    /// personal goes; the account id stays, so that exchanging again answers the same.
    ///
    /// # Errors
    /// [`StoreError`] should the write not build.
    pub fn exchanged(
        &self,
        claim: &Claim,
        account_id: &str,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", text(&claim.code.pk))
            .update_expression("SET account_id = :account REMOVE phone, source_ip")
            .condition_expression("claim = :claim")
            .expression_attribute_values(":account", text(account_id))
            .expression_attribute_values(":claim", text(&claim.id))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(build)?).build())
    }
}

const SESSION: &str = "session#";

fn session_key(id: &str) -> String {
    format!("{SESSION}{}", hashed(id))
}

fn code_key(code: &str) -> String {
    format!("code#{}", hashed(code))
}

fn build(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError(error.to_string())
}

fn why_no_try(
    old: Option<Session>,
    tenant: &Tenant,
    length: u32,
    now: OffsetDateTime,
) -> TryRefused {
    match old {
        Some(old) if old.tenant == *tenant && old.expires_at > epoch(now) => {
            if old.tries >= OTP_TRIES {
                TryRefused::TooMany(until(old.expires_at, now))
            } else if !(old.otp_min..=old.otp_max).contains(&length) {
                TryRefused::WrongLength { least: old.otp_min, most: old.otp_max }
            } else {
                // Refused for a reason that is gone: the next try will tell.
                TryRefused::Store(StoreError("a session changed under the try".to_owned()))
            }
        }
        _ => TryRefused::NoSession,
    }
}

/// A refusal by our own claim is a claim: its first attempt landed and the answer was lost.
fn why_no_claim(
    old: Option<Code>,
    tenant: &Tenant,
    id: String,
    now: OffsetDateTime,
) -> Result<Claim, ClaimRefused> {
    match old {
        Some(code) if code.tenant == *tenant && code.expires_at > epoch(now) => {
            if let Some(account_id) = code.account_id {
                Err(ClaimRefused::Exchanged(account_id))
            } else if code.claim.as_deref() == Some(&id) {
                Ok(Claim { code, id })
            } else {
                Err(ClaimRefused::InProgress(until(code.lease_until, now)))
            }
        }
        _ => Err(ClaimRefused::NoCode),
    }
}

fn until(then: i64, now: OffsetDateTime) -> Duration {
    Duration::from_secs(u64::try_from(then - epoch(now)).unwrap_or(0))
}

impl From<TryRefused> for ApiError {
    fn from(refused: TryRefused) -> Self {
        match refused {
            TryRefused::NoSession => Self::session_expired(),
            TryRefused::TooMany(rest) => {
                Self::new(ErrorCode::TooManyAttempts, "No tries are left. Begin a new session.")
                    .retry_after(rest)
            }
            TryRefused::WrongLength { least, most } if least == most => {
                Self::invalid(format!("otp must have {least} characters."))
            }
            TryRefused::WrongLength { least, most } => {
                Self::invalid(format!("otp must have {least} to {most} characters."))
            }
            TryRefused::Store(error) => error.into(),
        }
    }
}
