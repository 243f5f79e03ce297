//! Fuzz tests of VTpass's answers.

use fuzzing::{Choices, fuzz};

use super::balance::balance;
use super::call::OrderCall;
use super::catalogue::catalogue;
use super::field::{Field, naira};
use super::judgement::judge;
use super::order_answer::OrderAnswer;
use super::read::accept;
use crate::domain::ids::ProviderReference;
use crate::domain::money::Kobo;
use crate::domain::purchase::{Order, Outcome, Recipient, Verdict};
use crate::provider::test_support::any_answer;

const ID: &str = "202407171216p1";
const NUMBER: &str = "08011111111";
/// A number that no answer and no error may show.
const STRANGER: &str = "2348039998877";
const SAMPLES: [&str; 5] = [
    r#"{"code":"000","content":{"transactions":{"status":"delivered","unique_element":"08011111111",
    "amount":100,"phone":"2348039998877"}},"requestId":"202407171216p1"}"#,
    r#"{"code":"040","requestId":"202407171216p1","content":{"transactions":{"status":"reversed",
    "unique_element":"2348011111111","amount":"100.00"}}}"#,
    r#"{"code":"016","content":{"transactions":{"status":"failed"}}}"#,
    r#"{"code":15,"response_description":"REQUEST ID DOES NOT EXIST"}"#,
    r#"{"code":"099","content":{"transactions":{"status":"pending","amount":100.0}}}"#,
];
const WORDS: [&str; 28] = [
    "000",
    "001",
    "015",
    "016",
    "018",
    "040",
    "044",
    "087",
    "091",
    "099",
    "777",
    "delivered",
    "DELIVERED",
    "failed",
    "reversed",
    "pending",
    "initiated",
    "resolved",
    "processing",
    ID,
    STRANGER,
    NUMBER,
    "code",
    "content",
    "status",
    "requestId",
    "amount",
    "unique_element",
];
const CATALOGUES: [&str; 3] = [
    r#"{"response_description":"000","content":{"ServiceName":"9mobile Data","serviceID":"glo-data",
    "varations":[{"variation_code":"a","name":"n","variation_amount":"100.00","fixedPrice":"Yes"},
    {"variation_code":"b","name":"n","variation_amount":50,"fixedPrice":"No"}]}}"#,
    r#"{"content":{"variations":[{"variation_code":"a","variation_amount":"100"},
    {"variation_code":"a","variation_amount":100.0},{"variation_code":"b","variation_amount":50},
    {"variation_code":"b","variation_amount":60}]}}"#,
    r#"{"code":"012","content":{"errors":"2348039998877"}}"#,
];
const CATALOGUE_WORDS: [&str; 14] = [
    "a",
    "b",
    "100.00",
    "100",
    "Yes",
    "No",
    "012",
    "034",
    "087",
    "variations",
    "varations",
    "glo-data",
    "fixedPrice",
    STRANGER,
];

fn judged(call: OrderCall, status: u16, body: &[u8]) -> Outcome {
    let (reference, recipient) =
        (ProviderReference::new(ID), Recipient::parse(NUMBER, false).unwrap());
    let order = Order {
        reference: &reference,
        service_id: "glo",
        recipient: &recipient,
        variation_code: None,
        amount: Kobo::new(10_000).unwrap(),
    };
    judge(call, Ok(any_answer(status, body)), &order)
}

fn status(choices: &mut Choices<'_>) -> u16 {
    *choices.pick(&[200, 200, 200, 201, 302, 400, 401, 404, 408, 422, 429, 500, 503])
}

/// The codes by which VTpass refuses a `pay`.
const REFUSALS: [&str; 22] = [
    "010", "011", "012", "013", "016", "017", "018", "020", "021", "022", "023", "024", "027",
    "028", "030", "031", "032", "034", "035", "085", "087", "091",
];

/// Whether a document proves a verdict about the order of [`judged`]. It reads the document as a
/// whole, unlike the code under test.
fn proves(call: OrderCall, status: u16, body: &[u8], verdict: Verdict) -> bool {
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(body) else { return false };
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.trim().to_lowercase(),
        serde_json::Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let code = format!("{:0>3}", text(&document["code"]));
    let inner = text(&document["content"]["transactions"]["status"]);
    let id = text(&document["requestId"]);
    let success = (200..300).contains(&status);
    let answered = success || (400..500).contains(&status) && ![408, 425, 429].contains(&status);
    let by_status = match call {
        OrderCall::Pay => code == "000",
        OrderCall::Requery => ["000", "001"].contains(&&*code),
    };
    let not_charged = ["", "failed", "reversed"].contains(&&*inner);
    let is_listed = match verdict {
        Verdict::Delivered => success && by_status && inner == "delivered",
        Verdict::Reversed if code == "040" => success && not_charged,
        Verdict::Reversed => success && by_status && inner == "reversed",
        Verdict::Failed if by_status => success && inner == "failed",
        Verdict::Failed => match call {
            OrderCall::Pay => answered && not_charged && REFUSALS.contains(&&*code),
            OrderCall::Requery => success && not_charged && ["016", "091"].contains(&&*code),
        },
        Verdict::NeedsReview | Verdict::Pending | Verdict::Unclear => true,
    };
    is_listed && (id.is_empty() || id == ID)
}

