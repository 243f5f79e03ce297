//! What arrives at the receivers of the tenants: every event, signed, and nothing that is not one.

use reqwest::Request;
use serde_json::Value;
use shared::domain::ids::{EventId, TenantId};
use shared::domain::webhook::Endpoint;
use time::OffsetDateTime;

use super::item::text;
use super::name;
use crate::world::{Item, World};

const EVENTS: &str = "EventsTable";
const REQUESTS: &str = "RequestsTable";
const DELIVERIES: &str = "WebhookDeliveriesTable";

/// A request arrives at a receiver: it is an event of that tenant, signed with its key.
pub fn received(world: &World, request: &Request) {
    let number = request.url().query().and_then(|query| query.strip_prefix("tenant="));
    let number: Option<usize> = number.and_then(|number| number.parse().ok());
    let endpoints = world.endpoints.get().map(Vec::as_slice).unwrap_or_default();
    let Some(endpoint) = number.and_then(|number| endpoints.get(number)) else {
        return world.violated(name::ARRIVES, "a webhook without a receiver".to_owned());
    };
    let header = |name: &str| {
        request.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned()
    };
    let id = header("webhook-id");
    let events = world.dynamodb.all(EVENTS);
    let event = events.iter().find(|event| text(event, "event_id") == id);
    let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    let is_own = event.is_some_and(|event| tells(event, endpoint, &body));
    if !is_own {
        return world.violated(name::ARRIVES, format!("{id} is no event of {}", endpoint.tenant));
    }
    let signed = signed(endpoint, &id, &header("webhook-timestamp"), &body);
    if signed.as_deref() != Some(&header("webhook-signature")) {
        world.violated(name::ARRIVES, format!("event {id} is not signed with its key"));
    }
    world.record().received.insert(id);
}

/// Whether a body tells this event of this tenant.
fn tells(event: &Item, endpoint: &Endpoint, body: &str) -> bool {
    let tail = format!(r#""data":{}}}"#, text(event, "data"));
    let head = format!(r#"{{"type":"{}","#, text(event, "type"));
    text(event, "tenant") == endpoint.tenant.as_str()
        && body.starts_with(&head)
        && body.ends_with(&tail)
}

fn signed(endpoint: &Endpoint, id: &str, at: &str, body: &str) -> Option<String> {
    let (id, at) = (EventId::parse(id)?, at.parse().ok()?);
    let at = OffsetDateTime::from_unix_timestamp(at).ok()?;
    endpoint.signatures(&id, at, body).ok()
}

/// Every event of a tenant arrived, and that is recorded. The operator has no endpoint here. An event of
/// a request that was erased with its consent is not sent any more.
pub(super) fn at_the_end(world: &World) {
    if world.endpoints.get().is_none_or(Vec::is_empty) {
        return;
    }
    let deliveries = world.dynamodb.all(DELIVERIES);
    let received = world.record().received.clone();
    let requests = world.dynamodb.all(REQUESTS);
    let is_owed = |event: &&Item| {
        text(event, "tenant") != TenantId::OPERATOR && !is_of_erased(event, &requests)
    };
    let events = world.dynamodb.all(EVENTS);
    for event in events.iter().filter(is_owed) {
        let (id, kind) = (text(event, "event_id"), text(event, "type"));
        if !received.contains(id) {
            world.violated(name::ARRIVES, format!("{kind} {id} did not arrive"));
        }
        let delivery = deliveries.iter().find(|it| text(it, "event_id") == id);
        if delivery.is_none_or(|it| !it.contains_key("taken_ms")) {
            world.violated(name::ARRIVES, format!("{kind} {id} is not recorded as taken"));
        }
    }
}

/// Whether an event is of a request that is there no more.
fn is_of_erased(event: &Item, requests: &[Item]) -> bool {
    let data: Value = serde_json::from_str(text(event, "data")).unwrap_or_default();
    let request = data["request_id"].as_str();
    request.is_some_and(|id| requests.iter().all(|request| text(request, "request_id") != id))
}
