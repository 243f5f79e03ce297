//! Reading a linked account at Mono, with the requests of Mono's guide.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::conformance::CONTRACT;
use crate::support::{Caller, Gateway};

const AIRTEL: (&str, &str) = ("07082109281", "airtel");

/// The fields and types of a value at every level: an integer stays an integer, a null a null.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect()
        }
        Value::Array(items) => {
            let shapes: BTreeSet<String> = items.iter().map(|it| shape(it).to_string()).collect();
            json!(shapes)
        }
        Value::String(_) => json!(""),
        Value::Number(number) if number.is_f64() => json!(0.5),
        Value::Number(_) => json!(0),
        Value::Null | Value::Bool(_) => value.clone(),
    }
}

/// The answer has the shape of its example in openapi.yaml, which is that of Mono's guide.
fn like_the_example(answer: &Value, method: &str, path: &str) {
    let answers = &CONTRACT.document["paths"][path][method]["responses"];
    let example = &answers["200"]["content"]["application/json"]["example"];
    assert_eq!(shape(answer), shape(example), "{path}");
}

#[tokio::test]
async fn every_step_of_the_guide_answers_in_its_shape() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let auth = caller.auth(AIRTEL.0, AIRTEL.1).await.ok();
    like_the_example(&auth, "post", "/telecom/auth");
    assert_eq!(auth["status"], "successful");
    let session = auth["data"]["session_id"].as_str().unwrap();
    let verify = caller.verify(session, &caller.otp(AIRTEL.0).await).await.ok();
    like_the_example(&verify, "post", "/telecom/verify");
    let exchange = caller.exchange(verify["data"]["code"].as_str().unwrap()).await.ok();
    like_the_example(&exchange, "post", "/account/auth");

    let id = exchange["id"].as_str().unwrap();
    for (tail, numbers) in [
        ("", &["\"balance\":7659,"][..]),
        ("/balances", &["\"value\":11.15,", "\"value\":7659,"]),
        ("/transactions", &[]),
        ("/identity", &[]),
    ] {
        let reply = caller.get(&format!("/accounts/{id}{tail}")).await;
        assert!(numbers.iter().all(|number| reply.text.contains(number)), "{}", reply.text);
        like_the_example(&reply.ok(), "get", &format!("/accounts/{{id}}{tail}"));
    }
}

#[tokio::test]
async fn the_paging_links_lead_through_every_transaction_and_back() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let id = caller.link(AIRTEL.0, AIRTEL.1).await;
    let path = |tail: &str| format!("/accounts/{id}/transactions{tail}");
    assert_eq!(read_all(&caller, &path("")).await.len(), 27);
    let lines = read_all(&caller, &format!("/v2{}", path("?type=debit&limit=4"))).await;
    assert_eq!(lines.len(), 14);
    assert!(lines.iter().all(|line| line["type"] == "debit"));
    let dated = path("?start=2024-06-10&end=2024-06-19&limit=3");
    assert_eq!(read_all(&caller, &dated).await.len(), 10);
    let unpaged = caller.get(&path("?paginate=false")).await.ok();
    assert_eq!(unpaged["data"].as_array().unwrap().len(), 27);
}

/// Follows `next` to the end and `previous` back to the start.
async fn read_all(caller: &Caller, first: &str) -> Vec<Value> {
    let follow = async |page: &Value, link: &str| {
        let url = page["paging"][link].as_str()?;
        assert!(url.starts_with(&caller.base_url), "{url}");
        Some(caller.get(url).await.ok())
    };
    let mut pages = vec![caller.get(first).await.ok()];
    while let Some(next) = follow(pages.last().unwrap(), "next").await {
        pages.push(next);
    }
    let mut page = pages.last().unwrap().clone();
    for expected in pages.iter().rev().skip(1) {
        page = follow(&page, "previous").await.expect("a link back");
        assert_eq!(page["data"], expected["data"]);
    }
    assert_eq!(page["paging"]["previous"], Value::Null);
    pages.iter().flat_map(|page| page["data"].as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn every_mono_route_has_its_alias() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let body = json!({ "phone": AIRTEL.0, "provider": AIRTEL.1 });
    let auth = caller.post("/telecom/auth", body).await.ok();
    let otp = json!({ "otp": caller.otp(AIRTEL.0).await }).to_string().into_bytes();
    let header = [("x-session-id", auth["data"]["session_id"].as_str().unwrap())];
    let verify = caller.send("POST", "/telecom/verify", &header, otp).await.ok();
    let code = json!({ "code": verify["data"]["code"] });
    let id = caller.post("/v2/accounts/auth", code.clone()).await.ok();
    for alias in ["/account/auth", "/v2/account/auth", "/accounts/auth"] {
        assert_eq!(caller.post(alias, code.clone()).await.ok(), id);
    }
    let id = id["id"].as_str().unwrap();
    for tail in ["", "/balances", "/transactions", "/identity"] {
        let plain = caller.get(&format!("/accounts/{id}{tail}")).await.ok();
        assert_eq!(plain, caller.get(&format!("/v2/accounts/{id}{tail}")).await.ok());
    }
    caller.post(&format!("/v2/accounts/{id}/unlink"), json!({})).await.ok();
}
