//! Calls to services of AWS that the tool has no client for, signed by `aws-sigv4`. All of them read, or may be
//! repeated.

use std::time::Duration;

use http::request::Builder;
use serde_json::Value;
use shared::platform::aws::signing::Service;
use shared::platform::config::Vars;
use shared::platform::environment::Environment;
use shared::platform::http::Answer;

use super::xml;
use crate::failure::Failure;

/// The time for one try.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);
/// The waits before the second and the third try.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(1_000)];

/// Secrets Manager's name, variable and target.
pub const SECRETS_MANAGER: (&str, &str, &str) =
    ("secretsmanager", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "secretsmanager");

/// A refusal or a lost answer of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind that AWS names, such as `AccessDenied`; empty without an answer.
    pub kind: String,
    /// What failed, in words, without what was sent.
    pub reason: String,
}

impl Refusal {
    /// Whether AWS says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        let kind = &self.kind;
        kind.contains("NotFound") || kind.contains("NonExistent") || kind.contains("DoesNotExist")
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Unreachable(refusal.reason)
    }
}

/// The services.
#[derive(Clone, Copy)]
pub struct Api<'a> {
    /// Region, credentials and addresses.
    pub vars: &'a Vars,
    /// Time and network.
    pub environment: &'a Environment,
}

impl Api<'_> {
    /// An action of a service with the Query protocol: CloudFormation, CloudWatch, SNS. Gives its result.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn query(
        &self,
        (name, variable, version): (&'static str, &str, &str),
        action: &str,
        fields: &[(&str, &str)],
    ) -> Result<Value, Refusal> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", version).extend_pairs(fields);
        let body = form.finish();
        let mut answer = self
            .send(name, variable, action, |url| {
                let request = http::Request::post(format!("{url}/"));
                let form = "application/x-www-form-urlencoded; charset=utf-8";
                (request.header("content-type", form), body.clone())
            })
            .await?;
        Ok(answer[format!("{action}Result")].take())
    }

    /// An action of a service with the JSON protocol, such as Secrets Manager.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn json(
        &self,
        (name, variable, target): (&'static str, &str, &str),
        action: &str,
        body: &Value,
    ) -> Result<Value, Refusal> {
        self.send(name, variable, action, |url| {
            let request = http::Request::post(format!("{url}/"))
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-target", format!("{target}.{action}"));
            (request, body.to_string())
        })
        .await
    }

    /// A GET of a service with paths: Lambda, EventBridge Scheduler. `path` begins with a slash.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn get(
        &self,
        (name, variable): (&'static str, &str),
        action: &str,
        path: &str,
    ) -> Result<Value, Refusal> {
        let request = |url: &str| (http::Request::get(format!("{url}{path}")), String::new());
        self.send(name, variable, action, request).await
    }

    async fn send(
        &self,
        name: &'static str,
        variable: &str,
        action: &str,
        request: impl Fn(&str) -> (Builder, String),
    ) -> Result<Value, Refusal> {
        let failed = |kind: &str, reason: String| {
            let (kind, reason) = (kind.to_owned(), format!("{name} {action}: {reason}"));
            Refusal { kind, reason }
        };
        let service = Service::from_vars(self.vars, name, variable);
        let service = service.map_err(|error| failed("", error.to_string()))?;
        let mut waits = WAITS.into_iter();
        loop {
            let (built, body) = request(service.url());
            let built = built.body(body).map_err(|error| failed("", error.to_string()))?;
            let signed = service.signed(built, self.environment.clock.now());
            let signed = signed.map_err(|error| failed("", error.to_string()))?;
            let tried = match self.environment.http.send(signed, TRY_TIMEOUT).await {
                Ok(answer) => read(&answer),
                Err(reason) => Err((String::new(), reason.to_string(), true)),
            };
            match (tried, waits.next()) {
                (Ok(value), _) => return Ok(value),
                (Err((.., true)), Some(wait)) => tokio::time::sleep(wait).await,
                (Err((kind, reason, _)), _) => return Err(failed(&kind, reason)),
            }
        }
    }
}

/// An answer as JSON; or the kind of a refusal, its text, and whether it passes. Of the text only the first
/// line is kept: after it AWS repeats the headers of a request with a wrong signature.
fn read(answer: &Answer) -> Result<Value, (String, String, bool)> {
    let text = String::from_utf8_lossy(&answer.body);
    let value: Option<Value> = match text.trim_start().starts_with('<') {
        true => xml::read(&text),
        false => serde_json::from_str(&text).ok(),
    };
    if answer.status.is_success() {
        return value.ok_or_else(|| (String::new(), "the answer cannot be read".to_owned(), true));
    }
    let value = value.unwrap_or_default();
    let error = &value["Error"];
    let header = answer.headers.get("x-amzn-errortype").and_then(|it| it.to_str().ok());
    let kind = error["Code"].as_str().or(value["__type"].as_str()).or(header).unwrap_or_default();
    let kind = kind.rsplit('#').next().and_then(|kind| kind.split(':').next()).unwrap_or_default();
    let said = [&error["Message"], &value["message"], &value["Message"]];
    let said = said.into_iter().find_map(Value::as_str).unwrap_or_default();
    let said = said.lines().next().unwrap_or_default();
    let passes = answer.status.is_server_error() || kind.contains("Throttl");
    let reason = format!("{} {kind} {said}", answer.status.as_u16());
    Err((kind.to_owned(), reason.trim_end().to_owned(), passes))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn refused(status: u16, body: &str) -> (String, String, bool) {
        let status = StatusCode::from_u16(status).unwrap();
        let body = body.as_bytes().to_vec();
        read(&Answer { status, headers: HeaderMap::new(), body }).unwrap_err()
    }

    #[test]
    fn a_refusal_is_read_in_every_protocol_without_the_lines_that_follow() {
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
                   <Message>Stack with id x does not exist\nx-amz-security-token:t</Message></Error></ErrorResponse>";
        let (kind, reason, passes) = refused(400, xml);
        assert_eq!((kind.as_str(), passes), ("ValidationError", false));
        assert_eq!(reason, "400 ValidationError Stack with id x does not exist");
        let json = r#"{"__type":"a.b#ResourceNotFoundException","Message":"no such"}"#;
        let (kind, reason, _) = refused(400, json);
        assert_eq!(kind, "ResourceNotFoundException");
        assert_eq!(reason, "400 ResourceNotFoundException no such");
        assert!(refused(503, "").2 && refused(400, r#"{"__type":"Throttling"}"#).2);
        assert_eq!(refused(403, "<html>").1, "403");
    }
}
