//! How a consent ends: withdrawn by its tenant or at Mono, or past its end. The personal data goes at once,
//! the tombstone stays.
//!
//! A consent that has an end stands in the index `by_consent_end` while its account is linked.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use serde_dynamo::{from_attribute_value, from_item, to_attribute_value};
use time::OffsetDateTime;

use super::{Accounts, ENDS, HAS_ROOM, Holder, MOST_EVENTS, announce};
use crate::domain::account::{Account, AccountChange, AccountEvent, AccountState};
use crate::domain::consent::ConsentTerms;
use crate::domain::ids::{AccountId, TenantId};
use crate::domain::time::to_ms;
use crate::store::conditional::{Item, Written, update};
use crate::store::{Outbox, StoreError, list, number, text};

/// How many accounts one page of ended consents holds.
const PAGE: i32 = 100;
/// The parts of a line of the history that hold free text.
const TEXTS: [&str; 3] = ["purpose", "scope", "policy_version"];

/// An account whose consent came to its end, by the index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EndedConsent {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub account_id: AccountId,
    /// Where it stands in the index.
    ends_ms: i64,
}

/// A change of an account that ends a consent.
#[derive(Clone, Copy)]
struct Ending<'a> {
    from: AccountState,
    to: AccountState,
    change: AccountChange,
    /// The session of the consent that ends; any consent without it.
    session: Option<&'a str>,
    /// Why, where the change does not say it.
    reason: Option<&'a str>,
}

impl Accounts {
    /// Withdraws a tenant's access and erases the personal data, and announces it before. Only a linked
    /// account changes; `Ok(false)` when it was not linked.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be written.
    pub async fn begin_unlink(
        &self,
        outbox: &Outbox,
        tenant: &TenantId,
        id: &AccountId,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let (from, to) = (AccountState::Linked, AccountState::Unlinking);
        let change = AccountChange::Unlinking;
        let ending = Ending { from, to, change, session: None, reason: None };
        announce(outbox, tenant, id, ending.change, now).await?;
        self.step(tenant, id, ending, now).await
    }

    /// The same for a consent that its customer withdrew at Mono, unless the customer consented again
    /// since the holder was read.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be written.
    pub async fn begin_withdrawal(
        &self,
        outbox: &Outbox,
        holder: &Holder,
        id: &AccountId,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let (from, to) = (AccountState::Linked, AccountState::Unlinking);
        let session = holder.consent.as_ref().map(|consent| consent.session.as_str());
        let ending = Ending { from, to, change: AccountChange::Unlinking, session, reason: None };
        announce(outbox, &holder.tenant, id, ending.change, now).await?;
        self.step(&holder.tenant, id, ending, now).await
    }

    /// The same for a consent that is past its end, or that came to it for the `reason` given, unless the
    /// customer consented again meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be written.
    pub async fn expire(
        &self,
        outbox: &Outbox,
        account: &Account,
        reason: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let Account { tenant, account_id, consent, .. } = account;
        let (from, to) = (AccountState::Linked, AccountState::Unlinking);
        let session = consent.as_ref().map(|consent| consent.session.as_str());
        let ending = Ending { from, to, change: AccountChange::Expired, session, reason };
        announce(outbox, tenant, account_id, ending.change, now).await?;
        self.step(tenant, account_id, ending, now).await
    }

    /// Leaves the tombstone of an account that is being unlinked, once Mono has confirmed.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known whether it is written.
    pub async fn finish_unlink(
        &self,
        tenant: &TenantId,
        id: &AccountId,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let (from, to) = (AccountState::Unlinking, AccountState::Unlinked);
        let change = AccountChange::Unlinked;
        let ending = Ending { from, to, change, session: None, reason: None };
        self.step(tenant, id, ending, now).await.map(drop)
    }

