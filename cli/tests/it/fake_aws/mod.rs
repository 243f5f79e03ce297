//! The services of AWS that the sandbox has none of, as far as the tool calls them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};

use crate::support::Gateway;

/// How many resources one page of a stack holds.
const PAGE: usize = 40;

/// A deployment on AWS as its services describe it.
#[derive(Default)]
pub struct Deployment {
    /// The physical names of the stack's resources.
    pub resources: BTreeMap<String, String>,
    /// Each call: the service, the access key, the region.
    pub calls: Vec<(String, String, String)>,
    /// Answers 503 to so many of the next calls.
    pub fails: usize,
}

/// A server that answers as AWS.
#[derive(Clone)]
pub struct FakeAws {
    pub url: String,
    deployment: Arc<Mutex<Deployment>>,
}

impl FakeAws {
    /// With a stack called `telco` whose tables and queues are the sandbox's.
    pub async fn of(gateway: &Gateway) -> Self {
        let stack = &gateway.sandbox.stack;
        let mut resources = BTreeMap::new();
        for table in &stack.tables {
            resources.insert(table.name.clone(), table.name.clone());
        }
        for queue in &stack.queues {
            resources.insert(queue.name.clone(), gateway.queue_url(&queue.name));
        }
        for number in 0..100 {
            resources.insert(format!("Alarm{number}"), format!("telco-Alarm{number}"));
        }
        Self::with(Deployment { resources, ..Deployment::default() }).await
    }

    pub async fn with(deployment: Deployment) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self { url, deployment: Arc::new(Mutex::new(deployment)) };
        let app = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        fake
    }

    pub fn deployment(&self) -> MutexGuard<'_, Deployment> {
        self.deployment.lock().unwrap()
    }

    /// The variables with which this AWS is meant, and the sandbox's tables and queues.
    pub fn vars<'a>(&'a self, gateway: &'a Gateway) -> Vec<(&'a str, &'a str)> {
        let sandbox = gateway.aws_of("vtpass-callback").into_iter();
        let mut vars: Vec<_> = sandbox.filter(|(name, _)| name.starts_with("AWS_")).collect();
        vars.extend([("AWS_ENDPOINT_URL", self.url.as_str()), ("USER", "ada")]);
        vars
    }
}

async fn answer(State(fake): State<FakeAws>, request: Request<axum::body::Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if parts.uri.path() == "/federation/credentials" {
        return sso(&parts);
    }
    let signed = parts.headers["authorization"].to_str().unwrap();
    let scope = signed.split_once("Credential=").unwrap().1.split_once(',').unwrap().0;
    let scope: Vec<&str> = scope.split('/').collect();
    let mut deployment = fake.deployment();
    let call = [scope[3], scope[0], scope[2]].map(str::to_owned);
    deployment.calls.push(call.into());
    if deployment.fails > 0 {
        deployment.fails -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match scope[3] {
        "cloudformation" => cloudformation(&deployment, &fields(&body)),
        other => panic!("no such service: {other}"),
    }
}

/// The fields of a form.
fn fields(body: &Bytes) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

fn cloudformation(deployment: &Deployment, fields: &BTreeMap<String, String>) -> Response {
    assert_eq!(fields["Action"], "ListStackResources");
    if fields["StackName"] != "telco" {
        let message = "Stack with id other does not exist";
        return refusal("ValidationError", message);
    }
    let begin: usize = fields.get("NextToken").map_or(0, |token| token.parse().unwrap());
    let rest = deployment.resources.iter().skip(begin);
    let members = rest.take(PAGE).map(|(logical, physical)| {
        format!(
            "<member><LogicalResourceId>{logical}</LogicalResourceId><ResourceStatus>CREATE_COMPLETE\
             </ResourceStatus><PhysicalResourceId>{physical}</PhysicalResourceId></member>"
        )
    });
    let members: String = members.collect();
    let next = begin + PAGE;
    let more = next < deployment.resources.len();
    let next = if more { format!("<NextToken>{next}</NextToken>") } else { String::new() };
    let list = format!("<StackResourceSummaries>{members}</StackResourceSummaries>{next}");
    result("ListStackResources", &list)
}

/// An answer of the Query protocol.
fn result(action: &str, content: &str) -> Response {
    format!("<{action}Response xmlns=\"x\"><{action}Result>{content}</{action}Result></{action}Response>")
        .into_response()
}

/// A refusal of the Query protocol.
fn refusal(code: &str, message: &str) -> Response {
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let body = format!("<ErrorResponse>{error}</ErrorResponse>");
    (StatusCode::BAD_REQUEST, body).into_response()
}

/// The portal of single sign-on.
fn sso(parts: &Parts) -> Response {
    let is_known = parts.headers.get("x-amz-sso_bearer_token").is_some_and(|it| it == "sso-token");
    let expiration: i64 = 4_102_444_800_000;
    let role = json!({ "accessKeyId": "AKIASSO", "secretAccessKey": "s", "sessionToken": "t",
                       "expiration": expiration });
    let body: Value = json!({ "roleCredentials": role });
    match is_known {
        true => Json(body).into_response(),
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}
