//! The check that no log line holds a secret, which runs at the end of every test, works.

use crate::support::leaks::{is_secret, lines, words};
use crate::support::{Gateway, KEY};

#[tokio::test]
async fn log_lines_are_read_and_a_leak_would_be_found() {
    let gateway = Gateway::start().await;
    let before = lines();
    gateway.caller().get("/purchases").await.ok();
    assert!(lines() > before, "the function's own line");
    assert!(is_secret(KEY));
    let line = r#"{"detail":"sent to +2348031234567, tok_0123456789"}"#;
    let found: Vec<_> = words(line).collect();
    assert!(found.contains(&"2348031234567") && found.contains(&"tok_0123456789"));
}