    async fn step(
        &self,
        tenant: &TenantId,
        id: &AccountId,
        Ending { from, to, change, session, reason }: Ending<'_>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let event = AccountEvent {
            at: now,
            event: change.name().to_owned(),
            terms: ConsentTerms::default(),
            session: None,
            reason: reason.map(str::to_owned),
        };
        let event: AttributeValue = to_attribute_value(event)?;
        let of_session = if session.is_some() { " AND consent.#session = :session" } else { "" };
        let mut step = self
            .0
            .update([("account_id", id.as_str()), ("tenant", tenant.as_str())])
            .update_expression(
                "SET #state = :to, history = list_append(history, :event) \
                 REMOVE phone, consent, unlink_again_ms, ends, ends_ms",
            )
            .condition_expression(format!("#state = :from AND {HAS_ROOM}{of_session}"))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":from", text(from.name()))
            .expression_attribute_values(":to", text(to.name()))
            .expression_attribute_values(":event", AttributeValue::L(vec![event.clone()]));
        if let Some(session) = session {
            step = step
                .expression_attribute_names("#session", "session")
                .expression_attribute_values(":session", text(session));
        }
        let own = |item: &Item| list(item, "history").last() == Some(&event);
        loop {
            match update(step.clone()).await?.or_own(own) {
                Written::Done(item) => {
                    self.erase_texts_of(tenant, id, item).await?;
                    return Ok(true);
                }
                Written::Refused(item)
                    if list(&item, "history").len() >= MOST_EVENTS
                        && item.get("state") == Some(&text(from.name())) =>
                {
                    self.make_room(tenant, id).await?;
                }
                Written::Refused(_) => return Ok(false),
            }
        }
    }

    /// Erases the free text that older versions left in the history of an account that is not linked.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be erased.
    pub async fn erase_texts(&self, tenant: &TenantId, id: &AccountId) -> Result<(), StoreError> {
        let key = [("account_id", id.as_str()), ("tenant", tenant.as_str())];
        match self.0.get(key).await? {
            Some(item) => self.erase_texts_of(tenant, id, item).await,
            None => Ok(()),
        }
    }

    /// The history of a repeat is not the one that was seen, and holds no text any more.
    async fn erase_texts_of(
        &self,
        tenant: &TenantId,
        id: &AccountId,
        mut item: Item,
    ) -> Result<(), StoreError> {
        loop {
            let seen = list(&item, "history");
            let is_linked = item.get("state") == Some(&text(AccountState::Linked.name()));
            if is_linked || !seen.iter().any(has_text) {
                return Ok(());
            }
            let erased = seen.iter().map(erased).collect::<Result<_, _>>()?;
            let erase = self
                .0
                .update([("account_id", id.as_str()), ("tenant", tenant.as_str())])
                .update_expression("SET history = :erased")
                .condition_expression("history = :seen AND #state <> :linked")
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":linked", text(AccountState::Linked.name()))
                .expression_attribute_values(":seen", AttributeValue::L(seen.to_vec()))
                .expression_attribute_values(":erased", AttributeValue::L(erased));
            item = update(erase).await?.into_item();
        }
    }

    /// Accounts whose consents came to their ends, the longest ago first: one page, after `after`.
    /// Eventually consistent: read the account itself before doing anything about it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ended_consents(
        &self,
        now: OffsetDateTime,
        after: Option<&EndedConsent>,
    ) -> Result<Vec<EndedConsent>, StoreError> {
        let start = after.map(|after| {
            [
                ("account_id".to_owned(), text(after.account_id.as_str())),
                ("tenant".to_owned(), text(after.tenant.as_str())),
                ("ends".to_owned(), text(ENDS)),
                ("ends_ms".to_owned(), number(after.ends_ms)),
            ]
            .into()
        });
        let query = self
            .0
            .query()
            .index_name("by_consent_end")
            .key_condition_expression("ends = :ends AND ends_ms <= :now")
            .expression_attribute_values(":ends", text(ENDS))
            .expression_attribute_values(":now", number(to_ms(now)))
            .limit(PAGE)
            .set_exclusive_start_key(start);
        let items = query.send().await?.items.unwrap_or_default();
        Ok(items.into_iter().map(from_item).collect::<Result<_, _>>()?)
    }

    /// Takes an account out of the index where it does not belong: an older version ended its consent or
    /// recorded another one.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be out.
    pub async fn leave_ended(&self, ended: &EndedConsent) -> Result<(), StoreError> {
        let leave = self
            .0
            .update([("account_id", ended.account_id.as_str()), ("tenant", ended.tenant.as_str())])
            .update_expression("REMOVE ends, ends_ms")
            .condition_expression("ends_ms = :seen")
            .expression_attribute_values(":seen", number(ended.ends_ms));
        update(leave).await?;
        Ok(())
    }
}

fn has_text(line: &AttributeValue) -> bool {
    line.as_m().is_ok_and(|line| TEXTS.iter().any(|text| line.contains_key(*text)))
}

/// A line of a history without its texts. What a newer version wrote beside them stays.
fn erased(line: &AttributeValue) -> Result<AttributeValue, StoreError> {
    let event: AccountEvent = from_attribute_value(line.clone())?;
    let hashes = event.erased().terms.hashes;
    let mut line = line.as_m().cloned().unwrap_or_default();
    for text in TEXTS {
        line.remove(text);
    }
    if let Some(hashes) = hashes {
        line.insert("hashes".to_owned(), to_attribute_value(hashes)?);
    }
    Ok(AttributeValue::M(line))
}
