//! Two callers on every route of the template, each with what belongs to the other: nothing of it
//! can be read, changed, or told from what does not exist.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::purchase::rig::{DELIVERED, airtime, field};
use crate::support::{Caller, Gateway, Reply};

/// What a caller holds, by the name of the path parameter or header that carries it.
type Belongings = BTreeMap<&'static str, String>;

const LINE: &str = "08031234567";

/// Ids of the right form that are nobody's.
fn nobody() -> Belongings {
    BTreeMap::from([
        ("id", "66a0c1d2e3f4a5b6c7d8e999".to_owned()),
        ("purchase_id", "0".repeat(32)),
        ("request_id", "0".repeat(32)),
        ("token", "0".repeat(64)),
        ("session", "no-such-session".to_owned()),
        ("otp", "000000".to_owned()),
        ("code", "no_such_code".to_owned()),
    ])
}

async fn belongings(owner: &Caller) -> Belongings {
    let id = owner.line().await;
    owner.mtn_next("recharges", "lost").await;
    let request_id = owner.asked(&id, "recharges").await;
    let url = owner.callback_urls().await.pop().unwrap();
    let purchase = owner.bought("order-1", &airtime(DELIVERED)).await;
    let code = owner.code("08091112223", "mtn").await;
    let session = owner.session("08091112223", "mtn").await;
    BTreeMap::from([
        ("id", id),
        ("purchase_id", field(&purchase, "purchase_id").to_owned()),
        ("request_id", request_id),
        ("token", url.rsplit('/').next().unwrap().to_owned()),
        ("session", session),
        ("otp", owner.otp("08091112223").await),
        ("code", code),
    ])
}

