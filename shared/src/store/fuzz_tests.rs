//! Fuzz tests of what is read from the tables: the samples that are kept for ever, with changes.

use std::path::Path;

use fuzzing::{Choices, fuzz};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::{from_item, to_item};
use serde_json::Value;
use time::macros::datetime;

use super::conditional::Item;
use super::guard::guard;
use super::sessions::{ExchangeCode, Session};
use crate::domain::account::Account;
use crate::domain::api_key::{ApiKey, KeyState};
use crate::domain::deferred::DeferredRequest;
use crate::domain::disclosure::Disclosure;
use crate::domain::event::Event;
use crate::domain::guard::{Gate, Sale, State as SaleState, Thresholds};
use crate::domain::purchase::{Purchase, State};
use crate::domain::report::FloatTold;
use crate::domain::webhook::{Delivery, Endpoint};

const NUMBER: &str = "08039998877";
const WORDS: [&str; 16] = [
    "submitted",
    "delivered",
    "reversed",
    "linked",
    "state",
    "phone",
    "history",
    "tenant",
    "a b",
    "2026-11-22T10:00:00.000Z",
    "9999-12-31T23:59:59-01:00",
    "0803****567",
    "*",
    "live",
    "waiting",
    NUMBER,
];

/// The samples of one kind of item, as JSON.
fn samples(kind: &str) -> Vec<String> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../sandbox/tests/it/samples").join(kind);
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path| {
        let sample: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let item: serde_dynamo::Item = serde_json::from_value(sample["item"].clone()).unwrap();
        from_item::<_, Value>(item).unwrap().to_string()
    };
    paths.into_iter().map(read).collect()
}

/// A sample with a few changes, as an item.
fn item(choices: &mut Choices<'_>, samples: &[String]) -> Item {
    let samples: Vec<&str> = samples.iter().map(String::as_str).collect();
    let json = choices.json(&samples, &WORDS);
    let value: Value = serde_json::from_str(&json).unwrap_or_default();
    let value = if value.is_object() { value } else { Value::Object(serde_json::Map::new()) };
    to_item(value).unwrap()
}

/// Whatever is read is written and read as the same.
fn is_read_back<T: Serialize + DeserializeOwned>(item: &Item) -> Option<T> {
    let read = from_item::<_, T>(item.clone()).ok()?;
    let written: Item = to_item(&read).unwrap();
    let again: T = from_item(written.clone()).unwrap();
    assert_eq!(to_item::<_, Item>(&again).unwrap(), written);
    Some(read)
}

#[test]
fn a_purchase_that_is_read_keeps_its_state_and_can_be_shown() {
    let samples = samples("purchase");
    fuzz(move |choices| {
        let item = item(choices, &samples);
        let Some(purchase) = is_read_back::<Purchase>(&item) else { return };
        let state = item["state"].as_s().unwrap().parse::<State>();
        assert_eq!(state, Ok(purchase.state));
        let view = purchase.view_with_history(purchase.updated_at);
        assert_eq!(view["safe_to_refund"], purchase.state.safe_to_refund());
        let lines = view["history"].as_array().map(Vec::len);
        assert_eq!(lines, Some(purchase.history.len() + 1));
    });
}

#[test]
fn a_key_that_is_read_has_a_tenant_and_nothing_that_restricts_it_is_lost() {
    let samples = samples("key");
    fuzz(move |choices| {
        let item = item(choices, &samples);
        let Some(key) = is_read_back::<ApiKey>(&item) else { return };
        let known = to_item::<_, Item>(&key).unwrap();
        for name in item.keys() {
            let tells_only = ["label", "revoked_because"].contains(&name.as_str());
            assert!(known.contains_key(name) || tells_only, "{name} is not read");
        }
        let now = key.created_at;
        assert!(
            !key.usable(now) || key.revoked_at.is_none() && key.state(now) != KeyState::Expired
        );
    });
}

#[test]
fn a_guard_that_is_read_decides_on_orders_as_it_shows() {
    let samples = samples("guard");
    fuzz(move |choices| {
        let item = item(choices, &samples);
        is_read_back::<SaleState>(&item);
        let Ok(guard) = guard("mtn", item) else { return };
        let (now, thresholds) = (datetime!(2026-11-29 10:00 UTC), Thresholds::default());
        let is_open = guard.state.gate(now) == Gate::Open;
        assert_eq!(is_open, guard.state.sale(now) == Sale::On);
        let all =
            guard.counts.by_minute.values().fold(0, |sum: u32, it| sum.saturating_add(it.bad));
        assert!(guard.counts.within(&thresholds, now).bad <= all);
        let outdated = guard.counts.outdated(&thresholds, now);
        assert!(outdated.len() <= guard.counts.by_minute.len());
        drop(guard.counts.judge(&thresholds, now));
    });
}

#[test]
fn other_items_that_are_read_are_read_back() {
    let kinds = [
        "account",
        "request",
        "session",
        "event",
        "endpoint",
        "delivery",
        "disclosure",
        "code",
        "float",
    ]
    .map(samples);
    fuzz(move |choices| {
        let kind = choices.byte() % 9;
        let item = item(choices, &kinds[usize::from(kind)]);
        match kind {
            0 => drop(is_read_back::<Account>(&item)),
            1 => drop(is_read_back::<DeferredRequest>(&item)),
            2 => drop(is_read_back::<Session>(&item)),
            3 => drop(
                is_read_back::<Event>(&item)
                    .inspect(|event| drop((event.view(), event.purchase_id()))),
            ),
            4 => {
                let Some(endpoint) = is_read_back::<Endpoint>(&item) else { return };
                assert!(!format!("{endpoint:?}").contains("AAAA"), "a key is shown");
            }
            5 => drop(is_read_back::<Delivery>(&item).inspect(|delivery| drop(delivery.view()))),
            6 => drop(is_read_back::<Disclosure>(&item)),
            7 => drop(is_read_back::<ExchangeCode>(&item)),
            _ => drop(is_read_back::<FloatTold>(&item).inspect(|told| drop(told.owed()))),
        }
    });
}
