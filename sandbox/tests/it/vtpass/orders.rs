//! VTpass's test numbers and refusals, as the client meets them.

use std::time::Instant;

use serde_json::{Value, json};
use shared::vtpass::{
    Alarm, Order, TEST_NO_RESPONSE, TEST_PENDING, TEST_SUCCESS, TEST_TIMEOUT, TEST_UNEXPECTED,
    Verdict, VtpassError,
};

use super::rig::{Rig, bundle, client, kobo};

const FRESH_WALLET: u64 = 1_000_000_000;

#[tokio::test]
async fn every_service_has_a_catalogue_and_its_bundles_can_be_bought() {
    let rig = Rig::new().await;
    let services = [
        "etisalat-data",
        "mtn-data",
        "airtel-data",
        "glo-data",
        "9mobile-sme-data",
        "glo-sme-data",
    ];
    for (index, service_id) in services.into_iter().enumerate() {
        let catalogue = rig.vtpass.variations(service_id).await.unwrap();
        assert_eq!(catalogue.service_id, service_id);
        assert!(!catalogue.variations.is_empty());
        for variation in catalogue.variations {
            let request_id = rig.id(&format!("c{index}{}", variation.amount.kobo()));
            let order = Order {
                request_id: &request_id,
                service_id,
                phone: TEST_SUCCESS,
                variation_code: Some(&variation.variation_code),
                amount: variation.amount,
            };
            assert_eq!(rig.vtpass.pay(&order).await.verdict, Verdict::Delivered, "{service_id}");
        }
    }
    assert!(matches!(rig.vtpass.variations("no-data").await, Err(VtpassError::UnknownService)));
    for airtime in ["mtn", "airtel", "glo", "etisalat"] {
        assert!(rig.vtpass.variations(airtime).await.unwrap().variations.is_empty());
        let request_id = rig.id(airtime);
        let order = Order {
            service_id: airtime,
            variation_code: None,
            amount: kobo(12_345),
            ..bundle(&request_id, TEST_SUCCESS)
        };
        assert_eq!(rig.vtpass.pay(&order).await.verdict, Verdict::Delivered, "{airtime}");
    }
}

#[tokio::test]
async fn success_is_delivered_and_debited_without_the_commission() {
    let rig = Rig::new().await;
    assert_eq!(rig.vtpass.balance().await.unwrap(), kobo(FRESH_WALLET));
    let id = rig.id("ok");
    let outcome = rig.vtpass.pay(&bundle(&id, TEST_SUCCESS)).await;
    assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Delivered, "000"));
    assert!(outcome.acknowledged && outcome.alarm.is_none());
    assert_eq!(rig.requery("ok").await.verdict, Verdict::Delivered);
    assert_eq!(rig.vtpass.balance().await.unwrap(), kobo(FRESH_WALLET - 9_700));
    let it = &rig.simulator.credentials;
    let basic = [("VTPASS_USERNAME", &*it.username), ("VTPASS_PASSWORD", &*it.password)];
    let basic = client(&rig.url, &rig.world, &basic);
    assert_eq!(basic.requery(&bundle(&id, TEST_SUCCESS)).await.verdict, Verdict::Delivered);
}

#[tokio::test]
async fn pending_is_delivered_after_two_requeries() {
    let rig = Rig::new().await;
    let id = rig.id("p");
    let order = bundle(&id, TEST_PENDING);
    let outcome = rig.vtpass.pay(&order).await;
    assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Pending, "099"));
    assert_eq!(rig.vtpass.requery(&order).await.verdict, Verdict::Pending);
    assert_eq!(rig.vtpass.requery(&order).await.verdict, Verdict::Delivered);
    assert_eq!(rig.order("p").await["charged_times"], 1);
}

#[tokio::test]
async fn what_was_answered_badly_was_bought_all_the_same() {
    let rig = Rig::new().await;
    for (tail, phone) in [("u", TEST_UNEXPECTED), ("n", TEST_NO_RESPONSE)] {
        let id = rig.id(tail);
        let order = bundle(&id, phone);
        let outcome = rig.vtpass.pay(&order).await;
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Unclear, "unreadable"));
        assert!(!outcome.acknowledged);
        assert_eq!(rig.vtpass.requery(&order).await.verdict, Verdict::Delivered, "{tail}");
        assert_eq!(rig.order(tail).await["charged_times"], 1);
    }
}

#[tokio::test]
async fn silence_ends_in_time_and_the_requery_tells() {
    let rig = Rig::new().await;
    let (timeout, taken) = (rig.id("t"), rig.id("k"));
    rig.next(json!({ "call": "pay", "phone": TEST_SUCCESS, "hang": true })).await;
    let begun = Instant::now();
    let (first, second) = (bundle(&timeout, TEST_TIMEOUT), bundle(&taken, TEST_SUCCESS));
    let (not_taken, taken) = tokio::join!(rig.vtpass.pay(&first), rig.vtpass.pay(&second));
    assert!((20..28).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    for outcome in [not_taken, taken] {
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Unclear, "timeout"));
    }
    let unknown = rig.vtpass.requery(&first).await;
    assert_eq!((unknown.verdict, unknown.unknown_id), (Verdict::Unclear, true));
    assert_eq!(rig.order("t").await["charged_times"], 0);
    assert_eq!(rig.vtpass.requery(&second).await.verdict, Verdict::Delivered);
    assert_eq!(rig.order("k").await["charged_times"], 1);
}

