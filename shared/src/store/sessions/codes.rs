//! The codes of the `sessions` table: what a proven session becomes, until it is exchanged.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValue, TransactWriteItem, Update,
};
use serde::{Deserialize, Serialize};
use serde_dynamo::{from_item, to_item};
use time::OffsetDateTime;

use super::{SESSION, Session, Sessions, end_of_life, rest};
use crate::domain::consent::ConsentTerms;
use crate::domain::ids::{AccountId, TenantId};
use crate::domain::msisdn::Msisdn;
use crate::domain::network::Network;
use crate::domain::time::{epoch_seconds, to_seconds};
use crate::platform::crypto::hashed;
use crate::platform::environment::Environment;
use crate::store::conditional::{Item, Transacted, Written, transact, update, update_returning};
use crate::store::{StoreError, number, text};

/// How long one exchange holds a code: longer than a request can live.
pub const LEASE: Duration = Duration::from_secs(30);

/// A code as it is stored, from verify to ten minutes later. Mono calls it `code`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExchangeCode {
    pk: String,
    /// Whose code it is.
    pub tenant: TenantId,
    /// The network.
    #[serde(rename = "provider")]
    pub network: Network,
    /// The number; erased once the account exists.
    #[serde(rename = "phone", default, skip_serializing_if = "Option::is_none")]
    pub msisdn: Option<Msisdn>,
    /// What the customer agreed to; empty once the account exists.
    pub consent: ConsentTerms,
    /// The address the session was begun from; erased once the account exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// Hash of the OTP session that proves the consent.
    pub session: String,
    #[serde(with = "epoch_seconds")]
    expires_at: OffsetDateTime,
    /// The exchange that holds the code, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim: Option<String>,
    #[serde(default = "never", with = "epoch_seconds")]
    lease_until: OffsetDateTime,
    /// Whether Mono was asked before.
    #[serde(default)]
    pub asked: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Option<AccountId>,
}

/// A code that is now ours to exchange.
#[derive(Debug)]
pub struct Claim {
    /// The code as stored.
    pub code: ExchangeCode,
    id: String,
}

/// Why a code cannot be claimed.
#[derive(Debug)]
pub enum ClaimRefused {
    /// Unknown, another tenant's or expired.
    NoCode,
    /// It was exchanged before, for this account.
    Exchanged(AccountId),
    /// Another exchange holds it, for at most so long.
    InProgress(Duration),
    /// The store is out of reach.
    Store(StoreError),
}

impl Sessions {
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
            .table_name(&self.0.name)
            .key("pk", text(&session.pk))
            .condition_expression("attribute_exists(pk)")
            .build();
        let code = ExchangeCode {
            pk: code_key(code),
            tenant: session.tenant,
            network: session.network,
            msisdn: Some(session.msisdn),
            consent: session.consent,
            source_ip: Some(session.source_ip),
            session: session.pk.trim_start_matches(SESSION).to_owned(),
            expires_at: end_of_life(now),
            claim: None,
            lease_until: never(),
            asked: false,
            account_id: None,
        };
        let begin = Put::builder()
            .table_name(&self.0.name)
            .set_item(Some(to_item(code)?))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .expression_attribute_values(":now", number(to_seconds(now)))
            .build();
        let (end, begin) = (end?, begin?);
        let items = vec![
            TransactWriteItem::builder().delete(end).build(),
            TransactWriteItem::builder().put(begin).build(),
        ];
        Ok(transact(&self.0.client, items).await? == Transacted::Done)
    }

    /// Claims a code for one exchange.
    ///
    /// # Errors
    /// [`ClaimRefused`].
    pub async fn claim(
        &self,
        tenant: &TenantId,
        code: &str,
        environment: &Environment,
    ) -> Result<Claim, ClaimRefused> {
        let (now, id) = (environment.clock.now(), environment.random.id());
        let claim = self
            .0
            .update([("pk", &*code_key(code))])
            .update_expression("SET claim = :claim, lease_until = :lease, asked = :yes")
            .condition_expression(
                "tenant = :tenant AND expires_at > :now AND lease_until <= :now \
                 AND attribute_not_exists(account_id)",
            )
            .expression_attribute_values(":claim", text(&id))
            .expression_attribute_values(":lease", number(to_seconds(now + LEASE)))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .expression_attribute_values(":now", number(to_seconds(now)));
        // The item as it was: it says whether Mono was asked before this claim.
        let claimed = update_returning(ReturnValue::AllOld, claim).await;
        let own =
            |item: &Item| item.get("claim") == Some(&text(&id)) && !item.contains_key("account_id");
        let (done, item) = match claimed.map_err(ClaimRefused::Store)?.or_own(own) {
            Written::Done(item) => (true, item),
            Written::Refused(item) if item.is_empty() => return Err(ClaimRefused::NoCode),
            Written::Refused(item) => (false, item),
        };
        let code = from_item(item).map_err(|error| ClaimRefused::Store(error.into()))?;
        if done { Ok(Claim { code, id }) } else { Err(why_refused(code, tenant, now)) }
    }

    /// Gives a claimed code back, so that its caller can try again at once. Best effort: otherwise
    /// the lease runs out. `asked` says whether Mono may have used the code up.
    pub async fn release(&self, claim: &Claim, asked: bool) {
        let release = self
            .0
            .update([("pk", &*claim.code.pk)])
            .update_expression("SET lease_until = :none, asked = :asked")
            .expression_attribute_values(":asked", AttributeValue::Bool(asked))
            .condition_expression("claim = :claim AND attribute_not_exists(account_id)")
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":claim", text(&claim.id));
        if let Err(error) = update(release).await {
            tracing::warn!(reason = %error, "a code keeps its lease");
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
        account_id: &AccountId,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.0.name)
            .key("pk", text(&claim.code.pk))
            .update_expression("SET account_id = :account, consent = :none REMOVE phone, source_ip")
            .expression_attribute_values(":none", AttributeValue::M(HashMap::new()))
            .condition_expression("claim = :claim")
            .expression_attribute_values(":account", text(account_id.as_str()))
            .expression_attribute_values(":claim", text(&claim.id))
            .build();
        Ok(TransactWriteItem::builder().update(update?).build())
    }
}

fn code_key(code: &str) -> String {
    format!("code#{}", hashed(code))
}

fn why_refused(code: ExchangeCode, tenant: &TenantId, now: OffsetDateTime) -> ClaimRefused {
    if code.tenant != *tenant || code.expires_at <= now {
        return ClaimRefused::NoCode;
    }
    match code.account_id {
        Some(account_id) => ClaimRefused::Exchanged(account_id),
        None => ClaimRefused::InProgress(rest(code.lease_until, now)),
    }
}

fn never() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH
}
