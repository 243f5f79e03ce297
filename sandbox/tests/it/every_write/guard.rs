//! The guards of services.

use serde_json::json;

use super::loss::Loss;
use crate::functions::purchase::guard::{TOO_MANY, guarded, guarded_by, suspend};
use crate::support::Gateway;
use crate::support::purchases::{DELIVERED, FAILED, MINUTE, airtime, purchase_event};

pub async fn an_outcome_is_counted_once(loss: Loss) {
    let (gateway, _) = guarded().await;
    let (tap, purchase) = gateway.with_tap("purchase").await;
    let answer = loss.run(&tap, &purchase, purchase_event("k", &airtime(FAILED))).await;
    assert_eq!(answer["statusCode"], 201, "{answer}");
    let counts = gateway.guard("mtn").await.counts.by_minute;
    assert_eq!(counts.values().map(|it| it.bad).collect::<Vec<_>>(), [1]);
}

pub async fn a_service_is_closed_once(loss: Loss) {
    let (gateway, _) = guarded_by("bad=1").await;
    let (tap, purchase) = gateway.with_tap("purchase").await;
    let answer = loss.run(&tap, &purchase, purchase_event("k", &airtime(FAILED))).await;
    assert_eq!(answer["statusCode"], 201, "{answer}");
    assert_eq!(gateway.guard("mtn").await.state.changes.len(), 1);
    // The announcements: of the purchase, and of the service once.
    assert_eq!(gateway.messages("NotifyQueue").await, 2);
}

/// A gateway whose airtime of MTN is suspended, when a probe is due.
async fn with_a_probe_due() -> Gateway {
    let (gateway, caller) = guarded().await;
    suspend(&caller).await;
    assert_eq!(gateway.items("PurchasesTable").await, TOO_MANY);
    gateway.clock.turn(MINUTE);
    gateway
}

pub async fn a_probe_is_let_through_once(loss: Loss) {
    let gateway = with_a_probe_due().await;
    let (tap, purchase) = gateway.with_tap("purchase").await;
    let stuck = json!([{ "call": "pay", "code": "099", "status": "pending", "asks": 1_000 }]);
    gateway.caller().script(stuck).await;
    let answer = loss.run(&tap, &purchase, purchase_event("probe", &airtime(FAILED))).await;
    assert_eq!(answer["statusCode"], 202, "{answer}");
    let next = gateway.caller().buy("next", &airtime(DELIVERED)).await;
    next.refused(503, "upstream_unavailable");
}

pub async fn a_service_is_opened_once(loss: Loss) {
    let gateway = with_a_probe_due().await;
    let (tap, purchase) = gateway.with_tap("purchase").await;
    let answer = loss.run(&tap, &purchase, purchase_event("probe", &airtime(DELIVERED))).await;
    assert_eq!(answer["statusCode"], 201, "{answer}");
    let guard = gateway.guard("mtn").await;
    assert_eq!((guard.state.changes.len(), guard.state.closed), (2, None));
}
