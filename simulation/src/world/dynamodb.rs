//! DynamoDB: the embedded engine, called directly, with indexes that may lag.

use std::time::Duration;

use dynoxide::Database;
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::types::AttributeValue;
use sandbox::aws::engine;
use sandbox::aws::index_lag::IndexLag;
use sandbox::template::stack::TableSpec;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::platform::environment::Clock;
use shared::platform::http::Answer;

/// An item as the engine holds it.
pub type Item = std::collections::HashMap<String, AttributeValue>;

/// The engine with the template's tables.
pub struct Dynamodb {
    database: Database,
    lag: IndexLag,
}

impl Dynamodb {
    /// Empty tables.
    ///
    /// # Panics
    /// When the engine refuses a table of the template.
    pub fn with_tables(tables: &[Value], clock: Clock) -> Self {
        let database = Database::memory().expect("SQLite opens a database in memory");
        for table in tables {
            let request = CreateTableRequest::deserialize(table);
            let request = request.expect("the engine knows the template's table");
            database.create_table(request).expect("the engine takes the template's table");
        }
        let lag = IndexLag::new(database.clone(), clock);
        Self { database, lag }
    }

    /// Answers an operation. `lag` is how long an index does not show what was written.
    pub fn call(&self, operation: &str, body: &Value, lag: Duration) -> Answer {
        let mut answer = engine::call(&self.database, operation, body);
        if !lag.is_zero() && answer.status.is_success() {
            self.lag.apply(operation, body, &mut answer, lag);
        }
        answer
    }

    /// An item by its key; `key` is the attribute's name and value.
    pub fn item(&self, table: &str, key: &[(&str, &str)]) -> Option<Item> {
        let key: Map<String, Value> =
            key.iter().map(|(name, value)| ((*name).to_owned(), json!({ "S": value }))).collect();
        let request = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
        let request: GetItemRequest = serde_json::from_value(request).ok()?;
        self.database.get_item(request).ok()?.item
    }

    /// All items of a table.
    pub fn all(&self, table: &str) -> Vec<Item> {
        let request = serde_json::from_value(json!({ "TableName": table }));
        let scan = request.ok().and_then(|request| self.database.scan(request).ok());
        scan.and_then(|scan| scan.items).unwrap_or_default()
    }
}

/// The request that creates a table of the template.
pub fn create_request(table: &TableSpec) -> Value {
    let mut request = json!({ "TableName": table.name, "BillingMode": "PAY_PER_REQUEST" });
    for (part, value) in &table.definition {
        request[*part] = value.clone();
    }
    request
}
