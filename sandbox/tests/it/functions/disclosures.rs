//! What is recorded of answers with a person's data, and that no such answer is given without its record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::date::Date;
use shared::domain::disclosure::{DISCLOSING, Disclosure};
use shared::domain::ids::TenantId;
use shared::domain::time::to_iso;
use shared::platform::crypto::KeyedHash;
use shared::platform::secrets::resolved;
use shared::store::Disclosures;
use time::OffsetDateTime;

use crate::support::mtn::{ANSWER_TIME, LINE};
use crate::support::purchases::{DELIVERED, airtime, bundle, until};
use crate::support::{Caller, Gateway, KEY, Reply, Script, event, key_id_of, tenant_of};

const PURPOSE: &str = "a loan for Ngozi";

/// Links an MTN line by a consent that states a purpose.
async fn consented(caller: &Caller) -> String {
    let body = json!({ "phone": LINE, "provider": "mtn", "consent": { "purpose": PURPOSE } });
    let session = caller.post("/v2/telecom/auth", body).await.ok();
    let session = session["data"]["session_id"].as_str().unwrap().to_owned();
    let code = caller.verify(&session, &caller.otp(LINE).await).await.ok();
    let code = code["data"]["code"].as_str().unwrap();
    caller.exchange(code).await.ok()["id"].as_str().unwrap().to_owned()
}

fn from_ms(ms: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(ms)
}

/// What is asked about: each holds data.
struct Ids {
    account: String,
    request: String,
    purchase: String,
    event: String,
}

/// Asks along a route.
async fn ask(caller: &Caller, route: &str, ids: &Ids) -> Reply {
    let (method, path) = route.split_once(' ').unwrap();
    let path = path.replace("{id}", &ids.account).replace("{request_id}", &ids.request);
    let path = path.replace("{purchase_id}", &ids.purchase).replace("{event_id}", &ids.event);
    let path = path.replace("{productCode}", "p");
    let dates = "?start=2026-01-01&end=2026-02-28";
    let query = if path.contains("/mtn/usage") { dates } else { "" };
    let amount = json!({ "value": "1000", "type": "CURRENCY", "unit": "NGN" });
    let premium = json!({ "product": "p", "transactionType": "TRANSFER", "amount": amount });
    let body = if method == "POST" { premium.to_string().into_bytes() } else { Vec::new() };
    caller.send(method, &format!("{path}{query}"), &[], body).await
}

/// A gateway with an account, a deferred request about it that is answered, a purchase and its event. What
/// MTN is asked next, it answers at once.
async fn ready() -> (Gateway, Caller, Ids) {
    let (gateway, caller) = Gateway::with_caller().await;
    let account = consented(&caller).await;
    caller.mtn_next("recharges", "now").await;
    caller.mtn(&account, "recharges").await.ok();
    let stored = gateway.scan("RequestsTable").await;
    let request = stored[0]["request_id"].as_str().unwrap().to_owned();
    for operation in ["recharges", "recharge_summary", "usage"] {
        caller.mtn_answers(operation, &["now", "now"]).await;
    }
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    let purchase = bought["purchase_id"].as_str().unwrap().to_owned();
    let told = async || {
        let events = gateway.scan("EventsTable").await;
        let event = events.iter().find(|it| it["data"].as_str().unwrap().contains(&purchase))?;
        Some(event["event_id"].as_str().unwrap().to_owned())
    };
    let event = gateway.turn_until(Duration::from_secs(1), Duration::from_millis(20), told).await;
    (gateway, caller, Ids { account, request, purchase, event })
}

