//! `GET /services/{serviceID}/variations`, and the price of an order.

use serde::Serialize;
use shared::domain::catalogue::Catalogue;
use shared::domain::guard::Sale;
use shared::domain::money::Kobo;
use shared::domain::service::{Service, ServiceKind};
use shared::lambda::error::{ApiError, ErrorCode};
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::environment::Environment;
use shared::store::CachedCatalogue;
use time::OffsetDateTime;

use crate::PurchaseFunction;
use crate::order::Order;

/// A catalogue as a tenant sees it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    catalogue: Catalogue,
    /// Whether orders for the service are taken now.
    on_sale: bool,
}

impl PurchaseFunction {
    pub(crate) async fn variations(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        request.tenant()?;
        let service = Service::parse(request.path("serviceID"));
        let service = service.filter(|it| it.kind == ServiceKind::Data);
        let service = service.ok_or_else(ApiError::not_found)?;
        let catalogue = self.catalogue(service.id);
        let (catalogue, guard) = tokio::join!(catalogue, self.look(service.id));
        let sale = guard.map(|guard| guard.state.sale(self.environment.clock.now()));
        let on_sale = sale.is_none_or(|sale| sale == Sale::On);
        Reply::successful(Shown { catalogue: catalogue?, on_sale })
    }

    /// The price of the order: the tenant's amount for airtime, the catalogue's for a bundle. `None`
    /// for a voucher, whose amount is known when it is used.
    pub(crate) async fn price(&self, order: &Order) -> Result<Option<Kobo>, ApiError> {
        let Some(code) = &order.variation_code else {
            if order.amount.is_none() && order.refill.is_none() {
                return Err(ApiError::invalid("amount_kobo is missing."));
            }
            return Ok(order.amount);
        };
        let catalogue = self.catalogue(order.service.id).await?;
        let variation = catalogue.variations.into_iter().find(|it| it.variation_code == *code);
        let variation = variation.ok_or_else(|| {
            ApiError::invalid(
                "variation_code is not offered; see GET /services/{serviceID}/variations.",
            )
        })?;
        // VTpass ignores the amount of an order for data and takes that of its variation, if it has one.
        let is_priced = variation.fixed_price || variation.amount.kobo() > 0;
        match order.amount {
            Some(amount) if is_priced && amount != variation.amount => {
                let price = variation.amount.kobo();
                Err(ApiError::invalid(format!("The price of this bundle is {price} kobo.")))
            }
            Some(amount) => Ok(Some(amount)),
            None if is_priced => Ok(Some(variation.amount)),
            None => {
                Err(ApiError::invalid("This bundle has no fixed price: amount_kobo is needed."))
            }
        }
    }

    /// The cached catalogue, or VTpass's. Selling goes on while the cache is out of reach, and with an
    /// outdated one while VTpass gives no other.
    async fn catalogue(&self, service_id: &str) -> Result<Catalogue, ApiError> {
        let Environment { clock, random, .. } = &self.environment;
        let now = clock.now();
        let cached = self.catalogues.get(service_id, now, random).await.ok().flatten();
        let outdated = match cached {
            Some(CachedCatalogue { catalogue, outdated: false }) => return Ok(catalogue),
            cached => cached.map(|it| it.catalogue),
        };
        match (self.fetch(service_id, now).await, outdated) {
            (Err(_), Some(outdated)) => Ok(outdated),
            (fetched, _) => fetched,
        }
    }

    async fn fetch(&self, service_id: &str, now: OffsetDateTime) -> Result<Catalogue, ApiError> {
        let catalogue = self.vtpass()?.variations(service_id).await.map_err(|error| {
            let error = ApiError::from(error);
            match error.code {
                // The service is one of ours, so the tenant's request is not at fault.
                ErrorCode::NotFound => ApiError::new(
                    ErrorCode::UpstreamRejected,
                    "This service is not sold at present.",
                ),
                _ => error,
            }
        })?;
        if let Err(error) = self.catalogues.put(&catalogue, now).await {
            tracing::warn!(service_id, reason = %error, "a catalogue cannot be cached");
        }
        Ok(catalogue)
    }
}