#[test]
fn an_answer_settles_an_order_only_by_a_documented_proof() {
    fuzz(|choices| {
        let call = *choices.pick(&[OrderCall::Pay, OrderCall::Requery]);
        let (status, body) = (status(choices), choices.body(&SAMPLES, &WORDS));
        let outcome = judged(call, status, &body);
        let shown = String::from_utf8_lossy(&body);
        if outcome.verdict.proves().is_some() {
            assert!(
                proves(call, status, &body, outcome.verdict),
                "{call:?} {status} {shown} {outcome:?}"
            );
        }
        assert!(!outcome.unknown_reference || outcome.verdict == Verdict::Unclear, "{shown}");
        let kept = format!("{} {}", outcome.code, outcome.note);
        assert!(!kept.contains(STRANGER) && !kept.contains(NUMBER), "{kept}");
        assert!(outcome.code.len() <= 16, "{kept}");
    });
}

#[test]
fn an_unlisted_status_never_settles() {
    fuzz(|choices| {
        let word =
            choices.text(&["processing", "success", "ok", "delivered now", "fail", "undelivered"]);
        let listed = ["initiated", "pending", "delivered", "failed", "reversed", "resolved"];
        if word.trim().is_empty() || listed.contains(&word.trim().to_lowercase().as_str()) {
            return;
        }
        let status = serde_json::Value::from(word);
        let body =
            format!(r#"{{"code":"000","content":{{"transactions":{{"status":{status}}}}}}}"#);
        for call in [OrderCall::Pay, OrderCall::Requery] {
            let outcome = judged(call, 200, body.as_bytes());
            assert_eq!(outcome.verdict, Verdict::Unclear, "{body}");
        }
    });
}

#[test]
fn an_answer_is_read_only_as_one_object_with_a_code() {
    fuzz(|choices| {
        let body = choices.body(&SAMPLES, &WORDS);
        let read = OrderAnswer::read(&body);
        let value = serde_json::from_slice::<serde_json::Value>(&body);
        if let Ok(answer) = read {
            let value = value.expect("what is read is JSON");
            assert!(value.is_object() && !value["code"].is_null(), "{value}");
            assert!(answer.code_text.len() <= "unrecognised".len(), "{}", answer.code_text);
        }
    });
}

#[test]
fn an_amount_is_the_same_as_a_text_and_as_a_number() {
    fuzz(|choices| {
        let number = choices.json(&["100", "0.5", "99.995", "48.5"], &["100.00"]);
        let raw = |json: String| serde_json::value::RawValue::from_string(json).unwrap();
        if !number.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            return;
        }
        let (plain, text) = (raw(number.clone()), raw(format!("\"{number}\"")));
        assert_eq!(naira(Some(&plain)), naira(Some(&text)), "{number}");
        if let Ok(whole) = number.parse::<u64>() {
            let expected = whole.checked_mul(100).and_then(|kobo| Kobo::new(kobo).ok());
            assert_eq!(naira(Some(&plain)), expected.map_or(Field::Invalid, Field::Value));
            assert_eq!(naira(Some(&raw(format!("{whole}.00")))), naira(Some(&plain)));
        }
    });
}

#[test]
fn a_catalogue_sells_each_code_once_and_at_a_price() {
    fuzz(|choices| {
        let body = choices.body(&CATALOGUES, &CATALOGUE_WORDS);
        match catalogue(&body, "glo-data") {
            Ok(catalogue) => {
                assert_eq!(catalogue.service_id, "glo-data");
                let mut codes: Vec<_> =
                    catalogue.variations.iter().map(|it| &it.variation_code).collect();
                codes.sort();
                let count = codes.len();
                codes.dedup();
                assert_eq!(codes.len(), count, "a code is sold twice");
                for it in &catalogue.variations {
                    assert!(!it.variation_code.is_empty(), "{it:?}");
                    assert!(!it.fixed_price || it.amount.kobo() > 0, "{it:?}");
                    assert!(it.amount <= Kobo::MAX, "{it:?}");
                }
            }
            Err(error) => assert!(!error.to_string().contains(STRANGER), "{error}"),
        }
    });
}

#[test]
fn a_refused_read_shows_nothing_of_its_body() {
    fuzz(|choices| {
        let status = status(choices);
        let answer = any_answer(status, &choices.body(&CATALOGUES, &CATALOGUE_WORDS));
        match accept(Ok(answer)) {
            Ok(answer) => assert!(answer.status.is_success()),
            Err(error) => assert!(!error.to_string().contains(STRANGER), "{error}"),
        }
    });
}

#[test]
fn a_balance_that_is_read_is_an_amount_and_what_is_refused_shows_nothing() {
    let samples = [
        r#"{"code":1,"contents":{"balance":1081.8199999998}}"#,
        r#"{"code":"087","content":{"errors":"2348039998877"}}"#,
    ];
    let words = ["contents", "content", "balance", "-1", "1e9", "50.005", "null", STRANGER];
    fuzz(move |choices| match balance(&choices.body(&samples, &words)) {
        Ok(balance) => assert!(balance <= Kobo::MAX),
        Err(error) => assert!(!error.to_string().contains(STRANGER), "{error}"),
    });
}
