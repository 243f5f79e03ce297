//! `account show`, `export` and `unlink`, `purchase find` and `mask --phone`, and `tenant offboard`: what a
//! person may ask for when the tenant cannot or does not do it.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use sandbox::DEFAULT_KEY;
use serde_json::{Value, json};
use shared::domain::ids::{PurchaseId, TenantId};
use shared::domain::purchase::PhoneKey;
use shared::platform::crypto::KeyedHash;

use crate::fake_aws::FakeAws;
use crate::support::{DELIVERED, Gateway, PHONE, run};

/// The tenant of the sandbox's key.
async fn tenant(gateway: &Gateway) -> String {
    let keys = gateway.run(&["--json", "tenant", "list"]).await.json();
    keys[0]["tenant"].as_str().unwrap().to_owned()
}

/// Waits until the sandbox's queues have made it so.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_shown_exported_and_unlinked_after_the_keys_were_revoked() {
    let gateway = Gateway::start().await;
    let id = gateway.link(PHONE).await;
    let tenant = tenant(&gateway).await;
    gateway.run(&["tenant", "revoke", "--all", "--tenant", &tenant]).await.ok();
    let of = ["--tenant", tenant.as_str()];
    let account = async |command: &str, more: &[&str]| {
        gateway.run(&[&["account", command], &of[..], more].concat()).await
    };
    for more in [&["--all"][..], &["--account", &id]] {
        let shown = account("show", more).await.ok();
        assert!(shown.contains("linked") && shown.contains("0803****567"), "{shown}");
        assert!(shown.contains(&id) && !shown.contains(PHONE), "{shown}");
        let line: Value = account("export", more).await.json();
        assert_eq!((&line["phone"], &line["requests"]), (&json!(PHONE), &json!([])));
    }
    let unknown = account("show", &["--account", "nobody"]).await.refused(1);
    assert!(unknown.contains("has no account nobody"), "{unknown}");

    let telling = async || gateway.events(&tenant).await;
    assert_eq!(account("unlink", &["--account", &id]).await.ok(), "unlinked 1 of 1\n");
    assert_eq!(account("unlink", &["--all"]).await.ok(), "unlinked 0 of 1\n");
    assert!(!account("export", &["--all"]).await.ok().contains(PHONE));
    until("the tenant is told", async || telling().await.contains(&"account.unlinked".to_owned()))
        .await;
    // The job comes later than a write may take.
    gateway.turn(250);
    until("Mono is told", async || account("show", &["--all"]).await.ok().contains("unlinked"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_purchases_for_a_number_are_found_and_masked_but_for_open_ones() {
    let gateway = Gateway::start().await;
    let settled = gateway.buy("settled", DELIVERED).await;
    let other = gateway.buy_scripted("other", "016").await;
    let tenant = tenant(&gateway).await;
    let secrets = gateway.sandbox.secrets.values();
    let vars: Vec<(&str, &str)> = gateway.aws();
    let find = ["--json", "purchase", "find", "--phone", DELIVERED];
    let by_index = [&find[..], &["--tenant", &tenant]].concat();
    let found = gateway.run(&find).await.json();
    assert_eq!(found[0]["purchase_id"], settled["purchase_id"]);
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    let no_key = run(&by_index, &vars).await.refused(2);
    assert!(no_key.contains("LIMITS_HMAC_KEY"), "{no_key}");
    let key = gateway.limits_key(&secrets, &settled, &tenant).await;
    let with_key = [&vars[..], &[("LIMITS_HMAC_KEY", key.as_str())]].concat();
    assert_eq!(run(&by_index, &with_key).await.json(), found);
    // The export of an account has them, too.
    let id = gateway.link(PHONE).await;
    let export = ["account", "export", "--tenant", &tenant, "--account", &id, "--purchases"];
    let tables = [("ACCOUNTS_TABLE", "AccountsTable"), ("REQUESTS_TABLE", "RequestsTable")];
    let with_tables = [&with_key[..], &tables].concat();
    let exported = run(&export, &with_tables).await.json()["purchases"].clone();
    let bought = gateway.run(&["--json", "purchase", "find", "--phone", PHONE]).await.json();
    assert_eq!(exported.as_array().unwrap().len(), 1, "{exported}");
    assert_eq!(exported[0]["purchase_id"], bought[0]["purchase_id"]);
    let no_key = run(&export, &[&vars[..], &tables].concat()).await.refused(2);
    assert!(no_key.contains("LIMITS_HMAC_KEY"), "{no_key}");
    // With a stack the key is read from its secret.
    let aws = FakeAws::of(&gateway).await;
    let secret = json!({ "LIMITS_HMAC_KEY": key }).to_string();
    aws.deployment().secrets.insert("LimitsSecret".to_owned(), secret);
    let in_stack = [&["--stack", "telco"][..], &by_index].concat();
    assert_eq!(run(&in_stack, &aws.vars()).await.json(), found);
    aws.deployment().forbidden.insert("GetSecretValue");
    let message = run(&in_stack, &aws.vars()).await.refused(3);
    assert!(message.contains("AccessDenied") && !message.contains(&key), "{message}");
    // An order of a version without the index is found in the table only.
    let update = gateway.dynamodb().update_item().table_name("PurchasesTable");
    let id = AttributeValue::S(settled["purchase_id"].as_str().unwrap().to_owned());
    let update = update.key("purchase_id", id).update_expression("REMOVE phone_key");
    update.send().await.unwrap();
    assert_eq!(run(&by_index, &with_key).await.json(), json!([]));
    assert_eq!(gateway.run(&find).await.json(), found);

    let mask = async |phone| gateway.run(&["purchase", "mask", "--phone", phone]).await.ok();
    assert_eq!(mask(DELIVERED).await, "masked 1\n");
    assert_eq!(mask(DELIVERED).await, "masked 0\n");
    assert_eq!(gateway.run(&find).await.json(), json!([]));
    let open = gateway.needs_review("open").await;
    assert_eq!(mask(PHONE).await, "masked 1; 1 open: repeat when they are settled\n");
    for (purchase, phone) in [(settled, "0801****111"), (other, "0803****567"), (open, PHONE)] {
        let id = purchase["purchase_id"].as_str().unwrap();
        assert_eq!(gateway.api(id).await["phone"], phone);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_found_by_the_key_of_the_sandbox_or_the_stack_and_another_key_is_refused() {
    let gateway = Gateway::start().await;
    let bought = gateway.buy("settled", DELIVERED).await;
    let tenant = tenant(&gateway).await;
    let key = gateway.limits_key(&gateway.sandbox.secrets.values(), &bought, &tenant).await;
    let stale = key.chars().rev().collect::<String>();
    let (same, stale) = (("LIMITS_HMAC_KEY", &*key), ("LIMITS_HMAC_KEY", &*stale));
    let find = ["--json", "purchase", "find", "--phone", DELIVERED, "--tenant", &tenant];
    let in_sandbox = [&["--sandbox", gateway.url()][..], &find].concat();
    for vars in [&[][..], &[stale]] {
        let found = run(&in_sandbox, vars).await.json();
        assert_eq!(found[0]["purchase_id"], bought["purchase_id"], "{found}");
    }
    let aws = FakeAws::of(&gateway).await;
    let secret = json!({ "LIMITS_HMAC_KEY": key }).to_string();
    aws.deployment().secrets.insert("LimitsSecret".to_owned(), secret);
    let in_stack = [&["--stack", "telco"][..], &find].concat();
    let found = run(&in_stack, &[&aws.vars()[..], &[same]].concat()).await.json();
    assert_eq!(found[0]["purchase_id"], bought["purchase_id"], "{found}");
    // By the key of another deployment nothing would be found, and nothing masked.
    let mask = ["--stack", "telco", "purchase", "mask", "--phone", DELIVERED, "--tenant", &tenant];
    for command in [&in_stack[..], &mask] {
        let message = run(command, &[&aws.vars()[..], &[stale]].concat()).await.refused(2);
        let expected = "LIMITS_HMAC_KEY in the environment is not the one of the stack: unset it";
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_leaves_is_offboarded_by_runs_that_go_on() {
    let gateway = Gateway::start().await;
    let id = gateway.link(PHONE).await;
    gateway.buy("settled", DELIVERED).await;
    let open = gateway.needs_review("open").await;
    let tenant = tenant(&gateway).await;
    let url = gateway.url();
    gateway.run(&["webhook", "add", &tenant, "--url", url]).await.ok();
    let offboard = ["--json", "tenant", "offboard", &tenant, "--confirm"];
    let offboard = async |confirm: &str| gateway.run(&[&offboard[..], &[confirm]].concat()).await;
    offboard("another").await.refused(1);
    let first = offboard(&tenant).await.json();
    let expected = json!({ "tenant": tenant, "complete": false, "revoked": 1, "unlinked": 1,
                           "endpoints_removed": 1, "masked": 1, "open": 1 });
    assert_eq!(first, expected);
    let shown = gateway.run(&["account", "show", "--tenant", &tenant, "--all"]).await.ok();
    assert!(shown.contains(&id) && shown.contains("unlink") && !shown.contains("0803"), "{shown}");

    gateway.settle(open["purchase_id"].as_str().unwrap(), "failed").await.ok();
    gateway.revoked_before(&tenant, 61).await;
    let second = offboard(&tenant).await;
    assert!(second.stderr.contains("purchases: 2 masked, 0 open"), "{second:?}");
    let second = second.json();
    assert_eq!((&second["complete"], &second["unlinked"]), (&json!(true), &json!(0)), "{second}");
    gateway.turn(61);
    assert_eq!(gateway.status(DEFAULT_KEY).await, 403);
}

impl Gateway {
    /// The types of the events that a tenant was told of.
    async fn events(&self, tenant: &str) -> Vec<String> {
        let scan = self.dynamodb().scan().table_name("EventsTable").send().await.unwrap();
        let items = scan.items.unwrap_or_default().into_iter();
        let own = items.filter(|item| item["tenant"].as_s().unwrap() == tenant);
        own.map(|item| item["type"].as_s().unwrap().clone()).collect()
    }

    /// The secret under which the purchase's number was hashed.
    async fn limits_key(&self, secrets: &[String], purchase: &Value, tenant: &str) -> String {
        let id = PurchaseId::parse(purchase["purchase_id"].as_str().unwrap()).unwrap();
        let stored = self.purchases().by_id(&id).await.unwrap().unwrap();
        let tenant = TenantId::parse(tenant).unwrap();
        let fits = |key: &&String| {
            let vars = [("LIMITS_HMAC_KEY".to_owned(), (*key).clone())];
            let hash = KeyedHash::from_vars(&vars.into_iter().collect()).ok();
            hash.is_some_and(|it| PhoneKey::of(&it, &tenant, &stored.recipient) == stored.phone_key)
        };
        secrets.iter().find(fits).expect("one of them").clone()
    }

    /// Makes it so many seconds ago that the tenant's keys were revoked.
    async fn revoked_before(&self, tenant: &str, seconds: i64) {
        let then = time::OffsetDateTime::now_utc() - time::Duration::seconds(seconds);
        let scan = self.dynamodb().scan().table_name("TenantsTable").send().await.unwrap();
        for item in scan.items.unwrap_or_default() {
            assert_eq!(item["tenant"].as_s().unwrap(), tenant);
            let update = self.dynamodb().update_item().table_name("TenantsTable");
            let update = update.key("key_hash", item["key_hash"].clone());
            let update = update.update_expression("SET revoked_at = :then");
            let then = AttributeValue::S(shared::domain::time::to_iso(then));
            update.expression_attribute_values(":then", then).send().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_mono_does_not_know_any_more_is_erased_after_a_check() {
    let gateway = Gateway::start().await;
    let id = gateway.link(PHONE).await;
    let tenant = tenant(&gateway).await;
    // The customer withdrew at Mono, and nobody reported it.
    let vars = gateway.aws_of("consent");
    let mono = vars.iter().find(|(name, _)| *name == "MONO_BASE_URL").unwrap().1;
    let url = format!("{mono}/accounts/{id}/unlink");
    let mut unlinked = false;
    for key in gateway.sandbox.secrets.values() {
        let unlink = http::Request::post(&url).header("mono-sec-key", key);
        unlinked |= gateway.answer(unlink, Value::Null).await.0 == 200;
    }
    assert!(unlinked, "one of the secrets is Mono's key");
    let state = async || {
        let show = ["--json", "account", "show", "--tenant", &tenant, "--all"];
        gateway.run(&show).await.json()[0]["state"].clone()
    };
    assert_eq!(state().await, "linked");
    let asked = gateway.run(&["--json", "account", "check", &id]).await.json();
    assert_eq!(asked, json!({ "asked": id }));
    until("the account is erased", async || {
        gateway.turn(60);
        state().await == "unlinked"
    })
    .await;
    assert!(gateway.run(&["account", "check", &id]).await.ok().contains(&id));
    assert_eq!(gateway.run(&["account", "check", "a b"]).await.code, 2);
}
