//! `GET /services/{serviceID}/variations`, and the price of an order.

use shared::error::{ApiError, Code};
use shared::http_function::{ApiRequest, Reply};
use shared::money::Kobo;
use shared::purchase::{Service, ServiceKind};
use shared::vtpass::Catalogue;

use crate::PurchaseFunction;
use crate::order::Order;

impl PurchaseFunction {
    pub(crate) async fn variations(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        request.caller()?;
        let service = Service::parse(request.path("serviceID"));
        let service = service.filter(|it| it.kind == ServiceKind::Data);
        let service = service.ok_or_else(ApiError::not_found)?;
        Reply::successful(self.catalogue(service.id).await?)
    }

    /// What the order costs: airtime what the caller says, a bundle what the catalogue says.
    pub(crate) async fn price(&self, order: &Order) -> Result<Kobo, ApiError> {
        let Some(code) = &order.variation_code else {
            // What a voucher is worth is known when it is used.
            let unknown = order.refill.is_some().then(Kobo::default);
            let amount = order.amount.or(unknown);
            return amount.ok_or_else(|| ApiError::invalid("amount_kobo is missing."));
        };
        let catalogue = self.catalogue(order.service.id).await?;
        let variation = catalogue.variations.into_iter().find(|it| it.variation_code == *code);
        let variation = variation.ok_or_else(|| {
            ApiError::invalid(
                "variation_code is not offered; see GET /services/{serviceID}/variations.",
            )
        })?;
        match order.amount {
            Some(amount) if variation.fixed_price && amount != variation.amount => {
                let price = variation.amount.kobo();
                Err(ApiError::invalid(format!("The price of this bundle is {price} kobo.")))
            }
            Some(amount) => Ok(amount),
            None if variation.fixed_price => Ok(variation.amount),
            None => {
                Err(ApiError::invalid("This bundle has no fixed price: amount_kobo is needed."))
            }
        }
    }

    /// The cached catalogue, or VTpass's. A cache that is out of reach is no reason not to sell.
    async fn catalogue(&self, service_id: &str) -> Result<Catalogue, ApiError> {
        let now = self.world.clock.now();
        if let Ok(Some(catalogue)) = self.catalogues.get(service_id, now).await {
            return Ok(catalogue);
        }
        let catalogue = self.vtpass()?.variations(service_id).await.map_err(|error| {
            let error = ApiError::from(error);
            match error.code {
                // The service is one of ours: VTpass not knowing it is no fault of the caller's.
                Code::NotFound => {
                    ApiError::new(Code::UpstreamRejected, "This service is not sold at present.")
                }
                _ => error,
            }
        })?;
        if let Err(error) = self.catalogues.put(&catalogue, now).await {
            tracing::warn!(service_id, reason = %error, "a catalogue is not cached");
        }
        Ok(catalogue)
    }
}
