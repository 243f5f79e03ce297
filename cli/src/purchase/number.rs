//! The commands `telco-gateway purchase find` and `purchase mask --phone`: the purchases for one number.

use clap::Args;
use serde_json::json;
use shared::domain::ids::TenantId;
use shared::domain::purchase::{PhoneKey, Purchase, Recipient};
use shared::platform::crypto::KeyedHash;
use shared::store::{Filters, Purchases};

use crate::argument::tenant;
use crate::context::Context;
use crate::failure::Failure;
use crate::table::document;
use crate::target::LIMITS_KEY;

/// How many purchases one page of the index holds.
const PAGE: usize = 100;

/// A number, and whose purchases for it.
#[derive(Args)]
pub struct Number {
    /// The number that was bought for
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    phone: Recipient,
    /// Only those of this tenant, from the index by_phone: fast, needs --sandbox, --stack or LIMITS_HMAC_KEY, and does
    /// not find orders of versions before that index. Without it the whole table is read
    #[arg(long, value_parser = tenant)]
    tenant: Option<TenantId>,
}

impl Number {
    /// The purchases for the number that is not masked, newest first.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn purchases(
        &self,
        purchases: &Purchases,
        context: &Context,
    ) -> Result<Vec<Purchase>, Failure> {
        let mut found = match &self.tenant {
            Some(tenant) => of_tenant(purchases, tenant, &self.phone, context).await?,
            None => self.in_table(purchases).await?,
        };
        found.sort_by(|one, other| other.listed.cmp(&one.listed));
        Ok(found)
    }

    /// Masks the number in all settled purchases for it, and prints how many.
    ///
    /// # Errors
    /// [`Failure`]: some may be masked already; a repeat does the rest.
    pub async fn mask(&self, purchases: &Purchases, context: &Context) -> Result<String, Failure> {
        let (mut masked, mut open) = (0, 0);
        for purchase in self.purchases(purchases, context).await? {
            match purchases.mask_one(&purchase).await? {
                true => masked += 1,
                false => open += 1,
            }
        }
        Ok(match (context.json, open) {
            (true, _) => document(&json!({ "masked": masked, "open": open })),
            (false, 0) => format!("masked {masked}\n"),
            (false, _) => format!("masked {masked}; {open} open: repeat when they are settled\n"),
        })
    }

    async fn in_table(&self, purchases: &Purchases) -> Result<Vec<Purchase>, Failure> {
        let mut found = Vec::new();
        for id in purchases.ids_of_number(&self.phone).await? {
            found.extend(purchases.by_id(&id).await?);
        }
        Ok(found)
    }
}

/// A tenant's purchases for a number that is not masked, by the index `by_phone`.
///
/// # Errors
/// [`Failure`].
pub async fn of_tenant(
    purchases: &Purchases,
    tenant: &TenantId,
    phone: &Recipient,
    context: &Context,
) -> Result<Vec<Purchase>, Failure> {
    let key = context.target.limits_key(&context.environment).await?;
    let vars = key.map(|key| (LIMITS_KEY.to_owned(), key)).into_iter().collect();
    let hash = KeyedHash::from_vars(&vars)?;
    let phone = PhoneKey::of(&hash, tenant, phone);
    let filters = Filters { phone, ..Filters::default() };
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let page = purchases.list(tenant, &filters, PAGE, next.as_deref()).await?;
        found.extend(page.purchases);
        next = page.next;
        if next.is_none() {
            return Ok(found);
        }
    }
}

fn number(text: &str) -> Result<Recipient, &'static str> {
    Recipient::parse(text, true).ok_or("must be a Nigerian mobile number")
}