#[tokio::test]
async fn any_other_number_fails_uncharged() {
    let rig = Rig::new().await;
    let id = rig.id("f");
    let order = bundle(&id, "08031234567");
    let outcome = rig.vtpass.pay(&order).await;
    assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Failed, "016"));
    assert_eq!(rig.vtpass.requery(&order).await.verdict, Verdict::Failed);
    assert_eq!(rig.order("f").await["charged_times"], 0);
    assert_eq!(rig.vtpass.balance().await.unwrap(), kobo(FRESH_WALLET));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_with_one_id_one_is_charged() {
    let rig = Rig::new().await;
    let id = rig.id("many");
    let pays: Vec<_> = (0..16)
        .map(|_| {
            let (vtpass, id) = (rig.vtpass.clone(), id.clone());
            tokio::spawn(async move { vtpass.pay(&bundle(&id, TEST_SUCCESS)).await })
        })
        .collect();
    let mut delivered = 0;
    for pay in pays {
        let outcome = pay.await.unwrap();
        assert!(outcome.acknowledged);
        match outcome.verdict {
            Verdict::Delivered => delivered += 1,
            verdict => assert_eq!((verdict, outcome.code.as_str()), (Verdict::Unclear, "014")),
        }
    }
    assert_eq!(delivered, 1);
    let order = rig.order("many").await;
    assert_eq!((&order["charged_times"], &order["pay_calls"]), (&json!(1), &json!(16)));
    assert_eq!(rig.vtpass.balance().await.unwrap(), kobo(FRESH_WALLET - 9_700));
}

#[tokio::test]
async fn what_cannot_be_sold_is_refused_before_any_charge() {
    let rig = Rig::new().await;
    let (today, airtime_id, stale) = (rig.id("r"), rig.id("a"), "202001011200old".to_owned());
    let good = bundle(&today, TEST_SUCCESS);
    let airtime =
        Order { request_id: &airtime_id, service_id: "mtn", variation_code: None, ..good };
    let cases = [
        (Order { variation_code: Some("nothing"), ..good }, "010"),
        (Order { service_id: "no-data", ..good }, "012"),
        (Order { variation_code: None, ..good }, "011"),
        (Order { amount: kobo(4_999), ..airtime }, "013"),
        (Order { amount: kobo(5_000_001), ..airtime }, "017"),
        (Order { request_id: &stale, ..good }, "085"),
    ];
    for (order, code) in cases {
        let outcome = rig.vtpass.pay(&order).await;
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Failed, code));
        assert_eq!(outcome.alarm, (code == "085").then_some(Alarm::RequestIdRefused));
        assert!(rig.vtpass.requery(&order).await.unknown_id, "{code}");
    }
    rig.control("balance", json!({ "balance_kobo": 9_699 })).await;
    let poor = rig.vtpass.pay(&good).await;
    assert_eq!((poor.verdict, poor.alarm), (Verdict::Failed, Some(Alarm::WalletLow)));
    rig.control("balance", json!({ "balance_kobo": 9_700 })).await;
    assert_eq!(rig.vtpass.pay(&good).await.verdict, Verdict::Delivered);
    assert_eq!(rig.look("balance").await, json!({ "balance_kobo": 0 }));
}

#[tokio::test]
async fn wrong_credentials_charge_nothing_and_settle_no_requery() {
    let rig = Rig::new().await;
    let it = &rig.simulator.credentials;
    let wrong_secret = [
        ("VTPASS_API_KEY", &*it.api_key),
        ("VTPASS_PUBLIC_KEY", &*it.public_key),
        ("VTPASS_SECRET_KEY", "wrong"),
    ];
    let half_wrong = client(&rig.url, &rig.world, &wrong_secret);
    let id = rig.id("w");
    let order = bundle(&id, TEST_SUCCESS);
    assert!(half_wrong.balance().await.is_ok());
    let outcome = half_wrong.pay(&order).await;
    assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Failed, "087"));
    assert_eq!(outcome.alarm, Some(Alarm::CredentialsRefused));
    assert_eq!(rig.order("w").await["charged_times"], 0);
    let outcome = half_wrong.requery(&order).await;
    assert_eq!(outcome.verdict, Verdict::Unclear);
    assert_eq!(outcome.alarm, Some(Alarm::CredentialsRefused));
    let basic = [("VTPASS_USERNAME", &*it.username), ("VTPASS_PASSWORD", "wrong")];
    let wrong = client(&rig.url, &rig.world, &basic);
    let refused = wrong.balance().await;
    assert!(matches!(refused, Err(VtpassError::CredentialsRefused(code)) if code == "087"));
}

#[tokio::test]
async fn orders_and_wallet_outlive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("simulators.db");
    let id = {
        let rig = Rig::with(Some(&file), None).await;
        let id = rig.id("keep");
        assert_eq!(rig.vtpass.pay(&bundle(&id, TEST_PENDING)).await.verdict, Verdict::Pending);
        id
    };
    let rig = Rig::with(Some(&file), None).await;
    assert_eq!(rig.vtpass.balance().await.unwrap(), kobo(FRESH_WALLET - 9_700));
    let order = bundle(&id, TEST_PENDING);
    assert_eq!(rig.vtpass.pay(&order).await.code, "014");
    assert_eq!(rig.vtpass.requery(&order).await.verdict, Verdict::Pending);
    assert_eq!(rig.vtpass.requery(&order).await.verdict, Verdict::Delivered);
    let kept: Value = rig.order("keep").await;
    assert_eq!((&kept["charged_times"], &kept["pay_calls"]), (&json!(1), &json!(2)));
}
