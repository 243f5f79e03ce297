//! What is left of a person when a consent is over: nothing but what docs/data-retention.md names.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::time::to_iso;

use crate::support::purchases::airtime;
use crate::support::{Caller, Gateway, KEY, leaks, tenant_of};

const PERSON: &str = "08031234567";
const ADDRESS: &str = "197.210.64.10";
const HOUR: Duration = Duration::from_secs(3_600);

/// The words that a tenant wrote into a consent, each of which would be found in a log line.
const WORDS: [&str; 3] = ["loan_of_08031234567", "all_of_her_data_4711", "policy_of_may_4711"];

/// How a consent comes to its end.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Withdrawn,
    WithdrawnAtMono,
    Expired,
}

fn consent(gateway: &Gateway, words: [&str; 3]) -> Value {
    let end = to_iso(gateway.clock.clock().now() + HOUR);
    let [purpose, scope, policy] = words;
    json!({ "purpose": purpose, "scope": scope, "policy_version": policy, "customer_ip": ADDRESS,
            "expires_at": end })
}

/// A customer consents, is read, asked about and sold airtime; then the consent ends.
async fn lived(gateway: &Gateway, caller: &Caller, end: End) -> (String, String) {
    let id = caller.consented(PERSON, "mtn", &consent(gateway, WORDS)).await;
    caller.get(&format!("/accounts/{id}/identity")).await.ok();
    caller.mtn_next("recharges", "lost").await;
    let asked = caller.asked(&id, "recharges").await;
    let url = caller.callback_urls().await.pop().unwrap();
    let answer = json!({ "data": [{ "customerId": PERSON, "amount": 100 }] }).to_string();
    assert_eq!(caller.call_back(&url, &answer).await.status, 200);
    caller.bought("top-up", &airtime(PERSON)).await;
    match end {
        End::Withdrawn => {
            caller.unlink(&id).await.ok();
        }
        End::WithdrawnAtMono => {
            let withdraw = json!({ "account_id": id });
            caller.post("/_sandbox/mono/withdraw", withdraw).await.ok();
        }
        End::Expired => gateway.clock.turn(HOUR),
    }
    (id, asked)
}

/// Lets everything happen that ends the consent.
async fn settle(gateway: &Gateway) {
    let (_, requery) = gateway.with_tap("requery").await;
    gateway.reconcile().await;
    for _ in 0..3 {
        gateway.clock.turn(Duration::from_secs(240));
        gateway.drive(&requery).await;
    }
    let (_, notify) = gateway.with_tap("notify").await;
    gateway.drive_queue("NotifyQueue", &notify).await;
}

/// Whatever the tenant asks about the account, it reads nothing of the person.
async fn reads_nothing(gateway: &Gateway, caller: &Caller, (id, asked): &(String, String)) {
    for route in &gateway.sandbox.stack.routes {
        let path = route.path.replace("{id}", id).replace("{request_id}", asked);
        if path.contains('{') || path.starts_with("/callbacks") || route.method != "GET" {
            continue;
        }
        let answer = caller.get(&path).await;
        // A purchase is not part of an account. Its number is masked by age.
        let of_purchases = path.starts_with("/purchases") || path.starts_with("/events");
        let numbers = if of_purchases { &[][..] } else { &[PERSON, &PERSON[1..]] };
        for word in WORDS.iter().chain(&[ADDRESS]).chain(numbers) {
            assert!(!answer.text.contains(word), "{path}: {word} in {}", answer.text);
        }
        let about_account = path.contains(id.as_str()) || path.contains(asked.as_str());
        if about_account && !path.ends_with("/consent") && !path.ends_with("/export") {
            answer.refused(404, "not_found");
        }
    }
}

/// No table holds anything of the person for this tenant, but for what is named.
async fn holds_nothing(gateway: &Gateway) {
    let tenant = tenant_of(KEY);
    for table in &gateway.sandbox.stack.tables {
        for item in gateway.scan(&table.name).await {
            let of_purchases = ["PurchasesTable", "EventsTable"].contains(&table.name.as_str());
            let of_other = item["tenant"].is_string() && item["tenant"] != tenant.as_str();
            let numbers = if of_purchases || of_other { &[][..] } else { &[PERSON, &PERSON[1..]] };
            let text = item.to_string();
            for word in WORDS.iter().chain(numbers) {
                assert!(!text.contains(word), "{}: {word} in {text}", table.name);
            }
            assert!(of_other || !text.contains(ADDRESS), "{}: {text}", table.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_person_is_left_when_a_consent_is_over() {
    WORDS.iter().for_each(|word| leaks::secret(word));
    for end in [End::Withdrawn, End::WithdrawnAtMono, End::Expired] {
        let gateway = Gateway::undriven().await;
        let caller = gateway.caller();
        let ids = lived(&gateway, &caller, end).await;
        if end == End::Expired {
            reads_nothing(&gateway, &caller, &ids).await;
        }
        settle(&gateway).await;
        reads_nothing(&gateway, &caller, &ids).await;
        holds_nothing(&gateway).await;
        let record = caller.get(&format!("/accounts/{}/consent", ids.0)).await.ok();
        assert_eq!(record["data"]["state"], "unlinked");
        let hashes = &record["data"]["history"][0]["hashes"];
        assert_eq!(hashes["purpose"].as_str().unwrap().len(), 64, "what proves the text stays");
    }
    leaks::none();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_consent_to_the_same_account_opens_nothing_of_an_ended_one() {
    WORDS.iter().for_each(|word| leaks::secret(word));
    for end in [End::Withdrawn, End::Expired] {
        let gateway = Gateway::undriven().await;
        let (caller, other) = (gateway.caller(), gateway.other_caller());
        let ids = lived(&gateway, &caller, end).await;
        let theirs = consent(&gateway, ["their purpose", "their scope", "their policy"]);
        assert_eq!(other.consented(PERSON, "mtn", &theirs).await, ids.0);
        settle(&gateway).await;
        reads_nothing(&gateway, &caller, &ids).await;
        holds_nothing(&gateway).await;
        other.get(&format!("/accounts/{}/identity", ids.0)).await.ok();
        let record = other.get(&format!("/accounts/{}/consent", ids.0)).await;
        assert!(!record.text.contains(WORDS[0]), "{}", record.text);
        assert_eq!(record.ok()["data"]["consent"]["purpose"], "their purpose");
    }
    leaks::none();
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_older_versions_left_are_not_shown_and_go_with_the_next_withdrawal() {
    let gateway = Gateway::undriven().await;
    let caller = gateway.caller();
    let id = caller.link(PERSON, "mtn").await;
    super::history::age(&gateway, 3, WORDS[0]).await;
    caller.unlink(&id).await.ok();
    holds_nothing(&gateway).await;
    // An older version wrote the tombstone.
    super::history::age(&gateway, 3, WORDS[0]).await;
    let record = caller.get(&format!("/accounts/{id}/consent")).await;
    assert!(!record.text.contains(WORDS[0]), "{}", record.text);
    let (_, requery) = gateway.with_tap("requery").await;
    let tenant = tenant_of(KEY);
    let job = json!({ "kind": "unlink", "tenant": tenant, "account_id": id, "step": 0 });
    gateway.empty("FollowUpQueue").await;
    gateway.send_raw(&job.to_string()).await;
    gateway.drive(&requery).await;
    holds_nothing(&gateway).await;
    let after = caller.get(&format!("/accounts/{id}/consent")).await;
    assert_eq!(after.ok()["data"], record.ok()["data"], "the same hashes");
}
