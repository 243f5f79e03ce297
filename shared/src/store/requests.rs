//! The `requests` table: deferred requests to MTN, for a day.
//!
//! Partition key `request_id`, TTL `expires_at`. The index `by_account` finds the requests about one
//! account of one tenant: an unlink deletes them.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_dynamo::{from_item, to_attribute_value};
use time::OffsetDateTime;

use super::conditional::{Item, Written, delete, read, update};
use super::table::{pause_before_more, table};
use super::{Outbox, StoreError, last_key, list, number, text};
use crate::domain::deferred::{
    DeferredRequest, DeferredState, KeptAnswer, TokenHash, account_key, end_of_life,
};
use crate::domain::event::{EventType, Subject};
use crate::domain::ids::{AccountId, DeferredRequestId, TenantId};
use crate::domain::time::{to_iso, to_seconds};

table! {
    /// The `requests` table.
    Requests, "REQUESTS_TABLE"
}

/// The index of the requests about an account.
const BY_ACCOUNT: &str = "by_account";
/// The largest text kept, in bytes: an item of DynamoDB holds 400 KB in all.
pub const MAX_KEPT: usize = 350 * 1024;

/// How many requests are read at once.
const BATCH: usize = 10;
/// How many times a batch is asked for while DynamoDB leaves items unread.
const MAX_BATCHES: usize = 5;
/// After how many bytes of answers a page ends: with one batch more it is below the 6 MB of Lambda.
const MAX_PAGE: usize = 2 * 1024 * 1024;

/// One page of the requests about an account.
#[derive(Debug)]
pub struct RequestsPage {
    /// The requests, in no order.
    pub requests: Vec<DeferredRequest>,
    /// The request after which the next page begins; `None` at the end.
    pub next: Option<DeferredRequestId>,
}

impl Requests {
    /// Records a request, before MTN is asked.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be recorded: MTN must then not be asked.
    pub async fn record(&self, request: &DeferredRequest) -> Result<(), StoreError> {
        self.0.put(request)?.send().await?;
        Ok(())
    }

