//! Sessions, codes and accounts.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::domain::time::to_iso;

use super::loss::{Loss, event_with};
use crate::functions::consent::history::{age, times};
use crate::support::tap::context;
use crate::support::{
    Caller, Gateway, KEY, PHONE, Provider, Script, agreeable_mono, event, mono_at, numbered_mono,
    tenant_of,
};

fn exchange() -> String {
    event(KEY, "POST /account/auth", &[], &json!({ "code": "code_1" }).to_string())
}

async fn proven() -> (Provider, Gateway, Caller) {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.prove().await;
    (mono, gateway, caller)
}

fn asked(mono: &Provider, target: &str) -> usize {
    mono.received().iter().filter(|it| it.target == target).count()
}

/// The events in the history of the one account.
async fn events(gateway: &Gateway) -> Vec<Value> {
    let accounts = gateway.scan("AccountsTable").await;
    let history = accounts[0]["history"].as_array().unwrap().iter();
    history.map(|line| line["event"].clone()).collect()
}

pub async fn a_session_is_recorded(loss: Loss) {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    let (tap, auth) = gateway.with_tap("auth").await;
    let body = json!({ "phone": PHONE, "provider": "mtn" }).to_string();
    let answer = loss.run(&tap, &auth, event(KEY, "POST /telecom/auth", &[], &body)).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(asked(&mono, "/v2/telecom/auth"), 1);
    caller.verify("s-1", "123456").await.ok();
}

pub async fn a_session_becomes_a_code(loss: Loss) {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.session(PHONE, "mtn").await;
    let (tap, verify) = gateway.with_tap("verify").await;
    let header = ("x-session-id", "s-1");
    let otp = event_with("POST /telecom/verify", header, &json!({ "otp": "123456" }));
    let answer = loss.run(&tap, &verify, otp).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(asked(&mono, "/v2/telecom/verify"), 1);
    caller.exchange("code_1").await.ok();
}

pub async fn a_code_is_claimed(loss: Loss) {
    let (mono, gateway, caller) = proven().await;
    let (tap, function) = gateway.with_tap("exchange").await;
    let answer = loss.run(&tap, &function, exchange()).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(asked(&mono, "/account/auth"), 1);
    assert_eq!(caller.consent_state("acc1").await, "linked");
}

pub async fn a_code_is_given_back(loss: Loss) {
    let (mono, gateway, caller) = proven().await;
    mono.script(|_| Script::Json(400, json!({ "status": "failed", "message": "not now" })));
    let (tap, function) = gateway.with_tap("exchange").await;
    let answer = loss.run(&tap, &function, exchange()).await;
    assert_eq!(answer["statusCode"], 422, "{answer}");
    mono.script(agreeable_mono);
    // At once, without waiting for the lease to end.
    caller.exchange("code_1").await.ok();
}

pub async fn an_account_is_linked_once(loss: Loss) {
    let (mono, gateway, caller) = proven().await;
    let (tap, function) = gateway.with_tap("exchange").await;
    let answer = loss.run(&tap, &function, exchange()).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(asked(&mono, "/account/auth"), 1);
    assert_eq!(events(&gateway).await, ["linked"]);
    assert_eq!(caller.exchange("code_1").await.ok(), json!({ "id": "acc1" }));
}

pub async fn room_is_made_in_a_full_history(loss: Loss) {
    let mono = Provider::start(numbered_mono()).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let code = caller.code_of(&Value::Null).await;
    caller.exchange(&code).await.ok();
    age(&gateway, 50, "").await;
    let before = times(&gateway).await;
    let code = caller.code_of(&Value::Null).await;
    let (tap, function) = gateway.with_tap("exchange").await;
    let body = json!({ "code": code }).to_string();
    let answer = loss.run(&tap, &function, event(KEY, "POST /account/auth", &[], &body)).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let mut expected = [&before[..1], &before[11..]].concat();
    expected.push(times(&gateway).await.pop().unwrap());
    assert_eq!(times(&gateway).await, expected, "the first and the newest stay");
}

/// Unlinks, with one of the two writes repeated.
async fn unlink(loss: Loss) {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.link_acc1().await;
    let (tap, consent) = gateway.with_tap("consent").await;
    let unlink = event(KEY, "POST /accounts/{id}/unlink", &[("id", "acc1")], "{}");
    let answer = loss.run(&tap, &consent, unlink).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(events(&gateway).await, ["linked", "unlinking", "unlinked"]);
    assert_eq!(caller.consent_state("acc1").await, "unlinked");
    assert_eq!(asked(&mono, "/accounts/acc1/unlink"), 1);
}

