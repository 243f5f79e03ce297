//! Conditional writes: the one place that distinguishes a success from a refusal.
//!
//! The SDK repeats a write whose answer was lost. Such a repeat is refused because the first attempt
//! succeeded. Each write says how it recognises its own first attempt in the item that refused it,
//! see [`Written::or_own`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal,
    TransactWriteItem, Update,
};
use serde::de::DeserializeOwned;
use serde_dynamo::from_item;

use super::{StoreError, text};
use crate::platform::crypto::hashed;
use crate::platform::environment::Random;

/// An item as DynamoDB holds it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// How a conditional write ended.
#[derive(Debug)]
pub(super) enum Written {
    /// It was written. Holds the item as it is now, empty after a put or a delete.
    Done(Item),
    /// The condition did not hold. Holds the item that refused it, empty where there is none.
    Refused(Item),
}

impl Written {
    /// A refusal becomes `Done` if this write's own first attempt made the item that refused it.
    pub(super) fn or_own(self, is_own: impl FnOnce(&Item) -> bool) -> Self {
        match self {
            Self::Refused(item) if is_own(&item) => Self::Done(item),
            other => other,
        }
    }

    /// Whether it was written.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// The item as it is now, written or not; empty where there is none.
    pub(super) fn into_item(self) -> Item {
        match self {
            Self::Done(item) | Self::Refused(item) => item,
        }
    }
}

/// The id of one write, for [`update_once`]. It is short, because it is compared only with the id of
/// the last write of the same item.
pub(super) struct WriteId(AttributeValue);

impl WriteId {
    /// Of a write that is like others, such as a count.
    pub(super) fn random(random: &Random) -> Self {
        Self(text(hex::encode(random.bytes::<8>())))
    }

    /// The write with this id.
    pub(super) fn over(&self, write: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        write.expression_attribute_values(":write_id", self.0.clone())
    }

    /// Of a write that this description tells from all others.
    pub(super) fn of(description: &str) -> Self {
        Self(text(&hashed(description)[..16]))
    }
}

/// For [`update_once`]: the condition that the item does not carry the id of this write.
pub(super) const UNLESS_OWN: &str = "(attribute_not_exists(write_id) OR write_id <> :write_id)";
/// For [`update_once`]: the assignment that stores the id of this write.
pub(super) const AS_OWN: &str = "write_id = :write_id";

/// Writes the attributes of `after` over the item under `key`. Those that only `before` has go. What a
/// newer version added to the item stays.
pub(super) fn assign<const N: usize>(
    mut write: UpdateItemFluentBuilder,
    key: [(&str, &str); N],
    before: &Item,
    after: Item,
) -> UpdateItemFluentBuilder {
    let gone: BTreeSet<_> = before.keys().filter(|name| !after.contains_key(*name)).collect();
    let is_key = |name: &str| key.iter().any(|(attribute, _)| *attribute == name);
    // In one order, so that the same change is the same request.
    let after: BTreeMap<_, _> = after.into_iter().filter(|(name, _)| !is_key(name)).collect();
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    for (index, (name, value)) in after.into_iter().enumerate() {
        set.push(format!("#set{index} = :set{index}"));
        write = write
            .expression_attribute_names(format!("#set{index}"), name)
            .expression_attribute_values(format!(":set{index}"), value);
    }
    for (index, name) in gone.into_iter().enumerate() {
        remove.push(format!("#gone{index}"));
        write = write.expression_attribute_names(format!("#gone{index}"), name);
    }
    let mut expression = format!("SET {}", set.join(", "));
    if !remove.is_empty() {
        expression += &format!(" REMOVE {}", remove.join(", "));
    }
    write.update_expression(expression)
}

/// The value in an item, if there is an item.
pub(super) fn read<T: DeserializeOwned>(item: Item) -> Result<Option<T>, StoreError> {
    if item.is_empty() { Ok(None) } else { Ok(Some(from_item(item)?)) }
}

/// Sends a conditional write. A refusal by its condition is not an error. The SDK has a separate
/// error type for each kind of write, so this is a macro.
macro_rules! send {
    ($write:expr, $error:ident) => {
        match $write.return_values_on_condition_check_failure(OnRefusal::AllOld).send().await {
            Ok(answer) => Ok(Written::Done(answer.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some($error::ConditionalCheckFailedException(refused)) => {
                    Ok(Written::Refused(refused.item().cloned().unwrap_or_default()))
                }
                _ => Err(error.into()),
            },
        }
    };
}

/// Updates an item if its condition holds.
pub(super) async fn update(update: UpdateItemFluentBuilder) -> Result<Written, StoreError> {
    update_returning(ReturnValue::AllNew, update).await
}

/// The same, giving the item as `returned` says.
pub(super) async fn update_returning(
    returned: ReturnValue,
    update: UpdateItemFluentBuilder,
) -> Result<Written, StoreError> {
    send!(update.return_values(returned), UpdateItemError)
}

/// Updates an item once: for a write whose effect does not tell its own repeat, such as a count. Its
/// condition holds [`UNLESS_OWN`] and its assignments [`AS_OWN`]. The item keeps the id of the last
/// such write only. If another one comes between a write and its repeat, the repeat counts once more
/// or is refused: there is never one too few.
pub(super) async fn update_once(
    id: WriteId,
    write: UpdateItemFluentBuilder,
) -> Result<Written, StoreError> {
    let write = id.over(write);
    Ok(update(write).await?.or_own(|item| item.get("write_id") == Some(&id.0)))
}

/// An update as one of a transaction.
pub(super) fn in_transaction(
    update: &UpdateItemFluentBuilder,
) -> Result<TransactWriteItem, BuildError> {
    let update = update.as_input();
    let update = Update::builder()
        .set_table_name(update.get_table_name().clone())
        .set_key(update.get_key().clone())
        .set_update_expression(update.get_update_expression().clone())
        .set_condition_expression(update.get_condition_expression().clone())
        .set_expression_attribute_names(update.get_expression_attribute_names().clone())
        .set_expression_attribute_values(update.get_expression_attribute_values().clone())
        .build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// Puts an item if its condition holds.
pub(super) async fn put(put: PutItemFluentBuilder) -> Result<Written, StoreError> {
    send!(put, PutItemError)
}

/// Deletes an item if its condition holds.
pub(super) async fn delete(delete: DeleteItemFluentBuilder) -> Result<Written, StoreError> {
    send!(delete, DeleteItemError)
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transacted {
    /// All of it was written.
    Done,
    /// Nothing was written: the condition of the item at this place, and maybe of later ones, did
    /// not hold.
    Refused(usize),
}

/// Writes all of `items` or none. A repeat by the SDK carries the same request token, so DynamoDB
/// itself recognises it.
pub(super) async fn transact(
    client: &Client,
    items: Vec<TransactWriteItem>,
) -> Result<Transacted, StoreError> {
    let Err(error) = client.transact_write_items().set_transact_items(Some(items)).send().await
    else {
        return Ok(Transacted::Done);
    };
    if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    {
        let refused = |code: Option<&str>| code == Some("ConditionalCheckFailed");
        let mut reasons = cancelled.cancellation_reasons().iter();
        if let Some(place) = reasons.position(|reason| refused(reason.code())) {
            return Ok(Transacted::Refused(place));
        }
    }
    Err(error.into())
}
