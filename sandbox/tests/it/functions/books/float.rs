//! The operator is told of the float: once when it becomes low, once a day while it is, and when it is
//! enough again.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::Context;
use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};
use shared::domain::time::to_iso;

use super::Morning;
use crate::support::tap::{context, crash_at};

const SECOND: Duration = Duration::from_secs(1);
const QUARTER: Duration = Duration::from_secs(900);
/// Below a balance of 1,000 naira the float is low.
const BY_KOBO: [(&str, &str); 2] = [("FLOAT_ALARM_HOURS", "0"), ("FLOAT_ALARM_KOBO", "100000")];

impl Morning {
    /// Does what notify can do now or within three minutes.
    async fn tell(&self, notify: &Entry) {
        for _ in 0..6 {
            self.gateway.clock.turn(SECOND * 121);
            self.gateway.drive_queue("NotifyQueue", notify).await;
        }
        assert_eq!(self.gateway.messages("NotifyQueue").await, 0);
    }

    /// As if the operator had been told nothing.
    async fn forget_what_was_told(&self) {
        let delete = self.gateway.dynamodb().delete_item().table_name("LimitsTable");
        let key = AttributeValue::S("float#vtpass".to_owned());
        delete.key("pk", key).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_float_is_told_once_and_again_after_a_day_and_when_it_is_enough_again() {
    let it = Morning::with(&BY_KOBO).await;
    let (_tap, notify) = it.gateway.with_tap("notify").await;
    let after = async |kobo: u64, pause: Duration| {
        it.gateway.clock.turn(pause);
        it.set_wallet(kobo).await;
        let read_at = it.gateway.clock.clock().now();
        it.keep().await;
        it.gateway.clock.turn(SECOND);
        it.gateway.drive_queue("NotifyQueue", &notify).await;
        (read_at, it.gateway.types_for_operator().await)
    };
    let (read_at, told) = after(99_999, QUARTER).await;
    assert_eq!(told, ["float.low"]);
    let data = it.gateway.told_operator().await[0]["data"].clone();
    let expected = json!({ "balance_kobo": 99_999, "hours_left": data["hours_left"],
                           "read_at": to_iso(read_at) });
    assert_eq!(data, expected);
    for kobo in [90_000, 100_000, 99_000, 124_999, 80_000] {
        assert_eq!(after(kobo, QUARTER).await.1.len(), 1, "it was told, and is not enough again");
    }
    assert_eq!(after(80_000, 23 * super::HOUR).await.1, ["float.low"; 2]);
    assert_eq!(after(125_000, QUARTER).await.1, ["float.low", "float.low", "float.restored"]);
    assert_eq!(after(900_000, QUARTER).await.1.len(), 3);
    assert_eq!(after(99_999, QUARTER).await.1[3..], ["float.low"]);
    let tenants = it.caller.get("/events?limit=100").await.ok();
    assert_eq!(tenants["data"], json!([]), "no tenant is told");
    it.caller.get("/events?type=float.low").await.refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_anywhere_the_operator_is_told_once() {
    let it = Morning::with(&BY_KOBO).await;
    let (_tap, notify) = it.gateway.with_tap("notify").await;
    let (tap, books) = it.gateway.with_tap("books").await;
    it.set_wallet(50_000).await;
    for point in 0.. {
        it.forget_what_was_told().await;
        let before = it.gateway.told_operator().await.len();
        it.gateway.clock.turn(SECOND);
        let crashed = crash_at(&books, "{}".to_owned(), &tap, point).await;
        it.tell(&notify).await;
        let at_once = it.gateway.told_operator().await.len() - before;
        assert!(at_once <= 1, "point {point}");
        // The next run tells what the crash has left out, and nothing twice.
        it.keep().await;
        it.tell(&notify).await;
        assert_eq!(it.gateway.told_operator().await.len() - before, 1, "point {point}");
        if !crashed {
            assert_eq!(at_once, 1);
            // Balance, note, readings; what was told, announcement, note; the last day.
            assert!(point >= 2 * 7, "every call was crashed at: {point}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_tell_once() {
    let it = Morning::with(&BY_KOBO).await;
    let (_tap, notify) = it.gateway.with_tap("notify").await;
    let (tap, books) = it.gateway.with_tap("books").await;
    it.set_wallet(50_000).await;
    let run = || books("{}".to_owned(), context());
    tap.hold_at(None);
    run().await.unwrap();
    it.tell(&notify).await;
    let note = tap.seen().iter().position(|call| call == "UpdateItem").expect("it is noted");
    it.forget_what_was_told().await;

    tap.hold_at(Some(2 * note));
    let other = async {
        tap.held().await;
        it.gateway.clock.turn(SECOND);
        it.keep().await;
        tap.release();
    };
    let (done, ()) = tokio::join!(run(), other);
    let done: Value = done.unwrap();
    assert_eq!(done["balance_kobo"], 50_000);
    it.tell(&notify).await;
    assert_eq!(it.gateway.types_for_operator().await, ["float.low"; 2], "one for each time");
}

/// An older version that meets this announcement leaves it in the queue, as it does with anything that it
/// does not know. Here a newer one's is met.
#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_of_a_newer_version_waits_and_holds_up_no_other() {
    let it = Morning::with(&BY_KOBO).await;
    let (_tap, notify) = it.gateway.with_tap("notify").await;
    it.set_wallet(50_000).await;
    it.keep().await;
    it.gateway.clock.turn(SECOND);
    let (record, _) = it.gateway.receive("NotifyQueue").await.remove(0);
    let mut unknown = record.clone();
    let body = record["body"].as_str().unwrap().replace(r#""float""#, r#""of_later""#);
    (unknown["messageId"], unknown["body"]) = (json!("unknown"), json!(body));
    let batch = json!({ "Records": [unknown, record] });
    let report = notify(batch.to_string(), Context::default()).await.unwrap();
    assert_eq!(report["batchItemFailures"], json!([{ "itemIdentifier": "unknown" }]));
    assert_eq!(it.gateway.types_for_operator().await, ["float.low"]);
}