    /// A tenant's request, read consistently.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(
        &self,
        tenant: &TenantId,
        id: &DeferredRequestId,
        now: OffsetDateTime,
    ) -> Result<Option<DeferredRequest>, StoreError> {
        Ok(self.by_id(id, now).await?.filter(|request| request.tenant == *tenant))
    }

    /// A request by its id alone, for MTN's callback, whose token proves the right to it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn by_id(
        &self,
        id: &DeferredRequestId,
        now: OffsetDateTime,
    ) -> Result<Option<DeferredRequest>, StoreError> {
        let item = self.0.get([("request_id", id.as_str())]).await?;
        let request: Option<DeferredRequest> = item.map(from_item).transpose()?;
        Ok(request.filter(|request| request.is_alive(now)))
    }

    /// Keeps the answer, if it is the first; it is announced before. Gives the request as it is then, with this answer or an
    /// earlier one; `None` when the request is gone, and nothing is stored.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be kept.
    pub async fn finish(
        &self,
        outbox: &Outbox,
        id: &DeferredRequestId,
        answer: &KeptAnswer,
        now: OffsetDateTime,
    ) -> Result<Option<DeferredRequest>, StoreError> {
        announce(outbox, id, DeferredState::Available, now).await?;
        let finish = self
            .update(id)
            .update_expression(
                "SET #state = :available, #result = :result, #partial = :partial, \
                 recognised = :recognised, updated_at = :now, expires_at = :expires \
                 REMOVE notice",
            )
            .condition_expression(
                "#state IN (:waiting, :timed_out) OR #state = :available AND recognised = :no",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#result", "result")
            .expression_attribute_names("#partial", "partial")
            .expression_attribute_values(":available", state(DeferredState::Available))
            .expression_attribute_values(":waiting", state(DeferredState::Waiting))
            .expression_attribute_values(":timed_out", state(DeferredState::TimedOut))
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":result", text(&answer.result))
            .expression_attribute_values(":partial", AttributeValue::Bool(answer.partial))
            .expression_attribute_values(":recognised", AttributeValue::Bool(answer.recognised))
            .expression_attribute_values(":now", text(to_iso(now)))
            .expression_attribute_values(":expires", number(to_seconds(end_of_life(now))));
        read(update(finish).await?.into_item())
    }

    /// Keeps what MTN sent that was not an answer, if it is the first and there is no answer yet.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known whether it is kept.
    pub async fn note(
        &self,
        id: &DeferredRequestId,
        notice: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let note = self
            .update(id)
            .update_expression("SET notice = :notice, updated_at = :now")
            .condition_expression(
                "#state IN (:waiting, :timed_out) AND attribute_not_exists(notice)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":waiting", state(DeferredState::Waiting))
            .expression_attribute_values(":timed_out", state(DeferredState::TimedOut))
            .expression_attribute_values(":notice", text(notice))
            .expression_attribute_values(":now", text(to_iso(now)));
        update(note).await?;
        Ok(())
    }

    /// Records that MTN is asked again. `Ok(false)` when another step was faster, or the request no
    /// longer waits: MTN must then not be asked.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be recorded.
    pub async fn ask_again(
        &self,
        request: &DeferredRequest,
        next_step: u32,
        token: TokenHash,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let token: AttributeValue = to_attribute_value(token)?;
        let ask = self
            .update(&request.request_id)
            .update_expression(
                "SET step = :next, asks = :asks, tokens = list_append(tokens, :token), \
                 updated_at = :now, expires_at = :expires",
            )
            .condition_expression("#state = :waiting AND step = :step")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":waiting", state(DeferredState::Waiting))
            .expression_attribute_values(":step", number(request.step))
            .expression_attribute_values(":next", number(next_step))
            .expression_attribute_values(":asks", number(request.asks + 1))
            .expression_attribute_values(":token", AttributeValue::L(vec![token.clone()]))
            .expression_attribute_values(":now", text(to_iso(now)))
            .expression_attribute_values(":expires", number(to_seconds(end_of_life(now))));
        let own = |item: &Item| list(item, "tokens").contains(&token);
        Ok(update(ask).await?.or_own(own).is_done())
    }

    /// Gives up a request if it still waits, and announces it before.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known whether it is given up.
    pub async fn time_out(
        &self,
        outbox: &Outbox,
        id: &DeferredRequestId,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        announce(outbox, id, DeferredState::TimedOut, now).await?;
        let time_out = self
            .update(id)
            .update_expression("SET #state = :timed_out, updated_at = :now, timed_out_at = :now")
            .condition_expression("#state = :waiting")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":waiting", state(DeferredState::Waiting))
            .expression_attribute_values(":timed_out", state(DeferredState::TimedOut))
            .expression_attribute_values(":now", text(to_iso(now)));
        update(time_out).await?;
        Ok(())
    }

    /// Deletes a request that still waits. Gives the request when it no longer waits.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be deleted.
    pub async fn withdraw(
        &self,
        id: &DeferredRequestId,
    ) -> Result<Option<DeferredRequest>, StoreError> {
        let withdraw = self
            .0
            .delete("request_id", id.as_str())
            .condition_expression("attribute_not_exists(request_id) OR #state = :waiting")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":waiting", state(DeferredState::Waiting));
        match delete(withdraw).await? {
            Written::Done(_) => Ok(None),
            Written::Refused(item) => read(item),
        }
    }

    /// Deletes a request.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be deleted.
    pub async fn forget(&self, id: &DeferredRequestId) -> Result<(), StoreError> {
        self.0.delete("request_id", id.as_str()).send().await?;
        Ok(())
    }

    /// Deletes all requests about an account of a tenant. The index lags a moment behind the table.
    /// A request that it does not show yet is deleted by its own requery, which finds the account
    /// unlinked.
    ///
    /// # Errors
    /// [`StoreError`] when they are not known to be deleted.
    pub async fn forget_account(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<(), StoreError> {
        for id in self.ids_of_account(tenant, account).await? {
            self.forget(&id).await?;
        }
        Ok(())
    }

    /// Requests about an account of a tenant: at most `limit`, after `after`, and as many as an answer of
    /// Lambda can hold.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of_account(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        limit: usize,
        after: Option<&DeferredRequestId>,
        now: OffsetDateTime,
    ) -> Result<RequestsPage, StoreError> {
        let account = text(account_key(tenant, account));
        let start = after.map(|id| {
            [("request_id".to_owned(), text(id.as_str())), ("account".to_owned(), account.clone())]
                .into()
        });
        let query = self
            .0
            .query()
            .index_name(BY_ACCOUNT)
            .key_condition_expression("account = :account")
            .expression_attribute_values(":account", account.clone())
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start);
        let answer = query.send().await?;
        let ids = answer.items.unwrap_or_default().into_iter();
        let ids: Vec<DeferredRequestId> = ids
            .filter_map(|mut item| {
                DeferredRequestId::parse(item.remove("request_id")?.as_s().ok()?)
            })
            .collect();
        let last = last_key(answer.last_evaluated_key, "request_id");
        let mut next = last.as_deref().and_then(DeferredRequestId::parse);
        let (mut requests, mut bytes) = (Vec::new(), 0);
        for part in ids.chunks(BATCH) {
            let found = self.batch(part).await?;
            let own = found.into_iter().filter(|it| it.tenant == *tenant && it.is_alive(now));
            requests.extend(own.inspect(|it| bytes += it.kept_bytes()));
            if bytes > MAX_PAGE && part.last() != ids.last() {
                next = part.last().cloned();
                break;
            }
        }
        Ok(RequestsPage { requests, next })
    }

    /// The requests with these ids. DynamoDB leaves some unread when it is busy, or when they are large.
    async fn batch(&self, ids: &[DeferredRequestId]) -> Result<Vec<DeferredRequest>, StoreError> {
        let key = |id: &DeferredRequestId| [("request_id".to_owned(), text(id.as_str()))].into();
        let (mut keys, mut found): (Vec<Item>, _) = (ids.iter().map(key).collect(), Vec::new());
        for tries in 0..MAX_BATCHES {
            if keys.is_empty() {
                return Ok(found);
            }
            let (read, unread) = self.0.batch(keys).await?;
            if !unread.is_empty() {
                pause_before_more(tries).await;
            }
            keys = unread;
            for item in read {
                found.push(from_item(item)?);
            }
        }
        if keys.is_empty() {
            return Ok(found);
        }
        Err(StoreError::Unavailable("the requests cannot be read whole".to_owned()))
    }

    async fn ids_of_account(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<DeferredRequestId>, StoreError> {
        let mut items = self
            .0
            .query()
            .index_name(BY_ACCOUNT)
            .key_condition_expression("account = :account")
            .expression_attribute_values(":account", text(account_key(tenant, account)))
            .into_paginator()
            .items()
            .send();
        let mut ids = Vec::new();
        while let Some(item) = items.next().await {
            let id = item?.remove("request_id");
            ids.extend(id.and_then(|id| DeferredRequestId::parse(id.as_s().ok()?)));
        }
        Ok(ids)
    }

    fn update(&self, id: &DeferredRequestId) -> UpdateItemFluentBuilder {
        self.0.update([("request_id", id.as_str())])
    }
}

async fn announce(
    outbox: &Outbox,
    id: &DeferredRequestId,
    to: DeferredState,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let subject = Subject::Request { request_id: id.clone() };
    outbox.announce(subject, EventType::of_request(to), now).await
}

fn state(state: DeferredState) -> AttributeValue {
    text(state.name())
}
