//! The AWS clients, built by hand for a fast start: credentials from the environment Lambda sets,
//! one HTTP client shared with the providers, explicit timeouts.

use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::config::{ConfigError, Vars};
use crate::telemetry;
use crate::upstream::{Http, NoAnswer};
use crate::world::World;

/// One attempt of a store or queue call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_200);
/// A last resort below the SDK's own timeouts, which drop the call earlier.
const CONNECTOR_TIMEOUT: Duration = Duration::from_secs(30);
/// All attempts of a store or queue call. Four of these and one provider call fit into 29 s.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(3);

/// Where and as whom AWS is called.
struct Account {
    region: Region,
    credentials: SharedCredentialsProvider,
}

impl Account {
    fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        let credentials = Credentials::new(
            vars.required("AWS_ACCESS_KEY_ID")?,
            vars.required("AWS_SECRET_ACCESS_KEY")?,
            vars.optional("AWS_SESSION_TOKEN").map(str::to_owned),
            None,
            "environment",
        );
        let region = Region::new(vars.required("AWS_REGION")?.to_owned());
        Ok(Self { region, credentials: SharedCredentialsProvider::new(credentials) })
    }
}

/// The DynamoDB client of this environment.
///
/// # Errors
/// [`ConfigError`] when region or credentials are missing.
pub fn dynamodb(vars: &Vars, world: &World) -> Result<aws_sdk_dynamodb::Client, ConfigError> {
    let account = Account::from_vars(vars)?;
    let mut config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(account.region)
        .credentials_provider(account.credentials)
        .http_client(world.http.clone())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .timeout_config(timeouts())
        .retry_config(retries());
    config.set_endpoint_url(endpoint(vars, "AWS_ENDPOINT_URL_DYNAMODB")?);
    Ok(aws_sdk_dynamodb::Client::from_conf(config.build()))
}

/// The SQS client of this environment.
///
/// # Errors
/// [`ConfigError`] when region or credentials are missing.
pub fn sqs(vars: &Vars, world: &World) -> Result<aws_sdk_sqs::Client, ConfigError> {
    let account = Account::from_vars(vars)?;
    let mut config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(account.region)
        .credentials_provider(account.credentials)
        .http_client(world.http.clone())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .timeout_config(timeouts())
        .retry_config(retries());
    config.set_endpoint_url(endpoint(vars, "AWS_ENDPOINT_URL_SQS")?);
    Ok(aws_sdk_sqs::Client::from_conf(config.build()))
}

/// The Secrets Manager client of this environment.
///
/// # Errors
/// [`ConfigError`] when region or credentials are missing.
pub fn secrets_manager(
    vars: &Vars,
    world: &World,
) -> Result<aws_sdk_secretsmanager::Client, ConfigError> {
    let account = Account::from_vars(vars)?;
    let mut config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(account.region)
        .credentials_provider(account.credentials)
        .http_client(world.http.clone())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .timeout_config(patient())
        .retry_config(retries());
    config.set_endpoint_url(endpoint(vars, "AWS_ENDPOINT_URL_SECRETS_MANAGER")?);
    Ok(aws_sdk_secretsmanager::Client::from_conf(config.build()))
}

/// Where DynamoDB is reached, for [`Http::warm`].
///
/// # Errors
/// [`ConfigError`] when an endpoint variable is no URL or the region is missing.
pub fn dynamodb_url(vars: &Vars) -> Result<String, ConfigError> {
    match endpoint(vars, "AWS_ENDPOINT_URL_DYNAMODB")? {
        Some(url) => Ok(url),
        None => Ok(format!("https://dynamodb.{}.amazonaws.com", vars.required("AWS_REGION")?)),
    }
}

/// The SDK's own endpoint variables: the service's, then the general one.
fn endpoint(vars: &Vars, service: &str) -> Result<Option<String>, ConfigError> {
    match vars.base_url(service)? {
        Some(url) => Ok(Some(url)),
        None => vars.base_url("AWS_ENDPOINT_URL"),
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// For what is fetched at an instance's start, which has ten seconds: failing costs the instance.
fn patient() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(8))
        .build()
}

/// A repeat is harmless everywhere: conditional writes recognise their own first attempt.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_millis(400))
}

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
                NoAnswer::NotSent | NoAnswer::Broken => ConnectorError::io(reason.into()),
            })?;
            let mut response = http::Response::new(SdkBody::from(answer.body));
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            HttpResponse::try_from(response).map_err(|error| ConnectorError::user(error.into()))
        })
    }
}

/// An attempt of a call, tallied when it ends, also when the SDK drops it at its timeout.
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
