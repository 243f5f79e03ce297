//! Balance, recharges and usage (MTN Consumption v2). MTN answers most questions either at once or
//! later at a callback URL. Both answers are read in the same way.

use serde::Serialize;
use serde_json::value::RawValue;

use super::data::Data;
use super::envelope::{Envelope, accept};
use super::error::MtnError;
use crate::domain::date::Date;
use crate::domain::deferred::Question;
use crate::platform::http::Answer;

/// How MTN reacted to a question.
#[derive(Debug, Clone)]
pub enum Asked {
    /// It answered.
    Answered(Data),
    /// It will answer at the callback URL.
    Later,
}

/// What the body of a callback holds.
#[derive(Debug, Clone)]
pub enum CallbackAnswer {
    /// The answer.
    Data(Data),
    /// An envelope without data, or an error.
    Nothing,
    /// Something else, which is kept unchanged.
    Unknown,
}

/// The body of a question. Each question fills only the fields that MTN has for it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConsumptionRequest<'a> {
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

impl<'a> ConsumptionRequest<'a> {
    /// The body of `question`.
    pub(super) fn new(question: &'a Question, msisdn: &'a str, callback_url: &'a str) -> Self {
        let callback_url = question.may_answer_later().then_some(callback_url);
        let request = Self { msisdn, callback_url, ..Self::default() };
        match question {
            Question::Balance => request,
            Question::Recharges { start, end, page, limit }
            | Question::RechargeSummary { start, end, page, limit } => Self {
                start_date: start.map(Date::compact),
                end_date: end.map(Date::compact),
                page_number: *page,
                page_size: *limit,
                ..request
            },
            Question::Usage { start, end, kind, page, sort } => Self {
                usage_type: kind.as_deref(),
                start_date: Some(start.day_first()),
                end_date: end.map(Date::day_first),
                page_number: *page,
                sort: sort.as_deref(),
                ..request
            },
            Question::UsageSummary { start, end, kind } => Self {
                usage_type: kind.as_deref(),
                start_date: start.map(Date::day_first),
                end_date: end.map(Date::day_first),
                ..request
            },
        }
    }
}

/// The path of a question.
pub(super) fn path(question: &Question) -> &'static str {
    match question {
        Question::Balance => "/v2/consumption/balance",
        Question::Recharges { .. } => "/v2/consumption/recharge/history",
        Question::RechargeSummary { .. } => "/v2/consumption/recharge/airtime/summation",
        Question::Usage { .. } => "/v2/consumption/usageHistory",
        Question::UsageSummary { .. } => "/v2/consumption/usageSummation",
    }
}

/// Reads the answer to a question.
pub(super) fn asked(question: &Question, answer: &Answer) -> Result<Asked, MtnError> {
    let blank = answer.body.iter().all(u8::is_ascii_whitespace);
    let json = match accept(answer) {
        Ok(envelope) => data(question, &envelope).map(RawValue::to_owned),
        Err(MtnError::Unavailable(_)) if blank && is_accepted(answer.status) => None,
        Err(error) => return Err(error),
    };
    match json {
        Some(json) => Ok(Asked::Answered(Data { json, partial: answer.status.as_u16() == 207 })),
        None if question.may_answer_later() => Ok(Asked::Later),
        None => Err(MtnError::no_data()),
    }
}

/// Reads the body of a callback, which is JSON, in the same way as an immediate answer.
pub fn read_callback(question: &Question, body: &str) -> CallbackAnswer {
    let Ok(envelope) = Envelope::read(body.as_bytes()) else { return CallbackAnswer::Unknown };
    if envelope.refusal(&http::HeaderMap::new()).is_some() {
        return CallbackAnswer::Nothing;
    }
    match data(question, &envelope) {
        Some(json) => CallbackAnswer::Data(Data { json: json.to_owned(), partial: false }),
        None if envelope.is_framework_error() || !envelope.has_more => CallbackAnswer::Nothing,
        None => CallbackAnswer::Unknown,
    }
}

/// The part that is the answer. A balance may come without an envelope.
fn data<'a>(question: &Question, envelope: &Envelope<'a>) -> Option<&'a RawValue> {
    let is_bare_balance = *question == Question::Balance && envelope.has_balance();
    if is_bare_balance { Some(envelope.whole) } else { envelope.data() }
}

