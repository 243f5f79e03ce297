//! The AWS clients, built by hand for a fast start: credentials from the environment that Lambda
//! sets, one HTTP client shared with the providers, explicit timeouts.

pub mod clients;
mod conflicts;
mod connector;
mod error;
pub(crate) mod secrets_manager;
pub mod signing;

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::retry::RetryPartition;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, IdentityCache, Region, StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use self::conflicts::Conflicts;
pub use self::error::{AwsError, AwsErrorKind};
use crate::platform::config::{ConfigError, Vars};
use crate::platform::environment::Environment;

/// The time for all attempts of a store or queue call. Four of these and one provider call fit into
/// 29 s.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(3);
/// The time for one attempt of a store or queue call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_200);

/// The DynamoDB client of this environment.
///
/// # Errors
/// [`ConfigError`] when region or credentials are missing.
pub fn dynamodb(
    vars: &Vars,
    environment: &Environment,
) -> Result<aws_sdk_dynamodb::Client, ConfigError> {
    environment.aws.dynamodb(|| {
        let config = config(vars, environment, "AWS_ENDPOINT_URL_DYNAMODB")?;
        let config = aws_sdk_dynamodb::config::Builder::from(&config);
        let config = config.retry_partition(own_budget()).retry_classifier(Conflicts);
        Ok(aws_sdk_dynamodb::Client::from_conf(config.build()))
    })
}

/// The SQS client of this environment.
///
/// # Errors
/// [`ConfigError`] when region or credentials are missing.
pub fn sqs(vars: &Vars, environment: &Environment) -> Result<aws_sdk_sqs::Client, ConfigError> {
    environment.aws.sqs(|| {
        let config = config(vars, environment, "AWS_ENDPOINT_URL_SQS")?;
        let config = aws_sdk_sqs::config::Builder::from(&config).retry_partition(own_budget());
        Ok(aws_sdk_sqs::Client::from_conf(config.build()))
    })
}

/// Builds the clients that a function with these variables uses, before it asks for them. An error is
/// ignored: the function meets it when it asks.
pub fn build_clients(vars: &Vars, environment: &Environment) {
    let _ = dynamodb(vars, environment);
    if has_queue(vars) {
        let _ = sqs(vars, environment);
    }
}

/// Opens the connections that the first request needs.
///
/// # Errors
/// [`ConfigError`] when an endpoint variable is not a URL or the region is missing.
pub async fn open_connections(vars: &Vars, environment: &Environment) -> Result<(), ConfigError> {
    let (dynamodb, sqs) = (dynamodb_url(vars)?, sqs_url(vars)?);
    match has_queue(vars) {
        true => {
            tokio::join!(environment.http.warm(&dynamodb), environment.http.warm(&sqs));
        }
        false => environment.http.warm(&dynamodb).await,
    }
    Ok(())
}

/// Whether the function sends to a queue.
fn has_queue(vars: &Vars) -> bool {
    let queues = ["REQUERY_QUEUE_URL", "FOLLOW_UP_QUEUE_URL", "NOTIFY_QUEUE_URL"];
    queues.iter().any(|queue| vars.optional(queue).is_some())
}

/// The URL of DynamoDB, for [`Http::warm`](crate::platform::http::Http::warm).
///
/// # Errors
/// [`ConfigError`] when an endpoint variable is not a URL or the region is missing.
pub fn dynamodb_url(vars: &Vars) -> Result<String, ConfigError> {
    service_url(vars, "dynamodb", "AWS_ENDPOINT_URL_DYNAMODB")
}

/// The URL of SQS, for [`Http::warm`](crate::platform::http::Http::warm).
///
/// # Errors
/// [`ConfigError`] when an endpoint variable is not a URL or the region is missing.
pub fn sqs_url(vars: &Vars) -> Result<String, ConfigError> {
    service_url(vars, "sqs", "AWS_ENDPOINT_URL_SQS")
}

/// The URL of a service of AWS: that of an endpoint variable, or the one in the region.
fn service_url(vars: &Vars, service: &str, variable: &str) -> Result<String, ConfigError> {
    if let Some(url) = endpoint(vars, variable)? {
        return Ok(url);
    }
    let region = vars.required("AWS_REGION")?;
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(format!("https://{service}.{region}.{domain}"))
}

/// The credentials that Lambda sets.
fn credentials(vars: &Vars) -> Result<Credentials, ConfigError> {
    Ok(Credentials::new(
        vars.required("AWS_ACCESS_KEY_ID")?,
        vars.required("AWS_SECRET_ACCESS_KEY")?,
        vars.optional("AWS_SESSION_TOKEN").map(str::to_owned),
        None,
        "environment",
    ))
}

/// The configuration of every AWS client; only the endpoint differs.
fn config(
    vars: &Vars,
    environment: &Environment,
    endpoint_variable: &str,
) -> Result<SdkConfig, ConfigError> {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(vars.required("AWS_REGION")?.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials(vars)?))
        .http_client(environment.http.clone())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .timeout_config(timeouts())
        .retry_config(retries())
        // The connector sends and reads whole bodies, and an attempt has a timeout.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // The credentials are in memory already.
        .identity_cache(IdentityCache::no_cache());
    config.set_endpoint_url(endpoint(vars, endpoint_variable)?);
    Ok(config.build())
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

/// A budget of retries of the client's own. The SDK's default is one for the whole process, so that
/// instances of the sandbox and of the simulation would use up each other's.
fn own_budget() -> RetryPartition {
    RetryPartition::custom("gateway").build()
}

/// Repeating a write is safe: conditional writes recognise their own first attempt.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_millis(400))
}
