//! Tells what a request to DynamoDB writes.

use serde_json::{Value, json};

/// A write as an entry tells it.
pub(super) struct Write {
    pub(super) what: String,
    pub(super) detail: Value,
}

/// What an operation writes; none if it reads.
pub(super) fn write(operation: &str, request: &Value) -> Option<Write> {
    let one = |verb: &str, request: &Value| {
        let table = table(&request["TableName"]);
        let state = state(request);
        let shown = state.as_ref().map_or_else(String::new, |state| format!(", state {state}"));
        let detail = json!({ "operation": operation, "table": table, "state": state });
        Write { what: format!("{verb} {table}{shown}"), detail }
    };
    match operation {
        "PutItem" => Some(one("put into", request)),
        "UpdateItem" => Some(one("updated", request)),
        "DeleteItem" => Some(one("deleted from", request)),
        "TransactWriteItems" => {
            let parts = request["TransactItems"].as_array()?;
            let written = parts.iter().flat_map(|part| part.as_object().into_iter().flatten());
            let tables: Vec<String> = written.map(|(_, part)| table(&part["TableName"])).collect();
            Some(many(operation, &tables))
        }
        "BatchWriteItem" => {
            let tables = request["RequestItems"].as_object()?.keys();
            Some(many(operation, &tables.map(|name| table(&json!(name))).collect::<Vec<_>>()))
        }
        _ => None,
    }
}

fn many(operation: &str, tables: &[String]) -> Write {
    let what = format!("wrote several items: {}", tables.join(", "));
    Write { what, detail: json!({ "operation": operation, "table": tables.join(", ") }) }
}

/// A table's name as people say it: `PurchasesTable` is `purchases`.
fn table(name: &Value) -> String {
    let name = name.as_str().unwrap_or_default();
    let words = name.strip_suffix("Table").unwrap_or(name).chars();
    let spaced = words.enumerate().flat_map(|(index, letter)| {
        let begins = index > 0 && letter.is_ascii_uppercase();
        begins.then_some(' ').into_iter().chain([letter.to_ascii_lowercase()])
    });
    spaced.collect()
}

/// The state that a request writes, if it writes one.
fn state(request: &Value) -> Option<String> {
    let text = |value: &Value| value["S"].as_str().map(str::to_owned);
    if let Some(state) = text(&request["Item"]["state"]) {
        return Some(state);
    }
    let (_, rest) = request["UpdateExpression"].as_str()?.split_once("state = :")?;
    let name: String =
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    text(&request["ExpressionAttributeValues"][format!(":{name}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(operation: &str, request: &Value) -> Option<String> {
        write(operation, request).map(|it| it.what)
    }

    #[test]
    fn writes_are_told_with_their_state() {
        let put = json!({ "TableName": "PurchasesTable", "Item": { "state": { "S": "pending" } } });
        assert_eq!(what("PutItem", &put).unwrap(), "put into purchases, state pending");
        let update = json!({
            "TableName": "WebhookEndpointsTable", "UpdateExpression": "SET a = :a, #state = :to, b = :b",
            "ExpressionAttributeValues": { ":to": { "S": "delivered" } },
        });
        let told = what("UpdateItem", &update).unwrap();
        assert_eq!(told, "updated webhook endpoints, state delivered");
        let parts = json!([{ "Put": { "TableName": "BooksTable" } }, { "Update": { "TableName": "LimitsTable" } }]);
        let told = what("TransactWriteItems", &json!({ "TransactItems": parts })).unwrap();
        assert_eq!(told, "wrote several items: books, limits");
        let batch = json!({ "RequestItems": { "EventsTable": [] } });
        assert_eq!(what("BatchWriteItem", &batch).unwrap(), "wrote several items: events");
    }

    #[test]
    fn reads_are_not_told() {
        for operation in ["GetItem", "Query", "Scan", "BatchGetItem", ""] {
            assert!(write(operation, &json!({ "TableName": "T" })).is_none(), "{operation}");
        }
    }
}
