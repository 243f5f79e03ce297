//! The cached catalogue, and VTpass's unsigned webhook that reports a change of it.

use std::time::Duration;

use serde_json::json;

use crate::support::{Caller, Gateway, Provider, Received, Reply, Script, vtpass_at};

fn selling(_: &Received) -> Script {
    let variation = json!({ "variation_code": "eti-100", "name": "Data",
                            "variation_amount": "100.00", "fixedPrice": "Yes" });
    let content = json!({ "ServiceName": "Data", "serviceID": "etisalat-data",
                          "varations": [variation] });
    Script::Json(200, json!({ "response_description": "000", "content": content }))
}

async fn read(caller: &Caller) -> Reply {
    caller.get("/services/etisalat-data/variations").await
}

async fn report_change(caller: &Caller) {
    let webhook = json!({ "type": "variations-update", "serviceID": "etisalat-data" });
    caller.post("/callbacks/vtpass", webhook).await.ok();
}

/// A stranger posts webhooks about a catalogue every ten seconds, while a tenant reads it every second.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_cannot_make_us_fetch_a_catalogue_again_and_again() {
    let vtpass = Provider::start(selling).await;
    let gateway = Gateway::with(&vtpass_at(&vtpass.url)).await;
    let caller = gateway.caller();
    for second in 0..600 {
        if second % 10 == 0 {
            report_change(&caller).await;
        }
        read(&caller).await.ok();
        gateway.clock.turn(Duration::from_secs(1));
    }
    assert_eq!(vtpass.received().len(), 5, "at the start, and then every two minutes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_that_is_used_is_renewed_by_one_order_before_its_end() {
    let vtpass = Provider::start(selling).await;
    let gateway = Gateway::with(&vtpass_at(&vtpass.url)).await;
    let caller = gateway.caller();
    let mut fetched = Vec::new();
    for _ in 0..300 {
        read(&caller).await.ok();
        fetched.push(vtpass.received().len());
        gateway.clock.turn(Duration::from_secs(1));
    }
    assert_eq!((fetched[240], fetched[299]), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outdated_catalogue_is_used_while_vtpass_gives_no_other_until_its_five_minutes_are_over()
{
    let vtpass = Provider::start(selling).await;
    let gateway = Gateway::with(&vtpass_at(&vtpass.url)).await;
    let caller = gateway.caller();
    read(&caller).await.ok();
    vtpass.script(|_| Script::Json(502, json!({})));
    gateway.clock.turn(Duration::from_secs(120));
    report_change(&caller).await;
    read(&caller).await.ok();
    assert_eq!(vtpass.received().len(), 2, "it was asked");
    gateway.clock.turn(Duration::from_secs(179));
    read(&caller).await.ok();
    gateway.clock.turn(Duration::from_secs(1));
    read(&caller).await.refused(503, "upstream_unavailable");
}
