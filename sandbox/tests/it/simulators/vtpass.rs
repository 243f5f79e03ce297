//! The simulated VTpass, called by the gateway's own client.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::Json;
use axum::routing::post;
use sandbox::ledger::Ledger;
use sandbox::simulators::vtpass::{Credentials, VtpassSimulator, control_router, router};
use serde_json::{Value, json};
use shared::domain::ids::{ProviderReference, PurchaseId};
use shared::domain::money::Kobo;
use shared::domain::purchase::{
    Order, Recipient, TEST_NO_RESPONSE, TEST_PENDING, TEST_SUCCESS, TEST_UNEXPECTED, Verdict,
};
use shared::platform::config::Vars;
use shared::platform::environment::{Clock, Environment};
use shared::platform::telemetry::alarm::Alarm;
use shared::provider::vtpass::{Vtpass, VtpassError};
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

impl Rig {
    async fn new() -> Self {
        Self::with(None, None).await
    }

    async fn with(file: Option<&Path>, webhook_url: Option<String>) -> Self {
        // The clock stands still, so that an id made twice is the same id.
        let clock = Clock::from_fn(|| datetime!(2024-07-17 11:16:49 UTC));
        let environment = Environment { clock, ..Environment::real() };
        let ledger = Arc::new(Ledger::open(file).unwrap());
        let credentials = Credentials::generate(&environment);
        let simulator = VtpassSimulator::new(credentials, ledger, environment.clone(), webhook_url);
        let simulator = Arc::new(simulator);
        let control = Router::new().nest("/_sandbox/vtpass", control_router(simulator.clone()));
        let url = serve(router(simulator.clone()).merge(control)).await;
        let it = &simulator.credentials;
        let keys = [
            ("VTPASS_API_KEY", it.api_key.as_str()),
            ("VTPASS_PUBLIC_KEY", it.public_key.as_str()),
            ("VTPASS_SECRET_KEY", it.secret_key.as_str()),
        ];
        Self { vtpass: client(&url, &environment, &keys), environment, simulator, url }
    }

    /// A request id of today.
    fn id(&self, tail: &str) -> String {
        let now = self.environment.clock.now();
        let time = ProviderReference::for_vtpass(now, &PurchaseId::default());
        format!("{time}{tail}")
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        self.exchange("POST", path, body.to_string().into_bytes()).await
    }

    async fn look(&self, path: &str) -> Value {
        self.exchange("GET", path, Vec::new()).await
    }

    async fn exchange(&self, method: &str, path: &str, body: Vec<u8>) -> Value {
        let url = format!("{}/_sandbox/vtpass/{path}", self.url);
        Caller::new("", "").send_bare(method, &url, &[], body).await.ok()
    }

    /// One order of the ledger, by the end of its id.
    async fn order(&self, tail: &str) -> Value {
        let ledger = self.look("ledger").await;
        let mut orders = ledger.as_array().unwrap().iter();
        let found = orders.find(|it| it["request_id"].as_str().unwrap().ends_with(tail));
        found.cloned().unwrap_or_default()
    }

    async fn wallet(&self) -> u64 {
        self.vtpass.balance().await.unwrap().kobo()
    }
}

