//! Events.

use std::time::Duration;

use super::loss::Loss;
use crate::support::Gateway;
use crate::support::purchases::{DELIVERED, airtime};

pub async fn an_event_is_kept_once(loss: Loss) {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (tap, notify) = gateway.with_tap("notify").await;
    caller.bought("k", &airtime(DELIVERED)).await;
    gateway.clock.turn(Duration::from_secs(1));
    loss.begin(&tap);
    gateway.drive_queue("NotifyQueue", &notify).await;
    loss.end(&tap);
    assert_eq!(gateway.messages("NotifyQueue").await, 0);
    assert_eq!(gateway.items("EventsTable").await, 1);
}
