//! The history in `GET /purchases/{purchase_id}`, and when the provider is asked next.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::purchase::{Evidence, Outcome, ReconcileAfter, Settled, Source, transition};
use shared::domain::schedule::Patience;
use shared::platform::config::Vars;
use shared::store::Changed;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::purchases::{DELIVERED, airtime, field, without_history};
use crate::support::{Caller, Gateway};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// The lines of a purchase's history: action, meaning and state.
async fn history(caller: &Caller, id: &str) -> Vec<[String; 3]> {
    let purchase = caller.purchase(id).await;
    let words = |line: &Value| {
        ["action", "meaning", "state"].map(|name| line[name].as_str().unwrap_or("-").to_owned())
    };
    purchase["history"].as_array().unwrap().iter().map(words).collect()
}

/// How long it is until the next check.
async fn next_check(gateway: &Gateway, caller: &Caller, id: &str) -> Option<Duration> {
    let purchase = caller.purchase(id).await;
    let at = purchase["next_check_at"].as_str()?;
    let at = OffsetDateTime::parse(at, &Rfc3339).unwrap();
    Some((at - gateway.clock.clock().now()).try_into().expect("it is not in the past"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_shows_what_was_asked_and_when_it_is_asked_next() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    let bought = caller.bought_stuck("k").await;
    let id = field(&bought, "purchase_id");
    let mut expected =
        vec![["recorded", "not_sent_yet", "submitted"], ["sent", "in_progress", "pending"]];
    assert_eq!(history(&caller, id).await, expected);

    let wait = next_check(&gateway, &caller, id).await.unwrap();
    assert!((36 * SECOND..=45 * SECOND).contains(&wait), "{wait:?}");
    gateway.clock.turn(wait - SECOND);
    gateway.drive(&requery).await;
    assert_eq!(history(&caller, id).await, expected, "it is not asked before");
    gateway.clock.turn(SECOND);
    assert_eq!(next_check(&gateway, &caller, id).await, None, "it is being asked");
    gateway.drive(&requery).await;
    expected.push(["asked", "in_progress", "-"]);
    assert_eq!(history(&caller, id).await, expected);
    let wait = next_check(&gateway, &caller, id).await.unwrap();
    assert!((48 * SECOND..=60 * SECOND).contains(&wait), "{wait:?}");

    gateway.clock.turn(DAY);
    gateway.drive(&requery).await;
    expected.push(["asked", "in_progress", "-"]);
    expected.push(["handed_over", "needs_review", "needs_review"]);
    assert_eq!(history(&caller, id).await, expected);
    let wait = next_check(&gateway, &caller, id).await.unwrap();
    gateway.clock.turn(wait);
    gateway.reconcile().await;
    assert_eq!(gateway.messages("FollowUpQueue").await, 1, "it is asked at that time");
    assert_eq!(next_check(&gateway, &caller, id).await, Some(DAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_is_lost_has_no_known_next_check() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought_stuck("k").await;
    let id = field(&bought, "purchase_id");
    gateway.empty("RequeryQueue").await;
    gateway.clock.turn(Duration::from_secs(3_600));
    assert_eq!(next_check(&gateway, &caller, id).await, None, "it is overdue");
    gateway.reconcile().await;
    assert_eq!(next_check(&gateway, &caller, id).await, None, "its step is sent again");
    let (_tap, requery) = gateway.with_tap("requery").await;
    gateway.drive(&requery).await;
    assert!(next_check(&gateway, &caller, id).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_settles_stays_unnamed() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    let bought = caller.bought_stuck("k").await;
    let id = field(&bought, "purchase_id");
    gateway.clock.turn(DAY);
    gateway.drive(&requery).await;
    let purchase = gateway.stored(id).await;
    let outcome = Outcome::settled(Settled::Failed, "ada", "seen in their books");
    let (at, look_back) = (gateway.clock.clock().now(), ReconcileAfter::default());
    let patience = Patience::from_vars(&Vars::default()).unwrap();
    let evidence = Evidence { source: Source::Operator, outcome, at, patience, look_back };
    let change = transition(&purchase, &evidence);
    let changed =
        gateway.purchases().change(&gateway.outbox(), &purchase, &change, at).await.unwrap();
    assert!(matches!(changed, Changed::Written(_)));
    let last = history(&caller, id).await.pop().unwrap();
    assert_eq!(last, ["settled", "failed", "failed"]);
    assert_eq!(next_check(&gateway, &caller, id).await, None);
    let text = caller.purchase(id).await.to_string();
    // Ids and times may hold the letters and digits by chance.
    let words = ["\"ada\"", "seen in their books", "\"099\""];
    assert!(words.iter().all(|word| !text.contains(word)), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_contradicts_a_delivery_is_not_a_proof_to_its_tenant() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    let id = field(&bought, "purchase_id");
    let failed = json!([{ "call": "requery", "code": "016", "status": "failed" }]);
    caller.script(failed).await;
    let update = crate::functions::vtpass_callback::update(field(&bought, "request_id"));
    crate::functions::vtpass_callback::callback(&caller, &update).await.ok();
    let (_tap, requery) = gateway.with_tap("requery").await;
    gateway.drive(&requery).await;
    let last = history(&caller, id).await.pop().unwrap();
    assert_eq!(last, ["asked_after_notice", "contradiction", "-"]);
    assert_eq!(caller.purchase(id).await["safe_to_refund"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_answer_for_one_purchase_has_the_history() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    let shown = without_history(caller.purchase(field(&bought, "purchase_id")).await);
    assert_eq!(bought, shown, "the answer to the order");
    assert_eq!(caller.bought("k", &airtime(DELIVERED)).await, shown, "and to its repeat");
    assert_eq!(caller.get("/purchases").await.ok()["data"], json!([shown]), "the list");
    gateway.clock.turn(SECOND);
    let (_tap, notify) = gateway.with_tap("notify").await;
    gateway.drive_queue("NotifyQueue", &notify).await;
    assert_eq!(caller.get("/events").await.ok()["data"][0]["data"], shown, "its event");
}