#[tokio::test]
async fn every_service_sells_what_its_catalogue_lists() {
    let rig = Rig::new().await;
    for service_id in
        ["etisalat-data", "mtn-data", "airtel-data", "glo-data", "9mobile-sme-data", "glo-sme-data"]
    {
        let catalogue = rig.vtpass.variations(service_id).await.unwrap();
        assert_eq!(catalogue.service_id, service_id);
        assert!(!catalogue.variations.is_empty());
        for variation in catalogue.variations {
            let request_id = rig.id(&format!("{service_id}{}", variation.amount.kobo()));
            let order = Order {
                service_id,
                variation_code: Some(&variation.variation_code),
                amount: variation.amount,
                ..bundle(&request_id, TEST_SUCCESS)
            };
            assert_eq!(rig.vtpass.pay(&order).await.verdict, Verdict::Delivered, "{service_id}");
        }
    }
    assert!(matches!(rig.vtpass.variations("no-data").await, Err(VtpassError::UnknownService)));
    for service_id in ["mtn", "airtel", "glo", "etisalat"] {
        assert!(rig.vtpass.variations(service_id).await.unwrap().variations.is_empty());
        let request_id = rig.id(service_id);
        let airtime = Order {
            service_id,
            variation_code: None,
            amount: kobo(12_345),
            ..bundle(&request_id, TEST_SUCCESS)
        };
        assert_eq!(rig.vtpass.pay(&airtime).await.verdict, Verdict::Delivered, "{service_id}");
    }
    let prices = json!({ "eti-100": 12_000, "eti-200": null });
    rig.control("variations-update", json!({ "serviceID": "etisalat-data", "prices": prices }))
        .await;
    let catalogue = rig.vtpass.variations("etisalat-data").await.unwrap();
    let prices: Vec<u64> = catalogue.variations.iter().map(|it| it.amount.kobo()).collect();
    assert_eq!(prices, [12_000, 50_000]);
}

#[tokio::test]
async fn each_test_number_is_answered_and_charged_as_documented() {
    use Verdict::{Delivered, Failed, Pending, Unclear};
    let rig = Rig::new().await;
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
        let outcome = rig.vtpass.pay(&order).await;
        assert_eq!((outcome.verdict, outcome.code.as_str()), (pay, code), "{phone}");
        assert_eq!(outcome.acknowledged, matches!(pay, Delivered | Pending), "{phone}");
        assert_eq!(outcome.alarm, None, "{phone}");
        for requery in requeries {
            assert_eq!(rig.vtpass.requery(&order).await.verdict, *requery, "{phone}");
        }
        assert_eq!(rig.order(phone).await["charged_times"], charged, "{phone}");
        wallet -= charged * CHARGE;
        assert_eq!(rig.wallet().await, wallet, "{phone}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_id_is_charged_once_even_if_it_is_forgotten() {
    let rig = Rig::new().await;
    let id = rig.id("many");
    let order = bundle(&id, TEST_SUCCESS);
    let outcomes = futures_util::future::join_all((0..16).map(|_| rig.vtpass.pay(&order))).await;
    let delivered = outcomes.iter().filter(|it| it.verdict == Verdict::Delivered).count();
    assert_eq!(delivered, 1);
    assert_eq!(outcomes.iter().filter(|it| it.code == "014" && it.acknowledged).count(), 15);
    rig.control("forget", json!({ "request_id": id })).await;
    let outcome = rig.vtpass.requery(&order).await;
    assert_eq!((outcome.verdict, outcome.unknown_reference), (Verdict::Unclear, true));
    assert_eq!(rig.vtpass.pay(&order).await.code, "014");
    let order = rig.order("many").await;
    assert_eq!((&order["charged_times"], &order["pay_calls"]), (&json!(1), &json!(17)));
    assert_eq!(rig.wallet().await, FRESH_WALLET - CHARGE);
}

#[tokio::test]
async fn what_cannot_be_sold_is_refused_before_any_charge() {
    let rig = Rig::new().await;
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
        let outcome = rig.vtpass.pay(&order).await;
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Failed, code));
        assert!(rig.vtpass.requery(&order).await.unknown_reference, "{code}");
    }
    rig.control("balance", json!({ "balance_kobo": CHARGE - 1 })).await;
    let poor = rig.vtpass.pay(&good).await;
    assert_eq!((poor.verdict, poor.alarm), (Verdict::Failed, Some(Alarm::VtpassWalletLow)));
    rig.control("balance", json!({ "balance_kobo": CHARGE })).await;
    assert_eq!(rig.vtpass.pay(&good).await.verdict, Verdict::Delivered);
    assert_eq!(rig.look("balance").await, json!({ "balance_kobo": 0 }));
}

