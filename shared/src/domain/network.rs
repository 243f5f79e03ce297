//! The mobile networks whose lines can be linked. On the wire they are Mono's `provider`.

use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoEnumIterator, IntoStaticStr};

/// A network that Mono's telco API serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumIter, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Network {
    /// MTN Nigeria.
    Mtn,
    /// Airtel Nigeria.
    Airtel,
}

impl Network {
    /// The networks there are, for error messages.
    pub const SUPPORTED: &'static str = "mtn, airtel";

    /// Reads the tenant's word for the network, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::iter().find(|network| network.name().eq_ignore_ascii_case(text.trim()))
    }

    /// The name on the wire and in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }
}
