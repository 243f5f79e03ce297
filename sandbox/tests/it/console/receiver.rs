//! The receiver of webhooks on the page: what it takes for true, and what not.

use serde_json::{Value, json};
use shared::domain::ids::EventId;
use shared::domain::webhook::{Scheme, SigningKey};
use shared::platform::environment::Random;
use time::{Duration, OffsetDateTime};

use crate::support::purchases::{DELIVERED, airtime, field, until};
use crate::support::{Caller, Gateway, leaks};

const ID: &str = "0123456789abcdef0123456789abcdef";
const BODY: &str = r#"{"type":"purchase.failed","data":{}}"#;

struct Sender<'a> {
    caller: &'a Caller,
    key: SigningKey,
}

impl<'a> Sender<'a> {
    /// The receiver knows the secret.
    async fn known_to(caller: &'a Caller) -> Self {
        let key = SigningKey::random(&Random::system());
        let secret = key.shown(Scheme::V1).unwrap();
        leaks::secret(&secret);
        caller.console("PATCH", "receiver", &json!({ "secret": secret })).await;
        Self { caller, key }
    }

    fn signature(&self, at: OffsetDateTime) -> String {
        self.key.sign(Scheme::V1, &EventId::parse(ID).unwrap(), at, BODY).unwrap()
    }

    async fn send(&self, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let reply = self.caller.send_bare("POST", "/_sandbox/receiver", headers, body.into()).await;
        (reply.status, self.caller.verdict().await)
    }

    async fn signed(&self, at: OffsetDateTime, signature: &str, body: &str) -> (u16, String) {
        let at = at.unix_timestamp().to_string();
        let headers =
            [("webhook-id", ID), ("webhook-timestamp", &at), ("webhook-signature", signature)];
        self.send(&headers, body).await
    }
}

impl Caller {
    async fn receiver(&self) -> Value {
        self.console("GET", "receiver", &Value::Null).await
    }

    /// What the receiver found about the last delivery.
    async fn verdict(&self) -> String {
        field(&self.receiver().await["deliveries"][0], "verdict").to_owned()
    }

    /// Registers the receiver as the page does.
    async fn register(&self) -> String {
        let url = self.receiver().await["url"].clone();
        let made = self.post("/webhook-endpoints", json!({ "url": url })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let made = made.json()["data"].clone();
        leaks::secret(field(&made, "secret"));
        self.console("PATCH", "receiver", &json!({ "secret": made["secret"] })).await;
        field(&made, "id").to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_true_delivery_is_verified_and_a_tampered_or_replayed_one_is_not() {
    let (gateway, caller) = Gateway::with_caller().await;
    let sender = Sender::known_to(&caller).await;
    let now = gateway.clock.clock().now();
    let taken = (204, "verified".to_owned());
    let refused = |why: &str| (400, why.to_owned());
    let signature = sender.signature(now);
    assert_eq!(sender.signed(now, &signature, BODY).await, taken);
    assert_eq!(caller.receiver().await["deliveries"][0]["before"], 0);
    // At least once: the same event may come again. While a secret is rotated there are two signatures.
    let two = format!("v1,c29tZXRoaW5n {signature}");
    assert_eq!(sender.signed(now, &two, BODY).await, taken);
    assert_eq!(caller.receiver().await["deliveries"][0]["before"], 1);

    let tampered = BODY.replace("failed", "delivered");
    assert_eq!(sender.signed(now, &signature, &tampered).await, refused("wrong_signature"));
    let later = now + Duration::seconds(1);
    assert_eq!(sender.signed(later, &signature, BODY).await, refused("wrong_signature"));
    let foreign = SigningKey::random(&Random::system());
    let foreign = foreign.sign(Scheme::V1, &EventId::parse(ID).unwrap(), now, BODY).unwrap();
    for wrong in [&foreign, "v1,", "v1", "x", &signature.replace("v1,", "v1a,")] {
        assert_eq!(sender.signed(now, wrong, BODY).await, refused("wrong_signature"), "{wrong}");
    }
    for (age, expected) in [
        (300, taken.clone()),
        (301, refused("too_old")),
        (-300, taken.clone()),
        (-301, refused("from_the_future")),
    ] {
        let at = now - Duration::seconds(age);
        assert_eq!(sender.signed(at, &sender.signature(at), BODY).await, expected, "{age}");
    }
    let at = now.unix_timestamp().to_string();
    for headers in [
        vec![],
        vec![("webhook-id", ID), ("webhook-timestamp", at.as_str())],
        vec![("webhook-id", ID), ("webhook-signature", signature.as_str())],
        vec![("webhook-timestamp", at.as_str()), ("webhook-signature", signature.as_str())],
        vec![("webhook-id", ID), ("webhook-timestamp", "now"), ("webhook-signature", "v1,x")],
        vec![
            ("webhook-id", ID),
            ("webhook-timestamp", "9223372036854775807"),
            ("webhook-signature", "v1,x"),
        ],
    ] {
        assert_eq!(sender.send(&headers, BODY).await, refused("no_headers"), "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_own_webhooks_are_verified_also_by_a_turned_clock() {
    let (_gateway, caller) = Gateway::with_caller().await;
    caller.turn_on(3_600).await;
    let endpoint = caller.register().await;
    let bought = caller.bought("done", &airtime(DELIVERED)).await;
    let arrived = async || caller.receiver().await["deliveries"].as_array().unwrap().clone();
    caller.turn_on(5).await;
    until("the webhook arrives", async || !arrived().await.is_empty()).await;
    let delivery = &arrived().await[0];
    assert_eq!((&delivery["verdict"], &delivery["status"]), (&"verified".into(), &204.into()));
    assert_eq!(delivery["body"]["type"], "purchase.delivered");
    assert_eq!(delivery["body"]["data"]["purchase_id"], bought["purchase_id"]);

    // One that fails gets it again later.
    caller.console("PATCH", "receiver", &json!({ "fails": true })).await;
    caller.post(&format!("/webhook-endpoints/{endpoint}/test"), json!({})).await;
    until("the test arrives", async || arrived().await.len() == 2).await;
    let failed = arrived().await[0].clone();
    assert_eq!((&failed["verdict"], &failed["status"]), (&"verified".into(), &500.into()));
    caller.console("PATCH", "receiver", &json!({ "fails": false })).await;
    caller.bought("second", &airtime(DELIVERED)).await;
    caller.turn_on(5).await;
    until("the third arrives", async || arrived().await.len() >= 3).await;
    assert_eq!(arrived().await[0]["status"], 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_without_a_secret_believes_nothing_and_takes_only_a_secret() {
    let (gateway, caller) = Gateway::with_caller().await;
    let sender = Sender { caller: &caller, key: SigningKey::random(&Random::system()) };
    let now = gateway.clock.clock().now();
    let unsure = (400, "no_secret".to_owned());
    assert_eq!(sender.signed(now, &sender.signature(now), BODY).await, unsure);
    for (body, why) in [
        (r#"{"secret":"whsec_AAAA"}"#, "secret must be"),
        (r#"{"secret":""}"#, "secret must be"),
        (r#"{"delay_ms":20001}"#, "0 to 20000"),
        (r#"{"fails":"yes"}"#, "expected a boolean"),
        (r#"{"fail":true}"#, "unknown field"),
        ("[]", "expected a map"),
    ] {
        Caller::says(&caller.to_console("PATCH", "receiver", body).await, 400, why);
    }
    let shown = caller.receiver().await;
    assert_eq!(
        (&shown["fails"], &shown["delay_ms"], &shown["secrets"]),
        (&false.into(), &0.into(), &0.into())
    );
}
