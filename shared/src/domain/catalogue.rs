//! The catalogue of a service: what can be bought and at what price.

use serde::{Deserialize, Serialize};

use super::money::Kobo;

/// What a service offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// The service's name, as VTpass writes it.
    pub service_name: String,
    /// The service, as it was asked for.
    pub service_id: String,
    /// What can be bought, in VTpass's order.
    pub variations: Vec<Variation>,
}

/// One thing a service offers, such as a data bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variation {
    /// The variation code to order it by. Case matters: some codes differ in nothing else.
    pub variation_code: String,
    /// Its name, as VTpass writes it.
    pub name: String,
    /// The price, in kobo. Zero only where the price is not fixed.
    #[serde(rename = "amount_kobo")]
    pub amount: Kobo,
    /// Whether the price is fixed; otherwise the buyer names it.
    pub fixed_price: bool,
}
