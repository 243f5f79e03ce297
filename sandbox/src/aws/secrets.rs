//! Secrets Manager, as far as the functions use it: `GetSecretValue`.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::json;

/// Secrets by name, each with its variables.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<BTreeMap<String, BTreeMap<String, String>>>>);

impl Secrets {
    /// Sets one variable of a secret.
    pub fn put(&self, secret: &str, variable: &str, value: &str) {
        let mut secrets = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let secret = secrets.entry(secret.to_owned()).or_default();
        secret.insert(variable.to_owned(), value.to_owned());
    }

    /// The values of all variables of all secrets.
    pub fn values(&self) -> Vec<String> {
        let secrets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        secrets.values().flat_map(BTreeMap::values).cloned().collect()
    }

    /// A secret as `SecretString`: a JSON object of its variables.
    fn secret_string(&self, secret: &str) -> Option<String> {
        let secrets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_string(secrets.get(secret)?).ok()
    }
}

/// The service, as the SDK calls it.
pub fn router(secrets: Secrets) -> Router {
    Router::new().route("/", post(get_secret_value)).with_state(secrets)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    secret_id: String,
}

async fn get_secret_value(State(secrets): State<Secrets>, body: Bytes) -> Response {
    let request = serde_json::from_slice::<GetSecretValue>(&body).ok();
    let found = request.and_then(|request| {
        let text = secrets.secret_string(&request.secret_id)?;
        Some(json!({ "Name": request.secret_id, "SecretString": text }))
    });
    let (status, body) = match found {
        Some(found) => (StatusCode::OK, found),
        None => {
            let error = json!({ "__type": "ResourceNotFoundException",
                                  "Message": "Secrets Manager can't find the specified secret." });
            (StatusCode::BAD_REQUEST, error)
        }
    };
    let content_type = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    (status, content_type, body.to_string()).into_response()
}