/// How many records each route has.
async fn by_route(gateway: &Gateway) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for record in gateway.scan("DisclosuresTable").await {
        *count.entry(record["route"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_with_a_persons_data_is_recorded_once() {
    let (gateway, caller, ids) = ready().await;
    let before = by_route(&gateway).await;
    assert_eq!(before, [("GET /accounts/{id}/mtn/recharges".to_owned(), 1)].into());
    for route in DISCLOSING {
        ask(&caller, route, &ids).await.ok();
        let is_recharges = route == "GET /accounts/{id}/mtn/recharges";
        let count = by_route(&gateway).await;
        assert_eq!(count[route], 1 + usize::from(is_recharges), "{route}: {count:?}");
    }
    caller.get(&format!("/v2/accounts/{}", ids.account)).await.ok();
    assert_eq!(by_route(&gateway).await["GET /accounts/{id}"], 2, "the alias is the same route");
    assert_eq!(gateway.items("DisclosuresTable").await, DISCLOSING.len() + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_names_account_key_route_and_consent_and_hides_words_and_addresses() {
    let (gateway, caller, ids) = ready().await;
    let Ids { account, request, .. } = &ids;
    caller.get(&format!("/accounts/{account}/identity")).await.ok();
    caller.get(&format!("/requests/{request}")).await.ok();
    let consent = caller.get(&format!("/accounts/{account}/consent")).await.ok();
    let vars = resolved(&gateway.vars_of("fetch-data"), &gateway.environment()).await.unwrap();
    let hash = KeyedHash::from_vars(&vars).unwrap();
    let now = gateway.clock.clock().now();
    let records = gateway.scan("DisclosuresTable").await;
    for record in &records {
        assert_eq!(record["account_id"], account.as_str(), "{record}");
        assert_eq!(record["tenant"], tenant_of(KEY));
        assert_eq!(record["key_id"], key_id_of(KEY));
        let at = from_ms(record["at_ms"].as_i64().unwrap());
        assert!(at <= now && at > now - Duration::from_secs(3_600), "{record}");
        assert!(record["listed"].as_str().unwrap().starts_with(&to_iso(at)), "{record}");
        assert_eq!(record["address_hash"], hash.of("127.0.0.1"));
        assert_eq!(record["consent"]["given_at"], consent["data"]["consent"]["given_at"]);
        assert_eq!(record["consent"]["purpose_hash"], hash.of(PURPOSE));
        let six_years = (at + time::Duration::days(2_192)).unix_timestamp();
        assert_eq!(record["expires_at"], six_years);
        assert!(!record["request_id"].as_str().unwrap().is_empty());
        let text = record.to_string();
        for word in ["Ngozi", "loan", "127.0.0.1", &LINE[1..]] {
            assert!(!text.contains(word), "{text}");
        }
    }
    assert_eq!(records.len(), 4);

    // The record stays when the person withdraws. What is then left is shown without a consent.
    caller.unlink(account).await.ok();
    assert_eq!(gateway.scan("DisclosuresTable").await, records);
    caller.get(&format!("/accounts/{account}/export")).await.ok();
    let after = gateway.scan("DisclosuresTable").await;
    let last = after.iter().find(|it| it["route"] == "GET /accounts/{id}/export").unwrap();
    assert_eq!(last.get("consent"), None, "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_persons_data_is_not_recorded() {
    let (gateway, caller, account) = Gateway::with_line().await;
    let (own, other) = (gateway.caller(), gateway.other_caller());
    // Unknown, foreign, invalid, refused by the provider, and answered later.
    own.get("/accounts/unknown/identity").await.refused(404, "not_found");
    other.get(&format!("/accounts/{account}/identity")).await.refused(404, "not_found");
    own.mtn(&account, "recharges?start=x").await.refused(400, "invalid_request");
    let refusal = json!({ "operation": "balance", "answer": "error", "http_status": 400,
                          "status_code": "5000" });
    caller.mtn_script(refusal).await;
    own.mtn(&account, "balance").await.refused(422, "upstream_rejected");
    caller.mtn_answers("recharges", &["lost", "now"]).await;
    let request = caller.asked(&account, "recharges").await;
    let waiting = caller.request(&request).await;
    assert_eq!(gateway.items("DisclosuresTable").await, 0, "{waiting}");

    // The one that is answered is recorded when it is read, and each time.
    gateway.until_answered_without_reading(&request).await;
    for reads in 1..=2 {
        assert_eq!(caller.request(&request).await["state"], "available");
        assert_eq!(gateway.items("DisclosuresTable").await, reads);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mtn_sends_while_a_tenant_waits_is_recorded_also_if_it_is_no_answer() {
    let (gateway, caller, account) = Gateway::with_line().await;
    caller.mtn_next("recharges", "lost").await;
    let notice = r#"{"rows":["mtn-0001"]}"#;
    let mtn = async {
        let asked = async || !caller.callback_urls().await.is_empty();
        until("MTN is asked", asked).await;
        caller.call_back(&caller.callback_urls().await[0], notice).await
    };
    let (reply, called) = tokio::join!(caller.mtn_waiting(&account, "recharges", 2), mtn);
    assert_eq!((reply.status, called.status), (202, 200));
    assert!(reply.text.contains(notice), "{}", reply.text);
    let records = gateway.scan("DisclosuresTable").await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["account_id"], account.as_str());
}

impl Gateway {
    async fn until_answered_without_reading(&self, id: &str) {
        let is_answered = async || {
            let stored = self.scan("RequestsTable").await;
            let request = stored.iter().find(|it| it["request_id"] == id).unwrap();
            (request["state"] == "available").then_some(())
        };
        self.turn_until(ANSWER_TIME, Duration::from_millis(50), is_answered).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_table_of_disclosures_no_route_gives_data() {
    let (gateway, caller, ids) = ready().await;
    gateway.dynamodb().delete_table().table_name("DisclosuresTable").send().await.unwrap();
    for route in DISCLOSING {
        let reply = ask(&caller, route, &ids).await;
        // An error has a fixed set of fields, so its message is all that could hold data.
        let message = reply.refused(503, "unavailable");
        assert_eq!(message, "The gateway cannot do this right now. Try again.", "{route}");
    }
    // What shows nobody's data goes on.
    caller.get("/providers").await.ok();
    caller.unlink(&ids.account).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_put_down_to_a_key_is_not_given() {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.link_acc1().await;
    mono.script(|_| Script::Json(200, json!({ "bvn": "22212345678" })));
    let (_tap, fetch) = gateway.with_tap("fetch-data").await;
    let read = event(KEY, "GET /accounts/{id}/identity", &[("id", "acc1")], "");
    let mut read: Value = serde_json::from_str(&read).unwrap();
    let lambda = &mut read["requestContext"]["authorizer"]["lambda"];
    lambda.as_object_mut().unwrap().remove("key_id");
    let answer = fetch(read.to_string(), crate::support::tap::context()).await.unwrap();
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert!(!answer.to_string().contains("22212345678"), "{answer}");
    assert_eq!(gateway.items("DisclosuresTable").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_purchases_is_recorded_with_those_that_it_shows() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    caller.get("/purchases").await.ok();
    gateway.other_caller().bought("o", &airtime(DELIVERED)).await;
    assert_eq!(gateway.items("DisclosuresTable").await, 0, "nothing was shown, or what was bought");
    let mut bought = Vec::new();
    for (key, order) in
        [("a", airtime(DELIVERED)), ("b", bundle(DELIVERED)), ("c", airtime(DELIVERED))]
    {
        bought.push(caller.bought(key, &order).await["purchase_id"].clone());
        gateway.clock.turn(Duration::from_secs(1));
    }
    for (query, shown) in [("?service_id=mtn", [0, 2]), ("?limit=2", [1, 2])] {
        gateway.clock.turn(Duration::from_secs(1));
        let listed = caller.get(&format!("/purchases{query}")).await.ok();
        let expected: BTreeSet<_> = shown.iter().map(|it| bought[*it].to_string()).collect();
        let ids = |list: &Value, id: fn(&Value) -> String| -> BTreeSet<String> {
            list.as_array().unwrap().iter().map(id).collect()
        };
        assert_eq!(ids(&listed["data"], |it| it["purchase_id"].to_string()), expected, "{query}");
        let records = gateway.scan("DisclosuresTable").await;
        let last = records.iter().max_by_key(|it| it["at_ms"].as_i64()).unwrap();
        assert_eq!(ids(&last["purchases"], Value::to_string), expected, "{query}");
        assert_eq!(last.get("account_id"), None, "{last}");
        assert!(!last.to_string().contains(&DELIVERED[1..]), "{last}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_larger_than_a_page_of_dynamodb_is_read_whole() {
    const RECORDS: usize = 400;
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    caller.bought("k", &airtime(DELIVERED)).await;
    caller.get("/purchases").await.ok();
    let vars = gateway.vars_of("purchase");
    let disclosures = Disclosures::from_vars(&vars, &gateway.dynamodb()).unwrap();
    let (tenant, now) = (TenantId::parse(&tenant_of(KEY)).unwrap(), gateway.clock.clock().now());
    let (mut first, day) = (Vec::new(), Date::of(now));
    disclosures.of_day(&tenant, day, now, |it| first.push(it)).await.unwrap();
    let one = &first[0];
    let purchases = vec![one.purchases[0].clone(); 100];
    for number in 1..RECORDS {
        let listed = format!("{}{number:03}", one.listed);
        let another = Disclosure { listed, purchases: purchases.clone(), ..one.clone() };
        disclosures.record(&another).await.unwrap();
    }
    let bytes = RECORDS * purchases.len() * purchases[0].as_str().len();
    assert!(bytes > 1024 * 1024, "a page has 1 MB");
    let mut all = Vec::new();
    disclosures.of_day(&tenant, day, now, |it| all.push(it.listed)).await.unwrap();
    assert_eq!(all.len(), RECORDS);
    assert!(all.is_sorted() && all[0] == one.listed);
}
