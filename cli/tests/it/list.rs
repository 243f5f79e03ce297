//! `purchase list`.

use serde_json::Value;
use shared::domain::date::Date;
use shared::platform::config::Vars;
use time::OffsetDateTime;

use crate::support::{DELIVERED, Gateway, id};

async fn ids(gateway: &Gateway, arguments: &[&str]) -> Vec<String> {
    let list = [&["--json", "purchase", "list"][..], arguments].concat();
    let listed = gateway.run(&list).await.json();
    let ids = listed.as_array().unwrap().iter().map(|it| it["purchase_id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

/// A sandbox with two tenants: the first one's key is the usual one.
async fn two_tenants() -> Gateway {
    let keys = ("SANDBOX_KEYS".to_owned(), format!("{},test_sk_two", sandbox::DEFAULT_KEY));
    Gateway::start_with(Vars::from_iter([keys])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_are_listed_by_tenant_state_service_and_day() {
    let gateway = two_tenants().await;
    let delivered = gateway.buy("one", DELIVERED).await;
    let waiting = gateway.needs_review("two").await;
    let (delivered, waiting) = (id(&delivered), id(&waiting));
    let both = [waiting, delivered];

    assert_eq!(ids(&gateway, &[]).await, both, "of all tenants, newest first");
    let tenant = gateway.show(waiting).await["tenant"].as_str().unwrap().to_owned();
    assert_eq!(ids(&gateway, &["--tenant", &tenant]).await, both);
    assert!(ids(&gateway, &["--tenant", "nobody"]).await.is_empty());
    assert_eq!(ids(&gateway, &["--state", "needs_review"]).await, [waiting]);
    assert_eq!(ids(&gateway, &["--state", "delivered"]).await, [delivered]);
    assert!(ids(&gateway, &["--state", "pending", "--tenant", &tenant]).await.is_empty());
    assert_eq!(ids(&gateway, &["--service", "mtn"]).await, both);
    assert!(ids(&gateway, &["--service", "mtn-data"]).await.is_empty());
    let today = Date::of(OffsetDateTime::now_utc());
    let (today, yesterday) = (today.to_string(), today.previous().to_string());
    assert_eq!(ids(&gateway, &["--from", &yesterday, "--to", &today]).await, both);
    assert!(ids(&gateway, &["--to", &yesterday]).await.is_empty());

    let page = gateway.run(&["purchase", "list", "--state", "needs_review"]).await.ok();
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!(lines.len(), 2, "{page}");
    assert!(lines[0].starts_with("PURCHASE"), "{page}");
    for cell in [waiting, &tenant, "needs_review", "mtn", "10000"] {
        assert!(lines[1].contains(cell), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_bounded_and_says_that_there_are_more() {
    let gateway = Gateway::start().await;
    let mut made = Vec::new();
    for key in ["one", "two", "three"] {
        made.push(id(&gateway.buy(key, DELIVERED).await).to_owned());
    }
    let ended = gateway.run(&["--json", "purchase", "list", "--limit", "2"]).await;
    assert!(ended.stderr.contains("there are more"), "{ended:?}");
    let listed = ended.json();
    let listed: Vec<&Value> = listed.as_array().unwrap().iter().collect();
    assert_eq!((listed.len(), &listed[0]["purchase_id"]), (2, &made[2].as_str().into()));
    let all = gateway.run(&["--json", "purchase", "list", "--limit", "3"]).await;
    assert_eq!(all.stderr, "");

    for wrong in [
        &["--limit", "0"][..],
        &["--limit", "1001"],
        &["--state", "open"],
        &["--service", "water"],
        &["--from", "yesterday"],
        &["--tenant", "a b"],
        &["--from", "2026-11-29", "--to", "2026-11-28"],
    ] {
        let ended = gateway.run(&[&["purchase", "list"][..], wrong].concat()).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{wrong:?}: {ended:?}");
    }
}
