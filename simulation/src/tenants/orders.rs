//! Tenants buy, repeat, look and list.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::purchase::{Purchase, State};

use super::client::{Client, Reply, text};
use super::people::People;
use super::placed::Placed;
use crate::checks::name;
use crate::schedule::{Deed, OrderNumber, Tenant};
use crate::world::{World, tenant_id};

/// How long a tenant waits before it tries again.
const PAUSE: Duration = Duration::from_secs(3);
/// How often a new order is sent when nothing goes wrong any more, and the pause between two tries.
const LAST_TRIES: u32 = 60;
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// More pages than any list has.
const MOST_PAGES: u32 = 40;

impl People {
    /// Sends an order until it is answered.
    pub(super) async fn buy(&self, world: &World, order: OrderNumber, tries: u8) {
        let Some(placed) = self.orders.get(&order) else { return };
        if world.record().scripted.insert(order) {
            placed.script(world);
        }
        for attempt in 0..tries {
            if attempt > 0 {
                tokio::time::sleep(PAUSE * u32::from(attempt)).await;
            }
            let reply = self.send_order(world, placed, &placed.body).await;
            world.tell(|| format!("tenant {} buys order {order}: {}", placed.tenant, said(&reply)));
            self.told(world, order, &reply);
            self.taken(world, order, &reply, &placed.body);
            if reply.status == 409 && !is_reused(world, order) {
                let detail = format!("order {order} met another one under its key");
                world.violated(name::ONE_PURCHASE, detail);
            }
            if !reply.is_open() {
                return;
            }
        }
    }

    /// When nothing goes wrong any more, a new order is taken: in some runs one is sent until it is.
    pub async fn buy_at_last(&self, world: &World) {
        let Some(placed) = self.orders.values().next().filter(|_| world.chance(20)) else { return };
        let body = json!({ "service_id": "mtn", "phone": "08031999999", "amount_kobo": 10_000 });
        let client = Client::of(world, placed.tenant);
        let headers = [("idempotency-key", "the-last-order")];
        let mut reply = client.send("POST", "/purchases", &headers, &body).await;
        for _ in 0..LAST_TRIES {
            if matches!(reply.status, 201 | 202) {
                break;
            }
            tokio::time::sleep(LAST_PAUSE).await;
            reply = client.send("POST", "/purchases", &headers, &body).await;
        }
        world.tell(|| format!("tenant {} buys once more: {}", placed.tenant, said(&reply)));
        if !matches!(reply.status, 201 | 202) {
            world.violated("sells_again", format!("a new order was answered {}", said(&reply)));
        }
    }

    /// Another order under the key of this one.
    pub(super) async fn reuse(&self, world: &World, order: OrderNumber) {
        let Some(placed) = self.orders.get(&order) else { return };
        let mut body = placed.body.clone();
        if world.chance(50) {
            body["phone"] = "08031112223".into();
        } else if body["amount_kobo"].is_number() {
            body["amount_kobo"] = 20_000.into();
        } else {
            body["variation_code"] = "eti-200".into();
        }
        // Of two orders at once either may be the first, also if its answer was lost.
        let is_own = {
            let mut known = self.known();
            let is_first = known.reused.insert(order);
            is_first && known.purchases.contains_key(&order)
        };
        let reply = self.send_order(world, placed, &body).await;
        world.tell(|| format!("another order under the key of {order}: {}", said(&reply)));
        if is_own && matches!(reply.status, 200..300) {
            world.violated(name::ONE_PURCHASE, format!("key of order {order} bought another one"));
        }
        self.taken(world, order, &reply, &body);
    }

    /// Under one key one order is taken, never two.
    fn taken(&self, world: &World, order: OrderNumber, reply: &Reply, body: &Value) {
        let is_taken = matches!(reply.status, 200..300);
        if is_taken && self.known().taken.entry(order).or_insert_with(|| body.clone()) != body {
            world.violated(name::ONE_PURCHASE, format!("two orders under the key of {order}"));
        }
    }

    /// The stored purchase of an order cannot be read for a time.
    pub(super) fn spoil(&self, world: &World, order: OrderNumber) {
        let Some(placed) = self.orders.get(&order) else { return };
        let id = Purchase::id(&tenant_id(placed.tenant), &placed.key);
        let known = world.record().purchases.get(id.as_str()).map(|it| it.state);
        let Some(state) = known else { return };
        world.spoil(id.as_str(), state);
        world.tell(|| format!("the stored purchase of order {order} cannot be read"));
    }

    async fn send_order(&self, world: &World, placed: &Placed, body: &Value) -> Reply {
        let client = Client::of(world, placed.tenant);
        client.send("POST", "/purchases", &[("idempotency-key", &placed.key)], body).await
    }

