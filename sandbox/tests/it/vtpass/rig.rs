use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use reqwest::Request;
use sandbox::ledger::Ledger;
use sandbox::simulators::vtpass::{Credentials, VtpassSimulator, control_router, router};
use serde_json::{Value, json};
use shared::config::Vars;
use shared::money::Kobo;
use shared::vtpass::{Order, Outcome, TEST_SUCCESS, Vtpass, request_id};
use shared::world::{Clock, World};
use time::macros::datetime;
use tokio::net::TcpListener;

/// A simulator on a port of its own, and the client pointed at it.
pub struct Rig {
    pub vtpass: Vtpass,
    pub world: World,
    pub simulator: Arc<VtpassSimulator>,
    pub url: String,
}

pub fn kobo(kobo: u64) -> Kobo {
    Kobo::new(kobo).unwrap()
}

/// A bundle of 100 naira.
pub fn bundle<'a>(request_id: &'a str, phone: &'a str) -> Order<'a> {
    Order {
        request_id,
        service_id: "etisalat-data",
        phone,
        variation_code: Some("eti-100"),
        amount: kobo(10_000),
    }
}

/// Serves an app; where it is.
pub async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

pub fn client(url: &str, world: &World, credentials: &[(&str, &str)]) -> Vtpass {
    let url = format!("{url}/api");
    let url = [("VTPASS_BASE_URL", url.as_str())];
    let vars = url.iter().chain(credentials).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Vtpass::from_vars(&vars.collect::<Vars>(), world).unwrap().unwrap()
}

impl Rig {
    pub async fn new() -> Self {
        Self::with(None, None).await
    }

    pub async fn with(file: Option<&Path>, webhook_url: Option<String>) -> Self {
        // It stands still: an id made twice is the same id.
        let clock = Clock::from_fn(|| datetime!(2024-07-17 11:16:49 UTC));
        let world = World { clock, ..World::real() };
        let ledger = Arc::new(Ledger::open(file).unwrap());
        let credentials = Credentials::generate(&world);
        let simulator = VtpassSimulator::new(credentials, ledger, world.clone(), webhook_url);
        let simulator = Arc::new(simulator);
        let control = Router::new().nest("/_sandbox/vtpass", control_router(simulator.clone()));
        let url = serve(router(simulator.clone()).merge(control)).await;
        let it = &simulator.credentials;
        let keys = [
            ("VTPASS_API_KEY", it.api_key.as_str()),
            ("VTPASS_PUBLIC_KEY", it.public_key.as_str()),
            ("VTPASS_SECRET_KEY", it.secret_key.as_str()),
        ];
        Self { vtpass: client(&url, &world, &keys), world, simulator, url }
    }

    /// A request id of today.
    pub fn id(&self, tail: &str) -> String {
        request_id(self.world.clock.now(), tail)
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let request = http::Request::post(format!("{}/_sandbox/vtpass/{path}", self.url))
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .unwrap();
        self.exchange(request).await
    }

    pub async fn look(&self, path: &str) -> Value {
        let url = format!("{}/_sandbox/vtpass/{path}", self.url);
        self.exchange(http::Request::get(url).body(Vec::new()).unwrap()).await
    }

    pub async fn next(&self, script: Value) {
        self.control("next", json!([script])).await;
    }

    /// Pays for the successful number under a script.
    pub async fn pay_scripted(&self, tail: &str, script: Value) -> Outcome {
        self.next(script).await;
        self.vtpass.pay(&bundle(&self.id(tail), TEST_SUCCESS)).await
    }

    pub async fn requery(&self, tail: &str) -> Outcome {
        self.vtpass.requery(&bundle(&self.id(tail), TEST_SUCCESS)).await
    }

    /// One order of the ledger, by the tail of its id.
    pub async fn order(&self, tail: &str) -> Value {
        let ledger = self.look("ledger").await;
        let is_it = |it: &&Value| it["request_id"].as_str().unwrap().ends_with(tail);
        ledger.as_array().unwrap().iter().find(is_it).cloned().unwrap_or_default()
    }

    async fn exchange(&self, request: http::Request<Vec<u8>>) -> Value {
        let request = Request::try_from(request).unwrap();
        let answer = self.world.http.send(request, Duration::from_secs(5)).await.unwrap();
        assert!(answer.status.is_success(), "{}", answer.status);
        serde_json::from_slice(&answer.body).unwrap()
    }
}
