//! Rate limits: OTPs by number, tenant and address; purchases and reads by tenant.

use std::time::Duration;

use serde_json::json;

use crate::support::purchases::{DELIVERED, airtime};
use crate::support::{Caller, Gateway, PHONE, Provider, Reply, mono_at, numbered_mono};

const NO_LIMIT: &str = "100000/600,100000/86400";

/// A Mono that never repeats itself, a gateway with these limits, and a client with the first key.
async fn with_limits(limits: &[(&str, &str)]) -> (Provider, Gateway, Caller) {
    let mono = Provider::start(numbered_mono()).await;
    let usual = [
        ("OTP_LIMIT_NUMBER", "3/600,10/86400"),
        ("OTP_LIMIT_CALLER", NO_LIMIT),
        ("OTP_LIMIT_ADDRESS", NO_LIMIT),
    ];
    let gateway = Gateway::with(&[&mono_at(&mono.url), &usual[..], limits].concat()).await;
    // At the beginning of a day, so that no window ends during a test.
    let day = Duration::from_secs(86_400);
    let now = shared::domain::time::to_seconds(gateway.clock.clock().now()).unsigned_abs();
    gateway.clock.turn(day - Duration::from_secs(now % 86_400));
    let caller = gateway.caller();
    (mono, gateway, caller)
}

