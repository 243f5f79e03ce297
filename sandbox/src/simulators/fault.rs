//! A fault of a whole provider: it is down, or slow, until somebody says otherwise.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The longest delay: longer than any client waits.
const LONGEST_MS: u64 = 60_000;

/// The fault of one provider. All its copies are the same one.
#[derive(Debug, Clone, Default)]
pub struct Fault(Arc<RwLock<Extent>>);

/// How bad it is.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Extent {
    /// Whether every call is answered with 503.
    down: bool,
    /// How long every answer takes.
    delay_ms: u64,
}

impl Fault {
    /// The provider's API, as it is with this fault.
    pub(crate) fn before(&self, api: Router) -> Router {
        api.layer(from_fn_with_state(self.clone(), suffer))
    }

    /// Adds `/fault` to the provider's control routes.
    pub(crate) fn controlled_by(&self, routes: Router) -> Router {
        let own = Router::new().route("/fault", get(show).post(change));
        routes.merge(own.with_state(self.clone()))
    }

    fn extent(&self) -> Extent {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn suffer(State(fault): State<Fault>, request: Request, next: Next) -> Response {
    let Extent { down, delay_ms } = fault.extent();
    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    match down {
        true => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        false => next.run(request).await,
    }
}

async fn show(State(fault): State<Fault>) -> Json<Value> {
    Json(json!(fault.extent()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    down: Option<bool>,
    delay_ms: Option<u64>,
}

/// Changes the fault, and answers it.
async fn change(
    State(fault): State<Fault>,
    body: Bytes,
) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    let bad = |message: String| (StatusCode::BAD_REQUEST, Json(json!({ "message": message })));
    let Change { down, delay_ms } =
        serde_json::from_slice(&body).map_err(|cause| bad(cause.to_string()))?;
    if delay_ms.is_some_and(|ms| ms > LONGEST_MS) {
        return Err(bad(format!("delay_ms must be 0 to {LONGEST_MS}")));
    }
    let mut extent = fault.0.write().unwrap_or_else(PoisonError::into_inner);
    *extent =
        Extent { down: down.unwrap_or(extent.down), delay_ms: delay_ms.unwrap_or(extent.delay_ms) };
    Ok(Json(json!(*extent)))
}
