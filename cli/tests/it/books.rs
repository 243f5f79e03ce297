//! `report` and `wallet`.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::date::Date;
use shared::domain::time::to_iso;
use time::OffsetDateTime;

use crate::support::Gateway;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_day_is_printed_as_a_table_as_csv_and_as_json() {
    let gateway = Gateway::start().await;
    let now = OffsetDateTime::now_utc();
    let (noon, today) = (Date::of(now).ends() + 12 * HOUR, Date::of(now).to_string());
    let message = gateway.run(&["report", &today]).await.refused(1);
    assert!(message.contains("not closed"), "{message}");
    gateway.turn((noon - now).whole_seconds().unsigned_abs());
    gateway.sandbox.functions["books"].invoke(&json!({})).await.unwrap();
    let page = gateway.run(&["report", &today]).await.ok();
    assert!(page.contains("service_id") && page.contains("total"), "{page}");
    let csv = gateway.run(&["report", &today, "--format", "csv"]).await.ok();
    assert!(csv.starts_with("date,service_id,orders,") && csv.contains(&today), "{csv}");
    let document = gateway.run(&["report", &today, "--json"]).await.json();
    assert_eq!(document["date"], today.as_str());
    assert!(document["closed_at"].is_string() && document["total"]["orders"].is_u64());
    gateway.run(&["report", &today, "--tenant", "nobody"]).await.refused(1);
    assert_eq!(gateway.run(&["report", "yesterday"]).await.code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wallet_is_shown_and_a_top_up_is_noted() {
    let gateway = Gateway::start().await;
    gateway.run(&["wallet", "show"]).await.refused(1);
    gateway.sandbox.functions["books"].invoke(&json!({})).await.unwrap();
    let shown = gateway.run(&["wallet", "show", "--json"]).await.json();
    assert!(shown["balance_kobo"].is_u64() && shown["runway_hours"].is_null(), "{shown}");
    let top_up = ["wallet", "top-up", "500000", "--note", "transfer 4711", "--by", "ada", "--json"];
    let noted = gateway.run(&top_up).await.json();
    assert_eq!((&noted["amount_kobo"], &noted["by"]), (&json!(500_000), &json!("ada")));
    // A little ahead may be another clock.
    let at = async |ahead| {
        let at = to_iso(OffsetDateTime::now_utc() + ahead);
        gateway.run(&[&top_up[..], &["--at", &at]].concat()).await
    };
    at(Duration::from_secs(240)).await.ok();
    let message = at(HOUR).await.refused(1);
    assert!(message.contains("is in the future; nothing was written"), "{message}");
    for wrong in ["0", "-5", "1.5"] {
        let ended = gateway.run(&["wallet", "top-up", wrong, "--note", "n", "--by", "b"]).await;
        assert_eq!(ended.code, 2, "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_replaces_no_other_of_the_same_moment() {
    let gateway = Gateway::start().await;
    let note = async |kobo, at, note| {
        let command = ["wallet", "top-up", kobo, "--at", at, "--note", note, "--by", "ada"];
        gateway.run(&[&command[..], &["--json"]].concat()).await
    };
    let (noon, later) = ("2026-11-28T12:00:00Z", "2026-11-28T12:00:01Z");
    let first = note("500000", noon, "transfer 1").await.json();
    let again = note("500000", noon, "transfer 1").await.json();
    assert_eq!(first, again, "the same command may be given twice");
    for (kobo, text) in [("700000", "transfer 1"), ("500000", "transfer 2")] {
        let message = note(kobo, noon, text).await.refused(1);
        let expected = "telco-gateway: another top-up is noted for 2026-11-28T12:00:00.000Z; \
                        give another --at, such as a second later\n";
        assert_eq!(message, expected);
    }
    note("700000", later, "transfer 2").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_whose_clock_was_turned_on_is_asked_by_its_own_clock() {
    let gateway = Gateway::start().await;
    let clock = format!("{}/_sandbox/clock", gateway.url());
    let turn = http::Request::post(&clock).header("content-type", "application/json");
    let (status, told) = gateway.answer(turn, json!({ "advance_seconds": 1_800 })).await;
    assert!((200..300).contains(&status), "{told}");
    loop {
        let (_, told) = gateway.answer(http::Request::get(&clock), Value::Null).await;
        if told["turning"] == false {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The balance was read on the way, which is in the future for this machine.
    let shown = gateway.run(&["wallet", "show", "--json"]).await.json();
    assert!(shown["balance_kobo"].is_u64(), "{shown}");
}
