use http::{HeaderMap, StatusCode};

use super::*;
use crate::upstream::NoAnswer;

fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn usage() -> Query {
    Query::Usage { start: date("2024-07-01"), end: None, kind: None, page: None, sort: None }
}

fn summary() -> Query {
    Query::UsageSummary { start: None, end: None, kind: None }
}

fn all() -> [Query; 5] {
    let (start, end, page, limit) = (None, None, None, None);
    let recharges = Query::Recharges { start, end, page, limit };
    let sums = Query::RechargeSummary { start, end, page, limit };
    [Query::Balance, recharges, sums, usage(), summary()]
}

/// The data, `later`, or the error's name.
fn read(query: &Query, status: u16, body: &str) -> String {
    let status = StatusCode::from_u16(status).unwrap();
    let answer = Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
    match asked(query, &answer) {
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
fn called_back(query: &Query, body: &str) -> String {
    match read_callback(query, body) {
        CallbackAnswer::Data(data) => data.json.get().to_owned(),
        CallbackAnswer::Nothing => "nothing".to_owned(),
        CallbackAnswer::Unknown => "unknown".to_owned(),
    }
}

#[test]
fn data_is_there_unless_it_is_null_and_comes_as_it_is() {
    let values = [
        "{}",
        "[]",
        "0",
        r#""""#,
        "false",
        r#"{"usage":[],"new":[1.50,1e2, 12345678901234567890],"pageNumber":"1"}"#,
    ];
    for query in all() {
        for value in values {
            for body in [
                format!(r#"{{"status":"SUCCESS","message":"m","data": {value} }}"#),
                format!(r#"{{"statusCode":"0000","data":{value}}}"#),
                format!(r#"{{"statusCode":"7777","data":{value},"error":"e"}}"#),
                format!(r#"{{"statusCode":"1004","data":{value}}}"#),
            ] {
                for status in [200, 201, 202, 207] {
                    assert_eq!(read(&query, status, &body), value, "{query:?} {body}");
                }
                assert_eq!(called_back(&query, &body), value, "{query:?} {body}");
            }
        }
    }
}

#[test]
fn a_balance_is_bare_or_in_an_envelope() {
    for body in [
        r#"{"mainBalance":[{"amount":"1000.00","currency":"NGN"}],"bundles":[]}"#,
        r#"{"mainBalance":[],"bundles":null}"#,
        r#"{"mainBalance":null, "bundles":[ ]}"#,
        r#"{"status":"SUCCESS","bundles":[{"dataAmount":500.0}],"new":1.50}"#,
        r#"{"mainBalance":[],"data":{"x":1}}"#,
    ] {
        assert_eq!(read(&Query::Balance, 200, body), body);
        assert_eq!(called_back(&Query::Balance, body), body);
    }
    let wrapped = r#"{"data":{"mainBalance":[1.50]}}"#;
    assert_eq!(read(&Query::Balance, 200, wrapped), r#"{"mainBalance":[1.50]}"#);
    let none = r#"{"mainBalance":null,"bundles":null,"data":null}"#;
    assert_eq!(read(&Query::Balance, 200, none), "later");
    assert_eq!(called_back(&Query::Balance, none), "nothing");
    // Of other questions a balance is no answer.
    let bare = r#"{"mainBalance":[]}"#;
    assert_eq!(read(&usage(), 200, bare), "later");
    assert_eq!(called_back(&usage(), bare), "unknown");
}

#[test]
fn without_data_the_answer_comes_later_where_it_may() {
    for query in all() {
        let expected = if query.may_answer_later() { "later" } else { "unavailable" };
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
            assert_eq!(read(&query, status, body), expected, "{query:?} {status} {body}");
        }
    }
}

#[test]
fn errors_are_errors_for_every_question() {
    for query in all() {
        for (status, body, expected) in [
            (200, r#"{"statusCode":"1000","data":null}"#, "MTN knows no such customer"),
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
            (200, "[]", "unavailable"),
        ] {
            assert_eq!(read(&query, status, body), expected, "{query:?} {status} {body}");
        }
    }
    for reason in [NoAnswer::Timeout, NoAnswer::Broken] {
        assert!(MtnError::from(reason).may_answer_later());
    }
}

#[test]
fn a_callback_that_says_nothing_is_told_from_one_nobody_knows() {
    for query in all() {
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
            assert_eq!(called_back(&query, body), "nothing", "{query:?} {body}");
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
            assert_eq!(called_back(&query, body), "unknown", "{query:?} {body:.60}");
        }
    }
}

#[test]
fn a_question_is_stored_and_read_again() {
    let names = ["balance", "recharges", "recharge_summary", "usage", "usage_summary"];
    for (query, name) in all().into_iter().zip(names) {
        let json = serde_json::to_value(&query).unwrap();
        assert_eq!((query.operation(), json["operation"].as_str()), (name, Some(name)));
        assert_eq!(serde_json::from_value::<Query>(json).unwrap(), query);
        assert_eq!(query.may_answer_later(), name != "usage_summary");
    }
    let text = r#"{"operation":"usage","start":"2024-07-01","kind":"voice"}"#;
    let read: Query = serde_json::from_str(text).unwrap();
    let kind = Some("voice".to_owned());
    let start = date("2024-07-01");
    assert_eq!(read, Query::Usage { start, end: None, kind, page: None, sort: None });
    assert!(serde_json::from_str::<Query>(r#"{"operation":"usage"}"#).is_err());
    assert!(serde_json::from_str::<Query>(r#"{"operation":"other"}"#).is_err());
}

#[test]
fn what_is_about_a_person_does_not_print() {
    let CallbackAnswer::Data(data) = read_callback(&usage(), r#"{"data":"2348031234567"}"#) else {
        panic!("this is data")
    };
    let printed = format!("{:?} {:?}", data.clone(), Asked::Answered(data));
    assert!(!printed.contains("2348031234567"), "{printed}");
}
