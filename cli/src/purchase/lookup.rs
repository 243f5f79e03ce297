//! Finds a purchase by its id, or by the id that its provider knows it by.

use shared::domain::ids::{ProviderReference, PurchaseId};
use shared::domain::purchase::Purchase;
use shared::store::Purchases;

use crate::failure::Failure;

/// A purchase by either of its ids.
///
/// # Errors
/// [`Failure`], also when there is none.
pub async fn find(purchases: &Purchases, id: &str) -> Result<Purchase, Failure> {
    let hex = id.bytes().all(|b| b.is_ascii_hexdigit());
    let found = match PurchaseId::parse(&id.to_ascii_lowercase()) {
        Some(id) => purchases.by_id(&id).await?,
        None if hex && id.len() == 20 => {
            let reference = ProviderReference::new(id.to_ascii_lowercase());
            purchases.refill_by_reference(&reference).await?
        }
        None => purchases.by_reference(&ProviderReference::new(id)).await?,
    };
    found.ok_or_else(|| Failure::Refused(format!("no purchase has the id {id:?}")))
}
