//! The `accounts` table: which tenant holds which Mono account, and by what consent.
//!
//! Partition key `account_id`, sort key `tenant`: several tenants may hold one account, and each sees
//! only its own item.

mod ending;
mod of_tenant;
mod pass;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use serde::Deserialize;
use serde_dynamo::{from_item, to_attribute_value};
use time::OffsetDateTime;

pub use self::ending::EndedConsent;
pub use self::pass::AccountsPart;
use super::conditional::{Transacted, transact, update};
use super::table::table;
use super::{Claim, ExchangeCode, Outbox, Sessions, StoreError, number, text};
use crate::domain::account::{Account, AccountChange, AccountEvent, AccountState, Consent};
use crate::domain::event::{EventType, Subject};
use crate::domain::ids::{AccountId, TenantId};
use crate::domain::time::to_ms;

table! {
    /// The `accounts` table.
    Accounts, "ACCOUNTS_TABLE"
}

/// How many events a history holds at most. Older versions kept the consent terms in each: three times
/// 500 characters of up to 4 bytes. So an event has less than 6.4 KB and the history less than 320 of the
/// 400 KB that an item may have.
const MOST_EVENTS: usize = 50;
/// That a history holds fewer, as a condition.
const HAS_ROOM: &str = "attribute_not_exists(history[49])";
/// The one partition of the index `by_consent_end`. A customer consents by an OTP, so that one partition
/// takes all writes.
const ENDS: &str = "consents";
/// What goes when a full history is to get another event: the oldest ten but the first.
const DROP_OLDEST: &str = "REMOVE history[1], history[2], history[3], history[4], history[5], \
                           history[6], history[7], history[8], history[9], history[10]";

/// How linking an account ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Link {
    /// The account is the tenant's and the code is used up.
    Linked,
    /// Another exchange took the claim over.
    ClaimLost,
}

