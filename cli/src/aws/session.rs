//! Region and credentials, found as every tool for AWS finds them.

use std::error::Error;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use shared::platform::config::Vars;
use shared::platform::http::Http;

/// The variables of addresses that are used if they are set.
const ENDPOINTS: [&str; 9] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_CLOUDFORMATION",
    "AWS_ENDPOINT_URL_CLOUDWATCH",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_SCHEDULER",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ENDPOINT_URL_SQS",
];

/// What was asked for by argument.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// A profile of the AWS configuration. It comes before credentials in the environment.
    pub profile: Option<String>,
    /// A region. It comes before every other.
    pub region: Option<String>,
}

/// Region, credentials and addresses, as the variables that the clients of `shared` read.
#[derive(Default)]
pub struct Session {
    /// What was found.
    pub vars: Vars,
    /// What was not, each with where it could come from.
    pub missing: Vec<String>,
}

impl Session {
    /// Looks for all of them.
    pub async fn find(asked: &Asked, http: &Http) -> Self {
        let mut found = Vec::new();
        let mut missing = Vec::new();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone());
        if let Some(profile) = &asked.profile {
            loader = loader.profile_name(profile);
            let http = ProviderConfig::default().with_http_client(http.clone());
            let of_profile = ProfileFileCredentialsProvider::builder().configure(&http);
            loader = loader.credentials_provider(of_profile.profile_name(profile).build());
        }
        if let Some(region) = &asked.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let config = loader.load().await;
        match config.region().map(Region::as_ref).filter(|region| !region.is_empty()) {
            Some(region) => found.push(("AWS_REGION", region.to_owned())),
            None => missing.push("AWS_REGION (or --region, or a profile's region)".to_owned()),
        }
        match credentials(asked, &config).await {
            Ok(credentials) => found.extend(pairs(&credentials)),
            Err(reason) => missing.push(reason),
        }
        found.extend(ENDPOINTS.iter().filter_map(|name| Some((*name, process(name)?))));
        let has_endpoint = found.iter().any(|(name, _)| *name == "AWS_ENDPOINT_URL");
        if let Some(url) = config.endpoint_url().filter(|_| !has_endpoint) {
            found.push(("AWS_ENDPOINT_URL", url.to_owned()));
        }
        let vars = found.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { vars, missing }
    }
}

/// A variable of this process that is set. Others may not be valid text.
pub fn process(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The credentials, or where they could come from.
async fn credentials(asked: &Asked, config: &SdkConfig) -> Result<Credentials, String> {
    const PAIR: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let set = PAIR.map(|name| process(name).is_some());
    if asked.profile.is_none() && set[0] != set[1] {
        // Another account's credentials must not be taken because of a slip.
        return Err(PAIR[usize::from(set[0])].to_owned());
    }
    let none = |reason: &str| match &asked.profile {
        Some(profile) => format!("credentials of the profile {profile} ({reason})"),
        None => {
            let [id, secret] = PAIR;
            format!("{id} and {secret} (or --profile, AWS_PROFILE, or another source; {reason})")
        }
    };
    let provider = config.credentials_provider().ok_or_else(|| none("no source is configured"))?;
    provider.provide_credentials().await.map_err(|error| none(&reason(&error)))
}

fn pairs(credentials: &Credentials) -> Vec<(&'static str, String)> {
    let token = credentials.session_token().map(|it| ("AWS_SESSION_TOKEN", it.to_owned()));
    let id = ("AWS_ACCESS_KEY_ID", credentials.access_key_id().to_owned());
    let secret = ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key().to_owned());
    [id, secret].into_iter().chain(token).collect()
}

/// Why there are no credentials. That the last source of all, an instance's role, is not there says nothing.
fn reason(error: &CredentialsError) -> String {
    let causes = causes(error);
    match error {
        CredentialsError::CredentialsNotLoaded(_) => "none is configured".to_owned(),
        _ if causes.contains("IMDS") => "none is configured".to_owned(),
        _ => causes,
    }
}

/// An error and its causes, up to the first line break: what follows may repeat a request.
fn causes(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text.lines().next().unwrap_or_default().to_owned()
}
