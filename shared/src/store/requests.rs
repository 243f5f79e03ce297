//! The `requests` table: questions to MTN that may be answered later, for a day.
//!
//! Partition key `request_id`, TTL `expires_at`. The index `by_account` finds those of one account
//! of one caller: an unlink deletes them.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal,
};
use serde_dynamo::{from_item, to_attribute_value, to_item};
use time::OffsetDateTime;

use super::{StoreError, Tenant, number, text};
use crate::config::{ConfigError, Vars};
use crate::mtn_request::{KeptAnswer, LIFETIME, MtnRequest, RequestState, TokenHash, account_key};
use crate::world::{epoch, iso};

/// The `requests` table.
#[derive(Debug, Clone)]
pub struct Requests {
    client: Client,
    table: String,
}

/// The index of an account's requests.
const BY_ACCOUNT: &str = "by_account";
/// The largest text kept, in bytes: an item of DynamoDB holds 400 KB in all.
pub const MAX_KEPT: usize = 350 * 1024;

impl Requests {
    /// The table named by `REQUESTS_TABLE`.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing.
    pub fn from_vars(vars: &Vars, dynamodb: &Client) -> Result<Self, ConfigError> {
        let table = vars.required("REQUESTS_TABLE")?.to_owned();
        Ok(Self { client: dynamodb.clone(), table })
    }