pub async fn the_next_step_of_an_unlink_is_marked_and_sent_once(loss: Loss) {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::undriven_with(&mono_at(&mono.url)).await;
    let caller = gateway.caller();
    caller.link_acc1().await;
    mono.script(|request| match request.target.as_str() {
        "/accounts/acc1/unlink" => Script::Json(500, json!({})),
        _ => agreeable_mono(request),
    });
    assert_eq!(caller.unlink("acc1").await.status, 503);
    gateway.empty("FollowUpQueue").await;
    let (tap, requery) = gateway.with_tap("requery").await;
    let answer = loss.run(&tap, &requery, unlink_job(1)).await;
    assert_eq!(answer["batchItemFailures"], json!([]));
    assert_eq!(gateway.jobs().await, 1);
    // A copy of the step neither asks nor goes on.
    let told = asked(&mono, "/accounts/acc1/unlink");
    requery(unlink_job(1), context()).await.unwrap();
    assert_eq!((asked(&mono, "/accounts/acc1/unlink"), gateway.jobs().await), (told, 1));
    // Another unlink by the tenant asks at once and leaves the next step to the job.
    requery(unlink_job(0), context()).await.unwrap();
    assert_eq!((asked(&mono, "/accounts/acc1/unlink"), gateway.jobs().await), (told + 1, 1));
    // The step that is due asks and goes on, until Mono confirms.
    gateway.clock.turn(Duration::from_secs(900));
    gateway.drive(&requery).await;
    assert_eq!((asked(&mono, "/accounts/acc1/unlink"), gateway.jobs().await), (told + 2, 1));
    mono.script(agreeable_mono);
    gateway.clock.turn(Duration::from_secs(900));
    gateway.drive(&requery).await;
    assert_eq!(gateway.jobs().await, 0);
    assert_eq!(caller.consent_state("acc1").await, "unlinked");
}

/// A message with a step of the job that tells Mono of the withdrawal of `acc1`.
fn unlink_job(step: u32) -> String {
    let job =
        json!({ "kind": "unlink", "tenant": tenant_of(KEY), "account_id": "acc1", "step": step });
    json!({ "Records": [{ "messageId": "m", "body": job.to_string() }] }).to_string()
}

pub async fn an_unlink_is_begun_once(loss: Loss) {
    unlink(loss).await;
}

pub async fn an_unlink_is_finished_once(loss: Loss) {
    unlink(loss).await;
}

/// A consent that ended, by the clock.
async fn ended() -> (Gateway, Caller, String) {
    let gateway = Gateway::undriven().await;
    let (caller, hour) = (gateway.caller(), Duration::from_secs(3_600));
    let end = to_iso(gateway.clock.clock().now() + hour);
    let id = caller.consented(PHONE, "mtn", &json!({ "expires_at": end })).await;
    gateway.clock.turn(hour);
    (gateway, caller, id)
}

pub async fn a_consent_is_ended_once(loss: Loss) {
    let (gateway, _, _) = ended().await;
    let (tap, reconcile) = gateway.with_tap("reconcile").await;
    let done = loss.run(&tap, &reconcile, "{}".to_owned()).await;
    assert_eq!(done["consents_ended"], 1, "{done}");
    assert_eq!(events(&gateway).await, ["linked", "expired"]);
    assert_eq!(gateway.jobs().await, 1);
}

pub async fn an_account_leaves_the_index_of_ended_consents(loss: Loss) {
    let (gateway, caller, id) = ended().await;
    // A version that does not know the end ended the consent.
    let unlink = gateway.dynamodb().update_item().table_name("AccountsTable");
    let key = [("account_id", id), ("tenant", tenant_of(KEY))];
    let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
    let unlink = unlink.set_key(Some(key.into())).update_expression("SET #state = :unlinked");
    let unlinked = AttributeValue::S("unlinked".to_owned());
    let unlink = unlink.expression_attribute_names("#state", "state");
    unlink.expression_attribute_values(":unlinked", unlinked).send().await.unwrap();
    let (tap, reconcile) = gateway.with_tap("reconcile").await;
    let done = loss.run(&tap, &reconcile, "{}".to_owned()).await;
    assert_eq!(done["consents_ended"], 0, "{done}");
    assert_eq!(gateway.scan("AccountsTable").await[0]["ends_ms"], Value::Null);
    assert_eq!((gateway.jobs().await, events(&gateway).await.len()), (0, 1));
    drop(caller);
}

pub async fn old_texts_are_erased_once(loss: Loss) {
    let (_mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.link_acc1().await;
    age(&gateway, 3, "for Ada").await;
    let (tap, consent) = gateway.with_tap("consent").await;
    let unlink = event(KEY, "POST /accounts/{id}/unlink", &[("id", "acc1")], "{}");
    let answer = loss.run(&tap, &consent, unlink).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let account = gateway.scan("AccountsTable").await.remove(0);
    assert!(!account.to_string().contains("for Ada"), "{account}");
    let hash = account["history"][2]["hashes"]["purpose"].as_str().unwrap();
    assert_eq!(hash.len(), 64);
}
