//! An order of the schedule as its tenant sends it.

use sandbox::simulators::mtn;
use serde_json::{Value, json};

use crate::schedule::{Deed, Fate, OrderNumber, RefillAnswer, Tenant};
use crate::world::World;

/// The line that is refilled: MTN's simulator knows it.
const LINE: &str = "08031234567";
/// The bundle that tenants buy: its service and its variation code.
pub(super) const BUNDLE: (&str, &str) = ("etisalat-data", "eti-100");

/// An order as its tenant sends it.
pub(super) struct Placed {
    pub(super) tenant: Tenant,
    pub(super) key: String,
    pub(super) body: Value,
    kind: Kind,
}

enum Kind {
    Vtpass(Fate, String),
    Mtn(RefillAnswer),
}

impl Placed {
    pub(super) fn of(deed: &Deed) -> Option<(OrderNumber, Self)> {
        match deed {
            Deed::Buy { tenant, order, bundle, fate, .. } => {
                let phone = format!("0803{:07}", 1_000_000 + order);
                let body = if *bundle {
                    let (service_id, variation_code) = BUNDLE;
                    json!({ "service_id": service_id, "phone": phone,
                            "variation_code": variation_code })
                } else {
                    json!({ "service_id": "mtn", "phone": phone, "amount_kobo": 10_000 })
                };
                let kind = Kind::Vtpass(fate.clone(), phone);
                Some((*order, Self { tenant: *tenant, key: key_of(*tenant, *order), body, kind }))
            }
            Deed::Refill { tenant, order, voucher, answer, .. } => {
                let body = if *voucher {
                    json!({ "service_id": "mtn-refill", "phone": LINE, "refill_type": "voucher",
                            "voucher_code": format!("{:016}", order + 1) })
                } else {
                    json!({ "service_id": "mtn-refill", "phone": LINE, "amount_kobo": 50_000,
                            "refill_type": "voucherless", "refill_profile_id": "P1" })
                };
                let kind = Kind::Mtn(*answer);
                Some((*order, Self { tenant: *tenant, key: key_of(*tenant, *order), body, kind }))
            }
            _ => None,
        }
    }

    /// Tells the provider what happens with it.
    pub(super) fn script(&self, world: &World) {
        match &self.kind {
            Kind::Vtpass(fate, phone) => {
                fate.scripts(phone).into_iter().for_each(|script| world.vtpass.script(script));
            }
            Kind::Mtn(answer) => answer.scripts().into_iter().for_each(|it| world.mtn.script(it)),
        }
    }
}

/// Two tenants use the same keys.
fn key_of(tenant: Tenant, order: OrderNumber) -> String {
    let number = if tenant.is_multiple_of(2) { order } else { order ^ 1 };
    format!("order-{number}")
}

impl RefillAnswer {
    fn scripts(self) -> Vec<mtn::Script> {
        let script = |answer, http_status, apply| mtn::Script {
            operation: mtn::Operation::Refill,
            answer,
            http_status,
            status_code: None,
            retry_after: None,
            apply: Some(apply),
        };
        let error = |http_status, code: &str, apply| mtn::Script {
            status_code: Some(code.to_owned()),
            ..script(mtn::ScriptedAnswer::Error, Some(http_status), apply)
        };
        match self {
            Self::Plain => vec![],
            Self::Refused => vec![script(mtn::ScriptedAnswer::Error, Some(400), false)],
            Self::Error => vec![script(mtn::ScriptedAnswer::Error, Some(500), true)],
            Self::ErrorNotDone => vec![script(mtn::ScriptedAnswer::Error, Some(500), false)],
            Self::Half => vec![script(mtn::ScriptedAnswer::Broken, None, true)],
            Self::Page => vec![script(mtn::ScriptedAnswer::Html, Some(502), true)],
            Self::Token => vec![script(mtn::ScriptedAnswer::RefuseToken, None, false)],
            Self::TimedOut => vec![error(400, "1007", true)],
            Self::Away => vec![error(404, "3001", true)],
            Self::Forbidden => vec![error(403, "4000", false)],
        }
    }
}
