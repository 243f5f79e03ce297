//! The services of AWS that the sandbox has none of, as far as the tool calls them. What is in tables and queues
//! is the sandbox's.

mod services;
mod stores;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use shared::platform::http::Http;

pub use self::services::SECRET;
use crate::support::Gateway;

/// A deployment on AWS as its services describe it.
#[derive(Default)]
pub struct Deployment {
    /// The physical names of the stack's resources.
    pub resources: BTreeMap<String, String>,
    /// The stack's status.
    pub status: String,
    /// What GetFunction answers, by the name in the template.
    pub functions: BTreeMap<String, Value>,
    /// The states of the mappings from queues.
    pub mappings: BTreeMap<String, String>,
    /// The text of each secret.
    pub secrets: BTreeMap<String, String>,
    /// The subscriptions of the topic of alarms.
    pub subscriptions: Vec<String>,
    /// Alarms that are not OK: their names in the template.
    pub ringing: Vec<String>,
    /// What GetSchedule answers, by the name in the template.
    pub schedules: BTreeMap<String, Value>,
    /// Functions that no schedule has run lately.
    pub silent: BTreeSet<String>,
    /// Tables without the feature: `ttl`, `recovery`, `protection`.
    pub tables_without: BTreeSet<(String, &'static str)>,
    /// Queues without a redrive.
    pub queues_without_redrive: BTreeSet<String>,
    /// Actions that the credentials may not do.
    pub forbidden: BTreeSet<&'static str>,
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
    http: Http,
    /// Where the sandbox's tables and queues are.
    tables: String,
    queues: String,
}

impl FakeAws {
    /// With a healthy stack called `telco` whose tables and queues are the sandbox's.
    pub async fn of(gateway: &Gateway) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let queue = gateway.queue_url("RequeryQueue");
        let queues = queue.strip_suffix("/000000000000/RequeryQueue").unwrap().to_owned();
        let fake = Self {
            url,
            deployment: Arc::new(Mutex::new(services::healthy(gateway))),
            http: Http::new(),
            tables: gateway.dynamodb_url().to_owned(),
            queues,
        };
        let app = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        fake
    }

    pub fn deployment(&self) -> MutexGuard<'_, Deployment> {
        self.deployment.lock().unwrap()
    }

    /// The variables with which this AWS is meant.
    pub fn vars(&self) -> Vec<(&str, &str)> {
        vec![
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("USER", "ada"),
        ]
    }
}

async fn answer(State(fake): State<FakeAws>, request: Request<axum::body::Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path();
    if path == "/federation/credentials" {
        return services::sso(&parts);
    }
    let Some(signed) = parts.headers.get("authorization") else {
        // A connection that is opened before it is needed.
        return StatusCode::NOT_FOUND.into_response();
    };
    let signed = signed.to_str().unwrap();
    let scope = signed.split_once("Credential=").unwrap().1.split_once(',').unwrap().0;
    let scope: Vec<&str> = scope.split('/').collect();
    let (service, action) = (scope[3], services::action(&parts, &body));
    {
        let mut deployment = fake.deployment();
        let call = [service, scope[0], scope[2]].map(str::to_owned);
        deployment.calls.push(call.into());
        if deployment.fails > 0 {
            deployment.fails -= 1;
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        if deployment.forbidden.contains(action.as_str()) {
            return services::forbidden(service, &action);
        }
    }
    match service {
        "dynamodb" | "sqs" => fake.store(service, &action, &parts.headers, body).await,
        _ => services::answer(&fake.deployment(), service, &action, path, &body),
    }
}

/// The fields of a form.
fn fields(body: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

/// The name in the template of a function.
pub fn function_name(package: &str) -> String {
    let words = package.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    words.collect::<String>() + "Function"
}

fn no_such(kind: &str) -> Response {
    let body = json!({ "__type": kind, "Message": "there is no such thing" });
    (StatusCode::BAD_REQUEST, body.to_string()).into_response()
}
