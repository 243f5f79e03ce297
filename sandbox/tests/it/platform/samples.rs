//! Reads the samples of stored items and queued messages, and puts them where they stood.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use shared::domain::ids::TenantId;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::Gateway;
use crate::support::purchases::field;

/// An item as it was stored.
pub struct Sample {
    pub name: String,
    pub table: String,
    pub now: OffsetDateTime,
    /// What a client knew when the item was stored.
    pub known: Value,
    pub item: HashMap<String, AttributeValue>,
    /// What the code of today reads, from `expected.json`.
    pub expected: Value,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/samples")
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The content of every file of one kind, by name.
pub fn files(kind: &str) -> Vec<(String, Value)> {
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), json(&path))
    };
    let mut files: Vec<_> = std::fs::read_dir(folder().join(kind)).unwrap().map(file).collect();
    files.sort_by(|left, right| left.0.cmp(&right.0));
    files
}

/// What is expected of the files of one kind, by name.
pub fn expected(kind: &str) -> Value {
    json(&folder().join("expected.json"))[kind].take()
}

/// The items of one kind.
pub fn samples(kind: &str) -> Vec<Sample> {
    let expected = expected(kind);
    let sample = |(name, file): (String, Value)| Sample {
        table: field(&file, "table").to_owned(),
        now: OffsetDateTime::parse(field(&file, "now"), &Rfc3339).unwrap(),
        known: file["known"].clone(),
        item: serde_json::from_value::<serde_dynamo::Item>(file["item"].clone()).unwrap().into(),
        expected: expected[&name].clone(),
        name,
    };
    files(kind).into_iter().map(sample).collect()
}

pub fn sample(kind: &str, name: &str) -> Sample {
    samples(kind).into_iter().find(|sample| sample.name == name).unwrap()
}

impl Sample {
    /// Asserts that what was read of the item is what `expected.json` states.
    pub fn expect(&self, read: &Value) {
        assert_eq!(*read, self.expected, "{} of {}", self.name, self.table);
    }

    pub fn known(&self, name: &str) -> &str {
        field(&self.known, name)
    }

    pub fn tenant(&self) -> TenantId {
        TenantId::parse(self.known("tenant")).unwrap()
    }

    pub fn text(&self, attribute: &str) -> String {
        self.item[attribute].as_s().unwrap().clone()
    }
}

/// A gateway at the time when the sample was stored, with the sample in its table. Its requery runs
/// only when a test drives it.
pub async fn gateway_with(sample: &Sample) -> Gateway {
    let gateway = Gateway::undriven().await;
    gateway.clock.set(sample.now);
    gateway.store(sample).await;
    gateway
}

impl Gateway {
    pub async fn store(&self, sample: &Sample) {
        let put = self.dynamodb().put_item().table_name(&sample.table);
        put.set_item(Some(sample.item.clone())).send().await.unwrap();
    }

    /// Hands a message to the requery.
    pub async fn requery(&self, body: &str) {
        let (_tap, requery) = self.with_tap("requery").await;
        self.send_raw(body).await;
        self.drive(&requery).await;
    }
}

/// The body of a queued message.
pub fn message(name: &str) -> String {
    body("message", name)
}

/// The body of a message on the notify queue.
pub fn announcement(name: &str) -> String {
    body("announcement", name)
}

/// The body of a message on the webhook queue.
pub fn webhook(name: &str) -> String {
    body("webhook", name)
}

fn body(kind: &str, name: &str) -> String {
    let mut files = files(kind).into_iter();
    let (_, file) = files.find(|(file, _)| file == name).unwrap();
    field(&file, "body").to_owned()
}
