//! The data in MTN's answers.

use std::fmt;

use serde_json::value::RawValue;

use crate::domain::deferred::KeptAnswer;

/// The data in an answer of MTN. `Debug` prints only its size, because it is about a person.
#[derive(Clone)]
pub struct Data {
    /// The JSON as MTN wrote it, with numbers and unknown fields unchanged.
    pub json: Box<RawValue>,
    /// Whether MTN says that parts are missing (HTTP 207).
    pub partial: bool,
}

impl From<&Data> for KeptAnswer {
    fn from(data: &Data) -> Self {
        Self { result: data.json.get().to_owned(), partial: data.partial, recognised: true }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Data({} bytes, partial: {})", self.json.get().len(), self.partial)
    }
}