impl Accounts {
    /// A tenant's account, in any state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(
        &self,
        tenant: &TenantId,
        id: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        let key = [("account_id", id.as_str()), ("tenant", tenant.as_str())];
        Ok(self.0.get(key).await?.map(from_item).transpose()?)
    }

    /// Writes the account and uses up its code, both or neither. Linking again after an unlink
    /// replaces the tombstone and keeps its history: the first event and at least the newest 40.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be written.
    pub async fn link(
        &self,
        outbox: &Outbox,
        sessions: &Sessions,
        claim: &Claim,
        account_id: &AccountId,
        now: OffsetDateTime,
    ) -> Result<Link, StoreError> {
        announce(outbox, &claim.code.tenant, account_id, AccountChange::Linked, now).await?;
        let link = self.linked(&claim.code, account_id, now)?;
        let items = vec![link, sessions.exchanged(claim, account_id)?];
        loop {
            match transact(&self.0.client, items.clone()).await? {
                Transacted::Done => return Ok(Link::Linked),
                Transacted::Refused(0) => self.make_room(&claim.code.tenant, account_id).await?,
                Transacted::Refused(_) => return Ok(Link::ClaimLost),
            }
        }
    }

    /// The write that makes the account the tenant's, while its history has room.
    fn linked(
        &self,
        code: &ExchangeCode,
        account_id: &AccountId,
        now: OffsetDateTime,
    ) -> Result<TransactWriteItem, StoreError> {
        let terms = code.consent.clone().hashed(&code.session);
        let event = AccountEvent {
            at: now,
            event: AccountChange::Linked.name().to_owned(),
            terms: terms.clone().erased(&code.session),
            session: Some(code.session.clone()),
            reason: None,
        };
        let (in_index, end) = match terms.expires_at {
            Some(end) => (", ends = :ends, ends_ms = :end", Some(end)),
            None => (" REMOVE ends, ends_ms", None),
        };
        let consent = Consent {
            terms,
            given_at: now,
            source_ip: code.source_ip.clone().unwrap_or_default(),
            session: code.session.clone(),
        };
        let mut link = Update::builder()
            .table_name(&self.0.name)
            .key("account_id", text(account_id.as_str()))
            .key("tenant", text(code.tenant.as_str()))
            .update_expression(format!(
                "SET #state = :linked, provider = :network, phone = :msisdn, consent = :consent, \
                 history = list_append(if_not_exists(history, :none), :event){in_index}"
            ))
            .condition_expression(HAS_ROOM)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":linked", text(AccountState::Linked.name()))
            .expression_attribute_values(":network", text(code.network.name()))
            .expression_attribute_values(":msisdn", to_attribute_value(&code.msisdn)?)
            .expression_attribute_values(":consent", to_attribute_value(consent)?)
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":event", to_attribute_value(vec![event])?);
        if let Some(end) = end {
            link = link
                .expression_attribute_values(":ends", text(ENDS))
                .expression_attribute_values(":end", number(to_ms(end)));
        }
        let link = link.build()?;
        Ok(TransactWriteItem::builder().update(link).build())
    }

    /// Drops old events of a full history. The number of events tells a repeat: it is refused, or it
    /// drops what would be dropped next.
    async fn make_room(&self, tenant: &TenantId, id: &AccountId) -> Result<(), StoreError> {
        let drop = self
            .0
            .update([("account_id", id.as_str()), ("tenant", tenant.as_str())])
            .update_expression(DROP_OLDEST)
            .condition_expression(format!("NOT {HAS_ROOM}"));
        update(drop).await?;
        Ok(())
    }

    /// Marks when the next step of the unlink job is due, once that step was sent.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be marked.
    pub async fn mark_unlink_again(
        &self,
        tenant: &TenantId,
        id: &AccountId,
        due: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let mark = self
            .0
            .update([("account_id", id.as_str()), ("tenant", tenant.as_str())])
            .update_expression("SET unlink_again_ms = :due")
            .condition_expression("#state = :unlinking")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":unlinking", text(AccountState::Unlinking.name()))
            .expression_attribute_values(":due", number(to_ms(due)));
        update(mark).await?;
        Ok(())
    }

    /// Whether any tenant holds or ever held the account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn was_linked(&self, id: &AccountId) -> Result<bool, StoreError> {
        let query = self
            .0
            .query()
            .consistent_read(true)
            .key_condition_expression("account_id = :id")
            .expression_attribute_values(":id", text(id.as_str()))
            .projection_expression("tenant")
            .limit(1);
        Ok(query.send().await?.count() > 0)
    }

    /// Whether any tenant still holds the account by a consent in force.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_held(&self, id: &AccountId) -> Result<bool, StoreError> {
        Ok(!self.in_states(id, &[AccountState::Linked]).await?.is_empty())
    }

    /// Who holds more of the account than a tombstone. For Mono's reports about the account only,
    /// never for a tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn holders(&self, id: &AccountId) -> Result<Vec<Holder>, StoreError> {
        self.in_states(id, &[AccountState::Linked, AccountState::Unlinking]).await
    }

    async fn in_states(
        &self,
        id: &AccountId,
        states: &[AccountState],
    ) -> Result<Vec<Holder>, StoreError> {
        let mut query = self
            .0
            .query()
            .consistent_read(true)
            .key_condition_expression("account_id = :id")
            .projection_expression("tenant, #state, consent.#session")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#session", "session")
            .expression_attribute_values(":id", text(id.as_str()));
        let mut names = Vec::new();
        for (index, state) in states.iter().enumerate() {
            let name = format!(":state{index}");
            query = query.expression_attribute_values(&name, text(state.name()));
            names.push(name);
        }
        let query = query.filter_expression(format!("#state IN ({})", names.join(", ")));
        let mut items = query.into_paginator().items().send();
        let mut holders = Vec::new();
        while let Some(item) = items.next().await {
            holders.push(from_item(item?)?);
        }
        Ok(holders)
    }
}

async fn announce(
    outbox: &Outbox,
    tenant: &TenantId,
    id: &AccountId,
    change: AccountChange,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let subject = Subject::Account { tenant: tenant.clone(), account_id: id.clone() };
    outbox.announce(subject, EventType::of_account(change), now).await
}

/// A tenant that holds an account, linked or being unlinked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Holder {
    /// Who holds it.
    pub tenant: TenantId,
    /// How.
    pub state: AccountState,
    /// Of which consent; none once it is being unlinked.
    #[serde(default)]
    consent: Option<HeldConsent>,
}

/// What tells one consent from the next.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct HeldConsent {
    session: String,
}
