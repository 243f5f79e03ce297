//! Crashes on purpose at every call of the requery: no chain is lost, and nothing is paid again.

use std::time::Duration;

use serde_json::json;

use crate::functions::vtpass_callback::{callback, update};
use crate::support::Gateway;
use crate::support::purchases::{DELIVERED, FAILED, airtime, field};
use crate::support::tap::crash_at;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_anywhere_the_chain_goes_on_and_ends_once() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (tap, requery) = gateway.with_tap("requery").await;
    // A step that goes on, one that settles, and one at the deadline.
    for (end, asks, age) in [("delivered", 2, 60), ("failed", 1, 60), ("none", 1_000, 86_400)] {
        for point in 0.. {
            let key = format!("{end}-{point}");
            let resolves = if end == "none" { "delivered" } else { end };
            let script = json!([{ "call": "pay", "code": "099", "status": "pending",
                                  "resolves_to": resolves, "asks": asks }]);
            caller.script(script).await;
            let bought = caller.bought(&key, &airtime(FAILED)).await;
            let id = field(&bought, "purchase_id");
            gateway.clock.turn(Duration::from_secs(age));
            let (record, receipt) = gateway.receive("RequeryQueue").await.remove(0);
            let event = json!({ "Records": [record] }).to_string();
            let crashed = crash_at(&requery, event, &tap, point).await;
            tap.hold_at(None);
            if !crashed {
                gateway.delete("RequeryQueue", &receipt).await;
            }
            // A crashed record is delivered again after its visibility timeout.
            gateway.clock.turn(Duration::from_secs(360));
            let state = gateway.drive_until_answered(&requery, id, Duration::from_secs(900)).await;
            let expected = if end == "none" { "needs_review" } else { end };
            assert_eq!(state, expected, "point {point}");
            let order = caller.order(field(&bought, "request_id")).await.unwrap();
            assert_eq!(order["pay_calls"], 1);
            // No message of this chain is left.
            gateway.clock.turn(Duration::from_secs(900));
            gateway.drive(&requery).await;
            assert_eq!(gateway.messages("RequeryQueue").await, 0, "{end}, point {point}");
            if end == "none" {
                let stored = gateway.stored(id).await;
                assert!(stored.reconcile_at.is_some(), "point {point}: reconcile comes back to it");
            }
            if !crashed {
                assert!(point >= 6, "{end}: {point} points");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_anywhere_in_a_hint_the_reversal_is_found() {
    for answer in ["clear", "unclear"] {
        for point in 0.. {
            let (gateway, caller) = Gateway::undriven_with_caller().await;
            let (tap, requery) = gateway.with_tap("requery").await;
            let bought = caller.bought("k", &airtime(DELIVERED)).await;
            let request_id = field(&bought, "request_id");
            let reversed = json!({ "request_id": request_id, "state": "reversed",
                                   "webhook": false });
            caller.control("/resolve", reversed).await;
            if answer == "unclear" {
                caller.script(json!([{ "call": "requery", "http_status": 502 }])).await;
            }
            callback(&caller, &update(request_id)).await.ok();
            let (record, receipt) = gateway.receive("FollowUpQueue").await.remove(0);
            let event = json!({ "Records": [record] }).to_string();
            let crashed = crash_at(&requery, event, &tap, point).await;
            tap.hold_at(None);
            if !crashed {
                gateway.delete("FollowUpQueue", &receipt).await;
            }
            // A crashed record is delivered again after its visibility timeout.
            for _ in 0..2 {
                gateway.clock.turn(Duration::from_secs(360));
                gateway.drive(&requery).await;
            }
            let state = gateway.caller().purchase(field(&bought, "purchase_id")).await;
            assert_eq!(field(&state, "state"), "reversed", "{answer}, point {point}");
            assert_eq!(gateway.jobs().await, 0, "{answer}, point {point}");
            if !crashed {
                // Read, ask, then announce and write, or send and mark.
                assert_eq!(point, 8, "{answer}");
                break;
            }
        }
    }
}
