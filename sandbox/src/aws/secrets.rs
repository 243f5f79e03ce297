//! Secrets Manager, as far as the functions use it: `BatchGetSecretValue`.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};

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
    Router::new().route("/", post(batch_get_secret_value)).with_state(secrets)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchGetSecretValue {
    secret_id_list: Vec<String>,
}

/// Answers the secrets that there are, and names the others, as AWS does.
async fn batch_get_secret_value(State(secrets): State<Secrets>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<BatchGetSecretValue>(&body) else {
        let error =
            json!({ "__type": "InvalidRequestException", "Message": "No secret is named." });
        return answer(StatusCode::BAD_REQUEST, &error);
    };
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for id in request.secret_id_list {
        match secrets.secret_string(&id) {
            Some(text) => found.push(json!({ "Name": id, "SecretString": text })),
            None => missing.push(json!({
                "SecretId": id,
                "ErrorCode": "ResourceNotFoundException",
                "Message": "Secrets Manager can't find the specified secret.",
            })),
        }
    }
    answer(StatusCode::OK, &json!({ "SecretValues": found, "Errors": missing }))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    (status, content_type, body.to_string()).into_response()
}
