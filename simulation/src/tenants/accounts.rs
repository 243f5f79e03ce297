//! Customers give tenants access to their accounts, and take it away.

use std::time::Duration;

use dynoxide::types::AttributeValue;
use sandbox::simulators::mono::{CUSTOMERS, Customer, SMS, Sms};
use serde_json::json;
use shared::domain::time::{to_iso, to_ms};

use super::client::{Client, Reply, text};
use super::people::{Links, People};
use crate::checks::{ages, consents, name};
use crate::schedule::{CustomerNumber, Deed, Report, Tenant};
use crate::world::{TENANTS, World, tenant_id};

/// How often a tenant repeats a request that was not answered.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(2);
/// Some come back to a code only when the claim of an exchange that died is over.
const AFTER_CLAIM: Duration = Duration::from_secs(31);
/// How long before a withdrawal Mono reports it, if it is early.
const EARLY: Duration = Duration::from_secs(60);

impl People {
    /// A customer gives a tenant access.
    pub(super) async fn link(
        &self,
        world: &World,
        tenant: Tenant,
        number: CustomerNumber,
        wrong_otps: u8,
        ends_after_ms: Option<u64>,
    ) {
        let customer = customer(number);
        let client = Client::of(world, tenant);
        let end = ends_after_ms.map(|ms| world.clock.now() + Duration::from_millis(ms));
        let mut body = json!({ "phone": customer.phone, "provider": customer.provider,
                               "consent": { "purpose": "a loan" } });
        if let Some(end) = end {
            body["consent"]["expires_at"] = to_iso(end).into();
        }
        let begun = client.post("/v2/telecom/auth", &body).await;
        world.tell(|| {
            format!("tenant {tenant} asks customer {number} for access: {}", begun.status)
        });
        let Some(session) = text(&begun.body, "/data/session_id") else {
            return not_refused(world, &begun, "a customer's consent");
        };
        let Some(Sms { otp, .. }) = world.ledger.get(SMS, session) else { return };
        for _ in 0..wrong_otps {
            self.verify(&client, session, "000000").await;
        }
        let verified = self.verify(&client, session, &otp).await;
        world.tell(|| {
            format!("customer {number} proves it to tenant {tenant}: {}", verified.status)
        });
        let Some(code) = text(&verified.body, "/data/code") else {
            return if wrong_otps == 0 {
                not_refused(world, &verified, "a right OTP")
            };
        };
        if world.chance(10) {
            steal(world, tenant, code).await;
        }
        let pause = if world.chance(20) { AFTER_CLAIM } else { PAUSE };
        for _ in 0..TRIES {
            let reply = client.post("/account/auth", &json!({ "code": code })).await;
            world.tell(|| format!("tenant {tenant} exchanges the code: {}", reply.status));
            if let Some(id) = text(&reply.body, "/id") {
                if id != customer.account_id {
                    world.violated(name::OWN_ONLY, format!("tenant {tenant} was given {id}"));
                }
                self.known().accounts.insert((tenant, number), id.to_owned());
                // What Mono reported before was about an earlier link.
                world.record().reported.remove(id);
                return;
            }
            if !reply.is_open() && reply.status != 409 {
                not_refused(world, &reply, "a code");
                break;
            }
            tokio::time::sleep(pause).await;
        }
        world.record().not_exchanged.insert(customer.account_id.to_owned());
    }

    async fn verify(&self, client: &Client<'_>, session: &str, otp: &str) -> Reply {
        let body = json!({ "otp": otp });
        client.send("POST", "/v2/telecom/verify", &[("x-session-id", session)], &body).await
    }

    /// A tenant reads an account. One that it never linked is not found.
    pub(super) async fn read(&self, world: &World, tenant: Tenant, number: CustomerNumber) {
        let id = customer(number).account_id;
        let (end, begun) =
            (consents::end_of(world, &tenant_id(tenant), id), to_ms(world.clock.now()));
        let was_linked = is_linked(world, tenant, number);
        let reply = Client::of(world, tenant).get(&format!("/accounts/{id}/identity")).await;
        world.tell(|| format!("tenant {tenant} reads customer {number}: {}", reply.status));
        let is_shown = reply.status == 200;
        world.record().reads.add(tenant_id(tenant).as_str(), id, begun, is_shown);
        let is_held = was_linked || is_linked(world, tenant, number);
        if reply.status == 422
            && is_held
            && world.is_spared("fetch-data")
            && !world.mono.is_linked(id)
        {
            // Mono refused the read. That starts the check of a withdrawal.
            world.record().reported.insert(id.to_owned());
        }
        if reply.status == 200 && !is_held {
            world.violated(name::OWN_ONLY, format!("tenant {tenant} reads customer {number}"));
        }
        // A customer may have come back meanwhile, with another end or none.
        let is_same = consents::end_of(world, &tenant_id(tenant), id) == end;
        if reply.status == 200 && is_same && consents::has_ended(end, begun) {
            let detail = format!("tenant {tenant} reads customer {number} after the end");
            world.violated(name::CONSENTS_END, detail);
        }
    }

