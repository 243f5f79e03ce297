//! What the tests of the clients share.

use http::{HeaderMap, StatusCode};

use crate::platform::config::Vars;
use crate::platform::http::Answer;

/// An answer without headers.
pub(super) fn answer(status: u16, body: &str) -> Answer {
    any_answer(status, body.as_bytes())
}

/// An answer without headers whose body may be anything.
pub(super) fn any_answer(status: u16, body: &[u8]) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, headers: HeaderMap::new(), body: body.to_vec() }
}

/// Variables with their values. A later pair replaces an earlier one with the same name.
pub(super) fn vars(pairs: &[(&str, &str)]) -> Vars {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
