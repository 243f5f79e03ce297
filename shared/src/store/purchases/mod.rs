//! The `purchases` table: the record of every purchase, which is also its idempotency lock.
//!
//! Partition key `purchase_id`. The index `by_tenant` lists a caller's own, by `listed`. Items have
//! no TTL: a key is remembered as long as its purchase.

mod list;
mod masking;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal,
};
use serde_dynamo::{from_item, to_attribute_value, to_item};
use time::OffsetDateTime;

pub use self::list::Page;
pub use self::masking::Masked;
use super::{StoreError, Tenant, number, text};
use crate::config::{ConfigError, Vars};
use crate::money::Kobo;
use crate::purchase::{Attempt, Conclusion, Purchase, State, to_ms};
use crate::vtpass::{Outcome, purchase_id_of};

/// The `purchases` table.
#[derive(Debug, Clone)]
pub struct Purchases {
    client: Client,
    table: String,
}

/// How recording a purchase ended.
#[derive(Debug)]
pub enum Recorded {
    /// It is ours.
    New,
    /// There was one under this id.
    Exists(Box<Purchase>),
}

/// How a change ended. Both hold the purchase as it is now.
#[derive(Debug)]
pub enum Changed {
    /// Written.
    Written(Box<Purchase>),
    /// The condition did not hold.
    Refused(Box<Purchase>),
}

/// A change of a purchase, with the condition it depends on.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The states it may be made from.
    pub from: Vec<State>,
    /// Whether it may be made only while no answer has acknowledged the purchase.
    pub unless_acknowledged: bool,
    /// The step it may be made from; any when `None`.
    pub at_step: Option<u32>,
    /// The new state; `None` leaves it.
    pub to: Option<State>,
    /// The new step; `None` leaves it.
    pub next_step: Option<u32>,
    /// Whether the provider proved that it knows the request.
    pub acknowledged: bool,
    /// The new count of unknown request ids; `None` leaves it.
    pub unknown_ids: Option<u32>,
    /// The amount, where it is known only now; `None` leaves it.
    pub amount: Option<Kobo>,
    /// The lines for the history.
    pub attempts: Vec<Attempt>,
}

impl Change {
    /// What an answer changes, and from where: a proof from any open state, a wait for the
    /// provider only from what does not wait for a person already.
    pub fn of(purchase: &Purchase, outcome: &Outcome, conclusion: Conclusion) -> Self {
        let from = match (purchase.state.is_final(), conclusion.to) {
            (true, _) => vec![purchase.state],
            (false, Some(State::Pending)) => vec![State::Submitted, State::Pending],
            (false, _) => State::OPEN.to_vec(),
        };
        Self {
            from,
            // That VTpass never heard of it is no proof once any answer says otherwise.
            unless_acknowledged: outcome.unknown_id && conclusion.to == Some(State::Failed),
            at_step: None,
            to: conclusion.to,
            next_step: None,
            acknowledged: outcome.acknowledged,
            unknown_ids: Some(conclusion.unknown_ids),
            amount: None,
            attempts: vec![conclusion.attempt],
        }
    }
}

impl Purchases {
    /// The table named by `PURCHASES_TABLE`.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing.
    pub fn from_vars(vars: &Vars, dynamodb: &Client) -> Result<Self, ConfigError> {
        let table = vars.required("PURCHASES_TABLE")?.to_owned();
        Ok(Self { client: dynamodb.clone(), table })
    }

