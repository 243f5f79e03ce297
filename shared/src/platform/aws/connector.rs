//! The SDK's HTTP connector over the gateway's one HTTP client.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use tokio::time::Instant;

use crate::platform::http::{Http, NoAnswer};
use crate::platform::telemetry;

/// The longest time for one attempt. The SDK's own timeouts are shorter and drop the call earlier.
const CONNECTOR_TIMEOUT: Duration = Duration::from_secs(30);

impl HttpClient for Http {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let http = self.clone();
        HttpConnectorFuture::new(async move {
            let request = into_reqwest(request)?;
            let attempt = Attempt::of(&request);
            let outcome = http.send(request, CONNECTOR_TIMEOUT).await;
            drop(attempt);
            let answer = outcome.map_err(|reason| match reason {
                NoAnswer::Timeout => ConnectorError::timeout(reason.into()),
                NoAnswer::NotSent | NoAnswer::Down(_) | NoAnswer::Broken | NoAnswer::TooLarge => {
                    ConnectorError::io(reason.into())
                }
            })?;
            let mut response = http::Response::new(SdkBody::from(answer.body));
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            HttpResponse::try_from(response).map_err(|error| ConnectorError::user(error.into()))
        })
    }
}

/// An attempt of a call. It is counted when it ends, also when the SDK drops it at its timeout.
struct Attempt {
    begun: Instant,
    is_retry: bool,
}

impl Attempt {
    fn of(request: &reqwest::Request) -> Self {
        // The SDK says which attempt it is: `attempt=2; max=3`.
        let said = request.headers().get("amz-sdk-request").and_then(|it| it.to_str().ok());
        let is_retry = said.is_some_and(|said| !said.starts_with("attempt=1"));
        Self { begun: Instant::now(), is_retry }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        telemetry::called_aws(self.begun.elapsed(), self.is_retry);
    }
}

fn into_reqwest(request: HttpRequest) -> Result<reqwest::Request, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let body = request.body().bytes().map(<[u8]>::to_vec).unwrap_or_default();
    reqwest::Request::try_from(request.map(|_| body))
        .map_err(|error| ConnectorError::user(error.into()))
}
