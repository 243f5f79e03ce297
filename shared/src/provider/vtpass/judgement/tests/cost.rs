//! When an answer's cost counts, and whose fault an answer names.

use super::*;
use crate::domain::purchase::Charge;

#[test]
fn the_cost_counts_unless_nothing_was_charged_or_the_answer_may_be_about_another_order() {
    let cost = |outcome: Outcome| outcome.charge.cost.map(Kobo::kobo);
    assert_eq!(cost(on(Requery, DELIVERED)), Some(9_600));
    // Its amount is another, but it names our request and our number.
    assert_eq!(cost(on(Requery, REVERSED)), Some(4_850));
    assert_eq!(cost(on(Requery, &REVERSED.replace("requestId", "id"))), None);
    let ours = r#""unique_element":"08011111111","amount":100,"total_amount":96"#;
    for (code, status, verdict, expected) in [
        ("000", "delivered", Verdict::Delivered, Some(9_600)),
        ("099", "pending", Verdict::Pending, Some(9_600)),
        ("040", "reversed", Verdict::Reversed, Some(9_600)),
        ("016", "failed", Verdict::Failed, None),
        ("000", "resolved", Verdict::Unclear, None),
    ] {
        let outcome = on(Requery, &inside(code, status, ours));
        assert_eq!(outcome.verdict, verdict, "{code} {status}");
        let is_known = outcome.charge != Charge::default();
        assert_eq!((is_known, cost(outcome)), (expected.is_some(), expected), "{code} {status}");
    }
    let another = inside("000", "delivered", r#""unique_element":"08022222222","total_amount":96"#);
    assert_eq!(cost(on(Requery, &another)), None);
}

#[test]
fn a_code_that_names_our_fault_is_believed_unless_vtpass_failed() {
    let is_ours =
        |status, code| answer(Pay, status, &coded(code, None), &order(10_000)).is_our_fault;
    assert!(is_ours(200, "018") && is_ours(400, "018"));
    assert!(!is_ours(500, "018"));
    assert!(!is_ours(200, "083") && !is_ours(200, "000"));
}
