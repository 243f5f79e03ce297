//! What proves that VTpass knows the order.

use super::*;

#[test]
fn transaction_that_says_anything_proves_that_vtpass_knows_the_order() {
    for (transaction, known) in [
        (r#"{"status":"pending"}"#, true),
        (r#"{"unique_element":"08011111111"}"#, true),
        (r#"{"amount":"100"}"#, true),
        (r#"{"transactionId":"17"}"#, true),
        (r#"{"total_amount":97}"#, true),
        (r#"{"commission":"3.00"}"#, true),
        (r#"{"status":"","unique_element":null,"amount":" "}"#, false),
        ("{}", false),
    ] {
        let body = format!(r#"{{"code":"083","content":{{"transactions":{transaction}}}}}"#);
        assert_eq!(CALLS.map(|call| on(call, &body).acknowledged), [known; 2], "{transaction}");
    }
}
