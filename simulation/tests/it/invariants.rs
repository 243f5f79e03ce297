//! Each invariant can fail: a world in which something is wrong is found wrong.

use sandbox::simulators::vtpass::{Order, OrderState};
use serde_json::{Value, json};
use shared::domain::ids::{EventId, ProviderReference};
use shared::domain::purchase::{Purchase, State};
use simulation::checks;
use simulation::record::{Record, Telling};
use simulation::schedule::{Schedule, Settings};
use simulation::world::{Blueprint, Call, World, tenant_id};
use std::sync::Arc;
use std::time::Duration;

/// What these worlds break, too, because nobody tells in them what is put into their tables.
const TOLD: &str = "every_change_is_told";

/// An empty world, changed by `change`; gives the invariants that it then breaks, but [`TOLD`].
fn broken(change: impl FnOnce(&World)) -> Vec<String> {
    let mut found = all_broken(change);
    found.retain(|invariant| invariant != TOLD);
    found
}

/// The same with [`TOLD`].
fn all_broken(change: impl FnOnce(&World)) -> Vec<String> {
    broken_with(Settings::default(), change)
}

/// The same in a world with these settings.
fn broken_with(settings: Settings, change: impl FnOnce(&World)) -> Vec<String> {
    broken_in_time(settings, async |world, _| {
        change(world);
        checks::at_the_end(world, true);
        tokio::time::sleep(Duration::ZERO).await;
    })
}

/// The invariants that break in an empty world while `happens` does.
fn broken_in_time(
    settings: Settings,
    happens: impl AsyncFnOnce(&Arc<World>, &Blueprint),
) -> Vec<String> {
    let schedule = Schedule {
        seed: 1,
        starts_at: 1_795_600_800,
        settings,
        actions: vec![],
        faults: vec![],
        outages: vec![],
        calm_after_ms: 0,
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let blueprint = Blueprint::new().unwrap();
        let world = World::build(&blueprint, schedule, Record::new(Telling::Nothing)).await;
        happens(&world, &blueprint).await;
        world.record().violations.iter().map(|it| it.invariant.clone()).collect()
    })
}

fn reference() -> ProviderReference {
    let now = time::OffsetDateTime::from_unix_timestamp(1_795_600_800).unwrap();
    ProviderReference::for_vtpass(now, &Purchase::id(&tenant_id(0), "order-0"))
}

fn put(world: &World, table: &str, item: Value) {
    let request =
        reqwest::Request::new(reqwest::Method::POST, "http://dynamodb.sim/".parse().unwrap());
    let mut call = Call::read(&request).unwrap();
    call.operation = "PutItem".to_owned();
    call.body = json!({ "TableName": table, "Item": item });
    let answer = world.dynamodb.call(&call.operation, &call.body, Duration::ZERO);
    assert!(answer.status.is_success(), "{}", String::from_utf8_lossy(&answer.body));
    checks::after(world, &call, None);
}

/// Writes a purchase, standing in reconcile's index if `is_due`.
fn purchase(world: &World, state: &str, is_due: bool) {
    let id = Purchase::id(&tenant_id(0), "order-0");
    let mut item = json!({
        "purchase_id": { "S": id.as_str() }, "tenant": { "S": "tenant-0" },
        "request_id": { "S": reference().as_str() }, "state": { "S": state },
        "service_id": { "S": "mtn" }, "created_ms": { "N": "1795600800000" },
        "listed": { "S": "x" }, "reconcile_part": { "S": "0" },
    });
    if is_due {
        item["reconcile_ms"] = json!({ "N": "1795600900000" });
    }
    put(world, "PurchasesTable", item);
}

fn order(world: &World, state: OrderState, pay_calls: u32) {
    let request_id = reference().as_str().to_owned();
    let order = Order { request_id, state, pay_calls, charged_times: 1, ..Order::default() };
    world.ledger.put("vtpass-orders", &order.request_id, &order);
}

