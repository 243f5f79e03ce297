//! The simulated VTpass, called by the gateway's own client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::Json;
use axum::routing::post;
use sandbox::ledger::Ledger;
use sandbox::simulators::vtpass::{Credentials, VtpassSimulator, control_router, router};
use serde_json::{Value, json};
use shared::domain::catalogue::Variation;
use shared::domain::ids::{ProviderReference, PurchaseId};
use shared::domain::money::Kobo;
use shared::domain::purchase::{
    Order, Recipient, TEST_NO_RESPONSE, TEST_PENDING, TEST_SUCCESS, TEST_UNEXPECTED, Verdict,
};
use shared::platform::config::Vars;
use shared::platform::environment::{Clock, Environment};
use shared::platform::telemetry::alarm::Alarm;
use shared::provider::vtpass::Vtpass;
use time::macros::datetime;

use super::serve;
use crate::support::Caller;
use crate::support::purchases::until;

const FRESH_WALLET: u64 = 1_000_000_000;
/// What the wallet pays for a bundle of 100 naira, the commission taken off.
const CHARGE: u64 = 9_700;

/// A simulator on a port of its own, and the client pointed at it.
struct Rig {
    vtpass: Vtpass,
    environment: Environment,
    simulator: Arc<VtpassSimulator>,
    url: String,
}

pub fn kobo(kobo: u64) -> Kobo {
    Kobo::new(kobo).unwrap()
}

/// A reference that lives as long as the tests.
fn reference(text: &str) -> &'static ProviderReference {
    Box::leak(Box::new(ProviderReference::new(text)))
}

/// An order of a bundle of 100 naira.
pub fn bundle(request_id: &str, phone: &str) -> Order<'static> {
    Order {
        reference: reference(request_id),
        service_id: "etisalat-data",
        recipient: Box::leak(Box::new(Recipient::parse(phone, true).unwrap())),
        variation_code: Some("eti-100"),
        amount: kobo(10_000),
    }
}

pub fn client(url: &str, environment: &Environment, credentials: &[(&str, &str)]) -> Vtpass {
    let url = format!("{url}/api");
    let url = [("VTPASS_BASE_URL", url.as_str())];
    let vars = url.iter().chain(credentials).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Vtpass::from_vars(&vars.collect::<Vars>(), environment).unwrap().unwrap()
}

fn with_secret_key(url: &str, simulator: &VtpassSimulator, secret_key: &str) -> Vtpass {
    let it = simulator.credentials();
    let keys = [
        ("VTPASS_API_KEY", it.api_key.as_str()),
        ("VTPASS_PUBLIC_KEY", it.public_key.as_str()),
        ("VTPASS_SECRET_KEY", secret_key),
    ];
    client(url, &simulator.environment, &keys)
}

impl Rig {
    async fn new(webhook_url: Option<String>) -> Self {
        // The clock stands still, so that an id made twice is the same id.
        let clock = Clock::from_fn(|| datetime!(2024-07-17 11:16:49 UTC));
        let environment = Environment { clock, ..Environment::real() };
        let ledger = Arc::new(Ledger::open(None).unwrap());
        let credentials = Credentials::generate(&environment);
        let simulator = VtpassSimulator::new(credentials, ledger, environment.clone(), webhook_url);
        let simulator = Arc::new(simulator);
        let control = Router::new().nest("/_sandbox/vtpass", control_router(simulator.clone()));
        let url = serve(router(simulator.clone()).merge(control)).await;
        let vtpass = with_secret_key(&url, &simulator, &simulator.credentials().secret_key);
        Self { vtpass, environment, simulator, url }
    }

    /// A request id of today.
    fn id(&self, tail: &str) -> String {
        let now = self.environment.clock.now();
        let time = ProviderReference::for_vtpass(now, &PurchaseId::default());
        format!("{time}{tail}")
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/_sandbox/vtpass/{path}", self.url);
        let body = body.to_string().into_bytes();
        Caller::new("", "").send_bare(method, &url, &[], body).await.ok()
    }

    /// One order of the ledger, by the end of its id.
    async fn order(&self, tail: &str) -> Value {
        let ledger = self.control("GET", "ledger", Value::Null).await;
        let mut orders = ledger.as_array().unwrap().iter();
        let found = orders.find(|it| it["request_id"].as_str().unwrap().ends_with(tail));
        found.cloned().unwrap_or_default()
    }
}

#[tokio::test]
async fn each_data_service_sells_its_offers_whatever_their_spelling() {
    let rig = Rig::new(None).await;
    for service_id in
        ["etisalat-data", "mtn-data", "airtel-data", "glo-data", "9mobile-sme-data", "glo-sme-data"]
    {
        let catalogue = rig.vtpass.variations(service_id).await.unwrap();
        assert_eq!(catalogue.service_id, service_id);
        let Variation { variation_code, amount, .. } = &catalogue.variations[0];
        let request_id = rig.id(service_id);
        let order = Order {
            service_id,
            variation_code: Some(variation_code),
            amount: *amount,
            ..bundle(&request_id, TEST_SUCCESS)
        };
        assert_eq!(
            rig.vtpass.pay(rig.vtpass.admit().unwrap(), &order).await.verdict,
            Verdict::Delivered,
            "{service_id}"
        );
    }
}

