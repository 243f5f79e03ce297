//! The alarms about money ring, and before a customer notices.

use std::time::Duration;

use serde_json::{Value, json};
use shared::platform::telemetry::metrics::Metrics;
use tracing_subscriber::layer::SubscriberExt;

use super::Morning;
use crate::support::purchases::{DELIVERED, airtime, field};
use crate::support::{Provider, Script, Written, vtpass_at};

fn listen() -> (Written, tracing::subscriber::DefaultGuard) {
    Written::listen(|to| {
        tracing_subscriber::registry().with(Metrics::new("stack", move || to.clone()))
    })
}

fn rings(written: &Written, alarm: &str) -> usize {
    let name = |line: &serde_json::Value| {
        field(&line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0], "Name").to_owned()
    };
    written.lines().iter().filter(|line| name(line) == alarm).count()
}

#[tokio::test]
async fn on_a_busy_day_the_float_rings_before_the_first_order_fails_for_it() {
    let (written, _guard) = listen();
    let it = Morning::with(&[("FLOAT_ALARM_HOURS", "1")]).await;
    let (_tap, notify) = it.gateway.with_tap("notify").await;
    it.set_wallet(300_000).await;
    for quarter in 0..20 {
        it.keep().await;
        it.gateway.clock.turn(Duration::from_secs(1));
        it.gateway.drive_queue("NotifyQueue", &notify).await;
        let told = it.gateway.told_operator().await;
        for order in 0..4 {
            let bought = it.caller.bought(&format!("{quarter}-{order}"), &airtime(DELIVERED)).await;
            if rings(&written, "vtpass_wallet_low") == 0 {
                assert_eq!(bought["state"], "delivered");
                continue;
            }
            assert_eq!(bought["state"], "failed");
            assert!(rings(&written, "float_low") > 0, "it rings before the wallet is empty");
            let [low] = &told[..] else { panic!("the operator is told once before: {told:?}") };
            assert_eq!(
                (&low["type"], &low["data"]["hours_left"]),
                (&json!("float.low"), &json!(0))
            );
            let balance = low["data"]["balance_kobo"].as_u64();
            assert!(balance.is_some_and(|kobo| kobo >= 4 * 10_000), "there is time left: {low}");
            return;
        }
        it.gateway.clock.turn(Duration::from_secs(899));
    }
    panic!("the wallet was never empty");
}

#[tokio::test]
async fn a_movement_of_the_wallet_that_nothing_explains_rings_above_a_parameter() {
    for (allowed, expected) in [("0", 1), ("500", 0)] {
        let (written, _guard) = listen();
        let it = Morning::with(&[("WALLET_DIFFERENCE_KOBO", allowed)]).await;
        it.turn_to(20);
        it.set_wallet(it.wallet().await - 500).await;
        it.read_at(24).await;
        it.read_at(25).await;
        assert_eq!(it.closed(it.today).await.wallet.unwrap().unexplained_kobo(), -500);
        assert_eq!(rings(&written, "wallet_unexplained"), expected, "{allowed}");
    }
}

#[tokio::test]
async fn a_balance_that_is_not_read_for_three_hours_rings() {
    let (written, _guard) = listen();
    let vtpass = Provider::start(|_| balance(json!(1_000))).await;
    let at = vtpass_at(&vtpass.url);
    let it = Morning::with(&at).await;
    vtpass.script(|_| balance(json!("1 081,82")));
    for (hours, expected) in [(2, 0), (2, 1), (1, 2)] {
        it.gateway.clock.turn(hours * super::HOUR);
        assert_eq!(it.keep().await["balance_kobo"], Value::Null);
        assert_eq!(rings(&written, "balance_unread"), expected);
    }
    vtpass.script(|_| balance(json!(1_000)));
    assert_eq!(it.keep().await["balance_kobo"], 100_000);
    assert_eq!(rings(&written, "balance_unread"), 2);
}

fn balance(naira: Value) -> Script {
    Script::Json(200, json!({ "code": 1, "contents": { "balance": naira } }))
}

#[tokio::test]
async fn a_day_that_is_open_long_after_its_end_rings() {
    let (written, _guard) = listen();
    let it = Morning::with(&[]).await;
    let newer = it.caller.bought("a", &airtime(DELIVERED)).await;
    let newer = field(&newer, "purchase_id");
    it.gateway.spoil(newer).await;
    for (hours, expected) in [(24 + 11, 0), (24 + 12, 1)] {
        it.turn_to(hours);
        assert_eq!(it.keep().await["days_closed"], 0);
        assert_eq!(rings(&written, "day_not_closed"), expected);
    }
    it.gateway.set_state(newer, "delivered").await;
    assert_eq!(it.keep().await["days_closed"], 1);
    assert_eq!(rings(&written, "day_not_closed"), 1);
}

#[tokio::test]
async fn a_tenant_that_reaches_its_money_limit_rings() {
    let (written, _guard) = listen();
    let it = Morning::with(&[("SPEND_LIMIT", "10000/600,20000/86400")]).await;
    it.caller.bought("a", &airtime(DELIVERED)).await;
    assert_eq!(rings(&written, "spend_limit_reached"), 0);
    it.caller.buy("b", &airtime(DELIVERED)).await.refused(403, "limit_exceeded");
    assert_eq!(rings(&written, "spend_limit_reached"), 1);
    let large = json!({ "service_id": "mtn", "phone": DELIVERED, "amount_kobo": 15_000 });
    it.caller.buy("c", &large).await.refused(403, "limit_exceeded");
    assert_eq!(
        rings(&written, "spend_limit_reached"),
        1,
        "one order that is too large is no theft"
    );
}

/// The alarm `vtpass_wallet_low` invokes the books with an event of CloudWatch.
#[tokio::test]
async fn the_alarm_for_a_low_wallet_makes_the_books_read_the_balance() {
    let it = Morning::with(&[]).await;
    it.set_wallet(4_200).await;
    it.gateway.clock.turn(Duration::from_secs(60));
    let event = json!({ "source": "aws.cloudwatch", "accountId": "000000000000",
        "alarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:VtpassWalletLowAlarm",
        "alarmData": { "alarmName": "VtpassWalletLowAlarm", "state": { "value": "ALARM" } } });
    let done = it.gateway.sandbox.functions["books"].invoke(&event).await.unwrap();
    assert_eq!(done["balance_kobo"], 4_200);
    let now = it.gateway.clock.clock().now();
    let read = it.books().balances(now - Duration::from_secs(1), now).await.unwrap();
    assert_eq!(read.last().map(|it| it.balance_kobo.kobo()), Some(4_200));
}
