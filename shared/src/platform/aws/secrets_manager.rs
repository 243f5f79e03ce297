//! Secrets Manager, as far as a start needs it: one signed call of `BatchGetSecretValue`.
//!
//! Not by the SDK's client: building it reads the list of all AWS partitions, a sixth of a start's
//! instructions, for a single request.

use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use reqwest::{Request, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::signing::Service;
use crate::platform::config::{ConfigError, Vars};
use crate::platform::environment::Environment;
use crate::platform::http::{Answer, NoAnswer};
use crate::platform::telemetry;

/// The name of the service, for the signature.
const SERVICE: &str = "secretsmanager";
/// The time for one try.
const TRY_TIMEOUT: Duration = Duration::from_millis(2_500);
/// The longest wait before the second try. It doubles with each one, up to the longest of all. Many
/// instances start at the same time, and all of a region share 100 calls a second.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait before a try.
const LONGEST_WAIT: Duration = Duration::from_millis(1_600);
/// The time for all tries: less than the ten seconds of an instance's start.
const ALL_TRIES: Duration = Duration::from_secs(9);

/// The secrets that were asked for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Secrets {
    #[serde(default)]
    secret_values: Vec<Secret>,
    #[serde(default)]
    errors: Vec<Refusal>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    #[serde(rename = "ARN", default)]
    arn: String,
    #[serde(default)]
    name: String,
    secret_string: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    #[serde(default)]
    secret_id: String,
    #[serde(default)]
    error_code: String,
}

impl Secrets {
    /// The text of the secret with this name or ARN, or why it is not there.
    pub(crate) fn text(&self, id: &str) -> Result<&str, &str> {
        let secret = self.secret_values.iter().find(|it| it.name == id || it.arn == id);
        match secret {
            Some(secret) => secret.secret_string.as_deref().ok_or("it is not text"),
            None => {
                let refusal = self.errors.iter().find(|it| it.secret_id == id);
                Err(refusal.map_or("Secrets Manager did not send it", |it| &it.error_code))
            }
        }
    }
}

/// A call without a usable answer.
struct Failure {
    reason: String,
    may_try_again: bool,
}

impl Failure {
    fn for_now(reason: NoAnswer) -> Self {
        Self { reason: reason.to_string(), may_try_again: true }
    }

    fn for_good(reason: BoxError) -> Self {
        Self { reason: reason.to_string(), may_try_again: false }
    }
}

/// Secrets Manager in the function's region.
pub(crate) struct SecretsManager<'a> {
    service: Service<'a>,
    environment: &'a Environment,
}

impl<'a> SecretsManager<'a> {
    /// With the credentials that Lambda sets.
    ///
    /// # Errors
    /// [`ConfigError`] when region or credentials are missing.
    pub(crate) fn from_vars(
        vars: &'a Vars,
        environment: &'a Environment,
    ) -> Result<Self, ConfigError> {
        let service = Service::from_vars(vars, SERVICE, "AWS_ENDPOINT_URL_SECRETS_MANAGER")?;
        Ok(Self { service, environment })
    }

    /// Fetches the secrets with these names or ARNs.
    ///
    /// # Errors
    /// Why there is no answer, without any value.
    pub(crate) async fn batch_get(&self, ids: &[&str]) -> Result<Secrets, String> {
        let body = json!({ "SecretIdList": ids }).to_string();
        let (begun, mut longest) = (Instant::now(), FIRST_WAIT);
        let mut is_retry = false;
        loop {
            let wait = self.environment.random.part_of(longest);
            match self.one_try(&body, is_retry).await {
                Ok(secrets) => return Ok(secrets),
                Err(failure)
                    if failure.may_try_again
                        && begun.elapsed() + wait + TRY_TIMEOUT < ALL_TRIES =>
                {
                    tokio::time::sleep(wait).await;
                }
                Err(failure) => return Err(failure.reason),
            }
            (is_retry, longest) = (true, (longest * 2).min(LONGEST_WAIT));
        }
    }

    async fn one_try(&self, body: &str, is_retry: bool) -> Result<Secrets, Failure> {
        let request = self.signed(body).map_err(Failure::for_good)?;
        let begun = Instant::now();
        let answer = self.environment.http.send(request, TRY_TIMEOUT).await;
        telemetry::called_aws(begun.elapsed(), is_retry);
        read(&answer.map_err(Failure::for_now)?)
    }

    /// The request with its signature.
    fn signed(&self, body: &str) -> Result<Request, BoxError> {
        let url = Url::parse(self.service.url())?;
        let request = http::Request::post(url.as_str())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("{SERVICE}.BatchGetSecretValue"))
            .body(body.to_owned())?;
        self.service.signed(request, self.environment.clock.now())
    }
}

