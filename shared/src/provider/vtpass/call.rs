//! The two calls about an order, and the body of `pay`.
//!
//! Source: VTpass documentation, *9mobile Data* and *MTN airtime*.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use strum::IntoStaticStr;

use crate::domain::money::Kobo;

/// A call about an order. The meaning of a response code depends on the call that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub(super) enum OrderCall {
    /// `POST /pay`
    Pay,
    /// `POST /requery`
    Requery,
}

/// The body of `pay`.
#[derive(Serialize)]
pub(super) struct PayRequest<'a> {
    pub(super) request_id: &'a str,
    #[serde(rename = "serviceID")]
    pub(super) service_id: &'a str,
    #[serde(rename = "billersCode", skip_serializing_if = "Option::is_none")]
    pub(super) billers_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) variation_code: Option<&'a str>,
    pub(super) amount: Naira,
    pub(super) phone: &'a str,
}

/// An amount that is written as a JSON number of naira. No float is involved.
pub(super) struct Naira(pub(super) Kobo);

impl OrderCall {
    /// The name of the call, which is also the last part of its path.
    pub(super) fn name(self) -> &'static str {
        self.into()
    }
}

impl Serialize for Naira {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.naira())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}
