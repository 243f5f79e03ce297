//! The invariants: what must hold after every call, and what must hold at the end.
//!
//! Each has a name, which a failing run shows and docs/proof.md explains.

pub mod ages;
mod books;
pub mod consents;
mod end;
mod events;
mod item;
mod limits;
pub mod name;
mod purchases;
mod requests;
mod webhooks;

use serde_json::Value;
use shared::domain::ids::ProviderReference;

pub use self::books::days_add_up;
pub use self::end::{at_the_end, is_for_a_person, is_refilled};
pub use self::requests::called_back;
pub use self::webhooks::received;
use crate::world::{Call, Service, World};

/// Looks at the world after a call had its effect.
pub fn after(world: &World, call: &Call, session: Option<&str>) {
    match call.service {
        Service::Dynamodb => {
            if let Some(id) = written_purchase(call) {
                purchases::written(world, id);
            }
            events::kept(world, call);
        }
        Service::Vtpass => {
            if let Some(reference) = call.body["request_id"].as_str() {
                purchases::asked(world, reference, call.name.ends_with("requery"));
            }
        }
        Service::Mtn if call.name.contains("PATCH") => purchases::refilled(world),
        Service::Mono if call.name.ends_with("/verify") => {
            let session = session.unwrap_or_default().to_owned();
            let mut record = world.record();
            let tries = record.otp_tries.entry(session).or_default();
            *tries += 1;
            if *tries > 5 {
                let detail = format!("an OTP was tried {tries} times in one session");
                drop(record);
                world.violated(name::OTP_TRIES, detail);
            }
        }
        Service::Mono if call.name.ends_with("/telecom/auth") => limits::otp_sent(world),
        Service::Sqs if call.name.ends_with("RequeryQueue purchase") => {
            if let Some(id) = job_of(call)["purchase_id"].as_str() {
                purchases::chain_goes_on(world, id);
            }
        }
        Service::Mtn
        | Service::Mono
        | Service::Sqs
        | Service::Secrets
        | Service::Receiver
        | Service::Api => {}
    }
}

/// Looks at an order after VTpass changed it by itself.
pub fn after_resolution(world: &World, reference: &str) {
    purchases::agree(world, reference);
}

/// The state of the purchase that a call is about, as it was last written.
pub fn state_of(world: &World, call: &Call) -> Option<&'static str> {
    let job = job_of(call);
    let reference =
        call.body["request_id"].as_str().map(|it| ProviderReference::new(it.to_owned()));
    let by_reference = reference.and_then(|it| it.purchase_id());
    let id = job["purchase_id"]
        .as_str()
        .or_else(|| call.body["Key"]["purchase_id"]["S"].as_str())
        .or_else(|| call.body["Item"]["purchase_id"]["S"].as_str())
        .or(by_reference.as_ref().map(|it| it.as_str()))?;
    Some(world.record().purchases.get(id)?.state.name())
}

/// The job that a call sends; null if it sends none.
fn job_of(call: &Call) -> Value {
    let text = call.body["MessageBody"].as_str();
    text.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default()
}

fn written_purchase(call: &Call) -> Option<&str> {
    let is_write = matches!(call.operation.as_str(), "PutItem" | "UpdateItem");
    if !is_write || call.body["TableName"] != purchases::TABLE {
        return None;
    }
    let key = call.body["Key"]["purchase_id"]["S"].as_str();
    key.or_else(|| call.body["Item"]["purchase_id"]["S"].as_str())
}