#[tokio::test]
async fn each_call_needs_its_credentials() {
    let rig = Rig::new().await;
    let it = &rig.simulator.credentials;
    let keys = |secret| {
        let shown = [("VTPASS_API_KEY", &*it.api_key), ("VTPASS_PUBLIC_KEY", &*it.public_key)];
        client(&rig.url, &rig.environment, &[&shown[..], &[("VTPASS_SECRET_KEY", secret)]].concat())
    };
    let basic = |password| {
        let pair = [("VTPASS_USERNAME", &*it.username), ("VTPASS_PASSWORD", password)];
        client(&rig.url, &rig.environment, &pair)
    };
    let id = rig.id("w");
    let order = bundle(&id, TEST_SUCCESS);
    let half_wrong = keys("wrong");
    assert!(half_wrong.balance().await.is_ok(), "a GET needs no secret key");
    let outcome = half_wrong.pay(&order).await;
    assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Failed, "087"));
    assert_eq!(rig.order("w").await["charged_times"], 0);
    assert_eq!(half_wrong.requery(&order).await.verdict, Verdict::Unclear);
    let refused = basic("wrong").balance().await;
    assert!(matches!(refused, Err(VtpassError::CredentialsRefused(code)) if code == "087"));
    assert_eq!(basic(&it.password).pay(&order).await.verdict, Verdict::Delivered);
}

#[tokio::test]
async fn a_script_waits_for_its_call_and_its_number_and_a_failure_is_paid_back() {
    let rig = Rig::new().await;
    let other = "08099999999";
    rig.control(
        "next",
        json!([
            { "call": "requery", "code": "083" },
            { "call": "pay", "phone": other, "code": "099", "resolves_to": "failed", "asks": 2 },
        ]),
    )
    .await;
    let (first, second) = (rig.id("q"), rig.id("o"));
    let (order, scripted) = (bundle(&first, TEST_SUCCESS), bundle(&second, other));
    assert_eq!(rig.vtpass.pay(&order).await.verdict, Verdict::Delivered);
    assert_eq!(rig.vtpass.requery(&order).await.code, "083");
    assert_eq!(rig.vtpass.requery(&order).await.verdict, Verdict::Delivered);
    assert_eq!(rig.vtpass.pay(&scripted).await.verdict, Verdict::Pending);
    assert_eq!(rig.wallet().await, FRESH_WALLET - 2 * CHARGE);
    assert_eq!(rig.vtpass.requery(&scripted).await.verdict, Verdict::Pending);
    assert_eq!(rig.vtpass.requery(&scripted).await.verdict, Verdict::Failed);
    assert_eq!(rig.wallet().await, FRESH_WALLET - CHARGE);
}

#[tokio::test]
async fn orders_and_wallet_outlive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("simulators.db");
    let rig = Rig::with(Some(&file), None).await;
    let id = rig.id("keep");
    let order = bundle(&id, TEST_PENDING);
    assert_eq!(rig.vtpass.pay(&order).await.verdict, Verdict::Pending);
    drop(rig);
    let rig = Rig::with(Some(&file), None).await;
    assert_eq!(rig.wallet().await, FRESH_WALLET - CHARGE);
    assert_eq!(rig.vtpass.pay(&order).await.code, "014");
    assert_eq!(rig.vtpass.requery(&order).await.verdict, Verdict::Pending);
    assert_eq!(rig.vtpass.requery(&order).await.verdict, Verdict::Delivered);
    let kept = rig.order("keep").await;
    assert_eq!((&kept["charged_times"], &kept["pay_calls"]), (&json!(1), &json!(2)));
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
        let rig = Rig::with(None, Some(format!("{url}/hook"))).await;
        let id = rig.id("v");
        let order = bundle(&id, TEST_PENDING);
        assert_eq!(rig.vtpass.pay(&order).await.verdict, Verdict::Pending);
        for _ in 0..2 {
            rig.control("resolve", json!({ "request_id": id, "state": "reversed" })).await;
        }
        let expected = json!([{
            "kind": "transaction-update", "request_id": id, "tries": tries,
            "accepted": tries == accepted_try,
        }]);
        until("the webhook", async || rig.look("webhooks").await == expected).await;
        assert_eq!(count.load(Ordering::SeqCst), tries);
        let outcome = rig.vtpass.requery(&order).await;
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Reversed, "040"));
        assert_eq!(rig.wallet().await, FRESH_WALLET);
    }
}
