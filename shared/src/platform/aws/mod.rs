//! The AWS clients, built by hand for a fast start: credentials from the environment that Lambda
//! sets, one HTTP client shared with the providers, explicit timeouts.

mod connector;
mod error;

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::retry::RetryPartition;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

pub(crate) use self::error::causes;
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
    let config = config(vars, environment, "AWS_ENDPOINT_URL_DYNAMODB", usual_timeouts())?;
    let config = aws_sdk_dynamodb::config::Builder::from(&config).retry_partition(own_budget());
    Ok(aws_sdk_dynamodb::Client::from_conf(config.build()))
}

/// The SQS client of this environment.
///
/// # Errors
/// [`ConfigError`] when region or credentials are missing.
pub fn sqs(vars: &Vars, environment: &Environment) -> Result<aws_sdk_sqs::Client, ConfigError> {
    let config = config(vars, environment, "AWS_ENDPOINT_URL_SQS", usual_timeouts())?;
    let config = aws_sdk_sqs::config::Builder::from(&config).retry_partition(own_budget());
    Ok(aws_sdk_sqs::Client::from_conf(config.build()))
}

/// The Secrets Manager client of this environment.
///
/// # Errors
/// [`ConfigError`] when region or credentials are missing.
pub fn secrets_manager(
    vars: &Vars,
    environment: &Environment,
) -> Result<aws_sdk_secretsmanager::Client, ConfigError> {
    let endpoint = "AWS_ENDPOINT_URL_SECRETS_MANAGER";
    let config = config(vars, environment, endpoint, start_timeouts())?;
    let config = aws_sdk_secretsmanager::config::Builder::from(&config);
    let config = config.retry_partition(own_budget());
    Ok(aws_sdk_secretsmanager::Client::from_conf(config.build()))
}

/// The URL of DynamoDB, for [`Http::warm`](crate::platform::http::Http::warm).
///
/// # Errors
/// [`ConfigError`] when an endpoint variable is not a URL or the region is missing.
pub fn dynamodb_url(vars: &Vars) -> Result<String, ConfigError> {
    match endpoint(vars, "AWS_ENDPOINT_URL_DYNAMODB")? {
        Some(url) => Ok(url),
        None => Ok(format!("https://dynamodb.{}.amazonaws.com", vars.required("AWS_REGION")?)),
    }
}

/// The configuration of every AWS client; only the endpoint and the timeouts differ.
fn config(
    vars: &Vars,
    environment: &Environment,
    endpoint_variable: &str,
    timeouts: TimeoutConfig,
) -> Result<SdkConfig, ConfigError> {
    let credentials = Credentials::new(
        vars.required("AWS_ACCESS_KEY_ID")?,
        vars.required("AWS_SECRET_ACCESS_KEY")?,
        vars.optional("AWS_SESSION_TOKEN").map(str::to_owned),
        None,
        "environment",
    );
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(vars.required("AWS_REGION")?.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(environment.http.clone())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .timeout_config(timeouts)
        .retry_config(retries());
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

fn usual_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// For a fetch at an instance's start, which may take ten seconds. A failed start costs the
/// instance, so these are longer.
fn start_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(8))
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
