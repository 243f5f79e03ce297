//! What tenants and the operator are told: every change that they are owed, once, and nothing that was not written.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dynoxide::types::AttributeValue;
use serde_json::Value;
use shared::domain::ids::TenantId;
use shared::domain::time::{to_iso, to_seconds};
use time::OffsetDateTime;

use super::item::{lines, number, text};
use super::name;
use crate::schedule::Away;
use crate::world::{Call, Item, TENANTS, World, tenant_id};

const TABLE: &str = "EventsTable";
/// How long a message that failed waits at most until notify gets it again: the queue's visibility timeout.
const QUEUE_REPEATS: Duration = Duration::from_secs(360);

/// An event is kept: what it tells was written before.
pub(super) fn kept(world: &World, call: &Call) {
    if call.operation != "PutItem" || call.body["TableName"] != TABLE {
        return;
    }
    let text = |name: &str| call.body["Item"][name]["S"].as_str().unwrap_or_default();
    let data: Value = serde_json::from_str(text("data")).unwrap_or_default();
    let (kind, state) = (text("type"), data["state"].as_str().unwrap_or_default());
    if let Some(id) = data["service_id"].as_str().filter(|_| kind.starts_with("service.")) {
        let said = format!("{kind} {id} {}", data["at"].as_str().unwrap_or_default());
        if !sales(world).contains(&said) {
            world.violated(name::TOLD, format!("{said} is told and not written"));
        }
    }
    let Some(id) = data["purchase_id"].as_str() else { return };
    let was_there = world.record().states.get(id).is_some_and(|states| states.contains(&state));
    if !was_there || kind != format!("purchase.{state}") {
        world.violated(name::TOLD, format!("{kind} tells that purchase {id} is {state}"));
    }
}

/// Whether a request's day was over when notify came back, so that there is nothing to tell of any more.
fn ended_meanwhile(world: &World, request: &Item) -> bool {
    let end = number(request, "expires_at").unwrap_or_default();
    world.schedule.outages.iter().any(|outage| {
        let back = Duration::from_millis(outage.from_ms + outage.for_ms) + QUEUE_REPEATS;
        outage.of == Away::Function("notify".to_owned()) && to_seconds(world.start() + back) >= end
    })
}

/// Everything that happened is told once.
pub(super) fn at_the_end(world: &World) {
    let told = told(world);
    let mut owed = BTreeMap::new();
    for (id, states) in &world.record().states {
        for state in states.iter().filter(|it| !matches!(**it, "submitted" | "pending")) {
            *owed.entry(format!("purchase.{state} {id}")).or_insert(0) += 1;
        }
    }
    for account in world.dynamodb.all("AccountsTable") {
        for (_, event) in history(&account) {
            let kind = match event.as_str() {
                "linked" => "account.linked",
                "unlinking" => "account.unlinked",
                "expired" => "account.consent_expired",
                _ => continue,
            };
            let (tenant, id) = (text(&account, "tenant"), text(&account, "account_id"));
            *owed.entry(format!("{kind} {tenant} {id}")).or_insert(0) += 1;
        }
    }
    for request in world.dynamodb.all("RequestsTable") {
        let (id, state) = (text(&request, "request_id"), text(&request, "state"));
        let was = request.contains_key("timed_out_at").then_some("timed_out");
        let came_to: BTreeSet<_> = was.into_iter().chain([state]).collect();
        for state in came_to.into_iter().filter(|it| matches!(*it, "available" | "timed_out")) {
            if !ended_meanwhile(world, &request) && !told.contains_key(&key(state, id)) {
                world.violated(name::TOLD, format!("request {id} was {state} and nobody was told"));
            }
        }
    }
    for sale in sales(world) {
        for tenant in 0..TENANTS {
            *owed.entry(format!("{sale} {}", tenant_id(tenant))).or_insert(0) += 1;
        }
        *owed.entry(format!("{sale} {}", TenantId::operator())).or_insert(0) += 1;
    }
    let of_requests = |key: &String| key.starts_with("request.");
    for (event, count) in told.iter().filter(|(key, _)| !of_requests(key)) {
        if owed.get(event) != Some(count) {
            world.violated(name::TOLD, format!("{event} was told {count} times and should not"));
        }
    }
    for event in owed.keys().filter(|event| !told.contains_key(*event)) {
        world.violated(name::TOLD, format!("{event} was not told"));
    }
}

fn key(state: &str, request: &str) -> String {
    format!("request.{state} {request}")
}

/// How often each thing was told.
fn told(world: &World) -> BTreeMap<String, u32> {
    let mut told = BTreeMap::new();
    for event in world.dynamodb.all(TABLE) {
        let data: Value = serde_json::from_str(text(&event, "data")).unwrap_or_default();
        let id = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        let kind = text(&event, "type");
        let key = match kind.split('.').next() {
            Some("purchase") => format!("{kind} {}", id("purchase_id")),
            Some("request") => format!("{kind} {}", id("request_id")),
            Some("service") => {
                format!("{kind} {} {} {}", id("service_id"), id("at"), text(&event, "tenant"))
            }
            _ => format!("{kind} {} {}", text(&event, "tenant"), id("account_id")),
        };
        *told.entry(key).or_insert(0) += 1;
    }
    told
}

/// What tenants are to be told of services: the type, the service and the time.
fn sales(world: &World) -> BTreeSet<String> {
    let mut sales = BTreeSet::new();
    for guard in world.dynamodb.all("LimitsTable") {
        let Some(service_id) = text(&guard, "pk").strip_prefix("guard#") else { continue };
        let Some(AttributeValue::L(changes)) = guard.get("changes") else { continue };
        for change in changes {
            let AttributeValue::M(change) = change else { continue };
            let kind = match change.get("on_sale") {
                Some(AttributeValue::BOOL(true)) => "service.resumed",
                _ => "service.suspended",
            };
            let ms = i128::from(number(change, "at_ms").unwrap_or_default());
            let at = OffsetDateTime::from_unix_timestamp_nanos(ms * 1_000_000).map(to_iso);
            if change.contains_key("told") {
                sales.insert(format!("{kind} {service_id} {}", at.unwrap_or_default()));
            }
        }
    }
    sales
}

/// The times and names of an account's events. Two of one name at one time are one.
fn history(account: &Item) -> BTreeSet<(String, String)> {
    let event = |line: &Item| (text(line, "at").to_owned(), text(line, "event").to_owned());
    lines(account).map(event).collect()
}