    /// A caller's purchase, read consistently.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, tenant: &Tenant, id: &str) -> Result<Option<Purchase>, StoreError> {
        if id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(None);
        }
        Ok(self.by_id(id).await?.filter(|purchase| purchase.tenant == *tenant))
    }

    /// The purchase VTpass knows by `request_id`: one read, none for what is no id of ours. One of
    /// the lookups that is by an unguessable id alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn by_request_id(&self, request_id: &str) -> Result<Option<Purchase>, StoreError> {
        let Some(id) = purchase_id_of(request_id).filter(|id| id.len() == 32) else {
            return Ok(None);
        };
        Ok(self.by_id(id).await?.filter(|purchase| purchase.request_id == request_id))
    }

    /// A purchase by its id alone, for the operator's tool.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn by_id(&self, id: &str) -> Result<Option<Purchase>, StoreError> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = get.key("purchase_id", text(id)).send().await.map_err(StoreError::of)?;
        Ok(answer.item.map(from_item).transpose()?)
    }

    /// The refill that MTN knows by `request_id`: the beginning of the purchase's id. For the
    /// operator's tool; it reads the whole table.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refill_by_request_id(
        &self,
        request_id: &str,
    ) -> Result<Option<Purchase>, StoreError> {
        let mut pages = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression("request_id = :id")
            .expression_attribute_values(":id", text(request_id))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let found = page.map_err(StoreError::of)?.items.unwrap_or_default().pop();
            if let Some(item) = found {
                return Ok(Some(from_item(item)?));
            }
        }
        Ok(None)
    }

    /// Records a purchase unless there is one under its id. A refusal by our own first try is no
    /// refusal: it carries our chain.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be recorded.
    pub async fn record(&self, purchase: &Purchase) -> Result<Recorded, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(purchase)?))
            .condition_expression("attribute_not_exists(purchase_id)")
            .return_values_on_condition_check_failure(OnRefusal::AllOld);
        let Err(error) = put.send().await else { return Ok(Recorded::New) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                let old: Purchase = from_item(refused.item().cloned().unwrap_or_default())?;
                if old.chain == purchase.chain {
                    Ok(Recorded::New)
                } else {
                    Ok(Recorded::Exists(Box::new(old)))
                }
            }
            _ => Err(StoreError::of(error)),
        }
    }

    /// Makes a change if its condition holds.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be made.
    pub async fn change(
        &self,
        id: &str,
        change: &Change,
        now: OffsetDateTime,
    ) -> Result<Changed, StoreError> {
        let mut set = vec!["updated_ms = :now", "history = list_append(history, :attempts)"];
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("purchase_id", text(id))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":now", number(to_ms(now)))
            .expression_attribute_values(":attempts", to_attribute_value(&change.attempts)?);
        if let Some(to) = change.to {
            set.push("#state = :to");
            update = update.expression_attribute_values(":to", text(to.as_str()));
        }
        if let Some(step) = change.next_step {
            set.push("step = :next");
            update = update.expression_attribute_values(":next", number(step.into()));
        }
        if change.acknowledged {
            set.push("acknowledged = :yes");
            update = update.expression_attribute_values(":yes", AttributeValue::Bool(true));
        }
        if let Some(count) = change.unknown_ids {
            set.push("unknown_ids = :unknown");
            update = update.expression_attribute_values(":unknown", number(count.into()));
        }
        if let Some(amount) = change.amount {
            set.push("amount_kobo = :amount");
            update = update.expression_attribute_values(":amount", to_attribute_value(amount)?);
        }
        let mut states = Vec::new();
        for (index, state) in change.from.iter().enumerate() {
            let name = format!(":from{index}");
            update = update.expression_attribute_values(&name, text(state.as_str()));
            states.push(name);
        }
        let mut condition = format!("#state IN ({})", states.join(", "));
        if change.unless_acknowledged {
            condition.push_str(" AND acknowledged = :no");
            update = update.expression_attribute_values(":no", AttributeValue::Bool(false));
        }
        if let Some(step) = change.at_step {
            condition.push_str(" AND step = :step");
            update = update.expression_attribute_values(":step", number(step.into()));
        }
        let update = update
            .update_expression(format!("SET {}", set.join(", ")))
            .condition_expression(condition)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OnRefusal::AllOld);
        match update.send().await {
            Ok(answer) => {
                let new = from_item(answer.attributes.unwrap_or_default())?;
                Ok(Changed::Written(Box::new(new)))
            }
            Err(error) => {
                let mut met = refused(error)?;
                if change.acknowledged && !met.acknowledged {
                    self.acknowledge(id).await?;
                    met.acknowledged = true;
                }
                Ok(Changed::Refused(Box::new(met)))
            }
        }
    }

    /// Notes that VTpass knows the order: true whatever else a change met.
    async fn acknowledge(&self, id: &str) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("purchase_id", text(id))
            .update_expression("SET acknowledged = :yes")
            .condition_expression("attribute_exists(purchase_id)")
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        update.send().await.map(drop).map_err(StoreError::of)
    }

    /// Makes a change that a proof asks for, and gives the purchase as it is then. Where another
    /// proof came first, only a reversal of what was delivered still changes the state; anything
    /// else is written into the history and raises an alarm.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be made.
    pub async fn apply(
        &self,
        id: &str,
        change: &Change,
        now: OffsetDateTime,
    ) -> Result<Purchase, StoreError> {
        let met = match self.change(id, change, now).await? {
            Changed::Written(purchase) => return Ok(*purchase),
            Changed::Refused(purchase) => *purchase,
        };
        let proof = change.to.filter(|to| to.is_final() && *to != met.state);
        let (Some(proof), true) = (proof, met.state.is_final()) else { return Ok(met) };
        let reversal = (met.state, proof) == (State::Delivered, State::Reversed);
        if !reversal {
            let (state, proof) = (met.state.as_str(), proof.as_str());
            let alarm = "contradicted_final_state";
            tracing::error!(alarm, purchase_id = id, state, proof, "a proof came after another");
        }
        let late = Change {
            from: vec![met.state],
            to: reversal.then_some(proof),
            attempts: change.attempts.clone(),
            ..Change::default()
        };
        match self.change(id, &late, now).await? {
            Changed::Written(purchase) | Changed::Refused(purchase) => Ok(*purchase),
        }
    }

    /// Marks that a hint is passed on, at most once in `pause`. `Ok(false)` when one just was.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be marked.
    pub async fn mark_hint(
        &self,
        id: &str,
        now: OffsetDateTime,
        pause: time::Duration,
    ) -> Result<bool, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("purchase_id", text(id))
            .update_expression("SET hinted_ms = :now")
            .condition_expression("hinted_ms <= :before")
            .expression_attribute_values(":now", number(to_ms(now)))
            .expression_attribute_values(":before", number(to_ms(now - pause)));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(StoreError::of(error)),
            },
        }
    }

    /// Takes a mark back, so that the next hint is passed on. Best effort: otherwise the pause ends.
    pub async fn unmark_hint(&self, id: &str) {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("purchase_id", text(id))
            .update_expression("SET hinted_ms = :never")
            .condition_expression("attribute_exists(purchase_id)")
            .expression_attribute_values(":never", number(0));
        if let Err(error) = update.send().await {
            tracing::warn!(purchase_id = id, reason = %StoreError::of(error), "a hint's mark stays");
        }
    }
}

/// The purchase that a refused change met.
fn refused(error: SdkError<UpdateItemError>) -> Result<Purchase, StoreError> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
            Ok(from_item(refused.item().cloned().unwrap_or_default())?)
        }
        _ => Err(StoreError::of(error)),
    }
}