    /// Records a request, before MTN is asked.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be recorded: MTN must then not be asked.
    pub async fn record(&self, request: &MtnRequest) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.table);
        let put = put.set_item(Some(to_item(request)?));
        put.send().await.map(drop).map_err(StoreError::of)
    }

    /// A caller's request, read consistently.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(
        &self,
        tenant: &Tenant,
        id: &str,
        now: OffsetDateTime,
    ) -> Result<Option<MtnRequest>, StoreError> {
        Ok(self.by_id(id, now).await?.filter(|request| request.tenant == *tenant))
    }

    /// A request by its id alone, for MTN's callback: what proves the right to it is the token. No
    /// read for what is no id of ours.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn by_id(
        &self,
        id: &str,
        now: OffsetDateTime,
    ) -> Result<Option<MtnRequest>, StoreError> {
        if id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = get.key("request_id", text(id)).send().await.map_err(StoreError::of)?;
        let request: Option<MtnRequest> = answer.item.map(from_item).transpose()?;
        Ok(request.filter(|request| request.is_alive(now)))
    }

    /// Keeps the answer, if it is the first. Gives the request as it is then: with this answer or
    /// with the one that came before; `None` when it is gone, and nothing is stored.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be kept.
    pub async fn finish(
        &self,
        id: &str,
        answer: &KeptAnswer,
        now: OffsetDateTime,
    ) -> Result<Option<MtnRequest>, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("request_id", text(id))
            .update_expression(
                "SET #state = :available, #result = :result, #partial = :partial, \
                 recognised = :recognised, updated_at = :now, expires_at = :expires",
            )
            .condition_expression("#state IN (:waiting, :timed_out)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#result", "result")
            .expression_attribute_names("#partial", "partial")
            .expression_attribute_values(":available", state(RequestState::Available))
            .expression_attribute_values(":waiting", state(RequestState::Waiting))
            .expression_attribute_values(":timed_out", state(RequestState::TimedOut))
            .expression_attribute_values(":result", text(&answer.result))
            .expression_attribute_values(":partial", AttributeValue::Bool(answer.partial))
            .expression_attribute_values(":recognised", AttributeValue::Bool(answer.recognised))
            .expression_attribute_values(":now", text(iso(now)))
            .expression_attribute_values(":expires", number(epoch(now + LIFETIME)))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OnRefusal::AllOld);
        match update.send().await {
            Ok(answer) => Ok(answer.attributes.map(from_item).transpose()?),
            Err(error) => met(error),
        }
    }

    /// Keeps what MTN sent that was no answer, if it is the first such and there is no answer.
    /// `Ok(false)` when it was not kept.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be kept.
    pub async fn note(
        &self,
        id: &str,
        notice: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("request_id", text(id))
            .update_expression("SET notice = :notice, updated_at = :now")
            .condition_expression(
                "#state IN (:waiting, :timed_out) AND attribute_not_exists(notice)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":waiting", state(RequestState::Waiting))
            .expression_attribute_values(":timed_out", state(RequestState::TimedOut))
            .expression_attribute_values(":notice", text(notice))
            .expression_attribute_values(":now", text(iso(now)));
        written(update.send().await)
    }

    /// Notes that MTN is asked again. `Ok(false)` when another step was faster, or it is no longer
    /// waiting: MTN must then not be asked.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be noted.
    pub async fn ask_again(
        &self,
        request: &MtnRequest,
        next_step: u32,
        token: TokenHash,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("request_id", text(&request.request_id))
            .update_expression(
                "SET step = :next, asks = :asks, tokens = list_append(tokens, :token), \
                 updated_at = :now, expires_at = :expires",
            )
            .condition_expression("#state = :waiting AND step = :step")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":waiting", state(RequestState::Waiting))
            .expression_attribute_values(":step", number(request.step.into()))
            .expression_attribute_values(":next", number(next_step.into()))
            .expression_attribute_values(":asks", number((request.asks + 1).into()))
            .expression_attribute_values(":token", to_attribute_value(vec![token])?)
            .expression_attribute_values(":now", text(iso(now)))
            .expression_attribute_values(":expires", number(epoch(now + LIFETIME)));
        written(update.send().await)
    }

    /// Gives a waiting request up. `Ok(false)` when it was no longer waiting.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be given up.
    pub async fn time_out(&self, id: &str, now: OffsetDateTime) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("request_id", text(id))
            .update_expression("SET #state = :timed_out, updated_at = :now")
            .condition_expression("#state = :waiting")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":waiting", state(RequestState::Waiting))
            .expression_attribute_values(":timed_out", state(RequestState::TimedOut))
            .expression_attribute_values(":now", text(iso(now)));
        written(update.send().await)
    }

    /// Deletes a request that still waits; gives the one that does not.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be deleted.
    pub async fn withdraw(&self, id: &str) -> Result<Option<MtnRequest>, StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("request_id", text(id))
            .condition_expression("attribute_not_exists(request_id) OR #state = :waiting")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":waiting", state(RequestState::Waiting))
            .return_values_on_condition_check_failure(OnRefusal::AllOld);
        let Err(error) = delete.send().await else { return Ok(None) };
        match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(refused)) => {
                Ok(refused.item().cloned().map(from_item).transpose()?)
            }
            _ => Err(StoreError::of(error)),
        }
    }

    /// Deletes a request.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be deleted.
    pub async fn forget(&self, id: &str) -> Result<(), StoreError> {
        let delete = self.client.delete_item().table_name(&self.table);
        delete.key("request_id", text(id)).send().await.map(drop).map_err(StoreError::of)
    }

    /// Deletes all requests about an account of a caller. The index follows the table by a moment:
    /// what it does not show yet is deleted by its own requery, which finds the account unlinked.
    ///
    /// # Errors
    /// [`StoreError`] when they are not known to be deleted.
    pub async fn forget_account(&self, tenant: &Tenant, account: &str) -> Result<(), StoreError> {
        for id in self.ids_of_account(tenant, account).await? {
            self.forget(&id).await?;
        }
        Ok(())
    }

    /// All requests about an account of a caller.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of_account(
        &self,
        tenant: &Tenant,
        account: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<MtnRequest>, StoreError> {
        let mut requests = Vec::new();
        for id in self.ids_of_account(tenant, account).await? {
            requests.extend(self.get(tenant, &id, now).await?);
        }
        Ok(requests)
    }

    async fn ids_of_account(
        &self,
        tenant: &Tenant,
        account: &str,
    ) -> Result<Vec<String>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_ACCOUNT)
            .key_condition_expression("account = :account")
            .expression_attribute_values(":account", text(account_key(tenant, account)))
            .into_paginator()
            .send();
        let mut ids = Vec::new();
        while let Some(page) = pages.next().await {
            for mut item in page.map_err(StoreError::of)?.items.unwrap_or_default() {
                if let Some(AttributeValue::S(id)) = item.remove("request_id") {
                    ids.push(id);
                }
            }
        }
        Ok(ids)
    }
}

fn state(state: RequestState) -> AttributeValue {
    text(state.as_str())
}

/// The request that a refused update met, if there is one.
fn met(error: SdkError<UpdateItemError>) -> Result<Option<MtnRequest>, StoreError> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
            Ok(refused.item().cloned().map(from_item).transpose()?)
        }
        _ => Err(StoreError::of(error)),
    }
}

/// Whether the condition held.
fn written<T>(outcome: Result<T, SdkError<UpdateItemError>>) -> Result<bool, StoreError> {
    match outcome {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(StoreError::of(error)),
        },
    }
}
