//! The history of an account is bounded: whatever happened before, it can be linked and unlinked.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::support::{Caller, Gateway, PHONE, Provider, mono_at, numbered_mono};

impl Caller {
    /// A proven code of a number of the numbered Mono, with these consent terms.
    pub async fn code_of(&self, consent: &Value) -> String {
        let body = json!({ "phone": PHONE, "provider": "mtn", "consent": consent });
        let auth = self.post("/v2/telecom/auth", body).await.ok();
        let session = auth["data"]["session_id"].as_str().unwrap();
        let verify = self.verify(session, "123456").await.ok();
        verify["data"]["code"].as_str().unwrap().to_owned()
    }
}

/// The longest consent terms: 6,000 bytes.
fn longest() -> Value {
    let term = "\u{1f4f1}".repeat(500);
    json!({ "purpose": term, "scope": term, "policy_version": term })
}

/// A gateway without limits on OTPs, and its Mono.
async fn unlimited() -> (Provider, Gateway, Caller) {
    let mono = Provider::start(numbered_mono()).await;
    let unlimited = ["OTP_LIMIT_CALLER", "OTP_LIMIT_ADDRESS"].map(|it| (it, "1000/600,1000/86400"));
    let gateway = Gateway::with(&[&mono_at(&mono.url)[..], &unlimited].concat()).await;
    let caller = gateway.caller();
    (mono, gateway, caller)
}

/// Gives the only account a history of so many events, a second apart, each with these words in its
/// terms, as versions without a bound wrote it.
pub async fn age(gateway: &Gateway, count: usize, words: &str) {
    let client = gateway.dynamodb();
    let items = client.scan().table_name("AccountsTable").send().await.unwrap().items.unwrap();
    let mut account = items.into_iter().next().unwrap();
    let AttributeValue::L(history) = &account["history"] else { panic!("{account:?}") };
    let AttributeValue::M(event) = &history[0] else { panic!("{account:?}") };
    let events = (0..count).map(|second| {
        let at = format!("2026-01-01T00:{:02}:{:02}.000Z", second / 60, second % 60);
        let mut event = event.clone();
        event.insert("at".to_owned(), AttributeValue::S(at));
        event.insert("purpose".to_owned(), AttributeValue::S(words.to_owned()));
        AttributeValue::M(event)
    });
    account.insert("history".to_owned(), AttributeValue::L(events.collect()));
    let put = client.put_item().table_name("AccountsTable").set_item(Some(account));
    put.send().await.unwrap();
}

/// When each event of the only account happened.
pub async fn times(gateway: &Gateway) -> Vec<String> {
    let accounts = gateway.scan("AccountsTable").await;
    let history = accounts[0]["history"].as_array().unwrap().iter();
    history.map(|event| event["at"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_linked_and_unlinked_however_often_with_the_longest_terms() {
    let (_mono, gateway, caller) = unlimited().await;
    for relink in 0..75 {
        let code = caller.code_of(&longest()).await;
        let exchanged = caller.exchange(&code).await;
        assert_eq!(exchanged.status, 200, "{relink}: {}", exchanged.text);
        gateway.clock.turn(Duration::from_secs(1));
    }
    let record = caller.get("/accounts/acc1/consent").await.ok()["data"].clone();
    assert_eq!(record["consent"]["purpose"], longest()["purpose"]);
    let times = times(&gateway).await;
    assert!((41..=50).contains(&times.len()), "{}", times.len());
    assert!(times.is_sorted(), "{times:?}");
    let first =
        time::OffsetDateTime::parse(&times[0], &time::format_description::well_known::Rfc3339);
    let age = gateway.clock.clock().now() - first.unwrap();
    assert_eq!(age.whole_seconds(), 75, "the first event stays");
    caller.unlink("acc1").await.ok();
    let record = caller.get("/accounts/acc1/consent").await.ok()["data"].clone();
    assert_eq!(record["history"].as_array().unwrap().last().unwrap()["event"], "unlinked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_an_earlier_version_filled_neither_stops_an_unlink_nor_a_link() {
    for unlink_first in [true, false] {
        let (_mono, gateway, caller) = unlimited().await;
        let code = caller.code_of(&Value::Null).await;
        caller.exchange(&code).await.ok();
        // Just below the 400 KB of an item.
        age(&gateway, 66, &"x".repeat(6_000)).await;
        let before = times(&gateway).await;
        if unlink_first {
            caller.unlink("acc1").await.ok();
            assert_eq!(caller.consent_state("acc1").await, "unlinked");
        }
        let code = caller.code_of(&longest()).await;
        caller.exchange(&code).await.ok();
        assert_eq!(caller.consent_state("acc1").await, "linked");
        let after = times(&gateway).await;
        assert_eq!(after[0], before[0]);
        assert_eq!(after[1], before[21], "the oldest twenty but the first went");
        assert_eq!(after.len(), if unlink_first { 49 } else { 47 });
    }
}
