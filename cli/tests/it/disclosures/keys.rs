//! Tenants and keys that the table of tenants does not hold, that have ended, or that cannot be read.

use aws_sdk_dynamodb::types::AttributeValue;
use shared::domain::date::Date;
use shared::platform::crypto::hashed;
use time::OffsetDateTime;

use super::Leak;
use crate::support::Gateway;

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_tenant_or_key_and_a_key_of_another_tenant_give_no_empty_list() {
    let gateway = Gateway::start().await;
    let create = async |tenant| {
        let made = gateway.run(&["tenant", "create", tenant, "--kind", "test", "--json"]).await;
        made.json()["key_id"].as_str().unwrap().to_owned()
    };
    let (_, beta) = (create("acme").await, create("beta").await);
    let read = async |arguments: &[&str]| {
        let all = [&["disclosures", "--from", "2026-11-01"], arguments].concat();
        gateway.run(&all).await
    };
    for (arguments, expected) in [
        (&["--tenant", "acmee"][..], "holds no key of tenant acmee, and no read is recorded of it"),
        (&["--tenant", "acme", "--key", "000000000000"], "holds no key 000000000000, and no read"),
        (&["--tenant", "acme", "--key", &beta], "is of tenant beta, not of acme"),
        (&["--account", "a", "--tenant", "acmee"], "holds no key of tenant acmee"),
        (&["--account", "a", "--key", &beta, "--tenant", "acme"], "is of tenant beta, not of acme"),
    ] {
        let message = read(arguments).await.refused(1);
        assert!(message.contains(expected), "{message}");
    }
    gateway.run(&["tenant", "revoke", "--tenant", "acme", "--all"]).await.ok();
    assert!(read(&["--tenant", "acme"]).await.ok().contains("reads: 0"), "its keys have ended");
    let nobody = read(&["--account", "nobody"]).await;
    assert_eq!(nobody.stderr, "no such read of account nobody is recorded\n");
    assert!(nobody.ok().contains("reads: 0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_is_found_after_the_keys_ended_or_were_lost_or_cannot_be_read() {
    let mut leak = Leak::start().await;
    let key = leak.key("acme", 0).await;
    leak.link(&key, 1).await;
    leak.providers.take_given();
    leak.read(&key, "GET /accounts/{id}/identity", 1, "").await;
    let today = Date::of(OffsetDateTime::now_utc()).to_string();
    let tenant = ["--tenant", "acme", "--from", &today];
    let by_key = ["--key", &key.id, "--from", &today];
    leak.gateway.run(&["tenant", "revoke", &key.id]).await.ok();
    leak.compare(&tenant[..2], &[&key]).await;
    leak.compare(&tenant, &[&key]).await;
    // Another version wrote it: its tenant can be read, and the day on which it was made cannot.
    let dynamodb = leak.gateway.dynamodb();
    let hash = AttributeValue::S(hashed(&key.secret));
    let update = dynamodb.update_item().table_name("TenantsTable").key("key_hash", hash.clone());
    let update = update.update_expression("SET kind = :kind");
    let kind = AttributeValue::S("of_tomorrow".to_owned());
    update.expression_attribute_values(":kind", kind).send().await.unwrap();
    leak.compare(&by_key, &[&key]).await;
    leak.compare(&tenant, &[&key]).await;
    let message = leak.disclosures(&by_key[..2]).await.refused(1);
    assert!(message.contains("keys that cannot be read; give --tenant and --from"), "{message}");
    // The table lost it.
    let delete = dynamodb.delete_item().table_name("TenantsTable").key("key_hash", hash);
    delete.send().await.unwrap();
    leak.compare(&tenant, &[&key]).await;
    leak.compare(&[&tenant[..], &by_key[..2]].concat(), &[&key]).await;
}
