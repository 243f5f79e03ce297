mod acknowledged;
mod cost;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::OrderCall::{Pay, Requery};
use super::*;
use crate::domain::ids::ProviderReference;
use crate::domain::money::Kobo;
use crate::domain::purchase::{
    Recipient, TEST_NO_RESPONSE, TEST_PENDING, TEST_TIMEOUT, TEST_UNEXPECTED,
};
use crate::provider::test_support;

const ID: &str = "202407171216p1";
/// The sample of *9mobile Data* with our id. Its `phone` is the account's, not the recipient's.
const DELIVERED: &str = r#"{"code":"000","content":{"transactions":{"status":"delivered",
    "product_name":"9mobile Data","unique_element":"08011111111","unit_price":100,"quantity":1,
    "service_verification":null,"channel":"api","commission":4,"total_amount":96,"discount":null,
    "type":"Data Services","email":"us@example.com","phone":"07061933309","name":null,
    "convinience_fee":0,"amount":100,"platform":"api","method":"api",
    "transactionId":"1582290782154"}},"response_description":"done",
    "requestId":"202407171216p1","amount":"100.00","transaction_date":{"date":
    "2020-02-21 14:13:02.000000","timezone_type":3,"timezone":"Africa/Lagos"},
    "purchased_code":""}"#;
/// A reversal. The outer amount is what we got back, the inner one is the face value.
const REVERSED: &str = r#"{"code":"040","response_description":"reversal",
    "requestId":"202407171216p1","amount":48.5,"transaction_date":null,"wallet_credit_id":"17",
    "content":{"transactions":{"status":"reversed","unique_element":"08011111111","amount":50,
    "total_amount":48.5,"commission":1.5}}}"#;

static REFERENCE: LazyLock<ProviderReference> = LazyLock::new(|| ProviderReference::new(ID));
static RECIPIENT: LazyLock<Recipient> =
    LazyLock::new(|| Recipient::parse("08011111111", false).unwrap());

fn order(kobo: u64) -> Order<'static> {
    Order {
        reference: &REFERENCE,
        service_id: "etisalat-data",
        recipient: &RECIPIENT,
        variation_code: Some("eti-100"),
        amount: Kobo::new(kobo).unwrap(),
    }
}

fn answer(call: OrderCall, status: u16, body: &str, order: &Order<'_>) -> Outcome {
    judge(call, Ok(test_support::answer(status, body)), order)
}

fn on(call: OrderCall, body: &str) -> Outcome {
    answer(call, 200, body, &order(10_000))
}

fn coded(code: &str, inner: Option<&str>) -> String {
    match inner {
        Some(status) => format!(
            r#"{{"code":"{code}","requestId":"{ID}",
            "content":{{"transactions":{{"status":"{status}","amount":"100.0"}}}}}}"#
        ),
        None => format!(r#"{{"code":"{code}"}}"#),
    }
}

/// An answer without a request id, with this status and this other field of the transaction.
fn inside(code: &str, status: &str, field: &str) -> String {
    format!(
        r#"{{"code":"{code}","requestId":"{ID}",
        "content":{{"transactions":{{"status":"{status}",{field}}}}}}}"#
    )
}

const CALLS: [OrderCall; 2] = [Pay, Requery];
const STATUSES: [&str; 9] = [
    "initiated",
    "pending",
    "delivered",
    "failed",
    "reversed",
    "resolved",
    "processing",
    "DELIVERED",
    "",
];

/// What codes mean without content: verdict on pay, verdict on requery, acknowledged, alarm.
type Meaning = (Verdict, Verdict, bool, Option<Alarm>);

/// Every code, by what it means.
const MEANINGS: [(&[&str], Meaning); 14] = {
    use Verdict::{Failed as F, NeedsReview as N, Pending as P, Reversed as R, Unclear as U};
    [
        (&["000", "001", "014"], (U, U, true, None)),
        (&["015", "019", "025", "026", "083", "029", "033", "999"], (U, U, false, None)),
        (&["010", "011", "012", "013", "017", "020"], (F, U, false, None)),
        (&["030", "031", "032", "034", "035"], (F, U, false, None)),
        (&["016", "091"], (F, F, false, None)),
        (&["040"], (R, R, true, None)),
        (&["089", "099"], (P, P, true, None)),
        (&["044"], (N, N, true, Some(Alarm::VtpassMustBeAsked))),
        (&["018"], (F, U, false, Some(Alarm::VtpassWalletLow))),
        (&["021", "022", "023", "024"], (F, U, false, Some(Alarm::VtpassAccountBlocked))),
        (&["027"], (F, U, false, Some(Alarm::VtpassRefusesAddress))),
        (&["028"], (F, U, false, Some(Alarm::VtpassRefusesProduct))),
        (&["085"], (F, U, false, Some(Alarm::VtpassRefusesRequestId))),
        (&["087"], (F, U, false, Some(Alarm::VtpassRefusesCredentials))),
    ]
};

