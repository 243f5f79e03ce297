//! The pass over the table, part by part.

use serde_dynamo::from_item;

use super::Accounts;
use crate::domain::account::Account;
use crate::domain::ids::{AccountId, TenantId};
use crate::domain::job::HeldAccount;
use crate::platform::telemetry::alarm::Alarm;
use crate::store::conditional::Item;
use crate::store::error::without_values;
use crate::store::{StoreError, text};

/// How many accounts one part reads.
const PART: i32 = 200;

/// One part of the table.
#[derive(Debug)]
pub struct AccountsPart {
    /// The accounts, in any state.
    pub accounts: Vec<Account>,
    /// The account after which the next part begins; `None` at the end.
    pub next: Option<HeldAccount>,
}

impl Accounts {
    /// One part of the table: the first, or the one after `after`. An account that this version cannot
    /// read raises the alarm and is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn part(&self, after: Option<&HeldAccount>) -> Result<AccountsPart, StoreError> {
        let start = after.map(|after| {
            [
                ("account_id".to_owned(), text(after.account_id.as_str())),
                ("tenant".to_owned(), text(after.tenant.as_str())),
            ]
            .into()
        });
        let scan = self.0.scan().limit(PART).set_exclusive_start_key(start);
        let page = scan.send().await?;
        let accounts = page.items.unwrap_or_default().into_iter().filter_map(readable).collect();
        Ok(AccountsPart { accounts, next: page.last_evaluated_key.as_ref().and_then(key) })
    }
}

fn readable(item: Item) -> Option<Account> {
    let id = item.get("account_id").and_then(|id| id.as_s().ok()).cloned();
    let unreadable = |error: &serde_dynamo::Error| {
        let (alarm, reason) = (Alarm::UnreadableItem.name(), without_values(error));
        tracing::error!(alarm, account_id = id, reason, "an item cannot be read");
    };
    from_item(item).inspect_err(unreadable).ok()
}

fn key(item: &Item) -> Option<HeldAccount> {
    let part = |name: &str| item.get(name)?.as_s().ok();
    let account_id = AccountId::parse(part("account_id")?)?;
    Some(HeldAccount { tenant: TenantId::parse(part("tenant")?)?, account_id })
}
