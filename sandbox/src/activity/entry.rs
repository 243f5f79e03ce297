//! One thing that happened.

use serde::Serialize;
use serde_json::Value;

/// One thing that happened. The page and `GET /_sandbox/activity` show it in this form.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its number: 1 is the first since the start. Entries are numbered when they end.
    pub n: u64,
    /// When it began, by the sandbox's clock: ISO 8601 in UTC with milliseconds.
    pub at: String,
    /// What it is.
    pub kind: Kind,
    /// Who did it: a function, `schedule`, `caller` for a request, or `person` for the page.
    pub who: String,
    /// What was done, as one short sentence.
    pub what: String,
    /// The ids that it is about: of purchases, requests, events, endpoints and accounts.
    pub about: Vec<String>,
    /// How long it took, in milliseconds of real time.
    pub ms: u64,
    /// Whether it succeeded.
    pub ok: bool,
    /// More about it; the fields depend on the kind.
    pub detail: Value,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A request to the API, with its answer. Detail: `method`, `route`, `status`, `error`.
    Request,
    /// A scheduled run of a function. Detail: `function`.
    Invocation,
    /// A write to a table. Detail: `operation`, `table`, `state`, `refused`.
    Write,
    /// A message that was sent. Detail: `queue`, `kind`, `due`.
    Message,
    /// A message that a function received, with the outcome. Detail: `queue`, `kind`, `receives`.
    Delivery,
    /// A call to a provider. Detail: `provider`, `method`, `path`, `status`, `code`.
    Call,
    /// Somebody turned the clock. Detail: `seconds`.
    Clock,
}
