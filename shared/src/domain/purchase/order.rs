//! An order: what a provider is asked to deliver.

use super::{ProviderReference, Recipient};
use crate::domain::money::Kobo;

/// What is bought, or asked about. Has no `Debug`: it holds a phone number.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// The id by which the provider knows the order.
    pub reference: &'a ProviderReference,
    /// The service, such as `mtn-data` or `mtn`.
    pub service_id: &'a str,
    /// The number bought for.
    pub recipient: &'a Recipient,
    /// The variation code of a data bundle; `None` for airtime.
    pub variation_code: Option<&'a str>,
    /// The face value, in kobo.
    pub amount: Kobo,
}
