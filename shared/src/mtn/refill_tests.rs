use http::{HeaderMap, StatusCode};

use super::*;

const WALLET: Option<&str> = Some("mtn_wallet_low");
const CREDENTIALS: Option<&str> = Some("mtn_refuses_credentials");
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

fn refilled(status: u16, body: &str) -> Refilled {
    let status = StatusCode::from_u16(status).unwrap();
    let answer = Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
    judge(Ok(answer), &voucherless())
}

fn verdict(status: u16, body: &str) -> RefillVerdict {
    refilled(status, body).verdict
}

fn coded(code: &str) -> String {
    format!(r#"{{"statusCode":"{code}","statusMessage":"m"}}"#)
}

#[test]
fn a_success_is_delivered() {
    let full = r#"{"statusCode":"0000","statusMessage":"m","data":{"amount":"100",
        "currencyCode":"NGN"},"_link":{"self":{"href":"u"}}}"#;
    let expected = Refilled {
        verdict: RefillVerdict::Delivered,
        code: "0000".to_owned(),
        amount: Some(naira(100)),
        note: "MTN delivered",
        alarm: None,
    };
    assert_eq!(refilled(200, full), expected);
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
        let Refilled { verdict, code: shown, amount: given, alarm, .. } = refilled(200, body);
        assert_eq!(verdict, RefillVerdict::Delivered, "{body}");
        assert_eq!((shown.as_str(), given, alarm), (code, amount, None), "{body}");
    }
}

#[test]
fn a_success_that_contradicts_itself_is_unclear() {
    for body in [
        r#"{"statusCode":"0000","status":500,"error":"e"}"#,
        r#"{"status":400}"#,
        r#"{"statusCode":"0000","status":"FAILED"}"#,
        r#"{"statusCode":"0000","data":{"status":"failed"}}"#,
        r#"{"statusCode":"0000","data":{"amount":"50"}}"#,
        r#"{"statusCode":"0000","data":{"amount":"100","currencyCode":"USD"}}"#,
        r#"{"statusCode":"0000","data":{"amount":"1","amount":"100"}}"#,
        r#"{"statusCode":"0","data":null}"#,
        r#"{"statusCode":"200"}"#,
        r#"{"statusCode":true}"#,
        r#"{"statusCode":"0000","statusCode":"5001"}"#,
        ENVELOPES[0],
    ] {
        assert_eq!(verdict(200, body), RefillVerdict::Unclear, "{body}");
    }
    for code in ["1000", "1001", "1004", "1007", "3001", "4000", "5001", "6000", "6001", "7777"] {
        let refilled = refilled(200, &coded(code));
        assert_eq!((refilled.verdict, refilled.code.as_str()), (RefillVerdict::Unclear, code));
    }
    // A voucher is worth what it is worth.
    let code = SecretString::from("v");
    let body = br#"{"statusCode":"0000","data":{"amount":"50"}}"#.to_vec();
    let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body };
    let refilled = judge(Ok(answer), &Refill::Voucher { code: &code });
    assert_eq!((refilled.verdict, refilled.amount), (RefillVerdict::Delivered, Some(naira(50))));
}

#[test]
fn a_refusal_with_an_error_envelope_is_failed() {
    for status in [400, 401, 403, 404] {
        for body in ENVELOPES {
            assert_eq!(verdict(status, body), RefillVerdict::Failed, "{status} {body}");
        }
        for code in ["1000", "1001", "1002", "1003", "1013", "3006", "4000", "4001", "5000"] {
            assert_eq!(verdict(status, &coded(code)), RefillVerdict::Failed, "{status} {code}");
        }
        for code in ["5001", "6000", "6001"] {
            let refilled = refilled(status, &coded(code));
            assert_eq!((refilled.verdict, refilled.code.as_str()), (RefillVerdict::Failed, code));
        }
    }
    assert_eq!(refilled(404, ENVELOPES[0]).code, "http_404");
}

#[test]
fn a_refusal_that_may_be_something_else_is_unclear() {
    for status in [400, 401, 403, 404] {
        for code in ["0000", "1004", "1005", "1007", "1012", "2000", "3000", "3001", "3003"] {
            assert_eq!(verdict(status, &coded(code)), RefillVerdict::Unclear, "{status} {code}");
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
            assert_eq!(verdict(status, body), RefillVerdict::Unclear, "{status} {body}");
        }
        assert_eq!(refilled(status, "<html>").code, format!("http_{status}"));
    }
}

#[test]
fn every_other_status_is_unclear() {
    let success = r#"{"statusCode":"0000","data":{"amount":"100"}}"#;
    for status in [201, 202, 204, 207, 301, 302, 402, 405, 406, 408, 409, 415, 422, 429] {
        for body in [success, ENVELOPES[0], ENVELOPES[1], "", "<html>", &coded("5001")] {
            assert_eq!(verdict(status, body), RefillVerdict::Unclear, "{status} {body}");
        }
    }
    for status in [500, 501, 502, 503, 504, 599] {
        for body in [success, ENVELOPES[0], "", "<html>", &coded("5001"), &coded("6001")] {
            assert_eq!(verdict(status, body), RefillVerdict::Unclear, "{status} {body}");
        }
    }
    assert_eq!(refilled(502, "<html>").code, "http_502");
    assert_eq!(refilled(500, ENVELOPES[1]).code, "http_500");
    assert_eq!(refilled(500, &coded("3001")).code, "3001");
}

#[test]
fn what_cannot_be_read_is_unclear_and_has_a_word() {
    for (body, code) in [
        ("", "unreadable"),
        ("<html>", "unreadable"),
        ("[]", "unreadable"),
        (r#"{"statusCode":"2348031234567"}"#, "unrecognised"),
        (r#"{"statusCode":["0000"]}"#, "unrecognised"),
    ] {
        let refilled = refilled(200, body);
        assert_eq!((refilled.verdict, refilled.code.as_str()), (RefillVerdict::Unclear, code));
    }
    for (reason, code) in [
        (NoAnswer::NotSent, "no_connection"),
        (NoAnswer::Timeout, "timeout"),
        (NoAnswer::Broken, "broken"),
    ] {
        let refilled = judge(Err(reason), &voucherless());
        assert_eq!((refilled.verdict, refilled.code.as_str()), (RefillVerdict::Unclear, code));
        assert_eq!(refilled.alarm, None);
    }
}

#[test]
fn an_operator_hears_of_refused_credentials_and_an_empty_wallet() {
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
        assert_eq!(refilled(status, &body).alarm, alarm, "{status} {body}");
    }
}

#[test]
fn an_amount_is_whole_naira() {
    let body = |kobo: u64| {
        let amount = Kobo::new(kobo).unwrap();
        let body = Refill::Voucherless { profile_id: "p", amount }.body();
        body.map(|body| serde_json::to_string(&body).unwrap())
    };
    let expected =
        r#"{"refillType":"voucherless","refillProfileId":"p","transactionAmount":"1500"}"#;
    assert_eq!(body(150_000).as_deref(), Some(expected));
    for kobo in [0, 1, 99, 150_050] {
        assert_eq!(body(kobo), None, "{kobo}");
    }
}

#[test]
fn a_voucher_does_not_print() {
    let code = SecretString::from("7777-8888");
    assert!(!format!("{:?}", Refill::Voucher { code: &code }).contains("7777"));
}