/// Every code with what it means.
fn table() -> impl Iterator<Item = (&'static str, Meaning)> {
    MEANINGS.into_iter().flat_map(|(codes, meaning)| codes.iter().map(move |code| (*code, meaning)))
}

#[test]
fn every_code_has_the_meaning_of_the_table() {
    for (code, (pay, requery, acknowledged, alarm)) in table() {
        for (call, verdict) in [(Pay, pay), (Requery, requery)] {
            let outcome = on(call, &coded(code, None));
            assert_eq!(outcome.verdict, verdict, "{call:?} {code}");
            assert_eq!(outcome.code, code);
            assert_eq!(outcome.acknowledged, acknowledged, "{call:?} {code}");
            assert_eq!(outcome.alarm, alarm, "{call:?} {code}");
            assert_eq!(outcome.unknown_reference, call == Requery && code == "015", "{call:?}");
        }
    }
}

#[test]
fn transaction_status_decides_under_code_000() {
    for (status, verdict) in [
        ("delivered", Verdict::Delivered),
        ("DELIVERED", Verdict::Delivered),
        ("failed", Verdict::Failed),
        ("reversed", Verdict::Reversed),
        ("initiated", Verdict::Pending),
        ("Pending", Verdict::Pending),
        ("resolved", Verdict::Unclear),
        ("processing", Verdict::Unclear),
        ("successful", Verdict::Unclear),
        ("", Verdict::Unclear),
    ] {
        for call in CALLS {
            assert_eq!(on(call, &coded("000", Some(status))).verdict, verdict, "{call:?} {status}");
        }
        assert_eq!(on(Requery, &coded("001", Some(status))).verdict, verdict, "{status}");
        assert_eq!(on(Pay, &coded("001", Some(status))).verdict, Verdict::Unclear);
    }
    let resolved = on(Requery, &coded("000", Some("resolved")));
    assert_eq!(resolved.alarm, Some(Alarm::VtpassMustBeAsked));
}

#[test]
fn samples_of_the_vendor_are_judged() {
    for call in CALLS {
        let outcome = on(call, DELIVERED);
        assert_eq!((outcome.verdict, outcome.alarm), (Verdict::Delivered, None));
        assert!(outcome.acknowledged);
        let outcome = answer(call, 200, REVERSED, &order(5_000));
        assert_eq!((outcome.verdict, outcome.alarm), (Verdict::Reversed, None));
    }
    let one_kobo_off = answer(Requery, 200, REVERSED, &order(4_850));
    assert_eq!(one_kobo_off.verdict, Verdict::NeedsReview);
}

#[test]
fn code_that_contradicts_the_status_is_unclear() {
    for code in ["016", "091", "040"] {
        for status in STATUSES {
            let counts = matches!(status, "failed" | "reversed" | "");
            for call in CALLS {
                let outcome = on(call, &coded(code, Some(status)));
                assert_eq!(outcome.verdict.proves().is_some(), counts, "{call:?} {code} {status}");
                assert_eq!(outcome.alarm.is_none(), counts, "{call:?} {code} {status}");
                if !counts {
                    assert_eq!(outcome.verdict, Verdict::Unclear);
                }
            }
        }
    }
    assert_eq!(on(Pay, &coded("018", Some("delivered"))).verdict, Verdict::Unclear);
}

#[test]
fn answer_about_another_request_proves_nothing() {
    for other in [r#""202407171216p2""#, r#""202407171216P1""#, "7", "{}", "true"] {
        for (code, _) in table() {
            for call in CALLS {
                let body = format!(
                    r#"{{"code":"{code}","requestId":{other},
                    "content":{{"transactions":{{"status":"failed"}}}}}}"#
                );
                let outcome = on(call, &body);
                assert_eq!(outcome.verdict, Verdict::Unclear, "{call:?} {code} {other}");
                assert_eq!(outcome.code, code);
                assert_eq!(outcome.alarm, Some(Alarm::VtpassForeignAnswer));
                assert!(!outcome.acknowledged && !outcome.unknown_reference);
            }
        }
    }
}

