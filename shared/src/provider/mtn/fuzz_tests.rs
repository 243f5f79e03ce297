//! Fuzz tests of MTN's answers.

use fuzzing::{Choices, fuzz};
use serde_json::Value;

use super::consumption::{Asked, CallbackAnswer, asked, read_callback};
use super::envelope::{Envelope, accept};
use super::plans;
use super::refill::{Refill, judge};
use crate::domain::deferred::Question;
use crate::domain::money::Kobo;
use crate::domain::purchase::Verdict;
use crate::platform::crypto::SecretString;
use crate::provider::test_support::any_answer;

/// A number that no error and no history may show.
const NUMBER: &str = "2348039998877";
const SAMPLES: [&str; 7] = [
    r#"{"statusCode":"0000","statusMessage":"m","data":{"amount":"100","currencyCode":"NGN",
    "status":"SUCCESS"}}"#,
    r#"{"statusCode":"5000","statusMessage":"2348039998877","supportMessage":"2348039998877"}"#,
    r#"{"timestamp":"t","status":400,"error":"2348039998877","message":"m","path":"/p"}"#,
    r#"{"mainBalance":[{"amount":"1.50"}],"bundles":[]}"#,
    r#"{"statusCode":"1004","data":null}"#,
    r#"{"data":[1.50,{"x":12345678901234567890}]}"#,
    "{}",
];
const WORDS: [&str; 25] = [
    "statusCode",
    "statusMessage",
    "data",
    "status",
    "error",
    "mainBalance",
    "bundles",
    "amount",
    "currencyCode",
    "0000",
    "1000",
    "1001",
    "1004",
    "1007",
    "2000",
    "3003",
    "4000",
    "6001",
    "7777",
    "NGN",
    "ZAR",
    "FAILED",
    "100.00",
    "99",
    NUMBER,
];
const STATUSES: [u16; 14] = [200, 200, 200, 202, 207, 302, 400, 401, 403, 404, 408, 429, 500, 504];

fn body(choices: &mut Choices<'_>) -> Vec<u8> {
    choices.body(&SAMPLES, &WORDS)
}

fn question(choices: &mut Choices<'_>) -> Question {
    let (start, end, page, limit) = (None, None, None, None);
    let summary = Question::UsageSummary { start: None, end: None, kind: None };
    choices
        .pick(&[Question::Balance, Question::Recharges { start, end, page, limit }, summary])
        .clone()
}

#[test]
fn an_envelope_is_one_object_whose_fields_are_those_of_the_document() {
    fuzz(|choices| {
        let body = body(choices);
        let Ok(envelope) = Envelope::read(&body) else { return };
        let whole: Value = serde_json::from_slice(&body).unwrap();
        assert!(whole.is_object());
        let data: Option<Value> =
            envelope.data().map(|raw| serde_json::from_str(raw.get()).unwrap());
        assert_eq!(data.as_ref(), whole.get("data").filter(|data| !data.is_null()));
        let kept = envelope.code.and_then(|code| code.text).unwrap_or_default();
        assert!(kept.len() <= 6 && kept.bytes().all(|b| b.is_ascii_alphanumeric()), "{kept}");
    });
}

#[test]
fn an_error_of_a_read_shows_nothing_of_its_body() {
    fuzz(|choices| {
        let status = *choices.pick(&STATUSES);
        let answer = any_answer(status, &body(choices));
        match accept(&answer) {
            Ok(envelope) => assert!(status < 300 || envelope.is_pending()),
            Err(error) => assert!(!error.to_string().contains(NUMBER), "{error}"),
        }
        if let Err(error) = plans::data(&answer) {
            assert!(!error.to_string().contains(NUMBER), "{error}");
        }
    });
}

#[test]
fn an_answer_is_a_part_of_the_body_as_mtn_wrote_it() {
    fuzz(|choices| {
        let (question, body) = (question(choices), body(choices));
        let text = String::from_utf8_lossy(&body).into_owned();
        match asked(&question, &any_answer(*choices.pick(&STATUSES), &body)) {
            Ok(Asked::Answered(data)) => assert!(text.contains(data.json.get()), "{text}"),
            Ok(Asked::Later) => assert!(question.may_answer_later(), "{text}"),
            Err(error) => assert!(!error.to_string().contains(NUMBER), "{error}"),
        }
        match read_callback(&question, &text) {
            CallbackAnswer::Data(data) => {
                assert!(text.contains(data.json.get()) && data.json.get() != "null", "{text}");
            }
            CallbackAnswer::Nothing => {
                assert!(serde_json::from_str::<Value>(&text).is_ok_and(|it| it.is_object()));
            }
            CallbackAnswer::Unknown => {}
        }
    });
}

/// Whether a document may prove a verdict about a refill of 100 naira. It reads the document as a
/// whole, unlike the code under test.
fn proves(status: u16, body: &[u8], verdict: Verdict) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        return verdict == Verdict::NeedsReview;
    };
    let code = match &document["statusCode"] {
        Value::String(code) => code.trim().to_owned(),
        Value::Number(code) if *code == 0.into() => "0000".to_owned(),
        other => other.to_string(),
    };
    let none = code.is_empty() || code == "null";
    match verdict {
        Verdict::Delivered => status == 200 && (none || code == "0000"),
        Verdict::Failed => {
            let unsure = ["0000", "1004", "1005", "1007", "1012", "2000", "3000", "3001", "3003"];
            [400, 401, 403, 404].contains(&status)
                && !unsure.contains(&&*code)
                && document["data"].is_null()
        }
        Verdict::Reversed => false,
        Verdict::NeedsReview | Verdict::Pending | Verdict::Unclear => true,
    }
}

#[test]
fn a_refill_is_settled_only_by_a_documented_proof() {
    fuzz(|choices| {
        let (status, body) = (*choices.pick(&STATUSES), body(choices));
        let amount = Kobo::new(10_000).unwrap();
        let code = SecretString::from("12345");
        let voucher = choices.once_in(2);
        let refill = match voucher {
            true => Refill::Voucher { code: &code },
            false => Refill::Voucherless { profile_id: "p", amount },
        };
        let outcome = judge(Ok(any_answer(status, &body)), &refill);
        let shown = String::from_utf8_lossy(&body);
        assert!(proves(status, &body, outcome.verdict), "{status} {shown} {outcome:?}");
        let waits = [Verdict::Delivered, Verdict::Failed, Verdict::NeedsReview];
        assert!(waits.contains(&outcome.verdict), "nobody can be asked later: {outcome:?}");
        if outcome.verdict == Verdict::Delivered && !voucher {
            assert!(outcome.amount.is_none_or(|it| it == amount), "{shown} {outcome:?}");
        }
        let kept = format!("{} {}", outcome.code, outcome.note);
        assert!(!kept.contains(NUMBER), "{kept}");
    });
}