    /// A tenant reads a purchase. Another's is not found.
    pub(super) async fn look(&self, world: &World, tenant: Tenant, order: OrderNumber) {
        let Some(placed) = self.orders.get(&order) else { return };
        let id = Purchase::id(&tenant_id(placed.tenant), &placed.key);
        // What is told while the answer is on its way may be newer than it.
        let is_known = self.known().purchases.contains_key(&order);
        let reply = Client::of(world, tenant).get(&format!("/purchases/{id}")).await;
        world.tell(|| format!("tenant {tenant} looks at order {order}: {}", said(&reply)));
        if tenant != placed.tenant {
            if reply.status == 200 {
                world.violated(name::OWN_ONLY, format!("tenant {tenant} reads order {order}"));
            }
            return;
        }
        if is_known && reply.status == 404 {
            world.violated(name::TOLD_THE_TRUTH, format!("order {order} is gone"));
        }
        self.told(world, order, &reply);
    }

    /// A tenant lists its purchases, page by page. At the end the list is complete.
    pub(super) async fn list(&self, world: &World, tenant: Tenant) {
        let limit = if world.chance(50) { 100 } else { 2 };
        let mut path = format!("/purchases?limit={limit}");
        let mut listed: Vec<String> = Vec::new();
        for _ in 0..MOST_PAGES {
            let reply = Client::of(world, tenant).get(&path).await;
            world.tell(|| format!("tenant {tenant} lists: {}", reply.status));
            if reply.status >= 500 && world.is_calm_schedule() {
                let detail = format!("a list was answered {}", said(&reply));
                world.violated("list_is_complete", detail);
            }
            if reply.status != 200 {
                return;
            }
            let page = reply.body["data"].as_array().into_iter().flatten();
            listed.extend(page.filter_map(|it| Some(text(it, "/purchase_id")?.to_owned())));
            let next = text(&reply.body, "/paging/next").and_then(|it| it.split_once("/purchases"));
            let Some((_, query)) = next else { break };
            path = format!("/purchases{query}");
        }
        check_list(world, tenant, &listed);
    }

    /// What a tenant was told of its purchase must be true.
    fn told(&self, world: &World, order: OrderNumber, reply: &Reply) {
        let Some(data) = reply.body.get("data").filter(|_| reply.status < 400) else { return };
        let Some(id) = text(data, "/purchase_id") else { return };
        let before = self.known().purchases.insert(order, id.to_owned());
        if before.is_some_and(|it| it != id) {
            world.violated(name::ONE_PURCHASE, format!("order {order} became two purchases"));
        }
        let said: Option<State> = text(data, "/state").and_then(|it| it.parse().ok());
        let safe = data["safe_to_refund"].as_bool();
        let stored = world.record().purchases.get(id).map(|it| it.state);
        let (Some(said), Some(safe), Some(stored)) = (said, safe, stored) else {
            let detail = format!("order {order} was told as {data}");
            return world.violated(name::TOLD_THE_TRUTH, detail);
        };
        let moved = (said, stored) == (State::Delivered, State::Reversed);
        let contradicts = said.is_final() && said != stored && !moved;
        if safe != said.safe_to_refund() || contradicts {
            let detail = format!("order {order} was told as {data}, stored: {}", stored.name());
            world.violated(name::TOLD_THE_TRUTH, detail);
        }
    }
}

/// Whether somebody sends another order under an order's key, which may win.
fn is_reused(world: &World, order: OrderNumber) -> bool {
    let is_reuse = |deed: &Deed| matches!(deed, Deed::Reuse { order: it } if *it == order);
    world.schedule.actions.iter().any(|it| is_reuse(&it.deed))
}

fn check_list(world: &World, tenant: Tenant, listed: &[String]) {
    let record = world.record();
    let name = tenant_id(tenant);
    let own = |id: &str| record.purchases.get(id).is_some_and(|it| it.tenant == name.as_str());
    let foreign = listed.iter().find(|id| !own(id)).cloned();
    let missing = record.purchases.keys().find(|id| own(id) && !listed.contains(*id)).cloned();
    drop(record);
    if let Some(id) = foreign {
        world.violated(name::OWN_ONLY, format!("tenant {tenant} lists purchase {id}"));
    }
    if let Some(id) = missing.filter(|_| !world.is_safety_phase()) {
        world.violated("list_is_complete", format!("tenant {tenant} misses purchase {id}"));
    }
}

fn said(reply: &Reply) -> String {
    let state = text(&reply.body, "/data/state").or(text(&reply.body, "/code"));
    format!("{} {}", reply.status, state.unwrap_or_default())
}
