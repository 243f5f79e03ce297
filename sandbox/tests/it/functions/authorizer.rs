//! API keys: which ones open the API, and until when.

use std::collections::HashMap;
use std::time::Duration;

use authorizer::Authorizer;
use aws_sdk_dynamodb::types::AttributeValue;
use sandbox::{Options, Sandbox, TEMPLATE};
use shared::domain::api_key::{ApiKey, KeyKind};
use shared::domain::ids::TenantId;
use shared::domain::time::to_seconds;
use shared::platform::config::Vars;
use shared::platform::crypto::hashed;
use shared::platform::environment::Environment;
use shared::store::{Found, Tenants};
use time::OffsetDateTime;

use crate::support::{Caller, Gateway, KEY, OTHER_KEY};

/// A route that answers 404 to whoever is let in.
const ROUTE: &str = "/purchases/00000000000000000000000000000000";
const LET_IN: u16 = 404;

impl Gateway {
    fn tenants(&self) -> Tenants {
        Tenants::from_vars(&self.vars_of("authorizer"), &self.dynamodb()).unwrap()
    }

    fn now(&self) -> OffsetDateTime {
        self.clock.clock().now()
    }

    fn seconds(&self, seconds: u64) {
        self.clock.turn(Duration::from_secs(seconds));
    }

    fn key(&self, key: &str, kind: KeyKind) -> ApiKey {
        ApiKey::new(key, TenantId::parse("acme").unwrap(), kind, None, self.now())
    }

    /// What a request with `key` is answered.
    async fn status(&self, key: &str) -> u16 {
        Caller::new(&self.sandbox.base_url, key).get(ROUTE).await.status
    }
}

#[tokio::test]
async fn keys_of_the_other_kind_open_nothing() {
    let live = |mut options: Options| {
        options.template = TEMPLATE.replace("!Ref DeploymentKind", "live");
        options
    };
    let (test, live) = (Gateway::start().await, Gateway::with_options(&[], live).await);
    assert_eq!((test.status(KEY).await, live.status(KEY).await), (LET_IN, 403));
    // The stored kind counts, not the prefix.
    for (key, kind, in_test, in_live) in [
        ("live_sk_1", KeyKind::Live, 403, LET_IN),
        ("test_sk_1", KeyKind::Live, 403, LET_IN),
        ("live_sk_2", KeyKind::Test, LET_IN, 403),
    ] {
        for (gateway, status) in [(&test, in_test), (&live, in_live)] {
            gateway.tenants().add(&gateway.key(key, kind)).await.unwrap();
            assert_eq!(gateway.status(key).await, status, "{key}");
        }
    }
}

#[tokio::test]
async fn keys_in_sandbox_keys_are_used_unchanged() {
    let gateway = Gateway::with(&[("SANDBOX_KEYS", "live_sk_of_mono,anything")]).await;
    for key in ["live_sk_of_mono", "anything"] {
        assert_eq!(gateway.status(key).await, LET_IN);
    }
    let Found::Key(key) = gateway.tenants().by_key("anything").await.unwrap() else { panic!() };
    assert_eq!(key.kind, KeyKind::Test);
}

#[tokio::test]
async fn a_revoked_key_is_refused_once_the_cached_decision_ends() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.status(KEY).await, LET_IN);
    for key in [KEY, OTHER_KEY] {
        let revoked = gateway.tenants().revoke(&hashed(key), None, gateway.now()).await.unwrap();
        assert!(revoked.unwrap().revoked_at.is_some());
    }
    assert_eq!(gateway.status(OTHER_KEY).await, 403, "nothing was cached for it");
    gateway.seconds(59);
    assert_eq!(gateway.status(KEY).await, LET_IN, "the cached decision");
    gateway.seconds(1);
    assert_eq!(gateway.status(KEY).await, 403);
}

#[tokio::test]
async fn a_key_works_until_its_end_by_the_clock_though_its_item_remains() {
    let gateway = Gateway::start().await;
    let tenants = gateway.tenants();
    let end = gateway.now() + time::Duration::HOUR;
    for key in ["before", "kept", "after"] {
        let expiring = ApiKey { valid_until: Some(end), ..gateway.key(key, KeyKind::Test) };
        tenants.add(&expiring).await.unwrap();
    }
    let left = u64::try_from(to_seconds(end) - to_seconds(gateway.now())).unwrap();
    gateway.seconds(left - 1);
    assert_eq!(gateway.status("before").await, LET_IN);
    assert_eq!(gateway.status("kept").await, LET_IN);
    gateway.seconds(1);
    assert_eq!(gateway.status("after").await, 403);
    gateway.seconds(59);
    assert_eq!(gateway.status("kept").await, 403, "a decision is cached for a minute");
    assert_eq!(gateway.items("TenantsTable").await, 5);
}