    /// Whoever linked an account and did not unlink it still holds it, unless the customer withdrew, or
    /// another tenant's unlink met the link: then the account is unlinked here, too.
    pub(super) fn check_links(&self, world: &World) {
        let known = self.known().accounts.clone();
        for (tenant, number) in known.into_keys() {
            let id = customer(number).account_id;
            let state = account_state(world, tenant, number);
            let is_told = state.as_deref() == Some("unlinked");
            let is_over = world.schedule.actions.iter().any(|action| match &action.deed {
                Deed::Unlink { tenant: other, customer: it }
                | Deed::Link { tenant: other, customer: it, ends_after_ms: Some(_), .. } => {
                    customer(*it).account_id == id
                        && (*other == tenant || is_told || !world.is_calm_schedule())
                }
                Deed::Withdraw { customer: it, report } => {
                    customer(*it).account_id == id && *report != Report::Untrue
                }
                _ => false,
            });
            let is_held = state.as_deref() == Some("linked") && world.mono.is_linked(id);
            let is_dormant = ages::was_dormant(world, tenant_id(tenant).as_str(), id);
            if !is_over && !is_held && !is_dormant {
                let detail = format!("tenant {tenant} lost customer {number}, who did not leave");
                world.violated("consents_stay", detail);
            }
        }
    }

    /// A tenant withdraws its access.
    pub(super) async fn unlink(&self, world: &World, tenant: Tenant, number: CustomerNumber) {
        let id = customer(number).account_id;
        let path = format!("/accounts/{id}/unlink");
        let before = self.links(tenant, number);
        for _ in 0..TRIES {
            let reply = Client::of(world, tenant).post(&path, &json!({})).await;
            world.tell(|| format!("tenant {tenant} unlinks customer {number}: {}", reply.status));
            if reply.status < 300 && reply.status > 0 {
                // A customer may come back meanwhile: then the account is linked again.
                let now = self.links(tenant, number);
                let comes_back = before.begun != before.ended || now.begun != before.begun;
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

    fn links(&self, tenant: Tenant, number: CustomerNumber) -> Links {
        self.known().links.get(&(tenant, number)).copied().unwrap_or_default()
    }
}

/// Another tenant tries a code.
async fn steal(world: &World, tenant: Tenant, code: &str) {
    let other = (tenant + 1) % TENANTS;
    let reply = Client::of(world, other).post("/account/auth", &json!({ "code": code })).await;
    world.tell(|| format!("tenant {other} tries the code: {}", reply.status));
    if matches!(reply.status, 200..300) {
        let detail = format!("tenant {other} exchanged a code of tenant {tenant}");
        world.violated(name::OWN_ONLY, detail);
    }
}

/// Whether the store has the account as linked by the tenant.
pub(super) fn is_linked(world: &World, tenant: Tenant, number: CustomerNumber) -> bool {
    account_state(world, tenant, number).as_deref() == Some("linked")
}

/// Where nothing goes wrong, nothing that is right is refused, but for a limit or by Mono.
fn not_refused(world: &World, reply: &Reply, what: &str) {
    if world.is_calm_schedule() && matches!(reply.status, 400 | 401 | 403 | 404 | 409 | 410) {
        world.violated("works_when_calm", format!("{what} was refused: {}", reply.status));
    }
}

/// A customer withdraws at Mono, which may report it by webhook; or Mono reports it without reason.
pub(super) async fn withdraw(world: &World, number: CustomerNumber, report: Report) {
    let id = customer(number).account_id;
    if !world.mono.is_linked(id) {
        return;
    }
    if report == Report::Early {
        tell_of_withdrawal(world, number, report).await;
        tokio::time::sleep(EARLY).await;
    }
    // What Mono reported before was not about this withdrawal.
    if !matches!(report, Report::Early | Report::Untrue) {
        world.record().reported.remove(id);
    }
    if report != Report::Untrue {
        if world.mono.unlink(id).is_err() {
            return;
        }
        world.tell(|| format!("customer {number} withdraws at Mono"));
    }
    if matches!(report, Report::Plain | Report::TwiceSpelled | Report::Untrue) {
        tell_of_withdrawal(world, number, report).await;
    }
}

/// Mono posts its webhook.
async fn tell_of_withdrawal(world: &World, number: CustomerNumber, report: Report) {
    let id = customer(number).account_id;
    let data = match report {
        Report::TwiceSpelled => json!({ "id": id, "_id": id }),
        _ => json!({ "account": { "id": id } }),
    };
    let event = json!({ "event": "mono.events.account_unlinked", "data": data });
    let status = world.mono.post_webhook(&event).await;
    world.tell(|| format!("Mono reports that customer {number} withdrew: {status}"));
    match status {
        200 => {
            world.record().reported.insert(id.to_owned());
        }
        400 => world.violated(name::DOCUMENTED, "a webhook of Mono was refused".to_owned()),
        _ => {}
    }
}

/// The state of an account of a tenant as it is stored.
pub(super) fn account_state(
    world: &World,
    tenant: Tenant,
    number: CustomerNumber,
) -> Option<String> {
    let id = customer(number).account_id;
    let key = [("account_id", id), ("tenant", tenant_id(tenant).as_str())]
        .map(|(n, v)| (n, v.to_owned()));
    let key: Vec<(&str, &str)> = key.iter().map(|(n, v)| (*n, v.as_str())).collect();
    match world.dynamodb.item("AccountsTable", &key)?.get("state")? {
        AttributeValue::S(state) => Some(state.clone()),
        _ => None,
    }
}

pub(super) fn customer(number: CustomerNumber) -> &'static Customer {
    &CUSTOMERS[number % CUSTOMERS.len()]
}