#[tokio::test]
async fn each_test_number_is_answered_and_charged_as_documented() {
    use Verdict::{Delivered, Failed, Pending, Unclear};
    let rig = Rig::new(None).await;
    let mut wallet = FRESH_WALLET;
    for (phone, pay, code, requeries, charged) in [
        (TEST_SUCCESS, Delivered, "000", &[Delivered][..], 1),
        (TEST_PENDING, Pending, "099", &[Pending, Delivered], 1),
        (TEST_UNEXPECTED, Unclear, "unreadable", &[Delivered], 1),
        (TEST_NO_RESPONSE, Unclear, "unreadable", &[Delivered], 1),
        ("08031234567", Failed, "016", &[Failed], 0),
    ] {
        let id = rig.id(phone);
        let order = bundle(&id, phone);
        let outcome = rig.vtpass.pay(rig.vtpass.admit().unwrap(), &order).await;
        assert_eq!((outcome.verdict, outcome.code.as_str()), (pay, code), "{phone}");
        assert_eq!(outcome.acknowledged, pay != Unclear, "{phone}");
        assert_eq!(outcome.alarm, None, "{phone}");
        for requery in requeries {
            assert_eq!(
                rig.vtpass.requery(rig.vtpass.admit().unwrap(), &order).await.verdict,
                *requery,
                "{phone}"
            );
        }
        assert_eq!(rig.order(phone).await["charged_times"], charged, "{phone}");
        wallet -= charged * CHARGE;
        assert_eq!(rig.simulator.wallet_kobo(), wallet, "{phone}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_id_is_charged_once_even_if_it_is_forgotten() {
    let rig = Rig::new(None).await;
    let id = rig.id("many");
    let order = bundle(&id, TEST_SUCCESS);
    let outcomes = futures_util::future::join_all(
        (0..16).map(|_| rig.vtpass.pay(rig.vtpass.admit().unwrap(), &order)),
    )
    .await;
    let delivered = outcomes.iter().filter(|it| it.verdict == Verdict::Delivered).count();
    assert_eq!(delivered, 1);
    assert_eq!(outcomes.iter().filter(|it| it.code == "014" && it.acknowledged).count(), 15);
    rig.control("POST", "forget", json!({ "request_id": id })).await;
    let outcome = rig.vtpass.requery(rig.vtpass.admit().unwrap(), &order).await;
    assert_eq!((outcome.verdict, outcome.unknown_reference), (Verdict::Unclear, true));
    assert_eq!(rig.vtpass.pay(rig.vtpass.admit().unwrap(), &order).await.code, "014");
    let order = rig.order("many").await;
    assert_eq!((&order["charged_times"], &order["pay_calls"]), (&json!(1), &json!(17)));
    assert_eq!(rig.simulator.wallet_kobo(), FRESH_WALLET - CHARGE);
}

#[tokio::test]
async fn what_cannot_be_sold_is_refused_before_any_charge() {
    let rig = Rig::new(None).await;
    let (today, airtime_id, stale) = (rig.id("r"), rig.id("a"), "202001011200old".to_owned());
    let good = bundle(&today, TEST_SUCCESS);
    let airtime = Order {
        reference: reference(&airtime_id),
        service_id: "mtn",
        variation_code: None,
        ..good
    };
    for (order, code) in [
        (Order { variation_code: Some("nothing"), ..good }, "010"),
        (Order { service_id: "no-data", ..good }, "012"),
        (Order { variation_code: None, ..good }, "011"),
        (Order { amount: kobo(4_999), ..airtime }, "013"),
        (Order { amount: kobo(5_000_001), ..airtime }, "017"),
        (Order { reference: reference(&stale), ..good }, "085"),
    ] {
        let outcome = rig.vtpass.pay(rig.vtpass.admit().unwrap(), &order).await;
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Failed, code));
        assert!(
            rig.vtpass.requery(rig.vtpass.admit().unwrap(), &order).await.unknown_reference,
            "{code}"
        );
    }
    let without_credentials = with_secret_key(&rig.url, &rig.simulator, "wrong");
    assert_eq!(
        without_credentials.pay(without_credentials.admit().unwrap(), &good).await.code,
        "087"
    );
    rig.simulator.set_wallet(CHARGE - 1);
    let poor = rig.vtpass.pay(rig.vtpass.admit().unwrap(), &good).await;
    assert_eq!((poor.verdict, poor.alarm), (Verdict::Failed, Some(Alarm::VtpassWalletLow)));
    rig.simulator.set_wallet(CHARGE);
    assert_eq!(
        rig.vtpass.pay(rig.vtpass.admit().unwrap(), &good).await.verdict,
        Verdict::Delivered
    );
    assert_eq!(rig.simulator.wallet_kobo(), 0);
}

#[tokio::test]
async fn a_reversal_is_paid_back_once_and_its_webhook_is_tried_five_times_at_most() {
    for (accepted_try, tries) in [(2, 2), (99, 5)] {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let hook = move |Json(body): Json<Value>| async move {
            assert_eq!(body["type"], "transaction-update");
            let this = counted.fetch_add(1, Ordering::SeqCst) + 1;
            Json(json!({ "response": if this >= accepted_try { "success" } else { "ok" } }))
        };
        let url = serve(Router::new().route("/hook", post(hook))).await;
        let rig = Rig::new(Some(format!("{url}/hook"))).await;
        let id = rig.id("v");
        let order = bundle(&id, TEST_PENDING);
        assert_eq!(
            rig.vtpass.pay(rig.vtpass.admit().unwrap(), &order).await.verdict,
            Verdict::Pending
        );
        for _ in 0..2 {
            rig.control("POST", "resolve", json!({ "request_id": id, "state": "reversed" })).await;
        }
        let expected = json!([{
            "kind": "transaction-update", "request_id": id, "tries": tries,
            "accepted": tries == accepted_try,
        }]);
        until("the webhook", async || {
            rig.control("GET", "webhooks", Value::Null).await == expected
        })
        .await;
        assert_eq!(count.load(Ordering::SeqCst), tries);
        let outcome = rig.vtpass.requery(rig.vtpass.admit().unwrap(), &order).await;
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Reversed, "040"));
        assert_eq!(rig.simulator.wallet_kobo(), FRESH_WALLET);
    }
}