#[tokio::test]
async fn an_end_is_never_extended_and_a_revocation_is_permanent() {
    let gateway = Gateway::start().await;
    let (tenants, hash) = (gateway.tenants(), hashed(KEY));
    let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
    let end = |until| tenants.end(&hash, at(until));
    assert_eq!(end(200).await.unwrap().unwrap().valid_until, Some(at(200)));
    assert_eq!(end(100).await.unwrap().unwrap().valid_until, Some(at(100)));
    assert_eq!(end(300).await.unwrap().unwrap().valid_until, Some(at(100)));

    let first = tenants.revoke(&hash, Some("leaked"), gateway.now()).await.unwrap().unwrap();
    gateway.seconds(5);
    let again = tenants.revoke(&hash, Some("once more"), gateway.now()).await.unwrap().unwrap();
    assert_eq!(
        (again.revoked_at, again.revoked_because),
        (first.revoked_at, Some("leaked".into()))
    );
    assert_eq!(end(50).await.unwrap().unwrap().valid_until, Some(at(100)));

    // Neither creates an item for an unknown key.
    assert!(tenants.end(&hashed("nobody"), at(1)).await.unwrap().is_none());
    assert!(tenants.revoke(&hashed("nobody"), None, gateway.now()).await.unwrap().is_none());
    assert_eq!(gateway.items("TenantsTable").await, 2);
}

#[tokio::test]
async fn a_key_is_added_once_and_every_page_is_listed() {
    let gateway = Gateway::start().await;
    let (tenants, key) = (gateway.tenants(), gateway.key("k", KeyKind::Test));
    tenants.add(&key).await.unwrap();
    tenants.add(&key).await.expect("our own first try");
    let other = ApiKey { tenant: TenantId::parse("mallory").unwrap(), ..key };
    let refused = tenants.add(&other).await.unwrap_err().to_string();
    assert!(refused.contains("another key"), "{refused}");
    let Found::Key(kept) = tenants.by_key("k").await.unwrap() else { panic!() };
    assert_eq!(kept.tenant.as_str(), "acme");

    // A listing reads every page.
    for n in 0..12 {
        let label = Some("l".repeat(200_000));
        let key = ApiKey { label, ..gateway.key(&format!("k{n}"), KeyKind::Test) };
        tenants.add(&key).await.unwrap();
    }
    let listing = tenants.all().await.unwrap();
    assert_eq!((listing.keys.len(), listing.unreadable.len()), (15, 0));
}

#[tokio::test]
async fn an_item_of_an_odd_shape_opens_nothing() {
    let gateway = Gateway::start().await;
    let good = |key: &str| -> HashMap<String, AttributeValue> {
        serde_dynamo::to_item(gateway.key(key, KeyKind::Test)).unwrap()
    };
    let put = async |item| {
        let put = gateway.dynamodb().put_item().table_name("TenantsTable");
        put.set_item(Some(item)).send().await.unwrap();
    };
    put(good("good")).await;
    assert_eq!(gateway.status("good").await, LET_IN);

    let text = |value: &str| Some(AttributeValue::S(value.to_owned()));
    let odd = [
        ("kind", text("prod")),
        ("kind", text("Test")),
        ("kind", None),
        ("kind", Some(AttributeValue::Null(true))),
        ("tenant", text("")),
        ("tenant", text("acme eve")),
        ("tenant", None),
        ("key_id", text("000000000000")),
        ("created_at", None),
        ("revoked", Some(AttributeValue::Bool(true))),
        ("revoked", Some(AttributeValue::Bool(false))),
        ("revoked_at", Some(AttributeValue::Null(true))),
        ("revoked_at", text("yesterday")),
        ("valid_until", Some(AttributeValue::Null(true))),
        ("valid_until", text("9999999999")),
        ("valid_until", Some(AttributeValue::N("9999999999.5".to_owned()))),
        ("scopes", text("")),
        ("scopes", text("data,everything")),
        ("scopes", Some(AttributeValue::Null(true))),
        ("networks", text("")),
        ("networks", text("10.0.0.1/8")),
        ("networks", Some(AttributeValue::Null(true))),
        ("spend_limit", Some(AttributeValue::Null(true))),
        ("largest_order_kobo", Some(AttributeValue::Null(true))),
    ];
    for (n, (name, value)) in odd.into_iter().enumerate() {
        let key = format!("odd-{n}");
        let mut item = good(&key);
        item.remove(name);
        item.extend(value.map(|value| (name.to_owned(), value)));
        put(item).await;
        assert_eq!(gateway.status(&key).await, 403, "{name}, {n}");
    }
    let listing = gateway.tenants().all().await.unwrap();
    assert_eq!((listing.keys.len(), listing.unreadable.len()), (3, 24));
}

#[tokio::test]
async fn without_a_deployment_kind_nothing_starts() {
    let gateway = Gateway::start().await;
    for wrong in ["", "prod"] {
        let mut all = gateway.variables_of("authorizer");
        all.insert("DEPLOYMENT_KIND".to_owned(), wrong.to_owned());
        let started = Authorizer::new(&all.into_iter().collect(), &Environment::real());
        let problem = started.unwrap_err().to_string();
        assert!(problem.contains("DEPLOYMENT_KIND"), "{problem}");
    }

    let mut options = Options::new(Vars::default(), 0, None);
    options.template = TEMPLATE.replace("!Ref DeploymentKind", "staging");
    let problem = Sandbox::start(options).await.err().expect("it does not start").to_string();
    assert!(problem.contains("authorizer") && problem.contains("DEPLOYMENT_KIND"), "{problem}");
}
