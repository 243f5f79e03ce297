//! Names a request of an instance or a provider: the service, and what it is asked for.

use reqwest::Request;
use serde_json::Value;

/// A service that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Service {
    /// DynamoDB.
    Dynamodb,
    /// SQS.
    Sqs,
    /// Secrets Manager.
    Secrets,
    /// Mono.
    Mono,
    /// VTpass.
    Vtpass,
    /// MTN.
    Mtn,
    /// The receivers of the tenants.
    Receiver,
    /// The gateway's own API.
    Api,
}

/// A request, as faults and coverage name it.
pub struct Call {
    /// Whom it goes to.
    pub service: Service,
    /// The operation of an AWS service; empty for HTTP.
    pub operation: String,
    /// The request's JSON; null if it is none.
    pub body: Value,
    /// The name: `dynamodb UpdateItem PurchasesTable`, `vtpass POST /api/pay`.
    pub name: String,
}

impl Service {
    /// Every host of a simulation is a service's name and `.sim`.
    fn of(host: &str) -> Option<Self> {
        Some(match host.strip_suffix(".sim")? {
            "dynamodb" => Self::Dynamodb,
            "sqs" => Self::Sqs,
            "secrets" => Self::Secrets,
            "mono" => Self::Mono,
            "vtpass" => Self::Vtpass,
            "mtn" => Self::Mtn,
            "receiver" => Self::Receiver,
            "api" => Self::Api,
            _ => return None,
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether it is one of AWS's.
    pub fn is_aws(self) -> bool {
        matches!(self, Self::Dynamodb | Self::Sqs | Self::Secrets)
    }
}

impl Call {
    /// Reads a request; none if its host is no service of the simulation.
    pub fn read(request: &Request) -> Option<Self> {
        let service = Service::of(request.url().host_str()?)?;
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
        let target = request.headers().get("x-amz-target").and_then(|it| it.to_str().ok());
        let operation = target.and_then(|it| it.rsplit('.').next()).unwrap_or_default().to_owned();
        let body = serde_json::from_slice(body).unwrap_or_default();
        let what = match service {
            Service::Dynamodb => table(&operation, &body),
            Service::Sqs => job(&body),
            Service::Secrets => secrets(&body),
            _ => format!("{} {}", request.method(), route(request.url().path())),
        };
        let parts = [service.name(), &operation, &what];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let name = parts.join(" ");
        Some(Self { service, operation, body, name })
    }
}

/// The table of an operation, and the index.
fn table(operation: &str, body: &Value) -> String {
    let items = body["RequestItems"].as_object().and_then(|it| it.keys().next());
    let first = &body["TransactItems"][0];
    let parts = [&first["Put"], &first["Update"], &first["Delete"], &first["ConditionCheck"], body];
    let table = parts.iter().find_map(|it| it["TableName"].as_str());
    let table = table.or(items.map(String::as_str)).unwrap_or(operation);
    match body["IndexName"].as_str() {
        Some(index) => format!("{table} {index}"),
        None => table.to_owned(),
    }
}

/// The secrets of a request, joined by commas.
fn secrets(body: &Value) -> String {
    let ids = body["SecretIdList"].as_array().into_iter().flatten();
    ids.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
}

/// The queue of a message, and the kind of job in it.
fn job(body: &Value) -> String {
    let queue = body["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next());
    let job: Value = body["MessageBody"]
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let kind = job["kind"].as_str().unwrap_or_default();
    format!("{} {kind}", queue.unwrap_or_default())
}

/// The path with `{}` for each id.
fn route(path: &str) -> String {
    let is_id = |part: &str| part.len() > 3 && part.bytes().any(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> =
        path.split('/').map(|part| if is_id(part) { "{}" } else { part }).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_by_its_service_and_what_it_asks_for() {
        let name = |url: &str, target: &'static str, body: &'static str| {
            let mut request = Request::new(reqwest::Method::POST, url.parse().unwrap());
            request.headers_mut().insert("x-amz-target", target.parse().unwrap());
            *request.body_mut() = Some(body.into());
            Call::read(&request).map(|call| call.name)
        };
        let put = r#"{"TableName":"PurchasesTable","Item":{}}"#;
        assert_eq!(
            name("http://dynamodb.sim/", "DynamoDB_20120810.PutItem", put).unwrap(),
            "dynamodb PutItem PurchasesTable"
        );
        let send =
            r#"{"QueueUrl":"http://sqs.sim/0/RequeryQueue","MessageBody":"{\"kind\":\"hint\"}"}"#;
        assert_eq!(
            name("http://sqs.sim/", "AmazonSQS.SendMessage", send).unwrap(),
            "sqs SendMessage RequeryQueue hint"
        );
        let mono = "https://mono.sim/accounts/66a0c1d2e3f4a5b6c7d8e901/unlink";
        assert_eq!(name(mono, "", "").unwrap(), "mono POST /accounts/{}/unlink");
        assert_eq!(name("http://example.com/", "", ""), None);
    }
}
