use super::*;
use crate::provider::test_support::answer;

const WALLET: Option<Alarm> = Some(Alarm::MtnWalletLow);
const CREDENTIALS: Option<Alarm> = Some(Alarm::MtnRefusesCredentials);
const ENVELOPES: [&str; 3] = [
    r#"{"timestamp":"t","status":400,"error":"Bad Request","message":"m","path":"/p"}"#,
    r#"{"statusMessage":"m","supportMessage":"m","timestamp":"t"}"#,
    r#"{"statusCode":"7777","statusMessage":"m"}"#,
];

fn naira(naira: u64) -> Kobo {
    Kobo::new(naira * 100).unwrap()
}

fn voucherless() -> Refill<'static> {
    Refill::Voucherless { profile_id: "p", amount: naira(100) }
}

fn outcome_of(status: u16, body: &str) -> Outcome {
    judge(Ok(answer(status, body)), &voucherless())
}

fn verdict(status: u16, body: &str) -> Verdict {
    outcome_of(status, body).verdict
}

fn coded(code: &str) -> String {
    format!(r#"{{"statusCode":"{code}","statusMessage":"m"}}"#)
}

#[test]
fn success_is_delivered() {
    let full = r#"{"statusCode":"0000","statusMessage":"m","data":{"amount":"100",
        "currencyCode":"NGN"},"_link":{"self":{"href":"u"}}}"#;
    let expected = Outcome {
        amount: Some(naira(100)),
        ..Outcome::new(Verdict::Delivered, "0000", "MTN delivered")
    };
    assert_eq!(outcome_of(200, full), expected);
    for (body, code, amount) in [
        ("{}", "http_200", None),
        (r#"{"statusCode":null,"data":null}"#, "http_200", None),
        (r#"{"statusCode":0}"#, "0000", None),
        (r#"{"statusCode":"0000","data":{"amount":100}}"#, "0000", Some(naira(100))),
        (r#"{"statusCode":"0000","data":{"amount":"100.00"}}"#, "0000", Some(naira(100))),
        (r#"{"statusCode":"0000","data":{"amount":"about 100"}}"#, "0000", None),
        (r#"{"statusCode":"0000","data":{"status":"SUCCESS"}}"#, "0000", None),
        (r#"{"statusCode":"0000","status":200,"error":null}"#, "0000", None),
        (r#"{"statusCode":"0000","data":[]}"#, "0000", None),
    ] {
        let outcome = outcome_of(200, body);
        assert_eq!(outcome.verdict, Verdict::Delivered, "{body}");
        let shown = (outcome.code.as_str(), outcome.amount, outcome.alarm);
        assert_eq!(shown, (code, amount, None), "{body}");
    }
}

#[test]
fn success_that_contradicts_itself_needs_review() {
    for body in [
        r#"{"statusCode":"0000","status":500,"error":"e"}"#,
        r#"{"status":400}"#,
        r#"{"statusCode":"0000","status":"FAILED"}"#,
        r#"{"statusCode":"0000","data":{"amount":"100","status":"PENDING"}}"#,
        r#"{"statusCode":"0000","data":{"amount":"100","status":"In_Progress"}}"#,
        r#"{"statusCode":"0000","data":{"status":"failed"}}"#,
        r#"{"statusCode":"0000","status":"PENDING"}"#,
        r#"{"statusCode":"0000","status":"accepted","data":{"amount":"100"}}"#,
        r#"{"statusCode":"0000","data":{"amount":"100","actionStatus":"Pending"}}"#,
        r#"{"statusCode":"0000","data":{"status":"SUCCESS","actionStatus":"FAILED"}}"#,
        r#"{"statusCode":"0000","data":{"status":"SUCCESS","serialStatus":"in-progress"}}"#,
        r#"{"statusCode":"0000","data":{"amount":"50"}}"#,
        r#"{"statusCode":"0000","data":{"amount":"100","currencyCode":"USD"}}"#,
        r#"{"statusCode":"0000","data":{"amount":"1","amount":"100"}}"#,
        r#"{"statusCode":"0","data":null}"#,
        r#"{"statusCode":"200"}"#,
        r#"{"statusCode":true}"#,
        r#"{"statusCode":"0000","statusCode":"5001"}"#,
        ENVELOPES[0],
    ] {
        assert_eq!(verdict(200, body), Verdict::NeedsReview, "{body}");
    }
    for code in ["1000", "1001", "1004", "1007", "3001", "4000", "5001", "6000", "6001", "7777"] {
        let outcome = outcome_of(200, &coded(code));
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::NeedsReview, code));
    }
    // The value of a voucher is not known beforehand.
    let code = SecretString::from("v");
    let fifty = answer(200, r#"{"statusCode":"0000","data":{"amount":"50"}}"#);
    let outcome = judge(Ok(fifty), &Refill::Voucher { code: &code });
    assert_eq!((outcome.verdict, outcome.amount), (Verdict::Delivered, Some(naira(50))));
}

#[test]
fn refusal_with_an_error_envelope_is_failed() {
    for status in [400, 401, 403, 404] {
        for body in ENVELOPES {
            assert_eq!(verdict(status, body), Verdict::Failed, "{status} {body}");
        }
        for code in ["1000", "1001", "1002", "1003", "1013", "3006", "4000", "4001", "5000"] {
            assert_eq!(verdict(status, &coded(code)), Verdict::Failed, "{status} {code}");
        }
        for code in ["5001", "6000", "6001"] {
            let outcome = outcome_of(status, &coded(code));
            assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Failed, code));
        }
    }
    assert_eq!(outcome_of(404, ENVELOPES[0]).code, "http_404");
}

#[test]
fn refusal_without_proof_needs_review() {
    for status in [400, 401, 403, 404] {
        for code in ["0000", "1004", "1005", "1007", "1012", "2000", "3000", "3001", "3003"] {
            assert_eq!(verdict(status, &coded(code)), Verdict::NeedsReview, "{status} {code}");
        }
        for body in [
            "",
            "<html>",
            "null",
            "[]",
            "{}",
            r#"{"data":null}"#,
            r#"{"fault":{"faultstring":"x"}}"#,
            r#"{"statusCode":"5001","data":{"amount":"100"}}"#,
        ] {
            assert_eq!(verdict(status, body), Verdict::NeedsReview, "{status} {body}");
        }
        assert_eq!(outcome_of(status, "<html>").code, format!("http_{status}"));
    }
}

#[test]
fn every_other_http_status_needs_review() {
    let success = r#"{"statusCode":"0000","data":{"amount":"100"}}"#;
    let [coded_5001, coded_6001] = [coded("5001"), coded("6001")];
    for status in [
        201, 202, 204, 207, 301, 302, 402, 405, 406, 408, 409, 415, 422, 429, 500, 501, 502, 503,
        504, 599,
    ] {
        let [own, framework] = [ENVELOPES[1], ENVELOPES[0]];
        for body in [success, framework, own, "", "<html>", &coded_5001, &coded_6001] {
            assert_eq!(verdict(status, body), Verdict::NeedsReview, "{status} {body}");
        }
    }
    assert_eq!(outcome_of(502, "<html>").code, "http_502");
    assert_eq!(outcome_of(500, ENVELOPES[1]).code, "http_500");
    assert_eq!(outcome_of(500, &coded("3001")).code, "3001");
}

#[test]
fn unreadable_or_missing_answer_needs_review_with_a_code_of_ours() {
    for (body, code) in [
        ("", "unreadable"),
        ("<html>", "unreadable"),
        ("[]", "unreadable"),
        (r#"{"statusCode":"2348031234567"}"#, "unrecognised"),
        (r#"{"statusCode":["0000"]}"#, "unrecognised"),
    ] {
        let outcome = outcome_of(200, body);
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::NeedsReview, code));
    }
    for (reason, code) in [
        (NoAnswer::NotSent, "no_connection"),
        (NoAnswer::Timeout, "timeout"),
        (NoAnswer::Broken, "broken"),
        (NoAnswer::TooLarge, "too_large"),
    ] {
        let outcome = judge(Err(reason), &voucherless());
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::NeedsReview, code));
        assert_eq!(outcome.alarm, None);
    }
}

#[test]
fn refused_credentials_and_a_low_wallet_raise_an_alarm() {
    for (status, body, alarm) in [
        (401, coded("4000"), CREDENTIALS),
        (403, coded("4000"), CREDENTIALS),
        (400, coded("4000"), CREDENTIALS),
        (401, "<html>".to_owned(), CREDENTIALS),
        (403, ENVELOPES[0].to_owned(), CREDENTIALS),
        (403, coded("6000"), None),
        (403, coded("6001"), WALLET),
        (400, coded("6001"), WALLET),
        (500, coded("6001"), WALLET),
        (400, coded("5001"), None),
        (404, coded("1000"), None),
        (500, "<html>".to_owned(), None),
    ] {
        assert_eq!(outcome_of(status, &body).alarm, alarm, "{status} {body}");
    }
}

#[test]
fn amount_must_be_whole_naira() {
    for kobo in [0, 1, 99, 150_050] {
        let amount = Kobo::new(kobo).unwrap();
        assert_eq!(Refill::Voucherless { profile_id: "p", amount }.request(), None, "{kobo}");
    }
}

#[test]
fn debug_does_not_print_the_voucher() {
    let code = SecretString::from("7777-8888");
    assert!(!format!("{:?}", Refill::Voucher { code: &code }).contains("7777"));
}

#[test]
fn a_refusal_of_the_customer_the_tenant_or_us_is_no_fault_of_mtn() {
    for (status, code, is_ours) in [
        (404, "1000", true),
        (400, "1001", true),
        (400, "6000", true),
        (400, "6001", true),
        (401, "4000", true),
        (200, "0000", false),
        (500, "3001", false),
        (500, "9999", false),
    ] {
        let outcome = outcome_of(status, &coded(code));
        assert_eq!(outcome.is_our_fault, is_ours, "{status} {code}");
    }
    assert!(outcome_of(401, "{}").is_our_fault, "without a code");
}

#[test]
fn a_refill_that_was_not_sent_has_failed_and_says_whose_fault_it_is() {
    let refused = without_token(&TokenError::Refused(String::new()));
    assert_eq!((not_sent().verdict, refused.verdict), (Verdict::Failed, Verdict::Failed));
    assert!(not_sent().is_our_fault && refused.is_our_fault);
    assert_eq!((not_sent().alarm, refused.alarm), (None, CREDENTIALS));
    for error in [TokenError::RateLimited(None), TokenError::Unavailable(String::new())] {
        let outcome = without_token(&error);
        assert_eq!((outcome.verdict, outcome.is_our_fault), (Verdict::Failed, false));
        assert_eq!(outcome.alarm, None);
    }
}