/// Reads an answer. Of a refusal only the kind is passed on.
fn read(answer: &Answer) -> Result<Secrets, Failure> {
    if answer.status.is_success() {
        let secrets = serde_json::from_slice(&answer.body);
        return secrets.map_err(|_| Failure {
            reason: "the answer cannot be read".to_owned(),
            may_try_again: true,
        });
    }
    let refusal: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let kind = refusal["__type"].as_str().and_then(|kind| kind.rsplit('#').next());
    let reason = format!("{} {}", answer.status.as_u16(), kind.unwrap_or("without a kind"));
    let passes = answer.status.is_server_error() || kind.is_some_and(|it| it.contains("Throttl"));
    Err(Failure { reason, may_try_again: passes })
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::platform::environment::Clock;

    fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers: HeaderMap::new(), body: body.into() }
    }

    fn failure(status: u16, body: &str) -> Failure {
        read(&answer(status, body)).err().unwrap()
    }

    #[test]
    fn a_secret_is_found_by_its_name_or_its_arn() {
        let body = json!({
            "SecretValues": [
                { "ARN": "arn:aws:secretsmanager:r:1:secret:mono-aBcDeF", "Name": "mono",
                  "SecretString": "m" },
                { "ARN": "arn:b", "Name": "binary", "SecretBinary": "AA==" },
            ],
            "Errors": [{ "SecretId": "gone", "ErrorCode": "ResourceNotFoundException" }],
        });
        let secrets = read(&answer(200, body.to_string())).ok().unwrap();
        assert_eq!(secrets.text("mono"), Ok("m"));
        assert_eq!(secrets.text("arn:aws:secretsmanager:r:1:secret:mono-aBcDeF"), Ok("m"));
        assert_eq!(secrets.text("mon"), Err("Secrets Manager did not send it"));
        assert_eq!(secrets.text("binary"), Err("it is not text"));
        assert_eq!(secrets.text("gone"), Err("ResourceNotFoundException"));
    }

    /// The signature was computed by botocore 1.44.8, from the same request and time.
    #[test]
    fn a_request_is_signed_as_another_implementation_signs_it() {
        let vars = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let vars: Vars = vars.into_iter().collect();
        let now = || time::macros::datetime!(2026-11-22 10:00 UTC);
        let environment = Environment { clock: Clock::from_fn(now), ..Environment::real() };
        let manager = SecretsManager::from_vars(&vars, &environment).unwrap();
        let request = manager.signed(r#"{"SecretIdList":["mono","arn:b"]}"#).unwrap();
        assert_eq!(request.url().as_str(), "https://secretsmanager.eu-west-1.amazonaws.com/");
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-amz-date"), "20261122T100000Z");
        assert_eq!(
            header("authorization"),
            "AWS4-HMAC-SHA256 \
             Credential=AKIDEXAMPLE/20261122/eu-west-1/secretsmanager/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, \
             Signature=63fc05d0364e5607ac5eb262bd6033d3b2aa678c7c832ec045ebb120a59eaf6a"
        );
    }

    #[test]
    fn what_passes_is_tried_again_and_a_refusal_is_not() {
        assert!(failure(500, "").may_try_again);
        assert!(failure(400, r#"{"__type":"ThrottlingException"}"#).may_try_again);
        assert!(failure(200, "<html>").may_try_again);
        let refused = failure(400, r#"{"__type":"a.b#AccessDeniedException","Message":"c4nary"}"#);
        assert!(!refused.may_try_again);
        assert_eq!(refused.reason, "400 AccessDeniedException");
    }

    #[test]
    fn any_answer_is_read_or_is_a_failure() {
        const SAMPLES: [&str; 2] = [
            r#"{"SecretValues":[{"Name":"a","ARN":"b","SecretString":"c4nary"}],"Errors":[]}"#,
            r#"{"Errors":[{"SecretId":"a","ErrorCode":"X","Message":"c4nary"}]}"#,
        ];
        fuzz(|choices| {
            let body = choices.body(&SAMPLES, &["SecretValues", "Errors", "SecretString", "a"]);
            let status = *choices.pick(&[200, 400, 500]);
            match read(&answer(status, body)) {
                Ok(secrets) => assert!(secrets.text("a").is_ok() || secrets.text("a").is_err()),
                Err(failure) => assert!(!failure.reason.contains("c4nary"), "{}", failure.reason),
            }
        });
    }
}
