//! `GET /providers`: which providers this deployment has, how they were seen lately, and which of their
//! services are on sale.

use serde::Serialize;
use shared::domain::guard::{Lately, Sale};
use shared::domain::service::{Service, ServiceKind};
use shared::domain::time::to_iso;
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::store::Seen;

use crate::FetchData;

#[derive(Serialize)]
struct Provider {
    provider: &'static str,
    /// Whether it is configured.
    on: bool,
    lately: Lately,
    services: Vec<Sold>,
}

#[derive(Serialize)]
struct Sold {
    service_id: &'static str,
    on_sale: bool,
    lately: Lately,
    suspended_since: Option<String>,
    reason: Option<String>,
}

impl FetchData {
    pub(crate) async fn providers(&self) -> Result<Reply, ApiError> {
        let services = Service::all();
        let seen = self.guards.seen(&services.map(|service| service.id)).await?;
        let mut vtpass = Provider::new("vtpass", self.sells_at_vtpass);
        let mut mtn = Provider::new("mtn", self.mtn.is_some());
        let mut mono = Provider::new("mono", self.mono.is_some());
        for (service, seen) in services.into_iter().zip(seen) {
            let provider = match service.kind {
                ServiceKind::Data | ServiceKind::Airtime => &mut vtpass,
                ServiceKind::Refill => &mut mtn,
            };
            provider.services.push(Sold::new(service.id, seen, provider.on));
        }
        for provider in [&mut vtpass, &mut mtn] {
            provider.lately = Lately::of_provider(provider.services.iter().map(|it| it.lately));
        }
        // This instance knows that it asks no more. It does not know that others are answered.
        if self.mtn.as_ref().is_some_and(|mtn| mtn.check().is_err()) {
            mtn.lately = Lately::Down;
        }
        if self.mono.as_ref().is_some_and(|mono| mono.check().is_err()) {
            mono.lately = Lately::Down;
        }
        Reply::successful([vtpass, mtn, mono])
    }
}

impl Provider {
    fn new(provider: &'static str, on: bool) -> Self {
        Self { provider, on, lately: Lately::Unknown, services: Vec::new() }
    }
}

impl Sold {
    fn new(service_id: &'static str, seen: Seen, is_on: bool) -> Self {
        let lately = seen.lately.lately();
        let fresh =
            Self { service_id, on_sale: is_on, lately, suspended_since: None, reason: None };
        match seen.sale {
            Sale::On => fresh,
            Sale::Suspended { since, reason } => Self {
                on_sale: false,
                suspended_since: Some(to_iso(since)),
                reason: Some(reason),
                ..fresh
            },
        }
    }
}
