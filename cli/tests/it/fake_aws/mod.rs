//! The services of AWS that the sandbox has none of, as far as the tool calls them. What is in tables and queues
//! is the sandbox's.

mod deployment;
mod services;
mod stores;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use shared::platform::http::Http;

pub use self::deployment::Deployment;
pub use self::services::{ARN, SECRET};
use crate::support::Gateway;

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
