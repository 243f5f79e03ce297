//! Tenants ask MTN what it answers by callback, and read the answers.

use sandbox::simulators::mtn;
use serde_json::json;

use super::accounts::{customer, is_linked};
use super::client::{Client, text};
use super::people::People;
use crate::checks::name;
use crate::schedule::{Callback, CustomerNumber, Tenant};
use crate::world::{API, World};

/// How much later than its end a request may still be shown, in seconds: clocks differ.
const TOLERANCE: i64 = 15;

impl People {
    /// A tenant asks MTN.
    pub(super) async fn ask(
        &self,
        world: &World,
        tenant: Tenant,
        number: CustomerNumber,
        lost: u8,
        callback: Callback,
    ) {
        let script = |answer| mtn::Script {
            operation: mtn::Operation::Recharges,
            answer,
            http_status: None,
            status_code: None,
            retry_after: None,
            apply: None,
        };
        let answer = match callback {
            Callback::Twice => mtn::ScriptedAnswer::Duplicate,
            Callback::Early => mtn::ScriptedAnswer::Before,
            Callback::Held => mtn::ScriptedAnswer::Held,
        };
        let lost = vec![mtn::ScriptedAnswer::Lost; usize::from(lost)];
        let answers = match callback {
            // The first question is answered after later ones were lost.
            Callback::Held => [vec![answer], lost].concat(),
            Callback::Twice | Callback::Early => [lost, vec![answer]].concat(),
        };
        answers.into_iter().for_each(|it| world.mtn.script(script(it)));
        let path = format!("/accounts/{}/mtn/recharges", customer(number).account_id);
        let was_linked = is_linked(world, tenant, number);
        let reply = Client::of(world, tenant).get(&path).await;
        world
            .tell(|| format!("tenant {tenant} asks MTN about customer {number}: {}", reply.status));
        let is_held = was_linked || is_linked(world, tenant, number);
        if matches!(reply.status, 200 | 202) && !is_held {
            world.violated(name::OWN_ONLY, format!("tenant {tenant} asks about {number}"));
        }
        if let Some(id) = text(&reply.body, "/data/request_id") {
            self.known().requests.insert((tenant, number), id.to_owned());
        }
    }

    /// A tenant reads a deferred request. Another's is not found, and neither is one that has ended.
    pub(super) async fn poll(
        &self,
        world: &World,
        tenant: Tenant,
        asker: Tenant,
        number: CustomerNumber,
    ) {
        let id = self.known().requests.get(&(asker, number)).cloned();
        let Some(id) = id else { return };
        let reply = Client::of(world, tenant).get(&format!("/requests/{id}")).await;
        world.tell(|| format!("tenant {tenant} reads a request of {asker}: {}", reply.status));
        if reply.status != 200 {
            return;
        }
        if tenant != asker {
            world.violated(name::OWN_ONLY, format!("tenant {tenant} reads request {id}"));
        }
        let end = text(&reply.body, "/data/expires_at");
        let end = end.and_then(|it| parsed(it).ok());
        let now = world.clock.now().unix_timestamp();
        if end.is_none_or(|end| end + TOLERANCE < now) {
            world.violated(name::DOCUMENTED, format!("request {id} is shown after its end"));
        }
    }
}

/// Somebody posts what is no answer of MTN to the URL of its last question. With the right token it is
/// kept as a notice, with another one it is refused.
pub(super) async fn notice(world: &World, right_token: bool) {
    let url = world.mtn.questions().into_iter().rev().find_map(|it| it.callback_url);
    let path = url.and_then(|it| Some(it.strip_prefix(API)?.to_owned()));
    let Some(mut path) = path else { return };
    let body = match right_token {
        true => json!({ "notice": "maintenance tonight" }),
        false => json!({ "statusCode": "0000", "data": { "usage": [] } }),
    };
    if !right_token {
        let last = path.pop();
        path.push(if last == Some('0') { '1' } else { '0' });
        let rest = path.trim_start_matches("/callbacks/mtn/").to_owned();
        world.record().forged.insert(rest);
    }
    let reply = Client::stranger(world).post(&path, &body).await;
    world.tell(|| format!("somebody posts to MTN's callback: {}", reply.status));
    if !right_token && reply.status == 200 {
        world.violated(name::OWN_ONLY, "a callback with a wrong token was taken".to_owned());
    }
}

fn parsed(time: &str) -> Result<i64, time::error::Parse> {
    let format = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(time, format).map(time::OffsetDateTime::unix_timestamp)
}
