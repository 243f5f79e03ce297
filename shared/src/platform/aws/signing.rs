//! Signed calls to a service of AWS without the SDK's client for it, where a few calls do not pay for one.

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::identity::Identity;
use reqwest::Request;
use time::OffsetDateTime;

use super::{credentials, service_url};
use crate::platform::config::{ConfigError, Vars};

/// A service in the region of the variables.
pub struct Service<'a> {
    name: &'static str,
    url: String,
    region: &'a str,
    identity: Identity,
}

impl<'a> Service<'a> {
    /// The service by the name that is in its address and in signatures, such as `secretsmanager`, and
    /// the variable that may hold another address, such as `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
    ///
    /// # Errors
    /// [`ConfigError`] when region or credentials are missing, or an address is not a URL.
    pub fn from_vars(
        vars: &'a Vars,
        name: &'static str,
        variable: &str,
    ) -> Result<Self, ConfigError> {
        let (url, region) = (service_url(vars, name, variable)?, vars.required("AWS_REGION")?);
        Ok(Self { name, url, region, identity: credentials(vars)?.into() })
    }

    /// The service's address, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A request with its signature, which holds for a few minutes around `now`.
    ///
    /// # Errors
    /// What is wrong with the request. Never for one with a plain address and plain headers.
    pub fn signed(
        &self,
        mut request: http::Request<String>,
        now: OffsetDateTime,
    ) -> Result<Request, BoxError> {
        let params = SigningParams::builder()
            .identity(&self.identity)
            .region(self.region)
            .name(self.name)
            .time(now.into())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = request.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(request.body().as_bytes());
        let (method, uri) = (request.method().as_str(), request.uri().to_string());
        let signable = SignableRequest::new(method, uri, headers, body)?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(Request::try_from(request)?)
    }
}