fn is_accepted(status: http::StatusCode) -> bool {
    status.is_success() || status.is_informational()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::http::NoAnswer;
    use crate::provider::test_support::answer;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn usage() -> Question {
        Question::Usage { start: date("2024-07-01"), end: None, kind: None, page: None, sort: None }
    }

    fn summary() -> Question {
        Question::UsageSummary { start: None, end: None, kind: None }
    }

    fn all() -> [Question; 5] {
        let (start, end, page, limit) = (None, None, None, None);
        let recharges = Question::Recharges { start, end, page, limit };
        let sums = Question::RechargeSummary { start, end, page, limit };
        [Question::Balance, recharges, sums, usage(), summary()]
    }

    /// The data, `later`, or the name of the error.
    fn read(question: &Question, status: u16, body: &str) -> String {
        match asked(question, &answer(status, body)) {
            Ok(Asked::Answered(data)) => {
                assert_eq!(data.partial, status == 207);
                data.json.get().to_owned()
            }
            Ok(Asked::Later) => "later".to_owned(),
            Err(MtnError::Unavailable(_)) => "unavailable".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// The data, `nothing` or `unknown`.
    fn called_back(question: &Question, body: &str) -> String {
        match read_callback(question, body) {
            CallbackAnswer::Data(data) => data.json.get().to_owned(),
            CallbackAnswer::Nothing => "nothing".to_owned(),
            CallbackAnswer::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn data_that_is_not_null_is_passed_on_unchanged() {
        let values = [
            "{}",
            "[]",
            "0",
            r#""""#,
            "false",
            r#"{"usage":[],"new":[1.50,1e2, 12345678901234567890],"pageNumber":"1"}"#,
        ];
        for question in all() {
            for value in values {
                for body in [
                    format!(r#"{{"status":"SUCCESS","message":"m","data": {value} }}"#),
                    format!(r#"{{"statusCode":"0000","data":{value}}}"#),
                    format!(r#"{{"statusCode":"7777","data":{value},"error":"e"}}"#),
                    format!(r#"{{"statusCode":"1004","data":{value}}}"#),
                ] {
                    for status in [200, 201, 202, 207] {
                        assert_eq!(read(&question, status, &body), value, "{question:?} {body}");
                    }
                    assert_eq!(called_back(&question, &body), value, "{question:?} {body}");
                }
            }
        }
    }

    #[test]
    fn balance_comes_with_or_without_an_envelope() {
        for body in [
            r#"{"mainBalance":[{"amount":"1000.00","currency":"NGN"}],"bundles":[]}"#,
            r#"{"mainBalance":[],"bundles":null}"#,
            r#"{"mainBalance":null, "bundles":[ ]}"#,
            r#"{"status":"SUCCESS","bundles":[{"dataAmount":500.0}],"new":1.50}"#,
            r#"{"mainBalance":[],"data":{"x":1}}"#,
        ] {
            assert_eq!(read(&Question::Balance, 200, body), body);
            assert_eq!(called_back(&Question::Balance, body), body);
        }
        let wrapped = r#"{"data":{"mainBalance":[1.50]}}"#;
        assert_eq!(read(&Question::Balance, 200, wrapped), r#"{"mainBalance":[1.50]}"#);
        let none = r#"{"mainBalance":null,"bundles":null,"data":null}"#;
        assert_eq!(read(&Question::Balance, 200, none), "later");
        assert_eq!(called_back(&Question::Balance, none), "nothing");
        // A balance is not an answer to another question.
        let bare = r#"{"mainBalance":[]}"#;
        assert_eq!(read(&usage(), 200, bare), "later");
        assert_eq!(called_back(&usage(), bare), "unknown");
    }

    #[test]
    fn answer_without_data_comes_later_if_the_question_allows() {
        for question in all() {
            let expected = if question.may_answer_later() { "later" } else { "unavailable" };
            for (status, body) in [
                (200, "{}"),
                (200, r#"{"status":"SUCCESS","message":"m","data":null}"#),
                (200, r#"{"statusCode":"0000"}"#),
                (200, r#"{"statusCode":"7777","statusMessage":"m"}"#),
                (200, r#"{"statusCode":"1004"}"#),
                (500, r#"{"statusCode":1004}"#),
                (201, r#"{"status":"PENDING"}"#),
                (202, r#"{"data":null}"#),
                (102, "{}"),
                (102, ""),
                (200, ""),
                (202, " \n"),
                (204, ""),
            ] {
                assert_eq!(read(&question, status, body), expected, "{question:?} {status} {body}");
            }
        }
    }

    #[test]
    fn errors_are_the_same_for_every_question() {
        for question in all() {
            for (status, body, expected) in [
                (200, r#"{"statusCode":"5000"}"#, "MTN refused the request with 5000"),
                (200, r#"{"statusCode":3001,"data":{}}"#, "unavailable"),
                (200, r#"{"statusCode":"1007"}"#, "MTN did not answer in time"),
                (400, r#"{"statusMessage":"m"}"#, "MTN refused the request with http_400"),
                (404, r#"{"data":null}"#, "MTN knows no such customer"),
                (500, r#"{"statusMessage":"m","data":{"x":1}}"#, "unavailable"),
                (500, "", "unavailable"),
                (404, "", "unavailable"),
                (200, "<html>", "unavailable"),
                (202, "<html>", "unavailable"),
            ] {
                assert_eq!(read(&question, status, body), expected, "{question:?} {status} {body}");
            }
        }
        for reason in [NoAnswer::Timeout, NoAnswer::Broken] {
            assert!(MtnError::from(reason).may_answer_later());
        }
        let too_large = MtnError::from(NoAnswer::TooLarge);
        for refusal in [MtnError::Rejected("1001".into()), MtnError::UnknownCustomer, too_large] {
            assert!(!refusal.may_answer_later());
        }
    }

    #[test]
    fn empty_callback_is_distinguished_from_an_unknown_one() {
        for question in all() {
            for body in [
                "{}",
                r#"{"data":null}"#,
                r#"{"status":"SUCCESS","message":"m","transactionId":"1","data":null,"x":null}"#,
                r#"{"statusCode":"5001","statusMessage":"m","data":{"x":1}}"#,
                r#"{"statusCode":"1000","x":1}"#,
                r#"{"statusCode":"0000","statusMessage":"m"}"#,
                r#"{"statusCode":"7777","supportMessage":"m"}"#,
                r#"{"statusMessage":"m","path":"/p","method":"POST","timestamp":"t"}"#,
                r#"{"timestamp":"t","status":500,"error":"e","message":"m","path":"/p","trace":"x"}"#,
            ] {
                assert_eq!(called_back(&question, body), "nothing", "{question:?} {body}");
            }
            let deep = format!(r#"{{"data":{}{}}}"#, "[".repeat(200), "]".repeat(200));
            for body in [
                r#"{"usage":[],"period":"p"}"#,
                r#"{"statusCode":"0000","statusMessage":"m","result":{"x":1}}"#,
                r#"{"data":null,"records":[]}"#,
                r#"{"data":1,"data":2}"#,
                "[]",
                "null",
                "7",
                r#""text""#,
                &deep,
            ] {
                assert_eq!(called_back(&question, body), "unknown", "{question:?} {body:.60}");
            }
        }
    }

    #[test]
    fn question_is_stored_and_read_again() {
        let names = ["balance", "recharges", "recharge_summary", "usage", "usage_summary"];
        for (question, name) in all().into_iter().zip(names) {
            let json = serde_json::to_value(&question).unwrap();
            assert_eq!((question.operation(), json["operation"].as_str()), (name, Some(name)));
            assert_eq!(serde_json::from_value::<Question>(json).unwrap(), question);
            assert_eq!(question.may_answer_later(), name != "usage_summary");
        }
        let text = r#"{"operation":"usage","start":"2024-07-01","kind":"voice"}"#;
        let read: Question = serde_json::from_str(text).unwrap();
        let kind = Some("voice".to_owned());
        let start = date("2024-07-01");
        assert_eq!(read, Question::Usage { start, end: None, kind, page: None, sort: None });
        assert!(serde_json::from_str::<Question>(r#"{"operation":"usage"}"#).is_err());
        assert!(serde_json::from_str::<Question>(r#"{"operation":"other"}"#).is_err());
    }

    #[test]
    fn debug_does_not_print_personal_data() {
        let CallbackAnswer::Data(data) = read_callback(&usage(), r#"{"data":"2348031234567"}"#)
        else {
            panic!("this is data")
        };
        let printed = format!("{:?} {:?}", data.clone(), Asked::Answered(data));
        assert!(!printed.contains("2348031234567"), "{printed}");
    }
}