/// Asks a route with somebody's belongings.
async fn ask(caller: &Caller, route: &str, of: &Belongings) -> Reply {
    let (method, path) = route.split_once(' ').unwrap();
    let mut path = path.to_owned();
    for (name, value) in of {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    path = path.replace("{productCode}", "P1").replace("{serviceID}", "etisalat-data");
    assert!(!path.contains('{'), "{route}: a parameter that this test does not know");
    if path.ends_with("/mtn/usage") {
        path.push_str("?start=2026-01-01");
    }
    let session = of["session"].clone();
    let body = json!({
        "otp": of["otp"], "code": of["code"], "product": "p", "transactionType": "t",
        "amount": { "value": "1", "type": "CURRENCY", "unit": "NGN" },
    });
    let body = if method == "POST" { body.to_string().into_bytes() } else { Vec::new() };
    caller.send(method, &path, &[("x-session-id", &session)], body).await
}

/// The routes on which something of somebody's is named, by path or by body.
fn names_something(route: &str) -> bool {
    let mut own = ["telecom/verify", "account/auth", "accounts/auth", "{id}", "_id}"].into_iter();
    own.any(|part| route.contains(part)) && !route.contains("/callbacks/")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_does_not_exist_on_any_route() {
    let gateway = Gateway::start().await;
    let (owner, stranger) = (gateway.caller(), gateway.other_caller());
    let (theirs, nobodys) = (belongings(&owner).await, nobody());
    let routes = gateway.sandbox.stack.routes.iter();
    let routes: Vec<String> = routes.map(|it| format!("{} {}", it.method, it.path)).collect();
    let mut tried = 0;
    for route in routes.iter().filter(|route| names_something(route)) {
        let foreign = ask(&stranger, route, &theirs).await;
        let absent = ask(&stranger, route, &nobodys).await;
        assert!(matches!(foreign.status, 404 | 410), "{route}: {}", foreign.text);
        assert_eq!(foreign.error_body(), absent.error_body(), "{route}");
        assert_eq!(foreign.retry_after, absent.retry_after, "{route}");
        tried += 1;
    }
    assert!(tried >= 28, "{tried} routes name something");
    // A list shows one's own only, and a key is one's own, too.
    assert_eq!(stranger.get("/purchases").await.ok()["data"], json!([]));
    let own = stranger.bought("order-1", &airtime(DELIVERED)).await;
    assert_ne!(own["purchase_id"], theirs["purchase_id"].as_str());

    // Nothing of it was changed or used up, and its owner still has it all.
    assert_eq!(owner.get("/purchases").await.ok()["data"].as_array().unwrap().len(), 1);
    owner.purchase(&theirs["purchase_id"]).await;
    assert_eq!(owner.request(&theirs["request_id"]).await["state"], "waiting");
    owner.verify(&theirs["session"], &theirs["otp"]).await.ok();
    owner.exchange(&theirs["code"]).await.ok();
    owner.get(&format!("/accounts/{}", theirs["id"])).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_token_opens_its_own_request_and_nothing_else() {
    let gateway = Gateway::start().await;
    let (owner, stranger) = (gateway.caller(), gateway.other_caller());
    let theirs = belongings(&owner).await;
    let account = stranger.line().await;
    stranger.mtn_next("recharges", "lost").await;
    let own = stranger.asked(&account, "recharges").await;
    let token = stranger.callback_urls().await.pop().unwrap();
    let token = token.rsplit('/').next().unwrap();
    let answer = |id: &str, token: &str| {
        let path = format!("/callbacks/mtn/{id}/{token}");
        let body = br#"{"data":{"planted":true}}"#.to_vec();
        let owner = &owner;
        async move { owner.send_bare("POST", &path, &[], body).await }
    };
    let absent = answer(&"0".repeat(32), &"0".repeat(64)).await;
    assert_eq!(absent.error(), (404, "not_found".to_owned()));
    // The stranger's own token on the owner's request, and the owner's on the stranger's.
    for (id, token) in [(&theirs["request_id"], token), (&own, theirs["token"].as_str())] {
        assert_eq!(answer(id, token).await.error_body(), absent.error_body());
    }
    for (caller, id) in [(&owner, &theirs["request_id"]), (&stranger, &own)] {
        assert_eq!(caller.request(id).await["state"], "waiting");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_callers_of_one_person_do_not_meet() {
    let gateway = Gateway::start().await;
    let (first, second) = (gateway.caller(), gateway.other_caller());
    let (mine, theirs) = (first.link(LINE, "mtn").await, second.link(LINE, "mtn").await);
    assert_eq!(mine, theirs, "Mono knows one account");
    second.mtn_next("recharges", "now").await;
    second.mtn(&theirs, "recharges").await.ok();
    let export = first.get(&format!("/accounts/{mine}/export")).await.ok();
    assert_eq!(export["data"]["requests"], json!([]), "what another asked is not one's own");
    first.post(&format!("/accounts/{mine}/unlink"), json!({})).await.ok();
    // The other's consent stands, with what was asked under it.
    second.get(&format!("/accounts/{theirs}")).await.ok();
    let export = second.get(&format!("/accounts/{theirs}/export")).await.ok();
    assert_eq!(export["data"]["requests"].as_array().unwrap().len(), 1);
    // Of the first there is nothing left but the tombstone.
    let tenant = crate::support::tenant_of(crate::support::KEY);
    for table in ["AccountsTable", "SessionsTable", "RequestsTable"] {
        for item in gateway.scan(table).await {
            if item["tenant"] != tenant.as_str() {
                continue;
            }
            let text = item.to_string();
            for personal in [&LINE[1..], "192.0.2.", "127.0.0.1", "source_ip", "phone"] {
                assert!(!text.contains(personal), "{table}: {text}");
            }
            assert!(table != "RequestsTable", "{text}");
            assert!(table != "AccountsTable" || item["state"] == "unlinked", "{text}");
        }
    }
    let record = first.get(&format!("/accounts/{mine}/consent")).await.ok();
    assert_eq!(
        (&record["data"]["state"], &record["data"]["consent"]),
        (&json!("unlinked"), &Value::Null)
    );
}