fn limited(reply: &Reply) -> u64 {
    reply.refused(429, "rate_limited");
    reply.retry_after.as_ref().expect("Retry-After").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_for_one_number_send_no_more_otps_than_allowed() {
    let keys: Vec<String> = (0..20).map(|n| format!("test_sk_{n}")).collect();
    let (mono, gateway, _) = with_limits(&[("SANDBOX_KEYS", &keys.join(","))]).await;
    let callers: Vec<Caller> =
        keys.iter().map(|key| Caller::new(&gateway.sandbox.base_url, key)).collect();
    let forms = [
        "08031234567",
        "8031234567",
        "2348031234567",
        "+2348031234567",
        "23408031234567",
        "0803 123 4567",
        "+234 (0) 803-123-4567",
    ];
    for _ in 0..20 {
        let calls = (0..50).map(|n| callers[n % 20].auth(forms[n % 7], "mtn"));
        for reply in futures_util::future::join_all(calls).await {
            if reply.status != 200 {
                assert!(limited(&reply) <= 600);
            }
        }
    }
    assert_eq!(mono.received().len(), 3);
    // Another number is not limited.
    assert_eq!(callers[0].auth("08031234568", "mtn").await.status, 200);
}

#[tokio::test]
async fn the_short_window_opens_again_until_the_long_one_closes() {
    let (mono, gateway, caller) = with_limits(&[]).await;
    let mut sent = 0;
    for _ in 0..6 {
        for _ in 0..5 {
            sent += usize::from(caller.auth(PHONE, "mtn").await.status == 200);
        }
        gateway.clock.turn(Duration::from_secs(600));
    }
    assert_eq!(sent, 10, "3 + 3 + 3 + 1");
    assert_eq!(mono.received().len(), 10);
    let refused = caller.auth(PHONE, "mtn").await;
    assert_eq!(limited(&refused), 86_400 - 3_600, "until the day ends");
    gateway.clock.turn(Duration::from_secs(86_400 - 3_600));
    assert_eq!(caller.auth(PHONE, "mtn").await.status, 200);
}

#[tokio::test]
async fn around_the_end_of_a_window_at_most_twice_the_limit_is_sent() {
    let (mono, gateway, caller) = with_limits(&[]).await;
    for wait in [599, 1] {
        gateway.clock.turn(Duration::from_secs(wait));
        for _ in 0..10 {
            caller.auth(PHONE, "mtn").await;
        }
    }
    assert_eq!(mono.received().len(), 6);
}

#[tokio::test]
async fn a_tenant_and_an_address_have_limits_of_their_own() {
    let (_mono, by_caller, caller) = with_limits(&[("OTP_LIMIT_CALLER", "4/600,100/86400")]).await;
    let numbers: Vec<String> = (0..8).map(|n| format!("0803123456{n}")).collect();
    let other = by_caller.other_caller();
    for (index, number) in numbers.iter().enumerate() {
        let reply = caller.auth(number, "mtn").await;
        assert_eq!(reply.status, if index < 4 { 200 } else { 429 });
    }
    assert_eq!(other.auth(&numbers[0], "mtn").await.status, 200, "another caller is free");

    let limit = ("OTP_LIMIT_ADDRESS", "4/600,100/86400");
    let (_mono, by_address, caller) = with_limits(&[limit]).await;
    let callers = [caller, by_address.other_caller()];
    for (index, number) in numbers.iter().enumerate() {
        let body = json!({ "phone": number, "provider": "mtn" }).to_string().into_bytes();
        // Headers about the address are not trusted.
        let forged = format!("192.0.2.{index}");
        let headers = [("x-forwarded-for", forged.as_str()), ("forwarded", &forged)];
        let caller = &callers[index % 2];
        let reply = caller.send("POST", "/v2/telecom/auth", &headers, body).await;
        assert_eq!(reply.status, if index < 4 { 200 } else { 429 }, "{}", reply.text);
    }
}

#[tokio::test]
async fn a_request_refused_by_one_limit_is_not_counted_by_another() {
    let (_mono, gateway, caller) = with_limits(&[("OTP_LIMIT_CALLER", "1/600,100/86400")]).await;
    let other = gateway.other_caller();
    assert_eq!(caller.auth("08030000001", "mtn").await.status, 200);
    for _ in 0..10 {
        limited(&caller.auth(PHONE, "mtn").await);
    }
    assert_eq!(other.auth(PHONE, "mtn").await.status, 200);
}

#[tokio::test]
async fn the_table_holds_no_number_and_unlinking_resets_no_limit() {
    let (_mono, gateway, caller) = with_limits(&[]).await;
    for _ in 0..3 {
        let session = caller.session(PHONE, "mtn").await;
        let code = caller.verify(&session, "123456").await.ok()["data"]["code"].clone();
        caller.exchange(code.as_str().unwrap()).await.ok();
        caller.unlink("acc1").await.ok();
    }
    limited(&caller.auth(PHONE, "mtn").await);

    let items = gateway.scan("LimitsTable").await;
    assert_eq!(items.len(), 4, "the number, the address, and the caller's OTPs and other calls");
    for item in items {
        let text = item.to_string();
        assert!(!text.contains(&PHONE[1..]) && !text.contains("127.0.0.1"), "{text}");
        assert!(item["expires_at"].is_number(), "{text}");
    }
}

#[tokio::test]
async fn purchases_are_limited_and_repeats_are_not() {
    let (_mono, gateway, caller) = with_limits(&[("LIMIT_PURCHASES", "3/60,100/86400")]).await;
    let other = gateway.other_caller();
    for (index, key) in ["a", "b", "c", "d", "e"].iter().enumerate() {
        let reply = caller.buy(key, &airtime(DELIVERED)).await;
        assert_eq!(reply.status, if index < 3 { 201 } else { 429 }, "{}", reply.text);
    }
    assert_eq!(caller.ledger().await.len(), 3, "what is refused is not bought");
    for _ in 0..5 {
        assert_eq!(caller.buy("a", &airtime(DELIVERED)).await.status, 201, "a repeat is free");
    }
    assert_eq!(other.buy("a", &airtime(DELIVERED)).await.status, 201);
    gateway.clock.turn(Duration::from_secs(60));
    assert_eq!(caller.buy("d", &airtime(DELIVERED)).await.status, 201, "the key was not used");
}

#[tokio::test]
async fn a_limit_of_none_lets_nothing_through() {
    let (_mono, _gateway, caller) = with_limits(&[("LIMIT_PURCHASES", "0/60,0/86400")]).await;
    let reply = caller.buy("a", &airtime(DELIVERED)).await;
    assert_eq!(limited(&reply), 86_400);
    assert!(caller.ledger().await.is_empty());
}

#[tokio::test]
async fn a_count_stays_small_and_without_the_table_otps_and_sales_stop() {
    let (mono, gateway, caller) = with_limits(&[]).await;
    for _ in 0..40 {
        assert_eq!(caller.get("/accounts/acc1").await.status, 404);
        gateway.clock.turn(Duration::from_secs(60));
    }
    let items = gateway.scan("LimitsTable").await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["long"], 40);
    let names = items[0].as_object().unwrap().keys();
    let held = "key, expiry, the last write's id, long, this short count and the one before";
    assert_eq!(names.len(), 6, "{held}: {:?}", items[0]);

    // Without the table no OTP is sent and nothing is sold, but reads go on.
    gateway.dynamodb().delete_table().table_name("LimitsTable").send().await.unwrap();
    caller.auth(PHONE, "mtn").await.refused(503, "unavailable");
    assert!(mono.received().is_empty());
    caller.buy("a", &airtime(DELIVERED)).await.refused(503, "unavailable");
    assert!(caller.ledger().await.is_empty());
    assert_eq!(caller.get("/accounts/acc1").await.status, 404);
}
