//! What the operator was told of the float, in the `limits` table under `float#vtpass`. The item has no
//! end.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_dynamo::{from_item, to_item};

use super::conditional::{Item, assign, update};
use super::table::table;
use super::{Outbox, StoreError};
use crate::domain::event::Subject;
use crate::domain::report::{FloatLine, FloatTold};

table! {
    /// What the operator was told of the float.
    FloatNotes, "LIMITS_TABLE"
}

const KEY: [(&str, &str); 1] = [("pk", "float#vtpass")];
const LINES: &str = "lines";

impl FloatNotes {
    /// What the operator was told, read consistently.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn told(&self) -> Result<FloatTold, StoreError> {
        Ok(self.0.get(KEY).await?.map(from_item).transpose()?.unwrap_or_default())
    }

    /// Notes one more line, after it was announced. `told` is what was read before. Where another run
    /// was first, nothing is noted.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known whether it is noted.
    pub async fn tell(
        &self,
        outbox: &Outbox,
        told: &FloatTold,
        line: FloatLine,
    ) -> Result<(), StoreError> {
        outbox.announce(Subject::Float, Some(line.event()), line.at).await?;
        let (before, after): (Item, Item) = (to_item(told)?, to_item(told.with(line))?);
        let note = assign(self.0.update(KEY), KEY, &before, after)
            .condition_expression("attribute_not_exists(#lines) OR #lines = :before")
            .expression_attribute_names("#lines", LINES)
            .expression_attribute_values(":before", list(before));
        update(note).await?;
        Ok(())
    }
}

fn list(mut item: Item) -> AttributeValue {
    item.remove(LINES).unwrap_or_else(|| AttributeValue::L(Vec::new()))
}