#[test]
fn number_and_face_value_must_match_the_order() {
    let with = |field: &str| on(Requery, &inside("000", "delivered", field));
    for same in [
        r#""unique_element":"+2348011111111""#,
        r#""unique_element":8011111111"#,
        r#""unique_element":null"#,
        r#""amount":"100""#,
        r#""amount":99.9999999"#,
        r#""amount":"""#,
        r#""phone":"07061933309","total_amount":1,"commission":5"#,
    ] {
        let outcome = with(same);
        assert_eq!((outcome.verdict, outcome.alarm), (Verdict::Delivered, None), "{same}");
    }
    for other in [
        r#""unique_element":"08011111112""#,
        r#""unique_element":"201000000000""#,
        r#""unique_element":"not a number""#,
        r#""unique_element":["08011111111"]"#,
        r#""amount":"100.01""#,
        r#""amount":10000"#,
        r#""amount":0"#,
        r#""amount":-100"#,
        r#""amount":"1e2""#,
        r#""amount":"N100""#,
        r#""amount":{"naira":100}"#,
    ] {
        let outcome = with(other);
        assert_eq!(outcome.verdict, Verdict::NeedsReview, "{other}");
        assert_eq!(outcome.alarm, Some(Alarm::VtpassMismatch), "{other}");
        let price_alone = Some(Verdict::Delivered).filter(|_| other.contains("amount"));
        assert_eq!(outcome.mismatched, price_alone, "{other}");
        assert!(outcome.acknowledged);
    }
    let unnamed = inside("000", "delivered", r#""amount":7"#).replace(ID, "");
    let outcome = on(Requery, &unnamed);
    assert_eq!((outcome.verdict, outcome.mismatched), (Verdict::NeedsReview, None));
}

#[test]
fn mismatch_never_settles_and_is_never_pending() {
    for (code, _) in table() {
        for call in CALLS {
            for status in STATUSES {
                let outcome = on(call, &inside(code, status, r#""unique_element":"08011111112""#));
                let open =
                    |it: &Outcome| matches!(it.verdict, Verdict::Unclear | Verdict::NeedsReview);
                assert!(open(&outcome), "{call:?} {code} {status}");
                let same = on(call, &inside(code, status, r#""unique_element":"08011111111""#));
                assert!(!open(&same) || outcome == same, "{call:?} {code} {status}");
            }
        }
    }
}

#[test]
fn test_numbers_are_compared_as_text() {
    for phone in [TEST_PENDING, TEST_UNEXPECTED, TEST_NO_RESPONSE, TEST_TIMEOUT] {
        let recipient = Recipient::parse(phone, true).unwrap();
        let order = Order { recipient: &recipient, ..order(10_000) };
        let of = |number: &str| {
            let body = inside("000", "delivered", &format!(r#""unique_element":{number}"#));
            answer(Pay, 200, &body, &order).verdict
        };
        assert_eq!(of(&format!(r#""{phone}""#)), Verdict::Delivered);
        assert_eq!(of(phone), Verdict::Delivered);
        assert_eq!(of(r#""08011111111""#), Verdict::NeedsReview);
    }
}

#[test]
fn refusing_http_status_proves_only_a_refused_pay() {
    for status in [400, 404, 409, 422] {
        for (code, (pay, ..)) in table() {
            let expected = if pay == Verdict::Failed { pay } else { Verdict::Unclear };
            let outcome = answer(Pay, status, &coded(code, None), &order(10_000));
            assert_eq!((outcome.verdict, outcome.code.as_str()), (expected, code), "{status}");
            let outcome = answer(Requery, status, &coded(code, None), &order(10_000));
            assert_eq!(outcome.verdict, Verdict::Unclear, "{status} {code}");
            assert_eq!(outcome.unknown_reference, code == "015");
        }
        for inner in STATUSES {
            let outcome = answer(Pay, status, &coded("000", Some(inner)), &order(10_000));
            assert_eq!(outcome.verdict, Verdict::Unclear, "{status} 000 {inner}");
        }
    }
}

#[test]
fn failing_http_status_proves_nothing_whatever_the_body() {
    for status in [302, 408, 425, 429, 500, 502, 503, 504, 599] {
        for (code, _) in table() {
            for call in CALLS {
                let outcome = answer(call, status, &coded(code, Some("failed")), &order(10_000));
                assert_eq!(outcome.verdict, Verdict::Unclear, "{call:?} {status} {code}");
                assert_eq!(outcome.code, format!("http_{status}"));
                assert!(!outcome.unknown_reference);
                assert!(outcome.acknowledged, "it holds a transaction: {call:?} {status} {code}");
            }
        }
    }
}

#[test]
fn refused_credentials_fail_an_order_only_by_a_code_of_vtpass() {
    for status in [401, 403] {
        for call in CALLS {
            for body in ["", "<html>Forbidden</html>", r#"{"message":"Unauthorized"}"#] {
                let outcome = answer(call, status, body, &order(10_000));
                assert_eq!(outcome.verdict, Verdict::Unclear, "{call:?} {body}");
                assert_eq!(outcome.code, format!("http_{status}"));
                assert_eq!(outcome.alarm, Some(Alarm::VtpassRefusesCredentials));
            }
            let outcome = answer(call, status, &coded("015", None), &order(10_000));
            assert!(!outcome.unknown_reference);
        }
        let of = |call| answer(call, status, &coded("087", None), &order(10_000));
        assert_eq!(of(Pay).verdict, Verdict::Failed);
        assert_eq!(of(Requery).verdict, Verdict::Unclear);
        assert_eq!(of(Requery).alarm, Some(Alarm::VtpassRefusesCredentials));
        let listed = answer(Pay, status, &coded("027", None), &order(10_000));
        assert_eq!(listed.alarm, Some(Alarm::VtpassRefusesAddress));
    }
}

#[test]
fn missing_answer_is_unclear_with_a_code_of_ours() {
    for (reason, word) in [
        (NoAnswer::NotSent, "no_connection"),
        (NoAnswer::Timeout, "timeout"),
        (NoAnswer::Broken, "broken"),
    ] {
        for call in CALLS {
            let outcome = judge(call, Err(reason), &order(10_000));
            assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Unclear, word));
            assert!(!outcome.acknowledged && !outcome.unknown_reference && outcome.alarm.is_none());
        }
    }
    for body in ["", "{}", "<html>016</html>", "null"] {
        let outcome = on(Pay, body);
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Unclear, "unreadable"));
    }
}

/// Whether an answer may settle a purchase, written without the code under test.
fn may_settle(call: OrderCall, status: u16, code: &str, inner: Option<&str>) -> bool {
    let settled_inside = matches!(inner, Some("delivered" | "failed" | "reversed"));
    let refused = table().any(|(it, (pay, ..))| it == code && pay == Verdict::Failed);
    match (call, status) {
        (Pay, 200..=299) if code == "000" => settled_inside,
        (Pay, 200..=299) => refused || code == "040",
        (Pay, 400..=499) => refused && !matches!(status, 408 | 425 | 429),
        (Requery, 200..=299) if code == "000" || code == "001" => settled_inside,
        (Requery, 200..=299) => matches!(code, "016" | "091" | "040"),
        (Pay | Requery, _) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn only_listed_combinations_settle(
        pay in any::<bool>(),
        status in prop_oneof![3 => Just(200_u16), 2 => 200_u16..600],
        code in "(0[0-9]{2}|[0-9]{3}|[a-z]{3})",
        inner in proptest::option::of(
            prop_oneof![proptest::sample::select(STATUSES.to_vec()).prop_map(str::to_owned), "[a-z]{1,9}"],
        ),
    ) {
        let call = if pay { Pay } else { Requery };
        let outcome = answer(call, status, &coded(&code, inner.as_deref()), &order(10_000));
        let lower = inner.map(|it| it.to_lowercase());
        if outcome.verdict.proves().is_some() {
            prop_assert!(may_settle(call, status, &code, lower.as_deref()), "{outcome:?}");
        }
    }

    #[test]
    fn random_body_is_unclear(body in "\\PC{0,80}") {
        let outcome = answer(Pay, 200, &body, &order(10_000));
        prop_assert_eq!(outcome.verdict, Verdict::Unclear);
    }
}
