//! `tenant create`, `list`, `rotate`, `change`, `limit` and `revoke`.

mod limits;
mod unreadable;

use std::time::Duration;

use serde_json::Value;
use shared::platform::crypto::hashed;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::{Ended, Gateway, run};

const OPEN: u16 = 200;
const CLOSED: u16 = 403;
const HOUR: u64 = 3600;

impl Gateway {
    async fn tenant(&self, arguments: &[&str]) -> Ended {
        self.run(&[&["tenant"], arguments].concat()).await
    }

    /// `tenant ... --json`.
    async fn tenant_json(&self, arguments: &[&str]) -> Value {
        self.tenant(&[arguments, &["--json"]].concat()).await.json()
    }

    async fn create(&self, tenant: &str) -> Value {
        self.tenant_json(&["create", tenant, "--kind", "test"]).await
    }

    /// The keys of a tenant.
    async fn list(&self, tenant: &str) -> Vec<Value> {
        self.tenant_json(&["list", tenant]).await.as_array().unwrap().clone()
    }
}

fn text<'a>(key: &'a Value, name: &str) -> &'a str {
    key[name].as_str().unwrap_or_else(|| panic!("no {name} in {key}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_opens_the_api_and_is_shown_once() {
    let gateway = Gateway::start().await;
    let create = ["create", "acme", "--kind", "test", "--label", " first app "];
    let ended = gateway.tenant(&[&create[..], &["--json"]].concat()).await;
    assert!(ended.stderr.contains("not shown again"), "{ended:?}");
    let made = ended.json();
    let key = text(&made, "key");
    assert!(key.starts_with("test_sk_") && key.len() == 48, "{key}");
    let expected = [("tenant", "acme"), ("kind", "test"), ("label", "first app")];
    for (name, value) in expected.into_iter().chain([("state", "active")]) {
        assert_eq!(made[name], value, "{made}");
    }
    let hash = hashed(key);
    assert_eq!(made["key_id"], hash[..12]);
    assert_eq!(gateway.status(key).await, OPEN);

    for list in [&["list"][..], &["list", "acme"], &["list", "--json"], &["list", "acme", "--json"]]
    {
        let printed = gateway.tenant(list).await.ok();
        assert!(printed.contains(&hash[..12]) && printed.contains("first app"), "{printed}");
        assert!(!printed.contains(&key[8..]) && !printed.contains(&hash), "{printed}");
    }

    let page = gateway.tenant(&["create", "beta", "--kind", "live"]).await.ok();
    let line = page.lines().find(|line| line.starts_with("key  ")).expect("the key");
    let live = line.split_whitespace().last().unwrap();
    assert!(live.starts_with("live_sk_") && page.matches(live).count() == 1, "{page}");
    assert_eq!(gateway.status(live).await, CLOSED, "the sandbox is a test deployment");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_a_usable_key_gets_another_only_when_asked_for() {
    let gateway = Gateway::start().await;
    let first = gateway.create("acme").await;
    let create = ["create", "acme", "--kind", "test"];
    let message = gateway.tenant(&create).await.refused(1);
    assert!(message.contains("acme") && message.contains(text(&first, "key_id")), "{message}");
    assert!(message.contains("--another"), "{message}");
    assert_eq!(gateway.list("acme").await.len(), 1);

    let second = gateway.tenant_json(&[&create[..], &["--another"]].concat()).await;
    for key in [&first, &second] {
        assert_eq!(gateway.status(text(key, "key")).await, OPEN);
    }
    gateway.tenant(&["revoke", "--tenant", "acme", "--all"]).await.ok();
    gateway.create("acme").await;
    assert_eq!(gateway.list("acme").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_a_table_of_every_state() {
    let gateway = Gateway::start().await;
    let mut ids = Vec::new();
    for tenant in ["a-active", "b-expiring", "c-expired", "d-revoked"] {
        ids.push(gateway.create(tenant).await);
    }
    gateway.tenant(&["rotate", "b-expiring", "--overlap", "3"]).await.ok();
    gateway.tenant(&["rotate", "c-expired", "--overlap", "0"]).await.ok();
    let id = text(&ids[3], "key_id");
    gateway.tenant(&["revoke", id, "--reason", "seen on a forum"]).await.ok();

    let page = gateway.tenant(&["list"]).await.ok();
    let title = page.lines().next().unwrap();
    let titles = ["TENANT", "KEY ID", "KIND", "LABEL", "CREATED", "SCOPES", "FROM", "STATE"];
    let columns = titles.map(|it| title.find(it).expect("a title"));
    let cell = |key: &Value, column: usize| {
        let id = text(key, "key_id");
        let line = page.lines().find(|line| line.contains(id)).expect("a line");
        let end = columns.get(column + 1).copied().unwrap_or(line.len());
        line[columns[column]..end].trim().to_owned()
    };
    assert_eq!(cell(&ids[0], 0), "a-active");
    assert_eq!((cell(&ids[0], 2), cell(&ids[0], 3)), ("test".into(), "-".into()));
    assert_eq!(cell(&ids[0], 4), text(&ids[0], "created_at"));
    assert_eq!(cell(&ids[0], 7), "active");
    assert!(cell(&ids[1], 7).starts_with("expires at 20"), "{page}");
    assert_eq!(cell(&ids[2], 7), "expired");
    assert!(cell(&ids[3], 7).starts_with("revoked at 20"), "{page}");
    assert!(cell(&ids[3], 7).ends_with("Z: seen on a forum"), "{page}");
    let tenants: Vec<_> = page.lines().skip(1).map(|line| &line[..1]).collect();
    assert_eq!(tenants, ["a", "b", "b", "c", "c", "d", "s"], "by tenant, the sandbox's own last");

    let revoked = &gateway.list("d-revoked").await[0];
    assert_eq!((&revoked["state"], &revoked["label"]), (&"revoked".into(), &Value::Null));
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    assert!(gateway.list("nobody").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_both_keys_work_until_the_older_one_ends() {
    let gateway = Gateway::start().await;
    let create = ["create", "acme", "--kind", "test", "--label", "app"];
    let old = gateway.tenant_json(&create).await;
    let new = gateway.tenant_json(&["rotate", "acme", "--overlap", "2"]).await;
    assert_eq!((&new["kind"], &new["label"]), (&"test".into(), &"app".into()));
    let ending = &new["ending"][0];
    assert_eq!((&ending["key_id"], &ending["state"]), (&old["key_id"], &"expiring".into()));
    assert_eq!(gateway.list("acme").await[0], *ending, "what was shown is what was written");

    let (old, new) = (text(&old, "key"), text(&new, "key"));
    gateway.turn(2 * HOUR - 120);
    assert_eq!((gateway.status(old).await, gateway.status(new).await), (OPEN, OPEN));
    gateway.turn(120);
    assert_eq!((gateway.status(old).await, gateway.status(new).await), (CLOSED, OPEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_rotation_extends_no_key_and_without_overlap_keys_end_at_once() {
    let gateway = Gateway::start().await;
    gateway.create("acme").await;
    gateway.tenant_json(&["rotate", "acme", "--overlap", "1"]).await;
    let end = gateway.list("acme").await[0]["valid_until"].clone();
    let last = gateway.tenant_json(&["rotate", "acme"]).await;
    assert_eq!(last["ending"].as_array().unwrap().len(), 2, "{last}");
    let keys = gateway.list("acme").await;
    assert_eq!(keys[0]["valid_until"], end);
    assert!(text(&keys[1], "valid_until") > text(&keys[0], "valid_until"));

    gateway.tenant(&["rotate", "acme", "--overlap", "0"]).await.ok();
    let keys = gateway.list("acme").await;
    let active = keys.iter().filter(|key| key["state"] == "active").count();
    let expired = keys.iter().filter(|key| key["state"] == "expired").count();
    assert_eq!((active, expired), (1, 3), "{keys:?}");
    assert_eq!(gateway.status(text(&last, "key")).await, CLOSED);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_usable_keys_of_one_kind_are_rotated() {
    let gateway = Gateway::start().await;
    let message = gateway.tenant(&["rotate", "acme"]).await.refused(1);
    assert!(message.contains("no usable key"), "{message}");
    let test = gateway.create("acme").await;
    let live = gateway.tenant_json(&["create", "acme", "--kind", "live", "--another"]).await;
    let message = gateway.tenant(&["rotate", "acme"]).await.refused(1);
    assert!(message.contains("--kind"), "{message}");
    assert_eq!(gateway.list("acme").await.len(), 2, "nothing was written");

    let new = gateway.tenant_json(&["rotate", "acme", "--kind", "live"]).await;
    assert!(text(&new, "key").starts_with("live_sk_"), "{new}");
    assert_eq!(new["ending"].as_array().unwrap().len(), 1);
    assert_eq!(new["ending"][0]["key_id"], live["key_id"]);
    assert_eq!(gateway.status(text(&test, "key")).await, OPEN);

    gateway.tenant(&["revoke", text(&test, "key_id")]).await.ok();
    let message = gateway.tenant(&["rotate", "acme", "--kind", "test"]).await.refused(1);
    assert!(message.contains("no usable key"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_revoked_once_by_its_id() {
    let gateway = Gateway::start().await;
    let made = gateway.create("acme").await;
    let (id, key) = (text(&made, "key_id"), text(&made, "key"));
    assert_eq!(gateway.status(key).await, OPEN);
    let page = gateway.tenant(&["revoke", id, "--reason", " leaked "]).await.ok();
    assert!(page.contains("within 60 seconds") && page.contains(id), "{page}");
    let authorizer = gateway.sandbox.stack.authorizer.as_ref().unwrap();
    assert_eq!(authorizer.cache, Duration::from_secs(60), "as it is printed");
    gateway.turn(60);
    assert_eq!(gateway.status(key).await, CLOSED);

    let before = gateway.list("acme").await;
    let again = gateway.tenant_json(&["revoke", &id.to_uppercase(), "--reason", "again"]).await;
    assert_eq!(again["effective_within_seconds"], 60);
    assert_eq!(again["revoked"], Value::from(before.clone()), "the first revocation stands");
    assert_eq!(before[0]["revoked_because"], "leaked");
    assert_eq!(gateway.list("acme").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_keys_of_a_tenant_are_revoked_and_no_others() {
    let gateway = Gateway::start().await;
    let other = gateway.create("beta").await;
    let first = gateway.create("acme").await;
    let second = gateway.tenant_json(&["rotate", "acme"]).await;
    let revoke = ["revoke", "--tenant", "acme", "--all"];
    let revoked = gateway.tenant_json(&revoke).await;
    assert_eq!(revoked["revoked"].as_array().unwrap().len(), 2);
    assert_eq!(gateway.tenant_json(&revoke).await, revoked);
    for key in [&first, &second] {
        assert_eq!(gateway.status(text(key, "key")).await, CLOSED);
    }
    assert_eq!(gateway.status(text(&other, "key")).await, OPEN);

    // Nothing is revoked by an unknown id or tenant.
    let (id, hash) = (text(&other, "key_id"), hashed(text(&other, "key")));
    for unknown in ["000000000000", "nonsense", "", &id[..11], hash.as_str()] {
        let message = gateway.tenant(&["revoke", unknown]).await.refused(1);
        assert!(message.contains("no key has the id"), "{message}");
    }
    let message = gateway.tenant(&["revoke", "--tenant", "nobody", "--all"]).await.refused(1);
    assert!(message.contains("nobody has no key"), "{message}");
    assert_eq!(gateway.list("beta").await[0]["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_writes_nothing() {
    let gateway = Gateway::start().await;
    let (long, reason) = ("a".repeat(65), "a".repeat(501));
    let made = gateway.create("acme").await;
    let id = text(&made, "key_id");
    let wrong: [&[&str]; 13] = [
        &["create", "beta"],
        &["create", "beta", "--kind", "prod"],
        &["create", "be ta", "--kind", "test"],
        &["create", &long, "--kind", "test"],
        &["create", "beta", "--kind", "test", "--label", &long],
        &["create", "beta", "--kind", "test", "--label", "\u{1b}[2J"],
        &["rotate", "acme", "--overlap", "721"],
        &["rotate", "acme", "--overlap", "-1"],
        &["revoke"],
        &["revoke", "--tenant", "acme"],
        &["revoke", "--all"],
        &["revoke", id, "--tenant", "acme", "--all"],
        &["revoke", id, "--reason", &reason],
    ];
    for arguments in wrong {
        let ended = gateway.tenant(arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}");
    }
    let keys = gateway.tenant_json(&["list"]).await;
    let states: Vec<_> = keys.as_array().unwrap().iter().map(|key| &key["state"]).collect();
    assert_eq!(states, ["active", "active"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn against_aws_the_environment_names_the_table_unless_an_argument_does() {
    let gateway = Gateway::start().await;
    let made = gateway.create("acme").await;
    let mut vars = gateway.aws_of("authorizer");
    let list = ["tenant", "list", "acme"];
    assert!(run(&list, &vars).await.ok().contains(text(&made, "key_id")));

    let place = vars.iter().position(|(name, _)| *name == "TENANTS_TABLE").unwrap();
    let (_, table) = vars.remove(place);
    let message = run(&list, &vars).await.refused(2);
    assert!(message.contains("TENANTS_TABLE (or --table, or --stack)"), "{message}");
    let with_table = [&list[..], &["--table", table]].concat();
    assert!(run(&with_table, &vars).await.ok().contains(text(&made, "key_id")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_money_limits_are_shown_set_and_kept_by_new_keys() {
    let gateway = Gateway::start().await;
    gateway.tenant(&["limit", "acme"]).await.refused(1);
    gateway.create("acme").await;
    let shown = gateway.tenant_json(&["limit", "acme"]).await;
    assert_eq!((&shown["spend_limit"], &shown["largest_order_kobo"]), (&Value::Null, &Value::Null));
    let set = ["limit", "acme", "--spend", "5000/600,20000/86400", "--largest-order", "4000"];
    assert!(gateway.tenant(&set).await.ok().contains("60 seconds"));
    gateway.tenant(&["rotate", "acme", "--overlap", "1"]).await.ok();
    let keys = gateway.list("acme").await;
    assert_eq!(keys.len(), 2);
    for key in &keys {
        assert_eq!(key["spend_limit"], "5000/600,20000/86400", "{key}");
        assert_eq!(key["largest_order_kobo"], 4_000, "{key}");
    }
    gateway.tenant(&["limit", "acme", "--spend", "default"]).await.ok();
    let page = gateway.tenant(&["limit", "acme"]).await.ok();
    assert!(page.contains("default") && page.contains("4000"), "{page}");
    for wrong in [["--spend", "5000"], ["--spend", "5/600,5/601"], ["--largest-order", "-1"]] {
        let ended = gateway.tenant(&[&["limit", "acme"][..], &wrong].concat()).await;
        assert_eq!(ended.code, 2, "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_with_scopes_networks_and_an_end_and_changed() {
    let gateway = Gateway::start().await;
    let create = ["create", "acme", "--kind", "test", "--scope", "read,data", "--from"];
    let made = gateway
        .tenant_json(&[&create[..], &["192.0.2.0/24,127.0.0.1", "--expires", "30"]].concat())
        .await;
    assert_eq!(made["scopes"], "data,read");
    assert_eq!(made["networks"], "192.0.2.0/24,127.0.0.1/32");
    assert_eq!(made["state"], "expiring");
    let key = text(&made, "key");
    assert_eq!(gateway.status(key).await, OPEN);
    let page = gateway.tenant(&["list", "acme"]).await.ok();
    assert!(page.contains("data,read") && page.contains("192.0.2.0/24"), "{page}");

    let id = text(&made, "key_id");
    let changed = gateway.tenant_json(&["change", id, "--scope", "data"]).await;
    assert_eq!(changed["changed"][0]["scopes"], "data");
    assert_eq!(changed["changed"][0]["networks"], "192.0.2.0/24,127.0.0.1/32", "it is kept");
    gateway.turn(60);
    assert_eq!(gateway.status(key).await, CLOSED);
    let all = ["change", id, "--scope", "all", "--from", "anywhere", "--expires", "never"];
    let changed = gateway.tenant_json(&all).await;
    let changed = &changed["changed"][0];
    assert_eq!(
        (&changed["scopes"], &changed["networks"], &changed["state"]),
        (&Value::Null, &Value::Null, &"active".into())
    );
    gateway.turn(60);
    assert_eq!(gateway.status(key).await, OPEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_key_ends_after_a_year_unless_something_else_is_asked_for() {
    let gateway = Gateway::start().await;
    let create = ["create", "acme", "--kind", "live", "--another"];
    let made = gateway.tenant_json(&create).await;
    let time = |name| OffsetDateTime::parse(text(&made, name), &Rfc3339).unwrap();
    let life = time("valid_until") - time("created_at").truncate_to_second();
    assert_eq!(life, time::Duration::days(365));
    for (asked, end) in [("never", Value::Null), ("2100-01-31", "2100-01-30T23:00:00.000Z".into())]
    {
        let made = gateway.tenant_json(&[&create[..], &["--expires", asked]].concat()).await;
        assert_eq!(made["valid_until"], end, "{asked}");
    }
    let past = gateway.tenant(&[&create[..], &["--expires", "2020-01-01"]].concat()).await;
    assert!(past.refused(1).contains("over already"));
    for wrong in ["0", "3651", "-1", "tomorrow", "2027-02-30"] {
        let ended = gateway.tenant(&[&create[..], &["--expires", wrong]].concat()).await;
        assert_eq!(ended.code, 2, "{wrong}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_may_do_what_the_old_one_did_and_keys_that_differ_are_rotated_one_by_one() {
    let gateway = Gateway::start().await;
    let create = ["create", "acme", "--kind", "test", "--another"];
    let buys = gateway.tenant_json(&[&create[..], &["--scope", "purchase"]].concat()).await;
    let reads = gateway.tenant_json(&[&create[..], &["--scope", "read"]].concat()).await;
    let message = gateway.tenant(&["rotate", "acme"]).await.refused(1);
    assert!(message.contains("--key"), "{message}");
    assert_eq!(gateway.list("acme").await.len(), 2, "nothing was written");

    let rotate = ["rotate", "acme", "--key", text(&buys, "key_id"), "--overlap", "0"];
    let new = gateway.tenant_json(&rotate).await;
    assert_eq!(new["scopes"], "purchase");
    assert_eq!(new["ending"].as_array().unwrap().len(), 1);
    let keys = gateway.list("acme").await;
    let state = |key: &Value| {
        let id = text(key, "key_id");
        keys.iter().find(|it| it["key_id"] == id).unwrap()["state"].clone()
    };
    assert_eq!(
        (state(&buys), state(&reads), state(&new)),
        ("expired".into(), "active".into(), "active".into())
    );
}
