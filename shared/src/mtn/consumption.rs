//! Balance, recharges and usage: MTN Consumption v2. Most are answered at once or at a callback
//! URL, and both answers are read alike.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::envelope::{Envelope, accept};
use super::{Data, Date, MtnError};
use crate::upstream::Answer;

/// A question about a customer's consumption. Serialized, it can be stored and asked again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Query {
    /// What is left of airtime and bundles.
    Balance,
    /// The recharges one by one.
    Recharges {
        /// The first day.
        start: Option<Date>,
        /// The last day.
        end: Option<Date>,
        /// The page, from 1.
        page: Option<u32>,
        /// How many on a page, up to 100.
        limit: Option<u32>,
    },
    /// The recharges added up.
    RechargeSummary {
        /// The first day.
        start: Option<Date>,
        /// The last day.
        end: Option<Date>,
        /// The page, from 1.
        page: Option<u32>,
        /// How many on a page, up to 100.
        limit: Option<u32>,
    },
    /// What was used, one by one.
    Usage {
        /// The first day.
        start: Date,
        /// The last day.
        end: Option<Date>,
        /// Of what kind, such as `voice`, `data` or `sms`.
        kind: Option<String>,
        /// The page.
        page: Option<u32>,
        /// The order.
        sort: Option<String>,
    },
    /// What was used, added up. Answered at once only: it has no callback URL.
    UsageSummary {
        /// The first day.
        start: Option<Date>,
        /// The last day.
        end: Option<Date>,
        /// Of what kind, such as `voice`, `data` or `sms`.
        kind: Option<String>,
    },
}

/// How MTN took a question.
#[derive(Debug, Clone)]
pub enum Asked {
    /// It answered.
    Answered(Data),
    /// It will answer at the callback URL.
    Later,
}

/// What a callback's body holds.
#[derive(Debug, Clone)]
pub enum CallbackAnswer {
    /// The answer.
    Data(Data),
    /// An envelope around nothing: an error, or no data.
    Nothing,
    /// Something else, to be kept as it is.
    Unknown,
}

impl Query {
    /// The name of the question.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::Recharges { .. } => "recharges",
            Self::RechargeSummary { .. } => "recharge_summary",
            Self::Usage { .. } => "usage",
            Self::UsageSummary { .. } => "usage_summary",
        }
    }

    /// Whether MTN may answer at a callback URL.
    pub fn may_answer_later(&self) -> bool {
        match self {
            Self::Balance | Self::Recharges { .. } | Self::RechargeSummary { .. } => true,
            Self::Usage { .. } => true,
            Self::UsageSummary { .. } => false,
        }
    }
}

/// What is posted; each question fills only what MTN has for it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    msisdn: &'a str,
    #[serde(rename = "callBackUrl", skip_serializing_if = "Option::is_none")]
    callback_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<&'a str>,
}

impl<'a> Body<'a> {
    pub(super) fn of(query: &'a Query, msisdn: &'a str, callback_url: &'a str) -> Self {
        let callback_url = query.may_answer_later().then_some(callback_url);
        let body = Self { msisdn, callback_url, ..Self::default() };
        match query {
            Query::Balance => body,
            Query::Recharges { start, end, page, limit }
            | Query::RechargeSummary { start, end, page, limit } => Self {
                start_date: start.map(Date::compact),
                end_date: end.map(Date::compact),
                page_number: *page,
                page_size: *limit,
                ..body
            },
            Query::Usage { start, end, kind, page, sort } => Self {
                usage_type: kind.as_deref(),
                start_date: Some(start.day_first()),
                end_date: end.map(Date::day_first),
                page_number: *page,
                sort: sort.as_deref(),
                ..body
            },
            Query::UsageSummary { start, end, kind } => Self {
                usage_type: kind.as_deref(),
                start_date: start.map(Date::day_first),
                end_date: end.map(Date::day_first),
                ..body
            },
        }
    }
}

pub(super) fn path(query: &Query) -> &'static str {
    match query {
        Query::Balance => "/v2/consumption/balance",
        Query::Recharges { .. } => "/v2/consumption/recharge/history",
        Query::RechargeSummary { .. } => "/v2/consumption/recharge/airtime/summation",
        Query::Usage { .. } => "/v2/consumption/usageHistory",
        Query::UsageSummary { .. } => "/v2/consumption/usageSummation",
    }
}

/// Reads the answer to a question.
pub(super) fn asked(query: &Query, answer: &Answer) -> Result<Asked, MtnError> {
    let blank = answer.body.iter().all(u8::is_ascii_whitespace);
    let json = match accept(answer) {
        Ok(envelope) => data(query, &envelope).map(RawValue::to_owned),
        Err(MtnError::Unavailable(_)) if blank && is_taken(answer.status) => None,
        Err(error) => return Err(error),
    };
    match json {
        Some(json) => Ok(Asked::Answered(Data { json, partial: answer.status.as_u16() == 207 })),
        None if query.may_answer_later() => Ok(Asked::Later),
        None => Err(MtnError::Unavailable("its answer has no data".to_owned())),
    }
}

/// Reads a callback's body, which is JSON, as the answer to a question is read.
pub fn read_callback(query: &Query, body: &str) -> CallbackAnswer {
    let Ok(envelope) = Envelope::read(body.as_bytes()) else { return CallbackAnswer::Unknown };
    if envelope.refusal(&http::HeaderMap::new()).is_some() {
        return CallbackAnswer::Nothing;
    }
    match data(query, &envelope) {
        Some(json) => CallbackAnswer::Data(Data { json: json.to_owned(), partial: false }),
        None if envelope.is_frameworks_error() || !envelope.has_more => CallbackAnswer::Nothing,
        None => CallbackAnswer::Unknown,
    }
}

/// The part that is the answer. A balance comes without an envelope.
fn data<'a>(query: &Query, envelope: &Envelope<'a>) -> Option<&'a RawValue> {
    match query {
        Query::Balance if envelope.has_balance => Some(envelope.whole),
        Query::Balance | Query::Recharges { .. } | Query::RechargeSummary { .. } => envelope.data,
        Query::Usage { .. } | Query::UsageSummary { .. } => envelope.data,
    }
}

fn is_taken(status: http::StatusCode) -> bool {
    status.is_success() || status.is_informational()
}

#[cfg(test)]
#[path = "consumption_tests.rs"]
mod tests;
