//! One table of DynamoDB: its client, its name, and the calls that begin with them.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use serde::Serialize;
use serde_dynamo::to_item;

use super::conditional::Item;
use super::{StoreError, text};
use crate::platform::config::{ConfigError, Vars};

/// The first pause of [`pause_before_more`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A table of this deployment.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) client: Client,
    pub(super) name: String,
}

impl Table {
    /// The table that `variable` names.
    pub(super) fn from_vars(
        vars: &Vars,
        variable: &str,
        dynamodb: &Client,
    ) -> Result<Self, ConfigError> {
        let name = vars.required(variable)?.to_owned();
        Ok(Self { client: dynamodb.clone(), name })
    }

    /// The item under a key, read consistently.
    pub(super) async fn get<const N: usize>(
        &self,
        key: [(&str, &str); N],
    ) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(&self.name).consistent_read(true);
        Ok(get.set_key(Some(item_key(key))).send().await?.item)
    }

    /// The items under these keys, at most 100, in any order, and the keys that DynamoDB left unread.
    pub(super) async fn batch(
        &self,
        keys: Vec<Item>,
    ) -> Result<(Vec<Item>, Vec<Item>), StoreError> {
        let wanted =
            KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build()?;
        let batch = self.client.batch_get_item().request_items(&self.name, wanted);
        let answer = batch.send().await?;
        let found = answer.responses.and_then(|mut it| it.remove(&self.name)).unwrap_or_default();
        let unread = answer.unprocessed_keys.and_then(|mut it| it.remove(&self.name));
        Ok((found, unread.map(|it| it.keys).unwrap_or_default()))
    }

    pub(super) fn update<const N: usize>(&self, key: [(&str, &str); N]) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.name).set_key(Some(item_key(key)))
    }

    pub(super) fn put(&self, item: impl Serialize) -> Result<PutItemFluentBuilder, StoreError> {
        Ok(self.client.put_item().table_name(&self.name).set_item(Some(to_item(item)?)))
    }

    pub(super) fn delete(&self, attribute: &str, value: &str) -> DeleteItemFluentBuilder {
        self.client.delete_item().table_name(&self.name).key(attribute, text(value))
    }

    pub(super) fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.name)
    }

    pub(super) fn scan(&self) -> ScanFluentBuilder {
        self.client.scan().table_name(&self.name)
    }
}

/// Waits before keys that DynamoDB left unread are asked for again, longer after each try: it is busy.
pub(super) async fn pause_before_more(tries: usize) {
    let doubled = FIRST_PAUSE * 2_u32.pow(tries.min(4).try_into().unwrap_or(4));
    tokio::time::sleep(doubled).await;
}

fn item_key<const N: usize>(key: [(&str, &str); N]) -> Item {
    key.map(|(attribute, value)| (attribute.to_owned(), text(value))).into()
}

/// Defines a store that is a [`Table`] and nothing else.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident, $variable:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name($crate::store::table::Table);

        impl $name {
            #[doc = concat!("The table named by `", $variable, "`.")]
            ///
            /// # Errors
            /// [`ConfigError`](crate::platform::config::ConfigError) when the variable is missing.
            pub fn from_vars(
                vars: &$crate::platform::config::Vars,
                dynamodb: &aws_sdk_dynamodb::Client,
            ) -> Result<Self, $crate::platform::config::ConfigError> {
                $crate::store::table::Table::from_vars(vars, $variable, dynamodb).map(Self)
            }
        }
    };
}
pub(super) use table;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::{HeaderMap, StatusCode};
    use reqwest::Request;
    use serde_json::{Value, json};
    use tokio::time::Instant;

    use super::*;
    use crate::platform::aws::dynamodb;
    use crate::platform::environment::Environment;
    use crate::platform::http::{Answer, Exchange, Http, Transport};
    use crate::store::Guards;

    /// A DynamoDB that leaves all keys unread in its first three answers.
    #[derive(Default)]
    struct Busy(AtomicUsize);

    impl Transport for Busy {
        fn exchange(&self, request: Request) -> Exchange<'_> {
            let asked = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
            let asked: Value = serde_json::from_slice(asked).unwrap();
            let is_busy = self.0.fetch_add(1, Ordering::Relaxed) < 3;
            let unread = if is_busy { asked["RequestItems"].clone() } else { json!({}) };
            let body = json!({ "Responses": {}, "UnprocessedKeys": unread }).to_string();
            let (status, headers) = (StatusCode::OK, HeaderMap::new());
            Box::pin(async move { Ok(Answer { status, headers, body: body.into_bytes() }) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn keys_that_a_busy_table_left_unread_are_asked_for_again_after_longer_pauses() {
        let http = Http::in_process(Arc::new(Busy::default()));
        let environment = Environment { http, ..Environment::real() };
        let names = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "LIMITS_TABLE"];
        let vars = names.map(|name| (name.to_owned(), "test".to_owned()));
        let vars: Vars = vars.into_iter().collect();
        let client = dynamodb(&vars, &environment).unwrap();
        let guards = Guards::from_vars(&vars, &environment, &client).unwrap();
        let begun = Instant::now();
        assert_eq!(guards.all(&["mtn", "glo"]).await.unwrap().len(), 2);
        assert_eq!(begun.elapsed().as_millis(), 50 + 100 + 200);
    }
}
