//! Customers give tenants access to their accounts, and take it away.

use std::time::Duration;

use dynoxide::types::AttributeValue;
use sandbox::simulators::mono::{CUSTOMERS, Customer, SMS, Sms};
use sandbox::simulators::mtn;
use serde_json::json;

use super::client::{Client, Reply, text};
use super::people::People;
use crate::checks::name;
use crate::schedule::{CustomerNumber, Tenant};
use crate::world::{World, tenant_id};

/// How often a tenant repeats a request that was not answered.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(2);

impl People {
    /// A customer gives a tenant access.
    pub(super) async fn link(
        &self,
        world: &World,
        tenant: Tenant,
        number: CustomerNumber,
        wrong_otps: u8,
    ) {
        let customer = customer(number);
        let client = Client::of(world, tenant);
        let body = json!({ "phone": customer.phone, "provider": customer.provider,
                           "consent": { "purpose": "a loan" } });
        let begun = client.post("/v2/telecom/auth", &body).await;
        world.tell(|| {
            format!("tenant {tenant} asks customer {number} for access: {}", begun.status)
        });
        let Some(session) = text(&begun.body, "/data/session_id") else { return };
        let Some(Sms { otp, .. }) = world.ledger.get(SMS, session) else { return };
        for _ in 0..wrong_otps {
            self.verify(&client, session, "000000").await;
        }
        let verified = self.verify(&client, session, &otp).await;
        world.tell(|| {
            format!("customer {number} proves it to tenant {tenant}: {}", verified.status)
        });
        let Some(code) = text(&verified.body, "/data/code") else { return };
        for _ in 0..TRIES {
            let reply = client.post("/account/auth", &json!({ "code": code })).await;
            world.tell(|| format!("tenant {tenant} exchanges the code: {}", reply.status));
            if let Some(id) = text(&reply.body, "/id") {
                if id != customer.account_id {
                    world.violated(name::OWN_ONLY, format!("tenant {tenant} was given {id}"));
                }
                self.known().accounts.insert((tenant, number), id.to_owned());
                return;
            }
            if !reply.is_open() && reply.status != 409 {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn verify(&self, client: &Client<'_>, session: &str, otp: &str) -> Reply {
        let body = json!({ "otp": otp });
        client.send("POST", "/v2/telecom/verify", &[("x-session-id", session)], &body).await
    }

    /// A tenant reads an account. One that it never linked is not found.
    pub(super) async fn read(&self, world: &World, tenant: Tenant, number: CustomerNumber) {
        let id = customer(number).account_id;
        let reply = Client::of(world, tenant).get(&format!("/accounts/{id}/identity")).await;
        world.tell(|| format!("tenant {tenant} reads customer {number}: {}", reply.status));
        let holds = self.holds(world, tenant, number);
        if reply.status == 200 && !holds {
            world.violated(name::OWN_ONLY, format!("tenant {tenant} reads customer {number}"));
        }
    }

    /// Whether the store has, or had a moment ago, the account as the tenant's.
    fn holds(&self, world: &World, tenant: Tenant, number: CustomerNumber) -> bool {
        let _ = self;
        account_state(world, tenant, number).is_some()
    }

    /// A tenant withdraws its access.
    pub(super) async fn unlink(&self, world: &World, tenant: Tenant, number: CustomerNumber) {
        let id = customer(number).account_id;
        let path = format!("/accounts/{id}/unlink");
        let links = self.links(tenant, number);
        for _ in 0..TRIES {
            let reply = Client::of(world, tenant).post(&path, &json!({})).await;
            world.tell(|| format!("tenant {tenant} unlinks customer {number}: {}", reply.status));
            if reply.status < 300 && reply.status > 0 {
                // A customer may come back meanwhile: then the account is linked again.
                let comes_back = links % 2 == 1 || self.links(tenant, number) != links;
                let state = account_state(world, tenant, number);
                if state.as_deref() == Some("linked") && !comes_back {
                    let detail =
                        format!("tenant {tenant} unlinked customer {number}: still linked");
                    world.violated("unlink_erases_at_once", detail);
                }
                return;
            }
            if !reply.is_open() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// How often linking an account was begun or ended.
    fn links(&self, tenant: Tenant, number: CustomerNumber) -> u32 {
        self.known().links.get(&(tenant, number)).copied().unwrap_or_default()
    }

    /// A tenant asks MTN what is answered by callback.
    pub(super) async fn ask(
        &self,
        world: &World,
        tenant: Tenant,
        number: CustomerNumber,
        lost: u8,
        early: bool,
    ) {
        let script = |answer| mtn::Script {
            operation: mtn::Operation::Recharges,
            answer,
            http_status: None,
            status_code: None,
            retry_after: None,
            apply: None,
        };
        (0..lost).for_each(|_| world.mtn.script(script(mtn::ScriptedAnswer::Lost)));
        let last = if early { mtn::ScriptedAnswer::Before } else { mtn::ScriptedAnswer::Duplicate };
        world.mtn.script(script(last));
        let id = customer(number).account_id;
        let path = format!("/accounts/{id}/mtn/recharges");
        let reply = Client::of(world, tenant).get(&path).await;
        world
            .tell(|| format!("tenant {tenant} asks MTN about customer {number}: {}", reply.status));
        if matches!(reply.status, 200 | 202) && !self.holds(world, tenant, number) {
            world.violated(name::OWN_ONLY, format!("tenant {tenant} asks about {number}"));
        }
    }
}

/// A customer withdraws at Mono, which reports it by webhook.
pub(super) async fn withdraw(world: &World, number: CustomerNumber) {
    let id = customer(number).account_id;
    if world.mono.unlink(id).is_err() {
        return;
    }
    world.tell(|| format!("customer {number} withdraws at Mono"));
    let account = json!({ "account": { "id": id } });
    let event = json!({ "event": "mono.events.account_unlinked", "data": account });
    world.mono.post_webhook(&event).await;
}

/// The state of an account of a tenant as it is stored.
fn account_state(world: &World, tenant: Tenant, number: CustomerNumber) -> Option<String> {
    let id = customer(number).account_id;
    let key = [("account_id", id), ("tenant", tenant_id(tenant).as_str())]
        .map(|(n, v)| (n, v.to_owned()));
    let key: Vec<(&str, &str)> = key.iter().map(|(n, v)| (*n, v.as_str())).collect();
    match world.dynamodb.item("AccountsTable", &key)?.get("state")? {
        AttributeValue::S(state) => Some(state.clone()),
        _ => None,
    }
}

fn customer(number: CustomerNumber) -> &'static Customer {
    &CUSTOMERS[number % CUSTOMERS.len()]
}
