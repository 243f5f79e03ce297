//! Disclosures.

use serde_json::json;

use super::loss::Loss;
use crate::support::{Gateway, KEY, event};

pub async fn a_disclosure_is_recorded_once(loss: Loss) {
    let (_mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.link_acc1().await;
    let (tap, fetch) = gateway.with_tap("fetch-data").await;
    let read = event(KEY, "GET /accounts/{id}/identity", &[("id", "acc1")], "");
    let answer = loss.run(&tap, &fetch, read).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let records = gateway.scan("DisclosuresTable").await;
    let accounts: Vec<_> = records.iter().map(|it| &it["account_id"]).collect();
    assert_eq!(accounts, [&json!("acc1")]);
}