#[test]
fn an_empty_world_keeps_all() {
    assert_eq!(broken(|_| {}), Vec::<String>::new());
}

#[test]
fn a_refund_of_what_was_or_may_be_given_is_found() {
    for state in [OrderState::Delivered, OrderState::Pending] {
        let found = broken(|world| {
            order(world, state, 1);
            purchase(world, "failed", false);
        });
        assert!(found.contains(&"safe_to_refund".to_owned()), "{found:?}");
    }
    let found = broken(|world| {
        order(world, OrderState::Failed, 1);
        purchase(world, "failed", false);
    });
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_final_state_that_changes_is_found() {
    let found = broken(|world| {
        order(world, OrderState::Delivered, 1);
        purchase(world, "delivered", false);
        purchase(world, "failed", false);
    });
    assert!(found.contains(&"final_stays".to_owned()), "{found:?}");
    let found = broken(|world| {
        order(world, OrderState::Reversed, 1);
        purchase(world, "delivered", false);
        purchase(world, "reversed", false);
    });
    assert!(found.is_empty(), "{found:?}");
}

/// Keeps an event about the purchase.
fn event(world: &World, kind: &str, state: &str) {
    let id = Purchase::id(&tenant_id(0), "order-0");
    let data = json!({ "purchase_id": id.as_str(), "state": state }).to_string();
    let item = json!({
        "tenant": { "S": "tenant-0" }, "event_id": { "S": kind }, "type": { "S": kind },
        "listed": { "S": kind }, "data": { "S": data },
    });
    put(world, "EventsTable", item);
}

#[test]
fn a_change_that_is_not_told_and_an_event_about_what_was_not_are_found() {
    let delivered = |world: &World| {
        order(world, OrderState::Delivered, 1);
        purchase(world, "delivered", false);
    };
    assert_eq!(all_broken(delivered), [TOLD], "not told");
    let told = |kind: &'static str, state: &'static str| {
        all_broken(move |world| {
            delivered(world);
            event(world, "purchase.delivered", "delivered");
            event(world, kind, state);
        })
    };
    assert!(told("purchase.delivered", "delivered").is_empty(), "kept again under its id");
    assert!(told("purchase.failed", "failed").contains(&TOLD.to_owned()), "it never failed");
    assert!(told("purchase.failed", "delivered").contains(&TOLD.to_owned()), "of another state");
    let before = all_broken(|world| {
        event(world, "purchase.delivered", "delivered");
        delivered(world);
    });
    assert_eq!(before, [TOLD], "told before it was written");
}

/// An event arrives at the receiver of a tenant, signed with its key but for `change`, and is recorded.
fn arrives(world: &World, tenant: usize, change: impl FnOnce(&mut reqwest::Request)) {
    let endpoint = &world.endpoints.get().unwrap()[tenant];
    let event = &world.dynamodb.all("EventsTable")[0];
    let text = |name: &str| match &event[name] {
        dynoxide::types::AttributeValue::S(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    };
    let (id, at) = (text("event_id"), 1_795_600_800);
    let body = format!(r#"{{"type":"{}","timestamp":"t","data":{}}}"#, text("type"), text("data"));
    let now = time::OffsetDateTime::from_unix_timestamp(at).unwrap();
    let signed = endpoint.signatures(&EventId::parse(&id).unwrap(), now, &body).unwrap();
    let url = format!("https://receiver.sim/hooks?tenant={tenant}");
    let mut request = reqwest::Request::new(reqwest::Method::POST, url.parse().unwrap());
    for (name, value) in [
        ("webhook-id", id.clone()),
        ("webhook-timestamp", at.to_string()),
        ("webhook-signature", signed),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    *request.body_mut() = Some(body.into());
    change(&mut request);
    checks::received(world, &request);
    let delivery = json!({ "endpoint_id": { "S": endpoint.endpoint_id.as_str() },
                           "event_id": { "S": id }, "listed": { "S": "x" },
                           "taken_ms": { "N": "1" } });
    put(world, "WebhookDeliveriesTable", delivery);
}

#[test]
fn an_event_that_does_not_arrive_and_a_webhook_that_is_not_true_are_found() {
    let broken = |change: &dyn Fn(&World)| {
        let settings = Settings { webhooks: true, ..Settings::default() };
        broken_with(settings, |world| {
            let id = "0123456789abcdef0123456789abcdef";
            let item = json!({
                "tenant": { "S": "tenant-0" }, "event_id": { "S": id },
                "type": { "S": "request.available" }, "listed": { "S": id },
                "data": { "S": "{\"request_id\":\"r\"}" },
            });
            put(world, "EventsTable", item);
            change(world);
        })
    };
    let set = |name: &'static str, value: &'static str| {
        move |request: &mut reqwest::Request| {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
    };
    let is_there = |world: &World| {
        let request = json!({ "request_id": { "S": "r" }, "state": { "S": "available" } });
        put(world, "RequestsTable", request);
    };
    assert!(broken(&|world| arrives(world, 0, |_| {})).is_empty());
    assert_eq!(broken(&is_there), ["every_event_arrives"], "it did not arrive");
    assert!(broken(&|_| {}).is_empty(), "its request was erased");
    for found in [
        broken(&|world| arrives(world, 1, |_| {})),
        broken(&|world| arrives(world, 0, set("webhook-id", "f"))),
        broken(&|world| arrives(world, 0, set("webhook-timestamp", "1795600801"))),
        broken(&|world| arrives(world, 0, set("webhook-signature", "v1,x"))),
        broken(&|world| arrives(world, 0, |it| *it.body_mut() = Some("{}".into()))),
    ] {
        assert_eq!(found, ["every_event_arrives"]);
    }
}

#[test]
fn an_open_purchase_outside_the_index_is_found() {
    let found = broken(|world| purchase(world, "pending", false));
    assert!(found.contains(&"in_the_index".to_owned()), "{found:?}");
    let found = broken(|world| purchase(world, "pending", true));
    assert_eq!(found, ["agrees_with_the_provider"], "it is open at the end");
}

#[test]
fn a_review_without_a_reason_and_an_order_without_a_record_are_found() {
    let found = broken(|world| purchase(world, "needs_review", true));
    assert_eq!(found, ["agrees_with_the_provider"]);
    let found = broken(|world| order(world, OrderState::Delivered, 1));
    assert_eq!(found, ["agrees_with_the_provider"]);
}

#[test]
fn a_count_over_its_limit_is_found() {
    for (attribute, count) in [("s3", "4"), ("long", "11")] {
        let found = broken(|world| {
            let mut item = json!({ "pk": { "S": "otp-number#hash#1795600800" } });
            item[attribute] = json!({ "N": count });
            put(world, "LimitsTable", item);
        });
        assert_eq!(found, ["limits_held"], "{attribute}");
    }
}

#[test]
fn an_instance_that_keeps_asking_a_provider_that_is_away_is_found() {
    let found = broken(|world| {
        world.record().calls_to_away.insert("requery#1".to_owned(), 100);
    });
    assert_eq!(found, ["bounded_calls"]);
}

#[test]
fn an_answer_that_is_gone_and_a_withdrawal_that_is_forgotten_are_found() {
    for recognised in [true, false] {
        let found = broken(|world| {
            world.record().answered.insert("r".to_owned());
            let state = if recognised { "timed_out" } else { "available" };
            let request = json!({ "request_id": { "S": "r" }, "account": { "S": "a" },
                                  "state": { "S": state }, "recognised": { "BOOL": recognised } });
            put(world, "RequestsTable", request);
        });
        assert_eq!(found, ["requests_are_answered"], "{recognised}");
    }
    let found = broken(|world| {
        world.record().reported.insert("a".to_owned());
        let account = json!({ "account_id": { "S": "a" }, "tenant": { "S": "tenant-0" },
                              "state": { "S": "linked" } });
        put(world, "AccountsTable", account);
    });
    assert_eq!(found, ["consents_are_erased"]);
}

#[test]
fn a_consent_that_has_ended_and_is_in_force_is_found() {
    for (ends, violated) in [(1_795_000_000, &["consents_end"][..]), (1_800_000_000, &[])] {
        let found = broken(|world| {
            let account = json!({ "account_id": { "S": "a" }, "tenant": { "S": "tenant-0" },
                                  "state": { "S": "linked" }, "ends": { "S": "consent" },
                                  "ends_ms": { "N": format!("{ends}000") } });
            put(world, "AccountsTable", account);
        });
        assert_eq!(found, violated);
    }
}

#[test]
fn what_is_left_in_queues_requests_and_tombstones_is_found() {
    let found = broken(|world| {
        let message = json!({ "QueueUrl": "http://sqs.sim/0/RequeryDeadLetterQueue",
                              "MessageBody": "{}" });
        world.sqs.answer("SendMessage", &message).unwrap();
    });
    assert_eq!(found, ["no_message_is_left"]);
    let found = broken(|world| {
        let request = json!({ "request_id": { "S": "r" }, "account": { "S": "a" },
                              "state": { "S": "waiting" } });
        put(world, "RequestsTable", request);
    });
    assert_eq!(found, ["requests_are_answered"]);
    for (state, left) in [("unlinked", "phone"), ("unlinking", "history")] {
        let found = broken(|world| {
            let mut account = json!({ "account_id": { "S": "a" }, "tenant": { "S": "tenant-0" },
                                      "state": { "S": state } });
            account[left] = json!({ "S": "x" });
            put(world, "AccountsTable", account);
        });
        assert_eq!(found, ["consents_are_erased"], "{state}");
    }
}

#[test]
fn a_chain_that_goes_on_while_its_purchase_cannot_be_read_is_found() {
    let goes_on_after = |seconds| {
        broken_in_time(Settings::default(), async |world, _| {
            let id = Purchase::id(&tenant_id(0), "order-0");
            world.spoil(id.as_str(), State::Pending);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let mut request =
                reqwest::Request::new(reqwest::Method::POST, "http://sqs.sim/".parse().unwrap());
            let target = "AmazonSQS.SendMessage".parse().unwrap();
            request.headers_mut().insert("x-amz-target", target);
            let job = json!({ "kind": "purchase", "purchase_id": id.as_str() }).to_string();
            let send = json!({ "QueueUrl": "http://sqs.sim/0/RequeryQueue", "MessageBody": job });
            *request.body_mut() = Some(send.to_string().into());
            checks::after(world, &Call::read(&request).unwrap(), None);
        })
    };
    assert_eq!(goes_on_after(61), ["unreadable_waits"]);
    assert!(goes_on_after(1).is_empty(), "it was read before");
}

#[test]
fn books_that_do_not_add_up_are_found() {
    let books = || Settings { books: true, ..Settings::default() };
    let found = |change: fn(&World)| {
        broken_in_time(books(), async |world, blueprint| {
            tokio::time::sleep(Duration::from_secs(60)).await;
            world.calm();
            world.until_a_day_is_closed().await;
            change(world);
            world.until_a_day_is_closed().await;
            checks::days_add_up(world, blueprint).await;
        })
    };
    assert!(found(|_| {}).is_empty());
    // An order that came into the table after its day was closed.
    assert!(
        found(|world| purchase(world, "delivered", false)).contains(&"books_add_up".to_owned())
    );
    assert_eq!(found(|world| world.vtpass.set_wallet(1)), ["books_add_up"]);
    let never_closed = broken_in_time(Settings::default(), async |world, blueprint| {
        world.until_a_day_is_closed().await;
        checks::days_add_up(world, blueprint).await;
    });
    assert_eq!(never_closed, ["books_add_up"]);
}
