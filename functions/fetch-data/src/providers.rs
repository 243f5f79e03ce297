//! `GET /providers`: which providers this deployment has, and which of their services are on sale.

use serde::Serialize;
use shared::domain::guard::Sale;
use shared::domain::service::{Service, ServiceKind};
use shared::domain::time::to_iso;
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;

use crate::FetchData;

#[derive(Serialize)]
struct Provider {
    provider: &'static str,
    /// Whether it is configured.
    on: bool,
    services: Vec<Sold>,
}

#[derive(Serialize)]
struct Sold {
    service_id: &'static str,
    on_sale: bool,
    suspended_since: Option<String>,
    reason: Option<String>,
}

impl FetchData {
    pub(crate) async fn providers(&self) -> Result<Reply, ApiError> {
        let services = Service::all();
        let sales = self.guards.sales(&services.map(|service| service.id)).await?;
        let (vtpass, mtn) = (self.sells_at_vtpass, self.mtn.is_some());
        let (mut at_vtpass, mut at_mtn) = (Vec::new(), Vec::new());
        for (service, sale) in services.into_iter().zip(sales) {
            let (is_on, sold) = match service.kind {
                ServiceKind::Data | ServiceKind::Airtime => (vtpass, &mut at_vtpass),
                ServiceKind::Refill => (mtn, &mut at_mtn),
            };
            sold.push(Sold::new(service.id, sale, is_on));
        }
        Reply::successful([
            Provider { provider: "vtpass", on: vtpass, services: at_vtpass },
            Provider { provider: "mtn", on: mtn, services: at_mtn },
            Provider { provider: "mono", on: self.mono.is_some(), services: Vec::new() },
        ])
    }
}

impl Sold {
    fn new(service_id: &'static str, sale: Sale, is_on: bool) -> Self {
        match sale {
            Sale::On => Self { service_id, on_sale: is_on, suspended_since: None, reason: None },
            Sale::Suspended { since, reason } => Self {
                service_id,
                on_sale: false,
                suspended_since: Some(to_iso(since)),
                reason: Some(reason),
            },
        }
    }
}
