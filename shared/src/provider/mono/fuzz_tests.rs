//! Fuzz tests of Mono's answers.

use fuzzing::{Choices, fuzz};
use serde_json::Value;

use super::paging::point_links_at;
use super::wire::{accept, auth_answer, exchange_answer, verify_answer};
use crate::domain::ids::AccountId;
use crate::provider::test_support::any_answer;

/// What no error may show.
const SECRET: &str = "s3cr3t-of-mono";
const GATEWAY: &str = "https://gateway.example/accounts/a1/transactions";
const SAMPLES: [&str; 4] = [
    r#"{"status":"successful","data":{"session_id":"s3cr3t-of-mono","result":{"form":[
    {"name":"otp","minLength":4,"maxLength":"8"},{"name":"x"}]}}}"#,
    r#"{"status":"successful","message":"m","data":{"code":"s3cr3t-of-mono"}}"#,
    r#"{"status":"successful","data":{"id":"a1"},"meta":{"x":1.50}}"#,
    r#"{"_id":"a1","extra":11.10}"#,
];
const WORDS: [&str; 14] = [
    "data",
    "id",
    "_id",
    "code",
    "session_id",
    "result",
    "form",
    "otp",
    "minLength",
    "maxLength",
    "failed",
    "status",
    "a/b",
    SECRET,
];
const PAGES: [&str; 2] = [
    r#"{"paging":{"total":25,"previous":null,"next":"https://api.withmono.com/x?page=2"},
    "data":[{"amount":11.150}],"x":1e2}"#,
    r#"{"meta":{"next":"/v2/accounts/a1/transactions?page=3","previous":"?page=1"},"data":[]}"#,
];
const PAGE_WORDS: [&str; 9] = [
    "paging",
    "meta",
    "next",
    "previous",
    "?page=9",
    "https://other.example/x?a=b&a=c#d",
    "//h/p",
    "javascript:alert(1)",
    SECRET,
];

fn body(choices: &mut Choices<'_>) -> Vec<u8> {
    choices.body(&SAMPLES, &WORDS)
}

#[test]
fn an_otp_session_has_an_id_for_a_header_and_lengths_that_an_otp_can_have() {
    fuzz(|choices| {
        let body = body(choices);
        match auth_answer(&body) {
            Ok(answer) => {
                let id = &answer.session_id;
                assert!(!id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic()), "{id:?}");
                assert!(answer.otp_length.0 <= answer.otp_length.1, "{:?}", answer.otp_length);
                assert_eq!(answer.body.as_bytes(), body, "it is passed on whole");
            }
            Err(error) => {
                assert!(!error.contains(SECRET), "{error}");
                let whole: Value = serde_json::from_slice(&body).unwrap_or_default();
                let id = &whole.get("data").unwrap_or(&whole)["session_id"];
                let is_safe = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic());
                assert!(!id.as_str().is_some_and(is_safe), "nothing else is needed: {whole}");
            }
        }
    });
}

#[test]
fn a_code_is_taken_only_from_an_object_that_names_it() {
    fuzz(|choices| {
        let body = body(choices);
        match verify_answer(&body) {
            Ok(answer) => {
                let whole: Value = serde_json::from_slice(&body).unwrap();
                let data = whole.get("data").unwrap_or(&whole);
                assert_eq!(data["code"], answer.code);
                assert_eq!(answer.body.as_bytes(), body, "it is passed on whole");
            }
            Err(error) => assert!(!error.contains(SECRET), "{error}"),
        }
    });
}

#[test]
fn an_account_id_is_a_word_and_stands_in_the_answer() {
    fuzz(|choices| match exchange_answer(&body(choices)) {
        Ok(answer) => {
            assert!(AccountId::parse(answer.account_id.as_str()).is_some());
            // Mono's other fields may hold a number that no `Value` can hold.
            let Ok(shown) = serde_json::from_str::<Value>(&answer.body) else { return };
            assert_eq!(shown["id"], answer.account_id.as_str());
        }
        Err(error) => assert!(!error.contains(SECRET), "{error}"),
    });
}

#[test]
fn only_json_under_a_success_that_is_not_failed_is_accepted() {
    fuzz(|choices| {
        let status = *choices.pick(&[200, 201, 302, 400, 401, 403, 404, 408, 429, 500, 503]);
        let body = body(choices);
        let document = serde_json::from_slice::<Value>(&body);
        match accept(Ok(any_answer(status, &body))) {
            Ok(answer) => {
                assert!(answer.status.is_success());
                // A key that occurs twice is no report of a failure.
                let times = String::from_utf8_lossy(&body).matches("\"status\"").count();
                let failed = document.is_ok_and(|it| it["status"] == "failed");
                assert!(!failed || times > 1, "{}", String::from_utf8_lossy(&body));
            }
            Err(error) => {
                assert!(!error.to_string().contains(SECRET), "{error}");
                let failed = document.is_ok_and(|it| it.is_object());
                assert!(status >= 300 || failed || serde_json::from_slice::<Value>(&body).is_err());
            }
        }
    });
}

#[test]
fn rewritten_links_lead_to_the_gateway_and_nothing_else_changes() {
    fuzz(|choices| {
        let body = choices.body(&PAGES, &PAGE_WORDS);
        let Ok(body) = String::from_utf8(body) else { return };
        let query = choices.text(&["limit=10&page=1", "a=%20&a=b", ""]);
        let here = point_links_at(GATEWAY, &query, body.clone());
        // A number that no `Value` can hold is passed on, too.
        let Ok(mut before) = serde_json::from_str::<Value>(&body) else { return };
        let mut after: Value = serde_json::from_str(&here).unwrap();
        for (part, direction) in
            ["paging", "meta"].into_iter().flat_map(|part| [(part, "next"), (part, "previous")])
        {
            let Some(Value::String(link)) =
                after.get(part).and_then(|it| it.get(direction)).cloned()
            else {
                continue;
            };
            let was = before[part][direction].as_str().unwrap_or_default();
            let rewritten = link.split(['?', '#']).next() == Some(GATEWAY);
            assert!(rewritten || link == was, "{link}");
            before[part][direction] = Value::Null;
            after[part][direction] = Value::Null;
        }
        assert_eq!(before, after);
    });
}
