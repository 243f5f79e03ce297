//! What the operator is told: of every tenant, and to endpoints of its own. No tenant reads it.

use serde_json::{Value, json};
use shared::domain::api_key::{ApiKey, KeyKind};
use shared::domain::ids::TenantId;
use shared::domain::webhook::{Endpoint, KeyView, NewEndpoint, Scheme};
use shared::store::{Endpoints, Events, Tenants, Wanted};

use super::webhooks::signing::takes;
use super::webhooks::{Teller, answering, receiver, types};
use crate::support::purchases::{DELIVERED, field};
use crate::support::{Caller, Gateway, KEY, Provider, Script, tenant_of};

impl Gateway {
    /// What the operator was told, oldest first.
    pub async fn told_operator(&self) -> Vec<Value> {
        let events = Events::from_vars(&self.vars_of("notify"), &self.dynamodb()).unwrap();
        let (operator, now) = (TenantId::operator(), self.clock.clock().now());
        let page = events.list(&operator, &Wanted::default(), 1_000, None, now).await.unwrap();
        page.events.iter().rev().map(|event| json!(event.view())).collect()
    }

    /// The types of what the operator was told, oldest first.
    pub async fn types_for_operator(&self) -> Vec<String> {
        self.told_operator().await.iter().map(|event| field(event, "type").to_owned()).collect()
    }

    /// Adds an endpoint of the operator's, and gives its secret.
    async fn operators_endpoint(&self, receiver: &Provider) -> String {
        let vars = self.vars_of("send-webhook");
        let endpoints = Endpoints::from_vars(&vars, &self.dynamodb()).unwrap();
        let url = receiver.url.clone();
        let new = NewEndpoint { url, events: None, scheme: Scheme::V1 };
        let environment = self.environment();
        let (now, random) = (environment.clock.now(), &environment.random);
        let endpoint = Endpoint::new(&TenantId::operator(), new, now, random);
        endpoints.add(&endpoint).await.unwrap();
        field(&json!(endpoint.view(KeyView::New).unwrap()), "secret").to_owned()
    }
}

/// All events that a tenant reads, oldest first.
async fn told(caller: &Caller) -> Vec<Value> {
    let events = caller.get("/events?limit=100").await.ok();
    events["data"].as_array().unwrap().iter().rev().cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_is_told_of_a_tenants_endpoint_beside_the_tenant() {
    let teller = Teller::start_at_the_real_time().await;
    let (gone, ops) = (answering(410).await, receiver().await);
    let secret = teller.gateway.operators_endpoint(&ops).await;
    let id = teller.caller.endpoint_at(&gone).await;
    teller.bought("k1", DELIVERED).await;
    teller.tell().await;
    assert_eq!(
        types(&ops),
        ["endpoint.disabled"],
        "its tenant's purchases are not for the operator"
    );
    let request = ops.received().pop().unwrap();
    assert!(takes(&secret, &request), "it is signed with the operator's secret");
    let data = serde_json::from_str::<Value>(&request.body).unwrap()["data"].take();
    assert_eq!((&data["tenant"], &data["endpoint_id"]), (&json!(tenant_of(KEY)), &json!(id)));

    gone.script(|_| Script::Json(200, json!({})));
    teller.caller.on_endpoint("PATCH", &id, "", json!({ "state": "enabled" })).await;
    teller.bought("k2", DELIVERED).await;
    teller.tell().await;
    assert_eq!(types(&ops), ["endpoint.disabled", "endpoint.recovered"]);
    assert_eq!(teller.gateway.types_for_operator().await, types(&ops));

    let own = told(&teller.caller).await;
    let own: Vec<_> = own.iter().filter(|it| field(it, "type").starts_with("endpoint.")).collect();
    assert_eq!(own.len(), 2, "the tenant is told each once: {own:?}");
    assert!(own.iter().all(|it| it["data"].get("tenant").is_none()), "{own:?}");
    assert!(told(&teller.gateway.other_caller()).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_opens_what_the_operator_was_told() {
    let gateway = Gateway::undriven().await;
    let tenants = Tenants::from_vars(&gateway.vars_of("authorizer"), &gateway.dynamodb()).unwrap();
    let now = gateway.clock.clock().now();
    let key = |key: &str, tenant| ApiKey::new(key, tenant, KeyKind::Test, None, now);
    // Nothing of ours writes such an item.
    tenants.add(&key("forged", TenantId::operator())).await.unwrap();
    tenants.add(&key("namesake", TenantId::parse("operator").unwrap())).await.unwrap();
    let events = async |key: &str| {
        let caller = Caller::new(&gateway.sandbox.base_url, key);
        caller.get("/events").await
    };
    assert_eq!(events("forged").await.status, 403);
    assert_eq!(events("namesake").await.ok()["data"], json!([]));
}
