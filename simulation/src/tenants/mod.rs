//! The people of a run: tenants, customers, the providers' staff and strangers.

mod accounts;
mod client;
mod keys;
mod operator;
mod orders;
mod people;
mod placed;
mod questions;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sandbox::simulators::vtpass;
use serde_json::json;
use shared::domain::time::to_ms;

use self::client::Client;
pub use self::people::People;
use self::placed::BUNDLE;
use crate::checks::{self, name};
use crate::record::{Report, Reversal};
use crate::schedule::{Action, Deed, End, OrderNumber};
use crate::world::World;

/// How often VTpass posts a webhook, and the pause between two tries.
const WEBHOOK_TRIES: u32 = 5;
const WEBHOOK_PAUSE: Duration = Duration::from_secs(60);

impl People {
    /// Does what an action says, when its time has come.
    pub async fn act(self: Arc<Self>, world: Arc<World>, action: Action) {
        world.until_ms(action.at_ms).await;
        let deed = &action.deed;
        match deed {
            Deed::Buy { order, tries, .. } | Deed::Refill { order, tries, .. } => {
                self.buy(&world, *order, *tries).await;
            }
            Deed::Repeat { order } => self.buy(&world, *order, 1).await,
            Deed::Reuse { order } => self.reuse(&world, *order).await,
            Deed::Look { tenant, order } => self.look(&world, *tenant, *order).await,
            Deed::List { tenant } => self.list(&world, *tenant).await,
            Deed::Resolve { order, end, webhook, twice_spelled } => {
                self.resolve(&world, *order, *end, *webhook, *twice_spelled).await;
            }
            Deed::Webhook { order } => self.webhook(&world, *order).await,
            Deed::Link { tenant, customer, wrong_otps, ends_after_ms } => {
                self.known().links.entry((*tenant, *customer)).or_default().begun += 1;
                self.link(&world, *tenant, *customer, *wrong_otps, *ends_after_ms).await;
                self.known().links.entry((*tenant, *customer)).or_default().ended += 1;
            }
            Deed::Read { tenant, customer } => self.read(&world, *tenant, *customer).await,
            Deed::Unlink { tenant, customer } => self.unlink(&world, *tenant, *customer).await,
            Deed::Withdraw { customer, report } => {
                accounts::withdraw(&world, *customer, *report).await;
            }
            Deed::Ask { tenant, customer, lost, callback } => {
                self.ask(&world, *tenant, *customer, *lost, *callback).await;
            }
            Deed::Poll { tenant, asker, customer } => {
                self.poll(&world, *tenant, *asker, *customer).await;
            }
            Deed::DeliverHeld => {
                world.mtn.deliver_held().await;
            }
            Deed::Notice { right_token } => questions::notice(&world, *right_token).await,
            Deed::Spoil { order } => self.spoil(&world, *order),
            Deed::LoseMessages => world.lose_messages(),
            Deed::RotateKeys => rotate_keys(&world),
            Deed::ReplaceKey { tenant } => keys::replace(&world, *tenant).await,
            Deed::TryRevoked { tenant } => keys::try_revoked(&world, *tenant).await,
            Deed::Settle { order } => self.settle(&world, *order).await,
            Deed::Guess { order, to } => self.guess(&world, *order, *to).await,
            Deed::Deploy { look_back_s } => world.deploy_again(*look_back_s),
            Deed::Reprice { kobo } => {
                let (service_id, variation_code) = BUNDLE;
                world.vtpass.set_price(service_id, variation_code, *kobo);
                world.tell(|| format!("VTpass sells the bundle for {kobo} kobo"));
            }
        }
    }

    /// Looks at everything once more, when nothing goes wrong any more.
    pub async fn look_at_all(&self, world: &World) {
        let mut tenants = BTreeSet::new();
        for (order, placed) in &self.orders {
            tenants.insert(placed.tenant);
            if world.chance(30) {
                self.look(world, placed.tenant, *order).await;
            }
        }
        for tenant in tenants {
            self.list(world, tenant).await;
        }
        self.check_links(world);
    }

    /// VTpass's staff gives an order another state, if it may.
    async fn resolve(
        &self,
        world: &World,
        order: OrderNumber,
        end: End,
        webhook: bool,
        twice_spelled: bool,
    ) {
        let reference = self.reference(world, order);
        let Some(reference) = reference.filter(|it| is_lawful(world, it, end.state())) else {
            return;
        };
        world.vtpass.resolve(&reference, end.state(), webhook && !twice_spelled);
        if end == End::Reversed {
            let at_ms = to_ms(world.clock.now());
            let report = if webhook && !twice_spelled { Report::Vtpass } else { Report::Nobody };
            world.record().reversals.insert(reference.clone(), Reversal { at_ms, report });
        }
        world.tell(|| format!("VTpass: order {order} is {}", <&str>::from(end)));
        checks::after_resolution(world, &reference);
        if webhook && twice_spelled {
            report_twice_spelled(world, &reference).await;
        }
    }

    /// A webhook in VTpass's name. Anybody can send one.
    async fn webhook(&self, world: &World, order: Option<OrderNumber>) {
        let reference = order.and_then(|order| self.reference(world, order));
        let reference = reference.unwrap_or_else(|| "202601010000stranger".to_owned());
        let body = json!({ "type": "transaction-update",
                           "data": { "requestId": reference, "code": "016", "status": "failed" } });
        let reply = Client::stranger(world).send("POST", "/callbacks/vtpass", &[], &body).await;
        world.tell(|| format!("somebody posts a webhook: {}", reply.status));
    }
}

/// VTpass reports an order by a webhook with the id in both spellings.
async fn report_twice_spelled(world: &World, reference: &str) {
    let data = json!({ "requestId": reference, "request_id": reference, "code": "000" });
    let body = json!({ "type": "transaction-update", "data": data });
    for _ in 0..WEBHOOK_TRIES {
        let client = Client::stranger(world);
        let reply = client.send("POST", "/callbacks/vtpass", &[], &body).await;
        world.tell(|| format!("VTpass reports with both spellings: {}", reply.status));
        match reply.status {
            200 => {
                if let Some(reversal) = world.record().reversals.get_mut(reference) {
                    reversal.report = Report::Taken;
                }
                return;
            }
            400 => {
                let detail = "a webhook of VTpass was refused".to_owned();
                return world.violated(name::DOCUMENTED, detail);
            }
            _ => tokio::time::sleep(WEBHOOK_PAUSE).await,
        }
    }
}

/// Whether VTpass may give an order this state: a pending one may end, a delivered one may be reversed.
fn is_lawful(world: &World, reference: &str, to: vtpass::OrderState) -> bool {
    use vtpass::OrderState::{Delivered, Pending, Reversed};
    let order = world.vtpass.order(reference);
    order.is_some_and(|it| it.state == Pending || (it.state, to) == (Delivered, Reversed))
}

fn rotate_keys(world: &World) {
    let credentials = vtpass::Credentials::generate(&world.outside);
    for (variable, value) in [
        ("VTPASS_API_KEY", &credentials.api_key),
        ("VTPASS_PUBLIC_KEY", &credentials.public_key),
        ("VTPASS_SECRET_KEY", &credentials.secret_key),
    ] {
        world.secrets.put("vtpass", variable, value);
    }
    world.vtpass.rotate(credentials);
    world.tell(|| "VTpass's keys are changed".to_owned());
}
