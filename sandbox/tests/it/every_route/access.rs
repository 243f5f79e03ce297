//! What keys with scopes may do, on every route of the template.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::domain::access::Scope;
use shared::domain::api_key::{ApiKey, KeyKind};
use shared::domain::ids::TenantId;
use shared::lambda::access::{Access, ROUTES};
use shared::store::Tenants;
use strum::IntoEnumIterator;

use super::request::{Request, nonexistent};
use crate::support::{Caller, Gateway};

impl Gateway {
    /// A caller with a new key of one tenant.
    pub(super) async fn add_key(&self, key: &str, change: impl FnOnce(ApiKey) -> ApiKey) -> Caller {
        let tenants = Tenants::from_vars(&self.vars_of("authorizer"), &self.dynamodb()).unwrap();
        let tenant = TenantId::parse("acme").unwrap();
        let new = ApiKey::new(key, tenant, KeyKind::Test, None, self.clock.clock().now());
        tenants.add(&change(new)).await.unwrap();
        Caller::new(&self.sandbox.base_url, key)
    }
}

fn unversioned(route: &str) -> String {
    route.replacen(" /v2/", " /", 1)
}

#[tokio::test]
async fn the_table_of_access_names_exactly_the_routes_of_the_template() {
    let gateway = Gateway::start().await;
    let routes: BTreeSet<String> = gateway.routes().iter().map(|it| unversioned(it)).collect();
    let named: BTreeSet<String> = ROUTES.iter().map(|(route, _)| (*route).to_owned()).collect();
    assert_eq!(named, routes);
    assert_eq!(ROUTES.len(), named.len(), "each route is named once");
    let keyless = ROUTES.iter().filter(|(_, access)| *access == Access::Keyless);
    let keyless: BTreeSet<String> = keyless.map(|(route, _)| (*route).to_owned()).collect();
    let open = gateway.sandbox.stack.routes.iter().filter(|route| !route.authorized);
    let open = open.map(|it| unversioned(&format!("{} {}", it.method, it.path)));
    assert_eq!(keyless, open.collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_one_scope_may_use_the_routes_of_that_scope_and_no_other() {
    let gateway = Gateway::start().await;
    let (mut allowed, mut refused) = (0, 0);
    for scope in Scope::iter() {
        let scopes = Some(scope.to_string().parse().unwrap());
        let caller = gateway.add_key(&scope.to_string(), |key| ApiKey { scopes, ..key }).await;
        for route in gateway.routes() {
            let (_, access) = ROUTES.iter().find(|it| it.0 == unversioned(&route)).unwrap();
            let Access::Scopes(wanted) = access else { continue };
            let reply = Request::of(&route, &nonexistent()).send(&caller).await;
            if wanted.contains(&scope) {
                assert_ne!(reply.status, 403, "{scope}, {route}: {}", reply.text);
                allowed += 1;
            } else {
                reply.refused(403, "forbidden");
                refused += 1;
            }
        }
    }
    assert!(allowed >= 45 && refused >= 100, "{allowed} allowed, {refused} refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_may_not_do_is_not_done() {
    let gateway = Gateway::start().await;
    let scopes = Some("data,read,webhooks".parse().unwrap());
    let caller = gateway.add_key("no-purchases", |key| ApiKey { scopes, ..key }).await;
    Request::of("POST /purchases", &nonexistent()).send(&caller).await.refused(403, "forbidden");
    assert_eq!(gateway.items("PurchasesTable").await, 0);
    assert_eq!(gateway.items("LimitsTable").await, 0, "nothing was counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_may_do_the_new_things_once_the_kept_decision_ends() {
    let gateway = Gateway::start().await;
    let caller = gateway.add_key("changed", |key| key).await;
    caller.get("/purchases").await.ok();
    let tenants = Tenants::from_vars(&gateway.vars_of("authorizer"), &gateway.dynamodb()).unwrap();
    let key =
        tenants.all().await.unwrap().keys.into_iter().find(|key| key.tenant.as_str() == "acme");
    let changed = ApiKey { scopes: Some("data".parse().unwrap()), ..key.unwrap() };
    tenants.set_access(&changed).await.unwrap();
    caller.get("/purchases").await.ok();
    gateway.clock.turn(Duration::from_secs(60));
    caller.get("/purchases").await.refused(403, "forbidden");
}
